package resp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// A Value is a reply. Kind says which fields count.
type Value struct {
	Kind Kind
	Null bool    // of a bulk, an array, or Kind Null
	Str  string  // simple, error, bulk, verbatim (its text), big number (its digits)
	Int  int64   // integer; boolean as 0 or 1
	Num  float64 // double

	// Elems are the elements of an array, set or push; of a map they are key,
	// value, key, value.
	Elems  []Value
	Attr   []Value // attributes sent ahead of the value: key, value, ...
	Format string  // of a verbatim string: txt or mkd
}

// A Kind is the byte that a reply begins with.
type Kind byte

// The kinds of replies.
const (
	Simple    Kind = '+'
	Error     Kind = '-'
	Integer   Kind = ':'
	Bulk      Kind = '$'
	Array     Kind = '*'
	Null      Kind = '_'
	Boolean   Kind = '#'
	Double    Kind = ','
	BigNumber Kind = '('
	BulkError Kind = '!'
	Verbatim  Kind = '='
	Map       Kind = '%'
	Set       Kind = '~'
	Push      Kind = '>'
	attribute Kind = '|'
)

// ErrReply is what a Reader says of bytes that are no reply; errors wrap it.
var ErrReply = errors.New("resp: not a reply")

// A Reader reads replies from a stream, within bounds: a reply is read piece
// by piece as it arrives, whatever length it announced.
type Reader struct {
	r *bufio.Reader

	// MaxBytes bounds what one reply may take in memory, its nested values
	// included; 0 is 1 GB.
	MaxBytes int

	size int // what the reply being read takes
}

// maxDepth bounds the nesting of a reply, which a stack has to follow.
const maxDepth = 128

// NewReader returns a Reader of r. It reads ahead: see Buffer.
func NewReader(r io.Reader) *Reader {
	if br, ok := r.(*bufio.Reader); ok {
		return &Reader{r: br}
	}
	return &Reader{r: bufio.NewReaderSize(r, 16<<10)}
}

// Buffer is what the Reader reads from, for a stream that goes on as something
// else (an RDB file behind +FULLRESYNC).
func (r *Reader) Buffer() *bufio.Reader { return r.r }

// Read reads one reply or push message. It returns io.EOF where the stream
// ends between replies and io.ErrUnexpectedEOF where it ends within one; after
// any error the stream cannot be trusted.
func (r *Reader) Read() (Value, error) {
	if _, err := r.r.Peek(1); err != nil {
		return Value{}, err
	}
	r.size = 0
	v, err := r.value(0)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrReply, fmt.Sprintf(format, args...))
}

// take counts n bytes of memory.
func (r *Reader) take(n int) error {
	r.size += n
	if r.size > or(r.MaxBytes, 1<<30) {
		return bad("longer than the limit")
	}
	return nil
}

// sizeofValue is about what an element costs beside its bytes.
const sizeofValue = 128

func (r *Reader) line() ([]byte, error) {
	line, err := r.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull { // a long error text, a big number
		long := bytes.Clone(line)
		for err == bufio.ErrBufferFull {
			if err := r.take(len(line)); err != nil {
				return nil, err
			}
			line, err = r.r.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		return nil, err
	}
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return nil, bad("a line that does not end in CR LF")
	}
	line = line[:len(line)-2]
	if bytes.IndexByte(line, '\r') >= 0 {
		return nil, bad("a line with a CR in it")
	}
	return line, nil
}

