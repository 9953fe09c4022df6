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
	slots []slot
}

// slot is what a page has below: a node in a leaf, else a page.
type slot struct {
	elems int
	nodes int // 1 in a leaf
	node  *node
	page  *page
}

const (
	maxSlots  = 32
	minSlots  = 8 // a page with fewer is joined with a neighbour if they fit into one
	maxHeight = 16

	pageBytes = int(unsafe.Sizeof(page{})+15) &^ 15
	slotBytes = int(unsafe.Sizeof(slot{}))
)

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

func (c *cursor) push(p *page, i int) *slot {
	c.path[c.height] = step{p, i}
	c.height++
	return &p.slots[i]
}

func (c *cursor) slot() *slot {
	s := &c.path[c.height-1]
	return &s.p.slots[s.i]
}

func (c *cursor) node() *node { return c.slot().node }

// end is the first node, or the last; nil where there is none.
func (l *List) end(front bool) *node {
	if l.nodes == 0 {
		return nil
	}
	for p := l.root; ; {
		s := &p.slots[0]
		if !front {
			s = &p.slots[len(p.slots)-1]
		}
		if p.leaf {
			return s.node
		}
		p = s.page
	}
}

// seekNode finds the node of an ordinal, which there is.
func (l *List) seekNode(k int) (c cursor) {
	c.k = k
	p := l.root
	for {
		i := 0
		for k >= p.slots[i].nodes {
			k -= p.slots[i].nodes
			i++
		}
		if s := c.push(p, i); !p.leaf {
			p = s.page
			continue
		}
		return c
	}
}

// seekElem finds the node of the element with an index, which there is, and the
// element's index within it.
func (l *List) seekElem(i int) (c cursor, within int) {
	p := l.root
	for {
		j := 0
		for i >= p.slots[j].elems {
			i -= p.slots[j].elems
			c.k += p.slots[j].nodes
			j++
		}
		if s := c.push(p, j); !p.leaf {
			p = s.page
			continue
		}
		return c, i
	}
}

// next goes to the node behind, and reports whether there is one.
func (c *cursor) next() bool {
	d := c.height - 1
	for ; d >= 0 && c.path[d].i == len(c.path[d].p.slots)-1; d-- {
	}
	if d < 0 {
		return false
	}
	c.k++
	c.path[d].i++
	for c.height = d + 1; !c.path[c.height-1].p.leaf; {
		c.push(c.slot().page, 0)
	}
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
	c.path[d].i--
	for c.height = d + 1; !c.path[c.height-1].p.leaf; {
		p := c.slot().page
		c.push(p, len(p.slots)-1)
	}
	return true
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

func (l *List) ownPage(p *page) *page {
	if p.owner == l.owner {
		return p
	}
	own := &page{owner: l.owner, leaf: p.leaf, slots: append(make([]slot, 0, cap(p.slots)), p.slots...)}
	return own
}

func (l *List) newPage(leaf bool, room int) *page {
	l.bytes += pageBytes + room*slotBytes
	return &page{owner: l.owner, leaf: leaf, slots: make([]slot, 0, room)}
}

func (l *List) dropPage(p *page) { l.bytes -= pageBytes + cap(p.slots)*slotBytes }

// addSlot puts a slot into an owned page, which may come to have one too many.
func (l *List) addSlot(p *page, i int, s slot) {
	if len(p.slots) == cap(p.slots) {
		room := min(2*cap(p.slots), maxSlots+1)
		l.bytes += (room - cap(p.slots)) * slotBytes
		p.slots = append(make([]slot, 0, room), p.slots...)
	}
	p.slots = slices.Insert(p.slots, i, s)
}

func (p *page) slot() slot {
	s := slot{page: p}
	for i := range p.slots {
		s.elems += p.slots[i].elems
		s.nodes += p.slots[i].nodes
	}
	return s
}

// adjust adds to the counts of the pages above the node and of its own slot.
func (c *cursor) adjust(elems, nodes int) {
	for d := range c.path[:c.height-1] {
		s := &c.path[d].p.slots[c.path[d].i]
		s.elems += elems
		s.nodes += nodes
	}
}

// linkFirst puts the first node into an empty list.
func (l *List) linkFirst(n *node) {
	l.own()
	n.owner = l.owner
	if l.root = l.ownPage(l.root); cap(l.root.slots) == 0 {
		l.bytes += slotBytes
		l.root.slots = make([]slot, 0, 1)
	}
	l.root.slots = append(l.root.slots, slot{elems: int(n.count), nodes: 1, node: n})
	l.len, l.nodes = l.len+int(n.count), 1
	l.bytes += n.bytes()
}

// link puts a node before or behind another, whose way it makes its own and leaves
// of no use.
func (l *List) link(c *cursor, n *node, behind bool) {
	k := c.k
	if behind {
		k++
	}
	l.addNode(c, n, behind)
	l.settle()
	l.settleNode(k)
}

func (l *List) addNode(c *cursor, n *node, behind bool) {
	l.ownPath(c)
	leaf := &c.path[c.height-1]
	i := leaf.i
	if behind {
		i++
	}
	l.addSlot(leaf.p, i, slot{elems: int(n.count), nodes: 1, node: n})
	c.adjust(int(n.count), 1)
	l.len += int(n.count)
	l.nodes++
	l.bytes += n.bytes()
	for d := c.height - 1; len(c.path[d].p.slots) > maxSlots; d-- {
		p := c.path[d].p
		at := len(p.slots) / 2
		switch i { // lists grow at their ends: pages are left full there
		case len(p.slots) - 1:
			at = i
		case 0:
			at = 1
		}
		q := l.newPage(p.leaf, maxSlots+1)
		q.slots = append(q.slots, p.slots[at:]...)
		clear(p.slots[at:])
		p.slots = p.slots[:at]
		if d == 0 {
			l.root = l.newPage(false, 4)
			l.root.slots = append(l.root.slots, p.slot(), q.slot())
			return
		}
		up := &c.path[d-1]
		up.p.slots[up.i] = p.slot()
		i = up.i + 1
		l.addSlot(up.p, i, q.slot())
	}
}

// unlink takes a node out, and leaves the way to it of no use.
func (l *List) unlink(c *cursor) {
	l.ownPath(c)
	n := c.node()
	c.adjust(-int(n.count), -1)
	l.len -= int(n.count)
	l.nodes--
	l.bytes -= n.bytes()
	for d := c.height - 1; ; d-- {
		s := &c.path[d]
		s.p.slots = slices.Delete(s.p.slots, s.i, s.i+1)
		if d == 0 {
			break
		}
		if len(s.p.slots) == 0 {
			l.dropPage(s.p)
			continue // its slot goes too
		}
		if len(s.p.slots) < minSlots {
			l.join(c.path[d-1].p, c.path[d-1].i)
		}
		break
	}
	for !l.root.leaf && len(l.root.slots) == 1 {
		l.dropPage(l.root)
		l.root = l.root.slots[0].page
	}
	l.settle()
}

// join makes one page of the i-th below an owned page and a neighbour, if they fit.
func (l *List) join(p *page, i int) {
	if i == len(p.slots)-1 {
		i--
	}
	if i < 0 || len(p.slots[i].page.slots)+len(p.slots[i+1].page.slots) > maxSlots {
		return
	}
	a, b := l.ownPage(p.slots[i].page), p.slots[i+1].page
	for _, s := range b.slots {
		l.addSlot(a, len(a.slots), s)
	}
	l.dropPage(b)
	p.slots[i] = a.slot()
	p.slots = slices.Delete(p.slots, i+1, i+2)
}
