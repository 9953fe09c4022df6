package admin

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// A histogram counts durations, in nanoseconds, in buckets that grow with them:
// each power of two is cut into 32 parts, so a duration that is read back is at
// most 3% too long. What lasted longer than a second counts as a second, as in
// Redis.
type histogram [(maxLog - subLog + 2) << subLog]atomic.Uint32

const (
	subLog = 5
	maxLog = 30 // 2^30 ns is the first power of two past a second
)

// bucket is the place of a duration.
func bucket(d time.Duration) int {
	n := uint64(min(max(d, 1), time.Second))
	if n < 1<<subLog {
		return int(n)
	}
	log := bits.Len64(n) - 1
	return (log-subLog+1)<<subLog + int(n>>(log-subLog))&(1<<subLog-1)
}

// upper is the longest duration of a bucket.
func upper(b int) time.Duration {
	if b < 1<<subLog {
		return time.Duration(b)
	}
	log, sub := b>>subLog+subLog-1, uint64(b&(1<<subLog-1))
	return time.Duration((1<<subLog+sub+1)<<(log-subLog) - 1)
}

// latencies holds the histograms, one for each command in each lane; those that
// were not needed yet are nil. Noting a duration allocates nothing after the
// first time, and lanes keep procs out of each other's cache lines.
type latencies struct {
	lane [engine.Lanes][]atomic.Pointer[histogram] // by Spec.ID
}

func (l *latencies) init() {
	for i := range l.lane {
		l.lane[i] = make([]atomic.Pointer[histogram], engine.SpecIDs())
	}
}

func (l *latencies) note(lane int, spec *engine.Spec, calls int, d time.Duration) {
	if spec.ID() >= len(l.lane[lane]) {
		return // declared after the engine was made
	}
	p := &l.lane[lane][spec.ID()]
	h := p.Load()
	if h == nil {
		p.CompareAndSwap(nil, new(histogram))
		h = p.Load()
	}
	if h != nil { // a reset may have come between
		h[bucket(d)].Add(uint32(calls))
	}
}

func (l *latencies) reset() {
	for i := range l.lane {
		for j := range l.lane[i] {
			l.lane[i][j].Store(nil)
		}
	}
}

// sum adds up the histograms of a command.
func (l *latencies) sum(spec *engine.Spec) (sum [len(histogram{})]uint64, total uint64) {
	for i := range l.lane {
		if spec.ID() >= len(l.lane[i]) {
			continue
		}
		if h := l.lane[i][spec.ID()].Load(); h != nil {
			for b := range h {
				n := uint64(h[b].Load())
				sum[b] += n
				total += n
			}
		}
	}
	return sum, total
}

// percentiles returns, for each of ps, the duration that so many per cent of a
// command's calls did not exceed; nil if there was none.
func (l *latencies) percentiles(spec *engine.Spec, ps []float64) []time.Duration {
	sum, total := l.sum(spec)
	if total == 0 {
		return nil
	}
	out := make([]time.Duration, len(ps))
	for i, p := range ps {
		rank := max(1, uint64(p/100*float64(total)+0.5))
		for b, n := range sum {
			if n >= rank {
				out[i] = upper(b)
				break
			}
			rank -= n
		}
	}
	return out
}
