package streamlog

import (
	"iter"
	"strings"

	"github.com/google/btree"
)

// Unknown is the number of entries that a group has read where it cannot be told.
const Unknown = -1

// Sizes in bytes, for Size.
const (
	groupBytes    = 280
	consumerBytes = 288
	pendingBytes  = 125 // a record and an ID, in pages half full
)

// A Group is a consumer group, to look at. What is returned by a method of Log
// may be looked at until the group's next change; to change it, see
// [Log.EditGroup].
type Group struct {
	owner     *token
	name      string
	last      ID
	read      int64
	records   *btree.BTreeG[record]
	consumers *btree.BTreeG[consumerSlot] // by name
	numbers   *btree.BTreeG[numberSlot]   // by number
	numbered  uint64                      // the last number given to a consumer
}

// record is what a group knows of a pending entry.
type record struct {
	id       ID
	consumer uint64
	time     int64
	count    int64
}

// A Consumer is a consumer of a group, to look at, until the group's next change.
type Consumer struct {
	owner  *token
	name   string
	number uint64
	seen   int64
	active int64
	ids    *btree.BTreeG[ID]
}

// The indexes of groups and consumers have their keys beside the pointers, so that
// looking one up allocates nothing.
type (
	groupSlot struct {
		name string
		g    *Group
	}
	consumerSlot struct {
		name string
		c    *Consumer
	}
	numberSlot struct {
		number uint64
		c      *Consumer
	}
)

func groupLess(a, b groupSlot) bool       { return a.name < b.name }
func recordLess(a, b record) bool         { return a.id.Less(b.id) }
func consumerLess(a, b consumerSlot) bool { return a.name < b.name }
func numberLess(a, b numberSlot) bool     { return a.number < b.number }

// Group returns the group of that name, nil where there is none.
func (l *Log) Group(name string) *Group {
	s, _ := l.groups.Get(groupSlot{name: name})
	return s.g
}

// Groups yields the groups in the order of their names.
func (l *Log) Groups() iter.Seq[*Group] {
	return func(yield func(*Group) bool) {
		l.groups.Ascend(func(s groupSlot) bool { return yield(s.g) })
	}
}

// NumGroups is the number of groups.
func (l *Log) NumGroups() int { return l.groups.Len() }

// Name is the group's name.
func (g *Group) Name() string { return g.name }

// LastID is the last ID delivered.
func (g *Group) LastID() ID { return g.last }

// EntriesRead is the number of entries read up to LastID, or Unknown.
func (g *Group) EntriesRead() int64 { return g.read }

// Lag is the number of entries not yet read by the group; ok is false where it
// cannot be told.
func (l *Log) Lag(g *Group) (lag int64, ok bool) {
	if l.added == 0 {
		return 0, true
	}
	read := g.read
	if read == Unknown || l.deletedFrom(g.last) {
		read = l.EstimateRead(g.last)
	}
	return l.added - read, read != Unknown
}

// deletedFrom reports whether an entry may be missing at id or later, which a
// count of the entries read up to id would not tell. What was deleted before the
// first entry is of the past.
func (l *Log) deletedFrom(id ID) bool {
	return l.deletedInside() && !l.maxDeleted.Less(id)
}

// deletedInside reports whether an entry may be missing after the first one.
func (l *Log) deletedInside() bool {
	return l.len > 0 && !l.maxDeleted.IsZero() && !l.maxDeleted.Less(l.first)
}

// EstimateRead is how many entries were ever added up to id, where that can be
// told from the counters, else Unknown. A group is nevertheless created, or set to
// an ID, with Unknown unless the user says otherwise; Lag and ReadNew estimate.
func (l *Log) EstimateRead(id ID) int64 {
	switch c := id.Compare(l.last); {
	case l.added == 0:
		return 0
	case l.len == 0 && c <= 0, c == 0:
		return l.added
	case c > 0:
		return Unknown
	}
	// Inside the log it can be told only before and at the first entry, and only if
	// what was deleted was deleted before that.
	if !l.deletedInside() {
		switch c := id.Compare(l.first); {
		case c < 0:
			return l.added - int64(l.len)
		case c == 0:
			return l.added - int64(l.len) + 1
		}
	}
	return Unknown
}

// A Pending is an entry delivered and not yet acknowledged.
type Pending struct {
	ID       ID
	Consumer string
	Time     int64 // of its last delivery, in milliseconds since the epoch
	Count    int64 // of deliveries
}

// NumPending is the number of pending entries.
func (g *Group) NumPending() int { return g.records.Len() }

// FirstPending and LastPending are the IDs at the ends of the pending entries,
// 0-0 where there are none.
func (g *Group) FirstPending() ID {
	r, _ := g.records.Min()
	return r.id
}

