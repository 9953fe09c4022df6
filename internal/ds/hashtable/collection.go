package hashtable

import (
	"hash/maphash"
	"slices"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/chunk"
)

// Collections: the fields of a hash, the members of a set or a sorted set.

// collectionSeed is that of all collections: a seed a process is enough to keep
// others from choosing keys that collide.
var collectionSeed = maphash.MakeSeed()

// The chunks of a collection.
const (
	minMemory = 1 << 8
	growth    = 4 // a new chunk is a quarter of what there is
)

// NewCollection returns an empty table for the members of one value. Its chunks are
// Go memory, from 256 bytes on, each a quarter of those before it, so that less than a
// quarter of the space is not in use yet. An empty collection takes 1.7 KB. It
// holds flat payloads only: NewObject panics, and so does Freeze, for which it has
// Clone.
func NewCollection() *Table {
	t := &Table{gen: 1, dirGen: 1, deepest: 1}
	t.init(nil, collectionSeed, 0)
	return t
}

// OnMove sets what compaction calls when it has moved an entry, for those who keep
// handles. The old handle can still be read during the call; afterwards it names
// nothing. f must not call methods that change the table. A Clone has none.
func (t *Table) OnMove(f func(old, new Handle)) { t.moved = f }

// Put makes val the payload of key, and returns its entry and whether the key is
// new. Both are copied. What the key had before is lost, as is what was borrowed
// from it; the entry has form 0 and no expiry. The caller ends what it does with
// Compact. Put returns 0 only when the handles have run out: see Full.
func (t *Table) Put(key, val string) (h Handle, added bool) {
	hash := t.hash(key)
	old := t.Find(hash, key)
	if old != 0 && t.Overwrite(old, val, 0, 0) {
		return old, false
	}
	if h = t.New(key, val, 0, 0, 0); h == 0 {
		return 0, false
	}
	t.Publish(hash, old, h)
	if old != 0 {
		t.Retire(old)
	}
	return h, old == 0
}

// Remove ends the entry of key and says whether there was one. The caller ends what
// it does with Compact.
func (t *Table) Remove(key string) bool {
	hash := t.hash(key)
	h := t.Find(hash, key)
	if h == 0 {
		return false
	}
	t.Publish(hash, h, 0)
	t.Retire(h)
	return true
}

// memory makes a chunk of a collection, of at least size granules: a quarter of
// what this table has of its own, so that neither small collections nor the first
// changes after a Clone cost much more than what is in them.
func (t *Table) memory(size int) (p unsafe.Pointer, bytes int) {
	n := min(max(t.space/growth*granule, size*granule, minMemory), chunk.Size)
	b := slices.Grow[[]byte](nil, n) // takes what the runtime would round up to
	return unsafe.Pointer(unsafe.SliceData(b)), min(cap(b), chunk.Size) / granule * granule
}
