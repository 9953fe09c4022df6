package rdb_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/rdb"
)

// A store that is kept in a file.
func ExampleOpen() {
	dir, _ := os.MkdirTemp("", "larder")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "data.rdb") // redis-server reads it too

	db, err := rdb.Open(path, larder.Options{})
	if err != nil {
		panic(err)
	}
	db.Set("greeting", "hello")
	if err := db.Close(); err != nil { // saves
		panic(err)
	}

	db, _ = rdb.Open(path, larder.Options{})
	defer db.Close()
	fmt.Println(db.Get("greeting"))
	// Output: hello <nil>
}

// A dump becomes a test's fixture, and a store a dump.
func ExampleLoad() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	if err := rdb.Load(dump(), db); err != nil {
		panic(err)
	}
	fmt.Println(db.Get("greeting"))

	snap := db.Snapshot()
	defer snap.Close()
	var copied bytes.Buffer
	if err := rdb.Save(&copied, snap); err != nil {
		panic(err)
	}
	fmt.Println(copied.String()[:9])
	// Output:
	// hello <nil>
	// REDIS0010
}

func ExampleDump() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.RPush("queue", "a", "b", "c")
	payload, _ := rdb.Dump(db.Commands, "queue") // a redis-server's RESTORE takes it too
	_ = rdb.Restore(db.Commands, rdb.RestoreArgs{Key: "copy", Payload: payload})
	all, _ := db.LRange("copy", 0, -1)
	fmt.Println(all)
	// Output: [a b c]
}
