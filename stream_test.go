package larder_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// The wire is tested by testdata/streams*.txt. Here is what scripts cannot say:
// the typed calls, time, crowds, and input without end.

func add(t testing.TB, db *larder.DB, stream, id string, fields ...string) larder.StreamID {
	t.Helper()
	if len(fields) == 0 {
		fields = []string{"f", id}
	}
	a := larder.XAddArgs{Stream: stream, Fields: fields}
	if id != "" {
		a.ID = sid(t, id)
	}
	got, err := db.XAdd(a)
	if err != nil {
		t.Fatalf("XAdd %s %s: %v", stream, id, err)
	}
	return got
}

func sid(t testing.TB, s string) larder.StreamID {
	t.Helper()
	id, err := larder.ParseStreamID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func ids(msgs []larder.XMessage) string {
	var out []string
	for _, m := range msgs {
		out = append(out, m.ID.String())
	}
	return strings.Join(out, " ")
}

func group(t testing.TB, db *larder.DB, stream, name string) {
	t.Helper()
	if err := db.XGroupCreate(larder.XGroupArgs{Stream: stream, Group: name, MkStream: true}); err != nil {
		t.Fatal(err)
	}
}

// A clock is moved by hand.
type clock struct{ ms atomic.Int64 }

func (c *clock) set(ms int64)    { c.ms.Store(ms) }
func (c *clock) read() time.Time { return time.UnixMilli(c.ms.Load()) }

func TestStreamTyped(t *testing.T) {
	db := open(t, larder.Options{})
	fields := []string{"a", "1", "b", "two", "a", "3", "", "\x00\xff"}
	id, err := db.XAdd(larder.XAddArgs{Stream: "s", ID: larder.StreamID{Ms: 5}, Fields: fields})
	if err != nil || id.String() != "5-0" {
		t.Fatalf("XAdd = %v, %v", id, err)
	}
	if id, err = db.XAdd(larder.XAddArgs{Stream: "s", ID: larder.StreamID{Ms: 5}, NextSeq: true, Fields: fields}); err != nil || id.String() != "5-1" {
		t.Errorf("XAdd 5-* = %v, %v", id, err)
	}
	if _, err := db.XAdd(larder.XAddArgs{Stream: "s", ID: larder.StreamID{Ms: 4}, Fields: fields}); err != larder.ErrStreamOrder {
		t.Errorf("XAdd of an old ID: %v", err)
	}
	if _, err := db.XAdd(larder.XAddArgs{Stream: "nope", NoMkStream: true, Fields: fields}); err != larder.ErrNil {
		t.Errorf("XAdd NOMKSTREAM: %v", err)
	}
	for _, bad := range [][]string{nil, {"a"}, {"a", "b", "c"}} {
		if _, err := db.XAdd(larder.XAddArgs{Stream: "s", Fields: bad}); err == nil {
			t.Errorf("XAdd with fields %q: no error", bad)
		}
	}
	msgs, err := db.XRange(larder.XRangeArgs{Stream: "s"})
	if err != nil || ids(msgs) != "5-0 5-1" || !slices.Equal(msgs[0].Fields, fields) {
		t.Errorf("XRange = %v, %v", msgs, err)
	}
	if v, ok := msgs[0].Get("a"); v != "1" || !ok {
		t.Errorf("Get(a) = %q, %v", v, ok)
	}
	if _, ok := msgs[0].Get("c"); ok {
		t.Error("Get(c) is ok")
	}
	add(t, db, "s", "7-7")
	for _, tt := range []struct {
		a    larder.XRangeArgs
		want string
	}{
		{larder.XRangeArgs{}, "5-0 5-1 7-7"},
		{larder.XRangeArgs{Count: 2}, "5-0 5-1"},
		{larder.XRangeArgs{Start: sid(t, "5-1")}, "5-1 7-7"},
		{larder.XRangeArgs{Start: sid(t, "5-1"), ExclusiveStart: true}, "7-7"},
		{larder.XRangeArgs{End: sid(t, "7-7"), ExclusiveEnd: true}, "5-0 5-1"},
		{larder.XRangeArgs{End: sid(t, "5-0")}, "5-0"},
		{larder.XRangeArgs{ExclusiveEnd: true}, ""},
		{larder.XRangeArgs{Start: larder.MaxStreamID, ExclusiveStart: true}, ""},
	} {
		tt.a.Stream = "s"
		if msgs, err := db.XRange(tt.a); err != nil || ids(msgs) != tt.want {
			t.Errorf("XRange(%+v) = %s, %v, want %s", tt.a, ids(msgs), err, tt.want)
		}
		msgs, err := db.XRevRange(tt.a)
		slices.Reverse(msgs)
		if tt.a.Count == 0 && (err != nil || ids(msgs) != tt.want) {
			t.Errorf("XRevRange(%+v) = %s, %v, want %s", tt.a, ids(msgs), err, tt.want)
		}
	}
	if msgs, err := db.XRange(larder.XRangeArgs{Stream: "nope"}); msgs != nil || err != nil {
		t.Errorf("XRange of nothing = %v, %v", msgs, err)
	}
	xs, err := db.XRead(t.Context(), larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "nope"}, {Stream: "s", Last: true}}, Count: 5})
	if err != nil || len(xs) != 1 || xs[0].Stream != "s" || ids(xs[0].Messages) != "7-7" {
		t.Errorf("XRead + = %v, %v", xs, err)
	}
	if _, err := db.XRead(t.Context(), larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "s", New: true}}}); err != larder.ErrNil {
		t.Errorf("XRead $ = %v", err)
	}
	db.Set("str", "x")
	if _, err := db.XLen("str"); err != larder.ErrWrongType {
		t.Errorf("XLen of a string: %v", err)
	}
	if n, err := db.XTrim(larder.XTrimArgs{Stream: "s", MaxLen: 2}); n != 1 || err != nil {
		t.Errorf("XTrim = %d, %v", n, err)
	}
	if _, err := db.XTrim(larder.XTrimArgs{Stream: "s"}); err != larder.ErrSyntax {
		t.Errorf("XTrim of nothing in particular: %v", err)
	}
	if n, err := db.XTrim(larder.XTrimArgs{Stream: "s", Empty: true}); n != 2 || err != nil {
		t.Errorf("XTrim of all = %d, %v", n, err)
	}
	if typ, _ := db.Type("s"); typ != "stream" {
		t.Errorf("Type = %s", typ)
	}
	if enc, _ := db.ObjectEncoding("s"); enc != "stream" {
		t.Errorf("ObjectEncoding = %s", enc)
	}
}

