package larder

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// BITFIELD and BITFIELD_RO: integers of any width at any offset in bits.

// A BitField is one operation of BITFIELD, made by [BitFieldGet], [BitFieldSet] or
// [BitFieldIncrBy].
type BitField struct {
	kind     bitFieldKind
	typ      string // as it was given: "u8"
	signed   bool
	bits     uint
	offset   int64
	text     string // the offset as it was given, "#2" for one in fields
	value    int64
	overflow BitOverflow
	err      error
}

type bitFieldKind uint8

const (
	fieldGet bitFieldKind = iota
	fieldSet
	fieldIncrBy
)

var bitFieldNames = [...]string{"GET", "SET", "INCRBY"}

// A BitOverflow says what becomes of a number that does not fit into its bits.
type BitOverflow uint8

// The kinds of overflow.
const (
	BitWrap     BitOverflow = iota // it wraps around
	BitSaturate                    // it becomes the nearest number that fits
	BitFail                        // nothing is written: BitFieldValue.Overflow
)

var overflowNames = [...]string{"WRAP", "SAT", "FAIL"}

const errBitType Error = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."

// BitFieldGet reads an integer of typ, "u1" to "u63" or "i1" to "i64", at an offset in
// bits.
func BitFieldGet(typ string, offset int64) BitField {
	return bitField(fieldGet, typ, offset, 0, BitWrap)
}

// BitFieldSet writes an integer. Its result is the old one.
func BitFieldSet(typ string, offset, value int64, o BitOverflow) BitField {
	return bitField(fieldSet, typ, offset, value, o)
}

// BitFieldIncrBy adds to an integer. Its result is the sum.
func BitFieldIncrBy(typ string, offset, by int64, o BitOverflow) BitField {
	return bitField(fieldIncrBy, typ, offset, by, o)
}

func bitField(kind bitFieldKind, typ string, offset, value int64, o BitOverflow) BitField {
	f := BitField{kind: kind, offset: offset, value: value, overflow: o}
	f.setType(typ)
	return f
}

// setType reads a type.
func (f *BitField) setType(typ string) {
	f.typ = typ
	max := int64(63)
	if f.signed = typ != "" && typ[0] == 'i'; f.signed {
		max = 64
	} else if typ == "" || typ[0] != 'u' {
		f.err = errBitType
		return
	}
	n, ok := engine.ParseInt(typ[1:])
	if !ok || n < 1 || n > max {
		f.err = errBitType
		return
	}
	f.bits = uint(n)
}

// setOffset reads an offset in bits, or, behind a "#", in fields of the type.
func (f *BitField) setOffset(text string) {
	f.text = text
	digits, inFields := strings.CutPrefix(text, "#")
	n, ok := engine.ParseInt(digits)
	switch {
	case !ok:
		f.err = errBitOffset
	case inFields && (n < 0 || n > math.MaxInt64/int64(f.bits)):
		f.err = errBitOffset
	case inFields:
		n *= int64(f.bits)
	}
	f.offset = n
}

// words appends the operation as it is written.
func (f *BitField) words(to []string) []string {
	if f.kind != fieldGet {
		to = append(to, "OVERFLOW", overflowNames[f.overflow])
	}
	text := f.text
	if text == "" {
		text = strconv.FormatInt(f.offset, 10)
	}
	to = append(to, bitFieldNames[f.kind], f.typ, text)
	if f.kind != fieldGet {
		to = append(to, strconv.FormatInt(f.value, 10))
	}
	return to
}

// A BitFieldValue is the result of one operation of BITFIELD.
type BitFieldValue struct {
	Value    int64
	Overflow bool // the number did not fit, and BitFail kept the old one
}

// BitField runs operations on integers in the string at key, one after the other,
// and returns the result of each. The string grows, and is made, as need be. O(1) an
// operation.
func (c Commands) BitField(key string, ops ...BitField) ([]BitFieldValue, error) {
	return opBitField.Do(c.s, bitFieldArgs{key: key, ops: ops})
}

