package rdb

import (
	"io"
	"iter"
	"math"
)

// A ModulePolicy says what becomes of the data of modules, which only its module
// understands.
type ModulePolicy uint8

// The policies.
const (
	ReportModules ModulePolicy = iota // an event with the module's name; the data is skipped
	SkipModules                       // no event: as if neither the data nor the key were there
	RefuseModules                     // ErrModule
)

// DecoderOptions are the options of a Decoder. The zero value is good for most.
type DecoderOptions struct {
	// Elements asks for collections element by element: never KindPacked or KindNode.
	// It costs the time of taking them apart. An Encoder does not take these events.
	Elements bool
	// Modules says what becomes of the data of modules.
	Modules ModulePolicy
	// SkipChecksum leaves the checksum at the end unlooked at, which makes decoding
	// faster.
	SkipChecksum bool
}

// A Decoder reads an RDB file, from its header to its checksum. What follows in
// the reader is not its: up to 64 KB of it may have been read, see
// [Decoder.Offset] and [Decoder.Buffered].
//
// It takes memory for the longest single string, listpack or node, at most 88 times
// as many bytes as that has in the input (so well LZF can compress), whatever
// lengths and counts the input announces.
type Decoder struct {
	in source
	o  DecoderOptions

	// lazyNodes leaves the validation of a stream's nodes to who gets them.
	lazyNodes bool
	// raw leaves values undecoded, but for those of many elements: see kindRaw.
	raw   bool
	rawAt int64 // where the value begins that is left so

	ev    Event
	yield func(*Event) bool
	key   Key
	inKey bool
	quiet bool // of a key whose events nobody wants

	name, field, val, packed []byte // room for what is borrowed
	fields                   [][]byte
	seen                     seen
}

// NewDecoder returns a Decoder of r.
func NewDecoder(r io.Reader, o DecoderOptions) *Decoder {
	d := &Decoder{in: *newSource(r), o: o}
	d.in.sum = !o.SkipChecksum
	return d
}

// Events yields the events of the file, once. An error comes last, with no event; it
// is an *Error.
func (d *Decoder) Events() iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		d.yield = func(ev *Event) bool { return yield(ev, nil) }
		d.file()
		if d.in.err != nil && d.in.err != errStop {
			yield(nil, d.failure())
		}
	}
}

// Decode calls f with the events of the file, once. It returns an *Error, or what f
// did.
func (d *Decoder) Decode(f func(*Event) error) (err error) {
	d.yield = func(ev *Event) bool {
		err = f(ev)
		return err == nil
	}
	d.file()
	if d.in.err != nil && d.in.err != errStop {
		return d.failure()
	}
	return err
}

// Offset is how many bytes of the input were decoded.
func (d *Decoder) Offset() int64 { return d.in.offset() }

// Buffered is what was read from the input and not decoded: behind the end of the
// file, what follows it.
func (d *Decoder) Buffered() []byte { return d.in.buf[d.in.p:d.in.n] }

// failure is the source's error as one of the file.
func (d *Decoder) failure() *Error {
	e := &Error{Offset: d.in.offset(), Err: d.in.err, Detail: d.in.why, InKey: d.inKey, DB: d.ev.DB}
	if d.inKey {
		e.Key = string(d.key.Name)
	}
	return e
}

func (d *Decoder) ok() bool { return d.in.err == nil }

// emit hands out the event, and reports whether another is wanted.
func (d *Decoder) emit(k Kind) bool {
	if d.in.err != nil {
		return false
	}
	if d.quiet {
		return true
	}
	d.ev.Kind = k
	if !d.yield(&d.ev) {
		d.in.fail(errStop, "")
		return false
	}
	return true
}

// begin notes where the next event begins.
func (d *Decoder) begin() { d.ev.Offset = d.in.offset() }

// keep copies what is borrowed from the source, so that it outlives the next
// reading.
func keep(room *[]byte, b []byte) []byte {
	*room = append((*room)[:0], b...)
	return *room
}

func (d *Decoder) file() {
	d.header()
	d.forget()
	for d.ok() {
		d.begin()
		op := d.in.byte()
		if d.ok() && d.op(op) {
			return
		}
	}
}

