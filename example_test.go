package larder_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/larderdb/larder"
)

func Example() {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		panic(err)
	}
	defer db.Close()

	db.Set("greeting", "hello")
	v, err := db.Get("greeting")
	fmt.Println(v, err)

	_, err = db.Get("nothing")
	fmt.Println(errors.Is(err, larder.ErrNil))

	n, err := db.IncrBy("visits", 41)
	fmt.Println(n, err)
	n, err = db.Incr("visits")
	fmt.Println(n, err)
	// Output:
	// hello <nil>
	// true
	// 41 <nil>
	// 42 <nil>
}

func ExampleCommands_SetArgs() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()

	// A lock that its holder may lose after a minute.
	lock := larder.SetArgs{Key: "lock:report", Value: "worker 7", NX: true, TTL: time.Minute}
	fmt.Println(db.SetArgs(lock))
	fmt.Println(errors.Is(db.SetArgs(lock), larder.ErrNil)) // somebody has it
	// Output:
	// <nil>
	// true
}

func ExampleCommands_Scan() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.MSet("user:1", "ann", "user:2", "bob", "page:1", "index")

	// Nothing is held while the loop runs: it may write.
	for key, err := range db.Scan(larder.ScanArgs{Match: "user:*"}) {
		if err != nil {
			panic(err)
		}
		db.Expire(key, time.Hour)
	}
	ttl, _ := db.TTL("user:1")
	fmt.Println(ttl > 59*time.Minute)
	// Output: true
}

func ExampleDB_Snapshot() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.Set("stock", "5")

	snap := db.Snapshot()
	defer snap.Close()
	db.Set("stock", "4")

	then, _ := snap.Get("stock")
	now, _ := db.Get("stock")
	fmt.Println(then, now)
	// Output: 5 4
}

func ExampleDB_GetOrLoad() {
	db, _ := larder.Open(larder.Options{MaxMemory: 64 << 20, Policy: larder.AllKeysLRU})
	defer db.Close()

	load := func(context.Context) (string, error) {
		fmt.Println("loading")
		return "ann", nil
	}
	for range 2 {
		v, err := db.GetOrLoad(context.Background(), "user:1", time.Minute, load)
		fmt.Println(v, err)
	}
	// Output:
	// loading
	// ann <nil>
	// ann <nil>
}

func ExampleTyped() {
	type user struct {
		Name   string
		Visits int
	}
	db, _ := larder.Open(larder.Options{})
	defer db.Close()

	users := larder.Typed(db, larder.JSON[user]{})
	users.Set("user:1", user{Name: "ann"}, 0)
	users.Update("user:1", func(u user, ok bool) (user, error) {
		u.Visits++
		return u, nil
	})
	u, err := users.Get("user:1")
	fmt.Println(u, err)
	// Output: {ann 1} <nil>
}
