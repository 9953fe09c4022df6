package larder_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

func TestStrings(t *testing.T) {
	db := open(t, larder.Options{})
	if _, err := db.Get("k"); err != larder.ErrNil {
		t.Errorf("Get of a missing key = %v", err)
	}
	if err := db.Set("k", "v"); err != nil {
		t.Fatal(err)
	}
	if v, err := db.GetBytes("k"); string(v) != "v" || err != nil {
		t.Errorf("GetBytes = %q, %v", v, err)
	}
	if v, err := db.GetAppend([]byte("a "), "k"); string(v) != "a v" || err != nil {
		t.Errorf("GetAppend = %q, %v", v, err)
	}
	if v, err := db.GetAppend([]byte("a "), "nothing"); string(v) != "a " || err != larder.ErrNil {
		t.Errorf("GetAppend of a missing key = %q, %v", v, err)
	}
	if old, err := db.SetGet(larder.SetArgs{Key: "k", Value: "w"}); old != "v" || err != nil {
		t.Errorf("SetGet = %q, %v", old, err)
	}
	if old, err := db.SetGet(larder.SetArgs{Key: "new", Value: "w"}); old != "" || err != larder.ErrNil {
		t.Errorf("SetGet of a missing key = %q, %v", old, err)
	}
	if v, _ := db.Get("new"); v != "w" {
		t.Errorf("SetGet of a missing key set %q", v)
	}
	if old, err := db.GetSet("k", "x"); old != "w" || err != nil {
		t.Errorf("GetSet = %q, %v", old, err)
	}
	if err := db.SetArgs(larder.SetArgs{Key: "k", Value: "y", NX: true}); err != larder.ErrNil {
		t.Errorf("SetArgs NX of an existing key = %v", err)
	}
	if err := db.SetArgs(larder.SetArgs{Key: "k", NX: true, XX: true}); err != larder.ErrSyntax {
		t.Errorf("SetArgs NX XX = %v", err)
	}
	if ok, err := db.SetNX("k", "y", 0); ok || err != nil {
		t.Errorf("SetNX of an existing key = %v, %v", ok, err)
	}
	if v, err := db.GetDel("k"); v != "x" || err != nil {
		t.Errorf("GetDel = %q, %v", v, err)
	}
	if err := db.MSet("a", "1", "b", "2"); err != nil {
		t.Error(err)
	}
	if err := db.MSet("a"); err == nil {
		t.Error("MSet of a key without a value succeeds")
	}
	if ok, err := db.MSetNX("c", "3", "a", "9"); ok || err != nil {
		t.Errorf("MSetNX with an existing key = %v, %v", ok, err)
	}
	got, err := db.MGet("a", "c", "b")
	if want := []larder.Maybe{{"1", true}, {}, {"2", true}}; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("MGet = %v, %v, want %v", got, err, want)
	}
	if n, err := db.DecrBy("a", 3); n != -2 || err != nil {
		t.Errorf("DecrBy = %d, %v", n, err)
	}
	if _, err := db.DecrBy("a", math.MinInt64); err == nil {
		t.Error("DecrBy of the least integer succeeds")
	}
	if _, err := db.IncrBy("a", math.MinInt64+1); err != larder.ErrOverflow {
		t.Errorf("IncrBy past the least integer = %v", err)
	}
	if f, err := db.IncrByFloat("a", 0.5); f != -1.5 || err != nil {
		t.Errorf("IncrByFloat = %v, %v", f, err)
	}
	r, err := db.LCS(larder.LCSArgs{Key1: "a", Key2: "b"})
	if err != nil || r.Len != 0 {
		t.Errorf("LCS = %+v, %v", r, err)
	}
}

