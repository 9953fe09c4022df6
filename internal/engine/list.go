package engine

import (
	"iter"
	"math"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/quicklist"
)

// A List is a list as an object of the keyspace: a long one. Short ones lie flat, in
// one listpack. It stands here because the commands, the digests and the files all
// look into it.
type List struct{ *quicklist.List }

// Form is the form of every long list.
func (l *List) Form() Form { return ListQuicklist }

// Clone returns a copy, in O(1).
func (l *List) Clone() Object { return &List{l.List.Clone()} }

// Empty reports whether there is no element.
func (l *List) Empty() bool { return l.Len() == 0 }

// maxFlatList is the longest listpack that is a list by itself. With a key of usual
// length it fits into a slot of the table; every change copies it twice.
const maxFlatList = 1920

// ListLimits are what a list is made with: list-max-listpack-size and
// list-compress-depth; and how many bytes make an element too large for a listpack.
func (e *Engine) ListLimits() (fill, depth int64, large int) {
	m := &e.memory
	return m.listFill.Load(), m.listDepth.Load(), int(m.listLarge.Load())
}

// SetListLimits sets the limits of lists that are made from now on, and of those that
// are flat now.
func (e *Engine) SetListLimits(fill, depth int64) {
	e.memory.listFill.Store(fill)
	e.memory.listDepth.Store(depth)
}

// SetLargeElement sets how many bytes make an element too large for a listpack: for
// tests, as it is 1 GB.
func (e *Engine) SetLargeElement(n int64) { e.memory.listLarge.Store(min(n, math.MaxInt)) }

// A ListView is a list to be read. It borrows from the keyspace; the zero ListView is
// empty.
type ListView struct {
	flat []byte
	big  *List
}

// List returns the value of a list key to be read; ok is false for a value of another
// type.
func (v Value) List() (l ListView, ok bool) {
	switch v.Form {
	case ListListpack:
		return ListView{flat: bytesOf(v.Flat)}, true
	case ListQuicklist:
		return ListView{big: v.Obj.(*List)}, true
	}
	return l, false
}

// bytesOf returns the bytes of s without a copy. Nobody may write to them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// List returns the list at key to be read, or ErrNil, or ErrWrongType.
func (t *Txn) List(key string) (l ListView, err error) {
	tab, h := t.find(key)
	if h == 0 {
		return l, ErrNil
	}
	var ok bool
	if l.big, ok = tab.Object(h).(*List); ok { // without what a Value costs
		return l, nil
	}
	if l, ok = valueOf(tab, h).List(); !ok {
		return l, ErrWrongType
	}
	return l, nil
}

// Len is the number of elements.
func (l ListView) Len() int {
	switch {
	case l.big != nil:
		return l.big.Len()
	case l.flat != nil:
		return listpack.Len(l.flat)
	}
	return 0
}

// At returns the element with an index, from 0 to Len-1.
func (l ListView) At(i int) listpack.Value {
	if l.big != nil {
		return l.big.At(i)
	}
	return listpack.Get(l.flat, listpack.Seek(l.flat, i))
}

// Range yields the elements from an index on, with their indexes.
func (l ListView) Range(from int) iter.Seq2[int, listpack.Value] {
	return func(yield func(int, listpack.Value) bool) {
		switch {
		case l.big != nil:
			l.big.Range(from)(yield)
		case from < l.Len():
			for i, p := from, listpack.Seek(l.flat, from); p != listpack.End(l.flat); i++ {
				var v listpack.Value
				if v, p = listpack.Read(l.flat, p); !yield(i, v) {
					return
				}
			}
		}
	}
}

// Reverse yields the elements from an index down to the first.
func (l ListView) Reverse(from int) iter.Seq2[int, listpack.Value] {
	return func(yield func(int, listpack.Value) bool) {
		switch {
		case l.big != nil:
			l.big.Reverse(from)(yield)
		case from >= 0:
			for i, p := from, listpack.Seek(l.flat, from); p != 0; i, p = i-1, listpack.Prev(l.flat, p) {
				if !yield(i, listpack.Get(l.flat, p)) {
					return
				}
			}
		}
	}
}

// Own returns the list as one that borrows nothing and that nobody changes: in O(1)
// where it is long.
func (l ListView) Own() ListView {
	if l.big != nil {
		return ListView{big: l.big.Clone().(*List)}
	}
	return ListView{flat: append([]byte(nil), l.flat...)}
}

// ListStats are what DEBUG OBJECT tells of a list.
type ListStats struct {
	Nodes, Fill int
	Packs       bool // nodes may be compressed
	Bytes       int  // of the nodes when they are not compressed
}

// ListStats returns the figures of a list.
func (e *Engine) ListStats(l ListView) (s ListStats) {
	if l.big == nil {
		fill, depth, _ := e.ListLimits()
		return ListStats{1, quicklist.Fill(fill), depth > 0, len(l.flat)}
	}
	s = ListStats{Nodes: l.big.NumNodes(), Fill: l.big.Fill(), Packs: l.big.Depth() > 0}
	for n := range l.big.Nodes() {
		s.Bytes += n.Size()
	}
	return s
}

