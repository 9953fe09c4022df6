package redcon_server_test

import (
	"bufio"
	"context"
	"fmt"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/redcon_server"
)

// A program that embeds a store lets a Redis client look in. Here the client
// is a connection in memory; most clients take srv.Dial as their dialer.
func Example() {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		panic(err)
	}
	defer db.Close()
	srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0"})
	defer srv.Close()

	if err := db.Set("greeting", "hello"); err != nil {
		panic(err)
	}
	c, err := srv.Dial(context.Background(), "", "")
	if err != nil {
		panic(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET greeting\r\nQUIT\r\n")
	for lines := bufio.NewScanner(c); lines.Scan(); {
		fmt.Println(lines.Text())
	}
	// Output:
	// $5
	// hello
	// +OK
}
