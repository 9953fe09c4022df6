package larder

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// The groups of consumers of a stream: XGROUP XACK XPENDING. Entries that change
// hands are in stream_claim.go, those that are acknowledged and deleted at once in
// stream_delete.go.
//
// What groups know stands beside the stream's value: as in Redis its changes
// touch neither WATCH nor those who wait for entries, unless a group goes.

// noKeyOrGroup is the error, an ErrNoGroup, of most commands.
func noKeyOrGroup(key, group, where string) error {
	return Error("NOGROUP No such key '" + key + "' or consumer group '" + group + "'" + where)
}

// noGroup is the error, an ErrNoGroup, of XGROUP and XINFO.
func noGroup(key, group string) error {
	return Error("NOGROUP No such consumer group '" + group + "' for key name '" + key + "'")
}

const errGroupNoKey Error = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want " +
	"to use the MKSTREAM option to create an empty stream automatically."

// groupOf returns the group, and its stream, or what XACK and others answer where
// there is none.
func groupOf(t *txn, key, group string) (*engine.Stream, *streamlog.Group, error) {
	s, err := t.Stream(key)
	if err != nil && err != ErrNil {
		return nil, nil, err
	}
	if s != nil {
		if g := s.Group(group); g != nil {
			return s, g, nil
		}
	}
	return nil, nil, noKeyOrGroup(key, group, "")
}

// editGroup returns a group that exists, to change.
func editGroup(t *txn, key, group string) (*engine.Stream, streamlog.GroupEdit) {
	s, _ := engine.Edit(t, key, engine.NewStream)
	g, _ := s.EditGroup(group)
	return s, g
}

// tellClaim tells a replica what is pending, as Redis does: by an XCLAIM that
// leaves nothing open.
func tellClaim(t *txn, key, group string, p streamlog.Pending, last streamlog.ID) {
	if t.Replicating() {
		t.Replicate("XCLAIM", key, group, p.Consumer, "0", p.ID.String(), "TIME", strconv.FormatInt(p.Time, 10),
			"RETRYCOUNT", strconv.FormatInt(p.Count, 10), "FORCE", "JUSTID", "LASTID", last.String())
	}
}

// tellGroupID tells a replica how far a group has read.
func tellGroupID(t *txn, key string, g *streamlog.Group) {
	if t.Replicating() {
		t.Replicate("XGROUP", "SETID", key, g.Name(), g.LastID().String(), "ENTRIESREAD", strconv.FormatInt(g.EntriesRead(), 10))
	}
}

var _ = add(&engine.Container{Spec: spec{
	Name: "XGROUP", Arity: -2, Group: "stream", Since: "5.0.0", Complexity: "that of the subcommand",
	Summary: "About the groups of consumers of a stream.",
}})

// XGroupArgs are the arguments of XGROUP CREATE and XGROUP SETID.
type XGroupArgs struct {
	Stream, Group string
	ID            StreamID // the group is given the entries behind it; the zero ID is all
	New           bool     // instead: those that are added after the call, "$"
	MkStream      bool     // of XGroupCreate: makes the stream, empty, if there is none

	// EntriesRead is how many entries were ever added up to ID, if that is known;
	// 0 is not.
	EntriesRead int64
}

func (a XGroupArgs) internal() (xgroupArgs, error) {
	in := xgroupArgs{key: a.Stream, group: a.Group, id: streamlog.ID(a.ID), tail: a.New, mkStream: a.MkStream, read: streamlog.Unknown}
	switch {
	case a.New && !a.ID.IsZero():
		return in, ErrSyntax
	case a.EntriesRead < 0:
		return in, errEntriesRead
	case a.EntriesRead > 0:
		in.read, in.readGiven = a.EntriesRead, true
	}
	return in, nil
}

// XGroupCreate makes a group of consumers. It returns ErrGroupExists if there is
// one of that name.
func (c Commands) XGroupCreate(a XGroupArgs) error {
	in, err := a.internal()
	if err == nil {
		_, err = opXGroupCreate.Do(c.s, in)
	}
	return err
}

