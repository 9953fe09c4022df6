package larder_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

// A popped is what came of a call that waited.
type popped struct {
	v   string
	err error
}

// inBackground runs f, and waits until it waits.
func inBackground(f func() (string, error)) chan popped {
	c := make(chan popped, 1)
	go func() {
		v, err := f()
		c <- popped{v, err}
	}()
	synctest.Wait()
	return c
}

func blpop(db *larder.DB, ctx context.Context, d time.Duration, keys ...string) func() (string, error) {
	return func() (string, error) {
		el, err := db.BLPop(ctx, d, keys...)
		return el.Key + el.Value, err
	}
}

func TestListBlockTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		took := func(name string, f func() error, want time.Duration, wantErr error) {
			t.Helper()
			start := time.Now()
			if err := f(); !errors.Is(err, wantErr) || time.Since(start) != want {
				t.Errorf("%s = %v after %s, want %v after %s", name, err, time.Since(start), wantErr, want)
			}
		}
		took("BLPop", func() error { return second(db.BLPop(ctx, 1500*time.Millisecond, "a", "b")) }, 1500*time.Millisecond, larder.ErrNil)
		took("BRPop", func() error { return second(db.BRPop(ctx, time.Nanosecond, "a")) }, time.Nanosecond, larder.ErrNil)
		took("BLMove", func() error { return second(db.BLMove(ctx, time.Second, "a", "b", larder.Left, larder.Left)) }, time.Second, larder.ErrNil)
		took("BRPopLPush", func() error { return second(db.BRPopLPush(ctx, time.Second, "a", "a")) }, time.Second, larder.ErrNil)
		took("BLMPop", func() error { return second(db.BLMPop(ctx, time.Second, larder.LMPopArgs{Keys: []string{"a"}})) }, time.Second, larder.ErrNil)
		took("BLPop for ever", func() error { return second(db.BLPop(ctx, 0, "a")) }, time.Until(deadline(ctx)), context.DeadlineExceeded)
		took("BLPop too late", func() error { return second(db.BLPop(ctx, 0, "a")) }, 0, context.DeadlineExceeded)
		for name, err := range map[string]error{
			"BLPop":  second(db.BLPop(t.Context(), -1, "a")),
			"BRPop":  second(db.BRPop(t.Context(), -1, "a")),
			"BLMove": second(db.BLMove(t.Context(), -1, "a", "b", larder.Left, larder.Left)),
			"BLMPop": second(db.BLMPop(t.Context(), -1, larder.LMPopArgs{Keys: []string{"a"}})),
			"no key": second(db.BLPop(t.Context(), 0)),
			"none":   second(db.BLMPop(t.Context(), 0, larder.LMPopArgs{})),
		} {
			if err == nil || err == larder.ErrNil {
				t.Errorf("%s with bad arguments: %v", name, err)
			}
		}
		c := newConn(db)
		defer c.Close()
		start := time.Now()
		if r := c.Do("BLPOP", "a", "b", "2.5"); r.String() != "(nil array)" || time.Since(start) != 2500*time.Millisecond {
			t.Errorf("BLPOP 2.5 = %s after %s", r, time.Since(start))
		}
		if err := larder.Idle(db); err != nil {
			t.Error(err)
		}
	})
}

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

