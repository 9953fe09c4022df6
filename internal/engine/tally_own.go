//go:build (amd64 || arm64) && !race

package engine

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A tally is a counter that many read and, mostly, one writes.
type tally struct{ atomic.Int64 }

// own adds one, for the only goroutine that writes the tally now. A word is stored
// whole on these processors, so that who reads it meanwhile sees it before or after;
// an atomic addition would wait for all that was stored before, which costs a tenth
// of a GET.
func (c *tally) own() { *(*int64)(unsafe.Pointer(c))++ }

// assign gives a transaction a lane of its own.
func (s *stats) assign(t *Txn) {
	lanes := s.owned
	t.counts = lanes.take()
	runtime.AddCleanup(t, lanes.give, t.counts)
}
