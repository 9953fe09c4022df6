package larder

import (
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// The words in which the families are written.
type (
	op[A, R any] = engine.Op[A, R]
	keySet       = engine.KeySet
	ctl          = engine.Ctl
	spec         = engine.Spec
	txn          = engine.Txn
	args         = engine.Args
	reply        = engine.Reply
	form         = engine.Form

	none struct{} // the answer of a command that says OK
)

const (
	write     = engine.Write
	readOnly  = engine.ReadOnly
	fast      = engine.Fast
	denyOOM   = engine.DenyOOM
	noScript  = engine.NoScript
	loading   = engine.Loading
	stale     = engine.Stale
	allowBusy = engine.AllowBusy
)

// table holds every command: those of this package, which have a typed form,
// and those of internal/admin, which speak only words.
var table = engine.Table{}.Merge(admin.Table)

// add declares a command.
func add[C engine.Command](c C) C { return engine.Add(table, c) }

func replyOK(w *reply, _ none) { w.OK() }

func replyBool(w *reply, yes bool) {
	if yes {
		w.Int(1)
	} else {
		w.Int(0)
	}
}
