package hashtable

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func (t *Table) close(f *Frozen) {
	for t.Thaw(f, 64) {
	}
}

// With a snapshot held, and with short ones opened and closed meanwhile, 20 times
// overwriting everything keeps at most the data and the free space at the opening.
func TestRetained(t *testing.T) {
	const keys = 40000
	for _, short := range []bool{false, true} {
		tb := newTable(t)
		r := rand.New(rand.NewPCG(3, 3))
		set := func(round int, short bool) {
			for i := range keys {
				tb.put(fmt.Sprintf("key:%08d", i), fmt.Sprintf("%d:%s", round, strings.Repeat("v", r.IntN(60))), 0)
				tb.Compact()
				if short && i%(keys/2) == 7 {
					f := tb.Freeze()
					if i > keys/2 {
						tb.close(f)
					} else {
						defer tb.close(f)
					}
				}
			}
		}
		set(0, false)
		before := tb.space * granule
		index := tb.segments*segmentSize + len(tb.dir)*dirSlotSize
		long := tb.Freeze()
		for round := range 20 {
			set(round+1, short)
		}
		retained, after := long.Retained(), tb.space*granule
		n := 0
		for h := range long.All() {
			if n++; long.Bytes(h)[:2] != "0:" {
				t.Fatalf("%s = %s", long.Key(h), long.Bytes(h))
			}
		}
		if n != keys || long.Len() != keys || retained > before+2*index {
			t.Fatalf("%d keys, retained %d bytes of %d", n, retained, before)
		}
		if tb.Retained() < retained {
			t.Errorf("the table counts %d bytes retained, the snapshot %d", tb.Retained(), retained)
		}
		if after > 3*before+before/2 {
			t.Fatalf("chunks: %d bytes before, %d after", before, after)
		}
		tb.close(long)
		for range 2 {
			set(99, false)
		}
		tb.verify(t)
		t.Logf("short %v: chunks of %d KB at the opening, %d after 20 rounds, %d after closing; retained %d KB",
			short, before>>10, after>>10, tb.space*granule>>10, retained>>10)
	}
}

// Readers of snapshots beside writers, for the race detector. A snapshot must hold
// one instant: what a walk and a lookup find may not differ, nor change.
func TestConcurrent(t *testing.T) {
	tb := newTable(t)
	var mu sync.RWMutex
	var stop atomic.Bool
	var writers, readers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 4))
			for i := 0; !stop.Load(); i++ {
				k := fmt.Sprintf("w%d-%d", w, r.IntN(2000))
				hash := tb.hash(k)
				mu.Lock()
				h := tb.Find(hash, k)
				switch r.IntN(5) {
				case 0:
					tb.drop(k)
				case 1:
					if o, ok := h, h != 0 && tb.Object(h) != nil; ok && tb.Young(o) {
						tb.Object(h).(*thing).val = k + fmt.Sprint(i)
					} else {
						n := tb.NewObject(k, &thing{k + fmt.Sprint(i)}, 9, 0, 0, 0)
						tb.Publish(hash, h, n)
						if h != 0 {
							tb.Retire(h)
						}
					}
				default:
					tb.put(k, k+strings.Repeat("x", r.IntN(3000)>>r.IntN(12)), 0)
				}
				tb.Compact()
				mu.Unlock()
				k = fmt.Sprintf("w%d-%d", r.IntN(3), r.IntN(2000))
				hash = tb.hash(k)
				mu.RLock()
				if h := tb.Find(hash, k); h != 0 {
					tb.SetClock(h, tb.Clock(h)+1)
				}
				mu.RUnlock()
			}
		})
	}
	contents := func(f *Frozen, h Handle) string {
		if o, ok := f.Object(h).(*thing); ok {
			return o.val
		}
		return f.Bytes(h)
	}
	for g := range 3 {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 5))
			for range 100 {
				mu.Lock()
				f := tb.Freeze()
				mu.Unlock()
				first := map[string]string{}
				for h := range f.All() {
					k := strings.Clone(f.Key(h))
					first[k] = strings.Clone(contents(f, h))
					if !strings.HasPrefix(first[k], k) {
						t.Errorf("%q = %.20q", k, first[k])
					}
				}
				if len(first) != f.Len() {
					t.Errorf("All yields %d entries, want %d", len(first), f.Len())
				}
				for range r.IntN(3) {
					for k, v := range first {
						if h := f.Find(tb.hash(k), k); h == 0 || contents(f, h) != v {
							t.Errorf("%q changed", k)
						}
					}
				}
				for more := true; more; {
					mu.Lock()
					more = tb.Thaw(f, 100)
					mu.Unlock()
				}
			}
		})
	}
	readers.Wait()
	stop.Store(true)
	writers.Wait()
	tb.verify(t)
}

