package isolation

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

var rounds = flag.Int("rounds", 60, "histories to record and check")

const (
	databases = 2
	names     = 3 // keys of each database
	clients   = 8
	each      = 24 // transactions of a client in one history
	missing   = -1
)

func key(i int) string { return "k" + strconv.Itoa(i) }

// state is what the store holds: numbers, by database and key.
type state [databases][names]int64

// An action is one command. Its result is one number or, for mget, as many as
// there are keys.
type action struct {
	what    string
	db, key int
	value   int64
}

func (a action) String() string { return fmt.Sprintf("%s %d/%d %d", a.what, a.db, a.key, a.value) }

// apply does a to s and returns what a is to answer.
func (a action) apply(s *state) []int64 {
	at := &s[a.db][a.key]
	switch a.what {
	case "get":
		return []int64{*at}
	case "set":
		*at = a.value
		return []int64{0}
	case "incr":
		if *at == missing {
			*at = 0
		}
		*at++
		return []int64{*at}
	case "del":
		had := int64(1)
		if *at == missing {
			had = 0
		}
		*at = missing
		return []int64{had}
	case "mget":
		return slices.Clone(s[a.db][:])
	case "mset":
		for i := range s[a.db] {
			s[a.db][i] = a.value
		}
		return []int64{0}
	case "flush":
		for i := range s[a.db] {
			s[a.db][i] = missing
		}
		return []int64{0}
	case "swap":
		s[0], s[1] = s[1], s[0]
		return []int64{0}
	}
	panic(a.what)
}

// A transaction is one operation of a history.
type transaction struct {
	how     string
	actions []action
	undone  bool // rolled back: what it saw counts, what it did does not
}

// model says which answers a transaction may give, if all of it happens at once.
var model = porcupine.Model{
	Init: func() any {
		var s state
		for db := range s {
			for i := range s[db] {
				s[db][i] = missing
			}
		}
		return s
	},
	Step: func(before, input, output any) (bool, any) {
		s, tx, got := before.(state), input.(transaction), output.([][]int64)
		for i, a := range tx.actions {
			if i >= len(got) || !slices.Equal(a.apply(&s), got[i]) {
				return false, before
			}
		}
		if tx.undone {
			return true, before
		}
		return true, s
	},
	Equal: func(a, b any) bool { return a.(state) == b.(state) },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v -> %v", input, output)
	},
}

// A client makes random transactions in every way there is, and notes them.
type client struct {
	t       testing.TB
	id      int
	r       *rand.Rand
	db      *larder.DB
	conn    *conn
	start   time.Time
	history []porcupine.Operation
	counts  map[string]int
}

func (c *client) now() int64 { return time.Since(c.start).Nanoseconds() }

// note adds an operation that began at call and ends now.
func (c *client) note(call int64, tx transaction, out [][]int64) {
	c.counts[tx.how]++
	c.history = append(c.history, porcupine.Operation{ClientId: c.id, Input: tx, Call: call, Output: out, Return: c.now()})
}

// actions returns a few random ones, of one database if db is not negative.
func (c *client) actions(n, db int, writes bool) (out []action) {
	for range n {
		a := action{db: db, key: c.r.IntN(names), value: c.r.Int64N(1 << 40)}
		if db < 0 {
			a.db = c.r.IntN(databases)
		}
		if !writes {
			a.what = []string{"get", "get", "mget"}[c.r.IntN(3)]
		} else {
			a.what = []string{"get", "get", "set", "set", "incr", "incr", "del", "mget", "mset"}[c.r.IntN(9)]
		}
		out = append(out, a)
	}
	return out
}

