package streamlog

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// model is a stream as plain slices and maps.
type model struct {
	entries    []modelEntry
	last       ID
	maxDeleted ID
	added      int64
	groups     map[string]*modelGroup
}

type modelEntry struct {
	id     ID
	fields []string
}

type modelGroup struct {
	last      ID
	pending   map[ID]Pending
	consumers map[string][2]int64 // seen, active
}

func (m *model) clone() *model {
	c := *m
	c.entries = slices.Clone(m.entries)
	c.groups = map[string]*modelGroup{}
	for name, g := range m.groups {
		c.groups[name] = &modelGroup{g.last, maps.Clone(g.pending), maps.Clone(g.consumers)}
	}
	return &c
}

// find returns the index of the first entry at or after id.
func (m *model) find(id ID) (int, bool) {
	return slices.BinarySearchFunc(m.entries, id, func(e modelEntry, id ID) int { return e.id.Compare(id) })
}

func (m *model) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "last %v maxdel %v added %d\n", m.last, m.maxDeleted, m.added)
	for _, e := range m.entries {
		fmt.Fprintf(&b, "%v %q\n", e.id, e.fields)
	}
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[name]
		fmt.Fprintf(&b, "group %q %v\n", name, g.last)
		ids := slices.SortedFunc(maps.Keys(g.pending), ID.Compare)
		for _, id := range ids {
			fmt.Fprintf(&b, "\t%+v\n", g.pending[id])
		}
		for _, c := range slices.Sorted(maps.Keys(g.consumers)) {
			fmt.Fprintf(&b, "\t%q %v", c, g.consumers[c])
			for _, id := range ids {
				if g.pending[id].Consumer == c {
					fmt.Fprintf(&b, " %v", id)
				}
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// describeLikeModel reads a stream by its methods.
func describeLikeModel(l *Log) string {
	m := &model{last: l.LastID(), maxDeleted: l.MaxDeletedID(), added: l.EntriesAdded(), groups: map[string]*modelGroup{}}
	for e := range l.Range(ID{}, MaxID) {
		m.entries = append(m.entries, modelEntry{e.ID, e.AppendFields(nil)})
	}
	for g := range l.Groups() {
		mg := &modelGroup{g.LastID(), map[ID]Pending{}, map[string][2]int64{}}
		m.groups[g.Name()] = mg
		for p := range g.Pending(ID{}, MaxID) {
			mg.pending[p.ID] = p
		}
		for c := range g.Consumers() {
			mg.consumers[c.Name()] = [2]int64{c.SeenTime(), c.ActiveTime()}
		}
	}
	return m.describe()
}

// choices is a fuzzer's bytes, or a random source, as a sequence of choices.
type choices struct{ b []byte }

func (c *choices) n(n int) int {
	if len(c.b) < 2 {
		c.b = nil
		return 0
	}
	v := int(c.b[0])<<8 | int(c.b[1])
	c.b = c.b[2:]
	return v % n
}

type pair struct {
	l *Log
	m *model
}

// runModel does what the choices say to several streams that were cloned from one
// another, and to their models.
func runModel(t testing.TB, c *choices) {
	pairs := []*pair{{New(), &model{groups: map[string]*modelGroup{}}}}
	lims := []Limits{{}, {0, 3}, {0, 20}, {200, 0}, {4096, 100}}
	now := int64(1)
	for len(c.b) > 0 {
		p := pairs[c.n(len(pairs))]
		if !p.step(t, c, lims[c.n(len(lims))], now) {
			if len(pairs) < 6 {
				pairs = append(pairs, &pair{p.l.Clone(), p.m.clone()})
			} else {
				// One whose history ends here, so that the others own nothing of it.
				pairs = slices.DeleteFunc(pairs, func(q *pair) bool { return q == p })
			}
		}
		now++
		if now%64 == 0 {
			compareAll(t, pairs)
		}
	}
	compareAll(t, pairs)
}

func compareAll(t testing.TB, pairs []*pair) {
	t.Helper()
	for i, p := range pairs {
		check(t, p.l)
		if got, want := describeLikeModel(p.l), p.m.describe(); got != want {
			t.Fatalf("stream %d: %s", i, firstDifference(got, want))
		}
	}
}

func (p *pair) id(c *choices) ID {
	if n := len(p.m.entries); n > 0 && c.n(5) > 0 {
		return p.m.entries[c.n(n)].id
	}
	return ID{uint64(c.n(50)), uint64(c.n(4))}
}

// step does one thing; false asks for a clone.
func (p *pair) step(t testing.TB, c *choices, lim Limits, now int64) bool {
	l, m := p.l, p.m
	name := []string{"g", "h"}[c.n(2)]
	who := []string{"a", "b", "c"}[c.n(3)]
	e, ok := l.EditGroup(name)
	g := m.groups[name]
	if ok != (g != nil) {
		t.Fatalf("EditGroup(%s) = %t", name, ok)
	}
	op := c.n(24)
	if op >= 12 {
		if !ok {
			op = 8
		} else if _, had := g.consumers[who]; e.See(who, now) == had {
			t.Fatalf("See = %t", !had)
		} else if had {
			g.consumers[who] = [2]int64{now, g.consumers[who][1]}
		} else {
			g.consumers[who] = [2]int64{now, -1}
		}
	}
	switch op {
	default:
		id, _ := l.NextID(m.last.Ms + uint64(c.n(3)))
		fields := []string{"f", fmt.Sprint(c.n(1000)), "g", strings.Repeat("x", c.n(30))}
		if c.n(5) == 0 {
			fields = fields[:2]
		}
		if err := l.Append(id, fields, lim); err != nil {
			t.Fatal(err)
		}
		m.entries = append(m.entries, modelEntry{id, fields})
		m.last, m.added = id, m.added+1
	case 0:
		return false
	case 1, 2, 3:
		id := p.id(c)
		i, had := m.find(id)
		if l.Has(id) != had {
			t.Fatalf("Has(%v) = %t", id, !had)
		}
		if l.Delete(id) != had {
			t.Fatalf("Delete(%v) = %t", id, !had)
		}
		if had {
			m.entries = slices.Delete(m.entries, i, i+1)
			if m.maxDeleted.Less(id) {
				m.maxDeleted = id
			}
		}
	case 4:
		tr := Trim{ByID: c.n(2) == 0, MinID: p.id(c), MaxLen: int64(max(0, len(m.entries)-c.n(20)))}
		n, _ := m.find(tr.MinID)
		if !tr.ByID {
			n = max(0, len(m.entries)-int(tr.MaxLen))
		}
		if tr.Approx = c.n(2) == 0; tr.Approx {
			// How many is the nodes' affair, but not more.
			got := l.Trim(tr)
			if got > n {
				t.Fatalf("Trim(%+v) = %d, want at most %d", tr, got, n)
			}
			n = got
		} else if got := l.Trim(tr); got != n {
			t.Fatalf("Trim(%+v) = %d, want %d", tr, got, n)
		}
		m.entries = m.entries[n:]
	case 5, 6:
		from, to, count := p.id(c), p.id(c), c.n(6)
		i, _ := m.find(from)
		j, has := m.find(to)
		if has {
			j++
		}
		want := m.entries[i:max(i, j)]
		walk := func(seq func(func(Entry) bool), want []modelEntry) {
			n := 0
			for e := range seq {
				if n == len(want) || e.ID != want[n].id || !slices.Equal(e.AppendFields(nil), want[n].fields) || e.Len()*2 != len(want[n].fields) {
					t.Fatalf("Range(%v, %v) yields %v as %d of %d", from, to, e.ID, n, len(want))
				}
				if n++; n == count {
					return
				}
			}
			if n != len(want) {
				t.Fatalf("Range(%v, %v) yields %d, want %d", from, to, n, len(want))
			}
		}
		walk(l.Range(from, to), want)
		want = slices.Clone(want)
		slices.Reverse(want)
		walk(l.Reverse(to, from), want)
		if e, ok := l.Last(); ok != (len(m.entries) > 0) || ok && e.ID != m.entries[len(m.entries)-1].id {
			t.Fatalf("Last = %v, %t", e.ID, ok)
		}
		if e, ok := l.Get(from); ok != (i < len(m.entries) && m.entries[i].id == from) || ok && e.ID != from {
			t.Fatalf("Get(%v) = %v, %t", from, e.ID, ok)
		}
	case 8:
		if g == nil {
			id := p.id(c)
			if !l.CreateGroup(name, id, Unknown) {
				t.Fatal("CreateGroup = false")
			}
			m.groups[name] = &modelGroup{id, map[ID]Pending{}, map[string][2]int64{}}
		} else if c.n(4) == 0 {
			l.DestroyGroup(name)
			delete(m.groups, name)
		}
	case 9:
		id := p.id(c)
		want, acked := 0, true
		for _, g := range m.groups {
			if _, ok := g.pending[id]; ok {
				want++
			}
			if _, ok := g.pending[id]; ok || g.last.Less(id) {
				acked = false
			}
		}
		if got := l.Acknowledged(id); got != acked {
			t.Fatalf("Acknowledged(%v) = %t", id, got)
		}
		if c.n(2) == 0 {
			if got := l.DropReferences(id); got != want {
				t.Fatalf("DropReferences(%v) = %d, want %d", id, got, want)
			}
			for _, g := range m.groups {
				delete(g.pending, id)
			}
		}
	case 12, 13, 14, 15:
		count := c.n(5)
		next, _ := g.last.Next()
		i, _ := m.find(next)
		read := m.entries[i:]
		if count > 0 {
			read = read[:min(count, len(read))]
		}
		noAck := c.n(4) == 0
		first, last, n := e.ReadNew(who, count, now, noAck)
		if n != len(read) || n > 0 && (first != read[0].id || last != read[n-1].id) {
			t.Fatalf("ReadNew = %v, %v, %d, want %d", first, last, n, len(read))
		}
		for _, r := range read {
			g.last = r.id
			if !noAck {
				g.pending[r.id] = Pending{r.id, who, now, 1}
			}
		}
		e.SetActive(who, now)
		g.consumers[who] = [2]int64{now, now}
	case 16, 17:
		id := p.id(c)
		if _, ok := g.pending[id]; e.Ack(id) != ok {
			t.Fatalf("Ack(%v) = %t", id, !ok)
		}
		delete(g.pending, id)
	case 18, 19:
		id := p.id(c)
		_, exists := m.find(id)
		r, had := g.pending[id]
		cl := Claim{Consumer: who, Now: now, MinIdle: int64(c.n(20)), Time: now, Count: int64(c.n(4)) - 1, JustID: c.n(2) == 0, Force: c.n(2) == 0}
		want := NotClaimed
		switch {
		case !exists && had:
			want = Gone
			delete(g.pending, id)
		case exists && (had || cl.Force) && (!had || (cl.MinIdle == 0 || now-r.Time >= cl.MinIdle)):
			want = Taken
			if !had {
				r.Count = 1
			}
			if cl.Count >= 0 {
				r.Count = cl.Count
			} else if !cl.JustID {
				r.Count++
			}
			r = Pending{id, who, now, r.Count}
			g.pending[id] = r
		}
		if what, got := e.Claim(id, cl); what != want || what != NotClaimed && got != r {
			t.Fatalf("Claim(%v) = %v, %+v, want %v, %+v", id, what, got, want, r)
		}
	case 20:
		from, count := p.id(c), 1+c.n(3)
		cl := Claim{Consumer: who, Now: now, MinIdle: int64(c.n(20)), Time: now, Count: -1}
		var taken, gone []Pending
		var next ID
		looks := 0
		for _, id := range slices.SortedFunc(maps.Keys(g.pending), ID.Compare) {
			if id.Less(from) {
				continue
			}
			if len(taken)+len(gone) == count || looks == 10*count {
				next = id
				break
			}
			looks++
			r := g.pending[id]
			if _, ok := m.find(id); !ok {
				gone = append(gone, r)
				delete(g.pending, id)
			} else if cl.MinIdle == 0 || now-r.Time >= cl.MinIdle {
				r = Pending{id, who, now, r.Count + 1}
				taken = append(taken, r)
				g.pending[id] = r
			}
		}
		gotTaken, gotGone, gotNext := e.AutoClaim(from, count, cl)
		if !slices.Equal(gotTaken, taken) || !slices.Equal(gotGone, gone) || gotNext != next {
			t.Fatalf("AutoClaim = %v, %v, %v, want %v, %v, %v", gotTaken, gotGone, gotNext, taken, gone, next)
		}
	case 21:
		id := p.id(c)
		r, ok := g.pending[id]
		if got, had := e.Lookup(id); had != ok || got != r {
			t.Fatalf("Lookup(%v) = %+v, %t", id, got, had)
		}
		if e.Redeliver(id, now) != ok {
			t.Fatalf("Redeliver(%v) = %t", id, !ok)
		}
		if ok {
			r.Time, r.Count = now, r.Count+1
			g.pending[id] = r
		}
	case 22:
		if c.n(3) == 0 {
			n := 0
			for id, r := range g.pending {
				if r.Consumer == who {
					n++
					delete(g.pending, id)
				}
			}
			delete(g.consumers, who)
			if got, ok := e.DeleteConsumer(who); got != n || !ok {
				t.Fatalf("DeleteConsumer = %d, %t, want %d", got, ok, n)
			}
		}
	case 23:
		id := p.id(c)
		if c.n(2) == 0 {
			e.SetID(id, Unknown)
			g.last = id
		} else {
			e.Assign(id, who, 77, 5)
			g.pending[id] = Pending{id, who, 77, 5}
		}
	}
	return true
}

func randomBytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func FuzzModel(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(randomBytes(seed, 400))
	}
	f.Fuzz(func(t *testing.T, b []byte) { runModel(t, &choices{b[:min(len(b), 4000)]}) })
}

func TestModel(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		runModel(t, &choices{randomBytes(seed, 20000)})
	}
}

