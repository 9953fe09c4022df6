package engine

import (
	"io"
	"runtime"
	"slices"
	"time"
)

// How the journal is kept and read: blocks in a list, and tails.

const (
	blockSize = 16 << 10
	maxSpare  = 16 // blocks that are kept to be used again
)

// A block is a piece of the journal. Its bytes never change once they are written,
// so that they are read without the journal's lock by who has pinned it: a block is
// used again only if nobody has.
type block struct {
	next *block
	from int64  // offset of its first byte; -1: it is in no journal
	data []byte // grows up to its capacity
	pins int
}

func (b *block) end() int64 { return b.from + int64(len(b.data)) }

// start is the offset of the first byte that is kept.
func (j *journal) start() int64 {
	if j.first == nil {
		return j.end
	}
	return j.first.from
}

// write adds bytes. Who waits for them is woken by wake.
func (j *journal) write(p []byte) {
	for len(p) > 0 {
		b := j.last
		if b == nil || len(b.data) == cap(b.data) {
			b = j.addBlock()
		}
		n := min(len(p), cap(b.data)-len(b.data))
		b.data = append(b.data, p[:n]...)
		j.end += int64(n)
		p = p[n:]
	}
}

// addBlock adds an empty block. That is when the limits of tails are looked at:
// they are exact to a block.
func (j *journal) addBlock() *block {
	j.enforce()
	j.trim()
	b := j.free
	if b != nil {
		j.free, b.next = b.next, nil
		j.spare--
	} else {
		b = &block{data: make([]byte, 0, blockSize)}
	}
	b.from = j.end
	if j.last == nil {
		j.first = b
	} else {
		j.last.next = b
	}
	j.last = b
	j.kept++
	return b
}

// trim gives up the blocks that neither the backlog nor a tail needs.
func (j *journal) trim() {
	need := j.end - j.size
	for _, t := range j.tails {
		need = min(need, t.pos)
	}
	for j.first != j.last && j.first.end() <= need {
		b := j.first
		j.first = b.next
		j.kept--
		j.recycle(b)
	}
}

// recycle keeps a block that is in the journal no longer to be used again, unless there
// are enough or it is still read.
func (j *journal) recycle(b *block) {
	b.next, b.from = nil, -1
	if b.pins == 0 && j.spare < maxSpare {
		b.data = b.data[:0]
		b.next, j.free = j.free, b
		j.spare++
	}
}

// forget gives up all that is kept.
func (j *journal) forget() {
	for b := j.first; b != nil; b = b.next {
		b.from = -1
	}
	j.first, j.last, j.kept = nil, nil, 0
	j.free, j.spare = nil, 0
}

// restart gives up all that is kept, with all tails, and goes on at an offset, or,
// with -1, at one that never was: the journal tells nothing of how the keyspace came to
// be what it is now.
func (j *journal) restart(offset int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if offset < 0 {
		offset = j.end + 1
	}
	for len(j.tails) != 0 {
		j.tails[0].fail(ErrFellBehind)
	}
	j.forget()
	j.end, j.db, j.newer = offset, -1, 0
}

// A Tail reads the journal, from a position on, as RESP commands. It implements
// io.Reader. It is read by one goroutine; the other methods are for any.
type Tail struct {
	j    *journal
	wake chan struct{} // a byte has come, or the end

	// The following is guarded by j.mu.
	pos    int64
	at     *block // where pos is, or was: see find
	pinned *block // what Next has handed out
	eof    bool   // it was closed
	err    error  // it was given up
	sleeps bool
	limit  TailLimit
	over   time.Time   // since when it has been past the soft limit
	lost   func(error) // told why it was given up
	old    bool        // see RefuseNewer
}

// A TailLimit is how far, in bytes, a tail may be behind before it is given up. It
// is never less than the backlog, which is kept anyway. Zero fields are no limit,
// but for the zero value, which is the backlog.
type TailLimit struct {
	Hard    int64         // at once
	Soft    int64         // if it has been further behind than this for SoftFor
	SoftFor time.Duration // see Soft
}

// newTail adds a tail.
func (j *journal) newTail(pos int64) *Tail {
	t := &Tail{j: j, pos: pos, wake: make(chan struct{}, 1)}
	j.tails = append(j.tails, t)
	return t
}

// wake wakes the tails that wait.
func (j *journal) wake() {
	for i, t := range j.sleepers {
		t.sleeps = false
		t.wakeUp()
		j.sleepers[i] = nil
	}
	j.sleepers = j.sleepers[:0]
}

func (t *Tail) wakeUp() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// enforce gives up the tails that are too far behind.
func (j *journal) enforce() {
	for i := len(j.tails) - 1; i >= 0; i-- {
		j.tails[i].enforce()
	}
}