// XGroupSetID sets which entries a group is given next. What is pending stays so.
func (c Commands) XGroupSetID(a XGroupArgs) error {
	in, err := a.internal()
	if err == nil {
		_, err = opXGroupSetID.Do(c.s, in)
	}
	return err
}

const errEntriesRead Error = "ERR value for ENTRIESREAD must be positive or -1"

type xgroupArgs struct {
	key, group string
	id         streamlog.ID
	tail       bool   // "$"
	text       string // the ID as it was given, for the effect; "": formatted
	badID      bool
	mkStream   bool
	read       int64
	readGiven  bool
}

func parseXGroup(p *args, create bool) xgroupArgs {
	a := xgroupArgs{key: p.Key(), group: p.String(), text: p.String(), read: streamlog.Unknown}
	if a.tail = a.text == "$"; !a.tail {
		var ok bool
		a.id, ok = streamlog.ParseID(a.text, 0)
		a.badID = !ok
	}
	for p.More() {
		switch {
		case create && p.Flag("MKSTREAM"):
			a.mkStream = true
		case p.FlagWith("ENTRIESREAD", 1):
			if a.read, a.readGiven = p.Int(), true; a.read < 0 && a.read != streamlog.Unknown {
				p.Fail(errEntriesRead)
			}
		default:
			p.Fail(subcommandSyntax(p, "XGROUP"))
		}
	}
	return a
}

// subcommandSyntax is how containers answer words that they do not expect.
func subcommandSyntax(p *args, container string) error {
	return Error("ERR unknown subcommand or wrong number of arguments for '" + string(p.Words()[1]) + "'. Try " + container + " HELP.")
}

// position is the ID that the group is set to.
func (a *xgroupArgs) position(s *engine.Stream) (streamlog.ID, error) {
	switch {
	case a.badID:
		return streamlog.ID{}, ErrStreamID
	case a.tail && s != nil:
		return s.LastID(), nil
	}
	return a.id, nil
}

func (a *xgroupArgs) words(subcommand string) []string {
	id := a.text
	switch {
	case id != "":
	case a.tail:
		id = "$"
	default:
		id = a.id.String()
	}
	words := []string{"XGROUP", subcommand, a.key, a.group, id}
	if a.mkStream {
		words = append(words, "MKSTREAM")
	}
	if a.readGiven {
		words = append(words, "ENTRIESREAD", strconv.FormatInt(a.read, 10))
	}
	return words
}

var opXGroupCreate = add(&op[xgroupArgs, none]{
	Spec: spec{
		Name: "XGROUP|CREATE", Arity: -5, Flags: write | denyOOM, Keys: []engine.KeySpec{{Flags: "RW INSERT", Index: 2}},
		Group: "stream", Since: "5.0.0", Complexity: "O(1)",
		Syntax: "key:key groupname:string id<id:string|new_id=$> [MKSTREAM] " +
			"[ENTRIESREAD entries_read:integer]",
		Summary: "Makes a group of consumers.",
	},
	Parse: func(p *args) xgroupArgs { return parseXGroup(p, true) },
	Keys:  func(k *keySet, a xgroupArgs) { k.Write(a.key) },
	Run: func(t *txn, a xgroupArgs) (none, error) {
		s, err := t.Stream(a.key)
		if err == ErrNil && !a.mkStream {
			err = errGroupNoKey
		}
		if err != nil && err != ErrNil {
			return none{}, err
		}
		id, err := a.position(s)
		switch {
		case err != nil:
			return none{}, err
		case s != nil && s.Group(a.group) != nil:
			return none{}, ErrGroupExists
		}
		made := s == nil
		s, _ = engine.Edit(t, a.key, engine.NewStream)
		s.CreateGroup(a.group, id, a.read)
		if made {
			t.Effect('t', "xgroup-create", a.key, a.words("CREATE")...)
		} else {
			t.EffectAside('t', "xgroup-create", a.key, a.words("CREATE")...)
		}
		return none{}, nil
	},
	Reply: replyOK,
})

