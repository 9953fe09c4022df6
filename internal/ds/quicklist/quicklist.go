package quicklist

import (
	"iter"
	"sync/atomic"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// The bounds of fill and depth, to which others are brought.
const (
	minFill  = -5
	maxFill  = 1<<15 - 1
	maxDepth = 1<<16 - 1
)

// List is a list: see the package's documentation.
type List struct {
	shared atomic.Bool // with a clone: nothing is ours until own
	spare  []byte      // the buffer of the last end node that went; see endNode
	slab   []byte      // what is left of the last slab; see buffer
	state
}

type state struct {
	owner *token
	root  *page
	len   int
	nodes int
	bytes int // of pages and nodes
	fill  int
	depth int
}

const listBytes = int(unsafe.Sizeof(List{})+15) &^ 15

// Fill brings a value of list-max-listpack-size into its bounds.
func Fill(n int64) int { return int(min(max(n, minFill), maxFill)) }

// New returns an empty list of that fill and depth.
func New(fill, depth int64) *List {
	l := &List{state: state{owner: new(token), fill: Fill(fill), depth: int(min(max(depth, 0), maxDepth))}}
	l.root = &page{owner: l.owner, leaf: true}
	l.bytes = l.root.bytes()
	return l
}

// FromListpack returns a list whose only node is a copy of a listpack; an empty list
// of an empty listpack.
func FromListpack(lp []byte, fill, depth int64) *List {
	l := New(fill, depth)
	if listpack.Len(lp) == 0 {
		return l
	}
	buf := append(make([]byte, 0, l.roomFor(len(lp))), lp...)
	l.linkFirst(node{buf: buf, tag: uint32(listpack.Len(lp))})
	return l
}

// Clone returns a copy, in O(1); both may be changed, and neither sees the other's
// changes. It changes nothing that a reader looks at, so a lock that admits readers
// is enough; it must not run beside a change.
func (l *List) Clone() *List {
	c := &List{state: l.state}
	c.shared.Store(true)
	l.shared.Store(true)
	return c
}

// own is called before every change.
func (l *List) own() {
	if l.shared.Load() {
		l.owner = new(token)
		l.shared.Store(false)
	}
}

// Size is the memory that the list takes, in bytes, in O(1).
func (l *List) Size() int { return listBytes + l.bytes + cap(l.spare) }

// Len is the number of elements.
func (l *List) Len() int { return l.len }

// NumNodes is the number of nodes.
func (l *List) NumNodes() int { return l.nodes }

// Fill is the fill that the list was made with, within its bounds.
func (l *List) Fill() int { return l.fill }

// Depth is the depth that the list was made with, within its bounds.
func (l *List) Depth() int { return l.depth }

// edit returns the node at c to be changed: owned, not packed, and not counted in
// bytes until done.
func (l *List) edit(c *cursor) *node {
	l.ownPath(c)
	return l.editNode(c.node())
}

// editNode is edit for a node in a page that is owned.
func (l *List) editNode(n *node) *node {
	l.bytes -= cap(n.buf)
	if n.shared() {
		n.tag &^= sharedFlag
		if !n.isPacked() {
			n.buf, n.at = append(make([]byte, 0, l.roomFor(n.size())), n.lp()...), 0
		}
	}
	n.unpack()
	return n
}

// editEnd is edit for the first node, or the last, which is about to get more elements
// or fewer: the way there is short, and no such node is packed. bytes is for the caller
// to settle.
func (l *List) editEnd(front bool, more int) *node {
	l.len += more
	l.root = l.ownPage(l.root)
	for p := l.root; ; {
		i := p.end(front)
		if p.leaf {
			return l.editNode(&p.nodes[i])
		}
		s := &p.slots[i]
		s.elems += more
		s.page = l.ownPage(s.page)
		p = s.page
	}
}

// owns reports whether the buffer of the node at c may be changed as it is.
func (l *List) owns(c *cursor) bool {
	return c.path[c.height-1].p.owner == l.owner && !c.node().shared()
}

// done ends what edit began, by which the node got more elements, or fewer.
func (l *List) done(c *cursor, n *node, more int) {
	l.bytes += cap(n.buf)
	if more != 0 {
		c.adjust(more, 0)
		l.len += more
	}
	l.pack(c)
}

// inner reports whether a node lies deep enough to be packed.
func (l *List) inner(k int) bool { return l.depth > 0 && k >= l.depth && k < l.nodes-l.depth }

// pack packs a node if it lies deep enough and that pays.
func (l *List) pack(c *cursor) {
	if !l.inner(c.k) {
		return
	}
	p, ok := c.node().packed()
	if !ok {
		return
	}
	l.ownPath(c)
	l.bytes += cap(p.buf) - cap(c.node().buf)
	*c.node() = p
}

// settle packs and unpacks what has moved over the borders of depth, after one node
// came or went.
func (l *List) settle() {
	if l.depth == 0 {
		return
	}
	for _, k := range [...]int{l.depth - 1, l.nodes - l.depth, l.depth, l.nodes - 1 - l.depth} {
		l.settleNode(k)
	}
}

func (l *List) settleNode(k int) {
	if k < 0 || k >= l.nodes {
		return
	}
	c := l.seekNode(k)
	switch n := c.node(); {
	case l.inner(k):
		l.pack(&c)
	case n.isPacked():
		l.done(&c, l.edit(&c), 0)
	}
}

// Push adds s at the front, or at the back. An element of large bytes or more gets a
// plain node.
func (l *List) Push(front bool, s string, large int) {
	l.own()
	n := l.end(front)
	if n == nil {
		l.linkFirst(newNode(s, len(s) >= large))
		return
	}
	if len(s) >= large || !l.fits(n, len(s)) {
		c := l.outer(front)
		if l.owns(&c) && !n.isPacked() && !n.plain() {
			l.bytes -= cap(n.buf)
			n.trim()
			l.bytes += cap(n.buf)
		}
		if len(s) >= large || n.plain() {
			l.link(&c, newNode(s, len(s) >= large), !front)
		} else {
			l.link(&c, l.endNode(s, front, n.size()), !front)
		}
		return
	}
	e := listpack.Encode(s)
	n = l.editEnd(front, 1)
	if front {
		l.putFront(n, &e)
	} else {
		l.putBack(n, &e)
	}
	l.bytes += cap(n.buf)
}

// outer finds the first node, or the last.
func (l *List) outer(front bool) cursor {
	if front {
		return l.seekNode(0)
	}
	return l.seekNode(l.nodes - 1)
}

// Peek returns the first element, or the last, of a list that is not empty. It
// borrows from the list, and stays good when that element is popped, until the next
// change after that.
func (l *List) Peek(front bool) listpack.Value {
	n := l.end(front)
	switch {
	case n.plain():
		return listpack.StringValue(n.unpacked())
	case front:
		return listpack.Get(n.lp(), header)
	}
	lp := n.lp()
	return listpack.Get(lp, listpack.Prev(lp, len(lp)-1))
}

// Pop removes the first element, or the last, of a list that is not empty.
func (l *List) Pop(front bool) {
	l.own()
	if n := l.end(front); n.count() == 1 {
		c := l.outer(front)
		var spare []byte
		if l.owns(&c) && !n.isPacked() && !n.plain() {
			spare = n.buf[:0]
		}
		if l.unlink(&c); spare != nil {
			l.spare = spare
		}
		return
	}
	n := l.editEnd(front, -1)
	lp := n.lp()
	if front {
		n.cut(header, listpack.After(lp, header), 1)
	} else {
		n.cut(listpack.Prev(lp, len(lp)-1), len(lp)-1, 1)
	}
	l.bytes += cap(n.buf)
}

// value is the element of a node at an index within it.
func (n *node) value(i int) listpack.Value {
	b := n.unpacked()
	if n.plain() {
		return listpack.StringValue(b)
	}
	return listpack.Get(b, seek(b, n.count(), i))
}

// At returns the element with an index, from 0 to Len-1. It borrows from the list.
func (l *List) At(i int) listpack.Value {
	c, within := l.seekElem(i)
	return c.node().value(within)
}

// Range yields the elements from an index on, with their indexes. They borrow from
// the list, which must not change meanwhile.
func (l *List) Range(from int) iter.Seq2[int, listpack.Value] {
	return func(yield func(int, listpack.Value) bool) {
		if from >= l.len {
			return
		}
		i := from
		for c, within := l.seekElem(from); ; within = 0 {
			n := c.node()
			b := n.unpacked()
			if n.plain() {
				if !yield(i, listpack.StringValue(b)) {
					return
				}
				i++
			} else {
				for p, end := seek(b, n.count(), within), len(b)-1; p < end; i++ {
					var v listpack.Value
					if v, p = listpack.Read(b, p); !yield(i, v) {
						return
					}
				}
			}
			if !c.next() {
				return
			}
		}
	}
}

// Reverse yields the elements from an index down to the first.
func (l *List) Reverse(from int) iter.Seq2[int, listpack.Value] {
	return func(yield func(int, listpack.Value) bool) {
		if from < 0 {
			return
		}
		c, within := l.seekElem(from)
		for i := from; ; {
			n := c.node()
			b := n.unpacked()
			if n.plain() {
				if !yield(i, listpack.StringValue(b)) {
					return
				}
				i--
			} else {
				for p := seek(b, n.count(), within); p != 0; i-- {
					if !yield(i, listpack.Get(b, p)) {
						return
					}
					p = listpack.Prev(b, p)
				}
			}
			if !c.prev() {
				return
			}
			within = c.node().count() - 1
		}
	}
}

// A Node is a node as files and DEBUG see it.
type Node struct{ n *node }

// Len is the number of elements.
func (n Node) Len() int { return n.n.count() }

// Size is the length of the node's listpack, or of its element, when it is not
// packed.
func (n Node) Size() int { return n.n.size() }

// Plain reports whether the node is one element and no listpack.
func (n Node) Plain() bool { return n.n.plain() }

// Packed reports whether the node is packed.
func (n Node) Packed() bool { return n.n.isPacked() }

// Append appends the node's listpack, or its element, to dst.
func (n Node) Append(dst []byte) []byte {
	from := len(dst)
	if dst = append(dst, n.n.unpacked()...); !n.n.plain() {
		listpack.Seal(dst[from:], n.n.count())
	}
	return dst
}

// Nodes yields the nodes in order.
func (l *List) Nodes() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if l.nodes == 0 {
			return
		}
		for c := l.seekNode(0); yield(Node{c.node()}) && c.next(); {
		}
	}
}
