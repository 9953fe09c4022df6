package hashtable

import (
	"math"
	"slices"
	"sync/atomic"
)

// Clones.
//
//	collection a table of the members of one value: its chunks are Go memory, it
//	           has no snapshots, and it can be cloned
//	floor      the generation of the last Clone; what is at or below it is shared
//	shared     perhaps another table's too: never changed, allocated from or reused
//	lent       a clone was made, and this side has not raised its floor yet
//	settle     to raise the floor, before the first change after a Clone
//
// A snapshot's generations serve a clone as well. The difference is who comes back:
// a snapshot is thawed, and what died under it is then free; a clone lives as long
// as it likes, perhaps under another lock. So neither side waits for the other. A
// side writes to chunks, directories, segments and object blocks of its own, counts
// what it still needs in each shared chunk, and lets go of one that it needs no
// more; the collector frees it with the last table that has it.
//
// When half of what is shared is dead to a side, Compact moves what is left in the
// sparsest shared chunks into that side's own, some entries a step: many clones,
// each followed by a few changes, cost a table no more than twice its entries.
//
// Clone only reads the table, but for one atomic flag: two readers under a shared
// lock may clone it at once, and so may the writer that replaces a value that a
// snapshot reads without a lock. The table finds the flag at its next change, of
// which it is the only writer.

// sharing is the part of a table that knows what is shared.
type sharing struct {
	lent        atomic.Bool
	floor       uint32
	sharedSpace int // granules of the shared chunks
	sharedUsed  int // of these, in entries of this table
	objectGen   []uint32
	moved       func(old, new Handle)
}

// Clone returns a second table with the same entries. Both can be changed, under
// locks of their own; what one side does the other does not see. It costs a copy
// of the list of chunks, and copies no entry. The lock over the table need only be
// shared, and a table that nobody changes any more needs none. Handles are the same
// on both sides, until one of them changes. Every entry must be in the table then,
// none only made, or published out and not retired.
//
// Clone panics if the table is not a collection.
func (t *Table) Clone() *Table {
	if t.src != nil {
		panic("hashtable: Clone of a table whose chunks are a source's")
	}
	c := &Table{
		View:       t.View,
		freeObject: t.freeObject, nextObject: t.nextObject, objectCount: t.objectCount,
		dirGen: t.dirGen, gen: t.gen, deepest: t.deepest, live: t.live,
	}
	c.addr, c.meta, c.idle = slices.Clone(t.addr), slices.Clone(t.meta), slices.Clone(t.idle)
	c.objects, c.objectGen = slices.Clone(t.objects), slices.Clone(t.objectGen)
	c.limit, c.space, c.sharedSpace = t.limit, t.space, t.sharedSpace
	c.inside = t.inside
	if t.wheel != nil {
		// The wheel stays this side's. The other fills one of its own from the
		// entries, as in a rebuild; its NextDue is now until that is done.
		c.wheel, c.old, c.blank = &wheel{now: t.wheel.now}, new(wheel), true
	}
	c.raise()
	t.lent.Store(true)
	return c
}

// settle raises the floor if the table was cloned since its last change.
func (t *Table) settle() {
	if t.lent.Load() {
		t.raise()
	}
}

// raise makes all that the table has shared. It takes time in proportion to the
// number of chunks.
func (t *Table) raise() {
	t.lent.Store(false)
	if t.gen == math.MaxUint32 {
		t.renumberShared()
	}
	t.floor, t.newest = t.gen, t.gen
	t.gen++
	// Nothing is cut from, taken from a list of, or drained in place in what was.
	t.free, t.holes, t.space, t.chunks = [classes]Handle{}, 0, 0, 0
	t.tails, t.current, t.resumed = nil, 0, false
	t.draining, t.retreating, t.rest = 0, false, 0
	t.sharedSpace, t.sharedUsed = 0, 0
	for i := range t.meta {
		if t.addr[i] == nil {
			continue
		}
		c := &t.meta[i]
		c.drained = false
		t.sharedSpace += int(c.size)
		t.sharedUsed += int(c.used)
		if c.used == 0 {
			t.letGo(uint32(i))
		}
	}
}

// renumberShared makes the generations of a table that has been cloned four
// thousand million times small again. All that it has is about to be shared.
func (t *Table) renumberShared() {
	t.dir = slices.Clone(t.dir)
	for i := range t.dir {
		t.dir[i].gen = 1
	}
	for i := range t.meta {
		t.meta[i].gen = 1
	}
	for i := range t.objectGen {
		t.objectGen[i] = 1
	}
	t.dirGen, t.gen = 1, 1
}

// shared says that an entry lies where other tables may read it.
func (t *Table) shared(h Handle) bool { return t.meta[h>>chunkLog].gen <= t.floor }

// forget is release for a shared entry, of which nothing is written.
func (t *Table) forget(h Handle) {
	if e := t.at(h); e.is() != flat {
		t.dropObject(e.index())
	}
	t.leave(h)
}

// leave accounts for a shared entry that this table needs no more.
func (t *Table) leave(h Handle) {
	i := uint32(h >> chunkLog)
	c, size := &t.meta[i], t.at(h).size
	t.freed++
	c.used -= uint16(size)
	t.sharedUsed -= int(size)
	if c.used == 0 && t.draining != i {
		t.letGo(i)
	}
}

// letGo forgets a shared chunk.
func (t *Table) letGo(i uint32) {
	t.sharedSpace -= int(t.meta[i].size)
	t.addr[i] = nil
	t.idle = append(t.idle, i)
}

// halfDead says that this table needs less than half of what is shared.
func (t *Table) halfDead() bool { return t.sharedUsed*2 < t.sharedSpace }

// isGhost says that a shared entry is one that this table does not have, and that
// its key has gone with its object.
func (t *Table) isGhost(h Handle) bool {
	e := t.at(h)
	if !t.shared(h) || e.is() != longBlob {
		return false
	}
	i := e.index()
	if i >= t.nextObject {
		return true
	}
	_, ok := t.object(i).obj.(*long)
	return !ok
}

// ownObject returns a place of the object list, to be written.
func (t *Table) ownObject(i uint32) *objectSlot {
	if b := i / objectBlock; t.src == nil && t.objectGen[b] <= t.floor {
		c := *t.objects[b]
		t.objects[b] = &c
		t.objectGen[b] = t.gen
	}
	return t.object(i)
}
