package hashtable

// Things inside an entry may expire as well: the fields of a hash. The table knows
// of them no more than a record, "look there about this second", in the same wheel
// as those of the entries. What it finds there it asks the owner.

// inside is the part of deadlines that is about what is inside the entries.
type inside struct {
	undated bool                 // no records are kept: see NoDeadlines
	of      func(h Handle) int64 // see Inside
	expects bool                 // Expect had something to note
	rebuilt int                  // records after the last rebuild, or fewer if there were fewer since
}

// Inside sets how the table learns when the first of what is inside an entry
// expires: of returns that, in Unix milliseconds, 0 if nothing does. Due reports an
// entry for that as it does for the entry's own expiry. Whoever changes such an
// entry says so by Expect.
func (t *Table) Inside(of func(h Handle) int64) { t.of = of }

// Expect notes that the first of what is inside the entry of a hash, which is in
// the table, expires at a time, and did so at another before: 0 means never, or
// that the entry was not in the table. It reports whether NextDue may have changed.
func (t *Table) Expect(hash uint64, was, at int64) bool {
	if !t.needsDeadline(was, at) {
		return false
	}
	t.expects = true
	t.addDeadline(t.record(hash), at)
	return true
}

// Expects says whether there was ever something inside an entry that expires.
func (t *Table) Expects() bool { return t.expects }

// dueOf returns when an entry, or something inside it, expires: the earlier.
func (t *Table) dueOf(h Handle) int64 {
	at := t.ExpireAt(h)
	if t.expects {
		if in := t.of(h); in != 0 && (at == 0 || in < at) {
			return in
		}
	}
	return at
}

// counted remembers how many records a rebuild found to be needed. For entries
// there is a count; what expires inside them nobody counts, so the next rebuild
// comes when the records have doubled.
func (t *Table) counted() {
	if t.expects {
		t.rebuilt = t.wheel.n
	}
}
