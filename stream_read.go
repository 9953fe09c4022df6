package larder

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// Who reads streams as they grow: XREAD and XREADGROUP. DB.Consume, which follows
// a stream for as long as it likes, is in stream_consume.go.
//
// The first run of either looks at all streams and answers what there is. One
// that waits runs again because of one key, and answers for that alone, as in
// Redis: also with no entries at all, if some were added and are gone.

// XReadStream is a stream for XRead to read from: the entries behind After.
type XReadStream struct {
	Stream string
	After  StreamID
	New    bool // instead: those that are added after the call, "$"
	Last   bool // instead: the last one there is, "+"
}

// XReadArgs are the arguments of XREAD.
type XReadArgs struct {
	Streams []XReadStream
	Count   int64 // at most so many of each stream; 0 is all

	// Block is how long to wait until a stream has entries: 0 is not at all,
	// negative is for ever.
	Block time.Duration
}

// An XStream is what a read found in one stream.
type XStream struct {
	Stream   string
	Messages []XMessage
}

// XRead returns entries of those streams that have any. If none has it waits as
// a.Block says, for the first stream that gets some, and returns ErrNil if it
// waited in vain; a Tx never waits.
func (c Commands) XRead(ctx context.Context, a XReadArgs) ([]XStream, error) {
	in := xreadArgs{count: max(0, a.Count)}
	in.wait(a.Block)
	for _, s := range a.Streams {
		f := readFrom{key: s.Stream, id: streamlog.ID(s.After)}
		switch {
		case s.New && s.Last, (s.New || s.Last) && !s.After.IsZero():
			return nil, ErrSyntax
		case s.New:
			f.kind = fromTail
		case s.Last:
			f.kind = fromLast
		}
		in.from = append(in.from, f)
	}
	if len(in.from) == 0 {
		return nil, ErrSyntax
	}
	return xstreams(opXRead.Do(ctx, c.s, in))
}

// XReadGroupArgs are the arguments of XREADGROUP.
type XReadGroupArgs struct {
	Group, Consumer string
	Streams         []string
	Count           int64         // at most so many of each stream; 0 is all
	Block           time.Duration // as in XReadArgs
	NoAck           bool          // the entries need not be acknowledged

	// History reads again what was delivered to the consumer behind the ID After
	// and is not acknowledged yet, instead of what nobody was given.
	History bool
	After   StreamID
}

// XReadGroup returns entries that no consumer of the group was given yet, and
// gives them to this one: they are pending until XAck. If there are none it waits
// as XRead does. The consumer need not exist. An error that is ErrNoGroup says
// that a stream or the group does not exist, or no longer; one that is
// ErrUnblocked, that a stream was deleted while the call waited.
func (c Commands) XReadGroup(ctx context.Context, a XReadGroupArgs) ([]XStream, error) {
	in := xreadArgs{grouped: true, group: a.Group, consumer: a.Consumer, count: max(0, a.Count), noAck: a.NoAck}
	in.wait(a.Block)
	for _, s := range a.Streams {
		f := readFrom{key: s, kind: fromUndelivered}
		if a.History {
			f.kind, f.id = fromAfter, streamlog.ID(a.After)
		}
		in.from = append(in.from, f)
	}
	if len(in.from) == 0 {
		return nil, ErrSyntax
	}
	return xstreams(opXReadGroup.Do(ctx, c.s, in))
}

func xstreams(rs []streamRead, err error) ([]XStream, error) {
	if err != nil {
		return nil, err
	}
	out := make([]XStream, len(rs))
	for i, r := range rs {
		out[i] = XStream{r.key, r.entries.kept}
	}
	return out, nil
}

// A fromKind says where in a stream reading begins.
type fromKind uint8

const (
	fromAfter       fromKind = iota // behind the ID
	fromTail                        // "$": behind what is there; the first run turns it into fromAfter
	fromLast                        // "+": at the last entry
	fromUndelivered                 // ">"
	fromNowhere                     // what stood there is no ID
)

type readFrom struct {
	key  string
	kind fromKind
	id   streamlog.ID
}