// Each way to end a wait leaves the element that comes later to others, and no trace.
func TestListWaitsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := inBackground(blpop(db, ctx, 0, "l", "m"))
		cancel()
		if p := <-ended; p.err != context.Canceled {
			t.Errorf("a context's end: %v", p.err)
		}

		hangs := newConn(db)
		reply := make(chan string, 1)
		go func() { reply <- hangs.Do("BLMOVE", "l", "m", "LEFT", "RIGHT", "0").String() }()
		synctest.Wait()
		hangs.cancel()
		<-reply
		hangs.conn.Close()

		for _, how := range []string{"TIMEOUT", "ERROR"} {
			waits, other := newConn(db), newConn(db)
			id := fmt.Sprint(waits.Do("CLIENT", "ID").Int)
			go func() { reply <- waits.Do("BLMPOP", "0", "2", "l", "m", "LEFT").String() }()
			synctest.Wait()
			if r := other.Do("CLIENT", "UNBLOCK", id, how); r.String() != "(integer) 1" {
				t.Fatalf("CLIENT UNBLOCK %s = %s", how, r)
			}
			want := map[string]string{"TIMEOUT": "(nil array)", "ERROR": "(error) UNBLOCKED client unblocked via CLIENT UNBLOCK"}[how]
			if r := <-reply; r != want {
				t.Errorf("unblocked by %s: %s", how, r)
			}
			if r := other.Do("CLIENT", "UNBLOCK", id, how); r.String() != "(integer) 0" {
				t.Errorf("CLIENT UNBLOCK of one that does not wait = %s", r)
			}
			waits.Close()
			other.Close()
		}

		if err := larder.Idle(db); err != nil {
			t.Error(err)
		}
		if n, err := db.RPush("l", "a", "b"); n != 2 || err != nil {
			t.Errorf("RPush = %d, %v", n, err)
		}
		if got := lrange(t, db, "l"); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("somebody who no longer waited took of %q", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		db, err := larder.Open(larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ended := inBackground(blpop(db, t.Context(), 0, "l"))
		db.Close()
		if p := <-ended; p.err != larder.ErrClosed {
			t.Errorf("Close: %v", p.err)
		}
	})
}

// First come, first served: those who wait for a key by any command.
func TestListArrivalOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		const n = 120
		var calls []chan popped
		for i := range n {
			f := blpop(db, t.Context(), 0, "l", fmt.Sprint("other", i%5))
			switch i % 4 {
			case 1:
				f = func() (string, error) {
					el, err := db.BRPop(t.Context(), time.Hour, "x", "l")
					return el.Key + el.Value, err
				}
			case 2:
				f = func() (string, error) {
					v, err := db.BLMove(t.Context(), 0, "l", "moved", larder.Left, larder.Right)
					return "l" + v, err
				}
			case 3:
				f = func() (string, error) {
					p, err := db.BLMPop(t.Context(), 0, larder.LMPopArgs{Keys: []string{"l"}, Count: 1})
					return p.Key + strings.Join(p.Values, ","), err
				}
			}
			calls = append(calls, inBackground(f))
		}
		for i := range n / 2 {
			db.RPush("l", fmt.Sprint(i))
		}
		db.Update(func(tx *larder.Tx) error {
			for i := n / 2; i < n; i++ { // all at once: those at odd places take from the back
				tx.RPush("l", "the same")
			}
			return nil
		})
		for i, c := range calls {
			want := fmt.Sprint("l", i)
			if i >= n/2 {
				want = "lthe same"
			}
			if p := <-c; p.v != want || p.err != nil {
				t.Errorf("call %d got %q, %v, want %q", i, p.v, p.err, want)
			}
		}
		if n, _ := db.Exists("l"); n != 0 {
			t.Error("elements are left")
		}
		if err := larder.Idle(db); err != nil {
			t.Error(err)
		}
	})
}

// Several values of one push go to several who wait, and the push answers the length
// before they are served.
func TestListPushServesMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		a, b := inBackground(blpop(db, t.Context(), 0, "l")), inBackground(blpop(db, t.Context(), 0, "l"))
		if n, err := db.LPush("l", "1", "2", "3"); n != 3 || err != nil {
			t.Errorf("LPush = %d, %v", n, err)
		}
		if a, b := <-a, <-b; a.v != "l3" || b.v != "l2" {
			t.Errorf("served %v and %v", a, b)
		}
		if got := lrange(t, db, "l"); !slices.Equal(got, []string{"1"}) {
			t.Errorf("left is %q", got)
		}
	})
}

// What an Update pushes and undoes is given to nobody.
func TestListRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		waits := inBackground(blpop(db, t.Context(), 0, "l"))
		boom := errors.New("boom")
		err := db.Update(func(tx *larder.Tx) error {
			tx.RPush("l", "gone")
			if _, err := tx.BLPop(t.Context(), 0, "nope"); err != larder.ErrNil {
				t.Errorf("a wait in a transaction: %v", err)
			}
			if _, err := tx.BLMove(t.Context(), 0, "nope", "l", larder.Left, larder.Left); err != larder.ErrNil {
				t.Errorf("a wait in a transaction: %v", err)
			}
			return boom
		})
		if err != boom {
			t.Fatal(err)
		}
		db.RPush("l", "kept")
		if p := <-waits; p.v != "lkept" {
			t.Errorf("served %v", p)
		}
	})
}

