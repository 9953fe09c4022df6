// Command server is a drop-in redis-server: the same command line, configuration
// file, log lines and signals, with larder behind them. Nothing is saved yet:
// the data goes with the process.
package main

import (
	"log/slog"
	"os"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/process"
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
	srv, err := listen(db, c, slog.New(log.Handler()))
	if err != nil {
		return err
	}
	removePID, err := process.WritePIDFile(process.PIDPath(given(c, "pidfile"), process.Daemonized()))
	if err != nil {
		log.Printf(process.Warning, "Failed to write PID file: %v", err)
		removePID = func() {}
	}

	ended := make(chan struct{}, 1)
	end := func(admin.ShutdownArgs) error {
		log.Printf(process.Warning, "User requested shutdown...")
		select {
		case ended <- struct{}{}:
		default: // it is ending already
		}
		return nil
	}
	bridge.Server(db).OnShutdown = end
	process.OnShutdownSignal(log, func(string) error { return end(admin.ShutdownArgs{}) })
	log.SetRole(func() byte { return 'M' })
	log.Printf(process.Warning, "Server initialized")
	log.Printf(process.Notice, "Nothing is saved: there is no persistence yet, and the data goes with the process")
	log.Printf(process.Notice, "Ready to accept connections")

	<-ended
	srv.Close()
	db.Close()
	removePID()
	log.Printf(process.Warning, "larder is now ready to exit, bye bye...")
	return nil
}
