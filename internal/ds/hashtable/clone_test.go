package hashtable

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder/internal/ds/chunk"
)

// member is what the model of a collection knows of an entry.
type member struct {
	val      string
	expireAt int64
	handle   Handle
}

// side is one table of a family of clones, with its model.
type side struct {
	*Table
	model map[string]member
}

// family drives collections that are cloned from each other, each beside a map.
type family struct {
	t      testing.TB
	choose func(n int) int // below n
	sides  []*side
	keys   int
	serial int
	moves  int
	now    int64
}

func newFamily(t testing.TB, keys int, choose func(n int) int) *family {
	f := &family{t: t, choose: choose, keys: keys, now: 1_700_000_000_000}
	f.adopt(NewCollection(), map[string]member{})
	return f
}

func (f *family) adopt(t *Table, model map[string]member) {
	s := &side{t, model}
	t.OnMove(func(old, new Handle) {
		f.moves++
		k := t.Key(old)
		if m := s.model[k]; m.handle != old || t.Bytes(new) != m.val {
			f.t.Fatalf("OnMove(%x, %x) of %.20q, which is at %x", old, new, k, m.handle)
		}
		m := s.model[k]
		m.handle = new
		s.model[strings.Clone(k)] = m
	})
	f.sides = append(f.sides, s)
}

func (f *family) value() string {
	f.serial++
	n := f.choose(40)
	switch f.choose(24) {
	case 0:
		n = f.choose(12) * 250
	case 1:
		return ""
	}
	return fmt.Sprintf("%d-%s", f.serial, strings.Repeat("v", n))
}

// step does one thing to one side. Grow is the chance in a hundred that it adds.
func (f *family) step(grow int) {
	s := f.sides[f.choose(len(f.sides))]
	k := key(f.choose(f.keys))
	was, had := s.model[k]
	switch what := f.choose(100); {
	case what < 2:
		if len(f.sides) < 6 {
			f.adopt(s.Clone(), maps.Clone(s.model))
		} else {
			f.drop(f.choose(len(f.sides)))
		}
		return
	case what < 8: // a transaction that is undone
		hash := s.Hash(k)
		h := s.New(k, f.value(), 3, 0, 0)
		s.Publish(hash, was.handle, h)
		s.Publish(hash, h, was.handle)
		s.Retire(h)
	case what < 14: // with an expiry
		m := member{f.value(), f.now + 1 + int64(f.choose(100))*1000, 0}
		m.handle = s.New(k, m.val, 0, m.expireAt, 0)
		s.Publish(s.Hash(k), was.handle, m.handle)
		if had {
			s.Retire(was.handle)
		}
		s.model[k] = m
	case what < 18 && had && s.SetExpireAt(was.handle, f.now+5000):
		was.expireAt = f.now + 5000
		s.model[k] = was
	case f.choose(100) < grow:
		m := member{f.value(), 0, 0}
		h, added := s.Put(k, m.val)
		if added == had {
			f.t.Fatalf("Put(%.20q) says added = %v", k, added)
		}
		m.handle = h
		s.model[k] = m
	default:
		if s.Remove(k) != had {
			f.t.Fatalf("Remove(%.20q) = %v, want %v", k, !had, had)
		}
		delete(s.model, k)
	}
	s.Compact()
}

func (f *family) drop(i int) { f.sides = slices.Delete(f.sides, i, i+1) }

// pass lets time pass on one side.
func (f *family) pass(ms int64) {
	f.now += ms
	for _, s := range f.sides {
		for calls := 0; s.NextDue() != 0 && s.NextDue() <= f.now; calls++ {
			if calls > 1000+s.Len() {
				f.t.Fatal("NextDue says now for ever")
			}
			s.Due(f.now, 10, func(h Handle) {
				k := strings.Clone(s.Key(h))
				if m := s.model[k]; m.handle != h || m.expireAt == 0 || m.expireAt > f.now {
					f.t.Fatalf("Due reports %.20q, which expires at %d", k, m.expireAt)
				}
				s.Publish(s.Hash(k), h, 0)
				s.Retire(h)
				delete(s.model, k)
			})
		}
		for k, m := range s.model {
			if m.expireAt != 0 && m.expireAt <= f.now-999 {
				f.t.Fatalf("%.20q expired at %d, and was not reported at %d", k, m.expireAt, f.now)
			}
		}
	}
}

