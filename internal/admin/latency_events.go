package admin

import (
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What lasted longer than latency-monitor-threshold, by kind: an event is a call of a
// fast command, or of another, or a piece of the engine's own work.

// A latencySample is the longest of an event's durations within a second.
type latencySample struct {
	at int64 // Unix seconds
	ms int64
}

// maxSamples is how many seconds are kept of an event.
const maxSamples = 160

// A latencySeries is what is known of an event.
type latencySeries struct {
	samples []latencySample // oldest first
	max     int64           // ms, of all that ever were
}

// spikes holds the series by event. There are only as many as this package and the
// engine have names for.
type spikes struct {
	threshold atomic.Int64 // ms; 0: nothing is noted

	mu     sync.Mutex // guards following
	series map[string]*latencySeries
}

// note takes note of a duration, if it is long enough. It is inlined.
func (l *spikes) note(event string, d time.Duration, now func() time.Time) {
	if t := l.threshold.Load(); t != 0 && d.Milliseconds() >= t {
		l.add(event, now().Unix(), d.Milliseconds())
	}
}

func (l *spikes) add(event string, at, ms int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.series[event]
	if s == nil {
		if l.series == nil {
			l.series = map[string]*latencySeries{}
		}
		s = &latencySeries{}
		l.series[event] = s
	}
	s.max = max(s.max, ms)
	if n := len(s.samples); n > 0 && s.samples[n-1].at == at {
		s.samples[n-1].ms = max(s.samples[n-1].ms, ms)
		return
	}
	if len(s.samples) == maxSamples {
		s.samples = slices.Delete(s.samples, 0, 1)
	}
	s.samples = append(s.samples, latencySample{at, ms})
}

// get returns a copy of an event's series.
func (l *spikes) get(event string) (s latencySeries) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was := l.series[event]; was != nil {
		s = latencySeries{slices.Clone(was.samples), was.max}
	}
	return s
}

// events are the names of the events that were noted, in order.
func (l *spikes) events() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.series))
}

// reset forgets events, or all if none is named, and says how many there were.
func (l *spikes) reset(events []string) (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(events) == 0 {
		n = int64(len(l.series))
		clear(l.series)
	}
	for _, e := range events {
		if _, ok := l.series[e]; ok {
			delete(l.series, e)
			n++
		}
	}
	return n
}

// A summary is what a report says of a series.
type latencySummary struct {
	count          int
	low, high      int64         // ms
	mean, mad      int64         // ms: the average, and the mean distance from it
	every          time.Duration // the mean time between two samples; 0 for one
	firstAt, endAt int64
}

func (s *latencySeries) summary() (sum latencySummary) {
	n := len(s.samples)
	if n == 0 {
		return sum
	}
	sum = latencySummary{count: n, low: math.MaxInt64, firstAt: s.samples[0].at, endAt: s.samples[n-1].at}
	total := int64(0)
	for _, x := range s.samples {
		sum.low, sum.high = min(sum.low, x.ms), max(sum.high, x.ms)
		total += x.ms
	}
	sum.mean = total / int64(n)
	away := int64(0)
	for _, x := range s.samples {
		away += max(x.ms-sum.mean, sum.mean-x.ms)
	}
	sum.mad = away / int64(n)
	if n > 1 {
		sum.every = time.Duration(sum.endAt-sum.firstAt) * time.Second / time.Duration(n-1)
	}
	return sum
}
