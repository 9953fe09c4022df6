package larder_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

var errBoom = errors.New("boom")

func ExampleDB_Update() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.MSet("alice", "100", "bob", "20")
	transfer := func(from, to string, amount int64) error {
		return db.Update(func(tx *larder.Tx) error {
			left, err := tx.DecrBy(from, amount)
			if err != nil {
				return err
			}
			if left < 0 {
				return errors.New("too little on the account") // undone: nobody saw it
			}
			_, err = tx.IncrBy(to, amount)
			return err
		}, from, to) // only their shards are locked
	}
	fmt.Println(transfer("alice", "bob", 70))
	fmt.Println(transfer("alice", "bob", 70))
	fmt.Println(db.MGet("alice", "bob"))
	// Output:
	// <nil>
	// too little on the account
	// [{30 true} {90 true}] <nil>
}

func ExampleDB_View() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.MSet("first", "1", "second", "2")
	err := db.View(func(tx *larder.Tx) error {
		a, err := tx.Get("first")
		if err != nil {
			return err
		}
		b, err := tx.Get("second") // of the same instant
		fmt.Println(a, b)
		return err
	}, "first", "second")
	fmt.Println(err)
	// Output:
	// 1 2
	// <nil>
}

func ExampleDB_Multi() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.Set("greeting", "hello")
	m := db.Multi()
	n := m.Incr("visits")
	bad := m.Incr("greeting")
	v := m.Get("greeting")
	if err := m.Exec(); err != nil {
		fmt.Println(err) // nothing was run
		return
	}
	fmt.Println(n.Val(), v.Val())
	fmt.Println(bad.Err()) // and the others took effect
	// Output:
	// 1 hello
	// ERR value is not an integer or out of range
}

func ExampleDB_Watch() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.Set("price", "10")
	err := db.Watch(context.Background(), func(tx *larder.Tx) error {
		price, err := tx.Get("price")
		if err != nil {
			return err
		}
		return tx.Multi(func(m *larder.Multi) error { // only if nobody changed it meanwhile
			m.Set("price", price+"0")
			m.Set("old price", price)
			return nil
		})
	}, "price")
	fmt.Println(err)
	fmt.Println(db.MGet("price", "old price"))
	// Output:
	// <nil>
	// [{100 true} {10 true}] <nil>
}

// Every call on a Tx whose function has returned is ErrTxDone, on its view of
// another database too.
func TestTxDone(t *testing.T) {
	db := open(t, larder.Options{})
	for name, run := range map[string]func(fn func(*larder.Tx) error) error{
		"Update":       func(fn func(*larder.Tx) error) error { return db.Update(fn, "k") },
		"Update of no": func(fn func(*larder.Tx) error) error { return db.Update(fn) },
		"View":         func(fn func(*larder.Tx) error) error { return db.View(fn) },
		"Watch":        func(fn func(*larder.Tx) error) error { return db.Watch(t.Context(), fn, "k") },
	} {
		for _, end := range []string{"returns", "fails", "panics"} {
			var kept, other, late *larder.Tx
			func() {
				defer func() { recover() }()
				run(func(tx *larder.Tx) error {
					kept, other = tx, tx.DB(1)
					other.Get("k")
					switch end {
					case "fails":
						return errBoom
					case "panics":
						panic(errBoom)
					}
					return nil
				})
			}()
			late = other.DB(2)
			for view, tx := range map[string]*larder.Tx{"Tx": kept, "DB(1)": other, "DB(2)": late, "DB(1), later": kept.DB(1)} {
				_, get := tx.Get("k")
				_, size := tx.DBSize()
				multi := tx.Multi(func(m *larder.Multi) error { m.Set("k", "v"); return nil })
				for what, err := range map[string]error{"Get": get, "Set": tx.Set("k", "v"), "DBSize": size, "Multi": multi} {
					if err != larder.ErrTxDone {
						t.Errorf("%s that %s: %s of the %s kept = %v", name, end, what, view, err)
					}
				}
			}
		}
	}
	if n, _ := db.DBSize(); n != 0 {
		t.Errorf("%d keys were written", n)
	}
	idle(t, db)
}