func (f *family) check() {
	f.t.Helper()
	for i, s := range f.sides {
		s.verify(f.t)
		n, expiring := 0, 0
		for h := range s.All() {
			n++
			m, ok := s.model[s.Key(h)]
			if !ok || m.handle != h || m.val != s.Bytes(h) || m.expireAt != s.ExpireAt(h) {
				f.t.Fatalf("side %d: %.20q = %.40q at %x, want %.40q at %x", i, s.Key(h), s.Bytes(h), h, m.val, m.handle)
			}
			if m.expireAt != 0 {
				expiring++
			}
		}
		if n != len(s.model) || s.Len() != n || s.Expiring() != expiring {
			f.t.Fatalf("side %d: %d entries, Len() = %d, want %d", i, n, s.Len(), len(s.model))
		}
	}
}

func (f *family) finish() {
	f.check()
	for _, s := range f.sides {
		for k := range s.model {
			s.Remove(k)
			delete(s.model, k)
			s.Compact()
		}
	}
	f.check()
	for _, s := range f.sides {
		if s.sharedSpace != 0 || s.sharedUsed != 0 || s.live != 0 || s.objectCount != 0 {
			f.t.Fatalf("an empty collection has %d shared granules, %d in use, %d bytes, %d objects",
				s.sharedSpace, s.sharedUsed, s.live, s.objectCount)
		}
	}
}

// TestCloneHistories drives clones of clones through seeded histories.
func TestCloneHistories(t *testing.T) {
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		f := newFamily(t, 30<<(seed%6), rnd.IntN)
		for i := range 12_000 {
			f.step(20 + 70*(i/1000%2))
			if i%400 == 0 {
				f.check()
			}
			if i%1500 == 0 {
				f.pass(int64(rnd.IntN(200_000)))
			}
		}
		if f.moves == 0 {
			t.Errorf("seed %d: nothing was moved", seed)
		}
		f.finish()
	}
}

func FuzzClone(f *testing.F) {
	f.Add([]byte("some clones, some changes, and what comes of it"), uint8(20))
	f.Add([]byte{0, 0, 0, 50, 1, 1, 90, 0, 0, 1, 99, 3, 7, 200, 2, 1, 0, 0, 80, 9}, uint8(200))
	f.Fuzz(func(t *testing.T, script []byte, keys uint8) {
		pos := 0
		w := newFamily(t, 1+int(keys), func(n int) int {
			if pos >= len(script) {
				return 0
			}
			pos++
			return int(script[pos-1]) % n
		})
		for pos < len(script) {
			w.step(60)
		}
		w.pass(50_000)
		w.finish()
	})
}

// fill returns a collection with n short members.
func fill(n int) *Table {
	t := NewCollection()
	for i := range n {
		t.Put(fmt.Sprint("member", i), "12345678")
		t.Compact()
	}
	return t
}

// TestCloneCopiesNothing looks that Clone allocates a list of chunks and not the
// entries, and that the first write after it copies a segment, not the table.
func TestCloneCopiesNothing(t *testing.T) {
	tb := fill(100_000)
	var c *Table
	clone := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c = tb.Clone()
		}
	}).AllocedBytesPerOp()
	if max := int64(4096 + 40*len(tb.addr)); clone > max {
		t.Errorf("Clone allocates %d bytes for %d chunks, want at most %d", clone, len(tb.addr), max)
	}
	c.Put("another", "")
	if c.sharedUsed != tb.holesAndUsed() || c.space*granule != minMemory {
		t.Errorf("after Clone and one Put, %d granules are shared and %d own, want %d and %d", c.sharedUsed, c.space, tb.holesAndUsed(), minMemory/granule)
	}
	c.verify(t)
	tb.verify(t)
}

func (t *Table) holesAndUsed() (n int) {
	for i := range t.meta {
		if t.addr[i] != nil {
			n += int(t.meta[i].used)
		}
	}
	return n
}

