package larder_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

// A store of keys against a map, with deletes, renames, expiry and flushes.
func TestAgainstMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		r := rand.New(rand.NewPCG(3, 4))
		type val struct {
			v  string
			at time.Time
		}
		want := map[string]val{}
		live := func(k string) (val, bool) {
			v, ok := want[k]
			if ok && !v.at.IsZero() && !v.at.After(time.Now()) {
				delete(want, k)
				return val{}, false
			}
			return v, ok
		}
		for i := range 30000 {
			k := fmt.Sprint("key", r.IntN(300))
			switch r.IntN(12) {
			case 0, 1, 2, 3:
				v := strings.Repeat("x", r.IntN(60)) + fmt.Sprint(i)
				if r.IntN(30) == 0 {
					v = strings.Repeat("long", r.IntN(2000))
				}
				a := larder.SetArgs{Key: k, Value: v}
				var at time.Time
				if r.IntN(3) == 0 {
					a.TTL = time.Duration(1+r.IntN(5000)) * time.Millisecond
					at = time.Now().Add(a.TTL)
				}
				db.SetArgs(a)
				want[k] = val{v, at}
			case 4:
				_, had := live(k)
				if n, err := db.Del(k); n != 1 == had || err != nil {
					t.Fatalf("Del(%s) = %d, %v, want %v", k, n, err, had)
				}
				delete(want, k)
			case 5:
				to := fmt.Sprint("key", r.IntN(300))
				v, ok := live(k)
				if err := db.Rename(k, to); (err == nil) != ok {
					t.Fatalf("Rename = %v, want %v", err, ok)
				}
				if ok {
					delete(want, k)
					want[to] = v
				}
			case 6:
				v, ok := live(k)
				at := time.Now().Add(time.Duration(1+r.IntN(3000)) * time.Millisecond)
				if got, err := db.ExpireAt(k, at); got != ok || err != nil {
					t.Fatalf("ExpireAt = %v, %v, want %v", got, err, ok)
				}
				if ok {
					want[k] = val{v.v, at}
				}
			case 7:
				v, ok := live(k)
				to := fmt.Sprint("key", r.IntN(300))
				if got, err := db.Copy(larder.CopyArgs{Source: k, Destination: to, Replace: true}); err == nil && got != ok {
					t.Fatalf("Copy = %v, want %v", got, ok)
				} else if err == nil && ok {
					want[to] = v
				}
			case 8:
				if r.IntN(4) == 0 {
					time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
				}
				if r.IntN(2000) == 0 {
					db.FlushAll()
					clear(want)
				}
			default:
				v, ok := live(k)
				if got, err := db.Get(k); got != v.v || (err == nil) != ok {
					t.Fatalf("%d: Get(%s) = %.20q, %v, want %.20q, %v", i, k, got, err, v.v, ok)
				}
			}
		}
		var keys, got []string
		for k := range want {
			if _, ok := live(k); ok {
				keys = append(keys, k)
			}
		}
		for k := range db.Keys("*") {
			got = append(got, k)
		}
		slices.Sort(keys)
		slices.Sort(got)
		if !slices.Equal(got, keys) {
			t.Errorf("Keys = %q, want %q", got, keys)
		}
		var scanned []string
		for k, err := range db.Scan(larder.ScanArgs{Count: 7}) {
			if err != nil {
				t.Fatal(err)
			}
			scanned = append(scanned, k)
		}
		slices.Sort(scanned)
		if !slices.Equal(scanned, keys) {
			t.Errorf("Scan = %q, want %q", scanned, keys)
		}
	})
}

