package rdb

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/ds/intset"
	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/ds/quicklist"
	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// limits say how large a value may become before it gets another form.
type limits struct {
	listFill, listDepth   int64
	listLarge             int // bytes of an element
	hashFields, hashBytes int
	zset                  orderedset.Limits
	ints                  int
	anyChecksum           bool // a wrong one does not count: DEBUG SET-SKIP-CHECKSUM-VALIDATION
}

func limitsOf(e *engine.Engine) (l limits) {
	l.listFill, l.listDepth, l.listLarge = e.ListLimits()
	l.hashFields, l.hashBytes = e.HashLimits()
	l.zset = e.ZSetLimits()
	l.ints = e.IntsetLimit()
	return l
}

var (
	// errEmptyKey: a key has no element. Redis leaves such keys out when it loads a
	// file, and refuses to restore them.
	errEmptyKey = errors.New("a collection without an element")
	errTwice    = errors.New("a field or member that is there twice")
	errStream   = errors.New("a stream whose parts do not agree")
)

// A builder makes values of the keyspace from the events of their keys. What it
// makes of a small value may borrow from the event or from the builder, and is good
// until the next event.
type builder struct {
	l limits

	v     engine.Value // what is ready
	flat  []byte       // a small one that grows
	times []timed      // of its fields
	list  *quicklist.List
	set   engine.SetEdit
	hash  *hashfields.Table
	zset  *orderedset.Set

	stream  *streamlog.Builder
	guess   []string // groups whose entries read are estimated at the end
	lastIDs []streamlog.ID
}

// timed is a field of a small hash: where it begins, and when it expires.
type timed struct {
	at     int64
	offset int
}

// event takes the next event of a key. At KindEnd the value is done: see value.
func (b *builder) event(ev *Event) error {
	switch ev.Kind {
	case KindKey:
		b.begin(ev.Key)
	case KindString:
		b.v = stringValue(ev.Value)
	case KindPacked:
		b.packed(ev)
	case KindElement:
		if ev.Key.Type == Set {
			if !b.set.Put(borrow(ev.Value)) {
				return errTwice
			}
			return nil
		}
		b.element(ev)
	case KindMember:
		if !b.zset.Put(borrow(ev.Value), ev.Score) {
			return errTwice
		}
	case KindField:
		return b.field(ev)
	case KindNode, KindStream, KindGroup, KindPending, KindConsumer, KindOwn:
		if b.streamEvent(ev) != nil {
			return errStream
		}
	case KindEnd:
		return b.end(ev.Key)
	}
	return nil
}

// begin makes ready for a value.
func (b *builder) begin(k *Key) {
	if k.Type == String { // nothing grows, and what did is of no use
		return
	}
	*b = builder{l: b.l, flat: b.flat[:0], times: b.times[:0]}
	if cap(b.flat) > maxRoom {
		b.flat = nil
	}
	switch k.Type {
	case Set:
		if k.Count > int64(b.l.ints) {
			b.set = engine.BuildSet(0)
		} else {
			b.set = engine.BuildSet(b.l.ints)
		}
	case SortedSet:
		if k.Count >= 0 {
			b.zset = orderedset.New()
		}
	case Hash:
		if k.Count > int64(b.l.hashFields) {
			b.hash = hashfields.New()
		}
	case Stream:
		b.stream = streamlog.NewBuilder()
	}
}

// stringMax is the length in bytes up to which a string is called embstr, and intMax
// that up to which it may be called an integer.
const (
	stringMax = 44
	intMax    = 20
)

func stringValue(b []byte) engine.Value {
	v := engine.Value{Form: engine.StringRaw, Flat: borrow(b)}
	if len(b) <= stringMax {
		v.Form = engine.StringEmbstr
	}
	if len(b) <= intMax {
		if _, ok := listpack.ParseInt(v.Flat); ok {
			v.Form = engine.StringInt
		}
	}
	return v
}

