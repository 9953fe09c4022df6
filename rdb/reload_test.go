package rdb

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder/internal/bridge"
)

// What connections write while DEBUG RELOAD runs is not lost: it waits while that saves,
// and is refused while it loads.
func TestReloadLosesNothing(t *testing.T) {
	db, _ := attachedDB(t)
	for i := range 2000 {
		db.Set(fmt.Sprint("k", i), "v")
	}
	const writers = 4
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var counts [writers]int
	for i := range writers {
		w := dial(t, db)
		w.want("1", "INCR", fmt.Sprint("counter", i))
		counts[i]++
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if reply := w.do("INCR", fmt.Sprint("counter", i)); !strings.HasPrefix(reply, "LOADING") {
					counts[i]++
				}
			}
		})
	}
	w := dial(t, db)
	for range 20 {
		w.want("OK", "DEBUG", "RELOAD")
	}
	close(stop)
	wg.Wait()
	for i, n := range counts {
		w.want(fmt.Sprint(n), "GET", fmt.Sprint("counter", i))
	}
}

// Where a store is stopped and what it saves fails, it goes on.
func TestReloadFails(t *testing.T) {
	db, s := attachedDB(t)
	db.Set("k", "v")
	good := s.disk
	s.disk.create = func(string) (diskFile, error) { return nil, errors.New("no disk") }
	w := dial(t, db)
	if got := w.do("DEBUG", "RELOAD"); got != string(errSave) {
		t.Errorf("DEBUG RELOAD = %q", got)
	}
	w.want("v", "GET", "k")
	s.disk = good
	w.want("OK", "DEBUG", "RELOAD")
	w.want("v", "GET", "k")
	if bridge.Server(db).Loading() != nil {
		t.Error("it is still loading")
	}
}
