package main

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A call is a benchmark of one store, open and loaded.
type call struct {
	name string
	run  func(b *testing.B, s store, k keys)
}

// Each reads the value's first byte, as a program would: a map hands out where
// the value lies, larder the value.
var calls = []call{
	{"GetAppend", func(b *testing.B, s store, k keys) {
		if s.append == nil {
			b.Skip("larder's alone")
		}
		b.ReportAllocs()
		buf, i, sum, c0 := make([]byte, 0, 64), 0, 0, cpu()
		for b.Loop() {
			v, ok := s.append(buf, k.at(i))
			if !ok {
				b.Fatal(errMissing)
			}
			sum += int(v[0])
			if i++; i == k.n {
				i = 0
			}
		}
		reportCPU(b, c0)
	}},
	{"Get", func(b *testing.B, s store, k keys) {
		b.ReportAllocs()
		i, sum, c0 := 0, 0, cpu()
		for b.Loop() {
			v, ok := s.get(k.at(i))
			if !ok {
				b.Fatal(errMissing)
			}
			sum += int(v[0])
			if i++; i == k.n {
				i = 0
			}
		}
		reportCPU(b, c0)
	}},
	{"Set", func(b *testing.B, s store, k keys) {
		b.ReportAllocs()
		v, i, c0 := value(1, valueLen), 0, cpu()
		for b.Loop() {
			s.set(k.at(i), v)
			if i++; i == k.n {
				i = 0
			}
		}
		reportCPU(b, c0)
	}},
	{"parallel Get", func(b *testing.B, s store, k keys) {
		b.ReportAllocs()
		parallel(b, k, func(i int, buf []byte) bool {
			if s.append != nil {
				_, ok := s.append(buf, k.at(i))
				return ok
			}
			_, ok := s.get(k.at(i))
			return ok
		})
	}},
	{"parallel Set", func(b *testing.B, s store, k keys) {
		b.ReportAllocs()
		v := value(1, valueLen)
		parallel(b, k, func(i int, _ []byte) bool {
			s.set(k.at(i), v)
			return true
		})
	}},
}

// parallel calls f on each proc with keys that are that goroutine's alone. It does without
// b.RunParallel, whose counters of two goroutines now and then share a cache line, and is
// then what is measured.
func parallel(b *testing.B, k keys, f func(i int, buf []byte) bool) {
	procs := runtime.GOMAXPROCS(0)
	c0 := cpu()
	var all sync.WaitGroup
	for g := range procs {
		all.Go(func() {
			var room [256]byte
			from, to := g*k.n/procs, (g+1)*k.n/procs
			i := from
			for range (g+1)*b.N/procs - g*b.N/procs {
				if !f(i, room[:0]) {
					b.Error(errMissing)
					return
				}
				if i++; i == to {
					i = from
				}
			}
		})
	}
	all.Wait()
	reportCPU(b, c0)
}

const cpuMetric = "cpu-ns/op"

func reportCPU(b *testing.B, since time.Duration) {
	b.ReportMetric(float64(cpu()-since)/float64(b.N), cpuMetric)
}

// A figure is what one run of a benchmark gave.
type figure struct {
	CPU    float64 // ns of CPU a call
	Wall   float64 // ns
	Allocs int64
}

func benchmark(d time.Duration, f func(b *testing.B)) (figure, error) {
	must(flag.Set("test.benchtime", d.String()))
	r := testing.Benchmark(f)
	if r.N == 0 {
		return figure{}, fmt.Errorf("the benchmark failed")
	}
	return figure{CPU: r.Extra[cpuMetric], Wall: float64(r.T) / float64(r.N), Allocs: r.AllocsPerOp()}, nil
}

// benchmarkAll runs calls one after the other, in the order of their names.
func benchmarkAll(d time.Duration, calls map[string]func()) (map[string]figure, error) {
	figures := map[string]figure{}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		call := calls[name]
		f, err := benchmark(d, func(b *testing.B) {
			b.ReportAllocs()
			c0 := cpu()
			for b.Loop() {
				call()
			}
			reportCPU(b, c0)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		figures[name] = f
	}
	return figures, nil
}

type callsArgs struct {
	Store     string
	Keys      int
	Benchtime time.Duration
}

// measureCalls runs every call on one store, in a process of its own.
func measureCalls(a callsArgs) (map[string]figure, error) {
	s, err := openStore(a.Store, a.Keys)
	if err != nil {
		return nil, err
	}
	defer s.close()
	k := makeKeys(a.Keys)
	s.load(k)
	runtime.GC()
	figures := map[string]figure{}
	for _, c := range calls {
		if c.name == "GetAppend" && s.append == nil {
			continue
		}
		f, err := benchmark(a.Benchtime, func(b *testing.B) { c.run(b, s, k) })
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", c.name, a.Store, err)
		}
		figures[c.name] = f
	}
	return figures, nil
}

