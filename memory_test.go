package larder_test

import (
	"fmt"
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
	{"set of strings", 20_000, func(i int) []string { return []string{"SADD", "k", fmt.Sprintf("member:%09d", i)} }},
	{"set of long strings", 1000, func(i int) []string { return []string{"SADD", "k", fmt.Sprintf("%0100d", i) + "x"} }},
	{"sorted set of long strings", 1000, func(i int) []string { return []string{"ZADD", "k", strconv.Itoa(i), fmt.Sprintf("%0100d", i)} }},
	{"hash of long strings", 1000, func(i int) []string { return []string{"HSET", "k", strconv.Itoa(i), fmt.Sprintf("%0100d", i)} }},
}

// few are collections of few or many long elements.
var few = []int{1, 10, 17, 33, 64, 65, 129, 1000}

// TestMemoryOfLongElements: however few elements a collection has, and be each of them
// too long for Redis's listpacks, it takes no more than in a redis-server.
func TestMemoryOfLongElements(t *testing.T) {
	server := redistest.Start(t)
	theirs := server.NewClient(t, 2)
	defer theirs.Close()
	db := open(t, larder.Options{})
	long := func(i int) string { return fmt.Sprintf("%0100d", i) }
	for name, add := range map[string]func(key string, i int) []string{
		"set":        func(key string, i int) []string { return []string{"SADD", key, long(i) + "x"} },
		"sorted set": func(key string, i int) []string { return []string{"ZADD", key, strconv.Itoa(i), long(i)} },
		"hash":       func(key string, i int) []string { return []string{"HSET", key, strconv.Itoa(i), long(i)} },
	} {
		for _, n := range few {
			key := fmt.Sprint(name, n)
			for i := range n {
				words := add(key, i)
				theirs.Do(words...)
				if _, err := db.Do(words...); err != nil {
					t.Fatal(err)
				}
			}
			usage, err := db.Do("MEMORY", "USAGE", key, "SAMPLES", "0")
			if err != nil {
				t.Fatal(err)
			}
			ours, redis := usage.(int64), theirs.Do("MEMORY", "USAGE", key, "SAMPLES", "0").Int
			t.Logf("%s of %d: %d bytes, redis-server %d", name, n, ours, redis)
			if ours > redis {
				t.Errorf("a %s of %d takes %d bytes, in a redis-server %d", name, n, ours, redis)
			}
			want := theirs.Do("OBJECT", "ENCODING", key).Str
			if got, _ := db.ObjectEncoding(key); got != want {
				t.Errorf("a %s of %d is a %s, in a redis-server a %s", name, n, got, want)
			}
		}
	}
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
