package hashtable

import "math"

// Deadlines.
//
//	record   25 bits of a position and a tag: "look there about this second"
//	due      a record whose second has come; an entry that has expired
//	stale    a record that no entry needs: it was deleted, or its expiry changed
//	rebuild  to fill a new wheel from the entries, and so to drop what is stale
//
// Invariant: for every entry of the table with an expiry there is a record at or
// before it (after it, within a second of now, if Due reported the entry and it was
// left). Stale records are harmless: they are looked at and dropped.
//
// A record is not a handle, so entries may be moved, replaced, and put back by an
// undo, and the wheel need not hear of it. Nor does it hear when an expiry moves
// away: the earlier record finds a later expiry, and is filed again. So a key
// whose time is extended at each use costs one record, not one a use. With the
// tag in it a record leads to its entry in two cache misses; with 32 bits of
// position every entry of the bucket would have to be hashed.

const (
	tagBits      = 7
	recordShift  = 64 - 32 + tagBits // position bits that a record does not hold
	staleFloor   = 1024
	rebuildSteps = 8 // buckets a call, and as many more as a quarter of what it may report
)

// soon is what NextDue returns when there is something to do at once.
const soon = 1

// deadlines is the part of a table that knows when entries expire.
type deadlines struct {
	wheel *wheel // nil until the first deadline

	// A rebuild: records are added to wheel only; old is served beside it until
	// the walk has come past the last position.
	old    *wheel
	cursor uint64
	blank  bool // old is empty: what the walk has not come to is on no record

	inside
}

func (d *deadlines) memory() (n int) {
	if d.wheel != nil {
		n = d.wheel.bytes
	}
	if d.old != nil {
		n += d.old.bytes
	}
	return n
}

// needsDeadline says whether a changed expiry needs a record. If there was one
// not later, it has a record that serves.
func (t *Table) needsDeadline(was, at int64) bool {
	return at != 0 && (was == 0 || at < was) && !t.undated
}

// expiry takes note that the entry of a hash in the table changes its expiry. The
// hash is not looked at if needsDeadline says so.
func (t *Table) expiry(hash uint64, was, at int64) {
	if was != 0 {
		t.expiring--
	}
	if at != 0 {
		t.expiring++
	}
	if t.needsDeadline(was, at) {
		t.addDeadline(t.record(hash), at)
	}
}

func (t *Table) record(hash uint64) uint32 {
	return uint32(hash<<t.skip>>recordShift)<<tagBits | uint32(hash)&(1<<tagBits-1)
}

func (t *Table) addDeadline(rec uint32, at int64) {
	if t.wheel == nil {
		t.wheel = new(wheel)
	}
	t.wheel.add(rec, secondOf(at))
}

// secondOf returns the second in which what expires at a millisecond becomes due:
// the first that does not begin before it.
func secondOf(ms int64) int64 { return (ms + 999) / 1000 }

// NextDue returns when Due should next be called, in Unix milliseconds, 0 for
// never. A time in the past means at once. It costs a few loads, so that a caller
// may ask after each write.
func (t *Table) NextDue() int64 {
	w := t.wheel
	if w == nil || w.n == 0 && t.old == nil {
		return 0
	}
	if t.old != nil || len(w.due) != 0 || t.tooStale() {
		return soon
	}
	return max(w.next()*1000, soon)
}

// tooStale says that a rebuild pays: a walk over the table for the sake of a few
// records does not, so a part of the entries without expiry is allowed for.
func (t *Table) tooStale() bool {
	return t.wheel.n > 2*max(t.expiring, t.rebuilt)+t.count/4+staleFloor
}

