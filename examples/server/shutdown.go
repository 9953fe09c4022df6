package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/process"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/replica"
)

// How the server ends: by SHUTDOWN, or by a signal.

// An ending is what a shutdown needs to know.
type ending struct {
	log   *process.Log
	c     *conf.Config
	saver atomic.Pointer[rdb.Saver]       // nil while the data is loaded
	prim  atomic.Pointer[replica.Primary] // as well
	abort atomic.Pointer[context.CancelFunc]
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
		if stop := e.abort.Load(); stop != nil {
			(*stop)()
			return nil
		}
		return larder.Error("ERR No shutdown in progress.")
	}
	e.log.Printf(process.Warning, "User requested shutdown...")
	resume, err := e.drain(a)
	if err != nil {
		return err
	}
	if s := e.saver.Load(); s != nil {
		if err := e.save(s, a); err != nil {
			resume()
			return err
		}
	}
	select {
	case e.ended <- struct{}{}:
	default: // it is ending already
	}
	return nil
}

const errShutdown larder.Error = "ERR Errors trying to SHUTDOWN. Check logs."

// drain waits, for shutdown-timeout at most, until the replicas have everything. Writes
// wait from then on, until resume is called.
func (e *ending) drain(a admin.ShutdownArgs) (resume func(), err error) {
	p, timeout := e.prim.Load(), e.c.Int("shutdown-timeout")
	if p == nil || a.Now || timeout == 0 {
		return func() {}, nil
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Duration(timeout)*time.Second)
	defer stop()
	if !e.abort.CompareAndSwap(nil, &stop) {
		return nil, errShutdown // one is under way
	}
	defer e.abort.Store(nil)
	resume, lagging := p.Drain(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		e.log.Printf(process.Warning, "Shutdown manually aborted.")
		resume()
		return nil, errShutdown
	}
	for _, r := range lagging {
		e.log.Printf(process.Notice, "Lagging replica %s:%d reported offset %d behind master, lag=%d, state=online.",
			r.Host, r.Port, r.Behind, int(r.Heard.Seconds()))
	}
	return resume, nil
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
		return errShutdown
	}
	return nil
}
