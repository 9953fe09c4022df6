package larder_test

import (
	"strconv"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// large are values of many elements, as the words that build them.
var large = []struct {
	name string
	n    int
	add  func(i int) []string
}{
	{"stream of 3 fields", 20_000, func(i int) []string {
		return []string{"XADD", "k", "1700000000" + strconv.Itoa(100_000+i) + "-0", "sku", "4711-blue", "count", "2", "customer", "anna@example.org"}
	}},
}

// TestMemoryUsage: MEMORY USAGE of a large value is no more than a redis-server's,
// it is what the engine counts, and it goes with the value.
func TestMemoryUsage(t *testing.T) {
	server := redistest.Start(t)
	for _, l := range large {
		t.Run(l.name, func(t *testing.T) {
			server.Reset(t)
			theirs := server.NewClient(t, 2)
			db := open(t, larder.Options{})
			empty := larder.Used(db)
			for i := range l.n {
				words := l.add(i)
				theirs.Do(words...)
				if _, err := db.Do(words...); err != nil {
					t.Fatal(err)
				}
			}
			v, err := db.Do("MEMORY", "USAGE", "k", "SAMPLES", "0")
			if err != nil {
				t.Fatal(err)
			}
			ours, redis := v.(int64), theirs.Do("MEMORY", "USAGE", "k", "SAMPLES", "0").Int
			t.Logf("%.1f bytes an element, redis-server %.1f", float64(ours)/float64(l.n), float64(redis)/float64(l.n))
			if ours > redis {
				t.Errorf("MEMORY USAGE = %d, redis-server says %d", ours, redis)
			}
			if used := larder.Used(db) - empty; used < ours*95/100 || used > ours*105/100 {
				t.Errorf("MEMORY USAGE = %d, but %d bytes more are in use", ours, used)
			}
			db.Del("k")
			if left := larder.Used(db) - empty; left > 10_000 {
				t.Errorf("%d bytes are left in use", left)
			}
		})
	}
}
