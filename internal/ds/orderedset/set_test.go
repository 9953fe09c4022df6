package orderedset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// A pair is an item of the model.
type pair struct {
	member string
	score  float64
}

func order(a, b pair) int {
	switch {
	case a.score < b.score:
		return -1
	case a.score > b.score:
		return 1
	}
	return strings.Compare(a.member, b.member)
}

// A sample is a set, small and big, and a sorted slice that both are to equal.
type sample struct {
	big   *Set
	flat  []byte // nil once the set has become too large to be tried
	model []pair
}

const flatMost = 200

// world drives a family of clones.
type world struct {
	t      testing.TB
	choose func(n int) int
	sides  []*sample
	keys   int
	scores int
}

func newWorld(t testing.TB, keys, scores int, choose func(n int) int) *world {
	return &world{t: t, choose: choose, keys: keys, scores: scores,
		sides: []*sample{{big: New(), flat: listpack.New(0)}}}
}

func (w *world) member() string {
	switch n := w.choose(w.keys); n % 11 {
	case 0:
		return fmt.Sprint(n) // an integer to a listpack
	case 1:
		return fmt.Sprintf("%d\x00\xff", n)
	case 2:
		if n == 2 {
			return ""
		}
		return fmt.Sprintf("%d%s", n, strings.Repeat("long", n%30))
	default:
		return fmt.Sprint("member", n)
	}
}

func (w *world) score() float64 {
	switch n := w.choose(w.scores); n % 16 {
	case 0:
		return 0
	case 1:
		return math.Copysign(0, -1)
	case 2:
		return math.Inf(1)
	case 3:
		return math.Inf(-1)
	case 4:
		return float64(n) + 0.1
	case 5:
		return 1e300 * float64(n)
	case 6:
		return 1 << 53
	default:
		return float64(n - w.scores/2)
	}
}

func (s *sample) find(member string) int {
	return slices.IndexFunc(s.model, func(p pair) bool { return p.member == member })
}

func (w *world) step(grow int) {
	s := w.sides[w.choose(len(w.sides))]
	switch what := w.choose(100); {
	case what < 2:
		if len(w.sides) == 5 {
			w.sides = slices.Delete(w.sides, 0, 1)
		}
		w.sides = append(w.sides, &sample{s.big.Clone(), slices.Clone(s.flat), slices.Clone(s.model)})
	case what < 5 && len(s.model) > 0:
		from := w.choose(len(s.model))
		to := min(len(s.model), from+w.choose(9))
		s.big.RemoveRange(from, to)
		if s.flat != nil {
			s.flat = FlatRemoveRange(s.flat, from, to)
		}
		s.model = slices.Delete(s.model, from, to)
	case w.choose(100) < grow:
		w.put(s, w.member(), w.score())
	default:
		m := w.member()
		i := s.find(m)
		if got := s.big.Remove(m); got != (i >= 0) {
			w.t.Fatalf("Remove(%q) = %v", m, got)
		}
		if i >= 0 {
			s.model = slices.Delete(s.model, i, i+1)
		}
		if s.flat != nil {
			if p, _ := FlatFind(s.flat, m); p != 0 {
				s.flat = FlatRemove(s.flat, p)
			}
		}
	}
	if len(s.model) > flatMost {
		s.flat = nil
	}
}

func (w *world) put(s *sample, m string, score float64) {
	i := s.find(m)
	if got := s.big.Put(m, score); got != (i < 0) {
		w.t.Fatalf("Put(%q, %v) = %v", m, score, got)
	}
	if i >= 0 {
		if s.model[i].score == score {
			return
		}
		s.model = slices.Delete(s.model, i, i+1)
	}
	p := pair{m, score}
	at, _ := slices.BinarySearchFunc(s.model, p, order)
	s.model = slices.Insert(s.model, at, p)
	if s.flat != nil {
		if at, _ := FlatFind(s.flat, m); at != 0 {
			s.flat = FlatRemove(s.flat, at)
		}
		s.flat = FlatInsert(s.flat, m, score)
	}
}

