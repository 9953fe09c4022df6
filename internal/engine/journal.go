package engine

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// An Effect is what a write did to a key: a keyspace event and, unless another
// key's effect tells them, the words that give the same result whenever they
// are run again.
type Effect struct {
	DB       int
	Class    byte   // keyspace-notification class: '$' string, 'g' generic, 'x' expired ...; 0: no notification
	Event    string // "set", "expired"
	Key      string
	Modified bool   // the key is not what it was, as those who watch it see it
	Flushed  bool   // all keys of the database went; there is no Key
	Raw      []byte // the effect as a RESP command; empty if another effect tells it
}

// An event is an Effect while its batch still grows, or a message.
type event struct {
	db       int
	class    byte
	what     eventKind
	name     string
	key      string
	from, to int // of the batch
}

type eventKind uint8

const (
	eventNote     eventKind = iota // a notification, and nothing else
	eventModified                  // of a key
	eventFlushed                   // a database
	eventMessage                   // to the channel name; key has the payload
	eventShardMessage
	eventRead // of a key, by a session with Reads
)

// A Subscriber receives the effects of each transaction, whole and in order.
// It is for what must precede the reply: notifications, tracking.
//
// Effects is called with shards and the journal locked: it may append to a
// bounded queue, must not keep the slice, and must not call the engine. by is whose
// command it was, one of the engine's own where a key's time was over or memory
// short; end is the journal's offset behind the batch. A batch may come in pieces.
type Subscriber interface {
	Effects(by *Session, end int64, batch []Effect)
}

// A journal is the one order of all changes. Transactions that share no shard
// commit side by side until they append; the order in which they do is then the
// order for everyone.
//
//	offset   counts the bytes since the journal began
//	batch    the effects of one transaction, in MULTI and EXEC if two or more
//	backlog  the last bytes, kept for who comes back after a while
//	tail     a position from which somebody reads on
//
// It is kept in blocks, once for all: a tail is no more than a position in them.
// Kept is the backlog, and what the slowest tail has not read, as far as its limit
// goes; a tail beyond that is given up. See blocks.go.
//
// Invariant: the blocks from first to last hold the bytes from first.from to end
// without a gap; no tail that is alive is before first.from.
type journal struct {
	subs            atomic.Pointer[[]Subscriber] // replaced with all shards held
	misses, newKeys atomic.Bool                  // see TellMore

	mu          sync.Mutex // guards following
	on          bool       // somebody follows, or may come back: what is written is kept
	size        int64      // of the backlog
	first, last *block     // nil before the first byte
	end         int64      // offset behind the last byte
	db          int        // selected by the bytes so far; -1 after a tail began
	kept        int        // blocks from first to last
	free        *block     // a few to take next
	spare       int        // of them
	tails       []*Tail
	sleepers    []*Tail // that wait for a byte
	closed      bool
	newer       int64         // offset behind the last effect that Redis 7.0 has no words for
	held        chan struct{} // closed when writes are held no longer, nil if they are not; changed with all shards held, too
	buf         []byte
	batch       []Effect
}

func (j *journal) init(size int) {
	if size == 0 {
		size = 1 << 20
	}
	j.size, j.db = int64(size), -1
}

func (j *journal) hasSubs() bool { return j.subs.Load() != nil }

// append adds the batch of t, whose shards are held.
func (j *journal) append(t *Txn) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.newer {
		j.endOld()
		defer func() { j.newer = j.end }()
	}
	if t.e.state&stateReplica != 0 {
		if t.s.relay != nil {
			j.relay(t.s)
			t.end = j.end
			j.wake()
		}
	} else if t.effects != 0 && j.on {
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
		j.wake()
	}
	if len(t.events) != 0 {
		j.tell(t)
	}
}

// tell tells those who are told before the reply: subscribers of events, and of
// messages, in the order in which it happened.
func (j *journal) tell(t *Txn) {
	for i := range t.events {
		ev := &t.events[i]
		if ev.what >= eventMessage {
			j.tellBatch(t)
			switch r := t.s.Reads; {
			case ev.what != eventRead:
				t.e.messages.Publish(ev.what == eventShardMessage, ev.name, ev.key)
			case r != nil: // else it has ceased meanwhile to ask
				r.Read(&KeySet{list: []keyRef{{dbKey: dbKey{ev.db, ev.key}}}})
			}
			continue
		}
		j.batch = append(j.batch, Effect{
			DB: ev.db, Class: ev.class, Event: ev.name, Key: ev.key,
			Modified: ev.what == eventModified, Flushed: ev.what == eventFlushed, Raw: t.batch[ev.from:ev.to],
		})
	}
	j.tellBatch(t)
}

