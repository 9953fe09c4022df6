package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Transactions over sessions: Update and View, MULTI and EXEC in words, WATCH.
// The MULTI of Go callers is in multi.go.

// Atomic runs fn in one transaction: an Update, which is undone if fn fails or
// panics, or a View. It locks the shards of keys, or all if there are none.
func (s *Session) Atomic(write bool, keys []string, fn func(*Session) error) (err error) {
	e := s.e
	s.sync()
	switch {
	case s.over:
		return ErrTxDone
	case s.txn != nil:
		return ErrInsideUpdate
	}
	if write && !e.makeRoom() {
		return ErrOOM
	}
	t := e.newTxn(s, s.DB)
	for _, k := range keys {
		t.keys.add(k, modeOf(write))
	}
	t.keys.all = len(keys) == 0
	t.keys.excl = t.keys.all && write
	t.outer, t.undo, t.write, t.only = true, write, write, !t.keys.all
	t.ownNames = append(t.ownNames[:0], t.keys.list...)
	t.named = t.ownNames
	if err := t.acquire(t.keys.locks(write)); err != nil {
		return err
	}
	inner, ok := &Session{e: e, DB: s.DB, Ctx: s.Ctx, lane: s.lane, txn: t, scoped: true}, false
	defer func() { // also when fn panics or calls runtime.Goexit
		inner.txn, inner.over = nil, true
		if !ok {
			t.rollback(mark{})
		}
		t.finish()
	}()
	err = e.open.call(fn, inner)
	ok = err == nil
	return err
}

func modeOf(write bool) mode {
	if write {
		return modeInsert
	}
	return modeRead
}

// A watch is what a session watches until its next EXEC or UNWATCH. The shards
// of its keys know it; what they have marked once stays marked.
type watch struct {
	dirty atomic.Bool // a key was touched; set under its shard's lock
	keys  []dbKey
	bytes int64 // about what keys take
}

// watchBase is what a watched key takes besides its name.
const watchBase = 56

// A watcher stands in a shard's table for one key of a watch.
type watcher struct {
	w       *watch
	expired bool // the key was expired already when it was watched
}

// Watch watches keys until the next EXEC or Unwatch.
func (s *Session) Watch(keys []string) error {
	if s.sync(); s.over {
		return ErrTxDone
	}
	if s.watch == nil {
		s.watch = &watch{}
	}
	return s.e.watch(s, s.watch, keys)
}

func (e *Engine) watch(s *Session, w *watch, keys []string) error {
	t := e.newTxn(s, s.DB)
	for _, k := range keys {
		t.keys.add(k, modeWrite) // the shard's watch table is written
	}
	if err := t.acquire(t.keys.locks(true)); err != nil {
		return err
	}
	defer t.leave()
	for i := range t.keys.list {
		r := &t.keys.list[i]
		sh := &e.shards[r.shard()]
		if slices.ContainsFunc(sh.watch[r.dbKey], func(x watcher) bool { return x.w == w }) {
			continue
		}
		k := cloneKey(r.dbKey)
		w.keys = append(w.keys, k)
		w.bytes += watchBase + int64(len(k.key))
		if sh.watch == nil {
			sh.watch = map[dbKey][]watcher{}
		}
		sh.watch[k] = append(sh.watch[k], watcher{w, t.isExpired(r)})
	}
	return nil
}

// isExpired reports whether a key is there but its time is over.
func (t *Txn) isExpired(at *keyRef) bool {
	return t.stateOf(t.e.tables[at.db][at.shard()], at) == keyExpired
}

// markWatchers marks those who watch a key which was changed, and whose shard is
// held. That a key goes which had expired before it was watched is no change.
func (e *Engine) markWatchers(at *keyRef) {
	sh := &e.shards[at.shard()]
	watchers := sh.watch[at.dbKey]
	if len(watchers) == 0 {
		return
	}
	tab := e.tables[at.db][at.shard()]
	gone := tab == nil || tab.Find(at.hash, at.key) == 0
	for i := range watchers {
		if x := &watchers[i]; x.expired && gone {
			x.expired = false
		} else {
			x.w.dirty.Store(true)
		}
	}
}

// Watched is the number of watched keys.
func (s *Session) Watched() int {
	if s.watch == nil {
		return 0
	}
	return len(s.watch.keys)
}

// WatchedBytes is about the memory that the watched keys' names take.
func (s *Session) WatchedBytes() int64 {
	if s.watch == nil {
		return 0
	}
	return s.watch.bytes
}

// Unwatch forgets the watched keys.
func (s *Session) Unwatch() {
	if s.watch != nil && !s.e.unwatch(s.watch) {
		s.watch = nil // it may still be marked: the next WATCH takes another
	}
}

// unwatch takes w out of the tables and clears its mark, and reports whether it
// could. Where that would wait for an Update of the same goroutine it is done
// later, and w must not be used again.
func (e *Engine) unwatch(w *watch) bool {
	if w.forget(e) != nil {
		e.Go(func() { w.forget(e) })
		return false
	}
	w.dirty.Store(false)
	return true
}

