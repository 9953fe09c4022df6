package quicklist

import (
	"unsafe"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/lzf"
)

// token is an owner's identity. It has a size, so that each has an address of its
// own.
type token struct{ _ byte }

// node is a run of elements. It lies in its page, 32 bytes as a node of Redis's. Its
// buffer is no longer changed once another page has it, too.
type node struct {
	buf []byte // room, the listpack; or the one element of a plain node; packed or not
	at  uint32 // where the listpack begins; the length of a packed node when it is not
	tag uint32 // the number of elements, and the flags
}

const (
	plainFlag = 1 << (31 - iota)
	packedFlag
	sharedFlag // the buffer is another page's, too
	maxCount   = sharedFlag - 1
)

const (
	header    = listpack.HeaderSize
	nodeBytes = int(unsafe.Sizeof(node{}))
	noBytes   = header + 1 // of a listpack without elements

	minPack = 48 // bytes of a node worth packing
	minSave = 8  // bytes that packing must save, and one more
)

func (n *node) count() int     { return int(n.tag & maxCount) }
func (n *node) plain() bool    { return n.tag&plainFlag != 0 }
func (n *node) isPacked() bool { return n.tag&packedFlag != 0 }
func (n *node) shared() bool   { return n.tag&sharedFlag != 0 }

// more counts k elements more, or fewer.
func (n *node) more(k int) { n.tag += uint32(k) }

// size is the length of the listpack, or of the plain element.
func (n *node) size() int {
	if n.isPacked() {
		return int(n.at)
	}
	return len(n.buf) - int(n.at)
}

// lp is the listpack of a node that is not packed, with a header that says nothing.
func (n *node) lp() []byte { return n.buf[n.at:] }

// fits reports whether Redis would add an element of size bytes to the node. It
// takes 8 for what an element costs beside its bytes.
func (l *List) fits(n *node, size int) bool {
	if n == nil || n.plain() {
		return false
	}
	return l.within(n.size()+size+8, n.count()+1)
}

// within reports whether a node may have that many bytes and elements.
func (l *List) within(size, count int) bool {
	return Within(l.fill, size, count)
}

// Within reports whether fill allows a node of size bytes, as Redis estimates them,
// with count elements.
func Within(fill, size, count int) bool {
	if fill < 0 {
		return size <= maxBytes(fill)
	}
	return size <= safeBytes && count <= fill
}

// safeBytes is what a node bounded by its number of elements may have.
const safeBytes = 8192

// maxBytes is the size of a node of a negative fill, 4 KB to 64 KB.
func maxBytes(fill int) int { return 2048 << min(-fill, -minFill) }

// target is how far it makes sense to prepare a node for more.
func (l *List) target() int {
	if l.fill < 0 {
		return maxBytes(l.fill)
	}
	return safeBytes
}

// newNode returns a node with one element.
func newNode(s string, plain bool) node {
	if plain {
		return node{buf: []byte(s), tag: plainFlag | 1}
	}
	e := listpack.Encode(s)
	lp := make([]byte, noBytes+e.Size())
	e.Put(lp[header:])
	lp[len(lp)-1] = 0xFF
	return node{buf: lp, tag: 1}
}

// endNode returns a node with one element, to be linked at an end of the list beyond
// a full node of size bytes. It is likely to become as long, so it gets that room at
// once: a buffer that doubles leaves as much garbage as it holds in the end. Where an
// end moves to and fro over the border of a node, the buffer of the one that went
// serves the next.
func (l *List) endNode(s string, front bool, size int) node {
	e := listpack.Encode(s)
	total := noBytes + e.Size()
	room := max(min(size+size/16, l.target()), total)
	buf := l.spare
	if cap(buf) < room {
		buf = l.buffer(room)
	}
	l.spare = nil
	n := node{tag: 1}
	if front {
		n.buf = buf[:cap(buf)]
		n.at = uint32(cap(buf) - total)
	} else {
		n.buf = buf[:total]
	}
	lp := n.lp()
	e.Put(lp[header:])
	lp[total-1] = 0xFF
	return n
}

// Long lists have the buffers of their end nodes cut from slabs, eight at a time: Go's
// heap takes 160 bytes beside each piece of 8 KB, and as much beside one of 64 KB. The
// ends of a list come and go in order, so that a slab goes when its last node does.
const (
	slabBytes = 64 << 10
	slabFrom  = 64 // nodes, of half a megabyte
)

// buffer returns an empty buffer of that capacity. What is left of a slab is not
// counted: nobody has touched it.
func (l *List) buffer(room int) []byte {
	if l.nodes < slabFrom || room < slabBytes/16 || room > slabBytes/4 {
		return make([]byte, 0, room)
	}
	if cap(l.slab) < room {
		l.slab = make([]byte, 0, slabBytes)
	}
	buf := l.slab[:0:room]
	l.slab = l.slab[room:room]
	return buf
}

// roomFor returns the length of a buffer for total bytes that is likely to be added
// to.
func (l *List) roomFor(total int) int {
	if most := l.target(); total < most {
		return min(2*total, most)
	}
	return total
}