// idle checks that nothing is watched, waited for or locked any more. What goes
// on in the background, the deletion of an expired key or a watch that is forgotten
// late, is given the time to end.
func idle(t testing.TB, db *larder.DB) {
	t.Helper()
	var err error
	for range 500 {
		if err = larder.Idle(db); err == nil {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Error(err)
}

// Using the database inside a transaction of it answers ErrInsideUpdate where it
// would hang, and never hangs.
func TestInsideUpdate(t *testing.T) {
	db := open(t, larder.Options{})
	db.Set("k", "v")
	c := newConn(db)
	defer c.Close()
	watching := db.Multi()
	if err := watching.Watch("k"); err != nil {
		t.Fatal(err)
	}
	c.Do("WATCH", "k")
	c.Do("MULTI")
	c.Do("SET", "k", "x")
	nothing := func(*larder.Tx) error { return nil }
	for name, run := range map[string]func(func(*larder.Tx) error, ...string) error{"Update": db.Update, "View": db.View} {
		err := run(func(tx *larder.Tx) error {
			m := db.Multi()
			r := m.Set("k", "x")
			for what, err := range map[string]error{
				"Update": db.Update(nothing, "k"), "Update of all": db.Update(nothing), "Multi": m.Exec(), "a Result": r.Err(),
				"Set": db.Set("k", "x"), "DB(1).Update": db.DB(1).Update(nothing), "Watch": db.Watch(t.Context(), nothing, "k"),
				"Multi.Watch": m.Watch("k"), "Close": db.Close(),
			} {
				if err != larder.ErrInsideUpdate {
					t.Errorf("%s inside %s = %v", what, name, err)
				}
			}
			if name == "Update" {
				if got := c.Do("EXEC"); got.Str != string(larder.ErrInsideUpdate) {
					t.Errorf("EXEC inside Update = %v", got)
				}
				watching.Discard()
				c.Do("UNWATCH")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if v, err := db.Get("k"); v != "v" || err != nil {
		t.Errorf("k = %q, %v", v, err)
	}
	c.Close()
	idle(t, db) // what could not be forgotten inside is forgotten soon after
}

// A transaction reaches all databases by tx.DB; names are of the database that
// Update was called on.
func TestTxDB(t *testing.T) {
	db := open(t, larder.Options{Databases: 4})
	one := db.DB(1)
	err := db.Update(func(tx *larder.Tx) error {
		tx.Set("k", "zero")
		tx.DB(1).Set("k", "one")
		tx.DB(1).DB(2).Set("k", "two")
		if v, err := tx.DB(1).Get("k"); v != "one" {
			t.Errorf("k of database 1 = %q, %v", v, err)
		}
		return nil
	})
	if got := dump(db); err != nil || strings.Count(got, "\n") != 3 {
		t.Errorf("%v: %s", err, got)
	}
	before := dump(db)
	err = one.Update(func(tx *larder.Tx) error {
		tx.Del("k")
		tx.DB(0).FlushDB()
		tx.DB(3).Set("new", "x")
		return errBoom
	})
	if got := dump(db); err != errBoom || got != before {
		t.Errorf("after a rollback, %v:\n%s", err, got)
	}
	err = one.Update(func(tx *larder.Tx) error {
		if err := tx.Set("k", "x"); err != nil {
			t.Errorf("the key of database 1 = %v", err)
		}
		err := tx.DB(0).Set("k", "x")
		if !errors.Is(err, larder.ErrNotNamed) || !strings.Contains(err.Error(), "'k'") {
			t.Errorf("the key of database 0 = %v", err)
		}
		return err
	}, "k")
	if !errors.Is(err, larder.ErrNotNamed) {
		t.Errorf("Update = %v", err)
	}
	for _, n := range []int{-1, 4} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("DB(%d) does not panic", n)
				}
			}()
			db.Update(func(tx *larder.Tx) error { tx.Set("k", "never"); tx.DB(n); return nil })
		}()
	}
	if got := dump(db); got != before {
		t.Errorf("after panics:\n%s", got)
	}
}

func TestMulti(t *testing.T) {
	db := open(t, larder.Options{})
	db.Set("s", "text")
	m := db.Multi()
	set, incr, bad, get := m.Set("a", "1"), m.Incr("a"), m.Incr("s"), m.Get("a")
	missing, nx := m.Get("nope"), m.SetNX("a", "2", 0)
	ttl, both := m.TTL("a"), m.SetArgs(larder.SetArgs{Key: "a", NX: true, XX: true})
	keys := []string{"a", "s", "nope"}
	buf := []byte("bytes")
	mget, bytes := m.MGet(keys...), m.SetBytes("b", buf)
	keys[0], buf[0] = "s", 'x' // slices are copied
	other := m.DB(3).Set("a", "three")
	if m.Len() != 11 || incr.Err() != larder.ErrQueued || incr.Val() != 0 {
		t.Errorf("before Exec: %d commands, %d, %v", m.Len(), incr.Val(), incr.Err())
	}
	if n, _ := db.Exists("a"); n != 0 {
		t.Error("a queued command was run")
	}
	if err := m.Exec(); err != nil {
		t.Fatal(err)
	}
	if m.Len() != 0 || m.Err() != larder.ErrNotInt {
		t.Errorf("after Exec: %d commands, %v", m.Len(), m.Err())
	}
	for i, tt := range []struct{ got, want any }{
		{set.Err(), nil}, {incr.Val(), int64(2)}, {incr.Err(), nil}, {bad.Err(), larder.ErrNotInt}, {get.Val(), "2"},
		{missing.Err(), larder.ErrNil}, {nx.Val(), false}, {nx.Err(), nil}, {ttl.Err(), nil}, {both.Err(), larder.ErrSyntax},
		{fmt.Sprint(mget.Val()), "[{2 true} {text true} { false}]"}, {bytes.Err(), nil}, {other.Err(), nil},
	} {
		if tt.got != tt.want {
			t.Errorf("%d: %v, want %v", i, tt.got, tt.want)
		}
	}
	if got, want := dump(db), "0 \"a\" string \"2\" 0\n0 \"b\" string \"bytes\" 0\n0 \"s\" string \"text\" 0\n3 \"a\" string \"three\" 0\n"; got != want {
		t.Errorf("the store is\n%s, want\n%s", got, want)
	}

	// Again, with whole databases.
	size, flush, after := m.DBSize(), m.DB(3).FlushDB(), m.DB(3).DBSize()
	if err := m.Exec(); err != nil || size.Val() != 3 || flush.Err() != nil || after.Val() != 0 {
		t.Errorf("%v: DBSIZE %d, FLUSHDB %v, DBSIZE %d", err, size.Val(), flush.Err(), after.Val())
	}
	// Discarded.
	gone := m.Set("a", "gone")
	if m.Discard(); gone.Err() != larder.ErrDiscarded || m.Exec() != nil {
		t.Errorf("after Discard: %v", gone.Err())
	}
	// Aborted, and not the next time.
	for _, want := range []error{larder.ErrTxAborted, nil} {
		if want != nil {
			m.Watch("s", "nope")
			db.Set("nope", "now")
		}
		r := m.Set("a", "aborted")
		if err := m.Exec(); err != want || r.Err() != want {
			t.Errorf("Exec = %v, the command %v, want %v", err, r.Err(), want)
		}
	}
	// In a transaction it is a part of that.
	err := db.Update(func(tx *larder.Tx) error {
		var n larder.Result[int64]
		tx.Multi(func(m *larder.Multi) error { n = m.Incr("counter"); m.Incr("counter"); return nil })
		if v, err := tx.Get("counter"); n.Val() != 1 || v != "2" {
			t.Errorf("a queue inside Update: %d, %q, %v", n.Val(), v, err)
		}
		if err := tx.Multi(func(m *larder.Multi) error { m.Set("never", "x"); return errBoom }); err != errBoom {
			t.Errorf("a queue given up = %v", err)
		}
		return errBoom
	})
	if n, _ := db.Exists("counter", "never"); err != errBoom || n != 0 {
		t.Errorf("Update = %v, and %d keys exist", err, n)
	}
	idle(t, db)
}

// A command that panics is undone alone; Exec panics when the others are done.
func TestMultiPanics(t *testing.T) {
	db := open(t, larder.Options{})
	bad := larder.BadSet // sets a key and panics
	m := db.Multi()
	first := m.Set("a", "1")
	larder.Queue(m, func(c larder.Commands) error { return bad(c, "b") })
	last := m.Set("c", "1")
	func() {
		defer func() {
			if p := recover(); p != "bad" {
				t.Errorf("recovered %v", p)
			}
		}()
		m.Exec()
	}()
	if n, _ := db.Exists("a", "b", "c"); n != 2 || first.Err() != nil || last.Err() != nil {
		t.Errorf("%d keys, %v, %v", n, first.Err(), last.Err())
	}
	idle(t, db)
}

// What one transaction wrote is one batch of the journal, in MULTI and EXEC if
// there is more than one command; what failed or wrote nothing is none.
func TestOneBatch(t *testing.T) {
	db := open(t, larder.Options{})
	c := newConn(db)
	defer c.Close()
	words := func(lines ...string) func() {
		return func() {
			for _, l := range lines {
				c.Do(strings.Fields(l)...)
			}
		}
	}
	for _, tt := range []struct {
		name string
		run  func()
		want string
	}{
		{"EXEC of one", words("MULTI", "SET a 1", "GET a", "EXEC"), "SET a 1"},
		{"EXEC of two", words("MULTI", "SET a 1", "INCR nope x", "INCR a", "EXEC"), ""},
		{"EXEC with an error", words("MULTI", "SET s x", "INCR s", "SELECT 2", "SET a 1", "SELECT 0", "EXEC"), "MULTI SET s x SELECT 2 SET a 1 EXEC"},
		{"EXEC aborted", words("WATCH a", "SET a 2", "MULTI", "SET a 3", "SET b 3", "EXEC"), "SELECT 0 SET a 2"},
		{"DISCARD", words("MULTI", "SET a 3", "SET b 3", "DISCARD"), ""},
		{"Multi", func() { m := db.Multi(); m.Set("a", "1"); m.Set("b", "2"); m.Exec() }, "MULTI SET a 1 SET b 2 EXEC"},
		{"Multi of one", func() { m := db.Multi(); m.Get("a"); m.Set("b", "2"); m.Exec() }, "SET b 2"},
		{"Update", func() { db.Update(func(tx *larder.Tx) error { tx.Set("a", "1"); tx.Del("a"); return nil }) }, "MULTI SET a 1 DEL a EXEC"},
		{"Update that fails", func() { db.Update(func(tx *larder.Tx) error { tx.Set("a", "1"); return errBoom }) }, ""},
	} {
		snap, tail, err := larder.Follow(db)
		if err != nil {
			t.Fatal(err)
		}
		snap.Close()
		tt.run()
		tail.Close()
		wire, _ := io.ReadAll(tail)
		got := strings.Join(strings.Fields(regexp.MustCompile(`[*$]\d+\r\n`).ReplaceAllString(string(wire), "")), " ")
		if strings.TrimPrefix(got, "SELECT 0 ") != strings.TrimPrefix(tt.want, "SELECT 0 ") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Each who watches sees each change, by whoever makes it; and what is no change
// of the key, not. The three ways to watch agree.
func TestWatchSees(t *testing.T) {
	evict := larder.Options{Policy: larder.AllKeysRandom, Config: []string{"maxmemory", "0"}}
	set := func(key string) func(*larder.DB) { return func(db *larder.DB) { db.Set(key, "changed") } }
	for _, tt := range []struct {
		name   string
		o      larder.Options
		change func(*larder.DB)
		abort  bool
	}{
		{name: "nothing", change: func(*larder.DB) {}},
		{name: "another key", change: set("other")},
		{name: "another database", change: func(db *larder.DB) { db.DB(1).Set("k", "x") }},
		{name: "a read", change: func(db *larder.DB) { db.Get("k") }},
		{name: "a failed command", change: func(db *larder.DB) { db.Incr("k") }},
		{name: "a rollback", change: func(db *larder.DB) {
			db.Update(func(tx *larder.Tx) error { tx.Set("k", "x"); tx.FlushAll(); return errBoom })
		}},
		{name: "Set", change: set("k"), abort: true},
		{name: "Set of a key that was not there", change: set("new"), abort: true},
		{name: "Update", change: func(db *larder.DB) { db.Update(func(tx *larder.Tx) error { return tx.Set("k", "x") }) }, abort: true},
		{name: "Multi", change: func(db *larder.DB) { m := db.Multi(); m.Del("k"); m.Exec() }, abort: true},
		{name: "a connection", change: func(db *larder.DB) { c := newConn(db); defer c.Close(); c.Do("APPEND", "k", "x") }, abort: true},
		{name: "EXEC", change: func(db *larder.DB) {
			c := newConn(db)
			defer c.Close()
			c.Do("MULTI")
			c.Do("SET", "k", "x")
			c.Do("EXEC")
		}, abort: true},
		{name: "expiry", change: func(*larder.DB) { time.Sleep(2 * time.Hour) }, abort: true},
		{name: "eviction", o: evict, change: func(db *larder.DB) {
			c := newConn(db)
			defer c.Close()
			c.Do("CONFIG", "SET", "maxmemory", "1")
			db.Set("more", "x") // evicts all there is
			c.Do("CONFIG", "SET", "maxmemory", "0")
		}, abort: true},
		{name: "FlushAll", change: func(db *larder.DB) { db.FlushAll() }, abort: true},
		{name: "FlushDB", change: func(db *larder.DB) { db.FlushDB() }, abort: true},
		{name: "FlushDB of another", change: func(db *larder.DB) { db.DB(1).FlushDB() }},
		{name: "SwapDB", change: func(db *larder.DB) { db.SwapDB(0, 1) }, abort: true},
		{name: "SwapDB of others", change: func(db *larder.DB) { db.SwapDB(1, 2) }},
		{name: "a primary's stream", change: func(db *larder.DB) {
			c := newConn(db)
			defer c.Close()
			larder.SetPrimary(c.conn)
			c.Do("SET", "k", "x")
		}, abort: true},
	} {
		for way, watch := range map[string]func(db *larder.DB, change func()) error{
			"WATCH": func(db *larder.DB, change func()) error {
				c := newConn(db)
				defer c.Close()
				c.Do("WATCH", "k", "new")
				change()
				c.Do("MULTI")
				c.Do("SET", "done", "x")
				if c.Do("EXEC").Kind == redistest.Array {
					return nil
				}
				return larder.ErrTxAborted
			},
			"Multi.Watch": func(db *larder.DB, change func()) error {
				m := db.Multi()
				m.Watch("k", "new")
				change()
				m.Set("done", "x")
				return m.Exec()
			},
			"Watch": func(db *larder.DB, change func()) error {
				first, aborted := true, error(nil)
				err := db.Watch(t.Context(), func(tx *larder.Tx) error {
					if first {
						change()
					}
					err := tx.Multi(func(m *larder.Multi) error { m.Set("done", "x"); return nil })
					if first {
						first, aborted = false, err
					}
					return err
				}, "k", "new")
				if err != nil {
					return err
				}
				return aborted
			},
		} {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					db := open(t, tt.o)
					db.SetArgs(larder.SetArgs{Key: "k", Value: "v", TTL: time.Hour})
					err := watch(db, func() { tt.change(db) })
					if want := map[bool]error{true: larder.ErrTxAborted}[tt.abort]; err != want {
						t.Errorf("%v, want %v", err, want)
					}
					if n, _ := db.Exists("done"); way != "Watch" && n == 1 == tt.abort {
						t.Errorf("the transaction was run: %d", n)
					}
					idle(t, db)
				})
			})
		}
	}
}