type xreadArgs struct {
	grouped         bool // XREADGROUP
	group, consumer string
	from            []readFrom
	count           int64 // 0: all
	noAck           bool
	blocks          bool
	block           time.Duration // 0: for ever
}

func (a *xreadArgs) wait(d time.Duration) {
	a.blocks, a.block = d != 0, max(0, d)
}

// A streamRead is what was read of one stream.
type streamRead struct {
	key     string
	entries entries
}

func keepReads(rs []streamRead) []streamRead {
	for i := range rs {
		rs[i] = streamRead{strings.Clone(rs[i].key), rs[i].entries.keep()}
	}
	return rs
}

func replyReads(w *reply, rs []streamRead) {
	if w.Proto == 3 {
		w.Map(len(rs))
	} else {
		w.Array(len(rs))
	}
	for _, r := range rs {
		if w.Proto != 3 {
			w.Array(2)
		}
		w.Bulk(r.key)
		replyEntries(w, r.entries)
	}
}

// again carries what the first run made of "$" over to the words read again.
func (a xreadArgs) again(ran xreadArgs) xreadArgs {
	for i := range a.from {
		a.from[i].kind, a.from[i].id = ran.from[i].kind, ran.from[i].id
	}
	return a
}

var opXRead = add(&engine.Blocking[xreadArgs, []streamRead]{
	Op: op[xreadArgs, []streamRead]{
		Spec: spec{
			Name: "XREAD", Arity: -4, Flags: readOnly | engine.MayBlock | engine.MovableKeys,
			Keys:  []engine.KeySpec{{Flags: "RO ACCESS", Keyword: "STREAMS", Index: 1, Last: -1, Limit: 2}},
			Group: "stream", Since: "5.0.0", Complexity: "O(N) for N entries read; XADD pays for each reader that waits",
			Syntax:  "[COUNT count:integer] [BLOCK milliseconds:integer] STREAMS streams<key:key... id:string...>",
			Summary: "Reads the entries of streams behind IDs, and may wait for them.",
		},
		Parse: func(p *args) xreadArgs { return parseXRead(p, false) },
		Keys: func(k *keySet, a xreadArgs) {
			for _, f := range a.from {
				k.Read(f.key)
			}
		},
		Run:   xread,
		Keep:  keepReads,
		Reply: replyReads,
		Nil:   (*reply).NullArray,
	},
	Again: xreadArgs.again,
})

var opXReadGroup = add(&engine.Blocking[xreadArgs, []streamRead]{
	Op: op[xreadArgs, []streamRead]{
		Spec: spec{
			Name: "XREADGROUP", Arity: -7, Flags: write | engine.MayBlock | engine.MovableKeys,
			Keys:  []engine.KeySpec{{Flags: "RO ACCESS", Keyword: "STREAMS", Index: 4, Last: -1, Limit: 2}},
			Group: "stream", Since: "5.0.0", Complexity: "O(N) for N entries read; XADD pays for each reader that waits",
			Syntax: "GROUP group_consumer<group:string consumer:string> [COUNT count:integer] [BLOCK milliseconds:integer] " +
				"[NOACK] STREAMS streams<key:key... id:string...>",
			Summary: "Gives entries of streams to a consumer of a group, or lists what it has, and may wait for them.",
		},
		Parse: func(p *args) xreadArgs { return parseXRead(p, true) },
		Keys: func(k *keySet, a xreadArgs) {
			for _, f := range a.from {
				k.Take(f.key)
			}
		},
		Run:   xread,
		Keep:  keepReads,
		Reply: replyReads,
		Nil:   (*reply).NullArray,
	},
	Again: xreadArgs.again,
})

