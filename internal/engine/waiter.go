package engine

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A waiter is a command that waits. It stands in the queue of each key it
// waits for, and is served by whoever writes one of them, under the writer's
// locks, in order of arrival.
//
// Its queues, and served, are guarded by the shards of its keys: who holds any
// of the queues it stands in for writing holds all of them.
type waiter struct {
	keys     []keyRef // all that the command names
	queues   []keyRef // those it waits for
	left     bool     // served, or waits no longer
	db       int
	until    time.Time // by the engine's clock; zero: for ever
	runner   runner
	done     chan struct{}
	err      error // guarded by done, as what follows
	panicked any
}

// A waitQueue is who waits for a key, in order of arrival. Those who have left
// stay in it until they are half of it: to close the gap behind each of ten
// thousand who are served at once would cost more than to serve them.
type waitQueue struct {
	list []*waiter
	left int
}

// A runner is what a waiter runs.
type runner interface {
	keys(*KeySet)
	run(*Txn) error
}

// A blockRequest is what a Run asks for that cannot answer yet.
type blockRequest struct {
	keys []string
	d    time.Duration
}

// Block is returned by a Run that has nothing to answer yet: it will be run
// again when one of keys changes. After d, unless it is 0, it answers nil. In a
// transaction it answers nil at once.
func (t *Txn) Block(d time.Duration, keys ...string) error {
	if t.outer {
		return ErrNil
	}
	t.block = blockRequest{keys, d}
	return errBlock
}

// Woken returns the key whose change made a waiting command run again; ok is false
// where it runs for the first time.
func (t *Txn) Woken() (key string, ok bool) {
	if t.woken == nil {
		return "", false
	}
	return t.woken.key, true
}

// park puts w into its queues. t holds the shards of all its keys for writing.
func (t *Txn) park(w *waiter, r runner) {
	var k KeySet
	k.reset(t.e, t.db)
	r.keys(&k)
	w.keys, w.db, w.runner, w.done = k.list, t.db, r, make(chan struct{})
	if t.block.d > 0 {
		w.until = t.e.clock.now().Add(t.block.d)
	}
	waits := make(map[string]bool, len(t.block.keys))
	for _, key := range t.block.keys {
		waits[key] = true
	}
	for i := range w.keys {
		at := &w.keys[i]
		if !waits[at.key] {
			continue
		}
		delete(waits, at.key)
		w.queues = append(w.queues, *at)
		sh := &t.e.shards[at.shard()]
		if sh.waiters == nil {
			sh.waiters = map[dbKey]*waitQueue{}
		}
		q := sh.waiters[at.dbKey]
		if q == nil {
			q = new(waitQueue)
			sh.waiters[at.dbKey] = q
		}
		q.list = append(q.list, w)
	}
	if len(w.queues) == 0 {
		panic("engine: Block on keys that Keys does not name")
	}
	t.e.stats.blocked.Add(1)
}

// leave takes w out of its queues, whose shards are held, and reports whether
// it was there.
func (w *waiter) leave(e *Engine) (was bool) {
	if w.left {
		return false
	}
	w.left = true
	for i := range w.queues {
		k := &w.queues[i]
		sh := &e.shards[k.shard()]
		q := sh.waiters[k.dbKey]
		switch q.left++; {
		case q.left == len(q.list):
			delete(sh.waiters, k.dbKey)
		case q.left > len(q.list)/2:
			q.list = slices.DeleteFunc(q.list, func(w *waiter) bool { return w.left })
			q.left = 0
		}
	}
	e.stats.blocked.Add(-1)
	return true
}

// wait waits until w was served. Timeouts and hang-ups leave the queues under
// the same locks under which a writer serves, so each element has one taker.
func (w *waiter) wait(ctx context.Context, s *Session) error {
	if s.unblock != nil { // a connection's: others may share a session for typed calls
		s.parked.Store(true)
		defer s.rests()
	}
	defer s.awaits()()
	if s.OnWait != nil {
		defer s.OnWait()()
	}
	if stop := s.sleep(ctx, w.done, w.until); stop != nil && s.e.unpark(w) {
		if s.spoken {
			s.vain = true
		}
		return stop
	}
	<-w.done
	if w.panicked != nil {
		panic(w.panicked)
	}
	return w.err
}

