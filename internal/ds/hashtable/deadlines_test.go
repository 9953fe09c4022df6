package hashtable

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

const start = 1_700_000_000_000

// expire drives Due as a timer would, from now to a time, and returns it.
func (t *Table) expireUntil(now, until int64, f func(now int64, key string)) int64 {
	for {
		next := t.NextDue()
		if next == 0 || next > until {
			return until
		}
		now = max(now, next)
		t.Due(now, 20, func(h Handle) {
			f(now, t.Key(h))
			t.drop(t.Key(h))
		})
	}
}

// Every entry is reported, once, not before its deadline, and within a second.
func TestDue(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 6))
		tb := newTable(t)
		want := map[string]int64{}
		now := int64(start + seed*777)
		expired, calls := 0, 0
		check := func(now int64, key string) {
			at, ok := want[key]
			if !ok || at > now || at < now-999 {
				t.Fatalf("at %d: %s is reported, with deadline %d %v", now, key, at, ok)
			}
			delete(want, key)
			expired++
		}
		for range 40_000 {
			k := fmt.Sprint("k", r.IntN(3000))
			at := now + 1 + []func() int64{
				func() int64 { return r.Int64N(3000) },
				func() int64 { return r.Int64N(300_000) },
				func() int64 { return r.Int64N(100_000_000) },
				func() int64 { return r.Int64N(30_000_000_000) },
			}[r.IntN(4)]()
			switch r.IntN(6) {
			case 0:
				tb.drop(k)
				delete(want, k)
			case 1:
				tb.put(k, "x", 0)
				delete(want, k)
			default:
				tb.put(k, "x", at)
				want[k] = at
			}
			if r.IntN(5) == 0 {
				now = tb.expireUntil(now, now+r.Int64N(2000), check)
				calls++
			}
		}
		tb.verify(t)
		tb.expireUntil(now, now+40_000_000_000, check)
		tb.verify(t)
		if len(want) != 0 || tb.Expiring() != 0 || tb.NextDue() != 0 {
			t.Errorf("%d deadlines were missed, %d entries still expire, next at %d", len(want), tb.Expiring(), tb.NextDue())
		}
		t.Log(expired, "expired")
	}
}

// The latest deadline and those in the past are as good as others.
func TestDueBounds(t *testing.T) {
	tb := newTable(t)
	tb.put("last", "x", MaxExpireAt)
	tb.put("first", "x", 1)
	tb.put("past", "x", start-5_000_000)
	tb.put("now", "x", start)
	var got []string
	tb.expireUntil(start, start, func(_ int64, key string) { got = append(got, strings.Clone(key)) })
	if len(got) != 3 {
		t.Errorf("expired by now: %q, want three", got)
	}
	tb.verify(t)
	now := tb.expireUntil(start, MaxExpireAt-1, func(now int64, key string) { t.Errorf("%s at %d", key, now) })
	tb.expireUntil(now, MaxExpireAt+999, func(_ int64, key string) { got = append(got, strings.Clone(key)) })
	if len(got) != 4 || tb.Len() != 0 {
		t.Errorf("expired at the end of time: %q, want four", got)
	}
}

// A time that is moved forth again and again costs one record.
func TestRefresh(t *testing.T) {
	tb := newTable(t)
	h := tb.put("k", "x", start+1000)
	for i := range int64(10_000) {
		switch i % 3 {
		case 0:
			tb.SetExpireAt(h, start+1000+i)
		case 1:
			tb.Overwrite(h, "y", 0, start+1000+i)
		default:
			n := tb.New("k", "x", 0, start+1000+i, 0)
			tb.Publish(tb.hash("k"), h, n)
			tb.Retire(h)
			h = n
		}
	}
	if tb.wheel.n != 1 {
		t.Errorf("%d records for one key, want 1", tb.wheel.n)
	}
	tb.expireUntil(start, start+20_000, func(now int64, key string) {
		if at := int64(start + 1000 + 9999); now < at || now > at+999 {
			t.Errorf("reported at %d, with deadline %d", now, at)
		}
	})
}

// A second that is crowded, a pile of stale records and a rebuild are all worked
// off a bounded piece at a time.
func TestDueIsBounded(t *testing.T) {
	const n, limit = 50_000, 25
	tb := newTable(t)
	for i := range n {
		tb.put(fmt.Sprint(i), "x", start+500)
	}
	due := 0
	for calls := 1; tb.Len() > 0; calls++ {
		reported, before := 0, tb.wheel.n
		more := tb.Due(start+1000, limit, func(h Handle) {
			reported++
			tb.drop(tb.Key(h))
		})
		due += reported
		if looked := before - tb.wheel.n; reported > limit || looked > 4*limit+64 {
			t.Fatalf("a call reported %d and looked at %d records", reported, looked)
		}
		if !more && tb.Len() > 0 || calls > n {
			t.Fatalf("after %d calls %d are left, more = %v", calls, tb.Len(), more)
		}
	}
	if due != n {
		t.Errorf("%d reported, want %d", due, n)
	}

	// Stale ones, enough for a rebuild: the walk has a few thousand buckets.
	for i := range n {
		tb.put(fmt.Sprint(i), "x", 0)
	}
	for i := range n {
		tb.put(fmt.Sprint(i), "x", start+50_000)
		tb.put(fmt.Sprint(i), "x", 0)
	}
	keep := 0
	for i := 0; i < n; i += 1000 {
		keep++
		tb.put(fmt.Sprint(i), "x", start+60_000)
	}
	if tb.NextDue() > start {
		t.Fatalf("NextDue() = %d with %d stale records, want now", tb.NextDue(), tb.wheel.n)
	}
	calls := 0
	for tb.Due(start+2000, limit, func(Handle) { t.Fatal("nothing has expired") }) {
		calls++
		if calls == 50 {
			tb.verify(t)
			tb.put("early", "x", start+1500) // while the rebuild goes on
			found := false
			for range 3 {
				tb.Due(start+2000, limit, func(h Handle) {
					found = found || tb.Key(h) == "early"
					tb.drop(tb.Key(h))
				})
			}
			if !found {
				t.Error("during a rebuild an expired entry was not reported")
			}
		}
	}
	tb.verify(t)
	if want := tb.segments * buckets / (rebuildSteps + limit/4) / 2; calls < want || tb.wheel.n != keep {
		t.Errorf("the rebuild took %d calls and left %d records, want %d at least and %d", calls, tb.wheel.n, want, keep)
	}
	if m := tb.wheel.bytes; m > 16*keep+2048 {
		t.Errorf("%d bytes for %d deadlines", m, keep)
	}
}

