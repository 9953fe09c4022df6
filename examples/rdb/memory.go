package main

import (
	"math/bits"
	"strconv"

	"github.com/larderdb/larder/rdb"
)

// How much memory a key takes in a redis-server 7.0 of 64 bits with jemalloc, as MEMORY
// USAGE key SAMPLES 0 says right after the file was loaded. It is computed from what the
// file has, without the values in memory. What a file does not tell is taken for what
// Redis's defaults make of it: the sizes up to which collections are packed, and lists
// whose inner nodes are not compressed. A test holds this to MEMORY USAGE within 5 % for
// each key of every type and encoding.

// alloc is the size of the class from which jemalloc serves n bytes: 8, multiples of 16
// up to 128, then four classes for each doubling.
func alloc(n int64) int64 {
	if n <= 8 {
		return 8
	}
	step := int64(16)
	if n > 128 {
		step = 1 << (bits.Len64(uint64(n-1)) - 3)
	}
	return (n + step - 1) / step * step
}

// sds is what a string of n bytes takes by itself: a header that depends on its length,
// the bytes, and a zero.
func sds(n int64) int64 {
	switch {
	case n < 1<<5:
		return alloc(1 + n + 1)
	case n < 1<<8:
		return alloc(3 + n + 1)
	case n < 1<<16:
		return alloc(5 + n + 1)
	case n < 1<<32:
		return alloc(9 + n + 1)
	}
	return alloc(17 + n + 1)
}

// The sizes of Redis's structures.
const (
	sizeObject     = 16
	sizeEntry      = 24 // of a hash table
	sizeTable      = 56
	sizeQuicklist  = 40
	sizeNode       = 32            // of a quicklist
	sizeSortedSet  = 16 + 32 + 640 // with its skiplist and the head of that
	sizeStream     = 80
	sizeGroup      = 40
	sizeConsumer   = 24
	sizePending    = 24
	sizeRadixNode  = 4 + 30*8 // by Redis's own estimate
	sizeID         = 16
	listpackHeader = 7
	maxEmbedded    = 44
	maxNode        = 8 << 10 // bytes of a node of a list
)

// What stays packed by default.
const (
	maxIntset        = 512
	maxHashFields    = 512
	maxSortedMembers = 128
	maxPackedElement = 64
)

// A meter adds up what the key that is at hand takes.
type meter struct {
	typ   rdb.Type
	n     int64 // elements
	heap  int64 // what they take as elements of a hash table, or as nodes
	lp    int64 // what they take in a listpack
	width int64 // of an integer of an intset; 0: not all are integers
	long  bool  // an element does not fit a packed collection
	whole int64 // of what came packed: the allocation for it; 0: nothing did
	parts int64 // other things, in bytes
	plain int64 // bytes of the node of a list that grows
}

func (m *meter) begin(ev *rdb.Event) { *m = meter{typ: ev.Key.Type, width: 2} }

// event takes a part of a key.
func (m *meter) event(ev *rdb.Event) {
	size := int64(len(ev.Value))
	m.n += int64(ev.Len())
	switch ev.Kind {
	case rdb.KindString:
		m.whole = stringSize(ev.Value) - sizeObject
	case rdb.KindPacked:
		m.packed(ev, size)
	case rdb.KindElement:
		m.element(ev, size)
	case rdb.KindMember:
		// The node of the skiplist has one level, a quarter of them two, and so on.
		m.heap += sizeEntry + sds(size) + 48 + 16/3
		m.lp += packedSize(ev.Value) + scoreSize(ev.Score)
		m.long = m.long || size > maxPackedElement
	case rdb.KindField:
		m.heap += sizeEntry + sds(int64(len(ev.Field))) + sds(size)
		m.lp += packedSize(ev.Field) + packedSize(ev.Value)
		m.long = m.long || max(int64(len(ev.Field)), size) > maxPackedElement
	case rdb.KindNode:
		m.n++
		m.parts += alloc(size)
	case rdb.KindStream:
		m.parts += sizeStream + radix(m.n)
		m.n = ev.Stream.Len
	case rdb.KindGroup:
		m.parts += sizeGroup + radix(ev.Count) + ev.Count*sizePending
	case rdb.KindConsumer:
		m.parts += sizeConsumer + int64(len(ev.Name)) + radix(ev.Count)
	}
}

func (m *meter) packed(ev *rdb.Event, size int64) {
	if ev.Packing != rdb.PackedNode {
		m.whole = alloc(size)
		return
	}
	m.closeNode()
	m.heap += sizeNode + alloc(size)
}

