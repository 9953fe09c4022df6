package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/larderdb/larder"
)

// streamFields are the three fields of every entry.
var streamFields = []string{"sku", "4711-blue", "count", "2", "customer", "anna@example.org"}

const (
	streamMax = 10_000 // of MAXLEN ~
	wakes     = 2000   // of who waits, in a round
)

type streamArgs struct {
	Entries   int
	Benchtime time.Duration
}

type streamFigures struct {
	Calls map[string]figure
	Bytes float64         // an entry, as MEMORY USAGE says
	Wakes []time.Duration // median and 99th percentile
}

// measureStreams runs the calls of streams on a stream of so many entries.
func measureStreams(a streamArgs) (f streamFigures, err error) {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		return f, err
	}
	defer db.Close()
	add := larder.XAddArgs{Stream: "s", Fields: streamFields}
	first := uint64(1_700_000_000_000)
	for i := range a.Entries {
		add.ID = larder.StreamID{Ms: first + uint64(i)}
		if _, err := db.XAdd(add); err != nil {
			return f, err
		}
	}
	if a.Entries > 0 {
		n, err := db.Do("MEMORY", "USAGE", "s")
		if err != nil {
			return f, err
		}
		f.Bytes = float64(n.(int64)) / float64(a.Entries)
	}
	add.ID = larder.StreamID{}
	calls := map[string]func(){"XADD": func() { must1(db.XAdd(add)) }}
	if a.Entries > 0 {
		trimmed := larder.XAddArgs{Stream: "t", Fields: streamFields, MaxLen: streamMax, Approx: true}
		for range streamMax {
			must1(db.XAdd(trimmed))
		}
		calls["XADD MAXLEN ~"] = func() { must1(db.XAdd(trimmed)) }
		at := uint64(0)
		calls["XRANGE 100"] = func() {
			at = (at + 7919) % uint64(max(1, a.Entries-100))
			must1(db.XRange(larder.XRangeArgs{Stream: "s", Start: larder.StreamID{Ms: first + at}, Count: 100}))
		}
		tail := larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "s"}}}
		calls["XREAD, 10 entries at the end"] = func() {
			if tail.Streams[0].After.IsZero() { // the first call: XADD has been measured
				tail.Streams[0].After = must1(db.XRevRange(larder.XRangeArgs{Stream: "s", Count: 11}))[10].ID
			}
			must1(db.XRead(context.Background(), tail))
		}
	}
	if f.Calls, err = benchmarkAll(a.Benchtime, calls); err != nil {
		return f, err
	}
	for _, consumers := range []int{1, 10} {
		name := groupName(consumers)
		if f.Calls[name], err = measureGroup(db, consumers, a.Benchtime); err != nil {
			return f, fmt.Errorf("%s: %w", name, err)
		}
	}
	f.Wakes, err = measureWakes(db)
	return f, err
}

func groupName(consumers int) string {
	return fmt.Sprintf("XREADGROUP + XACK, %d consumer%s", consumers, plural(consumers))
}

// measureGroup gives entries to consumers by turns and acknowledges them. There are
// as many entries as the benchmark needs.
func measureGroup(db *larder.DB, consumers int, d time.Duration) (figure, error) {
	names := make([]string, consumers)
	for i := range names {
		names[i] = "consumer" + strconv.Itoa(i)
	}
	return benchmark(d, func(b *testing.B) {
		must1(db.Del("g"))
		must(db.XGroupCreate(larder.XGroupArgs{Stream: "g", Group: "g", MkStream: true}))
		for range b.N {
			must1(db.XAdd(larder.XAddArgs{Stream: "g", Fields: streamFields}))
		}
		ctx, streams := context.Background(), []string{"g"}
		b.ReportAllocs()
		b.ResetTimer()
		c0 := cpu()
		for i := range b.N {
			xs := must1(db.XReadGroup(ctx, larder.XReadGroupArgs{Group: "g", Consumer: names[i%consumers], Streams: streams, Count: 1}))
			must1(db.XAck("g", "g", xs[0].Messages[0].ID))
		}
		reportCPU(b, c0)
	})
}

