package larder_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder"
)

// The wire is tested by testdata/lists*.txt. Here is what scripts cannot say: the
// typed calls, lists of all sizes beside snapshots and rollbacks, memory.

func lrange(t testing.TB, db interface {
	LRange(string, int64, int64) ([]string, error)
}, key string) []string {
	t.Helper()
	all, err := db.LRange(key, 0, -1)
	if err != nil {
		t.Fatalf("LRange %s: %v", key, err)
	}
	return all
}

func TestListTyped(t *testing.T) {
	db := open(t, larder.Options{})
	is := func(name string, got, want any, err, wantErr error) {
		t.Helper()
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) || !errors.Is(err, wantErr) || wantErr == nil && err != nil {
			t.Errorf("%s = %q, %v, want %q, %v", name, got, err, want, wantErr)
		}
	}
	n, err := db.LPush("l", "b", "a")
	is("LPush", n, int64(2), err, nil)
	n, err = db.RPush("l", "c")
	is("RPush", n, int64(3), err, nil)
	n, err = db.LPushX("l", "z")
	is("LPushX", n, int64(4), err, nil)
	n, err = db.RPushX("l", "d", "17", "")
	is("RPushX", n, int64(7), err, nil)
	n, err = db.RPushX("nope", "d")
	is("RPushX of a missing list", n, int64(0), err, nil)
	for _, push := range []func(string, ...string) (int64, error){db.LPush, db.RPush, db.LPushX, db.RPushX} {
		if _, err := push("l"); err == nil {
			t.Error("a push of nothing succeeds")
		}
	}
	n, err = db.LLen("l")
	is("LLen", n, int64(7), err, nil)
	n, err = db.LLen("nope")
	is("LLen of a missing list", n, int64(0), err, nil)
	is("LRange", lrange(t, db, "l"), []string{"z", "a", "b", "c", "d", "17", ""}, nil, nil)
	all, err := db.LRange("l", -3, -2)
	is("LRange -3 -2", all, []string{"d", "17"}, err, nil)
	all, err = db.LRange("nope", 0, -1)
	is("LRange of a missing list", all, []string{}, err, nil)
	v, err := db.LIndex("l", -2)
	is("LIndex", v, "17", err, nil)
	_, err = db.LIndex("l", 7)
	is("LIndex past the end", "", "", err, larder.ErrNil)
	_, err = db.LIndex("nope", 0)
	is("LIndex of a missing list", "", "", err, larder.ErrNil)
	is("LSet", "", "", db.LSet("l", 0, "Z"), nil)
	is("LSet past the end", "", "", db.LSet("l", math.MaxInt64, "Z"), larder.ErrIndex)
	is("LSet of a missing list", "", "", db.LSet("nope", 0, "Z"), larder.ErrNoKey)
	n, err = db.LInsertBefore("l", "c", "b2")
	is("LInsertBefore", n, int64(8), err, nil)
	n, err = db.LInsertAfter("l", "", "end")
	is("LInsertAfter", n, int64(9), err, nil)
	_, err = db.LInsertAfter("l", "not there", "x")
	is("LInsertAfter of nothing", "", "", err, larder.ErrNil)
	_, err = db.LInsertBefore("nope", "a", "x")
	is("LInsertBefore of a missing list", "", "", err, larder.ErrNil)
	is("LRange", lrange(t, db, "l"), []string{"Z", "a", "b", "b2", "c", "d", "17", "", "end"}, nil, nil)
	is("LTrim", "", "", db.LTrim("l", 1, -2), nil)
	n, err = db.LRem("l", 1, "b2")
	is("LRem", n, int64(1), err, nil)
	n, err = db.LRem("l", 0, "x")
	is("LRem of nothing", n, int64(0), err, nil)
	v, err = db.LPop("l")
	is("LPop", v, "a", err, nil)
	v, err = db.RPop("l")
	is("RPop", v, "", err, nil)
	all, err = db.LPopCount("l", 2)
	is("LPopCount", all, []string{"b", "c"}, err, nil)
	all, err = db.RPopCount("l", 10)
	is("RPopCount", all, []string{"17", "d"}, err, nil)
	for _, pop := range []func(string) (string, error){db.LPop, db.RPop} {
		_, err = pop("l")
		is("a pop of a missing list", "", "", err, larder.ErrNil)
	}
	_, err = db.LPopCount("l", 0)
	is("LPopCount of a missing list", "", "", err, larder.ErrNil)
	if _, err := db.RPopCount("l", -1); err == nil {
		t.Error("RPopCount of -1 succeeds")
	}
	if n, _ := db.Exists("l"); n != 0 {
		t.Error("a list without elements exists")
	}

	db.RPush("l", "a", "b", "a", "c", "a")
	n, err = db.LPos("l", "b")
	is("LPos", n, int64(1), err, nil)
	_, err = db.LPos("l", "x")
	is("LPos of nothing", "", "", err, larder.ErrNil)
	_, err = db.LPos("nope", "x")
	is("LPos in a missing list", "", "", err, larder.ErrNil)
	for _, tt := range []struct {
		a    larder.LPosArgs
		want []int64
	}{
		{larder.LPosArgs{}, []int64{0, 2, 4}},
		{larder.LPosArgs{Count: 2}, []int64{0, 2}},
		{larder.LPosArgs{Rank: 2}, []int64{2, 4}},
		{larder.LPosArgs{Rank: -1}, []int64{4, 2, 0}},
		{larder.LPosArgs{Rank: -2, Count: 1}, []int64{2}},
		{larder.LPosArgs{MaxLen: 3}, []int64{0, 2}},
		{larder.LPosArgs{Rank: 4}, nil},
	} {
		tt.a.Key, tt.a.Value = "l", "a"
		if got, err := db.LPosAll(tt.a); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("LPosAll(%+v) = %v, %v, want %v", tt.a, got, err, tt.want)
		}
	}
	for _, a := range []larder.LPosArgs{{Count: -1}, {MaxLen: -1}} {
		if _, err := db.LPosAll(a); err == nil {
			t.Errorf("LPosAll(%+v) succeeds", a)
		}
	}

	v, err = db.LMove("l", "m", larder.Left, larder.Right)
	is("LMove", v, "a", err, nil)
	v, err = db.RPopLPush("l", "m")
	is("RPopLPush", v, "a", err, nil)
	v, err = db.LMove("l", "l", larder.Left, larder.Right)
	is("LMove to itself", v, "b", err, nil)
	_, err = db.LMove("nope", "m", larder.Left, larder.Right)
	is("LMove of a missing list", "", "", err, larder.ErrNil)
	is("LRange", lrange(t, db, "l"), []string{"a", "c", "b"}, nil, nil)
	p, err := db.LMPop(larder.LMPopArgs{Keys: []string{"nope", "l", "m"}, From: larder.Right, Count: 2})
	is("LMPop", p, larder.ListPop{Key: "l", Values: []string{"b", "c"}}, err, nil)
	p, err = db.LMPop(larder.LMPopArgs{Keys: []string{"m"}})
	is("LMPop", p, larder.ListPop{Key: "m", Values: []string{"a"}}, err, nil)
	_, err = db.LMPop(larder.LMPopArgs{Keys: []string{"nope"}})
	is("LMPop of missing lists", "", "", err, larder.ErrNil)
	for _, a := range []larder.LMPopArgs{{}, {Keys: []string{"m"}, Count: -1}} {
		if _, err := db.LMPop(a); err == nil {
			t.Errorf("LMPop(%+v) succeeds", a)
		}
	}
	if s := larder.Left.String() + larder.Right.String(); s != "LEFTRIGHT" {
		t.Errorf("the sides are %s", s)
	}
}

