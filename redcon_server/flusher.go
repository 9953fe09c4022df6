package redcon_server

import (
	"runtime"
	"sync"
)

// A flusher writes what was pushed to connections that run no batch: messages to
// subscribers, mostly to many at once. A few goroutines take one connection after the
// other, for as long as there are any, instead of one goroutine for each. Whom a socket
// does not take all of gets a goroutine of its own, and holds up nobody.
type flusher struct {
	mu      sync.Mutex // guards following
	queue   []*output  // from first on
	first   int
	running int
}

// add has an output written that its caller has made busy. Its lock is held, so that
// f.mu is the innermost.
func (f *flusher) add(o *output) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, o)
	if f.running < runtime.GOMAXPROCS(0) {
		f.running++
		go f.run()
	}
}

func (f *flusher) run() {
	for o := f.next(); o != nil; o = f.next() {
		o.flush()
	}
}

// next is the next output to be written, nil if there is none: then its caller is done.
func (f *flusher) next() *output {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == len(f.queue) {
		f.running--
		if f.queue, f.first = f.queue[:0], 0; cap(f.queue) > 1<<14 {
			f.queue = nil
		}
		return nil
	}
	o := f.queue[f.first]
	f.queue[f.first] = nil
	f.first++
	return o
}

// flush writes what goes without waiting, and leaves the rest to drain.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.size > 0 && o.err == nil {
		if !o.tryLocked() && o.err == nil {
			go o.drain()
			return
		}
	}
	o.busy = false
	o.changed.Broadcast()
}

// A smallChunk is what most queues need: one message.
type smallChunk [512]byte

var smallChunks = sync.Pool{New: func() any { return new(smallChunk) }}