// After Close every call says so, waiting ones too, and no goroutine is left.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	db, err := larder.Open(larder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		db.SetEX(fmt.Sprint(i), "v", time.Duration(1+i)*time.Millisecond)
	}
	snap := db.Snapshot()
	loading := make(chan struct{})
	waits := make(chan error)
	go func() {
		_, err := db.GetOrLoad(context.Background(), "slow", 0, func(ctx context.Context) (string, error) {
			close(loading)
			<-ctx.Done()
			return "", ctx.Err()
		})
		waits <- err
	}()
	<-loading
	for range 2 {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-waits; err != larder.ErrClosed {
		t.Errorf("GetOrLoad = %v", err)
	}
	for name, err := range map[string]error{
		"Set":    db.Set("a", "b"),
		"Get":    func() error { _, err := db.Get("a"); return err }(),
		"Update": db.Update(func(*larder.Tx) error { return nil }),
		"DB":     db.DB(1).Set("a", "b"),
	} {
		if err != larder.ErrClosed {
			t.Errorf("%s after Close = %v", name, err)
		}
	}
	if n := snap.Len(); n == 0 {
		t.Error("a snapshot taken before has nothing")
	}
	snap.Close()
	if db.Snapshot().Err() != larder.ErrClosed {
		t.Error("a snapshot taken after Close can be read")
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// Each policy evicts what it should, and no more than it must.
func TestEviction(t *testing.T) {
	for _, tt := range []struct {
		policy larder.Policy
		keeps  string // a prefix of keys of which most must stay
	}{
		{larder.AllKeysLRU, "hot:"}, {larder.AllKeysLFU, "hot:"}, {larder.AllKeysRandom, ""},
		{larder.VolatileLRU, "keep:"}, {larder.VolatileLFU, "keep:"}, {larder.VolatileRandom, "keep:"},
		{larder.VolatileTTL, "late:"},
	} {
		t.Run(tt.policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const limit = 1 << 20
				db := open(t, larder.Options{MaxMemory: limit, Policy: tt.policy})
				val := strings.Repeat("v", 100)
				var hot []string
				for i := range 500 {
					hot = append(hot, fmt.Sprint("hot:", i))
					db.Set(fmt.Sprint("keep:", i), val)
					db.SetEX(fmt.Sprint("hot:", i), val, 500*time.Hour)
					db.SetEX(fmt.Sprint("late:", i), val, 1000*time.Hour)
				}
				for i := range 20000 {
					if err := db.SetEX(fmt.Sprint("cold:", i), val, 2*time.Hour); err != nil {
						t.Fatal(err)
					}
					if i%8 == 0 {
						time.Sleep(time.Second)
						db.Touch(hot...)
					}
				}
				if n := larder.Used(db); n > limit*105/100 {
					t.Errorf("%d bytes are used, the limit is %d", n, limit)
				}
				if n, _ := db.DBSize(); n < 3000 {
					t.Errorf("only %d keys are left", n)
				}
				if tt.keeps == "" {
					return
				}
				n := 0
				for i := range 500 {
					m, _ := db.Exists(fmt.Sprint(tt.keeps, i))
					n += int(m)
				}
				if n < 450 {
					t.Errorf("%d of 500 keys %q are left", n, tt.keeps)
				}
			})
		})
	}
}

func TestOutOfMemory(t *testing.T) {
	db := open(t, larder.Options{MaxMemory: 1 << 20})
	var err error
	n := 0
	for err == nil {
		err = db.Set(fmt.Sprint("k", n), strings.Repeat("v", 1000))
		n++
	}
	if err != larder.ErrOOM || n < 100 {
		t.Errorf("Set number %d = %v", n, err)
	}
	if _, err := db.Get("k1"); err != nil {
		t.Errorf("Get = %v", err)
	}
	if err := db.Update(func(tx *larder.Tx) error { return nil }); err != larder.ErrOOM {
		t.Errorf("Update = %v", err)
	}
	if n, err := db.Del("k1", "k2", "k3"); n != 3 || err != nil {
		t.Errorf("Del = %d, %v", n, err)
	}
	if err := db.Set("k1", "v"); err != nil {
		t.Errorf("Set after Del = %v", err)
	}
	volatile := open(t, larder.Options{MaxMemory: 1 << 20, Policy: larder.VolatileTTL})
	for err = nil; err == nil; {
		err = volatile.Set(fmt.Sprint("k", n), strings.Repeat("v", 1000))
		n++
	}
	if err != larder.ErrOOM {
		t.Errorf("Set with nothing volatile = %v", err)
	}
}

func TestSnapshots(t *testing.T) {
	db := open(t, larder.Options{})
	db.Set("a", "1")
	db.DB(3).Set("b", "3")
	first := db.Snapshot()
	db.Set("a", "2")
	db.DB(3).Del("b")
	second := db.Snapshot()
	db.FlushAll()
	third := db.Snapshot()
	for _, tt := range []struct {
		snap *larder.Snapshot
		a, b string
		n    int
	}{{first, "1", "3", 1}, {second, "2", "", 1}, {third, "", "", 0}} {
		a, _ := tt.snap.Get("a")
		b, _ := tt.snap.DB(3).Get("b")
		if a != tt.a || b != tt.b || tt.snap.Len() != tt.n {
			t.Errorf("a = %q, b = %q, %d keys, want %q, %q, %d", a, b, tt.snap.Len(), tt.a, tt.b, tt.n)
		}
	}
	for range first.All() {
		first.Close() // within a loop over it
	}
	if _, err := first.Get("a"); err != larder.ErrClosed {
		t.Errorf("Get of a closed snapshot = %v", err)
	}
	second.Close()
	third.Close()

	limited := db.SnapshotArgs(larder.SnapshotArgs{MaxBytes: 1 << 20})
	val := strings.Repeat("v", 1000)
	for i := 0; i < 4000; i++ {
		db.Set(fmt.Sprint("k", i), val)
	}
	old := db.SnapshotArgs(larder.SnapshotArgs{MaxBytes: 1 << 20})
	for i := 0; old.Err() == nil && i < 4000*1000; i++ {
		db.Set(fmt.Sprint("k", i%4000), val)
	}
	if err := old.Err(); err != larder.ErrSnapshotTooOld {
		t.Errorf("a snapshot past its limit: %v", err)
	}
	if limited.Err() != nil && limited.Err() != larder.ErrSnapshotTooOld {
		t.Error(limited.Err())
	}
	limited.Close()
}