// rounds collects figures: store, call, round.
type rounds map[string]map[string][]figure

func (r rounds) add(store string, figures map[string]figure) {
	if r[store] == nil {
		r[store] = map[string][]figure{}
	}
	for call, f := range figures {
		r[store][call] = append(r[store][call], f)
	}
}

func (r rounds) cpu(store, call string) (v []float64) {
	for _, f := range r[store][call] {
		v = append(v, f.CPU)
	}
	return v
}

func (r rounds) wall(store, call string) (v []float64) {
	for _, f := range r[store][call] {
		v = append(v, f.Wall)
	}
	return v
}

func (r rounds) allocs(store, call string) int64 {
	var v []float64
	for _, f := range r[store][call] {
		v = append(v, float64(f.Allocs))
	}
	return int64(median(v))
}

func inProcess(sc scale, w *report) error {
	w.title("In process")
	w.para("Nanoseconds of %s a call, the collector's share included; x is the time relative to the map, allocs the allocations a call. Keys of %d bytes, values of %d; Set overwrites a value of the same size.", cpuName, keyLen, valueLen)
	type run struct{ n, procs int }
	var runs []run
	all := map[run]rounds{}
	for _, n := range []int{sc.hot, sc.many} {
		for procs := 1; procs <= min(2, runtime.NumCPU()); procs++ {
			runs = append(runs, run{n, procs})
			all[run{n, procs}] = rounds{}
		}
	}
	for range sc.rounds {
		for _, r := range runs {
			for _, name := range contenders {
				f, err := inChild[map[string]figure]("calls", r.procs, callsArgs{name, r.n, sc.benchtime})
				if err != nil {
					return err
				}
				all[r].add(name, f)
			}
		}
	}
	const base = "map + RWMutex"
	for _, r := range runs {
		fig := all[r]
		getBar, setBar := 3.5, 3.0
		if r.n != sc.hot {
			getBar, setBar = 2, 0
		}
		var rows [][]string
		for _, name := range contenders {
			cell := func(call, limits string, limit float64) []string {
				x := ratio(fig.cpu(name, call), fig.cpu(base, strings.TrimSuffix(call, "Append")))
				xs := fmt.Sprintf("%.1f", x)
				if limits == name && limit > 0 {
					xs = bar(x, limit, "%.1f")
				}
				return []string{fmt.Sprintf("%.0f", median(fig.cpu(name, call))), xs, fmt.Sprint(fig.allocs(name, call))}
			}
			if name == "larder" {
				rows = append(rows, slices.Concat([]string{"larder, GetAppend"}, cell("GetAppend", "larder", getBar), []string{"", "", ""}))
			}
			rows = append(rows, slices.Concat([]string{name}, cell("Get", "", 0), cell("Set", "larder", setBar)))
		}
		w.para("%s keys, %d proc%s:", count(r.n), r.procs, plural(r.procs))
		w.table([]string{"", "Get", "x", "allocs", "Set", "x", "allocs"}, rows)
		if r.n == sc.hot {
			w.para("larder's Set to otter's: %s.", bar(ratio(fig.cpu("larder", "Set"), fig.cpu("otter", "Set")), 1, "%.2f"))
		} else {
			w.para("larder's Get to otter's: %s.", bar(ratio(fig.cpu("larder", "Get"), fig.cpu("otter", "Get")), 1.5, "%.2f"))
		}
	}
	if runtime.NumCPU() < 2 {
		w.skip("calls in parallel: this machine has one processor")
		return nil
	}
	w.para("In parallel, each goroutine on keys of its own: million calls a second (wall time) with 1 and 2 procs, and their ratio. larder's Get is GetAppend.")
	for _, n := range []int{sc.hot, sc.many} {
		var rows [][]string
		one, two := all[run{n, 1}], all[run{n, 2}]
		for _, name := range contenders {
			row := []string{name}
			for _, c := range []string{"parallel Get", "parallel Set"} {
				row = append(row, fmt.Sprintf("%.1f", 1e3/median(one.wall(name, c))), fmt.Sprintf("%.1f", 1e3/median(two.wall(name, c))),
					fmt.Sprintf("%.2f", ratio(one.wall(name, c), two.wall(name, c))))
			}
			rows = append(rows, row)
		}
		w.para("%s keys:", count(n))
		w.table([]string{"", "Get, 1", "Get, 2", "ratio", "Set, 1", "Set, 2", "ratio"}, rows)
	}
	return nil
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