func parseXRead(p *args, grouped bool) xreadArgs {
	a := xreadArgs{grouped: grouped}
	streams, given := false, false
	for p.More() && !streams {
		switch {
		case p.FlagWith("BLOCK", 1):
			a.blocks, a.block = true, parseMillis(p)
		case p.FlagWith("COUNT", 1):
			a.count = max(0, p.Int())
		case p.FlagWith("STREAMS", 1):
			streams = true
		case p.FlagWith("GROUP", 2):
			if !grouped {
				p.Fail(Error("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."))
			}
			a.group, a.consumer, given = p.String(), p.String(), true
		case p.Flag("NOACK"):
			if !grouped {
				p.Fail(Error("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."))
			}
			a.noAck = true
		default:
			p.Syntax()
		}
	}
	n := p.Len()
	switch {
	case !streams:
		p.Syntax()
	case n%2 != 0:
		p.Fail(Error("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."))
	case grouped && !given:
		p.Fail(Error("ERR Missing GROUP option for XREADGROUP"))
	}
	if !p.More() {
		return a
	}
	a.from = make([]readFrom, n/2)
	for i := range a.from {
		a.from[i].key = p.Key()
	}
	for i := range a.from {
		a.from[i].parse(p.String(), grouped)
	}
	return a
}

func (f *readFrom) parse(s string, grouped bool) {
	switch {
	case s == "$":
		f.kind = fromTail
	case s == ">":
		f.kind = fromUndelivered
	case s == "+" && !grouped:
		f.kind = fromLast
	default:
		var ok bool
		if f.id, ok = streamlog.ParseID(s, 0); !ok {
			f.kind = fromNowhere
		} else if grouped && f.id == streamlog.MaxID {
			f.kind = fromUndelivered // by which Redis knows ">"
		}
	}
}

// parseMillis reads a timeout in milliseconds.
func parseMillis(p *args) time.Duration {
	n := p.IntOr(Error("ERR timeout is not an integer or out of range"))
	if n < 0 {
		p.Fail(Error("ERR timeout is negative"))
	}
	if n > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Millisecond
}

const (
	errEndInGroup Error = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of " +
		"this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
	errNewOutsideGroup Error = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
	errGroupGone       Error = "NOGROUP the consumer group this client was blocked on no longer exists"
	errStreamGone      Error = "UNBLOCKED the stream key no longer exists"
)

func xread(t *txn, a xreadArgs) (rs []streamRead, err error) {
	if key, ok := t.Woken(); ok {
		return a.runAgain(t, key)
	}
	for i := range a.from {
		if err := a.resolve(t, &a.from[i]); err != nil {
			return nil, err
		}
	}
	for i := range a.from {
		f := &a.from[i]
		s, _ := t.Stream(f.key)
		if s == nil {
			continue
		}
		var e entries
		var ok bool
		if a.grouped {
			e, ok = a.readGroup(t, f, s)
		} else {
			e, ok = f.read(s, a.count)
		}
		if ok {
			rs = append(rs, streamRead{f.key, e})
		}
	}
	switch {
	case rs != nil:
		return rs, nil
	case !a.blocks:
		return nil, ErrNil
	}
	keys := make([]string, len(a.from))
	for i, f := range a.from {
		keys[i] = f.key
	}
	return nil, t.Block(a.block, keys...)
}

// resolve checks one stream, before any is read, and turns "$" into an ID.
func (a *xreadArgs) resolve(t *txn, f *readFrom) error {
	s, err := t.Stream(f.key)
	switch {
	case err != nil && err != ErrNil:
		return err
	case a.grouped && (s == nil || s.Group(a.group) == nil):
		return noKeyOrGroup(f.key, a.group, " in XREADGROUP with GROUP option")
	}
	switch f.kind {
	case fromNowhere:
		return ErrStreamID
	case fromTail:
		if a.grouped {
			return errEndInGroup
		}
		f.kind, f.id = fromAfter, streamlog.ID{}
		if s != nil {
			f.id = s.LastID()
		}
	case fromUndelivered:
		if !a.grouped {
			return errNewOutsideGroup
		}
	}
	return nil
}

// read returns the entries that f asks for; ok is false if there are none.
func (f *readFrom) read(s *engine.Stream, count int64) (e entries, ok bool) {
	from := f.id
	if f.kind == fromLast {
		last, ok := s.Last()
		return entries{log: s, from: last.ID, to: last.ID, max: 1}, ok
	}
	if !from.Less(s.LastID()) {
		return e, false
	}
	from, _ = from.Next()
	for range s.Range(from, streamlog.MaxID) {
		return entries{log: s, from: from, to: streamlog.MaxID, max: count}, true
	}
	return e, false
}

