package orderedset

import (
	"iter"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/hashtable"
	"github.com/larderdb/larder/internal/ds/listpack"
)

// An Item is a member, which borrows from its set, and its score.
type Item struct {
	Member listpack.Value
	Score  float64
}

// Items are the members of a set, small or big, to be read. The zero value has none.
// They borrow from the set, which must not change meanwhile.
type Items struct {
	flat []byte
	long bool
	big  *Set
}

// Flat returns the items of a small set, whose listpack is lp; "" has none.
func Flat(lp string) Items { return Items{flat: unsafe.Slice(unsafe.StringData(lp), len(lp))} }

// AsLong returns the items of a small set that Redis would not keep in a listpack, as
// it has long members.
func (x Items) AsLong() Items {
	x.long = true
	return x
}

// Small reports whether Redis would keep the set in a listpack, in which some scores
// have another text.
func (x Items) Small() bool { return x.big == nil && !x.long }

// Items returns the items of a big set.
func (s *Set) Items() Items { return Items{big: s} }

// Big returns the big set, nil if it is a small one.
func (x Items) Big() *Set { return x.big }

// Bytes returns the listpack of a small set.
func (x Items) Bytes() []byte { return x.flat }

// Spread tells how members lie in the buckets of a big set, nil of a small one: see
// hashtable.View.Spread.
func (x Items) Spread() []int {
	if x.big == nil {
		return nil
	}
	return x.big.members.Spread(func(hashtable.Handle) bool { return true })
}

// Len is the number of members.
func (x Items) Len() int {
	if x.big != nil {
		return x.big.Len()
	}
	return flatLen(x.flat)
}

// Score returns the score of a member; ok is false if it is none.
func (x Items) Score(member string) (score float64, ok bool) {
	if x.big != nil {
		return x.big.Score(member)
	}
	p, score := FlatFind(x.flat, member)
	return score, p != 0
}

// Rank returns the rank of a member and its score; ok is false if it is none.
func (x Items) Rank(member string) (rank int, score float64, ok bool) {
	if x.big != nil {
		return x.big.Rank(member)
	}
	at, score := FlatFind(x.flat, member)
	if at == 0 {
		return 0, 0, false
	}
	for p := listpack.First(x.flat); p != at; rank++ {
		p = listpack.After(x.flat, listpack.After(x.flat, p))
	}
	return rank, score, true
}

// Below counts the members that come before a bound.
func (x Items) Below(b Bound) (n int) {
	if x.big != nil {
		return x.big.Below(b)
	}
	for it := range x.All() {
		if b.ByMember && !b.isAboveValue(it.Member) || !b.ByMember && !b.isAboveScore(it.Score) {
			break
		}
		n++
	}
	return n
}

func (b *Bound) isAboveValue(v listpack.Value) bool {
	if b.Infinite {
		return b.After
	}
	c := compare(v, b.Member)
	return c < 0 || c == 0 && b.After
}

// At returns the item with a rank, which there must be.
func (x Items) At(rank int) Item {
	c := x.Cursor(rank, false)
	it, _ := c.Next()
	return it
}

// All yields all items in order.
func (x Items) All() iter.Seq[Item] { return x.Ascend(0) }

// Ascend yields the items from a rank on.
func (x Items) Ascend(rank int) iter.Seq[Item] { return x.walk(rank, false) }

// Descend is Ascend backwards, to rank 0.
func (x Items) Descend(rank int) iter.Seq[Item] { return x.walk(rank, true) }

func (x Items) walk(rank int, back bool) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		c := x.Cursor(rank, back)
		for it, ok := c.Next(); ok && yield(it); it, ok = c.Next() {
		}
	}
}

// A Cursor walks over items without allocating anything.
type Cursor struct {
	items Items
	back  bool
	rank  int   // of a big set
	leaf  *node // with the item of that rank at i, or nil
	i     int
	p     int // of a small one: the offset of the next item, 0 at the end
}

// Cursor returns a cursor whose first item is that of a rank. It goes on to higher
// ranks or, back, to lower ones. The set must not change meanwhile.
func (x Items) Cursor(rank int, back bool) Cursor {
	c := Cursor{items: x, back: back, rank: rank}
	if x.big == nil && rank >= 0 && rank < x.Len() {
		c.p = listpack.Seek(x.flat, 2*rank)
	}
	return c
}

// Next returns the next item; ok is false behind the last.
func (c *Cursor) Next() (it Item, ok bool) {
	if c.items.big == nil {
		return c.nextFlat()
	}
	member, score, ok := c.NextMember()
	return Item{ofString(member), score}, ok
}

// Big reports whether the items are those of a [Set], for which there is NextMember.
func (c *Cursor) Big() bool { return c.items.big != nil }

// NextMember is Next for a [Set], whose members are strings: long ranges are made of
// these, and an Item takes as long as all the rest.
func (c *Cursor) NextMember() (member string, score float64, ok bool) {
	s := c.items.big
	if c.rank < 0 || c.rank >= s.Len() {
		return "", 0, false
	}
	if c.leaf == nil || c.i < 0 || c.i >= c.leaf.n {
		c.leaf, c.i = s.leafAt(c.rank)
	}
	member, score = s.members.Key(c.leaf.handle[c.i]), c.leaf.score[c.i]
	if c.back {
		c.rank--
		c.i--
	} else {
		c.rank++
		c.i++
	}
	return member, score, true
}

func (c *Cursor) nextFlat() (it Item, ok bool) {
	if c.p == 0 {
		return it, false
	}
	lp := c.items.flat
	it, next := readItem(lp, c.p)
	switch {
	case !c.back:
		if c.p = next; next == listpack.End(lp) {
			c.p = 0
		}
	default:
		if c.p = listpack.Prev(lp, c.p); c.p != 0 {
			c.p = listpack.Prev(lp, c.p)
		}
	}
	return it, true
}

// readItem returns the item at p and the offset behind it.
func readItem(lp []byte, p int) (it Item, next int) {
	it.Member, next = listpack.Read(lp, p)
	v, next := listpack.Read(lp, next)
	it.Score = scoreIn(v)
	return it, next
}

func ofString(s string) listpack.Value {
	return listpack.StringValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// Step is a step of a scan by cursor. A small set is all in one step.
func (x Items) Step(cursor uint64, f func(it Item)) (next uint64) {
	if x.big != nil {
		return x.big.Step(cursor, func(member string, score float64) { f(Item{ofString(member), score}) })
	}
	for it := range x.All() {
		f(it)
	}
	return 0
}