// sleep returns nil when done is closed, or why s should not wait any longer: ErrNil
// at the time until, by the engine's clock, unless that is zero.
func (s *Session) sleep(ctx context.Context, done <-chan struct{}, until time.Time) error {
	if !until.IsZero() {
		s.e.stats.timed.Add(1)
		defer s.e.stats.timed.Add(-1)
	}
	for {
		jumped := s.e.clock.jumps()
		var up <-chan time.Time
		var timer *time.Timer
		if !until.IsZero() {
			timer = time.NewTimer(until.Sub(s.e.clock.now()))
			up = timer.C
		}
		var stop error
		select {
		case <-done:
		case <-up:
			stop = ErrNil
		case <-ctx.Done():
			stop = ctx.Err()
		case <-s.e.closing:
			stop = ErrClosed
		case stop = <-s.wake():
		case <-jumped:
			if timer != nil {
				timer.Stop()
			}
			continue
		}
		if timer != nil {
			timer.Stop()
		}
		return stop
	}
}

func (e *Engine) unpark(w *waiter) bool {
	k := KeySet{e: e, list: w.keys}
	l := k.locks(true)
	if err := e.lock(l); err != nil {
		panic(err) // a waiter is inside no Update
	}
	defer e.unlock(l)
	return w.leave(e)
}

// serve runs the waiters of the keys t touched, and of those that they touch in
// turn, each as a transaction of its own whose effects follow those of the
// write that woke it. t holds all the shards that they need: see cover.
func (t *Txn) serve() {
	ready := t.ready()
	for ; len(ready) > 0; ready = ready[1:] {
		k := &ready[0]
		sh := &t.e.shards[k.shard()]
		q := sh.waiters[k.dbKey]
		if q == nil {
			continue
		}
		for _, w := range slices.Clone(q.list) {
			if w.left {
				continue // before, or served through another key meanwhile
			}
			served, touched := t.serveOne(w, k)
			ready = append(ready, touched...)
			if tab := t.e.tables[k.db][k.shard()]; served && w.err == nil && (tab == nil || tab.Find(k.hash, k.key) == 0) {
				break // nothing is left for those behind
			}
		}
	}
}

// ready returns the keys that t touched and that somebody waits for, each once,
// in the order in which they were touched first.
func (t *Txn) ready() (keys []keyRef) {
	var seen map[dbKey]bool
	for i := range t.touched {
		k := &t.touched[i]
		if t.e.shards[k.shard()].waiters[k.dbKey] == nil || seen[k.dbKey] {
			continue
		}
		if seen == nil {
			seen = map[dbKey]bool{}
		}
		seen[k.dbKey] = true
		keys = append(keys, *k)
	}
	return keys
}

// serveOne runs w because of the key k.
func (t *Txn) serveOne(w *waiter, k *keyRef) (served bool, touched []keyRef) {
	wt := t.e.newTxn(t.s, w.db)
	wt.now, wt.held, wt.excl, wt.write, wt.woken = t.now, t.held, true, true, k
	wt.keys.list = append(wt.keys.list, w.keys...)
	for i := range wt.keys.list {
		wt.keys.list[i].found = 0 // when it began to wait
	}
	defer func() {
		if p := recover(); p != nil { // the waiter's, not the writer's
			wt.outer = true
			wt.done = false
			wt.over()
			w.panicked, served = fmt.Sprintf("%v (in a command that waited)", p), true
		}
		if served {
			w.leave(t.e)
			close(w.done)
		}
		t.end = max(t.end, wt.end)
		wt.free()
	}()
	wt.done, wt.keeps, wt.reading = false, true, false
	if w.err = w.runner.run(wt); w.err == errBlock {
		return false, nil
	}
	touched = slices.Clone(wt.touched)
	wt.commit()
	return true, touched
}