// do runs an action by typed calls.
func do(c larder.Commands, a action) ([]int64, error) {
	switch a.what {
	case "get":
		return number(c.Get(key(a.key)))
	case "set":
		return []int64{0}, c.Set(key(a.key), fmt.Sprint(a.value))
	case "incr":
		n, err := c.Incr(key(a.key))
		return []int64{n}, err
	case "del":
		n, err := c.Del(key(a.key))
		return []int64{n}, err
	case "mget":
		return numbers(c.MGet(allKeys()...))
	case "mset":
		return []int64{0}, c.MSet(pairs(a.value)...)
	case "flush":
		return []int64{0}, c.FlushDB()
	case "swap":
		return []int64{0}, c.SwapDB(0, 1)
	}
	panic(a.what)
}

func number(v string, err error) ([]int64, error) {
	if err == larder.ErrNil {
		return []int64{missing}, nil
	}
	n, perr := strconv.ParseInt(v, 10, 64)
	return []int64{n}, errors.Join(err, perr)
}

func numbers(vs []larder.Maybe, err error) (out []int64, _ error) {
	for _, v := range vs {
		n := int64(missing)
		if v.Ok {
			n, _ = strconv.ParseInt(v.Value, 10, 64)
		}
		out = append(out, n)
	}
	return out, err
}

func allKeys() (out []string) {
	for i := range names {
		out = append(out, key(i))
	}
	return out
}

func pairs(v int64) (out []string) {
	for i := range names {
		out = append(out, key(i), fmt.Sprint(v))
	}
	return out
}

// queue queues an action, and returns what it will have answered.
func queue(m *larder.Multi, a action) func() ([]int64, error) {
	m = m.DB(a.db)
	one := func(r larder.Result[struct{}]) func() ([]int64, error) {
		return func() ([]int64, error) { return []int64{0}, r.Err() }
	}
	count := func(r larder.Result[int64]) func() ([]int64, error) {
		return func() ([]int64, error) { return []int64{r.Val()}, r.Err() }
	}
	switch a.what {
	case "get":
		r := m.Get(key(a.key))
		return func() ([]int64, error) { return number(r.Get()) }
	case "set":
		return one(m.Set(key(a.key), fmt.Sprint(a.value)))
	case "incr":
		return count(m.Incr(key(a.key)))
	case "del":
		return count(m.Del(key(a.key)))
	case "mget":
		r := m.MGet(allKeys()...)
		return func() ([]int64, error) { return numbers(r.Get()) }
	case "mset":
		return one(m.MSet(pairs(a.value)...))
	case "flush":
		return one(m.FlushDB())
	case "swap":
		return one(m.SwapDB(0, 1))
	}
	panic(a.what)
}

// words are those of an action.
func (a action) words() []string {
	switch a.what {
	case "get", "incr", "del":
		return []string{a.what, key(a.key)}
	case "set":
		return []string{"set", key(a.key), fmt.Sprint(a.value)}
	case "mget":
		return append([]string{"mget"}, allKeys()...)
	case "mset":
		return append([]string{"mset"}, pairs(a.value)...)
	case "flush":
		return []string{"flushdb"}
	case "swap":
		return []string{"swapdb", "0", "1"}
	}
	panic(a.what)
}

// answer reads what words answered.
func (a action) answer(v redistest.Value) (out []int64, err error) {
	switch v.Kind {
	case redistest.Error:
		return nil, errors.New(v.Str)
	case redistest.Array:
		for _, el := range v.Elems {
			n, err := a.answer(el)
			if err != nil {
				return nil, err
			}
			out = append(out, n...)
		}
		return out, nil
	case redistest.Integer:
		return []int64{v.Int}, nil
	case redistest.Bulk:
		return number(v.Str, nil)
	case redistest.Simple:
		return []int64{0}, nil
	}
	return []int64{missing}, nil
}

var errUndo = errors.New("undo")

func (c *client) yield() {
	if c.r.IntN(3) == 0 {
		runtime.Gosched()
	}
}

func (c *client) must(err error) {
	if err != nil {
		c.t.Error(err)
	}
}

