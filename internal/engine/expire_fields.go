package engine

import (
	"math"
	"slices"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/ds/hashtable"
)

// Fields of hashes that expire.
//
// To everybody who asks a field is gone at its millisecond: a [hashfields.View]
// shows those that live, and a hash of which none does is no key any more. As with
// keys, a reader that meets due fields has them removed after its locks, before it
// answers; a writer, whatever its command, removes them before it sees the hash, as
// an effect ahead of its own; a replica and a paused server only hide them.
//
// That their memory comes back without anybody's touch is the doing of the table's
// records: one says "look there about this second" of a key, and what is there, a
// key whose time is over or a hash with due fields, is asked when it has come (see
// hashtable.Table.Inside). So a hash costs four bytes for it, however many of its
// fields expire, and neither a rename nor an undo has to tell anybody.
//
// A primary's stream sees all fields: it says itself when they go.

const (
	// fieldBatch is how many fields are removed under one hold of a shard by who
	// has no command to run.
	fieldBatch = 256
	// hdelWords is how many fields one HDEL in the journal names.
	hdelWords = 1024
)

// fieldsMayExpire says that a value of that form may hold fields that expire.
func fieldsMayExpire(f Form) bool { return f == HashListpackEx || f == HashHashtable }

// fieldsNow is the time by which the fields that a command sees are judged.
func (t *Txn) fieldsNow() int64 {
	if t.s.Primary {
		return 0
	}
	return t.Now()
}

// firstField returns when the first field of the value at h expires, 0 if none does
// or it is no hash.
func firstField(v *hashtable.View, h hashtable.Handle) int64 {
	switch Form(v.Form(h)) {
	case HashListpackEx:
		return hashfields.FirstOf(v.Bytes(h))
	case HashHashtable:
		return v.Object(h).(*Hash).First()
	}
	return 0
}

// lastField returns when the last field of the hash at h expires, 0 if some field
// never does or it is no hash.
func lastField(v *hashtable.View, h hashtable.Handle) int64 {
	switch Form(v.Form(h)) {
	case HashListpackEx:
		return hashfields.LastOf(v.Bytes(h))
	case HashHashtable:
		return v.Object(h).(*Hash).Last()
	}
	return 0
}

// isGone reports whether nobody sees the key at h any more: its time is over, or
// that of all its fields.
func isGone(v *hashtable.View, h hashtable.Handle, now int64) bool {
	return isPast(v.ExpireAt(h), now) || fieldsMayExpire(Form(v.Form(h))) && isPast(lastField(v, h), now)
}

// hasDue reports whether there is something at h to be deleted or removed.
func hasDue(v *hashtable.View, h hashtable.Handle, now int64) bool {
	return isPast(v.ExpireAt(h), now) || fieldsMayExpire(Form(v.Form(h))) && isPast(firstField(v, h), now)
}

// lookFields is the part of lookup that is about fields: it returns the entry after
// due fields were removed, or hidden, 0 if none is left.
func (t *Txn) lookFields(at *keyRef, tab *hashtable.Table, h hashtable.Handle) hashtable.Handle {
	if t.s.Primary {
		return h
	}
	first := firstField(&tab.View, h)
	if first == 0 || first > t.Now() {
		return h
	}
	switch {
	case t.e.state&stateHide != 0:
	case t.held.write>>at.shard()&1 == 0:
		t.metExpired(at)
	default:
		return t.purge(at, tab, h)
	}
	if isPast(lastField(&tab.View, h), t.Now()) {
		return 0
	}
	return h
}

// metExpired notes a key that is to be looked at after the locks.
func (t *Txn) metExpired(at *keyRef) {
	if n := len(t.expired); n == 0 || t.expired[n-1] != at.dbKey {
		t.expired = append(t.expired, cloneKey(at.dbKey))
	}
}