// What is returned is the caller's, whatever becomes of the stream.
func TestStreamResultsOwnTheirMemory(t *testing.T) {
	db := open(t, larder.Options{})
	group(t, db, "s", "g")
	for i := range 500 {
		add(t, db, "s", fmt.Sprintf("%d-0", i+1), "name", fmt.Sprint("value ", i), "n", fmt.Sprint(i))
	}
	all, err := db.XRange(larder.XRangeArgs{Stream: "s"})
	if err != nil {
		t.Fatal(err)
	}
	xs, err := db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}})
	if err != nil {
		t.Fatal(err)
	}
	db.XTrim(larder.XTrimArgs{Stream: "s", Empty: true})
	for i := range 500 {
		add(t, db, "s", fmt.Sprintf("%d-0", i+1000), "other", "junk", "x", "y")
	}
	for i := range 500 {
		want := []string{"name", fmt.Sprint("value ", i), "n", fmt.Sprint(i)}
		if !slices.Equal(all[i].Fields, want) || !slices.Equal(xs[0].Messages[i].Fields, want) {
			t.Fatalf("entry %d became %q and %q, was %q", i, all[i].Fields, xs[0].Messages[i].Fields, want)
		}
	}
}

func TestStreamIDText(t *testing.T) {
	for s, want := range map[string]string{"5": "5-0", "5-6": "5-6", "0": "0-0", "18446744073709551615-18446744073709551615": larder.MaxStreamID.String()} {
		var id larder.StreamID
		if err := id.UnmarshalText([]byte(s)); err != nil || id.String() != want {
			t.Errorf("%s is %s, %v, want %s", s, id, err, want)
		}
		if b, _ := id.MarshalText(); string(b) != want {
			t.Errorf("%s marshals as %s", want, b)
		}
	}
	for _, s := range []string{"", "-", "+", "$", "*", "1-", "1-*", "1-2-3", "18446744073709551616"} {
		if _, err := larder.ParseStreamID(s); err != larder.ErrStreamID {
			t.Errorf("ParseStreamID(%q): %v", s, err)
		}
	}
	if larder.MaxStreamID.Next() != larder.MaxStreamID || (larder.StreamID{Ms: 1, Seq: math.MaxUint64}).Next() != (larder.StreamID{Ms: 2}) {
		t.Error("Next is wrong at a border")
	}
	at := time.UnixMilli(1700000000123)
	if id := larder.StreamIDAt(at.Add(999 * time.Microsecond)); !id.Time().Equal(at) {
		t.Errorf("the time of %s is %s", id, id.Time())
	}
	if !larder.StreamIDAt(time.Unix(-5, 0)).IsZero() {
		t.Error("a time before 1970 has an ID")
	}
}

