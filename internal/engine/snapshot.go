package engine

import (
	"iter"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/larderdb/larder/internal/ds/chunk"
	"github.com/larderdb/larder/internal/ds/hashtable"
)

// A Snapshot is the keyspace at an instant. It is read without locks of the
// keyspace, by any number of goroutines. Its clock stands still: what expires
// later it still shows.
type Snapshot struct {
	e      *Engine
	now    int64
	tables [numShards][]frozen // by shard and database; empty where there was none
	max    int64               // bytes it may retain; 0: no limit

	offset   int64 // of the journal at that instant
	streamDB int   // that the journal had selected; -1: the next write selects one

	refs  atomic.Int64  // one of its own until Close, one a reader
	state atomic.Uint32 // open, closed, broken
}

// A frozen is a table's part of a snapshot.
type frozen struct {
	*hashtable.Frozen
	of *hashtable.Table
}

const (
	snapOpen uint32 = iota
	snapClosed
	snapBroken // retained more than max
)

// An Item is a key of a snapshot, with its value.
type Item struct {
	DB       int
	Value    Value
	ExpireAt int64 // Unix ms; 0 means never
	Clock    uint32
}

// snapshots are those that are open.
type snapshots struct {
	limited  atomic.Bool // some has a limit
	writes   atomic.Int64
	checking atomic.Bool

	mu     sync.Mutex // guards following; taken under shard locks
	open   []*Snapshot
	orphan *chunk.Source // of a closed engine: goes with the last snapshot
}

// Snapshot returns the keyspace as it is now. It costs O(1) a shard. If it comes
// to retain more than max bytes that the keyspace has given up, it is closed and its readers get ErrSnapshotTooOld; 0 means no
// limit.
func (e *Engine) Snapshot(max int64) (*Snapshot, error) {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return nil, err
	}
	defer e.unlock(all)
	sn := e.freeze()
	if max > 0 {
		e.snapshots.limit(sn, max)
	}
	return sn, nil
}

// freeze makes a snapshot. All shards are held for writing.
func (e *Engine) freeze() *Snapshot {
	sn := &Snapshot{e: e, now: e.clock.millis()}
	sn.offset, sn.streamDB = e.journal.now()
	sn.refs.Store(1)
	for i := range e.shards {
		for db := range e.tables {
			tab := e.tables[db][i]
			if tab == nil {
				continue
			}
			if sn.tables[i] == nil {
				sn.tables[i] = make([]frozen, e.databases)
			}
			sn.tables[i][db] = frozen{tab.Freeze(), tab}
		}
	}
	e.snapshots.mu.Lock()
	e.snapshots.open = append(e.snapshots.open, sn)
	e.snapshots.mu.Unlock()
	return sn
}

// freeze gives t, whose command reads the whole keyspace, a snapshot to read.
func (t *Txn) freeze() error {
	sn, err := t.e.Snapshot(0)
	if err != nil {
		t.free()
		return err
	}
	if t.frozen = sn; t.observed == perhaps {
		t.observe(t.s)
	}
	return nil
}

// enter makes sure that the snapshot stays while it is read.
func (sn *Snapshot) enter() error {
	for {
		n := sn.refs.Load()
		if n == 0 || sn.state.Load() != snapOpen {
			return sn.gone()
		}
		if sn.refs.CompareAndSwap(n, n+1) {
			return nil
		}
	}
}

func (sn *Snapshot) leave() {
	if sn.refs.Add(-1) == 0 {
		sn.release()
	}
}

func (sn *Snapshot) gone() error {
	if sn.state.Load() == snapBroken {
		return ErrSnapshotTooOld
	}
	return ErrClosed
}

// Err is nil while the snapshot can be read.
func (sn *Snapshot) Err() error {
	if sn.state.Load() == snapOpen {
		return nil
	}
	return sn.gone()
}

// Now is the instant of the snapshot in Unix milliseconds.
func (sn *Snapshot) Now() int64 { return sn.now }

// Journal is the journal's offset at the instant of the snapshot, and the database that
// was selected there; -1 is that the next write selects one.
func (sn *Snapshot) Journal() (offset int64, db int) { return sn.offset, sn.streamDB }

// Get calls f with what key held in database db; what it is given is borrowed.
// It returns ErrNil where there was no such key.
func (sn *Snapshot) Get(db int, key string, f func(Item)) error {
	if err := sn.enter(); err != nil {
		return err
	}
	defer sn.leave()
	at := sn.e.refOf(dbKey{db, key})
	tables := sn.tables[at.shard()]
	if tables == nil || tables[db].of == nil {
		return ErrNil
	}
	v := &tables[db].View
	h := v.Find(at.hash, key)
	if h == 0 || isGone(v, h, sn.now) {
		return ErrNil
	}
	f(itemOf(v, db, h))
	return nil
}

// All yields the keys of database db, in no order; what it yields is borrowed.
// It stops early when the snapshot is closed or broken: see Err.
func (sn *Snapshot) All(db int) iter.Seq2[string, Item] {
	return func(yield func(string, Item) bool) {
		if sn.enter() != nil {
			return
		}
		defer sn.leave()
		for _, tables := range sn.tables {
			if tables != nil && tables[db].of != nil && !sn.walk(tables[db].Frozen, db, yield) {
				return
			}
		}
	}
}