func TestListWrongType(t *testing.T) {
	db := open(t, larder.Options{})
	db.Set("s", "string")
	db.RPush("l", "a")
	ctx := t.Context()
	for name, err := range map[string]error{
		"LPush":      second(db.LPush("s", "a")),
		"RPushX":     second(db.RPushX("s", "a")),
		"LPop":       second(db.LPop("s")),
		"RPopCount":  second(db.RPopCount("s", 1)),
		"LLen":       second(db.LLen("s")),
		"LIndex":     second(db.LIndex("s", 0)),
		"LRange":     second(db.LRange("s", 0, 1)),
		"LSet":       db.LSet("s", 0, "a"),
		"LTrim":      db.LTrim("s", 0, 0),
		"LRem":       second(db.LRem("s", 0, "a")),
		"LInsert":    second(db.LInsertAfter("s", "a", "b")),
		"LPos":       second(db.LPos("s", "a")),
		"LPosAll":    second(db.LPosAll(larder.LPosArgs{Key: "s"})),
		"LMove from": second(db.LMove("s", "l", larder.Left, larder.Left)),
		"LMove to":   second(db.LMove("l", "s", larder.Left, larder.Left)),
		"LMPop":      second(db.LMPop(larder.LMPopArgs{Keys: []string{"nope", "s"}})),
		"BLPop":      second(db.BLPop(ctx, 0, "nope", "s")),
		"BRPop":      second(db.BRPop(ctx, 0, "s")),
		"BLMove":     second(db.BLMove(ctx, 0, "s", "l", larder.Left, larder.Left)),
		"BRPopLPush": second(db.BRPopLPush(ctx, 0, "l", "s")),
		"BLMPop":     second(db.BLMPop(ctx, 0, larder.LMPopArgs{Keys: []string{"s"}})),
		"Snapshot":   second(db.Snapshot().LRange("s", 0, -1)),
		"Get":        second(db.Get("l")),
	} {
		if err != larder.ErrWrongType {
			t.Errorf("%s: %v", name, err)
		}
	}
	for v, err := range db.LAll("s") {
		if v != "" || err != larder.ErrWrongType {
			t.Errorf("LAll yields %q, %v", v, err)
		}
	}
	if got := lrange(t, db, "l"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the list became %q", got)
	}
}

