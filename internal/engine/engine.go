package engine

import (
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/ds/chunk"
	"github.com/larderdb/larder/internal/ds/hashtable"
)

// Config is what [New] needs to know.
type Config struct {
	Table     Table
	Renames   []Rename         // of commands, those added later too
	Now       func() time.Time // nil: time.Now
	Databases int              // 0: 16
	Backlog   int              // bytes of journal kept for tails; 0: 1 MB
	Owner     any              // whoever made the engine: [Engine.Owner]
	Gate      Gate             // nil: every session may run everything
	Messages  Messages         // nil: there is nobody to publish to
	OnPanic   func(any)        // told of a panic in a command that was given as words; nil: nobody is
}

// A Gate stands between sessions that speak words and the commands: it is how
// the layer above refuses, delays and observes them.
type Gate interface {
	// Admit is called before a command is run or queued. An error refuses it.
	Admit(s *Session, c Command, words [][]byte) error
	// Ran is called after a command ran, with its duration and its error; or after
	// several calls of a command that are timed together, without their words and
	// errors. Where there are words and several calls, the words are those of the
	// last call, which was the longest. A command that waited in vain is no call: calls
	// is 0 then.
	Ran(s *Session, c Command, words [][]byte, calls int, d time.Duration, err error)

	// Saw is called, where Observe asks for it, for each command that runs: at its end,
	// while its locks are held, or when it begins to wait. The commands of an EXEC come
	// before EXEC itself. It must wait for nothing, and keep no words.
	Saw(s *Session, c Command, words [][]byte)
	// Called is told of a Go call that was observed, while its locks are held: of each,
	// where Observe asks for that, else of those that are not brief. It must wait for
	// nothing. Of keys, which names the keys of the call, only Names may be used.
	Called(s *Session, call GoCall, keys *KeySet)
	// Worked is told how long the engine's own work took that a command may have waited
	// for, under the name that LATENCY has for it.
	Worked(what string, d time.Duration)
}

// An Engine is a keyspace with its journal.
type Engine struct {
	table     atomic.Pointer[Table]
	renames   []Rename
	saver     saver
	owner     any
	gate      Gate
	messages  Messages
	clock     clock
	seed      maphash.Seed
	databases int
	epoch     time.Time // when the engine was made, to measure durations from
	src       *chunk.Source
	shards    [numShards]shard
	txns      sync.Pool // of *Txn

	// The tables by database and shard; nil until first use. Each is guarded by its
	// shard's lock. They stand together, and not in the shards, so that the way to
	// a table is in the processor's cache.
	tables [][numShards]*hashtable.Table

	journal   journal
	open      openers
	expiry    expiry
	memory    memory
	stats     stats
	snapshots snapshots

	// state is a set of state bits. It is written with all shards held for
	// writing, so that any shard's lock guards reading it.
	state state
	// replica mirrors stateReplica, and readOnly that nobody may write to it, to be
	// read without a lock.
	replica, readOnly atomic.Bool
	observed          atomic.Uint32 // an Observed; stateObserved mirrors that it is not 0
	replicaEvicts     atomic.Bool   // see SetReplicaEvicts
	hidden            bool          // see Hide; guarded like state
	still             atomic.Bool   // mirrors hidden, to be read without a lock

	self    *Session // of the engine's own transactions
	onPanic func(any)
	closing chan struct{}  // closed by Close: waiters go
	work    sync.WaitGroup // goroutines of the engine's own
}

// A state is what makes calls leave the straight path.
type state uint32

const (
	stateListening state = 1 << iota // somebody reads the journal
	stateClosed
	stateBroken
	stateReplica  // the journal is the primary's; see follow.go
	stateWritable // a replica may be written to by everybody
	stateHide     // expired keys are hidden but not deleted: a replica, a pause
	stateObserved // the gate is told of each call; see observe.go
	stateHeld     // writes wait; see hold.go
)

