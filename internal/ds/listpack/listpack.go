package listpack

import (
	"encoding/binary"
	"iter"
	"slices"
)

const (
	header  = 6
	end     = 0xFF
	unknown = 1<<16 - 1

	// MaxSize is the length that Redis lets no listpack exceed. The caller sees to
	// it, before it adds: see [Fits].
	MaxSize = 1 << 30
)

// New returns an empty listpack, with room for size bytes in all.
func New(size int) []byte {
	lp := append(make([]byte, 0, max(size, header+1)), 0, 0, 0, 0, 0, 0, end)
	setHeader(lp, 0)
	return lp
}

// AppendNew appends an empty listpack to b, which is empty but may have room.
func AppendNew(b []byte) []byte {
	b = append(b, 0, 0, 0, 0, 0, 0, end)
	setHeader(b, 0)
	return b
}

// Fits reports whether n bytes of elements can be added to a listpack that takes
// size bytes.
func Fits(size, n int) bool { return n <= MaxSize && size <= MaxSize-n }

// Len is the number of elements. It is O(1) below 65535, else O(n).
func Len(lp []byte) int {
	if n := headerLen(lp); n != unknown {
		return n
	}
	n := 0
	for p := First(lp); p != 0; p = Next(lp, p) {
		n++
	}
	return n
}

// First returns the first element, 0 where there is none.
func First(lp []byte) int { return at(lp, header) }

// Last returns the last element, 0 where there is none.
func Last(lp []byte) int { return Prev(lp, len(lp)-1) }

// End is the offset behind the last element, at which [Insert] appends and from
// which [Prev] finds the last.
func End(lp []byte) int { return len(lp) - 1 }

// Next returns the element after p, 0 where there is none.
func Next(lp []byte, p int) int { return at(lp, After(lp, p)) }

// Prev returns the element before p, 0 where there is none.
func Prev(lp []byte, p int) int {
	if p <= header {
		return 0
	}
	n, width := backlenBefore(lp, p)
	return p - width - n
}

// Seek returns the element with an index, 0 where there is none. A negative index
// counts from the end: -1 is the last.
func Seek(lp []byte, i int) int {
	n := headerLen(lp)
	if n != unknown {
		if i < -n || i >= n {
			return 0
		}
		switch {
		case i >= 0 && i > n/2:
			i -= n
		case i < -n/2:
			i += n
		}
	}
	if i < 0 {
		p := Last(lp)
		for ; i < -1 && p != 0; i++ {
			p = Prev(lp, p)
		}
		return p
	}
	p := First(lp)
	for ; i > 0 && p != 0; i-- {
		p = Next(lp, p)
	}
	return p
}

// Get returns the element at p.
func Get(lp []byte, p int) Value {
	v, _ := Read(lp, p)
	return v
}

// Read returns the element at p and the offset behind it, which is that of the
// next or [End].
func Read(lp []byte, p int) (v Value, next int) {
	switch b := lp[p]; {
	case b < 0x80:
		return Value{num: int64(b), int: true}, p + 2
	case b < 0xC0:
		n := int(b & 0x3F)
		return Value{str: lp[p+1 : p+1+n : p+1+n]}, p + 2 + n
	case b < 0xE0:
		n := int16(uint16(b)<<11|uint16(lp[p+1])<<3) >> 3
		return Value{num: int64(n), int: true}, p + 3
	}
	size, n, isInt := measure(lp, p)
	next = p + size + backlenSize(size)
	if !isInt {
		from, to := p+size-n, p+size
		return Value{str: lp[from:to:to]}, next
	}
	for i := size - 1; i > 0; i-- {
		v.num = v.num<<8 | int64(lp[p+i])
	}
	shift := 64 - 8*(size-1)
	return Value{num: v.num << shift >> shift, int: true}, next
}

// All yields offsets and elements in order. The listpack must not change
// meanwhile.
func All(lp []byte) iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		for p := header; lp[p] != end; {
			v, next := Read(lp, p)
			if !yield(p, v) {
				return
			}
			p = next
		}
	}
}

