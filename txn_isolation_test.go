package larder_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// That transactions are strictly serializable is proven in interop/isolation.
// Here they are interrupted: by errors, panics, runtime.Goexit, connections that
// go away and contexts that end, at random points. Afterwards nothing is half
// done, nothing is left behind, and the mirror, which open compares at the end,
// holds the same.

const (
	accounts = 8
	fortune  = 1000
)

func account(i int) string { return "account" + strconv.Itoa(i) }

// interrupt ends what it is called in, in one of the ways there are; 0 does not.
func interrupt(how int) error {
	switch how {
	case 1:
		return errBoom
	case 2:
		panic(errBoom)
	case 3:
		runtime.Goexit()
	}
	return nil
}

// A robber moves money between accounts and is interrupted.
type robber struct {
	t    testing.TB
	db   *larder.DB
	r    *rand.Rand
	done *atomic.Int64 // transfers that went through
}

// point decides whether the transfer is interrupted at this step, and how.
func (x *robber) point() error {
	if x.r.IntN(6) == 0 {
		return interrupt(1 + x.r.IntN(3))
	}
	return nil
}

func (x *robber) two() (from, to string) {
	i := x.r.IntN(accounts)
	return account(i), account((i + 1 + x.r.IntN(accounts-1)) % accounts)
}

func (x *robber) check(err error) {
	switch {
	case err == nil:
		x.done.Add(1)
	case err != errBoom && err != larder.ErrTxAborted && !errors.Is(err, context.Canceled):
		x.t.Error(err)
	}
}

func (x *robber) update() {
	from, to := x.two()
	keys := []string{from, to, "noise"}
	if x.r.IntN(4) == 0 {
		keys = nil
	}
	x.check(x.db.Update(func(tx *larder.Tx) error {
		tx.DecrBy(from, 7)
		if err := x.point(); err != nil {
			return err
		}
		tx.Append("noise", "x")
		if keys == nil && x.r.IntN(8) == 0 {
			tx.FlushDB() // and never more
			return interrupt(1 + x.r.IntN(3))
		}
		tx.IncrBy(to, 7)
		return x.point()
	}, keys...))
}

func (x *robber) watch() {
	from, to := x.two()
	ctx, cancel := context.WithCancel(x.t.Context())
	defer cancel()
	x.check(x.db.Watch(ctx, func(tx *larder.Tx) error {
		a, err := balance(tx.Get(from))
		b, err2 := balance(tx.Get(to))
		if err := errors.Join(err, err2, x.point()); err != nil {
			if errors.Is(err, errBoom) {
				return errBoom
			}
			return err
		}
		if x.r.IntN(6) == 0 {
			cancel()
		}
		return tx.Multi(func(m *larder.Multi) error {
			m.Set(from, fmt.Sprint(a-3))
			if err := x.point(); err != nil {
				return err
			}
			m.Set(to, fmt.Sprint(b+3))
			return x.point()
		})
	}, from, to))
}

func balance(v string, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(v)
}

func (x *robber) multi() {
	from, to := x.two()
	m := x.db.Multi()
	m.Watch(from, to)
	a, err := balance(x.db.Get(from))
	b, err2 := balance(x.db.Get(to))
	x.check(errors.Join(err, err2))
	m.Set(from, fmt.Sprint(a-2))
	if x.r.IntN(8) == 0 {
		return // dropped
	}
	if x.r.IntN(8) == 0 {
		m.Discard()
		return
	}
	m.Set(to, fmt.Sprint(b+2))
	x.check(m.Exec())
}

// words is a connection that may go away after each of its commands, by itself
// or with its context ended first.
func (x *robber) words() {
	c := newConn(x.db)
	defer c.conn.Close() // c.Close does nothing once it was killed
	from, to := x.two()
	a, b := 0, 0
	for i, step := range [][]string{{"WATCH", from, to}, {"GET", from}, {"GET", to}, {"MULTI"}, {"SET", from}, {"APPEND", "noise", "y"}, {"SET", to}, {"EXEC"}} {
		switch x.r.IntN(30) {
		case 0:
			return
		case 1:
			c.Kill()
			return
		case 2:
			if i > 3 {
				c.Do("NOSUCH")
			}
		case 3:
			c.Do("UNWATCH")
			c.Do("DISCARD")
			return
		}
		switch i {
		case 4:
			step = append(step, fmt.Sprint(a-1))
		case 6:
			step = append(step, fmt.Sprint(b+1))
		}
		v := c.Do(step...)
		switch i {
		case 1:
			a, _ = strconv.Atoi(v.Str)
		case 2:
			b, _ = strconv.Atoi(v.Str)
		case 7:
			if v.Kind == redistest.Array {
				x.done.Add(1)
			}
		}
	}
}

// run does one thing, in a goroutine of its own for those who end theirs.
func (x *robber) run() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil && p != any(errBoom) {
				panic(p)
			}
		}()
		switch x.r.IntN(4) {
		case 0:
			x.update()
		case 1:
			x.watch()
		case 2:
			x.multi()
		case 3:
			x.words()
		}
	}()
	<-done
}

func TestInterrupted(t *testing.T) {
	t.Run("mirrored", func(t *testing.T) { testInterrupted(t, open(t, larder.Options{}), 3) })
	t.Run("memory", func(t *testing.T) { // a mirror's would be counted too
		if raceEnabled {
			t.Skip("SKIPPED: with -race a sync.Pool drops things at random, and what replaces them is counted")
		}
		db, err := larder.Open(larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		testInterrupted(t, db, 1)
		before := heap()
		testInterrupted(t, db, 3)
		if after := heap(); after > before+1<<20 {
			t.Errorf("%d kB of heap after one round, %d after four", before>>10, after>>10)
		}
	})
}

func testInterrupted(t *testing.T, db *larder.DB, rounds int) {
	for i := range accounts {
		db.Set(account(i), fmt.Sprint(fortune))
	}
	var done atomic.Int64
	goroutines := runtime.NumGoroutine()
	for seed := range rounds {
		db.Del("noise")
		var wg sync.WaitGroup
		for i := range 6 {
			x := &robber{t, db, rand.New(rand.NewPCG(uint64(seed), uint64(i))), &done}
			wg.Go(func() {
				for range 600 {
					x.run()
				}
			})
		}
		var stop atomic.Bool
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			for !stop.Load() {
				whole(t, db)
				runtime.Gosched()
			}
		}()
		wg.Wait()
		stop.Store(true)
		<-looked
	}
	if done.Load() == 0 {
		t.Error("no transfer went through")
	}
	whole(t, db)
	if err := settled(db, goroutines); err != nil {
		t.Error(err)
	}
}

// whole checks that money was neither made nor lost.
func whole(t testing.TB, db *larder.DB) {
	sum := 0
	err := db.View(func(tx *larder.Tx) error {
		for i := range accounts {
			n, err := balance(tx.Get(account(i)))
			if err != nil {
				return err
			}
			sum += n
		}
		return nil
	})
	if err != nil || sum != accounts*fortune {
		t.Errorf("the sum is %d, %v", sum, err)
	}
}

// settled waits until what was dropped is collected: Multis with a watch.
func settled(db *larder.DB, goroutines int) (err error) {
	for range 200 {
		runtime.GC()
		<-time.After(time.Millisecond)
		if err = larder.Idle(db); err == nil && runtime.NumGoroutine() <= goroutines {
			return nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%d goroutines before, %d after", goroutines, runtime.NumGoroutine())
	}
	return err
}
