package streamlog

import (
	"iter"

	"github.com/larderdb/larder/internal/ds/listpack"
)

const (
	flagDeleted    = 1
	flagSameFields = 2

	masterAt = 6 // where a listpack's first element lies
)

// token is an owner's identity. It has a size, so that each has an address of its
// own.
type token struct{ _ byte }

// node is a run of entries.
type node struct {
	owner *token
	lp    []byte
}

// slot is a node in the index.
type slot struct {
	id ID
	n  *node
}

func slotLess(a, b slot) bool { return a.id.Less(b.id) }

// master is the beginning of a node.
type master struct {
	live, deleted int64
	fields        int // their number
	names         int // offset of the first
}

// readMaster reads the master but for the fields' names.
func readMaster(lp []byte) (m master) {
	p := masterAt
	m.live, p = readInt(lp, p)
	m.deleted, p = readInt(lp, p)
	n, p := readInt(lp, p)
	m.fields, m.names = int(n), p
	return m
}

// setCounts writes the numbers of live and of deleted entries.
func setCounts(lp []byte, live, deleted int64) []byte {
	lp = listpack.ReplaceInt(lp, masterAt, live)
	return listpack.ReplaceInt(lp, listpack.Next(lp, masterAt), deleted)
}

func readInt(lp []byte, p int) (int64, int) {
	if b := lp[p]; b < 0x80 { // a small one, without the call
		return int64(b), p + 2
	}
	v, p := listpack.Read(lp, p)
	n, _ := v.Int()
	return n, p
}

func skip(lp []byte, p, n int) int {
	for ; n > 0; n-- {
		p = listpack.After(lp, p)
	}
	return p
}

// cursor walks through the entries of a node, tombstones too.
type cursor struct {
	lp      []byte
	id      ID // in the index
	fields  int
	names   int // of the master
	entries int // offset of the first entry
	next    int // offset of the next entry

	at    int // offset of the present entry
	flags int64
	cur   ID
	n     int // its fields
	data  int // offset of its values, or of names and values
}

func (s slot) cursor() cursor {
	m := readMaster(s.n.lp)
	p := skip(s.n.lp, m.names, m.fields+1)
	return cursor{lp: s.n.lp, id: s.id, fields: m.fields, names: m.names, entries: p, next: p}
}

// forward goes to the next entry.
func (c *cursor) forward() bool {
	if c.next == listpack.End(c.lp) {
		return false
	}
	c.read(c.next)
	n := c.n
	if c.flags&flagSameFields == 0 {
		n *= 2
	}
	c.next = skip(c.lp, c.data, n+1)
	return true
}

// read reads the entry at p up to its fields.
func (c *cursor) read(p int) {
	c.at = p
	var ms, seq int64
	c.flags, p = readInt(c.lp, p)
	ms, p = readInt(c.lp, p)
	seq, p = readInt(c.lp, p)
	c.cur = ID{c.id.Ms + uint64(ms), c.id.Seq + uint64(seq)}
	c.n = c.fields
	if c.flags&flagSameFields == 0 {
		var n int64
		n, p = readInt(c.lp, p)
		c.n = int(n)
	}
	c.data = p
}

// toEnd places the cursor behind the last entry, for backward.
func (c *cursor) toEnd() { c.at = listpack.End(c.lp) }

// backward goes to the entry before.
func (c *cursor) backward() bool {
	if c.at == c.entries {
		return false
	}
	p := listpack.Prev(c.lp, c.at)
	n, _ := readInt(c.lp, p)
	for ; n > 0; n-- {
		p = listpack.Prev(c.lp, p)
	}
	c.read(p)
	return true
}

// entry is the present entry.
func (c *cursor) entry() Entry {
	e := Entry{ID: c.cur, lp: c.lp, n: c.n, values: c.data}
	if c.flags&flagSameFields != 0 {
		e.names = c.names
	}
	return e
}

// seek places a new cursor so that forward passes by the first live entry at or
// after id, and by few before it: from behind where that is the nearer end.
func (c *cursor) seek(id ID) {
	c.toEnd()
	if !c.backward() || !nearer(id, c.id, c.cur) {
		return
	}
	behind := listpack.End(c.lp)
	for c.flags&flagDeleted != 0 || !c.cur.Less(id) {
		behind = c.at
		if !c.backward() {
			break
		}
	}
	c.next = behind
}

// nearer reports whether id is nearer to last than to first.
func nearer(id, first, last ID) bool {
	switch {
	case !id.Less(last):
		return true
	case !first.Less(id):
		return false
	case first.Ms == last.Ms:
		return id.Seq-first.Seq > last.Seq-id.Seq
	}
	return id.Ms-first.Ms > last.Ms-id.Ms
}

// find goes to the live entry with that ID.
func (c *cursor) find(id ID) bool {
	c.seek(id)
	for c.forward() {
		if c.flags&flagDeleted != 0 {
			continue
		}
		if !c.cur.Less(id) {
			return c.cur == id
		}
	}
	return false
}