var opXGroupSetID = add(&op[xgroupArgs, none]{
	Spec: spec{
		Name: "XGROUP|SETID", Arity: -5, Flags: write, Keys: []engine.KeySpec{{Flags: "RW UPDATE", Index: 2}},
		Group: "stream", Since: "5.0.0", Complexity: "O(1)",
		Syntax:  "key:key groupname:string id<id:string|new_id=$> [ENTRIESREAD entries_read:integer]",
		Summary: "Sets which entries a group is given next.",
	},
	Parse: func(p *args) xgroupArgs { return parseXGroup(p, false) },
	Keys:  func(k *keySet, a xgroupArgs) { k.Write(a.key) },
	Run: func(t *txn, a xgroupArgs) (none, error) {
		s, err := xgroupOf(t, a.key, a.group)
		if err != nil {
			return none{}, err
		}
		id, err := a.position(s)
		if err != nil {
			return none{}, err
		}
		_, g := editGroup(t, a.key, a.group)
		g.SetID(id, a.read)
		t.EffectAside('t', "xgroup-setid", a.key, a.words("SETID")...)
		return none{}, nil
	},
	Reply: replyOK,
})

// xgroupOf returns the stream, if it has the group.
func xgroupOf(t *txn, key, group string) (*engine.Stream, error) {
	s, err := t.Stream(key)
	switch {
	case err == ErrNil:
		return nil, errGroupNoKey
	case err != nil:
		return nil, err
	case s.Group(group) == nil:
		return nil, noGroup(key, group)
	}
	return s, nil
}

type xgroupConsumer struct{ key, group, consumer string }

// XGroupDestroy removes a group, with all that is pending in it, and reports
// whether it was there. Reads that wait for the group end with an error that is
// ErrNoGroup. O(n) for n consumers.
func (c Commands) XGroupDestroy(stream, group string) (bool, error) {
	return opXGroupDestroy.Do(c.s, xgroupConsumer{key: stream, group: group})
}

var opXGroupDestroy = add(&op[xgroupConsumer, bool]{
	Spec: spec{
		Name: "XGROUP|DESTROY", Arity: 4, Flags: write, Keys: []engine.KeySpec{{Flags: "RW DELETE", Index: 2}},
		Group: "stream", Since: "5.0.0", Complexity: "O(N) for N consumers", Syntax: "key:key groupname:string",
		Summary: "Removes a group with all that is pending in it.",
	},
	Parse: func(p *args) xgroupConsumer { return xgroupConsumer{key: p.Key(), group: p.String()} },
	Keys:  func(k *keySet, a xgroupConsumer) { k.Write(a.key) },
	Run: func(t *txn, a xgroupConsumer) (bool, error) {
		s, err := t.Stream(a.key)
		switch {
		case err == ErrNil:
			return false, errGroupNoKey
		case err != nil:
			return false, err
		case s.Group(a.group) == nil:
			return false, nil
		}
		s, _ = engine.Edit(t, a.key, engine.NewStream)
		s.DestroyGroup(a.group)
		t.EffectAside('t', "xgroup-destroy", a.key, "XGROUP", "DESTROY", a.key, a.group)
		t.Wake(a.key)
		return true, nil
	},
	Reply: replyBool,
})

// XGroupCreateConsumer adds a consumer to a group, and reports whether it was not
// there before. Reading and claiming add consumers by themselves.
func (c Commands) XGroupCreateConsumer(stream, group, consumer string) (bool, error) {
	return opXGroupCreateConsumer.Do(c.s, xgroupConsumer{stream, group, consumer})
}

