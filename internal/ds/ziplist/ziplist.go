package ziplist

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/listpack"
)

const (
	header  = 10
	end     = 0xFF
	unknown = 1<<16 - 1

	longPrev = 0xFE
)

// AppendListpack appends the elements of a ziplist to a listpack, which it owns; ok
// is false if zl is no ziplist in all its parts, or larger than a listpack may be,
// and lp then holds some of them.
func AppendListpack(lp, zl []byte) (_ []byte, ok bool) {
	if len(zl) <= header || uint64(binary.LittleEndian.Uint32(zl)) != uint64(len(zl)) || zl[len(zl)-1] != end ||
		len(zl) > listpack.MaxSize {
		return lp, false
	}
	a := listpack.Extend(lp)
	b := zl[:len(zl)-1]
	n, last, prev := 0, header, 0
	for p := header; p != len(b); n++ {
		size := entry(b[p:], prev, &a)
		if size == 0 {
			return a.Done(), false
		}
		last, prev = p, size
		p += size
	}
	count := int(binary.LittleEndian.Uint16(zl[8:]))
	lp = a.Done()
	return lp, uint64(binary.LittleEndian.Uint32(zl[4:])) == uint64(last) && (count == unknown || count == n) &&
		len(lp) <= listpack.MaxSize
}

// entry appends the entry with which b begins, and returns its length; 0 if it is
// none, or does not say that the one before has prev bytes.
func entry(b []byte, prev int, a *listpack.Appender) (size int) {
	p := 1
	if b[0] == longPrev {
		if len(b) < 5 || uint64(binary.LittleEndian.Uint32(b[1:])) != uint64(prev) {
			return 0
		}
		p = 5
	} else if int(b[0]) != prev {
		return 0
	}
	if p == len(b) {
		return 0
	}
	c := b[p]
	p++
	switch c >> 6 {
	case 0:
		return text(b, p, uint64(c), a)
	case 1:
		if len(b) < p+1 {
			return 0
		}
		return text(b, p+1, uint64(c&0x3F)<<8|uint64(b[p]), a)
	case 2:
		if len(b) < p+4 {
			return 0
		}
		return text(b, p+4, uint64(binary.BigEndian.Uint32(b[p:])), a)
	}
	width := 0
	switch c {
	case 0xC0:
		width = 2
	case 0xD0:
		width = 4
	case 0xE0:
		width = 8
	case 0xF0:
		width = 3
	case 0xFE:
		width = 1
	default:
		if c < 0xF1 || c > 0xFD {
			return 0
		}
		a.Int(int64(c&0x0F) - 1)
		return p
	}
	if len(b)-p < width {
		return 0
	}
	var n uint64
	for i := width - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[p+i])
	}
	shift := 64 - 8*width
	a.Int(int64(n) << shift >> shift)
	return p + width
}

func text(b []byte, p int, n uint64, a *listpack.Appender) (size int) {
	if n > uint64(len(b)-p) || n > math.MaxInt32 {
		return 0
	}
	s := b[p : p+int(n)]
	a.String(unsafe.String(unsafe.SliceData(s), len(s)))
	return p + int(n)
}
