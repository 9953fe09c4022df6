package rdb

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/ziplist"
	"github.com/larderdb/larder/internal/ds/zipmap"
)

// start tells that a key begins. count is how many elements or nodes follow, -1
// where the value is one string.
func (d *Decoder) start(t Type, count int64) bool {
	d.key.Type, d.key.Count = t, count
	d.ev.Key = &d.key
	if d.in.skim && (count > rawElements || t == Module) {
		d.in.skim, d.quiet = false, t == Module && d.o.Modules == SkipModules
	}
	return d.emit(KindKey)
}

// value decodes the value of the key.
func (d *Decoder) value() {
	if d.ev.Valkey && d.key.Encoding == typeValkeyHash2 {
		d.fieldsWithTimes(0)
		return
	}
	switch d.key.Encoding {
	case typeString:
		d.start(String, -1)
		d.begin()
		d.ev.Value = d.in.str(&d.val)
		d.emit(KindString)
	case typeList:
		d.elements(List)
	case typeSet:
		d.elements(Set)
	case typeZSet, typeZSet2:
		d.members()
	case typeHash:
		d.plainFields()
	case typeSetIntset:
		d.whole(Set, PackedInts)
	case typeSetListpack:
		d.whole(Set, PackedMembers)
	case typeListZiplist:
		d.whole(List, PackedNode)
	case typeZSetZiplist, typeZSetListpack:
		d.whole(SortedSet, PackedScores)
	case typeHashZiplist, typeHashListpack, typeHashZipmap:
		d.whole(Hash, PackedFields)
	case typeHashExPreGA:
		d.whole(Hash, PackedExpiry)
	case typeHashListpackEx:
		d.in.uint64() // the first time of expiry, which the listpack tells too
		d.whole(Hash, PackedExpiry)
	case typeHashPreGA:
		d.fieldsWithTimes(0)
	case typeHashMetadata:
		d.fieldsWithTimes(d.in.uint64())
	case typeListQuicklist, typeListQuicklist2:
		d.nodes()
	case typeStream, typeStream2, typeStream3:
		d.stream()
	case typeModule2:
		d.module()
	case typeModulePreGA:
		d.in.fail(ErrUnsupported, "a value of a module as a candidate of Redis 4.0 wrote it")
	default:
		d.in.fail(ErrUnsupported, "type "+strconv.Itoa(int(d.key.Encoding)))
	}
}

// elements decodes a list, or a set, whose elements are strings.
func (d *Decoder) elements(t Type) {
	n := d.in.count()
	d.start(t, n)
	for d.ev.Plain = false; n > 0 && d.ok(); n-- {
		d.begin()
		d.ev.Value = d.in.str(&d.val)
		d.emit(KindElement)
	}
}

// members decodes the members and scores of a sorted set.
func (d *Decoder) members() {
	n := d.in.count()
	d.start(SortedSet, n)
	for ; n > 0 && d.ok(); n-- {
		d.begin()
		d.ev.Value = keep(&d.val, d.in.str(&d.val))
		if d.key.Encoding == typeZSet2 {
			d.ev.Score = math.Float64frombits(d.in.uint64())
		} else {
			d.ev.Score = d.textScore()
		}
		if math.IsNaN(d.ev.Score) {
			d.in.corrupt("a score that is not a number")
		}
		d.emit(KindMember)
	}
}

// textScore reads a score as text, with its length in a byte.
func (d *Decoder) textScore() float64 {
	n := d.in.byte()
	switch n {
	case scoreNaN:
		return math.NaN()
	case scoreInf:
		return math.Inf(1)
	case scoreNegInf:
		return math.Inf(-1)
	}
	f, ok := parseScore(d.in.bytes(uint64(n), nil))
	if !ok {
		d.in.corrupt("a score that is not a number")
	}
	return f
}

// parseScore reads a score as a file has it.
func parseScore(b []byte) (f float64, ok bool) {
	f, err := strconv.ParseFloat(borrow(b), 64)
	return f, err == nil && !math.IsNaN(f)
}

// plainFields decodes the fields of a hash.
func (d *Decoder) plainFields() {
	n := d.in.count()
	d.start(Hash, n)
	for d.ev.ExpireAt = 0; n > 0 && d.ok(); n-- {
		d.begin()
		d.pairOfStrings()
		d.emit(KindField)
	}
}

func (d *Decoder) pairOfStrings() {
	d.ev.Field = keep(&d.field, d.in.str(&d.field))
	d.ev.Value = d.in.str(&d.val)
}

// maxTime is the latest time that a field may expire at: 48 bits of milliseconds,
// some time in the year 10889.
const maxTime = 1<<48 - 2

// fieldsWithTimes decodes the fields of a hash of which some expire. base is what
// their times are relative to, plus one; 0 if they are not.
func (d *Decoder) fieldsWithTimes(base uint64) {
	relative := d.key.Encoding == typeHashMetadata
	d.key.base = base
	n := d.in.count()
	d.start(Hash, n)
	for ; n > 0 && d.ok(); n-- {
		d.begin()
		switch {
		case d.ev.Valkey:
			d.pairOfStrings()
			d.ev.Value = keep(&d.val, d.ev.Value)
			if at := d.in.uint64(); at == math.MaxUint64 { // -1
				d.ev.ExpireAt = 0
			} else {
				d.ev.ExpireAt = d.fieldTime(max(at, 1))
			}
		case relative:
			at := d.in.num()
			if at > 0 {
				if at--; base > maxTime || at > maxTime {
					d.in.corrupt("a field that expires past all bounds")
				}
				at += base
			}
			d.ev.ExpireAt = d.fieldTime(at)
			d.pairOfStrings()
		default:
			d.ev.ExpireAt = d.fieldTime(d.in.num())
			d.pairOfStrings()
		}
		d.emit(KindField)
	}
}

