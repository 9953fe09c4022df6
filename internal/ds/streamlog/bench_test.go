package streamlog

import (
	"runtime"
	"strconv"
	"testing"
)

var benchFields = []string{"sensor", "thermometer-17", "value", "21.75", "at", "1732262400123"}

func loaded(n int) *Log {
	l := New()
	for i := range n {
		if err := l.Append(ID{1732262400000 + uint64(i), 0}, benchFields, Limits{4096, 100}); err != nil {
			panic(err)
		}
	}
	return l
}

func benchAppend(b *testing.B, n int, do func(l *Log, id ID)) {
	l := loaded(n)
	b.ReportAllocs()
	for b.Loop() {
		id, _ := l.NextID(l.last.Ms + 1)
		do(l, id)
	}
}

func mustAppend(l *Log, id ID) {
	if err := l.Append(id, benchFields, Limits{4096, 100}); err != nil {
		panic(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 1_000_000, 10_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) { benchAppend(b, n, mustAppend) })
	}
}

func BenchmarkAppendTrim(b *testing.B) {
	benchAppend(b, 1_000_000, func(l *Log, id ID) {
		mustAppend(l, id)
		l.Trim(Trim{MaxLen: 1_000_000, Approx: true, Limit: 10000})
	})
}

// Every append finds its nodes shared, as in transactions that can be undone.
func BenchmarkCloneAppend(b *testing.B) {
	benchAppend(b, 1_000_000, func(l *Log, id ID) {
		_ = l.Clone()
		mustAppend(l, id)
	})
}

func BenchmarkRange100(b *testing.B) {
	l := loaded(1_000_000)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i += 7919 {
		n, bytes := 0, 0
		for e := range l.Range(ID{1732262400000 + i%999_000, 0}, MaxID) {
			for name, value := range e.Fields() {
				bytes += name.Len() + value.Len()
			}
			if n++; n == 100 {
				break
			}
		}
		if n != 100 || bytes == 0 {
			b.Fatal(n)
		}
	}
}

func BenchmarkRangeTail(b *testing.B) {
	l := loaded(1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		for e := range l.Range(l.LastID(), MaxID) {
			_ = e.Len()
		}
	}
}

func BenchmarkGet(b *testing.B) {
	l := loaded(1_000_000)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i += 7919 {
		if _, ok := l.Get(ID{1732262400000 + i%1_000_000, 0}); !ok {
			b.Fatal("missing")
		}
	}
}

func BenchmarkReadAck(b *testing.B) {
	for _, consumers := range []int{1, 10} {
		b.Run(strconv.Itoa(consumers), func(b *testing.B) {
			l := loaded(1_000_000)
			l.CreateGroup("g", ID{}, 0)
			e, _ := l.EditGroup("g")
			for i := range consumers {
				e.CreateConsumer(strconv.Itoa(i), 1)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				first, last, n := e.ReadNew(strconv.Itoa(i%consumers), 10, 1, false)
				if n < 10 {
					e.SetID(ID{}, 0)
				}
				for e2 := range l.Range(first, last) {
					e.Ack(e2.ID)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10, "ns/entry")
		})
	}
}

func BenchmarkClone(b *testing.B) {
	l := loaded(1_000_000)
	for i := range 10_000 {
		l.CreateGroup(strconv.Itoa(i), ID{}, 0)
	}
	b.ReportAllocs()
	var c *Log
	for b.Loop() {
		c = l.Clone()
	}
	runtime.KeepAlive(c)
}

// heap returns what make leaves on the heap.
func heap[T any](make func() T) (v T, bytes int) {
	var a, b runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&a)
	v = make()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&b)
	return v, int(b.HeapAlloc) - int(a.HeapAlloc)
}

// TestSize holds Size against the heap.
func TestSize(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("SKIPPED: Size counts with pointers of 64 bits; with smaller ones it says more than there is")
	}
	near := func(what string, size, real int) {
		t.Helper()
		t.Logf("%s: Size %d, heap %d", what, size, real)
		if size < real*8/10 || size > real*13/10 {
			t.Errorf("%s: Size = %d, the heap has %d", what, size, real)
		}
	}
	const n = 200_000
	l, real := heap(func() *Log { return loaded(n) })
	near("entries", l.Size(), real)
	t.Logf("%.1f bytes an entry of 3 fields", float64(real)/n)
	before := l.Size()
	_, real = heap(func() int {
		l.CreateGroup("g", ID{}, 0)
		e, _ := l.EditGroup("g")
		e.CreateConsumer("c", 1)
		_, _, n := e.ReadNew("c", 0, 1, false)
		return n
	})
	near("pending", l.Size()-before, real)
	const many = 10_000
	empty, real := heap(func() []*Log {
		ls := make([]*Log, many)
		for i := range ls {
			ls[i] = New()
		}
		return ls
	})
	near("empty streams", many*(empty[0].Size()+8), real)
	l = New()
	before = l.Size()
	_, real = heap(func() int {
		for i := range many {
			l.CreateGroup("group-"+strconv.Itoa(i), ID{}, 0)
		}
		return 0
	})
	near("groups", l.Size()-before, real)
	before = l.Size()
	_, real = heap(func() int {
		for i := range many {
			e, _ := l.EditGroup("group-" + strconv.Itoa(i))
			e.CreateConsumer("consumer", 1)
		}
		return 0
	})
	near("consumers", l.Size()-before, real)
}