// update is an Update or a View: of named keys, of keys of another database, or
// of all; some are undone.
func (c *client) update() {
	db, write := c.r.IntN(databases+1)-1, c.r.IntN(4) != 0
	var keys []string
	if db >= 0 {
		keys = allKeys()
	}
	tx := transaction{how: "View", actions: c.actions(1+c.r.IntN(4), db, write)}
	run := c.db.View
	on := c.db
	if db >= 0 {
		on = c.db.DB(db)
	}
	if run = on.View; write {
		run, tx.how = on.Update, "Update"
		if db < 0 && c.r.IntN(4) == 0 {
			tx.actions = append(tx.actions, action{what: []string{"flush", "swap"}[c.r.IntN(2)]})
		}
		if tx.undone = c.r.IntN(3) == 0; tx.undone {
			tx.how = "Update, undone"
		}
	}
	panics := c.r.IntN(2) == 0
	var out [][]int64
	call := c.now()
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(errUndo) {
				panic(p)
			}
		}()
		err := run(func(x *larder.Tx) error {
			for _, a := range tx.actions {
				got, err := do(x.DB(a.db).Commands, a)
				c.must(err)
				out = append(out, got)
				c.yield()
			}
			if tx.undone && panics {
				panic(errUndo)
			} else if tx.undone {
				return errUndo
			}
			return nil
		}, keys...)
		if err != nil && !(tx.undone && err == errUndo) {
			c.t.Error(err)
		}
	}()
	c.note(call, tx, out)
}

// whole returns actions for a queue, some of which take whole databases.
func (c *client) whole() []action {
	as := c.actions(c.r.IntN(4), -1, true)
	if c.r.IntN(8) == 0 {
		as = append(as, action{what: []string{"flush", "swap"}[c.r.IntN(2)], db: c.r.IntN(databases)})
	}
	return as
}

// read reads some keys one by one, as a queue that watches them depends on.
func (c *client) read(get func(a action) ([]int64, error)) (as []action, out [][]int64, times [][2]int64) {
	for _, a := range c.actions(1+c.r.IntN(2), -1, false) {
		call := c.now()
		got, err := get(a)
		c.must(err)
		as, out, times = append(as, a), append(out, got), append(times, [2]int64{call, c.now()})
		c.yield()
	}
	return as, out, times
}

// noteWatched notes a transaction that read something, and then queued something
// to be run only if what it read was still so. If it was run, all of it happened
// at one instant. If not, only the reads happened, each by itself.
func (c *client) noteWatched(how string, call int64, reads []action, saw [][]int64, times [][2]int64, as []action, out [][]int64, err error) {
	if err == nil {
		c.note(call, transaction{how: how, actions: append(reads, as...)}, append(saw, out...))
		return
	}
	c.counts[how+", aborted"]++
	for i, a := range reads {
		c.history = append(c.history, porcupine.Operation{ClientId: c.id, Input: transaction{how: "read", actions: []action{a}},
			Call: times[i][0], Output: [][]int64{saw[i]}, Return: times[i][1]})
	}
}

func results(c *client, rs []func() ([]int64, error)) (out [][]int64) {
	for _, r := range rs {
		got, err := r()
		c.must(err)
		out = append(out, got)
	}
	return out
}

func (c *client) multi() {
	m, as := c.db.Multi(), c.whole()
	var rs []func() ([]int64, error)
	for _, a := range as {
		rs = append(rs, queue(m, a))
	}
	call := c.now()
	c.must(m.Exec())
	c.note(call, transaction{how: "Multi", actions: as}, results(c, rs))
}

func (c *client) multiWatch() {
	m := c.db.Multi()
	call := c.now()
	for db := range databases {
		c.must(m.DB(db).Watch(allKeys()...))
	}
	reads, saw, times := c.read(func(a action) ([]int64, error) { return do(c.db.DB(a.db).Commands, a) })
	as := c.whole()
	var rs []func() ([]int64, error)
	for _, a := range as {
		rs = append(rs, queue(m, a))
	}
	err := m.Exec()
	if err != nil && err != larder.ErrTxAborted {
		c.t.Error(err)
	}
	var out [][]int64
	if err == nil {
		out = results(c, rs)
	}
	c.noteWatched("Multi.Watch", call, reads, saw, times, as, out, err)
}

