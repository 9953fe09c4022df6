package replica_test

import (
	"context"
	"fmt"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/redcon_server"
	"github.com/larderdb/larder/replica"
)

// A program keeps a copy of its Redis, here another larder in the same process, and
// hears of each change.
func ExampleFollow() {
	prod, _ := larder.Open(larder.Options{Config: []string{"repl-diskless-sync-delay", "0"}})
	defer prod.Close()
	replica.Serve(prod, replica.ServeOptions{})
	srv := redcon_server.New(prod, redcon_server.Options{})
	defer srv.Close()
	prod.Set("price", "10")

	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	heard := make(chan bool)
	f, err := replica.Follow(context.Background(), db, replica.Options{
		Addr: "prod:6379", Dial: srv.Dial,
		OnChange: func(c replica.Change) {
			switch c.Event {
			case "reset":
				fmt.Println("the data is here")
			case "del":
				fmt.Println(c.Key, "is gone; it was", c.Old)
				close(heard)
			default:
				fmt.Println(c.Key, "was", c.Old.Type(), "and is", c.New)
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	f.Wait(context.Background())
	v, _ := db.Get("price") // no network
	fmt.Println("a copy of", v)
	prod.Set("price", "12")
	prod.Del("price")
	<-heard
	f.Close()
	fmt.Println(db.Set("price", "13"))
	// Unordered output:
	// the data is here
	// price was none and is 10
	// a copy of 10
	// price was string and is 12
	// price is gone; it was 12
	// READONLY You can't write against a read only replica.
}
