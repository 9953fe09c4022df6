package redcon_server

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/resp"
)

// A fakeDB stands for a larder.DB: enough commands to try the door with.
type fakeDB struct {
	password string
	seed     maphash.Seed
	shards   [64]struct {
		sync.RWMutex
		m map[string][]byte
	}

	mu     sync.Mutex
	lists  map[string][]string
	pushed chan struct{} // closed and replaced by each LPUSH
	subs   map[*fakeConn]bool
	conns  map[*fakeConn]bool
	waits  int
}

func newFakeDB() *fakeDB {
	db := &fakeDB{seed: maphash.MakeSeed(), lists: map[string][]string{}, pushed: make(chan struct{}), subs: map[*fakeConn]bool{}, conns: map[*fakeConn]bool{}}
	for i := range db.shards {
		db.shards[i].m = map[string][]byte{}
	}
	return db
}

func (db *fakeDB) newConn(t Transport) conn {
	c := &fakeConn{db: db, t: t, authenticated: db.password == ""}
	db.mu.Lock()
	db.conns[c] = true
	db.mu.Unlock()
	return c
}

type fakeConn struct {
	db            *fakeDB
	t             Transport
	authenticated bool
	closing       bool
	closed        bool
}

func (c *fakeConn) Batch(bool)          {}
func (c *fakeConn) Grew(bool)           {}
func (c *fakeConn) Closing() bool       { return c.closing }
func (c *fakeConn) Authenticated() bool { return c.authenticated }

func (c *fakeConn) Close() {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	if c.closed {
		panic("closed twice")
	}
	c.closed = true
	delete(c.db.subs, c)
	delete(c.db.conns, c)
}

func (c *fakeConn) Exec(dst []byte, words [][]byte) []byte {
	w := resp.Reply{Buf: dst, Proto: 2}
	name := words[0]
	var lower [16]byte
	if len(name) <= len(lower) {
		name = lower[:copy(lower[:], name)]
		for i := range name {
			if 'A' <= name[i] && name[i] <= 'Z' {
				name[i] |= 0x20
			}
		}
	}
	if !c.authenticated && string(name) != "auth" {
		w.Err("NOAUTH Authentication required.")
		return w.Buf
	}
	sh := &c.db.shards[0]
	if len(words) > 1 {
		sh = &c.db.shards[maphash.Bytes(c.db.seed, words[1])>>58]
	}
	switch string(name) {
	case "set":
		if len(words) < 3 {
			w.Err("ERR wrong number of arguments for 'set' command")
			break
		}
		sh.Lock()
		if v, ok := sh.m[string(words[1])]; ok && len(v) == len(words[2]) {
			copy(v, words[2])
		} else {
			sh.m[string(words[1])] = bytes.Clone(words[2])
		}
		sh.Unlock()
		w.OK()
	case "get":
		if len(words) < 2 {
			w.Err("ERR wrong number of arguments for 'get' command")
			break
		}
		sh.RLock()
		if v, ok := sh.m[string(words[1])]; ok {
			w.BulkBytes(v)
		} else {
			w.Null()
		}
		sh.RUnlock()
	case "ping":
		if len(words) > 1 {
			w.BulkBytes(words[1])
		} else {
			w.Simple("PONG")
		}
	case "echo":
		if len(words) != 2 {
			w.Err("ERR wrong number of arguments for 'echo' command")
			break
		}
		w.BulkBytes(words[1])
	case "auth":
		c.authenticated = len(words) == 2 && string(words[1]) == c.db.password
		if c.authenticated {
			w.OK()
		} else {
			w.Err("WRONGPASS invalid username-password pair or user is disabled.")
		}
	case "quit":
		c.closing = true
		w.OK()
	case "panic":
		panic("as asked")
	case "buffers":
		b := c.t.Buffers()
		w.Bulk(fmt.Sprintf("qbuf=%d qbuf-free=%d", b.QueryUsed, b.QueryFree))
	case "lpush":
		c.db.mu.Lock()
		c.db.lists[string(words[1])] = append(c.db.lists[string(words[1])], string(words[2]))
		w.Int(int64(len(c.db.lists[string(words[1])])))
		close(c.db.pushed)
		c.db.pushed = make(chan struct{})
		c.db.mu.Unlock()
	case "blpop": // key seconds
		seconds, _ := strconv.Atoi(string(words[2]))
		if v, ok := c.blpop(words, time.Duration(seconds)*time.Second); ok {
			w.Bulk(v)
		} else {
			w.NullArray()
		}
	case "subscribe":
		c.db.mu.Lock()
		c.db.subs[c] = true
		c.t.Private(false)
		c.t.Class(2)
		c.t.Push(append(append([]byte("*3\r\n$9\r\nsubscribe\r\n$1\r\n"), words[1][:1]...), "\r\n:1\r\n"...))
		c.db.mu.Unlock()
	case "publish":
		c.db.mu.Lock()
		for s := range c.db.subs {
			p := resp.Reply{}
			p.Array(3)
			p.Bulk("message")
			p.BulkBytes(words[1])
			p.BulkBytes(words[2])
			s.t.Push(p.Buf)
		}
		w.Int(int64(len(c.db.subs)))
		c.db.mu.Unlock()
	default:
		w.Err("ERR unknown command '" + string(words[0][:min(len(words[0]), 128)]) + "', with args beginning with: ")
	}
	return w.Buf
}

