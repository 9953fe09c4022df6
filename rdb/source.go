package rdb

import (
	"encoding/binary"
	"io"
	"math"
	"strconv"

	"github.com/larderdb/larder/internal/lzf"
)

// bufferSize is how much is read at once, and the most that a string grows by
// before more of it has arrived.
const bufferSize = 64 << 10

// A source reads the parts of a file or payload. Its error is sticky: after it
// everything reads as zero, and loops that count down ask for it.
type source struct {
	r    io.Reader // nil: buf is all there is
	buf  []byte
	p, n int   // buf[p:n] is to be read
	off  int64 // the offset of buf[0] in the input

	sum    bool
	crc    uint64 // of what came before summed
	summed int    // an index of buf

	// While skim is set, strings are passed over where that is cheaper, and what is
	// read from an index of buf on is kept, behind what rec has of it.
	skim bool
	from int
	rec  []byte

	lz  []byte // compressed bytes of a long string
	err error
	why string // what was expected; belongs to err
}

func newSource(r io.Reader) *source { return &source{r: r, buf: make([]byte, bufferSize)} }

// over returns a source of bytes that are all there.
func over(b []byte) source { return source{buf: b, n: len(b)} }

// offset is where the next byte lies in the input.
func (s *source) offset() int64 { return s.off + int64(s.p) }

// fail makes err the error, unless there is one.
func (s *source) fail(err error, why string) {
	if s.err == nil {
		s.err, s.why = err, why
	}
}

// corrupt fails.
func (s *source) corrupt(why string) { s.fail(ErrCorrupt, why) }

// fill sees to it that k bytes, at most bufferSize of a reader, are in the buffer.
func (s *source) fill(k int) bool {
	if s.n-s.p >= k {
		return s.err == nil
	}
	return s.refill(k)
}

func (s *source) refill(k int) bool {
	if s.err != nil {
		return false
	}
	if s.r == nil {
		s.p = s.n
		s.fail(io.ErrUnexpectedEOF, "")
		return false
	}
	s.addSum()
	if s.skim {
		s.rec = append(s.rec, s.buf[s.from:s.p]...)
		s.from = 0
	}
	copy(s.buf, s.buf[s.p:s.n])
	s.off += int64(s.p)
	s.n -= s.p
	s.p, s.summed = 0, 0
	m, err := io.ReadAtLeast(s.r, s.buf[s.n:], k-s.n)
	s.n += m
	if s.n >= k {
		return true
	}
	s.p = s.n
	s.fail(noEOF(err), "")
	return false
}

// record begins to skim.
func (s *source) record() { s.skim, s.from, s.rec = true, s.p, s.rec[:0] }

// recorded ends that and returns what was read since, which is good until the next
// reading.
func (s *source) recorded() []byte {
	s.skim = false
	if len(s.rec) == 0 {
		return s.buf[s.from:s.p]
	}
	s.rec = append(s.rec, s.buf[s.from:s.p]...)
	return s.rec
}

// addSum brings the checksum up to what was read.
func (s *source) addSum() {
	if s.sum {
		s.crc = checksum(s.crc, s.buf[s.summed:s.p])
	}
	s.summed = s.p
}

func (s *source) byte() byte {
	if !s.fill(1) {
		return 0
	}
	s.p++
	return s.buf[s.p-1]
}

// fixed reads k bytes, at most 16, which are good until the next reading.
func (s *source) fixed(k int) []byte {
	if !s.fill(k) {
		return zeros[:k]
	}
	s.p += k
	return s.buf[s.p-k : s.p]
}

var zeros [16]byte

func (s *source) uint64() uint64 { return binary.LittleEndian.Uint64(s.fixed(8)) }

func (s *source) uint32() uint32 { return binary.LittleEndian.Uint32(s.fixed(4)) }

// length reads a length. enc is -1, or says how a string is encoded that has none.
func (s *source) length() (n uint64, enc int) {
	b := s.byte()
	switch b & 0xC0 {
	case len6:
		return uint64(b), -1
	case len14:
		return uint64(b&0x3F)<<8 | uint64(s.byte()), -1
	case encAt:
		return 0, int(b & 0x3F)
	}
	switch b {
	case len32:
		return uint64(binary.BigEndian.Uint32(s.fixed(4))), -1
	case len64:
		return binary.BigEndian.Uint64(s.fixed(8)), -1
	}
	s.corrupt("no length here")
	return 0, -1
}

// num reads a length that is one.
func (s *source) num() uint64 {
	n, enc := s.length()
	if enc >= 0 {
		s.corrupt("an encoding in the place of a length")
	}
	return n
}

// count reads a number of things that follow.
func (s *source) count() int64 {
	n := s.num()
	if n > math.MaxInt64 {
		s.corrupt("a number past the signed range")
		return 0
	}
	return int64(n)
}

// bytes reads n bytes. They lie in the buffer where they have room there, else in
// *room, which grows with what arrives and not with n. They are good until the next
// reading, or the next use of *room.
func (s *source) bytes(n uint64, room *[]byte) []byte {
	if s.r == nil || n <= bufferSize {
		if s.r == nil && n > uint64(s.n-s.p) || !s.fill(int(n)) {
			s.fail(io.ErrUnexpectedEOF, "")
			return nil
		}
		s.p += int(n)
		return s.buf[s.p-int(n) : s.p : s.p]
	}
	b := (*room)[:0]
	for n > 0 {
		k := int(min(n, bufferSize))
		if !s.fill(k) {
			return nil
		}
		b = append(b, s.buf[s.p:s.p+k]...)
		s.p += k
		n -= uint64(k)
	}
	*room = b
	return b
}

// str reads a string: plain, a number, or compressed. It is good as that of bytes.
func (s *source) str(room *[]byte) []byte {
	n, enc := s.length()
	switch enc {
	case -1:
		return s.bytes(n, room)
	case encInt8:
		return s.digits(int64(int8(s.byte())), room)
	case encInt16:
		return s.digits(int64(int16(binary.LittleEndian.Uint16(s.fixed(2)))), room)
	case encInt32:
		return s.digits(int64(int32(s.uint32())), room)
	case encLZF:
		return s.packed(room)
	}
	s.corrupt("an unknown encoding of a string")
	return nil
}

func (s *source) digits(n int64, room *[]byte) []byte {
	*room = strconv.AppendInt((*room)[:0], n, 10)
	return *room
}

// maxRatio is how many bytes one byte of LZF can stand for: three repeat up to 264.
const maxRatio = 88

// packed reads a compressed string.
func (s *source) packed(room *[]byte) []byte {
	size, n := s.num(), s.num()
	if size > math.MaxUint32 || n > size*maxRatio || n > math.MaxInt {
		s.corrupt("a compressed string that cannot have its length")
		return nil
	}
	from := s.bytes(size, &s.lz)
	if s.err != nil || s.skim {
		return nil
	}
	b := *room
	if uint64(cap(b)) < n {
		b = make([]byte, n)
	}
	b = b[:n]
	if !lzf.Decode(b, from) {
		s.corrupt("a compressed string")
		return nil
	}
	*room = b
	return b
}
