package redcon_server

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errOutputLimit = errors.New("redcon_server: the client does not read: output buffer limit")
	errStalled     = errors.New("redcon_server: the client does not read: no progress within the write timeout")
)

// An output is what a connection has to write. Writing never waits for the
// peer: the socket is tried once, and what it does not take is queued and
// written by a goroutine that lives while there is something in the queue. So
// a client may send its whole pipeline before it reads the first reply, and
// one that never reads costs at most its limit.
//
// Over TLS there are two: one under tls.Conn, for what is encrypted, and one
// above it, since encrypting is nothing to do under a publisher's locks.
type output struct {
	to      tryWriter
	wait    net.Conn // writes that wait; nil where to takes all there is
	limits  *atomic.Pointer[Limits]
	class   atomic.Int32
	noAuth  atomic.Bool // the client may run next to nothing: see limit
	kill    func()
	resized func() // told, under mu, that there is more to write, or nothing any more

	// What is queued, for others to read without mu.
	bytes, chunks atomic.Int64

	// What was written, ever: bytes that are no replica's, and how often. Both are stored under mu.
	written, writes atomic.Int64

	shared *flusher // who begins to write what was pushed; nil: a goroutine of its own

	mu      sync.Mutex  // guards following
	changed sync.Cond   // busy, size or err has changed
	queue   [][]byte    // chunks; the first is written up to first
	one     [1][]byte   // where queue lies while it is of one chunk
	small   *smallChunk // the chunk of the queue that is borrowed
	first   int
	size    int  // bytes in queue
	busy    bool // someone is writing, and will write what is queued meanwhile
	held    bool // a batch is being run, which flushes at its end
	err     error
	soft    time.Time // since when size has been past the soft limit
	pushed  time.Time // when something of the queue was last written to a connection that may be idle
}

func (o *output) init(to tryWriter, wait net.Conn, limits *atomic.Pointer[Limits], kill, resized func()) {
	o.to, o.wait, o.limits, o.kill, o.resized = to, wait, limits, kill, resized
	o.changed.L = &o.mu
}

// Push queues p, and has it written unless a batch is being run.
func (o *output) push(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil || len(p) == 0 {
		return
	}
	o.appendLocked(p)
	if !o.held {
		o.startLocked()
	}
}

// hold has pushes wait for the next send.
func (o *output) hold() {
	o.mu.Lock()
	o.held = true
	o.mu.Unlock()
}

// send writes what is queued, then p, as far as that goes without waiting.
// What remains is queued; p may be reused.
func (o *output) send(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = false
	switch {
	case o.err != nil:
		return
	case o.busy || o.size > 0:
		if len(p) > 0 {
			o.appendLocked(p)
		}
		if o.busy || o.err != nil {
			return
		}
		o.busy = true
	case len(p) == 0:
		return
	default:
		o.busy = true
		o.mu.Unlock()
		n, err := o.to.tryWrite(p)
		o.mu.Lock()
		o.countLocked(n)
		if err != nil {
			o.failLocked(err)
		} else if n < len(p) && o.err == nil {
			// Pushes may have come meanwhile: the rest goes before them.
			rest := append([]byte(nil), p[n:]...)
			o.queue = append(o.queue, nil)
			copy(o.queue[1:], o.queue)
			o.queue[0], o.first = rest[:len(rest):len(rest)], 0
			o.grewLocked(len(rest))
			if o.err == nil {
				go o.drain()
				return
			}
		}
	}
	for o.size > 0 && o.err == nil {
		if !o.tryLocked() && o.err == nil {
			go o.drain()
			return
		}
	}
	o.busy = false
	o.changed.Broadcast()
}

// tryLocked writes of the first chunk what goes without waiting, and says
// whether that was something. The lock is dropped meanwhile; busy keeps others
// from writing.
func (o *output) tryLocked() bool {
	b := o.queue[0][o.first:]
	o.mu.Unlock()
	n, err := o.to.tryWrite(b)
	o.mu.Lock()
	o.wroteLocked(n, err)
	return n > 0
}