// forget goes a shard at a time: nothing hangs on their going at one instant.
func (w *watch) forget(e *Engine) error {
	for n := len(w.keys) - 1; n >= 0; n-- {
		k := w.keys[n]
		r := e.refOf(k)
		l := lockSet{write: 1 << r.shard()}
		if err := e.lock(l); err != nil {
			return err
		}
		sh := &e.shards[r.shard()]
		left := slices.DeleteFunc(sh.watch[k], func(x watcher) bool { return x.w == w })
		if len(left) == 0 {
			delete(sh.watch, k)
		} else {
			sh.watch[k] = left
		}
		e.unlock(l)
		w.keys[n] = dbKey{}
		w.bytes -= watchBase + int64(len(k.key))
		w.keys = w.keys[:n]
	}
	return nil
}

// intact reports whether the watched keys are as they were. Their shards are
// held.
func (t *Txn) intact(w *watch) bool {
	if w == nil {
		return true
	}
	if w.dirty.Load() {
		return false
	}
	for _, k := range w.keys {
		r := t.e.refOf(k)
		if !t.isExpired(&r) {
			continue
		}
		for _, x := range t.e.shards[r.shard()].watch[k] {
			if x.w == w && !x.expired {
				return false
			}
		}
	}
	return true
}

// A Queued is a command between MULTI and EXEC.
type Queued struct {
	c     Command
	first int // where its arguments begin
	words [][]byte
}

// A wordStore holds the words of a queue: a few blocks instead of two objects a
// command. It is taken from a pool by the first command queued and goes back
// with EXEC, so that an idle connection has none.
type wordStore struct {
	queue []Queued
	heads [][]byte // the free part of a block of words
	bytes []byte   // the free part of a block of bytes

	allHeads [][]byte // the last blocks, whole
	allBytes []byte
}

var wordStores = sync.Pool{New: func() any { return new(wordStore) }}

// The first blocks, and the largest that go to the pool.
const (
	minHeads, maxHeads = 32, 1 << 10
	minBytes, maxBytes = 512, 32 << 10
)

// clone returns a copy of words.
func (ws *wordStore) clone(words [][]byte) [][]byte {
	if len(ws.heads) < len(words) {
		ws.allHeads = make([][]byte, max(len(words), minHeads, min(2*len(ws.allHeads), maxHeads)))
		ws.heads = ws.allHeads
	}
	out := ws.heads[:len(words):len(words)]
	ws.heads = ws.heads[len(words):]
	for i, w := range words {
		if len(ws.bytes) < len(w) {
			ws.allBytes = make([]byte, max(len(w), minBytes, min(2*len(ws.allBytes), maxBytes)))
			ws.bytes = ws.allBytes
		}
		n := copy(ws.bytes, w)
		out[i], ws.bytes = ws.bytes[:n:n], ws.bytes[n:]
	}
	return out
}

// free returns ws to the pool, with queue, which it had handed out.
func (ws *wordStore) free(queue []Queued) {
	if cap(queue) > maxHeads || len(ws.allHeads) > maxHeads || len(ws.allBytes) > maxBytes {
		return
	}
	clear(queue)
	clear(ws.allHeads)
	ws.queue, ws.heads, ws.bytes = queue[:0], ws.allHeads, ws.allBytes
	wordStores.Put(ws)
}

// queueing decides whether a command may be queued, or run at once, between
// MULTI and EXEC. Queueing takes memory without end, so while it is short only
// what ends the transaction is let through.
func (s *Session) queueing(o *Spec) error {
	switch {
	case o.Flags&NoMulti != 0:
		return Error("ERR Command not allowed inside a transaction")
	case !s.Primary && !s.e.makeRoom() && !endsMulti(o):
		return ErrOOM
	}
	return s.e.refuses(s, o.Flags)
}

func endsMulti(o *Spec) bool {
	switch o.lower {
	case "exec", "discard", "quit", "reset":
		return true
	}
	return false
}

// refuses says whether writes are refused now. It is asked without a lock, to
// answer early; a transaction asks again under its locks.
func (e *Engine) refuses(s *Session, flags Flag) error {
	switch {
	case flags&Write == 0:
		return nil
	case e.stats.broken.Load():
		return ErrBroken
	case e.readOnly.Load() && !s.Primary:
		return ErrReadOnlyReplica
	}
	return nil
}

// misread is what a command fails with whose words are wrong: that writes are refused is
// told before its words are looked at, as in Redis.
func (e *Engine) misread(s *Session, o *Spec, err error) error {
	if no := e.refuses(s, o.Flags); no != nil {
		return no
	}
	return err
}

