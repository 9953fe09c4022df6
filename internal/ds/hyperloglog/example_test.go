package hyperloglog_test

import (
	"fmt"
	"strconv"

	"github.com/larderdb/larder/internal/ds/hyperloglog"
)

func Example() {
	h := hyperloglog.New()
	for i := range 100_000 {
		index, value := hyperloglog.Hash(strconv.Itoa(i % 50_000)) // each comes twice
		h, _, _ = hyperloglog.Add(h, index, value, 3000)
	}
	n, err := hyperloglog.Count(string(h))
	fmt.Println(n, len(h), hyperloglog.IsDense(string(h)), err)
	// Output:
	// 50354 12304 true <nil>
}