// However many callers miss a key, one load runs.
func TestGetOrLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		var loads atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				v, err := db.GetOrLoad(t.Context(), "k", time.Minute, func(context.Context) (string, error) {
					loads.Add(1)
					time.Sleep(time.Second)
					return "loaded", nil
				})
				if v != "loaded" || err != nil {
					t.Errorf("GetOrLoad = %q, %v", v, err)
				}
			})
		}
		wg.Wait()
		if n := loads.Load(); n != 1 {
			t.Errorf("%d loads", n)
		}
		if ttl, _ := db.TTL("k"); ttl != time.Minute {
			t.Errorf("TTL = %v", ttl)
		}
		boom := errors.New("boom")
		if _, err := db.GetOrLoad(t.Context(), "e", 0, func(context.Context) (string, error) { return "", boom }); err != boom {
			t.Errorf("GetOrLoad with an error = %v", err)
		}
		if _, err := db.GetOrLoad(t.Context(), "p", 0, func(context.Context) (string, error) { panic("p") }); err == nil {
			t.Error("GetOrLoad with a panic succeeds")
		}
		ctx, cancel := context.WithCancel(t.Context())
		var ended atomic.Bool
		go func() { time.Sleep(time.Second); cancel() }()
		_, err := db.GetOrLoad(ctx, "c", 0, func(ctx context.Context) (string, error) {
			<-ctx.Done()
			ended.Store(true)
			return "", ctx.Err()
		})
		synctest.Wait()
		if err != context.Canceled || !ended.Load() {
			t.Errorf("GetOrLoad cancelled = %v, the load ended: %v", err, ended.Load())
		}
		if n, _ := db.Exists("e", "p", "c"); n != 0 {
			t.Error("a load that failed was stored")
		}
	})
}

func TestTyped(t *testing.T) {
	type point struct{ X, Y int }
	db := open(t, larder.Options{})
	for _, codec := range []larder.Codec[point]{larder.JSON[point]{}, larder.Gob[point]{}} {
		db.FlushAll()
		points := larder.Typed(db, codec)
		if _, err := points.Get("p"); err != larder.ErrNil {
			t.Errorf("Get of a missing key = %v", err)
		}
		points.Set("p:1", point{1, 2}, 0)
		points.Set("p:2", point{3, 4}, time.Hour)
		boom := errors.New("boom")
		if err := points.Update("p:1", func(p point, ok bool) (point, error) { return point{9, 9}, boom }); err != boom {
			t.Errorf("Update = %v", err)
		}
		if err := points.Update("p:2", func(p point, ok bool) (point, error) { p.X++; return p, nil }); err != nil {
			t.Error(err)
		}
		if ttl, _ := db.TTL("p:2"); ttl <= 0 {
			t.Error("Update took the time of expiry away")
		}
		db.Set("p:3", "neither")
		got := map[string]point{}
		bad := 0
		for key, v := range points.All("p:*") {
			if v.Err != nil {
				bad++
			} else {
				got[key] = v.Value
			}
		}
		if want := map[string]point{"p:1": {1, 2}, "p:2": {4, 4}}; fmt.Sprint(got) != fmt.Sprint(want) || bad != 1 {
			t.Errorf("All = %v and %d bad, want %v and 1", got, bad, want)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []larder.Options{
		{Databases: -1}, {Policy: 99}, {Config: []string{"nonsense", "1"}}, {Config: []string{"maxmemory-policy", "best"}}, {MaxMemory: -5},
	} {
		if db, err := larder.Open(o); err == nil {
			db.Close()
			t.Errorf("Open(%+v) succeeds", o)
		} else if !strings.HasPrefix(err.Error(), "larder: ") {
			t.Errorf("Open(%+v) = %v", o, err)
		}
	}
	db := open(t, larder.Options{Databases: 3})
	if err := db.DB(2).Set("a", "b"); err != nil {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("DB(3) of three databases does not panic")
		}
	}()
	db.DB(3)
}
