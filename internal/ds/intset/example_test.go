package intset_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/ds/intset"
)

func Example() {
	s := intset.AppendNew(nil)
	for _, n := range []int64{300, -1, 7, 300} {
		s, _ = intset.Add(s, n)
	}
	for n := range intset.All(s) {
		fmt.Print(n, " ")
	}
	_, has := intset.Find(s, 8)
	fmt.Println(intset.Len(s), has, len(s)) // two bytes each: none needs more
	// Output:
	// -1 7 300 3 false 14
}
