package redcon_server

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/resp"
)

// secure is a TLS configuration of a server, and how its clients dial.
func secure(t *testing.T) (*tls.Config, func(addr net.Addr) *client) {
	cert, pool := certificate(t)
	return &tls.Config{Certificates: []tls.Certificate{cert}}, func(addr net.Addr) *client {
		c, err := tls.Dial(addr.Network(), addr.String(), &tls.Config{RootCAs: pool})
		return newClient(t, c, err)
	}
}

// lanesOf counts the doors in a lane and the lanes without a door.
func lanesOf(s *Server) (served, free int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lanes.served), len(s.lanes.free)
}

// atRest waits until all doors rest, and the lanes that served them have ended.
func atRest(t *testing.T, s *Server) {
	t.Helper()
	waitFor(t, "all clients to come to rest", func() bool {
		served, free := lanesOf(s)
		return served == 0 && free == 0
	})
}

// Clients that are silent leave their lanes, and nothing else changes for them.
func TestRest(t *testing.T) {
	config, dialTLS := secure(t)
	db := newFakeDB()
	s := start(t, db, Options{Endpoints: []Endpoint{
		{Addr: "127.0.0.1:0"},
		{Addr: "127.0.0.1:0", TLS: config},
		{Network: "unix", Addr: filepath.Join(t.TempDir(), "s")},
	}})
	var cs []*client
	for i := range 60 {
		a := s.Addrs()[i%3]
		if i%3 == 1 {
			cs = append(cs, dialTLS(a))
			continue
		}
		c, err := net.Dial(a.Network(), a.String())
		cs = append(cs, newClient(t, c, err))
	}
	for round := range 3 {
		for i, c := range cs {
			word := fmt.Sprint(i, " of round ", round)
			expect(t, "ECHO", c.do("ECHO", word), strconv.Quote(word))
		}
		if served, _ := lanesOf(s); served == 0 {
			t.Fatal("nobody is in a lane")
		}
		atRest(t, s)
		if n := s.Stats().Connected; n != len(cs) {
			t.Fatalf("%d of %d clients are connected", n, len(cs))
		}
	}

	// At rest a client is still pushed to, heard in pieces, noticed when it hangs up, and killed.
	cs[0].do("SUBSCRIBE", "a")
	cs[1].do("SUBSCRIBE", "a")
	atRest(t, s)
	expect(t, "PUBLISH", cs[2].do("PUBLISH", "a", "hello"), "(integer) 2")
	for _, c := range cs[:2] {
		expect(t, "the message", c.read(), `["message" "a" "hello"]`)
	}
	cs[3].send("*2\r\n$4\r\nECHO\r\n$5\r\nhe")
	waitFor(t, "it to be in a lane", func() bool { served, _ := lanesOf(s); return served == 1 })
	before := s.ticks.Load()
	for range 3 {
		s.tick()
	}
	waitFor(t, "a client in mid-command to be asked to rest, and to wait on in its lane", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for d := range s.lanes.served {
			return d.since.Load() > before
		}
		return false
	})
	cs[3].send("llo\r\nPING\r\n")
	expect(t, "a command in pieces", cs[3].read()+cs[3].read(), `"hello"PONG`)
	atRest(t, s)
	for _, c := range cs[4:7] {
		c.Close()
	}
	waitFor(t, "hang-ups to be noticed", func() bool { return s.Stats().Connected == len(cs)-3 })
	s.mu.Lock()
	for d := range s.doors {
		d.Kill()
	}
	s.mu.Unlock()
	waitFor(t, "the killed to go", func() bool { return s.Stats().Connected == 0 })
	atRest(t, s)
}

// The timeout of idle clients holds at rest, also one that is set only then.
func TestRestTimeout(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	c := dial(t, s)
	c.do("PING")
	atRest(t, s)
	s.Reconfigure(func(l *Limits) { l.Timeout = 2 * restTick })
	expect(t, "behind the timeout", c.all(), "")
}

// Clients that speak just when they are put to rest lose nothing. They are put
// to rest as fast as can be, so that a door rests as soon as it waits twice.
func TestRestRaces(t *testing.T) {
	config, dialTLS := secure(t)
	s := start(t, newFakeDB(), Options{Endpoints: []Endpoint{{Addr: "127.0.0.1:0"}, {Addr: "127.0.0.1:0", TLS: config}}})
	stop := make(chan struct{})
	var ticks, clients sync.WaitGroup
	ticks.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.mu.Lock()
				s.settleLocked()
				s.mu.Unlock()
				time.Sleep(10 * time.Microsecond)
			}
		}
	})
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	for i := range 16 {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			var c *client
			for round := range rounds {
				if c == nil {
					if i%2 == 0 {
						c = dial(t, s)
					} else {
						c = dialTLS(s.Addrs()[1])
					}
				}
				var frames []byte
				var want []string
				for n := range 1 + r.IntN(4) {
					word := strings.Repeat(fmt.Sprintf("%d.%d.%d ", i, round, n), 1+r.IntN(20))
					frames, want = resp.AppendCommand(frames, "ECHO", word), append(want, strconv.Quote(word))
				}
				cut := r.IntN(len(frames) + 1)
				c.send(string(frames[:cut]))
				if r.IntN(4) == 0 {
					time.Sleep(time.Duration(r.IntN(500)) * time.Microsecond)
				}
				c.send(string(frames[cut:]))
				for _, w := range want {
					expect(t, "ECHO", c.read(), w)
				}
				if t.Failed() {
					return
				}
				switch r.IntN(100) {
				case 0:
					c.Close()
					c = nil
				case 1:
					expect(t, "QUIT", c.do("QUIT"), "OK")
					expect(t, "behind QUIT", c.all(), "")
					c = nil
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	ticks.Wait()
}
