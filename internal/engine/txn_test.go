package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Clients that wait are served in the order in which they came, whatever other
// keys they wait for and however they are woken.
func TestServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openToy(t, Config{})
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				it, err := on(db.s).blpop(t.Context(), 0, fmt.Sprint("own", i), "q", fmt.Sprint("other", i%3))
				mu.Lock()
				defer mu.Unlock()
				order = append(order, fmt.Sprintf("%d=%s %v", i, it, err))
			})
			synctest.Wait() // i parks before i+1
		}
		var want []string
		c := db.conn()
		for i := range 20 {
			want = append(want, fmt.Sprintf("%d=%d <nil>", i, i))
			it := fmt.Sprint(i)
			switch i % 4 {
			case 0:
				on(db.s).push("q", it)
			case 1:
				db.s.Atomic(true, []string{"q"}, func(s *Session) error { on(s).push("q", it); return nil })
			case 2:
				c.do("multi")
				c.do("lpush q " + it)
				c.do("exec")
			case 3:
				on(db.s).push("elsewhere", it)
				on(db.s).rename("elsewhere", "q")
			}
			synctest.Wait()
		}
		wg.Wait()
		if !slices.Equal(order, want) {
			t.Errorf("served %q, want %q", order, want)
		}
	})
}

// One push walks through a chain of waiters before it returns, and nobody can
// take the item on its way.
func TestChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openToy(t, Config{})
		const n = 30
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if _, err := on(db.s).bmove(t.Context(), lst(i), lst(i+1)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		snap, tail, _ := db.Follow()
		snap.Close()
		on(db.s).push(lst(0), "x")
		if items, _ := on(db.s).all(lst(n)); !slices.Equal(items, []string{"x"}) {
			t.Errorf("at the end of the chain: %q", items)
		}
		wg.Wait()
		tail.Close()
		wire, _ := io.ReadAll(tail)
		if got := strings.Count(string(wire), "BMOVE"); got != n || strings.Contains(string(wire), "MULTI") {
			t.Errorf("%d moves in the journal: %q", got, wire)
		}
	})
}

// A waiter whose time is up, whose context ended, or that was unblocked, has left
// all its queues.
func TestLeavesQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openToy(t, Config{})
		start := time.Now()
		if _, err := on(db.s).blpop(t.Context(), time.Second, "a", "b", "a"); err != ErrNil || time.Since(start) != time.Second {
			t.Errorf("BLPOP = %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		go func() { _, err = on(db.s).blpop(ctx, 0, "a", "b") }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if err != context.Canceled {
			t.Errorf("BLPOP with a context that ended = %v", err)
		}
		c, got := db.conn(), ""
		for _, why := range []error{ErrNil, Error("UNBLOCKED by a test")} {
			go func() { got = c.do("blpop a b 0") }()
			synctest.Wait()
			if !c.s.Waits() || !c.s.Unblock(why) {
				t.Error("the session does not wait")
			}
			synctest.Wait()
			if want := map[bool]string{true: "$-1", false: "-UNBLOCKED by a test"}[why == ErrNil]; got != want {
				t.Errorf("BLPOP unblocked by %v = %q, want %q", why, got, want)
			}
		}
		if c.s.Unblock(ErrNil) {
			t.Error("Unblock of a session that does not wait reports true")
		}
		on(db.s).push("a", "x")
		on(db.s).push("b", "y")
		if a, _ := on(db.s).pop("a"); a != "x" {
			t.Errorf("a = %q", a)
		}
		if n := db.Stats().Blocked; n != 0 {
			t.Errorf("%d blocked", n)
		}
	})
}

// A panic in a command that waits goes to the one who waits, and not to the
// writer who runs it.
func TestWaiterPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openToy(t, Config{})
		bad := &Blocking[toyBlock, string]{Op: Op[toyBlock, string]{
			Spec: Spec{Name: "BAD", Flags: Write | MayBlock},
			Keys: func(k *KeySet, a toyBlock) { k.WriteAll(a.keys) },
			Run: func(t *Txn, a toyBlock) (string, error) {
				if t.Exists(a.keys[0]) {
					panic("bad waiter")
				}
				return "", t.Block(0, a.keys...)
			},
		}}
		var recovered any
		go func() {
			defer func() { recovered = recover() }()
			bad.Do(t.Context(), db.s, toyBlock{keys: []string{"q"}})
		}()
		synctest.Wait()
		if n, err := on(db.s).push("q", "x"); n != 1 || err != nil {
			t.Errorf("the writer's push = %d, %v", n, err)
		}
		synctest.Wait()
		if !strings.Contains(fmt.Sprint(recovered), "bad waiter") {
			t.Errorf("the waiter recovered %v", recovered)
		}
	})
}