func (t *Tail) enforce() {
	l, lag := t.limit, t.j.end-t.pos
	if l == (TailLimit{}) {
		l.Hard = 1
	}
	if l.Hard > 0 && lag > max(l.Hard, t.j.size) {
		t.fail(ErrFellBehind)
		return
	}
	if l.Soft <= 0 || lag <= max(l.Soft, t.j.size) {
		t.over = time.Time{}
		return
	}
	now := time.Now()
	if t.over.IsZero() {
		t.over = now
	} else if now.Sub(t.over) > l.SoftFor {
		t.fail(ErrFellBehind)
	}
}

// fail gives the tail up: it holds nothing any more.
func (t *Tail) fail(err error) {
	t.err, t.at = err, nil
	t.leave()
	if t.lost != nil {
		t.lost(err)
	}
}

// leave takes the tail out of the journal.
func (t *Tail) leave() {
	j := t.j
	j.tails = slices.DeleteFunc(j.tails, func(o *Tail) bool { return o == t })
	if t.sleeps {
		t.sleeps = false
		j.sleepers = slices.DeleteFunc(j.sleepers, func(o *Tail) bool { return o == t })
	}
	t.wakeUp()
}

// Next waits for effects and returns some of them, which stay valid until the next
// call of Next or Read. After Close, of the tail or of the engine, it returns io.EOF
// behind the last of them, and ErrFellBehind if the tail was given up.
func (t *Tail) Next() ([]byte, error) { return t.next(blockSize) }

func (t *Tail) next(max int) ([]byte, error) {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	t.unpin()
	for t.err == nil && t.pos == j.end {
		if t.eof || j.closed {
			t.leave()
			return nil, io.EOF
		}
		if !t.sleeps {
			t.sleeps = true
			j.sleepers = append(j.sleepers, t)
		}
		j.mu.Unlock()
		<-t.wake
		runtime.Gosched() // whoever is about to write goes first: what comes of it is one piece
		j.mu.Lock()
	}
	if t.err != nil {
		return nil, t.err
	}
	b := t.find()
	p := b.data[t.pos-b.from:]
	p = p[:min(len(p), max)]
	b.pins++
	t.pinned, t.at = b, b
	t.pos += int64(len(p))
	if b == j.first && b != j.last && t.pos == b.end() {
		j.trim()
	}
	return p, nil
}

// find returns the block where pos is. A block that was given up since the tail was
// there is told by its offset: where it is used again, that is a later one. In that
// case it is not far from the first one, since the tail itself keeps what follows pos.
func (t *Tail) find() *block {
	b := t.at
	if b == nil || b.from < 0 || b.from > t.pos {
		b = t.j.last
		if b.from > t.pos {
			b = t.j.first
		}
	}
	for b.end() <= t.pos {
		b = b.next
	}
	return b
}

func (t *Tail) unpin() {
	if t.pinned != nil {
		t.pinned.pins--
		t.pinned = nil
	}
}

// Read is Next into p.
func (t *Tail) Read(p []byte) (n int, err error) {
	b, err := t.next(len(p))
	return copy(p, b), err
}

// Clone returns another tail at the same position with the same limit, or the error
// with which t ended.
func (t *Tail) Clone() (*Tail, error) {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case t.err != nil:
		return nil, t.err
	case t.eof || j.closed:
		return nil, ErrClosed
	}
	c := j.newTail(t.pos)
	c.at, c.limit, c.over = t.at, t.limit, t.over
	return c, nil
}

// SetLimit sets how far the tail may be behind.
func (t *Tail) SetLimit(l TailLimit) {
	t.j.mu.Lock()
	defer t.j.mu.Unlock()
	t.limit = l
}

// OnLost sets what is called when the tail is given up because it fell behind, or with
// ErrTooNew: who waits for something else than the tail would not know. It is called
// under all kinds of locks, and must not wait or call the engine.
func (t *Tail) OnLost(f func(why error)) {
	t.j.mu.Lock()
	defer t.j.mu.Unlock()
	t.lost = f
}

// Check looks at the limits, which a writer does only while it writes: the time of a
// soft limit passes without anybody writing.
func (t *Tail) Check() {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.err == nil && !t.eof {
		t.enforce()
		j.trim()
	}
}

// Err is why the tail was given up, nil while it was not.
func (t *Tail) Err() error {
	t.j.mu.Lock()
	defer t.j.mu.Unlock()
	return t.err
}

// Offset returns the position up to which the tail was read.
func (t *Tail) Offset() int64 {
	t.j.mu.Lock()
	defer t.j.mu.Unlock()
	return t.pos
}

// Behind is how many bytes the tail has not read, and how many of them are kept
// for it, or others like it, beyond the backlog.
func (t *Tail) Behind() (unread, held int64) {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.err != nil {
		return 0, 0
	}
	unread = j.end - t.pos
	return unread, max(0, unread-j.size)
}

// Close lets Next and Read end behind what the journal holds now.
func (t *Tail) Close() error {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.eof || t.err != nil {
		return nil
	}
	t.eof = true
	if t.pos == j.end {
		t.leave()
	}
	t.wakeUp()
	return nil
}

// Abandon ends the tail at once: what it has not read is not kept for it any more.
func (t *Tail) Abandon() {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if t.err == nil {
		t.fail(io.EOF)
		j.trim()
	}
}
