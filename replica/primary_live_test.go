package replica_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/redcon_server"
	"github.com/larderdb/larder/replica"
)

// A node is a larder that serves replicas on a port of its own.
type node struct {
	*redistest.Conn
	t    testing.TB
	db   *larder.DB
	p    *replica.Primary
	addr string
	log  *logged
}

// A logged is what a logger was told.
type logged struct {
	mu sync.Mutex // guards following
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// servePrimary opens a larder that others can follow, with directives of redis.conf.
func servePrimary(t testing.TB, config ...string) *node {
	t.Helper()
	defaults := []string{"repl-diskless-sync-delay", "0", "enable-debug-command", "yes"}
	log := &logged{}
	db, err := larder.Open(larder.Options{Config: append(defaults, config...), Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	p, err := replica.Serve(db, replica.ServeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0"})
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	n := &node{t: t, db: db, p: p, addr: srv.Addr().String(), log: log}
	n.Conn = redistest.Dial(t, n.addr)
	t.Cleanup(n.Close)
	return n
}

// must runs a command that is to answer no error.
func must(t testing.TB, c redistest.Client, words ...string) redistest.Value {
	t.Helper()
	v := c.Do(words...)
	if v.IsError() || v.Kind == redistest.Closed || v.Kind == redistest.Timeout {
		t.Fatalf("%q answers %s", words, v)
	}
	return v
}

// until polls until something is so.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not happen: %s", what)
		}
	}
}

// field is a field of INFO.
func field(t testing.TB, c redistest.Client, section, name string) string {
	t.Helper()
	for line := range strings.SplitSeq(must(t, c, "INFO", section).Str, "\r\n") {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return value
		}
	}
	return ""
}

// follower starts a redis-server that follows an address.
func startFollower(t testing.TB, addr string, args ...string) (*redistest.Server, redistest.Client) {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	s := redistest.Start(t, append([]string{"--replicaof", host + " " + port, "--repl-diskless-load", "swapdb"}, args...)...)
	c := s.NewClient(t, 2)
	t.Cleanup(c.Close)
	until(t, "the replica is online", func() bool { return field(t, c, "replication", "master_link_status") == "up" })
	return s, c
}

// same waits until two servers hold the same.
func same(t testing.TB, a, b redistest.Client) {
	t.Helper()
	var da, db redistest.Value
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		da, db = must(t, a, "DEBUG", "DIGEST"), must(t, b, "DEBUG", "DIGEST")
		if da.Str == db.Str && field(t, a, "replication", "master_repl_offset") == field(t, b, "replication", "master_repl_offset") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the data differs: %s, %s\n%s\n%s", da, db, differences(t, a, b), must(t, b, "INFO", "replication").Str)
		}
	}
}

// differences names the keys of the first databases that differ.
func differences(t testing.TB, a, b redistest.Client) string {
	var out strings.Builder
	for db := range 3 {
		for _, c := range []redistest.Client{a, b} {
			must(t, c, "SELECT", strconv.Itoa(db))
		}
		keys := map[string]bool{}
		for _, c := range []redistest.Client{a, b} {
			for _, k := range must(t, c, "KEYS", "*").Elems {
				keys[k.Str] = true
			}
		}
		for k := range keys {
			x, y := a.Do("DEBUG", "DIGEST-VALUE", k).String(), b.Do("DEBUG", "DIGEST-VALUE", k).String()
			tx, ty := a.Do("PEXPIRETIME", k).String(), b.Do("PEXPIRETIME", k).String()
			if x != y || tx != ty {
				fmt.Fprintf(&out, "db%d %q (%s): %s %s, %s %s\n", db, k, a.Do("TYPE", k).Str, x, tx, y, ty)
			}
		}
	}
	for _, c := range []redistest.Client{a, b} {
		must(t, c, "SELECT", "0")
	}
	return out.String()
}

// blockers are clients that wait for lists, streams and sorted sets all the time.
func blockers(t testing.TB, addr string, stop <-chan struct{}) *sync.WaitGroup {
	var all sync.WaitGroup
	for i, words := range [][]string{
		{"BLPOP", "l1", "l2", "l3", "0.05"}, {"BLMOVE", "l4", "l5", "LEFT", "RIGHT", "0.05"}, {"BZPOPMIN", "z1", "z2", "0.05"},
		{"XREADGROUP", "GROUP", "grp", "waits", "BLOCK", "50", "STREAMS", "x1", ">"},
	} {
		c := redistest.Dial(t, addr)
		all.Go(func() {
			defer c.Close()
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
					c.Do(words...)
					if n%50 == 0 {
						c.Do("SELECT", strconv.Itoa(n/50%3))
					}
				}
			}
		})
	}
	return &all
}

// A real replica gets a data set of all types, and then a stream of everything.
func TestRedisFollowsLarder(t *testing.T) {
	n := servePrimary(t)
	l := &redistest.Load{R: rand.New(rand.NewPCG(1, 2))}
	l.Run(t, n, 3000, nil)
	must(t, n, "SELECT", "0")
	_, r := startFollower(t, n.addr)
	same(t, n, r)
	stop := make(chan struct{})
	waiting := blockers(t, n.addr, stop)
	var writers sync.WaitGroup
	for i := range 3 {
		c := redistest.Dial(t, n.addr)
		defer c.Close()
		writers.Go(func() { (&redistest.Load{R: rand.New(rand.NewPCG(3, uint64(i)))}).Run(t, c, 3000, nil) })
	}
	writers.Wait()
	close(stop)
	waiting.Wait()
	same(t, n, r)
	if got := field(t, n, "replication", "slave0"); !strings.Contains(got, "state=online") || !strings.Contains(got, "ip=127.0.0.1") {
		t.Errorf("slave0:%s", got)
	}
	if full := field(t, n, "stats", "sync_full"); full != "1" {
		t.Errorf("sync_full:%s", full)
	}
}
