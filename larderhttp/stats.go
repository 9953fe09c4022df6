package larderhttp

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/larderdb/larder"
)

// How the store is doing, now and in the last minutes.

const (
	sampleEvery = time.Second
	maxSamples  = 600

	// A sample that comes later than this after the last one has no rates: they would
	// be the mean of a time that nobody watched.
	maxGap = 15 * time.Second
)

// A sample is one point of each chart. Rates are a second's mean since the sample
// before.
type sample struct {
	Seq int64 `json:"seq"`
	At  int64 `json:"at"` // Unix milliseconds

	// Rates says whether those that follow, up to Latency, are known: they are not in the
	// first sample, after a gap, and after the counters were reset.
	Rates   bool    `json:"rates"`
	Ops     float64 `json:"ops"` // calls by Go, and commands in words
	Hits    float64 `json:"hits"`
	Misses  float64 `json:"misses"`
	Expired float64 `json:"expired"`
	Evicted float64 `json:"evicted"`
	Errors  float64 `json:"errors"`
	In      float64 `json:"in"`  // bytes by the network
	Out     float64 `json:"out"` // bytes by the network

	// Latency is nil where no call was timed.
	Latency *latency `json:"latency,omitempty"`

	Memory  int64 `json:"memory"` // bytes, as larder counts them
	RSS     int64 `json:"rss"`    // bytes, of the whole process
	Keys    int64 `json:"keys"`
	Clients int   `json:"clients"`
}

// A latency tells how long calls took, in microseconds. It is read from counts by powers
// of two, between which it is interpolated.
type latency struct {
	Timed float64 `json:"timed"` // calls a second
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
}

// A series is the samples that the charts are drawn from, shared by all pages. It has no
// timer: a sample is taken when a page asks and the last one is old enough.
type series struct {
	db *larder.DB

	mu      sync.Mutex // guards following
	samples []sample   // oldest first
	seq     int64      // of the last
	at      time.Time  // of the last
	last    counters
}

// counters are what rates are made of.
type counters struct {
	ops, hits, misses, expired, evicted, errors, in, out int64
	timed                                                ladder
}

// look returns how the store is doing, and the samples after one of that number.
func (s *series) look(since int64) (st larder.Stats, out []sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st = s.db.Stats()
	now := time.Now()
	// Pages ask every second, and timers are not exact.
	if s.at.IsZero() || now.Sub(s.at) >= sampleEvery*9/10 {
		s.addLocked(now, &st)
	}
	i, _ := slices.BinarySearchFunc(s.samples, since, func(x sample, since int64) int { return cmp.Compare(x.Seq, since+1) })
	return st, slices.Clone(s.samples[i:])
}

func (s *series) addLocked(now time.Time, st *larder.Stats) {
	c := countersOf(s.db, st)
	d := now.Sub(s.at)
	s.seq++
	x := sample{Seq: s.seq, At: now.UnixMilli(), Memory: st.Memory.Used, RSS: st.Memory.RSS, Clients: st.Clients.Connected}
	for _, k := range st.Keyspace {
		x.Keys += k.Keys
	}
	reset := c.ops < s.last.ops || c.hits < s.last.hits || c.misses < s.last.misses
	if !s.at.IsZero() && d <= maxGap && !reset {
		rate := func(now, was int64) float64 { return math.Round(float64(max(0, now-was))/d.Seconds()*100) / 100 }
		was := &s.last
		x.Rates = true
		x.Ops, x.Hits, x.Misses = rate(c.ops, was.ops), rate(c.hits, was.hits), rate(c.misses, was.misses)
		x.Expired, x.Evicted = rate(c.expired, was.expired), rate(c.evicted, was.evicted)
		x.Errors, x.In, x.Out = rate(c.errors, was.errors), rate(c.in, was.in), rate(c.out, was.out)
		if l := c.timed.minus(&was.timed); l.total() > 0 {
			x.Latency = &latency{rate(l.total(), 0), l.percentile(0.5), l.percentile(0.99), l.percentile(0.999)}
		}
	}
	s.samples = append(s.samples, x)
	if len(s.samples) > maxSamples {
		s.samples = slices.Delete(s.samples, 0, len(s.samples)-maxSamples)
	}
	s.at, s.last = now, c
}

// own is the command by which the page itself learns of latencies. It would be most of
// what a store does that is idle, and is left out.
const own = "latency|histogram"

func countersOf(db *larder.DB, st *larder.Stats) (c counters) {
	for _, cmd := range st.Commands {
		if cmd.Name != own {
			c.ops += cmd.Calls
		}
	}
	c.hits, c.misses, c.expired, c.evicted = st.Hits, st.Misses, st.Expired, st.Evicted
	c.errors, c.in, c.out = st.ErrorReplies, st.Clients.BytesIn, st.Clients.BytesOut
	for name, l := range histograms(db) {
		if name != own {
			c.timed.add(&l)
		}
	}
	return c
}

