package engine

import (
	"math"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/orderedset"
)

// A ZSet is a sorted set as an object of the keyspace: one with many members, or
// with long ones. Smaller ones lie flat. It stands here because the commands, the
// digests and the files all look into it.
type ZSet struct{ *orderedset.Set }

// Form is the form of every big sorted set.
func (z *ZSet) Form() Form { return ZSetSkiplist }

// Clone returns a copy, in O(1).
func (z *ZSet) Clone() Object { return &ZSet{z.Set.Clone()} }

// Empty reports whether there is no member.
func (z *ZSet) Empty() bool { return z.Len() == 0 }

// ZItems returns the members of a sorted set; ok is false for a value of another
// type.
func (v Value) ZItems() (items orderedset.Items, ok bool) {
	switch v.Form {
	case ZSetListpack:
		return orderedset.Flat(v.Flat), true
	case ZSetLong:
		return orderedset.Flat(v.Flat).AsLong(), true
	case ZSetSkiplist:
		return v.Obj.(*ZSet).Items(), true
	}
	return items, false
}

// ZSet returns the members of the sorted set at key, or ErrNil, or ErrWrongType.
// What it shows borrows from the keyspace.
func (t *Txn) ZSet(key string) (orderedset.Items, error) {
	v, ok := t.Value(key)
	if !ok {
		return orderedset.Items{}, ErrNil
	}
	items, ok := v.ZItems()
	if !ok {
		return items, ErrWrongType
	}
	return items, nil
}

// A ZSetEdit changes the sorted set at a key, whatever its form, and turns it into a
// big one when it outgrows the limits. As with Edit, the command must not fail any
// more, and its Effect makes the change true.
type ZSetEdit struct {
	t      *Txn
	at     *keyRef
	buf    *[]byte // of a small one
	form   Form    // of a small one
	big    *ZSet
	limits orderedset.Limits
}

// EditZSet returns the sorted set at key to be changed, an empty one where there is
// none. A value of another type must have been refused before.
func (t *Txn) EditZSet(key string) (e ZSetEdit) {
	e.t, e.at, e.limits = t, t.ref(t.db, key), t.e.ZSetLimits()
	tab, h := t.lookup(e.at)
	if h != 0 && Form(tab.Form(h)) == ZSetSkiplist {
		e.big, _ = Edit[*ZSet](t, key, nil)
		return e
	}
	if e.buf = t.EditFlat(key, ZSetListpack); len(*e.buf) == 0 {
		*e.buf = listpack.AppendNew(*e.buf)
	}
	e.form = t.stagedForm(e.at)
	return e
}

// NewZSet returns an empty sorted set that becomes the value of key, in the place of
// whatever that holds, with Publish.
func (t *Txn) NewZSet(key string) (e ZSetEdit) {
	e.t, e.at, e.limits = t, t.ref(t.db, key), t.e.ZSetLimits()
	e.buf, e.form = new([]byte), ZSetListpack
	*e.buf = listpack.New(0)
	return e
}

// Publish stages what NewZSet began. It never expires.
func (e *ZSetEdit) Publish() {
	if e.big != nil {
		e.t.SetObject(e.at.key, e.big, 0)
		return
	}
	e.t.Set(e.at.key, borrow(*e.buf), e.form, 0)
}

// SetZSet stages a sorted set, which must be shared with nobody, as the value of key:
// as a small one, if it is. It never expires.
func (t *Txn) SetZSet(key string, s *orderedset.Set) {
	limits := t.e.ZSetLimits()
	lp, ok := s.AppendFlat(listpack.New(0), limits)
	switch {
	case ok:
		t.Set(key, borrow(lp), ZSetListpack, 0)
	case s.Len() <= min(limits.Entries, longZMembers) && fewLong(s):
		lp, _ = s.AppendFlat(listpack.New(0), orderedset.Limits{Entries: longZMembers, Value: longBytes})
		t.Set(key, borrow(lp), ZSetLong, 0)
	default:
		t.SetObject(key, &ZSet{s}, 0)
	}
}