// LastPending is the last ID among the pending entries; see FirstPending.
func (g *Group) LastPending() ID {
	r, _ := g.records.Max()
	return r.id
}

// Lookup returns a pending entry.
func (g *Group) Lookup(id ID) (p Pending, ok bool) {
	r, ok := g.records.Get(record{id: id})
	if ok {
		p = g.pending(r)
	}
	return p, ok
}

func (g *Group) pending(r record) Pending {
	return Pending{r.id, g.numberedConsumer(r.consumer).name, r.time, r.count}
}

func (g *Group) numberedConsumer(n uint64) *Consumer {
	s, _ := g.numbers.Get(numberSlot{number: n})
	return s.c
}

// Pending yields the pending entries from one ID to another, both inclusive. The
// group must not be changed meanwhile.
func (g *Group) Pending(from, to ID) iter.Seq[Pending] {
	return func(yield func(Pending) bool) {
		var c *Consumer
		g.records.AscendGreaterOrEqual(record{id: from}, func(r record) bool {
			if to.Less(r.id) {
				return false
			}
			if c == nil || c.number != r.consumer {
				c = g.numberedConsumer(r.consumer)
			}
			return yield(Pending{r.id, c.name, r.time, r.count})
		})
	}
}

// PendingOf yields those of one consumer of the group.
func (g *Group) PendingOf(c *Consumer, from, to ID) iter.Seq[Pending] {
	return func(yield func(Pending) bool) {
		c.ids.AscendGreaterOrEqual(from, func(id ID) bool {
			if to.Less(id) {
				return false
			}
			r, _ := g.records.Get(record{id: id})
			return yield(Pending{id, c.name, r.time, r.count})
		})
	}
}

// Consumer returns the consumer of that name, nil where there is none.
func (g *Group) Consumer(name string) *Consumer {
	s, _ := g.consumers.Get(consumerSlot{name: name})
	return s.c
}

// Consumers yields the consumers in the order of their names.
func (g *Group) Consumers() iter.Seq[*Consumer] {
	return func(yield func(*Consumer) bool) {
		g.consumers.Ascend(func(s consumerSlot) bool { return yield(s.c) })
	}
}

// NumConsumers is the number of consumers.
func (g *Group) NumConsumers() int { return g.consumers.Len() }

// Name is the consumer's name.
func (c *Consumer) Name() string { return c.name }

// SeenTime is when it last tried to do something, in milliseconds since the epoch.
func (c *Consumer) SeenTime() int64 { return c.seen }

// ActiveTime is when it last succeeded (read or claimed an entry), in
// milliseconds since the epoch; -1 if it never did.
func (c *Consumer) ActiveTime() int64 { return c.active }

// NumPending is the number of its pending entries.
func (c *Consumer) NumPending() int { return c.ids.Len() }

// CreateGroup adds a group that has read up to last, and says whether it could:
// false where there is one of that name. The name is copied. read is EntriesRead:
// a number, or Unknown.
func (l *Log) CreateGroup(name string, last ID, read int64) bool {
	if l.Group(name) != nil {
		return false
	}
	l.own()
	g := &Group{
		owner:     l.owner,
		name:      strings.Clone(name),
		last:      last,
		read:      max(read, Unknown),
		records:   btree.NewWithFreeListG(degree, recordLess, freeRecords),
		consumers: btree.NewWithFreeListG(degree, consumerLess, freeConsumers),
		numbers:   btree.NewWithFreeListG(degree, numberLess, freeNumbers),
	}
	l.groups.ReplaceOrInsert(groupSlot{g.name, g})
	l.bytes += groupBytes + len(name)
	return true
}

// DestroyGroup removes a group, and reports whether it was there. It is O(its
// consumers).
func (l *Log) DestroyGroup(name string) bool {
	g := l.Group(name)
	if g == nil {
		return false
	}
	l.own()
	l.groups.Delete(groupSlot{name: name})
	l.bytes -= groupBytes + len(name) + g.NumPending()*pendingBytes
	for c := range g.Consumers() {
		l.bytes -= consumerBytes + len(c.name)
	}
	return true
}

// A GroupEdit is a Group, to change. It is good until the stream is cloned or the
// group destroyed, and panics after a Clone; what it shows is always the present
// state.
type GroupEdit struct {
	*Group
	l *Log
}

// EditGroup returns a group to change; ok is false where there is none.
func (l *Log) EditGroup(name string) (e GroupEdit, ok bool) {
	g := l.Group(name)
	if g == nil {
		return e, false
	}
	return l.edit(g), true
}

func (l *Log) edit(g *Group) GroupEdit {
	l.own()
	if g.owner != l.owner {
		c := *g
		c.owner = l.owner
		c.records, c.consumers, c.numbers = share(g.records), share(g.consumers), share(g.numbers)
		g = &c
		l.groups.ReplaceOrInsert(groupSlot{g.name, g})
	}
	return GroupEdit{g, l}
}

