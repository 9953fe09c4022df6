// Command cache shows larder as a cache inside a service: bounded memory, the
// least recently used keys evicted, and one load for any number of callers that
// miss the same key.
package main

import (
	"context"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/larderdb/larder"
)

func main() {
	cache, err := larder.Open(larder.Options{MaxMemory: 8 << 20, Policy: larder.AllKeysLRU})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()

	// A hundred callers want the same page; it is rendered once.
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := page(context.Background(), cache, 1); err != nil {
				log.Print(err)
			}
		})
	}
	wg.Wait()

	// More pages than fit: memory stays below the limit, and what is read often
	// stays in.
	for i := range 40000 {
		if _, err := page(context.Background(), cache, i%20000); err != nil {
			log.Fatal(err)
		}
	}
	n, err := cache.DBSize()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("rendered %d pages, %d of them are in the cache\n", rendered, n)
}

var (
	mu       sync.Mutex // guards following
	rendered int
)

func page(ctx context.Context, cache *larder.DB, n int) (string, error) {
	return cache.GetOrLoad(ctx, fmt.Sprint("page:", n), time.Hour, func(context.Context) (string, error) {
		mu.Lock()
		rendered++
		mu.Unlock()
		return fmt.Sprintf("<h1>page %d</h1>%0500d", n, n), nil
	})
}
