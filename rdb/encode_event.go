package rdb

import (
	"fmt"
	"math"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// Write writes what an event tells, as a Decoder without Elements hands them out: so
// a file is copied, or filtered, by passing on its events. What older versions wrote
// in other ways comes out as Redis 7.0 writes it.
//
// KindHeader, KindEOF and KindSlot are passed over: the file has a header of its
// own, and its end is Close's. Data of modules cannot be written (ErrModule), nor can
// Valkey's slot imports (ErrUnsupported). A hash whose fields expire, in a version
// before 12, is ErrVersion, which names the key. After an error inside a key the
// file is of no use; those three come before anything of the key is written.
func (e *Encoder) Write(ev *Event) error {
	switch ev.Kind {
	case KindHeader, KindEOF, KindSlot:
		return e.s.err
	case KindAux:
		return e.Aux(borrow(ev.Name), borrow(ev.Value))
	case KindFunction:
		return e.Function(borrow(ev.Value))
	case KindModuleAux:
		return fmt.Errorf("rdb: %w %s", ErrModule, ev.Name)
	case KindSlotImport:
		return fmt.Errorf("rdb: an import of slots: %w", ErrUnsupported)
	case KindDB:
		e.s.byte(opSelectDB)
		e.s.length(uint64(ev.DB))
		return e.done()
	case KindSize:
		return e.size(ev.Keys, ev.Expires)
	case KindKey:
		return e.beginKey(ev.Key)
	case KindEnd:
		if !e.started || e.pieces > 0 {
			return ErrEvents
		}
		e.started = false
		return e.done()
	}
	if !e.started {
		return ErrEvents
	}
	e.piece(ev)
	return e.done()
}

// newTypes are the types as which those of older versions are written.
var newTypes = map[byte]byte{
	typeZSet:          typeZSet2,
	typeHashZipmap:    typeHashListpack,
	typeHashZiplist:   typeHashListpack,
	typeZSetZiplist:   typeZSetListpack,
	typeListZiplist:   typeListQuicklist2,
	typeListQuicklist: typeListQuicklist2,
	typeHashExPreGA:   typeHashListpackEx,
}

// beginKey writes a key, but for its value.
func (e *Encoder) beginKey(k *Key) error {
	if e.started {
		return ErrEvents
	}
	typ := k.Encoding
	if t, ok := newTypes[typ]; ok {
		typ = t
	}
	switch {
	case typ == typeModule2 || typ == typeModulePreGA:
		return fmt.Errorf("rdb: %w, key %.200q", ErrModule, k.Name)
	case (typ == typeHashPreGA || typ == typeHashMetadata || typ == typeHashListpackEx) && e.version < versionFieldExpiry:
		return e.tooOld(string(k.Name))
	case typ == typeSetListpack && e.version < versionSetListpack:
		typ = typeSet
	case typ == typeStream3 && e.version < versionSetListpack:
		typ = typeStream2
	}
	e.head(keyHead{k.ExpireAt, k.Idle, k.Freq})
	e.s.byte(typ)
	e.s.str(k.Name)
	e.typ, e.started, e.pieces = typ, true, 1
	if typ == typeHashMetadata {
		e.s.uint64(k.base)
	}
	switch {
	case k.Count >= 0:
		e.s.length(uint64(k.Count))
		e.pieces = k.Count
		if typ == typeStream || typ == typeStream2 || typ == typeStream3 {
			e.pieces++ // what comes behind the nodes
		}
	case typ == typeListQuicklist2: // all of a list, now its only node
		e.s.length(1)
	}
	return e.done()
}

// piece writes a part of a value.
func (e *Encoder) piece(ev *Event) {
	s := &e.s
	if ev.Kind <= KindNode || ev.Kind == KindStream {
		e.pieces--
	}
	switch ev.Kind {
	case KindString:
		s.str(ev.Value)
	case KindElement:
		if e.typ == typeListQuicklist2 {
			s.length(nodePlain)
		}
		s.str(ev.Value)
	case KindMember:
		s.str(ev.Value)
		s.uint64(math.Float64bits(ev.Score))
	case KindField:
		e.field(ev)
	case KindPacked:
		e.packed(ev)
	case KindNode:
		s.length(16)
		s.rawID(ev.ID)
		s.str(ev.Value)
	case KindStream:
		e.meta(ev)
	case KindGroup:
		s.str(ev.Name)
		s.id(ev.ID)
		if e.typ != typeStream {
			s.length(uint64(ev.Read))
		}
		s.length(uint64(ev.Count))
	case KindPending:
		s.rawID(ev.ID)
		s.uint64(uint64(ev.Time))
		s.length(uint64(ev.Count))
	case KindConsumers:
		s.length(uint64(ev.Count))
	case KindConsumer:
		s.str(ev.Name)
		s.uint64(uint64(ev.Seen))
		if e.typ == typeStream3 {
			s.uint64(uint64(ev.Active))
		}
		s.length(uint64(ev.Count))
	case KindOwn:
		s.rawID(ev.ID)
	default:
		s.err = ErrEvents
	}
	if e.pieces < 0 && s.err == nil {
		s.err = ErrEvents
	}
}

func (e *Encoder) field(ev *Event) {
	s := &e.s
	switch {
	case e.typ == typeHash:
	case ev.ExpireAt == 0:
		s.length(0)
	case e.typ == typeHashMetadata:
		s.length(uint64(ev.ExpireAt) - ev.Key.base + 1)
	default:
		s.length(uint64(ev.ExpireAt))
	}
	s.str(ev.Field)
	s.str(ev.Value)
}

func (e *Encoder) packed(ev *Event) {
	s := &e.s
	switch e.typ {
	case typeSet:
		s.length(uint64(listpack.Len(ev.Value)))
		for _, v := range listpack.All(ev.Value) {
			s.value(v)
		}
		return
	case typeListQuicklist2:
		s.length(nodePacked)
	case typeHashListpackEx:
		s.uint64(firstTime(ev.Value))
	}
	s.str(ev.Value)
}

// firstTime is when the first field of triples expires, 0 if none does.
func firstTime(lp []byte) uint64 {
	if p := listpack.Seek(lp, 2); p != 0 {
		n, _ := listpack.Get(lp, p).Int()
		return uint64(n)
	}
	return 0
}

func (e *Encoder) meta(ev *Event) {
	s, m := &e.s, ev.Stream
	s.length(uint64(m.Len))
	s.id(m.LastID)
	if e.typ != typeStream {
		s.id(m.FirstID)
		s.id(m.MaxDeletedID)
		s.length(uint64(m.EntriesAdded))
	}
	s.length(uint64(ev.Count))
}