func second[T any](_ T, err error) error { return err }

// A listModel does to slices what it does to lists.
type listModel struct {
	t  *testing.T
	r  *rand.Rand
	m  map[string][]string
	db *larder.DB
}

func (h *listModel) value() string {
	switch h.r.IntN(8) {
	case 0:
		return fmt.Sprint(h.r.IntN(300))
	case 1:
		return fmt.Sprint(-h.r.Int64())
	case 2:
		return strings.Repeat("x", h.r.IntN(3000))
	case 3:
		return ""
	}
	return fmt.Sprint("value ", h.r.IntN(30))
}

// step changes one list by c, and the model.
func (h *listModel) step(c larder.Commands, m map[string][]string) {
	h.t.Helper()
	r := h.r
	key := fmt.Sprint("l", r.IntN(4))
	l, s := m[key], h.value()
	want := func(name string, got, want any, err error) {
		h.t.Helper()
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) || err != nil {
			h.t.Fatalf("%s = %.200q, %v, want %.200q", name, got, err, want)
		}
	}
	at := func() int { return r.IntN(max(len(l), 1)) }
	op := r.IntN(20)
	if len(l) == 0 {
		op = r.IntN(4)
	}
	switch op {
	case 0, 1:
		n, err := c.LPush(key, s)
		l = append([]string{s}, l...)
		want("LPush", n, int64(len(l)), err)
	case 2, 3:
		more := []string{s}
		for range r.IntN(4) * r.IntN(40) {
			more = append(more, h.value())
		}
		n, err := c.RPush(key, more...)
		l = slices.Concat(l, more)
		want("RPush", n, int64(len(l)), err)
	case 4, 5:
		v, err := c.LPop(key)
		want("LPop", v, l[0], err)
		l = l[1:]
	case 6, 7:
		v, err := c.RPop(key)
		want("RPop", v, l[len(l)-1], err)
		l = l[:len(l)-1]
	case 8:
		n := r.IntN(len(l)+2) / 2
		v, err := c.RPopCount(key, int64(n))
		tail := slices.Clone(l[len(l)-n:])
		slices.Reverse(tail)
		want("RPopCount", v, tail, err)
		l = l[:len(l)-n]
	case 9, 10:
		i := slices.Index(l, l[at()])
		n, err := c.LInsertBefore(key, l[i], s)
		l = slices.Concat(l[:i], []string{s}, l[i:])
		want("LInsertBefore", n, int64(len(l)), err)
	case 11, 12:
		i := slices.Index(l, l[at()])
		n, err := c.LInsertAfter(key, l[i], s)
		l = slices.Concat(l[:i+1], []string{s}, l[i+1:])
		want("LInsertAfter", n, int64(len(l)), err)
	case 13, 14:
		i := at()
		want("LSet", "", "", c.LSet(key, int64(i-len(l)*r.IntN(2)), s))
		l = slices.Clone(l)
		l[i] = s
	case 15:
		from, to := r.IntN(3), len(l)-r.IntN(3)
		if r.IntN(10) == 0 {
			from, to = at(), at()
		}
		if from >= to { // to may be 0 or less, and its index then from the end
			from, to = 1, 1
			l = []string{"", ""}
		}
		want("LTrim", "", "", c.LTrim(key, int64(from), int64(to-1)))
		l = l[from:to]
	case 16:
		x, most := l[at()], r.IntN(4)-1
		n, err := c.LRem(key, int64(most), x)
		was := len(l)
		l = removed(l, x, most)
		want("LRem", n, int64(was-len(l)), err)
	case 17:
		to := fmt.Sprint("l", r.IntN(4))
		v, err := c.LMove(key, to, larder.Right, larder.Left)
		want("LMove", v, l[len(l)-1], err)
		m[key] = l[:len(l)-1]
		key, l = to, append([]string{v}, m[to]...)
	case 18:
		to := fmt.Sprint("l", r.IntN(4))
		if _, err := c.Copy(larder.CopyArgs{Source: key, Destination: to, Replace: true}); err == nil {
			key = to
		}
	case 19:
		x := l[at()]
		n, err := c.LPos(key, x)
		want("LPos", n, int64(slices.Index(l, x)), err)
	}
	m[key] = l
	if i := at(); len(l) > 0 {
		v, err := c.LIndex(key, int64(i))
		want("LIndex", v, l[i], err)
	}
	if r.IntN(10) == 0 {
		got, err := c.LRange(key, 0, -1)
		want("LRange", got, append([]string{}, l...), err)
	}
}