func (m *meter) element(ev *rdb.Event, size int64) {
	if m.typ == rdb.List {
		if ev.Plain {
			m.closeNode()
			m.heap += sizeNode + alloc(size)
			return
		}
		// A list that came element by element is packed into nodes.
		entry := packedSize(ev.Value)
		if m.plain > 0 && m.plain+entry > maxNode {
			m.closeNode()
		}
		m.plain += entry
		return
	}
	m.heap += sizeEntry + sds(size)
	m.lp += packedSize(ev.Value)
	m.width = max(m.width, intWidth(ev.Value))
	if intWidth(ev.Value) == 0 {
		m.long = true
	}
}

func (m *meter) closeNode() {
	if m.plain > 0 {
		m.heap += sizeNode + alloc(listpackHeader+m.plain)
		m.plain = 0
	}
}

// end is what the key takes, with its name.
func (m *meter) end(ev *rdb.Event) int64 {
	size := int64(sizeEntry) + sds(int64(len(ev.Key.Name))) + sizeObject
	switch {
	case m.typ == rdb.List:
		m.closeNode()
		size += sizeQuicklist + m.heap
	case m.whole > 0:
		size += m.whole
	case m.typ == rdb.Set && !m.long && m.n <= maxIntset:
		size += alloc(8 + m.n*m.width)
	case m.typ == rdb.SortedSet && !m.long && m.n <= maxSortedMembers,
		m.typ == rdb.Hash && !m.long && m.n <= maxHashFields:
		size += alloc(listpackHeader + m.lp)
	case m.typ == rdb.SortedSet:
		size += sizeSortedSet + table(m.n) + m.heap
	case m.typ == rdb.Set, m.typ == rdb.Hash:
		size += table(m.n) + m.heap
	default:
		size += m.parts
	}
	return size
}

// table is a hash table of n entries, without them: a power of two places.
func table(n int64) int64 {
	slots := int64(4)
	for slots < n {
		slots *= 2
	}
	return sizeTable + 8*slots
}

// radix is a radix tree of n keys, most of which share their beginning.
func radix(n int64) int64 {
	nodes := max(1, 2*n)
	if n > 1 {
		nodes += 1 + n/64
	}
	return n*sizeID + nodes*sizeRadixNode
}

func stringSize(v []byte) int64 {
	n := int64(len(v))
	switch {
	case n <= 20 && isInt(v):
		return sizeObject
	case n <= maxEmbedded:
		return alloc(sizeObject + 3 + n + 1)
	}
	return sizeObject + sds(n)
}

func isInt(v []byte) bool {
	if len(v) == 0 || len(v) > 20 || v[0] == '+' || v[0] > '9' {
		return false
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == string(v)
}

// intWidth is how many bytes an integer takes in an intset, 0 if it is none.
func intWidth(v []byte) int64 {
	if !isInt(v) {
		return 0
	}
	switch n, _ := strconv.ParseInt(string(v), 10, 64); {
	case int64(int16(n)) == n:
		return 2
	case int64(int32(n)) == n:
		return 4
	}
	return 8
}

// packedSize is what a string takes in a listpack: its head, itself, and its length for
// those who walk backwards.
func packedSize(v []byte) int64 {
	n := int64(len(v))
	size := int64(0)
	switch {
	case n <= 20 && isInt(v):
		size = packedInt(v)
	case n < 1<<6:
		size = 1 + n
	case n < 1<<12:
		size = 2 + n
	default:
		size = 5 + n
	}
	back := int64(1)
	for limit := int64(1 << 7); size >= limit && back < 5; limit <<= 7 {
		back++
	}
	return size + back
}

func packedInt(v []byte) int64 {
	n, _ := strconv.ParseInt(string(v), 10, 64)
	switch {
	case n >= 0 && n < 1<<7:
		return 1
	case n >= -1<<12 && n < 1<<12:
		return 2
	}
	for _, bytes := range []int64{2, 3, 4} {
		if n >= -1<<(8*bytes-1) && n < 1<<(8*bytes-1) {
			return 1 + bytes
		}
	}
	return 9
}

// scoreSize is what a score takes in a listpack.
func scoreSize(f float64) int64 {
	if n := int64(f); float64(n) == f {
		return packedSize(strconv.AppendInt(nil, n, 10))
	}
	return packedSize(scoreWord(f))
}
