package admin

import (
	"log/slog"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// Saving, as far as this package is asked about it. Who saves stands above it and
// attaches itself: see Server.SetPersistence.

// A Persistence saves the data of a server. Its methods may be called from any
// goroutine.
type Persistence interface {
	// Info is what INFO and LASTSAVE tell.
	Info() PersistenceInfo
	// Reload is DEBUG RELOAD.
	Reload(ReloadArgs) error
	// Failing reports whether saving in the background was tried last time in vain,
	// although it is to happen by itself.
	Failing() bool
	// Flushed is told that FLUSHALL has run.
	Flushed()
}

// ReloadArgs are the options of DEBUG RELOAD.
type ReloadArgs struct {
	NoSave  bool // what was saved last is loaded
	NoFlush bool // keys that are there stay
	Merge   bool // ... and a key that is in both is no error
}

// PersistenceInfo is about saving. Without anybody who saves, the last save is the
// start.
type PersistenceInfo struct {
	LastSave time.Time
	Changes  int64 // since then
	Saves    int64

	Saving           bool          // in the background
	SavingFor        time.Duration // so far
	SavedKeys, Total int64         // of that
	Failed           bool          // the last time in the background
	LastTook         time.Duration // the last time in the background; -1: there was none
	Retained         int64         // bytes that were kept for the last snapshot

	Loaded, LoadedExpired int64 // keys of the last file
}

// SetPersistence says who saves. It is called once.
func (s *Server) SetPersistence(p Persistence) { s.persistence.Store(&p) }

// Persistence is who saves, nil if nobody does.
func (s *Server) Persistence() Persistence {
	if p := s.persistence.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Server) persistenceInfo() PersistenceInfo {
	if p := s.Persistence(); p != nil {
		return p.Info()
	}
	return PersistenceInfo{LastSave: s.started, Changes: s.engine.Changes(), LastTook: -1}
}

// Engine is the server's engine.
func (s *Server) Engine() *engine.Engine { return s.engine }

// Log is where the server tells what nobody is there to be answered.
func (s *Server) Log() *slog.Logger { return s.log }

// Libraries are the sources of the functions that came with a file: they are kept, and
// saved again, although they cannot be called.
func (s *Server) Libraries() []string {
	if l := s.libraries.Load(); l != nil {
		return *l
	}
	return nil
}

// SetLibraries keeps the sources of functions.
func (s *Server) SetLibraries(l []string) { s.libraries.Store(&l) }

const errMisconf engine.Error = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to " +
	"persist to disk. Commands that may modify the data set are disabled, because this instance is configured to " +
	"report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the " +
	"Redis logs for details about the RDB error."

// mayWrite refuses writes, and PING, while saving fails and stop-writes-on-bgsave-error
// is set. Go callers, who have the error of saving at hand, are not refused.
func (s *Server) mayWrite(es *engine.Session, spec *engine.Spec) error {
	p := s.Persistence()
	if p == nil || !p.Failing() || !s.conf.Bool("stop-writes-on-bgsave-error") {
		return nil
	}
	switch writes := spec.Flags&engine.Write != 0; {
	case writes, spec.Name == "PING", spec.Name == "EXEC" && es.QueuedFlags()&engine.Write != 0:
		return errMisconf
	}
	return nil
}

func init() {
	addDebug("RELOAD", debugCommand{max: -1, use: "RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
		does: "Saves the data and loads it again; with options, without the one or over what is there.",
		run:  debugReload})
}

func debugReload(es *engine.Session, a *engine.Args, w *engine.Reply) error {
	var o ReloadArgs
	for a.More() {
		switch {
		case a.Flag("NOSAVE"):
			o.NoSave = true
		case a.Flag("NOFLUSH"):
			o.NoFlush = true
		case a.Flag("MERGE"):
			o.Merge = true
		default:
			return engine.Error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
		}
	}
	p := server(es).Persistence()
	switch {
	case p == nil:
		return engine.Error("ERR DEBUG RELOAD is not available: nothing is saved here")
	case es.InTxn():
		return engine.Error("ERR DEBUG RELOAD is not available inside a transaction")
	}
	if err := p.Reload(o); err != nil {
		return err
	}
	w.OK()
	return nil
}