// check compares all that can be asked.
func (w *world) check() {
	w.t.Helper()
	for _, s := range w.sides {
		s.big.verify(w.t)
		w.checkItems(s.big.Items(), s.model)
		if s.flat == nil {
			continue
		}
		w.checkItems(Flat(string(s.flat)), s.model)
		if _, ok := listpack.Validate(s.flat); !ok {
			w.t.Fatal("the small set is no listpack")
		}
		if got, ok := s.big.AppendFlat(listpack.New(0), Limits{flatMost, 1000}); !ok || string(got) != string(s.flat) {
			w.t.Fatalf("AppendFlat = %q, %v, want %q", got, ok, s.flat)
		}
		if again := FromFlat(string(s.flat)); !slices.Equal(pairs(again.Items().All()), s.model) {
			w.t.Fatal("FromFlat does not give the same set")
		}
	}
}

func pairs(items func(func(Item) bool)) (ps []pair) {
	for it := range items {
		ps = append(ps, pair{it.Member.String(), it.Score})
	}
	return ps
}

func (w *world) checkItems(x Items, model []pair) {
	w.t.Helper()
	n := len(model)
	if got := pairs(x.All()); !slices.Equal(got, model) || x.Len() != n {
		w.t.Fatalf("All() = %v of %d, want %v", got, x.Len(), model)
	}
	back := slices.Clone(model)
	slices.Reverse(back)
	if got := pairs(x.Descend(n - 1)); !slices.Equal(got, back) {
		w.t.Fatalf("Descend = %v, want %v", got, back)
	}
	for range 8 {
		rank := w.choose(n + 1)
		if got := pairs(x.Ascend(rank)); !slices.Equal(got, model[rank:]) {
			w.t.Fatalf("Ascend(%d) = %v, want %v", rank, got, model[rank:])
		}
		m := w.member()
		i := slices.IndexFunc(model, func(p pair) bool { return p.member == m })
		gotRank, score, ok := x.Rank(m)
		if ok != (i >= 0) || ok && (gotRank != i || score != model[i].score) {
			w.t.Fatalf("Rank(%q) = %d, %v, %v, want %d", m, gotRank, score, ok, i)
		}
		if got, ok2 := x.Score(m); ok2 != ok || got != score {
			w.t.Fatalf("Score(%q) = %v, %v, want %v, %v", m, got, ok2, score, ok)
		}
		b := Bound{Score: w.score(), After: w.choose(2) == 0}
		want := 0
		for _, p := range model {
			if p.score < b.Score || b.After && p.score == b.Score {
				want++
			}
		}
		if got := x.Below(b); got != want {
			w.t.Fatalf("Below(%+v) = %d, want %d", b, got, want)
		}
		if n > 0 {
			if it := x.At(n / 2); it.Member.String() != model[n/2].member {
				w.t.Fatalf("At(%d) = %v, want %v", n/2, it, model[n/2])
			}
		}
	}
	seen := map[string]float64{}
	for cursor := uint64(0); ; {
		cursor = x.Step(cursor, func(it Item) { seen[it.Member.String()] = it.Score })
		if cursor == 0 || cursor == 1<<48 {
			break
		}
	}
	for _, p := range model {
		if s, ok := seen[p.member]; !ok || s != p.score {
			w.t.Fatalf("Step shows %q with %v, %v, want %v", p.member, s, ok, p.score)
		}
	}
	if len(seen) != n {
		w.t.Fatalf("Step shows %d members, want %d", len(seen), n)
	}
}

func (w *world) finish() {
	w.check()
	for _, s := range w.sides {
		s.big.RemoveRange(0, s.big.Len())
		s.big.verify(w.t)
		if s.big.root != nil || s.big.Len() != 0 {
			w.t.Fatal("an emptied set is not empty")
		}
	}
}

