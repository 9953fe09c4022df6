//go:build !unix

package replica_test

import (
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

func pause(t testing.TB, _ *redistest.Server, _ bool) {
	t.Skip("SKIPPED: a process cannot be stopped here")
}