// check begins every change.
func (e GroupEdit) check() {
	if e.l.shared.Load() || e.owner != e.l.owner {
		panic("streamlog: GroupEdit used after Clone")
	}
}

// own returns the consumer, or a copy of it that is ours in its place.
func (e GroupEdit) own(c *Consumer) *Consumer {
	if c.owner == e.owner {
		return c
	}
	d := *c
	d.owner = e.owner
	d.ids = share(c.ids)
	e.index(&d)
	return &d
}

func (e GroupEdit) index(c *Consumer) {
	e.consumers.ReplaceOrInsert(consumerSlot{c.name, c})
	e.numbers.ReplaceOrInsert(numberSlot{c.number, c})
}

// mustConsumer returns an existing consumer, to change.
func (e GroupEdit) mustConsumer(name string) *Consumer {
	e.check()
	c := e.Consumer(name)
	if c == nil {
		panic("streamlog: no such consumer")
	}
	return e.own(c)
}

// SetID sets LastID and EntriesRead.
func (e GroupEdit) SetID(last ID, read int64) {
	e.check()
	e.last, e.read = last, max(read, Unknown)
}

// CreateConsumer adds a consumer that is seen at now and was never active, and
// says whether it could: false where there is one of that name, which is left as
// it is. The name is copied.
func (e GroupEdit) CreateConsumer(name string, now int64) bool {
	e.check()
	if e.Consumer(name) != nil {
		return false
	}
	e.numbered++
	c := &Consumer{
		owner:  e.owner,
		name:   strings.Clone(name),
		number: e.numbered,
		seen:   now,
		active: -1,
		ids:    btree.NewWithFreeListG(degree, ID.Less, freeIDs),
	}
	e.index(c)
	e.l.bytes += consumerBytes + len(name)
	return true
}

// See sets a consumer's SeenTime, after adding the consumer where there is none.
func (e GroupEdit) See(name string, now int64) (created bool) {
	if e.CreateConsumer(name, now) {
		return true
	}
	e.mustConsumer(name).seen = now
	return false
}

// SetActive sets the ActiveTime of a consumer, if it exists.
func (e GroupEdit) SetActive(name string, now int64) {
	if e.check(); e.Consumer(name) != nil {
		e.mustConsumer(name).active = now
	}
}

// DeleteConsumer removes a consumer with its pending entries, and returns how many
// there were; ok is false where there is no such consumer.
func (e GroupEdit) DeleteConsumer(name string) (pending int, ok bool) {
	e.check()
	c := e.Consumer(name)
	if c == nil {
		return 0, false
	}
	pending = c.NumPending()
	c.ids.Ascend(func(id ID) bool {
		e.records.Delete(record{id: id})
		return true
	})
	e.consumers.Delete(consumerSlot{name: c.name})
	e.numbers.Delete(numberSlot{number: c.number})
	e.l.bytes -= consumerBytes + len(c.name) + pending*pendingBytes
	return pending, true
}

// ReadNew delivers up to count entries (0: all) that come after LastID to an
// existing consumer at now: it moves LastID and EntriesRead, and unless noAck
// makes the entries pending, anew where they already were. It returns how many,
// and the first and last ID: [Log.Range] between them yields the entries.
// SeenTime and ActiveTime are the caller's.
func (e GroupEdit) ReadNew(consumer string, count int, now int64, noAck bool) (first, last ID, n int) {
	c := e.mustConsumer(consumer)
	from, ok := e.last.Next()
	if !ok {
		return first, last, 0
	}
	for entry := range e.l.Range(from, MaxID) {
		if n++; n == 1 {
			first = entry.ID
		}
		last = entry.ID
		if e.read != Unknown && !e.l.deletedFrom(last) {
			e.read++
		} else if e.l.added > 0 {
			e.read = e.l.EstimateRead(last)
		}
		if !noAck {
			e.assign(c, record{last, c.number, now, 1})
		}
		if n == count {
			break
		}
	}
	if n > 0 {
		e.last = last
	}
	return first, last, n
}

// assign puts a record in the place of what was pending under its ID.
func (e GroupEdit) assign(c *Consumer, r record) {
	old, had := e.records.ReplaceOrInsert(r)
	if had && old.consumer == r.consumer {
		return
	}
	if had {
		e.own(e.numberedConsumer(old.consumer)).ids.Delete(r.id)
	} else {
		e.l.bytes += pendingBytes
	}
	c.ids.ReplaceOrInsert(r.id)
}