// Rollback leaves nothing: no value, no effect, no watch mark, no waiter woken,
// whether a snapshot is open or not.
func TestRollback(t *testing.T) {
	for _, snapshot := range []bool{false, true} {
		t.Run(fmt.Sprint("snapshot ", snapshot), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testRollback(t, snapshot) })
		})
	}
}

func testRollback(t *testing.T, snapshot bool) {
	db := openToy(t, Config{})
	d := on(db.s)
	d.set("s", "old")
	d.set("big", strings.Repeat("b", 5000))
	d.setPX("ttl", "v", time.Hour)
	d.push("l", "1", "2")
	d.push("l2", "a", "b")
	if snapshot {
		snap, _ := db.Snapshot(0)
		defer snap.Close()
	}
	before := dump(t, db.Engine)
	used := db.Used()
	snap, tail, _ := db.Follow()
	snap.Close()
	start := tail.Offset()
	c := db.conn()
	c.do("watch s l new q big")
	var served bool
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, err := d.blpop(ctx, time.Minute, "q"); served = err == nil }()
	synctest.Wait()
	for _, how := range []string{"error", "panic"} {
		func() {
			defer func() {
				if p := recover(); (p != nil) != (how == "panic") {
					t.Errorf("%s: recovered %v", how, p)
				}
			}()
			db.s.Atomic(true, nil, func(s *Session) error {
				tx := on(s)
				tx.set("s", "new")
				tx.set("s", "newer")
				tx.set("big", "small")
				tx.del("ttl", "s")
				tx.set("ttl", "w")
				tx.push("l", "3")
				tx.pop("l")
				tx.pop("l")
				tx.pop("l") // now it is deleted
				tx.push("l", "again")
				tx.push("l2", "c")
				toyPExpire.Do(s, toySetArgs{key: "l2", px: 1000})
				tx.rename("l2", "l3")
				tx.push("l3", "d")
				tx.push("q", "for the waiter")
				tx.set("new", "x")
				toySwap.Do(s, []string{"0", "1"})
				tx.set("in the other", "x")
				toyFlush.Do(s, 0)
				tx.set("after the flush", "x")
				if how == "panic" {
					panic(how)
				}
				return errors.New(how)
			})
		}()
		if after := dump(t, db.Engine); after != before {
			t.Errorf("after an %s:\n%s---\n%s", how, before, after)
		}
		if !snapshot && db.Used() > used+4096*2 {
			t.Errorf("after an %s %d bytes are used, %d before", how, db.Used(), used)
		}
	}
	tail.Close()
	if wire, _ := io.ReadAll(tail); len(wire) != 0 || tail.Offset() != start {
		t.Errorf("the journal has %q", wire)
	}
	if synctest.Wait(); served {
		t.Error("a waiter was served")
	}
	c.do("multi")
	if got := c.do("exec"); got != "*0" {
		t.Errorf("EXEC after the rollback = %q", got)
	}
	cancel()
	synctest.Wait()
}