func removed(l []string, x string, n int) []string {
	l, most := slices.Clone(l), n
	if n < 0 {
		slices.Reverse(l)
		most = -n
	}
	gone := 0
	l = slices.DeleteFunc(l, func(s string) bool {
		if s == x && (most == 0 || gone < most) {
			gone++
			return true
		}
		return false
	})
	if n < 0 {
		slices.Reverse(l)
	}
	return l
}

func cloneModel(m map[string][]string) map[string][]string {
	c := map[string][]string{}
	for k, v := range m {
		c[k] = slices.Clone(v)
	}
	return c
}

// Lists of all sizes against slices, in and out of transactions, some undone, beside
// snapshots that must not change, under several settings. The mirror compares too.
func TestListModel(t *testing.T) {
	for i, conf := range [][]string{
		nil,
		{"list-max-listpack-size", "3", "list-compress-depth", "1"},
		{"list-max-listpack-size", "-1", "list-compress-depth", "2"},
		{"list-max-listpack-size", "1"},
	} {
		t.Run(fmt.Sprint(conf), func(t *testing.T) {
			db := open(t, larder.Options{Config: conf})
			h := &listModel{t, rand.New(rand.NewPCG(uint64(i), 5)), map[string][]string{}, db}
			type then struct {
				snap *larder.Snapshot
				want map[string][]string
			}
			var open []then
			boom := errors.New("boom")
			for range 2500 {
				switch h.r.IntN(30) {
				case 0:
					if len(open) < 3 {
						open = append(open, then{db.Snapshot(), cloneModel(h.m)})
					}
				case 1:
					if len(open) > 0 {
						for k, want := range open[0].want {
							if got := lrange(t, open[0].snap, k); !slices.Equal(got, want) {
								t.Fatalf("the snapshot's %s has %d elements, want %d", k, len(got), len(want))
							}
						}
						open[0].snap.Close()
						open = open[1:]
					}
				case 2:
					m := cloneModel(h.m)
					db.Update(func(tx *larder.Tx) error {
						for range 4 {
							h.step(tx.Commands, m)
						}
						return boom
					})
				case 3:
					db.Update(func(tx *larder.Tx) error {
						for range 4 {
							h.step(tx.Commands, h.m)
						}
						return nil
					})
				default:
					h.step(db.Commands, h.m)
				}
			}
			for k, want := range h.m {
				if got := lrange(t, db, k); !slices.Equal(got, want) {
					t.Errorf("%s has %d elements, want %d", k, len(got), len(want))
				}
			}
			for _, o := range open {
				o.snap.Close()
			}
		})
	}
}

