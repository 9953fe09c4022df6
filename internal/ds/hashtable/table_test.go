package hashtable

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/chunk"
)

func choices(a, b uint64) func(n int) int { return rand.New(rand.NewPCG(a, b)).IntN }

// Everything at once, at random, against a map.
func TestHistory(t *testing.T) {
	rounds, steps := 6, 100_000
	if testing.Short() {
		rounds, steps = 3, 30_000
	}
	for seed := range uint64(rounds) {
		choose := choices(seed, 1)
		w := newWorld(t, uint8(seed%4), []int{300, 3000, 20000}[seed%3], choose)
		grow := 80
		for i := range steps {
			if i%5000 == 0 {
				grow = []int{20, 50, 80, 95}[choose(4)]
			}
			w.transaction(grow)
			if choose(1500) == 0 && len(w.open) < 3 {
				w.freeze()
			}
			if choose(2000) == 0 && len(w.open) > 0 {
				w.thaw()
				w.checkAll()
			}
			if choose(20) == 0 {
				w.thawStep(1 + choose(40))
			}
			if choose(50) == 0 {
				w.pass(int64(choose(3000)))
			}
			if choose(20_000) == 0 {
				w.pass(int64(choose(100_000_000)))
			}
			if choose(10_000) == 0 {
				for _, tb := range w.tables { // nobody can open so many in a test
					if choose(2) == 0 {
						tb.renumber()
					} else if tb.gen < 1<<30 {
						tb.gen = 1<<32 - 1 - uint32(choose(2))
					}
				}
			}
		}
		t.Logf("%d keys, %d expired", len(w.model), w.due)
		w.finish()
	}
}

// FuzzTable reads its input as a program for a world.
func FuzzTable(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03"))
	for seed := range uint64(4) {
		b := make([]byte, 4000)
		r := rand.New(rand.NewPCG(seed, 9))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) <= 1<<14 {
			run(t, program)
		}
	})
}

func run(t *testing.T, program []byte) {
	choose := func(n int) int {
		x := 0
		for range 2 {
			if len(program) > 0 {
				x, program = x<<8|int(program[0]), program[1:]
			}
			if n <= 256 {
				break
			}
		}
		return x % n
	}
	w := newWorld(t, uint8(choose(3)), 1000, choose)
	for len(program) > 0 {
		switch op := choose(16); op {
		case 0:
			if len(w.open) < 4 {
				w.freeze()
			}
		case 1:
			if len(w.open) > 0 {
				w.thaw()
			}
		case 2, 3:
			w.thawStep(1 + choose(30))
		case 4:
			w.pass(int64(choose(256) * 16))
		case 5:
			w.pass(int64(choose(256) * 1_000_000))
		case 6: // so many that segments split
			from := choose(4) * 250
			for i := range 250 {
				k := key(from + i)
				hash, tb := w.hash(k)
				if tb.Find(hash, k) == 0 {
					is := item{val: "v", expireAt: w.now + int64(i*100)}
					w.replace(k, tb.New(k, is.val, 0, is.expireAt, 0), is)
				}
			}
			w.end(true)
		case 7: // so many that they merge
			from := choose(4) * 250
			for i := range 250 {
				if k := key(from + i); choose(4) != 0 {
					w.replace(k, 0, item{})
				}
			}
			w.end(true)
		case 8:
			w.transaction(30)
		default:
			w.transaction(80)
		}
	}
	w.finish()
}

// A table whose handles run out says so early, takes the rest of what was begun,
// and then takes nothing; deleting makes room again.
func TestFull(t *testing.T) {
	tb := newTable(t)
	tb.limit = 128
	val := string(make([]byte, 1000))
	n := 0
	for ; !tb.Full(); n++ {
		tb.put(fmt.Sprint(n), val, 0)
		tb.Compact()
	}
	if n < 120*50 || n > 128*64 {
		t.Errorf("full with %d entries", n)
	}
	full := n
	for ; ; n++ {
		k := fmt.Sprint(n)
		h := tb.New(k, val, 0, 0, 0)
		if h == 0 {
			break
		}
		tb.Publish(tb.hash(k), 0, h)
		tb.Compact()
	}
	if n-full < 4000 {
		t.Errorf("a full table took %d more entries", n-full)
	}
	if h := tb.NewObject("o", &thing{}, 1, 0, 0, 0); h != 0 {
		t.Errorf("NewObject in a table without handles = %x, want 0", h)
	}
	tb.verify(t)
	for i := range n {
		k := fmt.Sprint(i)
		if h := tb.Find(tb.hash(k), k); h == 0 || tb.Bytes(h) != val {
			t.Fatalf("Find(%s) = %x", k, h)
		}
		if i%2 == 0 {
			tb.drop(k)
			tb.Compact()
		}
	}
	for i := 1; i < n; i += 4 {
		tb.drop(fmt.Sprint(i))
		tb.Compact()
	}
	for tb.Compact() {
	}
	tb.verify(t)
	if tb.Full() {
		t.Errorf("still full with a quarter of the entries, in %d chunks", tb.chunks)
	}
}