// steps is the number of powers of two of microseconds that latencies are counted by:
// 1.024 microseconds, twice that, and so on to 1.07 seconds, where the last takes the
// rest.
const steps = 21

// stepSeconds is the longest time of a step in seconds.
func stepSeconds(i int) float64 { return float64(int64(1024)<<i) / 1e9 }

// A ladder counts calls by how long they took, each step those that are not in the step
// before.
type ladder [steps]int64

func (l *ladder) add(m *ladder) {
	for i := range l {
		l[i] += m[i]
	}
}

// minus is what came after an earlier ladder; nothing where counts were reset between.
func (l *ladder) minus(was *ladder) (d ladder) {
	for i := range l {
		if d[i] = l[i] - was[i]; d[i] < 0 {
			return ladder{}
		}
	}
	return d
}

func (l *ladder) total() (n int64) {
	for _, c := range l {
		n += c
	}
	return n
}

// percentile is how many microseconds a share of the calls took at most. Within a step
// they are taken to lie evenly on a logarithmic scale.
func (l *ladder) percentile(share float64) float64 {
	rank := share * float64(l.total())
	for i, c := range l {
		if c > 0 && rank <= float64(c) {
			return math.Round(stepSeconds(i)*1e6*math.Pow(2, rank/float64(c)-1)*100) / 100
		}
		rank -= float64(c)
	}
	return 0
}

// histograms returns how long the calls of each command took: those that were timed.
func histograms(db *larder.DB) map[string]ladder {
	out := map[string]ladder{}
	v, err := db.Do("LATENCY", "HISTOGRAM")
	if err != nil {
		return out // it is renamed, or the store closed
	}
	commands, _ := v.(map[string]any)
	for name, c := range commands {
		fields, _ := c.(map[string]any)
		levels, _ := fields["histogram_usec"].(map[string]any)
		var l ladder
		for micros, calls := range levels {
			n, ok := calls.(int64)
			us, err := strconv.ParseInt(micros, 10, 64)
			if !ok || err != nil {
				continue
			}
			l[stepOf(us)] = n
		}
		// The levels are sums up to there, and those that add nothing are left out.
		sum := int64(0)
		for i, n := range l {
			if n != 0 {
				l[i], sum = n-sum, n
			}
		}
		out[name] = l
	}
	return out
}

// stepOf is the step that LATENCY HISTOGRAM calls by a number of microseconds, which it
// rounds up a little.
func stepOf(us int64) int {
	for i := range steps - 1 {
		if us < int64(1024)<<i*3/2/1000+1 {
			return i
		}
	}
	return steps - 1
}

type statsAnswer struct {
	Name    string   `json:"name"`
	Writes  bool     `json:"writes"`
	Token   string   `json:"token,omitempty"` // that command.json wants, where Writes is set
	Samples []sample `json:"samples"`

	Now          int64          `json:"now"`    // Unix milliseconds, by the store's clock
	Uptime       float64        `json:"uptime"` // seconds
	Databases    int            `json:"databases"`
	Keyspace     []keyspaceInfo `json:"keyspace"`
	Memory       memoryInfo     `json:"memory"`
	HitRate      float64        `json:"hitRate"` // 0 to 1
	Hits         int64          `json:"hits"`
	Misses       int64          `json:"misses"`
	Expired      int64          `json:"expired"`
	Evicted      int64          `json:"evicted"`
	ErrorReplies int64          `json:"errorReplies"`
	Errors       []errorCount   `json:"errors"`
	Snapshots    int            `json:"snapshots"`
	Clients      clientsInfo    `json:"clients"`
	Persistence  persistence    `json:"persistence"`
	Replication  replication    `json:"replication"`
	Commands     []commandInfo  `json:"commands"` // by calls, most first
}

type keyspaceInfo struct {
	DB       int   `json:"db"`
	Keys     int64 `json:"keys"`
	Expiring int64 `json:"expiring"`
	MeanTTL  int64 `json:"meanTTL"` // milliseconds
}

type memoryInfo struct {
	Used     int64  `json:"used"`
	Keyspace int64  `json:"keyspace"`
	Clients  int64  `json:"clients"`
	Backlog  int64  `json:"backlog"`
	Peak     int64  `json:"peak"`
	Max      int64  `json:"max"` // 0: no limit
	RSS      int64  `json:"rss"`
	Policy   string `json:"policy"`
}

type errorCount struct {
	Code  string `json:"code"`
	Count int64  `json:"count"`
}