// LAll yields what there was when it began, whatever the loop does.
func TestListAll(t *testing.T) {
	db := open(t, larder.Options{})
	for _, n := range []int{0, 1, 20, 5000} {
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint("element ", i))
			db.RPush("l", want[i])
		}
		var got []string
		for v, err := range db.LAll("l") {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, v); len(got)%7 == 0 {
				db.LPop("l")
				db.LSet("l", -1, "another")
				db.LPush("l", "x", "y")
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("LAll yields %d elements, want %d", len(got), n)
		}
		for range db.LAll("l") {
			break
		}
		db.Update(func(tx *larder.Tx) error {
			tx.Del("l")
			for v := range tx.LAll("l") {
				t.Errorf("LAll yields %q of what the transaction has deleted", v)
			}
			return nil
		})
	}
	db.Close()
	for _, err := range db.LAll("l") {
		if err != larder.ErrClosed {
			t.Errorf("LAll of a closed store yields %v", err)
		}
	}
}

// What is returned is the caller's, whatever becomes of the list.
func TestListResultsOwnTheirMemory(t *testing.T) {
	db := open(t, larder.Options{})
	for _, n := range []int{10, 3000} {
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint("an element ", i))
		}
		db.Del("l", "m")
		db.RPush("l", want...)
		all := lrange(t, db, "l")
		var got []string
		for range 3 {
			a, _ := db.LPop("l")
			b, _ := db.LIndex("l", 0)
			c, _ := db.LMove("l", "m", larder.Left, larder.Right)
			d, _ := db.LMove("l", "l", larder.Left, larder.Left)
			got = append(got, a, b, c, d)
		}
		p, _ := db.LMPop(larder.LMPopArgs{Keys: []string{"l"}, Count: 2})
		for range n {
			db.LPush("l", "junk junk junk junk")
			db.LPush("m", "junk junk junk junk")
		}
		for i, g := range got {
			if w := want[i/4*2+[...]int{0, 1, 1, 2}[i%4]]; g != w {
				t.Errorf("result %d became %q, want %q", i, g, w)
			}
		}
		if !slices.Equal(all, want) || !slices.Equal(p.Values, want[6:8]) {
			t.Errorf("results became %q, %.100q", p.Values, all)
		}
	}
}

