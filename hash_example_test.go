package larder_test

import (
	"fmt"
	"time"

	"github.com/larderdb/larder"
)

func ExampleCommands_HSet() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()

	db.HSet("user:1", "name", "ann", "city", "Oslo")
	name, err := db.HGet("user:1", "name")
	fmt.Println(name, err)

	visits, err := db.HIncrBy("user:1", "visits", 1)
	fmt.Println(visits, err)

	for field, value := range db.HAll("user:1") {
		fmt.Println(field, value)
	}
	// Output:
	// ann <nil>
	// 1 <nil>
	// name ann
	// city Oslo
	// visits 1
}

func ExampleCommands_HScan() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.HSet("stock", "apple:red", "5", "apple:green", "0", "pear", "7")

	// Nothing is held while the loop runs: it may write.
	for field, n := range db.HScan("stock", larder.HScanArgs{Match: "apple:*"}) {
		if n == "0" {
			db.HDel("stock", field)
		}
	}
	fields, err := db.HKeys("stock")
	fmt.Println(fields, err)
	// Output: [apple:red pear] <nil>
}

func ExampleCommands_HSetEx() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()

	// The session's token lives for an hour, what else is known of it for ever.
	db.HSet("session:7", "user", "ann")
	db.HSetEx(larder.HSetExArgs{Key: "session:7", Fields: []string{"token", "s3cret"}, TTL: time.Hour})

	ttl, err := db.HTTL("session:7", "user", "token", "nothing")
	fmt.Println(ttl[0] == larder.NoExpiry, ttl[1] > 59*time.Minute, ttl[2] == larder.NoField, err)
	// Output: true true true <nil>
}
