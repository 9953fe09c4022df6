package partsort_test

import (
	"cmp"
	"fmt"

	"github.com/larderdb/larder/internal/ds/partsort"
)

// The three smallest are sorted; the others only come behind them.
func Example() {
	a := []int{9, 4, 7, 1, 8, 2, 6}
	partsort.Sort(a, 0, 2, func(x, y *int) int { return cmp.Compare(*x, *y) })
	fmt.Println(a[:3])
	// Output:
	// [1 2 4]
}
