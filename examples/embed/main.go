// Command embed shows the typed API: a store inside a program, with no server.
package main

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/larderdb/larder"
)

func main() {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	// Strings, and what is missing.
	check(db.Set("greeting", "hello"))
	v, err := db.Get("greeting")
	check(err)
	fmt.Println("greeting:", v)
	if _, err := db.Get("nothing"); errors.Is(err, larder.ErrNil) {
		fmt.Println("nothing: not there")
	}

	// Counters and keys that expire.
	n, err := db.Incr("visits")
	check(err)
	check(db.SetEX("session:7", "ann", 30*time.Minute))
	ttl, err := db.TTL("session:7")
	check(err)
	fmt.Println("visits:", n, "session ends in", ttl.Round(time.Minute))

	// A transaction: all of it, or nothing.
	check(db.Set("stock:42", "1"))
	buy := func(tx *larder.Tx) error {
		left, err := tx.DecrBy("stock:42", 1)
		if err != nil {
			return err
		}
		if left < 0 {
			return errors.New("sold out") // undone: nobody saw it
		}
		return tx.Set("last-sale", "42")
	}
	fmt.Println("first buyer:", db.Update(buy, "stock:42", "last-sale"))
	fmt.Println("second buyer:", db.Update(buy, "stock:42", "last-sale"))

	// One instant, for as long as it takes to read it.
	snap := db.Snapshot()
	defer snap.Close()
	check(db.FlushAll())
	for e := range snap.All() {
		fmt.Printf("%s = %s\n", e.Key, e.Value)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