// BLOCK 5000 takes five seconds, of the time of the bubble.
func TestStreamBlockTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		c := newConn(db)
		defer c.Close()
		start := time.Now()
		if r := c.Do("XREAD", "BLOCK", "5000", "STREAMS", "s", "$"); r.String() != "(nil array)" {
			t.Errorf("XREAD = %s", r)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("BLOCK 5000 took %s", d)
		}
		start = time.Now()
		_, err := db.XRead(t.Context(), larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "s"}}, Block: 1500 * time.Millisecond})
		if err != larder.ErrNil || time.Since(start) != 1500*time.Millisecond {
			t.Errorf("XRead = %v after %s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err = db.XRead(ctx, larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "s"}}, Block: -1}); err != context.DeadlineExceeded {
			t.Errorf("XRead with a deadline = %v", err)
		}
		go func() {
			time.Sleep(time.Minute)
			db.XAdd(larder.XAddArgs{Stream: "s", Fields: []string{"a", "1"}})
		}()
		start = time.Now()
		xs, err := db.XRead(t.Context(), larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "s", New: true}}, Block: -1})
		if err != nil || len(xs[0].Messages) != 1 || time.Since(start) != time.Minute {
			t.Errorf("XRead = %v, %v after %s", xs, err, time.Since(start))
		}
	})
}

// Thousands of readers of one stream all get what is added, and leave nothing
// behind.
func TestStreamManyReaders(t *testing.T) {
	db := open(t, larder.Options{})
	n := 5000
	if testing.Short() {
		n = 500
	}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			xs, err := db.XRead(t.Context(), larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "s", New: true}, {Stream: "other"}}, Block: -1})
			if err != nil || len(xs) != 1 || ids(xs[0].Messages) != "1-1" {
				t.Errorf("XRead = %v, %v", xs, err)
			}
		})
	}
	waitBlocked(t, db, n)
	start := time.Now()
	add(t, db, "s", "1-1")
	served := time.Since(start)
	wg.Wait()
	t.Logf("%d readers were served in %s, all have run after %s", n, served, time.Since(start))
	waitBlocked(t, db, 0)
}

// Those who wait for a group are given entries in the order in which they came.
func TestStreamArrivalOrder(t *testing.T) {
	db := open(t, larder.Options{})
	group(t, db, "s", "g")
	const n = 200
	got := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			xs, err := db.XReadGroup(t.Context(), larder.XReadGroupArgs{
				Group: "g", Consumer: fmt.Sprint(i), Streams: []string{"s"}, Count: 1, Block: -1,
			})
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = ids(xs[0].Messages)
		})
		waitBlocked(t, db, i+1)
	}
	err := db.Update(func(tx *larder.Tx) error {
		for i := range n / 2 {
			if _, err := tx.XAdd(larder.XAddArgs{Stream: "s", ID: larder.StreamID{Ms: uint64(i + 1)}, Fields: []string{"a", "1"}}); err != nil {
				return err
			}
		}
		return nil
	}, "s")
	if err != nil {
		t.Fatal(err)
	}
	for i := n / 2; i < n; i++ {
		add(t, db, "s", fmt.Sprint(i+1))
	}
	wg.Wait()
	for i, id := range got {
		if want := fmt.Sprintf("%d-0", i+1); id != want {
			t.Errorf("reader %d got %s, want %s", i, id, want)
		}
	}
}

// A reader that hangs up is given nothing: every entry is pending for somebody
// who returned it.
func TestStreamHangUps(t *testing.T) {
	db := open(t, larder.Options{})
	group(t, db, "s", "g")
	const entries = 2000
	var mu sync.Mutex
	got := map[larder.StreamID]string{}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				ctx, cancel := context.WithTimeout(ctx, time.Duration(n%7)*50*time.Microsecond)
				name := fmt.Sprint(i)
				xs, err := db.XReadGroup(ctx, larder.XReadGroupArgs{Group: "g", Consumer: name, Streams: []string{"s"}, Count: 2, Block: -1})
				cancel()
				if err != nil {
					continue
				}
				mu.Lock()
				for _, m := range xs[0].Messages {
					if got[m.ID] != "" {
						t.Errorf("%s was given to %s and %s", m.ID, got[m.ID], name)
					}
					got[m.ID] = name
				}
				mu.Unlock()
			}
		})
	}
	for i := range entries {
		add(t, db, "s", fmt.Sprint(i+1))
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		mu.Lock()
		n := len(got)
		mu.Unlock()
		if n == entries || time.Now().After(deadline) {
			break
		}
	}
	stop()
	wg.Wait()
	pending, err := db.XPendingRange(larder.XPendingArgs{Stream: "s", Group: "g"})
	if err != nil || len(pending) != entries || len(got) != entries {
		t.Fatalf("%d pending, %d returned, %d added, %v", len(pending), len(got), entries, err)
	}
	for _, p := range pending {
		if got[p.ID] != p.Consumer {
			t.Errorf("%s is pending for %s and was returned to %q", p.ID, p.Consumer, got[p.ID])
		}
	}
}

