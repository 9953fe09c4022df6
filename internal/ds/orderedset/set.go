package orderedset

import (
	"encoding/binary"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

// A Set is a big sorted set. It has no lock: who changes it is alone, who reads it
// is with readers only; Clone reads.
type Set struct {
	members *hashtable.Table // member -> score, 8 bytes
	root    *node            // nil in an empty set
	owner   uint64
	lent    atomic.Bool // a Clone shares the nodes, and this side has no new name yet

	leaves, inner int
}

// owners gives sets names, by which a node knows whose it is.
var owners atomic.Uint64

// New returns an empty set.
func New() *Set { return of(hashtable.NewCollection()) }

func of(members *hashtable.Table) *Set {
	s := &Set{members: members, owner: owners.Add(1)}
	members.OnMove(s.moved)
	return s
}

// Clone returns a second set with the same members. Both can be changed, under locks
// of their own, in O(1): a node is copied by who changes it first. Who calls it need
// not be alone.
func (s *Set) Clone() *Set {
	c := of(s.members.Clone())
	c.root, c.leaves, c.inner = s.root, s.leaves, s.inner
	s.lent.Store(true)
	return c
}

// settle takes a new name before the first change after a Clone.
func (s *Set) settle() {
	if s.lent.Load() {
		s.lent.Store(false)
		s.owner = owners.Add(1)
	}
}

// Len is the number of members.
func (s *Set) Len() int { return s.members.Len() }

// Sizes of what a set allocates.
const (
	leafSize  = int(unsafe.Sizeof(node{}))
	innerSize = leafSize + int(unsafe.Sizeof(kids{}))
	setSize   = int(unsafe.Sizeof(Set{}) + unsafe.Sizeof(hashtable.Table{}))
)

// Size is the number of bytes that the set takes, what clones share included.
func (s *Set) Size() int {
	return setSize + s.members.Memory() + s.leaves*leafSize + s.inner*innerSize
}

// A scoreBytes is a score as the table has it.
type scoreBytes [8]byte

func encode(score float64) (b scoreBytes) {
	binary.LittleEndian.PutUint64(b[:], math.Float64bits(score))
	return b
}

func (b *scoreBytes) String() string { return unsafe.String(&b[0], len(b)) }

func (s *Set) scoreOf(h hashtable.Handle) float64 {
	b := s.members.Bytes(h)
	return math.Float64frombits(binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(b), 8)))
}

// Score returns the score of a member; ok is false if it is none.
func (s *Set) Score(member string) (score float64, ok bool) {
	h := s.members.Find(s.members.Hash(member), member)
	if h == 0 {
		return 0, false
	}
	return s.scoreOf(h), true
}

// Put gives a member a score, which is no NaN, and reports whether it is new. O(log
// n).
func (s *Set) Put(member string, score float64) (added bool) {
	s.settle()
	hash := s.members.Hash(member)
	b := encode(score)
	old := s.members.Find(hash, member)
	if old == 0 {
		h := s.newMember(member, &b)
		s.members.Publish(hash, 0, h)
		s.insert(item{score, member}, h)
		s.members.Compact()
		return true
	}
	was := item{s.scoreOf(old), member}
	if was.score == score {
		return false
	}
	if s.members.Overwrite(old, b.String(), 0, 0) {
		if !s.rescore(was, score) {
			s.remove(was)
			s.insert(item{score, member}, old)
		}
	} else {
		h := s.newMember(member, &b)
		s.remove(was)
		s.members.Publish(hash, old, h)
		s.insert(item{score, member}, h)
		s.members.Retire(old)
	}
	s.members.Compact()
	return false
}

func (s *Set) newMember(member string, b *scoreBytes) hashtable.Handle {
	h := s.members.New(member, b.String(), 0, 0, 0)
	if h == 0 {
		panic("orderedset: a set of 64 GB")
	}
	return h
}

// Remove ends a member and reports whether there was one. O(log n).
func (s *Set) Remove(member string) bool {
	hash := s.members.Hash(member)
	h := s.members.Find(hash, member)
	if h == 0 {
		return false
	}
	s.settle()
	s.removeEntry(hash, h)
	return true
}

func (s *Set) removeEntry(hash uint64, h hashtable.Handle) {
	s.remove(item{s.scoreOf(h), s.members.Key(h)})
	s.members.Publish(hash, h, 0)
	s.members.Retire(h)
	s.members.Compact()
}

// RemoveRange ends the members with the ranks from (inclusive) to to (exclusive).
// O(k log n) for k of them.
func (s *Set) RemoveRange(from, to int) {
	s.settle()
	for range to - from {
		nd, i := s.leafAt(from)
		h := nd.handle[i]
		s.removeEntry(s.members.Hash(s.members.Key(h)), h)
	}
}

// moved is told that the table has moved an entry.
func (s *Set) moved(old, h hashtable.Handle) {
	s.replace(item{s.scoreOf(old), s.members.Key(old)}, h)
}

// Rank returns the rank of a member and its score; ok is false if it is none.
func (s *Set) Rank(member string) (rank int, score float64, ok bool) {
	if score, ok = s.Score(member); !ok {
		return 0, 0, false
	}
	it := item{score, member}
	nd := s.root
	for nd.kids != nil {
		i := s.kid(nd, it)
		rank += nd.kids.sum(i)
		nd = nd.kids.node[i]
	}
	return rank + s.before(nd, it), score, true
}

// Below counts the members that come before a bound.
func (s *Set) Below(b Bound) int {
	return s.below(func(nd *node) int {
		lo, hi := 0, nd.n
		for lo < hi {
			mid := (lo + hi) / 2
			var before bool
			if b.ByMember {
				before = b.isAbove(s.members.Key(nd.handle[mid]))
			} else {
				before = b.isAboveScore(nd.score[mid])
			}
			if before {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return lo
	})
}

// Step is a step of a scan by cursor, as the table has it: see hashtable.View.Step.
func (s *Set) Step(cursor uint64, f func(member string, score float64)) (next uint64) {
	return s.members.Step(cursor, func(h hashtable.Handle) { f(s.members.Key(h), s.scoreOf(h)) })
}
