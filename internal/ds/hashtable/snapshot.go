package hashtable

import (
	"math"
	"math/bits"
	"slices"
)

// Snapshots.
//
//	generation a number that every opening of a snapshot raises
//	young      begun after the newest open snapshot, so that none sees it
//	dead       what a snapshot sees and the table does not: retired entries, and
//	           directories and segments that were replaced
//	bury       to mark as one of the dead of the newest open snapshot
//	bequeath   to hand one of the dead on when their snapshot is thawed
//
// What died waits with the newest snapshot that saw it. When that one is thawed
// it goes to the next older one if it is that old, else it is free. (To free what
// died when no snapshot is open that was opened before its death is simpler and
// wrong: a long snapshot of 2.8 MB with short ones beside it kept 54 MB after 20
// rounds of writes that way, and 2.6 MB this way.)

// Frozen is a table as it was at one instant. Many goroutines may read it, with no
// lock of the table's, until it is thawed.
type Frozen struct {
	View
	gen uint32

	// Guarded by the lock over the table.
	dead     []*graves // by chunk; nil where none lies
	index    []deadIndex
	retained int // bytes of both, and of the graves
}

// graves marks which entries of a chunk are dead: a bit for each granule where one may
// begin. That is 512 bytes for 64 KB, where a list of handles would take up to 4 KB.
type graves [chunkGranules / 64]uint64

const gravesSize = chunkGranules / 8

// deadIndex is a directory or segment that was replaced. The collector frees it;
// it is listed for its bytes.
type deadIndex struct {
	gen   uint32
	bytes int
}

// Freeze opens a snapshot. It costs the copy of a few words: what the table is made
// of counts as old from now on, and is replaced rather than changed.
func (t *Table) Freeze() *Frozen {
	if t.src == nil {
		panic("hashtable: Freeze of a collection, which has Clone")
	}
	if t.gen == math.MaxUint32 {
		t.renumber()
	}
	f := &Frozen{View: t.View, gen: t.gen}
	t.open = append(t.open, f)
	t.newest, t.resumed = t.gen, false
	t.gen++
	return f
}

// renumber makes the generations small again, keeping their order relative to the
// open snapshots, which is all that they are compared with. It takes time in
// proportion to the table, once in four thousand million openings.
func (t *Table) renumber() {
	open := make([]uint32, len(t.open))
	for i, f := range t.open {
		open[i] = f.gen
	}
	// One more than the number of snapshots that do not see it: the first snapshot
	// becomes 1, and what is younger than all has the number after the last.
	small := func(gen uint32) uint32 {
		n := uint32(1)
		for _, o := range open {
			if o < gen {
				n++
			}
		}
		return n
	}
	if t.dirGen <= t.newest {
		t.setDir(slices.Clone(t.dir)) // a snapshot has it
	}
	for i := range t.dir {
		t.dir[i].gen = small(t.dir[i].gen)
	}
	for i := range t.meta {
		t.meta[i].gen = small(t.meta[i].gen)
	}
	for _, frozen := range [][]*Frozen{t.open, t.thawing} {
		for _, f := range frozen {
			f.gen = small(f.gen)
			for i := range f.index {
				f.index[i].gen = small(f.index[i].gen)
			}
		}
	}
	t.dirGen, t.newest, t.gen = small(t.dirGen), small(t.newest), small(t.gen)
	if len(open) == 0 {
		t.newest = 0
	}
}

// Retained returns the bytes that this snapshot keeps and no newer one does. It is
// read under the lock over the table.
func (f *Frozen) Retained() int { return f.retained }

// bury gives a retired entry to the newest snapshot.
func (t *Table) bury(h Handle) {
	t.retained += t.open[len(t.open)-1].bury(h, t.weight(t.at(h)))
}

// bury marks a dead entry and returns the bytes that this retains.
func (f *Frozen) bury(h Handle, weight int) int {
	i := int(h >> chunkLog)
	if i >= len(f.dead) {
		f.dead = append(f.dead, make([]*graves, i+1-len(f.dead))...)
	}
	if f.dead[i] == nil {
		f.dead[i] = new(graves)
		weight += gravesSize
	}
	at := h % chunkGranules
	f.dead[i][at/64] |= 1 << (at % 64)
	f.retained += weight
	return weight
}

// retain accounts to the newest snapshot for a part of the index that was replaced.
// What a clone goes on using is the clone's.
func (t *Table) retain(gen uint32, bytes int) {
	if len(t.open) == 0 {
		return
	}
	f := t.open[len(t.open)-1]
	f.index = append(f.index, deadIndex{gen, bytes})
	f.retained += bytes
	t.retained += bytes
}

