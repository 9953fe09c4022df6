package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

// A clock tells an engine the time. Reading the system's costs about 50 ns, a
// whole hot GET, so the access clock, which counts seconds, is read at most
// once a second; and that by a timer that is armed by an access and not by
// itself, so that nothing ticks while nobody calls.
type clock struct {
	now    func() time.Time
	custom bool // it may jump: the access clock asks it each time

	seconds atomic.Uint32 // since 1970, as of a reading less than a second ago; 0: there was none

	mu     sync.Mutex    // guards following
	timer  *time.Timer   // makes seconds stale
	jumped chan struct{} // closed when a custom clock was moved by hand
	closed bool
}

func (c *clock) init(now func() time.Time) {
	c.now, c.custom = now, now != nil
	if now == nil {
		c.now = time.Now
	}
	c.jumped = make(chan struct{})
}

// millis is the time in Unix milliseconds.
func (c *clock) millis() int64 { return c.now().UnixMilli() }

// access is the time in Unix seconds, at most a second old.
func (c *clock) access() uint32 {
	if s := c.seconds.Load(); s != 0 {
		return s
	}
	s := uint32(c.now().Unix())
	if !c.custom {
		c.refresh(s)
	}
	return s
}

func (c *clock) refresh(s uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.seconds.Load() != 0 {
		return
	}
	c.seconds.Store(s)
	c.timer = time.AfterFunc(time.Second, func() { c.seconds.Store(0) })
}

// jump tells everybody who waits for a time that a custom clock was moved.
func (c *clock) jump() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.jumped)
	c.jumped = make(chan struct{})
}

func (c *clock) jumps() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.jumped
}

func (c *clock) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.seconds.Store(0)
	if c.timer != nil {
		c.timer.Stop()
	}
}

// accessedNow reports whether an access clock is that of an access within this second.
// It may say no; under LFU, where every access counts, it is no in all but one case
// of billions.
func (e *Engine) accessedNow(clock uint32) bool {
	return clock != 0 && clock == e.clock.seconds.Load()
}

// AccessTime is the time in Unix seconds, at most a second old. It costs less
// than Now.
func (e *Engine) AccessTime() uint32 { return e.clock.access() }