// measureWakes measures how long it takes from an XADD to the return of who waits
// for it.
func measureWakes(db *larder.DB) ([]time.Duration, error) {
	got := make(chan error)
	var woken time.Time
	after := larder.StreamID{}
	var all []time.Duration
	for range wakes {
		go func() {
			xs, err := db.XRead(context.Background(), larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "w", After: after}}, Block: time.Minute})
			woken = time.Now()
			if err == nil {
				after = xs[0].Messages[0].ID
			}
			got <- err
		}()
		time.Sleep(settle)
		t0 := time.Now()
		must1(db.XAdd(larder.XAddArgs{Stream: "w", Fields: streamFields, MaxLen: 100, Approx: true}))
		if err := <-got; err != nil {
			return nil, err
		}
		all = append(all, woken.Sub(t0))
	}
	return quantiles(all), nil
}

// settle is how long a reader gets to come to wait.
const settle = 200 * time.Microsecond

func quantiles(all []time.Duration) []time.Duration {
	slices.Sort(all)
	return []time.Duration{all[len(all)/2], all[len(all)*99/100]}
}

// wakeLoad measures how long it takes from an XADD on one connection to the reply
// of an XREAD on another.
func wakeLoad(s *server) ([]time.Duration, error) {
	reader, err := s.dial()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	writer, err := s.dial()
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	var all []time.Duration
	got := make(chan error)
	var woken time.Time
	after := "$"
	for range wakes {
		reader.add("XREAD", "BLOCK", "60000", "STREAMS", "w", after)
		if err := reader.flush(); err != nil {
			return nil, err
		}
		go func() {
			n := 0
			err := reader.reply(func(bulk []byte) {
				if n++; n == 2 {
					after = string(bulk)
				}
			})
			woken = time.Now()
			got <- err
		}()
		time.Sleep(settle)
		t0 := time.Now()
		if err := writer.do(append([]string{"XADD", "w", "MAXLEN", "~", "100", "*"}, streamFields...)...); err != nil {
			return nil, err
		}
		if err := <-got; err != nil {
			return nil, err
		}
		all = append(all, woken.Sub(t0))
	}
	return quantiles(all), nil
}