// Pushes, pops and reads of lists, small and large, allocate their results and
// nothing else.
func TestListAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: allocations are not those of a release under -race")
	}
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	for i := range 20_000 {
		db.RPush("large", fmt.Sprint("element ", i))
	}
	db.LPush("large", "some", "of a", "node") // a push and a pop in turn, there, make and drop a node
	db.RPush("small", "a", "b", "c", "4", "e")
	c := newConn(db)
	buf := make([]byte, 0, 64<<10)
	words := func(ws ...string) func() {
		var bs [][]byte
		for _, w := range ws {
			bs = append(bs, []byte(w))
		}
		return func() { c.conn.Exec(buf, bs) }
	}
	for _, key := range []string{"small", "large"} {
		for _, tt := range []struct {
			name string
			most float64
			f    func()
		}{
			{"LPush and LPop", 1, func() { db.LPush(key, "an element"); db.LPop(key) }},
			{"RPush and RPop", 1, func() { db.RPush(key, "an element"); db.RPop(key) }},
			{"LIndex", 1, func() { db.LIndex(key, 3) }},
			{"LRange", 5, func() { db.LRange(key, 0, 3) }},
			{"LLen", 0, func() { db.LLen(key) }},
			{"LSet", 0, func() { db.LSet(key, 2, "z") }},
			{"LMove", 1, func() { db.LMove(key, key, larder.Left, larder.Left) }},
			{"LPUSH in words", 0.01, words("LPUSH", key, "an element")},
			{"LPOP in words", 0, words("LPOP", key)},
			{"RPUSH in words", 0.01, words("RPUSH", key, "an element")},
			{"RPOP in words", 0, words("RPOP", key)},
			{"LRANGE in words", 0, words("LRANGE", key, "0", "99")},
			{"LINDEX in words", 0, words("LINDEX", key, "-1")},
		} {
			if n := allocs(tt.f); n > tt.most {
				t.Errorf("%s of a %s list allocates %v times, want %v", tt.name, key, n, tt.most)
			}
		}
		db.LTrim(key, 0, 4000)
	}
}

// A list does not take more memory than its elements and a little.
func TestListMemory(t *testing.T) {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	const n = 100_000
	for i := range n {
		db.RPush("l", fmt.Sprintf("%016d", i)) // 18 bytes in a listpack
	}
	if got := larder.Used(db); got > n*19 {
		t.Errorf("%d elements of 18 bytes take %d", n, got)
	}
	db.LTrim("l", 0, 99)
	if got := larder.Used(db); got > 30_000 {
		t.Errorf("100 elements take %d bytes after a trim", got)
	}
	db.Del("l")
	if got := larder.Used(db); got > 10_000 {
		t.Errorf("an empty store takes %d bytes", got)
	}
}

func TestListMulti(t *testing.T) {
	db := open(t, larder.Options{})
	m := db.Multi()
	values := []string{"a", "b", "c"}
	n := m.RPush("l", values...)
	values[0] = "changed"
	v, all, move := m.LPop("l"), m.LRange("l", 0, -1), m.LMove("l", "m", larder.Left, larder.Right)
	none := m.BLPop(t.Context(), 0, "nope")
	moved := m.BLMove(t.Context(), 0, "nope", "l", larder.Left, larder.Left)
	got := m.BLPop(t.Context(), 0, "nope", "m")
	if err := m.Exec(); err != nil {
		t.Fatal(err)
	}
	if n.Val() != 3 || v.Val() != "a" || !slices.Equal(all.Val(), []string{"b", "c"}) || move.Val() != "b" {
		t.Errorf("%v %v %v %v", n.Val(), v.Val(), all.Val(), move.Val())
	}
	if none.Err() != larder.ErrNil || moved.Err() != larder.ErrNil {
		t.Errorf("waiting in a transaction: %v, %v", none.Err(), moved.Err())
	}
	if got.Val() != (larder.ListElement{Key: "m", Value: "b"}) {
		t.Errorf("BLPop = %v, %v", got.Val(), got.Err())
	}
}

// The settings count for the lists that are made after them, and for small ones.
func TestListSettings(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"enable-debug-command", "yes"}})
	c := newConn(db)
	defer c.Close()
	nodes := func(key string) string {
		_, after, _ := strings.Cut(c.Do("DEBUG", "OBJECT", key).Str, "ql_nodes:")
		n, _, _ := strings.Cut(after, " ")
		return n
	}
	db.RPush("old", strings.Fields(strings.Repeat("element ", 2000))...)
	was := nodes("old")
	db.RPush("small", "a", "b", "c")
	c.Do("CONFIG", "SET", "list-max-listpack-size", "2")
	db.RPush("new", "a", "b", "c")
	db.RPush("small", "d")
	db.RPush("old", "x")
	if got := nodes("new") + nodes("small") + nodes("old"); got != "22"+was {
		t.Errorf("the lists have %s nodes", got)
	}
}
