package resp

import (
	"math"
	"strconv"
	"strings"
)

// A Reply appends replies to Buf, in protocol version 2 or 3. Types that
// version 2 lacks are written as Redis writes them there: a map as an array
// of twice its length, a double as a bulk.
//
// Whoever announces n elements (Array, Map, Set, Push) writes exactly that
// many; Reply does not count. Where the number is known at the end only, see
// Mark.
type Reply struct {
	Buf   []byte
	Proto int // 2 or 3; anything but 3 is 2
}

func (w *Reply) head(kind byte, n int64) {
	switch { // most headers, and worth a third of their time
	case 0 <= n && n < 10:
		w.Buf = append(w.Buf, kind, byte('0'+n), '\r', '\n')
		return
	case 10 <= n && n < 100:
		w.Buf = append(w.Buf, kind, byte('0'+n/10), byte('0'+n%10), '\r', '\n')
		return
	}
	w.Buf = append(strconv.AppendInt(append(w.Buf, kind), n, 10), '\r', '\n')
}

// line appends a reply of one line. A line break inside it would begin a
// reply that a client chose, so it becomes a space.
func (w *Reply) line(kind byte, s string) {
	w.Buf = append(w.Buf, kind)
	from := len(w.Buf)
	w.Buf = append(w.Buf, s...)
	for i, c := range w.Buf[from:] {
		if c == '\r' || c == '\n' {
			w.Buf[from+i] = ' '
		}
	}
	w.Buf = append(w.Buf, '\r', '\n')
}

// OK is the simple string OK.
func (w *Reply) OK() { w.Buf = append(w.Buf, "+OK\r\n"...) }

// Simple is a simple string; CR and LF in it become spaces.
func (w *Reply) Simple(s string) { w.line('+', s) }

// Err is an error reply. text begins with the error's code, without the dash:
// "ERR syntax error". CR and LF in it become spaces, since error texts quote
// what clients sent.
func (w *Reply) Err(text string) { w.line('-', text) }

// Int is an integer.
func (w *Reply) Int(n int64) { w.head(':', n) }

// Uint is an integer that may be past the largest int64.
func (w *Reply) Uint(n uint64) {
	w.Buf = append(strconv.AppendUint(append(w.Buf, ':'), n, 10), '\r', '\n')
}

// Bulk is a bulk string.
func (w *Reply) Bulk(s string) {
	w.head('$', int64(len(s)))
	w.Buf = append(append(w.Buf, s...), '\r', '\n')
}

// BulkBytes is a bulk string; nil is the empty one, not null.
func (w *Reply) BulkBytes(b []byte) {
	w.head('$', int64(len(b)))
	w.Buf = append(append(w.Buf, b...), '\r', '\n')
}

// BulkInt is a bulk string that holds n in decimal digits.
func (w *Reply) BulkInt(n int64) {
	var digits [20]byte
	w.BulkBytes(strconv.AppendInt(digits[:0], n, 10))
}

// BulkHead begins a bulk string of n bytes that comes in pieces: Raw or
// RawString until the n bytes are there, then BulkEnd.
func (w *Reply) BulkHead(n int) { w.head('$', int64(n)) }

// Raw appends bytes as they are: a piece of a bulk string, or whole replies
// that were encoded before.
func (w *Reply) Raw(b []byte) { w.Buf = append(w.Buf, b...) }

// RawString appends s as it is.
func (w *Reply) RawString(s string) { w.Buf = append(w.Buf, s...) }

// BulkEnd ends what BulkHead began.
func (w *Reply) BulkEnd() { w.Buf = append(w.Buf, '\r', '\n') }

// Array begins an array of n elements.
func (w *Reply) Array(n int) { w.head('*', int64(n)) }

// Map begins n pairs of key and value; an array of 2n in version 2.
func (w *Reply) Map(n int) {
	if w.Proto == 3 {
		w.head('%', int64(n))
		return
	}
	w.head('*', 2*int64(n))
}

// Set begins a set of n elements; an array in version 2.
func (w *Reply) Set(n int) { w.head(w.kind('~'), int64(n)) }

// Push begins a message of n elements that answers no command; an array in
// version 2, where only a connection with subscriptions expects it.
func (w *Reply) Push(n int) { w.head(w.kind('>'), int64(n)) }

// kind is an aggregate's type: version 2 has the array only.
func (w *Reply) kind(resp3 byte) byte {
	if w.Proto == 3 {
		return resp3
	}
	return '*'
}

