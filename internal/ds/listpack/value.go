package listpack

import (
	"math"
	"strconv"
)

// A Value is an element: a string, which borrows from the listpack, or an integer.
// To Redis's users the two are the same, a string.
type Value struct {
	str []byte
	num int64
	int bool
}

// IsInt reports whether the element is stored as an integer.
func (v Value) IsInt() bool { return v.int }

// Int returns the integer; ok is false for a string.
func (v Value) Int() (n int64, ok bool) { return v.num, v.int }

// Bytes returns the bytes of a string, which borrow from the listpack; nil for an
// integer.
func (v Value) Bytes() []byte { return v.str }

// Append appends the element, as a string, to dst.
func (v Value) Append(dst []byte) []byte {
	if v.int {
		return strconv.AppendInt(dst, v.num, 10)
	}
	return append(dst, v.str...)
}

// String is the element as a string of its own.
func (v Value) String() string {
	if v.int {
		return strconv.FormatInt(v.num, 10)
	}
	return string(v.str)
}

// Len is the length of the element as a string.
func (v Value) Len() int {
	if !v.int {
		return len(v.str)
	}
	n, u := 1, uint64(v.num)
	if v.num < 0 {
		n, u = 2, -u
	}
	for ; u >= 10; u /= 10 {
		n++
	}
	return n
}

// Equal reports whether the element, as a string, is s.
func (v Value) Equal(s string) bool {
	if !v.int {
		return string(v.str) == s
	}
	n, ok := ParseInt(s)
	return ok && n == v.num
}

// ParseInt returns the integer that a string is stored as; ok is false for one
// that is stored as a string. It is an integer of 64 bits as Redis writes it: no
// plus, no zeros in front, no "-0", nothing around it.
func ParseInt(s string) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 20 {
		return 0, false
	}
	digits, neg := s, s[0] == '-'
	if neg {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	if digits[0] == '0' {
		return 0, len(s) == 1
	}
	var u uint64 // 19 digits do not overflow it
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}
