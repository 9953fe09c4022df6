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

// A yielder lets others run beside long work.
type yielder struct {
	worked time.Time // since then
}

func (y *yielder) yield() {
	if runtime.GOMAXPROCS(0) > 1 {
		runtime.Gosched()
		return
	}
	switch now := time.Now(); {
	case y.worked.IsZero():
		y.worked = now
	case now.Sub(y.worked) >= napAfter:
		time.Sleep(napFor)
		y.worked = time.Now()
	default:
		runtime.Gosched()
	}
}
