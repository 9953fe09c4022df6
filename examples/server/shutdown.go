package main

import (
	"sync/atomic"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/process"
	"github.com/larderdb/larder/rdb"
)

// How the server ends: by SHUTDOWN, or by a signal.

// An ending is what a shutdown needs to know.
type ending struct {
	log   *process.Log
	c     *conf.Config
	saver atomic.Pointer[rdb.Saver] // nil while the data is loaded
	ended chan struct{}
}

// signal is a shutdown with the options that the configuration has for a signal.
func (e *ending) signal(name string) error {
	directive := "shutdown-on-sigterm"
	if name == "SIGINT" {
		directive = "shutdown-on-sigint"
	}
	flags := e.c.Int(directive)
	return e.shutdown(admin.ShutdownArgs{
		Save: flags&conf.ShutdownSave != 0, NoSave: flags&conf.ShutdownNoSave != 0,
		Now: flags&conf.ShutdownNow != 0, Force: flags&conf.ShutdownForce != 0,
	})
}

// shutdown saves, where it is asked to or there are save points, and has main end. If
// it cannot save, the server stays, unless it is forced. What is written after the
// save and before the connections are closed is saved by Close of the store.
func (e *ending) shutdown(a admin.ShutdownArgs) error {
	if a.Abort {
		return larder.Error("ERR No shutdown in progress.")
	}
	e.log.Printf(process.Warning, "User requested shutdown...")
	if s := e.saver.Load(); s != nil {
		if err := e.save(s, a); err != nil {
			return err
		}
	}
	select {
	case e.ended <- struct{}{}:
	default: // it is ending already
	}
	return nil
}

func (e *ending) save(s *rdb.Saver, a admin.ShutdownArgs) error {
	if s.Info().Saving {
		e.log.Printf(process.Warning, "There is a save in the background: it is given up")
		s.GiveUp()
	}
	if a.NoSave || !a.Save && len(e.c.SavePoints()) == 0 {
		s.DiscardOnClose()
		return nil
	}
	e.log.Printf(process.Notice, "Saving the final RDB snapshot before exiting.")
	switch err := s.Save(); {
	case err == nil:
	case a.Force:
		e.log.Printf(process.Warning, "Error trying to save the DB: it is not saved.")
		s.DiscardOnClose()
	default:
		e.log.Printf(process.Warning, "Error trying to save the DB, can't exit.")
		e.log.Printf(process.Warning, "Errors trying to shut down the server. Check the logs for more information.")
		return larder.Error("ERR Errors trying to SHUTDOWN. Check logs.")
	}
	return nil
}