// putFront adds an element to an owned node that is not packed.
func (l *List) putFront(n *node, e *listpack.Element) {
	size := e.Size()
	if int(n.at) < size {
		lp := n.lp()
		total := l.roomFor(len(lp) + size)
		buf := make([]byte, total)
		n.at = uint32(total - len(lp))
		copy(buf[n.at:], lp)
		n.buf = buf
	}
	n.at -= uint32(size)
	e.Put(n.buf[int(n.at)+header:])
	n.more(1)
}

// putBack adds an element to an owned node that is not packed.
func (l *List) putBack(n *node, e *listpack.Element) {
	size := e.Size()
	l.roomBehind(n, size)
	end := len(n.buf) - 1
	n.buf = n.buf[:end+size+1]
	e.Put(n.buf[end:])
	n.buf[end+size] = 0xFF
	n.more(1)
}

// roomBehind sees to it that size bytes can be added to the listpack in place.
func (l *List) roomBehind(n *node, size int) {
	if cap(n.buf)-len(n.buf) >= size {
		return
	}
	lp := n.lp()
	if front := int(n.at); front >= size && front >= len(lp)/2 { // it was taken from the front
		n.buf = n.buf[:copy(n.buf, lp)]
	} else {
		n.buf = append(make([]byte, 0, l.roomFor(len(lp)+size)), lp...)
	}
	n.at = 0
}

// insert adds an element before the one at offset p of the listpack.
func (l *List) insert(n *node, p int, s string) {
	e := listpack.Encode(s)
	switch lp := n.lp(); p {
	case header:
		l.putFront(n, &e)
	case len(lp) - 1:
		l.putBack(n, &e)
	default:
		size := e.Size()
		l.roomBehind(n, size)
		lp = n.lp()
		n.buf = n.buf[:len(n.buf)+size]
		copy(n.lp()[p+size:], lp[p:])
		e.Put(n.lp()[p:])
		n.more(1)
	}
}

// replace puts s in the place of the element at p.
func (l *List) replace(n *node, p int, s string) {
	e := listpack.Encode(s)
	lp := n.lp()
	q, size := listpack.After(lp, p), e.Size()
	if grow := size - (q - p); grow > 0 {
		l.roomBehind(n, grow)
		lp = n.lp()
		n.buf = n.buf[:len(n.buf)+grow]
		copy(n.lp()[q+grow:], lp[q:])
	} else {
		copy(lp[q+grow:], lp[q:])
		n.buf = n.buf[:len(n.buf)+grow]
	}
	e.Put(n.lp()[p:])
}

// cut removes k elements, which lie between two offsets of the listpack. Those at the
// front are left where they are.
func (n *node) cut(p, q, k int) {
	n.more(-k)
	if p == header {
		n.at += uint32(q - p)
		return
	}
	lp := n.lp()
	n.buf = n.buf[:len(n.buf)-len(lp)+p+copy(lp[p:], lp[q:])]
}

// trim gives back room that will not be used soon.
func (n *node) trim() {
	lp := n.lp()
	if cap(n.buf)-len(lp) > 32+len(lp)/8 {
		n.buf, n.at = append(make([]byte, 0, len(lp)), lp...), 0
	}
}

// seek returns the offset of the element with an index within the node, or of the
// end if there are no more.
func seek(lp []byte, count, i int) int {
	if i <= count/2 {
		p := header
		for ; i > 0; i-- {
			p = listpack.After(lp, p)
		}
		return p
	}
	p := len(lp) - 1
	for ; i < count; i++ {
		p = listpack.Prev(lp, p)
	}
	return p
}

// unpacked returns the bytes of a node, which are new ones where it is packed. It
// changes nothing: others may be reading the node.
func (n *node) unpacked() []byte {
	if !n.isPacked() {
		return n.lp()
	}
	b := make([]byte, n.at)
	if !lzf.Decode(b, n.buf) {
		panic("quicklist: a packed node is damaged")
	}
	return b
}

// unpack makes an owned node one that is not packed.
func (n *node) unpack() {
	if n.isPacked() {
		n.buf, n.at, n.tag = n.unpacked(), 0, n.tag&^packedFlag
	}
}

// packed returns the node packed; ok is false where that does not pay.
func (n *node) packed() (p node, ok bool) {
	size := n.size()
	if n.isPacked() || size < minPack || uint64(size) > maxPack {
		return node{}, false
	}
	b := n.lp()
	if !n.plain() {
		// The header may be written only by the owner.
		b = append(make([]byte, 0, size), b...)
		listpack.Seal(b, n.count())
	}
	lz, ok := lzf.Append(make([]byte, 0, size), b, size-minSave-1)
	if !ok {
		return node{}, false
	}
	lz = append(make([]byte, 0, len(lz)), lz...)
	return node{buf: lz, at: uint32(size), tag: n.tag&^sharedFlag | packedFlag}, true
}

// maxPack is the longest node that can be packed: what is longer has no length in
// the format.
const maxPack = 1<<32 - 1
