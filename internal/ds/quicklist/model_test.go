package quicklist

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// A world is a list beside the slice of strings that it should be, and the clones
// that were made of it.
type world struct {
	t     testing.TB
	l     *List
	want  []string
	large int
	old   []*world
	steps int
}

func newWorld(t testing.TB, fill, depth int64, large int) *world {
	return &world{t: t, l: New(fill, depth), large: large}
}

func (w *world) push(front bool, s string) {
	w.l.Push(front, s, w.large)
	if front {
		w.want = slices.Insert(w.want, 0, s)
	} else {
		w.want = append(w.want, s)
	}
}

func (w *world) pop(front bool) {
	if len(w.want) == 0 {
		return
	}
	v := w.l.Peek(front)
	w.l.Pop(front)
	s := w.want[len(w.want)-1]
	if front {
		s, w.want = w.want[0], w.want[1:]
	} else {
		w.want = w.want[:len(w.want)-1]
	}
	if got := v.String(); got != s { // also after the Pop
		w.t.Fatalf("Pop(%v) = %.40q, want %.40q", front, got, s)
	}
}

func (w *world) insert(i int, behind bool, s string) {
	w.l.Insert(i, behind, s, w.large)
	if behind {
		i++
	}
	w.want = slices.Insert(slices.Clip(w.want), i, s)
}

func (w *world) set(i int, s string) {
	w.l.Set(i, s, w.large)
	w.want = slices.Clone(w.want)
	w.want[i] = s
}

func (w *world) delete(i, n int) {
	w.l.Delete(i, n)
	w.want = slices.Concat(w.want[:i], w.want[i+n:])
}

func (w *world) remove(s string, max int, back bool) {
	got := w.l.Remove(s, max, back)
	n := 0
	drop := func(x string) bool {
		if x == s && n < max {
			n++
			return true
		}
		return false
	}
	w.want = slices.Clone(w.want)
	if back {
		slices.Reverse(w.want)
	}
	if w.want = slices.DeleteFunc(w.want, drop); back {
		slices.Reverse(w.want)
	}
	if got != n {
		w.t.Fatalf("Remove(%.40q, %d, %v) = %d, want %d", s, max, back, got, n)
	}
}

// clone goes on with one of the two sides.
func (w *world) clone(other bool) {
	c := &world{t: w.t, l: w.l.Clone(), want: slices.Clone(w.want), large: w.large}
	if other {
		w.l, c.l = c.l, w.l
	}
	if w.old = append(w.old, c); len(w.old) > 3 {
		w.old[0].check()
		w.old = w.old[1:]
	}
}

// step makes one change, which 8 bytes choose.
func (w *world) step(b uint64) {
	op, x, y, z := b&0xF, int(b>>4&0xFFF), int(b>>16&0xFFFF), int(b>>32)
	s := stringOf(y, z)
	if op < 4 && w.steps < 200 {
		op &= 1
	}
	w.steps++
	n := len(w.want)
	switch {
	case op == 0 || op == 2:
		w.push(op == 0 || x&1 != 0, s)
	case op == 1:
		w.push(false, s)
	case op == 3:
		w.pop(x&1 != 0)
	case op == 15:
		w.clone(x&1 != 0)
	case n == 0:
		w.push(x&1 != 0, s)
	case op < 8:
		w.insert(x%n, x&1 != 0, s)
	case op < 11:
		w.set(x%n, s)
	case op == 11:
		w.delete(x%n, min(y&7, n-x%n))
	case op == 12 && z&3 == 0:
		w.delete(x%n, min(y, n-x%n))
	case op == 13:
		most := 1 + y&3
		if z&3 == 0 {
			most = math.MaxInt
		}
		w.remove(w.want[x%n], most, y&1 != 0)
	case op == 14 && len(w.old) > 0: // the clone is changed too
		o := w.old[y%len(w.old)]
		o.step(uint64(bitsOf(x, y, z)))
	default:
		w.pop(y&1 != 0)
	}
}

func bitsOf(x, y, z int) uint64 { return uint64(x%15) | uint64(y)<<4 | uint64(z)<<20 }

// stringOf makes strings of all kinds: integers and others, short and long, some
// often.
func stringOf(y, z int) string {
	z &= math.MaxInt32
	switch y & 15 {
	case 0:
		return fmt.Sprint(z % 100)
	case 1:
		return fmt.Sprint(-z * z * z)
	case 2:
		return ""
	case 3:
		return strings.Repeat(fmt.Sprint(z%7), y>>4)
	case 4:
		return strings.Repeat("ab", 3+z%40)
	case 5:
		b := binary.LittleEndian.AppendUint64(nil, uint64(z)*0x9E3779B97F4A7C15)
		return string(b)
	case 6:
		return strings.Repeat("q", 4000+y>>3)
	}
	return "e" + fmt.Sprint(z%50)
}

