package hashtable

const (
	idlePart   = 5  // compaction starts when one slot in so many is free
	sampleSize = 64 // chunks looked at to find one to drain
	restAfter  = 64 // steps between two samples of which the first found none
	stepSlots  = 8  // slots a step looks at, and as many more for each slot freed
	maxSlots   = 512
)

// compactor is the part of a table that drains chunks.
type compactor struct {
	draining   uint32 // the chunk that drains, 0 for none
	drainPos   uint32 // the granule that the walk through it has come to
	retreating bool   // the walk takes back what an earlier one did
	sampled    uint32 // the last chunk of the last sample
	rest       int    // steps until the next sample
	freed      int    // slots freed since the last step
}

// Compact does one bounded step of compaction: while more than a fifth of all
// slots is free, it drains a chunk of which more than three eighths are free, the
// sparsest of a sample, since a table may have a million chunks. (A quarter and a
// half move less, but left 97 bytes a key after a long churn where 92 are left
// now, of 73 before it.) It says whether there is
// more to do, which a caller with idle time may use. The caller takes a step at
// the end of each transaction that wrote, in place or not, since moving entries
// changes their handles.
//
// A chunk that a snapshot may read is left alone: what is moved out of it would
// be kept twice, and an object would be seen by the snapshot and yet belong to an
// entry that is young. One that clones share is drained, without a change of it,
// while half of what is shared is dead to this table. Entries to which the table does not refer, those made and
// not yet published or published out and not yet retired, keep their handles, and
// their chunk.
func (t *Table) Compact() (more bool) {
	t.settle()
	n := min(stepSlots*(1+t.freed), maxSlots)
	t.freed = 0
	if t.draining == 0 {
		if !t.wasteful() && !t.halfDead() {
			return false
		}
		if t.rest -= n / stepSlots; t.rest > 0 {
			return false
		}
		c := t.sparsest(t.halfDead())
		if c == 0 {
			t.rest = restAfter
			return false
		}
		t.draining, t.drainPos = c, 0
		t.meta[c].drained = true
	}
	c := &t.meta[t.draining]
	shared := c.gen <= t.floor
	if c.gen <= t.newest && !shared && !t.retreating {
		// A snapshot was opened meanwhile. Give the slots that were taken out of
		// the lists back to them, as the snapshot may stay for long. That is a walk
		// through the whole chunk: entries may have been freed anywhere in it.
		t.retreating, t.drainPos = true, 0
		c.drained = false
	}
	for ; n > 0 && t.drainPos < uint32(c.bump); n-- {
		if shared && c.used == 0 { // its last entries were removed meanwhile
			t.drainPos = uint32(c.bump)
			break
		}
		h := Handle(t.draining<<chunkLog | t.drainPos)
		e := t.at(h)
		size := int(e.size)
		switch kind := e.is(); {
		case shared && kind < flat: // it was free when the tables parted
		case t.retreating && kind == loose:
			class, _ := classOf(size)
			t.link(h, class)
		case t.retreating || kind == loose:
		case kind == linked:
			t.unlink(h)
			e.kind = loose
		default:
			if !t.move(h) {
				// No handle is left for its new place. Try again when there is.
				return false
			}
			c = &t.meta[t.draining] // there may be a chunk more
		}
		t.drainPos += uint32(size)
	}
	if t.drainPos < uint32(c.bump) {
		return true
	}
	if i := t.draining; !t.retreating && c.used == 0 {
		t.giveBack(i)
	}
	t.draining, t.retreating, t.rest = 0, false, 0
	return t.wasteful() || t.halfDead()
}

// wasteful says that enough slots are free for compaction.
func (t *Table) wasteful() bool { return t.holes*idlePart >= t.space && t.chunks > 1 }

// sparsest returns the emptiest chunk of a sample, of those that are shared or of
// the others, 0 if none is empty enough.
func (t *Table) sparsest(shared bool) (best uint32) {
	for range min(sampleSize, len(t.meta)) {
		if t.sampled++; t.sampled >= uint32(len(t.meta)) {
			t.sampled = 1
		}
		c := &t.meta[t.sampled]
		switch {
		case t.addr[t.sampled] == nil || c.drained || c.used >= c.size/8*5:
			continue
		case shared != (c.gen <= t.floor) || !shared && (c.bump < c.size || c.gen <= t.newest):
			continue
		}
		if b := &t.meta[best]; best == 0 || c.size-c.used > b.size-b.used {
			best = t.sampled
		}
	}
	return best
}

// move gives an entry that is young or shared another slot, if the table refers to
// it.
func (t *Table) move(h Handle) bool {
	if t.isGhost(h) {
		return true
	}
	hash := t.hash(t.Key(h))
	hs := hash << t.skip
	d := t.slotOf(hs)
	if _, _, ok := d.seg.locate(hs, d.depth, h); !ok {
		return true
	}
	e := t.at(h)
	class, size := classOf(int(e.size))
	to := t.alloc(class, size)
	if to == 0 {
		return false
	}
	copy(t.at(to).slot(), e.slot())
	sg, depth := t.own(hs)
	b, j, _ := sg.locate(hs, depth, h)
	sg[b].slot[j] = to
	if t.moved != nil {
		t.moved(h, to)
	}
	if t.shared(h) {
		t.leave(h)
		return true
	}
	e.set(flat, 0) // the object goes with the entry, and is not to be released
	t.release(h)
	return true
}