// fewLong reports whether the members of a set may lie flat although some are long.
func fewLong(s *orderedset.Set) bool {
	size := 0
	for it := range s.Items().All() {
		if size += it.Member.Len() + maxOverhead; isMinusZero(it.Score) || size > longBytes {
			return false
		}
	}
	return true
}

// isMinusZero reports whether a score is the zero below zero, which a listpack does
// not tell from the other.
func isMinusZero(score float64) bool { return score == 0 && math.Signbit(score) }

// Put gives a member a score, and reports whether it is new.
func (e *ZSetEdit) Put(member string, score float64) (added bool) {
	if e.big != nil {
		return e.big.Put(member, score)
	}
	p, _ := orderedset.FlatFind(*e.buf, member)
	if p == 0 {
		e.Add(member, score)
		return true
	}
	if e.form == ZSetLong && isMinusZero(score) {
		e.grow()
		return e.big.Put(member, score)
	}
	// The limits are looked at when there are more members, not when one moves.
	*e.buf = orderedset.FlatInsert(orderedset.FlatRemove(*e.buf, p), member, score)
	return false
}

// Add is Put for a member that is not there.
func (e *ZSetEdit) Add(member string, score float64) {
	switch {
	case e.big != nil:
		e.big.Put(member, score)
	case e.form == ZSetLong || !orderedset.FlatFits(*e.buf, member, e.limits):
		e.addLong(member, score)
	default:
		*e.buf = orderedset.FlatInsert(*e.buf, member, score)
	}
}

// addLong adds a member that is longer than the limit, or that comes to such: among few
// long ones, or to a big set.
func (e *ZSetEdit) addLong(member string, score float64) {
	most := min(e.limits.Entries, longZMembers)
	if isMinusZero(score) || !fitsLong(*e.buf, 2, len(member)+maxOverhead, most) {
		e.grow()
		e.big.Put(member, score)
		return
	}
	if e.form != ZSetLong {
		e.form = ZSetLong
		e.t.stageAs(e.at, ZSetLong)
	}
	*e.buf = orderedset.FlatInsert(*e.buf, member, score)
}

// grow makes a small set big: what is staged becomes an object.
func (e *ZSetEdit) grow() {
	e.big = &ZSet{orderedset.FromFlat(borrow(*e.buf))}
	for i := range e.t.staged {
		if st := &e.t.staged[i]; st.at == e.at && st.what == stageFlat {
			st.what, st.obj, st.buf = stageObject, e.big, nil
		}
	}
	e.buf = nil
}

// Remove ends a member, and reports whether there was one.
func (e *ZSetEdit) Remove(member string) bool {
	if e.big != nil {
		return e.big.Remove(member)
	}
	p, _ := orderedset.FlatFind(*e.buf, member)
	if p != 0 {
		*e.buf = orderedset.FlatRemove(*e.buf, p)
	}
	return p != 0
}

// RemoveRange ends the members with the ranks from (inclusive) to to (exclusive).
func (e *ZSetEdit) RemoveRange(from, to int) {
	if e.big != nil {
		e.big.RemoveRange(from, to)
		return
	}
	*e.buf = orderedset.FlatRemoveRange(*e.buf, from, to)
}

// Len is the number of members.
func (e *ZSetEdit) Len() int {
	if e.big != nil {
		return e.big.Len()
	}
	return orderedset.Flat(borrow(*e.buf)).Len()
}

// ZSetLimits says how large a small sorted set may become.
func (e *Engine) ZSetLimits() orderedset.Limits {
	return orderedset.Limits{Entries: int(e.memory.zsetEntries.Load()), Value: int(e.memory.zsetValue.Load())}
}

// SetZSetLimits sets how many members a small sorted set may have, and how many
// bytes each. Sets that are there follow when a member is added; big ones stay big.
func (e *Engine) SetZSetLimits(entries, value int64) {
	e.memory.zsetEntries.Store(min(entries, math.MaxInt))
	e.memory.zsetValue.Store(min(value, math.MaxInt))
}

// Items returns the members as they are now. They are good until the next change.
func (e *ZSetEdit) Items() orderedset.Items {
	if e.big != nil {
		return e.big.Items()
	}
	items := orderedset.Flat(borrow(*e.buf))
	if e.form == ZSetLong {
		items = items.AsLong()
	}
	return items
}
