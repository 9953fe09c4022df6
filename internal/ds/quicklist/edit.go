package quicklist

import "github.com/larderdb/larder/internal/ds/listpack"

// What changes the middle of a list: Insert, Set, Delete, Remove. Where nodes are
// split and merged here decides whether the nodes are those of Redis.

// Insert adds s before the element with an index, or behind it. An element of large
// bytes or more gets a plain node.
func (l *List) Insert(i int, behind bool, s string, large int) {
	l.own()
	c, within := l.seekElem(i)
	n := c.node()
	edge := !n.plain() && !behind && within == 0 || behind && within == n.count()-1 || n.plain()
	if len(s) < large && l.fits(n, len(s)) {
		n = l.edit(&c)
		if behind {
			within++
		}
		l.insert(n, seek(n.lp(), n.count(), within), s)
		l.done(&c, n, 1)
		return
	}
	if edge && len(s) < large {
		side := c
		if ok := behind && side.next() || !behind && side.prev(); ok && l.fits(side.node(), len(s)) {
			e := listpack.Encode(s)
			n := l.edit(&side)
			if behind {
				l.putFront(n, &e)
			} else {
				l.putBack(n, &e)
			}
			l.done(&side, n, 1)
			return
		}
	}
	if edge {
		l.link(&c, newNode(s, len(s) >= large), behind)
		return
	}
	k := c.k
	if len(s) >= large {
		l.split(k, within, behind)
		if !behind {
			k++
		}
		c = l.seekNode(k)
		l.link(&c, newNode(s, true), behind)
		return
	}
	// The smaller part goes to a node of its own, with the new element.
	l.split(k, within, behind)
	side := k
	if behind {
		side++
	} else {
		k++
	}
	e := listpack.Encode(s)
	c = l.seekNode(side)
	n = l.edit(&c)
	if behind {
		l.putFront(n, &e)
	} else {
		l.putBack(n, &e)
	}
	l.done(&c, n, 1)
	l.mergeAround(k)
}

// split makes two nodes of the k-th: behind the element with an index within it, or
// before it.
func (l *List) split(k, within int, behind bool) {
	if behind {
		within++
	}
	c := l.seekNode(k)
	n := l.edit(&c)
	lp := n.lp()
	p := seek(lp, n.count(), within)
	back := append(make([]byte, header, header+len(lp)-p), lp[p:]...)
	gone := n.count() - within
	n.cut(p, len(lp)-1, gone)
	n.trim()
	l.done(&c, n, -gone)
	c = l.seekNode(k)
	l.link(&c, node{buf: back, tag: uint32(gone)}, true)
}

// at is the node of an ordinal, nil where there is none.
func (l *List) at(k int) *node {
	if k < 0 || k >= l.nodes {
		return nil
	}
	c := l.seekNode(k)
	return c.node()
}

// mergeSaves is by how much Redis 7.0 thinks a merger makes two nodes smaller: the
// header and the end of the ziplists that nodes once were. It is 4 too many.
const mergeSaves = 11

// merge makes one node of the k-th and the next, if Redis would, and reports
// whether it did.
func (l *List) merge(k int) bool {
	a, b := l.at(k), l.at(k+1)
	if a == nil || b == nil || a.plain() || b.plain() || !l.within(a.size()+b.size()-mergeSaves, a.count()+b.count()) {
		return false
	}
	more, count := b.unpacked()[header:], b.count()
	c := l.seekNode(k)
	n := l.edit(&c)
	l.roomBehind(n, len(more)-1)
	n.buf = append(n.buf[:len(n.buf)-1], more...)
	n.more(count)
	l.done(&c, n, count)
	c = l.seekNode(k + 1)
	l.unlink(&c)
	return true
}

// mergeAround merges the k-th node and the two on either side, as far as they may
// be.
func (l *List) mergeAround(k int) {
	if l.merge(k - 2) {
		k--
	}
	l.merge(k + 1)
	if l.merge(k - 1) {
		k--
	}
	l.merge(k)
}