func (r *Reader) value(depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, bad("nested too deep")
	}
	if err := r.take(sizeofValue); err != nil {
		return Value{}, err
	}
	line, err := r.line()
	if err != nil {
		return Value{}, err
	}
	if len(line) == 0 {
		return Value{}, bad("an empty line")
	}
	v := Value{Kind: Kind(line[0])}
	text := line[1:]
	switch v.Kind {
	case Simple, Error, BigNumber:
		if v.Kind == BigNumber && !digits(text) {
			return Value{}, bad("big number %.40q", text)
		}
		if err := r.take(len(text)); err != nil {
			return Value{}, err
		}
		v.Str = string(text)
	case Integer:
		v.Int, err = strconv.ParseInt(string(text), 10, 64)
		if err != nil { // an unsigned 64-bit number (Reply.Uint) wraps
			var u uint64
			if u, err = strconv.ParseUint(string(text), 10, 64); err != nil {
				return Value{}, bad("integer %.40q", text)
			}
			v.Int = int64(u)
		}
	case Double:
		switch string(text) {
		case "inf":
			v.Num = math.Inf(1)
		case "-inf":
			v.Num = math.Inf(-1)
		case "nan", "-nan":
			v.Num = math.NaN()
		default:
			if v.Num, err = strconv.ParseFloat(string(text), 64); err != nil {
				return Value{}, bad("double %.40q", text)
			}
		}
	case Boolean:
		switch string(text) {
		case "t":
			v.Int = 1
		case "f":
		default:
			return Value{}, bad("boolean %.40q", text)
		}
	case Null:
		if len(text) != 0 {
			return Value{}, bad("null %.40q", text)
		}
		v.Null = true
	case Bulk, BulkError, Verbatim:
		return r.bulk(v, text)
	case Array, Map, Set, Push, attribute:
		v, err = r.aggregate(v, text, depth)
		if err != nil || v.Kind != attribute {
			return v, err
		}
		w, err := r.value(depth + 1)
		w.Attr = append(v.Elems, w.Attr...)
		return w, err
	default:
		return Value{}, bad("kind %q", line[0])
	}
	return v, nil
}

