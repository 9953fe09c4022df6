package hashtable

import (
	"hash/maphash"
	"strings"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/chunk"
)

// Table is the table of one shard of one database. It has no lock: see the
// package comment.
type Table struct {
	View
	allocator
	compactor
	deadlines
	sharing

	freeObject, nextObject uint32 // index + 1 of a free place; first never used
	objectCount            int

	dirGen  uint32 // the generation in which the directory was made
	gen     uint32 // of what is made now
	newest  uint32 // generation of the newest open snapshot, 0 when none is open
	deepest int    // segments as deep as the directory
	sink    uint8  // keeps the loads of touch alive

	// The snapshots that are open, oldest first, and those that are being thawed.
	open, thawing []*Frozen
	dropped       bool

	live     int // bytes of the entries that are not retired
	retained int // bytes that only snapshots keep
}

// New returns an empty table. seed is that of the keys' hashes, which are
// maphash.String(seed, key); skip is the number of their top bits that chose the
// shard, 0 for a table of its own. The first entry takes the first chunk from
// src; an empty table takes 1.5 KB.
func New(src *chunk.Source, seed maphash.Seed, skip uint8) *Table {
	t := &Table{gen: 1, dirGen: 1, deepest: 1}
	t.init(src, seed, skip)
	return t
}

func (t *Table) init(src *chunk.Source, seed maphash.Seed, skip uint8) {
	t.seed, t.skip, t.shift = seed, skip, 64
	t.dir = []dirSlot{{new(segment), 1, 0}}
	t.segments = 1
	t.src, t.limit = src, maxChunks
	// Chunk 0 does not exist. As a chunk without room it begins the allocator.
	t.addr, t.meta = make([]unsafe.Pointer, 1), []chunkState{{gen: 1}}
}

// Memory returns the bytes of what the table holds: entries that are not retired,
// with their objects, the index, the deadlines. It does not count what snapshots
// keep, nor free slots, which the next entries take. (View has the name Bytes for
// the payload of an entry.)
func (t *Table) Memory() int {
	return t.live + t.segments*segmentSize + len(t.dir)*dirSlotSize + t.deadlines.memory()
}

// Retained returns the bytes that only snapshots keep.
func (t *Table) Retained() int { return t.retained }

// New makes an entry, flat or, past 2 KB, a stub with the payload as a Go object.
// key and val are copied. The table does not know the entry until it is
// published. New returns 0 only when the handles have run out, long after Full
// has begun to say so.
func (t *Table) New(key, val string, form Form, expireAt int64, clock uint32) Handle {
	t.settle()
	if class, size, ok := flatSize(len(key), len(val)); ok && (size <= 2 || !t.Full()) {
		h := t.alloc(class, size)
		if h == 0 {
			return 0
		}
		e := t.at(h)
		e.set(flat, form)
		e.klen, e.vlen, e.clock = uint16(len(key)), uint16(len(val)), clock
		e.setExpireAt(expireAt)
		copy(e.bytes(0, len(key)), key)
		copy(e.bytes(len(key), len(val)), val)
		t.live += size * granule
		return h
	}
	return t.stub(key, objectSlot{bytesOf(val), len(val)}, blob, form, expireAt, clock)
}

// NewObject makes an entry whose value is a Go object. key is copied; size is the
// number of bytes to account for the object.
func (t *Table) NewObject(key string, obj any, size int, form Form, expireAt int64, clock uint32) Handle {
	if t.src == nil {
		panic("hashtable: an object in a collection, where two tables could hold it after a Clone")
	}
	return t.stub(key, objectSlot{obj, size}, object, form, expireAt, clock)
}

// stub makes an entry that refers to an object.
func (t *Table) stub(key string, o objectSlot, kind uint8, form Form, expireAt int64, clock uint32) Handle {
	class, size, keyOut := stubSize(len(key))
	if !keyOut && size > 2 && t.Full() {
		keyOut = true
		class, size, _ = stubSize(0)
	}
	h := t.alloc(class, size)
	if h == 0 {
		return 0
	}
	if keyOut {
		o.obj = &long{strings.Clone(key), o.obj}
		kind += longBlob - blob
		key = ""
	}
	e := t.at(h)
	e.set(kind, form)
	e.klen, e.vlen, e.clock = uint16(len(key)), 0, clock
	e.setExpireAt(expireAt)
	e.setIndex(t.addObject(o))
	copy(e.bytes(indexSize, len(key)), key)
	t.live += t.weight(e)
	return h
}

