package admin

import (
	"container/list"
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/acl"
	"github.com/larderdb/larder/internal/engine"
)

// A Transport is what a Client needs of what carries it. Package larder
// documents each method.
type Transport interface {
	Push(frame []byte)
	Private(private bool)
	Class(class int)
	Waiting() (done func())
	Context() context.Context
	Kill()
	RemoteAddr() string
	LocalAddr() string
	Sizes() Sizes
	Stream(p []byte) error
}

// Sizes are the bytes that a connection holds, in the terms of CLIENT LIST.
type Sizes struct {
	QueryUsed, QueryFree                    int
	OutputFixed, OutputChunks, OutputQueued int
}

// A Client is a connection in words. Exec is for one goroutine, and so are the
// session and the reply; what others read, in CLIENT LIST, is guarded or atomic.
type Client struct {
	ID      int64
	srv     *Server
	s       *engine.Session
	t       Transport
	w       engine.Reply
	created time.Time
	mute    mute
	onClose []func()

	aside []byte // lines of MONITOR for the commands of an EXEC that runs
	feed  feed
	track track

	settles bool // it has tracked or monitored: its end may be the end of that

	// Replica is what a replication knows of the connection; it is the connection's
	// goroutine's.
	Replica any

	account  atomic.Pointer[acl.Account] // who it is logged in as
	authed   atomic.Bool
	closing  atomic.Bool // after the reply to this command
	killed   atomic.Bool // by somebody else: it is as good as gone
	noEvict  atomic.Bool
	noTouch  atomic.Bool
	heldUp   atomic.Bool                 // by a pause
	kind     atomic.Uint32               // a class
	last     atomic.Pointer[engine.Spec] // the last command, which may still run
	lastAt   atomic.Int64                // Unix seconds of the last command
	queued   atomic.Int32                // commands queued by MULTI; -1 outside
	queuedIn atomic.Int64                // their bytes
	watches  atomic.Int64                // bytes of what WATCH has named
	counted  atomic.Int64                // see recount; -1: it counts no longer
	hasLater atomic.Bool                 // later is not empty

	monitoring atomic.Bool // it is shown all commands: MONITOR
	silent     atomic.Bool // and hears nothing now: CLIENT REPLY OFF

	size  int           // its class, if sized is not nil; clientMemory.mu guards both
	sized *list.Element // where it is in clientMemory.sizes

	mu       sync.Mutex // guards following
	name     string
	libName  string
	libVer   string
	selected int // the database, for others to read
	proto    int
	later    []func() // run once the command, and its transaction, is over
}

// A mute is what CLIENT REPLY chose, and what it does to the command that runs.
type mute struct {
	off  bool // nothing is answered
	skip bool // nothing is answered to this command
	next bool // nothing will be answered to the next
	from int  // what the reply has beyond this is taken back; -1: it stays
}

// begin is called before a command, whose reply begins at start.
func (m *mute) begin(start int) {
	m.from = -1
	if m.off || m.skip {
		m.from = start
	}
}

// end is called after a command, and returns its reply.
func (m *mute) end(b []byte) []byte {
	m.skip, m.next = m.next, false
	if m.from >= 0 {
		return b[:min(m.from, len(b))]
	}
	return b
}

// NewClient makes the client of a connection.
func (s *Server) NewClient(t Transport) *Client {
	es := s.engine.NewWordSession()
	c := &Client{srv: s, s: es, t: t, created: s.engine.Now(), proto: 2}
	c.w.Proto = 2
	c.queued.Store(-1)
	c.lastAt.Store(c.created.Unix())
	c.logOut()
	es.Client, es.Ctx, es.OnWait = c, t.Context(), c.waits
	s.connections.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	c.ID = s.lastID
	s.clients[c.ID] = c
	return c
}

// client returns the Client of a session, nil for a Go caller's.
func client(s *engine.Session) *Client {
	c, _ := s.Client.(*Client)
	return c
}

// errNoClient answers a command about the connection where there is none.
const errNoClient engine.Error = "ERR there is no connection"

// connected returns the Client of a session, or an error for a Go caller's.
func connected(s *engine.Session) (*Client, error) {
	if c := client(s); c != nil {
		return c, nil
	}
	return nil, errNoClient
}

// Exec runs one command and appends its reply to dst.
func (c *Client) Exec(dst []byte, words [][]byte) []byte {
	if c.srv.clientMemory.limit.Load() == 0 {
		return c.exec(dst, words)
	}
	if c.srv.makeRoom(); c.killed.Load() {
		return dst
	}
	dst = c.exec(dst, words)
	c.weigh()
	return dst
}

