package process

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// OnShutdownSignal calls shutdown when SIGTERM or SIGINT arrives, with the
// name of the signal, in a goroutine of its own: which options the shutdown
// has (shutdown-on-sigterm, shutdown-on-sigint) is for the callee to look up
// by then. A shutdown that succeeds ends the process, by main's return; one
// that returns an error has left it running, and the next signal tries again.
// Signals that come while one runs, or after one that succeeded, do nothing,
// except that a second SIGINT ends the process at once with status 1: whoever
// presses Ctrl-C twice means it.
//
// SIGHUP and SIGPIPE are ignored from here on, where there are such: losing the
// terminal or a reader of the log ends no server. The other signals are left
// alone.
//
// There is no way back: a signal that comes while main returns would otherwise
// turn a clean exit into Go's status 2.
func OnShutdownSignal(log *Log, shutdown func(name string) error) {
	ignoreHangups()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go obey(log, signals, shutdown)
}

func obey(log *Log, signals <-chan os.Signal, shutdown func(string) error) {
	ended := make(chan error, 1)
	running := false // a shutdown is under way, or has succeeded
	interrupted := false
	for {
		select {
		case sig := <-signals:
			name := "SIGTERM"
			if sig == os.Interrupt {
				name = "SIGINT"
			}
			if running {
				if name == "SIGINT" && interrupted {
					fromSignal(log, "Received a second SIGINT while shutting down: exiting at once.")
					os.Exit(1)
				}
				interrupted = interrupted || name == "SIGINT"
				continue
			}
			running, interrupted = true, name == "SIGINT"
			fromSignal(log, "Received "+name+" scheduling shutdown...")
			go func() { ended <- shutdown(name) }()
		case err := <-ended:
			if err != nil {
				running = false
				log.Printf(Warning, "Errors trying to shut down: %v", err)
			}
		}
	}
}

// fromSignal writes the line that a redis-server writes inside its signal
// handler, which has no date: tools that read its log expect it so.
func fromSignal(log *Log, text string) {
	log.Raw(fmt.Sprintf("%d:signal-handler (%d) %s\n", os.Getpid(), time.Now().Unix(), text))
}