// fieldTime checks a time, 0 for never.
func (d *Decoder) fieldTime(at uint64) int64 {
	if at > maxTime {
		d.in.corrupt("a field that expires past all bounds")
		return 0
	}
	return int64(at)
}

// whole decodes a value that is one string.
func (d *Decoder) whole(t Type, p Packing) {
	d.start(t, -1)
	d.begin()
	d.pack(d.in.str(&d.val), p)
}

// pack hands out packed bytes: listpacks, whatever they were.
func (d *Decoder) pack(b []byte, p Packing) {
	if !d.ok() || d.in.skim {
		return
	}
	switch d.key.Encoding {
	case typeListZiplist, typeZSetZiplist, typeHashZiplist, typeListQuicklist:
		lp, ok := ziplist.AppendListpack(listpack.AppendNew(d.packed[:0]), b)
		d.packed = lp
		if b = lp; !ok {
			d.in.corrupt("a ziplist")
			return
		}
	case typeHashZipmap:
		lp, ok := zipmap.AppendListpack(listpack.AppendNew(d.packed[:0]), b)
		d.packed = lp
		if b = lp; !ok {
			d.in.corrupt("a zipmap")
			return
		}
	}
	if why := d.seen.validate(b, p); why != "" {
		d.in.corrupt(why)
		return
	}
	if d.o.Elements {
		d.unpack(b, p)
		return
	}
	d.ev.Value, d.ev.Packing = b, p
	d.emit(KindPacked)
}

// nodes decodes the nodes of a list.
func (d *Decoder) nodes() {
	n := d.in.count()
	d.start(List, n)
	for ; n > 0 && d.ok(); n-- {
		d.begin()
		kind := uint64(nodePacked)
		if d.key.Encoding == typeListQuicklist2 {
			kind = d.in.num()
		}
		b := d.in.str(&d.val)
		switch kind {
		case nodePlain:
			d.ev.Value, d.ev.Plain = b, true
			d.emit(KindElement)
		case nodePacked:
			d.pack(b, PackedNode)
		default:
			d.in.corrupt("an unknown kind of node")
		}
	}
}

// stream decodes a stream and its groups.
func (d *Decoder) stream() {
	in, ev := &d.in, &d.ev
	v2 := d.key.Encoding != typeStream
	n := in.count()
	d.start(Stream, n)
	w := nodeWalk{}
	for ; n > 0 && d.ok(); n-- {
		d.begin()
		id := in.str(&d.name)
		if len(id) != 16 {
			in.corrupt("the ID of a node of a stream")
			return
		}
		at := ID{binary.BigEndian.Uint64(id), binary.BigEndian.Uint64(id[8:])}
		d.node(&w, at, in.str(&d.val))
	}
	d.begin()
	m := &Meta{EntriesAdded: -1}
	m.Len = in.count()
	m.LastID = d.id()
	if v2 {
		m.FirstID, m.MaxDeletedID = d.id(), d.id()
		m.EntriesAdded = in.count()
	}
	if !d.lazyNodes && !d.in.skim && d.ok() && (m.Len != w.live || w.last.after(m.LastID)) {
		in.corrupt("a stream whose length or last ID is not that of its entries")
	}
	ev.Count = in.count()
	groups := ev.Count
	ev.Stream = m
	d.emit(KindStream)
	ev.Stream = nil
	for ; groups > 0 && d.ok(); groups-- {
		d.group(v2)
	}
}

func (d *Decoder) id() ID { return ID{d.in.num(), d.in.num()} }

// rawID reads an ID in 16 bytes.
func (d *Decoder) rawID() ID {
	b := d.in.fixed(16)
	return ID{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a ID) after(b ID) bool { return a.Ms > b.Ms || a.Ms == b.Ms && a.Seq > b.Seq }

// group decodes a group of consumers.
func (d *Decoder) group(v2 bool) {
	in, ev := &d.in, &d.ev
	d.begin()
	ev.Name = keep(&d.name, in.str(&d.name))
	ev.ID = d.id()
	if ev.Read = -1; v2 {
		// What is not known is written as -1 in 64 bits.
		if ev.Read = int64(in.num()); ev.Read < -1 {
			in.corrupt("a number of entries read that is negative")
		}
	}
	pending := in.count()
	ev.Count = pending
	d.emit(KindGroup)
	for ; pending > 0 && d.ok(); pending-- {
		d.begin()
		ev.ID = d.rawID()
		ev.Time = int64(in.uint64())
		ev.Count = in.count()
		d.emit(KindPending)
	}
	d.begin()
	consumers := in.count()
	ev.Count = consumers
	d.emit(KindConsumers)
	for ; consumers > 0 && d.ok(); consumers-- {
		d.begin()
		ev.Name = keep(&d.name, in.str(&d.name))
		ev.Seen = int64(in.uint64())
		ev.Active = ev.Seen
		if d.key.Encoding == typeStream3 {
			ev.Active = int64(in.uint64())
		}
		own := in.count()
		ev.Count = own
		d.emit(KindConsumer)
		for ; own > 0 && d.ok(); own-- {
			d.begin()
			ev.ID = d.rawID()
			d.emit(KindOwn)
		}
	}
}
