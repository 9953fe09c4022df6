package hashtable

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/chunk"
)

// What expires inside entries is reported within a second of its time, however often
// that time is moved, beside the entries' own; and the records of the past are
// dropped, without an end of rebuilding.
func TestInside(t *testing.T) {
	src := new(chunk.Source)
	defer src.Close()
	seed := maphash.MakeSeed()
	tab := New(src, seed, 6)
	inner := map[string]int64{} // when something inside expires; the entry stays then
	tab.Inside(func(h Handle) int64 { return inner[tab.Key(h)] })
	r := rand.New(rand.NewPCG(1, 2))
	now := int64(1_000_000)
	const keys = 3000
	reported, ending := map[string]int{}, false
	due := func() {
		for steps := 0; tab.NextDue() != 0 && tab.NextDue() <= now; steps++ {
			if steps > 10*keys {
				t.Fatalf("Due has no end: %d records, %d rebuilt", tab.wheel.n, tab.rebuilt)
			}
			tab.Due(now, 16, func(h Handle) {
				key := strings.Clone(tab.Key(h))
				hash := tab.Hash(key)
				if x := tab.ExpireAt(h); x != 0 && x <= now {
					tab.Publish(hash, h, 0)
					tab.Retire(h)
					delete(inner, key)
					return
				}
				if at := inner[key]; at == 0 || at > now {
					t.Fatalf("%s is reported at %d, and due at %d", key, now, at)
				}
				reported[key]++
				inner[key] = 0
				if !ending && r.IntN(2) == 0 { // another thing inside expires later
					inner[key] = now + int64(r.IntN(20_000)) + 1
				}
			})
		}
	}
	for range 60_000 {
		key := fmt.Sprint("key", r.IntN(keys))
		hash := tab.Hash(key)
		h := tab.Find(hash, key)
		switch {
		case h == 0:
			at := int64(0)
			if r.IntN(4) == 0 {
				at = now + int64(r.IntN(30_000))
			}
			tab.Publish(hash, 0, tab.New(key, "value", 1, at, 0))
			inner[key] = 0
		case r.IntN(10) == 0:
			tab.Publish(hash, h, 0)
			tab.Retire(h)
			delete(inner, key)
		default:
			was := inner[key]
			inner[key] = now + int64(r.IntN(30_000))
			if r.IntN(5) == 0 {
				inner[key] = 0
			}
			tab.Expect(hash, was, inner[key])
		}
		if r.IntN(4) == 0 {
			now += int64(r.IntN(20))
			due()
		}
		tab.Compact()
	}
	if len(reported) < keys/2 {
		t.Errorf("%d keys were reported", len(reported))
	}
	ending = true
	for range 40 {
		now += 1000
		due()
		for key, at := range inner {
			if at != 0 && at < now-1000 {
				t.Fatalf("%s, due at %d, was not reported by %d", key, at, now)
			}
		}
	}
	if tab.wheel.n != 0 || tab.NextDue() != 0 {
		t.Errorf("%d records are left", tab.wheel.n)
	}
}

// Entries of which something inside expires, and nothing else does, are all on
// record, and that is no reason to rebuild again and again.
func TestInsideOnly(t *testing.T) {
	src := new(chunk.Source)
	defer src.Close()
	tab := New(src, maphash.MakeSeed(), 6)
	const n = 20_000
	tab.Inside(func(Handle) int64 { return 5_000_000 })
	for i := range n {
		key := fmt.Sprint("key", i)
		tab.Publish(tab.Hash(key), 0, tab.New(key, "v", 1, 0, 0))
		tab.Expect(tab.Hash(key), 0, 5_000_000)
	}
	calls := 0
	for ; tab.NextDue() == soon; calls++ {
		tab.Due(1_000_000, 64, func(Handle) { t.Fatal("something is due") })
		if calls > n {
			t.Fatal("the rebuild has no end")
		}
	}
	if next := tab.NextDue(); tab.wheel.n != n || next <= 1_000_000 || next > 5_000_000 {
		t.Errorf("%d records, due %d", tab.wheel.n, next)
	}
}

// A table without deadlines keeps no records, and its clones do not either.
func TestNoDeadlines(t *testing.T) {
	tab := NewCollection()
	tab.NoDeadlines()
	for i := range 100 {
		key := fmt.Sprint(i)
		tab.Publish(tab.Hash(key), 0, tab.New(key, "v", 0, 1000, 0))
	}
	c := tab.Clone()
	c.SetExpireAt(c.Find(c.Hash("1"), "1"), 500)
	c.Publish(c.Hash("new"), 0, c.New("new", "v", 0, 1000, 0))
	for _, tab := range []*Table{tab, c} {
		if tab.NextDue() != 0 || tab.Expiring() < 100 || tab.wheel != nil {
			t.Errorf("NextDue = %d of %d", tab.NextDue(), tab.Expiring())
		}
	}
}
