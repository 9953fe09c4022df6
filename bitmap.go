package larder

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// Bitmaps: SETBIT GETBIT BITCOUNT BITPOS BITOP. BITFIELD is in bitfield.go. A bitmap
// is a string, whose first bit, offset 0, is the highest of its first byte. Long
// ones lie in pages, of which those that were never written take no memory.

const (
	errBitOffset Error = "ERR bit offset is not an integer or out of range"
	errBit       Error = "ERR bit is not an integer or out of range"
)

// parseBitOffset reads an offset in bits.
func parseBitOffset(p *args) int64 { return p.IntOr(errBitOffset) }

// checkBitOffset returns an error for a bit that no string can have.
func checkBitOffset(t *txn, offset int64) error {
	if offset < 0 || offset>>3 >= t.Engine().MaxString() {
		return errBitOffset
	}
	return nil
}

// SetBit sets or clears the bit at an offset of the string at key and returns what
// it was. The string is made, and filled with zeros, as need be; offsets go to
// 4,294,967,295, and further ones are an error. O(1).
func (c Commands) SetBit(key string, offset int64, bit bool) (bool, error) {
	return opSetBit.Do(c.s, setBitArgs{key, offset, bit, nil})
}

type setBitArgs struct {
	key    string
	offset int64
	bit    bool
	bad    error // of the bit, to be told behind that of the offset
}

var opSetBit = add(&op[setBitArgs, bool]{
	Spec: spec{
		Name: "SETBIT", Arity: 4, Flags: write | denyOOM, Keys: engine.One("RW ACCESS UPDATE"),
		Group: "bitmap", Since: "2.2.0", Complexity: "O(1)", Syntax: "key:key offset:integer value:integer",
		Summary: "Sets or clears one bit of a string.",
	},
	Parse: func(p *args) setBitArgs {
		a := setBitArgs{key: p.Key(), offset: parseBitOffset(p)}
		switch n, ok := engine.ParseInt(p.String()); {
		case !ok || n&^1 != 0:
			a.bad = errBit
		default:
			a.bit = n == 1
		}
		return a
	},
	Keys: func(k *keySet, a setBitArgs) { k.Write(a.key) },
	Run: func(t *txn, a setBitArgs) (bool, error) {
		if err := checkBitOffset(t, a.offset); err != nil {
			return false, err
		}
		if a.bad != nil {
			return false, a.bad
		}
		was, err := t.String(a.key)
		if err != nil && err != ErrNil {
			return false, err
		}
		at, mask := int(a.offset>>3), byte(0x80)>>(a.offset&7)
		old := byte(0)
		if at < was.Len() {
			old = was.Byte(at)
		}
		b := old &^ mask
		if a.bit {
			b |= mask
		}
		if at < was.Len() && b == old {
			return old&mask != 0, nil
		}
		editString(t, a.key, was, at+1).write(at, oneByte(b))
		t.Effect('$', "setbit", a.key, "SETBIT", a.key, t.Int(a.offset), bitDigit(a.bit))
		return old&mask != 0, nil
	},
	Reply: replyBool,
})

func oneByte(b byte) string { return string([]byte{b}) }

func bitDigit(bit bool) string {
	if bit {
		return "1"
	}
	return "0"
}

// GetBit returns the bit at an offset of the string at key: false behind its end,
// and for a missing key. O(1).
func (c Commands) GetBit(key string, offset int64) (bool, error) {
	return opGetBit.Do(c.s, getBitArgs{key, offset})
}

type getBitArgs struct {
	key    string
	offset int64
}

var opGetBit = add(&op[getBitArgs, bool]{
	Spec: spec{
		Name: "GETBIT", Arity: 3, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "bitmap", Since: "2.2.0", Complexity: "O(1)", Syntax: "key:key offset:integer",
		Summary: "Reads one bit of a string.",
	},
	Parse: func(p *args) getBitArgs { return getBitArgs{p.Key(), parseBitOffset(p)} },
	Keys:  func(k *keySet, a getBitArgs) { k.Read(a.key) },
	Run: func(t *txn, a getBitArgs) (bool, error) {
		if err := checkBitOffset(t, a.offset); err != nil {
			return false, err
		}
		v, err := t.String(a.key)
		if err != nil || int(a.offset>>3) >= v.Len() {
			return false, ignoreNil(err)
		}
		return v.Byte(int(a.offset>>3))&(0x80>>(a.offset&7)) != 0, nil
	},
	Reply: replyBool,
})

// A BitUnit is what the ends of a range count.
type BitUnit uint8

// The units.
const (
	InBytes BitUnit = iota
	InBits
)