// An Entry is one entry. It borrows from the stream, until the stream's next
// change.
type Entry struct {
	ID     ID
	lp     []byte
	n      int
	names  int // offset of the master's fields; 0: the names are among the values
	values int
}

// Len is the number of fields.
func (e Entry) Len() int { return e.n }

// Fields yields names and values. They borrow from the stream.
func (e Entry) Fields() iter.Seq2[listpack.Value, listpack.Value] {
	return func(yield func(name, value listpack.Value) bool) {
		names, p := e.names, e.values
		for range e.n {
			var name, value listpack.Value
			if e.names != 0 {
				name, names = listpack.Read(e.lp, names)
			} else {
				name, p = listpack.Read(e.lp, p)
			}
			if value, p = listpack.Read(e.lp, p); !yield(name, value) {
				return
			}
		}
	}
}

// AppendFields appends names and values by turns to dst, as strings of their own.
func (e Entry) AppendFields(dst []string) []string {
	for name, value := range e.Fields() {
		dst = append(dst, name.String(), value.String())
	}
	return dst
}

// sameFields reports whether the entry's names are the master's.
func sameFields(lp []byte, m master, fields []string) bool {
	if m.fields != len(fields)/2 {
		return false
	}
	p := m.names
	for i := 0; i < len(fields); i += 2 {
		var v listpack.Value
		if v, p = listpack.Read(lp, p); !v.Equal(fields[i]) {
			return false
		}
	}
	return true
}

// newNode returns the listpack of an empty node with the names of an entry.
func newNode(fields []string, size int) []byte {
	lp := listpack.New(min(64+size+size/8, 4096))
	lp = listpack.AppendInt(lp, 0)
	lp = listpack.AppendInt(lp, 0)
	lp = listpack.AppendInt(lp, int64(len(fields)/2))
	for i := 0; i < len(fields); i += 2 {
		lp = listpack.Append(lp, fields[i])
	}
	return listpack.AppendInt(lp, 0)
}

// appendEntry adds an entry to a node, whose counts are the caller's.
func appendEntry(lp []byte, base, id ID, fields []string, same bool) []byte {
	n, flags := int64(len(fields)/2), int64(0)
	count := 2*n + 4
	if same {
		flags, count = flagSameFields, n+3
	}
	a := listpack.Extend(lp)
	a.Int(flags)
	a.Int(int64(id.Ms - base.Ms))
	a.Int(int64(id.Seq - base.Seq))
	if !same {
		a.Int(n)
	}
	for i, s := range fields {
		if !same || i&1 == 1 {
			a.String(s)
		}
	}
	a.Int(count)
	return a.Done()
}

// maxFields bounds what a file says, so that sums of it do not overflow.
const maxFields = 1 << 31

// reader reads the elements of a listpack that is valid, and may not be a node's.
type reader struct {
	lp  []byte
	p   int
	bad bool
}

func (r *reader) more() bool { return !r.bad && r.p != listpack.End(r.lp) }

func (r *reader) int() int64 {
	if !r.more() {
		r.bad = true
		return 0
	}
	v, p := listpack.Read(r.lp, r.p)
	n, isInt := v.Int()
	r.p, r.bad = p, !isInt
	return n
}

// count reads a number of things.
func (r *reader) count() int64 {
	n := r.int()
	if n < 0 || n > maxFields {
		r.bad = true
		return 0
	}
	return n
}

// skip passes over n elements of any kind.
func (r *reader) skip(n int64) {
	for ; n > 0; n-- {
		if !r.more() {
			r.bad = true
			return
		}
		r.p = listpack.After(r.lp, r.p)
	}
}

// validateNode checks a node from outside, whose live entries must come after
// prev, and returns their number and the last one's ID, or prev.
func validateNode(s slot, prev ID) (live int64, last ID, ok bool) {
	if _, ok := listpack.Validate(s.n.lp); !ok {
		return 0, prev, false
	}
	r := reader{lp: s.n.lp, p: masterAt}
	wantLive, wantDeleted, fields := r.count(), r.count(), r.count()
	r.skip(fields)
	if r.int() != 0 {
		r.bad = true
	}
	var deleted int64
	for last = prev; r.more(); {
		flags, ms, seq := r.int(), r.int(), r.int()
		n, count := fields, fields+3
		if flags&flagSameFields == 0 {
			n = r.count()
			count = 2*n + 4
			r.skip(n)
		}
		r.skip(n)
		if r.int() != count || flags&^(flagDeleted|flagSameFields) != 0 {
			return 0, prev, false
		}
		if flags&flagDeleted != 0 {
			deleted++
			continue
		}
		id := ID{s.id.Ms + uint64(ms), s.id.Seq + uint64(seq)}
		if !last.Less(id) || id.Less(s.id) {
			return 0, prev, false
		}
		last = id
		live++
	}
	return live, last, !r.bad && live == wantLive && deleted == wantDeleted && live+deleted > 0
}
