package larder

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// Streams, the log itself: XADD XLEN XRANGE XREVRANGE XDEL XDELEX XSETID. How it
// is trimmed is in stream_trim.go, who waits for it in stream_read.go, its groups
// in stream_group.go and stream_claim.go, XINFO in stream_info.go.

// A StreamID is the ID of a stream's entry: Unix milliseconds, and a number among
// the entries of one millisecond. IDs ascend within a stream. The zero ID names
// no entry and comes before all of them.
type StreamID struct{ Ms, Seq uint64 }

// MaxStreamID is the last ID there is.
var MaxStreamID = StreamID(streamlog.MaxID)

// StreamIDAt is the first ID of the millisecond of t: a bound for a range by
// time. Times before 1970 are those of 1970.
func StreamIDAt(t time.Time) StreamID { return StreamID{Ms: uint64(max(0, t.UnixMilli()))} }

// ParseStreamID reads an ID as String writes it, "ms-seq", or "ms" with a number
// of 0. It returns ErrStreamID for anything else.
func ParseStreamID(s string) (StreamID, error) {
	id, ok := streamlog.ParseID(s, 0)
	if !ok {
		return StreamID{}, ErrStreamID
	}
	return StreamID(id), nil
}

// String is the ID as Redis writes it, "ms-seq".
func (id StreamID) String() string { return streamlog.ID(id).String() }

// Time is the time in the ID, which is when the entry was added unless whoever
// added it chose the ID.
func (id StreamID) Time() time.Time { return time.UnixMilli(int64(min(id.Ms, math.MaxInt64))) }

// Compare is -1, 0 or 1, as id comes before other, is the same, or comes after it.
func (id StreamID) Compare(other StreamID) int {
	return streamlog.ID(id).Compare(streamlog.ID(other))
}

// IsZero reports whether id is the zero ID.
func (id StreamID) IsZero() bool { return id == StreamID{} }

// Next is the ID that follows id; MaxStreamID follows itself.
func (id StreamID) Next() StreamID {
	next, _ := streamlog.ID(id).Next()
	return StreamID(next)
}

// MarshalText writes the ID as String does.
func (id StreamID) MarshalText() ([]byte, error) { return streamlog.ID(id).Append(nil), nil }

// UnmarshalText reads an ID as ParseStreamID does.
func (id *StreamID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseStreamID(string(text))
	return err
}

// An XMessage is an entry of a stream. Fields holds names and values by turns, in
// the order in which they were given; a name may come twice. It is nil for an
// entry that is pending but was deleted.
type XMessage struct {
	ID     StreamID
	Fields []string
}

// Get returns the value of the first field of that name; ok is false where there
// is none.
func (m XMessage) Get(name string) (value string, ok bool) {
	for n, v := range m.All() {
		if n == name {
			return v, true
		}
	}
	return "", false
}

// All yields the fields' names and values.
func (m XMessage) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := 0; i+1 < len(m.Fields); i += 2 {
			if !yield(m.Fields[i], m.Fields[i+1]) {
				return
			}
		}
	}
}

// XAddArgs are the arguments of XADD.
type XAddArgs struct {
	Stream string
	Fields []string // names and values by turns, at least one pair

	// ID is the entry's, which must come after all that the stream ever had. The
	// zero ID takes the next one by the clock; with NextSeq, ID.Ms is the
	// millisecond and the number the next one in it.
	ID      StreamID
	NextSeq bool

	NoMkStream bool // not if there is no such stream: ErrNil

	// What is removed at the beginning, as in XTrimArgs; zero removes nothing.
	MaxLen int64
	MinID  StreamID
	Approx bool
	Limit  int64
}

// XAdd appends an entry to a stream, which it makes if need be, and returns the
// entry's ID. It returns ErrStreamOrder for an ID that does not come after the
// last one. O(1), plus what is trimmed.
func (c Commands) XAdd(a XAddArgs) (StreamID, error) {
	in := xaddArgs{key: a.Stream, id: streamlog.ID(a.ID), noMk: a.NoMkStream, fields: a.Fields}
	switch {
	case a.NextSeq:
		in.kind, in.id.Seq = idNextSeq, 0
	case !a.ID.IsZero():
		in.kind = idGiven
	}
	if len(a.Fields) == 0 || len(a.Fields)%2 != 0 {
		return StreamID{}, arityError("xadd")
	}
	if a.MaxLen != 0 || !a.MinID.IsZero() {
		var err error
		if in.trim, err = trimOf(a.MaxLen, a.MinID, a.Approx, a.Limit); err != nil {
			return StreamID{}, err
		}
	}
	id, err := opXAdd.Do(c.s, in)
	return StreamID(id), err
}