func (o *output) wroteLocked(n int, err error) {
	o.countLocked(n)
	if n > 0 && o.class.Load() == classNormal {
		o.pushed = time.Now()
	}
	if o.err != nil {
		return
	}
	if err != nil {
		o.failLocked(err)
		return
	}
	o.first += n
	o.size -= n
	if chunk := o.queue[0]; o.first == len(chunk) { // else a push has grown it
		if o.small != nil && &chunk[0] == &o.small[0] {
			smallChunks.Put(o.small)
			o.small = nil
		}
		o.queue[0] = nil
		o.queue, o.first = o.queue[1:], 0
	}
	if o.size == 0 {
		o.queue, o.one[0] = nil, nil
	}
	o.showLocked()
	if o.size == 0 {
		o.resized()
	}
	if !o.soft.IsZero() && o.size <= o.limit().Soft {
		o.soft = time.Time{}
	}
}

// countLocked counts a write of n bytes. Those to a replica are counted by who sends them.
func (o *output) countLocked(n int) {
	if n == 0 {
		return
	}
	o.writes.Store(o.writes.Load() + 1)
	if o.class.Load() != classReplica {
		o.written.Store(o.written.Load() + int64(n))
	}
}

// lastPushed is when the client was last sent something that had been queued.
func (o *output) lastPushed() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pushed
}

// appendLocked copies p to the end of the queue. Chunks begin small, since
// most queues are one message long, the first one borrowed, and double to 16 KB.
func (o *output) appendLocked(p []byte) {
	size := len(p)
	room := 256
	if n := len(o.queue); n > 0 {
		last := o.queue[n-1]
		m := min(len(p), cap(last)-len(last))
		o.queue[n-1] = append(last, p[:m]...)
		p = p[m:]
		room = min(2*cap(last), 16<<10)
	} else if o.queue = o.one[:0]; len(p) <= len(smallChunk{}) && o.small == nil {
		o.small = smallChunks.Get().(*smallChunk)
		o.queue = append(o.queue, append(o.small[:0], p...))
		p = nil
	}
	if len(p) > 0 {
		o.queue = append(o.queue, append(make([]byte, 0, max(room, len(p))), p...))
	}
	o.grewLocked(size)
}

// grewLocked counts n bytes more and looks at the limits.
func (o *output) grewLocked(n int) {
	o.size += n
	o.showLocked()
	o.resized()
	l := o.limit()
	switch {
	case l.Hard > 0 && o.size > l.Hard:
		o.failLocked(errOutputLimit)
	case l.Soft > 0 && o.size > l.Soft:
		now := time.Now()
		if o.soft.IsZero() {
			o.soft = now
		} else if now.Sub(o.soft) > l.SoftFor {
			o.failLocked(errOutputLimit)
		}
	}
}

// noAuthOutput is how much may wait for a client that has yet to log in. It is
// answered errors of a line each, and a batch of them is half of this.
const noAuthOutput = 128 << 10

// limit is how much may wait.
func (o *output) limit() OutputLimit {
	l := o.limits.Load().output(o.class.Load())
	if o.noAuth.Load() && (l.Hard <= 0 || l.Hard > noAuthOutput) {
		l.Hard = noAuthOutput
	}
	return l
}

// failLocked ends the output and has the connection killed.
func (o *output) failLocked(err error) {
	if o.err == nil {
		o.dropLocked(err)
		o.kill()
	}
}

// startLocked has the queue written, unless someone does already.
func (o *output) startLocked() {
	if !o.busy && o.size > 0 && o.err == nil {
		o.busy = true
		if o.shared != nil {
			o.shared.add(o)
		} else {
			go o.drain()
		}
	}
}

// drain writes the queue and ends when it is empty.
func (o *output) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drainLocked()
	o.busy = false
	o.changed.Broadcast()
}

