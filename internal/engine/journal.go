package engine

import (
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// An Effect is what a write did to a key: a keyspace event and, unless another
// key's effect tells them, the words that give the same result whenever they
// are run again.
type Effect struct {
	DB    int
	Class byte   // keyspace-notification class: '$' string, 'g' generic, 'x' expired ...
	Event string // "set", "expired"
	Key   string
	Raw   []byte // the effect as a RESP command; empty if another effect tells it
}

// An event is an Effect while its batch still grows.
type event struct {
	db       int
	class    byte
	name     string
	key      string
	from, to int // of the batch
}

// A Subscriber receives the effects of each transaction, whole and in order.
// It is for what must precede the reply: notifications, tracking.
//
// Effects is called with shards and the journal locked: it may append to a
// bounded queue, must not keep the slice, and must not call the engine. end is
// the journal's offset behind the batch.
type Subscriber interface {
	Effects(end int64, batch []Effect)
}

// A journal is the one order of all changes. Transactions that share no shard
// commit side by side until they append; the order in which they do is then the
// order for everyone. It is a ring: tails read it at their own pace, and one
// that is a whole ring behind has lost its place.
//
//	offset   counts the bytes since the journal began
//	batch    the effects of one transaction, in MULTI and EXEC if two or more
//	tail     a position from which somebody reads on
//
// Invariant: the byte at offset o, for the last size offsets before end, is
// ring[o%size].
type journal struct {
	subs atomic.Pointer[[]Subscriber] // replaced with all shards held
	size int

	mu     sync.Mutex // guards following
	ring   []byte
	end    int64 // offset behind the last byte
	db     int   // selected by the bytes so far; -1 after a tail began
	wake   chan struct{}
	sleeps bool // somebody waits for wake
	closed bool
	buf    []byte
	batch  []Effect
}

func (j *journal) init(size int) {
	if size == 0 {
		size = 1 << 20
	}
	j.size, j.db, j.wake = size, -1, make(chan struct{})
}

func (j *journal) hasSubs() bool { return j.subs.Load() != nil }

// append adds the batch of t, whose shards are held.
func (j *journal) append(t *Txn) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.effects != 0 && j.ring != nil {
		j.buf = j.buf[:0]
		if j.db != t.firstDB {
			j.buf = AppendCommand(j.buf, "SELECT", strconv.Itoa(t.firstDB))
		}
		j.db = t.lastDB
		if t.effects > 1 {
			j.buf = AppendCommand(j.buf, "MULTI")
			j.write(j.buf)
			j.write(t.batch)
			j.buf = AppendCommand(j.buf[:0], "EXEC")
			j.write(j.buf)
		} else {
			j.write(j.buf)
			j.write(t.batch)
		}
		t.end = j.end
		if j.sleeps {
			close(j.wake)
			j.wake, j.sleeps = make(chan struct{}), false
		}
	}
	if subs := j.subs.Load(); subs != nil && len(t.events) != 0 {
		j.batch = j.batch[:0]
		for i := range t.events {
			ev := &t.events[i]
			j.batch = append(j.batch, Effect{ev.db, ev.class, ev.name, ev.key, t.batch[ev.from:ev.to]})
		}
		for _, s := range *subs {
			s.Effects(j.end, j.batch)
		}
		clear(j.batch)
	}
}

func (j *journal) write(b []byte) {
	skip := max(0, len(b)-j.size)
	j.end += int64(skip)
	for b = b[skip:]; len(b) > 0; {
		n := copy(j.ring[j.end%int64(j.size):], b)
		j.end, b = j.end+int64(n), b[n:]
	}
}

// follow returns a tail at the end. All shards are held.
func (j *journal) follow() *Tail {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ring == nil {
		j.ring = make([]byte, j.size)
	}
	j.db = -1 // so that the new tail, too, is told the database
	return &Tail{j: j, pos: j.end}
}

// close lets every tail end behind what the journal holds now.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	close(j.wake)
	j.wake, j.sleeps = make(chan struct{}), false
}

// A Tail reads the journal, from a position on, as RESP commands. It implements
// io.Reader, for one goroutine.
type Tail struct {
	j   *journal
	pos int64 // guarded by j.mu, as what follows
	eof bool
}

// Read waits for effects and copies them to p. After Close, of the tail or of
// the engine, it returns io.EOF behind the last of them, and ErrFellBehind if
// they are gone from the ring.
func (t *Tail) Read(p []byte) (n int, err error) {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	for t.pos == j.end {
		if t.eof || j.closed {
			return 0, io.EOF
		}
		wake := j.wake
		j.sleeps = true
		j.mu.Unlock()
		<-wake
		j.mu.Lock()
	}
	if j.end-t.pos > int64(j.size) {
		return 0, ErrFellBehind
	}
	for n < len(p) && t.pos < j.end {
		from := t.pos % int64(j.size)
		m := copy(p[n:], j.ring[from:min(int64(j.size), from+j.end-t.pos)])
		n, t.pos = n+m, t.pos+int64(m)
	}
	return n, nil
}

// Offset returns the position up to which the tail was read.
func (t *Tail) Offset() int64 {
	t.j.mu.Lock()
	defer t.j.mu.Unlock()
	return t.pos
}

// Close lets Read end behind what the journal holds now.
func (t *Tail) Close() error {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.eof {
		return nil
	}
	t.eof = true
	close(j.wake)
	j.wake, j.sleeps = make(chan struct{}), false
	return nil
}

// Offset is the journal's offset behind its last byte.
func (e *Engine) Offset() int64 {
	e.journal.mu.Lock()
	defer e.journal.mu.Unlock()
	return e.journal.end
}

// Follow takes a snapshot and returns, from the same instant on, a tail of the
// journal: the state, and all that follows it.
func (e *Engine) Follow() (*Snapshot, *Tail, error) {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return nil, nil, err
	}
	defer e.unlock(all)
	e.state |= stateListening
	return e.freeze(), e.journal.follow(), nil
}

// Subscribe adds sub to those who are told of every effect, before the reply to
// the command that had it.
func (e *Engine) Subscribe(sub Subscriber) error {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return err
	}
	defer e.unlock(all)
	e.state |= stateListening
	var subs []Subscriber
	if old := e.journal.subs.Load(); old != nil {
		subs = slices.Clone(*old)
	}
	subs = append(subs, sub)
	e.journal.subs.Store(&subs)
	return nil
}

// Unsubscribe takes sub away again. Without subscribers and tails writes cost
// nothing extra once more.
func (e *Engine) Unsubscribe(sub Subscriber) error {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return err
	}
	defer e.unlock(all)
	old := e.journal.subs.Load()
	if old == nil {
		return nil
	}
	subs := slices.DeleteFunc(slices.Clone(*old), func(s Subscriber) bool { return s == sub })
	e.journal.subs.Store(&subs)
	if len(subs) == 0 {
		e.journal.subs.Store(nil)
	}
	e.journal.mu.Lock()
	defer e.journal.mu.Unlock()
	if len(subs) == 0 && e.journal.ring == nil {
		e.state &^= stateListening
	}
	return nil
}

// lockOpen takes shards of an engine that is not closed.
func (e *Engine) lockOpen(l lockSet) error {
	if err := e.lock(l); err != nil {
		return err
	}
	if e.state&stateClosed != 0 {
		e.unlock(l)
		return ErrClosed
	}
	return nil
}
