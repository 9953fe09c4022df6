package quicklist

import (
	"fmt"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// A list built of nodes has them as they were, and is a list like any other.
func TestAppendNodes(t *testing.T) {
	for _, depth := range []int64{0, 1, 3} {
		l := New(3, depth)
		var want []string
		for i := range 100 {
			if i%7 == 3 {
				s := fmt.Sprintf("plain %060d", i)
				l.AppendPlain([]byte(s))
				want = append(want, s)
			} else {
				lp := listpack.New(0)
				for j := range i%5 + 1 {
					s := fmt.Sprintf("element %060d", i*10+j)
					lp = listpack.Append(lp, s)
					want = append(want, s)
				}
				l.AppendListpack(lp)
			}
			l.verify(t, want)
		}
		if l.NumNodes() != 100 {
			t.Errorf("depth %d: %d nodes, want 100", depth, l.NumNodes())
		}
		packed := 0
		for n := range l.Nodes() {
			if _, ok := n.LZF(); ok != n.Packed() {
				t.Errorf("LZF of a node: %t, want %t", ok, n.Packed())
			} else if ok {
				packed++
			}
		}
		if wantPacked := max(0, 100-2*int(depth)) * min(1, int(depth)); packed != wantPacked {
			t.Errorf("depth %d: %d nodes are packed, want %d", depth, packed, wantPacked)
		}
		// A clone is not changed by what is added to the list.
		c := l.Clone()
		l.AppendPlain([]byte("more"))
		l.Push(false, "and more", 1<<30)
		c.verify(t, want)
		l.verify(t, append(want[:len(want):len(want)], "more", "and more"))
	}
}

// What has more elements than a node counts becomes several.
func TestAppendCut(t *testing.T) {
	for count := 1; count < 12; count++ {
		l, lp := New(-2, 0), listpack.New(0)
		var want []string
		for i := range count {
			want = append(want, fmt.Sprint("element ", i))
			lp = listpack.Append(lp, want[i])
		}
		l.appendListpack(lp, 3)
		l.verify(t, want)
		if n := (count + 2) / 3; l.NumNodes() != n {
			t.Errorf("%d elements in %d nodes, want %d", count, l.NumNodes(), n)
		}
	}
}
