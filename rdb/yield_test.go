package rdb

import (
	"testing"
	"testing/synctest"
	"time"
)

// On one processor long work naps now and then, on several it does not.
func TestYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for procs, want := range map[int]time.Duration{1: 2 * napFor, 2: 0} {
			onProcs(t, procs, func() {
				var y yielder
				napped := time.Duration(0)
				for range 5 {
					t0 := time.Now()
					y.yield()
					napped += time.Since(t0)
					time.Sleep(napAfter / 2) // work
				}
				if napped != want {
					t.Errorf("%d processors: it naps for %v, want %v", procs, napped, want)
				}
			})
		}
	})
}
