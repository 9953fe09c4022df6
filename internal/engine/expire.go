package engine

import (
	"hash/maphash"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

const (
	expireBatch = 16                   // keys deleted under one hold of a shard
	expireSlice = 5 * time.Millisecond // of work, after which it rests as long
)

// expiry deletes keys whose time is over and that nobody touches. Each table
// knows when it wants to be looked at; a timer is armed for the earliest of
// them, so that nothing ticks. It works at most half of the time, in steps of a
// few keys a shard, however many expire at once.
type expiry struct {
	due  [numShards]atomic.Int64 // when a shard wants to be looked at; 0: never
	next atomic.Int64            // when the timer goes off; MaxInt64: it is not armed; 0: somebody runs, and will arm it
	off  atomic.Bool             // DEBUG SET-ACTIVE-EXPIRE 0

	mu      sync.Mutex // guards following
	e       weak.Pointer[Engine]
	timer   *time.Timer
	stopped bool

	running sync.Mutex // held by who runs
}

func (x *expiry) init(e *Engine) {
	x.e = weak.Make(e)
	x.next.Store(math.MaxInt64)
}

// arm says that a table of a shard, which is held, wants to be looked at; 0 is
// never. Others may want it earlier, so that the shard's time is put off only by
// who has looked at them all.
func (x *expiry) arm(shard int, due int64) {
	if was := x.due[shard].Load(); due != 0 && (was == 0 || due < was) {
		x.rearmShard(shard, due)
	}
}

// rearmShard says when a shard, which is held, wants to be looked at.
func (x *expiry) rearmShard(shard int, due int64) {
	x.due[shard].Store(due)
	if due != 0 && due < x.next.Load() {
		x.set(due)
	}
}

// set arms the timer for due, unless it goes off earlier.
func (x *expiry) set(due int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stopped || due >= x.next.Load() {
		return
	}
	e := x.e.Value()
	if e == nil {
		return
	}
	x.next.Store(due)
	// Further off than a Duration goes it is looked again in between.
	d := time.Duration(min(max(0, due-e.clock.millis()), math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
	if x.timer != nil {
		x.timer.Stop()
	}
	w := x.e
	x.timer = time.AfterFunc(d, func() { // it does not keep the engine alive
		if e := w.Value(); e != nil {
			e.expiry.fire(e)
		}
	})
}

func (x *expiry) fire(e *Engine) {
	x.next.Store(0) // else each key deleted would arm the timer anew
	start := time.Now()
	more, idle := x.run(e, expireSlice)
	e.worked("expire-cycle", start)
	x.next.Store(math.MaxInt64)
	switch {
	case idle: // what is due stays so: to arm the timer would be to spin; who ends this state does
	case more:
		x.set(e.clock.millis() + expireSlice.Milliseconds())
	default:
		x.rearm()
	}
}

// rearm arms the timer for the shard that is due first.
func (x *expiry) rearm() {
	due := int64(math.MaxInt64)
	for i := range x.due {
		if d := x.due[i].Load(); d != 0 {
			due = min(due, d)
		}
	}
	if due != math.MaxInt64 && !x.off.Load() {
		x.set(due)
	}
}

// run looks at the shards that are due, for d or so, and reports whether there
// is more to do. It is idle where nothing may be deleted now.
func (x *expiry) run(e *Engine, d time.Duration) (more, idle bool) {
	if x.off.Load() {
		return false, true
	}
	x.running.Lock()
	defer x.running.Unlock()
	start := time.Now()
	for now := e.clock.millis(); ; {
		more = false
		for i := range x.due {
			due := x.due[i].Load()
			if due == 0 || due > now {
				continue
			}
			again, idle := e.expireSome(i, now)
			if idle {
				return false, true // replica, pause or closed
			}
			more = more || again
			if time.Since(start) > d {
				return true, false
			}
			runtime.Gosched()
		}
		if !more {
			return false, false
		}
	}
}

// catchUp deletes all keys whose time is over, after the clock was moved. Tables
// know deadlines to the second only, so it looks at every key that expires.
func (x *expiry) catchUp() {
	e := x.e.Value()
	if e == nil || x.off.Load() {
		return
	}
	for i := range e.shards {
		e.reap(e.expiredOf(i))
	}
	x.rearm()
}

// expiredOf returns the keys of a shard whose time is over.
func (e *Engine) expiredOf(shard int) (keys []dbKey) {
	sh := &e.shards[shard]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if e.state&(stateClosed|stateHide) != 0 {
		return nil
	}
	now := e.clock.millis()
	for db := range e.tables {
		tab := e.tables[db][shard]
		if tab == nil || tab.Expiring() == 0 && !tab.Expects() {
			continue
		}
		for h := range tab.All() {
			if hasDue(&tab.View, h, now) {
				keys = append(keys, cloneKey(dbKey{db, tab.Key(h)}))
			}
		}
	}
	return keys
}

func (x *expiry) stop() {
	x.mu.Lock()
	x.stopped = true
	if x.timer != nil {
		x.timer.Stop()
	}
	x.mu.Unlock()
	x.running.Lock() // whoever runs has ended
	defer x.running.Unlock()
}

// expireSome deletes some of the expired keys of a shard, each in a transaction
// of its own.
func (e *Engine) expireSome(shard int, now int64) (more, idle bool) {
	sh := &e.shards[shard]
	sh.mu.Lock()
	if e.state&(stateClosed|stateHide) != 0 || e.expiry.off.Load() { // it may have been turned off since now
		sh.mu.Unlock()
		return false, true
	}
	t := e.newTxn(e.self, 0)
	t.held.write, t.keys.all, t.write, t.reaps, t.now = 1<<shard, true, true, true, now
	var later []dbKey // their waiters may need other shards
	due := int64(0)
	for db := range e.tables {
		tab := e.tables[db][shard]
		if tab == nil || tab.NextDue() == 0 {
			continue
		}
		if tab.NextDue() <= now {
			t.db = db
			more = tab.Due(now, expireBatch, func(h hashtable.Handle) {
				k := dbKey{db, tab.Key(h)}
				if sh.waiters[k] != nil || !isPast(tab.ExpireAt(h), now) { // or it has fields that are due
					later = append(later, cloneKey(k))
					return
				}
				t.expire(&keyRef{dbKey: k, hash: maphash.String(e.seed, k.key), mode: modeWrite}, tab, h)
				t.commit()
				t.resetBatch()
			}) || more
			e.settle(tableRef{shard, db})
		}
		if n := tab.NextDue(); n != 0 && (due == 0 || n < due) {
			due = n
		}
	}
	e.expiry.rearmShard(shard, due)
	t.leave()
	e.reap(later)
	return more, false
}

// reap deletes keys that were found expired, and fields, unless somebody was
// faster.
func (e *Engine) reap(keys []dbKey) {
	for _, k := range keys {
		for more := true; more; {
			t := e.newTxn(e.self, k.db)
			t.excl, t.write, t.reaps = true, true, true
			t.keys.Write(k.key)
			at := t.keys.list[0]
			if t.acquire(lockSet{}) != nil {
				return
			}
			tab, h := t.lookup(&at) // with the shard held for writing, this deletes it
			more = h != 0 && e.state&stateHide == 0 && hasDue(&tab.View, h, t.Now())
			t.done = true
			t.finish()
		}
	}
}

// SetActiveExpire turns the deletion of expired keys that nobody touches on or
// off: DEBUG SET-ACTIVE-EXPIRE.
func (e *Engine) SetActiveExpire(on bool) {
	e.expiry.off.Store(!on)
	e.expiry.rearm()
}

// Hide sets whether expired keys are only hidden, and not deleted, and none is evicted:
// while writes are paused. On a replica expired keys are hidden in any case: its primary
// deletes them.
func (e *Engine) Hide(on bool) error {
	all := lockSet{write: allShards}
	if err := e.lock(all); err != nil {
		return err
	}
	e.still.Store(on)
	if e.hidden = on; on {
		e.state |= stateHide
	} else if e.state&stateReplica == 0 {
		e.state &^= stateHide
	}
	e.unlock(all)
	if !on {
		e.expiry.rearm()
	}
	return nil
}