type clientsInfo struct {
	Connected     int   `json:"connected"`
	Max           int   `json:"max"`
	Blocked       int   `json:"blocked"`
	Monitors      int   `json:"monitors"`
	Tracking      int   `json:"tracking"`
	Received      int64 `json:"received"`
	Rejected      int64 `json:"rejected"`
	BytesIn       int64 `json:"bytesIn"`
	BytesOut      int64 `json:"bytesOut"`
	Channels      int   `json:"channels"`
	Patterns      int   `json:"patterns"`
	ShardChannels int   `json:"shardChannels"`
}

type persistence struct {
	LastSave int64   `json:"lastSave"` // Unix milliseconds; of the store's start, where there was none
	Changes  int64   `json:"changes"`
	Saves    int64   `json:"saves"`
	Saving   bool    `json:"saving"`
	Failed   bool    `json:"failed"`
	LastTook float64 `json:"lastTook"` // seconds; -1: there was none
	Loading  bool    `json:"loading"`
}

type replication struct {
	ID       string    `json:"id"`
	Offset   int64     `json:"offset"`
	Primary  string    `json:"primary"`
	LinkUp   bool      `json:"linkUp"`
	Replicas []replica `json:"replicas"`
}

type replica struct {
	Addr   string  `json:"addr"`
	State  string  `json:"state"`
	Offset int64   `json:"offset"`
	Lag    float64 `json:"lag"` // seconds
}

// A commandInfo is about one command; times are in microseconds.
type commandInfo struct {
	Name     string  `json:"name"`
	Calls    int64   `json:"calls"`
	Rejected int64   `json:"rejected"`
	Failed   int64   `json:"failed"`
	Time     float64 `json:"time"` // of all that were timed
	P50      float64 `json:"p50"`  // 0: none was timed
	P99      float64 `json:"p99"`
	P999     float64 `json:"p999"`
	Longest  float64 `json:"longest"`
}

// stats answers stats.json?since=: how the store is doing, and the samples that came
// after one.
func (h *handler) stats(r *http.Request) (any, error) {
	p := paramsOf(r)
	since := p.number("since", 0, math.MaxInt64-1, 0)
	if p.err != nil {
		return nil, p.err
	}
	if err := h.closed(); err != nil {
		return nil, err
	}
	st, samples := h.series.look(since)
	m, c, ps, rp := &st.Memory, &st.Clients, &st.Persistence, &st.Replication
	a := statsAnswer{
		Name: h.o.Name, Writes: h.o.AllowWrites, Samples: samples,
		Now: st.Now.UnixMilli(), Uptime: st.Uptime.Seconds(), Databases: h.databases(), HitRate: st.HitRate(), Hits: st.Hits,
		Misses: st.Misses, Expired: st.Expired, Evicted: st.Evicted, ErrorReplies: st.ErrorReplies, Snapshots: st.Snapshots,
		Memory: memoryInfo{m.Used, m.Keyspace, m.Clients, m.Backlog, m.Peak, m.Max, m.RSS, m.Policy.String()},
		Clients: clientsInfo{
			c.Connected, c.Max, c.Blocked, c.Monitors, c.Tracking, c.Received, c.Rejected, c.BytesIn, c.BytesOut,
			c.Channels, c.Patterns, c.ShardChannels,
		},
		Persistence: persistence{
			ps.LastSave.UnixMilli(), ps.Changes, ps.Saves, ps.Saving, ps.Failed, max(-1, ps.LastTook.Seconds()), ps.Loading,
		},
		Replication: replication{rp.ID, rp.Offset, rp.Primary, rp.LinkUp, []replica{}},
		Keyspace:    []keyspaceInfo{}, Errors: []errorCount{}, Commands: []commandInfo{},
	}
	if h.o.AllowWrites {
		a.Token = h.token
	}
	for _, x := range rp.Replicas {
		a.Replication.Replicas = append(a.Replication.Replicas, replica{x.Addr, x.State, x.Offset, x.Lag.Seconds()})
	}
	for _, k := range st.Keyspace {
		a.Keyspace = append(a.Keyspace, keyspaceInfo{k.DB, k.Keys, k.Expiring, k.MeanTTL.Milliseconds()})
	}
	for code, n := range st.Errors {
		a.Errors = append(a.Errors, errorCount{code, n})
	}
	slices.SortFunc(a.Errors, func(x, y errorCount) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), strings.Compare(x.Code, y.Code))
	})
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	for _, x := range st.Commands {
		if x.Name != own {
			a.Commands = append(a.Commands, commandInfo{x.Name, x.Calls, x.Rejected, x.Failed, us(x.Time), us(x.P50), us(x.P99), us(x.P999), us(x.Longest)})
		}
	}
	slices.SortStableFunc(a.Commands, func(x, y commandInfo) int { return cmp.Compare(y.Calls, x.Calls) })
	return a, nil
}

// closed returns ErrClosed once the store is closed.
func (h *handler) closed() error {
	select {
	case <-h.engine().Closed():
		return larder.ErrClosed
	default:
		return nil
	}
}
