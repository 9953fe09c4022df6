package rdb

import (
	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/engine"
)

// Saving in words: SAVE BGSAVE. LASTSAVE and DEBUG RELOAD are in internal/admin.

var saveTable = engine.Table{}

const saveFlags = engine.Admin | engine.NoScript | engine.NoAsyncLoading

// errSave says no more than Redis does: the log has the reason.
const errSave larder.Error = "ERR"

func saverOf(s *engine.Session) *Saver { return ownerOf(s.Engine()).Persistence().(*Saver) }

var _ = engine.Add(saveTable, &engine.Ctl{
	Spec: engine.Spec{
		Name: "SAVE", Arity: 1, Flags: saveFlags | engine.NoMulti, Group: "server", Since: "1.0.0",
		Complexity: "O(N) for N keys", Summary: "Saves the data, and answers when that is done.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		switch err := saverOf(s).Save(); err {
		case nil:
			w.OK()
			return nil
		case ErrSaving:
			return err
		default:
			return errSave
		}
	},
})

var _ = engine.Add(saveTable, &engine.Ctl{
	Spec: engine.Spec{
		Name: "BGSAVE", Arity: -1, Flags: saveFlags, Group: "server", Since: "1.0.0", Complexity: "O(1)",
		Syntax: "[SCHEDULE@3.2.2]", Summary: "Begins to save the data as it is now.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		a.Flag("SCHEDULE") // other children, whose end it would wait for, there are not
		if err := a.Done(); err != nil {
			return err
		}
		sv := saverOf(s)
		if s.InTxn() { // which holds the keys
			if sv.Info().Saving {
				return ErrSaving
			}
			sv.SaveLater()
			w.Simple("Background saving scheduled")
			return nil
		}
		switch err := sv.SaveInBackground(); err {
		case nil:
			w.Simple("Background saving started")
			return nil
		case ErrSaving:
			return err
		default:
			return errSave
		}
	},
})
