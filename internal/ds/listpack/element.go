package listpack

import "encoding/binary"

// An Element is a string as it would lie in a listpack. It is for those who find
// the place for it themselves, such as a node of a list that has room in front.
type Element struct {
	enc encoding
	s   string // "" if the string is an integer
}

// Encode returns s as an element, which borrows from s.
func Encode(s string) Element {
	if n, ok := ParseInt(s); ok {
		return Element{enc: encodeInt(n)}
	}
	return Element{encodeLen(len(s)), s}
}

// Size is the number of bytes of the element, backlen included.
func (e *Element) Size() int {
	n := int(e.enc.n) + len(e.s)
	return n + backlenSize(n)
}

// Put writes the element to dst, which has room for it.
func (e *Element) Put(dst []byte) {
	p := copy(dst, e.enc.b[:e.enc.n])
	p += copy(dst[p:], e.s)
	putBacklen(dst[p:], p)
}

// Seal writes the header of a listpack of n elements, whose bytes are otherwise in
// their place.
func Seal(lp []byte, n int) {
	binary.LittleEndian.PutUint32(lp, uint32(len(lp)))
	binary.LittleEndian.PutUint16(lp[4:], uint16(min(n, unknown)))
	lp[len(lp)-1] = end
}

// HeaderSize is the number of bytes before the first element.
const HeaderSize = header

// StringValue is the element that b is as a string.
func StringValue(b []byte) Value { return Value{str: b} }

// InsertElement is [Insert] of an Element.
func InsertElement(lp []byte, p int, e *Element) []byte { return put(lp, p, p, e.enc, e.s, 1) }

// IntValue is the element that n is as an integer.
func IntValue(n int64) Value { return Value{num: n, int: true} }
