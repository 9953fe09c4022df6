package larder_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// The wire is tested by testdata/sets*.txt. Here is what scripts cannot say: the typed
// calls, chance, snapshots and what it costs.

// sfill makes a set m0 ... of n members; big if n is more than 128.
func sfill(t testing.TB, db *larder.DB, key string, n int) {
	t.Helper()
	for i := range n {
		if _, err := db.SAdd(key, fmt.Sprint("m", i)); err != nil {
			t.Fatal(err)
		}
	}
}

func inOrder(ss []string) []string {
	slices.Sort(ss)
	return ss
}

func TestSetTyped(t *testing.T) {
	db := open(t, larder.Options{})
	check := func(name string, got, want any, err error) {
		t.Helper()
		if g, w := fmt.Sprint(got), fmt.Sprint(want); err != nil || g != w {
			t.Errorf("%s = %s, %v, want %s", name, g, err, w)
		}
	}
	n, err := db.SAdd("s", "a", "b", "a", "c")
	check("SAdd", n, 3, err)
	n, err = db.SAdd("i", "3", "1", "2")
	check("SAdd", n, 3, err)
	n, err = db.SRem("s", "b", "nope")
	check("SRem", n, 1, err)
	n, err = db.SCard("s")
	check("SCard", n, 2, err)
	ok, err := db.SIsMember("s", "a")
	check("SIsMember", ok, true, err)
	oks, err := db.SMIsMember("s", "b", "c")
	check("SMIsMember", oks, "[false true]", err)
	ss, err := db.SMembers("i")
	check("SMembers", ss, "[1 2 3]", err)
	ss, err = db.SMembers("nope")
	check("SMembers", ss, "[]", err)
	check("SAll", slices.Collect(db.SAll("i")), "[1 2 3]", nil)
	ok, err = db.SMove("i", "s", "3")
	check("SMove", ok, true, err)
	ok, err = db.SMove("i", "s", "4")
	check("SMove", ok, false, err)
	ss, err = db.SUnion("s", "i")
	check("SUnion", inOrder(ss), "[1 2 3 a c]", err)
	ss, err = db.SInter("s", "s")
	check("SInter", inOrder(ss), "[3 a c]", err)
	ss, err = db.SInter("s", "nope")
	check("SInter", ss, "[]", err)
	ss, err = db.SDiff("s", "i", "nope")
	check("SDiff", inOrder(ss), "[3 a c]", err)
	n, err = db.SInterCard(2, "s", "s")
	check("SInterCard", n, 2, err)
	n, err = db.SUnionStore("d", "s", "i")
	check("SUnionStore", n, 5, err)
	n, err = db.SInterStore("d", "d", "i")
	check("SInterStore", n, 2, err)
	n, err = db.SDiffStore("d", "d", "d")
	check("SDiffStore", n, 0, err)

	db.SAdd("one", "x")
	m, err := db.SRandMember("one")
	check("SRandMember", m, "x", err)
	ss, err = db.SRandMemberN("one", -3)
	check("SRandMemberN", ss, "[x x x]", err)
	ss, err = db.SRandMemberN("nope", 3)
	check("SRandMemberN", ss, "[]", err)
	m, err = db.SPop("one")
	check("SPop", m, "x", err)
	ss, err = db.SPopN("i", 5)
	check("SPopN", ss, "[1 2]", err)
	ss, err = db.SPopN("i", 5)
	check("SPopN", ss, "[]", err)

	snap := db.Snapshot()
	defer snap.Close()
	db.SRem("s", "a")
	ss, err = snap.SMembers("s")
	check("Snapshot.SMembers", inOrder(ss), "[3 a c]", err)
	ok, err = snap.SIsMember("s", "a")
	check("Snapshot.SIsMember", ok, true, err)
	ok, err = snap.SIsMember("nope", "a")
	check("Snapshot.SIsMember", ok, false, err)
	if err := db.Update(func(tx *larder.Tx) error {
		tx.SAdd("s", "new")
		ok, err := tx.SIsMember("s", "new")
		check("Tx.SIsMember", ok, true, err)
		check("Tx.SAll", inOrder(slices.Collect(tx.SAll("s"))), "[3 c new]", nil)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestSetTypedErrors(t *testing.T) {
	db := open(t, larder.Options{})
	db.Set("str", "v")
	db.SAdd("s", "a")
	snap := db.Snapshot()
	defer snap.Close()
	for name, tt := range map[string]struct {
		f    func() error
		want error
	}{
		"SAdd nothing":        {func() error { _, err := db.SAdd("s"); return err }, larder.ErrSyntax},
		"SAdd":                {func() error { _, err := db.SAdd("str", "a"); return err }, larder.ErrWrongType},
		"SRem nothing":        {func() error { _, err := db.SRem("s"); return err }, larder.ErrSyntax},
		"SRem":                {func() error { _, err := db.SRem("str", "a"); return err }, larder.ErrWrongType},
		"SIsMember":           {func() error { _, err := db.SIsMember("str", "a"); return err }, larder.ErrWrongType},
		"SMIsMember nothing":  {func() error { _, err := db.SMIsMember("s"); return err }, larder.ErrSyntax},
		"SMIsMember":          {func() error { _, err := db.SMIsMember("str", "a"); return err }, larder.ErrWrongType},
		"SCard":               {func() error { _, err := db.SCard("str"); return err }, larder.ErrWrongType},
		"SMembers":            {func() error { _, err := db.SMembers("str"); return err }, larder.ErrWrongType},
		"SMove":               {func() error { _, err := db.SMove("s", "str", "a"); return err }, larder.ErrWrongType},
		"SPop":                {func() error { _, err := db.SPop("nope"); return err }, larder.ErrNil},
		"SPopN":               {func() error { _, err := db.SPopN("s", -1); return err }, larder.Error("ERR value is out of range, must be positive")},
		"SPopN str":           {func() error { _, err := db.SPopN("str", 1); return err }, larder.ErrWrongType},
		"SRandMember":         {func() error { _, err := db.SRandMember("nope"); return err }, larder.ErrNil},
		"SRandMemberN least":  {func() error { _, err := db.SRandMemberN("s", math.MinInt64); return err }, larder.Error("ERR value is out of range")},
		"SRandMemberN many":   {func() error { _, err := db.SRandMemberN("s", -1<<40); return err }, larder.Error("ERR value is out of range")},
		"SInter nothing":      {func() error { _, err := db.SInter(); return err }, larder.ErrSyntax},
		"SInter":              {func() error { _, err := db.SInter("nope", "str"); return err }, larder.ErrWrongType},
		"SUnion":              {func() error { _, err := db.SUnion("s", "str"); return err }, larder.ErrWrongType},
		"SDiff":               {func() error { _, err := db.SDiff("s", "str"); return err }, larder.ErrWrongType},
		"SUnionStore nothing": {func() error { _, err := db.SUnionStore("s"); return err }, larder.ErrSyntax},
		"SInterStore":         {func() error { _, err := db.SInterStore("s", "s", "str"); return err }, larder.ErrWrongType},
		"SInterCard nothing":  {func() error { _, err := db.SInterCard(0); return err }, larder.Error("ERR numkeys should be greater than 0")},
		"SInterCard limit":    {func() error { _, err := db.SInterCard(-1, "s"); return err }, larder.Error("ERR LIMIT can't be negative")},
		"SInterCard":          {func() error { _, err := db.SInterCard(0, "s", "str"); return err }, larder.ErrWrongType},
		"Snapshot.SMembers":   {func() error { _, err := snap.SMembers("str"); return err }, larder.ErrWrongType},
		"SScan": {func() (err error) {
			for _, err = range db.SScan("str", larder.SScanArgs{}) {
			}
			return err
		}, larder.ErrWrongType},
	} {
		if err := tt.f(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if ss, _ := db.SMembers("s"); len(ss) != 1 || ss[0] != "a" {
		t.Errorf("what failed has changed the set: %q", ss)
	}
}

type smodel map[string]bool

func (m smodel) sorted() []string { return slices.Sorted(maps.Keys(m)) }

// TestSetHistories changes sets of all forms at random, in and out of Updates of which
// some are rolled back, with copies, and with snapshots that must go on showing what
// they saw.
func TestSetHistories(t *testing.T) {
	rnd := rand.New(rand.NewPCG(21, 22))
	db := open(t, larder.Options{})
	// What a key's members look like, and how many there may be.
	kinds := []struct {
		key    string
		n      int
		member func(i int) string
	}{
		{"ints", 300, func(i int) string { return fmt.Sprint(i*i*i*i - 5000) }},
		{"many ints", 3000, func(i int) string { return fmt.Sprint(i - 1500) }},
		{"small", 40, func(i int) string { return fmt.Sprint("m", i) }},
		{"middle", 200, func(i int) string { return fmt.Sprint("m", i) }},
		{"mixed", 60, func(i int) string { return strings.Repeat("x", i%3) + fmt.Sprint(i) }},
		{"long", 100, func(i int) string { return strings.Repeat("long", 20+i%40) + fmt.Sprint(i) }},
		{"big", 3000, func(i int) string { return fmt.Sprint("member ", i) }},
	}
	models := map[string]smodel{}
	for _, k := range kinds {
		models[k.key] = smodel{}
	}
	type shot struct {
		s    *larder.Snapshot
		want map[string][]string
	}
	var shots []shot
	equal := func(what string, get func(string) ([]string, error), key string, want []string) {
		t.Helper()
		got, err := get(key)
		if err != nil || !slices.Equal(inOrder(got), want) {
			t.Fatalf("%s: %s has %d members, %v, want %d:\n%.300q\n%.300q", what, key, len(got), err, len(want), got, want)
		}
	}
	change := func(c larder.Commands, m smodel, key string, n int, member func(int) string) {
		one := member(rnd.IntN(n))
		switch rnd.IntN(12) {
		case 0:
			was := m[one]
			if got, err := c.SRem(key, one); err != nil || (got == 1) != was {
				t.Fatalf("SRem(%q) = %d, %v", one, got, err)
			}
			delete(m, one)
		case 1:
			got, err := c.SPop(key)
			if len(m) == 0 && err != larder.ErrNil || len(m) > 0 && !m[got] {
				t.Fatalf("SPop = %q, %v", got, err)
			}
			delete(m, got)
		case 2:
			count := rnd.IntN(len(m)/3 + 2)
			if rnd.IntN(8) == 0 {
				count = len(m) * 9 / 10
			}
			got, err := c.SPopN(key, int64(count))
			if err != nil || len(got) != min(count, len(m)) {
				t.Fatalf("SPopN(%d) of %d = %d members, %v", count, len(m), len(got), err)
			}
			for _, g := range got {
				if !m[g] {
					t.Fatalf("SPopN gave %q", g)
				}
				delete(m, g)
			}
		case 3:
			if ok, err := c.SIsMember(key, one); err != nil || ok != m[one] {
				t.Fatalf("SIsMember(%q) = %v, %v", one, ok, err)
			}
		default:
			var ms []string
			want := int64(0)
			for range 1 + rnd.IntN(n/10) {
				x := member(rnd.IntN(n))
				ms = append(ms, x)
				if !m[x] {
					m[x] = true
					want++
				}
			}
			if got, err := c.SAdd(key, ms...); err != nil || got != want {
				t.Fatalf("SAdd = %d, %v, want %d", got, err, want)
			}
		}
	}
	for round := range 2500 {
		k := kinds[rnd.IntN(len(kinds))]
		m := models[k.key]
		switch rnd.IntN(20) {
		case 0:
			s := shot{db.Snapshot(), map[string][]string{}}
			for key, m := range models {
				s.want[key] = m.sorted()
			}
			if shots = append(shots, s); len(shots) == 4 {
				for key, want := range shots[0].want {
					equal("snapshot", shots[0].s.SMembers, key, want)
				}
				shots[0].s.Close()
				shots = shots[1:]
			}
		case 1:
			fail := rnd.IntN(2) == 0
			after, errFail := maps.Clone(m), errors.New("rolled back")
			err := db.Update(func(tx *larder.Tx) error {
				for range 1 + rnd.IntN(5) {
					change(tx.Commands, after, k.key, k.n, k.member)
				}
				if fail {
					return errFail
				}
				return nil
			}, k.key)
			if fail != errors.Is(err, errFail) {
				t.Fatal(err)
			}
			if !fail {
				models[k.key] = after
			}
		case 2:
			db.Copy(larder.CopyArgs{Source: k.key, Destination: "copy", Replace: true})
			want := m.sorted()
			change(db.Commands, m, k.key, k.n, k.member)
			if len(want) > 0 {
				equal("copy", db.SMembers, "copy", want)
			}
		case 3: // from one to another
			o := kinds[rnd.IntN(len(kinds))]
			one := k.member(rnd.IntN(k.n))
			if ok, err := db.SMove(k.key, o.key, one); err != nil || ok != m[one] {
				t.Fatalf("SMove(%q) = %v, %v", one, ok, err)
			}
			if m[one] {
				delete(m, one)
				models[o.key][one] = true
			}
		case 4: // two joined
			o := models[kinds[rnd.IntN(len(kinds))].key]
			other := ""
			for key, om := range models {
				if maps.Equal(om, o) {
					other, o = key, om
				}
			}
			either, both, only := maps.Clone(m), smodel{}, maps.Clone(m)
			for x := range o {
				if either[x] = true; m[x] {
					both[x] = true
				}
				delete(only, x)
			}
			union := func(...string) ([]string, error) { return db.SUnion(k.key, other) }
			equal("union", func(string) ([]string, error) { return union() }, k.key, either.sorted())
			equal("inter", func(string) ([]string, error) { return db.SInter(other, k.key) }, k.key, both.sorted())
			equal("diff", func(string) ([]string, error) { return db.SDiff(k.key, other) }, k.key, only.sorted())
			if n, err := db.SInterCard(0, k.key, other); err != nil || int(n) != len(both) {
				t.Fatalf("SInterCard = %d, %v, want %d", n, err, len(both))
			}
			db.SUnionStore("joined", k.key, other)
			equal("stored", db.SMembers, "joined", either.sorted())
			db.SDiffStore("joined", k.key, other, "nope")
			equal("stored", db.SMembers, "joined", only.sorted())
		default:
			change(db.Commands, m, k.key, k.n, k.member)
		}
		if round%50 == 0 {
			for key, m := range models {
				equal("now", db.SMembers, key, m.sorted())
			}
		}
	}
	for _, s := range shots {
		s.s.Close()
	}
}

// TestSetBesideSnapshots has a big set read in snapshots, without locks, while it is
// changed and copied.
func TestSetBesideSnapshots(t *testing.T) {
	db := open(t, larder.Options{})
	const n = 1000
	sfill(t, db, "s", n)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		defer close(stop)
		for i := range 3000 {
			db.Update(func(tx *larder.Tx) error {
				tx.SRem("s", fmt.Sprint("m", i))
				tx.SAdd("s", fmt.Sprint("m", i+n))
				return nil
			}, "s")
			if i%100 == 0 {
				db.Copy(larder.CopyArgs{Source: "s", Destination: "t", Replace: true})
				db.SPop("t")
			}
		}
	})
	for range 2 {
		wg.Go(func() {
			for done := false; !done; {
				select {
				case <-stop:
					done = true
				default:
				}
				s := db.Snapshot()
				a, _ := s.SMembers("s")
				b, _ := s.SMembers("s")
				if len(a) != n || !slices.Equal(a, b) {
					t.Errorf("a snapshot has %d members, then %d", len(a), len(b))
				}
				s.Close()
			}
		})
	}
	wg.Wait()
}

// Random members come with the same chance each, singly and as parts of a sample.
func TestSetChanceIsUniform(t *testing.T) {
	db := open(t, larder.Options{})
	fill := map[string]func(n int){
		"ints": func(n int) {
			for i := range n {
				db.SAdd("ints", fmt.Sprint(i))
			}
		},
		"strings": func(n int) { sfill(t, db, "strings", n) },
		"table":   func(n int) { sfill(t, db, "table", n) },
	}
	for key, n := range map[string]int{"ints": 100, "strings": 40, "table": 300} {
		fill[key](n)
		refill := func(ss []string) []string {
			db.SAdd(key, ss...)
			return ss
		}
		for name, draw := range map[string]func() []string{
			"one":      func() []string { m, _ := db.SRandMember(key); return []string{m} },
			"repeats":  func() []string { ss, _ := db.SRandMemberN(key, -5); return ss },
			"few":      func() []string { ss, _ := db.SRandMemberN(key, 4); return ss },
			"some":     func() []string { ss, _ := db.SRandMemberN(key, int64(n/4)); return ss },
			"many":     func() []string { ss, _ := db.SRandMemberN(key, int64(n*3/4)); return ss },
			"pop":      func() []string { m, _ := db.SPop(key); return refill([]string{m}) },
			"pop some": func() []string { ss, _ := db.SPopN(key, int64(n/4)); return refill(ss) },
			"pop most": func() []string { ss, _ := db.SPopN(key, int64(n*9/10)); return refill(ss) },
		} {
			counts, total := map[string]int{}, 0
			for total < 200*n {
				seen := map[string]bool{}
				for _, m := range draw() {
					if seen[m] && name != "repeats" {
						t.Fatalf("%s of %s: %q comes twice", name, key, m)
					}
					seen[m] = true
					counts[m]++
					total++
				}
			}
			chi, want := 0.0, float64(total)/float64(n)
			for _, c := range counts {
				d := float64(c) - want
				chi += d * d / want
			}
			chi += float64(n-len(counts)) * want
			// n-1 degrees of freedom: six deviations above the mean.
			if most := float64(n) + 6*math.Sqrt(2*float64(n)); chi > most {
				t.Errorf("%s of %s: chi-square %.1f, want at most %.1f", name, key, chi, most)
			}
		}
	}
}

// What SPOP removes by chance is told member by member.
func TestSPopIsTold(t *testing.T) {
	db := open(t, larder.Options{})
	sfill(t, db, "s", 10)
	snap, tail, err := larder.Follow(db)
	if err != nil {
		t.Fatal(err)
	}
	snap.Close()
	defer tail.Close()
	popped, err := db.SPopN("s", 3)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	say := func(words ...string) {
		fmt.Fprintf(&want, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(&want, "$%d\r\n%s\r\n", len(w), w)
		}
	}
	say("SELECT", "0")
	say("MULTI")
	for _, m := range popped {
		say("SREM", "s", m)
	}
	say("EXEC")
	got := make([]byte, 4096)
	n := 0
	for tail.Offset() < larder.Offset(db) {
		k, err := tail.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
	if g := string(got[:n]); g != want.String() {
		t.Errorf("told %q, want %q", g, want.String())
	}
}

// SScan meets each member once, while others come and go.
func TestSScan(t *testing.T) {
	db := open(t, larder.Options{})
	for _, n := range []int{0, 50, 5000} {
		key := fmt.Sprint("s", n)
		sfill(t, db, key, n)
		seen := map[string]int{}
		i := 0
		for m, err := range db.SScan(key, larder.SScanArgs{Match: "m*", Count: 20}) {
			if err != nil {
				t.Fatal(err)
			}
			seen[m]++
			if i++; i%3 == 0 {
				db.SAdd(key, fmt.Sprint("other", i))
				db.SRem(key, fmt.Sprint("other", i-30))
			}
		}
		for i := range n {
			if m := fmt.Sprint("m", i); seen[m] != 1 {
				t.Errorf("of %d: %s was yielded %d times", n, m, seen[m])
			}
		}
		for range db.SScan(key, larder.SScanArgs{}) {
			break
		}
	}
}

func TestSetMulti(t *testing.T) {
	db := open(t, larder.Options{})
	m := db.Multi()
	added := m.SAdd("s", "a", "b")
	moved := m.SMove("s", "t", "a")
	popped := m.SPop("s")
	nothing := m.SPop("s")
	stored := m.SUnionStore("u", "s", "t")
	all := m.SMembers("u")
	if err := m.Exec(); err != nil {
		t.Fatal(err)
	}
	if added.Val() != 2 || !moved.Val() || popped.Val() != "b" || nothing.Err() != larder.ErrNil || stored.Val() != 1 || !slices.Equal(all.Val(), []string{"a"}) {
		t.Errorf("got %v %v %v %v %v %v", added.Val(), moved.Val(), popped.Val(), nothing.Err(), stored.Val(), all.Val())
	}
}

// The commands that programs call most allocate no more than their results.
func TestSetAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: allocations are not those of a release under -race")
	}
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	sfill(t, db, "small", 20)
	sfill(t, db, "big", 2000)
	for i := range 100 {
		db.SAdd("ints", fmt.Sprint(i*1000))
	}
	c := newConn(db)
	words := func(ws ...string) [][]byte {
		var bs [][]byte
		for _, w := range ws {
			bs = append(bs, []byte(w))
		}
		return bs
	}
	buf := make([]byte, 0, 1<<20)
	for key, member := range map[string]string{"small": "m7", "big": "m7", "ints": "7000"} {
		sadd, srem := words("SADD", key, member), words("SREM", key, member)
		is, all := words("SISMEMBER", key, member), words("SMEMBERS", key)
		random := words("SRANDMEMBER", key)
		for _, tt := range []struct {
			name string
			f    func()
		}{
			{"SAdd", func() { db.SAdd(key, member) }},
			{"SIsMember", func() { db.SIsMember(key, member) }},
			{"SCard", func() { db.SCard(key) }},
			{"SADD and SREM in words", func() { c.conn.Exec(buf, srem); c.conn.Exec(buf, sadd) }},
			{"SISMEMBER in words", func() { c.conn.Exec(buf, is) }},
			{"SMEMBERS in words", func() { c.conn.Exec(buf, all) }},
			{"SRANDMEMBER in words", func() { c.conn.Exec(buf, random) }},
		} {
			if n := allocs(tt.f); n != 0 {
				t.Errorf("%s of %s allocates %v times", tt.name, key, n)
			}
		}
	}
}

// A set takes no more memory than a redis-server says that its own does.
func TestSetMemory(t *testing.T) {
	s := redistest.Start(t)
	theirs := s.NewClient(t, 2)
	defer theirs.Close()
	db := open(t, larder.Options{})
	for name, member := range map[string]func(i int) string{
		"ints":    func(i int) string { return fmt.Sprint(i * 7919) },
		"strings": func(i int) string { return fmt.Sprintf("member:%09d", i) },
		"long":    func(i int) string { return fmt.Sprintf("%0100d", i) },
	} {
		for _, n := range []int{1, 10, 64, 65, 128, 129, 512, 513, 1000, 20_000} {
			key := fmt.Sprint(name, n)
			for i := range n {
				theirs.Do("SADD", key, member(i))
				db.SAdd(key, member(i))
			}
			want := theirs.Do("MEMORY", "USAGE", key, "SAMPLES", "0").Int
			usage, err := db.Do("MEMORY", "USAGE", key)
			if got, _ := usage.(int64); err != nil || got > want {
				t.Errorf("%d %s take %d bytes, %v, in a redis-server %d", n, name, got, err, want)
			}
		}
	}
}