// A BitRange is a part of a bitmap: from Start to End, both inclusive, in bytes or
// in bits. Negative ends count from the end of the string.
type BitRange struct {
	Start, End int64
	Unit       BitUnit
}

// BitCount returns the number of bits that are set in the string at key, 0 for a
// missing one. O(n).
func (c Commands) BitCount(key string) (int64, error) {
	return opBitCount.Do(c.s, bitRangeArgs{key: key, in: BitRange{End: -1}})
}

// BitCountIn returns the number of bits that are set in a part of the string at key.
func (c Commands) BitCountIn(key string, in BitRange) (int64, error) {
	return opBitCount.Do(c.s, bitRangeArgs{key: key, in: in})
}

// bitRangeArgs are those of BITCOUNT and BITPOS. Redis looks at the key before it
// looks at the range, so that a wrong one is told late.
type bitRangeArgs struct {
	key     string
	bit     bool
	in      BitRange
	ended   bool  // an end was given
	bad     error // of start or end
	badUnit error
}

// parseEnd reads an end of the range.
func (a *bitRangeArgs) parseEnd(p *args) int64 {
	n, ok := engine.ParseInt(p.String())
	if !ok && a.bad == nil {
		a.bad = ErrNotInt
	}
	return n
}

func (a *bitRangeArgs) parseUnit(p *args) {
	switch unit := p.String(); {
	case p.More():
		a.bad = ErrSyntax
		p.Rest()
	case strings.EqualFold(unit, "bit"):
		a.in.Unit = InBits
	case !strings.EqualFold(unit, "byte"):
		a.badUnit = ErrSyntax
	}
}

// resolve turns the range into bits from (inclusive) to to (exclusive) of a string
// of n bytes; it is empty where from is not below to.
func (a *bitRangeArgs) resolve(n int) (from, to int64, err error) {
	if a.bad != nil {
		return 0, 0, a.bad
	}
	start, end := a.in.Start, a.in.End
	if start < 0 && end < 0 && start > end {
		return 0, 0, nil
	}
	if a.badUnit != nil {
		return 0, 0, a.badUnit
	}
	total := int64(n)
	if a.in.Unit == InBits {
		total *= 8
	}
	start, end = fromEnd(start, total), min(fromEnd(end, total), total-1)
	if start > end {
		return 0, 0, nil
	}
	if a.in.Unit == InBytes {
		return start * 8, end*8 + 8, nil
	}
	return start, end + 1, nil
}

var opBitCount = add(&op[bitRangeArgs, int64]{
	Spec: spec{
		Name: "BITCOUNT", Arity: -2, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "bitmap", Since: "2.6.0", Complexity: "O(N)",
		Syntax:  "key:key [index<start:integer end:integer [index_unit<BYTE|BIT>@7.0.0]>]",
		Summary: "Counts the bits that are set in a string, or in a part of it.",
	},
	Parse: func(p *args) bitRangeArgs {
		a := bitRangeArgs{key: p.Key(), in: BitRange{End: -1}}
		switch p.Len() {
		case 0:
		case 1:
			a.bad = ErrSyntax
			p.Rest()
		default:
			a.in.Start, a.in.End = a.parseEnd(p), a.parseEnd(p)
			if p.More() {
				a.parseUnit(p)
			}
		}
		return a
	},
	Keys: func(k *keySet, a bitRangeArgs) { k.Read(a.key) },
	Run: func(t *txn, a bitRangeArgs) (n int64, err error) {
		v, err := t.String(a.key)
		if err != nil {
			return 0, ignoreNil(err)
		}
		from, to, err := a.resolve(v.Len())
		if err != nil || from >= to {
			return 0, err
		}
		first, last := int(from>>3), int((to-1)>>3)
		for s := range v.Parts(first, last+1) {
			n += countBits(s)
		}
		n -= int64(bits.OnesCount8(v.Byte(first) &^ (0xff >> (from & 7))))
		n -= int64(bits.OnesCount8(v.Byte(last) & (0xff >> ((to-1)&7 + 1))))
		return n, nil
	},
	Reply: (*reply).Int,
})

// countBits is the number of bits set in s.
func countBits(s string) int64 {
	n, b := 0, stringBytes(s)
	for ; len(b) >= 32; b = b[32:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b)) + bits.OnesCount64(binary.LittleEndian.Uint64(b[8:])) +
			bits.OnesCount64(binary.LittleEndian.Uint64(b[16:])) + bits.OnesCount64(binary.LittleEndian.Uint64(b[24:]))
	}
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return int64(n)
}

// BitPos returns the offset in bits of the first bit of the string at key that is
// set, or clear; -1 if there is none. Behind the end of a string all bits are
// clear, and a missing key is an empty string. O(n).
func (c Commands) BitPos(key string, bit bool) (int64, error) {
	return opBitPos.Do(c.s, bitRangeArgs{key: key, bit: bit, in: BitRange{End: -1}})
}

