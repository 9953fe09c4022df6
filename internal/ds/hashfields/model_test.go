package hashfields

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder/internal/ds/hashtable"
	"github.com/larderdb/larder/internal/ds/listpack"
)

// A hash in any of its forms, beside a map that is known to be right.
type pair struct {
	lp   []byte
	step int
	big  *Table
	want map[string]entryOf
}

type entryOf struct {
	value string
	at    int64
}

func (p *pair) clone() *pair {
	c := &pair{lp: slices.Clone(p.lp), step: p.step, want: maps.Clone(p.want)}
	if p.big != nil {
		c.big = p.big.Clone()
	}
	return c
}

func (p *pair) view(now int64) View {
	if p.big != nil {
		return Big(p.big, now)
	}
	return Small(borrow(p.lp), p.step, now)
}

func (p *pair) set(field, value string, keep bool) bool {
	old := p.want[field]
	e := entryOf{value: value}
	if keep {
		e.at = old.at
	}
	p.want[field] = e
	if p.big != nil {
		return p.big.Set(field, value, keep)
	}
	var added bool
	p.lp, added = Set(p.lp, p.step, field, value, keep)
	return added
}

func (p *pair) remove(field string) bool {
	delete(p.want, field)
	if p.big != nil {
		return p.big.Remove(field)
	}
	var ok bool
	if len(p.lp) != 0 {
		p.lp, ok = Remove(p.lp, p.step, field)
	}
	return ok
}

func (p *pair) expire(field string, at int64) bool {
	if p.big == nil && p.step == Pairs {
		p.lp, p.step = ToTriples(p.lp), Triples
	}
	e, had := p.want[field]
	if e.at = at; had {
		p.want[field] = e
	}
	if p.big != nil {
		return p.big.Expire(field, at)
	}
	var ok bool
	p.lp, ok = Expire(p.lp, field, at)
	return ok
}

func (p *pair) purge(now int64, max int) (n int) {
	f := func(field Elem) {
		if e := p.want[field.String()]; e.at == 0 || e.at > now {
			panic(fmt.Sprintf("purged %q of %d at %d", field, e.at, now))
		}
		delete(p.want, field.Keep())
		n++
	}
	if p.big != nil {
		p.big.Purge(now, max, f)
	} else if p.step == Triples && len(p.lp) != 0 {
		p.lp = Purge(p.lp, now, max, f)
	}
	return n
}

// check holds everything a reader can see at a time to the map.
func (p *pair) check(t testing.TB, now int64) {
	t.Helper()
	want := map[string]entryOf{}
	first, last := int64(0), int64(0)
	forever := len(p.want) == 0
	for f, e := range p.want {
		if e.at == 0 || e.at > now {
			want[f] = e
		}
		if e.at != 0 && (first == 0 || e.at < first) {
			first = e.at
		}
		forever = forever || e.at == 0
		last = max(last, e.at)
	}
	if forever {
		last = 0
	}
	v := p.view(now)
	if v.Len() != len(want) {
		t.Fatalf("Len = %d, want %d", v.Len(), len(want))
	}
	got := map[string]entryOf{}
	for f, e := range v.Entries() {
		if _, twice := got[f.Keep()]; twice {
			t.Fatalf("%q twice", f)
		}
		got[f.Keep()] = entryOf{e.Value.Keep(), e.ExpireAt}
	}
	if !maps.Equal(got, want) {
		t.Fatalf("fields %v, want %v", got, want)
	}
	for f := range p.want {
		value, at, ok := v.Lookup(f)
		if e, there := want[f]; ok != there || ok && (value.String() != e.value || at != e.at || value.Len() != len(e.value)) {
			t.Fatalf("Lookup(%q) = %q, %d, %v, want %v", f, value, at, ok, e)
		}
	}
	if p.big != nil {
		p.big.verify(t)
		if p.big.First() != first || p.big.Last() != last {
			t.Fatalf("First, Last = %d, %d, want %d, %d", p.big.First(), p.big.Last(), first, last)
		}
	} else if len(p.lp) != 0 {
		verifySmall(t, p.lp, p.step)
		if p.step == Triples && (First(p.lp) != first || LastOf(borrow(p.lp)) != last) {
			t.Fatalf("First, Last = %d, %d, want %d, %d", First(p.lp), LastOf(borrow(p.lp)), first, last)
		}
	}
}