type bitFieldArgs struct {
	key  string
	ops  []BitField
	text [][]byte // the words of the operations, for the effect; nil: made anew
}

var (
	opBitField = add(bitFieldOp(spec{
		Name: "BITFIELD", Arity: -2, Flags: write | denyOOM, Keys: engine.One("RW ACCESS UPDATE VARIABLE_FLAGS"),
		Group: "bitmap", Since: "3.2.0", Complexity: "O(1) for each operation",
		Syntax: "key:key [operation<GET encoding_offset<encoding:string offset:integer>|" +
			"write<[OVERFLOW wrap_sat_fail<WRAP|SAT|FAIL>] write_operation<SET encoding_offset_value<encoding:string offset:integer value:integer>|" +
			"INCRBY encoding_offset_increment<encoding:string offset:integer increment:integer>>>>...]",
		Summary: "Reads, writes and counts with integers of any width in a string.",
	}, false))

	_ = add(bitFieldOp(spec{
		Name: "BITFIELD_RO", Arity: -2, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "bitmap", Since: "6.0.0", Complexity: "O(1) for each operation",
		Syntax:  "key:key [GET encoding_offset<encoding:string offset:integer>]...",
		Summary: "Reads integers of any width in a string.",
	}, true))
)

func bitFieldOp(s spec, ro bool) *op[bitFieldArgs, []BitFieldValue] {
	return &op[bitFieldArgs, []BitFieldValue]{
		Spec:  s,
		Parse: func(p *args) bitFieldArgs { return parseBitField(p, ro) },
		Keys: func(k *keySet, a bitFieldArgs) {
			if ro {
				k.Read(a.key)
			} else {
				k.Write(a.key)
			}
		},
		Run: runBitField,
		Reply: func(w *reply, r []BitFieldValue) {
			w.Array(len(r))
			for _, v := range r {
				if v.Overflow {
					w.Null()
				} else {
					w.Int(v.Value)
				}
			}
		},
	}
}

func parseBitField(p *args, ro bool) bitFieldArgs {
	a := bitFieldArgs{key: p.Key()}
	a.text = p.Words()[len(p.Words())-p.Len():]
	overflow, writes := BitWrap, false
	for p.More() {
		f := BitField{overflow: overflow}
		switch {
		case p.FlagWith("GET", 2):
		case p.FlagWith("SET", 3):
			f.kind = fieldSet
		case p.FlagWith("INCRBY", 3):
			f.kind = fieldIncrBy
		case p.FlagWith("OVERFLOW", 1):
			switch {
			case p.Flag("WRAP"):
				overflow = BitWrap
			case p.Flag("SAT"):
				overflow = BitSaturate
			case p.Flag("FAIL"):
				overflow = BitFail
			default:
				p.Fail(Error("ERR Invalid OVERFLOW type specified"))
			}
			continue
		default:
			p.Syntax()
			continue
		}
		if f.setType(p.String()); f.err == nil {
			f.setOffset(p.String())
		}
		if f.err == nil && f.offset < 0 {
			f.err = errBitOffset
		}
		if f.err != nil {
			p.Fail(f.err)
			continue
		}
		if f.kind != fieldGet {
			writes = true
			f.value = p.Int()
		}
		a.ops = append(a.ops, f)
	}
	if ro && writes {
		p.Fail(Error("ERR BITFIELD_RO only supports the GET subcommand"))
	}
	return a
}