var opXGroupCreateConsumer = add(&op[xgroupConsumer, bool]{
	Spec: spec{
		Name: "XGROUP|CREATECONSUMER", Arity: 5, Flags: write | denyOOM, Keys: []engine.KeySpec{{Flags: "RW INSERT", Index: 2}},
		Group: "stream", Since: "6.2.0", Complexity: "O(1)", Syntax: "key:key groupname:string consumername:string",
		Summary: "Adds a consumer to a group.",
	},
	Parse: func(p *args) xgroupConsumer { return xgroupConsumer{p.Key(), p.String(), p.String()} },
	Keys:  func(k *keySet, a xgroupConsumer) { k.Write(a.key) },
	Run: func(t *txn, a xgroupConsumer) (bool, error) {
		s, err := xgroupOf(t, a.key, a.group)
		if err != nil || s.Group(a.group).Consumer(a.consumer) != nil {
			return false, err
		}
		_, g := editGroup(t, a.key, a.group)
		g.CreateConsumer(a.consumer, t.Now())
		t.EffectAside('t', "xgroup-createconsumer", a.key, "XGROUP", "CREATECONSUMER", a.key, a.group, a.consumer)
		return true, nil
	},
	Reply: replyBool,
})

// XGroupDelConsumer removes a consumer and returns how many entries it had
// pending: nobody has them any more, so claim them first. O(n) for n entries.
func (c Commands) XGroupDelConsumer(stream, group, consumer string) (int64, error) {
	return opXGroupDelConsumer.Do(c.s, xgroupConsumer{stream, group, consumer})
}

var opXGroupDelConsumer = add(&op[xgroupConsumer, int64]{
	Spec: spec{
		Name: "XGROUP|DELCONSUMER", Arity: 5, Flags: write, Keys: []engine.KeySpec{{Flags: "RW DELETE", Index: 2}},
		Group: "stream", Since: "5.0.0", Complexity: "O(N) for N entries that it has pending",
		Syntax:  "key:key groupname:string consumername:string",
		Summary: "Removes a consumer from a group.",
	},
	Parse: opXGroupCreateConsumer.Parse,
	Keys:  opXGroupCreateConsumer.Keys,
	Run: func(t *txn, a xgroupConsumer) (int64, error) {
		s, err := xgroupOf(t, a.key, a.group)
		if err != nil || s.Group(a.group).Consumer(a.consumer) == nil {
			return 0, err
		}
		_, g := editGroup(t, a.key, a.group)
		n, _ := g.DeleteConsumer(a.consumer)
		t.EffectAside('t', "xgroup-delconsumer", a.key, "XGROUP", "DELCONSUMER", a.key, a.group, a.consumer)
		return int64(n), nil
	},
	Reply: (*reply).Int,
})

var _ = add(&ctl{
	Spec: spec{
		Name: "XGROUP|HELP", Arity: 2, Flags: loading | stale, Group: "stream", Since: "5.0.0", Complexity: "O(1)",
		Summary: "Lists the subcommands.", ACL: "stream",
	},
	Run: func(_ *engine.Session, _ *args, w *reply) error {
		admin.ReplyHelp(w, "XGROUP",
			"CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <n>]",
			"Makes a group that is given the entries behind an ID, or those to come; MKSTREAM makes the stream too.",
			"CREATECONSUMER <key> <group> <consumer>", "Adds a consumer.",
			"DELCONSUMER <key> <group> <consumer>", "Removes a consumer, and what is pending for it.",
			"DESTROY <key> <group>", "Removes a group.",
			"SETID <key> <group> <id|$> [ENTRIESREAD <n>]", "Sets which entries a group is given next.",
		)
		return nil
	},
})

// XAck acknowledges entries, which are then no longer pending in the group, and
// returns how many of them were. O(log n) an ID, for n entries pending.
func (c Commands) XAck(stream, group string, ids ...StreamID) (int64, error) {
	return opXAck.Do(c.s, xackArgs{stream, group, idsOf(ids)})
}

type xackArgs struct {
	key, group string
	ids        idList
}

