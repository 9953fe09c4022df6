package orderedset_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/ds/orderedset"
)

func Example() {
	s := orderedset.New()
	s.Put("ann", 30)
	s.Put("bob", 10)
	s.Put("cid", 20)
	s.Put("bob", 40)

	for it := range s.Items().Ascend(0) {
		fmt.Print(it.Member, " ", it.Score, "; ")
	}
	rank, score, ok := s.Rank("ann")
	fmt.Println(rank, score, ok)
	fmt.Println(s.Below(orderedset.Bound{Score: 30}), "have less than 30,", s.Below(orderedset.Bound{Score: 30, After: true}), "no more")
	// Output:
	// cid 20; ann 30; bob 40; 1 30 true
	// 1 have less than 30, 2 no more
}
