package streamlog

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/redistest"
)

// check holds a stream against the invariants of the package.
func check(t testing.TB, l *Log) {
	t.Helper()
	live, bytes := 0, 0
	prev := ID{}
	var tail *node
	l.nodes.Ascend(func(s slot) bool {
		if tail != nil && !prev.Less(s.id) {
			t.Fatalf("node %v is not after %v", s.id, prev)
		}
		n, last, ok := validateNode(s, prev)
		if !ok {
			t.Fatalf("node %v does not validate: %x", s.id, s.n.lp)
		}
		live += int(n)
		bytes += nodeBytes + cap(s.n.lp)
		prev, tail = last, s.n
		return true
	})
	if l.len != live || l.tail.n != tail || l.last.Less(prev) {
		t.Fatalf("Len = %d, want %d; tail %p, want %p; last %v and LastID %v", l.len, live, l.tail.n, tail, prev, l.last)
	}
	first := l.first
	if l.seekFirst(); first != l.first {
		t.Fatalf("FirstID = %v, want %v", first, l.first)
	}
	for g := range l.Groups() {
		bytes += groupBytes + len(g.name) + pendingBytes*g.NumPending()
		owned := 0
		for c := range g.Consumers() {
			bytes += consumerBytes + len(c.name)
			owned += c.NumPending()
			if g.numberedConsumer(c.number) != c || g.Consumer(c.name) != c {
				t.Fatalf("consumer %q is not in both trees", c.name)
			}
			c.ids.Ascend(func(id ID) bool {
				if r, ok := g.records.Get(record{id: id}); !ok || r.consumer != c.number {
					t.Fatalf("%v is among the IDs of %q, and its record is %+v, %t", id, c.name, r, ok)
				}
				return true
			})
		}
		if owned != g.NumPending() || g.numbers.Len() != g.NumConsumers() {
			t.Fatalf("%d records, %d owned", g.NumPending(), owned)
		}
	}
	if l.bytes != bytes {
		t.Fatalf("Size counts %d bytes, want %d", l.bytes, bytes)
	}
}

func add(t testing.TB, l *Log, ids ...ID) {
	t.Helper()
	for _, id := range ids {
		if err := l.Append(id, []string{"field", "value"}, Limits{4096, 100}); err != nil {
			t.Fatalf("Append(%v): %v", id, err)
		}
	}
}

func TestBordersOfIDs(t *testing.T) {
	const last = math.MaxUint64
	for _, c := range []struct {
		id, next, prev   ID
		hasNext, hasPrev bool
	}{
		{id: ID{}, next: ID{0, 1}, hasNext: true},
		{id: ID{0, last}, next: ID{1, 0}, prev: ID{0, last - 1}, hasNext: true, hasPrev: true},
		{id: ID{1, 0}, next: ID{1, 1}, prev: ID{0, last}, hasNext: true, hasPrev: true},
		{id: ID{last, last - 1}, next: MaxID, prev: ID{last, last - 2}, hasNext: true, hasPrev: true},
		{id: MaxID, prev: ID{last, last - 1}, hasPrev: true},
	} {
		if got, ok := c.id.Next(); ok != c.hasNext || ok && got != c.next {
			t.Errorf("%v.Next() = %v, %t", c.id, got, ok)
		}
		if got, ok := c.id.Prev(); ok != c.hasPrev || ok && got != c.prev {
			t.Errorf("%v.Prev() = %v, %t", c.id, got, ok)
		}
	}

	l := New()
	if err := l.Append(ID{}, nil, Limits{}); err != ErrOrder {
		t.Errorf("Append(0-0) = %v", err)
	}
	// One node with the greatest differences there are.
	ids := []ID{{0, 1}, {0, last}, {1, 0}, {math.MaxInt64, 5}, {math.MaxInt64 + 1, 0}, {last, 0}, {last, last - 1}, MaxID}
	add(t, l, ids...)
	if _, ok := l.NextID(5); ok {
		t.Error("NextID after the last possible ID")
	}
	if err := l.Append(MaxID, nil, Limits{}); err != ErrOrder {
		t.Errorf("Append after the last possible ID = %v", err)
	}
	check(t, l)
	for i, id := range ids {
		if e, ok := l.Get(id); !ok || e.ID != id {
			t.Errorf("Get(%v) = %v, %t", id, e.ID, ok)
		}
		n := 0
		for e := range l.Range(id, MaxID) {
			if e.ID != ids[i+n] {
				t.Errorf("Range(%v)[%d] = %v", id, n, e.ID)
			}
			n++
		}
		if n != len(ids)-i {
			t.Errorf("Range(%v) yields %d", id, n)
		}
	}
	l.CreateGroup("g", MaxID, Unknown)
	e, _ := l.EditGroup("g")
	e.CreateConsumer("c", 0)
	if _, _, n := e.ReadNew("c", 0, 0, false); n != 0 {
		t.Errorf("ReadNew after the last possible ID = %d", n)
	}
	e.SetID(ID{}, 0)
	if _, _, n := e.ReadNew("c", 0, 0, false); n != len(ids) || e.LastPending() != MaxID {
		t.Errorf("ReadNew = %d", n)
	}
	if taken, _, next := e.AutoClaim(MaxID, math.MaxInt, Claim{Consumer: "c"}); len(taken) != 1 || !next.IsZero() {
		t.Errorf("AutoClaim(MaxID) = %v, %v", taken, next)
	}
}

