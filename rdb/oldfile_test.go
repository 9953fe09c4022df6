package rdb

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/lzf"
)

// An oldFile is a file as some server wrote it that is not at hand, built from the
// description of the format.
type oldFile struct {
	b       []byte
	version int
}

func newFile(version int) *oldFile {
	if version >= ValkeyVersion {
		return &oldFile{fmt.Appendf(nil, "VALKEY%03d", version), version}
	}
	return &oldFile{fmt.Appendf(nil, "REDIS%04d", version), version}
}

func (f *oldFile) add(parts ...any) *oldFile {
	f.b = appendParts(f.b, parts...)
	return f
}

// count is a length as files have them.
type count uint64

// appendParts appends bytes, strings with their lengths, lengths, times and scores.
func appendParts(b []byte, parts ...any) []byte {
	for _, p := range parts {
		switch p := p.(type) {
		case byte:
			b = append(b, p)
		case []byte:
			b = append(b, p...)
		case string:
			b = append(appendCount(b, uint64(len(p))), p...)
		case count:
			b = appendCount(b, uint64(p))
		case int64:
			b = binary.LittleEndian.AppendUint64(b, uint64(p))
		case int32:
			b = binary.LittleEndian.AppendUint32(b, uint32(p))
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p))
		case [2]uint64:
			b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, p[0]), p[1])
		default:
			panic(fmt.Sprintf("%T", p))
		}
	}
	return b
}

func appendCount(b []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return append(b, 0x40|byte(n>>8), byte(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, 0x80), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0x81), n)
}

// end ends the file, with a checksum where the version has one.
func (f *oldFile) end() []byte {
	f.add(byte(0xFF))
	if f.version >= 5 {
		f.add(int64(checksum(0, f.b)))
	}
	return f.b
}

// lzfString is a compressed string.
func lzfString(s string) []byte {
	lz, ok := lzf.Append(nil, []byte(s), len(s))
	if !ok {
		panic("not compressible")
	}
	return appendParts(nil, byte(0xC3), count(len(lz)), count(len(s)), lz)
}

// text is a score as text.
func text(s string) []byte { return append([]byte{byte(len(s))}, s...) }

// ziplistOf is a ziplist of strings; what is an integer is stored as one.
func ziplistOf(elems ...string) string {
	b := make([]byte, 10)
	last, prev := 10, 0
	for _, s := range elems {
		last = len(b)
		if prev < 254 {
			b = append(b, byte(prev))
		} else {
			b = binary.LittleEndian.AppendUint32(append(b, 0xFE), uint32(prev))
		}
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err == nil && strconv.FormatInt(n, 10) == s:
			b = appendZiplistInt(b, n)
		case len(s) < 64:
			b = append(append(b, byte(len(s))), s...)
		case len(s) < 1<<14:
			b = append(append(b, 0x40|byte(len(s)>>8), byte(len(s))), s...)
		default:
			b = append(binary.BigEndian.AppendUint32(append(b, 0x80), uint32(len(s))), s...)
		}
		prev = len(b) - last
	}
	b = append(b, 0xFF)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint32(b[4:], uint32(last))
	binary.LittleEndian.PutUint16(b[8:], uint16(min(len(elems), 65535)))
	return string(b)
}

func appendZiplistInt(b []byte, n int64) []byte {
	le := func(c byte, width int) []byte {
		b = append(b, c)
		for i := range width {
			b = append(b, byte(n>>(8*i)))
		}
		return b
	}
	switch {
	case n >= 0 && n <= 12:
		return append(b, 0xF1+byte(n))
	case int64(int8(n)) == n:
		return le(0xFE, 1)
	case int64(int16(n)) == n:
		return le(0xC0, 2)
	case n >= -1<<23 && n < 1<<23:
		return le(0xF0, 3)
	case int64(int32(n)) == n:
		return le(0xD0, 4)
	}
	return le(0xE0, 8)
}

// zipmapOf is a zipmap of fields and values by turns, with some bytes that are free.
func zipmapOf(pairs ...string) string {
	size := func(b []byte, n int) []byte {
		if n < 254 {
			return append(b, byte(n))
		}
		return binary.LittleEndian.AppendUint32(append(b, 254), uint32(n))
	}
	b := []byte{byte(min(len(pairs)/2, 254))}
	for i, s := range pairs {
		b = size(b, len(s))
		if i%2 == 0 {
			b = append(b, s...)
			continue
		}
		free := i % 4
		b = append(append(append(b, byte(free)), s...), strings.Repeat("?", free)...)
	}
	return string(append(b, 0xFF))
}

func listpackOf(elems ...string) string {
	lp := listpack.New(0)
	for _, s := range elems {
		lp = listpack.Append(lp, s)
	}
	return string(lp)
}

// intsetOf is an intset of a width of two bytes.
func intsetOf(ns ...int16) string {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(ns)))
	for _, n := range ns {
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
	}
	return string(b)
}

// streamNode is a node with two entries and a deleted one, which begins at an ID.
func streamNode(ms uint64) (id string, lp string) {
	id = string(appendParts(nil, [2]uint64{ms, 0}))
	l := listpackOf("2", "1", "1", "field", "0",
		"2", "0", "0", "one", "4",
		"3", "1", "0", "gone", "4",
		"0", "2", "5", "2", "a", "1", "b", "2", "8")
	return id, l
}
