package hashtable

import (
	"bytes"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/chunk"
)

// Chunks and slots.
//
//	granule  16 bytes, the unit of a handle and of a slot's length
//	slot     a run of granules that begins with its length: an entry, or free
//	tail     the granules of a chunk from bump on, never yet a slot
//	drain    to move a chunk's entries elsewhere, so that it can be given back
//
// Invariants:
//
//	Slots lie end to end from granule 0 to bump; each has the size of a class.
//	A linked slot is in the list of its class. A loose one is free in a chunk
//	that drains: it is in no list and will not be used again.
//	used counts the granules of entries, retired ones too. A chunk is given back
//	when its drain has come to the end and used is 0.

const (
	maxChunks = 1 << (32 - chunkLog) // chunk 0 among them
	maxTails  = 4
)

// chunkState is what a table knows of a chunk.
type chunkState struct {
	gen     uint32 // the generation in which it was begun
	size    uint16 // granules
	bump    uint16
	used    uint16
	drained bool // drains or has drained
}

// allocator is the part of a table that hands out slots.
type allocator struct {
	src     *chunk.Source // nil in a collection, whose chunks are Go memory
	meta    []chunkState  // parallel to addr
	current uint32        // the chunk that slots are cut from
	resumed bool          // current is to be used whatever its age
	tails   []uint32      // chunks with a tail, oldest first
	idle    []uint32      // indexes without a chunk
	free    [classes]Handle
	chunks  int
	limit   int // indexes, 0 among them; maxChunks but in tests
	space   int // granules of all chunks
	holes   int // granules in free lists

	// What tables that were cloned share is in none of the numbers above.
}

// Full says that the handles of the table (64 GB of slots) are nearly used up:
// all but a 64th. The caller then refuses what takes memory, and asks before
// each command. So that what was begun can always be ended, a full table takes
// payloads of any length as Go objects, for which the smallest slots do.
func (t *Table) Full() bool {
	return len(t.addr)-len(t.idle) >= t.limit-t.limit/64
}

// alloc returns a slot whose length is set, 0 if there is none left. A free slot
// comes first, and the youngest first, because lists are stacks; then the current
// chunk, unless a snapshot was opened since it was begun.
func (t *Table) alloc(class, size int) Handle {
	if h := t.free[class]; h != 0 {
		t.unlink(h)
		t.meta[h>>chunkLog].used += uint16(size)
		return h
	}
	for {
		c := &t.meta[t.current]
		if (c.gen > t.newest || t.resumed) && int(c.bump)+size <= int(c.size) {
			h := t.cut(c, size)
			c.used += uint16(size)
			return h
		}
		if !t.turn(size) {
			return 0
		}
	}
}

// cut makes a slot of the beginning of the current chunk's tail.
func (t *Table) cut(c *chunkState, size int) Handle {
	h := Handle(t.current<<chunkLog | uint32(c.bump))
	c.bump += uint16(size)
	t.at(h).size = uint8(size)
	return h
}

// turn makes another chunk current, for a slot of some granules. The tail of one
// that is too old is kept, to be resumed when it counts as young again, or when
// there are too many: without that, many short snapshots would each cost a chunk.
func (t *Table) turn(size int) bool {
	c := &t.meta[t.current]
	if c.gen <= t.newest && !t.resumed && c.bump < c.size {
		t.tails = append(t.tails, t.current)
	} else {
		for c.bump < c.size {
			class, size := classIn(int(c.size - c.bump))
			t.link(t.cut(c, size), class)
		}
	}
	t.resumed = false
	if n := len(t.tails); n > 0 {
		if youngest := t.tails[n-1]; n > maxTails || t.meta[youngest].gen > t.newest || t.exhausted() {
			t.current, t.tails = youngest, t.tails[:n-1]
			t.resumed = true
			return true
		}
	}
	if t.exhausted() {
		return false
	}
	switch {
	case t.src == nil:
		t.begin(t.memory(size))
	case t.chunks == 0:
		t.begin(t.src.First())
	default:
		t.begin(t.src.Get(), chunk.Size)
	}
	return true
}

// begin makes a chunk that was just got the current one.
func (t *Table) begin(p unsafe.Pointer, size int) {
	if n := len(t.idle); n > 0 {
		t.current, t.idle = t.idle[n-1], t.idle[:n-1]
		t.addr[t.current] = p
	} else {
		t.current = uint32(len(t.addr))
		t.addr = append(t.addr, p)
		t.meta = append(t.meta, chunkState{})
	}
	t.meta[t.current] = chunkState{gen: t.gen, size: uint16(size / granule)}
	t.chunks++
	t.space += size / granule
}

// exhausted says that no handle can name another chunk.
func (t *Table) exhausted() bool { return len(t.idle) == 0 && len(t.addr) >= t.limit }

// giveBack gives a chunk without entries back to the source, or to the collector.
func (t *Table) giveBack(i uint32) {
	c := &t.meta[i]
	if c.gen <= t.floor {
		t.letGo(i)
		return
	}
	if chunk.Invariants {
		copy(unsafe.Slice((*byte)(t.addr[i]), int(c.size)*granule), poison)
	}
	if t.src != nil {
		t.src.Put(t.addr[i])
	}
	t.addr[i] = nil
	t.idle = append(t.idle, i)
	t.chunks--
	t.space -= int(c.size)
}

// link puts a free slot into the list of its class.
func (t *Table) link(h Handle, class int) {
	o, next := t.hole(h), t.free[class]
	o.kind, o.next, o.prev = linked, next, 0
	if next != 0 {
		t.hole(next).prev = h
	}
	t.free[class] = h
	t.holes += int(o.size)
}

// unlink takes a free slot out of its list.
func (t *Table) unlink(h Handle) {
	o := t.hole(h)
	if o.next != 0 {
		t.hole(o.next).prev = o.prev
	}
	if o.prev != 0 {
		t.hole(o.prev).next = o.next
	} else {
		class, _ := classOf(int(o.size))
		t.free[class] = o.next
	}
	t.holes -= int(o.size)
}

// poison is what freed memory holds while invariants are compiled in, so that
// whoever goes on reading what was borrowed reads nonsense and not luck.
var poison = bytes.Repeat([]byte{0xdb}, chunk.Size)

// release frees an entry that nobody can see any more.
func (t *Table) release(h Handle) {
	e, c := t.at(h), &t.meta[h>>chunkLog]
	if e.is() != flat {
		i := e.index()
		// After a Clone the payload may be another table's as well.
		if k := e.is(); chunk.Invariants && t.floor == 0 && (k == blob || k == longBlob) {
			t.object(i).poison()
		}
		t.dropObject(i)
	}
	if chunk.Invariants {
		copy(e.slot()[granule:], poison)
	}
	t.freed++
	c.used -= uint16(e.size)
	if c.drained {
		e.kind = loose
		if c.used == 0 && t.draining != uint32(h>>chunkLog) {
			t.giveBack(uint32(h >> chunkLog))
		}
		return
	}
	class, _ := classOf(int(e.size))
	t.link(h, class)
}
