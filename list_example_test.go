package larder_test

import (
	"context"
	"fmt"
	"time"

	"github.com/larderdb/larder"
)

// A queue of work: whoever is free takes the next job, and waits if there is none.
func ExampleCommands_BLPop() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	go func() {
		for _, job := range []string{"wash", "dry", "fold"} {
			db.RPush("jobs", job)
		}
	}()
	for range 3 {
		job, err := db.BLPop(context.Background(), time.Minute, "jobs")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job.Value)
	}
	_, err := db.BLPop(context.Background(), time.Millisecond, "jobs")
	fmt.Println(err == larder.ErrNil)
	// Output:
	// wash
	// dry
	// fold
	// true
}

// A job that is being done lies in a list of its own, so that a crash does not lose
// it.
func ExampleCommands_LMove() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.RPush("jobs", "wash", "dry")

	job, _ := db.LMove("jobs", "doing", larder.Left, larder.Right)
	fmt.Println("doing", job)
	// ... it is done: it is no longer to be kept.
	db.LRem("doing", 1, job)

	left, _ := db.LRange("jobs", 0, -1)
	fmt.Println("left", left)
	// Output:
	// doing wash
	// left [dry]
}

// The last ten events, the newest first.
func ExampleCommands_LTrim() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	for i := range 25 {
		db.LPush("recent", fmt.Sprint("event ", i))
		db.LTrim("recent", 0, 9)
	}
	n, _ := db.LLen("recent")
	newest, _ := db.LIndex("recent", 0)
	oldest, _ := db.LIndex("recent", -1)
	fmt.Println(n, newest, oldest)
	// Output: 10 event 24 event 15
}

// LAll walks through a list as it is when the loop begins.
func ExampleCommands_LAll() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.RPush("l", "a", "b", "c")
	for v, err := range db.LAll("l") {
		if err != nil {
			fmt.Println(err)
			break
		}
		db.LPush("l", v+v)
	}
	all, _ := db.LRange("l", 0, -1)
	fmt.Println(all)
	// Output: [cc bb aa a b c]
}
