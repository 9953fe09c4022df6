package larder

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// Transactions: Update View MULTI EXEC DISCARD WATCH UNWATCH.

// A Tx is a transaction. It has every command that a DB has, and is valid until
// the function that it was given to returns; later calls return ErrTxDone.
type Tx struct{ Commands }

// DB returns the transaction's view of logical database n. It panics if there
// is none. It ends with the transaction.
func (tx *Tx) DB(n int) *Tx {
	if n < 0 || n >= tx.s.Engine().Databases() {
		panic(fmt.Sprintf("larder: there is no database %d", n))
	}
	return &Tx{Commands{tx.s.At(n)}}
}

// Multi has fn queue commands and runs them: in Watch as one transaction, unless
// a key that Watch watches was changed, which is ErrTxAborted; in Update and View
// as a part of the transaction they are in. If fn returns an error nothing is run
// and Multi returns it. It is the TxPipelined of go-redis.
func (tx *Tx) Multi(fn func(m *Multi) error) error {
	if tx.s.Done() {
		return ErrTxDone
	}
	m := newMulti(tx.s)
	ran := false
	defer func() {
		if !ran {
			m.Discard()
		}
	}()
	if err := fn(m); err != nil {
		return err
	}
	ran = true
	if tx.s.InTxn() {
		m.q.ExecIn(tx.s)
		return nil
	}
	m.q.WatchedBy(tx.s)
	return m.Exec()
}

// Update runs fn in one transaction: nothing else happens between its commands.
//
// Within fn use tx and not the DB, which would wait for the transaction itself:
// where it would, it answers ErrInsideUpdate instead. Where it need not wait,
// because other keys' shards are free, it goes ahead and is no part of the
// transaction; in a program built with -race it is always an error. A goroutine
// that fn starts, uses the DB in and waits for, is not detected and hangs.
//
// If fn returns an error, panics or calls runtime.Goexit, everything it did is
// undone, nobody has seen any of it, and Update returns the error or panics on.
//
// Only the shards of keys, of this database, are locked, and commands on other
// keys return an error that wraps ErrNotNamed and names the key. Without keys
// the whole store is locked. Locks are taken in one order, so transactions cannot
// deadlock. fn must not wait for others: whoever needs its keys waits for it.
func (db *DB) Update(fn func(tx *Tx) error, keys ...string) error {
	return db.s.Atomic(true, keys, func(s *engine.Session) error { return fn(&Tx{Commands{s}}) })
}

// View is Update for reading: fn sees one instant, beside other readers. Writes
// return ErrInView.
func (db *DB) View(fn func(tx *Tx) error, keys ...string) error {
	return db.s.Atomic(false, keys, func(s *engine.Session) error { return fn(&Tx{Commands{s}}) })
}

// Watch runs fn until its transaction goes through: the optimistic loop. fn reads
// what it needs, with tx or db, each call by itself and under no lock; then it
// queues what depends on that by tx.Multi, which runs it only if none of keys, of
// this database, was changed since before fn was called. If one was, tx.Multi
// returns ErrTxAborted; fn returns that error, wrapped or not, and Watch begins
// again. With anything else that fn returns, Watch ends and returns it.
//
// So fn may be called many times and should have no other effects. What it writes
// by tx directly, and not through tx.Multi, is done at once and, where it changes a
// watched key, aborts its own transaction. Beyond the first Multi of a call of fn
// nothing is watched any more.
//
// Watch tries for as long as ctx lasts, and waits a little longer each time. Then
// it returns an error that wraps both that of ctx and ErrTxAborted. This differs
// from the Watch of go-redis, which tries once and leaves the loop, and
// TxFailedErr, to its caller; a loop around Watch does no harm. For one try, use
// Multi with its Watch.
//
// Where keys are contended Update is cheaper: it waits its turn, and runs once.
func (db *DB) Watch(ctx context.Context, fn func(tx *Tx) error, keys ...string) error {
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil && try > 0 {
			return fmt.Errorf("%w: %w", err, ErrTxAborted)
		} else if err != nil {
			return err
		}
		err := db.watchOnce(fn, keys)
		if !errors.Is(err, ErrTxAborted) {
			return err
		}
		pause(ctx, try)
	}
}

func (db *DB) watchOnce(fn func(tx *Tx) error, keys []string) error {
	s, end, err := db.s.Scope(keys)
	if err != nil {
		return err
	}
	defer end()
	return fn(&Tx{Commands{s}})
}

// pause lets others go first. Each abort means that somebody else got on, so the
// first tries wait for nothing but their turn; those who lose again and again
// spread out, up to a millisecond.
func pause(ctx context.Context, try int) {
	if try < 4 {
		runtime.Gosched()
		return
	}
	timer := time.NewTimer(rand.N(time.Microsecond << min(try, 10)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

const txFlags = noScript | loading | stale | fast | allowBusy

var _ = add(&ctl{
	Spec: spec{
		Name: "MULTI", Arity: 1, Flags: txFlags, Group: "transactions", Since: "1.2.0", Complexity: "O(1)",
		Summary: "Begins to queue commands.",
	},
	Now: true,
	Run: func(s *engine.Session, _ *args, w *reply) error {
		if s.Multi {
			return Error("ERR MULTI calls can not be nested")
		}
		s.Begin()
		w.OK()
		return nil
	},
})

var _ = add(&ctl{
	Spec: spec{
		Name: "EXEC", Arity: 1, Flags: noScript | loading | stale | engine.SkipSlowlog, Group: "transactions", Since: "1.2.0",
		Complexity: "that of the commands queued", Summary: "Runs the queued commands as one.",
	},
	Now: true,
	Run: func(s *engine.Session, _ *args, w *reply) error {
		if !s.Multi {
			return Error("ERR EXEC without MULTI")
		}
		return s.ExecQueue(w)
	},
})

var _ = add(&ctl{
	Spec: spec{
		Name: "DISCARD", Arity: 1, Flags: txFlags, Group: "transactions", Since: "2.0.0",
		Complexity: "O(N) for N commands queued", Summary: "Throws the queued commands away.",
	},
	Now: true,
	Run: func(s *engine.Session, _ *args, w *reply) error {
		if !s.Multi {
			return Error("ERR DISCARD without MULTI")
		}
		s.Discard()
		w.OK()
		return nil
	},
})

var _ = add(&ctl{
	Spec: spec{
		Name: "WATCH", Arity: -2, Flags: txFlags, Keys: engine.AllFrom("RO", -1, 1),
		Group: "transactions", Since: "2.2.0", Complexity: "O(1) a key", Syntax: "key:key...",
		Summary: "Lets the next EXEC do nothing if one of the keys is changed before it.",
	},
	Now: true,
	Run: func(s *engine.Session, a *args, w *reply) error {
		if s.Multi {
			return Error("ERR WATCH inside MULTI is not allowed")
		}
		if err := s.Watch(a.Rest()); err != nil {
			return err
		}
		w.OK()
		return nil
	},
})

var _ = add(&ctl{
	Spec: spec{
		Name: "UNWATCH", Arity: 1, Flags: txFlags, Group: "transactions", Since: "2.2.0", Complexity: "O(1)",
		Summary: "Forgets the watched keys.",
	},
	Run: func(s *engine.Session, _ *args, w *reply) error {
		if !s.InTxn() { // in EXEC they are about to be forgotten
			s.Unwatch()
		}
		w.OK()
		return nil
	},
})