// waitBlocked waits until n calls wait.
func waitBlocked(t testing.TB, db *larder.DB, n int) {
	t.Helper()
	c := newConn(db)
	defer c.Close()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Microsecond) {
		if strings.Contains(c.Do("INFO", "clients").Str, fmt.Sprintf("blocked_clients:%d\r", n)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are not %d calls waiting", n)
		}
	}
}

// That a group goes is nothing to who watches the stream, though those who wait
// for the group hear of it.
func TestStreamDestroyIsNoChange(t *testing.T) {
	db := open(t, larder.Options{})
	group(t, db, "s", "g")
	c, waits := newConn(db), newConn(db)
	defer c.Close()
	defer waits.Close()
	waits.Send("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">")
	waitBlocked(t, db, 1)
	c.Do("WATCH", "s")
	if _, err := db.XGroupDestroy("s", "g"); err != nil {
		t.Fatal(err)
	}
	if r := waits.Receive(10 * time.Second); !strings.HasPrefix(r.Str, "NOGROUP") {
		t.Errorf("who waited got %s", r)
	}
	c.Do("MULTI")
	c.Do("PING")
	if r := c.Do("EXEC"); len(r.Elems) != 1 {
		t.Errorf("EXEC = %s", r)
	}
}

// A group that goes, and a key that goes, answer all who wait.
func TestStreamGoneWhileWaiting(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*larder.DB) error
		want error
	}{
		{"destroyed", func(db *larder.DB) error { _, err := db.XGroupDestroy("s", "g"); return err }, larder.ErrNoGroup},
		{"deleted", func(db *larder.DB) error { _, err := db.Del("s"); return err }, larder.ErrUnblocked},
		{"renamed", func(db *larder.DB) error { return db.Rename("s", "t") }, larder.ErrUnblocked},
		{"overwritten", func(db *larder.DB) error { return db.Set("s", "x") }, larder.ErrUnblocked},
		{"flushed", func(db *larder.DB) error { return db.FlushAll() }, larder.ErrUnblocked},
		{"closed", func(db *larder.DB) error { return db.Close() }, larder.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := larder.Open(larder.Options{}) // without a mirror: it may be closed
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			group(t, db, "s", "g")
			const n = 20
			errs := make(chan error, n)
			for i := range n {
				go func() {
					_, err := db.XReadGroup(context.Background(), larder.XReadGroupArgs{
						Group: "g", Consumer: fmt.Sprint(i), Streams: []string{"s"}, Block: -1,
					})
					errs <- err
				}()
			}
			waitBlocked(t, db, n)
			if err := tt.do(db); err != nil {
				t.Fatal(err)
			}
			for range n {
				select {
				case err := <-errs:
					if !errors.Is(err, tt.want) {
						t.Errorf("%v, want %v", err, tt.want)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("somebody still waits")
				}
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db := open(t, larder.Options{})
			group(t, db, "s", "g")
			db.Expire("s", time.Minute)
			start := time.Now()
			_, err := db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}, Block: -1})
			if !errors.Is(err, larder.ErrUnblocked) || time.Since(start) > time.Minute+time.Second {
				t.Errorf("%v after %s", err, time.Since(start))
			}
		})
	})
}

func TestStreamClockBackwards(t *testing.T) {
	var now clock
	now.set(5000)
	db := open(t, larder.Options{Now: now.read})
	a := add(t, db, "s", "")
	now.set(1000)
	b := add(t, db, "s", "")
	now.set(5000)
	c := add(t, db, "s", "")
	now.set(-1000)
	d := add(t, db, "t", "")
	if a.String() != "5000-0" || b.String() != "5000-1" || c.String() != "5000-2" || d.String() != "0-1" {
		t.Errorf("IDs %v %v %v %v", a, b, c, d)
	}
	group(t, db, "s", "g")
	now.set(9000)
	db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}})
	now.set(2000)
	list, err := db.XPendingRange(larder.XPendingArgs{Stream: "s", Group: "g"})
	if err != nil || len(list) != 3 || list[0].Idle != 0 {
		t.Errorf("pending by a clock that went back: %v, %v", list, err)
	}
}

