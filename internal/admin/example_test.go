package admin_test

import (
	"fmt"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
)

// A store's Server knows what the store is like, with front ends or without.
func Example() {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	srv := bridge.Server(db)
	fmt.Printf("%q\n", srv.InfoText("cluster"))

	_ = srv.Conf().Set("maxmemory", "1mb") // as CONFIG SET does
	fmt.Println(srv.Engine().MaxMemory(), srv.Info().Memory.Max)
	// Output:
	// "# Cluster\r\ncluster_enabled:0\r\n"
	// 1048576 1048576
}