// Find returns the first element from p on that is s, looking at every step-th
// one only (1: all), 0 where there is none.
func Find(lp []byte, p int, s string, step int) int {
	n, isInt := ParseInt(s)
	for p != 0 && lp[p] != end {
		var next int
		var found bool
		switch b := lp[p]; {
		case b < 0x80: // what is short is looked at in line: most elements are
			next = p + 2
			found = isInt && n == int64(b)
		case b < 0xc0:
			next = p + 2 + int(b&0x3f)
			// An integer may lie as a string only in bytes that Redis did not write.
			found = int(b&0x3f) == len(s) && string(lp[p+1:next-1]) == s
		default:
			var v Value
			v, next = Read(lp, p)
			found = v.int && isInt && v.num == n || !v.int && string(v.str) == s
		}
		if found {
			return p
		}
		for i := 1; i < step && lp[next] != end; i++ {
			next = After(lp, next)
		}
		p = at(lp, next)
	}
	return 0
}

// Append adds s at the end.
func Append(lp []byte, s string) []byte { return Insert(lp, len(lp)-1, s) }

// AppendInt adds n at the end.
func AppendInt(lp []byte, n int64) []byte { return InsertInt(lp, len(lp)-1, n) }

// Prepend adds s at the beginning.
func Prepend(lp []byte, s string) []byte { return Insert(lp, header, s) }

// Insert adds s before the element at p, or at the end if p is [End]. The new
// element is at p. To insert behind an element, Insert at the offset [After] it.
func Insert(lp []byte, p int, s string) []byte {
	if n, ok := ParseInt(s); ok {
		return InsertInt(lp, p, n)
	}
	return put(lp, p, p, encodeLen(len(s)), s, 1)
}

// InsertInt adds n as [Insert] adds its decimal.
func InsertInt(lp []byte, p int, n int64) []byte { return put(lp, p, p, encodeInt(n), "", 1) }

// Replace puts s in the place of the element at p.
func Replace(lp []byte, p int, s string) []byte {
	if n, ok := ParseInt(s); ok {
		return ReplaceInt(lp, p, n)
	}
	return put(lp, p, After(lp, p), encodeLen(len(s)), s, 0)
}

// ReplaceInt puts n in the place of the element at p.
func ReplaceInt(lp []byte, p int, n int64) []byte {
	return put(lp, p, After(lp, p), encodeInt(n), "", 0)
}

// Delete removes n elements from p on, or as many as there are. What came behind
// them is then at p, or p is [End].
func Delete(lp []byte, p, n int) []byte {
	q, k := p, 0
	for ; k < n && lp[q] != end; k++ {
		q = After(lp, q)
	}
	lp = append(lp[:p], lp[q:]...)
	setHeader(lp, -k)
	return lp
}

// put writes an element over the bytes from p to q, and adds to the number of
// elements.
func put(lp []byte, p, q int, e encoding, s string, add int) []byte {
	size := int(e.n) + len(s)
	total := size + backlenSize(size)
	if old := len(lp); p == old-1 && cap(lp)-old >= total {
		lp = lp[:old+total]
		lp[old+total-1] = end
	} else if grow := total - (q - p); grow > 0 {
		lp = slices.Grow(lp, grow)[:old+grow]
		copy(lp[q+grow:], lp[q:old])
	} else if grow < 0 {
		copy(lp[q+grow:], lp[q:])
		lp = lp[:old+grow]
	}
	p += copy(lp[p:], e.b[:e.n])
	p += copy(lp[p:], s)
	putBacklen(lp[p:], size)
	setHeader(lp, add)
	return lp
}

// encoding is the beginning of an element: all of an integer, the encoding of a
// string.
type encoding struct {
	b [9]byte
	n uint8
}

func encodeLen(n int) (e encoding) {
	switch {
	case n < 1<<6:
		e.b[0], e.n = 0x80|byte(n), 1
	case n < 1<<12:
		e.b[0], e.b[1], e.n = 0xE0|byte(n>>8), byte(n), 2
	default:
		e.b[0], e.n = 0xF0, 5
		binary.LittleEndian.PutUint32(e.b[1:], uint32(n))
	}
	return e
}

func encodeInt(n int64) (e encoding) {
	switch {
	case n >= 0 && n < 1<<7:
		e.b[0], e.n = byte(n), 1
		return e
	case n >= -1<<12 && n < 1<<12:
		e.b[0], e.b[1], e.n = 0xC0|byte(n>>8)&0x1F, byte(n), 2
		return e
	case n >= -1<<15 && n < 1<<15:
		e.b[0], e.n = 0xF1, 3
	case n >= -1<<23 && n < 1<<23:
		e.b[0], e.n = 0xF2, 4
	case n >= -1<<31 && n < 1<<31:
		e.b[0], e.n = 0xF3, 5
	default:
		e.b[0], e.n = 0xF4, 9
	}
	binary.LittleEndian.PutUint64(e.b[1:], uint64(n))
	return e
}

