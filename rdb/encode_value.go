package rdb

import (
	"math"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// firstExpiry is when the first field of a hash expires, 0 if none does.
func firstExpiry(v engine.Value) int64 {
	switch v.Form {
	case engine.HashListpackEx:
		return hashfields.FirstOf(v.Flat)
	case engine.HashHashtable:
		return v.Obj.(*engine.Hash).First()
	}
	return 0
}

// versionFor is the least version that holds a value, or DefaultVersion.
func versionFor(v engine.Value) int {
	if firstExpiry(v) != 0 {
		return versionFieldExpiry
	}
	return DefaultVersion
}

// typeOf is the type as which a value is written, in a version that holds it: that
// which Redis writes for the same encoding.
func typeOf(v engine.Value, version int) byte {
	switch v.Form {
	case engine.StringInt, engine.StringEmbstr, engine.StringRaw:
		return typeString
	case engine.ListListpack, engine.ListQuicklist:
		return typeListQuicklist2
	case engine.SetIntset:
		return typeSetIntset
	case engine.SetListpack:
		if version >= versionSetListpack {
			return typeSetListpack
		}
		return typeSet
	case engine.SetHashtable:
		return typeSet
	case engine.ZSetListpack:
		return typeZSetListpack
	case engine.ZSetSkiplist, engine.ZSetLong:
		return typeZSet2
	case engine.HashListpack:
		return typeHashListpack
	case engine.HashListpackEx:
		if firstExpiry(v) != 0 {
			return typeHashListpackEx
		}
		return typeHashListpack
	case engine.HashHashtable:
		if firstExpiry(v) != 0 {
			return typeHashMetadata
		}
		return typeHash
	case engine.HashLong:
		return typeHash
	case engine.StreamNodes:
		if version >= versionSetListpack {
			return typeStream3
		}
		return typeStream2
	}
	panic("rdb: a value without a form")
}

// engineValue writes a value as typeOf says.
func (s *sink) engineValue(v engine.Value, version int) {
	switch v.Form {
	case engine.SetListpack, engine.SetHashtable:
		if typeOf(v, version) == typeSet {
			s.plainSet(v)
			return
		}
		s.str(bytesOf(v.Flat))
	case engine.ListListpack:
		s.length(1)
		s.length(nodePacked)
		s.str(bytesOf(v.Flat))
	case engine.ListQuicklist:
		s.list(v.Obj.(*engine.List))
	case engine.ZSetSkiplist, engine.ZSetLong:
		s.sortedSet(v)
	case engine.HashListpackEx:
		if first := firstExpiry(v); first != 0 {
			s.uint64(uint64(first))
			s.str(bytesOf(v.Flat))
		} else {
			s.str(pairsOf(bytesOf(v.Flat)))
		}
	case engine.HashHashtable:
		s.hash(v.Obj.(*engine.Hash))
	case engine.HashLong:
		s.length(uint64(listpack.Len(bytesOf(v.Flat)) / 2))
		for _, word := range listpack.All(bytesOf(v.Flat)) {
			s.value(word)
		}
	case engine.StreamNodes:
		s.stream(v.Obj.(*engine.Stream), version)
	case engine.SetIntset, engine.ZSetListpack, engine.HashListpack:
		s.str(bytesOf(v.Flat))
	default:
		s.str(bytesOf(v.Str().String()))
	}
}

func (s *sink) plainSet(v engine.Value) {
	m, _ := v.Members()
	s.length(uint64(m.Len()))
	for member := range m.All() {
		s.value(member)
	}
}

// list writes the nodes of a list as they lie, compressed ones too.
func (s *sink) list(l *engine.List) {
	s.length(uint64(l.NumNodes()))
	for n := range l.Nodes() {
		if n.Plain() {
			s.length(nodePlain)
		} else {
			s.length(nodePacked)
		}
		if lz, ok := n.LZF(); ok {
			s.blob(lz, n.Size())
			continue
		}
		s.node = n.Append(s.node[:0])
		s.str(s.node)
	}
}

// sortedSet writes the members from the last to the first, as Redis does, which can
// then add each at the front.
func (s *sink) sortedSet(v engine.Value) {
	items, _ := v.ZItems()
	n := items.Len()
	s.length(uint64(n))
	c := items.Cursor(n-1, true)
	for it, ok := c.Next(); ok; it, ok = c.Next() {
		s.value(it.Member)
		s.uint64(math.Float64bits(it.Score))
	}
}

// hash writes a big hash. Times count from the first, so that most take few bytes.
func (s *sink) hash(h *engine.Hash) {
	first := h.First()
	if first != 0 {
		s.uint64(uint64(first))
	}
	s.length(uint64(h.Len()))
	for f, e := range hashfields.Big(h.Table, 0).Entries() {
		switch {
		case first == 0:
		case e.ExpireAt == 0:
			s.length(0)
		default:
			s.length(uint64(e.ExpireAt - first + 1))
		}
		s.str(bytesOf(f.String()))
		s.str(bytesOf(e.Value.String()))
	}
}

// pairsOf is a small hash, none of whose fields expires, without their times.
func pairsOf(triples []byte) []byte {
	lp := listpack.Extend(listpack.New(len(triples)))
	i := 0
	for _, v := range listpack.All(triples) {
		if i++; i%3 == 0 {
			continue
		}
		if n, ok := v.Int(); ok {
			lp.Int(n)
		} else {
			lp.String(borrow(v.Bytes()))
		}
	}
	return lp.Done()
}

func (s *sink) stream(l *engine.Stream, version int) {
	s.length(uint64(l.NumNodes()))
	for id, lp := range l.Nodes() {
		s.length(16)
		s.rawID(ID(id))
		s.str(lp)
	}
	s.length(uint64(l.Len()))
	s.id(ID(l.LastID()))
	s.id(ID(l.FirstID()))
	s.id(ID(l.MaxDeletedID()))
	s.length(uint64(l.EntriesAdded()))
	s.length(uint64(l.NumGroups()))
	for g := range l.Groups() {
		s.group(g, version)
	}
}

func (s *sink) group(g *streamlog.Group, version int) {
	s.str(bytesOf(g.Name()))
	s.id(ID(g.LastID()))
	s.length(uint64(g.EntriesRead()))
	s.length(uint64(g.NumPending()))
	for p := range g.Pending(streamlog.ID{}, streamlog.MaxID) {
		s.rawID(ID(p.ID))
		s.uint64(uint64(p.Time))
		s.length(uint64(p.Count))
		s.room()
	}
	s.length(uint64(g.NumConsumers()))
	for c := range g.Consumers() {
		s.str(bytesOf(c.Name()))
		s.uint64(uint64(c.SeenTime()))
		if version >= versionSetListpack {
			s.uint64(uint64(c.ActiveTime()))
		}
		s.length(uint64(c.NumPending()))
		for p := range g.PendingOf(c, streamlog.ID{}, streamlog.MaxID) {
			s.rawID(ID(p.ID))
			s.room()
		}
	}
}