// TestCloneLetsGo has many clones made, each followed by changes: what a table
// keeps stays in proportion to its entries, and the clone dropped each time is not
// looked at.
func TestCloneLetsGo(t *testing.T) {
	tb := fill(20_000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		tb.Clone()
		for range 200 {
			tb.Put(fmt.Sprint("member", rnd.IntN(20_000)), "abcdefgh")
			tb.Compact()
		}
	}
	tb.verify(t)
	if kept, need := (tb.space+tb.sharedSpace)*granule, tb.live; kept > 2*need+need/4 {
		t.Errorf("the table keeps %d bytes of chunks for %d of entries", kept, need)
	}
}

// TestCloneDrainedAndEmptied removes the last entry of a shared chunk while it is
// being drained: the chunk goes with it, not when all that was there is walked.
func TestCloneDrainedAndEmptied(t *testing.T) {
	tb := NewCollection()
	for i := range 500 { // the last of them share a chunk with what follows
		tb.Put(fmt.Sprint("member", i), "12345678")
	}
	for _, k := range []string{"large", "larger"} {
		tb.Put(k, strings.Repeat("x", 1500))
	}
	tb.Clone()
	remove := func(k string) {
		tb.Remove(k)
		tb.Compact()
	}
	for i := range 500 {
		remove(fmt.Sprint("member", i))
	}
	remove("large")
	if tb.draining == 0 {
		t.Fatal("nothing is drained when half of what is shared is dead")
	}
	remove("larger")
	if tb.sharedSpace != 0 || tb.draining != 0 {
		t.Errorf("an empty collection keeps %d shared granules and drains chunk %d", tb.sharedSpace, tb.draining)
	}
	tb.verify(t)
}

// TestSmallCollections looks at what few members cost.
func TestSmallCollections(t *testing.T) {
	for _, tt := range []struct{ members, limit int }{{1, 1 << 10}, {200, 9 << 10}, {10_000, 540 << 10}} {
		tb := fill(tt.members)
		if n := tb.space * granule; n > tt.limit {
			t.Errorf("%d members take %d bytes of chunks, want at most %d", tt.members, n, tt.limit)
		}
	}
}

// TestCloneGenerations has the generations run out.
func TestCloneGenerations(t *testing.T) {
	f := newFamily(t, 300, rand.New(rand.NewPCG(9, 9)).IntN)
	for range 2000 {
		f.step(80)
	}
	for _, s := range f.sides {
		s.settle()
		s.gen = math.MaxUint32 // older ones keep theirs
	}
	for range 6000 {
		f.step(60)
	}
	f.finish()
}

// TestCloneConcurrently has the sides of a family read and written by goroutines of
// their own, and cloned by two at once.
func TestCloneConcurrently(t *testing.T) {
	tb := fill(3000)
	old := tb // read by everybody, changed by nobody: as a snapshot has it
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			mine := old.Clone()
			for n := range 3000 {
				k := fmt.Sprint("member", (n*7+i)%4000)
				if n%3 == 0 {
					mine.Remove(k)
				} else {
					mine.Put(k, fmt.Sprint(i))
				}
				mine.Compact()
				if n%500 == 0 {
					mine.Clone()
				}
			}
			mine.verify(t)
		})
		wg.Go(func() {
			for range 3 {
				n := 0
				for h := range old.All() {
					if old.Bytes(h) != "12345678" {
						t.Errorf("%q became %q", old.Key(h), old.Bytes(h))
						return
					}
					n++
				}
				if n != 3000 {
					t.Errorf("the old side has %d members, want 3000", n)
				}
			}
		})
	}
	wg.Wait()
	old.verify(t)
}

// TestCollectionRefuses: what only one table may hold, a collection does not.
func TestCollectionRefuses(t *testing.T) {
	for name, f := range map[string]func(){
		"Freeze":    func() { NewCollection().Freeze() },
		"NewObject": func() { NewCollection().NewObject("k", 1, 1, 0, 0, 0) },
		"Clone":     func() { New(new(chunk.Source), collectionSeed, 0).Clone() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
			}()
			f()
		}()
	}
}
