package redcon_server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/resp"
)

// The token is the one command that redcon ever reads. Its 16 bytes divide
// redcon's read buffer of 4096, so that none is cut in two: redcon would grow
// its buffer for it.
const token = "*1\r\n$6\r\nlarder\r\n"

// A door is one connection: it owns the bytes, and is the Transport of the
// larder connection. Where nothing else is said its methods run in the
// connection's own goroutine, which is that of the lane that serves it or, at
// rest, one that only waits.
type door struct {
	srv  *Server
	sock *socket   // the lowest layer
	tls  *tls.Conn // nil without TLS
	top  net.Conn  // sock or tls: what the door reads from

	conn   conn // nil before begin
	ctx    context.Context
	cancel context.CancelFunc

	// over says that the connection is to end without another byte: it was
	// killed, or has ended by itself. Whoever sets it closes the socket; Kill
	// does that aside, and closes killed when it is done.
	over   atomic.Bool
	killed chan struct{}

	closing  bool // write what there is, then end
	left     bool // the larder connection has been closed
	finished bool
	gone     error // reading failed: the client is gone, or was silent too long
	ready    atomic.Bool

	// What was read: in.b[start:end] is not yet run.
	in         *buffer
	start, end int
	parser     resp.Parser
	words      [][]byte // the next command
	bad        error    // or what is wrong with it
	reads      int      // reads in a row that did not have to wait
	ran        int      // commands of the batch
	turns      uint8    // see giveWay
	timed      bool     // a read deadline may be set
	idleUntil  time.Time
	idleFrom   time.Time     // when the client was last sent something, if that is what it is idle from
	since      atomic.Int64  // the tick at which it began to wait, 0 if it does not, or toRest
	query      atomic.Uint64 // what Buffers shows: used<<32 | free
	bytesIn    atomic.Int64  // read, ever; whoever reads stores it
	readsIn    atomic.Int64  // how often that was

	// While a command waits, and readOn reads.
	waiting  bool
	stopRead atomic.Bool
	ended    chan struct{}

	// What was answered: dst[sent:] is not yet in output; the command that is
	// running appends after done.
	out        *buffer
	dst        []byte
	sent, done int
	direct     bool         // each command's reply goes to output at its end
	shown      int          // what unsent is
	unsent     atomic.Int64 // about the length of dst[sent:] where that is a lot, for others to read

	output  output  // above TLS, where there is TLS
	crypted *output // under TLS, else nil
}

func newDoor(s *Server, c net.Conn, config *tls.Config) *door {
	d := &door{srv: s, sock: newSocket(c), killed: make(chan struct{})}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.output.shared = &s.flusher
	if config == nil {
		d.top = d.sock
		d.output.init(d.sock, d.sock, &s.limits, d.Kill, d.resized)
		return d
	}
	d.crypted = new(output)
	d.crypted.init(d.sock, d.sock, &s.limits, d.Kill, d.resized)
	d.tls = tls.Server(underTLS{d.sock, d.crypted}, config)
	d.top = d.tls
	d.output.init(overTLS{d}, nil, &s.limits, d.Kill, d.resized)
	return d
}

// underTLS is what tls.Conn writes to.
type underTLS struct {
	net.Conn
	o *output
}

func (u underTLS) Write(p []byte) (int, error) {
	u.o.send(p)
	return len(p), u.o.failed()
}

// SetWriteDeadline does nothing. Writes do not wait here, and tls.Conn, when it
// says goodbye, sets one in the past: what is still queued would not be sent.
func (u underTLS) SetWriteDeadline(time.Time) error { return nil }

func (u underTLS) SetDeadline(t time.Time) error { return u.SetReadDeadline(t) }

// overTLS is how the output writes to tls.Conn, which takes all there is.
type overTLS struct{ d *door }

func (o overTLS) tryWrite(p []byte) (int, error) { return o.d.tls.Write(p) }

