package hashfields

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// An Elem is a field or a value: bytes, which borrow from the hash, or an integer
// that a listpack holds as such. To Redis's users the two are the same, a string.
// The zero Elem is the empty string.
type Elem struct {
	str   string
	num   int64
	isInt bool
}

// String returns the element; bytes are borrowed.
func (e Elem) String() string {
	if e.isInt {
		return strconv.FormatInt(e.num, 10)
	}
	return e.str
}

// Keep returns the element as a string of its own.
func (e Elem) Keep() string {
	if e.isInt {
		return strconv.FormatInt(e.num, 10)
	}
	return strings.Clone(e.str)
}

// Kept returns an element that borrows nothing.
func (e Elem) Kept() Elem {
	e.str = strings.Clone(e.str)
	return e
}

// Append appends the element to dst.
func (e Elem) Append(dst []byte) []byte {
	if e.isInt {
		return strconv.AppendInt(dst, e.num, 10)
	}
	return append(dst, e.str...)
}

// Len is the length in bytes.
func (e Elem) Len() int {
	if e.isInt {
		var digits [20]byte
		return len(strconv.AppendInt(digits[:0], e.num, 10))
	}
	return len(e.str)
}

// Int returns the integer that the element is stored as; ok is false where it is
// stored as bytes, which may look like one all the same.
func (e Elem) Int() (n int64, ok bool) { return e.num, e.isInt }

// Text returns an element that is stored as these bytes.
func Text(s string) Elem { return Elem{str: s} }

// elem is an element of a listpack.
func elem(v listpack.Value) Elem {
	if n, ok := v.Int(); ok {
		return Elem{num: n, isInt: true}
	}
	return Elem{str: borrow(v.Bytes())}
}

// borrow returns b as a string without a copy, which lives as long as b is not
// changed.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf returns s as bytes without a copy, to be read only.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
