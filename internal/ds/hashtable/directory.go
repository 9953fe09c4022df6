package hashtable

import (
	"hash/maphash"
	"slices"
	"unsafe"
)

// The directory names a segment for each prefix of the positions. It doubles
// when a segment as deep as itself splits, and halves when the last of those is
// gone, so that it stays in proportion to the table. Its slots are 16 bytes to
// some 130 entries, which makes even the doubling of a large one cheap: 0.1 ms
// for ten million entries.

// dirSlot is a place of the directory. Depth and generation stand here and not in
// the segment, or a lookup would pay one more cache miss for them.
type dirSlot struct {
	seg   *segment
	gen   uint32 // the generation in which the segment was made
	depth uint8  // the bits that all positions in the segment share
}

const dirSlotSize = int(unsafe.Sizeof(dirSlot{}))

// Hash returns the hash of a key, which Find and Publish are called with.
func (v *View) Hash(key string) uint64 { return maphash.String(v.seed, key) }

func (v *View) hash(key string) uint64 { return maphash.String(v.seed, key) }

// slotOf returns the directory slot of a position. It shifts in two steps because shift
// may be 64: where Go knows that none is, it need not look.
func (v *View) slotOf(hs uint64) *dirSlot { return &v.dir[hs>>1>>((v.shift-1)&63)] }

func (v *View) dirDepth() uint8 { return 64 - v.shift }

// point makes the directory slots of a prefix name a segment.
func (t *Table) point(hs uint64, depth uint8, sg *segment) {
	if t.dirGen <= t.newest {
		t.setDir(slices.Clone(t.dir))
	}
	n := uint64(len(t.dir)) >> depth
	first := hs >> t.shift &^ (n - 1)
	for i := range n {
		t.dir[first+i] = dirSlot{sg, t.gen, depth}
	}
}

// setDir makes a new directory take the place of the old one.
func (t *Table) setDir(dir []dirSlot) {
	if t.dirGen <= t.newest {
		t.retain(t.dirGen, len(t.dir)*dirSlotSize)
	}
	t.dir, t.dirGen = dir, t.gen
}

// dropSegment accounts for a segment to which the table will not refer any more.
func (t *Table) dropSegment(d dirSlot) {
	t.segments--
	if d.gen <= t.newest {
		t.retain(d.gen, segmentSize)
	}
}

// own returns the segment of a position, to be written.
func (t *Table) own(hs uint64) (*segment, uint8) {
	d := *t.slotOf(hs)
	if d.gen > t.newest {
		return d.seg, d.depth
	}
	c := new(segment)
	*c = *d.seg
	t.dropSegment(d)
	t.segments++
	t.point(hs, d.depth, c)
	return c, d.depth
}

// split makes two segments of one.
func (t *Table) split(hs uint64) {
	d := *t.slotOf(hs)
	if d.depth == t.dirDepth() {
		dir := make([]dirSlot, 2*len(t.dir))
		for i, d := range t.dir {
			dir[2*i], dir[2*i+1] = d, d
		}
		t.setDir(dir)
		t.shift--
		t.deepest = 0
	}
	bit := uint64(1) << (63 - d.depth)
	to := [2]*segment{new(segment), new(segment)}
	t.touch(d.seg)
	t.pour(d.seg, d.depth+1, func(hs uint64) *segment { return to[hs>>(63-d.depth)&1] })
	t.dropSegment(d)
	t.segments += 2
	if d.depth+1 == t.dirDepth() {
		t.deepest += 2
	}
	t.point(hs&^bit, d.depth+1, to[0])
	t.point(hs|bit, d.depth+1, to[1])
}

// merge makes one segment of two buddies that have become small. What a merge
// leaves, a split is far from, and the other way round, so a table that hovers
// about one size does not pay for it again and again.
func (t *Table) merge(hs uint64) {
	d := *t.slotOf(hs)
	if d.depth == 0 || d.seg.count() > mergeAt/2 {
		return
	}
	o := *t.slotOf(hs ^ 1<<(64-d.depth))
	if o.depth != d.depth || d.seg.count()+o.seg.count() > mergeAt {
		return
	}
	c := new(segment)
	t.touch(d.seg)
	t.touch(o.seg)
	t.pour(d.seg, d.depth-1, func(uint64) *segment { return c })
	t.pour(o.seg, d.depth-1, func(uint64) *segment { return c })
	t.dropSegment(d)
	t.dropSegment(o)
	t.segments++
	t.point(hs, d.depth-1, c)
	if d.depth == t.dirDepth() {
		if t.deepest -= 2; t.deepest == 0 {
			t.halve()
		}
	}
}

// halve shrinks the directory to the depth of the deepest segment.
func (t *Table) halve() {
	deepest := uint8(0)
	for _, d := range t.dir {
		deepest = max(deepest, d.depth)
	}
	by := t.dirDepth() - deepest
	dir := make([]dirSlot, len(t.dir)>>by)
	t.deepest = 0
	for i := range dir {
		dir[i] = t.dir[i<<by]
		if dir[i].depth == deepest {
			t.deepest++
		}
	}
	t.setDir(dir)
	t.shift += by
}

// touch loads every entry of a segment. Each is a cache miss, and loads that wait
// for nothing overlap: a split after this pass took less than half of the time.
func (t *Table) touch(sg *segment) {
	for b := range sg {
		for _, h := range sg[b].slot {
			if h != 0 {
				t.sink += t.at(h).size
			}
		}
	}
}

// pour places the entries of a segment in those that to names.
func (t *Table) pour(sg *segment, depth uint8, to func(hs uint64) *segment) {
	for b := range sg {
		for _, h := range sg[b].slot {
			if h != 0 {
				hash := t.hash(t.Key(h))
				hs := hash << t.skip
				to(hs).place(hash, hs, depth, h)
			}
		}
	}
}