// An idKind says where the ID of a new entry comes from.
type idKind uint8

const (
	idByClock idKind = iota // "*"
	idNextSeq               // "ms-*"
	idGiven
)

type xaddArgs struct {
	key    string
	kind   idKind
	id     streamlog.ID
	text   string // the ID as it was given, for the effect; "": formatted
	noMk   bool
	trim   trimArgs
	fields []string
}

const (
	errStreamZeroID  Error = "ERR The ID specified in XADD must be greater than 0-0"
	errStreamFull    Error = "ERR The stream has exhausted the last possible ID, unable to add more items"
	errEntryTooLarge Error = "ERR Elements are too large to be stored"
)

func arityError(name string) error {
	return Error("ERR wrong number of arguments for '" + name + "' command")
}

var opXAdd = add(&op[xaddArgs, streamlog.ID]{
	Spec: spec{
		Name: "XADD", Arity: -5, Flags: write | denyOOM | fast, Keys: engine.One("RW UPDATE"),
		Group: "stream", Since: "5.0.0", Complexity: "O(1), or O(N) where N entries are trimmed",
		Syntax: "key:key [NOMKSTREAM@6.2.0] [trim<strategy<MAXLEN|MINID@6.2.0> [operator<equal==|approximately=~>] " +
			"threshold:string [LIMIT count:integer@6.2.0]>] id_or_auto<auto_id=*|id:string> field_value<field:string value:string>...",
		Summary: "Appends an entry to a stream.", Tips: []string{"nondeterministic_output"},
	},
	Parse: func(p *args) (a xaddArgs) {
		a.key = p.Key()
		for found := false; !found && p.More(); {
			switch {
			case p.Flag("*"):
				found = true
			case a.trim.parse(p):
			case p.Flag("NOMKSTREAM"):
				a.noMk = true
			default:
				a.parseID(p)
				found = true
			}
		}
		a.trim.check(p)
		if a.trim.err == nil && a.kind == idGiven && a.id.IsZero() {
			p.Fail(errStreamZeroID)
		}
		if n := p.Len(); n == 0 || n%2 != 0 {
			if a.trim.err != nil {
				p.Fail(a.trim.err)
			}
			p.Fail(arityError("xadd"))
		}
		a.fields = p.Rest()
		return a
	},
	Keys:  func(k *keySet, a xaddArgs) { k.Write(a.key) },
	Run:   xadd,
	Reply: replyID,
	Nil:   (*reply).Null,
})

func (a *xaddArgs) parseID(p *args) {
	a.text = p.String()
	id, auto, ok := streamlog.ParseNew(a.text)
	if !ok {
		p.Fail(ErrStreamID)
	}
	if a.id, a.kind = id, idGiven; auto {
		a.kind = idNextSeq
	}
}

func xadd(t *txn, a xaddArgs) (id streamlog.ID, err error) {
	if err := a.trim.allowed(t); err != nil {
		return id, err
	}
	s, err := t.Stream(a.key)
	if err != nil && (err != ErrNil || a.noMk) {
		return id, err
	}
	if id, err = a.next(t, s); err != nil {
		return id, err
	}
	size := 0
	for _, f := range a.fields {
		if !listpack.Fits(size, len(f)) {
			return id, errEntryTooLarge
		}
		size += len(f)
	}
	s, _ = engine.Edit(t, a.key, engine.NewStream)
	if err := s.Append(id, a.fields, t.Engine().StreamNode()); err != nil {
		panic(err) // all that can be wrong was looked at
	}
	trimmed := a.trim.run(t, s)
	if t.Replicating() {
		t.Effect('t', "xadd", a.key, a.words(s, id)...)
		if trimmed > 0 {
			t.Notify('t', "xtrim", a.key)
		}
	} else {
		t.Effect('t', "xadd", a.key)
	}
	return id, nil
}

// next is the ID of the entry to be added to s, which is nil where it does not
// exist yet.
func (a *xaddArgs) next(t *txn, s *engine.Stream) (id streamlog.ID, err error) {
	if s == nil {
		s = noStream
	}
	if s.LastID() == streamlog.MaxID {
		return id, errStreamFull
	}
	ok := true
	switch a.kind {
	case idByClock:
		id, ok = s.NextID(uint64(max(0, t.Now())))
	case idNextSeq:
		id, ok = s.NextSeq(a.id.Ms)
	default:
		id, ok = a.id, s.LastID().Less(a.id)
	}
	if !ok {
		err = ErrStreamOrder
	}
	return id, err
}

