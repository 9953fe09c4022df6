package hashfields_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/ds/listpack"
)

// A small hash is a listpack: field and value, or with the time when the field expires.
func Example() {
	const now = 1000
	lp := listpack.New(0)
	lp, _ = hashfields.Set(lp, hashfields.Pairs, "name", "ann", false)
	lp, _ = hashfields.Set(lp, hashfields.Pairs, "token", "x1", false)
	lp = hashfields.ToTriples(lp)
	lp, _ = hashfields.Expire(lp, "token", now+50)

	for _, at := range []int64{now, now + 51} {
		for field, value := range hashfields.Small(string(lp), hashfields.Triples, at).All() {
			fmt.Println(at, field, value)
		}
	}

	t := hashfields.ToBig(lp, hashfields.Triples) // once it has grown
	fmt.Println(t.Len(), t.First())
	// Output:
	// 1000 token x1
	// 1000 name ann
	// 1051 name ann
	// 2 1050
}
