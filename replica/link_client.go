package replica

import (
	"context"
	"errors"

	"github.com/larderdb/larder/internal/admin"
)

// A linkClient is a link as a client of this server: what CLIENT LIST shows with the
// flag M, and CLIENT KILL ends. The link comes back as after any other end.
type linkClient struct {
	l *link
	f *Follower
}

var _ admin.Transport = (*linkClient)(nil)

// Push does nothing, and so does what else is about replies: a primary gets none.
func (c *linkClient) Push([]byte)              {}
func (c *linkClient) Private(bool)             {}
func (c *linkClient) Class(int)                {}
func (c *linkClient) Waiting() func()          { return func() {} }
func (c *linkClient) Context() context.Context { return c.f.closed }
func (c *linkClient) Stream([]byte) error      { return errors.ErrUnsupported }

// Kill ends the link aside: over TLS that may wait for the primary.
func (c *linkClient) Kill() { go c.l.close() }

func (c *linkClient) RemoteAddr() string { return c.l.conn.RemoteAddr().String() }
func (c *linkClient) LocalAddr() string  { return c.l.conn.LocalAddr().String() }

// Sizes shows what has come and is not applied, which a Follower keeps as a number.
func (c *linkClient) Sizes() admin.Sizes { return admin.Sizes{QueryUsed: int(c.f.behind.Load())} }
