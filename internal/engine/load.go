package engine

import (
	"hash/maphash"
	"slices"
	"sync/atomic"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

// What a file needs that is loaded: tables that are filled aside, without locks, and
// then take the place of the keyspace's, all at once.

// A Load is a data set that is being built beside the keyspace. It must end with
// Install or Drop: Close waits for that, since it gives the memory of all tables back.
// Who builds one looks at Closed.
//
// It is for one goroutine, but for Shard and Add: keys of different shards may be added
// at the same time.
type Load struct {
	e      *Engine
	tables [][numShards]*hashtable.Table
}

// NewLoad returns an empty data set.
func (e *Engine) NewLoad() (*Load, error) {
	one := lockSet{read: 1}
	if err := e.lockOpen(one); err != nil {
		return nil, err
	}
	e.work.Add(1)
	e.unlock(one)
	return &Load{e: e, tables: make([][numShards]*hashtable.Table, e.databases)}, nil
}

// Keys is the number of keys that were added.
func (l *Load) Keys() (n int64) {
	for db := range l.tables {
		for _, tab := range l.tables[db] {
			if tab != nil {
				n += int64(tab.Len())
			}
		}
	}
	return n
}

// Shard is a number below NumShards: that of the shard to which a key belongs.
func (l *Load) Shard(key string) int {
	return int(maphash.String(l.e.seed, key) >> (64 - shardLog))
}

// NumShards is into how many shards the keyspace is split.
const NumShards = numShards

// Add adds a key, and reports whether it was not there yet. A flat value is copied; an
// object must be shared with nobody.
func (l *Load) Add(db int, key string, v Value, expireAt int64, clock uint32) bool {
	hash := maphash.String(l.e.seed, key)
	slot := &l.tables[db][hash>>(64-shardLog)]
	if *slot == nil {
		*slot = l.e.newTable()
	}
	tab, form := *slot, hashtable.Form(v.Form)
	if tab.Find(hash, key) != 0 {
		return false
	}
	expireAt = min(expireAt, MaxExpireAt)
	var h hashtable.Handle
	if v.Obj != nil {
		h = tab.NewObject(key, v.Obj, v.Obj.Size(), form, expireAt, clock)
	} else {
		h = tab.New(key, v.Flat, form, expireAt, clock)
	}
	tab.Publish(hash, 0, h)
	if first := firstField(&tab.View, h); first != 0 {
		if hash, ok := v.Obj.(*Hash); ok {
			hash.told = first
		}
		tab.Expect(hash, 0, first)
	}
	return true
}

// has reports whether database db has the key already.
func (l *Load) has(db int, key string) bool {
	at := l.e.refOf(dbKey{db, key})
	tab := l.tables[db][at.shard()]
	return tab != nil && tab.Find(at.hash, key) != 0
}

// AddAll adds the keys of the keyspace that the data set does not have, which stay
// as they are: what DEBUG RELOAD NOFLUSH MERGE keeps. Objects become Clones.
func (l *Load) AddAll(sn *Snapshot) {
	for db := range l.tables {
		for key, it := range sn.All(db) {
			if l.has(db, key) {
				continue
			}
			if it.Value.Obj != nil {
				it.Value.Obj = it.Value.Obj.Clone()
			}
			l.Add(db, key, it.Value, it.ExpireAt, it.Clock)
		}
	}
}

// Drop gives the memory back.
func (l *Load) Drop() {
	for db := range l.tables {
		for _, tab := range l.tables[db] {
			if tab != nil {
				tab.Drop()
			}
		}
	}
	l.tables = nil
	l.e.work.Done()
}

// Install makes the data set the keyspace, as one transaction: those who watch or wait
// for keys are told as after FLUSHALL. It counts as a change of every key, but no effect
// tells it: who reads the journal has lost its place and begins anew with a snapshot. If
// it fails the data set is dropped.
func (l *Load) Install() error {
	return l.install(func() { l.e.journal.restart(-1) })
}

// install makes the data set the keyspace, and begins the journal anew as it is told.
func (l *Load) install(restart func()) error {
	e := l.e
	t := e.newTxn(&Session{e: e, NoTouch: true, Primary: true, mends: true}, 0) // a replica's data is replaced, too
	t.excl, t.write = true, true
	t.keys.AllForWriting()
	if err := t.acquire(t.keys.locks(true)); err != nil {
		l.Drop()
		return err
	}
	t.changes += int(l.Keys()) + 1
	for db := range l.tables {
		t.replace(db, &l.tables[db])
	}
	l.tables = nil
	e.stats.broken.Store(false) // no value that was to be mistrusted is left
	restart()
	t.done = true
	t.finish()
	e.work.Done()
	return nil
}

// replace puts tables in the place of those of a database.
func (t *Txn) replace(db int, tables *[numShards]*hashtable.Table) {
	old := make([]*hashtable.Table, numShards)
	for i := range t.e.shards {
		old[i] = t.e.tables[db][i]
		t.e.tables[db][i] = tables[i]
		t.wrote = append(t.wrote, tableRef{i, db})
	}
	t.log = append(t.log, undo{at: keyRef{dbKey: dbKey{db: db}}, tables: old, swap: -1})
	t.touchDB(db, old, tables[:])
	t.noteFlush(db)
}

// AccessClock is the access clock of a key of which a file or RESTORE tells how long
// it was idle, in seconds, or how often it was used; -1 is not told. The policy
// decides which of the two counts.
func (e *Engine) AccessClock(idle int64, freq int) uint32 {
	switch lfu := e.Policy().lfu(); {
	case lfu && freq >= 0:
		return e.lfuWord(uint8(freq))
	case !lfu && idle >= 0:
		return uint32(max(0, int64(e.clock.access())-idle))
	}
	return e.newAccess()
}

// SetClock sets the access clock of a key that was written.
func (t *Txn) SetClock(key string, clock uint32) {
	if tab, h := t.lookup(t.ref(t.db, key)); h != 0 {
		tab.At(h).SetClock(clock)
	}
}

// Engine is the engine of which this is a snapshot.
func (sn *Snapshot) Engine() *Engine { return sn.e }

// Expiring is the number of keys of database db that expire.
func (sn *Snapshot) Expiring(db int) (n int) {
	if sn.enter() != nil {
		return 0
	}
	defer sn.leave()
	for _, tables := range sn.tables {
		if tables != nil && tables[db].of != nil {
			n += tables[db].Expiring()
		}
	}
	return n
}

// MayHaveExpiringFields is false if surely no field of any hash expires.
func (sn *Snapshot) MayHaveExpiringFields() bool {
	if sn.enter() != nil {
		return false
	}
	defer sn.leave()
	for i, tables := range sn.tables {
		sh := &sn.e.shards[i]
		sh.mu.RLock()
		found := slices.ContainsFunc(tables, func(f frozen) bool { return f.of != nil && f.of.Expects() })
		sh.mu.RUnlock()
		if found {
			return true
		}
	}
	return false
}

// AddCommands adds commands to this engine's table. It may be called while others run
// commands; a connection that has just been told that there is no such command may
// ask again.
func (e *Engine) AddCommands(more Table) {
	more = more.renamed(e.renames)
	for {
		old := e.table.Load()
		now := Table{}.Merge(*old, more)
		if e.table.CompareAndSwap(old, &now) {
			return
		}
	}
}

// A saver is who is told of changes, and of the end.
type saver struct {
	changed atomic.Pointer[func()]
	last    atomic.Pointer[func(*Snapshot) error]
}

// OnChange sets what is called after the next change of a key, in each shard once,
// until ExpectChange is called again. It is called with the shard locked: it must not
// wait, and must not call the engine.
func (e *Engine) OnChange(f func()) { e.saver.changed.Store(&f) }

// ExpectChange asks for the next change of every shard to be told.
func (e *Engine) ExpectChange() {
	for i := range e.shards {
		sh := &e.shards[i]
		sh.mu.Lock()
		sh.tell = true
		sh.mu.Unlock()
	}
}

// changed counts changes of a shard that is held.
func (e *Engine) changed(shard, n int) {
	sh := &e.shards[shard]
	sh.changes += int64(n)
	if sh.tell {
		sh.tell = false
		if f := e.saver.changed.Load(); f != nil {
			(*f)()
		}
	}
}

// OnClose sets what is called by Close with the keyspace as it is at its end, after
// the engine's goroutines have ended. Its error is that of Close.
func (e *Engine) OnClose(f func(*Snapshot) error) { e.saver.last.Store(&f) }

// QueuedFlags are the flags of all commands that MULTI has queued.
func (s *Session) QueuedFlags() Flag { return s.queueFlags }

// GoSnapshot runs f with a snapshot of now in a goroutine that Close waits for. The
// snapshot is closed when f returns.
func (e *Engine) GoSnapshot(f func(*Snapshot)) error {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return err
	}
	defer e.unlock(all)
	sn := e.freeze()
	e.work.Go(func() { // under the locks: Close has not begun to wait
		defer sn.Close()
		f(sn)
	})
	return nil
}
