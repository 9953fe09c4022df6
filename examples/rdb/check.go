package main

import (
	"hash/maphash"

	"github.com/larderdb/larder/rdb"
)

// A checker finds what a Decoder leaves to who gets its events: keys that are there
// twice, members of plain collections that are, and pending entries of a group that
// are not those of its consumers. It keeps 16 bytes of hash for each key of the file,
// and for each member of the value that it is at.
type checker struct {
	seeds   [2]maphash.Seed
	keys    map[hash]struct{}
	members map[hash]struct{}
	pending map[rdb.ID]bool // of the group; whether a consumer has it
	waiting int             // for a consumer
	names   map[hash]struct{}
	why     string // what is wrong with the key
}

// A hash stands for bytes. Two that are the same are of the same bytes, but by a chance
// that is smaller than that of a broken disk.
type hash [2]uint64

func newChecker() *checker {
	c := &checker{keys: map[hash]struct{}{}, members: map[hash]struct{}{}, pending: map[rdb.ID]bool{}, names: map[hash]struct{}{}}
	c.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	return c
}

func (c *checker) hash(db int, b []byte) (h hash) {
	for i, seed := range c.seeds {
		h[i] = maphash.Bytes(seed, b) ^ uint64(db)*0x9E3779B97F4A7C15
	}
	return h
}

// add puts a hash into a set, and notes what is wrong if it is there.
func (c *checker) add(set map[hash]struct{}, h hash, why string) {
	if _, ok := set[h]; ok {
		c.fail(why)
		return
	}
	set[h] = struct{}{}
}

func (c *checker) fail(why string) {
	if c.why == "" {
		c.why = why
	}
}

// event takes an event of a Decoder that takes collections apart, and returns, with
// KindEnd, what is wrong with the key: nothing, or why no server would take it.
func (c *checker) event(ev *rdb.Event) (why string) {
	switch ev.Kind {
	case rdb.KindKey:
		c.why = ""
		c.members, c.names = emptied(c.members), emptied(c.names)
		c.forgetGroup()
		c.add(c.keys, c.hash(ev.DB, ev.Key.Name), "there is a key of this name before it")
	case rdb.KindElement:
		if ev.Key.Type == rdb.Set {
			c.add(c.members, c.hash(0, ev.Value), "a member that is there twice")
		}
	case rdb.KindMember:
		c.add(c.members, c.hash(0, ev.Value), "a member that is there twice")
	case rdb.KindField:
		c.add(c.members, c.hash(0, ev.Field), "a field that is there twice")
	case rdb.KindGroup:
		c.endGroup()
		c.members = emptied(c.members)
		c.add(c.names, c.hash(0, ev.Name), "a group that is there twice")
	case rdb.KindPending:
		if _, ok := c.pending[ev.ID]; ok {
			c.fail("an entry that is pending twice")
		}
		c.pending[ev.ID] = false
		c.waiting++
	case rdb.KindConsumer:
		c.add(c.members, c.hash(0, ev.Name), "a consumer that is there twice")
	case rdb.KindOwn:
		if owned, ok := c.pending[ev.ID]; !ok || owned {
			c.fail("an entry of a consumer that is not pending, or another's")
			break
		}
		c.pending[ev.ID] = true
		c.waiting--
	case rdb.KindEnd:
		c.endGroup()
		return c.why
	}
	return ""
}

// endGroup checks that the pending entries of a group are those of its consumers.
func (c *checker) endGroup() {
	if c.waiting > 0 {
		c.fail("a pending entry that is no consumer's")
	}
	c.forgetGroup()
}

func (c *checker) forgetGroup() {
	c.pending, c.waiting = emptied(c.pending), 0
}

// emptied is a map without entries: the same one, unless it has become so large that to
// clear it again and again, for small values that follow, would cost more than another.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	if len(m) > 1000 {
		return map[K]V{}
	}
	clear(m)
	return m
}