// New returns an empty engine.
func New(c Config) *Engine {
	e := &Engine{
		owner: c.Owner, gate: c.Gate, seed: maphash.MakeSeed(), databases: c.Databases,
		src: new(chunk.Source), closing: make(chan struct{}), epoch: time.Now(),
	}
	e.renames = c.Renames
	named := c.Table.renamed(e.renames)
	e.table.Store(&named)
	if e.databases == 0 {
		e.databases = 16
	}
	e.self, e.onPanic = e.NewSession(), c.OnPanic
	if e.messages = c.Messages; e.messages == nil {
		e.messages = nobody{}
	}
	e.self.NoTouch = true
	e.clock.init(c.Now)
	e.journal.init(c.Backlog)
	e.open.init()
	e.expiry.init(e)
	e.memory.init()
	e.stats.init()
	e.txns.New = e.makeTxn
	e.tables = make([][numShards]*hashtable.Table, e.databases)
	counted := make([]int, numShards*e.databases)
	counts := make([]dbCount, numShards*e.databases)
	for i := range e.shards {
		sh, from, to := &e.shards[i], i*e.databases, (i+1)*e.databases
		sh.counted, sh.keys = counted[from:to:to], counts[from:to:to]
	}
	// Who drops a database without closing it gets its memory back all the same.
	runtime.AddCleanup(e, (*chunk.Source).Close, e.src)
	return e
}

// Owner is what Config named.
func (e *Engine) Owner() any { return e.owner }

// Commands is the table of commands.
func (e *Engine) Commands() Table { return *e.table.Load() }

// Databases is the number of logical databases.
func (e *Engine) Databases() int { return e.databases }

// Now is the engine's time.
func (e *Engine) Now() time.Time { return e.clock.now() }

// ClockJumped says that the clock that Config.Now reads was moved by hand: what
// waits for a time looks at it again, and keys whose time is over are deleted
// before ClockJumped returns. It looks at all keys that expire.
func (e *Engine) ClockJumped() {
	e.clock.jump()
	e.expiry.catchUp()
}

// setState sets and clears bits of the state, with all shards held.
func (e *Engine) setState(set, clear state) error {
	all := lockSet{write: allShards}
	if err := e.lock(all); err != nil {
		return err
	}
	e.state = e.state&^clear | set
	e.mirrorState()
	e.unlock(all)
	return nil
}

// Close ends the engine: calls that wait and all calls from now on return
// ErrClosed. It waits for the engine's goroutines. Snapshots that are open stay
// readable; the memory goes with the last of them. Its error is that of who was to
// save what there was: see OnClose.
func (e *Engine) Close() error {
	all := lockSet{write: allShards}
	if err := e.lock(all); err != nil {
		return err
	}
	if e.state&stateClosed != 0 {
		e.unlock(all)
		return nil
	}
	e.state |= stateClosed
	var end *Snapshot
	last := e.saver.last.Load()
	if last != nil {
		end = e.freeze()
	}
	for db := range e.tables {
		for i, tab := range e.tables[db] {
			if tab != nil {
				tab.Drop()
				e.tables[db][i] = nil
			}
		}
	}
	close(e.closing)
	e.unlock(all)
	e.expiry.stop()
	e.clock.close()
	e.journal.close()
	e.work.Wait()
	e.snapshots.engineClosed(e.src)
	if end == nil {
		return nil
	}
	defer end.Close()
	return (*last)(end)
}

// Closed is closed when Close is called.
func (e *Engine) Closed() <-chan struct{} { return e.closing }

// Go runs f in a goroutine that Close waits for.
func (e *Engine) Go(f func()) { e.work.Go(f) }

func (e *Engine) panicked(p any) {
	if e.onPanic != nil {
		e.onPanic(p)
	}
}

// broke marks the engine: a value cannot be trusted. The caller may hold any
// shard, so it is noted aside and enforced for writes only.
func (e *Engine) broke() { e.stats.broken.Store(true) }

// Broken reports whether a command panicked while it changed a value.
func (e *Engine) Broken() bool { return e.stats.broken.Load() }

// Changes counts the changes of keys since the engine was made. Of a shard that
// is locked, by the caller's own transaction perhaps, those seen before count.
func (e *Engine) Changes() (n int64) {
	for i := range e.shards {
		sh := &e.shards[i]
		if sh.mu.TryRLock() {
			sh.changesSeen.Store(sh.changes)
			sh.mu.RUnlock()
		}
		n += sh.changesSeen.Load()
	}
	return n
}

// Used is the memory of the keyspace in bytes.
func (e *Engine) Used() (n int64) {
	for i := range e.shards {
		n += e.shards[i].used.Load()
	}
	return n
}

// Size is the number of keys of a database and how many of them expire. It
// takes no lock, and may see half of a transaction over several shards.
func (e *Engine) Size(db int) (keys, expiring int64) {
	for i := range e.shards {
		c := &e.shards[i].keys[db]
		keys += c.keys.Load()
		expiring += c.expiring.Load()
	}
	return keys, expiring
}
