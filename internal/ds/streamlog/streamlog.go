package streamlog

import (
	"iter"
	"math"
	"sync/atomic"

	"github.com/google/btree"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// An Error is why an entry was not added or a stream not built.
type Error string

// Error is the text.
func (e Error) Error() string { return string(e) }

const (
	// ErrOrder: the ID does not come after the last one, or is 0-0.
	ErrOrder Error = "streamlog: ID is not after the last one"
	// ErrTooLarge: fields and values are more than a node may hold, 1 GB.
	ErrTooLarge Error = "streamlog: entry too large"
	// ErrCorrupt: bytes given to a Builder are not those of a stream.
	ErrCorrupt Error = "streamlog: corrupt"
)

// Limits are the bounds of a node, as Redis's configuration gives them. They are
// looked at when an entry is appended; zero is no bound.
type Limits struct {
	MaxBytes   int // stream-node-max-bytes
	MaxEntries int // stream-node-max-entries
}

const (
	maxNode  = listpack.MaxSize
	prealloc = 4096 // up to here a node doubles
)

// Sizes in bytes, for Size: what the parts cost in B-trees that are filled in
// order, which leaves their pages half empty.
const (
	logBytes  = 240
	nodeBytes = 32 + 2*24
)

// Log is a stream: see the package's documentation.
type Log struct {
	shared atomic.Bool // with a clone: nothing is ours until own
	state
}

type state struct {
	owner      *token
	nodes      *btree.BTreeG[slot]
	groups     *btree.BTreeG[groupSlot]
	tail       slot // tail.n is nil where there are no nodes
	last       ID
	first      ID
	maxDeleted ID
	added      int64
	len        int
	bytes      int // of nodes and groups
}

// The trees of all streams have these free lists, which keep nothing: a list of
// its own, with room for 32 pages, would cost each of them 300 bytes.
var (
	freeSlots     = btree.NewFreeListG[slot](0)
	freeGroups    = btree.NewFreeListG[groupSlot](0)
	freeConsumers = btree.NewFreeListG[consumerSlot](0)
	freeNumbers   = btree.NewFreeListG[numberSlot](0)
	freeRecords   = btree.NewFreeListG[record](0)
	freeIDs       = btree.NewFreeListG[ID](0)
)

const degree = 32

// share returns a tree that shares all pages of one that nobody changes any more.
// It only reads t, unlike t.Clone, since the other side may do the same at the
// same time.
func share[T any](t *btree.BTreeG[T]) *btree.BTreeG[T] {
	c := *t
	return c.Clone()
}

// New returns an empty stream.
func New() *Log {
	return &Log{state: state{
		owner:  new(token),
		nodes:  btree.NewWithFreeListG(degree, slotLess, freeSlots),
		groups: btree.NewWithFreeListG(degree, groupLess, freeGroups),
	}}
}

// Clone returns a copy, in O(1); both may be changed, and neither sees the
// other's changes. It changes nothing that a reader looks at, so a lock that
// admits readers is enough; it must not run beside a change.
func (l *Log) Clone() *Log {
	c := &Log{state: l.state}
	c.shared.Store(true)
	l.shared.Store(true)
	return c
}

// own is called before every change.
func (l *Log) own() {
	if !l.shared.Load() {
		return
	}
	l.owner = new(token)
	l.nodes, l.groups = share(l.nodes), share(l.groups)
	l.shared.Store(false)
}

// Size is the memory that the stream takes, in bytes, in O(1).
func (l *Log) Size() int { return logBytes + l.bytes }

// Len is the number of entries.
func (l *Log) Len() int { return l.len }

// LastID is the ID that a new entry must come after.
func (l *Log) LastID() ID { return l.last }

// FirstID is the ID of the first entry, 0-0 where there is none
// (recorded-first-entry-id).
func (l *Log) FirstID() ID { return l.first }

// MaxDeletedID is the greatest ID that Delete removed.
func (l *Log) MaxDeletedID() ID { return l.maxDeleted }

// EntriesAdded is the number of entries ever added, as far as it is known.
func (l *Log) EntriesAdded() int64 { return l.added }

// NumNodes is the number of nodes (radix-tree-keys).
func (l *Log) NumNodes() int { return l.nodes.Len() }

// NextID is the ID of an entry added at now, in milliseconds; ok is false where
// the last possible ID was used.
func (l *Log) NextID(now uint64) (id ID, ok bool) {
	if now > l.last.Ms {
		return ID{now, 0}, true
	}
	return l.last.Next()
}

// NextSeq is the ID of an entry added as "ms-*"; ok is false where ms is past or
// its sequence numbers are used up.
func (l *Log) NextSeq(ms uint64) (id ID, ok bool) {
	switch {
	case ms > l.last.Ms:
		return ID{ms, 0}, true
	case ms < l.last.Ms || l.last.Seq == math.MaxUint64:
		return ID{}, false
	}
	return ID{ms, l.last.Seq + 1}, true
}

// Append adds an entry: names and values by turns, which are copied. The error is
// ErrOrder or ErrTooLarge, and then nothing has changed.
func (l *Log) Append(id ID, fields []string, lim Limits) error {
	if !l.last.Less(id) {
		return ErrOrder
	}
	size := 0
	for _, s := range fields {
		if !listpack.Fits(size, len(s)) {
			return ErrTooLarge
		}
		size += len(s)
	}
	l.own()
	for l.tail.n != nil && id.Less(l.tail.id) {
		// XSETID moved the last ID back: the tail has tombstones only.
		l.dropNode(l.tail)
	}
	var m master
	if l.tail.n != nil {
		m = readMaster(l.tail.n.lp)
	}
	if l.tail.n == nil || full(l.tail.n.lp, m, size, lim) {
		l.retire()
		l.tail = slot{id, &node{l.owner, newNode(fields, size)}}
		l.nodes.ReplaceOrInsert(l.tail)
		l.bytes += nodeBytes
		lp := listpack.ReplaceInt(l.tail.n.lp, masterAt, 1)
		l.tail.n.lp = appendEntry(lp, id, id, fields, true)
		l.bytes += cap(l.tail.n.lp)
	} else {
		n := l.ownNode(l.tail, size+64)
		l.bytes -= cap(n.lp)
		same := sameFields(n.lp, m, fields) // before the master moves
		lp := listpack.ReplaceInt(roomy(n.lp, size+64), masterAt, m.live+1)
		n.lp = appendEntry(lp, l.tail.id, id, fields, same)
		l.bytes += cap(n.lp)
	}
	l.last = id
	l.added++
	if l.len++; l.len == 1 {
		l.first = id
	}
	return nil
}

// full reports whether an entry whose fields and values have size bytes begins
// another node.
func full(lp []byte, m master, size int, lim Limits) bool {
	most := lim.MaxBytes
	if most <= 0 || most > maxNode {
		most = maxNode
	}
	return len(lp) >= most-size || lim.MaxEntries > 0 && m.live+m.deleted >= int64(lim.MaxEntries)
}

// roomy makes room for n bytes in a node that is small.
func roomy(lp []byte, n int) []byte {
	if room := min(2*cap(lp), prealloc); len(lp)+n > cap(lp) && cap(lp) < prealloc && len(lp)+n <= room {
		return append(make([]byte, 0, room), lp...)
	}
	return lp
}

// retire gives back the room of the tail, to which nothing will be appended.
func (l *Log) retire() {
	n := l.tail.n
	if n == nil || n.owner != l.owner || cap(n.lp)-len(n.lp) <= 32+len(n.lp)/8 {
		return
	}
	l.bytes -= cap(n.lp)
	n.lp = append([]byte(nil), n.lp...)
	l.bytes += cap(n.lp)
}

// ownNode returns the node, or a copy of it that is ours in its place.
func (l *Log) ownNode(s slot, room int) *node {
	if s.n.owner == l.owner {
		return s.n
	}
	l.bytes -= cap(s.n.lp)
	lp := append(make([]byte, 0, len(s.n.lp)+room), s.n.lp...)
	n := &node{l.owner, lp}
	l.bytes += cap(lp)
	l.nodes.ReplaceOrInsert(slot{s.id, n})
	if l.tail.id == s.id {
		l.tail.n = n
	}
	return n
}

// dropNode removes a node, and leaves counting its entries to the caller.
func (l *Log) dropNode(s slot) {
	l.nodes.Delete(s)
	l.bytes -= nodeBytes + cap(s.n.lp)
	if l.tail.id == s.id {
		l.tail, _ = l.nodes.Max()
	}
}

// SetID sets LastID, EntriesAdded unless added is negative, and MaxDeletedID
// unless maxDeleted is 0-0 (XSETID). The caller has checked them.
func (l *Log) SetID(last ID, added int64, maxDeleted ID) {
	l.own()
	l.last = last
	if added >= 0 {
		l.added = added
	}
	if !maxDeleted.IsZero() {
		l.maxDeleted = maxDeleted
	}
}

// Delete removes an entry, and reports whether it was there.
func (l *Log) Delete(id ID) bool {
	s, c, ok := l.find(id)
	if !ok {
		return false
	}
	l.own()
	if m := readMaster(s.n.lp); m.live == 1 {
		l.dropNode(s)
	} else {
		n := l.ownNode(s, 0)
		l.bytes -= cap(n.lp)
		n.lp = listpack.ReplaceInt(n.lp, c.at, c.flags|flagDeleted)
		n.lp = setCounts(n.lp, m.live-1, m.deleted+1)
		l.bytes += cap(n.lp)
	}
	l.len--
	if l.maxDeleted.Less(id) {
		l.maxDeleted = id
	}
	if id == l.first {
		l.seekFirst()
	}
	return true
}

// seekFirst finds what is the first entry now.
func (l *Log) seekFirst() {
	l.first = ID{}
	for e := range l.Range(ID{}, MaxID) {
		l.first = e.ID
		return
	}
}

// A Trim says which entries [Log.Trim] removes.
type Trim struct {
	ByID   bool  // by MinID, else by MaxLen
	MaxLen int64 // keep this many of the newest
	MinID  ID    // keep this and what comes after
	Approx bool  // remove whole nodes only ("~")
	Limit  int64 // remove at most this many, if Approx; zero is no bound
}

// Trim removes entries from the beginning, and returns how many. MaxDeletedID
// stays.
func (l *Log) Trim(t Trim) int {
	removed := 0
	for t.ByID || int64(l.len) > t.MaxLen {
		s, ok := l.nodes.Min()
		if !ok {
			break
		}
		m := readMaster(s.n.lp)
		if t.Limit > 0 && int64(removed)+m.live > t.Limit {
			break
		}
		whole := int64(l.len)-m.live >= t.MaxLen
		if t.ByID {
			c := s.cursor()
			c.toEnd()
			c.backward()
			whole = c.cur.Less(t.MinID)
		}
		if !whole {
			if !t.Approx {
				removed += l.trimNode(s, t)
			}
			break
		}
		l.own()
		l.dropNode(s)
		l.len -= int(m.live)
		removed += int(m.live)
	}
	if removed > 0 {
		l.seekFirst()
	}
	return removed
}

// trimNode makes tombstones of the first entries of the first node.
func (l *Log) trimNode(s slot, t Trim) (removed int) {
	// Count first: a node is not copied for nothing.
	stop := func(c *cursor) bool {
		if t.ByID {
			return !c.cur.Less(t.MinID)
		}
		return int64(l.len-removed) <= t.MaxLen
	}
	c := s.cursor()
	for c.forward() && !stop(&c) {
		if c.flags&flagDeleted == 0 {
			removed++
		}
	}
	if removed == 0 {
		return 0
	}
	l.own()
	n := l.ownNode(s, 0)
	l.bytes -= cap(n.lp)
	c = slot{s.id, n}.cursor()
	for left := removed; left > 0 && c.forward(); {
		if c.flags&flagDeleted == 0 {
			width := len(c.lp)
			c.lp = listpack.ReplaceInt(c.lp, c.at, c.flags|flagDeleted)
			c.next += len(c.lp) - width
			left--
		}
	}
	m := readMaster(c.lp)
	n.lp = setCounts(c.lp, m.live-int64(removed), m.deleted+int64(removed))
	l.bytes += cap(n.lp)
	l.len -= removed
	return removed
}

// slotOf returns the node in which id lies, if it lies anywhere.
func (l *Log) slotOf(id ID) (s slot, ok bool) {
	if l.tail.n != nil && !id.Less(l.tail.id) {
		return l.tail, true
	}
	l.nodes.DescendLessOrEqual(slot{id: id}, func(t slot) bool {
		s, ok = t, true
		return false
	})
	return s, ok
}

func (l *Log) find(id ID) (s slot, c cursor, ok bool) {
	if s, ok = l.slotOf(id); ok {
		c = s.cursor()
		ok = c.find(id)
	}
	return s, c, ok
}

// Get returns one entry.
func (l *Log) Get(id ID) (e Entry, ok bool) {
	_, c, ok := l.find(id)
	if ok {
		e = c.entry()
	}
	return e, ok
}

// Has reports whether there is an entry with that ID.
func (l *Log) Has(id ID) bool {
	_, _, ok := l.find(id)
	return ok
}

// Range yields the entries from one ID to another, both inclusive. The entries
// must not be changed meanwhile; the groups may.
func (l *Log) Range(from, to ID) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		s, ok := l.slotOf(from)
		if !ok {
			s = slot{id: from}
		} else if s.n == l.tail.n {
			s.ascend(from, to, yield)
			return
		}
		l.nodes.AscendGreaterOrEqual(s, func(s slot) bool { return s.ascend(from, to, yield) })
	}
}

