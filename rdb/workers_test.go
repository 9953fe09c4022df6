package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
)

// onProcs runs f with a number of processors, which decides how files are loaded.
func onProcs(t testing.TB, n int, f func()) {
	t.Helper()
	was := runtime.GOMAXPROCS(n)
	defer runtime.GOMAXPROCS(was)
	f()
}

// loadsAlike loads a file on one processor and on several: the same data, or the same
// error.
func loadsAlike(t *testing.T, what string, file []byte, one, several *larder.DB) {
	t.Helper()
	var want, got error
	onProcs(t, 1, func() { want = Load(bytes.NewReader(file), one) })
	for _, procs := range []int{2, 5} {
		onProcs(t, procs, func() { got = Load(bytes.NewReader(file), several) })
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s, %d processors: %v\nwant %v", what, procs, got, want)
		}
		if want == nil {
			if got, want := digest(t, several), digest(t, one); got != want {
				t.Fatalf("%s, %d processors: digest %s, want %s", what, procs, got, want)
			}
		}
	}
}

// However many processors there are, a file gives the same data, and what is wrong with
// it the same error.
func TestLoadBeside(t *testing.T) {
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_700_000_000_000)
	o := larder.Options{Now: func() time.Time { return now }}
	one, _ := larder.Open(o)
	several, _ := larder.Open(o)
	t.Cleanup(func() { _ = one.Close(); _ = several.Close() })
	all := map[string][]byte{"golden": golden}
	for _, f := range files {
		all[f.name] = f.file
	}
	for _, c := range corruptions {
		all["corrupt: "+c.name] = newFile(12).add(byte(0xFE), count(0), byte(0), "a", "1", c.body, byte(0), "b", "2").end()
	}
	r := rand.New(rand.NewPCG(3, 4))
	for name, file := range all {
		loadsAlike(t, name, file, one, several)
		places := 60
		if testing.Short() {
			places = 10
		}
		for range places {
			at := r.IntN(len(file))
			loadsAlike(t, fmt.Sprintf("%s, cut at %d", name, at), file[:at], one, several)
			bad, bit := bytes.Clone(file), byte(1)<<r.IntN(8)
			bad[at] ^= bit
			loadsAlike(t, fmt.Sprintf("%s, byte %d with %#x", name, at, bit), bad, one, several)
		}
	}
}

// A key that is there twice is found at its second place, and an error before that, or
// before what another worker finds, is the error.
func TestLoadBesideOrder(t *testing.T) {
	one, several := newDB(t), newDB(t)
	badList := []any{byte(10), "bad", "no ziplist"}
	for name, between := range map[string]int{"near": 0, "far": 20000} {
		for place, bad := range map[string][2]int{"nothing else": {-1, -1}, "one before": {0, -1}, "one behind": {-1, 0}, "both": {0, 0}} {
			f := newFile(10).add(byte(0xFE), count(0))
			many := func(prefix string) {
				for i := range between {
					f.add(byte(0), fmt.Sprint(prefix, i), strings.Repeat("v", i%100))
				}
			}
			f.add(byte(0), "twice", "1")
			many("a")
			if bad[0] == 0 {
				f.add(badList...)
			}
			many("b")
			f.add(byte(0), "twice", "2")
			many("c")
			if bad[1] == 0 {
				f.add(badList...)
			}
			file := f.end()
			loadsAlike(t, name+", "+place, file, one, several)
			var e *Error
			if err := Load(bytes.NewReader(file), several); !errors.As(err, &e) || (e.Key == "twice") != (bad[0] == -1) {
				t.Errorf("%s, %s: %v", name, place, err)
			}
		}
	}
	if n, _ := several.DBSize(); n != 0 {
		t.Errorf("%d keys of bad files are there", n)
	}
}

// Values of every size find their place, whoever decodes them, however slowly they come.
func TestLoadBesideSizes(t *testing.T) {
	src := newDB(t)
	for _, n := range []int{0, 1, batchSize - 1, batchSize, bigValue - 1, bigValue, bigValue + 1, 3 * bigValue} {
		src.Set(fmt.Sprint("string:", n), random(n))
		src.Set(fmt.Sprint("same:", n), strings.Repeat("x", n))
	}
	for _, n := range []int{1, rawElements - 1, rawElements, rawElements + 1, 5 * rawElements} {
		for i := range n {
			src.RPush(fmt.Sprint("list:", n), fmt.Sprint("element ", i))
			src.SAdd(fmt.Sprint("set:", n), fmt.Sprint("member ", i))
			src.HSet(fmt.Sprint("hash:", n), fmt.Sprint("field ", i), fmt.Sprint(i))
			src.ZAdd(fmt.Sprint("zset:", n), larder.Z{Member: fmt.Sprint("member ", i), Score: float64(i)})
		}
	}
	src.DB(5).Set("elsewhere", "v")
	want, file := digest(t, src), saved(t, src)
	for _, procs := range []int{1, 2, 3, 64} {
		db := newDB(t)
		onProcs(t, procs, func() {
			if err := Load(iotest.HalfReader(bytes.NewReader(file)), db); err != nil {
				t.Fatal(err)
			}
		})
		if got := digest(t, db); got != want {
			t.Errorf("%d processors: digest %s, want %s", procs, got, want)
		}
	}
}

