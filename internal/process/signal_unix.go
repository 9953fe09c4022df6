//go:build unix

package process

import (
	"os/signal"
	"syscall"
)

func ignoreHangups() { signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE) }
