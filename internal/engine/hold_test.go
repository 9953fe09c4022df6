package engine

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// While writes are held they wait, whoever they are of, and reads and the primary's
// stream go on; then they are done, or refused by what the store has become.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{Table: toys})
		defer e.Close()
		hold := func(on bool) {
			t.Helper()
			if err := e.Hold(on); err != nil {
				t.Fatal(err)
			}
		}
		_ = on(e.NewSession()).set("a", "1")
		ways := map[string]func(s *Session) error{
			"set": func(s *Session) error { return on(s).set("k", "v") },
			"Update": func(s *Session) error {
				return s.Atomic(true, []string{"k", "a"}, func(s *Session) error { return on(s).set("k", "w") })
			},
			"MULTI": func(s *Session) error {
				w := Reply{Proto: 2}
				s.Begin()
				s.Exec([][]byte{[]byte("SET"), []byte("k"), []byte("x")}, &w)
				return s.ExecQueue(&w)
			},
		}
		for _, then := range []struct {
			change func() error
			want   error
		}{{func() error { return nil }, nil}, {e.BecomeReplica, ErrReadOnlyReplica}} {
			hold(true)
			hold(true)
			got := make(chan error, len(ways))
			for _, way := range ways {
				go func() { got <- way(e.NewSession()) }()
			}
			synctest.Wait()
			if len(got) != 0 {
				t.Errorf("a write does not wait: %v", <-got)
			}
			if v, err := on(e.NewSession()).get("a"); v != "1" || err != nil {
				t.Errorf("a read = %q, %v", v, err)
			}
			s := e.NewSession()
			s.Primary = true
			if err := on(s).set("p", "1"); err != nil {
				t.Errorf("a primary's write: %v", err)
			}
			if err := then.change(); err != nil {
				t.Fatal(err)
			}
			hold(false)
			for range ways {
				if err := <-got; err != then.want && (then.want == nil || err.Error() != "EXECABORT Transaction discarded because of: "+then.want.Error()) {
					t.Errorf("afterwards: %v, want %v", err, then.want)
				}
			}
		}
	})
}

// A write that is held ends with its context and with the engine, and is refused where
// it would wait for itself.
func TestHoldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{Table: toys})
		if err := e.Hold(true); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s := e.NewSession()
		s.Ctx = ctx
		got := make(chan error)
		go func() { got <- on(s).set("k", "v") }()
		synctest.Wait()
		cancel()
		if err := <-got; err != context.Canceled {
			t.Errorf("when its context ends: %v", err)
		}
		err := e.NewSession().Atomic(false, []string{"a"}, func(*Session) error { return on(e.NewSession()).set("k", "v") })
		if err != ErrInsideUpdate {
			t.Errorf("inside a View: %v", err)
		}
		go func() { got <- on(e.NewSession()).set("k", "v") }()
		synctest.Wait()
		e.Close()
		if err := <-got; err != ErrClosed {
			t.Errorf("when the engine is closed: %v", err)
		}
	})
}

// A write that drops its locks to take those of who waits, too, looks again at what the
// store is by then: one to a replica would be in nobody's journal.
func TestRoleChangesBetweenLocks(t *testing.T) {
	e := New(Config{Table: toys})
	shardOf := func(key string) int {
		at := e.refOf(dbKey{0, key})
		return at.shard()
	}
	low, high := "low", "high"
	for i := 0; shardOf(low) >= shardOf(high); i++ {
		low, high = fmt.Sprint("low", i), fmt.Sprint("high", i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error)
	go func() {
		_, err := on(e.NewSession()).blpop(ctx, 0, low, high)
		waited <- err
	}()
	for e.stats.blocked.Load() == 0 {
		runtime.Gosched()
	}
	first := lockSet{write: 1 << shardOf(low)}
	for range 50 {
		_ = e.lock(first)
		wrote := make(chan error)
		go func() {
			_, err := on(e.NewSession()).push(high, "x")
			wrote <- err
		}()
		for start := time.Now(); time.Since(start) < time.Millisecond; {
			runtime.Gosched() // most often it has come to low meanwhile, and holds nothing
		}
		rest := lockSet{write: allShards &^ first.write}
		_ = e.lock(rest)
		e.state |= stateReplica
		e.unlock(rest)
		e.unlock(first)
		if err := <-wrote; err != ErrReadOnlyReplica {
			t.Fatalf("a write to a replica = %v", err)
		}
		if err := e.setState(0, stateReplica); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-waited; err != context.Canceled {
		t.Error(err)
	}
	e.Close()
}
