package redcon_server

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A watchedConn tells how much all have been sent when it runs a command.
type watchedConn struct {
	*fakeConn
	saw func()
}

func (c *watchedConn) Exec(dst []byte, words [][]byte) []byte {
	c.saw()
	return c.fakeConn.Exec(dst, words)
}

// What was asked of two connections is run for both before the first is answered, if each
// has several commands; a single command is answered at once.
func TestTurns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	db := newFakeDB()
	var s *Server
	var mu sync.Mutex
	var sent []int64
	s = newServer(func(tr Transport) conn {
		return &watchedConn{db.newConn(tr).(*fakeConn), func() {
			n := s.Stats().BytesOut
			mu.Lock()
			sent = append(sent, n)
			mu.Unlock()
		}}
	}, Options{Addr: "127.0.0.1:0"})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, b := dial(t, s), dial(t, s)
	// together counts the rounds in which nothing was sent between the first command of
	// the two and the last.
	together := func(commands int) (n int) {
		batch := strings.Repeat("PING\r\n", commands)
		for range 200 {
			mu.Lock()
			sent = nil
			mu.Unlock()
			a.send(batch)
			b.send(batch)
			for range commands {
				a.read()
				b.read()
			}
			mu.Lock()
			if sent[0] == sent[len(sent)-1] {
				n++
			}
			mu.Unlock()
		}
		return n
	}
	if n := together(4); n < 50 {
		t.Errorf("in %d of 200 rounds two connections have run their batches before the first was answered", n)
	}
	if n := together(1); n > 150 {
		t.Errorf("in %d of 200 rounds a single command was not answered at once", n)
	}
}

// Nobody gives way while goroutines that never wait keep the processors busy, and
// everybody does again behind that.
func TestTurnsBesideWork(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	c := dial(t, s)
	untilBusy := func(want bool) func() bool {
		return func() bool {
			for range turnLooked {
				c.send("PING\r\nPING\r\n")
				c.read()
				c.read()
			}
			return s.busy.Load() == want
		}
	}
	var wg sync.WaitGroup
	var stop atomic.Bool
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !stop.Load() {
			}
		})
	}
	waitFor(t, "turns to take long", untilBusy(true))
	stop.Store(true)
	wg.Wait()
	waitFor(t, "turns to be taken again", untilBusy(false))
}