// noStream is the stream that there is not; it is never changed.
var noStream = engine.NewStream()

// words are the effect: the ID that it became, and what was trimmed exactly.
func (a *xaddArgs) words(s *engine.Stream, id streamlog.ID) []string {
	words := append(make([]string, 0, 8+len(a.fields)), "XADD", a.key)
	if a.noMk {
		words = append(words, "NOMKSTREAM")
	}
	words = a.trim.appendWords(words, s)
	if a.kind == idGiven && a.text != "" {
		words = append(words, a.text)
	} else {
		words = append(words, id.String())
	}
	return append(words, a.fields...)
}

// XLen returns the number of entries of a stream, 0 for a missing one. O(1).
func (c Commands) XLen(stream string) (int64, error) { return opXLen.Do(c.s, stream) }

var opXLen = add(&op[string, int64]{
	Spec: spec{
		Name: "XLEN", Arity: 2, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "stream", Since: "5.0.0", Complexity: "O(1)", Syntax: "key:key",
		Summary: "Counts the entries of a stream.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run: func(t *txn, key string) (int64, error) {
		s, err := t.Stream(key)
		switch err {
		case nil:
			return int64(s.Len()), nil
		case ErrNil:
			return 0, nil
		}
		return 0, err
	},
	Reply: (*reply).Int,
})

// XRangeArgs are the arguments of XRANGE and XREVRANGE. The zero value of Start is
// the beginning, that of End the end of the stream. Both bounds are inclusive.
type XRangeArgs struct {
	Stream                       string
	Start, End                   StreamID
	ExclusiveStart, ExclusiveEnd bool
	Count                        int64 // at most so many; 0 is all
}

// XRange returns the entries from a.Start to a.End. It returns none, and no error,
// for a missing stream. O(log n) for n nodes, plus the entries returned.
//
// The last hour:
//
//	db.XRange(larder.XRangeArgs{Stream: "log", Start: larder.StreamIDAt(time.Now().Add(-time.Hour))})
func (c Commands) XRange(a XRangeArgs) ([]XMessage, error) { return c.xrange(opXRange, a, false) }

// XRevRange is XRange in the other order: the entries from a.End down to a.Start.
func (c Commands) XRevRange(a XRangeArgs) ([]XMessage, error) { return c.xrange(opXRevRange, a, true) }

func (c Commands) xrange(o *op[xrangeArgs, entries], a XRangeArgs, rev bool) ([]XMessage, error) {
	in, some := a.internal(rev)
	if !some {
		return nil, nil
	}
	r, err := o.Do(c.s, in)
	return r.kept, err
}

// internal reports as well whether there can be anything between the bounds:
// nothing is behind the last ID and before the first.
func (a XRangeArgs) internal(rev bool) (in xrangeArgs, some bool) {
	in = xrangeArgs{key: a.Stream, from: streamlog.ID(a.Start), to: streamlog.ID(a.End), count: a.Count, rev: rev}
	if in.count == 0 {
		in.count = -1
	}
	if a.End.IsZero() && !a.ExclusiveEnd {
		in.to = streamlog.MaxID
	}
	from, to := true, true
	if a.ExclusiveStart {
		in.from, from = in.from.Next()
	}
	if a.ExclusiveEnd {
		in.to, to = in.to.Prev()
	}
	return in, from && to
}

type xrangeArgs struct {
	key      string
	from, to streamlog.ID
	count    int64 // negative: all
	rev      bool
}

var (
	opXRange = add(xrangeOp("XRANGE", "start:string end:string", "Lists the entries between two IDs.", false))

	opXRevRange = add(xrangeOp("XREVRANGE", "end:string start:string", "Lists the entries between two IDs, the last first.", true))
)

