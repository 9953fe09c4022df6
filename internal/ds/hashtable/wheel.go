package hashtable

import "math/bits"

// wheel files 32-bit records under seconds. It is a hierarchy of rings of 64
// slots: a slot of the first ring holds the records of one second, one of the
// next those of 64, then of 4,096 and so on. A record goes to the ring of the
// highest six bits in which its second differs from the present one, so that
// every slot of a ring lies in the same turn of the ring above, and none is ever
// behind. When the time of a slot begins, its records become due: those of a
// second for good; those of a longer slot to be looked at and filed again, in a
// finer ring.
type wheel struct {
	now   int64    // in seconds; what begins up to here has become due
	due   []*block // the slots whose time has begun; the last is served first
	n     int      // records
	bytes int
	rings [rings]*ring
}

// rings is enough for MaxExpireAt: 7 x 6 bits of seconds.
const (
	rings    = 7
	ringLog  = 6
	ringSize = 1 << ringLog
)

// A ring is made when its first record comes: most tables need two or three.
type ring struct {
	full uint64 // a bit for each slot with records
	slot [ringSize]*block
}

// block is a piece of a slot. The first of a slot grows from 8 records to 256,
// then others are put before it: so a slot of few records is small, and no record
// is copied more than a few times.
type block struct {
	next *block
	recs []uint32
}

const (
	minBlock = 8
	maxBlock = 256

	blockShare = 32  // bytes of a block beside its records
	ringShare  = 520 // bytes of a ring beside its blocks
)

// add files a record under a second, or under the present if that is later.
func (w *wheel) add(rec uint32, second int64) {
	w.n++
	if second <= w.now {
		if len(w.due) == 0 {
			w.due = append(w.due, nil)
		}
		w.push(&w.due[len(w.due)-1], rec)
		return
	}
	level := (bits.Len64(uint64(second^w.now)) - 1) / ringLog
	r := w.rings[level]
	if r == nil {
		r = new(ring)
		w.rings[level] = r
		w.bytes += ringShare
	}
	i := second >> (level * ringLog) & (ringSize - 1)
	r.full |= 1 << i
	w.push(&r.slot[i], rec)
}

func (w *wheel) push(slot **block, rec uint32) {
	b := *slot
	switch {
	case b == nil:
		b = &block{recs: make([]uint32, 0, minBlock)}
		*slot = b
		w.bytes += blockShare + 4*minBlock
	case len(b.recs) < cap(b.recs):
	case len(b.recs) < maxBlock:
		w.bytes += 4 * cap(b.recs)
		recs := make([]uint32, len(b.recs), 2*cap(b.recs))
		copy(recs, b.recs)
		b.recs = recs
	default:
		b = &block{next: b, recs: make([]uint32, 0, maxBlock)}
		*slot = b
		w.bytes += blockShare + 4*maxBlock
	}
	b.recs = append(b.recs, rec)
}

// advance moves the present to a second: every slot that begins up to there
// becomes due. It goes from the coarsest ring to the finest, so that what is due
// for good is served before what is only to be filed again.
func (w *wheel) advance(second int64) {
	if second <= w.now {
		return
	}
	for level := rings - 1; level >= 0; level-- {
		r := w.rings[level]
		if r == nil {
			continue
		}
		for full := r.full; full != 0; full &= full - 1 {
			i := bits.TrailingZeros64(full)
			if w.begins(level, i) > second {
				break
			}
			w.due = append(w.due, r.slot[i])
			r.slot[i] = nil
			r.full &^= 1 << i
		}
	}
	w.now = second
}

// pop takes out a record that is due.
func (w *wheel) pop() (rec uint32, ok bool) {
	n := len(w.due)
	if n == 0 {
		return 0, false
	}
	b := w.due[n-1]
	rec = b.recs[len(b.recs)-1]
	b.recs = b.recs[:len(b.recs)-1]
	if len(b.recs) == 0 {
		w.bytes -= blockShare + 4*cap(b.recs)
		if w.due[n-1] = b.next; b.next == nil {
			w.due = w.due[:n-1]
		}
	}
	w.n--
	return rec, true
}

// begins returns the second at which a slot begins in the present turn of its ring.
func (w *wheel) begins(level, i int) int64 {
	shift := level * ringLog
	return (w.now>>shift&^(ringSize-1) | int64(i)) << shift
}

// next returns the second at which the first slot with records begins, 0 if there
// is none. The finest ring has it: its slots lie in the present slot of the coarser
// ones.
func (w *wheel) next() int64 {
	for level, r := range w.rings {
		if r != nil && r.full != 0 {
			return w.begins(level, bits.TrailingZeros64(r.full))
		}
	}
	return 0
}