// begin makes the larder connection, behind the handshake. False ends the
// connection.
func (d *door) begin() bool {
	l := d.srv.limits.Load()
	if d.tls != nil {
		_ = d.sock.SetReadDeadline(time.Now().Add(l.HandshakeTimeout))
		if d.over.Load() {
			return false
		}
		if err := d.tls.HandshakeContext(d.ctx); err != nil {
			d.srv.log.Info("TLS handshake failed", "remote", d.remote(), "error", err)
			d.closing = true // an alert may be on its way
			return false
		}
		_ = d.sock.SetReadDeadline(time.Time{})
	}
	d.conn = d.srv.newConn((*transport)(d))
	d.ready.Store(true)
	if !l.Unprotected && d.conn.Authenticated() && !local(d.sock.RemoteAddr()) {
		d.refuse(deniedText)
		return false
	}
	return true
}

const deniedText = "DENIED This server runs in protected mode: no password is set, so it serves only clients on its own " +
	"machine. Set a password for the default user, or, if everyone who can reach this port may read and change the data, " +
	"turn protected mode off."

func local(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return !ok || t.IP.IsLoopback()
}

// refuse answers an error of the door's own, and ends the connection.
func (d *door) refuse(text string) {
	w := resp.Reply{}
	w.Err(text)
	d.output.send(w.Buf)
	d.closing = true
}

// toRest as a door's since asks it to come to rest: the server's tick has it.
const toRest = -1

// heard is what came of listening.
type heard uint8

const (
	hasCommands heard = iota // next has found one
	isSilent                 // there has been nothing to hear for a while
	hasEnded                 // the connection, and all is cleaned up
)

// listen waits until there are commands to run.
func (d *door) listen() (h heard) {
	defer func() {
		if v := recover(); v != nil {
			d.panicked(v)
			d.finish()
			h = hasEnded
		}
	}()
	if d.conn != nil || d.begin() {
		for !d.closing && d.gone == nil && !d.over.Load() {
			if d.start < d.end && d.next() {
				return hasCommands
			}
			d.fill()
			if d.since.Load() != 0 && d.since.Swap(0) == toRest {
				if d.timed = true; d.start == d.end && d.gone == nil && !d.over.Load() {
					return isSilent
				}
			}
		}
	}
	d.finish()
	return hasEnded
}

// next finds the next command in what was read, or what is wrong with it.
func (d *door) next() bool {
	if no := !d.conn.Authenticated(); no != d.parser.Unauthenticated {
		d.parser.Unauthenticated = no
		d.output.noAuth.Store(no)
		if d.crypted != nil {
			d.crypted.noAuth.Store(no)
		}
	}
	words, n, err := d.parser.Next(d.in.b[d.start:d.end])
	d.start += n
	d.words, d.bad = words, err
	return words != nil || err != nil
}

// fill reads what has come, waiting for it if need be.
func (d *door) fill() {
	l := d.srv.limits.Load()
	d.parser.MaxBulk, d.parser.MaxArgs = l.MaxBulk, l.MaxArgs
	if d.end-d.start > l.QueryBuffer {
		d.srv.log.Info("closing a client that reached the query buffer limit", "remote", d.remote(), "bytes", d.end-d.start)
		d.gone = io.ErrShortBuffer
		return
	}
	// A client that always has more to say must let others speak.
	if d.reads++; d.reads > 4 {
		d.reads = 0
		runtime.Gosched()
	}
	if idle := l.Timeout > 0 && d.output.class.Load() == classNormal; idle || d.timed {
		d.idleUntil = time.Time{}
		if d.timed = idle; idle {
			from := d.idleFrom
			if from.IsZero() {
				from = time.Now()
			}
			d.idleUntil = from.Add(l.Timeout)
		}
		d.idleFrom = time.Time{}
		_ = d.sock.SetReadDeadline(d.idleUntil)
		if d.over.Load() {
			return
		}
	}
	var n int
	var err error
	begun := false // one byte came, and the rest comes with the next read
	switch {
	case d.tls == nil && d.sock.late():
		n, err = d.sock.readLate(d)
	case d.start == d.end:
		d.leaveRoom()
		n, err = readLate(d.top, d)
		begun = n > 0
	default:
		n, err = d.top.Read(d.takeRoom())
	}
	d.end += n
	d.query.Store(d.queryNow())
	d.grew()
	if err == nil && n == 0 {
		err = io.EOF
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		d.countRead(n, !begun)
	} else if d.idleUntil.IsZero() || time.Now().Before(d.idleUntil) {
		err, d.timed = nil, true // wake, not time: look at the limits again
	} else if at := d.output.lastPushed(); time.Since(at) < l.Timeout {
		err, d.timed, d.idleFrom = nil, true, at // who is told something is not idle
	}
	d.gone = err
}