func xrangeOp(name, bounds, summary string, rev bool) *op[xrangeArgs, entries] {
	return &op[xrangeArgs, entries]{
		Spec: spec{
			Name: name, Arity: -4, Flags: readOnly, Keys: engine.One("RO ACCESS"),
			Group: "stream", Since: "5.0.0", Complexity: "O(log N + M) for M entries listed",
			Syntax: "key:key " + bounds + " [COUNT count:integer]", Summary: summary,
		},
		Parse: func(p *args) xrangeArgs {
			a := xrangeArgs{key: p.Key(), count: -1, rev: rev}
			first, second := p.String(), p.String()
			if rev {
				first, second = second, first
			}
			a.from, a.to = parseStart(p, first), parseEnd(p, second)
			for p.More() {
				if !p.FlagWith("COUNT", 1) {
					p.Syntax()
					break
				}
				a.count = max(0, p.Int())
			}
			return a
		},
		Keys: func(k *keySet, a xrangeArgs) { k.Read(a.key) },
		Run: func(t *txn, a xrangeArgs) (entries, error) {
			s, err := t.Stream(a.key)
			switch {
			case err == ErrNil:
				return entries{}, nil
			case err != nil:
				return entries{}, err
			case a.count == 0:
				return entries{null: true}, nil
			}
			return entries{log: s, from: a.from, to: a.to, max: max(0, a.count), rev: a.rev}, nil
		},
		Keep:  entries.keep,
		Reply: replyEntries,
	}
}

// parseStart reads the lower bound of an interval.
func parseStart(p *args, s string) streamlog.ID {
	rest, exclusive := strings.CutPrefix(s, "(")
	id, ok := parseBound(rest, exclusive, 0)
	if !ok {
		p.Fail(ErrStreamID)
	} else if exclusive {
		if id, ok = id.Next(); !ok {
			p.Fail(Error("ERR invalid start ID for the interval"))
		}
	}
	return id
}

// parseEnd reads the upper bound of an interval.
func parseEnd(p *args, s string) streamlog.ID {
	rest, exclusive := strings.CutPrefix(s, "(")
	id, ok := parseBound(rest, exclusive, math.MaxUint64)
	if !ok {
		p.Fail(ErrStreamID)
	} else if exclusive {
		if id, ok = id.Prev(); !ok {
			p.Fail(Error("ERR invalid end ID for the interval"))
		}
	}
	return id
}

func parseBound(s string, exclusive bool, seq uint64) (streamlog.ID, bool) {
	if exclusive {
		return streamlog.ParseID(s, seq)
	}
	return streamlog.ParseBound(s, seq)
}

// entries is a part of a stream that a command answers: it is written as it lies,
// or kept.
type entries struct {
	log      *engine.Stream // nil: there are none
	from, to streamlog.ID
	max      int64 // at most so many; 0: all
	rev      bool
	null     bool // what Redis answers to COUNT 0: a null array
	kept     []XMessage
}

// all yields the entries where they lie.
func (e entries) all() iter.Seq[streamlog.Entry] {
	return func(yield func(streamlog.Entry) bool) {
		if e.log == nil {
			return
		}
		seq := e.log.Range
		from, to := e.from, e.to
		if e.rev {
			seq, from, to = e.log.Reverse, e.to, e.from
		}
		n := int64(0)
		for en := range seq(from, to) {
			if !yield(en) {
				return
			}
			if n++; n == e.max {
				return
			}
		}
	}
}

// keepBlock is how many bytes of entries share an object at most, so that one
// entry that lives on keeps no more than that alive.
const keepBlock = 16 << 10

// keep clones the entries: their bytes into a few strings, their fields into a
// few slices.
func (e entries) keep() entries {
	if e.log == nil {
		return e
	}
	k := keepers.Get().(*keeper)
	for en := range e.all() {
		k.add(&en)
	}
	k.flush()
	kept := append(make([]XMessage, 0, len(k.kept)), k.kept...) // not nil: that would be an entry deleted
	clear(k.kept)
	if k.kept = k.kept[:0]; cap(k.kept) <= 1<<10 && cap(k.buf) <= 4*keepBlock {
		keepers.Put(k)
	}
	return entries{kept: kept, null: e.null}
}

// A keeper collects entries. It is taken from a pool: what it collects in has
// grown already.
type keeper struct {
	kept  []XMessage
	buf   []byte // the bytes of those without fields yet
	ends  []int  // of the fields in buf
	sizes []int  // fields of each of them
}

var keepers = sync.Pool{New: func() any { return new(keeper) }}

func (k *keeper) add(en *streamlog.Entry) {
	before := len(k.ends)
	for name, value := range en.Fields() {
		k.buf = name.Append(k.buf)
		k.ends = append(k.ends, len(k.buf))
		k.buf = value.Append(k.buf)
		k.ends = append(k.ends, len(k.buf))
	}
	k.kept = append(k.kept, XMessage{ID: StreamID(en.ID)})
	if k.sizes = append(k.sizes, len(k.ends)-before); len(k.buf) > keepBlock {
		k.flush()
	}
}