// stream writes what is queued, then p, and waits until the socket has taken it all:
// whoever has that much to say keeps to the pace of who listens. So p is no matter of
// the limits, and is not copied.
func (o *output) stream(p []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.busy && o.err == nil {
		o.changed.Wait()
	}
	if o.err != nil || len(p) == 0 {
		return o.err
	}
	o.busy = true
	if o.queue == nil {
		o.queue = o.one[:0]
	}
	o.queue = append(o.queue, p[:len(p):len(p)]) // pushes get a chunk of their own
	o.size += len(p)
	o.showLocked()
	o.drainLocked()
	o.one[0] = nil
	o.busy = false
	o.changed.Broadcast()
	return o.err
}

// settle waits until no more than n bytes are queued.
func (o *output) settle(n int) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && o.busy && o.size > n {
		o.changed.Wait()
	}
	return o.err
}

// drainLocked writes the queue; the caller has set busy.
func (o *output) drainLocked() {
	var until, progress time.Time // zero before the first wait
	for o.err == nil && o.size > 0 {
		if o.tryLocked() || o.err != nil {
			progress = time.Time{}
			continue
		}
		if o.wait == nil {
			o.failLocked(io.ErrShortWrite)
			break
		}
		if progress.IsZero() {
			progress = time.Now()
		}
		b := o.queue[0][o.first:]
		b = b[:min(len(b), 64<<10)]
		was := until
		until = o.untilLocked(progress)
		o.mu.Unlock()
		if until != was {
			_ = o.wait.SetWriteDeadline(until)
		}
		n, err := o.wait.Write(b)
		met := errors.Is(err, os.ErrDeadlineExceeded)
		if met {
			until = time.Time{} // or the next try would meet it too
			_ = o.wait.SetWriteDeadline(until)
		}
		o.mu.Lock()
		if n > 0 {
			progress = time.Time{}
		}
		if met {
			err = o.stalledLocked(progress)
		}
		o.wroteLocked(n, err)
	}
	if !until.IsZero() && o.err == nil {
		_ = o.wait.SetWriteDeadline(time.Time{})
	}
}

// untilLocked is when a write must be looked at if there has been no progress
// since progress.
func (o *output) untilLocked(progress time.Time) time.Time {
	l := o.limits.Load()
	var until time.Time
	if l.WriteTimeout > 0 {
		until = progress.Add(l.WriteTimeout)
	}
	if !o.soft.IsZero() {
		end := o.soft.Add(o.limit().SoftFor + 1)
		if until.IsZero() || end.Before(until) {
			until = end
		}
	}
	return until
}

// stalledLocked says why a write that met its deadline is given up, if it is.
func (o *output) stalledLocked(progress time.Time) error {
	l := o.limits.Load()
	if c := o.limit(); !o.soft.IsZero() && time.Since(o.soft) > c.SoftFor {
		return errOutputLimit
	}
	if l.WriteTimeout > 0 && !progress.IsZero() && time.Since(progress) >= l.WriteTimeout {
		return errStalled
	}
	return nil
}

// finish waits until all is written, or never will be.
func (o *output) finish() {
	o.send(nil)
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && (o.busy || o.size > 0) {
		o.changed.Wait()
	}
}

// drop ends the output, whatever is queued.
func (o *output) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropLocked(net.ErrClosed)
}

func (o *output) dropLocked(err error) {
	if o.err == nil {
		o.err = err
		o.queue, o.size, o.first = nil, 0, 0
		o.showLocked()
		o.small = nil // somebody may be writing it
		o.changed.Broadcast()
	}
}

// shut ends the output, and waits until nobody writes any more. What it waits for are
// writes to a closed connection.
func (o *output) shut() {
	o.drop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.busy {
		o.changed.Wait()
	}
}

// showLocked publishes what is queued.
func (o *output) showLocked() {
	o.bytes.Store(int64(o.size))
	o.chunks.Store(int64(len(o.queue)))
}

// queued is what is queued. It takes no lock.
func (o *output) queued() (bytes, chunks int) { return int(o.bytes.Load()), int(o.chunks.Load()) }

func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
