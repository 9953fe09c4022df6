package orderedset

import (
	"strings"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

// The tree knows items by score and handle. It asks the table for members only where
// scores are equal.

const (
	width = 62 // items or kids of a node: with them a node takes 768 bytes
	least = width / 4
	full  = width * 3 / 4 // of a node that was made of two
)

// A node has items: in a leaf they are the set's, in an inner node the first ones
// of the kids.
type node struct {
	kids   *kids  // nil in a leaf
	owner  uint64 // the set that may change it
	n      int
	score  [width]float64
	handle [width]hashtable.Handle
}

// kids are the children of an inner node, and the items under each.
type kids struct {
	count [width]uint32
	node  [width]*node
}

// An item is what the tree is searched for.
type item struct {
	score  float64
	member string
}

// own returns nd to be changed: itself, or a copy if a clone shares it.
func (s *Set) own(nd *node) *node {
	if nd.owner == s.owner {
		return nd
	}
	c := *nd
	c.owner = s.owner
	if nd.kids != nil {
		k := *nd.kids
		c.kids = &k
	}
	return &c
}

func (s *Set) newNode(inner bool) *node {
	nd := &node{owner: s.owner}
	if inner {
		nd.kids = new(kids)
		s.inner++
	} else {
		s.leaves++
	}
	return nd
}

func (s *Set) dropNode(nd *node) {
	if nd.kids != nil {
		s.inner--
	} else {
		s.leaves--
	}
}

// before returns how many items of a node come before it.
func (s *Set) before(nd *node, it item) int {
	lo := lower(nd, it.score)
	if lo == nd.n || nd.score[lo] != it.score {
		return lo
	}
	// Among equal scores the members decide. That costs a cache miss each: look at
	// no more than need be.
	for hi := lo + upper(nd, lo); lo < hi; {
		mid := (lo + hi) / 2
		if strings.Compare(s.members.Key(nd.handle[mid]), it.member) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// lower returns how many scores of a node are less.
func lower(nd *node, score float64) int {
	lo, hi := 0, nd.n
	for lo < hi {
		if mid := (lo + hi) / 2; nd.score[mid] < score {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// upper returns how many scores from the one at lo on equal it.
func upper(nd *node, lo int) int {
	score := nd.score[lo]
	if lo+1 == nd.n || nd.score[lo+1] != score {
		return 1
	}
	from, hi := lo, nd.n
	for from < hi {
		if mid := (from + hi) / 2; nd.score[mid] <= score {
			from = mid + 1
		} else {
			hi = mid
		}
	}
	return from - lo
}

// kid returns the kid of an inner node under which it lies, if it is there.
func (s *Set) kid(nd *node, it item) int {
	i := s.before(nd, it)
	if i < nd.n && nd.score[i] == it.score && s.members.Key(nd.handle[i]) == it.member {
		return i
	}
	return max(i-1, 0)
}

// refresh has an inner node know kid i again, which was changed.
func (nd *node) refresh(i int) {
	k := nd.kids.node[i]
	nd.score[i], nd.handle[i], nd.kids.count[i] = k.score[0], k.handle[0], uint32(k.total())
}

// total counts the items under a node.
func (nd *node) total() int {
	if nd.kids == nil {
		return nd.n
	}
	return nd.kids.sum(nd.n)
}

// sum adds up the counts of the first n kids.
func (k *kids) sum(n int) (total int) {
	for _, c := range k.count[:n] {
		total += int(c)
	}
	return total
}

// open makes room for n places at i.
func (nd *node) open(i, n int) {
	copy(nd.score[i+n:], nd.score[i:nd.n])
	copy(nd.handle[i+n:], nd.handle[i:nd.n])
	if k := nd.kids; k != nil {
		copy(k.count[i+n:], k.count[i:nd.n])
		copy(k.node[i+n:], k.node[i:nd.n])
	}
	nd.n += n
}

// shut takes n places at i away.
func (nd *node) shut(i, n int) {
	copy(nd.score[i:], nd.score[i+n:nd.n])
	copy(nd.handle[i:], nd.handle[i+n:nd.n])
	if k := nd.kids; k != nil {
		copy(k.count[i:], k.count[i+n:nd.n])
		copy(k.node[i:], k.node[i+n:nd.n])
		clear(k.node[nd.n-n : nd.n])
	}
	nd.n -= n
}

// take copies n places of from, at i, to the places at j.
func (nd *node) take(j int, from *node, i, n int) {
	copy(nd.score[j:j+n], from.score[i:])
	copy(nd.handle[j:j+n], from.handle[i:])
	if nd.kids != nil {
		copy(nd.kids.count[j:j+n], from.kids.count[i:])
		copy(nd.kids.node[j:j+n], from.kids.node[i:])
	}
}

// insert adds an item, which is not in the tree.
func (s *Set) insert(it item, h hashtable.Handle) {
	if s.root == nil {
		s.root = s.newNode(false)
	}
	root, right := s.insertIn(s.root, it, h, true, true)
	if s.root = root; right != nil {
		top := s.newNode(true)
		top.n, top.kids.node[0], top.kids.node[1] = 2, root, right
		top.refresh(0)
		top.refresh(1)
		s.root = top
	}
}

// insertIn adds an item under a node and returns it, perhaps copied, and the node
// that is to stand right of it if it had to be split. first and last say that the
// node is the first or the last of its level.
func (s *Set) insertIn(nd *node, it item, h hashtable.Handle, first, last bool) (left, right *node) {
	nd = s.own(nd)
	if nd.kids == nil {
		i := s.before(nd, it)
		nd, right, at, i := s.split(nd, i, first, last)
		at.open(i, 1)
		at.score[i], at.handle[i] = it.score, h
		return nd, right
	}
	i := s.kid(nd, it)
	kid, more := s.insertIn(nd.kids.node[i], it, h, first && i == 0, last && i == nd.n-1)
	nd.kids.node[i] = kid
	if more == nil {
		if i == 0 || nd.score[i] != kid.score[0] || nd.handle[i] != kid.handle[0] {
			nd.score[i], nd.handle[i] = kid.score[0], kid.handle[0]
		}
		nd.kids.count[i]++
		return nd, nil
	}
	nd.refresh(i)
	nd, right, at, i := s.split(nd, i+1, first, last)
	at.open(i, 1)
	at.kids.node[i] = more
	at.refresh(i)
	return nd, right
}

// split makes two nodes of a full one, into which a place at i is to come, and says
// where that is. What comes at the very end, or at the very beginning, of all gets
// a node of its own, so that what is added in order leaves full nodes behind.
func (s *Set) split(nd *node, i int, first, last bool) (left, right, at *node, place int) {
	if nd.n < width {
		return nd, nil, nd, i
	}
	right = s.newNode(nd.kids != nil)
	cut := nd.n / 2
	switch {
	case last && i == nd.n:
		return nd, right, right, 0
	case first && i == 0 && nd.kids == nil:
		return right, nd, right, 0
	}
	right.n = nd.n - cut
	right.take(0, nd, cut, right.n)
	nd.shut(cut, right.n)
	if i > cut {
		return nd, right, right, i - cut
	}
	return nd, right, nd, i
}

// remove takes an item, which is in the tree, out of it.
func (s *Set) remove(it item) {
	s.root = s.removeIn(s.root, it)
	for s.root.n == 1 && s.root.kids != nil {
		s.dropNode(s.root)
		s.root = s.root.kids.node[0]
	}
	if s.root.n == 0 { // and had no kids, or none that is left
		s.dropNode(s.root)
		s.root = nil
	}
}

func (s *Set) removeIn(nd *node, it item) *node {
	nd = s.own(nd)
	if nd.kids == nil {
		nd.shut(s.before(nd, it), 1)
		return nd
	}
	i := s.kid(nd, it)
	kid := s.removeIn(nd.kids.node[i], it)
	nd.kids.node[i] = kid
	if kid.n >= least {
		nd.score[i], nd.handle[i] = kid.score[0], kid.handle[0]
		nd.kids.count[i]--
		return nd
	}
	s.even(nd, i)
	return nd
}

// even mends kid i, which has become small: it is made one with a neighbour, or
// they share what they have.
func (s *Set) even(nd *node, i int) {
	if nd.n == 1 { // at an end of its level, with no neighbour under the same node
		if kid := nd.kids.node[0]; kid.n > 0 {
			nd.refresh(0)
		} else {
			s.dropNode(kid)
			nd.shut(0, 1)
		}
		return
	}
	if i == nd.n-1 {
		i--
	}
	a, b := s.own(nd.kids.node[i]), s.own(nd.kids.node[i+1])
	nd.kids.node[i], nd.kids.node[i+1] = a, b
	if a.n+b.n <= full {
		a.take(a.n, b, 0, b.n)
		a.n += b.n
		s.dropNode(b)
		nd.refresh(i)
		nd.shut(i+1, 1)
		return
	}
	if n := (a.n + b.n) / 2; a.n < n {
		n -= a.n
		a.take(a.n, b, 0, n)
		a.n += n
		b.shut(0, n)
	} else {
		n = a.n - n
		b.open(0, n)
		b.take(0, a, a.n-n, n)
		a.shut(a.n-n, n)
	}
	nd.refresh(i)
	nd.refresh(i + 1)
}

// rescore changes the score of an item where it lies, and says whether it could: if
// the order stays as it is.
func (s *Set) rescore(it item, score float64) bool {
	nd := s.root
	for nd.kids != nil {
		nd = nd.kids.node[s.kid(nd, it)]
	}
	i := s.before(nd, it)
	// The first of a leaf stands in the inner nodes too; the neighbour of the last
	// is in another leaf.
	if i == 0 || i >= nd.n-1 || nd.score[i-1] >= score || nd.score[i+1] <= score {
		return false
	}
	s.edit(it, func(nd *node, i int) { nd.score[i] = score })
	return true
}

// replace has the tree know an item by another handle.
func (s *Set) replace(it item, h hashtable.Handle) {
	s.edit(it, func(nd *node, i int) { nd.handle[i] = h })
}

// edit changes an item in its leaf, and what the inner nodes know of it.
func (s *Set) edit(it item, change func(nd *node, i int)) { s.root = s.editIn(s.root, it, change) }

func (s *Set) editIn(nd *node, it item, change func(nd *node, i int)) *node {
	nd = s.own(nd)
	if nd.kids == nil {
		change(nd, s.before(nd, it))
		return nd
	}
	i := s.kid(nd, it)
	kid := s.editIn(nd.kids.node[i], it, change)
	nd.kids.node[i] = kid
	nd.score[i], nd.handle[i] = kid.score[0], kid.handle[0]
	return nd
}

// below counts the items for which before says so. It says so for the first of any
// node's and for none after the first that it does not say it for.
func (s *Set) below(before func(nd *node) int) (rank int) {
	nd := s.root
	if nd == nil {
		return 0
	}
	for nd.kids != nil {
		i := max(before(nd)-1, 0)
		rank += nd.kids.sum(i)
		nd = nd.kids.node[i]
	}
	return rank + before(nd)
}

// leafAt returns the leaf with the item of a rank, and where that is in it.
func (s *Set) leafAt(rank int) (*node, int) {
	nd := s.root
	for nd.kids != nil {
		i := 0
		for ; rank >= int(nd.kids.count[i]); i++ {
			rank -= int(nd.kids.count[i])
		}
		nd = nd.kids.node[i]
	}
	return nd, rank
}
