package larder_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// open returns a database with a mirror: another one, fed by the journal of the
// first alone, which must hold the same when the test ends. So every test is a
// test of replication.
func open(t testing.TB, o larder.Options) *larder.DB {
	t.Helper()
	if o.Backlog == 0 {
		o.Backlog = 64 << 20
	}
	db, err := larder.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, ok := t.(*testing.B); !ok {
		mirror(t, db, larder.Options{Now: o.Now, Databases: o.Databases})
	}
	return db
}

func mirror(t testing.TB, db *larder.DB, o larder.Options) {
	other, err := larder.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	snap, tail, err := larder.Follow(db)
	if err != nil {
		t.Fatal(err)
	}
	snap.Close()
	done := make(chan error, 1)
	go func() { done <- replay(other, tail) }()
	t.Cleanup(func() {
		tail.Close()
		if err := <-done; err != nil {
			t.Error("mirror:", err)
		}
		a, b := dump(db), dump(other)
		for tries := 0; a != b && tries < 3; tries++ { // a key's time may end between the two
			a, b = dump(db), dump(other)
		}
		if a != b {
			t.Errorf("the mirror differs:\n%s---\n%s", a, b)
		}
		other.Close()
	})
}

// replay runs a journal.
func replay(db *larder.DB, journal io.Reader) error {
	c := newConn(db)
	defer c.Close()
	larder.SetPrimary(c.conn)
	in := bufio.NewReader(journal)
	for {
		v, err := redistest.ReadValue(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var words []string
		for _, el := range v.Elems {
			words = append(words, el.Str)
		}
		if r := c.Do(words...); r.Kind == redistest.Error {
			return fmt.Errorf("%q answers %s", words, r.Str)
		}
	}
}

// dump writes all keys of a database, in order.
func dump(db *larder.DB) string {
	snap := db.Snapshot()
	defer snap.Close()
	var lines []string
	for n := range larder.Databases(db) {
		for e := range snap.DB(n).All() {
			at := int64(0)
			if !e.ExpireAt.IsZero() {
				at = e.ExpireAt.UnixMilli()
			}
			switch e.Type {
			case "stream":
				e.Value = larder.DumpStream(snap.DB(n), e.Key)
			case "list":
				all, _ := snap.DB(n).LRange(e.Key, 0, -1)
				e.Value = fmt.Sprintf("%q", all)
			case "set":
				all, _ := snap.DB(n).SMembers(e.Key)
				slices.Sort(all)
				e.Value = fmt.Sprintf("%q", all)
			case "zset":
				all, _ := snap.DB(n).ZRangeArgs(larder.ZRangeArgs{Key: e.Key, Stop: -1})
				e.Value = fmt.Sprint(all)
			case "hash":
				e.Value = larder.DumpHash(snap.DB(n), e.Key)
			}
			lines = append(lines, fmt.Sprintf("%d %q %s %q %d\n", n, e.Key, e.Type, e.Value, at))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// A conn is a connection in process, as a client of scripts.
type conn struct {
	conn    *larder.Conn
	replies chan redistest.Value // to what was sent

	mu     sync.Mutex // guards following
	pushed bytes.Buffer
	ctx    context.Context
	cancel context.CancelFunc
}

func newConn(db *larder.DB) *conn {
	c := &conn{replies: make(chan redistest.Value, 64)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.conn = db.NewConn(c)
	return c
}

func (c *conn) Do(words ...string) redistest.Value {
	var bs [][]byte
	for _, w := range words {
		bs = append(bs, []byte(w))
	}
	if c.ctx.Err() != nil {
		return redistest.Value{Kind: redistest.Closed}
	}
	out := c.conn.Exec(nil, bs)
	if c.ctx.Err() != nil { // who is killed in mid-command hears nothing more
		return redistest.Value{Kind: redistest.Closed}
	}
	if c.conn.Closing() {
		defer c.Close()
	}
	v, err := redistest.ReadValue(bufio.NewReader(bytes.NewReader(out)))
	if err != nil {
		return redistest.Value{Kind: redistest.Timeout}
	}
	return v
}

// Send runs a command whose reply Receive will be asked for.
func (c *conn) Send(words ...string) {
	go func() { c.replies <- c.Do(words...) }()
}

// Receive answers the reply to what was sent, or that the connection has ended.
func (c *conn) Receive(timeout time.Duration) redistest.Value {
	select {
	case v := <-c.replies:
		return v
	default:
	}
	select {
	case v := <-c.replies:
		return v
	case <-c.ctx.Done():
		return redistest.Value{Kind: redistest.Closed}
	case <-time.After(timeout):
		return redistest.Value{Kind: redistest.Timeout}
	}
}

func (c *conn) Close() {
	if c.ctx.Err() == nil {
		c.cancel()
		c.conn.Close()
	}
}

func (c *conn) Push(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushed.Write(frame)
}
func (c *conn) Private(bool)             {}
func (c *conn) Class(int)                {}
func (c *conn) Waiting() func()          { return func() {} }
func (c *conn) Context() context.Context { return c.ctx }
func (c *conn) Kill()                    { c.cancel() }
func (c *conn) RemoteAddr() string       { return "127.0.0.1:1" }
func (c *conn) LocalAddr() string        { return "127.0.0.1:2" }
func (c *conn) Buffers() larder.Buffers  { return larder.Buffers{} }

// allocs is how many allocations f makes: the least of some measurements, since what
// goroutines of other tests allocate meanwhile is counted too.
func allocs(f func()) float64 {
	least := testing.AllocsPerRun(100, f)
	for i := 0; i < 4 && least > 0; i++ {
		least = min(least, testing.AllocsPerRun(100, f))
	}
	return least
}
