package hashtable

import "testing"

// verify walks every chunk, list, segment and wheel of a table and compares what it
// finds with what the table counts.
func (t *Table) verify(tt testing.TB) {
	tt.Helper()
	linkedIn := map[Handle]bool{}
	for class, h := range t.free {
		for prev := Handle(0); h != 0; prev, h = h, t.hole(h).next {
			o := t.hole(h)
			if c, _ := classOf(int(o.size)); o.kind != linked || o.prev != prev || c != class {
				tt.Fatalf("list %d: bad hole %x %+v", class, h, *o)
			}
			linkedIn[h] = true
		}
	}

	// The index.
	live := map[Handle]bool{}
	n, segments, deepest, expiring, bytes := 0, 0, 0, 0, 0
	for i := 0; i < len(t.dir); {
		d := t.dir[i]
		if d.depth > t.dirDepth() {
			tt.Fatalf("a segment has depth %d, the directory %d", d.depth, t.dirDepth())
		}
		span := len(t.dir) >> d.depth
		for j := range span {
			if t.dir[i+j] != d {
				tt.Fatalf("directory slots %d and %d differ", i, i+j)
			}
		}
		segments++
		if d.depth == t.dirDepth() {
			deepest++
		}
		m := 0
		var overflow [buckets]uint16
		for b := range d.seg {
			bk := &d.seg[b]
			for j, h := range bk.slot {
				if (h == 0) != (bk.tag(j) == 0) {
					tt.Fatalf("a tag without a handle, or the other way round")
				}
				if h == 0 {
					continue
				}
				m++
				live[h] = true
				for o := bucketOf(t.hash(t.Key(h))<<t.skip, d.depth); o != b; o = (o + 1) % buckets {
					overflow[o]++
				}
				k := t.Key(h)
				if got := t.Find(t.hash(k), k); got != h {
					tt.Fatalf("Find(%.20q) = %x, want %x", k, got, h)
				}
				if t.ExpireAt(h) != 0 {
					expiring++
				}
				bytes += t.Size(h) - bucketShare
			}
		}
		for b, n := range overflow {
			if d.seg[b].overflow != n {
				tt.Fatalf("bucket %d counts %d that went past it, should %d", b, d.seg[b].overflow, n)
			}
		}
		if m != d.seg.count() {
			tt.Fatalf("a segment counts %d, has %d", d.seg.count(), m)
		}
		n += m
		i += span
	}
	if n != t.count || segments != t.segments || deepest != t.deepest || expiring != t.expiring || bytes != t.live {
		tt.Fatalf("counted %d entries, %d segments, %d deepest, %d expiring, %d bytes; want %d, %d, %d, %d, %d",
			t.count, t.segments, t.deepest, t.expiring, t.live, n, segments, deepest, expiring, bytes)
	}

	// The chunks.
	holes, space, chunks, stubs, sharedSpace, sharedUsed := 0, 0, 0, 0, 0, 0
	retired := map[Handle]bool{}
	for i := range t.addr {
		if t.addr[i] == nil {
			continue
		}
		shared := t.meta[i].gen <= t.floor
		if shared {
			sharedSpace += int(t.meta[i].size)
			sharedUsed += int(t.meta[i].used)
		} else {
			chunks++
			space += int(t.meta[i].size)
		}
		used := 0
		for p := uint32(0); p < uint32(t.meta[i].bump); {
			h := Handle(uint32(i)<<chunkLog | p)
			e := t.at(h)
			if _, size := classOf(int(e.size)); size != int(e.size) {
				tt.Fatalf("slot %x has size %d", h, e.size)
			}
			switch {
			case shared: // what is not this table's is not its business
				if live[h] {
					used += int(e.size)
					if e.is() != flat {
						stubs++
					}
				}
			case e.kind == linked:
				holes += int(e.size)
				if !linkedIn[h] {
					tt.Fatalf("hole %x is in no list", h)
				}
				delete(linkedIn, h)
			case e.kind == loose:
				if !t.meta[i].drained && !(t.retreating && t.draining == uint32(i)) {
					tt.Fatalf("slot %x is loose in a chunk that does not drain", h)
				}
			default:
				used += int(e.size)
				if e.is() != flat {
					stubs++
				}
				if !live[h] {
					retired[h] = true
				}
			}
			if live[h] && e.is() < flat {
				tt.Fatalf("entry %x is free", h)
			}
			p += uint32(e.size)
		}
		if used != int(t.meta[i].used) {
			tt.Fatalf("chunk %d counts %d granules in use, has %d", i, t.meta[i].used, used)
		}
	}
	if sharedSpace != t.sharedSpace || sharedUsed != t.sharedUsed {
		tt.Fatalf("counted %d shared granules, %d in use; want %d, %d", t.sharedSpace, t.sharedUsed, sharedSpace, sharedUsed)
	}
	if holes != t.holes || space != t.space || chunks != t.chunks || stubs != t.objectCount || len(linkedIn) != 0 {
		tt.Fatalf("counted %d holes, %d granules, %d chunks, %d objects; want %d, %d, %d, %d; %d holes in no chunk",
			t.holes, t.space, t.chunks, t.objectCount, holes, space, chunks, stubs, len(linkedIn))
	}

	// The objects.
	free := 0
	for i := t.freeObject; i != 0; i = uint32(t.object(i - 1).size) {
		if t.object(i-1).obj != nil {
			tt.Fatalf("free object %d holds something", i-1)
		}
		free++
	}
	if free+t.objectCount != int(t.nextObject) {
		tt.Fatalf("%d objects and %d free ones, of %d", t.objectCount, free, t.nextObject)
	}

	// The dead.
	sum := 0
	for _, frozen := range [][]*Frozen{t.open, t.thawing} {
		for _, f := range frozen {
			n := 0
			for i, g := range f.dead {
				if g == nil {
					continue
				}
				n += gravesSize
				for at := range chunkGranules {
					if g[at/64]>>(at%64)&1 == 0 {
						continue
					}
					h := Handle(i<<chunkLog | at)
					if !retired[h] {
						tt.Fatalf("the dead entry %x is live, free, or dead twice", h)
					}
					delete(retired, h)
					n += t.weight(t.at(h))
				}
			}
			for _, d := range f.index {
				n += d.bytes
			}
			if n != f.retained {
				tt.Fatalf("a snapshot counts %d bytes retained, has %d", f.retained, n)
			}
			sum += n
		}
	}
	if len(retired) != 0 || sum != t.retained {
		tt.Fatalf("%d entries neither live nor free nor dead; counted %d bytes retained, want %d", len(retired), t.retained, sum)
	}

	// The deadlines.
	first := map[uint32]int64{}
	t.wheel.verify(tt, first)
	if t.old != nil {
		for h := range live {
			if hash := t.hash(t.Key(h)); t.ExpireAt(h) != 0 && hash<<t.skip < t.cursor {
				t.mustBeOnRecord(tt, h, first)
			}
		}
		t.old.verify(tt, first)
	}
	for h := range live {
		if t.blank {
			break // the walk has still to come to it
		}
		if t.ExpireAt(h) != 0 {
			t.mustBeOnRecord(tt, h, first)
		}
	}
}

