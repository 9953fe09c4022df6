package quicklist

import (
	"slices"
	"unsafe"
)

// page is a page of the tree. It is no longer changed once it has another owner
// than the list.
type page struct {
	owner *token
	leaf  bool
	nodes []node // of a leaf
	slots []slot // of another page
}

// slot is a page below, and what that has.
type slot struct {
	elems int
	nodes int
	page  *page
}

// A page has one more for a moment, before it is cut in two.
const (
	maxNodes  = 63
	maxSlots  = 31
	minFilled = 8 // a page with fewer is joined with a neighbour if they fit into one
	maxHeight = 16

	pageBytes = int(unsafe.Sizeof(page{})+15) &^ 15
	slotBytes = int(unsafe.Sizeof(slot{}))
)

// len is how many nodes or slots the page has.
func (p *page) len() int {
	if p.leaf {
		return len(p.nodes)
	}
	return len(p.slots)
}

// most is how many it may have.
func (p *page) most() int {
	if p.leaf {
		return maxNodes
	}
	return maxSlots
}

// bytes is the memory of the page, without what the buffers of its nodes take.
func (p *page) bytes() int { return pageBytes + cap(p.nodes)*nodeBytes + cap(p.slots)*slotBytes }

// end is the place of the first, or of the last.
func (p *page) end(front bool) int {
	if front {
		return 0
	}
	return p.len() - 1
}

// cursor is the way from the root to a node.
type cursor struct {
	path   [maxHeight]step
	height int
	k      int // the node's ordinal
}

type step struct {
	p *page
	i int
}

func (c *cursor) push(p *page, i int) {
	c.path[c.height] = step{p, i}
	c.height++
}

// node is where the way leads. It stays there until a node comes or goes.
func (c *cursor) node() *node {
	s := &c.path[c.height-1]
	return &s.p.nodes[s.i]
}

// end is the first node, or the last; nil where there is none.
func (l *List) end(front bool) *node {
	if l.nodes == 0 {
		return nil
	}
	p := l.root
	for !p.leaf {
		p = p.slots[p.end(front)].page
	}
	return &p.nodes[p.end(front)]
}

// seekNode finds the node of an ordinal, which there is.
func (l *List) seekNode(k int) (c cursor) {
	c.k = k
	p := l.root
	for !p.leaf {
		i := 0
		for k >= p.slots[i].nodes {
			k -= p.slots[i].nodes
			i++
		}
		c.push(p, i)
		p = p.slots[i].page
	}
	c.push(p, k)
	return c
}

// seekElem finds the node of the element with an index, which there is, and the
// element's index within it.
func (l *List) seekElem(i int) (c cursor, within int) {
	p := l.root
	for !p.leaf {
		j := 0
		for i >= p.slots[j].elems {
			i -= p.slots[j].elems
			c.k += p.slots[j].nodes
			j++
		}
		c.push(p, j)
		p = p.slots[j].page
	}
	j := 0
	for i >= p.nodes[j].count() {
		i -= p.nodes[j].count()
		j++
	}
	c.k += j
	c.push(p, j)
	return c, i
}

// next goes to the node behind, and reports whether there is one.
func (c *cursor) next() bool {
	d := c.height - 1
	for ; d >= 0 && c.path[d].i == c.path[d].p.len()-1; d-- {
	}
	if d < 0 {
		return false
	}
	c.k++
	c.turn(d, 1)
	return true
}

// prev goes to the node before, and reports whether there is one.
func (c *cursor) prev() bool {
	d := c.height - 1
	for ; d >= 0 && c.path[d].i == 0; d-- {
	}
	if d < 0 {
		return false
	}
	c.k--
	c.turn(d, -1)
	return true
}

// turn goes a step at height d, and from there to the nearest leaf.
func (c *cursor) turn(d, step int) {
	c.path[d].i += step
	for c.height = d + 1; !c.path[c.height-1].p.leaf; {
		s := &c.path[c.height-1]
		p := s.p.slots[s.i].page
		c.push(p, p.end(step > 0))
	}
}

// ownPath makes the pages on the way the list's own.
func (l *List) ownPath(c *cursor) {
	l.root = l.ownPage(l.root)
	c.path[0].p = l.root
	for d := 1; d < c.height; d++ {
		up := &c.path[d-1].p.slots[c.path[d-1].i]
		up.page = l.ownPage(up.page)
		c.path[d].p = up.page
	}
}

// ownPage returns a page that is the list's own, and whose nodes' buffers are not.
func (l *List) ownPage(p *page) *page {
	if p.owner == l.owner {
		return p
	}
	own := &page{owner: l.owner, leaf: p.leaf}
	if p.leaf {
		own.nodes = append(make([]node, 0, cap(p.nodes)), p.nodes...)
		share(own.nodes)
	} else {
		own.slots = append(make([]slot, 0, cap(p.slots)), p.slots...)
	}
	return own
}

// share marks nodes that another page has, too.
func share(nodes []node) {
	for i := range nodes {
		nodes[i].tag |= sharedFlag
	}
}

// newPage returns a page with room for as many as it may come to have.
func (l *List) newPage(leaf bool) *page {
	p := &page{owner: l.owner, leaf: leaf}
	if leaf {
		p.nodes = make([]node, 0, maxNodes+1)
	} else {
		p.slots = make([]slot, 0, maxSlots+1)
	}
	l.bytes += p.bytes()
	return p
}

