package admin

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
}

// Sizes are the bytes that a connection holds, in the terms of CLIENT LIST.
type Sizes struct {
	QueryUsed, QueryFree                    int
	OutputFixed, OutputChunks, OutputQueued int
}

// A Client is a connection in words. Exec is for one goroutine; what others
// read, in CLIENT LIST, is guarded or atomic.
type Client struct {
	ID        int64
	srv       *Server
	s         *engine.Session
	t         Transport
	w         engine.Reply
	created   time.Time
	authed    atomic.Bool
	closing   atomic.Bool // after the reply to this command
	noEvict   atomic.Bool
	last      atomic.Pointer[engine.Spec]
	lastAt    atomic.Int64 // Unix seconds of the last command
	replies   replyMode
	setByThis bool // CLIENT REPLY in this very command

	mu       sync.Mutex // guards following
	name     string
	libName  string
	libVer   string
	selected int // the database, for others to read
	proto    int
}

// replyMode is what CLIENT REPLY chose.
type replyMode uint8

const (
	replyOn   replyMode = iota
	replyOff            // nothing is answered
	replySkip           // nothing is answered to this command
	replyNext           // nothing will be answered to the next
)

// NewClient makes the client of a connection.
func (s *Server) NewClient(t Transport) *Client {
	es := s.engine.NewWordSession()
	c := &Client{srv: s, s: es, t: t, created: time.Now(), proto: 2}
	c.w.Proto = 2
	c.lastAt.Store(c.created.Unix())
	c.authed.Store(s.conf.String("requirepass") == "")
	es.Client, es.Ctx, es.OnWait = c, t.Context(), t.Waiting
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

// Exec runs one command and appends its reply to dst.
func (c *Client) Exec(dst []byte, words [][]byte) []byte {
	start := len(dst)
	c.w.Buf = dst
	c.s.Exec(words, &c.w)
	dst, c.w.Buf = c.w.Buf, nil
	if c.replies != replyOn {
		dst = c.mute(dst, start)
	}
	return dst
}

// mute takes back a reply that CLIENT REPLY said not to give.
func (c *Client) mute(dst []byte, start int) []byte {
	switch c.replies {
	case replyNext:
		c.replies = replySkip
		return dst[:start]
	case replySkip:
		c.replies = replyOn
		return dst[:start]
	}
	return dst[:start]
}

// Closing reports whether the connection is to end once its replies are sent.
func (c *Client) Closing() bool { return c.closing.Load() || c.s.Broken }

// Authenticated reports whether the client may run all commands.
func (c *Client) Authenticated() bool { return c.authenticated() }

func (c *Client) authenticated() bool { return c.authed.Load() }

// Close forgets the connection.
func (c *Client) Close() {
	c.s.Discard()
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	delete(c.srv.clients, c.ID)
}

// ran takes note of the last command.
func (c *Client) ran(cmd engine.Command) {
	if spec := cmd.Info(); c.last.Load() != spec {
		c.last.Store(spec)
	}
	if now := int64(c.s.Engine().AccessTime()); c.lastAt.Load() != now {
		c.lastAt.Store(now)
	}
}

// list returns the clients in the order of their IDs.
func (s *Server) list() []*Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := slices.Sorted(maps.Keys(s.clients))
	out := make([]*Client, len(ids))
	for i, id := range ids {
		out[i] = s.clients[id]
	}
	return out
}

// kill ends a connection: its own after the reply, another's at once.
func (c *Client) kill(by *Client) {
	if c == by {
		c.closing.Store(true)
		return
	}
	c.closing.Store(true)
	c.t.Kill()
}