// flush gives the entries collected their fields.
func (k *keeper) flush() {
	text, fields, from := string(k.buf), make([]string, len(k.ends)), 0
	for i, end := range k.ends {
		fields[i], from = text[from:end], end
	}
	first := len(k.kept) - len(k.sizes)
	for i, n := range k.sizes {
		k.kept[first+i].Fields, fields = fields[:n:n], fields[n:]
	}
	k.buf, k.ends, k.sizes = k.buf[:0], k.ends[:0], k.sizes[:0]
}

func replyEntries(w *reply, e entries) {
	if e.null {
		w.NullArray()
		return
	}
	if e.log == nil {
		w.Array(len(e.kept))
		for _, m := range e.kept {
			replyMessage(w, m)
		}
		return
	}
	at, n := w.Mark(), 0
	for en := range e.all() {
		replyEntry(w, &en)
		n++
	}
	w.ArrayAt(at, n)
}

func replyEntry(w *reply, en *streamlog.Entry) {
	w.Array(2)
	replyID(w, en.ID)
	w.Array(2 * en.Len())
	for name, value := range en.Fields() {
		replyValue(w, name)
		replyValue(w, value)
	}
}

func replyValue(w *reply, v listpack.Value) {
	if n, ok := v.Int(); ok {
		w.BulkInt(n)
	} else {
		w.BulkBytes(v.Bytes())
	}
}

// replyMessage writes an entry that was kept.
func replyMessage(w *reply, m XMessage) {
	w.Array(2)
	replyID(w, streamlog.ID(m.ID))
	if m.Fields == nil {
		w.NullArray()
		return
	}
	w.Array(len(m.Fields))
	for _, f := range m.Fields {
		w.Bulk(f)
	}
}

func replyID(w *reply, id streamlog.ID) {
	var buf [41]byte
	w.BulkBytes(id.Append(buf[:0]))
}

// idList are the IDs that a command was given, last among its words.
type idList struct {
	ids  []streamlog.ID
	text []string // as they were given, for the effect; nil: formatted
	err  error    // one of them is none
}

// parseIDs reads the IDs. What is wrong is kept until somebody asks: Redis looks
// for the key, and the group, before it reads them.
func parseIDs(p *args) (l idList) {
	l.text = p.Rest()
	l.ids = make([]streamlog.ID, len(l.text))
	for i, s := range l.text {
		id, ok := streamlog.ParseID(s, 0)
		if !ok {
			l.err = ErrStreamID
			break
		}
		l.ids[i] = id
	}
	return l
}

func idsOf(ids []StreamID) (l idList) {
	l.ids = make([]streamlog.ID, len(ids))
	for i, id := range ids {
		l.ids[i] = streamlog.ID(id)
	}
	return l
}

// appendTo appends the IDs to the words of an effect.
func (l idList) appendTo(words ...string) []string {
	words = slices.Grow(words, len(l.ids))
	if l.text != nil {
		return append(words, l.text...)
	}
	return appendIDs(words, l.ids)
}

func appendIDs(words []string, ids []streamlog.ID) []string {
	for _, id := range ids {
		words = append(words, id.String())
	}
	return words
}

// XDel deletes entries and returns how many of them there were. Groups that have
// them pending are not told: see XDelEx. O(log n) an ID, for n nodes.
func (c Commands) XDel(stream string, ids ...StreamID) (int64, error) {
	return opXDel.Do(c.s, xdelArgs{stream, idsOf(ids)})
}

type xdelArgs struct {
	key string
	ids idList
}

var opXDel = add(&op[xdelArgs, int64]{
	Spec: spec{
		Name: "XDEL", Arity: -3, Flags: write | fast, Keys: engine.One("RW DELETE"),
		Group: "stream", Since: "5.0.0", Complexity: "O(1) an entry", Syntax: "key:key id:string...",
		Summary: "Deletes entries of a stream and counts those that there were.",
	},
	Parse: func(p *args) xdelArgs { return xdelArgs{p.Key(), parseIDs(p)} },
	Keys:  func(k *keySet, a xdelArgs) { k.Write(a.key) },
	Run: func(t *txn, a xdelArgs) (n int64, err error) {
		s, err := t.Stream(a.key)
		switch {
		case err == ErrNil:
			return 0, nil
		case err != nil:
			return 0, err
		case a.ids.err != nil:
			return 0, a.ids.err
		}
		first := slices.IndexFunc(a.ids.ids, s.Has)
		if first < 0 {
			return 0, nil
		}
		s, _ = engine.Edit(t, a.key, engine.NewStream)
		for _, id := range a.ids.ids[first:] {
			if s.Delete(id) {
				n++
			}
		}
		if t.Replicating() {
			t.Effect('t', "xdel", a.key, a.ids.appendTo("XDEL", a.key)...)
		} else {
			t.Effect('t', "xdel", a.key)
		}
		return n, nil
	},
	Reply: (*reply).Int,
})