func TestHistories(t *testing.T) {
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 77))
		w := newWorld(t, 20<<(seed%6*2), 1+int(seed*seed)*5, rnd.IntN)
		for i := range 8000 {
			w.step(15 + 80*(i/2000%2))
			if i%500 == 0 {
				w.check()
			}
		}
		w.finish()
	}
}

func FuzzSet(f *testing.F) {
	f.Add([]byte("put a few, remove some, clone them"), uint8(9), uint8(3))
	f.Add(slices.Repeat([]byte{0, 90, 0, 7, 200, 33}, 50), uint8(250), uint8(250))
	f.Fuzz(func(t *testing.T, script []byte, keys, scores uint8) {
		w := newWorld(t, 4*(1+int(keys)), 1+int(scores), func(n int) int {
			x := 0
			for range 2 {
				if len(script) > 0 {
					x, script = x<<8|int(script[0]), script[1:]
				}
				if n <= 256 {
					break
				}
			}
			return x % n
		})
		for len(script) > 0 {
			w.step(70)
		}
		w.finish()
	})
}

// TestOrders adds in order, against it and at random, and takes away the same ways:
// ends that are filled leave full nodes, and no way leaves a bad tree.
func TestOrders(t *testing.T) {
	const n = 20_000
	orders := map[string]func(i int) int{
		"ascending":  func(i int) int { return i },
		"descending": func(i int) int { return n - 1 - i },
		"scattered":  func(i int) int { return i * 7919 % n },
	}
	for in, f := range orders {
		for out, g := range orders {
			s := New()
			for i := range n {
				s.Put(fmt.Sprintf("%08d", f(i)), float64(f(i)/3))
			}
			s.verify(t)
			if most := n/width*11/10 + 2; in != "scattered" && s.leaves > most {
				t.Errorf("%s: %d leaves, want at most %d", in, s.leaves, most)
			}
			for i := range n - 5 {
				if !s.Remove(fmt.Sprintf("%08d", g(i))) {
					t.Fatal("a member is gone")
				}
				if i%4999 == 0 {
					s.verify(t)
				}
			}
			s.verify(t)
			if s.leaves > 5 {
				t.Errorf("%s, %s: 5 members in %d leaves", in, out, s.leaves)
			}
		}
	}
}

// TestBelowMember looks at bounds of members, in a set of one score.
func TestBelowMember(t *testing.T) {
	s, lp := New(), listpack.New(0)
	var members []string
	for i := range 150 {
		m := fmt.Sprintf("%03d", i)
		if i == 0 {
			m = ""
		}
		members = append(members, m)
		s.Put(m, 1)
		lp = FlatInsert(lp, m, 1)
	}
	for i, m := range members {
		for _, x := range []Items{s.Items(), Flat(string(lp))} {
			if at, behind := x.Below(Bound{ByMember: true, Member: m}), x.Below(Bound{ByMember: true, Member: m, After: true}); at != i || behind != i+1 {
				t.Errorf("Below(%q) = %d and %d, want %d and %d", m, at, behind, i, i+1)
			}
			if got := x.Below(Bound{ByMember: true, Member: m + "\x00"}); got != i+1 {
				t.Errorf("Below(%q) = %d, want %d", m+"\x00", got, i+1)
			}
		}
	}
	for _, x := range []Items{s.Items(), Flat(string(lp))} {
		if lo, hi := x.Below(Bound{ByMember: true, Infinite: true}), x.Below(Bound{ByMember: true, Infinite: true, After: true}); lo != 0 || hi != 150 {
			t.Errorf("infinite bounds: %d and %d", lo, hi)
		}
	}
}

