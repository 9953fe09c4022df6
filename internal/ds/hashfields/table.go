package hashfields

import (
	"math"
	"sync"

	"github.com/google/btree"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

// A Table is a big hash. It has no lock: the caller holds one over it, shared for
// what only reads, and for Clone.
type Table struct {
	t *hashtable.Table

	mu  sync.Mutex // btree's Clone changes the tree: two at once must not
	due *btree.BTreeG[deadline]
}

// A deadline says that a field expires at a time. It names the field by its hash,
// so that the collector sees neither.
type deadline struct {
	at   int64
	hash uint64
}

const (
	degree       = 32
	deadlineSize = 24 // bytes of a deadline, with what its node has free
)

func earlier(a, b deadline) bool { return a.at < b.at || a.at == b.at && a.hash < b.hash }

// New returns a table without fields.
func New() *Table {
	t := &Table{t: hashtable.NewCollection()}
	t.t.NoDeadlines()
	return t
}

// Clone returns a second table with the same fields. Both can be changed, under
// locks of their own.
func (t *Table) Clone() *Table {
	c := &Table{t: t.t.Clone()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.due != nil {
		c.due = t.due.Clone()
	}
	return c
}

// Len is the number of fields, due ones among them.
func (t *Table) Len() int { return t.t.Len() }

// Memory is the number of bytes that the table takes.
func (t *Table) Memory() int {
	n := t.t.Memory()
	if t.due != nil {
		n += t.due.Len() * deadlineSize
	}
	return n
}

// Compact does a step of housekeeping. It moves what was borrowed from the table,
// so it is called before a change and not after.
func (t *Table) Compact() { t.t.Compact() }

// Set writes a field, and reports whether it is new. One that was there keeps its
// time with keep, else it does not expire any more.
func (t *Table) Set(field, value string, keep bool) (added bool) {
	hash := t.t.Hash(field)
	old := t.t.Find(hash, field)
	was, at := t.timeOf(old), int64(0)
	if keep {
		at = was
	}
	if old == 0 || !t.t.Overwrite(old, value, 0, at) {
		t.replace(hash, old, t.t.New(field, value, 0, at, 0))
	}
	t.reschedule(hash, was, at)
	return old == 0
}

// replace puts an entry in the place of another; either may be 0.
func (t *Table) replace(hash uint64, old, now hashtable.Handle) {
	if t.t.Publish(hash, old, now); old != 0 {
		t.t.Retire(old)
	}
}

func (t *Table) timeOf(h hashtable.Handle) int64 {
	if h == 0 {
		return 0
	}
	return t.t.ExpireAt(h)
}

// Remove ends a field, and reports whether it was there.
func (t *Table) Remove(field string) bool {
	hash := t.t.Hash(field)
	h := t.t.Find(hash, field)
	if h == 0 {
		return false
	}
	t.end(hash, h)
	return true
}

func (t *Table) end(hash uint64, h hashtable.Handle) {
	was := t.t.ExpireAt(h)
	t.replace(hash, h, 0)
	t.reschedule(hash, was, 0)
}

// Expire sets the time of a field, and reports whether it was there.
func (t *Table) Expire(field string, at int64) bool {
	hash := t.t.Hash(field)
	h := t.t.Find(hash, field)
	if h == 0 {
		return false
	}
	was := t.t.ExpireAt(h)
	if !t.t.SetExpireAt(h, at) { // a clone has it too
		t.replace(hash, h, t.t.New(field, t.t.Bytes(h), 0, at, 0))
	}
	t.reschedule(hash, was, at)
	return true
}

// reschedule takes note that a field has another time.
func (t *Table) reschedule(hash uint64, was, at int64) {
	if was == at {
		return
	}
	// Another field of the same hash and the same time may need the item.
	if was != 0 && t.dueAt(deadline{was, hash}) == 0 {
		t.due.Delete(deadline{was, hash})
	}
	if at != 0 {
		if t.due == nil {
			t.due = btree.NewG(degree, earlier)
		}
		t.due.ReplaceOrInsert(deadline{at, hash})
	}
}

// dueAt returns the field of a deadline, 0 if there is none.
func (t *Table) dueAt(d deadline) hashtable.Handle {
	return t.t.FindHash(d.hash, func(h hashtable.Handle) bool { return t.t.ExpireAt(h) == d.at })
}

// First returns the time of the first field that expires, 0 if none does.
func (t *Table) First() int64 {
	if t.due == nil || t.due.Len() == 0 {
		return 0
	}
	d, _ := t.due.Min()
	return d.at
}

// Last returns the time at which the last field expires, 0 if some field never
// does.
func (t *Table) Last() int64 {
	if t.due == nil || t.due.Len() == 0 || t.t.Expiring() != t.t.Len() {
		return 0
	}
	d, _ := t.due.Max()
	return d.at
}

// Due counts the fields that are due. It takes time in proportion to what it
// counts.
func (t *Table) Due(now int64) (n int) {
	if t.due == nil {
		return 0
	}
	t.due.AscendLessThan(deadline{at: min(now, math.MaxInt64-1) + 1}, func(deadline) bool {
		n++
		return true
	})
	return n
}

// Purge removes up to max fields that are due, calling f with each before.
func (t *Table) Purge(now int64, max int, f func(field Elem)) {
	for n := 0; n < max && t.due != nil && t.due.Len() != 0; n++ {
		d, _ := t.due.Min()
		if d.at > now {
			return
		}
		h := t.dueAt(d)
		f(Elem{str: t.t.Key(h)})
		t.end(d.hash, h)
	}
}
