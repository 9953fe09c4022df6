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