// Publish makes the entry new take the place of old, which is of the same key: old
// 0 inserts, new 0 removes. hash is that of the key. Afterwards nobody has old:
// it is not freed and not used again until the caller retires it, or publishes it
// back, which undoes. Publish panics if old is not in the table.
func (t *Table) Publish(hash uint64, old, new Handle) {
	t.settle()
	hs := hash << t.skip
	if old == 0 {
		if new != 0 {
			t.insert(hash, hs, new)
		}
		return
	}
	was := t.ExpireAt(old)
	sg, depth := t.own(hs)
	b, j, ok := sg.locate(hs, depth, old)
	if !ok {
		panic("hashtable: Publish in the place of an entry that is not in the table")
	}
	if new != 0 {
		sg[b].slot[j] = new
		t.expiry(hash, was, t.ExpireAt(new))
		return
	}
	sg.remove(hs, depth, b, j)
	t.count--
	if was != 0 {
		t.expiring--
	}
	t.merge(hs)
}

func (t *Table) insert(hash, hs uint64, h Handle) {
	if chunk.Invariants && t.Find(hash, t.Key(h)) != 0 {
		panic("hashtable: Publish of a key that is in the table already")
	}
	for t.slotOf(hs).seg.count() >= splitAt {
		t.split(hs)
	}
	sg, depth := t.own(hs)
	sg.place(hash, hs, depth, h)
	t.count++
	t.expiry(hash, 0, t.ExpireAt(h))
}

// Retire ends an entry that the table does not refer to: it is freed, or buried
// for the snapshots that see it. Its handle, and what was borrowed from it, is
// good for nothing afterwards.
func (t *Table) Retire(h Handle) {
	t.settle()
	e := t.at(h)
	if chunk.Invariants {
		if e.is() < flat {
			panic("hashtable: Retire of an entry that was retired before")
		}
		if t.holds(h) {
			panic("hashtable: Retire of an entry that is in the table")
		}
	}
	t.live -= t.weight(e)
	switch {
	case t.Young(h):
		t.release(h)
	case t.shared(h):
		t.forget(h)
	default:
		t.bury(h)
	}
}

// holds says whether the table refers to an entry.
func (t *Table) holds(h Handle) bool {
	key := t.Key(h)
	return t.Find(t.hash(key), key) == h
}

// Young says that no snapshot and no clone sees an entry, so that it may be changed
// in place. An entry that took a free slot in an older chunk counts as not young
// although none does.
func (t *Table) Young(h Handle) bool {
	return t.meta[h>>chunkLog].gen > t.newest && !t.lent.Load()
}

// Overwrite changes an entry that New made, and that is in the table, in place and
// returns true, if it is young and if the new value needs as much room as the old
// one has. Else it changes nothing. It allocates nothing. The old value is lost:
// the caller must have no undo in mind, and nobody who still reads it.
func (t *Table) Overwrite(h Handle, val string, form Form, expireAt int64) bool {
	e := t.at(h)
	if !t.Young(h) {
		return false
	}
	kind := e.is()
	if kind == flat {
		klen := int(e.klen)
		if _, size, ok := flatSize(klen, len(val)); !ok || size != int(e.size) {
			return false
		}
		e.vlen = uint16(len(val))
		copy(e.bytes(klen, len(val)), val)
	} else if kind == object || kind == longObject || t.floor != 0 || !t.object(e.index()).overwrite(val) {
		return false // after a Clone the payload may be another table's, although the entry was moved
	}
	t.mustHold(h)
	e.set(kind, form)
	t.changeExpiry(h, expireAt)
	return true
}

// SetExpireAt changes the expiry of an entry of the table in place and returns
// true, if it is young. Else it changes nothing.
func (t *Table) SetExpireAt(h Handle, at int64) bool {
	if !t.Young(h) {
		return false
	}
	t.mustHold(h)
	t.changeExpiry(h, at)
	return true
}

// changeExpiry sets the expiry of a young entry of the table.
func (t *Table) changeExpiry(h Handle, at int64) {
	e := t.at(h)
	was := e.expireAt()
	if was == at {
		return
	}
	e.setExpireAt(at)
	// The hash is needed for a new deadline only, which most changes are not.
	if t.needsDeadline(was, at) {
		t.expiry(t.hash(t.key(e)), was, at)
	} else {
		t.expiry(0, was, at)
	}
}

// ObjectSize returns the size that is accounted for the object of an entry that
// NewObject made.
func (v *View) ObjectSize(h Handle) int { return v.object(v.at(h).index()).size }

// SetObject changes the object of an entry that NewObject made, its accounted
// size and its form in place and returns true, if the entry is young. Else, and
// for other entries, it changes nothing.
func (t *Table) SetObject(h Handle, obj any, size int, form Form) bool {
	e := t.at(h)
	if k := e.is(); k != object && k != longObject || !t.Young(h) {
		return false
	}
	o := t.object(e.index())
	t.live += size - o.size
	o.size = size
	if l, ok := o.obj.(*long); ok {
		l.obj = obj
	} else {
		o.obj = obj
	}
	e.set(e.is(), form)
	return true
}

// mustHold panics, where invariants are compiled in, if the table does not refer
// to an entry: the count of expiring entries would go wrong.
func (t *Table) mustHold(h Handle) {
	if chunk.Invariants && !t.holds(h) {
		panic("hashtable: a change in place of an entry that is not in the table")
	}
}