var opXAck = add(&op[xackArgs, int64]{
	Spec: spec{
		Name: "XACK", Arity: -4, Flags: write | fast, Keys: engine.One("RW UPDATE"),
		Group: "stream", Since: "5.0.0", Complexity: "O(log N) an ID", Syntax: "key:key group:string id:string...",
		Summary: "Acknowledges entries, which are then no longer pending.",
	},
	Parse: func(p *args) xackArgs { return xackArgs{p.Key(), p.String(), parseIDs(p)} },
	Keys:  func(k *keySet, a xackArgs) { k.Write(a.key) },
	Run: func(t *txn, a xackArgs) (n int64, err error) {
		s, err := t.Stream(a.key)
		if err != nil && err != ErrNil {
			return 0, err
		}
		if s == nil || s.Group(a.group) == nil {
			return 0, nil
		}
		if a.ids.err != nil {
			return 0, a.ids.err
		}
		if !slices.ContainsFunc(a.ids.ids, func(id streamlog.ID) bool { _, ok := s.Group(a.group).Lookup(id); return ok }) {
			return 0, nil
		}
		_, g := editGroup(t, a.key, a.group)
		for _, id := range a.ids.ids {
			if g.Ack(id) {
				n++
			}
		}
		if t.Replicating() {
			t.EffectAside(0, "", a.key, a.ids.appendTo("XACK", a.key, a.group)...)
		} else {
			t.EffectAside(0, "", a.key)
		}
		return n, nil
	},
	Reply: (*reply).Int,
})

// An XPendingSummary says what is pending in a group.
type XPendingSummary struct {
	Count       int64
	First, Last StreamID                // of the entries; zero if there are none
	Consumers   []XPendingConsumerCount // those who have any, by name
}

// An XPendingConsumerCount is how many entries a consumer has pending.
type XPendingConsumerCount struct {
	Name  string
	Count int64
}

// An XPendingEntry is an entry that was delivered to a consumer and is not
// acknowledged.
type XPendingEntry struct {
	ID         StreamID
	Consumer   string
	Idle       time.Duration // since it was delivered last
	Deliveries int64
}

// XPending sums up what is pending in a group. O(n) for n consumers. An error that
// is ErrNoGroup says that the stream or the group does not exist.
func (c Commands) XPending(stream, group string) (XPendingSummary, error) {
	r, err := opXPending.Do(c.s, xpendingArgs{key: stream, group: group})
	return r.summary, err
}

// XPendingArgs are the arguments of XPENDING with a range. The zero value of Start
// is the first, that of End the last.
type XPendingArgs struct {
	Stream, Group string
	Consumer      string // only what this one has; "" is all
	Start, End    StreamID
	MinIdle       time.Duration // only what was delivered last that long ago
	Count         int64         // at most so many; 0 is all
}

// XPendingRange lists entries that are pending. O(log n), plus the entries looked
// at.
func (c Commands) XPendingRange(a XPendingArgs) ([]XPendingEntry, error) {
	in := xpendingArgs{
		key: a.Stream, group: a.Group, ranged: true, from: streamlog.ID(a.Start), to: streamlog.ID(a.End),
		count: max(0, a.Count), consumer: a.Consumer, one: a.Consumer != "", minIdle: a.MinIdle.Milliseconds(),
	}
	if a.End.IsZero() {
		in.to = streamlog.MaxID
	}
	if a.Count == 0 {
		in.count = math.MaxInt64
	}
	r, err := opXPending.Do(c.s, in)
	return r.list, err
}

type xpendingArgs struct {
	key, group string
	ranged     bool // the list, not the summary
	from, to   streamlog.ID
	count      int64
	one        bool // of consumer only
	consumer   string
	minIdle    int64 // milliseconds
}

type xpendingReply struct {
	ranged  bool
	summary XPendingSummary
	list    []XPendingEntry
}

