package zipmap

import (
	"encoding/binary"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/listpack"
)

const (
	end      = 0xFF
	longSize = 0xFE
	unknown  = 254 // pairs, or more
)

// AppendListpack appends fields and values to a listpack, which it owns; ok is false
// if zm is no zipmap in all its parts, or larger than a listpack may be, and lp then
// holds some of them.
func AppendListpack(lp, zm []byte) (_ []byte, ok bool) {
	if len(zm) < 2 || zm[len(zm)-1] != end || len(zm) > listpack.MaxSize {
		return lp, false
	}
	a := listpack.Extend(lp)
	n := 0
	for b := zm[1 : len(zm)-1]; len(b) > 0; n++ {
		field, rest, ok := str(b, 0)
		if !ok {
			return a.Done(), false
		}
		value, rest, ok := str(rest, 1)
		if !ok {
			return a.Done(), false
		}
		a.String(borrow(field))
		a.String(borrow(value))
		b = rest
	}
	lp = a.Done()
	return lp, (zm[0] >= unknown || int(zm[0]) == n) && len(lp) <= listpack.MaxSize
}

// str returns the string with which b begins and what comes behind it. There are
// free bytes, 0 or 1, between its length and itself, which say how many more come
// behind it.
func str(b []byte, free int) (s, rest []byte, ok bool) {
	if len(b) == 0 || b[0] == end {
		return nil, nil, false
	}
	n, p := uint64(b[0]), 1
	if b[0] == longSize {
		if len(b) < 5 {
			return nil, nil, false
		}
		n, p = uint64(binary.LittleEndian.Uint32(b[1:])), 5
	}
	skip := uint64(0)
	if free > 0 {
		if p == len(b) {
			return nil, nil, false
		}
		skip = uint64(b[p])
		p++
	}
	b = b[p:]
	if n+skip > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n+skip:], true
}

func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
