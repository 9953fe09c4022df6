package redcon_server

import (
	"context"
	"flag"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder"
)

// many is how many clients misbehave at once. They dial in memory, so that there may be
// more of them than the process may have open files.
var many = flag.Int("many", 200, "how many hostile clients there are at once; the issue's number is 10000")

// TestManyHostile has clients that never read, that never end a line, that announce what
// they never send, that wait for ever, and that come again for ever, all at once. With
// maxmemory-clients the process stays within a bound, whatever their number; another
// client is served, and when they have gone nothing of them is left.
func TestManyHostile(t *testing.T) {
	const limit = 16 << 20
	n := *many
	if raceEnabled {
		n /= 4
	}
	big := strings.Repeat("v", 10_000)
	for name, hostile := range map[string]func(c net.Conn){
		"never reads":      func(c net.Conn) { writeAll(c, strings.Repeat("GET big\r\n", 400)) },
		"never ends":       func(c net.Conn) { writeAll(c, "*2\r\n$4\r\nECHO\r\n$100000000\r\n"+strings.Repeat(big, 400)) },
		"inline":           func(c net.Conn) { writeAll(c, strings.Repeat("x", 60_000)) },
		"announces":        func(c net.Conn) { writeAll(c, "*1000000\r\n$500000000\r\n"+big) },
		"many small words": func(c net.Conn) { writeAll(c, "*1000000\r\n"+strings.Repeat("$1\r\nx\r\n", 100_000)) },
		"queues":           func(c net.Conn) { writeAll(c, "MULTI\r\n"+strings.Repeat("SET k "+big+"\r\n", 400)) },
		"watches":          func(c net.Conn) { writeAll(c, strings.Repeat("WATCH "+big[:5000]+" \r\n", 400)) },
		"waits":            func(c net.Conn) { writeAll(c, "BLPOP nothing 0\r\n"+strings.Repeat("SET k "+big+"\r\n", 400)) },
		"subscribes": func(c net.Conn) {
			writeAll(c, "SUBSCRIBE a\r\n"+strings.Repeat("PING "+big[:5000]+"\r\n", 400))
		},
		"monitors": func(c net.Conn) { writeAll(c, "MONITOR\r\n") },
		"comes again": func(c net.Conn) {
			writeAll(c, "HELLO 3\r\nCLIENT TRACKING ON\r\nGET big\r\n")
			_ = c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, s := serveWith(t, Options{Limits: Limits{MaxClients: n + 10}}, "maxmemory-clients", "16mb")
			if err := db.Set("big", big); err != nil {
				t.Fatal(err)
			}
			other := dialMemory(t, s)
			expect(t, "NO-EVICT", other.do("CLIENT", "NO-EVICT", "on"), "OK")
			before, most := memory(), 0
			var conns []net.Conn
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range n / 8 {
						c, err := s.Dial(context.Background(), "", "")
						if err != nil {
							t.Error(err)
							return
						}
						_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
						hostile(c)
						mu.Lock()
						conns = append(conns, c)
						mu.Unlock()
					}
				})
			}
			ended := make(chan struct{})
			go func() { wg.Wait(); close(ended) }()
			for running := true; running; {
				select {
				case <-ended:
					running = false
				case <-time.After(10 * time.Millisecond):
				}
				_ = other.SetDeadline(time.Now().Add(time.Minute))
				expect(t, "another client", other.do("PING"), "PONG")
				most = max(most, infoField(t, db, "mem_clients_normal"))
			}
			// Each of the eight that write at once may have had a buffer of 2 MB doubled
			// just before somebody looked.
			if most > limit+8*(4<<20) {
				t.Errorf("clients have %d bytes at once, limit %d", most, limit)
			}
			// Each connection costs something besides its buffers: its goroutine, redcon's
			// buffers, and the two rings that stand for a socket's.
			bound := 2*limit + len(conns)*(32<<10+2*pipeBuffer)
			waitFor(t, "the process to be within its bound", func() bool { return raceEnabled || memory()-before < bound })
			for _, c := range conns {
				_ = c.Close()
			}
			_ = other.SetDeadline(time.Now().Add(time.Minute))
			waitFor(t, "all to have gone", func() bool { return s.Stats().Connected == 1 })
			waitFor(t, "their memory to be given back", func() bool { return raceEnabled || memory()-before < 8<<20+len(conns)*(4<<10) })
			expect(t, "another client", other.do("PING"), "PONG")
		})
	}
}

// writeAll writes what the server takes before it gives the connection up.
func writeAll(c net.Conn, s string) { _, _ = io.WriteString(c, s) }

// TestReconnecting has clients come, one after the other, for as long as others do
// something: neither goroutines nor connections pile up behind them.
func TestReconnecting(t *testing.T) {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := New(db, Options{Addr: "127.0.0.1:0"})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other := dial(t, s)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range *many {
				c, err := net.Dial("tcp", s.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				if i%2 == 0 { // else it hangs up without a word
					writeAll(c, "MONITOR\r\nRESET\r\nMONITOR\r\n")
				}
				_ = c.Close()
			}
		})
	}
	for range *many {
		expect(t, "another client", other.do("SET", "k", "v"), "OK")
	}
	wg.Wait()
	waitFor(t, "all to have gone", func() bool { return s.Stats().Connected == 1 })
	expect(t, "CLIENT LIST", strings.Repeat("x", strings.Count(other.do("CLIENT", "LIST"), "id=")), "x")
}