// A string in parts, against a plain slice of bytes, short and long, with
// snapshots open or not: those must not see what comes later.
func TestEditing(t *testing.T) {
	db := open(t, larder.Options{})
	r := rand.New(rand.NewPCG(1, 2))
	want := map[string][]byte{}
	type then struct {
		snap *larder.Snapshot
		want map[string]string
	}
	var open []then
	for i := range 4000 {
		key := fmt.Sprint("k", r.IntN(4))
		switch p := []byte(strings.Repeat(fmt.Sprint(i%10), 1+r.IntN(3000))); r.IntN(20) {
		case 0:
			db.SetBytes(key, p)
			want[key] = p
		case 1, 2, 3, 4, 5, 6, 7:
			n, err := db.Append(key, string(p))
			want[key] = append(want[key], p...)
			if int(n) != len(want[key]) || err != nil {
				t.Fatalf("Append = %d, %v, want %d", n, err, len(want[key]))
			}
		case 8, 9, 10, 11, 12, 13:
			off := r.IntN(len(want[key]) + 100)
			n, err := db.SetRange(key, int64(off), string(p))
			b := make([]byte, max(len(want[key]), off+len(p)))
			copy(b, want[key])
			copy(b[off:], p)
			want[key] = b
			if int(n) != len(b) || err != nil {
				t.Fatalf("SetRange = %d, %v, want %d", n, err, len(b))
			}
		case 14:
			if len(open) < 3 {
				w := map[string]string{}
				for k, v := range want {
					w[k] = string(v)
				}
				open = append(open, then{db.Snapshot(), w})
			}
		case 15:
			if len(open) > 0 {
				for k, v := range open[0].want {
					if got, err := open[0].snap.Get(k); got != v || err != nil {
						t.Fatalf("the snapshot's %s has %d bytes, %v, want %d", k, len(got), err, len(v))
					}
				}
				open[0].snap.Close()
				open = open[1:]
			}
		case 16:
			db.Rename(key, "k0")
			if key != "k0" && want[key] != nil {
				want["k0"] = want[key]
				delete(want, key)
			}
		case 17:
			boom := errors.New("boom")
			db.Update(func(tx *larder.Tx) error {
				tx.Append(key, "gone")
				tx.SetRange(key, 0, "gone")
				return boom
			})
		default:
			from, to := r.IntN(len(want[key])+10), r.IntN(len(want[key])+10)
			got, err := db.GetRange(key, int64(from), int64(to))
			w := ""
			if from <= to && from < len(want[key]) {
				w = string(want[key][from:min(to+1, len(want[key]))])
			}
			if got != w || err != nil {
				t.Fatalf("GetRange(%d, %d) = %d bytes, %v, want %d", from, to, len(got), err, len(w))
			}
		}
		if v, err := db.GetBytes(key); string(v) != string(want[key]) || err != nil && want[key] != nil {
			t.Fatalf("%s has %d bytes, %v, want %d", key, len(v), err, len(want[key]))
		}
	}
	for _, o := range open {
		o.snap.Close()
	}
}

func TestTooLong(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"proto-max-bulk-len", "1mb"}})
	if _, err := db.SetRange("k", 1<<20, "x"); err != larder.ErrTooLong {
		t.Errorf("SetRange past the limit = %v", err)
	}
	if _, err := db.SetRange("k", math.MaxInt64, "x"); err != larder.ErrTooLong {
		t.Errorf("SetRange far past the limit = %v", err)
	}
	if n, err := db.SetRange("k", 1<<20-1, "x"); n != 1<<20 || err != nil {
		t.Errorf("SetRange up to the limit = %d, %v", n, err)
	}
	if _, err := db.Append("k", "x"); err != larder.ErrTooLong {
		t.Errorf("Append past the limit = %v", err)
	}
}

// The commands that this package promises allocate no more than their results.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: allocations are not those of a release under -race")
	}
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.Set("key", "a value of some length")
	buf := make([]byte, 0, 64)
	c := newConn(db)
	get, set := [][]byte{[]byte("GET"), []byte("key")}, [][]byte{[]byte("SET"), []byte("key"), []byte("another value, as long")}
	for _, tt := range []struct {
		name string
		want float64
		f    func()
	}{
		{"Get", 1, func() { db.Get("key") }},
		{"GetAppend", 0, func() { db.GetAppend(buf, "key") }},
		{"Set", 0, func() { db.Set("key", "another value, as long") }},
		{"Incr", 0, func() { db.Incr("n") }},
		{"GET in words", 0, func() { c.conn.Exec(buf, get) }},
		{"SET in words", 0, func() { c.conn.Exec(buf, set) }},
	} {
		if n := allocs(tt.f); n != tt.want {
			t.Errorf("%s allocates %v times, want %v", tt.name, n, tt.want)
		}
	}
}

