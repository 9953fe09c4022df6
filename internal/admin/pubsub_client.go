package admin

import (
	"sync/atomic"

	"github.com/larderdb/larder/internal/acl"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/pubsub"
)

// What a client is told without having asked: messages, invalidations, monitored
// commands. All of it is pushed by the goroutine of whoever caused it, under locks,
// and only appends to the connection's output.
//
//	push      a frame that no command of the client's has asked for
//	orderly   pushes and replies keep the order in which they became true: each
//	          reply goes to the output as soon as it is whole
//	held      a push that came while a command of the client's own was run, and
//	          that must come behind its reply
//
// An invalidation is held: Redis has it behind the reply of the write that caused
// it, and one that is caused by others must not be before the reply of the read
// that the client is about to remember. A message is not, except while EXEC answers a
// SUBSCRIBE.

// A reason is why a client's output is orderly.
type reason uint8

const (
	subscribing reason = 1 << iota
	caching
	watching // MONITOR
)

// A feed is the part of a Client that is about pushes.
type feed struct {
	sub atomic.Pointer[pubsub.Subscriber] // nil: it never subscribed

	why reason // 0: its output need not be orderly; the connection's goroutine's

	// Guarded by Client.mu:
	running    bool // a command is run whose reply is not in the output yet
	confirming bool // and that reply says that the client subscribes
	held       [][]byte
	heldBytes  int
}

// maxHeld is how many bytes of pushes are held for a command before its connection
// is given up.
const maxHeld = 32 << 20

// push pushes a frame; one that is to come behind the reply of the client's own
// command is held meanwhile. c.mu is held.
func (c *Client) pushLocked(frame []byte, behind bool) {
	if !c.feed.running || !behind {
		c.t.Push(frame)
		return
	}
	if c.feed.heldBytes += len(frame); c.feed.heldBytes > maxHeld {
		c.t.Kill()
		return
	}
	c.feed.held = append(c.feed.held, frame)
}

// orderly says that the output must be orderly from now on for a reason, or need
// not be any more. It is called within Exec.
func (c *Client) orderly(why reason, on bool) {
	was := c.feed.why
	if on {
		c.feed.why |= why
	} else {
		c.feed.why &^= why
	}
	switch {
	case was == 0 && c.feed.why != 0:
		c.t.Private(false)
		c.mu.Lock()
		c.feed.running = true
		c.mu.Unlock()
	case was != 0 && c.feed.why == 0:
		c.t.Private(true)
	}
}

// beginOrderly is called before a command of a client whose output is orderly.
func (c *Client) beginOrderly() {
	c.mu.Lock()
	c.feed.running = true
	c.mu.Unlock()
}

// endOrderly pushes the reply of a command, and what was held for it. It returns
// dst without the reply.
func (c *Client) endOrderly(dst []byte, start int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(dst) > start {
		c.t.Push(dst[start:])
	}
	c.releaseLocked()
	return dst[:min(start, len(dst))]
}

// releaseLocked pushes what was held.
func (c *Client) releaseLocked() {
	c.feed.running, c.feed.confirming = false, false
	for _, frame := range c.feed.held {
		c.t.Push(frame)
	}
	c.feed.held, c.feed.heldBytes = nil, 0
}

// waits is called when a command begins to wait: nothing is held for one that may
// never answer. What it returns is called when the wait is over.
func (c *Client) waits() func() {
	if c.feed.why == 0 {
		return c.t.Waiting()
	}
	c.mu.Lock()
	c.releaseLocked()
	c.mu.Unlock()
	done := c.t.Waiting()
	return func() {
		done()
		c.beginOrderly()
	}
}

// A listener is a Client as the hub sees it.
type listener Client

// Receive pushes a message.
func (l *listener) Receive(m *pubsub.Message) {
	c := (*Client)(l)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushLocked(m.Frame(c.proto), c.feed.confirming)
}

// subscriber is what the client subscribes with.
func (c *Client) subscriber() *pubsub.Subscriber {
	s := c.feed.sub.Load()
	if s == nil {
		s = c.srv.hub.NewSubscriber((*listener)(c))
		c.feed.sub.Store(s)
	}
	return s
}

// subscriptions is how many channels, patterns and shard channels the client
// subscribes to.
func (c *Client) subscriptions() (n [3]int) {
	if s := c.feed.sub.Load(); s != nil {
		for k := range n {
			n[k] = s.Count(pubsub.Kind(k))
		}
	}
	return n
}

// heard is what the client subscribes to.
func (c *Client) heard() (subs acl.Subscriptions) {
	if s := c.feed.sub.Load(); s != nil {
		subs.Channels = append(s.Names(pubsub.Channel), s.Names(pubsub.Shard)...)
		subs.Patterns = s.Names(pubsub.Pattern)
	}
	return subs
}

// subscribes reports whether the client subscribes to anything.
func (c *Client) subscribes() bool { return c.subscriptions() != [3]int{} }

// isSubscriber keeps what depends on whether the client subscribes: its class, and the
// order of its output. It is called within Exec.
func (c *Client) isSubscriber(on bool) {
	c.orderly(subscribing, on)
	if from, to := uint32(classNormal), uint32(classPubSub); on && c.kind.CompareAndSwap(from, to) {
		c.t.Class(2)
	} else if !on && c.kind.CompareAndSwap(to, from) {
		c.tellClass()
	}
}

// tellClass has a client that does not subscribe be of the class of monitors, or an
// ordinary one. It is called within Exec.
func (c *Client) tellClass() {
	switch {
	case class(c.kind.Load()) != classNormal:
	case c.monitoring.Load():
		c.t.Class(3)
	default:
		c.t.Class(0)
	}
}

// confined reports whether the client may only run commands about its subscriptions:
// in RESP2 a reply could be taken for a message.
func (c *Client) confined() bool { return c.w.Proto != 3 && c.feed.why&subscribing != 0 }

// mayConfined refuses what a client that is confined may not run. EXEC runs
// whatever was queued.
func (c *Client) mayConfined(es *engine.Session, spec *engine.Spec) error {
	if !c.confined() || es.InTxn() {
		return nil
	}
	switch spec.Lower() {
	case "ping", "quit", "reset", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe":
		return nil
	}
	return engine.Error("ERR Can't execute '" + spec.Lower() +
		"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
}

// hangUp ends all that the client is told, from any goroutine, for good: it was
// killed, or has ended.
func (c *Client) hangUp() {
	if s := c.feed.sub.Load(); s != nil {
		s.Close()
	}
	c.srv.caches.disable(c, true)
	if c.monitoring.Load() {
		c.srv.monitors.drop(c)
	}
}

// resetFeed ends all that the client is told: RESET.
func (c *Client) resetFeed() {
	if s := c.feed.sub.Load(); s != nil {
		for k := range pubsub.Kind(3) {
			for _, name := range s.Names(k) {
				s.Unsubscribe(k, name, func() {})
			}
		}
		c.isSubscriber(false)
	}
	c.stopTracking(c.s)
}
