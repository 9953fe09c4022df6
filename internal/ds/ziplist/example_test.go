package ziplist_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/ziplist"
)

// What old RDB files have becomes what the store has.
func Example() {
	old := "\x0f\x00\x00\x00" + // its length in bytes
		"\x0c\x00\x00\x00" + // where its last element is
		"\x02\x00" + // elements
		"\x00\xf4" + // the number 3, behind nothing
		"\x02\xf6" + // the number 5, behind 2 bytes
		"\xff"
	lp, ok := ziplist.AppendListpack(listpack.New(0), []byte(old))
	for _, v := range listpack.All(lp) {
		fmt.Print(v, " ")
	}
	fmt.Println(ok)
	// Output:
	// 3 5 true
}