func TestInsideUpdate(t *testing.T) {
	db := openToy(t, Config{})
	on(db.s).set("a", "1")
	nothing := func(*Session) error { return nil }
	var kept *Session
	err := db.s.Atomic(true, []string{"a"}, func(s *Session) error {
		kept = s
		for name, err := range map[string]error{
			"Set on the DB":    on(db.s).set("a", "2"),
			"Update in Update": db.s.Atomic(true, []string{"a"}, nothing),
			"View in Update":   db.s.Atomic(false, nil, nothing),
			"Snapshot":         func() error { _, err := db.Snapshot(0); return err }(),
		} {
			if err != ErrInsideUpdate {
				t.Errorf("%s = %v", name, err)
			}
		}
		if err := on(s).set("b", "x"); !errors.Is(err, ErrNotNamed) || !strings.Contains(err.Error(), "'b'") {
			t.Errorf("a key not named = %v", err)
		}
		if _, err := on(s).get("b"); !errors.Is(err, ErrNotNamed) {
			t.Errorf("a key not named, read = %v", err)
		}
		return on(s).set("a", "3")
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := on(kept).set("a", "4"); err != ErrTxDone {
		t.Errorf("a session kept = %v", err)
	}
	db.s.Atomic(false, nil, func(s *Session) error {
		if err := on(s).set("a", "5"); err != ErrInView {
			t.Errorf("a write in a View = %v", err)
		}
		return nil
	})
	if v, err := on(db.s).get("a"); v != "3" {
		t.Errorf("a = %q, %v", v, err)
	}
}

// A key that has expired counts as gone for WATCH, unless it had when watched;
// and it is deleted, by an effect, by who meets it and by nobody's help.
func TestWatchExpiry(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after time.Duration // of WATCH
		meet          string        // a command between WATCH and EXEC
		want          string
	}{
		{"expires", 0, 2 * time.Second, "", "*-1"},
		{"had expired", time.Second, 0, "", "*1 +OK"},
		{"had expired, is deleted meanwhile", time.Second, 3 * time.Second, "get k", "*1 +OK"},
		{"had expired, is made again", time.Second, 0, "set k w", "*-1"},
		{"lives", 0, 0, "", "*1 +OK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openToy(t, Config{})
				db.SetActiveExpire(tt.meet != "")
				c := db.conn()
				on(db.s).setPX("k", "v", time.Second)
				time.Sleep(tt.before)
				c.do("watch k")
				time.Sleep(tt.after)
				if tt.meet != "" {
					db.conn().do(tt.meet)
				}
				c.do("multi")
				c.do("set other x")
				if got := c.do("exec"); got != tt.want {
					t.Errorf("EXEC = %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// Who began to look for expired keys before that was turned off deletes none that expire
// afterwards.
func TestActiveExpireTurnedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openToy(t, Config{})
		keys := func() (n int64) {
			for i := range db.shards {
				n += db.shards[i].keys[0].keys.Load()
			}
			return n
		}
		db.SetActiveExpire(false)
		on(db.s).setPX("k", "v", time.Second)
		time.Sleep(3 * time.Second)
		for i := range db.shards {
			if _, idle := db.expireSome(i, db.clock.millis()); !idle {
				t.Errorf("shard %d is not idle", i)
			}
		}
		if n := keys(); n != 1 {
			t.Errorf("%d keys are left of one", n)
		}
		db.SetActiveExpire(true)
		time.Sleep(time.Second)
		if n := keys(); n != 0 {
			t.Errorf("%d keys are left when it is turned on again", n)
		}
	})
}

// WATCH sees a database that is flushed or exchanged, for the keys that there
// are.
func TestWatchWholeDatabases(t *testing.T) {
	for _, tt := range []struct{ before, meanwhile, want string }{
		{"set k v", "flushdb", "*-1"},
		{"set other v", "flushdb", "*0"},
		{"set other v", "swapdb 0 1", "*0"},
		{"set k v", "swapdb 0 1", "*-1"},
		{"select 1|set k v", "swapdb 0 1", "*-1"},
		{"select 2|set k v", "swapdb 1 2", "*0"},
		{"select 1|set k v", "flushdb", "*0"},
	} {
		db := openToy(t, Config{})
		setup, c := db.conn(), db.conn()
		for line := range strings.SplitSeq(tt.before, "|") {
			setup.do(line)
		}
		c.do("watch k")
		db.conn().do(tt.meanwhile)
		c.do("multi")
		if got := c.do("exec"); got != tt.want {
			t.Errorf("%s, WATCH k, %s: EXEC = %q, want %q", tt.before, tt.meanwhile, got, tt.want)
		}
	}
}

// A queued command that panics is undone alone; one that fails has changed
// nothing; the rest of EXEC counts.
func TestExecErrors(t *testing.T) {
	db := openToy(t, Config{})
	c := db.conn()
	c.do("multi")
	for _, line := range []string{"set a 1", "incrby a x", "panic b", "lpush a 1", "select 3", "set a 3", "select 0", "incrby a 1"} {
		if got := c.do(line); got != "+QUEUED" {
			t.Fatalf("%s = %q", line, got)
		}
	}
	const want = "*8 +OK -ERR value is not an integer or out of range -ERR internal error " +
		"-WRONGTYPE Operation against a key holding the wrong kind of value +OK +OK +OK :2"
	if got := c.do("exec"); got != want {
		t.Errorf("EXEC = %q, want %q", got, want)
	}
	if !c.s.Broken {
		t.Error("the session is not marked")
	}
	if got := dump(t, db.Engine); got != "0 a 2\n3 a 3\n" {
		t.Errorf("the keyspace is %q", got)
	}
	if db.Broken() {
		t.Error("the engine is broken, although nothing was changed in place")
	}
}

// A command that panics after it began to change a value in place breaks the
// engine for writes; reads go on.
func TestBroken(t *testing.T) {
	db := openToy(t, Config{})
	on(db.s).push("l", "x")
	if got := db.conn().do("panic l"); got != "-ERR internal error" {
		t.Errorf("PANIC = %q", got)
	}
	if err := on(db.s).set("a", "1"); err != ErrBroken {
		t.Errorf("a write = %v", err)
	}
	if _, err := on(db.s).get("a"); err != ErrNil {
		t.Errorf("a read = %v", err)
	}
}

// Other data in the place of all there is mends a broken engine. (It has no mirror: its
// journal begins anew.)
func TestLoadMends(t *testing.T) {
	e := New(Config{Table: toys})
	defer e.Close()
	e.broke()
	l, err := e.NewLoad()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Install(); err != nil {
		t.Fatal(err)
	}
	if err := on(e.NewSession()).set("a", "1"); err != nil || e.Broken() {
		t.Errorf("a write after that = %v; Broken() = %v", err, e.Broken())
	}
}

// The result of a command that replaces a value is the value that was, although
// it borrows it.
func TestBorrowedResult(t *testing.T) {
	db := openToy(t, Config{})
	c := db.conn()
	c.do("set k first")
	for i, want := range []string{"$5 first", "$5 value", "$5 value"} {
		if got := c.do("getset k value"); got != want {
			t.Errorf("%d: GETSET = %q, want %q", i, got, want)
		}
	}
}

const (
	stressFor = 700 * time.Millisecond
	accounts  = 24
	lists     = 12
)

func acct(i int) string { return "acct:" + strconv.Itoa(i) }
func lst(i int) string  { return "list:" + strconv.Itoa(i) }

// sum adds the accounts up at one instant.
func sum(db *toyDB, keys ...string) (total int64, err error) {
	err = db.s.Atomic(false, keys, func(s *Session) error {
		for i := range accounts {
			v, err := on(s).get(acct(i))
			if err != nil {
				return err
			}
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return err
			}
			total += n
		}
		return nil
	})
	return total, err
}

// TestStress mixes everything that takes several shards. It checks that nothing
// hangs, that money and list items are neither made nor lost, that every View
// and every snapshot sees whole transfers, and, by the mirror, that the journal
// tells it all.
func TestStress(t *testing.T) {
	db := openToy(t, Config{})
	d := on(db.s)
	var names []string
	for i := range accounts {
		names = append(names, acct(i))
		d.set(acct(i), "1000")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	var stop atomic.Bool
	var pushed, popped, views, moves, execs, aborted, updates atomic.Int64
	loop := func(n int, f func()) {
		for range n {
			wg.Go(func() {
				for !stop.Load() {
					f()
				}
			})
		}
	}
	two := func() (a, b int) {
		a, b = rand.IntN(accounts), rand.IntN(accounts-1)
		if b >= a {
			b++
		}
		return a, b
	}

	// Chains of waiters: an item pushed to list 0 walks to the last by itself.
	for i := range lists - 1 {
		loop(2, func() {
			if _, err := d.bmove(ctx, lst(i), lst(i+1)); err == nil {
				moves.Add(1)
			}
		})
	}
	loop(2, func() {
		if _, err := d.blpop(ctx, time.Duration(rand.IntN(3)+1)*time.Millisecond, lst(lists-1), lst(lists-2)); err == nil {
			popped.Add(1)
		} else if err != ErrNil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	loop(2, func() {
		if d.push(lst(rand.IntN(lists)), "x", "y"); pushed.Add(2) > 1000+popped.Load() {
			<-time.After(time.Millisecond) // the movers have a slow time under race
		}
	})
	// Transfers by Update, some of which fail or panic half-way.
	loop(2, func() {
		a, b := two()
		keys := []string{acct(a), acct(b), "n"}
		if rand.IntN(20) == 0 {
			keys = nil // all shards
		}
		how := rand.IntN(4)
		boom := errors.New("boom")
		func() {
			defer func() { recover() }()
			err := db.s.Atomic(true, keys, func(s *Session) error {
				tx := on(s)
				tx.incr(acct(a), -7)
				tx.incr("n", 1)
				switch how {
				case 0:
					return boom
				case 1:
					panic(boom)
				}
				_, err := tx.incr(acct(b), 7)
				return err
			})
			if want := map[bool]error{true: boom}[how == 0]; err != want {
				t.Errorf("Update = %v, want %v", err, want)
			}
			updates.Add(1)
		}()
	})
	// Transfers by EXEC, with pushes that wake the chains.
	loop(2, func() {
		c := db.conn()
		a, b := two()
		c.do("multi")
		c.do("incrby " + acct(a) + " -3")
		c.do("lpush " + lst(rand.IntN(lists)) + " e")
		c.do("incrby " + acct(b) + " 3")
		if got := c.do("exec"); !strings.HasPrefix(got, "*3 :") {
			t.Errorf("EXEC = %q", got)
		}
		pushed.Add(1)
		execs.Add(1)
	})
	// Transfers by WATCH: read, compute outside, write if nobody else did.
	loop(2, func() {
		c := db.conn()
		a, b := two()
		c.do("watch " + acct(a) + " " + acct(b))
		va, _ := d.get(acct(a))
		vb, _ := d.get(acct(b))
		na, _ := strconv.Atoi(va)
		nb, _ := strconv.Atoi(vb)
		c.do("multi")
		c.do(fmt.Sprint("set ", acct(a), " ", na-5))
		c.do(fmt.Sprint("set ", acct(b), " ", nb+5))
		switch got := c.do("exec"); got {
		case "*2 +OK +OK":
			execs.Add(1)
		case "*-1":
			aborted.Add(1)
		default:
			t.Errorf("EXEC = %q", got)
		}
	})
	loop(1, func() {
		keys := names
		if rand.IntN(2) == 0 {
			keys = nil
		}
		if got, err := sum(db, keys...); got != accounts*1000 || err != nil {
			t.Errorf("a View saw %d, %v", got, err)
		}
		views.Add(1)
	})
	loop(1, func() {
		snap, err := db.Snapshot(0)
		if err != nil {
			t.Error(err)
			return
		}
		defer snap.Close()
		total := int64(0)
		for key, it := range snap.All(0) {
			if strings.HasPrefix(key, "acct:") {
				n, _ := strconv.ParseInt(it.Value.Flat, 10, 64)
				total += n
			}
		}
		if total != accounts*1000 {
			t.Errorf("a snapshot saw %d", total)
		}
	})
	loop(1, func() { d.del("n", lst(lists)); d.get("n") })

	<-time.After(stressFor)
	stop.Store(true)
	<-time.After(10 * time.Millisecond)
	cancel()
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		panic("deadlock")
	}
	left := int64(0)
	for i := range lists {
		items, _ := d.all(lst(i))
		left += int64(len(items))
	}
	if pushed.Load() != popped.Load()+left {
		t.Errorf("pushed %d, popped %d, left %d", pushed.Load(), popped.Load(), left)
	}
	if got, err := sum(db); got != accounts*1000 || err != nil {
		t.Errorf("the sum is %d, %v", got, err)
	}
	t.Log("moves", moves.Load(), "pops", popped.Load(), "views", views.Load(), "execs", execs.Load(), "aborted", aborted.Load(), "updates", updates.Load())
}

// Each of two writes one key only if the other key is as it was read. One of them
// must come second and see it.
func TestWriteSkew(t *testing.T) {
	db := openToy(t, Config{})
	a, b := db.conn(), db.conn()
	for range 2000 {
		on(db.s).del("x", "y")
		var got [2]string
		for i, c := range []*toyConn{a, b} {
			c.do("watch " + "yx"[i:i+1])
			c.do("multi")
			c.do("set " + "xy"[i:i+1] + " 1")
		}
		var wg sync.WaitGroup
		wg.Go(func() { got[0] = a.do("exec") })
		wg.Go(func() { got[1] = b.do("exec") })
		wg.Wait()
		if got[0] == got[1] {
			t.Fatalf("both answer %q", got)
		}
	}
}
