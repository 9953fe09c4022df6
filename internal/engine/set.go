package engine

import (
	"iter"
	"math"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/hashtable"
	"github.com/larderdb/larder/internal/ds/intset"
	"github.com/larderdb/larder/internal/ds/listpack"
)

// A Set is a set as an object of the keyspace: one with many members, or with long
// ones. Smaller ones lie flat, integers in an intset, others in a listpack. It stands
// here because the commands, the digests and the files all look into it.
type Set struct{ table *hashtable.Table }

// Form is the form of every big set.
func (s *Set) Form() Form { return SetHashtable }

// Clone returns a copy, in O(1).
func (s *Set) Clone() Object { return &Set{s.table.Clone()} }

// setSize is what a big set takes without its members and its index.
const setSize = int(unsafe.Sizeof(Set{}) + unsafe.Sizeof(hashtable.Table{}))

// Size is the memory that the set takes, in bytes.
func (s *Set) Size() int { return setSize + s.table.Memory() }

// Empty reports whether there is no member.
func (s *Set) Empty() bool { return s.table.Len() == 0 }

func newSet() *Set { return &Set{hashtable.NewCollection()} }

// insert adds a member that is not there.
func (s *Set) insert(member string) {
	h := s.table.New(member, "", 0, 0, 0)
	if h == 0 {
		panic("engine: a set of 64 GB")
	}
	s.table.Publish(s.table.Hash(member), 0, h)
}

// Members are the members of a set, whatever its form, to be read. They borrow from
// the keyspace; the zero Members are none.
type Members struct {
	form Form
	flat []byte
	big  *hashtable.Table
}

// Members returns the members of a set; ok is false for a value of another type.
func (v Value) Members() (m Members, ok bool) {
	switch v.Form {
	case SetIntset, SetListpack:
		return Members{form: v.Form, flat: bytesOf(v.Flat)}, true
	case SetHashtable:
		return Members{form: v.Form, big: v.Obj.(*Set).table}, true
	}
	return m, false
}

// Members returns the members of the set at key, or ErrNil, or ErrWrongType.
func (t *Txn) Members(key string) (Members, error) {
	v, ok := t.Value(key)
	if !ok {
		return Members{}, ErrNil
	}
	m, ok := v.Members()
	if !ok {
		return m, ErrWrongType
	}
	return m, nil
}

// Len is the number of members.
func (m Members) Len() int {
	switch m.form {
	case SetIntset:
		return intset.Len(m.flat)
	case SetListpack:
		return listpack.Len(m.flat)
	case SetHashtable:
		return m.big.Len()
	}
	return 0
}

// Big reports whether the members lie in a table.
func (m Members) Big() bool { return m.form == SetHashtable }

// Has reports whether there is such a member. O(1) in a big set, O(log n) in an
// intset.
func (m Members) Has(member string) (ok bool) {
	switch m.form {
	case SetIntset:
		n, isInt := listpack.ParseInt(member)
		if isInt {
			_, ok = intset.Find(m.flat, n)
		}
	case SetListpack:
		ok = listpack.Find(m.flat, listpack.First(m.flat), member, 1) != 0
	case SetHashtable:
		ok = m.big.Find(m.big.Hash(member), member) != 0
	}
	return ok
}

// HasValue is Has of a member of another set. Where that is no string, it is made one
// in buf, which is returned.
func (m Members) HasValue(v listpack.Value, buf []byte) (bool, []byte) {
	n, isInt := v.Int()
	switch {
	case !isInt:
		return m.Has(borrow(v.Bytes())), buf
	case m.form == SetIntset:
		_, ok := intset.Find(m.flat, n)
		return ok, buf
	}
	buf = v.Append(buf[:0])
	return m.Has(borrow(buf)), buf
}

// All yields the members: the integers of an intset ascending. The set must not change
// meanwhile.
func (m Members) All() iter.Seq[listpack.Value] {
	return func(yield func(listpack.Value) bool) {
		switch m.form {
		case SetIntset:
			for n := range intset.All(m.flat) {
				if !yield(listpack.IntValue(n)) {
					return
				}
			}
		case SetListpack:
			for _, v := range listpack.All(m.flat) {
				if !yield(v) {
					return
				}
			}
		case SetHashtable:
			for h := range m.big.All() {
				if !yield(m.at(h)) {
					return
				}
			}
		}
	}
}

// at is the member of an entry.
func (m Members) at(h hashtable.Handle) listpack.Value {
	return listpack.StringValue(bytesOf(m.big.Key(h)))
}

// Scan calls f for the members at a cursor and returns the next one, 0 at the end. A
// small set is met whole at once.
func (m Members) Scan(cursor uint64, f func(listpack.Value)) (next uint64) {
	if m.big != nil {
		return m.big.Step(cursor, func(h hashtable.Handle) { f(m.at(h)) })
	}
	for v := range m.All() {
		f(v)
	}
	return 0
}

// A SetEdit changes a set, whatever its form, and gives it another form when it
// outgrows the one it has. As with Edit, the command must not fail any more, and its
// Effect makes the change true.
type SetEdit struct {
	t    *Txn
	at   *keyRef // nil: of no key yet
	form Form
	buf  *[]byte // of a small one
	big  *Set
	ints int // the most integers of an intset
}

