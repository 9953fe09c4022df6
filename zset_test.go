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
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// The wire is tested by testdata/zsets*.txt. Here is what scripts cannot say: the
// typed calls, chance, snapshots, waiting and what it costs.

func z(member string, score float64) larder.Z { return larder.Z{Member: member, Score: score} }

// zfill makes a sorted set m0 ... of scores 0 ..., big if n is more than 128.
func zfill(t testing.TB, db *larder.DB, key string, n int) {
	t.Helper()
	for i := range n {
		if _, err := db.ZAdd(key, z(fmt.Sprint("m", i), float64(i))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestZSetTyped(t *testing.T) {
	db := open(t, larder.Options{})
	check := func(name string, got, want any, err error) {
		t.Helper()
		if g, w := fmt.Sprint(got), fmt.Sprint(want); err != nil || g != w {
			t.Errorf("%s = %s, %v, want %s", name, g, err, w)
		}
	}
	n, err := db.ZAdd("z", z("a", 1), z("b", 2), z("c", 3), z("d", 4), z("e", 5))
	check("ZAdd", n, 5, err)
	n, err = db.ZAddArgs(larder.ZAddArgs{Key: "z", GT: true, CH: true, Members: []larder.Z{z("a", 0), z("b", 2.5), z("f", 6)}})
	check("ZAddArgs", n, 2, err)
	f, err := db.ZAddIncr(larder.ZAddArgs{Key: "z", XX: true, Members: []larder.Z{z("f", 1)}})
	check("ZAddIncr", f, 7, err)
	f, err = db.ZIncrBy("z", -1, "f")
	check("ZIncrBy", f, 6, err)
	f, err = db.ZScore("z", "b")
	check("ZScore", f, 2.5, err)
	ms, err := db.ZMScore("z", "a", "nope")
	check("ZMScore", ms, []larder.MaybeScore{{Score: 1, Ok: true}, {}}, err)
	n, err = db.ZCard("z")
	check("ZCard", n, 6, err)
	n, err = db.ZCount("z", larder.ZScores{Min: 1, MinExclusive: true, Max: math.Inf(1)})
	check("ZCount", n, 5, err)
	n, err = db.ZRank("z", "c")
	check("ZRank", n, 2, err)
	n, err = db.ZRevRank("z", "c")
	check("ZRevRank", n, 3, err)
	rs, err := db.ZRankWithScore("z", "c")
	check("ZRankWithScore", rs, larder.ZRankScore{Rank: 2, Score: 3}, err)
	rs, err = db.ZRevRankWithScore("z", "c")
	check("ZRevRankWithScore", rs, larder.ZRankScore{Rank: 3, Score: 3}, err)
	ss, err := db.ZRange("z", 1, -2)
	check("ZRange", ss, "[b c d e]", err)
	ss, err = db.ZRevRange("z", 0, 1)
	check("ZRevRange", ss, "[f e]", err)
	zs, err := db.ZRangeWithScores("z", 0, 1)
	check("ZRangeWithScores", zs, "[{a 1} {b 2.5}]", err)
	ss, err = db.ZRangeByScore("z", larder.ZScores{Min: 3, Max: 5, MaxExclusive: true})
	check("ZRangeByScore", ss, "[c d]", err)
	ss, err = db.ZRevRangeByScore("z", larder.ZScores{Min: 3, Max: 5})
	check("ZRevRangeByScore", ss, "[e d c]", err)
	zs, err = db.ZRangeArgs(larder.ZRangeArgs{Key: "z", By: larder.ZByScore, Scores: larder.ZScores{Min: math.Inf(-1), Max: math.Inf(1)}, Rev: true, Offset: 1, Count: 2})
	check("ZRangeArgs", zs, "[{e 5} {d 4}]", err)
	n, err = db.ZRangeStore("dst", larder.ZRangeArgs{Key: "z", Start: -2, Stop: -1})
	check("ZRangeStore", n, 2, err)
	n, err = db.ZRem("dst", "e", "nope")
	check("ZRem", n, 1, err)

	db.ZAdd("lex", z("a", 0), z("b", 0), z("c", 0), z("d", 0))
	n, err = db.ZLexCount("lex", larder.ZLex{Min: "b", NoMax: true})
	check("ZLexCount", n, 3, err)
	ss, err = db.ZRangeByLex("lex", larder.ZLex{Max: "c", MaxExclusive: true})
	check("ZRangeByLex", ss, "[a b]", err)
	ss, err = db.ZRevRangeByLex("lex", larder.ZLex{Min: "a", MinExclusive: true, Max: "c"})
	check("ZRevRangeByLex", ss, "[c b]", err)
	n, err = db.ZRemRangeByLex("lex", larder.ZLex{Min: "c", NoMax: true})
	check("ZRemRangeByLex", n, 2, err)
	n, err = db.ZRemRangeByRank("lex", 0, 0)
	check("ZRemRangeByRank", n, 1, err)
	n, err = db.ZRemRangeByScore("lex", larder.ZScores{})
	check("ZRemRangeByScore", n, 1, err)

	one, err := db.ZPopMin("z")
	check("ZPopMin", one, "{a 1}", err)
	one, err = db.ZPopMax("z")
	check("ZPopMax", one, "{f 6}", err)
	zs, err = db.ZPopMinN("z", 1)
	check("ZPopMinN", zs, "[{b 2.5}]", err)
	zs, err = db.ZPopMaxN("z", 1)
	check("ZPopMaxN", zs, "[{e 5}]", err)
	p, err := db.ZMPop(larder.ZMPopArgs{Keys: []string{"nope", "z"}, Max: true})
	check("ZMPop", p, "{z [{d 4}]}", err)
	m, err := db.ZRandMember("z")
	check("ZRandMember", m, "c", err)
	zs, err = db.ZRandMemberN("z", -3)
	check("ZRandMemberN", zs, "[{c 3} {c 3} {c 3}]", err)

	db.ZAdd("x", z("a", 1), z("b", 2))
	db.ZAdd("y", z("b", 10), z("c", 20))
	sets := larder.ZSetsArgs{Keys: []string{"x", "y"}, Weights: []float64{1, 2}, Aggregate: larder.ZMax}
	zs, err = db.ZUnion(sets)
	check("ZUnion", zs, "[{a 1} {b 20} {c 40}]", err)
	zs, err = db.ZInter(sets)
	check("ZInter", zs, "[{b 20}]", err)
	zs, err = db.ZDiff("x", "y")
	check("ZDiff", zs, "[{a 1}]", err)
	n, err = db.ZInterCard(0, "x", "y")
	check("ZInterCard", n, 1, err)
	n, err = db.ZUnionStore("u", sets)
	check("ZUnionStore", n, 3, err)
	n, err = db.ZInterStore("i", sets)
	check("ZInterStore", n, 1, err)
	n, err = db.ZDiffStore("u", "u", "y")
	check("ZDiffStore", n, 1, err)
	w, err := db.BZPopMin(context.Background(), 0, "nope", "u")
	check("BZPopMin", w, "{u {a 1}}", err)
	w, err = db.BZPopMax(context.Background(), 0, "x")
	check("BZPopMax", w, "{x {b 2}}", err)
	p, err = db.BZMPop(context.Background(), 0, larder.ZMPopArgs{Keys: []string{"y"}, Count: 5})
	check("BZMPop", p, "{y [{b 10} {c 20}]}", err)
}

func TestZSetTypedErrors(t *testing.T) {
	db := open(t, larder.Options{})
	db.Set("s", "v")
	db.ZAdd("z", z("a", math.Inf(1)))
	nan := math.NaN()
	ctx := context.Background()
	for name, tt := range map[string]struct {
		f    func() error
		want error
	}{
		"ZAdd nothing": {func() error { _, err := db.ZAdd("z"); return err }, larder.ErrSyntax},
		"ZAdd NaN":     {func() error { _, err := db.ZAdd("z", z("b", 1), z("a", nan)); return err }, larder.ErrNotFloat},
		"ZAdd s":       {func() error { _, err := db.ZAdd("s", z("a", 1)); return err }, larder.ErrWrongType},
		"ZAddIncr two": {func() error {
			_, err := db.ZAddIncr(larder.ZAddArgs{Key: "z", Members: []larder.Z{z("a", 1), z("b", 1)}})
			return err
		}, larder.Error("ERR INCR option supports a single increment-element pair")},
		"ZAddIncr refused": {func() error {
			_, err := db.ZAddIncr(larder.ZAddArgs{Key: "z", XX: true, Members: []larder.Z{z("q", 1)}})
			return err
		}, larder.ErrNil},
		"ZIncrBy":              {func() error { _, err := db.ZIncrBy("z", math.Inf(-1), "a"); return err }, larder.ErrScoreNaN},
		"ZIncrBy NaN":          {func() error { _, err := db.ZIncrBy("z", nan, "a"); return err }, larder.ErrNotFloat},
		"ZScore":               {func() error { _, err := db.ZScore("z", "b"); return err }, larder.ErrNil},
		"ZRank":                {func() error { _, err := db.ZRank("z", "b"); return err }, larder.ErrNil},
		"ZRevRank":             {func() error { _, err := db.ZRevRank("nope", "b"); return err }, larder.ErrNil},
		"ZRank s":              {func() error { _, err := db.ZRank("s", "b"); return err }, larder.ErrWrongType},
		"ZCount NaN":           {func() error { _, err := db.ZCount("z", larder.ZScores{Min: nan}); return err }, larder.Error("ERR min or max is not a float")},
		"ZRangeArgs by":        {func() error { _, err := db.ZRangeArgs(larder.ZRangeArgs{Key: "z", By: 7}); return err }, larder.ErrSyntax},
		"ZRangeArgs count":     {func() error { _, err := db.ZRangeArgs(larder.ZRangeArgs{Key: "z", Count: 1}); return err }, larder.Error("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")},
		"ZPopMin":              {func() error { _, err := db.ZPopMin("nope"); return err }, larder.ErrNil},
		"ZPopMinN":             {func() error { _, err := db.ZPopMinN("z", -1); return err }, larder.Error("ERR value is out of range, must be positive")},
		"ZMPop no keys":        {func() error { _, err := db.ZMPop(larder.ZMPopArgs{}); return err }, larder.Error("ERR numkeys should be greater than 0")},
		"ZMPop count":          {func() error { _, err := db.ZMPop(larder.ZMPopArgs{Keys: []string{"z"}, Count: -1}); return err }, larder.Error("ERR count should be greater than 0")},
		"ZMPop":                {func() error { _, err := db.ZMPop(larder.ZMPopArgs{Keys: []string{"nope"}}); return err }, larder.ErrNil},
		"BZPopMin no keys":     {func() error { _, err := db.BZPopMin(ctx, 0); return err }, larder.Error("ERR wrong number of arguments for 'bzpopmin' command")},
		"BZPopMin timeout":     {func() error { _, err := db.BZPopMin(ctx, -1, "z"); return err }, larder.Error("ERR timeout is negative")},
		"BZMPop timeout":       {func() error { _, err := db.BZMPop(ctx, -1, larder.ZMPopArgs{Keys: []string{"z"}}); return err }, larder.Error("ERR timeout is negative")},
		"ZRandMember":          {func() error { _, err := db.ZRandMember("nope"); return err }, larder.ErrNil},
		"ZRandMemberN extreme": {func() error { _, err := db.ZRandMemberN("z", math.MinInt64); return err }, larder.Error("ERR value is out of range")},
		"ZRandMemberN many":    {func() error { _, err := db.ZRandMemberN("z", -1<<40); return err }, larder.Error("ERR value is out of range")},
		"ZUnion no keys":       {func() error { _, err := db.ZUnion(larder.ZSetsArgs{}); return err }, larder.Error("ERR at least 1 input key is needed for 'zunion' command")},
		"ZUnion weights": {func() error {
			_, err := db.ZUnion(larder.ZSetsArgs{Keys: []string{"z"}, Weights: []float64{1, 2}})
			return err
		}, larder.ErrSyntax},
		"ZUnion NaN": {func() error {
			_, err := db.ZUnion(larder.ZSetsArgs{Keys: []string{"z"}, Weights: []float64{nan}})
			return err
		}, larder.Error("ERR weight value is not a float")},
		"ZUnion s":   {func() error { _, err := db.ZUnion(larder.ZSetsArgs{Keys: []string{"z", "s"}}); return err }, larder.ErrWrongType},
		"ZInterCard": {func() error { _, err := db.ZInterCard(-1, "z"); return err }, larder.Error("ERR LIMIT can't be negative")},
		"ZScan s": {func() (err error) {
			for _, err = range db.ZScan("s", larder.ZScanArgs{}) {
			}
			return err
		}, larder.ErrWrongType},
	} {
		if err := tt.f(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if n, _ := db.ZCard("z"); n != 1 {
		t.Errorf("what failed has changed the set: %d members", n)
	}
}

// zmodel is a sorted set by its scores.
type zmodel map[string]float64

func (m zmodel) sorted() []larder.Z {
	zs := make([]larder.Z, 0, len(m))
	for member, score := range m {
		zs = append(zs, z(member, score))
	}
	slices.SortFunc(zs, func(a, b larder.Z) int {
		if a.Score != b.Score {
			if a.Score < b.Score {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Member, b.Member)
	})
	return zs
}

// TestZSetHistories changes sorted sets of all sizes at random, in and out of Updates
// of which some are rolled back, with copies, and with snapshots that must go on
// showing what they saw.
func TestZSetHistories(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	db := open(t, larder.Options{})
	keys := []string{"small", "middle", "big"}
	members := []int{20, 200, 3000}
	models := map[string]zmodel{}
	type shot struct {
		s    *larder.Snapshot
		want map[string][]larder.Z
	}
	var shots []shot
	equal := func(what string, get func(larder.ZRangeArgs) ([]larder.Z, error), key string, want []larder.Z) {
		t.Helper()
		got, err := get(larder.ZRangeArgs{Key: key, Stop: -1})
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s: %s has %d members, %v, want %d:\n%.300v\n%.300v", what, key, len(got), err, len(want), got, want)
		}
	}
	change := func(c larder.Commands, m zmodel, key string, n int) {
		member := fmt.Sprint("m", rnd.IntN(n))
		switch rnd.IntN(12) {
		case 0:
			c.ZRem(key, member)
			delete(m, member)
		case 1:
			score := m[member] + 1.5
			if got, err := c.ZIncrBy(key, 1.5, member); err != nil || got != score {
				t.Fatalf("ZIncrBy = %v, %v, want %v", got, err, score)
			}
			m[member] = score
		case 2:
			p, err := c.ZPopMin(key)
			if all := m.sorted(); len(all) > 0 && (err != nil || p != all[0]) || len(all) == 0 && err != larder.ErrNil {
				t.Fatalf("ZPopMin = %v, %v", p, err)
			}
			delete(m, p.Member)
		case 3:
			all := m.sorted()
			from, to := rnd.IntN(len(all)+1), rnd.IntN(6)
			c.ZRemRangeByRank(key, int64(from), int64(from+to))
			for i := from; i <= from+to && i < len(all); i++ {
				delete(m, all[i].Member)
			}
		default:
			var zs []larder.Z
			for range 1 + rnd.IntN(n/10) {
				x := z(fmt.Sprint("m", rnd.IntN(n)), float64(rnd.IntN(50)))
				zs = append(zs, x)
				m[x.Member] = x.Score
			}
			if _, err := c.ZAdd(key, zs...); err != nil {
				t.Fatal(err)
			}
		}
	}
	for round := range 1500 {
		k := rnd.IntN(len(keys))
		key, n := keys[k], members[k]
		if models[key] == nil {
			models[key] = zmodel{}
		}
		switch rnd.IntN(20) {
		case 0:
			s := shot{db.Snapshot(), map[string][]larder.Z{}}
			for _, key := range keys {
				s.want[key] = models[key].sorted()
			}
			if shots = append(shots, s); len(shots) == 4 {
				for _, key := range keys {
					equal("snapshot", shots[0].s.ZRangeArgs, key, shots[0].want[key])
				}
				shots[0].s.Close()
				shots = shots[1:]
			}
		case 1:
			before := models[key].sorted()
			fail := rnd.IntN(2) == 0
			m := zmodel{}
			for _, x := range before {
				m[x.Member] = x.Score
			}
			errFail := errors.New("rolled back")
			err := db.Update(func(tx *larder.Tx) error {
				for range 1 + rnd.IntN(5) {
					change(tx.Commands, m, key, n)
				}
				if fail {
					return errFail
				}
				return nil
			}, key)
			if fail != errors.Is(err, errFail) {
				t.Fatal(err)
			}
			if !fail {
				models[key] = m
			}
		case 2:
			db.Copy(larder.CopyArgs{Source: key, Destination: "copy", Replace: true})
			want := models[key].sorted()
			change(db.Commands, models[key], key, n)
			if len(want) > 0 {
				equal("copy", db.ZRangeArgs, "copy", want)
			}
		default:
			change(db.Commands, models[key], key, n)
		}
		if round%50 == 0 {
			for _, key := range keys {
				equal("now", db.ZRangeArgs, key, models[key].sorted())
			}
		}
	}
	for _, s := range shots {
		s.s.Close()
	}
	if enc, _ := db.ObjectEncoding("big"); enc != "skiplist" {
		t.Errorf("the big set is a %s", enc)
	}
}

// TestZSetBesideSnapshots has a big set read in snapshots, without locks, while it is
// changed and copied.
func TestZSetBesideSnapshots(t *testing.T) {
	db := open(t, larder.Options{})
	const n = 1000
	zfill(t, db, "z", n)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		defer close(stop)
		for i := range 3000 {
			db.ZAdd("z", z(fmt.Sprint("m", i%n), float64(i)))
			if i%100 == 0 {
				db.Copy(larder.CopyArgs{Source: "z", Destination: "y", Replace: true})
				db.ZRem("y", "m1", "m2")
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
				a, _ := s.ZRangeArgs(larder.ZRangeArgs{Key: "z", Stop: -1})
				b, _ := s.ZRangeArgs(larder.ZRangeArgs{Key: "z", Stop: -1})
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
func TestZRandMemberIsUniform(t *testing.T) {
	db := open(t, larder.Options{})
	for _, n := range []int{10, 300} {
		key := fmt.Sprint("z", n)
		zfill(t, db, key, n)
		for name, draw := range map[string]func() []larder.Z{
			"one":     func() []larder.Z { m, _ := db.ZRandMember(key); return []larder.Z{{Member: m}} },
			"repeats": func() []larder.Z { zs, _ := db.ZRandMemberN(key, -5); return zs },
			"few":     func() []larder.Z { zs, _ := db.ZRandMemberN(key, 4); return zs },
			"many":    func() []larder.Z { zs, _ := db.ZRandMemberN(key, int64(n*3/4)); return zs },
		} {
			counts, total := map[string]int{}, 0
			for total < 200*n {
				zs := draw()
				seen := map[string]bool{}
				for _, x := range zs {
					if seen[x.Member] && name != "repeats" {
						t.Fatalf("%s of %d: %q comes twice", name, n, x.Member)
					}
					seen[x.Member] = true
					counts[x.Member]++
					total++
				}
			}
			chi, want := 0.0, float64(total)/float64(n)
			for i := range n {
				d := float64(counts[fmt.Sprint("m", i)]) - want
				chi += d * d / want
			}
			// n-1 degrees of freedom: six deviations above the mean.
			if most := float64(n) + 6*math.Sqrt(2*float64(n)); chi > most {
				t.Errorf("%s of %d: chi-square %.1f, want at most %.1f", name, n, chi, most)
			}
		}
	}
}

// ZScan meets each member once, while others come and go.
func TestZScan(t *testing.T) {
	db := open(t, larder.Options{})
	for _, n := range []int{0, 50, 5000} {
		key := fmt.Sprint("z", n)
		zfill(t, db, key, n)
		seen := map[string]int{}
		i := 0
		for x, err := range db.ZScan(key, larder.ZScanArgs{Match: "m*", Count: 20}) {
			if err != nil {
				t.Fatal(err)
			}
			seen[x.Member]++
			if i++; i%3 == 0 {
				db.ZAdd(key, z(fmt.Sprint("other", i), 1))
				db.ZRem(key, fmt.Sprint("other", i-30))
			}
		}
		for i := range n {
			if m := fmt.Sprint("m", i); seen[m] != 1 {
				t.Errorf("of %d: %s was yielded %d times", n, m, seen[m])
			}
		}
		for range db.ZScan(key, larder.ZScanArgs{}) {
			break
		}
	}
}

func TestBZPopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		start := time.Now()
		if _, err := db.BZPopMin(context.Background(), 5*time.Second, "z"); err != larder.ErrNil || time.Since(start) != 5*time.Second {
			t.Errorf("BZPopMin = %v after %v, want ErrNil after 5s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := db.BZMPop(ctx, 0, larder.ZMPopArgs{Keys: []string{"z"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("BZMPop = %v, want the context's error", err)
		}
		// A hundred wait; each gets one, in the order in which they came.
		var wg sync.WaitGroup
		got := make([]larder.ZWithKey, 100)
		for i := range got {
			wg.Go(func() { got[i], _ = db.BZPopMin(context.Background(), 0, "a", "b") })
			synctest.Wait()
		}
		for i := range got {
			db.ZAdd([]string{"a", "b"}[i%2], z(fmt.Sprint("m", i), float64(i)))
		}
		wg.Wait()
		for i, r := range got {
			if r.Member != fmt.Sprint("m", i) {
				t.Errorf("waiter %d got %+v", i, r)
			}
		}
		if err := db.Update(func(tx *larder.Tx) error {
			_, err := tx.BZPopMax(context.Background(), 0, "nope")
			return err
		}); err != larder.ErrNil {
			t.Errorf("in an Update: %v, want ErrNil at once", err)
		}
	})
}

func TestZSetMulti(t *testing.T) {
	db := open(t, larder.Options{})
	m := db.Multi()
	added := m.ZAdd("z", z("a", 1), z("b", 2))
	sum := m.ZIncrBy("z", 5, "a")
	popped := m.ZPopMin("z")
	nothing := m.BZPopMin(context.Background(), 0, "nope")
	stored := m.ZUnionStore("u", larder.ZSetsArgs{Keys: []string{"z"}})
	all := m.ZRange("u", 0, -1)
	if err := m.Exec(); err != nil {
		t.Fatal(err)
	}
	if added.Val() != 2 || sum.Val() != 6 || popped.Val() != z("b", 2) || nothing.Err() != larder.ErrNil || stored.Val() != 1 || !slices.Equal(all.Val(), []string{"a"}) {
		t.Errorf("got %v %v %v %v %v %v", added.Val(), sum.Val(), popped.Val(), nothing.Err(), stored.Val(), all.Val())
	}
}

// The commands that programs call most allocate no more than their results.
func TestZSetAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: allocations are not those of a release under -race")
	}
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	zfill(t, db, "small", 20)
	zfill(t, db, "big", 2000)
	c := newConn(db)
	words := func(ws ...string) [][]byte {
		var bs [][]byte
		for _, w := range ws {
			bs = append(bs, []byte(w))
		}
		return bs
	}
	buf := make([]byte, 0, 1<<16)
	for _, key := range []string{"small", "big"} {
		add, rank := [][][]byte{words("ZADD", key, "5.5", "m7"), words("ZADD", key, "6.5", "m7")}, words("ZRANK", key, "m7")
		score, rng, byScore := words("ZSCORE", key, "m7"), words("ZRANGE", key, "0", "10", "WITHSCORES"), words("ZRANGEBYSCORE", key, "3", "9")
		i := 0
		for _, tt := range []struct {
			name string
			want float64
			f    func()
		}{
			{"ZScore", 0, func() { db.ZScore(key, "m7") }},
			{"ZRank", 0, func() { db.ZRank(key, "m7") }},
			{"ZIncrBy", 0, func() { db.ZIncrBy(key, 0.25, "m9") }},
			{"ZCount", 0, func() { db.ZCount(key, larder.ZScores{Min: 3, Max: 8}) }},
			{"ZADD in words", 0, func() { i++; c.conn.Exec(buf, add[i%2]) }},
			{"ZRANK in words", 0, func() { c.conn.Exec(buf, rank) }},
			{"ZSCORE in words", 0, func() { c.conn.Exec(buf, score) }},
			{"ZRANGE in words", 0, func() { c.conn.Exec(buf, rng) }},
			{"ZRANGEBYSCORE in words", 0, func() { c.conn.Exec(buf, byScore) }},
		} {
			if n := allocs(tt.f); n != tt.want {
				t.Errorf("%s of a %s set allocates %v times, want %v", tt.name, key, n, tt.want)
			}
		}
	}
}

// A big set takes no more memory than a redis-server says that its own does.
func TestZSetMemory(t *testing.T) {
	s := redistest.Start(t)
	theirs := s.NewClient(t, 2)
	defer theirs.Close()
	db := open(t, larder.Options{})
	for _, n := range []int{10, 128, 129, 1000, 20_000} {
		key := fmt.Sprint("z", n)
		for i := range n {
			member, score := fmt.Sprintf("member:%09d", i*7919%n), float64(i*31%n)+0.5
			theirs.Do("ZADD", key, fmt.Sprint(score), member)
			db.ZAdd(key, z(member, score))
		}
		want := theirs.Do("MEMORY", "USAGE", key, "SAMPLES", "0").Int
		usage, err := db.Do("MEMORY", "USAGE", key)
		if got, _ := usage.(int64); err != nil || got > want+64 {
			t.Errorf("%d members take %d bytes, %v, in a redis-server %d", n, got, err, want)
		}
	}
}

func ExampleDB_ZAdd() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.ZAdd("players", larder.Z{Member: "ada", Score: 120}, larder.Z{Member: "bob", Score: 95}, larder.Z{Member: "cid", Score: 140})
	db.ZIncrBy("players", 30, "bob")

	best, _ := db.ZRangeArgs(larder.ZRangeArgs{Key: "players", Stop: 1, Rev: true})
	rank, _ := db.ZRevRank("players", "bob")
	fmt.Println(best, rank)
	// Output: [{cid 140} {bob 125}] 1
}

// Scores that are times make a queue of what is due.
func ExampleDB_ZRangeByScore() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.ZAdd("due", larder.Z{Member: "mail", Score: 1000}, larder.Z{Member: "report", Score: 1060}, larder.Z{Member: "backup", Score: 3600})

	now := 1100.0
	due, _ := db.ZRangeByScore("due", larder.ZScores{Min: math.Inf(-1), Max: now})
	db.ZRem("due", due...)
	left, _ := db.ZCard("due")
	fmt.Println(due, left)
	// Output: [mail report] 1
}