// watch is the loop. It can watch one database.
func (c *client) watch() {
	on := c.r.IntN(databases)
	err := c.db.DB(on).Watch(context.Background(), func(tx *larder.Tx) error {
		call := c.now() // Watch watched before: this try may begin no later
		reads, saw, times := c.read(func(a action) ([]int64, error) { a.db = on; return do(tx.Commands, a) })
		for i := range reads {
			reads[i].db = on
		}
		as := c.whole()
		var rs []func() ([]int64, error)
		err := tx.Multi(func(m *larder.Multi) error {
			for _, a := range as {
				rs = append(rs, queue(m, a))
			}
			return nil
		})
		if err != nil && err != larder.ErrTxAborted {
			c.t.Error(err)
		}
		var out [][]int64
		if err == nil {
			out = results(c, rs)
		}
		c.noteWatched("Watch", call, reads, saw, times, as, out, err)
		return err
	}, allKeys()...)
	c.must(err)
}

func (c *client) selectDB(db int) { c.conn.Do("select", strconv.Itoa(db)) }

// exec queues actions between MULTI and EXEC and returns their answers.
func (c *client) exec(as []action) (out [][]int64, err error) {
	c.conn.Do("multi")
	for _, a := range as {
		c.selectDB(a.db)
		if got := c.conn.Do(a.words()...); got.Str != "QUEUED" {
			c.t.Errorf("%v = %v", a, got)
		}
	}
	v := c.conn.Do("exec")
	if v.Kind != redistest.Array || len(v.Elems) != 2*len(as) {
		if v.Kind == redistest.Error {
			c.t.Errorf("EXEC = %v", v)
		}
		return nil, larder.ErrTxAborted
	}
	for i, a := range as {
		got, err := a.answer(v.Elems[2*i+1])
		c.must(err)
		out = append(out, got)
	}
	return out, nil
}

func (c *client) words() {
	as := c.whole()
	call := c.now()
	out, err := c.exec(as)
	c.must(err)
	c.note(call, transaction{how: "MULTI", actions: as}, out)
}

func (c *client) wordsWatch() {
	call := c.now()
	for db := range databases {
		c.selectDB(db)
		c.conn.Do(append([]string{"watch"}, allKeys()...)...)
	}
	reads, saw, times := c.read(func(a action) ([]int64, error) {
		c.selectDB(a.db)
		return a.answer(c.conn.Do(a.words()...))
	})
	as := c.whole()
	out, err := c.exec(as)
	c.noteWatched("WATCH", call, reads, saw, times, as, out, err)
}

// plain is one command by itself, typed or in words.
func (c *client) plain() {
	a := c.actions(1, -1, true)[0]
	call := c.now()
	var got []int64
	var err error
	how := "typed"
	if c.r.IntN(2) == 0 {
		got, err = do(c.db.DB(a.db).Commands, a)
	} else {
		c.selectDB(a.db)
		call, how = c.now(), "words"
		got, err = a.answer(c.conn.Do(a.words()...))
	}
	c.must(err)
	c.note(call, transaction{how: how, actions: []action{a}}, [][]int64{got})
}

