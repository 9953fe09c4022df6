package listpack_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/ds/listpack"
)

func Example() {
	lp := listpack.New(0)
	lp = listpack.Append(lp, "hello")
	lp = listpack.Append(lp, "42") // kept as a number of one byte
	lp = listpack.Prepend(lp, "first")
	lp = listpack.Delete(lp, listpack.Find(lp, listpack.First(lp), "hello", 1), 1)
	for _, v := range listpack.All(lp) {
		fmt.Print(v, " ")
	}
	fmt.Println(listpack.Len(lp), len(lp))
	// Output:
	// first 42 2 16
}
