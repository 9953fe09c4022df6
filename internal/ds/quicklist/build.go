package quicklist

import "github.com/larderdb/larder/internal/ds/listpack"

// AppendListpack adds the elements of a listpack as a node behind the last: so a file
// has them. The list keeps the bytes, which must be valid and of at least one
// element. It does not matter how large the node is.
func (l *List) AppendListpack(lp []byte) {
	l.appendNode(&node{buf: lp, count: uint32(listpack.Len(lp))})
}

// AppendPlain adds one element as a plain node behind the last. The list keeps the
// bytes.
func (l *List) AppendPlain(b []byte) { l.appendNode(&node{buf: b, count: 1, plain: true}) }

func (l *List) appendNode(n *node) {
	l.own()
	n.owner = l.owner
	if l.nodes == 0 {
		l.linkFirst(n)
		return
	}
	c := l.outer(false)
	l.link(&c, n, true)
}

// LZF returns the bytes of a packed node, which are the list's; ok is false for one
// that is not packed.
func (n Node) LZF() (b []byte, ok bool) { return n.n.buf, n.n.raw != 0 }