// An entry that is not published out, as on a follower, is reported again.
func TestDueLeft(t *testing.T) {
	tb := newTable(t)
	for i := range 100 {
		tb.put(fmt.Sprint(i), "x", start)
	}
	for now := int64(start); now < start+5000; now += 1000 {
		n := 0
		for calls := 0; ; calls++ {
			if next := tb.NextDue(); next > now {
				break
			}
			if calls > 100 {
				t.Fatal("Due has no end")
			}
			tb.Due(now, 20, func(Handle) { n++ })
		}
		if n != 100 {
			t.Errorf("at %d: %d reported, want 100", now, n)
		}
	}
}

// When the clock is set back, new deadlines count from there.
func TestClockSetBack(t *testing.T) {
	for _, back := range []int64{200, 1100, 3_600_000} {
		tb := newTable(t)
		tb.put("old", "x", start+10_000_000)
		tb.expireUntil(start, start+60_000, nil)
		tb.Due(start+60_000, 20, nil)
		now := start + 60_000 - back
		tb.put("new", "x", now+5000)
		tb.put("soon", "x", now+100)
		got := map[string]int64{}
		for calls := 0; now < start+60_000-back+20_000; now += 250 {
			for n := tb.NextDue(); n != 0 && n <= now; n = tb.NextDue() {
				if calls++; calls > 1000 {
					t.Fatalf("back %d: Due has no end", back)
				}
				tb.Due(now, 20, func(h Handle) {
					got[strings.Clone(tb.Key(h))] = now
					tb.drop(tb.Key(h))
				})
			}
		}
		at := start + 60_000 - back
		if late := got["new"] - at - 5000; got["new"] == 0 || late < 0 || late > 1250 {
			t.Errorf("back %d: reported %d ms late", back, late)
		}
		// What should have been reported in the second in which the wheel still is
		// may be late by as much as the clock was set back.
		if late := got["soon"] - at - 100; got["soon"] == 0 || late < 0 || late > 3250 {
			t.Errorf("back %d: reported %d ms late", back, late)
		}
		tb.verify(t)
	}
}

// At most 16 bytes a key.
func TestDeadlineMemory(t *testing.T) {
	const n = 100_000
	for name, ttl := range map[string]func(r *rand.Rand) int64{
		"a minute": func(r *rand.Rand) int64 { return r.Int64N(60_000) },
		"an hour":  func(r *rand.Rand) int64 { return r.Int64N(3_600_000) },
		"a day":    func(r *rand.Rand) int64 { return r.Int64N(86_400_000) },
		"the same": func(r *rand.Rand) int64 { return 30_000 },
	} {
		r := rand.New(rand.NewPCG(1, 7))
		tb := newTable(t)
		tb.put("first", "x", start-1)
		tb.Due(start, 1, func(h Handle) { tb.drop("first") })
		for i := range n {
			tb.put(fmt.Sprint(i), "x", start+ttl(r))
		}
		if per := float64(tb.wheel.bytes) / n; per > 16 {
			t.Errorf("%s: %.1f bytes a key", name, per)
		} else {
			t.Logf("%s: %.1f bytes a key", name, per)
		}
	}
}

// While a rebuild goes on, what is on record in the old wheel only is reported too.
func TestDueInRebuild(t *testing.T) {
	tb := newTable(t)
	last := ""
	for i := range 50_000 {
		k := fmt.Sprint(i)
		tb.put(k, "x", 0)
		if last == "" || tb.hash(k) > tb.hash(last) {
			last = k
		}
	}
	tb.Due(start, 1, nil)
	for i := range 20_000 {
		tb.put(fmt.Sprint(i), "x", start+3_600_000)
		tb.put(fmt.Sprint(i), "x", 0)
	}
	tb.put(last, "x", start+500) // at the end of the walk
	for now := int64(start + 100); ; now += 100 {
		found := false
		tb.Due(now, 20, func(h Handle) {
			found = found || tb.Key(h) == last
			tb.drop(tb.Key(h))
		})
		if tb.old == nil {
			t.Fatal("the rebuild is over, and nothing was reported")
		}
		if found {
			if now < start+500 || now > start+1500 {
				t.Errorf("reported at %d", now)
			}
			return
		}
	}
}
