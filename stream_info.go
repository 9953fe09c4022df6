package larder

import (
	"math/bits"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// What is known of a stream besides its entries: XINFO. The fields on the wire are
// those of Redis 7.0; the typed calls tell more.

var _ = add(&engine.Container{Spec: spec{
	Name: "XINFO", Arity: -2, Group: "stream", Since: "5.0.0", Complexity: "that of the subcommand",
	Summary: "About what is known of a stream besides its entries.",
}})

// An XInfoStream is what is known of a stream.
type XInfoStream struct {
	Length       int64
	LastID       StreamID  // which the next entry's ID must come after
	MaxDeletedID StreamID  // the greatest ID that XDEL deleted
	EntriesAdded int64     // there ever were
	FirstID      StreamID  // of the first entry; zero if there is none
	Groups       int       // their number
	First, Last  *XMessage // nil if there are none
	Nodes        int       // listpacks that hold the entries

	radixNodes int // of the tree that Redis keeps them in
}

// XInfoStream returns what is known of a stream, or ErrNoKey. O(1).
func (c Commands) XInfoStream(stream string) (XInfoStream, error) {
	r, err := opXInfoStream.Do(c.s, xinfoArgs{key: stream})
	return r.XInfoStream, err
}

// An XInfoStreamFull is what is known of a stream, with its groups, consumers and
// pending entries.
type XInfoStreamFull struct {
	XInfoStream
	Entries []XMessage
	Groups  []XInfoGroupFull
}

// An XInfoGroupFull is what is known of a group, with its consumers.
type XInfoGroupFull struct {
	XInfoGroup
	PendingEntries []XInfoPending // of all consumers
	Consumers      []XInfoConsumerFull
}

// An XInfoConsumerFull is what is known of a consumer, with its pending entries.
type XInfoConsumerFull struct {
	XInfoConsumer
	PendingEntries []XInfoPending
}

// An XInfoPending is a pending entry.
type XInfoPending struct {
	ID         StreamID
	Consumer   string
	Delivered  time.Time // last
	Deliveries int64
}

// XInfoStreamFull returns all that is known of a stream, with at most count
// entries, and pending entries of each group and consumer; 0 is all. It returns
// ErrNoKey for a missing stream. O(n) for n items listed.
func (c Commands) XInfoStreamFull(stream string, count int64) (XInfoStreamFull, error) {
	r, err := opXInfoStream.Do(c.s, xinfoArgs{key: stream, full: true, count: max(0, count)})
	r.XInfoStreamFull.Entries = r.entries.kept
	return r.XInfoStreamFull, err
}

// An XInfoGroup is what is known of a group.
type XInfoGroup struct {
	Name        string
	Consumers   int   // their number
	Pending     int64 // entries
	LastID      StreamID
	EntriesRead int64 // of those that there ever were; -1: not known
	Lag         int64 // entries that it was not given yet; -1: not known

	lag      int64 // as Redis computes it, be it negative
	lagKnown bool
}

// XInfoGroups returns what is known of a stream's groups, by name. It returns
// ErrNoKey for a missing stream.
func (c Commands) XInfoGroups(stream string) ([]XInfoGroup, error) {
	return opXInfoGroups.Do(c.s, stream)
}

// An XInfoConsumer is what is known of a consumer.
type XInfoConsumer struct {
	Name    string
	Pending int64     // entries
	Seen    time.Time // when it last asked for entries, and was answered
	Active  time.Time // when it last got any; the zero time: never

	idle int64 // milliseconds since Seen
}

// XInfoConsumers returns what is known of a group's consumers, by name. It returns
// ErrNoKey for a missing stream, and an error that is ErrNoGroup for a missing
// group.
func (c Commands) XInfoConsumers(stream, group string) ([]XInfoConsumer, error) {
	return opXInfoConsumers.Do(c.s, xgroupConsumer{key: stream, group: group})
}

type xinfoArgs struct {
	key    string
	full   bool
	count  int64 // 0: all
	syntax error // in the words; Redis looks for the key before it reads them
}

type xinfoReply struct {
	full bool
	XInfoStreamFull
	entries entries
}

// streamOf returns the stream at key, or ErrNoKey.
func streamOf(t *txn, key string) (*engine.Stream, error) {
	s, err := t.Stream(key)
	if err == ErrNil {
		err = ErrNoKey
	}
	return s, err
}

var opXInfoStream = add(&op[xinfoArgs, xinfoReply]{
	Spec: spec{
		Name: "XINFO|STREAM", Arity: -3, Flags: readOnly, Keys: []engine.KeySpec{{Flags: "RO ACCESS", Index: 2}},
		Group: "stream", Since: "5.0.0", Complexity: "O(N) for N nodes, or for N items listed",
		Syntax:  "key:key [FULL full<[COUNT count:integer]>]",
		Summary: "Tells what is known of a stream.",
	},
	Parse: func(p *args) xinfoArgs {
		a := xinfoArgs{key: p.Key(), count: 10}
		switch n := p.Len(); {
		case n == 0:
			return a
		case !p.Flag("FULL") || n > 1 && (n != 3 || !p.Flag("COUNT")):
			a.syntax = subcommandSyntax(p, "XINFO")
			p.Rest()
		case n == 3:
			word := p.String()
			var ok bool
			if a.count, ok = engine.ParseInt(word); !ok {
				a.syntax = ErrNotInt
			} else if a.count < 0 {
				a.count = 10
			}
		}
		a.full = true
		return a
	},
	Keys: func(k *keySet, a xinfoArgs) { k.Read(a.key) },
	Run: func(t *txn, a xinfoArgs) (r xinfoReply, err error) {
		s, err := streamOf(t, a.key)
		switch {
		case err != nil:
			return r, err
		case a.syntax != nil:
			return r, a.syntax
		}
		r.full = a.full
		r.XInfoStream = XInfoStream{
			Length: int64(s.Len()), LastID: StreamID(s.LastID()), MaxDeletedID: StreamID(s.MaxDeletedID()),
			EntriesAdded: s.EntriesAdded(), FirstID: StreamID(s.FirstID()), Groups: s.NumGroups(),
			Nodes: s.NumNodes(), radixNodes: radixNodes(s),
		}
		if !a.full {
			r.First = oneOf(entries{log: s, to: streamlog.MaxID, max: 1})
			r.Last = oneOf(entries{log: s, to: streamlog.MaxID, max: 1, rev: true})
			return r, nil
		}
		r.entries = entries{log: s, to: streamlog.MaxID, max: a.count}
		for g := range s.Groups() {
			r.Groups = append(r.Groups, groupFull(t, s, g, a.count))
		}
		return r, nil
	},
	Keep:  xinfoReply.keep,
	Reply: replyXInfoStream,
})

func oneOf(e entries) *XMessage {
	for _, m := range e.keep().kept {
		return &m
	}
	return nil
}

func groupFull(t *txn, s *engine.Stream, g *streamlog.Group, count int64) XInfoGroupFull {
	f := XInfoGroupFull{XInfoGroup: infoOf(s, g)}
	for p := range g.Pending(streamlog.ID{}, streamlog.MaxID) {
		f.PendingEntries = append(f.PendingEntries, pendingOf(p))
		if int64(len(f.PendingEntries)) == count {
			break
		}
	}
	for c := range g.Consumers() {
		cf := XInfoConsumerFull{XInfoConsumer: consumerOf(t, c)}
		for p := range g.PendingOf(c, streamlog.ID{}, streamlog.MaxID) {
			cf.PendingEntries = append(cf.PendingEntries, pendingOf(p))
			if int64(len(cf.PendingEntries)) == count {
				break
			}
		}
		f.Consumers = append(f.Consumers, cf)
	}
	return f
}

func infoOf(s *engine.Stream, g *streamlog.Group) XInfoGroup {
	in := XInfoGroup{
		Name: g.Name(), Consumers: g.NumConsumers(), Pending: int64(g.NumPending()), LastID: StreamID(g.LastID()),
		EntriesRead: g.EntriesRead(), Lag: -1,
	}
	if in.lag, in.lagKnown = s.Lag(g); in.lagKnown {
		in.Lag = max(0, in.lag) // it is negative where somebody set EntriesRead too high
	}
	return in
}

func consumerOf(t *txn, c *streamlog.Consumer) XInfoConsumer {
	in := XInfoConsumer{
		Name: c.Name(), Pending: int64(c.NumPending()), Seen: time.UnixMilli(c.SeenTime()), idle: max(0, t.Now()-c.SeenTime()),
	}
	if c.ActiveTime() >= 0 {
		in.Active = time.UnixMilli(c.ActiveTime())
	}
	return in
}

func pendingOf(p streamlog.Pending) XInfoPending {
	return XInfoPending{StreamID(p.ID), p.Consumer, time.UnixMilli(p.Time), p.Count}
}

func (r xinfoReply) keep() xinfoReply {
	r.entries = r.entries.keep()
	for i := range r.Groups {
		g := &r.Groups[i]
		g.Name = strings.Clone(g.Name)
		keepPending(g.PendingEntries)
		for j := range g.Consumers {
			g.Consumers[j].Name = strings.Clone(g.Consumers[j].Name)
			keepPending(g.Consumers[j].PendingEntries)
		}
	}
	return r
}

func keepPending(ps []XInfoPending) {
	for i := range ps {
		ps[i].Consumer = strings.Clone(ps[i].Consumer)
	}
}

// radixNodes is the number of nodes of the radix tree in which Redis would keep
// the stream's listpacks by their IDs of 16 bytes: a leaf for each, a node where
// IDs part, and one for each run of bytes between. O(nodes).
func radixNodes(s *engine.Stream) (n int) {
	const size = 16
	if s.NumNodes() == 0 {
		return 1
	}
	var parts []int // the depths at which the last ID parted from earlier ones, ascending
	count := func(depth, parent int) {
		if n++; depth-parent > 1 {
			n++
		}
	}
	var last streamlog.ID
	shared, first := -1, true // bytes that the last ID shared with the one before
	next := func(with int) {
		count(size, max(shared, with))
		for len(parts) > 0 && parts[len(parts)-1] > with {
			depth := parts[len(parts)-1]
			parent := with
			if parts = parts[:len(parts)-1]; len(parts) > 0 {
				parent = max(parent, parts[len(parts)-1])
			}
			count(depth, parent)
		}
		if with >= 0 && (len(parts) == 0 || parts[len(parts)-1] < with) {
			parts = append(parts, with)
		}
		shared = with
	}
	for id := range s.Nodes() {
		if !first {
			next(sharedBytes(last, id))
		}
		last, first = id, false
	}
	next(-1)
	return n
}

// sharedBytes is how many of the 16 bytes two IDs begin with alike.
func sharedBytes(a, b streamlog.ID) int {
	if a.Ms != b.Ms {
		return bits.LeadingZeros64(a.Ms^b.Ms) / 8
	}
	return 8 + bits.LeadingZeros64(a.Seq^b.Seq)/8
}

func replyXInfoStream(w *reply, r xinfoReply) {
	field := func(name string, n int64) { w.Bulk(name); w.Int(n) }
	id := func(name string, id StreamID) { w.Bulk(name); replyID(w, streamlog.ID(id)) }
	if r.full {
		w.Map(9)
	} else {
		w.Map(10)
	}
	field("length", r.Length)
	field("radix-tree-keys", int64(r.Nodes))
	field("radix-tree-nodes", int64(r.radixNodes))
	id("last-generated-id", r.LastID)
	id("max-deleted-entry-id", r.MaxDeletedID)
	field("entries-added", r.EntriesAdded)
	id("recorded-first-entry-id", r.FirstID)
	if !r.full {
		field("groups", int64(r.XInfoStream.Groups))
		for _, f := range []struct {
			name  string
			entry *XMessage
		}{{"first-entry", r.First}, {"last-entry", r.Last}} {
			if w.Bulk(f.name); f.entry == nil {
				w.Null()
			} else {
				replyMessage(w, *f.entry)
			}
		}
		return
	}
	w.Bulk("entries")
	replyEntries(w, r.entries)
	w.Bulk("groups")
	w.Array(len(r.Groups))
	for _, g := range r.Groups {
		w.Map(7)
		w.Bulk("name")
		w.Bulk(g.Name)
		id("last-delivered-id", g.LastID)
		replyRead(w, g.XInfoGroup)
		field("pel-count", g.Pending)
		w.Bulk("pending")
		replyPending(w, g.PendingEntries, true)
		w.Bulk("consumers")
		w.Array(len(g.Consumers))
		for _, c := range g.Consumers {
			w.Map(4)
			w.Bulk("name")
			w.Bulk(c.Name)
			field("seen-time", c.Seen.UnixMilli())
			field("pel-count", c.Pending)
			w.Bulk("pending")
			replyPending(w, c.PendingEntries, false)
		}
	}
}

// replyRead writes how far a group has read.
func replyRead(w *reply, g XInfoGroup) {
	if w.Bulk("entries-read"); g.EntriesRead < 0 {
		w.Null()
	} else {
		w.Int(g.EntriesRead)
	}
	if w.Bulk("lag"); g.lagKnown {
		w.Int(g.lag)
	} else {
		w.Null()
	}
}

func replyPending(w *reply, ps []XInfoPending, consumers bool) {
	w.Array(len(ps))
	for _, p := range ps {
		if consumers {
			w.Array(4)
		} else {
			w.Array(3)
		}
		if replyID(w, streamlog.ID(p.ID)); consumers {
			w.Bulk(p.Consumer)
		}
		w.Int(p.Delivered.UnixMilli())
		w.Int(p.Deliveries)
	}
}

var opXInfoGroups = add(&op[string, []XInfoGroup]{
	Spec: spec{
		Name: "XINFO|GROUPS", Arity: 3, Flags: readOnly, Keys: []engine.KeySpec{{Flags: "RO ACCESS", Index: 2}},
		Group: "stream", Since: "5.0.0", Complexity: "O(N) for N groups", Syntax: "key:key",
		Summary: "Tells what is known of the groups of a stream.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run: func(t *txn, key string) (list []XInfoGroup, err error) {
		s, err := streamOf(t, key)
		if err != nil {
			return nil, err
		}
		for g := range s.Groups() {
			list = append(list, infoOf(s, g))
		}
		return list, nil
	},
	Keep: func(list []XInfoGroup) []XInfoGroup {
		for i := range list {
			list[i].Name = strings.Clone(list[i].Name)
		}
		return list
	},
	Reply: func(w *reply, list []XInfoGroup) {
		w.Array(len(list))
		for _, g := range list {
			w.Map(6)
			w.Bulk("name")
			w.Bulk(g.Name)
			w.Bulk("consumers")
			w.Int(int64(g.Consumers))
			w.Bulk("pending")
			w.Int(g.Pending)
			w.Bulk("last-delivered-id")
			replyID(w, streamlog.ID(g.LastID))
			replyRead(w, g)
		}
	},
})

var opXInfoConsumers = add(&op[xgroupConsumer, []XInfoConsumer]{
	Spec: spec{
		Name: "XINFO|CONSUMERS", Arity: 4, Flags: readOnly, Keys: []engine.KeySpec{{Flags: "RO ACCESS", Index: 2}},
		Group: "stream", Since: "5.0.0", Complexity: "O(N) for N consumers", Syntax: "key:key groupname:string",
		Summary: "Tells what is known of the consumers of a group.", Tips: []string{"nondeterministic_output"},
	},
	Parse: func(p *args) xgroupConsumer { return xgroupConsumer{key: p.Key(), group: p.String()} },
	Keys:  func(k *keySet, a xgroupConsumer) { k.Read(a.key) },
	Run: func(t *txn, a xgroupConsumer) (list []XInfoConsumer, err error) {
		s, err := streamOf(t, a.key)
		if err != nil {
			return nil, err
		}
		g := s.Group(a.group)
		if g == nil {
			return nil, noGroup(a.key, a.group)
		}
		for c := range g.Consumers() {
			list = append(list, consumerOf(t, c))
		}
		return list, nil
	},
	Keep: func(list []XInfoConsumer) []XInfoConsumer {
		for i := range list {
			list[i].Name = strings.Clone(list[i].Name)
		}
		return list
	},
	Reply: func(w *reply, list []XInfoConsumer) {
		w.Array(len(list))
		for _, c := range list {
			w.Map(3)
			w.Bulk("name")
			w.Bulk(c.Name)
			w.Bulk("pending")
			w.Int(c.Pending)
			w.Bulk("idle")
			w.Int(c.idle)
		}
	},
})

var _ = add(&ctl{
	Spec: spec{
		Name: "XINFO|HELP", Arity: 2, Flags: loading | stale, Group: "stream", Since: "5.0.0", Complexity: "O(1)",
		Summary: "Lists the subcommands.", ACL: "stream",
	},
	Run: func(_ *engine.Session, _ *args, w *reply) error {
		admin.ReplyHelp(w, "XINFO",
			"CONSUMERS <key> <group>", "Tells of the consumers of a group.",
			"GROUPS <key>", "Tells of the groups of a stream.",
			"STREAM <key> [FULL [COUNT <n>]]", "Tells of a stream; FULL lists entries, groups and what is pending.",
		)
		return nil
	},
})
