package hashtable

import "math"

// RandomExpiring returns an entry that has an expiry, each with about the same
// chance, or 0 if there is none. rnd returns 64 random bits. Where such entries
// are many it costs what Random does; where they are few, a look at the lengths
// of their records' blocks.
func (t *Table) RandomExpiring(rnd func() uint64) Handle {
	if t.expiring == 0 {
		return 0
	}
	if t.expiring >= t.count/8 {
		for range 64 {
			if h := t.Random(rnd); t.ExpireAt(h) != 0 {
				return h
			}
		}
	}
	for range 64 { // a record may be stale
		w := t.wheel
		if t.old != nil && rnd()%uint64(w.n+t.old.n) >= uint64(w.n) {
			w = t.old
		}
		if w.n == 0 {
			break
		}
		if h, n, _ := t.recorded(w.nth(int(rnd()%uint64(w.n))), math.MaxInt64); n > 0 {
			return h
		}
	}
	for h := range t.All() { // nearly all records are stale: a rebuild is due
		if t.ExpireAt(h) != 0 {
			return h
		}
	}
	return 0
}

// nth returns the record at index i, in the order of the slots.
func (w *wheel) nth(i int) uint32 {
	for _, b := range w.due {
		rec, left := nthIn(b, i)
		if left < 0 {
			return rec
		}
		i = left
	}
	for _, r := range w.rings {
		if r == nil {
			continue
		}
		for _, b := range r.slot {
			rec, left := nthIn(b, i)
			if left < 0 {
				return rec
			}
			i = left
		}
	}
	return 0
}

// nthIn returns the record at index i of a slot, or how much of i is left behind
// its end.
func nthIn(b *block, i int) (rec uint32, left int) {
	for ; b != nil; b = b.next {
		if i < len(b.recs) {
			return b.recs[i], -1
		}
		i -= len(b.recs)
	}
	return 0, i
}
