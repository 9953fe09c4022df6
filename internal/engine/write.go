package engine

import (
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

// KeepTTL is the time of expiry that leaves the key's as it is.
const KeepTTL int64 = -1

// MaxExpireAt is the latest time of expiry there is, in Unix milliseconds.
const MaxExpireAt = hashtable.MaxExpireAt

// A stage is a change that a command has asked for and that becomes true, all
// at once, with the Effect that tells it.
type stage struct {
	at       *keyRef
	what     stageKind
	flat     string
	form     Form
	obj      Object
	buf      *[]byte // of EditFlat
	expireAt int64
}

type stageKind uint8

const (
	stageSet    stageKind = iota // flat bytes
	stageFlat                    // flat bytes that were edited in the scratch
	stageObject                  // a new object
	stageEdited                  // an object that was changed in place
	stageDelete
	stageExpire
)

// Set stages the value of key: flat bytes, which may be borrowed until the
// Effect, as may the key. KeepTTL leaves the time of expiry as it is, 0 takes
// it away.
func (t *Txn) Set(key, flat string, form Form, expireAt int64) {
	st := t.stage(t.ref(t.db, key), stageSet)
	st.flat, st.form, st.expireAt = flat, form, expireAt
}

// stage adds a stage, in place: to copy one would cost as much as the lookup.
func (t *Txn) stage(at *keyRef, what stageKind) *stage {
	if n := len(t.staged); n < cap(t.staged) {
		t.staged = t.staged[:n+1]
	} else {
		t.staged = append(t.staged, stage{})
	}
	st := &t.staged[len(t.staged)-1]
	st.at, st.what = at, what
	return st
}

// unstage forgets the stages from the first on, which were applied or are not
// to be.
func (t *Txn) unstage(first int) {
	for i := first; i < len(t.staged); i++ {
		st := &t.staged[i]
		st.at, st.flat, st.obj = nil, "", nil
	}
	t.staged = t.staged[:first]
}

// SetObject stages an object, which must be shared with nobody, as the value of
// key.
func (t *Txn) SetObject(key string, obj Object, expireAt int64) {
	st := t.stage(t.ref(t.db, key), stageObject)
	st.obj, st.expireAt = obj, expireAt
}

// SetValue stages v, the value of some key, as the value of key in database db.
// An object becomes a Clone: the two keys can then be changed apart.
func (t *Txn) SetValue(db int, key string, v Value, expireAt int64) {
	if v.Obj != nil {
		st := t.stage(t.ref(db, key), stageObject)
		st.obj, st.expireAt = v.Obj.Clone(), expireAt
		return
	}
	st := t.stage(t.ref(db, key), stageSet)
	st.flat, st.form, st.expireAt = v.Flat, v.Form, expireAt
}

// Edit returns the object at key to be changed in place. If there is none it is
// made by mk, and is in the keyspace only once its Effect is recorded; with mk
// nil that is ErrNil. A command that has called Edit must not fail any more:
// look with Value first. A flat value of the same type is ErrWrongType here:
// its family turns it into an object and stages that.
func Edit[V Object](t *Txn, key string, mk func() V) (v V, err error) {
	at := t.ref(t.db, key)
	tab, h := t.lookup(at)
	if h == 0 {
		if mk == nil {
			return v, ErrNil
		}
		v = mk()
		st := t.stage(at, stageObject)
		st.obj, st.expireAt = v, 0
		return v, nil
	}
	v, ok := tab.Object(h).(V)
	if !ok {
		return v, ErrWrongType
	}
	return edit(t, at, tab, h, v), nil
}

// edit is Edit of the object that was found.
func edit[V Object](t *Txn, at *keyRef, tab *hashtable.Table, h hashtable.Handle, v V) V {
	t.touch(tab, h)
	if !tab.Young(h) { // a snapshot reads it
		v = v.Clone().(V)
		st := t.stage(at, stageObject)
		st.obj, st.expireAt = v, KeepTTL
		return v
	}
	if t.undo {
		t.log = append(t.log, undo{at: *at, inPlace: true, obj: v.Clone(), expireAt: tab.ExpireAt(h)})
	}
	t.dirty++
	t.stage(at, stageEdited).obj = v
	return v
}

// EditFlat returns the flat bytes of key to be changed: a copy in the
// transaction's scratch, empty where there is no such key. The Effect writes them
// back as a value of that form, in place where it may, and deletes a collection
// without an element. What the command borrowed from the value stays as it was. A
// value too long to be flat is turned into an object instead (SetObject). One of few
// but long elements keeps its form.
func (t *Txn) EditFlat(key string, form Form) *[]byte {
	at := t.ref(t.db, key)
	for i := range t.staged {
		if st := &t.staged[i]; st.at == at && st.what == stageFlat {
			return st.buf
		}
	}
	b := t.newScratch()
	if tab, h := t.lookup(at); h != 0 {
		t.touch(tab, h)
		*b = append(*b, tab.Bytes(h)...)
		form = form.stays(Form(tab.Form(h)))
	}
	st := t.stage(at, stageFlat)
	st.buf, st.form, st.expireAt = b, form, KeepTTL
	return b
}

// maxScratch is the longest buffer that a transaction keeps for the next one.
const maxScratch = 32 << 10

// newScratch returns an empty buffer. The buffers are free again when nothing is
// staged.
func (t *Txn) newScratch() *[]byte {
	if len(t.staged) == 0 {
		t.scratched = 0
	}
	if t.scratched == len(t.scratch) {
		t.scratch = append(t.scratch, new([]byte))
	}
	b := t.scratch[t.scratched]
	t.scratched++
	*b = (*b)[:0]
	return b
}

// noElement says that flat bytes are those of a collection without an element: a
// listpack's header and end, an intset's header.
func noElement(form Form, b []byte) bool {
	switch {
	case form.Type() == TypeString:
		return false
	case form == SetIntset:
		return len(b) <= 8
	}
	return len(b) <= 7
}

// Delete stages the end of key and reports whether it was there.
func (t *Txn) Delete(key string) bool {
	at := t.ref(t.db, key)
	if _, h := t.lookup(at); h == 0 {
		return false
	}
	t.stage(at, stageDelete)
	return true
}

// Expire stages another time of expiry for key, which must exist; 0 means
// never.
func (t *Txn) Expire(key string, expireAt int64) {
	t.stage(t.ref(t.db, key), stageExpire).expireAt = expireAt
}

// MayWrite reports whether a command that reads may store what it found out about
// key, PFCOUNT its count: not in a View, not on a replica, and not while writes are
// held. Its Keys names the key as written.
func (t *Txn) MayWrite(key string) bool {
	at := t.ref(t.db, key)
	return t.held.write>>at.shard()&1 != 0 && (t.e.state&(stateReplica|stateHeld) == 0 || t.s.Primary) && !t.e.stats.broken.Load()
}

// OwnResult says that the result of the command borrows nothing, although the
// Op has a Keep: a value may then be overwritten where it lies.
func (t *Txn) OwnResult() { t.keeps = false }

// Effect makes the changes of key that are staged true, and records what was
// done: as the event of a keyspace notification, with its class, and as the
// words of a command that does it again wherever it is run. A write that
// records no effect did not happen.
func (t *Txn) Effect(class byte, event, key string, words ...string) {
	t.effect(t.db, class, event, key, words)
}

// EffectIn is Effect for a key of database db; the words are run in the selected
// one.
func (t *Txn) EffectIn(db int, class byte, event, key string, words ...string) {
	t.effect(db, class, event, key, words)
}

// Touch is Effect for a key whose change is told by the words of another key's
// effect, which must follow: the source of LMOVE.
func (t *Txn) Touch(class byte, event, key string) { t.effect(t.db, class, event, key, nil) }

// TouchIn is Touch for a key of database db.
func (t *Txn) TouchIn(db int, class byte, event, key string) { t.effect(db, class, event, key, nil) }

// EffectAside is Effect of a change beside the value itself, such as what the
// groups of a stream know of it: it touches neither those who watch the key nor
// those who wait for it. Class 0 is no event.
func (t *Txn) EffectAside(class byte, event, key string, words ...string) {
	at := t.applyStaged(t.db, key)
	t.publishEffect(at, class, eventNote, event, words)
}

// Wake has those who wait for key run again, after a change that was recorded
// aside.
func (t *Txn) Wake(key string) {
	at := t.ref(t.db, key)
	if len(t.e.shards[at.shard()].waiters) != 0 {
		k := *at
		k.key, k.unwatched = strings.Clone(key), true
		t.touched = append(t.touched, k)
	}
}

// Replicate records words that no key's event goes with.
func (t *Txn) Replicate(words ...string) {
	if t.Replicating() {
		if t.undo && t.s.changes != nil {
			t.s.changes.whole(t, words)
		}
		t.say(words)
	}
}

// Notify records an event that no change goes with, such as the "new" of a key.
func (t *Txn) Notify(class byte, event, key string) {
	if t.Replicating() {
		at := t.ref(t.db, key)
		if t.undo && t.s.changes != nil && class != 'n' {
			t.s.changes.note(t, at, event, nil)
		}
		t.note(at, class, eventNote, event, len(t.batch))
	}
}

func (t *Txn) effect(db int, class byte, event, key string, words []string) {
	t.record(t.applyStaged(db, key), class, event, words)
}

// applyStaged makes what is staged for a key true.
func (t *Txn) applyStaged(db int, key string) *keyRef {
	if len(t.staged) == 1 { // most commands change one key
		if st := &t.staged[0]; st.at.key == key && st.at.db == db {
			at := st.at
			if st.what != stageSet || !t.overwrite(st) {
				t.apply(st)
			}
			st.at, st.flat, st.obj, t.staged = nil, "", nil, t.staged[:0]
			return at
		}
	}
	var at *keyRef
	applied := false
	for i := 0; i < len(t.staged); i++ {
		if st := &t.staged[i]; st.at.key == key && st.at.db == db {
			at, applied = st.at, true
			t.apply(st)
			copy(t.staged[i:], t.staged[i+1:])
			t.unstage(len(t.staged) - 1)
			i--
		}
	}
	if !applied {
		at = t.ref(db, key)
	}
	return at
}

// record notes what was done to a key for those who watch it, wait for it or
// listen.
func (t *Txn) record(at *keyRef, class byte, event string, words []string) {
	if sh := &t.e.shards[at.shard()]; len(sh.watch) != 0 || len(sh.waiters) != 0 {
		k := *at
		k.key = strings.Clone(at.key)
		t.touched = append(t.touched, k)
	}
	t.publishEffect(at, class, eventModified, event, words)
}

// publishEffect tells those who listen.
func (t *Txn) publishEffect(at *keyRef, class byte, what eventKind, event string, words []string) {
	if t.Replicating() {
		if t.undo && t.s.changes != nil {
			t.s.changes.note(t, at, event, words)
		}
		from := len(t.batch)
		if len(words) != 0 {
			t.say(words)
		}
		t.note(at, class, what, event, from)
	}
}

// say adds words to the batch, behind a SELECT where the database changed.
func (t *Txn) say(words []string) {
	switch {
	case t.effects == 0:
		t.firstDB = t.db
	case t.lastDB != t.db:
		t.batch = AppendCommand(t.batch, "SELECT", strconv.Itoa(t.db))
	}
	t.effects++
	t.lastDB = t.db
	t.batch = AppendCommand(t.batch, words...)
}

func (t *Txn) note(at *keyRef, class byte, what eventKind, name string, from int) {
	if t.e.journal.hasSubs() && (class != 0 || what != eventNote) {
		t.events = append(t.events, event{
			db: at.db, class: class, what: what, name: name, key: strings.Clone(at.key), from: from, to: len(t.batch),
		})
	}
}

// noteFlush says that all keys of a database went.
func (t *Txn) noteFlush(db int) {
	if t.e.journal.hasSubs() {
		t.events = append(t.events, event{db: db, what: eventFlushed, from: len(t.batch), to: len(t.batch)})
	}
}

// apply makes a staged change true.
func (t *Txn) apply(st *stage) {
	t.changes++
	tab, h := t.lookup(st.at)
	if st.holdsFields() {
		was := fieldsTold(tab, h)
		t.applyTo(st, tab, h)
		t.tellFields(st, was)
		return
	}
	t.applyTo(st, tab, h)
}

func (t *Txn) applyTo(st *stage, tab *hashtable.Table, h hashtable.Handle) {
	switch st.what {
	case stageDelete:
		if h != 0 {
			t.publish(st.at, tab, h, 0)
		}
	case stageExpire:
		if h != 0 {
			t.applyExpire(st, tab, h)
		}
	case stageEdited:
		if st.obj.Empty() {
			t.remove(st.at, tab, h)
			return
		}
		size, form := st.obj.Size(), hashtable.Form(st.obj.Form())
		if tab.ObjectSize(h) == size && tab.Form(h) == form {
			t.inPlace = tab // nothing to account for
			return
		}
		tab.SetObject(h, st.obj, size, form)
		t.wroteTo(st.at)
	case stageObject:
		if st.obj.Empty() {
			if h != 0 {
				t.publish(st.at, tab, h, 0)
			}
			return
		}
		if st.expireAt == KeepTTL {
			st.expireAt = expireOf(tab, h)
		}
		tab = t.table(st.at)
		t.publish(st.at, tab, h, tab.NewObject(st.at.key, st.obj, st.obj.Size(), hashtable.Form(st.obj.Form()), st.expireAt, t.e.newAccess()))
	case stageFlat:
		if noElement(st.form, *st.buf) {
			if h != 0 {
				t.publish(st.at, tab, h, 0)
			}
			return
		}
		st.flat = borrow(*st.buf)
		t.applySet(st, tab, h)
		if cap(*st.buf) > maxScratch {
			*st.buf = nil
		}
	case stageSet:
		t.applySet(st, tab, h)
	}
}

// overwrite makes a value that is set true in the place of the old one, if nothing
// but its bytes changes: the short way of most SETs.
func (t *Txn) overwrite(st *stage) bool {
	at := st.at
	tab := t.e.tables[at.db][at.shard()]
	if t.undo || t.keeps || st.expireAt > 0 || tab == nil {
		return false
	}
	if checks {
		t.mustHold(at)
	}
	h := at.found
	if h == 0 {
		if h = tab.Find(at.hash, at.key); h == 0 {
			return false
		}
	}
	if !t.s.overwrite(tab, h, st.flat, st.form) {
		return false
	}
	t.changes++
	t.dirty++
	t.inPlace = tab // nothing to account for
	return true
}

// overwrite puts other bytes in the place of an entry's, unless more than those would
// change.
func (s *Session) overwrite(tab *hashtable.Table, h hashtable.Handle, flat string, form Form) bool {
	e := tab.At(h)
	if e.ExpireAt() != 0 || fieldsMayExpire(Form(e.Form())) || !tab.Overwrite(h, flat, hashtable.Form(form), 0) {
		return false
	}
	s.accessed(e)
	return true
}

func (t *Txn) applySet(st *stage, tab *hashtable.Table, h hashtable.Handle) {
	was := expireOf(tab, h)
	if st.expireAt == KeepTTL {
		st.expireAt = was
	}
	if h != 0 && !t.undo && !t.keeps && tab.Overwrite(h, st.flat, hashtable.Form(st.form), st.expireAt) {
		t.dirty++
		t.touch(tab, h)
		if st.expireAt == 0 && was == 0 {
			t.inPlace = tab // nothing to account for
		} else {
			t.wroteTo(st.at)
		}
		return
	}
	clock := uint32(0)
	if h != 0 {
		clock = t.e.nextAccess(tab.Clock(h))
	} else {
		clock = t.e.newAccess()
	}
	tab = t.table(st.at)
	t.publish(st.at, tab, h, tab.New(st.at.key, st.flat, hashtable.Form(st.form), st.expireAt, clock))
}

func (t *Txn) applyExpire(st *stage, tab *hashtable.Table, h hashtable.Handle) {
	was := tab.ExpireAt(h)
	if tab.SetExpireAt(h, st.expireAt) {
		if t.undo {
			t.log = append(t.log, undo{at: *st.at, inPlace: true, expireAt: was})
		} else {
			t.dirty++
		}
		t.wroteTo(st.at)
		return
	}
	// A snapshot reads the entry, and with it the object.
	var n hashtable.Handle
	if obj, ok := tab.Object(h).(Object); ok {
		n = tab.NewObject(st.at.key, obj.Clone(), obj.Size(), tab.Form(h), st.expireAt, tab.Clock(h))
	} else {
		n = tab.New(st.at.key, tab.Bytes(h), tab.Form(h), st.expireAt, tab.Clock(h))
	}
	t.publish(st.at, tab, h, n)
}

func expireOf(tab *hashtable.Table, h hashtable.Handle) int64 {
	if h == 0 {
		return 0
	}
	return tab.ExpireAt(h)
}

// publish makes now the entry of a key in the place of old, which is freed at
// the end of the transaction, or put back.
func (t *Txn) publish(at *keyRef, tab *hashtable.Table, old, now hashtable.Handle) {
	tab.Publish(at.hash, old, now)
	at.found = now
	if old == 0 && t.e.journal.newKeys.Load() {
		t.noteNew(at)
	}
	t.log = append(t.log, undo{at: *at, old: old, tab: tab})
	t.wroteTo(at)
}

// remove deletes a key whose object was changed in place: the object cannot be
// put back by a failing command, and none fails after Edit.
func (t *Txn) remove(at *keyRef, tab *hashtable.Table, h hashtable.Handle) {
	t.publish(at, tab, h, 0)
}

func (t *Txn) wroteTo(at *keyRef) {
	w := tableRef{at.shard(), at.db}
	if n := len(t.wrote); n == 0 || t.wrote[n-1] != w {
		t.wrote = append(t.wrote, w)
	}
}

// table returns the table of a key, which is about to be written.
func (t *Txn) table(at *keyRef) *hashtable.Table {
	i := at.shard()
	tab := t.e.tables[at.db][i]
	if tab == nil {
		tab = t.e.newTable()
		t.e.tables[at.db][i] = tab
	}
	return tab
}

func (e *Engine) newTable() *hashtable.Table {
	tab := hashtable.New(e.src, e.seed, shardLog)
	tab.Inside(func(h hashtable.Handle) int64 { return firstField(&tab.View, h) })
	return tab
}

// Digits returns n in decimal, to be staged. It is valid until the next call.
func (t *Txn) Digits(n int64) string {
	return borrow(strconv.AppendInt(t.digits[:0], n, 10))
}

// Int returns n in decimal, for the words of an effect; where nobody hears them
// it is not worth formatting. It is valid until the transaction ends.
func (t *Txn) Int(n int64) string {
	if !t.Replicating() {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