// BitPosIn is BitPos in a part of the string: -1 if there is no such bit in it.
func (c Commands) BitPosIn(key string, bit bool, in BitRange) (int64, error) {
	return opBitPos.Do(c.s, bitRangeArgs{key: key, bit: bit, in: in, ended: true})
}

var opBitPos = add(&op[bitRangeArgs, int64]{
	Spec: spec{
		Name: "BITPOS", Arity: -3, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "bitmap", Since: "2.8.7", Complexity: "O(N)",
		Syntax:  "key:key bit:integer [index<start:integer [end_index<end:integer [index_unit<BYTE|BIT>@7.0.0]>]>]",
		Summary: "Finds the first bit of a string that is set, or clear.",
	},
	Parse: func(p *args) bitRangeArgs {
		a := bitRangeArgs{key: p.Key(), in: BitRange{End: -1}}
		switch p.Int() {
		case 1:
			a.bit = true
		case 0:
		default:
			p.Fail(Error("ERR The bit argument must be 1 or 0."))
		}
		if p.More() {
			a.in.Start = a.parseEnd(p)
		}
		if p.More() {
			a.in.End, a.ended = a.parseEnd(p), true
		}
		if p.More() {
			if a.parseUnit(p); a.bad == nil {
				a.bad = a.badUnit // before it looks at the range, unlike BITCOUNT
			}
		}
		return a
	},
	Keys: func(k *keySet, a bitRangeArgs) { k.Read(a.key) },
	Run: func(t *txn, a bitRangeArgs) (int64, error) {
		v, err := t.String(a.key)
		if err == ErrNil {
			if a.bit {
				return -1, nil
			}
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		from, to, err := a.resolve(v.Len())
		if err != nil || from >= to {
			return -1, err
		}
		if i := findBit(v, a.bit, from, to); i >= 0 {
			return i, nil
		}
		if !a.bit && !a.ended {
			return int64(v.Len()) * 8, nil
		}
		return -1, nil
	},
	Reply: (*reply).Int,
})

// findBit finds the first bit from from (inclusive) to to (exclusive) that is set,
// or clear; -1 if there is none.
func findBit(v engine.Str, bit bool, from, to int64) int64 {
	skip := byte(0) // a byte in which there is nothing to find
	if !bit {
		skip = 0xff
	}
	at := from >> 3
	for s := range v.Parts(int(at), int((to-1)>>3)+1) {
		i := 0
		if at == from>>3 { // the bits before from do not count
			if b := (s[0] ^ skip) & (0xff >> (from & 7)); b != 0 {
				return firstBit(at, b, to)
			}
			i = 1
		}
		word := uint64(skip) * 0x0101010101010101
		for ; i+8 <= len(s) && binary.LittleEndian.Uint64(stringBytes(s[i:i+8])) == word; i += 8 {
		}
		for ; i < len(s); i++ {
			if b := s[i] ^ skip; b != 0 {
				return firstBit(at+int64(i), b, to)
			}
		}
		at += int64(len(s))
	}
	return -1
}

// firstBit is the offset of the highest bit of byte at, unless that is at the end
// or behind it.
func firstBit(at int64, b byte, to int64) int64 {
	if i := at*8 + int64(bits.LeadingZeros8(b)); i < to {
		return i
	}
	return -1
}

// BitAnd stores the conjunction of the strings at keys as dest and returns its
// length in bytes, which is that of the longest; shorter ones, and missing keys, are
// as if filled with zeros. Where all are empty, dest is deleted. O(n).
func (c Commands) BitAnd(dest string, keys ...string) (int64, error) {
	return c.bitOp(bitAnd, dest, keys)
}

// BitOr is BitAnd for the disjunction.
func (c Commands) BitOr(dest string, keys ...string) (int64, error) {
	return c.bitOp(bitOr, dest, keys)
}

// BitXor is BitAnd for the exclusive disjunction.
func (c Commands) BitXor(dest string, keys ...string) (int64, error) {
	return c.bitOp(bitXor, dest, keys)
}

// BitNot stores the complement of the string at key as dest and returns its length
// in bytes.
func (c Commands) BitNot(dest, key string) (int64, error) {
	return c.bitOp(bitNot, dest, []string{key})
}

func (c Commands) bitOp(kind bitOpKind, dest string, keys []string) (int64, error) {
	if len(keys) == 0 {
		return 0, arityError("bitop")
	}
	return opBitOp.Do(c.s, bitOpArgs{kind, dest, keys})
}

type bitOpKind uint8

const (
	bitAnd bitOpKind = iota
	bitOr
	bitXor
	bitNot
)

var bitOpNames = [...]string{"AND", "OR", "XOR", "NOT"}

type bitOpArgs struct {
	kind bitOpKind
	dest string
	keys []string
}

var opBitOp = add(&op[bitOpArgs, int64]{
	Spec: spec{
		Name: "BITOP", Arity: -4, Flags: write | denyOOM,
		Keys:  []engine.KeySpec{{Flags: "OW UPDATE", Index: 2}, {Flags: "RO ACCESS", Index: 3, Last: -1}},
		Group: "bitmap", Since: "2.6.0", Complexity: "O(N)", Syntax: "operation:string destkey:key key:key...",
		Summary: "Combines strings bit by bit and stores the result.",
	},
	Parse: func(p *args) (a bitOpArgs) {
		name, found := p.String(), false
		for i, n := range bitOpNames {
			if strings.EqualFold(name, n) {
				a.kind, found = bitOpKind(i), true
			}
		}
		if !found {
			p.Syntax()
		}
		a.dest, a.keys = p.Key(), p.Rest()
		if a.kind == bitNot && len(a.keys) != 1 {
			p.Fail(Error("ERR BITOP NOT must be called with a single source key."))
		}
		return a
	},
	Keys:  func(k *keySet, a bitOpArgs) { k.Write(a.dest); k.ReadAll(a.keys) },
	Run:   runBitOp,
	Reply: (*reply).Int,
})

func runBitOp(t *txn, a bitOpArgs) (int64, error) {
	from, n := make([]engine.Str, len(a.keys)), 0
	for i, key := range a.keys {
		v, err := t.String(key)
		if err != nil && err != ErrNil {
			return 0, err
		}
		from[i] = v
		n = max(n, v.Len())
	}
	var words []string
	if t.Replicating() {
		words = append([]string{"BITOP", bitOpNames[a.kind], a.dest}, a.keys...)
	}
	if n == 0 {
		if t.Delete(a.dest) {
			t.Effect('g', "del", a.dest, words...)
		}
		return 0, nil
	}
	if n < engine.PagesFrom {
		room := make([]byte, 2*n)
		t.Set(a.dest, bytesAsString(combine(room[:0], room[n:n], a.kind, from, 0, n)), engine.StringRaw, 0)
	} else {
		p := engine.NewPages("")
		p.Grow(n)
		room := make([]byte, 2*engine.PageSize)
		for at := 0; at < n; at += engine.PageSize {
			b := combine(room[:0], room[engine.PageSize:engine.PageSize], a.kind, from, at, min(at+engine.PageSize, n))
			if !isZero(b) {
				p.Write(at, bytesAsString(b))
			}
		}
		t.SetObject(a.dest, p, 0)
	}
	t.Effect('$', "set", a.dest, words...)
	return int64(n), nil
}

// combine appends the bytes from (inclusive) to to (exclusive) of what a BITOP makes
// of strings to dst. buf is room for as much.
func combine(dst, buf []byte, kind bitOpKind, of []engine.Str, from, to int) []byte {
	for i, s := range of {
		buf = buf[:0]
		if from < s.Len() {
			buf = s.Append(buf, from, min(to, s.Len()))
		}
		for len(buf) < to-from {
			buf = append(buf, zeroBytes[:min(len(zeroBytes), to-from-len(buf))]...)
		}
		if i == 0 {
			if dst = append(dst, buf...); kind == bitNot {
				mapWords(dst, dst, func(a, _ uint64) uint64 { return ^a })
			}
			continue
		}
		switch kind {
		case bitAnd:
			mapWords(dst, buf, func(a, b uint64) uint64 { return a & b })
		case bitOr:
			mapWords(dst, buf, func(a, b uint64) uint64 { return a | b })
		case bitXor:
			mapWords(dst, buf, func(a, b uint64) uint64 { return a ^ b })
		}
	}
	return dst
}

var zeroBytes [64]byte

// mapWords sets the bytes of dst to f of them and those of src, eight at a time.
func mapWords(dst, src []byte, f func(a, b uint64) uint64) {
	i := 0
	for ; i+8 <= len(dst); i += 8 {
		binary.LittleEndian.PutUint64(dst[i:], f(binary.LittleEndian.Uint64(dst[i:]), binary.LittleEndian.Uint64(src[i:])))
	}
	for ; i < len(dst); i++ {
		dst[i] = byte(f(uint64(dst[i]), uint64(src[i])))
	}
}

func isZero(b []byte) bool {
	for len(b) >= 8 && binary.LittleEndian.Uint64(b) == 0 {
		b = b[8:]
	}
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
