package engine

import (
	"math/bits"
	"slices"
	"time"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

// A Txn is the only door to the keyspace. It lives for one command, or for one
// Update, View or EXEC.
//
// It keeps an undo log: for each write the entry that the key had before. A
// command that fails or panics is undone back to where it began, an Update that
// fails back to its beginning. What was changed in place is undone only inside
// an Update, which keeps a Clone; elsewhere that would cost every XADD a copy.
type Txn struct {
	e    *Engine
	db   int
	now  int64 // unix ms; 0 until asked for
	keys KeySet
	held lockSet
	s    *Session // whose command runs

	callFlags
	outer bool // an Update, View or EXEC: the commands in it are parts of it
	undo  bool // an Update: can be undone as a whole
	only  bool // an Update or View with names: other keys are errors
	named []keyRef
	plan  *Queue // it only notes the keys

	ownNames []keyRef  // where named may lie
	frozen   *Snapshot // what an OnSnapshot command reads

	staged []stage // by a command, not in the keyspace until their Effect

	scratch   []*[]byte // buffers of EditFlat
	scratched int       // of them are in use
	dirty     int       // values changed in place since mark, not to be undone

	mark    mark // where the command that runs now began
	log     []undo
	wrote   []tableRef
	inPlace *hashtable.Table // the last one written in place, with nothing to account for
	changes int              // of keys
	effects int              // in batch
	newer   bool             // see Newer
	batch   []byte           // the effects, as RESP commands
	firstDB int              // that batch begins with; SELECT, where needed, is in it
	lastDB  int              // that it ends with
	events  []event
	touched []keyRef // what has watchers or waiters
	marks   []watchMark
	expired []dbKey // met by a reader
	missed  []dbKey // of them, those to be told as misses then
	end     int64   // journal offset behind the batch

	hits, misses int
	counts       *lane // its own

	lane   int           // see GoCall
	by     *Session      // whose call is observed
	began  time.Duration // when that was, since the engine's epoch
	spec   *Spec         // of that call, once it ran
	failed error

	block  blockRequest
	woken  *keyRef // why a command that waited runs again
	digits [20]byte
}

// callFlags are set anew for each call that is a transaction of its own. They
// are one word, to be cleared at once.
type callFlags struct {
	write   bool // false in a View
	excl    bool // the command locks exclusively: it writes or may park
	reading bool // the command only reads: its lookups are hits and misses
	keeps   bool // the command's result may borrow from what it replaces
	done    bool // Run came back
	reaps   bool // it deletes what has expired, and nothing else
	kept    bool // mark was moved by moveMark

	observed observation
}

// A mark is a position to roll back to.
type mark struct{ log, changes, effects, batch, events, touched, marks, lastDB int }

type tableRef struct{ shard, db int }

// makeTxn makes a transaction of e for its pool.
func (e *Engine) makeTxn() any {
	t := &Txn{e: e, lane: int(nextLane())}
	t.keys.e = e
	e.stats.assign(t)
	return t
}

func (e *Engine) newTxn(s *Session, db int) *Txn {
	t := e.txns.Get().(*Txn)
	t.open(s, db)
	return t
}

// open begins a transaction of its own. It is inlined.
func (t *Txn) open(s *Session, db int) {
	t.s, t.db, t.callFlags = s, db, callFlags{}
	t.dirty, t.hits, t.misses = 0, 0, 0
	k := &t.keys
	k.db, k.list, k.hint, k.all, k.excl = db, k.list[:0], 0, false, false
}

// free makes t ready for another.
func (t *Txn) free() {
	s := t.s
	t.keys.reset(t.e, 0)
	t.s, t.now, t.held, t.end, t.changes = nil, 0, lockSet{}, 0, 0
	if t.outer {
		t.outer, t.undo, t.only, t.named, t.plan, t.mark, t.marks = false, false, false, nil, nil, mark{}, nil
		clear(t.ownNames)
		t.ownNames = t.ownNames[:0]
		if cap(t.ownNames)|cap(t.keys.list)|cap(t.log)|cap(t.wrote)|cap(t.touched) > 1<<10 { // it was a big one
			t.ownNames, t.keys.list, t.log, t.wrote, t.touched, t.events = nil, nil, nil, nil, nil, nil
		}
	}
	if t.kept {
		t.mark = mark{}
	}
	if t.frozen != nil || t.expired != nil || t.block.keys != nil || t.woken != nil {
		t.frozen, t.expired, t.missed, t.block, t.woken = nil, nil, nil, blockRequest{}, nil
	}
	if t.wrote = t.wrote[:0]; len(t.log) != 0 || len(t.staged) != 0 {
		clear(t.log)
		t.log = t.log[:0]
		t.unstage(0)
	}
	t.resetBatch()
	t.put(s)
}

// put keeps t for the next command of a batch, or returns it to the pool.
func (t *Txn) put(s *Session) {
	if s.batch && s.spare == nil {
		s.spare = t
		return
	}
	t.e.txns.Put(t)
}

// resetBatch forgets the effects.
func (t *Txn) resetBatch() {
	if t.effects == 0 && len(t.events) == 0 && len(t.touched) == 0 && !t.newer {
		return
	}
	t.effects, t.newer = 0, false
	if t.batch = t.batch[:0]; cap(t.batch) > 64<<10 {
		t.batch = nil
	}
	clear(t.events)
	t.events = t.events[:0]
	clear(t.touched)
	t.touched = t.touched[:0]
}

// begin returns the transaction that the next command of s is to run in.
func (s *Session) begin(o *Spec, keeps bool) (*Txn, error) {
	if s.of != nil {
		s.sync()
	}
	t := s.txn
	switch {
	case s.over:
		return s.planning(o)
	case t == nil:
		if o.Flags&DenyOOM != 0 && !s.e.makeRoom() && !s.Primary {
			return nil, ErrOOM
		}
		if t = s.spare; t != nil {
			s.spare = nil
		} else {
			t = s.e.txns.Get().(*Txn)
		}
		// One flag at a time: a struct of them would be copied as a word, which waits
		// for all its bytes to be stored, longer than the lookup takes.
		t.open(s, s.DB)
		t.write, t.excl = o.Flags&Write != 0, o.Flags&(Write|MayBlock) != 0
		t.reading, t.keeps = o.Flags&ReadOnly != 0, keeps
		if !o.brief && !s.spoken {
			t.observed = perhaps
		}
		return t, nil
	case o.Flags&Write != 0 && !t.write:
		return nil, ErrInView
	default:
		if s.changes != nil {
			s.changes.settle(t)
		}
		t.keys.reset(s.e, s.DB)
		t.db = s.DB
		t.mark = mark{len(t.log), t.changes, t.effects, len(t.batch), len(t.events), len(t.touched), len(t.marks), t.lastDB}
	}
	t.excl, t.reading = o.Flags&(Write|MayBlock) != 0, o.Flags&ReadOnly != 0
	t.keeps, t.done, t.dirty, t.hits, t.misses = keeps, false, 0, 0, 0
	if t.observed = unseen; s.e.observed.Load() != 0 || !o.brief && !s.spoken {
		t.observe(s)
	}
	return t, nil
}

// lock takes the shards of t.keys or, inside a larger transaction, checks that
// it has them. When it fails t is gone.
//
// Most commands have one key, and nothing about the engine is out of the ordinary:
// they are dealt with here.
func (t *Txn) lock(o *Spec) error {
	if e := t.e; len(t.keys.list) == 1 && !t.keys.all && !t.outer && o.Flags&OnSnapshot == 0 &&
		!checks && e.open.n.Load() == 0 { // else this goroutine may be inside an Update: it must not wait
		k := &t.keys.list[0]
		i := k.shard()
		sh := &e.shards[i]
		if !t.excl && k.mode == modeRead {
			sh.mu.RLock()
			if e.state&^stateListening == 0 {
				t.held.read = 1 << i
				return nil
			}
			sh.mu.RUnlock()
		} else {
			sh.mu.Lock()
			if e.state&^stateListening == 0 && len(sh.waiters) == 0 && !e.stats.broken.Load() {
				t.held.write = 1 << i
				return nil
			}
			sh.mu.Unlock()
		}
	}
	switch {
	case t.outer:
		return t.inside()
	case o.Flags&OnSnapshot != 0:
		return t.freeze()
	case !t.write && len(t.keys.list) == 0 && !t.keys.all:
		if t.e.observed.Load() != 0 {
			t.observe(t.s)
		}
		return nil // there is nothing to lock
	}
	return t.acquire(t.keys.locks(false))
}

// inside checks a command that is part of a larger transaction.
func (t *Txn) inside() error {
	if t.plan != nil {
		return t.plan.note(t)
	}
	if !t.only {
		return nil
	}
	if t.keys.all {
		return notNamed("*")
	}
	for i := range t.keys.list {
		k := &t.keys.list[i]
		if !slices.ContainsFunc(t.named, func(n keyRef) bool { return n.dbKey == k.dbKey }) {
			return notNamed(k.key)
		}
	}
	return nil
}

func (t *Txn) acquire(l lockSet) error {
	if t.excl && !t.outer {
		l = t.keys.locks(true)
	}
	if l.read|l.write == 0 {
		l.read = 1 // an EXEC of commands without keys: some shard must guard the state
	}
	if checks && t.e.open.has() {
		t.free()
		return ErrInsideUpdate // a release notices only where it would hang
	}
	if err := t.e.lock(l); err != nil {
		t.free()
		return err
	}
	t.held = l
	if t.observed == perhaps && (len(t.keys.list) > fewKeys || t.keys.all) {
		t.observe(t.s)
	}
	if st := t.e.state &^ stateListening; st != 0 || l.write != 0 && t.e.stats.broken.Load() {
		if err := t.admitted(); err != nil {
			t.free()
			return err
		}
	}
	if l.write != 0 {
		if err := t.cover(); err != nil {
			t.free()
			return err
		}
	}
	return nil
}

// refused says why the state of the engine forbids what t is about to do.
func (t *Txn) refused(st state) error {
	switch {
	case st&stateClosed != 0:
		return ErrClosed
	case !t.write:
		return nil
	case t.e.stats.broken.Load() && !t.s.mends:
		return ErrBroken
	case st&(stateReplica|stateWritable) == stateReplica && !t.s.Primary && t.s != t.e.self: // which evicts
		return ErrReadOnlyReplica
	}
	return nil
}

// cover makes sure that every waiter that t's writes may wake, and those that
// they may wake in turn, can be served under t's locks. Queues of shards that
// are not held cannot be read, so a chain of waiters shows itself shard by
// shard: after a few rounds all shards are taken.
func (t *Txn) cover() error {
	for round := 1; ; round++ {
		need := t.need()
		if need&^t.held.write == 0 {
			return nil
		}
		t.e.unlock(t.held) // nothing has happened yet
		t.held.write |= need
		if round == 3 {
			t.held.write = allShards
		}
		t.held.read &^= t.held.write
		if err := t.e.lock(t.held); err != nil {
			return err
		}
		if err := t.admitted(); err != nil { // much may have happened meanwhile
			return err
		}
	}
}

// need returns the shards of the waiters that t's writes may wake.
func (t *Txn) need() (need uint64) {
	if t.held.write == allShards {
		return 0
	}
	var work []keyRef
	for i := range t.keys.list {
		k := &t.keys.list[i]
		if k.mode != modeRead && len(t.e.shards[k.shard()].waiters) != 0 {
			work = append(work, *k)
		}
	}
	if work == nil {
		return 0
	}
	seen := map[dbKey]bool{}
	for ; len(work) > 0; work = work[1:] {
		k := work[0]
		if need |= 1 << k.shard(); seen[k.dbKey] || t.held.write>>k.shard()&1 == 0 {
			continue
		}
		seen[k.dbKey] = true
		q := t.e.shards[k.shard()].waiters[k.dbKey]
		if q == nil {
			continue
		}
		for _, w := range q.list {
			for _, wk := range w.keys {
				need |= 1 << wk.shard()
				if wk.mode == modeInsert {
					work = append(work, wk)
				}
			}
		}
	}
	return need
}

// ran says that Run came back with err. A command that failed, or that waits,
// has changed nothing.
func (t *Txn) ran(o *Spec, err error) error {
	t.done = true
	if t.observed == seen {
		t.spec, t.failed = o, err
	}
	if err == nil && !checks {
		if t.reading && t.s.Reads != nil {
			t.noteRead()
		}
		t.count(o, nil)
		return nil
	}
	if err != nil {
		if t.dirty != 0 && !t.undo {
			t.e.broke()
			panic("engine: " + o.Name + " changed a value and then failed: " + err.Error())
		}
		events := t.events[t.mark.events:]
		t.rollback(t.mark)
		t.unstage(0)
		t.keepMisses(events)
	} else if checks && len(t.staged) != 0 {
		panic("engine: " + o.Name + " wrote " + t.staged[0].at.key + " without an effect")
	}
	if t.reading && t.s.Reads != nil {
		t.noteRead()
	}
	t.count(o, err)
	return err
}

// over ends a call. Deferred, it also sees the panics.
func (t *Txn) over() {
	if t.observed == seen {
		t.tell()
	}
	if t.done && t.plain() {
		if t.changes != 0 {
			t.countPlain()
		}
		if one := t.held.read; t.held.write == 0 && one&(one-1) == 0 && one != 0 { // most reads
			t.e.shards[bits.TrailingZeros64(one)].mu.RUnlock()
		} else {
			t.e.unlock(t.held)
		}
		t.now, t.held = 0, lockSet{} // the rest is as it was
		if t.block.keys != nil {
			t.block = blockRequest{}
		}
		if cap(t.keys.list) > 1<<10 {
			t.keys.list = nil
		}
		t.put(t.s)
		return
	}
	if !t.done {
		if t.dirty != 0 && !t.undo {
			t.e.broke()
		}
		t.rollback(t.mark)
		t.unstage(0)
	}
	if !t.outer {
		t.finish()
	}
}

// plain reports whether a call that came back has nothing to do but to drop its
// locks: it read, or it overwrote a value in place and nobody listens.
func (t *Txn) plain() bool {
	return !t.outer && t.expired == nil && t.frozen == nil && len(t.wrote)|len(t.log)|len(t.touched)|t.effects|len(t.events) == 0
}

// countPlain settles what a plain call wrote in place.
func (t *Txn) countPlain() {
	if t.inPlace != nil {
		t.inPlace.Compact()
		t.inPlace = nil
	}
	t.e.changed(bits.TrailingZeros64(t.held.write), t.changes)
	t.changes = 0
}

// finish makes what t did known, serves the waiters and drops the locks.
func (t *Txn) finish() {
	defer t.leave() // also when a subscriber panics
	t.commit()
	if len(t.touched) != 0 {
		t.serve()
	}
}

// leave drops the locks, and deletes what t, reading, met expired.
func (t *Txn) leave() {
	e, s, expired, missed := t.e, t.s, t.expired, t.missed
	if t.changes != 0 {
		e.changed(bits.TrailingZeros64(t.held.write), t.changes)
	}
	e.unlock(t.held)
	if t.frozen != nil {
		t.frozen.Close()
	}
	if t.end != 0 {
		t.s.offset.Store(t.end)
	}
	t.free()
	if expired != nil {
		e.reap(expired)
	}
	if missed != nil {
		e.journal.tellMisses(s, missed)
	}
}

// commit tells the journal and those who watch, frees what was replaced and
// settles the accounts of the tables written.
func (t *Txn) commit() {
	if t.undo && t.s.changes != nil {
		t.s.changes.settle(t)
	}
	if t.effects != 0 || len(t.events) != 0 {
		t.e.journal.append(t)
	}
	for i := range t.touched {
		if !t.touched[i].unwatched {
			t.e.markWatchers(&t.touched[i])
		}
	}
	for i := range t.marks {
		t.marks[i].commit()
	}
	t.marks = nil
	for i := range t.log {
		t.log[i].commit()
	}
	clear(t.log)
	t.log = t.log[:0]
	if t.inPlace != nil {
		t.inPlace.Compact()
		t.inPlace = nil
	}
	for _, w := range t.wrote {
		t.e.settle(w)
	}
	t.wrote = t.wrote[:0]
}

// settle accounts for a table that was written, and lets it do a step of its
// housekeeping.
func (e *Engine) settle(w tableRef) {
	sh := &e.shards[w.shard]
	tab, n := e.tables[w.db][w.shard], 0
	var keys, expiring int64
	if tab != nil {
		tab.Compact()
		n, keys, expiring = tab.Memory(), int64(tab.Len()), int64(tab.Expiring())
		if expiring != 0 || tab.Expects() {
			e.expiry.arm(w.shard, tab.NextDue())
		}
		if e.snapshots.limited.Load() {
			e.checkSnapshots()
		}
	}
	if d := n - sh.counted[w.db]; d != 0 {
		sh.counted[w.db] = n
		sh.used.Add(int64(d))
		e.memory.changed(int64(d))
	}
	c := &sh.keys[w.db]
	if c.keys.Load() != keys {
		c.keys.Store(keys)
	}
	if c.expiring.Load() != expiring {
		c.expiring.Store(expiring)
	}
}

func (t *Txn) rollback(m mark) {
	for i := len(t.log) - 1; i >= m.log; i-- {
		t.log[i].rollback(t.e)
	}
	clear(t.log[m.log:])
	t.log, t.effects, t.batch = t.log[:m.log], m.effects, t.batch[:m.batch]
	t.events, t.touched, t.marks = t.events[:m.events], t.touched[:m.touched], t.marks[:m.marks]
	t.lastDB, t.changes = m.lastDB, m.changes
	if t.undo && t.s.changes != nil {
		t.s.changes.undone()
	}
}

// Now is the time of the transaction in Unix milliseconds. It does not move.
func (t *Txn) Now() int64 {
	if t.now == 0 {
		t.now = t.e.clock.millis()
	}
	return t.now
}

// Engine is the engine whose keyspace this is.
func (t *Txn) Engine() *Engine { return t.e }

// DB is the selected database.
func (t *Txn) DB() int { return t.db }

// FromPrimary reports whether the command comes from a primary's stream.
func (t *Txn) FromPrimary() bool { return t.s.Primary }

// Replicating reports whether the words of effects are heard by anybody. A
// command asks only where making them is work.
func (t *Txn) Replicating() bool { return t.e.state&stateListening != 0 }

// An undo is what to do so that one change did not happen: a key gets back the
// entry it had, the object its former state, a shard its former tables.
type undo struct {
	at  keyRef
	old hashtable.Handle // the entry that was replaced; 0: there was none
	tab *hashtable.Table // where old is, also when the database is flushed or swapped later on

	inPlace  bool // the entry is the same; expireAt and, if not nil, obj are put back
	obj      Object
	expireAt int64

	tables []*hashtable.Table // of database at.db of all shards, before a flush or swap
	swap   int                // -1: they were flushed; else swapped with this database
}

// commit frees what was replaced: nobody can want it back.
func (u *undo) commit() {
	switch {
	case u.tables != nil:
		u.commitTables()
	case u.old != 0 && !u.inPlace:
		u.tab.Retire(u.old)
	}
}

func (u *undo) rollback(e *Engine) {
	if u.tables != nil {
		u.rollbackTables(e)
		return
	}
	tab := e.tables[u.at.db][u.at.shard()]
	now := tab.Find(u.at.hash, u.at.key)
	if u.inPlace {
		tab.SetExpireAt(now, u.expireAt)
		if u.obj != nil {
			tab.SetObject(now, u.obj, u.obj.Size(), hashtable.Form(u.obj.Form()))
		}
		return
	}
	if tab.Publish(u.at.hash, now, u.old); now != 0 {
		tab.Retire(now)
	}
}

func notNamed(key string) error { return notNamedError{key} }

type notNamedError struct{ key string }

func (e notNamedError) Error() string { return string(ErrNotNamed) + ": '" + e.key + "'" }
func (e notNamedError) Unwrap() error { return ErrNotNamed }
