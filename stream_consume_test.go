package larder_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

func TestConsumeStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		for i := range 250 {
			add(t, db, "s", fmt.Sprint(i+1))
		}
		go func() {
			for i := 250; i < 300; i++ {
				time.Sleep(time.Second)
				db.XAdd(larder.XAddArgs{Stream: "s", ID: larder.StreamID{Ms: uint64(i + 1)}, Fields: []string{"a", "1"}})
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		n, last := uint64(0), error(nil)
		for msg, err := range db.Consume(ctx, larder.ConsumeArgs{Stream: "s"}) {
			if last = err; err != nil {
				continue
			}
			if n++; msg.ID.Ms != n {
				t.Fatalf("entry %d is %s", n, msg.ID)
			}
		}
		if n != 300 || last != context.DeadlineExceeded {
			t.Errorf("%d entries, then %v", n, last)
		}
	})
}

// Those that are added after Consume began to wait, and none before, even if the
// first is trimmed at once.
func TestConsumeNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		add(t, db, "s", "1")
		done := make(chan string)
		go func() {
			for msg, err := range db.Consume(t.Context(), larder.ConsumeArgs{Stream: "s", New: true}) {
				done <- fmt.Sprint(msg.ID, err)
				return
			}
		}()
		synctest.Wait()
		db.Update(func(tx *larder.Tx) error {
			tx.XAdd(larder.XAddArgs{Stream: "s", ID: larder.StreamID{Ms: 2}, Fields: []string{"a", "1"}})
			tx.XDel("s", larder.StreamID{Ms: 2})
			return nil
		})
		synctest.Wait()
		add(t, db, "s", "3")
		if got := <-done; got != "3-0 <nil>" {
			t.Errorf("got %s", got)
		}
	})
}

// A group of workers does each entry once, although one crashes.
func TestConsumeGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		const n = 300
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		seen := map[larder.StreamID]int{}
		var wg sync.WaitGroup
		for _, name := range []string{"w1", "w2", "w3"} {
			wg.Go(func() {
				did := 0
				for msg, err := range db.Consume(ctx, larder.ConsumeArgs{
					Stream: "s", Group: "g", Consumer: name, Create: true, Ack: true, ClaimIdle: time.Minute,
				}) {
					if err != nil {
						if err != context.Canceled {
							t.Errorf("%s: %v", name, err)
						}
						return
					}
					if did++; name == "w2" && did == 20 {
						return // crashes with this entry
					}
					time.Sleep(time.Second)
					mu.Lock()
					seen[msg.ID]++
					mu.Unlock()
				}
			})
		}
		for i := range n {
			add(t, db, "s", fmt.Sprint(i+1))
		}
		time.Sleep(time.Hour)
		if p, err := db.XPending("s", "g"); p.Count != 0 || err != nil {
			t.Errorf("pending: %+v, %v", p, err)
		}
		cancel()
		wg.Wait()
		for i := range n {
			if k := seen[larder.StreamID{Ms: uint64(i + 1)}]; k != 1 {
				t.Errorf("entry %d was done %d times", i+1, k)
			}
		}
	})
}

// A consumer that comes back begins with what it did not acknowledge; what was
// deleted meanwhile is not yielded and no longer pending.
func TestConsumeAfterCrash(t *testing.T) {
	db := open(t, larder.Options{})
	group(t, db, "s", "g")
	for i := range 6 {
		add(t, db, "s", fmt.Sprint(i+1))
	}
	take := func(n int, a larder.ConsumeArgs) (got string) {
		t.Helper()
		a.Stream, a.Group, a.Consumer = "s", "g", "c"
		for msg, err := range db.Consume(t.Context(), a) {
			if err != nil {
				t.Fatal(err)
			}
			if got += msg.ID.String() + " "; n == 1 {
				break
			}
			n--
		}
		return got
	}
	if got := take(3, larder.ConsumeArgs{}); got != "1-0 2-0 3-0 " {
		t.Errorf("at first %s", got)
	}
	db.XDel("s", sid(t, "2"))
	if got := take(2, larder.ConsumeArgs{}); got != "1-0 3-0 " {
		t.Errorf("then %s", got)
	}
	if p, _ := db.XPending("s", "g"); p.Count != 2 {
		t.Errorf("what was deleted is still pending: %+v", p)
	}
	if got := take(3, larder.ConsumeArgs{Ack: true, Count: 10}); got != "1-0 3-0 4-0 " {
		t.Errorf("then %s", got)
	}
	// 4 was being done when the loop was left, 5 and 6 were read with it.
	if got := take(3, larder.ConsumeArgs{Ack: true}); got != "4-0 5-0 6-0 " {
		t.Errorf("at last %s", got)
	}
	if p, _ := db.XPending("s", "g"); p.Count != 1 || p.First != sid(t, "6") {
		t.Errorf("pending %+v", p)
	}
}

func TestConsumeEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*larder.DB) error
		want error
	}{
		{"no group", nil, larder.ErrNoGroup},
		{"group destroyed", func(db *larder.DB) error { _, err := db.XGroupDestroy("s", "g"); return err }, larder.ErrNoGroup},
		{"stream deleted", func(db *larder.DB) error { _, err := db.Del("s"); return err }, larder.ErrUnblocked},
		{"closed", (*larder.DB).Close, larder.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := larder.Open(larder.Options{}) // without a mirror: it may be closed
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if tt.do != nil {
				group(t, db, "s", "g")
				go func() {
					waitBlocked(t, db, 1)
					if err := tt.do(db); err != nil {
						t.Error(err)
					}
				}()
			}
			n := 0
			for _, err := range db.Consume(context.Background(), larder.ConsumeArgs{Stream: "s", Group: "g", Consumer: "c"}) {
				if n++; n > 1 || !errors.Is(err, tt.want) {
					t.Errorf("%d: %v, want %v", n, err, tt.want)
				}
			}
		})
	}
	db := open(t, larder.Options{})
	for _, a := range []larder.ConsumeArgs{
		{Stream: "s", Count: -1},
		{Stream: "s", Ack: true},
		{Stream: "s", Consumer: "c"},
		{Stream: "s", Group: "g", Ack: true, NoAck: true},
		{Stream: "s", Group: "g", New: true},
		{Stream: "s", New: true, After: larder.StreamID{Ms: 1}},
	} {
		for _, err := range db.Consume(t.Context(), a) {
			if err != larder.ErrSyntax {
				t.Errorf("Consume(%+v): %v", a, err)
			}
		}
	}
}
