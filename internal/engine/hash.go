package engine

import (
	"math"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/ds/hashtable"
	"github.com/larderdb/larder/internal/ds/listpack"
)

// A Hash is a hash as an object of the keyspace: one with many fields, or with long
// ones. Smaller ones lie flat, as pairs or, where fields expire, as triples. It
// stands here because the commands, the digests and the files all look into it.
type Hash struct {
	*hashfields.Table
	told int64 // when its first field expires, as it was filed last; see expire_fields.go
}

// Form is the form of every big hash.
func (h *Hash) Form() Form { return HashHashtable }

// Clone returns a copy, in O(1).
func (h *Hash) Clone() Object { return &Hash{h.Table.Clone(), h.told} }

// hashSize is what a big hash takes without its fields and its index.
const hashSize = int(unsafe.Sizeof(Hash{}) + unsafe.Sizeof(hashfields.Table{}) + unsafe.Sizeof(hashtable.Table{}))

// Size is the memory that the hash takes, in bytes.
func (h *Hash) Size() int { return hashSize + h.Memory() }

// Empty reports whether there is no field.
func (h *Hash) Empty() bool { return h.Len() == 0 }

// Fields returns the fields of a hash as of now, in Unix milliseconds; ok is false
// for a value of another type.
func (v Value) Fields(now int64) (f hashfields.View, ok bool) {
	switch v.Form {
	case HashListpack, HashLong:
		return hashfields.Small(v.Flat, hashfields.Pairs, now), true
	case HashListpackEx:
		return hashfields.Small(v.Flat, hashfields.Triples, now), true
	case HashHashtable:
		return hashfields.Big(v.Obj.(*Hash).Table, now), true
	}
	return f, false
}

// Hash returns the fields of the hash at key, or ErrNil, or ErrWrongType. What it
// shows borrows from the keyspace.
func (t *Txn) Hash(key string) (hashfields.View, error) {
	v, ok := t.Value(key)
	if !ok {
		return hashfields.View{}, ErrNil
	}
	now := int64(0)
	if big, ok := v.Obj.(*Hash); ok && big.First() != 0 || v.Form == HashListpackEx {
		now = t.fieldsNow() // which costs as much as the lookup
	}
	f, ok := v.Fields(now)
	if !ok {
		return f, ErrWrongType
	}
	return f, nil
}

// A HashEdit changes the hash at a key, whatever its form, and turns it into a big
// one when it outgrows the limits. As with Edit, the command must not fail any more,
// and its Effect makes the change true.
type HashEdit struct {
	t    *Txn
	at   *keyRef
	buf  *[]byte // of a small one
	step int
	form Form // of a small one
	big  *Hash

	maxFields int
	maxBytes  int // of a field or a value
}

// EditHash returns the hash at key to be changed, whose fields Hash has returned, or
// none. expires says that fields will be given times of expiry. What was borrowed
// from a big hash before is good for nothing afterwards.
func (t *Txn) EditHash(key string, fields hashfields.View, expires bool) (e HashEdit) {
	e.t, e.at = t, t.ref(t.db, key)
	e.maxFields, e.maxBytes = t.e.HashLimits()
	var big bool
	if e.step, big = fields.Form(); big {
		e.big, _ = Edit[*Hash](t, key, nil)
		e.big.Compact() // here, since what the command reads later must stay in its place
		return e
	}
	switch {
	case e.step == hashfields.Triples:
		e.buf = t.EditFlat(key, HashListpackEx)
	default:
		e.step = hashfields.Pairs
		e.buf = t.EditFlat(key, HashListpack)
	}
	e.form = t.stagedForm(e.at)
	if expires && e.step == hashfields.Pairs {
		e.becomeTriples()
	}
	return e
}

