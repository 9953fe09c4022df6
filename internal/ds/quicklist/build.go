package quicklist

import "github.com/larderdb/larder/internal/ds/listpack"

// AppendListpack adds the elements of a listpack as a node behind the last: so a file
// has them. The list keeps the bytes, which must be valid and of at least one
// element. It does not matter how large the node is.
func (l *List) AppendListpack(lp []byte) { l.appendListpack(lp, maxCount) }

// appendListpack cuts what has more elements than a node can count: that is a gigabyte
// at least.
func (l *List) appendListpack(lp []byte, most int) {
	count := listpack.Len(lp)
	for ; count > most; count -= most {
		p := seek(lp, count, most)
		l.appendNode(node{buf: append(lp[:p:p], 0xFF), tag: uint32(most)})
		lp = append(make([]byte, header, header+len(lp)-p), lp[p:]...)
	}
	l.appendNode(node{buf: lp, tag: uint32(count)})
}

// AppendPlain adds one element as a plain node behind the last. The list keeps the
// bytes.
func (l *List) AppendPlain(b []byte) { l.appendNode(node{buf: b, tag: plainFlag | 1}) }

func (l *List) appendNode(n node) {
	l.own()
	if l.nodes == 0 {
		l.linkFirst(n)
		return
	}
	c := l.outer(false)
	l.link(&c, n, true)
}

// LZF returns the bytes of a packed node, which are the list's; ok is false for one
// that is not packed.
func (n Node) LZF() (b []byte, ok bool) { return n.n.buf, n.n.isPacked() }