// Attribute begins n pairs that say something about the reply that follows.
// Version 2 has no attributes: there it appends nothing and returns false, and
// the caller leaves the pairs out.
func (w *Reply) Attribute(n int) bool {
	if w.Proto != 3 {
		return false
	}
	w.head('|', int64(n))
	return true
}

// Null is the null of a command that answers one value.
func (w *Reply) Null() {
	if w.Proto == 3 {
		w.Buf = append(w.Buf, "_\r\n"...)
		return
	}
	w.Buf = append(w.Buf, "$-1\r\n"...)
}

// NullArray is the null of a command that answers an array.
func (w *Reply) NullArray() {
	if w.Proto == 3 {
		w.Buf = append(w.Buf, "_\r\n"...)
		return
	}
	w.Buf = append(w.Buf, "*-1\r\n"...)
}

// Bool is a boolean; 1 or 0 in version 2.
func (w *Reply) Bool(b bool) {
	s := ":0\r\n"
	switch {
	case b && w.Proto == 3:
		s = "#t\r\n"
	case b:
		s = ":1\r\n"
	case w.Proto == 3:
		s = "#f\r\n"
	}
	w.Buf = append(w.Buf, s...)
}

// Double is a double; a bulk string in version 2. See AppendDouble.
func (w *Reply) Double(f float64) {
	if w.Proto == 3 {
		w.Buf = append(AppendDouble(append(w.Buf, ','), f), '\r', '\n')
		return
	}
	var digits [32]byte
	w.BulkBytes(AppendDouble(digits[:0], f))
}

// AppendDouble appends f as Redis 7.0 shows doubles (ZSCORE and the like): as
// C's %.17g, so 0.1 is 0.10000000000000001, and inf, -inf or nan.
func AppendDouble(b []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	case math.IsNaN(f):
		return append(b, "nan"...)
	case f == math.Trunc(f) && math.Abs(f) < 1<<53 && (f != 0 || !math.Signbit(f)):
		return strconv.AppendInt(b, int64(f), 10) // the same digits, sooner
	}
	return strconv.AppendFloat(b, f, 'g', 17, 64)
}

// BigNumber is an integer of any size in decimal digits; a bulk string in
// version 2.
func (w *Reply) BigNumber(digits string) {
	if w.Proto == 3 {
		w.line('(', digits)
		return
	}
	w.Bulk(digits)
}

// Verbatim is text with a format of three letters, "txt" or "mkd"; a bulk
// string in version 2.
func (w *Reply) Verbatim(format, s string) {
	if w.Proto != 3 {
		w.Bulk(s)
		return
	}
	if len(format) != 3 || strings.ContainsAny(format, "\r\n") {
		panic("resp: a verbatim format has three letters")
	}
	w.head('=', int64(len(s))+4)
	w.Buf = append(append(w.Buf, format...), ':')
	w.Buf = append(append(w.Buf, s...), '\r', '\n')
}

// A Mark is the place of an aggregate whose length is known at its end only.
//
//	at := w.Mark()
//	for ... { w.Bulk(name); n++ }
//	w.ArrayAt(at, n)
//
// The header is put in by moving what follows it, so that the bytes are those
// of an Array(n). Marks nest: the inner one is closed first.
type Mark int

// Mark remembers the place.
func (w *Reply) Mark() Mark { return Mark(len(w.Buf)) }

// ArrayAt makes what was appended since at an array of n elements.
func (w *Reply) ArrayAt(at Mark, n int) { w.headAt(at, '*', int64(n)) }

// SetAt makes what was appended since at a set of n elements.
func (w *Reply) SetAt(at Mark, n int) { w.headAt(at, w.kind('~'), int64(n)) }

// MapAt makes what was appended since at a map of n pairs.
func (w *Reply) MapAt(at Mark, n int) {
	if w.Proto == 3 {
		w.headAt(at, '%', int64(n))
		return
	}
	w.headAt(at, '*', 2*int64(n))
}

func (w *Reply) headAt(at Mark, kind byte, n int64) {
	end := len(w.Buf)
	w.head(kind, n)
	var head [24]byte
	size := copy(head[:], w.Buf[end:])
	copy(w.Buf[int(at)+size:], w.Buf[at:end])
	copy(w.Buf[at:], head[:size])
}

// Cut drops what was appended since at: a reply that turned out to be an error.
func (w *Reply) Cut(at Mark) { w.Buf = w.Buf[:at] }
