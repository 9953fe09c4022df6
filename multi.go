package larder

import (
	"fmt"

	"github.com/larderdb/larder/internal/engine"
)

// Multi is Redis's MULTI in Go: a queue of commands that Exec runs as one
// transaction. It has every typed command; each returns a [Result], which is
// filled by Exec.
//
//	m := db.Multi()
//	n := m.Incr("visits")
//	v := m.Get("greeting")
//	if err := m.Exec(); err != nil {
//		return err // nothing was run
//	}
//	fmt.Println(n.Val(), v.Val(), v.Err())
//
// Nothing else happens between the commands, and only the shards of the keys that
// they name are locked. There is no rollback: a command that fails has changed
// nothing, and the others take effect. For all or nothing there is [DB.Update].
//
// A Multi is for one goroutine. It can be used again after Exec or Discard. What
// it was given must not be changed before Exec, except that slices are copied.
type Multi struct {
	q  *engine.Queue
	s  *engine.Session // whose queue it is
	db int
}

// Multi returns an empty queue for this database. See also Tx.Multi.
func (db *DB) Multi() *Multi { return newMulti(db.s) }

func newMulti(s *engine.Session) *Multi {
	return &Multi{q: s.Engine().NewQueue(), s: s, db: s.DB}
}

// DB returns a view of the queue whose commands are queued for logical database
// n. It panics if there is none.
func (m *Multi) DB(n int) *Multi {
	if n < 0 || n >= m.s.Engine().Databases() {
		panic(fmt.Sprintf("larder: there is no database %d", n))
	}
	return &Multi{q: m.q, s: m.s, db: n}
}

// Watch has Exec run nothing, and return ErrTxAborted, if one of keys is changed
// between now and then: by anyone, by its expiry, or by this program. Read what
// the queue depends on after Watch.
func (m *Multi) Watch(keys ...string) error { return m.q.Watch(m.db, keys) }

// Len is the number of commands queued.
func (m *Multi) Len() int { return m.q.Len() }

// Exec runs the queue. An error says that nothing was run, and why: ErrTxAborted,
// ErrOOM, ErrReadOnlyReplica, ErrClosed, or ErrInsideUpdate; each Result then has
// it too. The commands' own errors are in their results; Err returns the first.
// If a command panics it alone is undone; Exec runs the others and panics then.
func (m *Multi) Exec() error { return m.q.Exec() }

// Discard empties the queue and forgets what is watched.
func (m *Multi) Discard() { m.q.Discard(ErrDiscarded) }

// Err returns the first error of the commands of the last Exec, other than
// ErrNil.
func (m *Multi) Err() error { return m.q.Err() }

// A Result is what a queued command will answer. For a command that answers only
// that it was done, T is struct{}.
type Result[T any] struct{ q *queued[T] }

// Val is what the command answered: the zero T before Exec.
func (r Result[T]) Val() T { return r.q.val }

// Err is the command's error: ErrQueued before Exec, and that of Exec if the
// queue was not run.
func (r Result[T]) Err() error { return r.q.err }

// Get returns both.
func (r Result[T]) Get() (T, error) { return r.q.val, r.q.err }

// A queued command is a closure around its typed method. It is called twice, by
// Run: to name its keys when it is queued, where all it returns is to be ignored,
// and in Exec.
type queued[T any] struct {
	call func(Commands) (T, error)
	only func(Commands) error // instead of call, of one that returns only an error
	val  T
	err  error
	exec bool // it was called once
}

func (q *queued[T]) Run(s *engine.Session) {
	var val T
	var err error
	if q.only != nil {
		err = q.only(Commands{s})
	} else {
		val, err = q.call(Commands{s})
	}
	if !q.exec {
		q.exec = true
		return
	}
	q.val, q.err = val, err
}

func (q *queued[T]) Fail(err error) { q.err = err }

func (q *queued[T]) Err() error { return q.err }

// queue queues a typed call. The methods that do so are in multi_commands.go,
// written by a test.
func queue[T any](m *Multi, call func(Commands) (T, error)) Result[T] {
	return enqueue(m, &queued[T]{call: call})
}

// queueOnly is queue for a call that returns only an error.
func queueOnly(m *Multi, call func(Commands) error) Result[struct{}] {
	return enqueue(m, &queued[struct{}]{only: call})
}

func enqueue[T any](m *Multi, q *queued[T]) Result[T] {
	q.err = ErrQueued
	m.q.Add(m.db, q)
	return Result[T]{q}
}
