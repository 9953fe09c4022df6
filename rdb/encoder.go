package rdb

import (
	"fmt"
	"io"
	"strconv"

	"github.com/larderdb/larder/internal/engine"
)

// EncoderOptions are the options of an Encoder. The zero value writes what Redis 7.0
// does by default.
type EncoderOptions struct {
	// Version is the version to write: 10, 11 or 12. 0 is 10, which everything from
	// Redis 7.0 on reads, and which cannot hold fields of hashes that expire.
	Version int
	// Plain leaves strings uncompressed, as Redis does with rdbcompression no.
	Plain bool
	// NoChecksum writes 0 in the place of the checksum, as Redis does with
	// rdbchecksum no.
	NoChecksum bool
}

// An Encoder writes an RDB file: what a Decoder reads, event by event. It buffers;
// the file is whole when Close has returned nil.
type Encoder struct {
	s       sink
	version int

	started bool // a key
	typ     byte
	pieces  int64 // elements or nodes of it that are still to come
	closed  bool
}

// NewEncoder returns an Encoder to w, which begins with the header.
func NewEncoder(w io.Writer, o EncoderOptions) (*Encoder, error) {
	if o.Version == 0 {
		o.Version = DefaultVersion
	}
	if o.Version < DefaultVersion || o.Version > MaxVersion {
		return nil, fmt.Errorf("rdb: version %d cannot be written: %w", o.Version, ErrUnsupported)
	}
	e := &Encoder{version: o.Version}
	e.s = sink{w: w, buf: make([]byte, 0, bufferSize+bufferSize/4), sum: !o.NoChecksum, compress: !o.Plain}
	e.s.raw(fmt.Appendf(nil, "%s%04d", magicRedis, o.Version))
	return e, nil
}

// Aux writes a field that describes the file, such as redis-ver. They come before
// the keys; Redis passes over those it does not know.
func (e *Encoder) Aux(name, value string) error {
	e.s.byte(opAux)
	e.s.str(bytesOf(name))
	e.s.str(bytesOf(value))
	return e.done()
}

// AuxInt is Aux of a number.
func (e *Encoder) AuxInt(name string, value int64) error {
	return e.Aux(name, strconv.FormatInt(value, 10))
}

// Function writes the source of a library of functions.
func (e *Encoder) Function(source string) error {
	e.s.byte(opFunction2)
	e.s.str(bytesOf(source))
	return e.done()
}

// SelectDB begins the keys of a database, of which there are so many, and so many
// that expire: a hint with which Redis makes room.
func (e *Encoder) SelectDB(db int, keys, expires int64) error {
	e.s.byte(opSelectDB)
	e.s.length(uint64(db))
	return e.size(keys, expires)
}

func (e *Encoder) size(keys, expires int64) error {
	e.s.byte(opResizeDB)
	e.s.length(uint64(keys))
	e.s.length(uint64(expires))
	return e.done()
}

// Close ends the file with its checksum. It does not close the writer.
func (e *Encoder) Close() error {
	if e.closed {
		return e.s.err
	}
	e.closed = true
	e.s.byte(opEOF)
	e.s.flush()
	crc := e.s.crc
	e.s.sum = false
	e.s.uint64(crc)
	e.s.flush()
	return e.s.err
}

// Written is how many bytes were written so far, those in the buffer included.
func (e *Encoder) Written() int64 { return e.s.off + int64(len(e.s.buf)) }

func (e *Encoder) done() error {
	e.s.room()
	return e.s.err
}

// A keyHead is what stands before a key.
type keyHead struct {
	expireAt int64 // Unix milliseconds; 0: never
	idle     int64 // seconds; -1: not told
	freq     int   // -1: not told
}

func (e *Encoder) head(h keyHead) {
	s := &e.s
	if h.expireAt != 0 {
		s.byte(opExpireMs)
		s.uint64(uint64(h.expireAt))
	}
	if h.idle >= 0 {
		s.byte(opIdle)
		s.length(uint64(h.idle))
	}
	if h.freq >= 0 {
		s.byte(opFreq)
		s.byte(byte(h.freq))
	}
}

// value writes a key with its value. The error is ErrVersion with the key's name, or
// what the writer returned.
func (e *Encoder) value(key string, v engine.Value, h keyHead) error {
	if versionFor(v) > e.version {
		return e.tooOld(key)
	}
	e.head(h)
	e.s.byte(typeOf(v, e.version))
	e.s.str(bytesOf(key))
	e.s.engineValue(v, e.version)
	return e.done()
}

func (e *Encoder) tooOld(key string) error {
	return fmt.Errorf("%w: fields of the hash %.200q expire, which takes version %d, and this is %d",
		ErrVersion, key, versionFieldExpiry, e.version)
}