// packed takes a collection, or a node of a list, in one piece.
func (b *builder) packed(ev *Event) {
	lp := ev.Value
	switch ev.Packing {
	case PackedNode:
		b.node(ev.Key, lp)
	case PackedInts:
		if intset.Len(lp) <= b.l.ints {
			b.v = engine.Value{Form: engine.SetIntset, Flat: borrow(lp)}
			return
		}
		b.set = engine.BuildSet(0)
		var digits []byte
		for n := range intset.All(lp) {
			digits = listpack.IntValue(n).Append(digits[:0])
			b.set.Add(borrow(digits))
		}
	case PackedMembers:
		var digits [20]byte
		for _, v := range listpack.All(lp) {
			b.set.Add(borrow(textOf(v, &digits)))
		}
	case PackedScores:
		if listpack.Len(lp)/2 <= b.l.zset.Entries {
			b.v = engine.Value{Form: engine.ZSetListpack, Flat: borrow(lp)}
			return
		}
		b.zset = orderedset.FromFlat(borrow(lp))
	case PackedFields, PackedExpiry:
		step, form := hashfields.Pairs, engine.HashListpack
		if ev.Packing == PackedExpiry {
			step, form = hashfields.Triples, engine.HashListpackEx
		}
		if listpack.Len(lp)/step <= b.l.hashFields {
			b.v = engine.Value{Form: form, Flat: borrow(lp)}
			return
		}
		b.hash = hashfields.ToBig(lp, step)
	}
}

// node takes a node of a list in a listpack.
func (b *builder) node(k *Key, lp []byte) {
	switch {
	case listpack.Len(lp) == 0: // versions of Redis have left such ones
	case k.Encoding == typeListZiplist:
		// All of a list, of a time without nodes.
		var digits [20]byte
		for _, v := range listpack.All(lp) {
			b.push(textOf(v, &digits))
		}
	case b.list == nil && len(b.flat) == 0 && engine.FlatList(lp):
		b.flat = append(b.flat, lp...)
	default:
		b.bigList().AppendListpack(bytes.Clone(lp))
	}
}

// element takes an element of a list.
func (b *builder) element(ev *Event) {
	if ev.Plain {
		b.bigList().AppendPlain(bytes.Clone(ev.Value))
	} else {
		b.push(ev.Value)
	}
}

// push adds an element as RPUSH does.
func (b *builder) push(s []byte) {
	if b.list == nil {
		if len(b.flat) == 0 {
			b.flat = listpack.AppendNew(b.flat)
		}
		e := listpack.Encode(borrow(s))
		if engine.FlatListHolds(b.flat, len(s), e.Size(), quicklist.Fill(b.l.listFill), b.l.listLarge) {
			b.flat = listpack.InsertElement(b.flat, listpack.End(b.flat), &e)
			return
		}
	}
	b.bigList().Push(false, borrow(s), b.l.listLarge)
}

// bigList returns the list as one with nodes.
func (b *builder) bigList() *quicklist.List {
	if b.list == nil {
		if len(b.flat) == 0 {
			b.flat = listpack.AppendNew(b.flat)
		}
		b.list = quicklist.FromListpack(b.flat, b.l.listFill, b.l.listDepth)
	}
	return b.list
}

// field takes a field of a hash.
func (b *builder) field(ev *Event) error {
	field, value := borrow(ev.Field), borrow(ev.Value)
	if b.hash == nil && (max(len(field), len(value)) > b.l.hashBytes || !listpack.Fits(len(b.flat), len(field)+len(value)+maxOverhead)) {
		if err := b.growHash(); err != nil {
			return err
		}
	}
	if b.hash == nil {
		if len(b.flat) == 0 {
			b.flat = listpack.AppendNew(b.flat)
		}
		b.times = append(b.times, timed{ev.ExpireAt, listpack.End(b.flat)})
		b.flat = listpack.Append(listpack.Append(b.flat, field), value)
		return nil
	}
	if !b.hash.Set(field, value, false) {
		return errTwice
	}
	if ev.ExpireAt != 0 {
		b.hash.Expire(field, ev.ExpireAt)
	}
	return nil
}

// maxOverhead is more than what the elements of a field take besides their bytes.
const maxOverhead = 64

// growHash turns a small hash that is being built into a big one.
func (b *builder) growHash() error {
	b.hash = hashfields.New()
	for _, f := range b.times {
		name, p := listpack.Read(b.flat, f.offset)
		field := name.String()
		if !b.hash.Set(field, listpack.Get(b.flat, p).String(), false) {
			return errTwice
		}
		if f.at != 0 {
			b.hash.Expire(field, f.at)
		}
	}
	return nil
}

