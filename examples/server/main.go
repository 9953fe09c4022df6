// Command server is a drop-in redis-server: the same command line, configuration
// file, log lines and signals, with larder behind them. It keeps its data in the
// file that dir and dbfilename name, as save says.
package main

import (
	"log/slog"
	"os"
	"runtime"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/process"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/replica"
)

const version = "0.1.0"

func main() {
	log := process.NewLog()
	if err := run(log); err != nil {
		log.Printf(process.Warning, "%v", err)
		os.Exit(1)
	}
}

// run serves until it is told to end. A failure to start is told in the log, or
// on standard error while there is none.
func run(log *process.Log) error {
	c, stdin := configure()
	if c == nil {
		return nil
	}
	if c.Bool("daemonize") {
		if parent, err := process.Daemonize(stdin); parent || err != nil {
			return err
		}
	}
	if err := prepare(log, c); err != nil {
		return err
	}
	defer runtime.KeepAlive(collectOften())
	db := bridge.Open(c, slog.New(log.Handler())).(*larder.DB)
	e := &ending{log: log, c: c, ended: make(chan struct{}, 1)}
	if err := bridge.Server(db).LoadUsers(); err != nil {
		log.Printf(process.Warning, "%v", err)
		return said("Critical error while loading ACLs. Exiting.")
	}
	bridge.Server(db).OnShutdown = e.shutdown
	bridge.Server(db).OnBackground = stepAside
	srv, err := listen(db, c, slog.New(log.Handler()))
	if err != nil {
		return err
	}
	removePID, err := process.WritePIDFile(process.PIDPath(given(c, "pidfile"), process.Daemonized()))
	if err != nil {
		log.Printf(process.Warning, "Failed to write PID file: %v", err)
		removePID = func() {}
	}

	process.OnShutdownSignal(log, e.signal)
	log.SetRole(func() byte {
		if bridge.Server(db).Engine().IsReplica() {
			return 'S'
		}
		return 'M'
	})
	log.Printf(process.Warning, "Server initialized")
	saver, err := attach(db)
	if err != nil {
		removePID()
		log.Printf(process.Warning, "Terminating server after rdb file reading failure.")
		return loadError{err}
	}
	e.saver.Store(saver)
	primary, err := replica.Serve(db, replica.ServeOptions{})
	if err != nil {
		removePID()
		return err
	}
	e.prim.Store(primary)
	log.Printf(process.Notice, "Ready to accept connections")

	<-e.ended
	srv.Close()
	if err := db.Close(); err != nil {
		log.Printf(process.Warning, "Failed to close the DB: %v", err)
	}
	removePID()
	log.Printf(process.Warning, "larder is now ready to exit, bye bye...")
	return nil
}

// attach loads the file, on all processors: until that is done nobody is served, and
// connections that come hear LOADING.
func attach(db *larder.DB) (*rdb.Saver, error) {
	procs := runtime.GOMAXPROCS(0)
	runtime.SetDefaultGOMAXPROCS()
	defer runtime.GOMAXPROCS(procs)
	bar := process.StartProgress(os.Stderr, "loading", func() (loaded, total int64) {
		if l := bridge.Server(db).Loading(); l != nil {
			return l.Loaded.Load(), l.Total
		}
		return 0, -1
	})
	defer bar.Stop()
	return rdb.Attach(db, rdb.Options{})
}

// stepAside keeps those that serve from waiting for the goroutine that calls it, which is
// about to save in the background. Like a redis-server's child it takes a processor: the
// process runs on one more until ended is called. And where the machine has none to
// spare its thread has the lower priority.
func stepAside() (ended func()) {
	process.Aside()
	procs := runtime.GOMAXPROCS(0)
	if procs >= runtime.NumCPU() {
		return func() {}
	}
	runtime.GOMAXPROCS(procs + 1)
	return func() { runtime.GOMAXPROCS(procs) }
}

// A loadError is told in the words that tools look for in a log.
type loadError struct{ err error }

func (e loadError) Error() string {
	return "Fatal error loading the DB: " + e.err.Error() + ". Exiting."
}
