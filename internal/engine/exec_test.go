package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A write and a FLUSHDB or SWAPDB behind it in one transaction: what the write
// replaced is freed where it was.
func TestWriteThenWholeDatabase(t *testing.T) {
	for _, second := range []string{"flushdb", "swapdb 0 1"} {
		db := openToy(t, Config{})
		c := db.conn()
		c.do("set k old")
		c.do("set other x")
		c.do("multi")
		for _, line := range []string{"set k new", "getset k newer", "del other", second, "set k last", "getset k really"} {
			c.do(line)
		}
		if got := c.do("exec"); !strings.HasPrefix(got, "*6 ") {
			t.Errorf("EXEC = %q", got)
		}
		db.s.Atomic(true, nil, func(s *Session) error {
			on(s).set("k", "again")
			toyFlush.Do(s, 0)
			on(s).set("k", "and again")
			toySwap.Do(s, []string{"0", "1"})
			on(s).set("k", "in the other")
			return nil
		})
		if err := db.AtRest(); err != nil {
			t.Error(err)
		}
	}
}

// READONLY is noticed when a command is queued and when it is to be run.
func TestExecReadOnly(t *testing.T) {
	db := openToy(t, Config{})
	c := db.conn()
	readOnly := func(on bool) {
		if on {
			db.setState(stateReplica, 0)
		} else {
			db.setState(0, stateReplica)
		}
	}
	defer readOnly(false)
	const text = "READONLY You can't write against a read only replica."
	for _, tt := range []struct{ before, after, want string }{ // as a redis-server answers
		{"", "get k|set k 1|exec", "+QUEUED|-" + text + "|-EXECABORT Transaction discarded because of previous errors."},
		{"set k 1", "exec", "-EXECABORT Transaction discarded because of: " + text},
		{"get k", "exec", "*1 $-1"},
	} {
		c.do("multi")
		c.do(tt.before)
		readOnly(true)
		wants := strings.Split(tt.want, "|")
		for i, line := range strings.Split(tt.after, "|") {
			if got := c.do(line); got != wants[i] {
				t.Errorf("MULTI, %s, then read only: %s = %q, want %q", tt.before, line, got, wants[i])
			}
		}
		q := db.NewQueue()
		r := &toyCall{run: func(s *Session) error { return on(s).set("k", "1") }}
		q.Add(0, r)
		if err := q.Exec(); err != ErrReadOnlyReplica || r.err != err {
			t.Errorf("Exec = %v, %v", err, r.err)
		}
		readOnly(false)
	}
}

// A toyCall is a typed call that is queued.
type toyCall struct {
	run   func(*Session) error
	err   error
	calls int
}

func (c *toyCall) Run(s *Session) { c.calls++; c.err = c.run(s) }
func (c *toyCall) Fail(err error) { c.err = err }
func (c *toyCall) Err() error     { return c.err }

// Commands that wait do not, in any kind of transaction.
func TestBlockingInTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openToy(t, Config{})
		start := time.Now()
		pop := func(s *Session) error { _, err := on(s).blpop(t.Context(), time.Hour, "q", "r"); return err }
		push := func(s *Session) error { _, err := on(s).push("q", "x"); return err }
		c := db.conn()
		for _, line := range []string{"multi", "blpop q r 0", "lpush q x", "blpop q r 0", "bmove q r 0"} {
			c.do(line)
		}
		if got, want := c.do("exec"), "*4 $-1 :1 *2 $1 q $1 x $-1"; got != want {
			t.Errorf("EXEC = %q, want %q", got, want)
		}
		q, calls := db.NewQueue(), []*toyCall{{run: pop}, {run: push}, {run: pop}}
		for _, call := range calls {
			q.Add(0, call)
		}
		if err := q.Exec(); err != nil || calls[0].err != ErrNil || calls[2].err != nil || calls[2].calls != 2 {
			t.Errorf("Exec = %v: %v, %v", err, calls[0].err, calls[2].err)
		}
		for _, keys := range [][]string{{"q", "r"}, nil} {
			db.s.Atomic(true, keys, func(s *Session) error {
				if err := pop(s); err != ErrNil {
					t.Errorf("in an Update: %v", err)
				}
				push(s)
				return pop(s)
			})
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("they took %v", d)
		}
		if err := db.AtRest(); err != nil {
			t.Error(err)
		}
	})
}

// A context that ends while a command waits for a key that transactions write
// leaves nothing behind, and takes nothing with it.
func TestContextEndsWhileBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openToy(t, Config{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		took := 0
		for i := range 40 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%10+1)*time.Millisecond)
			wg.Go(func() {
				defer cancel()
				if _, err := on(db.s).blpop(ctx, 0, "q", fmt.Sprint("r", i)); err == nil {
					mu.Lock()
					took++
					mu.Unlock()
				}
			})
		}
		pushed := 0
		for i := range 12 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // as some of the contexts end
				db.s.Atomic(true, []string{"q"}, func(s *Session) error {
					on(s).push("q", "x")
					if i%3 == 0 {
						return Error("undone")
					}
					mu.Lock()
					pushed++
					mu.Unlock()
					return nil
				})
			})
		}
		wg.Wait()
		left, _ := on(db.s).all("q")
		if took+len(left) != pushed || took == 0 {
			t.Errorf("%d were pushed, %d taken, %d are left", pushed, took, len(left))
		}
		if err := db.AtRest(); err != nil {
			t.Error(err)
		}
	})
}

// A call touches only the keys it had named when it was queued.
func TestQueueNames(t *testing.T) {
	db := openToy(t, Config{})
	q, key := db.NewQueue(), "a"
	call := &toyCall{run: func(s *Session) error { return on(s).set(key, "x") }}
	q.Add(0, call)
	key = "b"
	if err := q.Exec(); err != nil || call.err == nil || !strings.Contains(call.err.Error(), "'b'") {
		t.Errorf("%v, %v", err, call.err)
	}
}

// Words that are queued are copies, whatever their sizes, and stay what they are
// while the queue grows.
func TestQueuedWords(t *testing.T) {
	db := openToy(t, Config{})
	c := db.conn()
	for round := range 3 { // the store comes from the pool then
		c.do("multi")
		var want []string
		line := make([]byte, 0, 100_000)
		for i := range 300 {
			v := strings.Repeat(string(rune('a'+i%26)), 1+i*i%3000)
			line = append(append(append(line[:0], "getset k"...), 0), v...)
			words := [][]byte{line[:6], line[7:8], line[9:]}
			w := Reply{Proto: 2}
			c.s.Exec(words, &w)
			want = append(want, v)
		}
		clear(line[:cap(line)])
		got := c.do("exec")
		for i, v := range want[:299] {
			if !strings.Contains(got+" ", " "+v+" ") {
				t.Fatalf("round %d: value %d of %d bytes is not in the reply", round, i, len(v))
			}
		}
	}
}
