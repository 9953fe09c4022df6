package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/larderdb/larder"
)

type pausesArgs struct {
	Keys       int
	Overwrites int // of every key, under the snapshot that is held
}

// A pause is what the slowest of many calls took.
type pause struct {
	N        uint64
	P50      time.Duration
	P999     time.Duration
	Max      time.Duration
	MaxCPU   time.Duration // of the thread, in the call that used most
	Baseline time.Duration // the longest between two looks at the clock with nothing in between
}

type pausesFigures struct {
	Load, Alone, Walked pause
	Walk                time.Duration // of the snapshot, under the writes
	Open                time.Duration
	Data                float64 // RSS of the data when the snapshot opened
	Retained            float64 // as the snapshot says, after the overwrites
	RSSGrowth           float64 // the same, as the system sees it
	GoGrowth            float64 // what of that the runtime's bookkeeping of its heap is
	AfterClose          float64 // growth that is left when the snapshot is closed
}

// timed calls f n times, or until f says that it is done, and takes the time
// of each.
func timed(n int, f func(i int) bool) pause {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	h := new(histogram)
	var maxCPU time.Duration
	c0 := threadCPU()
	for i := range n {
		t0 := time.Now()
		more := f(i)
		h.add(time.Since(t0))
		c1 := threadCPU()
		maxCPU = max(maxCPU, c1-c0)
		c0 = c1
		if !more {
			break
		}
	}
	p := pause{N: h.n, P50: h.quantile(0.5), P999: h.quantile(0.999), Max: h.max, MaxCPU: maxCPU}
	h = new(histogram)
	end := time.Now().Add(300 * time.Millisecond)
	for t0 := time.Now(); t0.Before(end); {
		t1 := time.Now()
		h.add(t1.Sub(t0))
		t0 = t1
	}
	p.Baseline = h.max
	return p
}

// measurePauses loads keys one by one, overwrites some, overwrites more while
// a snapshot is walked, and everything several times while one is held.
func measurePauses(a pausesArgs) (f pausesFigures, err error) {
	k := makeKeys(a.Keys)
	db, err := larder.Open(larder.Options{})
	if err != nil {
		return f, err
	}
	base := ownRSS()
	v := value(1, valueLen)
	f.Load = timed(k.n, func(i int) bool {
		must(db.Set(k.at(k.loaded(i)), v))
		return true
	})
	r := rand.New(rand.NewPCG(5, 6))
	f.Alone = timed(min(k.n, 1_000_000), func(int) bool {
		must(db.Set(k.at(r.IntN(k.n)), v))
		return true
	})

	f.Data = ownRSS() - base
	own := goOwn()
	t0 := time.Now()
	snap := db.Snapshot()
	f.Open = time.Since(t0)
	done := make(chan error, 1)
	go func() {
		n := 0
		for range snap.All() {
			n++
		}
		f.Walk = time.Since(t0)
		if n != k.n {
			done <- fmt.Errorf("a snapshot of %d keys showed %d: %v", k.n, n, snap.Err())
			return
		}
		done <- nil
	}()
	f.Walked = timed(1<<31-1, func(i int) bool {
		must(db.Set(k.at(r.IntN(k.n)), v))
		return i%64 != 0 || len(done) == 0
	})
	if err := <-done; err != nil {
		return f, err
	}
	for range a.Overwrites {
		for i := range k.n {
			must(db.Set(k.at(i), v))
		}
	}
	f.Retained = float64(snap.Retained())
	f.RSSGrowth = ownRSS() - base - f.Data
	f.GoGrowth = goOwn() - own
	snap.Close()
	f.AfterClose = ownRSS() - base - f.Data
	for i := range k.n { // closing is done; what it freed is used again
		must(db.Set(k.at(i), v))
	}
	f.AfterClose = min(f.AfterClose, ownRSS()-base-f.Data)
	return f, db.Close()
}

// goOwn is the memory that the runtime has to keep account of its heap. It has what the
// largest heap took, and gives nothing back.
func goOwn() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.MSpanSys + m.MCacheSys + m.GCSys + m.OtherSys)
}

func pauses(sc scale, w *report) error {
	w.title("Pauses")
	f, err := inChild[pausesFigures]("pauses", 2, pausesArgs{Keys: sc.huge, Overwrites: 4})
	if err != nil {
		return err
	}
	w.para("Wall time of single Sets. The machine's own is the longest gap between two looks at the clock within 0.3 s afterwards: what is not much longer than it says little. Most CPU is what the thread itself used in the most expensive Set.")
	row := func(name string, p pause) []string {
		us := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1e3) }
		return []string{name, fmt.Sprint(p.N), us(p.P50), us(p.P999), us(p.Max), us(p.Baseline), us(p.MaxCPU)}
	}
	w.table([]string{"microseconds", "Sets", "median", "99.9 %", "longest", "the machine's own", "most CPU"}, [][]string{
		row(fmt.Sprintf("loading %s keys", count(sc.huge)), f.Load),
		row("overwriting, no snapshot", f.Alone),
		row("overwriting while a snapshot is walked", f.Walked),
	})
	mb := func(b float64) string { return fmt.Sprintf("%.0f", b/(1<<20)) }
	w.para("The snapshot opened in %v and was walked in %v under those writes. Then everything was overwritten 4 times while it was held:", f.Open.Round(time.Microsecond), f.Walk.Round(time.Millisecond))
	w.table([]string{"MB", ""}, [][]string{
		{"the data when it opened (RSS)", mb(f.Data)},
		{"retained for it, as it says", bar(f.Retained/(1<<20), f.Data/(1<<20), "%.0f")},
		{"growth of RSS without the next", bar((f.RSSGrowth-f.GoGrowth)/(1<<20), f.Data/(1<<20), "%.0f")},
		{"Go's bookkeeping of its heap at its largest, with the garbage of the walk", mb(f.GoGrowth)},
		{"growth that is left when it is closed", mb(f.AfterClose)},
	})
	return nil
}