// One command may name a million IDs, and a stream have a hundred thousand groups.
func TestStreamHugeCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes seconds; not with -short")
	}
	n, groups := 1_000_000, 100_000
	if raceEnabled {
		n, groups = 100_000, 10_000
	}
	db := open(t, larder.Options{Backlog: 1 << 30})
	group(t, db, "s", "g")
	for i := range 1000 {
		add(t, db, "s", fmt.Sprint(i*2+1))
	}
	db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}})
	all := make([]larder.StreamID, n)
	for i := range all {
		all[i].Ms = uint64(i)
	}
	step := func(name string, want int64, f func() (int64, error)) {
		start := time.Now()
		got, err := f()
		if err != nil || got != want {
			t.Errorf("%s = %d, %v, want %d", name, got, err, want)
		}
		t.Logf("%s of %d: %s", name, n, time.Since(start))
	}
	step("XCLAIM", 1000, func() (int64, error) {
		r, err := db.XClaimJustID(larder.XClaimArgs{Stream: "s", Group: "g", Consumer: "d", IDs: all})
		return int64(len(r)), err
	})
	step("XACK", 1000, func() (int64, error) { return db.XAck("s", "g", all...) })
	step("XDELEX", int64(n), func() (int64, error) {
		r, err := db.XDelEx("s", larder.Acked, all...)
		return int64(len(r)), err
	})
	add(t, db, "s", fmt.Sprint(n))
	step("XDEL", 1, func() (int64, error) { return db.XDel("s", append(all, larder.StreamID{Ms: uint64(n)})...) })
	start := time.Now()
	for i := range groups {
		group(t, db, "many", fmt.Sprint("group", i))
	}
	id := add(t, db, "many", "")
	if r, err := db.XDelEx("many", larder.Acked, id); err != nil || r[0] != larder.StillNeeded {
		t.Errorf("XDelEx = %v, %v", r, err)
	}
	if r, err := db.XDelEx("many", larder.DelRef, id); err != nil || r[0] != larder.Deleted {
		t.Errorf("XDelEx = %v, %v", r, err)
	}
	if list, err := db.XInfoGroups("many"); err != nil || len(list) != groups {
		t.Errorf("%d groups, %v", len(list), err)
	}
	t.Logf("%d groups: %s", groups, time.Since(start))
}

// XAUTOCLAIM with the largest COUNT over entries that are gone takes them all off
// the list, and claims nothing.
func TestStreamAutoClaimDeleted(t *testing.T) {
	db := open(t, larder.Options{})
	group(t, db, "s", "g")
	for i := range 10000 {
		add(t, db, "s", fmt.Sprint(i+1))
	}
	db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}})
	db.XTrim(larder.XTrimArgs{Stream: "s", Empty: true})
	r, err := db.XAutoClaim(larder.XAutoClaimArgs{Stream: "s", Group: "g", Consumer: "d", Count: math.MaxInt64 / 16})
	if err != nil || len(r.Messages) != 0 || len(r.Deleted) != 10000 || !r.Next.IsZero() {
		t.Errorf("XAutoClaim = %d claimed, %d deleted, next %s, %v", len(r.Messages), len(r.Deleted), r.Next, err)
	}
	if cs, _ := db.XInfoConsumers("s", "g"); len(cs) != 1 {
		t.Errorf("the consumer who claimed nothing is there: %v", cs)
	}
	for _, count := range []int64{-1, math.MaxInt64/16 + 1} {
		if _, err := db.XAutoClaim(larder.XAutoClaimArgs{Stream: "s", Group: "g", Consumer: "d", Count: count}); err == nil {
			t.Errorf("XAutoClaim with Count %d: no error", count)
		}
	}
}