func (d *Decoder) header() {
	b := d.in.fixed(headerLen)
	if !d.ok() {
		return
	}
	rest, valkey := string(b[len(magicRedis):]), false
	switch {
	case string(b[:len(magicRedis)]) == magicRedis:
	case string(b[:len(magicValkey)]) == magicValkey:
		rest, valkey = string(b[len(magicValkey):]), true
	default:
		d.in.fail(ErrFormat, "")
		return
	}
	n := 0
	for _, c := range []byte(rest) {
		if c < '0' || c > '9' {
			n = -1
			break
		}
		n = 10*n + int(c-'0')
	}
	if !knownVersion(n) || valkey != (n >= ValkeyVersion) {
		d.in.fail(ErrFormat, "version "+rest)
		return
	}
	d.ev.Version, d.ev.Valkey = n, valkey
	d.emit(KindHeader)
}

func knownVersion(n int) bool { return n >= MinVersion && n <= MaxVersion || n == ValkeyVersion }

// forget makes ready for the next key.
func (d *Decoder) forget() {
	d.key = Key{Name: d.key.Name[:0], Idle: -1, Freq: -1}
	d.inKey, d.quiet, d.ev.Key = false, false, nil
	// What was borrowed must not keep a long value alive.
	d.ev.Name, d.ev.Field, d.ev.Value, d.ev.Fields = nil, nil, nil, nil
	for _, room := range []*[]byte{&d.name, &d.field, &d.val, &d.packed, &d.in.lz, &d.in.rec} {
		if cap(*room) > maxRoom {
			*room = nil
		}
	}
}

// maxRoom is the most that is kept ready between keys.
const maxRoom = 1 << 20

// op decodes what follows an instruction or a type, and reports whether that was
// the end.
func (d *Decoder) op(op byte) (end bool) {
	in, ev := &d.in, &d.ev
	switch op {
	case opEOF:
		d.eof()
		return true
	case opExpireMs:
		d.expire(int64(in.uint64()))
	case opExpire:
		d.expire(int64(int32(in.uint32())) * 1000)
	case opIdle:
		d.key.Idle = in.count()
	case opFreq:
		d.key.Freq = int(in.byte())
	case opSelectDB:
		n := in.num()
		if n > math.MaxInt32 {
			in.corrupt("a database number past all bounds")
		}
		ev.DB = int(n)
		d.emit(KindDB)
	case opResizeDB:
		ev.Keys, ev.Expires = in.count(), in.count()
		d.emit(KindSize)
	case opAux:
		ev.Name = keep(&d.name, in.str(&d.name))
		ev.Value = in.str(&d.val)
		d.emit(KindAux)
	case opFunction2:
		ev.Value = in.str(&d.val)
		d.emit(KindFunction)
	case opFunctionPreGA:
		in.fail(ErrUnsupported, "functions as a candidate of Redis 7.0 wrote them")
	case opSlotInfo:
		n := in.num()
		ev.Slot, ev.Keys, ev.Expires = int(min(n, math.MaxInt32)), in.count(), in.count()
		d.emit(KindSlot)
	case opModuleAux:
		d.moduleAux()
	case opSlotImport:
		if !ev.Valkey {
			in.fail(ErrUnsupported, "an unknown instruction")
			return false
		}
		ev.Name = keep(&d.name, in.str(&d.name))
		for n := in.num(); n > 0 && d.ok(); n-- {
			in.num()
			in.num()
		}
		d.emit(KindSlotImport)
	default:
		ev.Name, ev.Value = nil, nil
		d.pair(op)
	}
	return false
}

// expire notes when the next key expires. In an Event 0 means never.
func (d *Decoder) expire(at int64) { d.key.ExpireAt = max(at, 1) }

func (d *Decoder) eof() {
	in := &d.in
	if d.ev.Version < versionChecksum {
		d.ev.Checksum = 0
		d.emit(KindEOF)
		return
	}
	in.addSum()
	want, crc := in.crc, uint64(0)
	in.sum = false
	if crc = in.uint64(); !d.ok() {
		return
	}
	if crc != 0 && !d.o.SkipChecksum && crc != want {
		in.fail(ErrChecksum, "")
		return
	}
	d.ev.Checksum = crc
	d.emit(KindEOF)
}

// pair decodes a key and its value.
func (d *Decoder) pair(typ byte) {
	d.key.Name = append(d.key.Name[:0], d.in.str(&d.packed)...)
	if !d.ok() {
		return
	}
	d.key.Encoding = typ
	d.inKey = true
	if d.raw {
		d.rawAt = d.in.offset()
		d.in.record()
		d.quiet = true
	}
	d.value()
	switch {
	case !d.ok():
	case d.in.skim:
		d.quiet = false
		d.ev.Offset, d.ev.Value = d.rawAt, d.in.recorded()
		d.emit(kindRaw)
	default:
		d.begin()
		d.emit(KindEnd)
	}
	if d.ok() {
		d.forget()
	}
}
