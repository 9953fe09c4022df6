package main

import (
	"math/bits"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// rss is the resident memory of a process in bytes, 0 where there is no /proc.
func rss(pid string) float64 { return memoryOf(pid, "VmRSS:") }

// anonymous is what of it is not a file's: the pages of a program's own file, that come
// in when its code first runs, are no matter of its data.
func anonymous(pid string) float64 { return memoryOf(pid, "RssAnon:") }

func memoryOf(pid, field string) float64 {
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, field); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kb * 1024
		}
	}
	return 0
}

// ownRSS is this process's, without the garbage of whoever loaded the store.
func ownRSS() float64 {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // what finalizers and cleanups let go in the first
	return rss("self")
}

// A histogram counts durations to within a sixteenth of each. It allocates
// nothing while it counts.
type histogram struct {
	n       uint64
	max     time.Duration
	buckets [64 * 16]uint64
}

func (h *histogram) add(d time.Duration) {
	h.n++
	h.max = max(h.max, d)
	v := uint64(max(d, 0)) | 16
	e := bits.Len64(v) - 5 // 16 buckets a doubling
	h.buckets[e*16+int(v>>e)-16]++
}

// quantile is the upper border of the bucket that q of the durations do not
// exceed.
func (h *histogram) quantile(q float64) time.Duration {
	left := uint64(float64(h.n) * (1 - q))
	for i := len(h.buckets) - 1; i >= 0; i-- {
		if h.buckets[i] > left {
			return min(h.max, time.Duration(uint64(i%16+17)<<(i/16)))
		}
		left -= h.buckets[i]
	}
	return 0
}
