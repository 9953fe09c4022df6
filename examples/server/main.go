// Command server is a drop-in redis-server: the same command line, configuration
// file, log lines and signals, with larder behind them. It keeps its data in the
// file that dir and dbfilename name, as save says.
package main

import (
	"log/slog"
	"os"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/process"
	"github.com/larderdb/larder/rdb"
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
	db := bridge.Open(c, slog.New(log.Handler())).(*larder.DB)
	e := &ending{log: log, c: c, ended: make(chan struct{}, 1)}
	bridge.Server(db).OnShutdown = e.shutdown
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
	log.SetRole(func() byte { return 'M' })
	log.Printf(process.Warning, "Server initialized")
	saver, err := rdb.Attach(db, rdb.Options{}) // connections that come hear LOADING meanwhile
	if err != nil {
		removePID()
		log.Printf(process.Warning, "Terminating server after rdb file reading failure.")
		return loadError{err}
	}
	e.saver.Store(saver)
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

// A loadError is told in the words that tools look for in a log.
type loadError struct{ err error }

func (e loadError) Error() string {
	return "Fatal error loading the DB: " + e.err.Error() + ". Exiting."
}
