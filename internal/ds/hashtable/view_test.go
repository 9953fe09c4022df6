package hashtable

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/chunk"
)

func newTable(t testing.TB) *Table {
	src := new(chunk.Source)
	tb := New(src, maphash.MakeSeed(), 0)
	t.Cleanup(func() {
		tb.Drop()
		src.Close()
	})
	return tb
}

// put and drop are SET and DEL without a thought for undo.
func (t *Table) put(k, v string, expireAt int64) Handle {
	hash := t.hash(k)
	old := t.Find(hash, k)
	if old != 0 && t.Overwrite(old, v, 0, expireAt) {
		return old
	}
	h := t.New(k, v, 0, expireAt, 0)
	t.Publish(hash, old, h)
	if old != 0 {
		t.Retire(old)
	}
	return h
}

func (t *Table) drop(k string) {
	hash := t.hash(k)
	if h := t.Find(hash, k); h != 0 {
		t.Publish(hash, h, 0)
		t.Retire(h)
	}
}

// Spread counts each entry once, and each home bucket, as the table grows and shrinks.
func TestSpread(t *testing.T) {
	tb := newTable(t)
	check := func(n, odd int) {
		t.Helper()
		for want, spread := range map[int][]int{
			n:   tb.Spread(func(Handle) bool { return true }),
			odd: tb.Spread(func(h Handle) bool { return tb.ExpireAt(h) != 0 }),
		} {
			entries, homes := 0, 0
			for in, buckets := range spread {
				entries += in * buckets
				homes += buckets
			}
			if entries != want || homes != tb.segments*buckets || spread[len(spread)-1] == 0 {
				t.Errorf("of %d entries in %d segments %v is told", want, tb.segments, spread)
			}
		}
	}
	check(0, 0)
	for i := range 5000 {
		tb.put(strconv.Itoa(i), "x", int64(i%2))
		if i == 0 || i == 150 || i == 1000 {
			check(i+1, (i+1)/2)
		}
	}
	check(5000, 2500)
	for i := range 4900 {
		tb.drop(strconv.Itoa(i))
		tb.Compact()
	}
	check(100, 50)
}

// A key that is there throughout is met exactly once, while others come and go in
// such numbers that segments split and merge.
func TestScan(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := newWorld(t, uint8(seed%3), 1, r.IntN)
		put := func(k string) {
			_, tb := w.hash(k)
			tb.put(k, "x", 0)
			tb.Compact()
		}
		for i := range 500 {
			put(fmt.Sprint("stay", i))
		}
		if seed%2 == 1 {
			for i := range 30000 {
				put(fmt.Sprint("new", i))
			}
		}
		seen := map[string]int{}
		steps, i := 0, 0
		for cursor := uint64(0); ; {
			tb := w.tables[cursor<<16>>(63-w.skip)>>1]
			next := tb.Step(cursor, func(h Handle) { seen[strings.Clone(tb.Key(h))]++ })
			if next == 0 {
				break
			}
			if next <= cursor || next >= 1<<48 {
				t.Fatalf("Step(%x) = %x", cursor, next)
			}
			cursor = next
			steps++
			for n := r.IntN(200); n > 0; n-- {
				if k := fmt.Sprint("new", i%30000); seed%2 == 0 {
					put(k)
				} else {
					_, tb := w.hash(k)
					tb.drop(k)
					tb.Compact()
				}
				i++
			}
		}
		for i := range 500 {
			if k := fmt.Sprint("stay", i); seen[k] != 1 {
				t.Fatalf("%s was met %d times", k, seen[k])
			}
		}
		for k, n := range seen {
			if n > 1 && seed%2 == 1 { // the others of these runs were never made again
				t.Fatalf("%s was met %d times", k, n)
			}
		}
		for _, tb := range w.tables {
			tb.verify(t)
		}
		t.Log(steps, "steps,", len(seen), "keys")
	}
}

// The directory grows and shrinks with the table.
func TestDirectoryShrinks(t *testing.T) {
	tb := newTable(t)
	const n = 50_000
	for i := range n {
		tb.put(fmt.Sprint(i), "x", 0)
	}
	most := len(tb.dir)
	for i := range n - 100 {
		tb.drop(fmt.Sprint(i))
		tb.Compact()
	}
	tb.verify(t)
	if most < n/splitAt || len(tb.dir) > 8 {
		t.Errorf("the directory had %d slots for %d entries, and has %d for 100", most, n, len(tb.dir))
	}
	for tb.Compact() {
	}
	if tb.chunks > 8 {
		t.Errorf("%d chunks for 100 entries", tb.chunks)
	}
}