func (t *Table) mustBeOnRecord(tt testing.TB, h Handle, first map[uint32]int64) {
	tt.Helper()
	at, ok := first[t.record(t.hash(t.Key(h)))]
	if !ok || at > secondOf(t.ExpireAt(h)) {
		tt.Fatalf("%.20q expires in second %d, has a record at %d (%v)", t.Key(h), secondOf(t.ExpireAt(h)), at, ok)
	}
}

// verify counts a wheel's records, and notes for each the second at which it is
// looked at.
func (w *wheel) verify(tt testing.TB, first map[uint32]int64) {
	tt.Helper()
	if w == nil {
		return
	}
	n, bytes := 0, 0
	slot := func(b *block, start int64) (any bool) {
		for ; b != nil; b = b.next {
			if len(b.recs) == 0 {
				tt.Fatal("a wheel has an empty block")
			}
			any = true
			n += len(b.recs)
			bytes += blockShare + 4*cap(b.recs)
			for _, rec := range b.recs {
				if at, ok := first[rec]; !ok || start < at {
					first[rec] = start
				}
			}
		}
		return any
	}
	for _, b := range w.due {
		if !slot(b, 0) {
			tt.Fatal("a wheel has an empty slot that is due")
		}
	}
	for level, r := range w.rings {
		if r == nil {
			continue
		}
		bytes += ringShare
		for i := range r.slot {
			start := w.begins(level, i)
			any := slot(r.slot[i], start)
			if any != (r.full>>i&1 == 1) {
				tt.Fatalf("ring %d slot %d: the bit and the blocks differ", level, i)
			}
			if any && start <= w.now {
				tt.Fatalf("ring %d slot %d: records at %d, before %d", level, i, start, w.now)
			}
		}
	}
	if n != w.n || bytes != w.bytes {
		tt.Fatalf("a wheel counts %d records and %d bytes, has %d and %d", w.n, w.bytes, n, bytes)
	}
}
