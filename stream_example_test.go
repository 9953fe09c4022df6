package larder_test

import (
	"context"
	"fmt"
	"time"

	"github.com/larderdb/larder"
)

// A queue of work: each order goes to one worker of the group. One of them
// crashes before it has acknowledged what it was given; another takes that over.
func ExampleDB_Consume_workQueue() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.XGroupCreate(larder.XGroupArgs{Stream: "orders", Group: "billing", MkStream: true})
	for n := range 4 {
		db.XAdd(larder.XAddArgs{Stream: "orders", Fields: []string{"order", fmt.Sprint(n)}})
	}

	// w1 is given two orders and gets no further.
	got, _ := db.XReadGroup(context.Background(), larder.XReadGroupArgs{
		Group: "billing", Consumer: "w1", Streams: []string{"orders"}, Count: 2,
	})
	fmt.Println("w1 has", len(got[0].Messages), "orders and crashes")

	// w2 does what is left, and what nobody has acknowledged for 10 ms.
	done := 0
	for msg, err := range db.Consume(context.Background(), larder.ConsumeArgs{
		Stream: "orders", Group: "billing", Consumer: "w2", Ack: true, ClaimIdle: 10 * time.Millisecond,
	}) {
		if err != nil {
			fmt.Println(err)
			break
		}
		_ = msg // the order is billed here
		if done++; done == 4 {
			db.XAck("orders", "billing", msg.ID) // the loop is left: it does not acknowledge this one
			break
		}
	}
	left, _ := db.XPending("orders", "billing")
	fmt.Println("w2 has done", done, "and", left.Count, "are left")
	// Output:
	// w1 has 2 orders and crashes
	// w2 has done 4 and 0 are left
}

// A log of events, read by time: the IDs of entries begin with the time at which
// they were added.
func ExampleCommands_XRange_eventLog() {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	now := noon
	db, _ := larder.Open(larder.Options{Now: func() time.Time { return now }})
	defer db.Close()
	for minute, event := range []string{"login", "search", "order", "logout"} {
		now = noon.Add(time.Duration(minute) * time.Minute)
		db.XAdd(larder.XAddArgs{Stream: "events", Fields: []string{"event", event}})
	}

	events, err := db.XRange(larder.XRangeArgs{
		Stream: "events",
		Start:  larder.StreamIDAt(noon.Add(time.Minute)),
		End:    larder.StreamIDAt(noon.Add(3 * time.Minute)), ExclusiveEnd: true,
	})
	for _, e := range events {
		event, _ := e.Get("event")
		fmt.Println(e.ID.Time().UTC().Format(time.TimeOnly), event)
	}
	fmt.Println(err)
	// Output:
	// 12:01:00 search
	// 12:02:00 order
	// <nil>
}