// becomeTriples makes room for times of expiry, which long fields have in a table only.
func (e *HashEdit) becomeTriples() {
	if e.form == HashLong {
		e.grow()
		return
	}
	e.step, e.form = hashfields.Triples, HashListpackEx
	*e.buf = hashfields.ToTriples(*e.buf)
	e.t.stageAs(e.at, HashListpackEx)
}

// Fields returns the fields as they are now. It is good until the next change.
func (e *HashEdit) Fields() hashfields.View {
	if e.big != nil {
		return hashfields.Big(e.big.Table, e.t.fieldsNow())
	}
	return hashfields.Small(borrow(*e.buf), e.step, e.t.fieldsNow())
}

// Set writes a field, and reports whether it is new. One that was there keeps its
// time of expiry with keep, else it does not expire any more.
func (e *HashEdit) Set(field, value string, keep bool) (added bool) {
	if e.big == nil && (len(field) > e.maxBytes || len(value) > e.maxBytes || e.form == HashLong || !listpack.Fits(len(*e.buf), len(field)+len(value)+maxOverhead)) {
		e.lengthen(len(field) + len(value) + maxOverhead)
	}
	if e.big != nil {
		return e.big.Set(field, value, keep)
	}
	*e.buf, added = hashfields.Set(*e.buf, e.step, field, value, keep)
	if listpack.Len(*e.buf)/e.step > e.maxFields {
		e.grow()
	}
	return added
}

// lengthen makes room for some bytes of a field that is longer than the limit, or that
// comes to such: among few long ones, or in a table.
func (e *HashEdit) lengthen(size int) {
	switch {
	case e.step != hashfields.Pairs || !fitsLong(*e.buf, e.step, size, longMembers):
		e.grow()
	case e.form != HashLong:
		e.form = HashLong
		e.t.stageAs(e.at, HashLong)
	}
}

// maxOverhead is more than what the three elements of a field take besides their
// bytes.
const maxOverhead = 64

// Remove ends a field, and reports whether it was there.
func (e *HashEdit) Remove(field string) (ok bool) {
	if e.big != nil {
		return e.big.Remove(field)
	}
	*e.buf, ok = hashfields.Remove(*e.buf, e.step, field)
	return ok
}

// Expire sets when a field expires, in Unix milliseconds, 0 for never, and reports
// whether it was there. EditHash was told of it.
func (e *HashEdit) Expire(field string, at int64) (ok bool) {
	e.t.Newer()
	if e.big != nil {
		return e.big.Expire(field, at)
	}
	*e.buf, ok = hashfields.Expire(*e.buf, field, at)
	return ok
}

// Empty reports whether no field is left, so that the Effect deletes the key.
func (e *HashEdit) Empty() bool {
	if e.big != nil {
		return e.big.Empty()
	}
	return noElement(HashListpack, *e.buf)
}

// grow makes a small hash big: what is staged becomes an object.
func (e *HashEdit) grow() {
	e.big = &Hash{Table: hashfields.ToBig(*e.buf, e.step)}
	e.t.stageInstead(e.at, e.big)
	e.buf = nil
}

// stageInstead stages an object in the place of flat bytes.
func (t *Txn) stageInstead(at *keyRef, obj Object) {
	for i := range t.staged {
		if st := &t.staged[i]; st.at == at && st.what == stageFlat {
			st.what, st.obj, st.buf = stageObject, obj, nil
			return
		}
	}
	panic("engine: nothing is staged for " + at.key)
}

// HashLimits returns how many fields a small hash may have, and how many bytes each
// field and value of it.
func (e *Engine) HashLimits() (fields, bytes int) {
	return int(e.memory.hashFields.Load()), int(e.memory.hashBytes.Load())
}

// SetHashLimits sets the limits of small hashes. Hashes that are there follow at
// their next change; big ones stay big.
func (e *Engine) SetHashLimits(fields, bytes int64) {
	e.memory.hashFields.Store(min(fields, math.MaxInt))
	e.memory.hashBytes.Store(min(bytes, math.MaxInt))
}
