package rdb

import (
	"bytes"
	"hash/maphash"
	"math"
	"slices"

	"github.com/larderdb/larder/internal/ds/intset"
	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/streamlog"
)

// Len is the number of elements that an event brings: 1 but for KindPacked, which
// brings many, a field or a member with what belongs to it counting once, and for
// kinds that bring none.
func (ev *Event) Len() int {
	switch ev.Kind {
	case KindString, KindElement, KindMember, KindField, KindEntry:
		return 1
	case KindPacked:
		return packedLen(ev.Value, ev.Packing)
	}
	return 0
}

func packedLen(b []byte, p Packing) int {
	switch p {
	case PackedInts:
		return intset.Len(b)
	case PackedScores, PackedFields:
		return listpack.Len(b) / 2
	case PackedExpiry:
		return listpack.Len(b) / 3
	}
	return listpack.Len(b)
}

// seen finds out whether a listpack has something twice. It is a table of offsets,
// each below a half of the element's hash, used again and again.
type seen struct {
	seed  maphash.Seed
	slots []uint64
}

// validate checks packed bytes in full, and returns what is wrong with them.
func (s *seen) validate(b []byte, p Packing) (why string) {
	if p == PackedInts {
		if _, ok := intset.Validate(b); !ok {
			return "an intset"
		}
		return ""
	}
	n, ok := listpack.Validate(b)
	if !ok {
		return "a listpack"
	}
	step := 1
	switch p {
	case PackedScores:
		why, step = scoresInOrder(b, n), 2
	case PackedFields:
		step = 2
	case PackedExpiry:
		why, step = timesInOrder(b, n), 3
	case PackedNode:
		return ""
	}
	switch {
	case n%step != 0:
		return "a listpack with a part of a field or member"
	case why != "":
		return why
	case s.twice(b, n/step, step):
		return "a field or member that is there twice"
	}
	return ""
}

// twice reports whether one of n elements, which are step apart, is there twice.
func (s *seen) twice(lp []byte, n, step int) bool {
	if n < 2 {
		return false
	}
	if s.slots == nil {
		s.seed = maphash.MakeSeed()
	}
	size := 4
	for size < 2*n {
		size *= 2
	}
	if size > cap(s.slots) {
		s.slots = make([]uint64, size)
	}
	slots := s.slots[:size]
	clear(slots)
	if size > maxRoom/8 {
		s.slots = s.slots[:0:0] // not to be kept
	}
	end := listpack.End(lp)
	for p := listpack.HeaderSize; p != end; {
		v, next := listpack.Read(lp, p)
		h := s.hash(v)
		for i := h; ; i++ {
			slot := &slots[i&uint64(size-1)]
			if *slot == 0 {
				*slot = h&^math.MaxUint32 | uint64(p)
				break
			}
			if (*slot^h)>>32 == 0 && same(v, listpack.Get(lp, int(*slot&math.MaxUint32))) {
				return true
			}
		}
		for range step - 1 {
			next = listpack.After(lp, next)
		}
		p = next
	}
	return false
}

// number returns the integer that an element is, however it is stored.
func number(v listpack.Value) (int64, bool) {
	if n, ok := v.Int(); ok {
		return n, true
	}
	b := v.Bytes()
	if len(b) == 0 || b[0] > '9' { // most
		return 0, false
	}
	return listpack.ParseInt(borrow(b))
}

func (s *seen) hash(v listpack.Value) uint64 {
	if n, ok := number(v); ok {
		return maphash.Comparable(s.seed, n)
	}
	return maphash.Bytes(s.seed, v.Bytes())
}

func same(a, b listpack.Value) bool {
	n, ok := number(a)
	m, ok2 := number(b)
	if ok || ok2 {
		return ok && ok2 && n == m
	}
	return bytes.Equal(a.Bytes(), b.Bytes())
}

// scoreOf is the score that an element is.
func scoreOf(v listpack.Value) (float64, bool) {
	if n, ok := v.Int(); ok {
		return float64(n), true
	}
	return parseScore(v.Bytes())
}

// scoresInOrder says what is wrong with n elements that should be members and scores
// in their order. What is no listpack of pairs is not its business.
func scoresInOrder(lp []byte, n int) (why string) {
	var prev listpack.Value
	var last float64
	var room [2][20]byte
	p := listpack.HeaderSize
	for i := range n / 2 {
		var member, v listpack.Value
		member, p = listpack.Read(lp, p)
		v, p = listpack.Read(lp, p)
		score, ok := scoreOf(v)
		if !ok {
			return "a score that is not a number"
		}
		if i > 0 && (score < last || score == last && bytes.Compare(textOf(member, &room[0]), textOf(prev, &room[1])) <= 0) {
			return "a sorted set out of order"
		}
		prev, last = member, score
	}
	return ""
}

