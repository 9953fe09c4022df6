package engine

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Args reads a command's words in order and keeps the first error, so that a
// Parse function reads as a list and checks nothing.
//
// The strings it returns are borrowed from the connection's buffer; the
// keyspace clones what it keeps.
type Args struct {
	words [][]byte
	first int // after the command's name
	i     int
	err   error
	rest  []string // what RestBut has returned
}

// NewArgs returns a reader of words, of which the first belong to the name.
func NewArgs(words [][]byte, first int) *Args { return &Args{words: words, first: first, i: first} }

// reset makes a a reader of other words. What it returned for the last ones is not
// good any more.
func (a *Args) reset(words [][]byte, first int) {
	if cap(a.rest) > maxRest {
		a.rest = nil
	}
	clear(a.rest) // the words are borrowed
	a.words, a.first, a.i, a.err, a.rest = words, first, first, nil, a.rest[:0]
}

// maxRest is how many words of a command are kept room for, for the next one.
const maxRest = 256

// again returns a reader of a copy of the words, which outlives the buffer.
func (a *Args) again() *Args { return NewArgs(cloneWords(a.words), a.first) }

// Words returns all words, the name too.
func (a *Args) Words() [][]byte { return a.words }

// Len is the number of words not read yet.
func (a *Args) Len() int { return len(a.words) - a.i }

// Key returns the next word.
func (a *Args) Key() string { return a.String() }

// String returns the next word.
func (a *Args) String() string {
	if a.i >= len(a.words) {
		a.Fail(ErrSyntax)
		return ""
	}
	a.i++
	return borrow(a.words[a.i-1])
}

// Int returns the next word as a number.
func (a *Args) Int() int64 { return a.IntOr(ErrNotInt) }

// IntOr returns the next word as a number; err is what it is answered with if
// it is none.
func (a *Args) IntOr(err error) int64 {
	if a.err != nil {
		return 0
	}
	n, ok := ParseInt(a.String())
	if !ok {
		a.Fail(err)
	}
	return n
}

// errNotInt32 is the error for a number that is an integer but not one of 32
// bits.
const errNotInt32 Error = "ERR value is out of range, value must between -2147483648 and 2147483647"

// Int32 returns the next word as a number of 32 bits.
func (a *Args) Int32() int {
	n := a.Int()
	if int64(int32(n)) != n {
		a.Fail(errNotInt32)
		return 0
	}
	return int(n)
}

// Int32Or is Int32 with one error for all that is wrong.
func (a *Args) Int32Or(err error) int {
	n := a.IntOr(err)
	if int64(int32(n)) != n {
		a.Fail(err)
		return 0
	}
	return int(n)
}

// Uint returns the next word as a number without a sign.
func (a *Args) Uint(err error) uint64 {
	if a.err != nil {
		return 0
	}
	s := a.String()
	n, perr := strconv.ParseUint(s, 10, 64)
	if perr != nil || len(s) > 1 && s[0] == '0' {
		a.Fail(err)
	}
	return n
}

// Flag reports whether the next word is name, and takes it if so. Case does not
// matter.
func (a *Args) Flag(name string) bool {
	if a.err == nil && a.i < len(a.words) && strings.EqualFold(borrow(a.words[a.i]), name) {
		a.i++
		return true
	}
	return false
}

// FlagWith is Flag where at least n more words follow; with fewer the word is
// left for somebody to call a syntax error.
func (a *Args) FlagWith(name string, n int) bool { return a.Len() > n && a.Flag(name) }

// Timeout reads the next word as a timeout of a blocking command, in seconds
// with a fraction.
func (a *Args) Timeout() time.Duration {
	if a.err != nil {
		return 0
	}
	d, err := ParseTimeout(a.String())
	if err != nil {
		a.Fail(err)
	}
	return d
}

// ParseTimeout reads a timeout as [Args.Timeout] does, for commands that look at it
// after their other words. What has more milliseconds than fit is negative, as it
// becomes in Redis.
func ParseTimeout(s string) (time.Duration, error) {
	f, ok := ParseFloat(s)
	if ok {
		f = math.Ceil(f * 1000)
	}
	switch {
	case !ok:
		return 0, Error("ERR timeout is not a float or out of range")
	case f < 0 || f >= 1<<63:
		return 0, Error("ERR timeout is negative")
	case f > float64(math.MaxInt64/int64(time.Millisecond)):
		return math.MaxInt64, nil
	}
	return time.Duration(f) * time.Millisecond, nil
}

// Rest returns the words not read yet.
func (a *Args) Rest() []string { return a.RestBut(0) }

// RestBut returns the words not read yet except the last n. The slice is the
// reader's, until the next command.
func (a *Args) RestBut(n int) []string {
	if a.err != nil || a.Len() <= n {
		return nil
	}
	from := len(a.rest)
	a.rest = slices.Grow(a.rest, a.Len()-n)
	for a.Len() > n {
		a.rest = append(a.rest, a.String())
	}
	return slices.Clip(a.rest[from:])
}

// More reports whether there are words left and no error so far.
func (a *Args) More() bool { return a.err == nil && a.i < len(a.words) }

// Syntax records a syntax error.
func (a *Args) Syntax() { a.Fail(ErrSyntax) }

// Fail records err unless there is an earlier one. The words that are left
// count as read.
func (a *Args) Fail(err error) {
	if a.err == nil {
		a.err = err
	}
	a.i = len(a.words)
}

// Done returns the first error, or a syntax error when words are left over.
func (a *Args) Done() error {
	if a.err == nil && a.i < len(a.words) {
		a.err = ErrSyntax
	}
	return a.err
}

// ParseInt reads a number as Redis does: decimal, with no blanks, no plus sign
// and no leading zeros.
func ParseInt(s string) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 20 {
		return 0, false
	}
	digits, neg := s, s[0] == '-'
	if neg {
		digits = s[1:]
	}
	if digits == "" || digits[0] == '0' && (len(digits) > 1 || neg) {
		return 0, false
	}
	var u uint64
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 || u > (math.MaxUint64-9)/10 {
			return 0, false
		}
		u = u*10 + uint64(c)
	}
	switch {
	case neg && u <= 1<<63:
		return -int64(u), true
	case !neg && u < 1<<63:
		return int64(u), true
	}
	return 0, false
}

// ParseFloat reads a number as C's strtod does, but takes no blanks and no NaN.
// What is out of range is not a number.
func ParseFloat(s string) (f float64, ok bool) {
	if s == "" || strings.ContainsRune(s, '_') {
		return 0, false
	}
	if hex := strings.ContainsAny(s, "xX"); hex && !strings.ContainsAny(s, "pP") {
		s += "p0" // in Go a hexadecimal number needs an exponent
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	return f, true
}

func cloneWords(words [][]byte) [][]byte {
	size := 0
	for _, w := range words {
		size += len(w)
	}
	all, out := make([]byte, 0, size), make([][]byte, len(words))
	for i, w := range words {
		from := len(all)
		all = append(all, w...)
		out[i] = slices.Clip(all[from:])
	}
	return out
}
