package larder

import (
	"github.com/larderdb/larder/internal/engine"
)

// Transactions: Update View MULTI EXEC DISCARD WATCH UNWATCH.

// A Tx is a transaction. It has every command that a DB has, and is valid until
// the function that it was given to returns; later calls return ErrTxDone.
type Tx struct{ Commands }

// DB returns the transaction's view of logical database n. It panics if there
// is none.
func (tx *Tx) DB(n int) *Tx { return &Tx{Commands{tx.s.At(n)}} }

// Update runs fn in one transaction: nothing else happens between its commands.
// Within fn use tx and not the DB, which would wait for the transaction itself
// and therefore answers ErrInsideUpdate; a goroutine that fn starts, uses the DB
// in and waits for, is not detected and hangs.
//
// If fn returns an error or panics, everything it did is undone, nobody has seen
// any of it, and Update returns the error or panics on.
//
// Only the shards of keys, of this database, are locked, and commands on other
// keys return an error that wraps ErrNotNamed and names the key. Without keys
// the whole store is locked.
func (db *DB) Update(fn func(tx *Tx) error, keys ...string) error {
	return db.s.Atomic(true, keys, func(s *engine.Session) error { return fn(&Tx{Commands{s}}) })
}

// View is Update for reading: fn sees one instant, beside other readers. Writes
// return ErrInView.
func (db *DB) View(fn func(tx *Tx) error, keys ...string) error {
	return db.s.Atomic(false, keys, func(s *engine.Session) error { return fn(&Tx{Commands{s}}) })
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