// Thaw closes a snapshot, which nobody reads any more. The first call takes it out
// of the table's sight; each call settles up to n of its dead and says whether
// there are more. The caller holds the lock over the table during a call and lets
// go of it between two. Once there are no more, further calls do nothing.
func (t *Table) Thaw(f *Frozen, n int) (more bool) {
	if i := slices.Index(t.open, f); i >= 0 {
		t.open = slices.Delete(t.open, i, i+1)
		t.thawing = append(t.thawing, f)
		t.newest = 0
		if n := len(t.open); n > 0 {
			t.newest = t.open[n-1].gen
		}
		f.View = View{}
	}
	i := slices.Index(t.thawing, f)
	if i < 0 {
		return false
	}
	if t.dropped {
		more = t.thawDropped(f, n)
	} else {
		more = t.bequeath(f, n)
	}
	if !more {
		t.thawing = slices.Delete(t.thawing, i, i+1)
	}
	return more
}

// heir returns the newest open snapshot that is older than f.
func (t *Table) heir(f *Frozen) *Frozen {
	for _, o := range slices.Backward(t.open) {
		if o.gen < f.gen {
			return o
		}
	}
	return nil
}

// bequeath hands up to n of a closed snapshot's dead to its heir, if that sees
// them, and frees the others.
func (t *Table) bequeath(f *Frozen, n int) (more bool) {
	heir := t.heir(f)
	for ; n > 0 && len(f.index) > 0; n-- {
		d := f.index[len(f.index)-1]
		f.index = f.index[:len(f.index)-1]
		f.retained -= d.bytes
		if heir != nil && d.gen <= heir.gen {
			heir.index = append(heir.index, d)
			heir.retained += d.bytes
		} else {
			t.retained -= d.bytes
		}
	}
	for ; n > 0 && len(f.dead) > 0; n-- {
		i := len(f.dead) - 1
		if f.dead[i] != nil {
			if n = t.bequeathChunk(f, heir, i, n); n == 0 {
				break
			}
			f.retained -= gravesSize
			t.retained -= gravesSize
		}
		f.dead = f.dead[:i]
	}
	if len(f.index) > 0 || len(f.dead) > 0 {
		return true
	}
	f.index, f.dead = nil, nil
	return false
}

// bequeathChunk is bequeath for one chunk. It returns how many more may be settled: none if
// there may be more in this one.
func (t *Table) bequeathChunk(f, heir *Frozen, i, n int) int {
	sees := heir != nil && t.meta[i].gen <= heir.gen
	for w := range f.dead[i] {
		for word := &f.dead[i][w]; *word != 0 && n > 0; n-- {
			h := Handle(i<<chunkLog | w*64 | bits.TrailingZeros64(*word))
			*word &= *word - 1
			weight := t.weight(t.at(h))
			f.retained -= weight
			t.retained -= weight
			if sees {
				t.retained += heir.bury(h, weight)
			} else {
				t.release(h)
			}
		}
	}
	return n
}

// Drop ends a table that nobody uses any more, except for the snapshots that are
// open: its chunks go back to the source, at once or when the last snapshot is
// thawed. Only Thaw, Memory and the two Retained may be called afterwards. A table
// that is out of everybody's sight needs no lock for it; at two or three
// microseconds a chunk, a large one is better dropped without.
func (t *Table) Drop() {
	if t.dropped {
		return
	}
	t.dropped = true
	rest := t.Memory()
	// What a snapshot sees is its whole view, the dead included: nothing needs to
	// be marked any more, since nothing is freed before the last of them goes.
	for _, f := range append(slices.Clone(t.open), t.thawing...) {
		f.dead, f.index = nil, nil
	}
	if n := len(t.open); n > 0 {
		t.open[n-1].retained += rest
		t.retained += rest
	}
	t.View = View{addr: t.addr}
	t.deadlines = deadlines{}
	t.free, t.tails = [classes]Handle{}, nil
	t.freeObject, t.nextObject, t.objectCount = 0, 0, 0
	t.live, t.segments, t.draining = 0, 0, 0
	if len(t.open) == 0 && len(t.thawing) == 0 {
		t.giveChunks(len(t.addr))
	}
}

// thawDropped closes a snapshot of a table that was dropped. With the last one go
// up to n chunks.
func (t *Table) thawDropped(f *Frozen, n int) (more bool) {
	if heir := t.heir(f); heir != nil {
		heir.retained += f.retained
	} else {
		t.retained -= f.retained
	}
	f.retained = 0
	return len(t.open) == 0 && len(t.thawing) == 1 && t.giveChunks(n)
}

// giveChunks gives up to n chunks of a dropped table back and says whether there
// are more.
func (t *Table) giveChunks(n int) (more bool) {
	for ; len(t.addr) > 0; t.addr = t.addr[:len(t.addr)-1] {
		i := uint32(len(t.addr) - 1)
		if t.addr[i] == nil {
			continue
		}
		if n--; n < 0 {
			return true
		}
		t.giveBack(i)
	}
	t.addr, t.meta, t.idle = nil, nil, nil
	return false
}