// Deletion with regard to groups, as Redis 8.2 documents it.
func TestStreamDelete82(t *testing.T) {
	db := open(t, larder.Options{})
	c := newConn(db)
	defer c.Close()
	do := func(line, want string) {
		t.Helper()
		if got := strings.Join(c.Do(strings.Fields(line)...).Lines(), " "); strings.Join(strings.Fields(got), " ") != want {
			t.Errorf("%s\nwant %s\n got %s", line, want, got)
		}
	}
	reset := func() {
		c.Do("DEL", "s")
		for i := range 3 {
			add(t, db, "s", fmt.Sprint(i+1))
		}
	}
	reset()
	do("XDELEX s IDS 2 1-0 9-0", "(array 2) (integer) 1 (integer) -1")
	do("XDELEX s ACKED IDS 1 2-0", "(array 1) (integer) 2") // there are no groups
	do("XDELEX nope IDS 2 1-0 2-0", "(array 2) (integer) -1 (integer) -1")
	do("XDELEX s IDS 2 1-0", "(error) ERR The `numids` parameter must match the number of arguments")
	do("XDELEX s IDS 0 1-0", "(error) ERR Number of IDs must be a positive integer")
	do("XDELEX s IDS x 1-0", "(error) ERR Number of IDs must be a positive integer")
	do("XDELEX s IDS 1 foo", "(error) ERR Invalid stream ID specified as stream command argument")
	do("XDELEX s KEEPREF DELREF IDS 1 1-0", "(error) ERR syntax error")
	do("XDELEX s IDS 1 1-0 DELREF FOO", "(error) ERR syntax error")
	do("XDELEX s IDS 9223372036854775807 1-0", "(error) ERR Number of IDs must be a positive integer")

	reset()
	group(t, db, "s", "g")
	group(t, db, "s", "h")
	read := func(g string) {
		db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: g, Consumer: "c", Streams: []string{"s"}})
	}
	read("g")
	do("XDELEX s ACKED IDS 1 1-0", "(array 1) (integer) 2") // h was not given it, g has not acknowledged it
	do("XACKDEL s g ACKED IDS 1 1-0", "(array 1) (integer) 2")
	read("h")
	do("XACKDEL s h ACKED IDS 2 1-0 2-0", "(array 2) (integer) 1 (integer) 2")
	do("XACKDEL s h ACKED IDS 1 2-0", "(array 1) (integer) -1") // acknowledged before
	do("XACKDEL s g KEEPREF IDS 1 2-0", "(array 1) (integer) 1")
	do("XLEN s", "(integer) 1")
	do("XDELEX s KEEPREF IDS 1 3-0", "(array 1) (integer) 1")
	do("XPENDING s g", `(array 4) (integer) 1 "3-0" "3-0" (array 1) (array 2) "c" "1"`)
	do("XDELEX s DELREF IDS 1 3-0", "(array 1) (integer) -1") // gone, but no longer pending either
	do("XPENDING s g", "(array 4) (integer) 0 (nil) (nil) (nil array)")
	do("XPENDING s h", "(array 4) (integer) 0 (nil) (nil) (nil array)")
	do("XACKDEL s nope IDS 1 3-0", "(array 1) (integer) -1")
	do("XACKDEL nope g IDS 1 3-0", "(array 1) (integer) -1")
	c.Do("SET", "str", "x")
	do("XACKDEL str g IDS 1 3-0", "(error) WRONGTYPE Operation against a key holding the wrong kind of value")
	do("XDELEX str IDS 1 3-0", "(error) WRONGTYPE Operation against a key holding the wrong kind of value")
}

// XREAD's "+" of Redis 7.4.
func TestStreamReadLast(t *testing.T) {
	db := open(t, larder.Options{})
	c := newConn(db)
	defer c.Close()
	if r := c.Do("XREAD", "STREAMS", "s", "+"); r.String() != "(nil array)" {
		t.Errorf("XREAD + of nothing = %s", r)
	}
	c.Send("XREAD", "BLOCK", "0", "STREAMS", "s", "+")
	waitBlocked(t, db, 1)
	add(t, db, "s", "1-1", "a", "1")
	want := `["s" [["1-1" ["a" "1"]]]]`
	if r := c.Receive(10 * time.Second); flat(r) != "["+want+"]" {
		t.Errorf("XREAD + that waited = %s", flat(r))
	}
	add(t, db, "s", "2-1", "b", "2")
	add(t, db, "s", "3-1", "c", "3")
	db.XDel("s", sid(t, "3-1"))
	want = `["s" [["2-1" ["b" "2"]]]]`
	if r := c.Do("XREAD", "COUNT", "7", "STREAMS", "s", "+"); flat(r) != "["+want+"]" {
		t.Errorf("XREAD + = %s", flat(r))
	}
	group(t, db, "s", "g")
	if r := c.Do("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "+"); r.Kind != redistest.Error {
		t.Errorf("XREADGROUP + = %s", r)
	}
}

func flat(v redistest.Value) string {
	if v.Kind != redistest.Array {
		return fmt.Sprintf("%q", v.Str)
	}
	var parts []string
	for _, e := range v.Elems {
		parts = append(parts, flat(e))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// A snapshot, and a copy, stay as they were while the stream goes on.
func TestStreamSnapshot(t *testing.T) {
	db := open(t, larder.Options{})
	group(t, db, "s", "g")
	for i := range 250 {
		add(t, db, "s", fmt.Sprint(i+1))
	}
	snap := db.Snapshot()
	defer snap.Close()
	if ok, err := db.Copy(larder.CopyArgs{Source: "s", Destination: "t"}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}})
	db.XDel("s", sid(t, "100"))
	add(t, db, "s", "1000")
	db.XTrim(larder.XTrimArgs{Stream: "t", MaxLen: 10})
	for name, want := range map[string]int{"s": 250} {
		if msgs, err := snap.XRange(larder.XRangeArgs{Stream: name}); err != nil || len(msgs) != want {
			t.Errorf("the snapshot has %d entries of %s, %v, want %d", len(msgs), name, err, want)
		}
	}
	if msgs, err := snap.XRange(larder.XRangeArgs{Stream: "t"}); len(msgs) != 0 || err != nil {
		t.Errorf("the snapshot has a copy made after it: %d, %v", len(msgs), err)
	}
	if p, _ := db.XPending("t", "g"); p.Count != 0 {
		t.Errorf("%d pending in the copy", p.Count)
	}
	if n, _ := db.XLen("s"); n != 250 {
		t.Errorf("%d entries", n)
	}
	db.Set("str", "x")
	if _, err := snap.XRange(larder.XRangeArgs{Stream: "str"}); err != nil {
		t.Errorf("a key made after the snapshot: %v", err)
	}
}