// EditSet returns the set at key to be changed, whose members t.Members has returned,
// or none. What was borrowed from a big set before is good for nothing afterwards.
func (t *Txn) EditSet(key string, m Members) (e SetEdit) {
	e.t, e.at, e.form, e.ints = t, t.ref(t.db, key), m.form, t.e.intsetLimit()
	switch m.form {
	case SetHashtable:
		e.big, _ = Edit[*Set](t, key, nil)
		e.big.table.Compact()
	case NoForm: // a set of integers until it is told otherwise
		e.form = SetIntset
		e.buf = t.EditFlat(key, SetIntset)
		*e.buf = intset.AppendNew(*e.buf)
	default:
		e.buf = t.EditFlat(key, m.form)
	}
	return e
}

// NewSet returns an empty set that is no key's until it is published.
func (t *Txn) NewSet() SetEdit {
	buf := intset.AppendNew(nil)
	return SetEdit{t: t, form: SetIntset, buf: &buf, ints: t.e.intsetLimit()}
}

// Publish stages what NewSet began, which must have a member, as the value of key.
func (e *SetEdit) Publish(key string, expireAt int64) {
	if e.big != nil {
		e.t.SetObject(key, e.big, expireAt)
		return
	}
	e.t.Set(key, borrow(*e.buf), e.form, expireAt)
}

// Members returns the members as they are now. They are good until the next change.
func (e *SetEdit) Members() Members {
	if e.big != nil {
		return Members{form: SetHashtable, big: e.big.table}
	}
	return Members{form: e.form, flat: *e.buf}
}

// Put adds a member, and reports whether it is new.
func (e *SetEdit) Put(member string) bool {
	if e.Members().Has(member) {
		return false
	}
	e.Add(member)
	return true
}

// Add is Put for a member that is not there.
func (e *SetEdit) Add(member string) {
	if e.form == SetIntset {
		if n, ok := listpack.ParseInt(member); ok && intset.Len(*e.buf) < e.ints {
			*e.buf, _ = intset.Add(*e.buf, n)
			return
		}
		e.leaveIntset()
	}
	if e.form == SetListpack {
		if fitsSmall(*e.buf, member) {
			*e.buf = listpack.Append(*e.buf, member)
			return
		}
		e.grow()
	}
	e.big.insert(member)
}

// The limits of a small set of strings. Those for members of usual length are what
// Redis has had from 7.2 on, and no settings of 7.0. Longer members may lie flat too,
// but only few: a table takes as much as ten of them before it has one.
const (
	smallMembers = 128
	smallLength  = 64 // bytes of a member
	smallBytes   = smallMembers * (smallLength + 2)
)

// fitsSmall reports whether a member may be added to the listpack of a set.
func fitsSmall(lp []byte, member string) bool {
	n, size := listpack.Len(lp), len(member)
	return n < smallMembers && (n < longMembers || size <= smallLength) && size < smallBytes && len(lp)+size < smallBytes
}

// leaveIntset gives a set of integers, which gets a member that is none or one too
// many, another form.
func (e *SetEdit) leaveIntset() {
	ints := *e.buf
	if intset.Len(ints) > smallMembers {
		e.grow()
		return
	}
	lp := listpack.Extend(listpack.New(2 * len(ints)))
	for n := range intset.All(ints) {
		lp.Int(n)
	}
	*e.buf = append(ints[:0], lp.Done()...)
	e.setForm(SetListpack)
}

func (e *SetEdit) setForm(f Form) {
	if e.form = f; e.at != nil {
		e.t.stageAs(e.at, f)
	}
}

// grow makes a small set big: what is staged becomes an object.
func (e *SetEdit) grow() {
	small := e.Members()
	e.big = newSet()
	var b []byte
	for v := range small.All() {
		b = v.Append(b[:0])
		e.big.insert(borrow(b))
	}
	if e.at != nil {
		e.t.stageInstead(e.at, e.big)
	}
	e.form, e.buf = SetHashtable, nil
}

// Remove ends a member, and reports whether there was one.
func (e *SetEdit) Remove(member string) (ok bool) {
	switch e.form {
	case SetIntset:
		n, isInt := listpack.ParseInt(member)
		if isInt {
			*e.buf, ok = intset.Remove(*e.buf, n)
		}
		return ok
	case SetListpack:
		p := listpack.Find(*e.buf, listpack.First(*e.buf), member, 1)
		if p != 0 {
			*e.buf = listpack.Delete(*e.buf, p, 1)
		}
		return p != 0
	}
	return e.big.table.Remove(member)
}

// SetIntsetLimit sets how many integers an intset may have. Sets that are there follow
// when a member is added; what has become a table stays one.
func (e *Engine) SetIntsetLimit(n int64) { e.memory.setIntegers.Store(n) }

// intsetLimit is never more than a billion, of which an intset takes 8 GB.
func (e *Engine) intsetLimit() int {
	return int(min(e.memory.setIntegers.Load(), math.MaxInt32/2+1))
}