// A key is there until its millisecond, and its memory comes back without
// anybody's help.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		events := &listener{}
		larder.Subscribe(db, events)
		const n = 2000
		for i := range n {
			key := fmt.Sprint("k", i)
			db.SetArgs(larder.SetArgs{Key: key, Value: "v", TTL: time.Duration(i+1) * 10 * time.Millisecond})
		}
		db.Set("stays", "v")
		start := time.Now()
		time.Sleep(5*time.Second - time.Millisecond)
		if _, err := db.Get("k499"); err != nil {
			t.Errorf("k499 after %v: %v", time.Since(start), err)
		}
		time.Sleep(time.Millisecond)
		if _, err := db.Get("k499"); err != larder.ErrNil {
			t.Errorf("k499 after %v: %v", time.Since(start), err)
		}
		if size, _ := db.DBSize(); size > n+1-400 {
			t.Errorf("%d keys after %v", size, time.Since(start))
		}
		time.Sleep(16100 * time.Millisecond)
		if size, _ := db.DBSize(); size != 1 {
			t.Errorf("%d keys after %v, want 1", size, time.Since(start))
		}
		expired := 0
		for _, e := range (heard{events}).Events() {
			if e.Name == "expired" {
				expired++
			}
		}
		if expired != n {
			t.Errorf("%d events of expiry, want %d", expired, n)
		}
	})
}

func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		if _, err := db.TTL("k"); err != larder.ErrNil {
			t.Errorf("TTL of a missing key = %v", err)
		}
		db.Set("k", "v")
		if d, err := db.TTL("k"); d != larder.NoExpiry || err != nil {
			t.Errorf("TTL = %v, %v", d, err)
		}
		if ok, err := db.ExpireIf("k", time.Minute, larder.ExpireXX); ok || err != nil {
			t.Errorf("ExpireIf XX = %v, %v", ok, err)
		}
		if ok, err := db.Expire("k", 90*time.Second); !ok || err != nil {
			t.Errorf("Expire = %v, %v", ok, err)
		}
		time.Sleep(20 * time.Second)
		if d, err := db.TTL("k"); d != 70*time.Second || err != nil {
			t.Errorf("TTL = %v, %v", d, err)
		}
		if at, err := db.ExpireTime("k"); !at.Equal(time.Now().Add(70*time.Second)) || err != nil {
			t.Errorf("ExpireTime = %v, %v", at, err)
		}
		if ok, _ := db.ExpireIf("k", time.Minute, larder.ExpireGT); ok {
			t.Error("ExpireIf GT shortens a life")
		}
		if v, err := db.GetEx(larder.GetExArgs{Key: "k", Persist: true}); v != "v" || err != nil {
			t.Errorf("GetEx = %q, %v", v, err)
		}
		if d, _ := db.TTL("k"); d != larder.NoExpiry {
			t.Errorf("TTL after PERSIST = %v", d)
		}
		if ok, err := db.ExpireAt("k", time.Now().Add(-time.Second)); !ok || err != nil {
			t.Errorf("ExpireAt in the past = %v, %v", ok, err)
		}
		if n, _ := db.Exists("k"); n != 0 {
			t.Error("a key that was to expire in the past is there")
		}
	})
}

// However many keys expire at once, one goroutine deletes them.
func TestManyExpireAtOnce(t *testing.T) {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	before := runtime.NumGoroutine()
	at := time.Now().Add(500 * time.Millisecond)
	for i := range 50000 {
		db.SetArgs(larder.SetArgs{Key: fmt.Sprint("k", i), Value: "v", ExpireAt: at})
	}
	most := 0
	for range 600 {
		<-time.After(10 * time.Millisecond)
		most = max(most, runtime.NumGoroutine())
		if n, _ := db.DBSize(); n == 0 {
			break
		}
	}
	if n, _ := db.DBSize(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	if most > before+2 {
		t.Errorf("up to %d goroutines, %d before", most, before)
	}
}

// An idle database lets a bubble's time stand still: nothing ticks.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _ := larder.Open(larder.Options{})
		defer db.Close()
		db.SetEX("k", "v", time.Hour)
		db.Get("k")
		start := time.Now()
		synctest.Wait()
		if d := time.Since(start); d != 0 {
			t.Errorf("%v went by", d)
		}
	})
}