// enqueue queues a command of a MULTI. Once the transaction is known to fail
// nothing more is kept. A queue that has come to take more than
// client-query-buffer-limit ends the connection, as a command that long would.
func (s *Session) enqueue(c Command, first int, words [][]byte, w *Reply) {
	if s.Bad || s.watch != nil && s.watch.dirty.Load() {
		w.Simple("QUEUED")
		return
	}
	if s.store == nil {
		s.store = wordStores.Get().(*wordStore)
		s.Queue = s.store.queue
	}
	s.Queue = append(s.Queue, Queued{c, first, s.store.clone(words)})
	s.queueFlags |= c.Info().Flags
	s.QueueBytes += 8 * len(words) // as Redis counts them
	for _, word := range words {
		s.QueueBytes += len(word)
	}
	if limit := s.e.memory.maxQueue.Load(); limit != 0 && int64(s.QueueBytes) > limit && !s.Primary {
		s.Discard()
		s.Broken = true
		return
	}
	w.Simple("QUEUED")
}

// Begin begins to queue.
func (s *Session) Begin() { s.Multi, s.Bad = true, false }

// Discard forgets the queue and what is watched.
func (s *Session) Discard() {
	s.dropQueue()
	s.Unwatch()
}

func (s *Session) dropQueue() {
	s.Multi, s.Bad, s.QueueBytes, s.queueFlags = false, false, 0, 0
	if s.store != nil {
		s.store.free(s.Queue)
		s.Queue, s.store = nil, nil
	}
}

// ExecQueue runs what MULTI queued as one transaction, unless a watched key
// changed. The queue is read twice: for the keys, then to be run.
func (s *Session) ExecQueue(w *Reply) error {
	defer s.Discard() // takes locks: after finish
	s.Multi = false
	if s.queueFlags&DenyOOM != 0 && !s.e.makeRoom() && !s.Primary {
		return aborted(ErrOOM)
	}
	if err := s.e.refuses(s, s.queueFlags); err != nil {
		return aborted(err)
	}
	if s.Bad {
		return ErrExecAbort
	}
	t := s.e.newTxn(s, s.DB)
	t.undo = s.changes != nil // it is from the undo log that they are known
	for i := range s.Queue {
		q := &s.Queue[i]
		s.args.reset(q.words, q.first)
		q.c.plan(s, &s.args, &t.keys)
	}
	switch err := t.openExec(s.queueFlags, s.watch); err {
	case nil:
	case ErrTxAborted:
		w.NullArray()
		return nil
	default:
		return aborted(err)
	}
	defer t.finish()
	s.txn = t
	defer func() { s.txn = nil }()
	exec := s.telling
	w.Array(len(s.Queue))
	for i := range s.Queue {
		s.execQueued(&s.Queue[i], w)
	}
	s.telling = exec
	s.tell() // nobody else's call comes between
	return nil
}

// openExec takes the locks of an EXEC, whose keys t has, unless what w watches
// has changed. When it fails t is gone.
func (t *Txn) openExec(flags Flag, w *watch) error {
	if w != nil {
		if w.dirty.Load() { // it stays so: there is no need to look under the locks
			t.free()
			return ErrTxAborted
		}
		for _, k := range w.keys {
			t.keys.db = k.db
			t.keys.Read(k.key)
		}
	}
	t.outer, t.write = true, flags&Write != 0 || t.keys.excl
	if err := t.acquire(t.keys.locks(false)); err != nil {
		return err
	}
	if !t.intact(w) {
		t.finish()
		return ErrTxAborted
	}
	return nil
}

// aborted is the error of an EXEC that cannot run because of err.
func aborted(err error) error {
	var e Error
	if errors.As(err, &e) && (e == ErrInsideUpdate || e == ErrClosed) {
		return err
	}
	return Error("EXECABORT Transaction discarded because of: " + err.Error())
}

// execQueued runs one command of an EXEC. One that panics is undone alone.
func (s *Session) execQueued(q *Queued, w *Reply) {
	start := len(w.Buf)
	defer func() {
		if p := recover(); p != nil {
			w.Buf, s.Broken = w.Buf[:start], true
			w.Err(string(errInternal))
			s.e.panicked(p)
		}
	}()
	if s.e.gate != nil {
		if err := s.e.gate.Admit(s, q.c, q.words); err != nil {
			s.reject(q.c, err, w)
			return
		}
	}
	s.args.reset(q.words, q.first)
	s.run(q.c, q.c.Info(), q.words, w)
}

// AtRest returns an error that says what is watched, waited for or locked. It is
// for tests, at a moment when nothing should be.
func (e *Engine) AtRest() error {
	for i := range e.shards {
		sh := &e.shards[i]
		if !sh.mu.TryLock() {
			return fmt.Errorf("shard %d is locked", i)
		}
		watched, waited := len(sh.watch), len(sh.waiters)
		sh.mu.Unlock()
		if watched != 0 || waited != 0 {
			return fmt.Errorf("in shard %d %d keys are watched, %d waited for", i, watched, waited)
		}
	}
	if n := e.open.n.Load(); n != 0 {
		return fmt.Errorf("%d transactions are open", n)
	}
	return nil
}
