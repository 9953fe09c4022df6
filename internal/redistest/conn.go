package redistest

import (
	"bufio"
	"net"
	"strconv"
	"testing"
	"time"
)

// replyTimeout bounds the wait for a reply. It is long because a loaded machine is slow, and costs nothing while
// replies come.
const replyTimeout = 15 * time.Second

// A Client executes commands, one after the other. Do answers a Value of kind Closed when the connection has ended.
type Client interface {
	Do(words ...string) Value
	Close()
}

// An AsyncClient can also send without waiting, and be sent what it did not ask for. The runner gives a Client that
// is not one a goroutine of its own, which will do for everything but pushes.
type AsyncClient interface {
	Client
	Send(words ...string)
	// Receive answers the next value that has not been answered by Do, pushes included, and one of kind Timeout when
	// none comes in time.
	Receive(timeout time.Duration) Value
}

// A Conn is a client on a connection. It is for one goroutine.
type Conn struct {
	nc      net.Conn
	arrived chan Value // closed after the last
	pushed  []Value    // pushes that Do has met
}

// Dial connects to a server; the protocol is RESP2 until a HELLO.
func Dial(t testing.TB, addr string) *Conn {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr, replyTimeout)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	return NewConn(nc)
}

// NewConn makes a client of a connection, and owns it from then on.
func NewConn(nc net.Conn) *Conn {
	c := &Conn{nc: nc, arrived: make(chan Value, 1024)}
	go func() {
		defer close(c.arrived)
		r := bufio.NewReader(nc)
		for {
			v, err := ReadValue(r)
			if err != nil {
				return
			}
			c.arrived <- v
		}
	}()
	return c
}

// Send writes a command and does not wait. An error shows at the next Receive, as the connection's end.
func (c *Conn) Send(words ...string) {
	_ = c.nc.SetWriteDeadline(time.Now().Add(replyTimeout))
	_, _ = c.nc.Write(appendCommand(nil, words))
}

// Do sends a command and awaits its reply. Pushes that arrive before it are kept for Receive.
func (c *Conn) Do(words ...string) Value {
	c.Send(words...)
	for {
		v := c.next(replyTimeout)
		if v.Kind != Push {
			return v
		}
		c.pushed = append(c.pushed, v)
	}
}

// Receive is the next value, whether a reply or a push.
func (c *Conn) Receive(timeout time.Duration) Value {
	if len(c.pushed) > 0 {
		v := c.pushed[0]
		c.pushed = c.pushed[1:]
		return v
	}
	return c.next(timeout)
}

func (c *Conn) next(timeout time.Duration) Value {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case v, ok := <-c.arrived:
		if !ok {
			return Value{Kind: Closed}
		}
		return v
	case <-timer.C:
		return Value{Kind: Timeout}
	}
}

// Pending tells whether Receive would answer at once.
func (c *Conn) Pending() bool { return len(c.pushed)+len(c.arrived) > 0 }

// Close ends the connection.
func (c *Conn) Close() { _ = c.nc.Close() }

func appendCommand(b []byte, words []string) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(words)), 10)
	b = append(b, '\r', '\n')
	for _, w := range words {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(w)), 10)
		b = append(b, '\r', '\n')
		b = append(b, w...)
		b = append(b, '\r', '\n')
	}
	return b
}

// asyncDo gives a Client that can only Do the rest of an AsyncClient: a goroutine executes what was sent, in order.
type asyncDo struct {
	Client
	work    chan []string
	arrived chan Value
}

func newAsyncDo(c Client) *asyncDo {
	a := &asyncDo{Client: c, work: make(chan []string, 1024), arrived: make(chan Value, 1024)}
	go func() {
		for words := range a.work {
			a.arrived <- c.Do(words...)
		}
	}()
	return a
}

func (a *asyncDo) Send(words ...string) { a.work <- words }

func (a *asyncDo) Do(words ...string) Value {
	a.Send(words...)
	return a.Receive(replyTimeout)
}

func (a *asyncDo) Receive(timeout time.Duration) Value {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case v := <-a.arrived:
		return v
	case <-timer.C:
		return Value{Kind: Timeout}
	}
}

func (a *asyncDo) Pending() bool { return len(a.arrived) > 0 }

func (a *asyncDo) Close() {
	close(a.work)
	a.Client.Close()
}