// TestClonesBesideWriters has both sides of clones written at the same time, and
// read while they are. The race detector is the judge.
func TestClonesBesideWriters(t *testing.T) {
	l := New()
	l.CreateGroup("g", ID{}, 0)
	e, _ := l.EditGroup("g")
	e.CreateConsumer("c", 1)
	for i := range uint64(2000) {
		if err := l.Append(ID{i + 1, 0}, []string{"f", "v"}, Limits{4096, 100}); err != nil {
			t.Fatal(err)
		}
	}
	e.ReadNew("c", 1000, 1, false)
	base := describe(l, true)
	var wg sync.WaitGroup
	for range 4 {
		frozen, mine := l.Clone(), l.Clone()
		wg.Go(func() {
			for range 3 {
				if got := describe(frozen, true); got != base {
					t.Error(firstDifference(got, base))
				}
				_ = frozen.Clone()
			}
		})
		wg.Go(func() { // another reader of the same, which makes a clone
			c := frozen.Clone()
			c.Trim(Trim{MaxLen: 10})
		})
		wg.Go(func() {
			e, _ := mine.EditGroup("g")
			e.ReadNew("c", 100, 2, false)
			for i := range uint64(500) {
				e.Ack(ID{i * 3, 0})
				mine.Delete(ID{i * 2, 0})
				if err := mine.Append(ID{5000 + i, 0}, []string{"f", "v"}, Limits{4096, 100}); err != nil {
					t.Error(err)
				}
			}
			check(t, mine)
		})
	}
	wg.Wait()
	if got := describe(l, true); got != base {
		t.Error(firstDifference(got, base))
	}
}

func TestEditAfterClonePanics(t *testing.T) {
	l := New()
	l.CreateGroup("g", ID{}, 0)
	e, _ := l.EditGroup("g")
	_ = l.Clone()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	e.CreateConsumer("c", 1)
}