func digits(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// bulk reads a string whose length stands in text, or a streamed one: $?, then
// pieces ;n until one of length 0.
func (r *Reader) bulk(v Value, text []byte) (Value, error) {
	var b []byte
	if string(text) == "?" && v.Kind == Bulk {
		for {
			line, err := r.line()
			if err != nil {
				return Value{}, err
			}
			if len(line) == 0 || line[0] != ';' {
				return Value{}, bad("piece of a string %.40q", line)
			}
			n, ok := number(line[1:])
			if !ok || n < 0 {
				return Value{}, bad("length %.40q", line)
			}
			if n == 0 {
				break
			}
			if b, err = r.bytes(b, n); err != nil {
				return Value{}, err
			}
		}
		v.Str = string(b)
		return v, nil
	}
	n, ok := number(text)
	if n == -1 && ok && v.Kind == Bulk {
		v.Null = true
		return v, nil
	}
	if !ok || n < 0 {
		return Value{}, bad("length %.40q", text)
	}
	b, err := r.bytes(nil, n)
	if err != nil {
		return Value{}, err
	}
	if v.Kind == Verbatim {
		if len(b) < 4 || b[3] != ':' || bytes.ContainsAny(b[:3], "\r\n") {
			return Value{}, bad("verbatim string %.40q", b)
		}
		v.Format, b = string(b[:3]), b[4:]
	}
	v.Str = string(b)
	return v, nil
}

// bytes appends n bytes and takes their CR LF.
func (r *Reader) bytes(b []byte, n int64) ([]byte, error) {
	if n > int64(or(r.MaxBytes, 1<<30)) {
		return nil, bad("longer than the limit")
	}
	if err := r.take(int(n)); err != nil {
		return nil, err
	}
	for left := int(n); left > 0; {
		m := min(left, max(64<<10, len(b))) // grows with what has arrived
		from := len(b)
		b = append(b, make([]byte, m)...)
		if _, err := io.ReadFull(r.r, b[from:]); err != nil {
			return nil, unexpected(err)
		}
		left -= m
	}
	var end [2]byte
	if _, err := io.ReadFull(r.r, end[:]); err != nil {
		return nil, unexpected(err)
	}
	if end != [2]byte{'\r', '\n'} {
		return nil, bad("a string that does not end in CR LF")
	}
	return b, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// aggregate reads the elements of v; text is their number, or ? for a streamed
// aggregate, which a line with a dot ends.
func (r *Reader) aggregate(v Value, text []byte, depth int) (Value, error) {
	streamed := string(text) == "?"
	n := int64(math.MaxInt64)
	if !streamed {
		var ok bool
		n, ok = number(text)
		if n == -1 && ok && v.Kind == Array {
			v.Null = true
			return v, nil
		}
		if !ok || n < 0 || n > math.MaxInt64/2 {
			return Value{}, bad("length %.40q", text)
		}
		if v.Kind == Map || v.Kind == attribute {
			n *= 2
		}
	}
	for ; n > 0; n-- {
		if streamed {
			c, err := r.r.Peek(1)
			if err != nil {
				return Value{}, err
			}
			if c[0] == '.' {
				line, err := r.line()
				if err != nil {
					return Value{}, err
				}
				if len(line) != 1 || (v.Kind == Map || v.Kind == attribute) && len(v.Elems)%2 != 0 {
					return Value{}, bad("end of a streamed aggregate")
				}
				break
			}
		}
		e, err := r.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.Elems = append(v.Elems, e)
	}
	return v, nil
}

// Append appends the reply that reads as v.
func (v Value) Append(b []byte) []byte {
	w := Reply{Buf: b, Proto: 3}
	v.write(&w)
	return w.Buf
}

func (v Value) write(w *Reply) {
	if len(v.Attr) > 0 {
		w.Attribute(len(v.Attr) / 2)
		for _, e := range v.Attr {
			e.write(w)
		}
	}
	switch v.Kind {
	case Simple:
		w.Simple(v.Str)
	case Error:
		w.Err(v.Str)
	case BulkError:
		w.head('!', int64(len(v.Str)))
		w.RawString(v.Str)
		w.BulkEnd()
	case Integer:
		w.Int(v.Int)
	case Boolean:
		w.Bool(v.Int != 0)
	case Double:
		w.Double(v.Num)
	case BigNumber:
		w.BigNumber(v.Str)
	case Verbatim:
		w.Verbatim(v.Format, v.Str)
	case Null:
		w.Null()
	case Bulk:
		if v.Null {
			w.RawString("$-1\r\n")
			return
		}
		w.Bulk(v.Str)
	case Array, Set, Push, Map:
		if v.Null {
			w.RawString("*-1\r\n")
			return
		}
		n := len(v.Elems)
		if v.Kind == Map {
			n /= 2
		}
		w.head(byte(v.Kind), int64(n))
		for _, e := range v.Elems {
			e.write(w)
		}
	}
}

// String is v on one line, for people and for tests: OK, (error) ERR no,
// (integer) 1, "bulk",
// nil, [a b], {k: v}, #{a b}, >[a b].
func (v Value) String() string { return string(v.show(nil)) }

func (v Value) show(b []byte) []byte {
	if len(v.Attr) > 0 {
		b = append(Value{Kind: Map, Elems: v.Attr}.show(append(b, '|')), ' ')
	}
	if v.Null {
		return append(b, "nil"...)
	}
	between := func(open, shut string) []byte {
		b = append(b, open...)
		for i, e := range v.Elems {
			switch {
			case i > 0 && v.Kind == Map && i%2 == 1:
				b = append(b, ": "...)
			case i > 0 && v.Kind == Map:
				b = append(b, ", "...)
			case i > 0:
				b = append(b, ' ')
			}
			b = e.show(b)
		}
		return append(b, shut...)
	}
	switch v.Kind {
	case Simple:
		return append(b, v.Str...)
	case Error, BulkError:
		return append(append(b, "(error) "...), v.Str...)
	case Integer:
		return strconv.AppendInt(append(b, "(integer) "...), v.Int, 10)
	case Boolean:
		return strconv.AppendBool(b, v.Int != 0)
	case Double:
		return AppendDouble(append(b, "(double) "...), v.Num)
	case BigNumber:
		return append(append(b, "(big) "...), v.Str...)
	case Verbatim:
		return strconv.AppendQuote(append(append(b, v.Format...), ':'), v.Str)
	case Map:
		return between("{", "}")
	case Set:
		return between("#{", "}")
	case Push:
		return between(">[", "]")
	case Array:
		return between("[", "]")
	}
	return strconv.AppendQuote(b, v.Str)
}