// Set puts s in the place of the element with an index.
func (l *List) Set(i int, s string, large int) {
	l.own()
	c, within := l.seekElem(i)
	n := c.node()
	if n.plain() || len(s) >= large || !listpack.Fits(n.size(), len(s)) {
		l.setApart(i, s, large)
		return
	}
	n = l.edit(&c)
	l.replace(n, seek(n.lp(), n.count(), within), s)
	l.done(&c, n, 0)
}

// setApart replaces an element where one of the two is not for a listpack that has
// the other.
func (l *List) setApart(i int, s string, large int) {
	c, within := l.seekElem(i)
	k, n := c.k, c.node()
	if n.plain() && len(s) < large {
		l.Insert(i, true, s, large)
		l.Delete(i, 1)
		return
	}
	made := newNode(s, len(s) >= large)
	if n.count() == 1 {
		l.link(&c, made, true)
		old := l.seekNode(k)
		l.unlink(&old)
		return
	}
	if within < n.count()-1 {
		l.split(k, within, true)
	}
	at := l.seekNode(k)
	l.link(&at, made, true)
	at = l.seekNode(k)
	if at.node().count() == 1 {
		l.unlink(&at)
		return
	}
	n = l.edit(&at)
	lp := n.lp()
	n.cut(listpack.Prev(lp, len(lp)-1), len(lp)-1, 1)
	l.done(&at, n, -1)
}

// Delete removes n elements from an index on, which there are.
func (l *List) Delete(i, n int) {
	if n <= 0 {
		return
	}
	l.own()
	for n > 0 {
		c, within := l.seekElem(i)
		nd := c.node()
		k := min(n, nd.count()-within)
		n -= k
		if k == nd.count() {
			l.unlink(&c)
			continue
		}
		nd = l.edit(&c)
		lp := nd.lp()
		p := seek(lp, nd.count(), within)
		nd.cut(p, seek(lp, nd.count(), within+k), k)
		if within > 0 || l.inner(c.k) {
			nd.trim()
		}
		l.done(&c, nd, -k)
	}
}

// A Needle is a string to be compared with many elements.
type Needle struct {
	s     string
	n     int64
	isInt bool
}

// NeedleOf returns s as a Needle.
func NeedleOf(s string) Needle {
	n, ok := listpack.ParseInt(s)
	return Needle{s, n, ok}
}

// Is reports whether an element is the string.
func (x *Needle) Is(v listpack.Value) bool {
	if n, ok := v.Int(); ok {
		return x.isInt && x.n == n
	}
	return string(v.Bytes()) == x.s
}

// Remove removes the elements that are s, at most as many as max, from the front or
// from the back, and returns how many.
func (l *List) Remove(s string, max int, back bool) (removed int) {
	l.own()
	x := NeedleOf(s)
	k, step := 0, 1
	if back {
		k, step = l.nodes-1, -1
	}
	for ; k >= 0 && k < l.nodes && removed < max; k += step {
		c := l.seekNode(k)
		n := c.node()
		b := n.unpacked()
		hits := n.find(b, &x, max-removed, back)
		if len(hits) == 0 {
			continue
		}
		removed += len(hits)
		if len(hits) == n.count() {
			if l.unlink(&c); !back {
				k--
			}
			continue
		}
		n = l.edit(&c)
		n.cutAll(hits)
		n.trim()
		l.done(&c, n, -len(hits))
	}
	return removed
}

// find returns the offsets, ascending, of up to max elements that are x.
func (n *node) find(b []byte, x *Needle, max int, back bool) (hits []int) {
	if n.plain() {
		if string(b) == x.s {
			hits = []int{0}
		}
		return hits
	}
	for p, v := range listpack.All(b) {
		if x.Is(v) {
			if hits = append(hits, p); len(hits) == max && !back {
				break
			}
		}
	}
	return hits[len(hits)-min(max, len(hits)):]
}

// cutAll removes the elements at offsets, which ascend.
func (n *node) cutAll(hits []int) {
	lp := n.lp()
	to := hits[0]
	for i, p := range hits {
		from, end := listpack.After(lp, p), len(lp)
		if i+1 < len(hits) {
			end = hits[i+1]
		}
		to += copy(lp[to:], lp[from:end])
	}
	n.buf = n.buf[:int(n.at)+to]
	n.more(-len(hits))
}