// Each whole transaction is one linearizable operation.
func TestStrictlySerializable(t *testing.T) {
	counts := map[string]int{}
	for round := range *rounds {
		db, err := larder.Open(larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		all := make([]*client, clients)
		var wg sync.WaitGroup
		for i := range all {
			c := &client{t: t, id: i, r: rand.New(rand.NewPCG(uint64(round), uint64(i))), db: db, conn: newConn(db), start: start, counts: map[string]int{}}
			all[i] = c
			wg.Go(func() {
				defer c.conn.Close()
				for range each {
					switch c.r.IntN(9) {
					case 0, 1:
						c.update()
					case 2:
						c.multi()
					case 3:
						c.multiWatch()
					case 4:
						c.watch()
					case 5:
						c.words()
					case 6, 7:
						c.wordsWatch()
					case 8:
						c.plain()
					}
				}
			})
		}
		wg.Wait()
		var history []porcupine.Operation
		for _, c := range all {
			history = append(history, c.history...)
			for how, n := range c.counts {
				counts[how] += n
			}
		}
		// What is left is what the last of them left.
		var left [][]int64
		tx := transaction{how: "at the end"}
		for i := range databases {
			got, err := do(db.DB(i).Commands, action{what: "mget"})
			if err != nil {
				t.Fatal(err)
			}
			tx.actions, left = append(tx.actions, action{what: "mget", db: i}), append(left, got)
		}
		end := time.Since(start).Nanoseconds()
		history = append(history, porcupine.Operation{ClientId: clients, Input: tx, Call: end, Output: left, Return: end + 1})
		db.Close()
		res, info := porcupine.CheckOperationsVerbose(model, history, time.Minute)
		if res != porcupine.Ok {
			t.Errorf("round %d: %s", round, res)
			explain(t, info, history)
			return
		}
	}
	var lines []string
	for how, n := range counts {
		lines = append(lines, fmt.Sprintf("%s: %d", how, n))
	}
	slices.Sort(lines)
	t.Log(strings.Join(lines, ", "))
	for _, how := range []string{"Update", "Update, undone", "View", "Multi", "Multi.Watch", "Multi.Watch, aborted", "Watch", "Watch, aborted",
		"MULTI", "WATCH", "WATCH, aborted", "typed", "words"} {
		if counts[how] == 0 {
			t.Errorf("there was no %s: the test tests less than it says", how)
		}
	}
}

// explain lists the longest order that could be found, and what does not fit in.
func explain(t *testing.T, info porcupine.LinearizationInfo, history []porcupine.Operation) {
	for _, partial := range info.PartialLinearizations() {
		longest := []int{}
		for _, p := range partial {
			if len(p) > len(longest) {
				longest = p
			}
		}
		in := map[int]bool{}
		for _, id := range longest {
			in[id] = true
		}
		t.Logf("%d of %d operations fit; of the others, the first:", len(longest), len(history))
		var rest []porcupine.Operation
		for id, op := range history {
			if !in[id] {
				rest = append(rest, op)
			}
		}
		slices.SortFunc(rest, func(a, b porcupine.Operation) int { return int(a.Return - b.Return) })
		for _, op := range rest[:min(10, len(rest))] {
			t.Logf("  %d: [%d %d] %+v -> %v", op.ClientId, op.Call, op.Return, op.Input, op.Output)
		}
	}
}

// A conn is a connection in process.
type conn struct {
	c      *larder.Conn
	ctx    context.Context
	cancel context.CancelFunc
}

func newConn(db *larder.DB) *conn {
	c := &conn{}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.c = db.NewConn(c)
	return c
}

func (c *conn) Do(words ...string) redistest.Value {
	bs := make([][]byte, len(words))
	for i, w := range words {
		bs[i] = []byte(w)
	}
	v, err := redistest.ReadValue(bufio.NewReader(bytes.NewReader(c.c.Exec(nil, bs))))
	if err != nil {
		panic(err)
	}
	return v
}

func (c *conn) Close() {
	c.cancel()
	c.c.Close()
}

func (c *conn) Push([]byte)              {}
func (c *conn) Private(bool)             {}
func (c *conn) Class(int)                {}
func (c *conn) Waiting() func()          { return func() {} }
func (c *conn) Context() context.Context { return c.ctx }
func (c *conn) Kill()                    { c.cancel() }
func (c *conn) RemoteAddr() string       { return "127.0.0.1:1" }
func (c *conn) LocalAddr() string        { return "127.0.0.1:2" }
func (c *conn) Buffers() larder.Buffers  { return larder.Buffers{} }
