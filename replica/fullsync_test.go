package replica_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
)

// A full synchronization holds up no write, however slowly the replica takes it and
// however much there is: the snapshot is made without a look at the data, and what a
// write copies because of it is the part that it changes, and the index of a collection's
// parts, which is a 200th of it.
func TestFullSyncHoldsNobodyUp(t *testing.T) {
	const most = 256 << 10 // of the megabytes that each collection has; new keys take a chunk of 64 KB of it
	few, many := fullSyncCost(t, 10_000), fullSyncCost(t, 200_000)
	t.Logf("10,000 of everything: %+v", few)
	t.Logf("200,000 of everything: %+v", many)
	if few.snapshot != many.snapshot {
		t.Errorf("a snapshot takes %v allocations, and of twenty times as much %v", few.snapshot, many.snapshot)
	}
	for name, n := range many.writes {
		if n > most {
			t.Errorf("a %s allocates %d bytes, more than %d", name, n, most)
		}
	}
}

// A syncCost is what a full synchronization costs others.
type syncCost struct {
	snapshot float64           // allocations that make the snapshot
	writes   map[string]uint64 // bytes that the one of a kind has allocated that allocates most
}

func fullSyncCost(t *testing.T, size int) (cost syncCost) {
	inBubble(t, func(t *testing.T) {
		db, srv := serveInMemory(t, "rdbcompression", "no")
		e := bridge.Server(db).Engine()
		number := func(i int) string { return fmt.Sprintf("%08d", i) }
		writes := map[string]func(i int) error{
			"SET":   func(i int) error { return db.Set("k"+number(i), strings.Repeat("v", 50)) },
			"RPUSH": func(i int) error { _, err := db.RPush("list", number(i)); return err },
			"HSET":  func(i int) error { _, err := db.HSet("hash", number(i), "v"); return err },
			"SADD":  func(i int) error { _, err := db.SAdd("set", number(i)); return err },
			"ZADD": func(i int) error {
				_, err := db.ZAdd("zset", larder.Z{Member: number(i), Score: float64(i)})
				return err
			},
			"XADD": func(i int) error {
				_, err := db.XAdd(larder.XAddArgs{Stream: "stream", Fields: []string{"f", number(i)}})
				return err
			},
		}
		for name, add := range writes {
			for i := range size {
				if err := add(i); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
		cost.snapshot = testing.AllocsPerRun(5, func() { db.Snapshot().Close() })

		r := askForAll(t, srv)
		if _, err := r.r.Peek(len("+OK\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it takes nothing behind that
		if e.Snapshots() != 1 {
			t.Fatalf("%d snapshots are open", e.Snapshots())
		}
		start := time.Now()
		cost.writes = map[string]uint64{}
		var before, after runtime.MemStats
		for round := range 20 {
			for name, write := range writes {
				runtime.ReadMemStats(&before)
				err := write(size + round - round%2*size/2) // something new, and something that is there
				runtime.ReadMemStats(&after)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				cost.writes[name] = max(cost.writes[name], after.TotalAlloc-before.TotalAlloc)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the writes have waited for %v", took)
		}
		if e.Snapshots() != 1 {
			t.Errorf("%d snapshots are open: it was not under way any more", e.Snapshots())
		}
		r.dataset(t)
	})
	return cost
}
