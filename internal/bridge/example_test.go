package bridge_test

import (
	"fmt"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
)

// Packages such as rdb are given a *larder.DB by their callers, and find behind it what it
// does not show.
func Example() {
	db, err := larder.Open(larder.Options{Config: []string{"proto-max-bulk-len", "64mb"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	srv := bridge.Server(db)
	fmt.Println(srv.Conf().Bytes("proto-max-bulk-len"), srv.Engine().Databases())
	// Output:
	// 67108864 16
}
