package engine

import "runtime"

// MULTI for Go callers. A typed call is a method of the layer above around an
// Op.Do, and what the method does with the result is as much a part of it as the
// command. So what is queued is the whole call, and it is called twice: once when
// it is queued, on a session where Do only notes the keys, and once in Exec.

// A Call is what a Queue holds.
type Call interface {
	Run(s *Session) // called twice, see above; the last time counts
	Fail(err error) // called instead, if the queue is not run
	Err() error     // of the last time
}

// A Queue collects typed calls, to run them as one transaction. It is for one
// goroutine. One that is dropped forgets what it watches.
type Queue struct {
	e     *Engine
	s     Session // the calls' own
	calls []planned
	ran   []planned // by the last Exec
	keys  KeySet    // of all calls, in order
	flags Flag
	watch *watch
	leak  runtime.Cleanup // forgets watch
}

// A planned call is one that has named its keys.
type planned struct {
	c        Call
	db       int
	from, to int  // of the queue's keys
	all      bool // it could not name them
}

// NewQueue returns an empty queue.
func (e *Engine) NewQueue() *Queue {
	q := &Queue{e: e, s: Session{e: e, lane: nextLane()}}
	q.reset()
	return q
}

// reset empties the queue. Its session names keys again.
func (q *Queue) reset() {
	q.ran, q.calls, q.flags = q.calls, nil, 0
	q.keys = KeySet{e: q.e}
	q.s.txn, q.s.over, q.s.plan = nil, true, q
}

// Err is the first error, but for ErrNil, of the calls that were run or failed
// last.
func (q *Queue) Err() error {
	for i := range q.ran {
		if err := q.ran[i].c.Err(); err != nil && err != ErrNil {
			return err
		}
	}
	return nil
}

// Len is the number of calls queued.
func (q *Queue) Len() int { return len(q.calls) }

// Add queues a call on a database.
func (q *Queue) Add(db int, c Call) {
	if q.calls == nil {
		q.calls, q.keys.list = make([]planned, 0, 8), make([]keyRef, 0, 8)
	}
	p := planned{c: c, db: db, from: len(q.keys.list)}
	all := q.keys.all
	q.keys.all = false
	q.s.DB = db
	c.Run(&q.s)
	p.to, p.all = len(q.keys.list), q.keys.all
	q.keys.all = q.keys.all || all
	q.calls = append(q.calls, p)
}

// planning begins a call that is only to name its keys; on any other session
// that is over it is an error.
func (s *Session) planning(o *Spec) (*Txn, error) {
	if s.plan == nil {
		return nil, ErrTxDone
	}
	s.plan.flags |= o.Flags
	t := s.e.newTxn(s, s.DB)
	t.outer, t.plan = true, s.plan
	return t, nil
}

// note takes the keys of t, which is gone then.
func (q *Queue) note(t *Txn) error {
	q.keys.list = append(q.keys.list, t.keys.list...)
	q.keys.all = q.keys.all || t.keys.all
	q.keys.excl = q.keys.excl || t.keys.excl
	t.free()
	return errPlanned
}

// Watch watches keys of a database, from now to the next Exec.
func (q *Queue) Watch(db int, keys []string) error {
	if q.watch == nil {
		w, e := &watch{}, q.e
		q.watch = w
		q.leak = runtime.AddCleanup(q, func(w *watch) { e.Go(func() { w.forget(e) }) }, w)
	}
	q.s.DB = db
	return q.e.watch(&q.s, q.watch, keys)
}

// WatchedBy makes Exec depend on what s has watched so far. That is forgotten
// by the Exec.
func (q *Queue) WatchedBy(s *Session) {
	s.sync()
	if s.of != nil {
		s = s.of
	}
	q.watch, s.watch = s.watch, nil
}

// Discard empties the queue: its calls fail with err. What was watched is
// forgotten.
func (q *Queue) Discard(err error) {
	calls := q.calls
	q.reset()
	for i := range calls {
		calls[i].c.Fail(err)
	}
	q.unwatch()
}

func (q *Queue) unwatch() {
	if q.watch != nil && q.e.unwatch(q.watch) {
		q.leak.Stop()
	}
	q.watch = nil
}

// Exec runs the calls as one transaction, unless a watched key changed. A call
// that fails has changed nothing, and the others go on; so do they when one
// panics, and then Exec does. The error is why nothing was run.
func (q *Queue) Exec() error {
	if err := q.exec(); err != nil {
		q.Discard(err)
		return err
	}
	return nil
}

func (q *Queue) exec() error {
	if q.flags&DenyOOM != 0 && !q.e.makeRoom() {
		return ErrOOM
	}
	t := q.e.newTxn(&q.s, 0)
	t.keys.list = append(t.keys.list, q.keys.list...)
	t.keys.all, t.keys.excl = q.keys.all, q.keys.excl
	if err := t.openExec(q.flags, q.watch); err != nil {
		return err
	}
	var panics []any
	defer func() { // last: it holds nothing then
		q.unwatch()
		if len(panics) != 0 {
			panic(panics[0])
		}
	}()
	s, calls := &q.s, q.calls
	defer q.reset()
	defer t.finish()
	s.txn, s.over, s.plan = t, false, nil
	for i := range calls {
		p := &calls[i]
		s.DB, t.named, t.only = p.db, q.keys.list[p.from:p.to], !p.all
		if v := p.run(s); v != nil {
			panics = append(panics, v)
		}
	}
	return nil
}

// run runs a call and returns what it panicked with.
func (p *planned) run(s *Session) (v any) {
	defer func() { v = recover() }()
	p.c.Run(s)
	return nil
}

// ExecIn runs the calls as a part of the transaction of s.
func (q *Queue) ExecIn(s *Session) {
	calls := q.calls
	q.reset()
	for i := range calls {
		at := s
		if calls[i].db != s.DB {
			at = s.At(calls[i].db)
		}
		calls[i].c.Run(at)
	}
	q.unwatch()
}

// Scope returns a session for a function that watches keys: its calls are
// transactions of their own until end is called, and errors afterwards.
func (s *Session) Scope(keys []string) (inner *Session, end func(), err error) {
	if s.sync(); s.over {
		return nil, nil, ErrTxDone
	}
	inner = &Session{e: s.e, DB: s.DB, Ctx: s.Ctx, lane: s.lane, scoped: true}
	if err := inner.Watch(keys); err != nil {
		return nil, nil, err
	}
	return inner, func() {
		inner.over = true
		inner.Unwatch()
	}, nil
}
