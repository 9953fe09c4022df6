//go:build unix

package replica_test

import (
	"syscall"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// pause stops a redis-server as it is, or lets it go on.
func pause(t testing.TB, s *redistest.Server, on bool) {
	t.Helper()
	sig := syscall.SIGCONT
	if on {
		sig = syscall.SIGSTOP
		t.Cleanup(func() { syscall.Kill(s.PID, syscall.SIGCONT) })
	}
	if err := syscall.Kill(s.PID, sig); err != nil {
		t.Fatal(err)
	}
}
