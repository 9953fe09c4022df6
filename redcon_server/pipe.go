package redcon_server

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeBuffer is how much one side may write before the other reads, about what
// a socket takes. net.Pipe takes nothing: a client that writes a pipeline of
// commands before it reads deadlocks on it.
const pipeBuffer = 64 << 10

// newPipe returns the two ends of a connection in memory, the client's and the
// server's. They wait on sync.Cond only, so that time moves in a
// testing/synctest bubble.
func newPipe(client, server net.Addr) (*pipeConn, *pipeConn) {
	up, down := newHalf(), newHalf()
	return &pipeConn{r: down, w: up, local: client, remote: server}, &pipeConn{r: up, w: down, local: server, remote: client}
}

// pipeAddr is the address of an end of a connection in memory.
type pipeAddr string

func (pipeAddr) Network() string  { return "memory" }
func (a pipeAddr) String() string { return string(a) }

type pipeConn struct {
	r, w          *half
	local, remote net.Addr
}

func (c *pipeConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return c.r.read(p, nil)
}

func (c *pipeConn) Write(p []byte) (int, error)    { return c.w.write(p, true) }
func (c *pipeConn) tryWrite(p []byte) (int, error) { return c.w.write(p, false) }

func (c *pipeConn) readLate(r roomer) (int, error) { return c.r.read(nil, r) }

func (c *pipeConn) Close() error {
	c.r.close(net.ErrClosed, io.ErrClosedPipe)
	c.w.close(io.EOF, net.ErrClosed)
	return nil
}

// CloseWrite has the other end read what is left, and then io.EOF.
func (c *pipeConn) CloseWrite() error {
	c.w.close(io.EOF, net.ErrClosed)
	return nil
}

func (c *pipeConn) LocalAddr() net.Addr  { return c.local }
func (c *pipeConn) RemoteAddr() net.Addr { return c.remote }

func (c *pipeConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *pipeConn) SetReadDeadline(t time.Time) error  { return c.r.setDeadline(&c.r.reader, t) }
func (c *pipeConn) SetWriteDeadline(t time.Time) error { return c.w.setDeadline(&c.w.writer, t) }

// A half is one direction: a ring of bytes that grows to pipeBuffer, and is
// given up when it is empty and was big.
type half struct {
	mu      sync.Mutex // guards following
	changed sync.Cond
	ring    []byte
	from, n int // the n bytes from from on, around the end

	reader, writer   deadline
	readErr, sendErr error // once it is closed; a reader whose peer closed first gets what is left
	readShut         bool  // the reader's end itself is closed
}

type deadline struct {
	timer  *time.Timer
	passed bool
}

func newHalf() *half {
	h := new(half)
	h.changed.L = &h.mu
	return h
}

// read waits until there are bytes and copies them to p, or to r's room, which
// it has not while it waits.
func (h *half) read(p []byte, r roomer) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readShut:
			return 0, h.readErr
		case h.reader.passed:
			return 0, os.ErrDeadlineExceeded
		case h.n > 0:
			if r != nil {
				p = r.takeRoom()
			}
			for n < len(p) && h.n > 0 {
				m := copy(p[n:], h.ring[h.from:min(h.from+h.n, len(h.ring))])
				h.from, h.n, n = (h.from+m)%len(h.ring), h.n-m, n+m
			}
			if h.n == 0 && len(h.ring) > 4<<10 {
				h.ring, h.from = nil, 0
			}
			h.changed.Broadcast()
			return n, nil
		case h.readErr != nil:
			return 0, h.readErr
		}
		if r != nil {
			r.leaveRoom()
		}
		h.changed.Wait()
	}
}

func (h *half) write(p []byte, wait bool) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.sendErr != nil:
			return n, h.sendErr
		case h.writer.passed:
			return n, os.ErrDeadlineExceeded
		}
		if need := min(h.n+len(p)-n, pipeBuffer); need > len(h.ring) {
			h.growLocked(need)
		}
		for n < len(p) && h.n < len(h.ring) {
			to := (h.from + h.n) % len(h.ring)
			m := copy(h.ring[to:min(to+len(h.ring)-h.n, len(h.ring))], p[n:])
			h.n, n = h.n+m, n+m
			h.changed.Broadcast()
		}
		if n == len(p) || !wait {
			return n, nil
		}
		h.changed.Wait()
	}
}

func (h *half) growLocked(need int) {
	size := max(512, len(h.ring))
	for size < need {
		size *= 2
	}
	ring := make([]byte, size)
	for i := 0; i < h.n; {
		i += copy(ring[i:h.n], h.ring[(h.from+i)%len(h.ring):])
	}
	h.ring, h.from = ring, 0
}

// close ends one side's use. With net.ErrClosed for the reader it is the
// reader that closes, and nothing is left to read.
func (h *half) close(readErr, sendErr error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if readErr == net.ErrClosed {
		h.readShut, h.readErr, h.ring, h.n, h.from = true, readErr, nil, 0, 0
	} else if h.readErr == nil {
		h.readErr = readErr
	}
	if h.sendErr == nil {
		h.sendErr = sendErr
	}
	h.changed.Broadcast()
	for _, d := range []*deadline{&h.reader, &h.writer} {
		if d.timer != nil && (h.readShut || d == &h.writer) {
			d.timer.Stop()
		}
	}
}

func (h *half) setDeadline(d *deadline, t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.passed = !t.IsZero() && !time.Now().Before(t)
	if !t.IsZero() && !d.passed && !h.readShut {
		var timer *time.Timer
		timer = time.AfterFunc(time.Until(t), func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if d.timer == timer { // not set anew meanwhile
				d.passed = true
				h.changed.Broadcast()
			}
		})
		d.timer = timer
	}
	h.changed.Broadcast()
	return nil
}