func (c *fakeConn) blpop(words [][]byte, timeout time.Duration) (string, bool) {
	key := string(words[1])
	pop := func() (string, bool, chan struct{}) {
		c.db.mu.Lock()
		defer c.db.mu.Unlock()
		l := c.db.lists[key]
		if len(l) == 0 || c.t.Context().Err() != nil {
			return "", false, c.db.pushed
		}
		c.db.lists[key] = l[1:]
		return l[0], true, nil
	}
	v, ok, pushed := pop()
	if ok {
		return v, true
	}
	done := c.t.Waiting()
	defer done()
	c.db.mu.Lock()
	c.db.waits++
	c.db.mu.Unlock()
	var timer <-chan time.Time
	if timeout > 0 {
		timer = time.After(timeout)
	}
	for {
		select {
		case <-pushed:
			if v, ok, pushed = pop(); ok {
				if string(words[1]) != key {
					panic("the words have moved under a command that waits")
				}
				return v, true
			}
		case <-timer:
			return "", false
		case <-c.t.Context().Done():
			return "", false
		}
	}
}

// waitFor waits until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(time.Millisecond) // outside a bubble only for what the network does
	}
}

func (db *fakeDB) waiting() int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.waits
}

// start runs a server on a free port of 127.0.0.1, until the test ends.
func start(t testing.TB, db *fakeDB, o Options) *Server {
	t.Helper()
	if o.Addr == "" && len(o.Endpoints) == 0 {
		o.Addr = "127.0.0.1:0"
	}
	s := newServer(db.newConn, o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A client is the other side, with a deadline on all it does.
type client struct {
	net.Conn
	t testing.TB
	r *resp.Reader
}

func newClient(t testing.TB, c net.Conn, err error) *client {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(60 * time.Second))
	t.Cleanup(func() { c.Close() })
	return &client{c, t, resp.NewReader(bufio.NewReaderSize(c, 64<<10))}
}

func dial(t testing.TB, s *Server) *client {
	t.Helper()
	c, err := net.Dial(s.Addr().Network(), s.Addr().String())
	return newClient(t, c, err)
}

func (c *client) send(b string) {
	c.t.Helper()
	if _, err := io.WriteString(c, b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read() string {
	c.t.Helper()
	v, err := c.r.Read()
	if err != nil {
		return err.Error()
	}
	return v.String()
}

func (c *client) do(words ...string) string {
	c.t.Helper()
	c.send(string(resp.AppendCommand(nil, words...)))
	return c.read()
}

// all reads until the server closes.
func (c *client) all() string {
	c.t.Helper()
	b, err := io.ReadAll(c.r.Buffer())
	if err != nil {
		c.t.Errorf("after %.200q: %v", b, err)
	}
	return string(b)
}

func expect(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %.300s, want %.300s", what, got, want)
	}
}

// TestServe is no test: it serves the fake database on the port that
// LARDER_SERVE names, to be measured beside a redis-server.
func TestServe(t *testing.T) {
	port := os.Getenv("LARDER_SERVE")
	if port == "" {
		return
	}
	s := newServer(newFakeDB().newConn, Options{Addr: "127.0.0.1:" + port, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() { <-interrupted; s.Close() }()
	if err := s.ListenAndServe(); err != nil {
		t.Fatal(err)
	}
}