func TestNextID(t *testing.T) {
	l := New()
	add(t, l, ID{7, math.MaxUint64})
	for _, c := range []struct {
		ms    uint64
		id    ID
		seq   ID
		seqOK bool
	}{
		{6, ID{8, 0}, ID{}, false}, // a clock that went back
		{7, ID{8, 0}, ID{}, false},
		{8, ID{8, 0}, ID{8, 0}, true},
		{math.MaxUint64, ID{math.MaxUint64, 0}, ID{math.MaxUint64, 0}, true},
	} {
		if got, ok := l.NextID(c.ms); !ok || got != c.id {
			t.Errorf("NextID(%d) = %v, %t", c.ms, got, ok)
		}
		if got, ok := l.NextSeq(c.ms); ok != c.seqOK || got != c.seq {
			t.Errorf("NextSeq(%d) = %v, %t", c.ms, got, ok)
		}
	}
	add(t, l, ID{9, 3})
	if got, ok := l.NextSeq(9); !ok || got != (ID{9, 4}) {
		t.Errorf("NextSeq = %v, %t", got, ok)
	}
}

// TestParseServer reads IDs as XRANGE and XADD of Redis read them.
func TestParseServer(t *testing.T) {
	c := redistest.Start(t).NewClient(t, 2)
	parts := []string{"", "0", "1", "007", "-1", "-0", "+1", " 1", "\t2", "1 ", "x", "1x", "0x1", "1_0", "*", "-", "+",
		"18446744073709551615", "18446744073709551616", "-18446744073709551615", "-9223372036854775809", "9223372036854775808",
		strings.Repeat("0", 60) + "5", strings.Repeat("0", 63) + "5", strings.Repeat("0", 130), "1\x00x", "(1"}
	var words []string
	for _, a := range parts {
		words = append(words, a)
		for _, b := range parts {
			words = append(words, a+"-"+b)
		}
	}
	for _, w := range words {
		id, auto, ok := ParseNew(w)
		c.Do("DEL", "s")
		if ok && !auto && id.IsZero() || w == "*" {
			continue // refused for other reasons, or Redis's to choose
		}
		if v := c.Do("XADD", "s", w, "f", "v"); (v.Kind != redistest.Error) != ok {
			t.Errorf("ParseNew(%q) = %v, %t, %t; XADD: %+v", w, id, auto, ok, v)
		} else if ok && !auto && v.Str != id.String() {
			t.Errorf("ParseNew(%q) = %v, want %+v", w, id, v)
		}
		// The bound selects exactly its own ID.
		bound, ok := ParseBound(w, 9)
		if w != "" && w[0] == '(' {
			continue
		}
		v := c.Do("XRANGE", "s", w, w)
		if (v.Kind != redistest.Error) != ok {
			t.Errorf("ParseBound(%q) = %v, %t, want %+v", w, bound, ok, v)
		}
		if ok && bound != MaxID && !bound.IsZero() {
			c.Do("DEL", "s")
			c.Do("XADD", "s", bound.String(), "f", "v")
			low := bound
			if strings.Count(w, "-") == 0 {
				low.Seq = 0
			}
			if v := c.Do("XRANGE", "s", w, w); len(v.Elems) != 1 {
				t.Errorf("ParseBound(%q) = %v, which XRANGE does not find: %+v", w, bound, v)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	l := New()
	big := strings.Repeat("x", 1<<26)
	fields := append(slices.Repeat([]string{big}, 16), "a", "b")
	if err := l.Append(ID{1, 1}, fields, Limits{}); err != ErrTooLarge || l.Len() != 0 || l.NumNodes() != 0 {
		t.Errorf("Append of a gigabyte = %v", err)
	}
}

// TestGoingBack moves the last ID back behind a tombstone, after which Redis
// 7.0.15 ends by an assertion.
func TestGoingBack(t *testing.T) {
	l := New()
	add(t, l, ID{1, 0}, ID{5, 0}, ID{6, 0}, ID{9, 0})
	l.Delete(ID{6, 0})
	l.Delete(ID{9, 0})
	l.SetID(ID{5, 0}, -1, ID{5, 0})
	add(t, l, ID{6, 0}, ID{7, 0})
	check(t, l)
	var got []ID
	for e := range l.Reverse(MaxID, ID{}) {
		got = append(got, e.ID)
	}
	if want := []ID{{7, 0}, {6, 0}, {5, 0}, {1, 0}}; !slices.Equal(got, want) {
		t.Errorf("Reverse = %v, want %v", got, want)
	}
	// A tail of tombstones only, which is after what comes.
	l = New()
	add(t, l, ID{5, 0}, ID{9, 0})
	l.Delete(ID{9, 0})
	if n := l.Trim(Trim{ByID: true, MinID: ID{6, 0}}); n != 1 || l.NumNodes() != 1 || l.Len() != 0 {
		t.Errorf("Trim = %d, %d nodes", n, l.NumNodes())
	}
	check(t, l)
	l.SetID(ID{2, 0}, -1, ID{1, 0})
	add(t, l, ID{3, 0}, ID{8, 0})
	check(t, l)
	if !l.Has(ID{3, 0}) || !l.Has(ID{8, 0}) || l.FirstID() != (ID{3, 0}) {
		t.Errorf("%s", describe(l, true))
	}
}

// sample is a stream with all there is.
func sample(t testing.TB) *Log {
	l := New()
	for i := range uint64(30) {
		f := []string{"name", "value", "n", strconv.Itoa(int(i))}
		if i%7 == 0 {
			f = f[:2]
		}
		if err := l.Append(ID{i + 1, i}, f, Limits{0, 10}); err != nil {
			t.Fatal(err)
		}
	}
	l.Delete(ID{5, 4})
	l.Trim(Trim{MaxLen: 27})
	for _, name := range []string{"a", "b"} {
		l.CreateGroup(name, ID{}, Unknown)
		e, _ := l.EditGroup(name)
		e.CreateConsumer("c1", 5)
		e.CreateConsumer("c2", 6)
		e.ReadNew("c1", 5, 7, false)
		e.ReadNew("c2", 5, 8, false)
	}
	return l
}

// rebuild takes a stream apart and builds it again, with one change.
func rebuild(l *Log, change func(b *Builder) error) (*Log, error) {
	b := NewBuilder()
	for id, lp := range l.Nodes() {
		if err := b.Node(id, slices.Clone(lp)); err != nil {
			return nil, err
		}
	}
	if err := b.Meta(Meta{int64(l.Len()), l.LastID(), l.MaxDeletedID(), l.EntriesAdded()}); err != nil {
		return nil, err
	}
	for g := range l.Groups() {
		if err := b.Group(g.Name(), g.LastID(), g.EntriesRead()); err != nil {
			return nil, err
		}
		for p := range g.Pending(ID{}, MaxID) {
			if err := b.Pending(p.ID, p.Time, p.Count); err != nil {
				return nil, err
			}
		}
		for c := range g.Consumers() {
			if err := b.Consumer(c.Name(), c.SeenTime(), c.ActiveTime()); err != nil {
				return nil, err
			}
			for p := range g.PendingOf(c, ID{}, MaxID) {
				if err := b.Own(p.ID); err != nil {
					return nil, err
				}
			}
		}
	}
	if change != nil {
		if err := change(b); err != nil {
			return nil, err
		}
	}
	return b.Log()
}

func TestBuilder(t *testing.T) {
	l := sample(t)
	got, err := rebuild(l, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, got)
	if a, b := describe(got, true), describe(l, true); a != b {
		t.Fatal(firstDifference(a, b))
	}
	add(t, got, ID{1000, 0})
	check(t, got)

	var ids []ID
	var lps [][]byte
	for id, lp := range l.Nodes() {
		ids, lps = append(ids, id), append(lps, lp)
	}
	// A node at the last entry's ID, whose entries come after it.
	overlapping := appendEntry(listpack.ReplaceInt(newNode([]string{"f", ""}, 0), masterAt, 1), ID{}, ID{5, 5}, []string{"f", "v"}, true)
	for name, bad := range map[string]func(b *Builder) error{
		"a group twice":           func(b *Builder) error { return b.Group("a", ID{}, 0) },
		"a consumer twice":        func(b *Builder) error { return b.Consumer("c1", 0, 0) },
		"owned twice":             func(b *Builder) error { return b.Own(b.group.FirstPending()) },
		"owned and not pending":   func(b *Builder) error { return b.Own(ID{1000, 1}) },
		"pending after consumers": func(b *Builder) error { return b.Pending(ID{1000, 1}, 0, 0) },
		"pending twice": func(b *Builder) error {
			return cmp.Or(b.Group("z", ID{}, 0), b.Pending(ID{1, 1}, 0, 0), b.Pending(ID{1, 1}, 0, 0))
		},
		"pending without a consumer": func(b *Builder) error { return cmp.Or(b.Group("z", ID{}, 0), b.Pending(ID{1, 1}, 0, 0)) },
		"the same, not the last": func(b *Builder) error {
			return cmp.Or(b.Group("z", ID{}, 0), b.Pending(ID{1, 1}, 0, 0), b.Group("y", ID{}, 0))
		},
		"a node before the last":      func(b *Builder) error { return b.Node(ids[0], lps[0]) },
		"a node whose ID is too late": func(b *Builder) error { return b.Node(ID{math.MaxUint64, 0}, lps[0]) },
		"a node that overlaps": func(b *Builder) error {
			return cmp.Or(b.Node(b.prev, overlapping), b.Meta(Meta{Len: 28, LastID: ID{99, 0}}))
		},
		"owned by two": func(b *Builder) error {
			return cmp.Or(b.Group("z", ID{}, 0), b.Pending(ID{1, 1}, 0, 0), b.Consumer("c", 0, 0), b.Own(ID{1, 1}),
				b.Consumer("d", 0, 0), b.Own(ID{1, 1}))
		},
		"owned by two, one without": func(b *Builder) error {
			return cmp.Or(b.Group("z", ID{}, 0), b.Pending(ID{1, 1}, 0, 0), b.Pending(ID{1, 2}, 0, 0), b.Consumer("c", 0, 0),
				b.Own(ID{1, 1}), b.Consumer("d", 0, 0), b.Own(ID{1, 1}))
		},
		"a node after Meta":     func(b *Builder) error { return b.Node(ID{500, 0}, lps[0]) },
		"another length":        func(b *Builder) error { return b.Meta(Meta{Len: 26, LastID: ID{99, 0}}) },
		"a last ID that is not": func(b *Builder) error { return b.Meta(Meta{Len: 27, LastID: ID{9, 0}}) },
		"a negative length":     func(b *Builder) error { return b.Meta(Meta{Len: -1, LastID: ID{99, 0}}) },
	} {
		if _, err := rebuild(l, bad); err != ErrCorrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := NewBuilder()
	if b.Pending(ID{}, 0, 0) != ErrCorrupt || b.Own(ID{}) != ErrCorrupt || b.Consumer("c", 0, 0) != ErrCorrupt {
		t.Error("accepted something before the first group")
	}
	// Every change of one byte is found out or harmless.
	for i, lp := range lps {
		for at := range lp {
			for _, v := range []byte{0, 1, 2, 3, 0x7F, 0x80, 0xC0, 0xF1, 0xFF, lp[at] + 1, lp[at] - 1} {
				bad := slices.Clone(lp)
				bad[at] = v
				use(t, ids[i], bad)
			}
		}
	}
}

// use builds a stream of a node that may be anything, and does all to it.
func use(t testing.TB, id ID, lp []byte) {
	b := NewBuilder()
	if b.Node(id, slices.Clone(lp)) != nil {
		return
	}
	if err := b.Meta(Meta{Len: b.live, LastID: b.prev}); err != nil {
		t.Fatal(err)
	}
	l, err := b.Log()
	if err != nil {
		t.Fatal(err)
	}
	check(t, l)
	var ids []ID
	for e := range l.Range(ID{}, MaxID) {
		ids = append(ids, e.ID)
		if len(e.AppendFields(nil)) != 2*e.Len() {
			t.Fatal("fields are missing")
		}
	}
	var back []ID
	for e := range l.Reverse(MaxID, ID{}) {
		back = append(back, e.ID)
	}
	if slices.Reverse(back); !slices.Equal(ids, back) || len(ids) != l.Len() {
		t.Fatalf("%v, backwards %v", ids, back)
	}
	if next, ok := l.NextID(0); ok {
		add(t, l, next)
		check(t, l)
	}
	for i, id := range ids {
		if i%2 == 0 && !l.Delete(id) {
			t.Fatalf("Delete(%v) = false", id)
		}
	}
	check(t, l)
	l.Trim(Trim{MaxLen: 1})
	check(t, l)
}

// intNode makes a listpack of integers.
func intNode(ns ...int64) []byte {
	lp := listpack.New(0)
	for _, n := range ns {
		lp = listpack.AppendInt(lp, n)
	}
	return lp
}

// TestOddNodes has nodes that Redis does not write.
func TestOddNodes(t *testing.T) {
	for name, lp := range map[string][]byte{
		"fewer than no fields":    intNode(1, 0, -1, 0, 2, 0, 0, 2),
		"an entry with fewer":     intNode(1, 0, 0, 0, 0, 0, 0, -2, 0),
		"very many fields":        intNode(1, 0, math.MaxInt64, 0, 2, 0, 0, 2),
		"an entry with very many": intNode(1, 0, 0, 0, 0, 0, 0, math.MaxInt64/2+1, 4),
		"no entry":                intNode(0, 0, 0, 0),
		"no end of the master":    intNode(1, 0, 0, 1, 2, 0, 0, 3),
		"other flags":             intNode(1, 0, 0, 0, 6, 0, 0, 3),
		"negative flags":          intNode(1, 0, 0, 0, -2, 0, 0, 3),
		"another count":           intNode(1, 0, 0, 0, 2, 0, 0, 4),
		"half an entry":           intNode(1, 0, 0, 0, 2, 0),
		"more live":               intNode(2, 0, 0, 0, 2, 0, 0, 3),
		"more deleted":            intNode(1, 1, 0, 0, 2, 0, 0, 3),
		"the same ID twice":       intNode(2, 0, 0, 0, 2, 0, 0, 3, 2, 0, 0, 3),
		"an ID before its node":   intNode(2, 0, 0, 0, 2, 0, 0, 3, 2, -1, 0, 3),
	} {
		if err := NewBuilder().Node(ID{1, 1}, lp); err != ErrCorrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A tombstone may bear any ID.
	lp := intNode(3, 1, 0, 0, 2, 0, 0, 3, 2, 4, 0, 3, 3, 1, 0, 3, 2, 5, 0, 3)
	use(t, ID{1, 0}, lp)
	b := NewBuilder()
	if err := cmp.Or(b.Node(ID{1, 0}, lp), b.Meta(Meta{Len: 3, LastID: ID{6, 0}})); err != nil {
		t.Fatal(err)
	}
	for _, id := range []ID{{1, 0}, {5, 0}, {6, 0}} {
		if !b.l.Has(id) {
			t.Errorf("Has(%v) = false", id)
		}
	}
}

// TestLongEncodings has a node whose integers are all longer than they need be, so
// that every change of one moves what is behind it.
func TestLongEncodings(t *testing.T) {
	l := sample(t)
	b := NewBuilder()
	for id, lp := range l.Nodes() {
		long := slices.Clone(lp[:masterAt])
		for p, v := range listpack.All(lp) {
			if n, ok := v.Int(); ok {
				long = append(binary.LittleEndian.AppendUint64(append(long, 0xF4), uint64(n)), 9)
			} else {
				long = append(long, lp[p:listpack.After(lp, p)]...)
			}
		}
		long = append(long, 0xFF)
		binary.LittleEndian.PutUint32(long, uint32(len(long)))
		use(t, id, long)
		if err := b.Node(id, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Meta(Meta{int64(l.Len()), l.LastID(), l.MaxDeletedID(), l.EntriesAdded()}); err != nil {
		t.Fatal(err)
	}
	other, err := b.Log()
	if err != nil {
		t.Fatal(err)
	}
	l.DestroyGroup("a")
	l.DestroyGroup("b")
	same := func() {
		t.Helper()
		check(t, other)
		if got, want := describeLikeModel(other), describeLikeModel(l); got != want {
			t.Fatal(firstDifference(got, want))
		}
	}
	same()
	for _, l := range []*Log{l, other} {
		l.Delete(ID{12, 11})
		l.Trim(Trim{MaxLen: 12})
		add(t, l, ID{100, 0})
	}
	same()
}

func TestAutoClaimLooks(t *testing.T) {
	l := New()
	l.CreateGroup("g", ID{}, 0)
	e, _ := l.EditGroup("g")
	e.CreateConsumer("c", 1)
	for i := range uint64(50) {
		add(t, l, ID{i + 1, 0})
	}
	e.ReadNew("c", 0, 1000, false)
	for _, c := range []struct {
		count int
		next  ID
	}{{1, ID{11, 0}}, {2, ID{21, 0}}, {4, ID{41, 0}}, {5, ID{}}, {math.MaxInt, ID{}}} {
		taken, gone, next := e.AutoClaim(ID{}, c.count, Claim{Consumer: "c", Now: 1001, MinIdle: 2})
		if len(taken)+len(gone) > 0 || next != c.next {
			t.Errorf("AutoClaim of %d = %d, %d, %v, want to go on at %v", c.count, len(taken), len(gone), next, c.next)
		}
	}
}

// TestServerBorders compares nodes at the borders of the sizes.
func TestServerBorders(t *testing.T) {
	c := redistest.Start(t).NewClient(t, 2)
	c.Do("CONFIG", "SET", "rdbcompression", "no", "stream-node-max-bytes", "100")
	var lim Limits
	run := func(what string, values ...int) {
		t.Helper()
		l := New()
		c.Do("DEL", "s")
		for i, n := range values {
			id, fields := ID{uint64(i + 1), 0}, []string{"f", strings.Repeat("v", n)}
			if err := l.Append(id, fields, lim); err != nil {
				t.Fatal(err)
			}
			c.Do("XADD", "s", id.String(), fields[0], fields[1])
		}
		want, err := (&dump{s: c.Do("DUMP", "s").Str}).build()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got, want := describe(l, true), describe(want, true); got != want {
			t.Errorf("%s: %.400s", what, firstDifference(got, want))
		}
	}
	lim.MaxBytes = 100
	for n := range 60 {
		run("second value of "+strconv.Itoa(n), 20, n)
	}
	lim.MaxBytes = 0
	c.Do("CONFIG", "SET", "stream-node-max-bytes", "0")
	for _, n := range []int{63, 125, 4095, 16377, 1<<21 - 7} {
		run("values of "+strconv.Itoa(n), n, n+1, n+2, 5)
	}
	// With many small entries live, deleted and the number of elements grow.
	lim.MaxEntries = 20000
	c.Do("CONFIG", "SET", "stream-node-max-entries", "20000")
	run("20000 entries", slices.Repeat([]int{1}, 20000)...)
}

func FuzzNode(f *testing.F) {
	for id, lp := range sample(f).Nodes() {
		f.Add(id.Ms, id.Seq, lp)
	}
	f.Fuzz(func(t *testing.T, ms, seq uint64, lp []byte) { use(t, ID{ms, seq}, lp) })
}
