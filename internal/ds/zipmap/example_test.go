package zipmap_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/zipmap"
)

// What the oldest RDB files have for small hashes becomes fields and values in turn.
func Example() {
	old := "\x01\x04name\x03\x00ann\xff" // one field; the value has no room behind it
	lp, ok := zipmap.AppendListpack(listpack.New(0), []byte(old))
	for _, v := range listpack.All(lp) {
		fmt.Print(v, " ")
	}
	fmt.Println(ok)
	// Output:
	// name ann true
}