func runBitField(t *txn, a bitFieldArgs) ([]BitFieldValue, error) {
	n := 0 // bytes that are written to
	for i := range a.ops {
		f := &a.ops[i]
		switch {
		case f.err != nil:
			return nil, f.err
		case f.bits == 0: // the zero BitField
			return nil, errBitType
		}
		if err := checkBitOffset(t, f.offset); err != nil {
			return nil, err
		}
		if f.kind != fieldGet {
			n = max(n, int((f.offset+int64(f.bits)-1)>>3)+1)
		}
	}
	was, err := t.String(a.key)
	if err != nil && err != ErrNil {
		return nil, err
	}
	results := make([]BitFieldValue, len(a.ops))
	b := bitString{Str: was}
	if n > 0 {
		b.edit = editString(t, a.key, was, n)
		b.Str = b.edit.str()
	}
	changed := n > was.Len()
	for i := range a.ops {
		f := &a.ops[i]
		raw := b.get(f.offset, f.bits)
		if f.kind == fieldGet {
			results[i].Value = f.extend(raw)
			continue
		}
		now, overflow := f.apply(raw)
		if overflow && f.overflow == BitFail {
			results[i].Overflow = true
			continue
		}
		if results[i].Value = f.extend(raw); f.kind == fieldIncrBy {
			results[i].Value = f.extend(now)
		}
		if now != raw {
			b.set(f.offset, f.bits, now)
			changed = true
		}
	}
	switch {
	case changed && slices.ContainsFunc(results, func(v BitFieldValue) bool { return !v.Overflow }):
		t.Effect('$', "setbit", a.key, a.words(t)...)
	case changed: // it only grew, which Redis tells nobody
		t.EffectAside(0, "", a.key, a.words(t)...)
	case n > 0:
		t.EffectAside(0, "", a.key)
	}
	return results, nil
}

// words are the effect.
func (a *bitFieldArgs) words(t *txn) []string {
	if !t.Replicating() {
		return nil
	}
	words := []string{"BITFIELD", a.key}
	if a.text != nil {
		for _, w := range a.text {
			words = append(words, bytesAsString(w))
		}
		return words
	}
	for i := range a.ops {
		words = a.ops[i].words(words)
	}
	return words
}

// apply returns the bits that an operation writes in the place of raw, and whether
// the number did not fit.
func (f *BitField) apply(raw uint64) (now uint64, overflow bool) {
	from, by := f.extend(raw), f.value
	if f.kind == fieldSet {
		from, by = f.value, 0
	}
	mask := uint64(math.MaxUint64) >> (64 - f.bits)
	low, high := int64(0), int64(mask) // of what fits
	if f.signed {
		high = int64(mask >> 1)
		low = -high - 1
	}
	var over, under bool
	switch {
	case !f.signed && by == 0 && from < 0: // SET reads a negative number as a great one
		over = true
	case by > 0 && from > math.MaxInt64-by:
		over = true
	case by < 0 && from < math.MinInt64-by:
		under = true
	default:
		over, under = from+by > high, from+by < low
	}
	if f.overflow == BitSaturate {
		if over {
			return uint64(high) & mask, true
		}
		if under {
			return uint64(low) & mask, true
		}
	}
	return uint64(from+by) & mask, over || under
}

// extend is the number that bits are.
func (f *BitField) extend(raw uint64) int64 {
	if f.signed && raw>>(f.bits-1) != 0 {
		raw |= math.MaxUint64 << (f.bits - 1) // the sign
	}
	return int64(raw)
}

// A bitString is a string that is read, and perhaps written, by bits.
type bitString struct {
	engine.Str
	edit stringEdit
}

func (b *bitString) byteAt(i int) byte {
	if i >= b.Len() {
		return 0
	}
	return b.Byte(i)
}

// get reads n bits, at most 64, at an offset.
func (b *bitString) get(offset int64, n uint) uint64 {
	at, skip := int(offset>>3), uint(offset&7)
	v := uint64(b.byteAt(at) & (0xff >> skip))
	got := 8 - skip
	for got < n {
		at++
		take := min(8, n-got)
		v = v<<take | uint64(b.byteAt(at)>>(8-take))
		got += take
	}
	return v >> (got - n)
}

// set writes n bits at an offset, from the last byte to the first.
func (b *bitString) set(offset int64, n uint, v uint64) {
	for end := offset + int64(n); n > 0; {
		at, used := int((end-1)>>3), uint((end-1)&7+1)
		take := min(used, n)
		shift := 8 - used
		mask := byte(0xff>>(8-take)) << shift
		b.edit.write(at, oneByte(b.byteAt(at)&^mask|byte(v<<shift)&mask))
		v, n, end = v>>take, n-take, end-int64(take)
	}
}