// What is held of a file while it is loaded does not grow with it.
func TestLoadBesideMemory(t *testing.T) {
	big := strings.Repeat("compressible, so that the file is small. ", 400<<10) // 16 MB
	file := newFile(10).add(byte(0xFE), count(0), byte(0), "big", lzfString(big)).end()
	onProcs(t, 2, func() {
		db := newDB(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := Load(bytes.NewReader(file), db); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		// Once decoded, once in the store; compressed it is a hundredth.
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(len(big))*5/2 {
			t.Errorf("%d bytes were allocated for a value of %d", n, len(big))
		}
	})
}

// A large value is not copied for its worker, which decodes it where it lies, while the
// reader waits.
func TestBigValueIsNotCopied(t *testing.T) {
	e := bridge.Server(newDB(t)).Engine()
	l, err := e.NewLoad()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Drop()
	var failed atomic.Int64
	failed.Store(math.MaxInt64)
	w := &worker{in: make(chan *batch, batchesAhead), next: new(batch)}
	r := &reader{ld: &loader{l: l}, workers: []*worker{w}, failed: &failed}
	given := make(chan error, 1)
	give := func(size int) { given <- r.give(record{}, &Event{Key: &Key{Name: []byte("k")}}, make([]byte, size)) }
	give(bigValue)
	go give(bigValue + 1)
	first := <-w.in
	if first.big != nil || len(first.bytes) != 1+bigValue {
		t.Errorf("a value of %d bytes: %d bytes are in the batch", bigValue, len(first.bytes))
	}
	second := <-w.in
	if len(second.big) != bigValue+1 || len(second.bytes) != 1 || len(second.records) != 1 {
		t.Errorf("a value of %d bytes: %d are in the batch", bigValue+1, len(second.bytes))
	}
	<-given
	select {
	case <-given:
		t.Error("the reader does not wait for the worker")
	default:
	}
	close(second.done)
	if err := <-given; err != nil {
		t.Error(err)
	}
}

// A store that is closed while a file is loaded ends that.
func TestCloseWhileLoading(t *testing.T) {
	src := newDB(t)
	for i := range 1000 {
		src.Set(fmt.Sprint("k", i), "v")
	}
	file := saved(t, src)
	for _, procs := range []int{1, 3} {
		onProcs(t, procs, func() {
			db := newDB(t, "key-load-delay", "100000")
			began := &signalling{r: bytes.NewReader(file), first: make(chan struct{})}
			loaded := make(chan error, 1)
			go func() { loaded <- Load(began, db) }()
			<-began.first
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if err := <-loaded; !errors.Is(err, larder.ErrClosed) {
				t.Errorf("Load returns %v", err)
			}
		})
	}
}

// A signalling reader says when it is read first.
type signalling struct {
	r     *bytes.Reader
	first chan struct{}
	done  bool
}

func (s *signalling) Read(b []byte) (int, error) {
	if !s.done {
		s.done = true
		close(s.first)
	}
	return s.r.Read(b)
}

func BenchmarkLoad(b *testing.B) {
	for _, c := range []struct {
		name                  string
		strings, small, plain int
	}{{"strings", 500000, 0, 0}, {"listpacks", 0, 100000, 0}, {"fields", 0, 0, 500}} {
		file := mix(b, c.strings, c.small, c.plain)
		for _, procs := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/procs=%d", c.name, procs), func(b *testing.B) {
				onProcs(b, procs, func() {
					b.SetBytes(int64(len(file)))
					db := newDB(b)
					e := bridge.Server(db).Engine()
					for b.Loop() {
						if err := Load(bytes.NewReader(file), db); err != nil {
							b.Fatal(err)
						}
					}
					if e.Changes() == 0 {
						b.Error("nothing was loaded")
					}
				})
			})
		}
	}
}