// Due calls f for up to limit entries that have expired at now, in Unix
// milliseconds. It is called under the write lock. f publishes the entry out; one
// that it leaves is reported again after a second. The work of a call is bounded
// by limit, whatever is due, stale, or to be rebuilt; Due says whether there is more
// to do now. An entry is reported at the first call that comes not before
// NextDue, hence within a second of its expiry if calls come in time.
func (t *Table) Due(now int64, limit int, f func(h Handle)) (more bool) {
	if t.wheel == nil {
		return false
	}
	t.settle()
	t.rebuilt = min(t.rebuilt, t.wheel.n)
	second := now / 1000
	if t.old == nil && (t.tooStale() || t.wheel.now > second+1) {
		// The second reason is a clock that was set back: what is filed after that
		// must not wait until the clock is again where the wheel is.
		t.old, t.cursor = t.wheel, 0
		t.wheel = &wheel{now: second}
	}
	if t.old != nil {
		t.rebuild(rebuildSteps + limit/4)
	}
	budget, room := 4*limit+64, limit
	if t.old != nil {
		budget -= budget/2 - t.serve(t.wheel, now, &room, budget/2, f)
		t.serve(t.old, now, &room, budget, f)
	} else {
		t.serve(t.wheel, now, &room, budget, f)
	}
	next := t.NextDue()
	return next != 0 && next <= now
}

// rebuild takes some buckets of the walk that fills the new wheel.
func (t *Table) rebuild(n int) {
	for ; n > 0; n-- {
		t.cursor = t.home(t.cursor, func(h Handle, hash uint64) {
			if at := t.dueOf(h); at != 0 {
				t.addDeadline(t.record(hash), at)
			}
		})
		if t.cursor == 0 {
			t.old, t.blank = nil, false
			t.counted()
			return
		}
	}
}

// serve takes records that are due out of a wheel, at most budget, and returns
// what is left of that.
func (t *Table) serve(w *wheel, now int64, room *int, budget int, f func(h Handle)) int {
	w.advance(now / 1000)
	for ; budget > 0 && *room > 0; budget-- {
		rec, ok := w.pop()
		if !ok {
			break
		}
		t.look(rec, now, room, f)
	}
	return budget
}

// look reports the entries of a record that have expired, and files the record
// again for the first of those that have not.
func (t *Table) look(rec uint32, now int64, room *int, f func(h Handle)) {
	for left := math.MaxInt; ; *room-- {
		expired, n, first := t.recorded(rec, now)
		switch {
		case n == 0:
			if first != 0 {
				// Never under the present, where it would be due again at once: the
				// clock may have been set back.
				t.wheel.add(rec, max(secondOf(first), t.wheel.now+1))
			}
			return
		case n >= left:
			// f did not want it. It must stay on record all the same.
			t.wheel.add(rec, max(secondOf(now+1000), t.wheel.now+1))
			return
		case *room == 0:
			t.wheel.add(rec, t.wheel.now)
			return
		}
		left = n
		// Afterwards all is looked up again: f may do what it likes.
		f(expired)
	}
}

// recorded looks where a record says. It returns an entry that has expired at
// now, how many there are, and the first expiry among the others, 0 for none.
// Positions that agree in 25 bits, and in the tag, are rare, but not excluded.
func (t *Table) recorded(rec uint32, now int64) (expired Handle, n int, first int64) {
	prefix := uint64(rec >> tagBits)
	tag := tagOf(uint64(rec))
	for hs := prefix << recordShift; hs>>recordShift == prefix; {
		d := t.slotOf(hs)
		low := 60 - d.depth
		b := bucketOf(hs, d.depth)
		for range d.seg {
			bk := &d.seg[b]
			for j, h := range bk.slot {
				if h == 0 || bk.tag(j) != tag {
					continue
				}
				p := t.hash(t.Key(h)) << t.skip
				if p>>low != hs>>low || p>>recordShift != prefix {
					continue
				}
				switch at := t.dueOf(h); {
				case at == 0:
				case at <= now:
					expired = h
					n++
				case first == 0 || at < first:
					first = at
				}
			}
			if bk.overflow == 0 {
				break
			}
			b = (b + 1) % buckets
		}
		// A bucket of a huge table covers less than a record's positions.
		if hs = (hs>>low + 1) << low; hs == 0 {
			break
		}
	}
	return expired, n, first
}
