//go:build !unix

package process

import (
	"errors"
	"runtime"
)

func startDaemon([]byte) error {
	return errors.New("there is no daemonize on " + runtime.GOOS + "; start it as a service instead")
}