// countRead counts n bytes, and a read unless the bytes are but a part of one.
func (d *door) countRead(n int, whole bool) {
	d.bytesIn.Store(d.bytesIn.Load() + int64(n))
	if whole {
		d.readsIn.Store(d.readsIn.Load() + 1)
	}
}

// wake has an idle connection look at limits that have changed.
func (d *door) wake() {
	if d.ready.Load() {
		_ = d.sock.SetReadDeadline(time.Unix(1, 0))
	}
}

// grew has the larder connection look at the buffers, which more was read into.
func (d *door) grew() {
	if d.ready.Load() {
		d.conn.Grew(false)
	}
}

// resized does so when there is more to write, under the lock of an output and perhaps of
// a publisher, or when a buffer was given back.
func (d *door) resized() {
	if d.ready.Load() {
		d.conn.Grew(true)
	}
}

func (d *door) queryNow() uint64 {
	if d.in == nil {
		return 0
	}
	return uint64(d.end-d.start)<<32 | uint64(uint32(len(d.in.b)-d.end))
}

// takeRoom returns where to read into, at least a byte. A buffer doubles, so it
// is never more than twice what has come, whatever was announced.
func (d *door) takeRoom() []byte {
	used := d.end - d.start
	if d.in == nil {
		d.in, d.start, d.end = newReadBuffer(readSize), 0, 0
		return d.in.b
	}
	if used == 0 {
		d.start, d.end = 0, 0
	}
	need := d.parser.Need()
	size := len(d.in.b)
	switch {
	case size > readSize && used < readSize/2 && need < readSize/2:
		d.moveTo(newReadBuffer(readSize)) // a long command is done with
	case d.start > 0 && size-d.end < readSize/4 && used <= size/2:
		copy(d.in.b, d.in.b[d.start:d.end])
		d.start, d.end = 0, used
	case d.end == size:
		size = d.doubled()
		if size > readMax && need+readSize < size {
			size = max(need, used) + readSize
		}
		d.moveTo(newReadBuffer(size))
	}
	return d.in.b[d.end:]
}

// doubled is the size of the next buffer: no more than the query limit asks
// for, or than an int holds where it has 32 bits.
func (d *door) doubled() int {
	return int(min(2*int64(len(d.in.b)), int64(d.srv.limits.Load().QueryBuffer)+readSize, math.MaxInt-64))
}

func (d *door) moveTo(b *buffer) {
	used := copy(b.b, d.in.b[d.start:d.end])
	if !d.waiting { // else the words of the command that waits are there
		d.in.free()
	}
	d.in, d.start, d.end = b, 0, used
}

// leaveRoom gives the buffer back when there is nothing in it, before a wait.
func (d *door) leaveRoom() {
	d.reads = 0
	d.since.Store(d.srv.ticks.Load())
	if d.in != nil && d.start == d.end {
		d.in.free()
		d.in, d.start, d.end = nil, 0, 0
		d.parser.Release()
		d.words = nil
		d.query.Store(0)
		d.resized()
	}
}

