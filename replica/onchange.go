package replica

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// A Change is what Options.OnChange is told of: one keyspace event, such as a
// redis-server publishes. A command may have several, of several keys.
//
// The first change of all has the event "reset", unless a StateFile says that one before
// it was told in an earlier life of the process. It says that the data set is that of
// the primary now, at once. Those that follow, of the event "sync", bring what was told
// before up to date: one for each key whose value differs, all with the offset of the
// reset. Further resets come after full synchronizations.
type Change struct {
	ReplID string // names the history that the offset counts in
	Offset int64  // behind the command, or the transaction, that made the change

	DB    int
	Key   string // "" where the event is about all keys: reset, flushdb, flushall, swapdb
	Event string // "set", "lpush", "del", "expired"; "reset", "sync"; for commands without an event their name

	// Old and New are the value before and after the command. Either may be missing.
	Old, New Value

	// Fresh says of a reset that the differences that follow are those to an empty
	// store: all that was told before is to be forgotten.
	Fresh bool
	// Other is of swapdb the database that DB was exchanged with.
	Other int
}

// The events that are no keyspace events.
const (
	eventReset = "reset"
	eventSync  = "sync"
)

// A teller calls OnChange. It has a goroutine of its own, which ends when the queue is
// closed and told to its end.
//
// What is told is in the order of put. The StateFile is behind what was told: it has an
// offset only when all changes up to there were told.
type teller struct {
	f     func(Change)
	path  string // of the StateFile, "" if there is none
	log   *slog.Logger
	queue chan told
	wake  chan struct{} // something was passed that is no change
	done  chan struct{}

	waiting atomic.Int64 // changes in the queue

	mu     sync.Mutex // guards following
	room   sync.Cond  // waiting has become smaller
	most   int64
	passed toldState // up to where all that there is was put

	kept toldState // what the file has; of the goroutine
	last time.Time // when it was written
}

// A told is an element of the queue: the changes of a command, or a new data set.
type told struct {
	at      toldState // all up to here is told with it
	db      []engine.KeyChange
	now     int64
	dataset *dataset
}

// A dataset is a data set that has taken the place of another.
type dataset struct {
	was *engine.Snapshot // nil: nothing counts
	is  *engine.Snapshot
}

func newTeller(o *Options, kept toldState, log *slog.Logger) *teller {
	t := &teller{
		f: o.OnChange, path: o.StateFile, log: log, kept: kept, most: int64(o.QueueLen),
		queue: make(chan told, 64), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if t.most == 0 {
		t.most = 1024
	}
	t.room.L = &t.mu
	go t.run()
	return t
}

// put adds to the queue, and waits while it is full.
func (t *teller) put(x told) {
	t.mu.Lock()
	for t.waiting.Load() >= t.most {
		t.room.Wait()
	}
	t.mu.Unlock()
	t.waiting.Add(x.count())
	t.queue <- x
	t.pass(x.at)
}

func (x *told) count() int64 {
	if x.dataset != nil {
		return 1
	}
	return int64(len(x.db))
}

// pass says that there is nothing to tell up to a place in the stream but what was put.
func (t *teller) pass(at toldState) {
	t.mu.Lock()
	t.passed = at
	t.mu.Unlock()
	if t.path == "" {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// close ends the teller once all is told. It waits for that.
func (t *teller) close() {
	close(t.queue)
	<-t.done
}

// keepEvery is how often the StateFile is written at most.
const keepEvery = 100 * time.Millisecond

func (t *teller) run() {
	defer close(t.done)
	var timer <-chan time.Time // to write the file
	for {
		select {
		case x, more := <-t.queue:
			if !more {
				t.keep()
				return
			}
			t.tell(x)
			if t.path == "" {
				continue
			}
		case <-t.wake:
		case <-timer:
			timer = nil
			t.keep()
			continue
		}
		if timer == nil {
			timer = time.After(max(0, keepEvery-time.Since(t.last)))
		}
	}
}

// tell tells an element of the queue.
func (t *teller) tell(x told) {
	if x.dataset != nil {
		x.dataset.tell(t.f, x.at)
		t.told(1)
		return
	}
	for i := range x.db {
		t.f(changeOf(&x.db[i], x.at, x.now))
		t.told(1)
	}
}

func (t *teller) told(n int64) {
	t.waiting.Add(-n)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.room.Signal()
}

// keep writes the StateFile, if all that was put was told: else that happens later.
func (t *teller) keep() {
	if t.path == "" {
		return
	}
	t.mu.Lock()
	at := t.passed
	t.mu.Unlock()
	// What is put after this look is behind at.
	if t.waiting.Load() != 0 || at == t.kept || at.ReplID == "" {
		return
	}
	t.last = time.Now()
	if err := writeState(t.path, at); err != nil {
		t.log.Warn("Failed writing the StateFile", "file", t.path, "error", err)
		return
	}
	t.kept = at
}

func changeOf(c *engine.KeyChange, at toldState, now int64) Change {
	out := Change{
		ReplID: at.ReplID, Offset: at.Offset, DB: c.DB, Key: c.Key, Event: c.Event,
		Old: valueOf(c.Old, now), New: valueOf(c.New, now),
	}
	if c.Event == "swapdb" && len(c.Words) == 3 {
		out.DB, out.Other = number(c.Words[1]), number(c.Words[2])
	}
	return out
}

// tell tells of a new data set, key by key, without holding more than one.
func (d *dataset) tell(f func(Change), at toldState) {
	defer d.is.Close()
	reset := Change{ReplID: at.ReplID, Offset: at.Offset, Event: eventReset, Fresh: d.was == nil}
	f(reset)
	now := d.is.Now()
	change := func(db int, key string, was, is Value) {
		f(Change{ReplID: at.ReplID, Offset: at.Offset, DB: db, Key: string([]byte(key)), Event: eventSync, Old: was, New: is})
	}
	for db := range d.is.Engine().Databases() {
		for key, it := range d.is.All(db) {
			var was Value
			same := false
			if d.was != nil {
				_ = d.was.Get(db, key, func(old engine.Item) {
					if same = admin.SameValue(old, it, now); !same {
						was = valueOf(engine.Keep(old), now)
					}
				})
			}
			if !same {
				change(db, key, was, valueOf(engine.Keep(it), now))
			}
		}
	}
	if d.was == nil {
		return
	}
	defer d.was.Close()
	for db := range d.was.Engine().Databases() {
		for key, it := range d.was.All(db) {
			if d.is.Get(db, key, func(engine.Item) {}) == engine.ErrNil {
				change(db, key, valueOf(engine.Keep(it), now), Value{})
			}
		}
	}
}