// The loop goes on until it gets through, fn has enough, or the context ends.
func TestWatchLoop(t *testing.T) {
	db := open(t, larder.Options{})
	var wg sync.WaitGroup
	const goroutines, times = 8, 200
	for range goroutines {
		wg.Go(func() {
			for range times {
				err := db.Watch(t.Context(), func(tx *larder.Tx) error {
					n, err := tx.StrLen("n")
					if err != nil {
						return err
					}
					runtime.Gosched()
					err = tx.Multi(func(m *larder.Multi) error { m.Set("n", strings.Repeat("x", int(n)+1)); return nil })
					if err != nil {
						return fmt.Errorf("wrapped: %w", err)
					}
					return nil
				}, "n")
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n, _ := db.StrLen("n"); n != goroutines*times {
		t.Errorf("counted %d, want %d", n, goroutines*times)
	}
	if err := db.Watch(t.Context(), func(*larder.Tx) error { return errBoom }, "n"); err != errBoom {
		t.Errorf("Watch = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	err := db.Watch(ctx, func(tx *larder.Tx) error {
		if tries++; tries == 10 {
			cancel()
		}
		tx.Incr("own") // a watched key
		return tx.Multi(func(m *larder.Multi) error { m.Incr("never"); return nil })
	}, "own")
	if !errors.Is(err, larder.ErrTxAborted) || !errors.Is(err, context.Canceled) || tries != 10 {
		t.Errorf("Watch with a context that ended = %v after %d tries", err, tries)
	}
	if err := db.Watch(ctx, func(*larder.Tx) error { t.Error("called"); return nil }, "own"); err != context.Canceled {
		t.Errorf("Watch with a context that had ended = %v", err)
	}
	idle(t, db)
}

// The memory of a queue is counted as Redis counts it, and bounded.
func TestQueueMemory(t *testing.T) {
	db := open(t, larder.Options{})
	c, by := newConn(db), newConn(db)
	defer c.Close()
	defer by.Close()
	list := func(want string) {
		t.Helper()
		if got := by.Do("CLIENT", "LIST").Str; !strings.Contains(got, want) {
			t.Errorf("CLIENT LIST = %q, want %q", got, want)
		}
	}
	c.Do("MULTI")
	list(" multi=0 ")
	c.Do("SET", "a", "1")
	list(" multi-mem=29 ") // asked of a redis-server
	c.Do("SET", "a", strings.Repeat("x", 1000))
	list(" multi=2 ")
	list(" multi-mem=1057 ")
	c.Do("NOSUCH") // from here on nothing is kept
	c.Do("SET", "a", strings.Repeat("x", 1000))
	list(" multi-mem=1057 ")
	c.Do("EXEC")
	c.Do("WATCH", "k")
	db.Set("k", "x")
	c.Do("MULTI")
	c.Do("SET", "a", "1")
	list(" multi-mem=0 ")
	if got := c.Do("EXEC"); got.Kind == redistest.Array {
		t.Errorf("EXEC = %v", got)
	}

	by.Do("CONFIG", "SET", "client-query-buffer-limit", "1mb")
	c.Do("WATCH", "k")
	c.Do("MULTI")
	value := []byte(strings.Repeat("x", 100_000))
	n := 0
	for ; !c.conn.Closing() && n < 100; n++ {
		c.conn.Exec(nil, [][]byte{[]byte("SET"), []byte("a"), value})
	}
	if n != 11 {
		t.Errorf("closed after %d commands of 100 kB", n)
	}
	if n, _ := db.Exists("a"); n != 0 {
		t.Error("a part of the queue was run")
	}
	c.Close()
	idle(t, db)
}

// Between MULTI and EXEC, and at EXEC, memory that has run short is noticed.
func TestExecOOM(t *testing.T) {
	db := open(t, larder.Options{})
	c, by := newConn(db), newConn(db)
	defer c.Close()
	defer by.Close()
	db.Set("k", "v")
	for _, tt := range []struct{ before, short, want string }{ // as a redis-server answers
		{"", "GET k|PING|WATCH k|MULTI|EXEC", "OOM|OOM|OOM|OOM|EXECABORT Transaction discarded because of previous errors."},
		{"GET k", "EXEC", "[v]"},
		{"SET k 1", "EXEC", "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'."},
		{"SET k 1|NOSUCH", "EXEC", "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'."},
		{"NOSUCH|SET k 1", "EXEC", "EXECABORT Transaction discarded because of previous errors."},
		{"SET k 1", "DISCARD", "OK"},
		{"SET k 1", "RESET", "RESET"},
	} {
		c.Do("MULTI")
		for line := range strings.SplitSeq(tt.before, "|") {
			if line != "" {
				c.Do(strings.Fields(line)...)
			}
		}
		by.Do("CONFIG", "SET", "maxmemory", "1")
		wants := strings.Split(tt.want, "|")
		for i, line := range strings.Split(tt.short, "|") {
			got := c.Do(strings.Fields(line)...)
			text := got.Str
			if got.Kind == redistest.Array && len(got.Elems) > 0 {
				text = "[" + got.Elems[0].Str + "]"
			}
			if text != wants[i] && !(wants[i] == "OOM" && strings.HasPrefix(text, "OOM ")) {
				t.Errorf("MULTI, %s, then short of memory: %s = %q, want %q", tt.before, line, text, wants[i])
			}
		}
		m := db.Multi()
		r := m.Set("k", "2")
		if err := m.Exec(); err != larder.ErrOOM || r.Err() != larder.ErrOOM {
			t.Errorf("Exec = %v, %v", err, r.Err())
		}
		by.Do("CONFIG", "SET", "maxmemory", "0")
	}
	if v, err := db.Get("k"); v != "v" {
		t.Errorf("k = %q, %v", v, err)
	}
}

// A million commands in one transaction, in words and in Go, take their memory
// and give it back.
func TestMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: a million commands; not with -short")
	}
	n := 1_000_000
	if raceEnabled {
		n = 100_000
	}
	db, err := larder.Open(larder.Options{}) // a mirror's memory would count
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i := range 1000 {
		db.Set(fmt.Sprint("key", i), "0")
	}
	before := heap()
	c := newConn(db)
	for _, end := range []string{"EXEC", "DISCARD", "close"} {
		if end == "close" {
			c.Close()
			c = newConn(db)
		}
		c.Do("MULTI")
		incr, key := []byte("INCR"), []byte("key000")
		var buf []byte
		for i := range n {
			buf = c.conn.Exec(buf[:0], [][]byte{incr, fmt.Append(key[:3], i%1000)})
		}
		if string(buf) != "+QUEUED\r\n" {
			t.Fatalf("queueing = %q", buf)
		}
		switch end {
		case "EXEC":
			if out := c.conn.Exec(nil, [][]byte{[]byte("EXEC")}); !strings.HasPrefix(string(out), fmt.Sprintf("*%d\r\n:1\r\n", n)) {
				t.Errorf("EXEC = %.40q", out)
			}
		case "DISCARD":
			c.Do("DISCARD")
		case "close":
			c.Close()
		}
	}
	m := db.Multi()
	last := m.Incr("key0")
	for i := 1; i < n; i++ {
		last = m.Incr(fmt.Sprint("key", i%1000))
	}
	if err := m.Exec(); err != nil || last.Val() != int64(2*n/1000) {
		t.Errorf("Exec = %v, the last %d", err, last.Val())
	}
	m = nil
	if after := heap(); after > before+8<<20 {
		t.Errorf("%d MB of heap before, %d after", before>>20, after>>20)
	}
	idle(t, db)
}

func heap() uint64 {
	var ms runtime.MemStats
	for range 3 {
		runtime.GC() // sync.Pools give back at the second
	}
	runtime.ReadMemStats(&ms)
	return ms.HeapAlloc
}

// A Multi that was dropped with a watch open is forgotten.
func TestMultiDropped(t *testing.T) {
	db := open(t, larder.Options{})
	func() {
		m := db.Multi()
		m.Watch("k")
		m.Set("k", "never")
	}()
	for range 100 {
		if larder.Idle(db) == nil {
			return
		}
		runtime.GC()
		runtime.Gosched()
	}
	idle(t, db)
}