// purge removes the due fields of a hash, as an effect of its own, and returns the
// entry after it, 0 if no field is left.
//
// A small hash, and a big one in a transaction that may yet be undone, gets a new
// entry, so that the undo log has the old one; what is undone is removed again
// after the locks. Else a big hash is changed in place, and a command that fails
// afterwards does not take it back: its fields are no less gone for that.
func (t *Txn) purge(at *keyRef, tab *hashtable.Table, h hashtable.Handle) hashtable.Handle {
	max := math.MaxInt
	if t.reaps {
		max = fieldBatch
	}
	var words []string
	removed := func(field hashfields.Elem) {
		if t.Replicating() {
			words = append(words, field.Keep())
		}
	}
	now := hashtable.Handle(0)
	big, _ := tab.Object(h).(*Hash)
	inPlace := big != nil && tab.Young(h) && !t.undo && len(t.log) == t.mark.log && len(t.staged) == 0 && t.dirty == 0
	switch {
	case big == nil:
		flat := hashfields.Purge([]byte(tab.Bytes(h)), t.Now(), max, removed)
		if !noElement(HashListpackEx, flat) {
			now = tab.New(at.key, borrow(flat), hashtable.Form(HashListpackEx), tab.ExpireAt(h), tab.Clock(h))
		}
		t.publish(at, tab, h, now)
	case inPlace:
		big.Compact()
		big.Purge(t.Now(), max, removed)
		big.told = big.First()
		if big.Empty() {
			t.publish(at, tab, h, 0)
		} else {
			tab.SetObject(h, big, big.Size(), hashtable.Form(HashHashtable))
			t.wroteTo(at)
			now = h
		}
	default:
		big = big.Clone().(*Hash)
		big.Purge(t.Now(), max, removed)
		big.told = big.First()
		if !big.Empty() {
			now = tab.NewObject(at.key, big, big.Size(), hashtable.Form(HashHashtable), tab.ExpireAt(h), tab.Clock(h))
		}
		t.publish(at, tab, h, now)
	}
	t.changes++
	t.tellPurged(at, words, now == 0)
	switch {
	case inPlace:
		t.moveMark()
	case !t.reaps:
		t.metExpired(at)
	}
	return now
}

// tellPurged records that fields have expired and, perhaps, the key with them.
func (t *Txn) tellPurged(at *keyRef, fields []string, gone bool) {
	db := t.db
	t.db = at.db
	var words []string
	if gone && len(fields) > hdelWords {
		words = []string{"DEL", at.key}
	} else if t.Replicating() {
		for ; len(fields) > hdelWords; fields = fields[hdelWords:] {
			t.say(slices.Concat([]string{"HDEL", at.key}, fields[:hdelWords]))
		}
		words = slices.Concat([]string{"HDEL", at.key}, fields)
	}
	t.record(at, 'h', "hexpired", words)
	if gone {
		t.record(at, 'g', "del", nil)
	}
	t.db = db
}

// moveMark says that what was done so far stays, whatever becomes of the command.
func (t *Txn) moveMark() {
	t.kept = true
	t.mark = mark{len(t.log), t.changes, t.effects, len(t.batch), len(t.events), len(t.touched), len(t.marks), t.lastDB}
}

// holdsFields reports whether a stage is that of a value whose fields may expire.
func (st *stage) holdsFields() bool {
	switch st.what {
	case stageSet, stageFlat:
		return st.form == HashListpackEx
	case stageObject, stageEdited:
		_, ok := st.obj.(*Hash)
		return ok
	}
	return false
}

// fieldsTold returns when the first field of the value at h expires, as the table
// was told, 0 if it was not.
func fieldsTold(tab *hashtable.Table, h hashtable.Handle) int64 {
	if h == 0 {
		return 0
	}
	if hash, ok := tab.Object(h).(*Hash); ok {
		return hash.told
	}
	return firstField(&tab.View, h)
}

// tellFields tells the table of the key when the first field of what a stage made
// true expires. was is when that was before.
func (t *Txn) tellFields(st *stage, was int64) {
	first := int64(0)
	if hash, ok := st.obj.(*Hash); ok {
		first = hash.First()
		hash.told = first
	} else if len(st.flat) != 0 {
		first = hashfields.FirstOf(st.flat)
	}
	if first == 0 {
		return
	}
	if tab := t.e.tables[st.at.db][st.at.shard()]; tab.Expect(st.at.hash, was, first) {
		t.wroteTo(st.at)
	}
}