// measure returns the size of the element at p without its backlen, and how much
// of it is a string.
func measure(lp []byte, p int) (size, str int, isInt bool) {
	switch b := lp[p]; {
	case b < 0x80:
		return 1, 0, true
	case b < 0xC0:
		n := int(b & 0x3F)
		return 1 + n, n, false
	case b < 0xE0:
		return 2, 0, true
	case b < 0xF0:
		n := int(b&0x0F)<<8 | int(lp[p+1])
		return 2 + n, n, false
	case b == 0xF0:
		n := int(binary.LittleEndian.Uint32(lp[p+1:]))
		return 5 + n, n, false
	case b <= 0xF3:
		return int(b-0xF1) + 3, 0, true
	case b == 0xF4:
		return 9, 0, true
	}
	panic("listpack: no element here")
}

// After returns the offset behind the element at p: the next element's, or [End].
func After(lp []byte, p int) int {
	switch b := lp[p]; {
	case b < 0x80:
		return p + 2
	case b < 0xC0:
		return p + 2 + int(b&0x3F)
	}
	size, _, _ := measure(lp, p)
	return p + size + backlenSize(size)
}

// at is p, or 0 at the end.
func at(lp []byte, p int) int {
	if lp[p] == end {
		return 0
	}
	return p
}

// backlenSize is the width of a backlen. That the widths grow one early is how
// Redis has it.
func backlenSize(n int) int {
	switch {
	case n <= 127:
		return 1
	case n < 1<<14-1:
		return 2
	case n < 1<<21-1:
		return 3
	case n < 1<<28-1:
		return 4
	}
	return 5
}

func putBacklen(dst []byte, n int) {
	width := backlenSize(n)
	for i := width - 1; i > 0; i-- {
		dst[i] = byte(n)&0x7F | 0x80
		n >>= 7
	}
	dst[0] = byte(n)
}

// backlenBefore reads the backlen that ends at p.
func backlenBefore(lp []byte, p int) (n, width int) {
	for shift := 0; ; shift += 7 {
		width++
		b := lp[p-width]
		n |= int(b&0x7F) << shift
		if b < 0x80 {
			return n, width
		}
	}
}

func headerLen(lp []byte) int { return int(binary.LittleEndian.Uint16(lp[4:])) }

// setHeader sets the length, and adds to a number of elements that is known. One
// more than the greatest makes it unknown, and so it stays.
func setHeader(lp []byte, add int) {
	binary.LittleEndian.PutUint32(lp, uint32(len(lp)))
	if n := headerLen(lp); n != unknown {
		binary.LittleEndian.PutUint16(lp[4:], uint16(n+add))
	}
}

// Validate reports whether untrusted bytes are a listpack in all its elements, and
// how many those are. It reads every element once, and nothing outside lp.
func Validate(lp []byte) (n int, ok bool) {
	if len(lp) <= header || uint64(binary.LittleEndian.Uint32(lp)) != uint64(len(lp)) || lp[len(lp)-1] != end {
		return 0, false
	}
	last := len(lp) - 1
	for p := header; p != last; n++ {
		if p, ok = validate(lp[:last], p); !ok {
			return 0, false
		}
	}
	h := headerLen(lp)
	return n, h == unknown || h == n
}

// validate checks the element at p and returns the offset behind it, which is at
// most the length of lp.
func validate(lp []byte, p int) (next int, ok bool) {
	size, rest := 0, len(lp)-p
	switch b := lp[p]; {
	case b > 0xF4:
		return 0, false
	case b >= 0xE0 && b < 0xF0 && rest < 2, b == 0xF0 && rest < 5:
		return 0, false
	case b == 0xF0 && uint64(binary.LittleEndian.Uint32(lp[p+1:])) > uint64(rest):
		return 0, false
	}
	size, _, _ = measure(lp, p)
	width := backlenSize(size)
	if size+width > rest {
		return 0, false
	}
	var want [5]byte
	putBacklen(want[:], size)
	next = p + size + width
	return next, string(lp[p+size:next]) == string(want[:width])
}
