package rdb

import (
	"encoding/binary"
	"io"

	"github.com/larderdb/larder/internal/engine"
)

// values decodes the file once and calls f with every event outside of keys, and
// with the KindEnd of each key and its value. The value may borrow, and is good until
// f returns. Its form is NoForm for a key without elements, which Redis leaves out,
// and for one of a module. The error is an *Error, or what f returned.
func (d *Decoder) values(l limits, f func(ev *Event, v engine.Value) error) error {
	b := builder{l: l}
	d.lazyNodes = true
	return d.Decode(func(ev *Event) error {
		if ev.Key == nil {
			return f(ev, engine.Value{})
		}
		switch err := b.event(ev); {
		case err != nil && err != errEmptyKey:
			return d.refuse(err)
		case ev.Kind == KindEnd:
			return f(ev, b.v)
		}
		return nil
	})
}

// refuse is an error for what the decoder took and the builder did not.
func (d *Decoder) refuse(err error) error {
	e := Error{Offset: d.ev.Offset, DB: d.ev.DB, Key: string(d.key.Name), InKey: true}
	e.Detail, e.Err = refusal(err)
	return &e
}

// refusal is what was expected, and the error, of what the builder returned.
func refusal(err error) (why string, kind error) {
	if err == errEmptyKey {
		return "", err
	}
	return err.Error(), ErrCorrupt
}

// A payload of DUMP is a type, a value, and a footer of the version of the format in
// 16 bits and the checksum of all before it in 64, both little-endian.
const footerLen = 2 + 8

// appendDump appends the payload of a value: of version 10, or of 12 where that
// does not hold it.
func appendDump(dst []byte, v engine.Value, compress bool) []byte {
	version := max(DefaultVersion, versionFor(v))
	s := sink{buf: dst, compress: compress}
	s.byte(typeOf(v, version))
	s.engineValue(v, version)
	b := binary.LittleEndian.AppendUint16(s.buf, uint16(version))
	return binary.LittleEndian.AppendUint64(b, checksum(0, b[len(dst):]))
}

// valueLen is how many bytes a value takes in a file, without its type: DEBUG OBJECT.
func valueLen(v engine.Value, compress bool) int {
	s := sink{compress: compress}
	s.engineValue(v, max(DefaultVersion, versionFor(v)))
	return len(s.buf)
}

// decodeDump makes a value of a payload, which it validates in full. What it makes
// may borrow from the payload. The error is an *Error.
func decodeDump(payload []byte, l limits) (engine.Value, error) {
	var none engine.Value
	n := len(payload) - footerLen
	if n < 0 {
		return none, &Error{Err: ErrFormat, Detail: "too short for a payload"}
	}
	version := dumpVersion(borrow(payload))
	if !knownVersion(version) {
		return none, &Error{Offset: int64(n), Err: ErrFormat, Detail: "an unknown version"}
	}
	if !l.anyChecksum && binary.LittleEndian.Uint64(payload[n+2:]) != checksum(0, payload[:n+2]) {
		return none, &Error{Offset: int64(n + 2), Err: ErrChecksum}
	}
	if n == 0 {
		return none, &Error{Err: io.ErrUnexpectedEOF, Detail: "a payload without a value"}
	}
	d := newValueDecoder(l)
	return d.decode(payload[0], version >= ValkeyVersion, payload[1:n])
}

// dumpVersion is the version of a payload, which has a footer.
func dumpVersion(payload string) int {
	n := len(payload) - footerLen
	return int(payload[n]) | int(payload[n+1])<<8
}

// A valueDecoder makes values of the bytes that a file or a payload has of them. It
// is for one goroutine; several beside each other take the work of a Decoder that
// leaves values undecoded.
type valueDecoder struct {
	d       Decoder
	b       builder
	refused int64 // where what the builder did not take begins; -1: there is nothing
}

func newValueDecoder(l limits) *valueDecoder {
	v := &valueDecoder{b: builder{l: l}}
	v.d = Decoder{o: DecoderOptions{Modules: RefuseModules}, lazyNodes: true}
	v.d.yield = func(ev *Event) bool {
		if err := v.b.event(ev); err != nil {
			why, kind := refusal(err)
			v.d.in.fail(kind, why)
			v.refused = ev.Offset
		}
		return true
	}
	return v
}

// decode makes a value of bytes, which it validates in full. The value may borrow
// from them and from v, and is good until the next decode. The error is an *Error,
// whose offset counts from the type's byte before raw; it wraps errEmptyKey where the
// value has no element.
func (v *valueDecoder) decode(typ byte, valkey bool, raw []byte) (engine.Value, error) {
	d := &v.d
	lz := d.in.lz
	d.in = over(raw)
	d.in.lz, d.in.off = lz, 1
	d.forget()
	d.ev.Valkey, d.key.Encoding, v.refused = valkey, typ, -1
	d.value()
	if d.ok() && d.in.p != len(raw) {
		d.in.corrupt("more bytes than the value has")
	}
	d.begin()
	d.emit(KindEnd)
	if !d.ok() {
		e := d.failure()
		if v.refused >= 0 {
			e.Offset = v.refused
		}
		return engine.Value{}, e
	}
	return v.b.v, nil
}