// walk is walk that stops when the snapshot is closed.
func (sn *Snapshot) walk(f *hashtable.Frozen, db int, yield func(string, Item) bool) bool {
	return walk(&f.View, db, sn.now, func(key string, it Item) bool {
		return yield(key, it) && sn.state.Load() == snapOpen
	})
}

func walk(v *hashtable.View, db int, now int64, yield func(string, Item) bool) bool {
	for h := range v.All() {
		if !isGone(v, h, now) && !yield(v.Key(h), itemOf(v, db, h)) {
			return false
		}
	}
	return true
}

func isPast(expireAt, now int64) bool { return expireAt != 0 && expireAt <= now }

func itemOf(v *hashtable.View, db int, h hashtable.Handle) Item {
	it := Item{DB: db, ExpireAt: v.ExpireAt(h), Clock: v.Clock(h)}
	it.Value.Form = Form(v.Form(h))
	if obj := v.Object(h); obj != nil {
		it.Value.Obj = obj.(Object)
	} else {
		it.Value.Flat = v.Bytes(h)
	}
	return it
}

// Len is the number of keys of database db, those expired among them.
func (sn *Snapshot) Len(db int) (n int) {
	if sn.enter() != nil {
		return 0
	}
	defer sn.leave()
	for _, tables := range sn.tables {
		if tables != nil && tables[db].of != nil {
			n += tables[db].Len()
		}
	}
	return n
}

// Retained is the memory, in bytes, that the keyspace has given up and that is
// kept for this snapshot: what died while it was the newest that saw it.
func (sn *Snapshot) Retained() (n int64) {
	if sn.enter() != nil {
		return 0
	}
	defer sn.leave()
	for i, tables := range sn.tables {
		sh := &sn.e.shards[i]
		sh.mu.RLock()
		for _, f := range tables {
			if f.of != nil {
				n += int64(f.Retained())
			}
		}
		sh.mu.RUnlock()
	}
	return n
}

// Close gives up the snapshot. Readers that are under way stop at their next
// key, and the memory goes with the last of them. Close is idempotent.
func (sn *Snapshot) Close() { sn.end(snapClosed) }

func (sn *Snapshot) end(how uint32) {
	if sn.state.CompareAndSwap(snapOpen, how) {
		sn.leave()
	}
}

// thawBatch is how many dead entries are given back under one hold of a shard.
const thawBatch = 64

// release gives back what only this snapshot sees, a few entries a lock, going
// round the shards: one who let go of a lock and took it again at once would
// keep out a writer who waits for it.
func (sn *Snapshot) release() {
	e := sn.e
	tables := sn.tables
	sn.tables = [numShards][]frozen{}
	for left := allShards; left != 0; {
		for m := left; m != 0; m &= m - 1 {
			i := bits.TrailingZeros64(m)
			sh, more := &e.shards[i], false
			if tables[i] != nil {
				sh.mu.Lock()
				for db, f := range tables[i] {
					if f.of == nil {
						continue
					}
					if f.of.Thaw(f.Frozen, thawBatch) {
						more = true
					} else {
						tables[i][db] = frozen{}
					}
				}
				sh.mu.Unlock()
			}
			if !more {
				left &^= 1 << i
			}
		}
	}
	e.snapshots.closed(sn)
}

// limit sets how much a snapshot may come to retain. It is open already, so others may
// be looking at it.
func (s *snapshots) limit(sn *Snapshot, max int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sn.max = max
	s.limited.Store(true)
}

// closed forgets a snapshot that was released.
func (s *snapshots) closed(sn *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(o *Snapshot) bool { return o == sn })
	s.limited.Store(slices.ContainsFunc(s.open, func(o *Snapshot) bool { return o.max > 0 }))
	if len(s.open) == 0 && s.orphan != nil {
		s.orphan.Close()
		s.orphan = nil
	}
}

// engineClosed unmaps the memory of an engine, now or after the last snapshot.
func (s *snapshots) engineClosed(src *chunk.Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) == 0 {
		src.Close()
	} else {
		s.orphan = src
	}
}

// checkSnapshots has a goroutine look, once in so many writes, whether some
// snapshot retains more than it may. The caller holds a shard; to count takes
// all.
func (e *Engine) checkSnapshots() {
	s := &e.snapshots
	if s.writes.Add(1)%checkEvery != 0 || !s.checking.CompareAndSwap(false, true) {
		return
	}
	e.Go(func() {
		defer s.checking.Store(false)
		s.mu.Lock()
		open := slices.Clone(s.open)
		s.mu.Unlock()
		for _, sn := range open {
			if sn.max > 0 && sn.Retained() > sn.max {
				sn.end(snapBroken)
			}
		}
	})
}

// checkEvery is the number of writes after which the limits of snapshots are
// looked at again.
const checkEvery = 256

// Snapshots returns the number of open snapshots.
func (e *Engine) Snapshots() int {
	e.snapshots.mu.Lock()
	defer e.snapshots.mu.Unlock()
	return len(e.snapshots.open)
}
