package quicklist

import (
	"bytes"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// verify walks the whole list and compares what it finds with what the list counts,
// and with the strings that it should hold.
func (l *List) verify(t testing.TB, want []string) {
	t.Helper()
	if l.Len() != len(want) {
		t.Fatalf("Len = %d, want %d", l.Len(), len(want))
	}
	bytes := 0
	var walk func(p *page, depth int) (s slot, height int)
	walk = func(p *page, depth int) (sum slot, height int) {
		bytes += p.bytes()
		if p.len() > p.most() || p.len() == 0 && (depth > 0 || l.nodes > 0) || p.leaf && p.slots != nil || !p.leaf && p.nodes != nil {
			t.Fatalf("a page has %d nodes and %d slots", len(p.nodes), len(p.slots))
		}
		for i := range p.nodes {
			n := &p.nodes[i]
			n.verify(t)
			sum.elems += n.count()
			bytes += cap(n.buf)
		}
		sum.nodes = len(p.nodes)
		for i, s := range p.slots {
			below, h := walk(s.page, depth+1)
			if below.elems != s.elems || below.nodes != s.nodes || i > 0 && h != height {
				t.Fatalf("slot %d at depth %d counts %d elements and %d nodes, and has %d and %d", i, depth, s.elems, s.nodes, below.elems, below.nodes)
			}
			sum.elems, sum.nodes, height = sum.elems+s.elems, sum.nodes+s.nodes, h
		}
		return sum, height + 1
	}
	sum, _ := walk(l.root, 0)
	if sum.elems != l.len || sum.nodes != l.nodes {
		t.Fatalf("%d elements in %d nodes, counted %d in %d", sum.elems, sum.nodes, l.len, l.nodes)
	}
	if l.bytes != bytes {
		t.Fatalf("%d bytes, counted %d", bytes, l.bytes)
	}
	i, k := 0, 0
	for n := range l.Nodes() {
		if n.Packed() != l.shouldPack(n, k) {
			t.Fatalf("node %d of %d is packed: %v", k, l.nodes, n.Packed())
		}
		b := n.Append([]byte("x"))[1:]
		if n.Plain() {
			if string(b) != want[i] {
				t.Fatalf("element %d is %.40q, want %.40q", i, b, want[i])
			}
		} else {
			if count, ok := listpack.Validate(b); !ok || count != n.Len() || len(b) != n.Size() {
				t.Fatalf("node %d has %d elements, Validate = %d, %v", k, n.Len(), count, ok)
			}
			j := i
			for _, v := range listpack.All(b) {
				if !v.Equal(want[j]) {
					t.Fatalf("element %d is %.40q, want %.40q", j, v.String(), want[j])
				}
				j++
			}
		}
		i += n.Len()
		k++
	}
	if k != l.NumNodes() || i != len(want) {
		t.Fatalf("Nodes yields %d with %d elements, want %d with %d", k, i, l.NumNodes(), len(want))
	}
}

func (n *node) verify(t testing.TB) {
	t.Helper()
	if n.count() == 0 || n.plain() && (n.count() != 1 || !n.isPacked() && n.at != 0) || int(n.at) > len(n.buf) && !n.isPacked() {
		t.Fatalf("a bad node: %d elements, plain %v, packed %v, at %d", n.count(), n.plain(), n.isPacked(), n.at)
	}
}

func (l *List) shouldPack(n Node, k int) bool {
	if !l.inner(k) {
		return false
	}
	loose := node{buf: bytes.Clone(n.n.unpacked()), tag: n.n.tag &^ packedFlag}
	_, ok := loose.packed()
	return ok
}
