package admin

import (
	"fmt"

	"github.com/larderdb/larder/internal/engine"
)

// A connection that has become that of a replica, or that is to a primary.

// ClientOf returns the Client of a session, nil for a Go caller's.
func ClientOf(s *engine.Session) *Client { return client(s) }

// Transport is what carries the client.
func (c *Client) Transport() Transport { return c.t }

// SetPrimary makes the client apply a primary's stream: it may write to a
// replica, and expires nothing by itself.
func (c *Client) SetPrimary() {
	c.s.Primary = true
	c.kind.Store(uint32(classMaster))
}

// NewPrimary makes the client of the link to a primary, over which es applies its
// stream: so that CLIENT LIST shows it and CLIENT KILL ends it. It runs no commands by
// Exec. Close is to be called when the link has ended.
func (s *Server) NewPrimary(es *engine.Session, t Transport) *Client {
	c := &Client{srv: s, s: es, t: t, created: s.engine.Now(), proto: 2, selected: es.DB}
	c.queued.Store(-1)
	c.lastAt.Store(c.created.Unix())
	c.kind.Store(uint32(classMaster))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	c.ID = s.lastID
	s.clients[c.ID] = c
	return c
}

// Applies says that a command of the primary's is run on the database db. It is for the
// goroutine that applies the stream.
func (c *Client) Applies(spec *engine.Spec, db int) {
	if c.last.Load() != spec {
		c.last.Store(spec)
	}
	if now := int64(c.s.Engine().AccessTime()); c.lastAt.Load() != now {
		c.lastAt.Store(now)
	}
	if c.selected != db { // which only this goroutine changes
		c.mu.Lock()
		c.selected = db
		c.mu.Unlock()
	}
}

// SetReplica makes the connection that of a replica: what it is sent is the stream of
// changes, so that a command of its own which has a reply ends it.
func (c *Client) SetReplica() {
	c.kind.Store(uint32(classReplica))
	c.t.Class(1)
}

// IsReplica reports whether SetReplica was called.
func (c *Client) IsReplica() bool { return class(c.kind.Load()) == classReplica }

// OnClose has f called when the connection has ended, in its goroutine.
func (c *Client) OnClose(f func()) { c.onClose = append(c.onClose, f) }

// Kill ends the connection, from any goroutine; it waits for nothing.
func (c *Client) Kill() {
	c.closing.Store(true)
	c.killed.Store(true)
	c.t.Kill()
	c.uncount()
	c.hangUp()
}

// Killed reports whether the connection is as good as gone.
func (c *Client) Killed() bool { return c.killed.Load() }

// Describe is the line of CLIENT LIST.
func (c *Client) Describe() string {
	line := c.describe(nil, 0)
	return string(line[:len(line)-1])
}

// hush takes back the reply to a replica, and ends the connection: it would end up in
// the middle of the stream.
func (c *Client) hush(dst []byte, start int) []byte {
	if len(dst) > start {
		cmd := "?"
		if spec := c.last.Load(); spec != nil {
			cmd = spec.Lower()
		}
		c.srv.log.Warn(fmt.Sprintf("Replica generated a reply to command '%s', disconnecting it: %s", cmd, c.Describe()))
		c.Kill()
	}
	return dst[:start]
}