// TestScores looks at how scores are written and read back.
func TestScores(t *testing.T) {
	for _, tt := range []struct {
		score float64
		want  string
	}{
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {1, "1"}, {-5, "-5"}, {0.1, "0.10000000000000001"}, {1.5, "1.5"},
		{1 << 52, "4503599627370496"}, {1 << 53, "9007199254740992"}, {1e17, "1e+17"}, {1e16, "10000000000000000"}, {1e-7, "9.9999999999999995e-08"},
		{math.Inf(1), "inf"}, {math.Inf(-1), "-inf"}, {math.MaxFloat64, "1.7976931348623157e+308"}, {5e-324, "4.9406564584124654e-324"},
	} {
		if got := string(AppendScore(nil, tt.score)); got != tt.want {
			t.Errorf("AppendScore(%v) = %q, want %q", tt.score, got, tt.want)
		}
		lp := FlatInsert(listpack.New(0), "m", tt.score)
		if _, got := FlatFind(lp, "m"); got != tt.score {
			t.Errorf("%v is read back as %v", tt.score, got)
		}
	}
}

// TestCloneConcurrently has clones changed by goroutines of their own, while the set
// that they come from is read.
func TestCloneConcurrently(t *testing.T) {
	const n = 5000
	s := New()
	for i := range n {
		s.Put(fmt.Sprint(i), float64(i%100))
	}
	want := pairs(s.Items().All())
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			c := s.Clone()
			for i := range 2000 {
				c.Put(fmt.Sprint((i*31+g)%n), float64(i))
				c.Remove(fmt.Sprint(i * 17 % n))
			}
			c.verify(t)
		})
		wg.Go(func() {
			if got := pairs(s.Items().All()); !slices.Equal(got, want) {
				t.Error("the set changed under its reader")
			}
		})
	}
	wg.Wait()
	s.verify(t)
	if got := pairs(s.Items().All()); !slices.Equal(got, want) {
		t.Error("the set changed with its clones")
	}
}

// TestMemory bounds what a member costs, and that Clone is O(1).
func TestMemory(t *testing.T) {
	s := New()
	rnd := rand.New(rand.NewPCG(3, 4))
	const n = 100_000
	for i := range n {
		s.Put(fmt.Sprintf("member:%09d", i), rnd.Float64())
	}
	if per := s.Size() / n; per > 88 {
		t.Errorf("a member of 16 bytes takes %d bytes, want at most 88", per)
	}
	var c *Set
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c = s.Clone()
		}
	})
	if r.AllocedBytesPerOp() > 20<<10 {
		t.Errorf("Clone allocates %d bytes", r.AllocedBytesPerOp())
	}
	_ = c.Len()
}

// TestAllocations: nothing allocates but growth.
func TestAllocations(t *testing.T) {
	s := New()
	for i := range 10_000 {
		s.Put(fmt.Sprintf("%08d", i), float64(i))
	}
	members := make([]string, 10_000)
	for i := range members {
		members[i] = fmt.Sprintf("%08d", i)
	}
	i := 0
	for name, f := range map[string]func(){
		"Put":   func() { i++; s.Put(members[i*7%10_000], float64(i)) },
		"Rank":  func() { i++; s.Rank(members[i*7%10_000]) },
		"Below": func() { s.Below(Bound{Score: 5000}) },
		"Cursor": func() {
			c := s.Items().Cursor(500, false)
			for range 100 {
				c.Next()
			}
		},
	} {
		if got := testing.AllocsPerRun(2000, f); got > 0.2 {
			t.Errorf("%s allocates %v times", name, got)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := New()
			rnd := rand.New(rand.NewPCG(5, 6))
			members := make([]string, n)
			for i := range members {
				members[i] = fmt.Sprintf("member:%09d", i)
				s.Put(members[i], rnd.Float64())
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Put(members[rnd.IntN(n)], rnd.Float64())
			}
		})
	}
}

func BenchmarkRank(b *testing.B) {
	const n = 1_000_000
	s := New()
	rnd := rand.New(rand.NewPCG(5, 6))
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf("member:%09d", i)
		s.Put(members[i], rnd.Float64())
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Rank(members[rnd.IntN(n)])
	}
}
