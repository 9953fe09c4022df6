package engine

import (
	"errors"
	"slices"
)

// Transactions over sessions: Update and View, MULTI and EXEC, WATCH.

// Atomic runs fn in one transaction: an Update, which is undone if fn fails or
// panics, or a View. It locks the shards of keys, or all if there are none.
func (s *Session) Atomic(write bool, keys []string, fn func(*Session) error) (err error) {
	e := s.e
	switch {
	case s.over:
		return ErrTxDone
	case s.txn != nil || e.open.has():
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
	t.named = slices.Clone(t.keys.list)
	if err := t.acquire(t.keys.locks(write)); err != nil {
		return err
	}
	inner, ok := &Session{e: e, DB: s.DB, Ctx: s.Ctx, lane: s.lane, txn: t}, false
	defer func() { // also when fn panics or calls runtime.Goexit
		inner.txn, inner.over = nil, true
		if !ok {
			t.rollback(mark{})
		}
		t.finish()
	}()
	err = e.open.call(func() error { return fn(inner) })
	ok = err == nil
	return err
}

func modeOf(write bool) mode {
	if write {
		return modeInsert
	}
	return modeRead
}

// Watch watches keys until the next EXEC or Unwatch.
func (s *Session) Watch(keys []string) error {
	t := s.e.newTxn(s, s.DB)
	for _, k := range keys {
		t.keys.add(k, modeWrite) // the shard's watch table is written
	}
	refs := slices.Clone(t.keys.list)
	if err := t.acquire(t.keys.locks(true)); err != nil {
		return err
	}
	defer t.leave()
	for i := range refs {
		r := &refs[i]
		k, sh := cloneKey(r.dbKey), &s.e.shards[r.shard()]
		if _, again := sh.watch[k][s]; again {
			continue
		}
		s.watched = append(s.watched, k)
		if sh.watch == nil {
			sh.watch = map[dbKey]map[*Session]bool{}
		}
		if sh.watch[k] == nil {
			sh.watch[k] = map[*Session]bool{}
		}
		sh.watch[k][s] = t.isExpired(r)
	}
	return nil
}

// isExpired reports whether a key is there but its time is over.
func (t *Txn) isExpired(at *keyRef) bool {
	return t.stateOf(t.e.shards[at.shard()].tables[at.db], at) == keyExpired
}

// markWatchers marks the sessions that watch a key which was changed, and whose
// shard is held. That a key goes which had expired before it was watched is no
// change.
func (e *Engine) markWatchers(at *keyRef) {
	sh := &e.shards[at.shard()]
	watchers := sh.watch[at.dbKey]
	if len(watchers) == 0 {
		return
	}
	tab := sh.tables[at.db]
	gone := tab == nil || tab.Find(at.hash, at.key) == 0
	for s, expired := range watchers {
		if expired && gone {
			watchers[s] = false
		} else {
			s.dirty.Store(true)
		}
	}
}

// Watched is the number of watched keys.
func (s *Session) Watched() int { return len(s.watched) }

// Unwatch forgets the watched keys, a shard at a time: nothing hangs on their
// going at one instant.
func (s *Session) Unwatch() {
	for _, k := range s.watched {
		r := s.e.refOf(k)
		sh := &s.e.shards[r.shard()]
		sh.mu.Lock()
		if delete(sh.watch[k], s); len(sh.watch[k]) == 0 {
			delete(sh.watch, k)
		}
		sh.mu.Unlock()
	}
	s.watched = s.watched[:0]
	s.dirty.Store(false)
}

// intact reports whether the watched keys are as they were. Their shards are
// held.
func (s *Session) intact(t *Txn) bool {
	if s.dirty.Load() {
		return false
	}
	for _, k := range s.watched {
		r := s.e.refOf(k)
		if !s.e.shards[r.shard()].watch[k][s] && t.isExpired(&r) {
			return false
		}
	}
	return true
}

// enqueue queues a command of a MULTI.
func (s *Session) enqueue(c Command, words [][]byte, w *Reply) {
	o := c.Info()
	switch {
	case o.Flags&NoMulti != 0:
		s.reject(c, Error("ERR Command not allowed inside a transaction"), w)
		return
	case o.Flags&DenyOOM != 0 && !s.e.makeRoom():
		s.reject(c, ErrOOM, w)
		return
	}
	s.Queue = append(s.Queue, cloneWords(words))
	s.QueueBytes += 24 * len(words)
	for _, word := range words {
		s.QueueBytes += len(word)
	}
	w.Simple("QUEUED")
}

// Begin begins to queue.
func (s *Session) Begin() { s.Multi, s.Bad = true, false }

// Discard forgets the queue and what is watched.
func (s *Session) Discard() {
	s.Multi, s.Bad, s.Queue, s.QueueBytes = false, false, nil, 0
	s.Unwatch()
}

// ExecQueue runs what MULTI queued as one transaction, unless a watched key
// changed. The queue is read twice: for the keys, then to be run.
func (s *Session) ExecQueue(w *Reply) error {
	queue, bad := s.Queue, s.Bad
	s.Multi, s.Bad, s.Queue, s.QueueBytes = false, false, nil, 0
	defer s.Unwatch() // takes locks: after finish
	if bad {
		return ErrExecAbort
	}
	t := s.e.newTxn(s, s.DB)
	found := make([]Command, len(queue))
	var flags Flag
	for i, words := range queue {
		c, first := s.e.table.Find(words)
		found[i] = c
		flags |= c.Info().Flags
		s.args = Args{words: words, first: first, i: first}
		c.plan(s, &s.args, &t.keys)
	}
	if flags&DenyOOM != 0 && !s.e.makeRoom() {
		t.free()
		return aborted(ErrOOM)
	}
	for _, k := range s.watched {
		t.keys.db = k.db
		t.keys.Read(k.key)
	}
	t.outer, t.write = true, flags&Write != 0
	if err := t.acquire(t.keys.locks(false)); err != nil {
		return aborted(err)
	}
	defer t.finish()
	if !s.intact(t) {
		w.NullArray()
		return nil
	}
	s.txn = t
	defer func() { s.txn = nil }()
	w.Array(len(queue))
	for i, words := range queue {
		s.execQueued(found[i], words, w)
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
func (s *Session) execQueued(c Command, words [][]byte, w *Reply) {
	start := len(w.Buf)
	defer func() {
		if p := recover(); p != nil {
			w.Buf, s.Broken = w.Buf[:start], true
			w.Err(string(errInternal))
			s.e.panicked(p)
		}
	}()
	if s.e.gate != nil {
		if err := s.e.gate.Admit(s, c, words); err != nil {
			s.reject(c, err, w)
			return
		}
	}
	_, first := s.e.table.Find(words)
	s.args = Args{words: words, first: first, i: first}
	s.run(c, words, w)
}
