package streamlog

// A Builder makes a stream from untrusted parts, in the order in which an RDB file
// has them. Every method that finds something wrong returns ErrCorrupt, and the
// Builder is then of no use. What it accepts keeps the invariants of the package.
type Builder struct {
	l     *Log
	live  int64
	prev  ID // the last live entry
	group GroupEdit
	name  string // of the consumer
}

// NewBuilder returns a Builder of an empty stream.
func NewBuilder() *Builder { return &Builder{l: New()} }

// Node adds the next node: its ID in the index, and its listpack, which the stream
// keeps.
func (b *Builder) Node(id ID, lp []byte) error {
	s := slot{id, &node{b.l.owner, lp}}
	live, last, ok := validateNode(s, b.prev)
	if !ok || b.l.tail.n != nil && (!b.l.tail.id.Less(id) || !b.prev.Less(id)) {
		return ErrCorrupt
	}
	b.live += live
	b.prev = last
	b.l.tail = s
	b.l.nodes.ReplaceOrInsert(s)
	b.l.bytes += nodeBytes + cap(lp)
	return nil
}

// A Meta is what a stream knows about its entries. Its FirstID is found anew.
type Meta struct {
	Len          int64
	LastID       ID
	MaxDeletedID ID
	EntriesAdded int64 // negative: not known, as before Redis 7: taken from Len
}

// Meta checks and sets the counters, after the nodes.
func (b *Builder) Meta(m Meta) error {
	if m.Len != b.live || m.LastID.Less(b.prev) {
		return ErrCorrupt
	}
	if m.EntriesAdded < 0 {
		m.EntriesAdded = m.Len
	}
	b.l.len = int(m.Len)
	b.l.last, b.l.maxDeleted, b.l.added = m.LastID, m.MaxDeletedID, m.EntriesAdded
	b.l.seekFirst()
	return nil
}

// Group begins a group. Its pending entries come next, then its consumers.
func (b *Builder) Group(name string, last ID, read int64) error {
	if err := b.endGroup(); err != nil || !b.l.CreateGroup(name, last, read) {
		return ErrCorrupt
	}
	b.group, _ = b.l.EditGroup(name)
	return nil
}

// Pending adds a pending entry to the group.
func (b *Builder) Pending(id ID, time, count int64) error {
	if b.group.Group == nil || b.group.numbered > 0 {
		return ErrCorrupt
	}
	if _, had := b.group.records.ReplaceOrInsert(record{id: id, time: time, count: max(count, 0)}); had {
		return ErrCorrupt
	}
	b.l.bytes += pendingBytes
	return nil
}

// Consumer begins a consumer of the group. active is -1 if it never was.
func (b *Builder) Consumer(name string, seen, active int64) error {
	if b.group.Group == nil || !b.group.CreateConsumer(name, seen) {
		return ErrCorrupt
	}
	b.name = b.group.Consumer(name).name
	b.group.SetActive(name, max(active, -1))
	return nil
}

// Own gives one of the group's pending entries to the consumer.
func (b *Builder) Own(id ID) error {
	if b.group.Group == nil || b.group.numbered == 0 {
		return ErrCorrupt
	}
	r, ok := b.group.records.Get(record{id: id})
	if !ok || r.consumer != 0 {
		return ErrCorrupt
	}
	c := b.group.Consumer(b.name)
	r.consumer = c.number
	b.group.records.ReplaceOrInsert(r)
	c.ids.ReplaceOrInsert(id)
	return nil
}

// endGroup checks that every pending entry of the group has a consumer.
func (b *Builder) endGroup() error {
	if b.group.Group == nil {
		return nil
	}
	owned := 0
	for c := range b.group.Consumers() {
		owned += c.NumPending()
	}
	if owned != b.group.NumPending() {
		return ErrCorrupt
	}
	return nil
}

// Log ends the building: every pending entry must have a consumer.
func (b *Builder) Log() (*Log, error) {
	if err := b.endGroup(); err != nil {
		return nil, err
	}
	if b.l.len != int(b.live) {
		return nil, ErrCorrupt // no Meta
	}
	return b.l, nil
}