// verifySmall checks the invariants of pairs and triples.
func verifySmall(t testing.TB, lp []byte, step int) {
	t.Helper()
	n, ok := listpack.Validate(lp)
	if !ok || n%step != 0 {
		t.Fatalf("%d elements, %v: %q", n, ok, lp)
	}
	if step == Pairs {
		return
	}
	was := int64(0)
	for p, end := header(lp), listpack.End(lp); p != end; p = next(lp, p, step) {
		at := timeAt(lp, p)
		if was == -1 && at != 0 || at != 0 && at < was {
			t.Fatalf("time %d after %d", at, was)
		}
		if was = at; at == 0 {
			was = -1
		}
	}
}

func header(lp []byte) int {
	if p := listpack.First(lp); p != 0 {
		return p
	}
	return listpack.End(lp)
}

// verify checks that the order of times is that of the fields.
func (t *Table) verify(tb testing.TB) {
	tb.Helper()
	n := 0
	for h := range t.t.All() {
		if at := t.t.ExpireAt(h); at != 0 {
			n++
			if !t.due.Has(deadline{at, t.t.Hash(t.t.Key(h))}) {
				tb.Fatalf("no item for %q at %d", t.t.Key(h), at)
			}
		}
	}
	if t.due != nil && t.due.Len() != n || t.t.Expiring() != n {
		tb.Fatalf("%d items, %d expiring, want %d", t.due.Len(), t.t.Expiring(), n)
	}
}

// run reads a history from data: what is done to which of a few hashes.
func run(t testing.TB, data []byte) {
	hashes := []*pair{{step: Pairs, want: map[string]entryOf{}}}
	now := int64(1000)
	take := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	for len(data) > 0 {
		p := hashes[take()%len(hashes)]
		field := fmt.Sprint("f", take()%40)
		if field == "f7" {
			field = "-7"
		}
		_, had := p.want[field]
		switch op := take() % 16; op {
		case 0, 1, 2, 3, 4:
			value := strings.Repeat("v", take()%70)
			if op == 4 {
				value = fmt.Sprint(take() * 1000)
			}
			if added := p.set(field, value, op == 1); added == had {
				t.Fatalf("Set(%q) added %v, it was there: %v", field, added, had)
			}
		case 5:
			value := strings.Repeat("long", 10*take())
			p.set(field, value, true)
		case 6, 7:
			if ok := p.remove(field); ok != had {
				t.Fatalf("Remove(%q) = %v, want %v", field, ok, had)
			}
		case 8, 9, 10:
			if ok := p.expire(field, now+int64(take())); ok != had {
				t.Fatalf("Expire(%q) = %v, want %v", field, ok, had)
			}
		case 11:
			p.expire(field, 0)
		case 12:
			p.purge(now, take())
			now += int64(take() / 4)
		case 13:
			if p.big == nil {
				p.big, p.lp = ToBig(p.lp, p.step), nil
			} else {
				p.big.Compact()
			}
		case 14:
			if len(hashes) < 5 {
				hashes = append(hashes, p.clone())
			} else {
				hashes = slices.DeleteFunc(hashes, func(o *pair) bool { return o == p })
			}
		case 15:
			p.check(t, now+int64(take()))
		}
	}
	for _, p := range hashes {
		p.check(t, now)
		n := len(p.want)
		due := p.purge(now+1000, n/2)
		p.check(t, now)
		due += p.purge(now+1000, n)
		p.check(t, now+1000)
		if p.big != nil && due != 0 && p.big.First() != 0 || p.step == Triples && p.big == nil && First(p.lp) != 0 {
			t.Fatal("something is due after Purge")
		}
	}
}

func FuzzHistory(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) { run(t, data) })
}