// A table that was dropped gives its chunks back when nobody can read them any
// more, a few at a time.
func TestDrop(t *testing.T) {
	fill := func() (*world, *Table) {
		w := newWorld(t, 0, 1, rand.New(rand.NewPCG(1, 8)).IntN)
		for i := range 20_000 {
			k := key(i)
			is := item{val: w.value(), expireAt: w.expireAt()}
			w.replace(k, w.tables[0].New(k, is.val, 0, is.expireAt, 0), is)
			w.end(true)
		}
		return w, w.tables[0]
	}
	_, tb := fill()
	tb.Drop()
	tb.Drop()
	if tb.chunks != 0 || tb.space != 0 || tb.Memory() != 0 || tb.Retained() != 0 {
		t.Errorf("after Drop: %d chunks, %d bytes, %d retained", tb.chunks, tb.Memory(), tb.Retained())
	}

	w, tb := fill()
	w.freeze()
	for i := range 5000 {
		w.replace(key(i), 0, item{})
		w.end(true)
	}
	w.freeze()
	w.freeze()
	memory, retained, chunks := tb.Memory(), tb.Retained(), tb.chunks
	w.closed = append(w.closed, w.open[1]) // one is being thawed
	w.open = append(w.open[:1], w.open[2])
	w.thawStep(1)
	tb.Drop()
	if tb.chunks != chunks || tb.Memory() != 0 || tb.Retained() != memory+retained {
		t.Errorf("Drop with snapshots: %d chunks, %d bytes, %d retained; want %d, 0, %d",
			tb.chunks, tb.Memory(), tb.Retained(), chunks, memory+retained)
	}
	for len(w.closed) > 0 {
		w.thawStep(10)
	}
	for _, o := range w.open {
		w.check(o.views(), o.want)
	}
	w.thaw()
	for len(w.closed) > 0 {
		w.thawStep(10)
	}
	w.check(w.open[0].views(), w.open[0].want)
	if tb.chunks != chunks {
		t.Errorf("%d chunks while a snapshot is open, want %d", tb.chunks, chunks)
	}
	w.thaw()
	calls := 0
	for ; len(w.closed) > 0; calls++ {
		w.thawStep(10)
	}
	if tb.chunks != 0 || tb.Retained() != 0 || calls < chunks/10 {
		t.Errorf("after the last Thaw: %d chunks, %d retained, in %d calls", tb.chunks, tb.Retained(), calls)
	}
	w.src.Close()
}

// What a snapshot keeps of the index goes to the next older one that sees it.
func TestRetainedIndex(t *testing.T) {
	tb := newTable(t)
	tb.put("k", "v", 0)
	a, b := tb.Freeze(), tb.Freeze()
	h := tb.put("k", "w", 0)
	all := b.Retained()
	if want := segmentSize + dirSlotSize + int(tb.at(h).size)*granule + gravesSize; all != want || a.Retained() != 0 {
		t.Errorf("the newer snapshot retains %d bytes, the older %d; want %d, 0", all, a.Retained(), want)
	}
	c := tb.Freeze()
	tb.put("k", "x", 0)
	tb.close(c) // nobody else sees what it saw
	if tb.Retained() != all {
		t.Errorf("after the newest is thawed %d bytes are retained, want %d", tb.Retained(), all)
	}
	tb.close(b)
	if a.Retained() != all || tb.Retained() != all {
		t.Errorf("the heir retains %d bytes, the table %d; want %d", a.Retained(), tb.Retained(), all)
	}
	tb.close(a)
	if tb.Retained() != 0 {
		t.Errorf("%d bytes are retained by nobody", tb.Retained())
	}
	tb.verify(t)
}

// What is made after an opening is young, unless it takes a free slot, even where
// the tail of an old chunk was in use.
func TestYoungAfterFreeze(t *testing.T) {
	tb := newTable(t)
	n := 0
	put := func() Handle {
		n++
		return tb.put(fmt.Sprintf("key:%06d", n), "a value that is no remainder of a chunk", 0)
	}
	put()
	for range 3 {
		f := tb.Freeze()
		if h := put(); !tb.Young(h) {
			t.Error("an entry made after the opening is not young")
		}
		tb.close(f)
	}
	for !tb.resumed {
		put()
	}
	if h := put(); !tb.Young(h) {
		t.Error("without snapshots an entry is not young")
	}
	f := tb.Freeze()
	if h := put(); !tb.Young(h) {
		t.Error("an entry made after the opening is in a resumed tail, and not young")
	}
	tb.close(f)
	tb.verify(t)
}

// A drain that a snapshot finds under way goes no further, and is taken back.
func TestDrainUnderSnapshot(t *testing.T) {
	tb := newTable(t)
	want := map[string]string{}
	for i := range 20_000 {
		k := fmt.Sprintf("key:%06d", i)
		tb.put(k, "value of "+k, 0)
		want[k] = "value of " + k
	}
	for k := range want {
		if len(want) > 7000 {
			tb.drop(k)
			delete(want, k)
		}
	}
	for range 1000 {
		if tb.Compact(); tb.draining != 0 && tb.drainPos > chunkGranules/2 {
			break
		}
	}
	if tb.draining == 0 {
		t.Fatal("nothing drains")
	}
	f := tb.Freeze()
	i := 0
	for k := range want { // frees in front of the walk and behind it
		if i++; i%3 == 0 {
			tb.put(k, "another value of "+k, 0)
		}
	}
	tb.Compact()
	if !tb.retreating {
		t.Error("the drain goes on")
	}
	for range 2000 {
		tb.Compact()
	}
	tb.verify(t)
	if tb.draining != 0 {
		t.Error("the drain never ends")
	}
	n := 0
	for h := range f.All() {
		n++
		if k := f.Key(h); f.Bytes(h) != want[k] {
			t.Fatalf("%q = %q, want %q", k, f.Bytes(h), want[k])
		}
		if tb.Young(h) {
			t.Fatalf("an entry that a snapshot sees is young")
		}
	}
	if n != len(want) {
		t.Errorf("%d entries, want %d", n, len(want))
	}
	tb.close(f)
	for range 20_000 {
		tb.Compact()
	}
	tb.verify(t)
}
