package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if runChild() {
		return
	}
	os.Exit(m.Run())
}

// Every section runs to its end with next to nothing to do. What it measures
// then means nothing, and nothing is held to it but the allocations.
func TestSections(t *testing.T) {
	tiny := scale{rounds: 1, benchtime: time.Millisecond, hot: 100, many: 2000, huge: 5000, requests: 4000, netKeys: 100, idle: 50, churn: 1, churnTTL: 20 * time.Millisecond}
	for _, s := range sections {
		t.Run(s.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := s.run(tiny, &report{&out}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), "\n| ") && !strings.Contains(out.String(), "SKIPPED: ") {
				t.Errorf("no table and no word why:\n%s", &out)
			}
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, "SKIPPED: ") {
					t.Log(strings.TrimSpace(line))
				}
				if s.name != "network" && strings.Contains(line, "NaN") || s.name != "network" && strings.Contains(line, "Inf") { // redis-benchmark counts milliseconds
					t.Errorf("not a figure: %s", line)
				}
			}
		})
	}
}

// The allocations of the bars.
func TestAllocations(t *testing.T) {
	f, err := measureCalls(callsArgs{"larder", 1000, 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for call, want := range map[string]int64{"GetAppend": 0, "Get": 1, "Set": 0} {
		if got := f[call].Allocs; got != want {
			t.Errorf("%s allocates %d times, want %d", call, got, want)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i) * time.Microsecond)
	}
	if got := h.quantile(0.5); got < 499*time.Microsecond || got > 540*time.Microsecond {
		t.Errorf("median = %v, want 500µs to within a sixteenth", got)
	}
	if got := h.quantile(0.999); got < 980*time.Microsecond || got > 999*time.Microsecond {
		t.Errorf("99.9 %% = %v, want about 998µs", got)
	}
	if h.max != 999*time.Microsecond {
		t.Errorf("max = %v", h.max)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.v); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.v, got, c.want)
		}
	}
	if got := ratio([]float64{2, 30}, []float64{1, 10}); got != 2.5 {
		t.Errorf("ratio = %v, want 2.5", got)
	}
}

// BenchmarkCalls are the calls of section inprocess for go test -bench, such
// as -bench 'Calls/larder/1000/Set$'.
func BenchmarkCalls(b *testing.B) {
	for _, name := range contenders {
		b.Run(strings.ReplaceAll(name, " ", ""), func(b *testing.B) {
			for _, n := range []int{full.hot, full.many} {
				b.Run(fmt.Sprint(n), func(b *testing.B) {
					s, err := openStore(name, n)
					if err != nil {
						b.Fatal(err)
					}
					defer s.close()
					k := makeKeys(n)
					s.load(k)
					for _, c := range calls {
						b.Run(strings.ReplaceAll(c.name, " ", ""), func(b *testing.B) { c.run(b, s, k) })
					}
				})
			}
		})
	}
}