// XSetIDArgs are the arguments of XSETID.
type XSetIDArgs struct {
	Stream       string
	LastID       StreamID // which the next entry's ID must come after
	EntriesAdded int64    // how many there ever were; 0 leaves it
	MaxDeletedID StreamID // the greatest ID that was deleted; zero leaves it
}

// XSetID sets what a stream remembers of entries that are no longer in it. It
// returns ErrNoKey for a missing stream.
func (c Commands) XSetID(a XSetIDArgs) error {
	in := xsetidArgs{key: a.Stream, id: streamlog.ID(a.LastID), added: -1, maxDeleted: streamlog.ID(a.MaxDeletedID)}
	switch {
	case a.EntriesAdded < 0:
		return errEntriesAdded
	case a.EntriesAdded > 0:
		in.added = a.EntriesAdded
	}
	if in.id.Less(in.maxDeleted) {
		return errBeforeMaxDeleted
	}
	_, err := opXSetID.Do(c.s, in)
	return err
}

const (
	errEntriesAdded     Error = "ERR entries_added must be positive"
	errBeforeMaxDeleted Error = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
)

type xsetidArgs struct {
	key        string
	id         streamlog.ID
	added      int64 // negative: as it is
	maxDeleted streamlog.ID
}

var opXSetID = add(&op[xsetidArgs, none]{
	Spec: spec{
		Name: "XSETID", Arity: -3, Flags: write | denyOOM | fast, Keys: engine.One("RW UPDATE"),
		Group: "stream", Since: "5.0.0", Complexity: "O(1)",
		Syntax: "key:key last-id:string [ENTRIESADDED entries_added:integer@7.0.0] " +
			"[MAXDELETEDID max_deleted_entry_id:string@7.0.0]",
		Summary: "Sets the last ID of a stream, for replicas and files.",
	},
	Parse: func(p *args) xsetidArgs {
		a := xsetidArgs{key: p.Key(), id: parseID(p), added: -1}
		for p.More() {
			switch {
			case p.FlagWith("ENTRIESADDED", 1):
				if a.added = p.Int(); a.added < 0 {
					p.Fail(errEntriesAdded)
				}
			case p.FlagWith("MAXDELETEDID", 1):
				if a.maxDeleted = parseID(p); a.id.Less(a.maxDeleted) {
					p.Fail(errBeforeMaxDeleted)
				}
			default:
				p.Syntax()
			}
		}
		return a
	},
	Keys: func(k *keySet, a xsetidArgs) { k.Write(a.key) },
	Run: func(t *txn, a xsetidArgs) (none, error) {
		s, err := t.Stream(a.key)
		if err == ErrNil {
			return none{}, ErrNoKey
		}
		if err != nil {
			return none{}, err
		}
		if last, ok := s.Last(); ok {
			if a.id.Less(last.ID) {
				return none{}, Error("ERR The ID specified in XSETID is smaller than the target stream top item")
			}
			if a.added >= 0 && a.added < int64(s.Len()) {
				return none{}, Error("ERR The entries_added specified in XSETID is smaller than the target stream length")
			}
		}
		s, _ = engine.Edit(t, a.key, engine.NewStream)
		s.SetID(a.id, a.added, a.maxDeleted)
		words := []string{"XSETID", a.key, a.id.String()}
		if a.added >= 0 {
			words = append(words, "ENTRIESADDED", strconv.FormatInt(a.added, 10))
		}
		if !a.maxDeleted.IsZero() {
			words = append(words, "MAXDELETEDID", a.maxDeleted.String())
		}
		t.EffectAside('t', "xsetid", a.key, words...)
		return none{}, nil
	},
	Reply: replyOK,
})

// parseID reads the next word as an ID.
func parseID(p *args) streamlog.ID {
	id, ok := streamlog.ParseID(p.String(), 0)
	if !ok {
		p.Fail(ErrStreamID)
	}
	return id
}