// A ListEdit changes the list at a key, whatever its form, and turns a flat one into a
// big one when it outgrows its node. As with Edit, the command must not fail any
// more, and its Effect makes the change true.
type ListEdit struct {
	t     *Txn
	at    *keyRef
	buf   *[]byte // of a flat one
	big   *List
	fill  int
	large int
}

// EditList returns the list at key, which is l, to be changed: the zero ListView where
// there is none.
func (t *Txn) EditList(key string, l ListView) (e ListEdit) {
	fill, _, large := t.e.ListLimits()
	e.t, e.at, e.fill, e.large = t, t.ref(t.db, key), quicklist.Fill(fill), large
	if l.big != nil {
		tab, h := t.lookup(e.at)
		e.big = edit(t, e.at, tab, h, l.big)
		return e
	}
	if e.buf = t.EditFlat(key, ListListpack); len(*e.buf) == 0 {
		*e.buf = append(*e.buf, noList...)
	}
	return e
}

// noList is a listpack without elements.
var noList = listpack.New(0)

// View is the list as it is now. It is good until the next change.
func (e *ListEdit) View() ListView {
	if e.big != nil {
		return ListView{big: e.big}
	}
	return ListView{flat: *e.buf}
}

// Len is the number of elements as it is now.
func (e *ListEdit) Len() int { return e.View().Len() }

// fits reports whether Redis would add an element to the list's only node, and it may
// stay flat.
func (e *ListEdit) fits(n, size int) bool {
	return FlatListHolds(*e.buf, n, size, e.fill, e.large)
}

// grow turns the flat list into a big one, in the place of what was staged.
func (e *ListEdit) grow() {
	fill, depth, _ := e.t.e.ListLimits()
	e.big = &List{quicklist.FromListpack(*e.buf, fill, depth)}
	for i := range e.t.staged {
		if st := &e.t.staged[i]; st.at == e.at && st.what == stageFlat {
			st.what, st.obj, st.buf = stageObject, e.big, nil
		}
	}
}

// Push adds an element at the front, or at the back.
func (e *ListEdit) Push(front bool, s string) {
	if e.big == nil {
		el := listpack.Encode(s)
		if e.fits(len(s), el.Size()) {
			p := listpack.HeaderSize
			if !front {
				p = listpack.End(*e.buf)
			}
			*e.buf = listpack.InsertElement(*e.buf, p, &el)
			return
		}
		e.grow()
	}
	e.big.Push(front, s, e.large)
}

// Pop removes the first element, or the last, of a list that is not empty, and returns
// it. It is good until the next change of this list or the next command.
func (e *ListEdit) Pop(front bool) listpack.Value {
	if e.big != nil {
		v := e.big.Peek(front)
		e.big.Pop(front)
		return v
	}
	lp := *e.buf
	p := listpack.HeaderSize
	if !front {
		p = listpack.Last(lp)
	}
	v := listpack.Get(lp, p)
	if !v.IsInt() { // it goes behind the end, where the buffer has room
		n := len(lp)
		lp = append(lp, v.Bytes()...)
		v, lp = listpack.StringValue(lp[n:]), lp[:n]
	}
	*e.buf = listpack.Delete(lp, p, 1)
	return v
}

// Insert adds an element before the one with an index, or behind it.
func (e *ListEdit) Insert(i int, behind bool, s string) {
	if e.big == nil {
		el := listpack.Encode(s)
		if e.fits(len(s), el.Size()) {
			p := listpack.Seek(*e.buf, i)
			if behind {
				p = listpack.After(*e.buf, p)
			}
			*e.buf = listpack.InsertElement(*e.buf, p, &el)
			return
		}
		e.grow()
	}
	e.big.Insert(i, behind, s, e.large)
}

// Set puts s in the place of the element with an index.
func (e *ListEdit) Set(i int, s string) {
	if e.big == nil {
		if el := listpack.Encode(s); len(s) < e.large && len(*e.buf)+el.Size() <= maxFlatList {
			*e.buf = listpack.Replace(*e.buf, listpack.Seek(*e.buf, i), s)
			return
		}
		e.grow()
	}
	e.big.Set(i, s, e.large)
}

// Delete removes n elements from an index on, which there are.
func (e *ListEdit) Delete(i, n int) {
	if e.big != nil {
		e.big.Delete(i, n)
	} else if n > 0 {
		*e.buf = listpack.Delete(*e.buf, listpack.Seek(*e.buf, i), n)
	}
}

// Remove removes the elements that are s, at most as many as max, from the front or
// from the back, and returns how many.
func (e *ListEdit) Remove(s string, max int, back bool) (n int) {
	if e.big != nil {
		return e.big.Remove(s, max, back)
	}
	lp := *e.buf
	if !back {
		for p := listpack.Find(lp, listpack.First(lp), s, 1); p != 0 && n < max; n++ {
			if lp = listpack.Delete(lp, p, 1); p != listpack.End(lp) {
				p = listpack.Find(lp, p, s, 1)
			} else {
				p = 0
			}
		}
	} else {
		x := quicklist.NeedleOf(s)
		for p := listpack.Last(lp); p != 0 && n < max; {
			at := p
			p = listpack.Prev(lp, p)
			if x.Is(listpack.Get(lp, at)) {
				lp = listpack.Delete(lp, at, 1)
				n++
			}
		}
	}
	*e.buf = lp
	return n
}