// makeRoom sees to it that k more go into an owned page.
func (l *List) makeRoom(p *page, k int) {
	room := min(max(p.len()+k, 2*p.len()), p.most()+1)
	switch {
	case p.leaf && len(p.nodes)+k > cap(p.nodes):
		l.bytes += (room - cap(p.nodes)) * nodeBytes
		p.nodes = append(make([]node, 0, room), p.nodes...)
	case !p.leaf && len(p.slots)+k > cap(p.slots):
		l.bytes += (room - cap(p.slots)) * slotBytes
		p.slots = append(make([]slot, 0, room), p.slots...)
	}
}

// slot is what is said of the page above it.
func (p *page) slot() slot {
	s := slot{nodes: len(p.nodes), page: p}
	for i := range p.nodes {
		s.elems += p.nodes[i].count()
	}
	for i := range p.slots {
		s.elems += p.slots[i].elems
		s.nodes += p.slots[i].nodes
	}
	return s
}

// adjust adds to the counts of the pages above the node.
func (c *cursor) adjust(elems, nodes int) {
	for d := range c.path[:c.height-1] {
		s := &c.path[d].p.slots[c.path[d].i]
		s.elems += elems
		s.nodes += nodes
	}
}

// linkFirst puts the first node into an empty list.
func (l *List) linkFirst(n node) {
	l.own()
	l.root = l.ownPage(l.root)
	l.makeRoom(l.root, 1)
	l.root.nodes = append(l.root.nodes, n)
	l.len, l.nodes = l.len+n.count(), 1
	l.bytes += cap(n.buf)
}

// link puts a node before or behind another, whose way it makes its own and leaves
// of no use.
func (l *List) link(c *cursor, n node, behind bool) {
	k := c.k
	if behind {
		k++
	}
	l.addNode(c, n, behind)
	l.settle()
	l.settleNode(k)
}

func (l *List) addNode(c *cursor, n node, behind bool) {
	l.ownPath(c)
	leaf := &c.path[c.height-1]
	i := leaf.i
	if behind {
		i++
	}
	l.makeRoom(leaf.p, 1)
	leaf.p.nodes = slices.Insert(leaf.p.nodes, i, n)
	c.adjust(n.count(), 1)
	l.len += n.count()
	l.nodes++
	l.bytes += cap(n.buf)
	for d := c.height - 1; c.path[d].p.len() > c.path[d].p.most(); d-- {
		p := c.path[d].p
		at := p.len() / 2
		switch i { // lists grow at their ends: pages are left full there
		case p.len() - 1:
			at = i
		case 0:
			at = 1
		}
		q := l.newPage(p.leaf)
		if p.leaf {
			q.nodes = append(q.nodes, p.nodes[at:]...)
			p.nodes = slices.Delete(p.nodes, at, len(p.nodes))
		} else {
			q.slots = append(q.slots, p.slots[at:]...)
			p.slots = slices.Delete(p.slots, at, len(p.slots))
		}
		if d == 0 {
			l.root = &page{owner: l.owner, slots: []slot{p.slot(), q.slot()}}
			l.bytes += l.root.bytes()
			return
		}
		up := &c.path[d-1]
		up.p.slots[up.i] = p.slot()
		i = up.i + 1
		l.makeRoom(up.p, 1)
		up.p.slots = slices.Insert(up.p.slots, i, q.slot())
	}
}

// unlink takes a node out, and leaves the way to it of no use.
func (l *List) unlink(c *cursor) {
	l.ownPath(c)
	n := *c.node()
	c.adjust(-n.count(), -1)
	l.len -= n.count()
	l.nodes--
	l.bytes -= cap(n.buf)
	for d := c.height - 1; ; d-- {
		s := &c.path[d]
		if s.p.leaf {
			s.p.nodes = slices.Delete(s.p.nodes, s.i, s.i+1)
		} else {
			s.p.slots = slices.Delete(s.p.slots, s.i, s.i+1)
		}
		if d == 0 {
			break
		}
		if s.p.len() == 0 {
			l.bytes -= s.p.bytes()
			continue // its slot goes too
		}
		if s.p.len() < minFilled {
			l.join(c.path[d-1].p, c.path[d-1].i)
		}
		break
	}
	for !l.root.leaf && len(l.root.slots) == 1 {
		l.bytes -= l.root.bytes()
		l.root = l.root.slots[0].page
	}
	l.settle()
}

// join makes one page of the i-th below an owned page and a neighbour, if they fit.
func (l *List) join(p *page, i int) {
	if i == len(p.slots)-1 {
		i--
	}
	if i < 0 || p.slots[i].page.len()+p.slots[i+1].page.len() > p.slots[i].page.most() {
		return
	}
	a, b := l.ownPage(p.slots[i].page), p.slots[i+1].page
	from := a.len()
	l.makeRoom(a, b.len())
	a.nodes = append(a.nodes, b.nodes...)
	a.slots = append(a.slots, b.slots...)
	if b.owner != l.owner && a.leaf {
		share(a.nodes[from:])
	}
	l.bytes -= b.bytes()
	p.slots[i] = a.slot()
	p.slots = slices.Delete(p.slots, i+1, i+2)
}
