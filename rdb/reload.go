package rdb

import (
	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
)

// saveAgain is how many times Reload saves at most.
const saveAgain = 4

// Reload is DEBUG RELOAD. Connections wait while it saves, and hear LOADING while it
// loads, lest what they write in between be lost. What was on its way when it began has it
// save again; Go callers, who are not stopped, do not have it do so for ever.
func (s *Saver) Reload(o admin.ReloadArgs) error {
	goOn := func() {}
	if !o.NoSave {
		goOn = s.srv.Stop()
		defer goOn()
		for range saveAgain {
			changes := s.e.Changes()
			if err := s.saveNow(); err != nil {
				return errSave
			}
			if s.e.Changes() == changes {
				break
			}
		}
	}
	if err := s.loadFile(o, goOn); err != nil {
		s.srv.Log().Warn("Failed loading the DB", "error", err)
		return larder.Error("ERR Error trying to load the RDB dump, check server logs.")
	}
	s.srv.Log().Warn("DB reloaded by DEBUG RELOAD")
	return nil
}

// saveNow saves, in the place of what is being saved in the background.
func (s *Saver) saveNow() error {
	err := s.Save()
	if err == ErrSaving {
		s.GiveUp()
		err = s.Save()
	}
	return err
}
