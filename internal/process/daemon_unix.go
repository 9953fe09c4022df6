//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

func startDaemon(stdin []byte) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), daemonMark+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if len(stdin) == 0 {
		if err := cmd.Start(); err != nil {
			return err
		}
		return cmd.Process.Release()
	}
	// A pipe of our own: that of exec.Cmd is fed by a goroutine, which would end
	// with this process.
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin = r
	err = cmd.Start()
	r.Close()
	if err == nil {
		_, err = w.Write(stdin)
	}
	if closed := w.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return cmd.Process.Release()
}
