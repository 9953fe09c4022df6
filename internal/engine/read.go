package engine

import (
	"iter"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

// ref returns what the keyspace knows key by.
func (t *Txn) ref(db int, key string) *keyRef {
	if l := t.keys.list; len(l) == 1 && l[0].key == key && l[0].db == db {
		return &l[0] // most commands have one key
	}
	return t.keys.ref(db, key)
}

// lookup finds the entry of a key. One that is expired is not there: a writer
// deletes it, as an effect of its own ahead of the command's; a reader hides it
// and has it deleted after its locks, before it answers.
func (t *Txn) lookup(at *keyRef) (*hashtable.Table, hashtable.Handle) {
	i := at.shard()
	if checks {
		t.mustHold(at)
	}
	tab := t.e.tables[at.db][i]
	if tab == nil || at.found != 0 {
		if checks && tab != nil && tab.Find(at.hash, at.key) != at.found {
			panic("engine: the entry that was found is not that of " + at.key)
		}
		return tab, at.found
	}
	h := tab.Find(at.hash, at.key)
	if h != 0 {
		e := tab.At(h)
		if x := e.ExpireAt(); x != 0 && x <= t.Now() && !t.s.Primary { // whose primary says when it goes
			t.meetExpired(at, tab, h)
			return tab, 0
		}
		if fieldsMayExpire(Form(e.Form())) {
			h = t.lookFields(at, tab, h)
		}
		if t.observed == perhaps {
			if _, flat := e.Flat(); !flat {
				t.observe(t.s)
			}
		}
		at.found = h
	}
	return tab, h
}

// mustHold panics if a key's shard is not held.
func (t *Txn) mustHold(at *keyRef) {
	if (t.held.read|t.held.write)>>at.shard()&1 == 0 && t.frozen == nil {
		panic("engine: key touched without its shard: " + at.key)
	}
}

// meetExpired does what the first who meets an expired key has to do.
func (t *Txn) meetExpired(at *keyRef, tab *hashtable.Table, h hashtable.Handle) {
	switch {
	case t.e.state&stateHide != 0:
	case t.held.write>>at.shard()&1 == 0:
		t.expired = append(t.expired, cloneKey(at.dbKey))
	default:
		t.expire(at, tab, h)
	}
}

// expire deletes an expired key.
func (t *Txn) expire(at *keyRef, tab *hashtable.Table, h hashtable.Handle) {
	t.publish(at, tab, h, 0)
	if !t.reaps {
		t.expired = append(t.expired, cloneKey(at.dbKey)) // should the command fail, and this be undone
	}
	t.counts.expired.Add(1)
	db := t.db
	t.db = at.db
	t.record(at, 'x', "expired", []string{"DEL", at.key})
	t.db = db
}

// touch sets an entry's access clock.
func (t *Txn) touch(tab *hashtable.Table, h hashtable.Handle) { t.s.accessed(tab.At(h)) }

// accessed sets the access clock of an entry that s reads.
func (s *Session) accessed(e hashtable.Entry) {
	if was := e.Clock(); !s.e.accessedNow(was) && !s.NoTouch { // most hot keys were
		if now := s.e.nextAccess(was); now != was {
			e.SetClock(now)
		}
	}
}

// find is lookup for a command that reads the value: it counts as an access.
func (t *Txn) find(key string) (*hashtable.Table, hashtable.Handle) {
	at := t.ref(t.db, key)
	tab, h := t.lookup(at)
	if h != 0 {
		if t.touch(tab, h); t.reading {
			t.hits++
		}
	} else if t.reading {
		t.missing(key)
	}
	return tab, h
}

// missing counts a lookup that found nothing, and tells those who asked for the
// event: see TellMore.
func (t *Txn) missing(key string) {
	if t.misses++; t.e.journal.misses.Load() {
		t.noteMiss(key)
	}
}

// String returns the string at key, or ErrNil, or ErrWrongType.
func (t *Txn) String(key string) (Str, error) {
	at := t.ref(t.db, key)
	if checks {
		t.mustHold(at)
	}
	// Nearly all strings do not expire: they take the short way.
	if tab := t.e.tables[at.db][at.shard()]; tab != nil {
		if h := tab.Find(at.hash, key); h != 0 {
			if e := tab.At(h); e.ExpireAt() == 0 && Form(e.Form()).Type() == TypeString {
				at.found = h
				if t.s.accessed(e); t.reading {
					t.hits++
				}
				if s, flat := e.Flat(); flat {
					return Str{Flat: s}, nil
				}
				if t.observed == perhaps {
					t.observe(t.s)
				}
				return stringOf(tab, h), nil
			}
		}
	}
	return t.findString(key)
}

func (t *Txn) findString(key string) (Str, error) {
	tab, h := t.find(key)
	if h == 0 {
		return Str{}, ErrNil
	}
	if Form(tab.Form(h)).Type() != TypeString {
		return Str{}, ErrWrongType
	}
	return stringOf(tab, h), nil
}

func stringOf(tab *hashtable.Table, h hashtable.Handle) Str {
	if obj := tab.Object(h); obj != nil {
		return Str{Pages: obj.(*Pages)}
	}
	return Str{Flat: tab.Bytes(h)}
}

// Value returns what key holds, and false if it holds nothing.
func (t *Txn) Value(key string) (Value, bool) {
	tab, h := t.find(key)
	return valueOf(tab, h), h != 0
}

// Peek is Value without counting as an access: OBJECT, TYPE, TTL and their like.
func (t *Txn) Peek(key string) (Value, bool) {
	at := t.ref(t.db, key)
	tab, h := t.lookup(at)
	return valueOf(tab, h), h != 0
}

// PeekExpired is Peek that sees a key whose time is over and that was not deleted
// yet: MEMORY USAGE, DEBUG OBJECT.
func (t *Txn) PeekExpired(key string) (Value, bool) {
	at := t.ref(t.db, key)
	tab := t.e.tables[at.db][at.shard()]
	if tab == nil {
		return Value{}, false
	}
	h := tab.Find(at.hash, key)
	return valueOf(tab, h), h != 0
}

// PeekIn is Peek in database db.
func (t *Txn) PeekIn(db int, key string) (Value, bool) {
	at := t.ref(db, key)
	tab, h := t.lookup(at)
	return valueOf(tab, h), h != 0
}

func valueOf(tab *hashtable.Table, h hashtable.Handle) (v Value) {
	if h == 0 {
		return v
	}
	e := tab.At(h)
	v.Form = Form(e.Form())
	if flat, ok := e.Flat(); ok {
		v.Flat = flat
	} else if obj := tab.Object(h); obj != nil {
		v.Obj = obj.(Object)
	} else {
		v.Flat = tab.Bytes(h)
	}
	return v
}

// Exists reports whether there is a key. It is no access.
func (t *Txn) Exists(key string) bool {
	at := t.ref(t.db, key)
	_, h := t.lookup(at)
	return h != 0
}

// Look is Exists for a command that counts hits and misses.
func (t *Txn) Look(key string) bool {
	at := t.ref(t.db, key)
	_, h := t.lookup(at)
	switch {
	case !t.reading:
	case h != 0:
		t.hits++
	default:
		t.missing(key)
	}
	return h != 0
}

// Access counts as an access to key and reports whether it exists: TOUCH.
func (t *Txn) Access(key string) bool {
	_, h := t.find(key)
	return h != 0
}

// ExpireAt returns when key expires in Unix milliseconds: 0 if never. It is
// false if there is no such key.
func (t *Txn) ExpireAt(key string) (at int64, ok bool) {
	r := t.ref(t.db, key)
	tab, h := t.lookup(r)
	if h == 0 {
		return 0, false
	}
	return tab.ExpireAt(h), true
}

// Clock returns a key's access clock; see [Engine.Idle] and [Engine.Frequency].
func (t *Txn) Clock(key string) uint32 {
	at := t.ref(t.db, key)
	tab, h := t.lookup(at)
	if h == 0 {
		return 0
	}
	return tab.Clock(h)
}

// Usage is the memory that a key takes, in bytes: its entry, its value, and its
// share of the table. It is 0 if there is no such key; one whose time is over
// counts until it is deleted.
func (t *Txn) Usage(key string) int {
	at := t.ref(t.db, key)
	tab := t.e.tables[at.db][at.shard()]
	if tab == nil {
		return 0
	}
	h := tab.Find(at.hash, key)
	if h == 0 {
		return 0
	}
	return tab.Size(h)
}

// Len is the number of keys of the selected database, those expired but not
// deleted yet among them. The command holds all shards.
func (t *Txn) Len() (n int64) {
	for i := range t.e.shards {
		if tab := t.e.tables[t.db][i]; tab != nil {
			n += int64(tab.Len())
		}
	}
	return n
}

// All yields the keys of database db that are not expired, in no order: of the
// snapshot of an OnSnapshot command, else of the keyspace, whose shards the
// command holds.
func (t *Txn) All(db int) iter.Seq2[string, Item] {
	return func(yield func(string, Item) bool) {
		if t.frozen != nil {
			t.frozen.All(db)(yield)
			return
		}
		for i := range t.e.shards {
			if tab := t.e.tables[db][i]; tab != nil && !walk(&tab.View, db, t.Now(), yield) {
				return
			}
		}
	}
}

// Step is one step of a SCAN over the selected database, whose shards the
// command holds: it calls f for the keys at the cursor and returns the next
// cursor, 0 at the end. A key that is there from the first call to the last is
// seen exactly once.
func (t *Txn) Step(cursor uint64, f func(key string, it Item)) (next uint64) {
	i := int(cursor >> (48 - shardLog))
	tab := t.e.tables[t.db][i]
	end := uint64(i+1) << (48 - shardLog)
	next = end
	if tab != nil && tab.Len() != 0 {
		next = tab.Step(cursor, func(h hashtable.Handle) {
			if !isGone(&tab.View, h, t.Now()) {
				f(tab.Key(h), itemOf(&tab.View, t.db, h))
			} else if t.e.state&stateHide == 0 {
				t.expired = append(t.expired, cloneKey(dbKey{t.db, tab.Key(h)}))
			}
		})
		if next == 0 || next > end {
			next = end
		}
	}
	if next == 1<<48 {
		return 0
	}
	return next
}

// Rand returns 64 random bits.
func (t *Txn) Rand() uint64 { return t.e.random() }

// Random returns a key of the selected database, each with the same chance, or
// "" and false if there is none. The command holds all shards. Expired keys are
// passed over, and deleted as if they had been read.
func (t *Txn) Random() (key string, ok bool) {
	total := t.Len()
	for tries := 0; total > 0 && tries < 100; tries++ {
		n := int64(t.e.random() % uint64(total))
		for i := range t.e.shards {
			tab := t.e.tables[t.db][i]
			if tab == nil {
				continue
			}
			if n -= int64(tab.Len()); n >= 0 {
				continue
			}
			h := tab.Random(t.e.random)
			if h == 0 {
				break
			}
			if !isGone(&tab.View, h, t.Now()) {
				return tab.Key(h), true
			}
			if t.e.state&stateHide == 0 {
				t.expired = append(t.expired, cloneKey(dbKey{t.db, tab.Key(h)}))
			}
			break
		}
	}
	for key := range t.All(t.db) { // nearly all are expired
		return key, true
	}
	return "", false
}