// runAgain is the run of one that has waited, because of key.
func (a *xreadArgs) runAgain(t *txn, key string) ([]streamRead, error) {
	var f *readFrom
	for i := range a.from {
		if f = &a.from[i]; f.key == key {
			break
		}
	}
	s, err := t.Stream(key)
	if !a.grouped {
		if err != nil || !f.id.Less(s.LastID()) {
			return nil, t.Block(0)
		}
		from, _ := f.id.Next()
		return []streamRead{{f.key, entries{log: s, from: from, to: streamlog.MaxID, max: a.count}}}, nil
	}
	if err != nil {
		return nil, errStreamGone
	}
	g := s.Group(a.group)
	if g == nil {
		return nil, errGroupGone
	}
	if !g.LastID().Less(s.LastID()) {
		return nil, t.Block(0)
	}
	return []streamRead{{f.key, a.deliver(t, f)}}, nil
}

// readGroup reads for a consumer; ok is false if there is nothing new.
func (a *xreadArgs) readGroup(t *txn, f *readFrom, s *engine.Stream) (e entries, ok bool) {
	if f.kind == fromAfter {
		return a.history(t, f), true
	}
	last := s.Group(a.group).LastID()
	if !last.Less(s.LastID()) {
		return e, false
	}
	next, _ := last.Next()
	for range s.Range(next, streamlog.MaxID) {
		return a.deliver(t, f), true
	}
	return e, false
}

// deliver gives the consumer what is new, and tells it.
func (a *xreadArgs) deliver(t *txn, f *readFrom) entries {
	s, _ := engine.Edit(t, f.key, engine.NewStream)
	g, _ := s.EditGroup(a.group)
	now := t.Now()
	created := g.See(a.consumer, now)
	a.tellConsumer(t, f.key, created)
	first, last, n := g.ReadNew(a.consumer, int(min(a.count, math.MaxInt)), now, a.noAck)
	if n > 0 {
		g.SetActive(a.consumer, now)
	}
	t.EffectAside(0, "", f.key)
	if n == 0 {
		return entries{kept: []XMessage{}}
	}
	if t.Replicating() {
		if a.noAck {
			tellGroupID(t, f.key, g.Group)
		} else {
			for en := range s.Range(first, last) {
				if p, ok := g.Lookup(en.ID); ok {
					tellClaim(t, f.key, a.group, p, en.ID)
				}
			}
		}
	}
	return entries{log: s, from: first, to: last, max: int64(n)}
}

// tellConsumer tells that a consumer was made by a read. To a replica it is news
// only if it will not learn it from what the consumer is given.
func (a *xreadArgs) tellConsumer(t *txn, key string, created bool) {
	switch {
	case created && a.noAck:
		t.EffectAside('t', "xgroup-createconsumer", key, "XGROUP", "CREATECONSUMER", key, a.group, a.consumer)
	case created:
		t.EffectAside('t', "xgroup-createconsumer", key)
	}
}

// history delivers again what the consumer has. As in Redis no replica is told:
// its times and numbers of deliveries stay those of the first.
func (a *xreadArgs) history(t *txn, f *readFrom) entries {
	s, _ := engine.Edit(t, f.key, engine.NewStream)
	g, _ := s.EditGroup(a.group)
	now := t.Now()
	created := g.See(a.consumer, now)
	a.tellConsumer(t, f.key, created)
	from, _ := f.id.Next()
	var ids []streamlog.ID
	for p := range g.PendingOf(g.Consumer(a.consumer), from, streamlog.MaxID) {
		if ids = append(ids, p.ID); int64(len(ids)) == a.count {
			break
		}
	}
	kept := make([]XMessage, len(ids))
	for i, id := range ids {
		kept[i].ID = StreamID(id)
		if en, ok := s.Get(id); ok {
			kept[i].Fields = en.AppendFields([]string{})
			g.Redeliver(id, now)
		}
	}
	t.EffectAside(0, "", f.key)
	return entries{kept: kept}
}