// run runs the commands that were read. endBatch comes after it.
func (d *door) run() {
	defer func() {
		if v := recover(); v != nil {
			d.panicked(v)
		}
	}()
	if d.out == nil {
		d.out = outPool.Get().(*buffer)
		d.dst = d.out.b[:0]
	}
	if d.direct {
		d.output.hold()
	}
	d.conn.Batch(true)
	defer d.conn.Batch(false)
	for d.ran = 0; !d.over.Load() && d.gone == nil; {
		if d.bad != nil {
			d.srv.log.Debug("protocol error", "remote", d.remote(), "error", d.bad)
			w := resp.Reply{Buf: d.dst}
			w.Err("ERR " + d.bad.Error())
			d.dst = w.Buf
			d.closing = true
			return
		}
		d.done = len(d.dst)
		d.dst = d.conn.Exec(d.dst, d.words)
		d.ran++
		if n := len(d.dst) - d.sent; n-d.shown >= showAt {
			d.show(n)
		}
		if d.direct {
			d.show(0)
			d.output.push(d.dst[d.sent:])
			d.dst, d.sent = d.dst[:0], 0
		}
		if d.conn.Closing() {
			d.closing = true
			return
		}
		if len(d.dst)-d.sent >= flushAt {
			d.flush()
			d.conn.Batch(true)
		}
		if d.start == d.end || !d.next() {
			return
		}
	}
}

// endBatch writes what there is to say, and gives its buffer back. When a client reads
// the reply to its QUIT it is there no more for anybody else either.
func (d *door) endBatch() {
	turns := d.ran >= turnsFrom && !d.closing && !d.direct
	if d.closing {
		d.leave()
	} else if turns {
		d.show(len(d.dst) - d.sent)
		d.resized()
		d.giveWay()
	}
	d.flush()
	if d.out != nil {
		d.out.b = d.dst
		if cap(d.dst) <= outRetain {
			outPool.Put(d.out)
		}
		d.out, d.dst = nil, nil
	}
	if turns {
		d.giveWay()
	}
}

// show publishes that n bytes of replies are not in the output yet.
func (d *door) show(n int) {
	if n != d.shown {
		d.shown = n
		d.unsent.Store(int64(n))
	}
}

func (d *door) flush() {
	d.show(0)
	if !d.over.Load() { // who was killed hears nothing more
		d.output.send(d.dst[d.sent:])
	}
	d.dst, d.sent, d.done = d.dst[:0], 0, 0
}

