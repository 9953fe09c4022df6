package redcon_server

import (
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A stingy writer takes a few bytes at a time, and lets others in meanwhile.
type stingy struct {
	discardConn
	got   []byte
	rng   *rand.Rand
	pause func()
}

func (w *stingy) tryWrite(p []byte) (int, error) {
	w.pause()
	n := min(len(p), w.rng.IntN(40))
	w.got = append(w.got, p[:n]...)
	return n, nil
}

func (w *stingy) Write(p []byte) (int, error) {
	w.pause()
	w.got = append(w.got, p...)
	return len(p), nil
}

// discardConn is a net.Conn of which nothing else is used.
type discardConn struct{ pipeConn }

// Frames come out whole and in the order they went in, whoever writes.
func TestOutputOrder(t *testing.T) {
	for seed := range uint64(30) {
		var limits atomic.Pointer[Limits]
		l := Limits{WriteTimeout: -1}.withDefaults()
		limits.Store(&l)
		var o output
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 0
		frame := func() []byte { // the next one
			n++
			return []byte(strconv.Itoa(n) + strings.Repeat("x", n%50) + "\n")
		}
		var mu sync.Mutex
		w := &stingy{rng: rand.New(rand.NewPCG(seed, 2))}
		w.pause = func() { // a push in the middle of a write
			if mu.TryLock() {
				if n < 2000 && rng.IntN(2) == 0 {
					o.push(frame())
				}
				mu.Unlock()
			}
		}
		o.init(w, w, &limits, func() { t.Error("killed") }, func() {})
		for range 300 {
			mu.Lock()
			b := frame()
			switch rng.IntN(3) {
			case 0:
				o.push(b)
				mu.Unlock()
			default: // a send drops its lock, as a batch does: its frame was counted first
				done := make(chan struct{})
				go func() { o.send(b); close(done) }()
				mu.Unlock()
				<-done
			}
		}
		o.finish()
		o.shut()
		lines := strings.Split(strings.TrimSuffix(string(w.got), "\n"), "\n")
		if len(lines) != n {
			t.Fatalf("seed %d: %d frames, want %d", seed, len(lines), n)
		}
		seen := map[string]bool{}
		for _, line := range lines {
			k, err := strconv.Atoi(strings.TrimRight(line, "x"))
			if err != nil || len(line) != len(strconv.Itoa(k))+k%50 || seen[line] {
				t.Fatalf("seed %d: frame %q", seed, line)
			}
			seen[line] = true
		}
	}
}

var _ io.Writer = (*stingy)(nil)

// A stuck writer waits until it is let go.
type stuck struct {
	discardConn
	free chan struct{}
}

func (w *stuck) tryWrite([]byte) (int, error) { return 0, nil }

func (w *stuck) Write(p []byte) (int, error)      { <-w.free; return len(p), nil }
func (w *stuck) SetWriteDeadline(time.Time) error { return nil }

func TestShutWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limits atomic.Pointer[Limits]
		l := Limits{}.withDefaults()
		limits.Store(&l)
		w := &stuck{free: make(chan struct{})}
		var o output
		o.init(w, w, &limits, func() {}, func() {})
		o.push([]byte("+OK\r\n"))
		synctest.Wait() // it writes
		var shut atomic.Bool
		go func() { o.shut(); shut.Store(true) }()
		synctest.Wait()
		if shut.Load() {
			t.Error("shut returned while the writer's goroutine was running")
		}
		close(w.free)
		synctest.Wait()
		if !shut.Load() {
			t.Error("shut did not return")
		}
	})
}