// ascend yields a node's entries, and reports whether the next node's may follow.
func (s slot) ascend(from, to ID, yield func(Entry) bool) bool {
	if to.Less(s.id) {
		return false
	}
	c := s.cursor()
	if s.id.Less(from) {
		c.seek(from)
	}
	for c.forward() {
		if c.flags&flagDeleted != 0 || c.cur.Less(from) {
			continue
		}
		if to.Less(c.cur) || !yield(c.entry()) {
			return false
		}
	}
	return true
}

// Reverse yields the entries from one ID down to another, both inclusive: from is
// the greater.
func (l *Log) Reverse(from, to ID) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		l.nodes.DescendLessOrEqual(slot{id: from}, func(s slot) bool {
			c := s.cursor()
			c.toEnd()
			for c.backward() {
				if c.flags&flagDeleted != 0 || from.Less(c.cur) {
					continue
				}
				if c.cur.Less(to) || !yield(c.entry()) {
					return false
				}
			}
			return true
		})
	}
}

// Last returns the last entry (XREAD's "+").
func (l *Log) Last() (e Entry, ok bool) {
	for e = range l.Reverse(MaxID, ID{}) {
		return e, true
	}
	return e, false
}

// Nodes yields the nodes in order: the ID in the index, and the listpack, as an
// RDB file holds them. The bytes are the stream's, not to be changed.
func (l *Log) Nodes() iter.Seq2[ID, []byte] {
	return func(yield func(ID, []byte) bool) {
		l.nodes.Ascend(func(s slot) bool { return yield(s.id, s.n.lp) })
	}
}