// groupLoad gives n entries of a stream to consumers, one to a connection, in
// batches of 16, and acknowledges them.
func groupLoad(consumers, n int) load {
	const batch = 16
	n = n / batch / consumers * batch * consumers
	work := func(s *server, consumer string, n int) error {
		c, err := s.dial()
		if err != nil {
			return err
		}
		defer c.Close()
		for range n / batch {
			for range batch {
				c.add("XREADGROUP", "GROUP", "g", consumer, "COUNT", "1", "STREAMS", "g", ">")
			}
			if err := c.flush(); err != nil {
				return err
			}
			for range batch {
				bulks := 0
				err := c.reply(func(b []byte) {
					if bulks++; bulks == 2 {
						c.add("XACK", "g", "g", string(b))
					}
				})
				if err != nil {
					return err
				}
			}
			if err := c.flush(); err != nil {
				return err
			}
			for range batch {
				if err := c.reply(nil); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return load{
		name: groupName(consumers),
		before: func(c *client) error {
			if err := c.do("DEL", "g"); err != nil {
				return err
			}
			if err := c.do("XGROUP", "CREATE", "g", "g", "$", "MKSTREAM"); err != nil {
				return err
			}
			return c.fill(n, func(int) []string { return append([]string{"XADD", "g", "*"}, streamFields...) })
		},
		run: func(s *server) (cpu, rps float64, err error) {
			return s.measured(n, func() error {
				errs := make(chan error, consumers)
				for i := range consumers {
					go func() { errs <- work(s, "consumer"+strconv.Itoa(i), n/consumers) }()
				}
				var first error
				for range consumers {
					if err := <-errs; err != nil && first == nil {
						first = err
					}
				}
				return first
			})
		},
	}
}

// streams is the section of streams.
func streams(sc scale, w *report) error {
	w.title("Streams")
	if err := streamCalls(sc, w); err != nil {
		return err
	}
	c, ok, stop, err := startContest(sc, w, "streams over the network")
	defer stop()
	if !ok {
		return err
	}
	w.para("Over the network, %d connections with a pipeline of 16, on a stream of %s entries of 3 fields; XREADGROUP and XACK, counted as one, from a connection for each consumer.", connections, count(sc.netKeys))
	for _, s := range c.servers {
		if err := fillStream(s, sc.netKeys); err != nil {
			return err
		}
	}
	n := 2 * sc.requests
	err = c.table(sc, w, 1, []load{
		words("XADD", 16, n, 1, append([]string{"XADD", "a", "*"}, streamFields...)...),
		words("XADD MAXLEN ~", 16, n, 1, append([]string{"XADD", "t", "MAXLEN", "~", strconv.Itoa(streamMax), "*"}, streamFields...)...),
		words("XRANGE 100", 16, n/20, sc.netKeys-100, "XRANGE", "s", "1__rand_int__", "+", "COUNT", "100"),
		words("XREAD, 10 entries at the end", 16, n/2, 1, "XREAD", "STREAMS", "s", fmt.Sprintf("1%012d", sc.netKeys-11)),
		groupLoad(1, n/4),
		groupLoad(10, n/4),
	})
	if err != nil {
		return err
	}
	w.para("Microseconds from an XADD on one connection to the reply of an XREAD that waits on another:")
	medians, tails := make([][]float64, len(c.servers)), make([][]float64, len(c.servers))
	for range sc.rounds {
		for i, s := range c.servers {
			q, err := wakeLoad(s)
			if err != nil {
				return fmt.Errorf("%s: %w", c.names[i], err)
			}
			medians[i], tails[i] = append(medians[i], float64(q[0])/1e3), append(tails[i], float64(q[1])/1e3)
		}
	}
	var rows [][]string
	for i, name := range c.names {
		row := []string{name, fmt.Sprintf("%.0f", median(medians[i])), "", fmt.Sprintf("%.0f", median(tails[i]))}
		if i > 0 {
			row[2] = fmt.Sprintf("%.2f", ratio(medians[i], medians[0]))
		}
		rows = append(rows, row)
	}
	w.table([]string{"", "median", "x", "99 %"}, rows)
	return nil
}

// fillStream makes a stream whose entries' IDs are 1 and twelve digits, as
// redis-benchmark writes random numbers.
func fillStream(s *server, n int) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.fill(n, func(i int) []string {
		return append([]string{"XADD", "s", fmt.Sprintf("1%012d", i)}, streamFields...)
	})
}

// streamCalls prints what streams cost in process.
func streamCalls(sc scale, w *report) error {
	sizes := []int{0, sc.many, 10 * sc.many}
	all := make([]rounds, len(sizes))
	var perEntry float64
	var medians, tails []float64
	for i := range all {
		all[i] = rounds{}
	}
	for range sc.rounds {
		for i, n := range sizes {
			f, err := inChild[streamFigures]("streams", 1, streamArgs{n, sc.benchtime})
			if err != nil {
				return err
			}
			all[i].add("larder", f.Calls)
			if i == 1 {
				perEntry = f.Bytes
				medians, tails = append(medians, float64(f.Wakes[0])/1e3), append(tails, float64(f.Wakes[1])/1e3)
			}
		}
	}
	w.para("In process, nanoseconds of %s and allocations a call, on streams of %s, %s and %s entries of 3 fields:", cpuName, count(sizes[0]), count(sizes[1]), count(sizes[2]))
	var rows [][]string
	for _, name := range []string{"XADD", "XADD MAXLEN ~", "XRANGE 100", "XREAD, 10 entries at the end", groupName(1), groupName(10)} {
		row := []string{name}
		for i := range sizes {
			if len(all[i].cpu("larder", name)) == 0 {
				row = append(row, "")
				continue
			}
			ns := fmt.Sprintf("%.0f", median(all[i].cpu("larder", name)))
			if name == "XADD" && i > 0 {
				ns = bar(median(all[i].cpu("larder", name)), 1000, "%.0f")
			}
			row = append(row, ns)
		}
		rows = append(rows, append(row, fmt.Sprint(all[1].allocs("larder", name))))
	}
	w.table([]string{"", "empty", count(sizes[1]), count(sizes[2]), "allocs"}, rows)
	w.para("An entry takes %.1f bytes by MEMORY USAGE. From an XADD to the return of an XRead that waits: %.1f microseconds, 99th percentile %.1f.", perEntry, median(medians), median(tails))
	return nil
}
