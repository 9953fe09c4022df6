package redcon_server

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder"
)

// serveWith runs a server of a new database on a free port, until the test ends.
func serveWith(t testing.TB, o Options, config ...string) (*larder.DB, *Server) {
	t.Helper()
	db, err := larder.Open(larder.Options{Config: config, Logger: o.Logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	o.Addr = "127.0.0.1:0"
	s := New(db, o)
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	return db, s
}

// infoField is a number of INFO, without what is behind the point.
func infoField(t testing.TB, db *larder.DB, name string) int {
	t.Helper()
	text, err := db.Do("INFO", "everything")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`\n` + name + `:(\d+)(?:\.\d+)?\r`).FindStringSubmatch(text.(string))
	if m == nil {
		t.Fatalf("INFO has no %s", name)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// Whatever fills a connection's buffers, with or without a command of its own, counts
// for maxmemory-clients at once, and goes with the connection; others are served.
func TestClientEviction(t *testing.T) {
	for name, fill := range map[string]func(c *client, other *client){
		"half a command": func(c, _ *client) {
			_, _ = io.WriteString(c, "*2\r\n$4\r\nECHO\r\n$9000000\r\n"+strings.Repeat("x", 3<<20))
		},
		"half a command behind one that waits": func(c, _ *client) {
			_, _ = io.WriteString(c, "BLPOP nothing 0\r\n*2\r\n$4\r\nECHO\r\n$9000000\r\n"+strings.Repeat("x", 3<<20))
		},
		"replies that are not read": func(c, _ *client) {
			_, _ = io.WriteString(c, strings.Repeat("GET big\r\n", 200))
		},
		"messages that are not read": func(c, other *client) {
			_, _ = io.WriteString(c, "SUBSCRIBE ch\r\n")
			waitFor(t, "SUBSCRIBE", func() bool { return other.do("PUBSUB", "NUMSUB", "ch") == `["ch" (integer) 1]` })
			for range 100 {
				other.do("PUBLISH", "ch", strings.Repeat("x", 100_000))
			}
		},
		"a transaction": func(c, _ *client) {
			_, _ = io.WriteString(c, "MULTI\r\n"+strings.Repeat("SET k "+strings.Repeat("x", 10_000)+"\r\n", 200))
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, s := serveWith(t, Options{}, "maxmemory-clients", "1mb")
			if err := db.Set("big", strings.Repeat("v", 100_000)); err != nil {
				t.Fatal(err)
			}
			other := dial(t, s)
			expect(t, "NO-EVICT", other.do("CLIENT", "NO-EVICT", "on"), "OK")
			before := infoField(t, db, "mem_clients_normal")
			fill(dial(t, s), other)
			waitFor(t, "the client to be evicted", func() bool { return infoField(t, db, "evicted_clients") == 1 })
			waitFor(t, "it to be gone", func() bool { return s.Stats().Connected == 1 })
			expect(t, "the other", other.do("PING"), "PONG")
			if got := infoField(t, db, "mem_clients_normal"); got > before+100_000 {
				t.Errorf("mem_clients_normal = %d, was %d", got, before)
			}
		})
	}
}

// With a limit and without reason nobody is evicted: the sum follows what connections
// have, up and down, under load and while they come and go.
func TestClientEvictionBalances(t *testing.T) {
	db, s := serveWith(t, Options{}, "maxmemory-clients", "8mb")
	if err := db.Set("big", strings.Repeat("v", 50_000)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				c := dial(t, s)
				c.send(strings.Repeat("GET big\r\n", 4) + "SUBSCRIBE a b c\r\n")
				for range 4 {
					c.read()
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	waitFor(t, "all to have gone", func() bool { return s.Stats().Connected == 0 })
	if n := infoField(t, db, "evicted_clients"); n != 0 {
		t.Errorf("%d clients are evicted within the limit", n)
	}
	c := dial(t, s)
	expect(t, "lowering the limit", c.do("CONFIG", "SET", "maxmemory-clients", "128k"), "OK")
	expect(t, "PING", c.do("PING"), "PONG")
	if n := infoField(t, db, "evicted_clients"); n != 0 {
		t.Errorf("what is gone still counts: %d clients are evicted", n)
	}
}

// Connections are evicted, killed and unblocked, while they run transactions, wait,
// subscribe, track and hang up, some of them over TLS.
func TestClientLifetimes(t *testing.T) {
	var log lines
	db, s := serveWith(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, "maxmemory-clients", "128k")
	if err := db.Set("big", strings.Repeat("v", 20_000)); err != nil {
		t.Fatal(err)
	}
	scripts := []string{
		"MULTI\r\nSET k v\r\nGET big\r\nLPUSH l 1\r\nEXEC\r\nWATCH k\r\n",
		"BLPOP l 0.01\r\nBLPOP l 0\r\n",
		"HELLO 3\r\nCLIENT TRACKING ON\r\nGET k\r\nGET big\r\nSET k 1\r\n",
		"SUBSCRIBE a\r\nPSUBSCRIBE *\r\n",
		strings.Repeat("GET big\r\n", 20),
		"XREADGROUP GROUP g c BLOCK 0 STREAMS s >\r\n",
		"MULTI\r\nCLIENT KILL TYPE normal SKIPME no\r\nGET big\r\nEXEC\r\nPING\r\n",
		"MONITOR\r\n",
		"CLIENT REPLY OFF\r\nGET big\r\nCLIENT LIST\r\n",
	}
	if _, err := db.Do("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"); err != nil {
		t.Fatal(err)
	}
	cert, pool := certificate(t)
	if err := s.SetEndpoints([]Endpoint{{Addr: "127.0.0.1:0"}, {Addr: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}}); err != nil {
		t.Fatal(err)
	}
	plain, secure := s.Addrs()[0].String(), s.Addrs()[1].String()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 2 * len(scripts) {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", []string{plain, secure}[n%2])
				if err != nil {
					t.Error(err)
					return
				}
				if n%2 == 1 {
					c = tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
				}
				_ = c.SetDeadline(time.Now().Add(time.Duration(1+n%17) * time.Millisecond))
				_, _ = io.WriteString(c, scripts[i%len(scripts)])
				if n%3 != 0 {
					_, _ = io.Copy(io.Discard, c)
				}
				_ = c.Close()
			}
		})
	}
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	for i := range rounds {
		for _, words := range [][]string{
			{"CLIENT", "KILL", "TYPE", []string{"normal", "pubsub"}[i%2]},
			{"CLIENT", "UNBLOCK", strconv.Itoa(infoField(t, db, "total_connections_received")), []string{"TIMEOUT", "ERROR"}[i%2]},
			{"PUBLISH", "a", "hello"},
			{"LPUSH", "l", "x"},
			{"XADD", "s", "*", "f", "v"},
			{"SET", "k", strconv.Itoa(i)},
			{"CLIENT", "LIST"},
			{"CONFIG", "SET", "maxmemory-clients", []string{"128k", "0", "1mb"}[i%3]},
		} {
			if _, err := db.Do(words...); err != nil {
				t.Errorf("%q: %v", words, err)
			}
		}
	}
	close(stop)
	wg.Wait()
	waitFor(t, "all to have gone", func() bool { return s.Stats().Connected == 0 })
	list, err := db.Do("CLIENT", "LIST")
	if err != nil || list.(string) != "" {
		t.Errorf("CLIENT LIST = %q, %v; want nobody", list, err)
	}
	for _, name := range []string{"blocked_clients", "tracking_clients", "pubsub_channels", "clients_in_timeout_table"} {
		if n := infoField(t, db, name); n != 0 {
			t.Errorf("%s = %d with nobody there", name, n)
		}
	}
	c := dial(t, s)
	expect(t, "lowering the limit", c.do("CONFIG", "SET", "maxmemory-clients", "128k"), "OK")
	expect(t, "PING", c.do("PING"), "PONG")
	if strings.Contains(log.String(), "panic") {
		t.Errorf("the log has a panic: %s", log.String())
	}
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What Options.Config of a database says of limits holds for its server.
func TestConfiguredLimits(t *testing.T) {
	_, s := serveWith(t, Options{}, "maxclients", "2", "timeout", "7", "tcp-keepalive", "0", "client-query-buffer-limit", "2mb")
	if l := s.Limits(); l.MaxClients != 2 || l.Timeout != 7*time.Second || l.TCPKeepAlive >= 0 || l.QueryBuffer != 2<<20 {
		t.Errorf("the limits are %+v", l)
	}
	a, b := dial(t, s), dial(t, s)
	a.do("PING")
	b.do("PING")
	expect(t, "the third of two", dial(t, s).read(), "(error) ERR max number of clients reached")
	expect(t, "raising maxclients", a.do("CONFIG", "SET", "maxclients", "3"), "OK")
	c := dial(t, s)
	expect(t, "the third of three", c.do("PING"), "PONG")
	expect(t, "lowering maxclients below what there is", a.do("CONFIG", "SET", "maxclients", "1"), "OK")
	expect(t, "one of three", c.do("PING"), "PONG")
	expect(t, "the fourth", dial(t, s).read(), "(error) ERR max number of clients reached")
}
