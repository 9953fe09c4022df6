package orderedset

import (
	"strings"
	"testing"
)

// verify walks the tree and compares it with the table.
func (s *Set) verify(tt testing.TB) {
	tt.Helper()
	depth, leaves, inner, n := -1, 0, 0, 0
	var last Item
	var walk func(nd *node, level int, first, end bool) int
	walk = func(nd *node, level int, first, end bool) int {
		if nd.n < least && !first && !end || nd.n < 1 || nd.n > width {
			tt.Fatalf("a node of level %d has %d places", level, nd.n)
		}
		if nd.kids == nil {
			leaves++
			if depth < 0 {
				depth = level
			} else if level != depth {
				tt.Fatalf("leaves at depths %d and %d", depth, level)
			}
			for i := range nd.n {
				member, score := s.members.Key(nd.handle[i]), nd.score[i]
				if h := s.members.Find(s.members.Hash(member), member); h != nd.handle[i] || s.scoreOf(h) != score {
					tt.Fatalf("%q with score %v is not in the table with it", member, score)
				}
				if n > 0 && (last.Score > score || last.Score == score && strings.Compare(last.Member.String(), member) >= 0) {
					tt.Fatalf("%q comes behind %q", member, last.Member)
				}
				last = Item{ofString(member), score}
				n++
			}
			return nd.n
		}
		inner++
		sum := 0
		for i := range nd.n {
			k := nd.kids.node[i]
			if nd.score[i] != k.score[0] || nd.handle[i] != k.handle[0] {
				tt.Fatalf("an inner node has another first item for kid %d than the kid", i)
			}
			c := walk(k, level+1, first && i == 0, end && i == nd.n-1)
			if int(nd.kids.count[i]) != c {
				tt.Fatalf("an inner node counts %d under kid %d, which has %d", nd.kids.count[i], i, c)
			}
			sum += c
		}
		for _, k := range nd.kids.node[nd.n:] {
			if k != nil && nd.owner == s.owner {
				tt.Fatal("an inner node keeps a kid that it does not have")
			}
		}
		return sum
	}
	if s.root != nil {
		walk(s.root, 0, true, true)
	}
	if n != s.Len() || leaves != s.leaves || inner != s.inner {
		tt.Fatalf("%d items, %d leaves, %d inner nodes; Len() = %d, counted %d and %d", n, leaves, inner, s.Len(), s.leaves, s.inner)
	}
}