// What an Update did to a stream is undone with it, and nobody who waits saw it.
func TestStreamRollback(t *testing.T) {
	db := open(t, larder.Options{})
	group(t, db, "s", "g")
	for i := range 150 {
		add(t, db, "s", fmt.Sprint(i+1))
	}
	before := dump(db)
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() {
		_, err := db.XRead(ctx, larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "s", New: true}}, Block: -1})
		waits <- err
	}()
	waitBlocked(t, db, 1)
	boom := errors.New("boom")
	err := db.Update(func(tx *larder.Tx) error {
		tx.XAdd(larder.XAddArgs{Stream: "s", Fields: []string{"a", "1"}})
		tx.XDel("s", sid(t, "7"))
		tx.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}, Count: 20})
		tx.XAck("s", "g", sid(t, "3"))
		tx.XTrim(larder.XTrimArgs{Stream: "s", MaxLen: 10})
		tx.XGroupCreate(larder.XGroupArgs{Stream: "s", Group: "h"})
		tx.XGroupDestroy("s", "g")
		tx.XAdd(larder.XAddArgs{Stream: "new", Fields: []string{"a", "1"}})
		if _, err := tx.XRead(t.Context(), larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "new", New: true}}, Block: -1}); err != larder.ErrNil {
			t.Errorf("a read that would wait in a transaction: %v", err)
		}
		return boom
	})
	if err != boom {
		t.Fatal(err)
	}
	if after := dump(db); after != before {
		t.Errorf("after a rollback\n%s, before\n%s", after, before)
	}
	cancel()
	if err := <-waits; err != context.Canceled {
		t.Errorf("who waited got %v", err)
	}
}

// A replica counts what a group has read as the primary does.
func TestStreamMirrorCountsReads(t *testing.T) {
	db := open(t, larder.Options{}) // its mirror compares EntriesRead
	group(t, db, "s", "g")
	for i := range 20 {
		add(t, db, "s", fmt.Sprint(i+1))
	}
	for range 4 {
		db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}, Count: 4})
	}
	g, err := db.XInfoGroups("s")
	if err != nil || g[0].EntriesRead != 16 || g[0].Lag != 4 || g[0].Pending != 16 {
		t.Errorf("XInfoGroups = %+v, %v", g, err)
	}
}

func TestStreamInfo(t *testing.T) {
	var now clock
	now.set(1000)
	db := open(t, larder.Options{Now: now.read})
	for i := range 3 {
		add(t, db, "s", fmt.Sprint(i+1))
	}
	group(t, db, "s", "g")
	db.XGroupCreateConsumer("s", "g", "idle")
	now.set(2000)
	db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}, Count: 2})
	now.set(3000)
	db.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s"}, History: true})
	cs, err := db.XInfoConsumers("s", "g")
	if err != nil || len(cs) != 2 || cs[0].Name != "c" || cs[0].Pending != 2 || cs[0].Seen.UnixMilli() != 3000 ||
		cs[0].Active.UnixMilli() != 2000 || cs[1].Seen.UnixMilli() != 1000 || !cs[1].Active.IsZero() {
		t.Errorf("XInfoConsumers = %+v, %v", cs, err)
	}
	f, err := db.XInfoStreamFull("s", 1)
	if err != nil || len(f.Entries) != 1 || len(f.Groups) != 1 || len(f.Groups[0].PendingEntries) != 1 ||
		f.Groups[0].PendingEntries[0].Deliveries != 2 || len(f.Groups[0].Consumers) != 2 || f.Length != 3 {
		t.Errorf("XInfoStreamFull = %+v, %v", f, err)
	}
	in, err := db.XInfoStream("s")
	if err != nil || in.Length != 3 || in.Groups != 1 || in.First.ID.Ms != 1 || in.Last.ID.Ms != 3 || in.Nodes != 1 || in.EntriesAdded != 3 {
		t.Errorf("XInfoStream = %+v, %v", in, err)
	}
	if _, err := db.XInfoStream("nope"); err != larder.ErrNoKey {
		t.Errorf("XInfoStream of nothing: %v", err)
	}
	if _, err := db.XInfoConsumers("s", "nope"); !errors.Is(err, larder.ErrNoGroup) {
		t.Errorf("XInfoConsumers of no group: %v", err)
	}
	if err := db.XGroupCreate(larder.XGroupArgs{Stream: "s", Group: "g"}); err != larder.ErrGroupExists {
		t.Errorf("XGroupCreate twice: %v", err)
	}
}