func (j *journal) tellBatch(t *Txn) {
	if subs := j.subs.Load(); subs != nil && len(j.batch) != 0 {
		for _, s := range *subs {
			s.Effects(t.s, j.end, j.batch)
		}
	}
	clear(j.batch)
	j.batch = j.batch[:0]
}

// close lets every tail end behind what the journal holds now.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.wake()
}

// now is the end of the journal, and the database that is selected there.
func (j *journal) now() (offset int64, db int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.end, j.db
}

// Offset is the journal's offset behind its last byte.
func (e *Engine) Offset() int64 {
	offset, _ := e.journal.now()
	return offset
}

// Follow takes a snapshot and returns, from the same instant on, a tail of the
// journal: the state, and all that follows it. The first write behind that instant
// is preceded by a SELECT, as after every Follow.
func (e *Engine) Follow() (*Snapshot, *Tail, error) {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return nil, nil, err
	}
	defer e.unlock(all)
	sn, tail := e.follow()
	return sn, tail, nil
}

// follow is Follow with all shards held.
func (e *Engine) follow() (*Snapshot, *Tail) {
	e.state |= stateListening
	sn := e.freeze()
	j := &e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.on = true
	if e.state&stateReplica == 0 {
		j.db = -1 // so that the new tail, too, is told the database
	}
	sn.offset, sn.streamDB = j.end, j.db // words may have been injected since freeze
	return sn, j.newTail(j.end)
}

// GoFollow runs f with what Follow returns in a goroutine that Close waits for. The
// snapshot is closed, and the tail abandoned, when f returns.
func (e *Engine) GoFollow(f func(*Snapshot, *Tail)) error {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return err
	}
	defer e.unlock(all)
	sn, tail := e.follow()
	e.work.Go(func() { // under the locks: Close has not begun to wait
		defer sn.Close()
		defer tail.Abandon()
		f(sn, tail)
	})
	return nil
}

// FollowFrom returns a tail of the journal from an offset on, or ErrFellBehind if
// what follows it is not kept, or not written yet. The database that is selected
// there is for the caller to know.
func (e *Engine) FollowFrom(offset int64) (*Tail, error) {
	j := &e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	if !j.on || offset < j.start() || offset > j.end {
		return nil, ErrFellBehind
	}
	return j.newTail(offset), nil
}

// Inject adds a command to the journal that no transaction has: it changes nothing,
// but who follows reads it. It returns the offset behind it. Nothing is added while
// nobody follows, nor on a replica, whose journal is its primary's.
func (e *Engine) Inject(words ...string) int64 {
	j := &e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.on && !j.closed && !e.replica.Load() {
		j.buf = AppendCommand(j.buf[:0], words...)
		j.write(j.buf)
		j.wake()
	}
	return j.end
}

// SetBacklog sets how many bytes are kept for those who come back.
func (e *Engine) SetBacklog(size int64) {
	j := &e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.size = size
	j.trim()
}

// DropBacklog gives the backlog back: writes cost nothing extra until somebody follows
// again, and the offset stands. It does nothing, and returns false, while there is a tail.
func (e *Engine) DropBacklog() bool {
	all := lockSet{write: allShards}
	if e.lockOpen(all) != nil {
		return false
	}
	defer e.unlock(all)
	j := &e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.tails) != 0 {
		return false
	}
	j.on = false
	j.forget()
	if !j.hasSubs() {
		e.state &^= stateListening
	}
	return true
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
	if len(subs) == 0 && !e.journal.on {
		e.state &^= stateListening
	}
	return nil
}

// lockOpen takes shards of an engine that is not closed. Within an Update it would wait
// for itself.
func (e *Engine) lockOpen(l lockSet) error {
	if checks && e.open.has() {
		return ErrInsideUpdate
	}
	if err := e.lock(l); err != nil {
		return err
	}
	if e.state&stateClosed != 0 {
		e.unlock(l)
		return ErrClosed
	}
	return nil
}