func (w *world) check() {
	w.t.Helper()
	w.l.verify(w.t, w.want)
	n := len(w.want)
	for _, from := range []int{0, 1, n / 3, n - 1} {
		if from < 0 || from >= n {
			continue
		}
		w.walk("Range", w.l.Range(from), from, min(n, from+500), 1)
		w.walk("Reverse", w.l.Reverse(from), from, max(-1, from-500), -1)
	}
	for range w.l.Range(n) {
		w.t.Fatal("Range yields what is behind the end")
	}
	for range w.l.Reverse(-1) {
		w.t.Fatal("Reverse yields what is before the beginning")
	}
	for i := 0; i < n; i += 1 + n/50 {
		if v := w.l.At(i); !v.Equal(w.want[i]) {
			w.t.Fatalf("At(%d) = %.40q, want %.40q", i, v.String(), w.want[i])
		}
	}
	if n > 0 && (!w.l.Peek(true).Equal(w.want[0]) || !w.l.Peek(false).Equal(w.want[n-1])) {
		w.t.Fatal("Peek is wrong")
	}
}

// walk compares what an iterator yields, up to index to, which it does not.
func (w *world) walk(name string, all iter.Seq2[int, listpack.Value], i, to, step int) {
	w.t.Helper()
	from := i
	for at, v := range all {
		if i == to {
			return // in the middle of the list
		}
		if at != i || !v.Equal(w.want[i]) {
			w.t.Fatalf("%s(%d) yields %d, %.40q, want %d, %.40q", name, from, at, v.String(), i, w.want[i])
		}
		i += step
	}
	if i != to {
		w.t.Fatalf("%s(%d) ends before %d, want %d", name, from, i, to)
	}
}

func (w *world) checkAll() {
	w.t.Helper()
	w.check()
	for _, o := range w.old {
		o.check()
	}
}

var settings = []struct {
	fill, depth int64
	large       int
}{
	{-2, 0, 1 << 30}, {-1, 1, 1 << 30}, {-5, 3, 1 << 30}, {-99, 1, 1 << 30}, {0, 0, 1 << 30}, {1, 0, 1 << 30}, {1, 2, 50}, {2, 1, 1 << 30},
	{3, 0, 40}, {7, 2, 60}, {128, 1, 1 << 30}, {1 << 40, 100_000, 1 << 30}, {5, 0, 0},
}

func TestModel(t *testing.T) {
	for i, set := range settings {
		t.Run(fmt.Sprintf("%+v", set), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for range 3 {
				w := newWorld(t, set.fill, set.depth, set.large)
				for n := range 1500 {
					if w.step(r.Uint64()); n%50 == 0 {
						w.checkAll()
					}
				}
				w.checkAll()
			}
		})
	}
}

func FuzzModel(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range settings {
		b := make([]byte, 1+8*300)
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		b[0] = byte(i)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 9 {
			return
		}
		set := settings[int(b[0])%len(settings)]
		w := newWorld(t, set.fill, set.depth, set.large)
		for b = b[1:]; len(b) >= 8; b = b[8:] {
			w.step(binary.LittleEndian.Uint64(b))
		}
		w.checkAll()
	})
}

// TestTall grows a tree of several levels, in the middle and at the ends, and takes it
// down again.
func TestTall(t *testing.T) {
	for _, set := range []struct{ fill, depth int64 }{{1, 0}, {1, 2}, {3, 0}} {
		w := newWorld(t, set.fill, set.depth, 1<<30)
		r := rand.New(rand.NewPCG(9, 9))
		for i := range 2600 {
			switch s := fmt.Sprint("element ", i); {
			case i < 1000:
				w.push(i%2 == 0, s)
			default:
				w.insert(r.IntN(len(w.want)), i%2 == 0, s)
			}
		}
		w.checkAll()
		w.clone(false)
		for len(w.want) > 1500 {
			w.delete(r.IntN(len(w.want)), 1)
		}
		w.checkAll()
		for !w.l.root.leaf { // a page loses its nodes, and is joined with one that is still the clone's
			w.clone(true)
			at := w.l.root.slots[0].elems
			w.delete(at, min(len(w.want)-at, 10))
			for i := range min(len(w.want)-at-1, 60) {
				w.delete(at, 1)
				w.set(at+r.IntN(len(w.want)-at), fmt.Sprint("another ", i))
			}
			w.checkAll()
		}
		for len(w.want) > 0 {
			if w.pop(r.IntN(3) > 0); len(w.want)%500 == 0 {
				w.checkAll()
			}
		}
		if w.l.Size() > listBytes+pageBytes+(maxNodes+1)*nodeBytes+cap(w.l.spare) {
			t.Errorf("the empty list has %d bytes", w.l.Size())
		}
	}
}