// triples lays a small hash out with its times, in their order.
func (b *builder) triples() []byte {
	slices.SortStableFunc(b.times, func(x, y timed) int {
		return cmp.Compare(uint64(x.at-1), uint64(y.at-1)) // 0 comes last
	})
	lp := listpack.New(len(b.flat) + len(b.times)*10)
	for _, f := range b.times {
		p := f.offset
		for range 2 {
			var v listpack.Value
			if v, p = listpack.Read(b.flat, p); v.IsInt() {
				n, _ := v.Int()
				lp = listpack.AppendInt(lp, n)
			} else {
				lp = listpack.Append(lp, borrow(v.Bytes()))
			}
		}
		lp = listpack.AppendInt(lp, f.at)
	}
	return lp
}

// streamEvent takes a part of a stream.
func (b *builder) streamEvent(ev *Event) error {
	id := streamlog.ID(ev.ID)
	switch ev.Kind {
	case KindNode:
		return b.stream.Node(id, bytes.Clone(ev.Value))
	case KindStream:
		m := ev.Stream
		return b.stream.Meta(streamlog.Meta{Len: m.Len, LastID: streamlog.ID(m.LastID),
			MaxDeletedID: streamlog.ID(m.MaxDeletedID), EntriesAdded: m.EntriesAdded})
	case KindGroup:
		if ev.Key.Encoding == typeStream {
			b.guess, b.lastIDs = append(b.guess, string(ev.Name)), append(b.lastIDs, id)
		}
		return b.stream.Group(string(ev.Name), id, ev.Read)
	case KindPending:
		return b.stream.Pending(id, ev.Time, ev.Count)
	case KindConsumer:
		return b.stream.Consumer(string(ev.Name), ev.Seen, ev.Active)
	}
	return b.stream.Own(id)
}

// end makes the value of what was taken.
func (b *builder) end(k *Key) error {
	switch {
	case k.Type == Stream:
		log, err := b.stream.Log()
		if err != nil {
			return errStream
		}
		for i, name := range b.guess {
			g, _ := log.EditGroup(name)
			g.SetID(b.lastIDs[i], log.EstimateRead(b.lastIDs[i]))
		}
		b.v = engine.Value{Form: engine.StreamNodes, Obj: &engine.Stream{Log: log}}
	case b.v.Form != engine.NoForm:
	case k.Type == List && b.list != nil:
		b.v = engine.Value{Form: engine.ListQuicklist, Obj: &engine.List{List: b.list}}
	case k.Type == List:
		b.v = engine.Value{Form: engine.ListListpack, Flat: borrow(b.flat)}
	case k.Type == Set:
		if b.set.Members().Len() == 0 {
			return errEmptyKey
		}
		b.v = b.set.Value()
	case k.Type == SortedSet:
		if lp, ok := b.zset.AppendFlat(listpack.AppendNew(b.flat[:0]), b.l.zset); ok {
			b.v = engine.Value{Form: engine.ZSetListpack, Flat: borrow(lp)}
		} else {
			b.v = engine.Value{Form: engine.ZSetSkiplist, Obj: &engine.ZSet{Set: b.zset}}
		}
	case k.Type == Hash && b.hash != nil:
		b.v = engine.Value{Form: engine.HashHashtable, Obj: &engine.Hash{Table: b.hash}}
	case k.Type == Hash:
		return b.endHash()
	}
	if isEmpty(b.v) {
		b.v = engine.Value{}
		return errEmptyKey
	}
	return nil
}

// endHash makes the value of a small hash that came field by field.
func (b *builder) endHash() error {
	if len(b.times) == 0 {
		return errEmptyKey
	}
	var s seen
	if s.twice(b.flat, len(b.times), 2) {
		return errTwice
	}
	b.v = engine.Value{Form: engine.HashListpack, Flat: borrow(b.flat)}
	for _, f := range b.times {
		if f.at != 0 {
			b.v = engine.Value{Form: engine.HashListpackEx, Flat: borrow(b.triples())}
			break
		}
	}
	return nil
}

func isEmpty(v engine.Value) bool {
	switch v.Form {
	case engine.SetIntset:
		return intset.Len(bytesOf(v.Flat)) == 0
	case engine.ListListpack, engine.SetListpack, engine.ZSetListpack, engine.HashListpack, engine.HashListpackEx:
		return len(v.Flat) == 0 || listpack.Len(bytesOf(v.Flat)) == 0
	}
	return v.Obj != nil && v.Obj.Empty()
}
