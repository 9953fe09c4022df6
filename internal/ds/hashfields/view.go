package hashfields

import (
	"iter"

	"github.com/larderdb/larder/internal/ds/hashtable"
	"github.com/larderdb/larder/internal/ds/listpack"
)

// A View reads a hash as of an instant: it shows live fields only. The zero View is
// a hash without fields. It borrows from what it was made of.
type View struct {
	lp   []byte // pairs or triples
	step int
	big  *Table
	now  int64
}

// Small returns a view of pairs or triples. now does not matter for pairs.
func Small(flat string, step int, now int64) View {
	return View{lp: bytesOf(flat), step: step, now: now}
}

// Big returns a view of a table.
func Big(t *Table, now int64) View { return View{big: t, now: now} }

// Form returns the form of what the view was made of: Pairs, Triples, or 0 for a
// table, and for nothing at all, which is not big.
func (v View) Form() (step int, big bool) { return v.step, v.big != nil }

// past reports whether a time is over.
func (v *View) past(at int64) bool { return at != 0 && at <= v.now }

// skip returns the first live field of a small hash, its end if there is none, and
// how many are due.
func (v *View) skip() (p, due int) {
	p, end := listpack.First(v.lp), listpack.End(v.lp)
	if p == 0 {
		return end, 0
	}
	if v.step == Triples {
		for ; p != end && v.past(timeAt(v.lp, p)); p = next(v.lp, p, Triples) {
			due++
		}
	}
	return p, due
}

// Spread tells how fields lie in the buckets of a big hash, nil of a small one: see
// hashtable.View.Spread.
func (v View) Spread() []int {
	if v.big == nil {
		return nil
	}
	return v.big.t.Spread(func(hashtable.Handle) bool { return true })
}

// Len is the number of fields. It is O(1), plus the fields that are due.
func (v View) Len() int {
	switch {
	case v.big != nil:
		return v.big.Len() - v.big.Due(v.now)
	case len(v.lp) == 0:
		return 0
	}
	_, due := v.skip()
	return listpack.Len(v.lp)/v.step - due
}

// Bytes is about how many bytes the fields and values take.
func (v View) Bytes() int {
	if v.big != nil {
		return v.big.Memory()
	}
	return len(v.lp)
}

// Get returns a field's value.
func (v View) Get(field string) (value Elem, ok bool) {
	value, _, ok = v.Lookup(field)
	return value, ok
}

// Lookup returns a field's value and when it expires.
func (v View) Lookup(field string) (value Elem, at int64, ok bool) {
	if v.big != nil {
		t := v.big.t
		h := t.Find(t.Hash(field), field)
		if h == 0 || v.past(t.ExpireAt(h)) {
			return Elem{}, 0, false
		}
		return Elem{str: t.Bytes(h)}, t.ExpireAt(h), true
	}
	p := find(v.lp, v.step, field)
	if p == 0 {
		return Elem{}, 0, false
	}
	if v.step == Triples {
		if at = timeAt(v.lp, p); v.past(at) {
			return Elem{}, 0, false
		}
	}
	return elem(listpack.Get(v.lp, listpack.After(v.lp, p))), at, true
}

// All yields the fields with their values: small hashes in their order. The hash
// must not change meanwhile.
func (v View) All() iter.Seq2[Elem, Elem] {
	return func(yield func(Elem, Elem) bool) {
		v.each(func(f Elem, e Entry) bool { return yield(f, e.Value) })
	}
}

// An Entry is what belongs to a field.
type Entry struct {
	Value    Elem
	ExpireAt int64 // Unix milliseconds; 0 is never
}

// Entries is All with the times at which the fields expire.
func (v View) Entries() iter.Seq2[Elem, Entry] { return v.each }

func (v View) each(yield func(Elem, Entry) bool) {
	switch {
	case v.big != nil:
		t := v.big.t
		for h := range t.All() {
			if at := t.ExpireAt(h); !v.past(at) && !yield(Elem{str: t.Key(h)}, Entry{Elem{str: t.Bytes(h)}, at}) {
				return
			}
		}
	case len(v.lp) != 0:
		end := listpack.End(v.lp)
		for p, _ := v.skip(); p != end; {
			var f Elem
			var e Entry
			if f, e, p = v.read(p); !yield(f, e) {
				return
			}
		}
	}
}

// read returns the field of a small hash at p, and where the next one begins.
func (v *View) read(p int) (f Elem, e Entry, next int) {
	field, p := listpack.Read(v.lp, p)
	value, p := listpack.Read(v.lp, p)
	e.Value = elem(value)
	if v.step == Triples {
		var at listpack.Value
		at, p = listpack.Read(v.lp, p)
		e.ExpireAt, _ = at.Int()
	}
	return elem(field), e, p
}

// Scan calls f for the fields at a cursor and returns the next cursor, 0 at the
// end. A field that is there from the first call to the last is met once at least,
// also when the hash becomes big meanwhile. A small hash is met whole at once.
func (v View) Scan(cursor uint64, f func(field, value Elem)) (next uint64) {
	if v.big == nil {
		v.each(func(field Elem, e Entry) bool {
			f(field, e.Value)
			return true
		})
		return 0
	}
	t := v.big.t
	return t.Step(cursor, func(h hashtable.Handle) {
		if !v.past(t.ExpireAt(h)) {
			f(Elem{str: t.Key(h)}, Elem{str: t.Bytes(h)})
		}
	})
}