// panicked keeps a bug from ending the process. The engine answers for the
// panics of its commands; this is the rest.
func (d *door) panicked(v any) {
	d.srv.log.Error("panic in a connection", "remote", d.remote(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	d.dst = d.dst[:min(d.done, len(d.dst))]
	if d.out != nil {
		d.dst = append(d.dst, "-ERR internal error\r\n"...)
	}
	d.closing = true
	d.stopReading()
}

// Kill ends the connection from any goroutine, and waits for nothing. What is still to be
// written goes at once, and not only when the connection's goroutine has its next turn: of
// those that are killed because of their memory there may be many.
func (d *door) Kill() {
	if d.over.Swap(true) {
		return
	}
	d.cancel()
	go func() {
		defer close(d.killed)
		d.output.drop()
		if d.crypted != nil {
			d.crypted.drop()
		}
		_ = d.sock.Close() // may wait for a reader to wake
	}()
}

// finish cleans up, once. When it returns no goroutine of the connection's is
// left but the one it runs in.
func (d *door) finish() {
	if d.finished {
		return
	}
	d.finished = true
	d.leave()
	if d.closing && !d.over.Load() {
		d.output.finish()
		if d.tls != nil {
			_ = d.tls.CloseWrite()
			d.crypted.finish()
		}
		d.linger()
	}
	if d.over.Swap(true) {
		<-d.killed
	} else {
		d.cancel()
		_ = d.sock.Close()
	}
	d.output.shut()
	if d.tls != nil {
		d.crypted.shut()
	}
	d.start, d.end = 0, 0
	d.leaveRoom()
	d.srv.forget(d)
}

// leave ends the larder connection, once.
func (d *door) leave() {
	if d.left {
		return
	}
	d.left = true
	defer d.srv.left(d)
	if d.conn != nil {
		defer func() {
			if v := recover(); v != nil {
				d.panicked(v)
			}
		}()
		d.conn.Close()
	}
}

// linger lets the client read its last replies. Closing a socket on which
// there is something unread resets it, and a reset takes from the client what
// it has not read yet: so everything is read first, for a while.
func (d *door) linger() {
	if !d.sock.closeWrite() {
		return
	}
	_ = d.sock.SetReadDeadline(time.Now().Add(time.Second))
	d.start, d.end = 0, 0
	b := d.takeRoom()
	for n := 0; n < 4<<20 && !d.over.Load(); {
		m, err := d.sock.Read(b)
		if err != nil {
			return
		}
		n += m
	}
}

func (d *door) remote() string { return (*transport)(d).RemoteAddr() }

// A transport is the door as the larder connection sees it.
type transport door

func (t *transport) Push(frame []byte)        { t.output.push(frame) }
func (t *transport) Context() context.Context { return t.ctx }
func (t *transport) Kill()                    { (*door)(t).Kill() }

func (t *transport) Class(class int) {
	t.output.class.Store(int32(class))
	if class == classReplica && t.srv.limits.Load().DelayReplicas {
		if tcp, ok := t.sock.Conn.(*net.TCPConn); ok {
			_ = tcp.SetNoDelay(false)
		}
	}
}

// Stream is for one who has data without end: see larder.Streamer.
func (t *transport) Stream(p []byte) error {
	err := t.output.stream(p)
	if err == nil && t.tls != nil { // which has taken it all, into the other queue
		err = t.crypted.settle(streamAhead)
	}
	return err
}

// streamAhead is how many encrypted bytes of a stream may wait.
const streamAhead = 128 << 10

func (t *transport) Private(private bool) {
	if !private && !t.direct {
		(*door)(t).show(0)
		t.output.hold()
		t.output.push(t.dst[t.sent:t.done])
		t.sent = t.done
	}
	t.direct = !private
}

func (t *transport) RemoteAddr() string { return show(t.sock.RemoteAddr(), t.sock.LocalAddr()) }
func (t *transport) LocalAddr() string  { return show(t.sock.LocalAddr(), t.sock.LocalAddr()) }

// show is an address as CLIENT LIST has it. Both ends of a unix socket have
// the name of the server's.
func show(a, server net.Addr) string {
	if a.Network() == "unix" {
		return server.String() + ":0"
	}
	return a.String()
}

func (t *transport) Buffers() Buffers {
	q := t.query.Load()
	b := Buffers{QueryUsed: int(q >> 32), QueryFree: int(uint32(q)), OutputFixed: int(t.unsent.Load())}
	b.OutputQueued, b.OutputChunks = t.output.queued()
	if t.tls != nil {
		bytes, chunks := t.crypted.queued()
		b.OutputQueued += bytes
		b.OutputChunks += chunks
	}
	return b
}

func (t *transport) Waiting() (done func()) {
	d := (*door)(t)
	d.show(0)
	d.output.send(d.dst[d.sent:d.done])
	d.sent = d.done
	if d.over.Load() || d.waiting || d.gone != nil {
		return func() {}
	}
	d.waiting = true
	d.stopRead.Store(false)
	d.ended = make(chan struct{})
	_ = d.sock.SetReadDeadline(time.Time{}) // a client that waits is not idle
	go d.readOn()
	return d.stopReading
}

// stopReading ends readOn, if it was begun.
func (d *door) stopReading() {
	if !d.waiting {
		return
	}
	d.stopRead.Store(true)
	_ = d.sock.SetReadDeadline(time.Unix(1, 0))
	<-d.ended
	d.waiting, d.timed = false, true // and fill lifts the deadline
	if d.direct {
		d.output.hold()
	}
}

// readOn reads behind the command that waits, in a goroutine of its own. It
// touches only what the waiting one leaves alone: in, end, gone. What comes
// past the query limit it leaves to the socket.
func (d *door) readOn() {
	defer close(d.ended)
	for d.end-d.start < d.srv.limits.Load().QueryBuffer {
		if d.end == len(d.in.b) {
			d.moveTo(newReadBuffer(d.doubled()))
		}
		n, err := d.top.Read(d.in.b[d.end:])
		d.end += n
		d.query.Store(d.queryNow())
		d.grew()
		if n > 0 {
			d.countRead(n, true)
		}
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			d.gone = err
			d.cancel()
			return
		default: // stopReading, or wake
			_ = d.sock.SetReadDeadline(time.Time{})
			if d.stopRead.Load() {
				return
			}
		}
	}
}
