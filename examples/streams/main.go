// Command streams shows a stream as a queue of work: orders are appended, three
// workers of one group share them, one of them crashes in the middle of an order,
// and another finishes it. An auditor reads everything, on its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/larderdb/larder"
)

const orders = 30

func main() {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := db.XGroupCreate(larder.XGroupArgs{Stream: "orders", Group: "billing", MkStream: true}); err != nil {
		log.Fatal(err)
	}

	ctx, stop := context.WithCancel(context.Background())
	var (
		wg   sync.WaitGroup
		done sync.WaitGroup // the orders
	)
	done.Add(orders)
	for _, name := range []string{"w1", "w2", "w3"} {
		wg.Go(func() {
			if err := work(ctx, db, name, done.Done); err != nil {
				fmt.Printf("%s: %v\n", name, err)
			}
		})
	}
	for n := range orders {
		if _, err := db.XAdd(larder.XAddArgs{Stream: "orders", Fields: []string{"order", fmt.Sprint(n), "item", "tea"}}); err != nil {
			log.Fatal(err)
		}
	}
	done.Wait()
	stop()
	wg.Wait()

	left, err := db.XPending("orders", "billing")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d orders are left undone\n", left.Count)
	audit(db)
}

var errCrash = errors.New("crashed in the middle of an order")

// work bills orders until ctx ends. Each is acknowledged when the loop asks for
// the next one; those that a worker has left lying for 50 ms go to another.
func work(ctx context.Context, db *larder.DB, name string, did func()) error {
	billed := 0
	for msg, err := range db.Consume(ctx, larder.ConsumeArgs{
		Stream: "orders", Group: "billing", Consumer: name, Ack: true, ClaimIdle: 50 * time.Millisecond,
	}) {
		if ctx.Err() != nil {
			fmt.Printf("%s has billed %d orders\n", name, billed)
			return nil
		}
		if err != nil {
			return err
		}
		if name == "w2" && billed == 3 {
			return fmt.Errorf("%w, %s", errCrash, msg.ID)
		}
		time.Sleep(time.Millisecond)
		billed++
		did()
	}
	return nil
}

// audit reads the whole stream, which the groups do not change.
func audit(db *larder.DB) {
	info, err := db.XInfoStream("orders")
	if err != nil {
		log.Fatal(err)
	}
	last, _ := info.Last.Get("order")
	fmt.Printf("the log has %d orders in %d nodes, the last is %s of %s\n",
		info.Length, info.Nodes, last, info.LastID.Time().Format(time.DateOnly))
}