// A queue that never gets long does not grow, whatever goes through it.
func TestQueue(t *testing.T) {
	for _, fill := range []int64{-2, 1, 4} {
		w := newWorld(t, fill, 0, 1<<30)
		for i := range 100 {
			w.push(false, fmt.Sprint("job ", i))
		}
		most := 0
		for i := range 20_000 {
			w.push(i%2000 < 1000, fmt.Sprint("job ", i))
			w.pop(i%2000 >= 1000)
			most = max(most, w.l.Size())
		}
		w.check()
		if most > 60_000 {
			t.Errorf("fill %d: a queue of 100 took %d bytes", fill, most)
		}
	}
}

// A list that is long enough for slabs, and its clones, do not write into each other's
// buffers.
func TestSlabs(t *testing.T) {
	w := newWorld(t, -2, 0, 1<<30)
	r := rand.New(rand.NewPCG(5, 5))
	some := func(i int) string { return strings.Repeat(fmt.Sprint(i, "/"), 100+r.IntN(600)) }
	for i := range 30 * slabFrom {
		w.push(i%3 == 0, some(i))
	}
	if w.l.NumNodes() < slabFrom || w.l.slab == nil {
		t.Fatalf("%d nodes, and no slab", w.l.NumNodes())
	}
	w.checkAll()
	for i := range 600 {
		switch r.IntN(8) {
		case 0:
			w.pop(r.IntN(2) == 0)
		case 1:
			w.insert(r.IntN(len(w.want)), r.IntN(2) == 0, some(i))
		case 2:
			w.set(r.IntN(len(w.want)), some(i))
		default:
			w.push(r.IntN(2) == 0, some(i))
		}
		if i%100 == 50 {
			w.clone(r.IntN(2) == 0)
		}
	}
	w.checkAll()
}

func TestFromListpack(t *testing.T) {
	lp := listpack.New(0)
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint("v", i*i))
		lp = listpack.Append(lp, want[i])
	}
	FromListpack(listpack.New(0), -2, 0).verify(t, nil)
	l := FromListpack(lp, -2, 0)
	for i := range lp {
		lp[i] = 0xEE // it is a copy
	}
	l.verify(t, want)
}

// Two sides of a Clone are changed at once, and neither sees the other; a reader of
// a third does not mind. It is for the race detector.
func TestCloneApart(t *testing.T) {
	for _, depth := range []int64{0, 1} {
		w := newWorld(t, 10, depth, 1<<30)
		for i := range 3000 {
			w.push(false, fmt.Sprint("element ", i))
		}
		sides := []*world{w}
		for range 2 {
			sides = append(sides, &world{t: t, l: w.l.Clone(), want: slices.Clone(w.want), large: w.large})
		}
		still := &world{t: t, l: w.l.Clone(), want: slices.Clone(w.want), large: w.large}
		done := make(chan struct{})
		for i, s := range sides {
			go func() {
				defer func() { done <- struct{}{} }()
				r := rand.New(rand.NewPCG(uint64(i), 1))
				for range 2000 {
					s.step(r.Uint64())
				}
				s.check()
			}()
		}
		for range 20 {
			still.check()
		}
		for range sides {
			<-done
		}
		still.check()
	}
}

// TestCloneCost: a Clone and the first change after it do not cost the list.
func TestCloneCost(t *testing.T) {
	w := newWorld(t, -2, 0, 1<<30)
	for i := range 300_000 {
		w.l.Push(false, fmt.Sprint("element ", i), w.large)
	}
	for _, change := range []func(*List){
		func(l *List) { l.Push(true, "x", w.large) },
		func(l *List) { l.Push(false, "x", w.large) },
		func(l *List) { l.Pop(true) },
		func(l *List) { l.Set(150_000, "x", w.large) },
		func(l *List) { l.Insert(150_000, true, "x", w.large) },
	} {
		if n := testing.AllocsPerRun(50, func() { change(w.l.Clone()) }); n > 20 {
			t.Errorf("a change after a Clone allocates %v times", n)
		}
	}
	c := w.l.Clone()
	c.Set(150_000, "x", w.large)
	if n := testing.AllocsPerRun(50, func() { c.Set(150_000, "y", w.large) }); n > 0 {
		t.Errorf("changes after the first one allocate %v times", n)
	}
}

// TestNoAllocation: pushes and pops allocate for nodes only.
func TestNoAllocation(t *testing.T) {
	l := New(-2, 0)
	for i := range 10_000 {
		l.Push(true, fmt.Sprint("element ", i), 1<<30)
	}
	for _, front := range []bool{true, false} {
		if n := testing.AllocsPerRun(20_000, func() { l.Push(front, "an element", 1<<30) }); n > 0.02 {
			t.Errorf("Push(%v) allocates %v times", front, n)
		}
		if n := testing.AllocsPerRun(20_000, func() { l.Peek(front); l.Pop(front) }); n != 0 {
			t.Errorf("Pop(%v) allocates %v times", front, n)
		}
		if n := testing.AllocsPerRun(100, func() {
			for i := range l.Range(5000) {
				if i == 5100 {
					break
				}
			}
		}); n != 0 {
			t.Errorf("Range allocates %v times", n)
		}
	}
}