func TestStreamNodeLimits(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"stream-node-max-entries", "10"}})
	nodes := func() int {
		in, err := db.XInfoStream("s")
		if err != nil {
			t.Fatal(err)
		}
		return in.Nodes
	}
	for i := range 100 {
		add(t, db, "s", fmt.Sprint(i+1))
	}
	if n := nodes(); n != 10 {
		t.Errorf("%d nodes of ten entries, want 10", n)
	}
	c := newConn(db)
	defer c.Close()
	c.Do("CONFIG", "SET", "stream-node-max-entries", "50")
	for i := range 100 {
		add(t, db, "s", fmt.Sprint(i+101))
	}
	if n := nodes(); n != 12 { // the last of ten goes on to fifty
		t.Errorf("%d nodes after ten became fifty, want 12", n)
	}
}

// Whatever is done to streams and groups, a replica that hears of it comes to the
// same: the mirror of open compares at the end.
func TestStreamRandomMirror(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	db := open(t, larder.Options{Config: []string{"stream-node-max-entries", "7"}})
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	var last uint64
	id := func() larder.StreamID {
		return larder.StreamID{Ms: uint64(r.IntN(int(last)/3 + 2)), Seq: uint64(r.IntN(2))}
	}
	n := 20000
	if testing.Short() {
		n = 3000
	}
	for range n {
		s, g, c := pick("s", "t"), pick("g", "h", "i"), pick("alice", "bob", "carol")
		some := []larder.StreamID{id(), id(), id()}
		switch r.IntN(22) {
		case 0, 1, 2, 3, 4, 5:
			last++
			a := larder.XAddArgs{Stream: s, ID: larder.StreamID{Ms: last/3 + 1, Seq: last}, Fields: []string{"a", fmt.Sprint(last)}}
			switch r.IntN(12) {
			case 0:
				a.MaxLen = int64(r.IntN(60) + 1)
			case 1:
				a.MaxLen, a.Approx, a.Limit = int64(r.IntN(60)+1), true, int64(r.IntN(20)-1)
			case 2:
				a.MinID, a.Approx, a.Limit = id(), true, int64(r.IntN(20)-1)
			case 3:
				a.ID, a.NextSeq = larder.StreamID{Ms: last/3 + 1}, true
			}
			db.XAdd(a)
		case 6:
			db.XDel(s, some...)
		case 7:
			db.XTrim(larder.XTrimArgs{Stream: s, MaxLen: int64(r.IntN(40) + 1), Approx: r.IntN(2) == 0})
		case 8:
			db.XGroupCreate(larder.XGroupArgs{Stream: s, Group: g, New: r.IntN(2) == 0, MkStream: true})
		case 9:
			if r.IntN(8) == 0 {
				db.XGroupDestroy(s, g)
			} else {
				db.XGroupDelConsumer(s, g, c)
			}
		case 10:
			db.XGroupSetID(larder.XGroupArgs{Stream: s, Group: g, ID: id(), EntriesRead: int64(r.IntN(2) * 5)})
		case 11, 12, 13, 14:
			a := larder.XReadGroupArgs{Group: g, Consumer: c, Streams: []string{s}, Count: int64(r.IntN(4)), NoAck: r.IntN(5) == 0}
			if r.IntN(5) == 0 {
				a.History, a.After = true, id()
			}
			db.XReadGroup(t.Context(), a)
		case 15:
			db.XAck(s, g, some...)
		case 16:
			db.XClaim(larder.XClaimArgs{Stream: s, Group: g, Consumer: c, IDs: some, Force: r.IntN(2) == 0, LastID: some[0]})
		case 17:
			db.XAutoClaim(larder.XAutoClaimArgs{Stream: s, Group: g, Consumer: c, Start: id(), Count: int64(r.IntN(5))})
		case 18:
			db.XDelEx(s, larder.RefPolicy(r.IntN(3)), some...)
		case 19:
			db.XAckDel(s, g, larder.RefPolicy(r.IntN(3)), some...)
		case 20:
			if r.IntN(20) == 0 {
				db.Copy(larder.CopyArgs{Source: "s", Destination: "t", Replace: true})
			} else if snap := db.Snapshot(); r.IntN(2) == 0 {
				snap.Close()
			} else {
				defer snap.Close()
			}
		case 21:
			db.Update(func(tx *larder.Tx) error {
				tx.XReadGroup(t.Context(), larder.XReadGroupArgs{Group: g, Consumer: c, Streams: []string{s}, Count: 2})
				tx.XDel(s, some...)
				if r.IntN(2) == 0 {
					return errors.New("undone")
				}
				return nil
			}, s)
		}
	}
}