var opXPending = add(&op[xpendingArgs, xpendingReply]{
	Spec: spec{
		Name: "XPENDING", Arity: -3, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "stream", Since: "5.0.0", Complexity: "O(N) for N entries looked at, or for N consumers",
		Syntax: "key:key group:string [filters<[IDLE min-idle-time:integer@6.2.0] start:string end:string count:integer " +
			"[consumer:string]>]",
		Summary: "Sums up or lists what is pending in a group.", Tips: []string{"nondeterministic_output"},
	},
	Parse: func(p *args) xpendingArgs {
		a := xpendingArgs{key: p.Key(), group: p.String()}
		n := p.Len()
		if n == 0 {
			return a
		}
		if a.ranged = true; n < 3 || n > 6 {
			p.Syntax()
		}
		if p.Flag("IDLE") {
			if a.minIdle = p.Int(); n < 5 {
				p.Syntax()
			}
		}
		start, end := p.String(), p.String()
		a.count = max(0, p.Int())
		a.from, a.to = parseStart(p, start), parseEnd(p, end)
		if p.More() {
			a.one, a.consumer = true, p.String()
		}
		p.Rest() // Redis counts IDLE among the words that may follow, given or not
		return a
	},
	Keys: func(k *keySet, a xpendingArgs) { k.Read(a.key) },
	Run: func(t *txn, a xpendingArgs) (r xpendingReply, err error) {
		_, g, err := groupOf(t, a.key, a.group)
		if err != nil {
			return r, err
		}
		if r.ranged = a.ranged; a.ranged {
			r.list = a.list(t, g)
			return r, nil
		}
		r.summary = XPendingSummary{Count: int64(g.NumPending()), First: StreamID(g.FirstPending()), Last: StreamID(g.LastPending())}
		for c := range g.Consumers() {
			if n := c.NumPending(); n > 0 {
				r.summary.Consumers = append(r.summary.Consumers, XPendingConsumerCount{c.Name(), int64(n)})
			}
		}
		return r, nil
	},
	Keep: func(r xpendingReply) xpendingReply {
		for i := range r.list {
			r.list[i].Consumer = strings.Clone(r.list[i].Consumer)
		}
		for i := range r.summary.Consumers {
			r.summary.Consumers[i].Name = strings.Clone(r.summary.Consumers[i].Name)
		}
		return r
	},
	Reply: replyXPending,
})

func (a *xpendingArgs) list(t *txn, g *streamlog.Group) (list []XPendingEntry) {
	if a.count == 0 {
		return nil
	}
	pending := g.Pending(a.from, a.to)
	if a.one {
		c := g.Consumer(a.consumer)
		if c == nil {
			return nil
		}
		pending = g.PendingOf(c, a.from, a.to)
	}
	for p := range pending {
		idle := max(0, t.Now()-p.Time)
		if idle < a.minIdle {
			continue
		}
		list = append(list, XPendingEntry{StreamID(p.ID), p.Consumer, millis(idle), p.Count})
		if int64(len(list)) == a.count {
			break
		}
	}
	return list
}

// millis is n milliseconds, or as many as a Duration can hold.
func millis(n int64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

func replyXPending(w *reply, r xpendingReply) {
	if r.ranged {
		w.Array(len(r.list))
		for _, e := range r.list {
			w.Array(4)
			replyID(w, streamlog.ID(e.ID))
			w.Bulk(e.Consumer)
			w.Int(e.Idle.Milliseconds())
			w.Int(e.Deliveries)
		}
		return
	}
	w.Array(4)
	w.Int(r.summary.Count)
	if r.summary.Count == 0 {
		w.Null()
		w.Null()
		w.NullArray()
		return
	}
	replyID(w, streamlog.ID(r.summary.First))
	replyID(w, streamlog.ID(r.summary.Last))
	w.Array(len(r.summary.Consumers))
	for _, c := range r.summary.Consumers {
		w.Array(2)
		w.Bulk(c.Name)
		w.BulkInt(c.Count)
	}
}
