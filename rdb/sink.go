package rdb

import (
	"encoding/binary"
	"io"
	"math"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/lzf"
)

// A sink writes the parts of a file, or collects a payload. Its error is sticky.
type sink struct {
	w        io.Writer // nil: all stays in buf
	buf      []byte
	off      int64 // bytes given to w
	sum      bool
	crc      uint64 // of those
	compress bool
	node     []byte // room for a node of a list
	err      error
}

// flush gives what is there to w.
func (s *sink) flush() {
	if s.w == nil {
		return
	}
	s.give(s.buf)
	if s.buf = s.buf[:0]; cap(s.buf) > maxRoom {
		s.buf = make([]byte, 0, bufferSize)
	}
}

func (s *sink) give(b []byte) {
	if s.err != nil || len(b) == 0 {
		return
	}
	if s.sum {
		s.crc = checksum(s.crc, b)
	}
	n, err := s.w.Write(b)
	s.off += int64(n)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	s.err = err
}

// room sees to it that the buffer does not grow for ever.
func (s *sink) room() {
	if s.w != nil && len(s.buf) >= bufferSize {
		s.flush()
	}
}

func (s *sink) byte(b byte) { s.buf = append(s.buf, b) }

func (s *sink) uint64(n uint64) { s.buf = binary.LittleEndian.AppendUint64(s.buf, n) }

// raw writes bytes as they are.
func (s *sink) raw(b []byte) {
	if s.w != nil && len(s.buf)+len(b) > bufferSize {
		s.flush()
		if len(b) >= bufferSize {
			s.give(b)
			return
		}
	}
	s.buf = append(s.buf, b...)
}

// length writes a length in the shortest of its encodings.
func (s *sink) length(n uint64) {
	switch {
	case n < 1<<6:
		s.buf = append(s.buf, len6|byte(n))
	case n < 1<<14:
		s.buf = append(s.buf, len14|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		s.buf = binary.BigEndian.AppendUint32(append(s.buf, len32), uint32(n))
	default:
		s.buf = binary.BigEndian.AppendUint64(append(s.buf, len64), n)
	}
}

// Up to maxIntDigits bytes it is tried whether a string is a number, and above
// minPack whether it can be compressed, which must save more than minSave.
const (
	maxIntDigits = 11
	minPack      = 20
	minSave      = 4
)

// str writes a string as Redis does: as a number of up to 32 bits if it is one,
// compressed if that pays, else plain.
func (s *sink) str(b []byte) {
	s.room()
	if len(b) <= maxIntDigits {
		if n, ok := listpack.ParseInt(borrow(b)); ok && s.int(n) {
			return
		}
	}
	if s.compress && len(b) > minPack && s.pack(b) {
		return
	}
	s.length(uint64(len(b)))
	s.raw(b)
}

// int writes a string that is an integer, if that has no more than 32 bits.
func (s *sink) int(n int64) bool {
	switch {
	case int64(int8(n)) == n:
		s.buf = append(s.buf, encAt|encInt8, byte(n))
	case int64(int16(n)) == n:
		s.buf = binary.LittleEndian.AppendUint16(append(s.buf, encAt|encInt16), uint16(n))
	case int64(int32(n)) == n:
		s.buf = binary.LittleEndian.AppendUint32(append(s.buf, encAt|encInt32), uint32(n))
	default:
		return false
	}
	return true
}

// pack writes a string compressed, and reports whether that pays.
func (s *sink) pack(b []byte) bool {
	if uint64(len(b)) > math.MaxUint32 {
		return false
	}
	// The compressed bytes come behind their length, which is not known before:
	// behind the room for the longest head.
	const head = 1 + 5 + 5
	from := len(s.buf)
	lz := append(s.buf, make([]byte, head)...)
	lz, ok := lzf.Append(lz, b, len(b)-minSave)
	if !ok {
		s.buf = lz[:from]
		return false
	}
	s.buf = lz[:from]
	body := lz[from+head:]
	s.packedHead(len(body), len(b))
	s.buf = append(s.buf, body...) // moves it forward, if at all
	s.room()
	return true
}

// blob writes a string that is compressed already; size is its length when it is
// not.
func (s *sink) blob(lz []byte, size int) {
	s.packedHead(len(lz), size)
	s.raw(lz)
}

func (s *sink) packedHead(packed, size int) {
	s.byte(encAt | encLZF)
	s.length(uint64(packed))
	s.length(uint64(size))
}

// value writes an element of a listpack as a string.
func (s *sink) value(v listpack.Value) {
	n, ok := v.Int()
	if !ok {
		s.str(v.Bytes())
		return
	}
	s.room()
	if !s.int(n) {
		var digits [20]byte
		b := v.Append(digits[:0])
		s.length(uint64(len(b)))
		s.raw(b)
	}
}

// id writes an ID as two lengths, rawID in 16 bytes.
func (s *sink) id(id ID) {
	s.length(id.Ms)
	s.length(id.Seq)
}

func (s *sink) rawID(id ID) {
	s.buf = binary.BigEndian.AppendUint64(s.buf, id.Ms)
	s.buf = binary.BigEndian.AppendUint64(s.buf, id.Seq)
}
