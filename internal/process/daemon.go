package process

import (
	"fmt"
	"os"
)

// daemonMark is set in the environment of the process that Daemonize starts, so
// that it knows it is the one.
const daemonMark = "LARDER_DAEMON"

// Daemonize puts the program into the background: it starts the same program
// with the same arguments in a session of its own, with nothing to read from or
// write to. In the process that was started from a shell it returns true, and
// that process should exit with 0; in the new one it returns false.
//
// A Go program cannot fork and go on, so the new process starts from the
// beginning and comes here again. Therefore the call belongs behind the reading
// of the configuration, so that errors are still seen, and before chdir, the
// log file, the pid file and the sockets. stdin is what the new process finds
// on standard input, for a configuration that was read from there; nil for
// none.
func Daemonize(stdin []byte) (parent bool, err error) {
	if os.Getenv(daemonMark) != "" {
		return false, os.Unsetenv(daemonMark)
	}
	if err := startDaemon(stdin); err != nil {
		return false, fmt.Errorf("cannot run in the background: %w", err)
	}
	return true, nil
}

// Daemonized reports whether this process is the one in the background, until
// Daemonize has been called in it.
func Daemonized() bool { return os.Getenv(daemonMark) != "" }