// A long chain of lists, each waiting for the one before, passes one element on.
func TestListChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		const n = 40
		var calls []chan popped
		for i := range n {
			calls = append(calls, inBackground(func() (string, error) {
				return db.BLMove(t.Context(), 0, fmt.Sprint("l", n-i-1), fmt.Sprint("l", n-i), larder.Left, larder.Left)
			}))
		}
		db.RPush("l0", "baton")
		for i, c := range calls {
			if p := <-c; p.v != "baton" || p.err != nil {
				t.Errorf("link %d moved %v", i, p)
			}
		}
		if got := lrange(t, db, fmt.Sprint("l", n)); !slices.Equal(got, []string{"baton"}) {
			t.Errorf("the end of the chain has %q", got)
		}
		if size, _ := db.DBSize(); size != 1 {
			t.Errorf("%d keys are left", size)
		}
	})
}

// Many push and many take, by every command, in many ways that end: each element is
// taken exactly once.
func TestListEachElementOnce(t *testing.T) {
	db := open(t, larder.Options{Backlog: 256 << 20})
	pushers, each := 6, 1500
	if raceEnabled || testing.Short() {
		each = 300
	}
	keys := []string{"a", "b", "c", "d"}
	ctx, stop := context.WithCancel(t.Context())
	var taken sync.Map
	var count atomic.Int64
	take := func(values ...string) {
		for _, v := range values {
			if _, twice := taken.LoadOrStore(v, true); twice {
				t.Errorf("%s was taken twice", v)
			}
			count.Add(1)
		}
	}
	var takers, all sync.WaitGroup
	for i := range 12 {
		takers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 3))
			for ctx.Err() == nil {
				ctx, cancel := ctx, func() {}
				if r.IntN(3) == 0 { // hangs up soon
					ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(200))*time.Microsecond)
				}
				order := r.Perm(len(keys))
				some := []string{keys[order[0]], keys[order[1]], keys[order[2]]}
				d := time.Duration(r.IntN(2000)) * time.Microsecond // 0 is for ever
				switch i % 6 {
				case 0:
					if el, err := db.BLPop(ctx, d, some...); err == nil {
						take(el.Value)
					}
				case 1:
					if el, err := db.BRPop(ctx, d, some...); err == nil {
						take(el.Value)
					}
				case 2:
					if p, err := db.BLMPop(ctx, d, larder.LMPopArgs{Keys: some, Count: 3}); err == nil {
						take(p.Values...)
					}
				case 3: // moves on: somebody else takes it
					db.BLMove(ctx, d, some[0], some[1], larder.Left, larder.Right)
				case 4:
					if v, err := db.LPop(some[0]); err == nil {
						take(v)
					}
				case 5:
					m := db.Multi()
					a, b := m.LPop(some[0]), m.RPopCount(some[1], 2)
					if m.Exec() == nil {
						if a.Err() == nil {
							take(a.Val())
						}
						take(b.Val()...)
					}
				}
				cancel()
			}
		})
	}
	for i := range pushers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 4))
			for n := 0; n < each; n += 3 {
				v := func(k int) string { return fmt.Sprint(i, "-", n+k) }
				key := keys[r.IntN(len(keys))]
				switch r.IntN(3) {
				case 0:
					db.RPush(key, v(0), v(1), v(2))
				case 1:
					db.LPush(key, v(0))
					db.RPush(key, v(1))
					db.LPush(keys[r.IntN(len(keys))], v(2))
				case 2:
					db.Update(func(tx *larder.Tx) error {
						tx.RPush(key, v(0), v(1))
						tx.RPush(keys[0], v(2))
						return nil
					}, key, keys[0])
				}
			}
		})
	}
	all.Wait()
	want := int64(pushers * each)
	for end := time.Now().Add(30 * time.Second); count.Load() < want && time.Now().Before(end); {
		<-time.After(time.Millisecond)
	}
	stop()
	takers.Wait()
	left := 0
	for _, key := range keys {
		left += len(lrange(t, db, key))
	}
	if got := count.Load(); got != want || left != 0 {
		t.Errorf("%d of %d elements were taken, %d are left", got, want, left)
	}
	if err := larder.Idle(db); err != nil {
		t.Error(err)
	}
}