func TestHistories(t *testing.T) {
	n := 300
	if testing.Short() {
		n = 30
	}
	for seed := range n {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		b := make([]byte, 200+r.IntN(4000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		run(t, b)
	}
}

// The order of pairs is that in which fields came; that of triples is by time, with
// those of the same time, and those without, in the order in which they came.
func TestOrder(t *testing.T) {
	var lp []byte
	for _, f := range []string{"a", "b", "c", "12", "d", "e"} {
		lp, _ = Set(lp, Pairs, f, f+"v", false)
	}
	lp, _ = Set(lp, Pairs, "b", "again", false)
	order := func(step int) string {
		var b strings.Builder
		for f, e := range Small(borrow(lp), step, 0).Entries() {
			fmt.Fprintf(&b, "%s=%s@%d ", f, e.Value, e.ExpireAt)
		}
		return b.String()
	}
	is := func(step int, want string) {
		t.Helper()
		if got := order(step); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	is(Pairs, "a=av@0 b=again@0 c=cv@0 12=12v@0 d=dv@0 e=ev@0 ")
	lp = ToTriples(lp)
	lp, _ = Expire(lp, "c", 50)
	lp, _ = Expire(lp, "12", 40)
	lp, _ = Expire(lp, "a", 50)
	is(Triples, "12=12v@40 c=cv@50 a=av@50 b=again@0 d=dv@0 e=ev@0 ")
	lp, _ = Set(lp, Triples, "12", "x", true)
	lp, _ = Set(lp, Triples, "c", "y", false) // does not expire any more
	lp, _ = Set(lp, Triples, "b", "z", false)
	is(Triples, "12=x@40 a=av@50 b=z@0 d=dv@0 e=ev@0 c=y@0 ")
	lp, _ = Expire(lp, "12", 0)
	lp, _ = Expire(lp, "d", 1)
	is(Triples, "d=dv@1 a=av@50 b=z@0 e=ev@0 c=y@0 12=x@0 ")
}

// Fields whose hash and time agree have one item between them: it stays until the
// last of them goes.
func TestSharedDeadline(t *testing.T) {
	tab := New()
	tab.Set("a", "1", false)
	tab.Expire("a", 100)
	hash := tab.t.Hash("a")
	if h := tab.dueAt(deadline{100, hash}); h == 0 || tab.t.Key(h) != "a" {
		t.Fatal("the field of the deadline is not found")
	}
	if tab.dueAt(deadline{101, hash}) != 0 {
		t.Error("a field is found at another time")
	}
	if tab.t.FindHash(hash, func(hashtable.Handle) bool { return false }) != 0 {
		t.Error("FindHash finds what is not wanted")
	}
	tab.reschedule(hash, 100, 0) // as if another field of this hash and time had gone
	if tab.First() != 100 {
		t.Error("the deadline went although a field needs it")
	}
	tab.verify(t)
}

// A clone reads what was, while the other side changes, also where another
// goroutine reads.
func TestCloneApart(t *testing.T) {
	tab := New()
	want := map[string]entryOf{}
	for i := range 5000 {
		f, at := fmt.Sprint("field", i), int64(i%7*1000)
		tab.Set(f, fmt.Sprint("value", i), false)
		if at != 0 {
			tab.Expire(f, at)
		}
		want[f] = entryOf{fmt.Sprint("value", i), at}
	}
	then := &pair{big: tab.Clone(), want: maps.Clone(want)}
	var wg sync.WaitGroup
	for range 2 { // two at once, under a shared lock
		wg.Go(func() { tab.Clone() })
	}
	wg.Wait()
	wg.Go(func() {
		for range 3 {
			then.check(t, 0)
		}
	})
	now := &pair{big: tab, want: want}
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 20000 {
		f := fmt.Sprint("field", r.IntN(6000))
		switch r.IntN(4) {
		case 0:
			now.set(f, fmt.Sprint("new", i), r.IntN(2) == 0)
		case 1:
			now.remove(f)
		case 2:
			now.expire(f, int64(r.IntN(9000)))
		case 3:
			tab.Compact()
		}
	}
	now.purge(3000, 1000)
	now.check(t, 3500)
	wg.Wait()
	then.set("field1", "other side", false)
	then.purge(2000, 100)
	then.check(t, 2500)
	now.check(t, 3500)
}

// A scan meets what stays, however the hash grows, shrinks and becomes big.
func TestScan(t *testing.T) {
	for _, start := range []int{10, 3000} {
		p := &pair{step: Pairs, want: map[string]entryOf{}}
		for i := range start {
			p.set(fmt.Sprint("stay", i), "v", false)
		}
		p.big = ToBig(p.lp, Pairs)
		if start > 1000 {
			for i := range 20000 {
				p.set(fmt.Sprint("go", i), "v", false)
			}
		}
		seen := map[string]int{}
		steps := 0
		for cursor := uint64(0); ; steps++ {
			cursor = p.view(0).Scan(cursor, func(f, _ Elem) { seen[f.Keep()]++ })
			if cursor == 0 {
				break
			}
			for i := range 40 {
				p.remove(fmt.Sprint("go", 40*steps+i))
				if start < 1000 {
					p.set(fmt.Sprint("come", 40*steps+i), "v", false)
				}
			}
		}
		for i := range start {
			if seen[fmt.Sprint("stay", i)] != 1 {
				t.Errorf("stay%d was seen %d times in %d steps", i, seen[fmt.Sprint("stay", i)], steps)
			}
		}
	}
}

// All forms draw each live field with the same chance, alone and among several.
func TestRandom(t *testing.T) {
	const n, due, draws = 30, 10, 30000
	lp := ToTriples(nil)
	for i := range n {
		lp, _ = Set(lp, Triples, fmt.Sprint(i), "v", false)
		if i < due {
			lp, _ = Expire(lp, fmt.Sprint(i), 5)
		}
	}
	r := rand.New(rand.NewPCG(8, 9))
	for name, v := range map[string]View{"triples": Small(borrow(lp), Triples, 5), "big": Big(ToBig(lp, Triples), 5)} {
		// With 19 degrees of freedom 43.8 is passed once in a thousand times.
		fair := func(what string, counts map[string]int, total int) {
			t.Helper()
			chi, want := 0.0, float64(total)/(n-due)
			for i := range n {
				d := float64(counts[fmt.Sprint(i)]) - want
				if i < due {
					if counts[fmt.Sprint(i)] != 0 {
						t.Fatalf("%s: %s of %d, which is due", name, what, i)
					}
					continue
				}
				chi += d * d / want
			}
			if chi > 43.8 {
				t.Errorf("%s: %s: chi square %.1f", name, what, chi)
			}
		}
		one := map[string]int{}
		p := v.Picker(r.Uint64)
		for range draws {
			f, _ := p.Pick()
			one[f.Keep()]++
		}
		fair("Pick", one, draws)
		for _, k := range []int{1, 3, 5, 12, 19} {
			counts := map[string]int{}
			for range draws / k {
				seen := map[string]bool{}
				p.Distinct(k, func(f, _ Elem) { seen[f.Keep()] = true })
				if len(seen) != k {
					t.Fatalf("%s: Distinct(%d) gave %d", name, k, len(seen))
				}
				for f := range seen {
					counts[f]++
				}
			}
			fair(fmt.Sprint("Distinct ", k), counts, draws/k*k)
		}
		all := 0
		p.Distinct(math.MaxInt, func(_, _ Elem) { all++ })
		if all != n-due {
			t.Errorf("%s: Distinct of more than there are gave %d", name, all)
		}
	}
}

// Where nearly all fields are due the others are found all the same.
func TestRandomAmongDue(t *testing.T) {
	tab := New()
	for i := range 20000 {
		tab.Set(fmt.Sprint(i), "v", false)
		if i >= 9 {
			tab.Expire(fmt.Sprint(i), 5)
		}
	}
	p := Big(tab, 5).Picker(rand.New(rand.NewPCG(1, 1)).Uint64)
	seen := map[string]bool{}
	for range 200 {
		f, _ := p.Pick()
		seen[f.Keep()] = true
	}
	if len(seen) != 9 {
		t.Errorf("Pick found %d of 9", len(seen))
	}
	for range 50 {
		n := map[string]bool{}
		p.Distinct(2, func(f, _ Elem) { n[f.Keep()] = true })
		if len(n) != 2 {
			t.Fatalf("Distinct(2) gave %d", len(n))
		}
	}
}

func BenchmarkSet(b *testing.B) {
	tab := New()
	for i := range 1_000_000 {
		tab.Set(fmt.Sprint("field:", i), "a value of some length", false)
	}
	names := make([]string, 4096)
	for i := range names {
		names[i] = fmt.Sprint("field:", i*200)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tab.Set(names[i%len(names)], "a value of same length", false)
	}
}