// textOf is an element as a string.
func textOf(v listpack.Value, room *[20]byte) []byte {
	if v.IsInt() {
		return v.Append(room[:0])
	}
	return v.Bytes()
}

// timesInOrder says what is wrong with n elements that should be fields, values and
// times of expiry in the order of these.
func timesInOrder(lp []byte, n int) (why string) {
	last := int64(0)
	p := listpack.HeaderSize
	for i := range n / 3 {
		p = listpack.After(lp, listpack.After(lp, p))
		var v listpack.Value
		v, p = listpack.Read(lp, p)
		at, ok := v.Int()
		if !ok || at < 0 || at > maxTime {
			return "a time of expiry that is none"
		}
		if i > 0 && (last == 0 && at != 0 || at != 0 && at < last) {
			return "fields that are not in the order of their times"
		}
		last = at
	}
	return ""
}

// unpack hands out the elements of what was validated.
func (d *Decoder) unpack(b []byte, p Packing) {
	ev := &d.ev
	if p == PackedInts {
		for n := range intset.All(b) {
			ev.Value, ev.Plain = d.text(&d.field, listpack.IntValue(n)), false
			if !d.emit(KindElement) {
				return
			}
		}
		return
	}
	end := listpack.End(b)
	for at := listpack.HeaderSize; at != end && d.ok(); {
		var v listpack.Value
		v, at = listpack.Read(b, at)
		switch p {
		case PackedScores:
			ev.Value = d.text(&d.field, v)
			v, at = listpack.Read(b, at)
			ev.Score, _ = scoreOf(v)
			d.emit(KindMember)
		case PackedFields, PackedExpiry:
			ev.Field = d.text(&d.field, v)
			v, at = listpack.Read(b, at)
			ev.Value, ev.ExpireAt = d.text(&d.name, v), 0
			if p == PackedExpiry {
				v, at = listpack.Read(b, at)
				ev.ExpireAt, _ = v.Int()
			}
			d.emit(KindField)
		default:
			ev.Value, ev.Plain = d.text(&d.field, v), false
			d.emit(KindElement)
		}
	}
}

// text is an element as a string, which lies in the listpack or in *room.
func (d *Decoder) text(room *[]byte, v listpack.Value) []byte {
	if v.IsInt() {
		*room = v.Append((*room)[:0])
		return *room
	}
	return v.Bytes()
}

// nodeWalk is how far the nodes of a stream were followed.
type nodeWalk struct {
	live   int64
	prev   ID // of the node before, in the index
	last   ID // of the last live entry
	inside bool
}

// node hands out a node of a stream, or its entries.
func (d *Decoder) node(w *nodeWalk, id ID, lp []byte) {
	if !d.ok() || d.in.skim {
		return
	}
	if !d.lazyNodes {
		live, last, ok := streamlog.ValidateNode(streamlog.ID(id), lp, streamlog.ID(w.last))
		if !ok || w.inside && (!id.after(w.prev) || !id.after(w.last)) {
			d.in.corrupt("a node of a stream")
			return
		}
		w.live += live
		w.last, w.prev, w.inside = ID(last), id, true
	}
	if !d.o.Elements {
		d.ev.ID, d.ev.Value = id, lp
		d.emit(KindNode)
		return
	}
	for e := range streamlog.Entries(streamlog.ID(id), lp) {
		d.ev.ID = ID(e.ID)
		d.fields, d.packed = d.fields[:0], d.packed[:0]
		// Numbers are written out in d.packed, which must not move meanwhile.
		d.packed = slices.Grow(d.packed, 2*20*e.Len())
		for name, value := range e.Fields() {
			d.fields = append(d.fields, d.word(name), d.word(value))
		}
		d.ev.Fields = d.fields
		if !d.emit(KindEntry) {
			return
		}
	}
}

// word is an element as a string, which lies in the listpack or behind the others in
// d.packed.
func (d *Decoder) word(v listpack.Value) []byte {
	if !v.IsInt() {
		return v.Bytes()
	}
	from := len(d.packed)
	d.packed = v.Append(d.packed)
	return d.packed[from:len(d.packed):len(d.packed)]
}
