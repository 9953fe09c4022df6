package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The plain kinds: one word, one value.

// yesNo is a switch.
type yesNo struct{}

func (yesNo) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	switch strings.ToLower(words[0]) {
	case "yes":
		return value{text: "yes", num: 1}, nil
	case "no":
		return value{text: "no"}, nil
	}
	return value{}, reason("argument must be 'yes' or 'no'")
}

func (yesNo) lines(v value) []string { return []string{v.text} }

// integer is a decimal number between two bounds.
type integer struct{ min, max int64 }

func (k integer) read(d *directive, words []string, _ value, _ bool) (value, error) {
	n, ok := decimal(words[0])
	if !ok {
		return value{}, reason("argument couldn't be parsed into an integer")
	}
	if err := between(n, k.min, k.max); err != nil {
		return value{}, err
	}
	if d.name == "hz" {
		n = min(max(n, 1), 500) // accepted and brought to its bounds, in silence
	}
	return number(n), nil
}

func (integer) lines(v value) []string { return []string{v.text} }

// octal is the mode of a file.
type octal struct{}

func (octal) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	n, ok := loose(words[0], 8)
	if !ok {
		return value{}, reason("argument couldn't be parsed as an octal number")
	}
	if n < 0 || n > 0o777 {
		return value{}, reason("argument must be between 0 and 777 inclusive")
	}
	return value{text: strconv.FormatInt(n, 8), num: n}, nil
}

func (octal) lines(v value) []string { return []string{v.text} }

// memory is a size in bytes between two bounds; without a max it is unsigned
// and free. Files hold it with its unit where it has one.
type memory struct{ min, max int64 }

func (k memory) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	n, ok := size(words[0])
	if !ok {
		return value{}, reason("argument must be a memory value")
	}
	if k.max == 0 {
		return value{text: strconv.FormatUint(n, 10), num: int64(n)}, nil
	}
	if err := between(int64(n), k.min, k.max); err != nil {
		return value{}, err
	}
	return number(int64(n)), nil
}

func (memory) lines(v value) []string { return []string{withUnit(uint64(v.num))} }

// memoryOrPercent is a size in bytes or, kept below zero, a share of maxmemory.
// Redis keeps it the same way, and a size so big that its sign turns is read as
// a share there and here.
type memoryOrPercent struct{}

func (memoryOrPercent) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	var n int64
	if digits, ok := strings.CutSuffix(words[0], "%"); ok {
		share, ok := decimal(digits)
		if !ok || share < 0 {
			return value{}, reason("argument must be a memory or percent value")
		}
		n = -share
	} else {
		bytes, ok := size(words[0])
		if !ok {
			return value{}, reason("argument must be a memory or percent value")
		}
		n = int64(bytes)
	}
	switch {
	case n < -100:
		return value{}, reason("percentage argument must be less or equal to 100")
	case n < 0:
		return value{text: strconv.FormatInt(-n, 10) + "%", num: n}, nil
	}
	return number(n), nil
}

func (memoryOrPercent) lines(v value) []string {
	if v.num < 0 {
		return []string{v.text}
	}
	return []string{withUnit(uint64(v.num))}
}

// enum is one of some words, in any case.
type enum []string

func (k enum) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	for i, choice := range k {
		if strings.EqualFold(choice, words[0]) {
			return value{text: choice, num: int64(i)}, nil
		}
	}
	return value{}, reason("argument(s) must be one of the following: " + strings.Join(k, ", "))
}

func (enum) lines(v value) []string { return []string{v.text} }

// text is any bytes, or what its check accepts.
type text struct {
	check func(name, s string) error
}

func (k text) read(d *directive, words []string, _ value, _ bool) (value, error) {
	if k.check != nil {
		if err := k.check(d.name, words[0]); err != nil {
			return value{}, err
		}
	}
	return value{text: words[0]}, nil
}

func (text) lines(v value) []string { return []string{quote(v.text)} }

// fileName refuses a path, of any system.
func fileName(name, s string) error {
	if strings.ContainsAny(s, `/\`) {
		what := "filename"
		if name == "appenddirname" {
			what = "dirname"
		}
		return reason(name + " can't be a path, just a " + what)
	}
	return nil
}

// someFileName refuses a path and nothing at all.
func someFileName(name, s string) error {
	if s == "" {
		return reason(name + " can't be empty")
	}
	return fileName(name, s)
}

func hostName(_, s string) error {
	if len(s) >= 256 {
		return reason("Hostnames must be less than 256 characters")
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if !('a' <= c && c <= 'z' || '0' <= s[i] && s[i] <= '9' || s[i] == '-' || s[i] == '.') {
			return reason("Hostnames may only contain alphanumeric characters, hyphens or dots")
		}
	}
	return nil
}

// procTitle accepts a template that names only variables there are and that
// leaves something once they are filled in; the title itself, a socket that may
// not be there and the mode of an ordinary server fill in nothing.
func procTitle(_, s string) error {
	bad := reason("template format is invalid or contains unknown variables")
	var out strings.Builder
	for s != "" {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			out.WriteString(s)
			break
		}
		out.WriteString(s[:open])
		s = s[open+1:]
		if strings.HasPrefix(s, "{") { // stands for one brace
			out.WriteByte('{')
			s = s[1:]
			continue
		}
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return bad
		}
		switch s[:end] {
		case "title", "unixsocket", "server-mode":
		case "config-file", "listen-addr", "port", "tls-port":
			out.WriteByte('0')
		default:
			return bad
		}
		s = s[end+1:]
	}
	if strings.Trim(out.String(), " \x00") == "" {
		return bad
	}
	return nil
}

func number(n int64) value { return value{text: strconv.FormatInt(n, 10), num: n} }

func between(n, low, high int64) error {
	if n < low || n > high {
		return reason(fmt.Sprintf("argument must be between %d and %d inclusive", low, high))
	}
	return nil
}

func atLeast(v value, n int64) value {
	if v.num < n {
		return number(n)
	}
	return v
}

// decimal reads a number in the one spelling it has: no sign but a minus, no
// leading zeros, no space.
func decimal(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

// loose reads a number as C does: space and a sign before it, leading zeros,
// and nothing at all is zero.
func loose(s string, base int) (int64, bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	if s == "" {
		return 0, true
	}
	if strings.ContainsAny(s, "_") {
		return 0, false
	}
	n, err := strconv.ParseInt(s, base, 64)
	return n, err == nil
}

var units = []struct {
	name  string
	bytes uint64
}{
	{"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10},
	{"g", 1e9}, {"m", 1e6}, {"k", 1e3}, {"b", 1}, {"", 1},
}

// ParseSize reads a size with a unit, as the configuration has them, for commands that
// take one.
func ParseSize(s string) (n uint64, ok bool) { return size(s) }

// size reads digits and a unit. Like Redis it takes no digits for zero, stops
// at the biggest number there is, and lets the unit's product wrap around.
func size(s string) (uint64, bool) {
	end := 0
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	if end >= 128 {
		return 0, false
	}
	for _, unit := range units {
		if !strings.EqualFold(s[end:], unit.name) {
			continue
		}
		if end == 0 {
			return 0, true
		}
		n, err := strconv.ParseUint(s[:end], 10, 64)
		if err != nil {
			n = math.MaxUint64
		}
		return n * unit.bytes, true
	}
	return 0, false
}

// withUnit writes a size with the biggest unit that divides it.
func withUnit(n uint64) string {
	for _, unit := range units[:3] {
		if n != 0 && n%unit.bytes == 0 {
			return strconv.FormatUint(n/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatUint(n, 10)
}