// What may be changed in place, and what may not.
func TestInPlace(t *testing.T) {
	tb := newTable(t)
	h := tb.put("k", "0123456789", 0)
	if !tb.Overwrite(h, "abcdef", 5, start) || tb.Bytes(h) != "abcdef" || tb.Form(h) != 5 || tb.ExpireAt(h) != start {
		t.Errorf("Overwrite: %q, %d, %d", tb.Bytes(h), tb.Form(h), tb.ExpireAt(h))
	}
	o := tb.NewObject("o", &thing{"x"}, 100, 1, 0, 0)
	tb.Publish(tb.hash("o"), 0, o)
	b := tb.put("b", string(make([]byte, 5000)), 0)
	before := tb.Memory()
	for _, test := range []struct {
		what string
		done bool
	}{
		{"a longer value", tb.Overwrite(h, string(make([]byte, 100)), 0, 0)},
		{"a huge value", tb.Overwrite(h, string(make([]byte, 10000)), 0, 0)},
		{"an object", tb.Overwrite(o, "x", 0, 0)},
		{"a blob", tb.Overwrite(b, "x", 0, 0)},
		{"a flat entry's object", tb.SetObject(h, &thing{}, 1, 0)},
		{"a blob's object", tb.SetObject(b, &thing{}, 1, 0)},
	} {
		if test.done {
			t.Errorf("%s was changed in place", test.what)
		}
	}
	if tb.Bytes(h) != "abcdef" || tb.Memory() != before {
		t.Error("what was refused changed something")
	}
	if !tb.SetObject(o, &thing{"y"}, 250, 2) || tb.Object(o).(*thing).val != "y" || tb.Form(o) != 2 || tb.Memory() != before+150 {
		t.Errorf("SetObject: %v, %d, %d more bytes", tb.Object(o), tb.Form(o), tb.Memory()-before)
	}
	long := strings.Repeat("k", 3000)
	l := tb.NewObject(long, "before", 1, 0, 0, 0)
	tb.Publish(tb.hash(long), 0, l)
	if !tb.SetObject(l, "after", 2, 3) || tb.Object(l) != "after" || tb.Key(l) != long {
		t.Errorf("SetObject with a long key: %v", tb.Object(l))
	}
	f := tb.Freeze()
	if tb.Young(h) || tb.Overwrite(h, "ABCDEF", 0, 0) || tb.SetExpireAt(h, 0) || tb.SetObject(o, nil, 0, 0) {
		t.Error("an entry that a snapshot sees was changed in place")
	}
	tb.close(f)
	if !tb.Young(h) || !tb.SetExpireAt(h, 0) || tb.Expiring() != 0 {
		t.Error("an entry is not young again after the snapshot")
	}
	tb.verify(t)
}

// The borders between flat entries, stubs, and stubs without their key.
func TestSizes(t *testing.T) {
	tb := newTable(t)
	for _, klen := range []int{0, 1, 2027, 2028, 2029, 2031, 2032, 2033, 2048, 70000} {
		for _, vlen := range []int{0, 1, 2031 - klen, 2032 - klen, 2033 - klen, 65535, 65536} {
			if vlen < 0 {
				continue
			}
			k, v := strings.Repeat("k", klen), strings.Repeat("v", vlen)
			tb.put(k, v, MaxExpireAt)
			h := tb.Find(tb.hash(k), k)
			if h == 0 || tb.Key(h) != k || tb.Bytes(h) != v || tb.Object(h) != nil || tb.ExpireAt(h) != MaxExpireAt {
				t.Fatalf("key of %d, value of %d: %x", klen, vlen, h)
			}
			if size := tb.Size(h); size < klen+vlen+granule || size > (klen+vlen+granule)*9/8+160 {
				t.Errorf("key of %d, value of %d: Size() = %d", klen, vlen, size)
			}
			obj := tb.NewObject(k, "object", 7, MaxForm, 0, 0)
			tb.Publish(tb.hash(k), h, obj)
			if tb.Key(obj) != k || tb.Bytes(obj) != "" || tb.Object(obj) != "object" || tb.Form(obj) != MaxForm {
				t.Fatalf("key of %d: %v", klen, tb.Object(obj))
			}
			tb.Publish(tb.hash(k), obj, h)
			tb.Retire(obj)
			tb.verify(t)
		}
	}
}

// Calls that break the rules are caught where they are made.
func TestMisuse(t *testing.T) {
	tb := newTable(t)
	h := tb.put("k", "v", 0)
	loose := tb.New("k", "w", 0, 0, 0)
	panics := func(what string, always bool, f func()) {
		if !always && !chunk.Invariants {
			return
		}
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", what)
			}
		}()
		f()
	}
	panics("Publish in the place of an unpublished entry", true, func() { tb.Publish(tb.hash("k"), loose, h) })
	panics("Publish of a key twice", false, func() { tb.Publish(tb.hash("k"), 0, loose) })
	panics("Retire of a published entry", false, func() { tb.Retire(h) })
	panics("Overwrite of an unpublished entry", false, func() { tb.Overwrite(loose, "x", 0, 0) })
	panics("SetExpireAt of an unpublished entry", false, func() { tb.SetExpireAt(loose, 1) })
	tb.Retire(loose)
	panics("Retire twice", false, func() { tb.Retire(loose) })
}

// What was freed reads as poison.
func TestPoison(t *testing.T) {
	if !chunk.Invariants {
		t.Skip("SKIPPED: freed memory is poisoned under -race and -tags invariants only")
	}
	tb := newTable(t)
	for _, v := range []string{"short", strings.Repeat("long", 1000)} {
		h := tb.put("k", v, 0)
		borrowed := tb.Bytes(h)
		tb.drop("k")
		if strings.Count(borrowed, string(poison[:1])) != len(borrowed) {
			t.Errorf("freed, %d bytes still read as %.20q", len(v), borrowed)
		}
	}
}

// A table begins with the source's first chunk, which is short where a whole one
// would waste memory.
func TestFirstChunk(t *testing.T) {
	tb := newTable(t)
	tb.put("k", "v", 0)
	if _, size := tb.src.First(); tb.space*granule != size {
		t.Errorf("a table of one entry has chunks of %d bytes, want %d", tb.space*granule, size)
	}
	for i := range 1000 {
		tb.put(fmt.Sprint(i), "some value or other", 0)
	}
	tb.verify(t)
}