func (c *Client) exec(dst []byte, words [][]byte) []byte {
	c.seen()
	start := len(dst)
	c.mute.begin(start)
	orderly := c.feed.why != 0
	if orderly {
		c.beginOrderly()
	}
	c.w.Buf = dst
	c.s.Exec(words, &c.w)
	if c.hasLater.Load() {
		c.runLater()
	}
	dst, c.w.Buf = c.w.Buf, nil
	if c.track.asked {
		c.askedFor()
	}
	c.show()
	if c.kind.Load() == uint32(classReplica) {
		return c.hush(dst, start)
	}
	dst = c.mute.end(dst)
	if orderly || c.feed.why != 0 {
		return c.endOrderly(dst, start)
	}
	return dst
}

// Batch says that the next command follows the last one at once.
func (c *Client) Batch(on bool) { c.s.Batch(on) }

// seen takes note of the time. Once a second it has the server look at its
// memory too, so that the peaks of INFO are more than what INFO itself saw.
func (c *Client) seen() {
	if now := int64(c.s.Engine().AccessTime()); c.lastAt.Load() != now {
		c.lastAt.Store(now)
		c.srv.notePeak()
		c.srv.peaks.note(now, c.t.Sizes())
	}
}

// show publishes for other goroutines what only this one may read.
func (c *Client) show() {
	if c.silent.Load() != c.mute.off {
		c.silent.Store(c.mute.off)
	}
	queued, bytes := int32(-1), int64(0)
	if c.s.Multi {
		queued, bytes = int32(len(c.s.Queue)), int64(c.s.QueueBytes)
	}
	if c.queued.Load() != queued {
		c.queued.Store(queued)
	}
	if c.queuedIn.Load() != bytes {
		c.queuedIn.Store(bytes)
	}
	if n := c.s.WatchedBytes(); c.watches.Load() != n {
		c.watches.Store(n)
	}
}

// DoLater is doLater.
func (c *Client) DoLater(f func()) { c.doLater(f) }

// doLater has f run once the client's command and the EXEC around it are over
// and hold no lock. Any goroutine may call it.
func (c *Client) doLater(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.later = append(c.later, f)
	c.hasLater.Store(true)
}

func (c *Client) runLater() {
	c.mu.Lock()
	later := c.later
	c.later = nil
	c.hasLater.Store(false)
	c.mu.Unlock()
	for _, f := range later {
		f()
	}
}

// Closing reports whether the connection is to end once its replies are sent.
func (c *Client) Closing() bool { return c.closing.Load() || c.s.Broken }

// Authenticated reports whether the client may run all commands.
func (c *Client) Authenticated() bool { return c.authenticated() }

func (c *Client) setName(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name = cloned(name)
}

// local reports whether the client is on this machine, as seen by the
// directives whose value may be "local". Of the loopback's addresses Redis means the
// usual two: others may be given to what is less trusted.
func (c *Client) local() bool {
	host, _, err := net.SplitHostPort(c.t.RemoteAddr())
	if err != nil {
		return true // a Unix socket, a connection in memory
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip == nil || ip.Equal(net.IPv4(127, 0, 0, 1)) || ip.Equal(net.IPv6loopback)
}

// Close forgets the connection.
func (c *Client) Close() {
	for _, f := range c.onClose {
		f()
	}
	c.hangUp()
	c.uncount()
	if c.settles {
		c.srv.caches.settle()
		c.srv.monitors.settle(c.srv)
	}
	c.s.Discard()
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	delete(c.srv.clients, c.ID)
}

// list returns the clients in the order of their IDs, without those that were
// killed and do not know it yet.
func (s *Server) list() []*Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Client, 0, len(s.clients))
	for _, id := range slices.Sorted(maps.Keys(s.clients)) {
		if c := s.clients[id]; !c.killed.Load() {
			out = append(out, c)
		}
	}
	return out
}

// kill ends a connection: its own after the reply, another's at once.
func (c *Client) kill(by *Client) {
	if c.closing.Store(true); c != by {
		c.killed.Store(true)
		c.t.Kill()
		c.uncount()
		c.hangUp()
	}
}

// clientBase is what a connection counts for in memory besides its buffers.
const clientBase = 2048

// memory is what the client takes, as far as anybody may know. It takes no lock.
func (c *Client) memory(z Sizes) int64 {
	n := clientBase + c.queuedIn.Load() + c.watches.Load() + c.track.prefixBytes.Load() +
		int64(z.QueryUsed+z.QueryFree+z.OutputFixed+z.OutputQueued)
	if s := c.feed.sub.Load(); s != nil {
		n += s.Bytes()
	}
	return n
}