// Each entry is as likely as any other, in tables of all shapes.
func TestRandom(t *testing.T) {
	for _, n := range []int{1, 2, 30, 400, 6000} {
		for _, gone := range []int{0, 2, 30} { // one in gone stays
			if n < gone {
				continue
			}
			r := rand.New(rand.NewPCG(uint64(n), uint64(gone)))
			tb := newTable(t)
			for i := range n {
				tb.put(fmt.Sprint(i), "x", 0)
			}
			for i := range n {
				if gone != 0 && i%gone != 0 {
					tb.drop(fmt.Sprint(i))
				}
			}
			count := map[Handle]int{}
			const each = 50
			for range each * tb.Len() {
				h := tb.Random(r.Uint64)
				if h == 0 || !tb.holds(h) {
					t.Fatalf("Random() = %x of %d entries", h, tb.Len())
				}
				count[h]++
			}
			chi := 0.0
			for h := range tb.All() {
				d := float64(count[h] - each)
				chi += d * d / each
			}
			df := float64(tb.Len() - 1)
			if limit := df + 5*math.Sqrt(2*df) + 1; chi > limit {
				t.Errorf("%d of %d entries: chi-square %.0f, want below %.0f", tb.Len(), n, chi, limit)
			}
		}
	}
	if h := newTable(t).Random(rand.Uint64); h != 0 {
		t.Errorf("Random of an empty table = %x, want 0", h)
	}
}

// Where Random gives up drawing it still chooses evenly.
func TestRandomCounts(t *testing.T) {
	tb := newTable(t)
	const n, each = 1000, 50
	for i := range n {
		tb.put(fmt.Sprint(i), "x", 0)
	}
	// A number that draws a place of the first segment which is empty.
	empty := uint64(0)
	for p := range uint64(segmentOf) {
		if tb.dir[0].seg[p/places].slot[p%places] == 0 {
			q, _ := bits.Div64(p, 0, segmentOf)
			empty = q + 1
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	count := map[Handle]int{}
	for range n * each {
		calls := 0
		count[tb.Random(func() uint64 {
			switch calls++; {
			case calls > 2*randomTries:
				return r.Uint64()
			case calls%2 == 0:
				return empty
			}
			return 0
		})]++
	}
	chi := 0.0
	for h := range tb.All() {
		d := float64(count[h] - each)
		chi += d * d / each
	}
	if df := float64(n - 1); chi > df+5*math.Sqrt(2*df) {
		t.Errorf("chi-square %.0f for %d entries", chi, n)
	}
}

func TestRandomExpiring(t *testing.T) {
	tb := newTable(t)
	r := rand.New(rand.NewPCG(1, 1))
	if h := tb.RandomExpiring(r.Uint64); h != 0 {
		t.Errorf("RandomExpiring of an empty table = %x, want 0", h)
	}
	for i := range 10_000 {
		tb.put(fmt.Sprint(i), "x", 0)
	}
	for _, n := range []int{1, 10, 100, 5000} {
		for i := range n {
			tb.put(fmt.Sprint(i), "x", 1_700_000_000_000+int64(i)*5000)
		}
		seen := map[Handle]bool{}
		for range 20 * n {
			h := tb.RandomExpiring(r.Uint64)
			if h == 0 || tb.ExpireAt(h) == 0 {
				t.Fatalf("RandomExpiring() = %x among %d", h, n)
			}
			seen[h] = true
		}
		if len(seen) < n*9/10 {
			t.Errorf("RandomExpiring drew %d of %d", len(seen), n)
		}
	}
	for i := range 5000 {
		if i != 4321 {
			tb.put(fmt.Sprint(i), "x", 0)
		}
	}
	for range 10 {
		if h := tb.RandomExpiring(r.Uint64); h == 0 || tb.Key(h) != "4321" {
			t.Fatalf("RandomExpiring() = %x, want the only one", h)
		}
	}
}

func TestAllStops(t *testing.T) {
	tb := newTable(t)
	for i := range 1000 {
		tb.put(fmt.Sprint(i), "x", 0)
	}
	n := 0
	for range tb.All() {
		if n++; n == 300 {
			break
		}
	}
	if n != 300 {
		t.Errorf("All went on to %d after a break at 300", n)
	}
}
