package rdb

import (
	"runtime"
	"time"
)

// yieldEvery is how many keys are written before others get the processor, where
// there is but one.
const yieldEvery = 64

// With one processor to run on, to yield is not enough: the runtime asks the network for
// who is ready when it has nothing else to run, or after 10 ms, and here is always
// something to run. A nap leaves it nothing. It takes 1 ms where the system's waiting has
// that grain, so that saving becomes slower by a third, and connections wait for 3 ms
// instead of 10, each.
const (
	napAfter = 3 * time.Millisecond
	napFor   = 10 * time.Microsecond
)

// With more of them others are served elsewhere meanwhile, and every turn that is given
// away costs a hand-over, two where the work has a thread of its own.
const turnAfter = time.Millisecond

// A yielder lets others run beside long work.
type yielder struct {
	worked time.Time // since then
}

func (y *yielder) yield() {
	now := time.Now()
	if y.worked.IsZero() {
		y.worked = now
	}
	worked := now.Sub(y.worked)
	switch single := runtime.GOMAXPROCS(0) == 1; {
	case single && worked >= napAfter:
		time.Sleep(napFor)
		y.worked = time.Now()
	case single:
		runtime.Gosched()
	case worked >= turnAfter:
		runtime.Gosched()
		y.worked = time.Now()
	}
}