// Redeliver sets the delivery time of a pending entry and adds one to its count
// (XREADGROUP of the history). It reports whether the entry is pending.
func (e GroupEdit) Redeliver(id ID, now int64) bool {
	e.check()
	r, ok := e.records.Get(record{id: id})
	if ok {
		r.time = now
		r.count++
		e.records.ReplaceOrInsert(r)
	}
	return ok
}

// Ack makes an entry no longer pending, and reports whether it was.
func (e GroupEdit) Ack(id ID) bool {
	e.check()
	r, ok := e.records.Delete(record{id: id})
	if ok {
		e.own(e.numberedConsumer(r.consumer)).ids.Delete(id)
		e.l.bytes -= pendingBytes
	}
	return ok
}

// Assign makes an entry pending for an existing consumer, whoever had it.
func (e GroupEdit) Assign(id ID, consumer string, time, count int64) {
	c := e.mustConsumer(consumer)
	e.assign(c, record{id, c.number, time, count})
}

// A Claim says how [GroupEdit.Claim] and [GroupEdit.AutoClaim] claim. The consumer
// exists.
type Claim struct {
	Consumer string
	Now      int64
	MinIdle  int64 // milliseconds since the last delivery; 0 or less: any
	Time     int64 // to set as delivery time
	Count    int64 // to set as number of deliveries; negative: see JustID
	JustID   bool  // leaves the number of deliveries, else it is one more
	Force    bool  // makes entries pending that were not; not for AutoClaim
}

// A Claimed is what became of an entry that was to be claimed.
type Claimed uint8

// The outcomes of a claim.
const (
	NotClaimed Claimed = iota // not pending, or not idle for long enough
	Taken                     // it is now the consumer's
	Gone                      // it was pending and is no longer in the stream: it is pending no more
)

// Claim claims one entry. p is what is pending now, or what was if it is Gone.
func (e GroupEdit) Claim(id ID, c Claim) (what Claimed, p Pending) {
	to := e.mustConsumer(c.Consumer)
	r, had := e.records.Get(record{id: id})
	if !had && !c.Force {
		return NotClaimed, p
	}
	if !e.l.Has(id) {
		if !had {
			return NotClaimed, p
		}
		p = e.pending(r)
		e.Ack(id)
		return Gone, p
	}
	if had && !c.idle(r) {
		return NotClaimed, p
	}
	if !had {
		// As Redis has it: made as if delivered once, then claimed, which counts too.
		r = record{id: id, count: 1}
	}
	return Taken, e.take(to, r, c)
}

// idle reports whether a record may be claimed by now.
func (c Claim) idle(r record) bool { return c.MinIdle <= 0 || c.Now-r.time >= c.MinIdle }

// take gives a record to a consumer.
func (e GroupEdit) take(to *Consumer, r record, c Claim) Pending {
	r.consumer, r.time = to.number, c.Time
	if c.Count >= 0 {
		r.count = c.Count
	} else if !c.JustID {
		r.count++
	}
	e.assign(to, r)
	return Pending{r.id, to.name, r.time, r.count}
}

// AutoClaim claims up to count entries that are pending from an ID on, looking at
// no more than ten times as many; those that are Gone count too. It returns what
// it took, what was pending and Gone, and where to go on: 0-0 at the end.
func (e GroupEdit) AutoClaim(from ID, count int, c Claim) (taken, gone []Pending, next ID) {
	to := e.mustConsumer(c.Consumer)
	type find struct {
		record
		gone bool
	}
	var found []find // the tree is not to change under the walk
	looks := 0
	e.records.AscendGreaterOrEqual(record{id: from}, func(r record) bool {
		if looks/10 >= count || len(found) >= count {
			next = r.id
			return false
		}
		looks++
		if gone := !e.l.Has(r.id); gone || c.idle(r) {
			found = append(found, find{r, gone})
		}
		return true
	})
	for _, f := range found {
		if f.gone {
			gone = append(gone, e.pending(f.record))
			e.Ack(f.id)
		} else {
			taken = append(taken, e.take(to, f.record, c))
		}
	}
	return taken, gone, next
}

// DropReferences makes an entry no longer pending in all groups, in O(groups), and
// returns in how many it was (XDELEX DELREF).
func (l *Log) DropReferences(id ID) int {
	var in []*Group
	for g := range l.Groups() {
		if g.records.Has(record{id: id}) {
			in = append(in, g)
		}
	}
	for _, g := range in {
		l.edit(g).Ack(id)
	}
	return len(in)
}

// Acknowledged reports, in O(groups), whether every group has been delivered the
// entry and has it no longer pending (XDELEX ACKED).
func (l *Log) Acknowledged(id ID) bool {
	for g := range l.Groups() {
		if g.last.Less(id) || g.records.Has(record{id: id}) {
			return false
		}
	}
	return true
}
