package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is what a Value is: the byte that announces it on the wire, and a few of our own for what is no reply.
type Kind byte

const (
	Simple    Kind = '+'
	Error     Kind = '-'
	Integer   Kind = ':'
	Bulk      Kind = '$'
	Array     Kind = '*'
	Null      Kind = '_' // RESP3's null and RESP2's null bulk
	Double    Kind = ','
	Bool      Kind = '#'
	BulkError Kind = '!'
	Verbatim  Kind = '='
	BigNumber Kind = '('
	Map       Kind = '%'
	Set       Kind = '~'
	Push      Kind = '>'

	NullArray Kind = 'n' // RESP2's null array
	Closed    Kind = 'c' // the connection ended; Str may say why
	Timeout   Kind = 't' // nothing came
)

// A Value is one reply.
type Value struct {
	Kind  Kind
	Str   string  // of everything that is text, also the digits of Double and BigNumber; a Verbatim keeps its "txt:"
	Int   int64   // of Integer; of Bool 0 or 1
	Elems []Value // of aggregates; a Map's keys and values alternate
	Attr  []Value // RESP3 attributes that preceded the value, keys and values alternating
}

// maxElems and maxBulk bound what a reply may announce. A test's own server does not exceed them.
const (
	maxElems = 1 << 24
	maxBulk  = 1 << 30
)

// ReadValue reads one reply, whatever its protocol.
func ReadValue(r *bufio.Reader) (Value, error) {
	line, err := readLine(r)
	if err != nil {
		return Value{}, err
	}
	if line == "" {
		return Value{}, errors.New("resp: empty line")
	}
	v := Value{Kind: Kind(line[0])}
	text := line[1:]
	switch v.Kind {
	case Simple, Error, BigNumber, Double:
		v.Str = text
		return v, nil
	case Integer:
		v.Int, err = strconv.ParseInt(text, 10, 64)
		return v, err
	case Bool:
		if text != "t" && text != "f" {
			return v, fmt.Errorf("resp: bad boolean %q", line)
		}
		if text == "t" {
			v.Int = 1
		}
		return v, nil
	case Null:
		return v, nil
	case Bulk, BulkError, Verbatim:
		n, err := strconv.Atoi(text)
		if err != nil || n < -1 || n > maxBulk {
			return v, fmt.Errorf("resp: bad length %q", line)
		}
		if n == -1 {
			return Value{Kind: Null}, nil
		}
		buf := make([]byte, n+2)
		if _, err := io.ReadFull(r, buf); err != nil {
			return v, err
		}
		if string(buf[n:]) != "\r\n" {
			return v, fmt.Errorf("resp: no CRLF after %q", line)
		}
		v.Str = string(buf[:n])
		return v, nil
	case Array, Set, Push, Map, '|':
		n, err := strconv.Atoi(text)
		if err != nil || n < -1 || n > maxElems {
			return v, fmt.Errorf("resp: bad length %q", line)
		}
		if n == -1 {
			return Value{Kind: NullArray}, nil
		}
		if v.Kind == Map || v.Kind == '|' {
			n *= 2
		}
		for range n {
			e, err := ReadValue(r)
			if err != nil {
				return v, err
			}
			v.Elems = append(v.Elems, e)
		}
		if v.Kind != '|' {
			return v, nil
		}
		of, err := ReadValue(r)
		of.Attr = v.Elems
		return of, err
	}
	return v, fmt.Errorf("resp: unknown reply %q", line)
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	if !strings.HasSuffix(line, "\r\n") {
		return "", fmt.Errorf("resp: line %q does not end in CRLF", line)
	}
	return line[:len(line)-2], nil
}

// IsError tells whether the reply is an error.
func (v Value) IsError() bool { return v.Kind == Error || v.Kind == BulkError }

// String is the rendering in one piece.
func (v Value) String() string { return strings.Join(v.Lines(), "\n") }

// Lines renders the reply as scripts show it: the first line at the margin, elements indented by two.
func (v Value) Lines() []string {
	var out []string
	if v.Attr != nil {
		a := Value{Kind: Map, Elems: v.Attr}.Lines()
		a[0] = strings.Replace(a[0], "(map", "(attribute", 1)
		out = a
	}
	switch v.Kind {
	case Simple:
		return append(out, plain(v.Str))
	case Error, BulkError:
		return append(out, "(error) "+plain(v.Str))
	case Integer:
		return append(out, "(integer) "+strconv.FormatInt(v.Int, 10))
	case Bulk:
		return append(out, strconv.Quote(v.Str))
	case Null:
		return append(out, "(nil)")
	case NullArray:
		return append(out, "(nil array)")
	case Double:
		return append(out, "(double) "+v.Str)
	case BigNumber:
		return append(out, "(big number) "+v.Str)
	case Bool:
		return append(out, fmt.Sprintf("(%t)", v.Int != 0))
	case Verbatim:
		format, text, _ := strings.Cut(v.Str, ":")
		return append(out, "(verbatim "+format+") "+strconv.Quote(text))
	case Array, Set, Push:
		name := map[Kind]string{Array: "array", Set: "set", Push: "push"}[v.Kind]
		out = append(out, fmt.Sprintf("(%s %d)", name, len(v.Elems)))
		for _, e := range v.Elems {
			out = append(out, indent(e.Lines())...)
		}
		return out
	case Map:
		out = append(out, fmt.Sprintf("(map %d)", len(v.Elems)/2))
		for i := 0; i+1 < len(v.Elems); i += 2 {
			// Keys are scalars, one line each, in everything that Redis sends.
			key, val := v.Elems[i].Lines(), v.Elems[i+1].Lines()
			val[0] = strings.Join(key, " ") + ": " + val[0]
			out = append(out, indent(val)...)
		}
		return out
	case Closed:
		return append(out, "(closed)")
	case Timeout:
		return append(out, "(timeout)")
	}
	return append(out, fmt.Sprintf("(unknown kind %q)", byte(v.Kind)))
}

// plain is s itself where nobody can misread it in a file, else quoted: an error that ends in a space would lose it
// to the first editor.
func plain(s string) string {
	if s == "" || strings.TrimSpace(s) != s || !utf8.ValidString(s) {
		return strconv.Quote(s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}

func indent(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = "  " + l
	}
	return out
}
