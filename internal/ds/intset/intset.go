package intset

import (
	"encoding/binary"
	"iter"
	"slices"
)

const header = 8

// empty is an intset without integers, of the least width.
const empty = "\x02\x00\x00\x00\x00\x00\x00\x00"

// AppendNew appends an empty intset to b, which is empty but may have room.
func AppendNew(b []byte) []byte { return append(b, empty...) }

// Len is the number of integers.
func Len(s []byte) int {
	if len(s) == 0 {
		return 0
	}
	return int(binary.LittleEndian.Uint32(s[4:]))
}

func width(s []byte) int { return int(binary.LittleEndian.Uint32(s)) }

// widthOf is the least width in which n has room.
func widthOf(n int64) int {
	switch {
	case int64(int16(n)) == n:
		return 2
	case int64(int32(n)) == n:
		return 4
	}
	return 8
}

// At returns the integer with an index, from 0 to Len-1: the index-th least.
func At(s []byte, i int) int64 { return get(s, width(s), i) }

func get(s []byte, w, i int) int64 {
	b := s[header+w*i:]
	switch w {
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

func set(s []byte, w, i int, n int64) {
	b := s[header+w*i:]
	switch w {
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(n))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(n))
	default:
		binary.LittleEndian.PutUint64(b, uint64(n))
	}
}

// Find returns the index of n or, if it is not there, the one it would get.
func Find(s []byte, n int64) (i int, ok bool) {
	if len(s) == 0 {
		return 0, false
	}
	w := width(s)
	if widthOf(n) > w {
		if n < 0 {
			return 0, false
		}
		return Len(s), false
	}
	lo, hi := 0, Len(s)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if get(s, w, mid) < n {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < Len(s) && get(s, w, lo) == n
}

// All yields the integers, ascending. The intset must not change meanwhile.
func All(s []byte) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := range Len(s) {
			if !yield(At(s, i)) {
				return
			}
		}
	}
}

// Add adds n, and reports whether it is new. s may have no bytes: it is then made.
func Add(s []byte, n int64) (_ []byte, added bool) {
	if len(s) == 0 {
		s = AppendNew(s)
	}
	i, ok := Find(s, n)
	if ok {
		return s, false
	}
	if w := widthOf(n); w > width(s) {
		s = widen(s, w)
	}
	w, l := width(s), Len(s)
	at := header + w*i
	s = slices.Grow(s, w)[:len(s)+w]
	copy(s[at+w:], s[at:header+w*l])
	set(s, w, i, n)
	setLen(s, l+1)
	return s, true
}

// widen gives all integers another width.
func widen(s []byte, w int) []byte {
	was, l := width(s), Len(s)
	size := header + w*l
	s = slices.Grow(s, size-len(s))[:size]
	for i := l - 1; i >= 0; i-- { // from the last: none is overwritten before it is read
		set(s, w, i, get(s, was, i))
	}
	binary.LittleEndian.PutUint32(s, uint32(w))
	return s
}

// Remove removes n, and reports whether it was there.
func Remove(s []byte, n int64) (_ []byte, ok bool) {
	i, ok := Find(s, n)
	if !ok {
		return s, false
	}
	w, at := width(s), header+width(s)*i
	s = append(s[:at], s[at+w:]...)
	setLen(s, Len(s)-1)
	return s, true
}

func setLen(s []byte, n int) { binary.LittleEndian.PutUint32(s[4:], uint32(n)) }

// Validate reports whether untrusted bytes are an intset, and of how many integers.
func Validate(s []byte) (n int, ok bool) {
	if len(s) < header {
		return 0, false
	}
	w, l := width(s), int64(binary.LittleEndian.Uint32(s[4:]))
	if w != 2 && w != 4 && w != 8 || int64(len(s)) != header+int64(w)*l {
		return 0, false
	}
	n = int(l)
	for i := 1; i < n; i++ {
		if get(s, w, i-1) >= get(s, w, i) {
			return 0, false
		}
	}
	return n, true
}
