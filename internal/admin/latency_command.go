package admin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// What took long, and how long commands take: LATENCY.

var _ = add(&engine.Container{Spec: engine.Spec{
	Name: "LATENCY", Arity: -2, Group: "server", Since: "2.8.13", Complexity: "that of the subcommand",
	Summary: "About what took long.",
}})

func init() {
	addHelp("LATENCY", "server", "2.8.13",
		"DOCTOR", "Says what the events mean.",
		"GRAPH <event>", "Draws the samples of an event.",
		"HISTOGRAM [<command> ...]", "Answers how many calls took up to 1, 2, 4 ... microseconds.",
		"HISTORY <event>", "Answers the samples of an event: when, and how many milliseconds.",
		"LATEST", "Answers, for each event, the last sample and the longest there ever was.",
		"RESET [<event> ...]", "Forgets these events, or all.",
	)
}

const latencyFlags = engine.Admin | engine.NoScript | engine.Loading | engine.Stale

var latencyTips = []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "LATENCY|LATEST", Arity: 2, Flags: latencyFlags, Group: "server", Since: "2.8.13", Complexity: "O(1)",
		Summary: "Answers the last sample of each event.", Tips: latencyTips,
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		l := &server(s).spikes
		at, n := w.Mark(), 0
		for _, event := range l.events() {
			series := l.get(event)
			if len(series.samples) == 0 { // a reset came between
				continue
			}
			last := series.samples[len(series.samples)-1]
			w.Array(4)
			w.Bulk(event)
			w.Int(last.at)
			w.Int(last.ms)
			w.Int(series.max)
			n++
		}
		w.ArrayAt(at, n)
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "LATENCY|HISTORY", Arity: 3, Flags: latencyFlags, Group: "server", Since: "2.8.13", Complexity: "O(1)",
		Syntax: "event:string", Summary: "Answers the samples of an event.", Tips: latencyTips,
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		series := server(s).spikes.get(a.String())
		w.Array(len(series.samples))
		for _, x := range series.samples {
			w.Array(2)
			w.Int(x.at)
			w.Int(x.ms)
		}
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "LATENCY|RESET", Arity: -2, Flags: latencyFlags, Group: "server", Since: "2.8.13", Complexity: "O(1)",
		Syntax: "[event:string...]", Summary: "Forgets events.",
		Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		w.Int(server(s).spikes.reset(a.Rest()))
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "LATENCY|GRAPH", Arity: 3, Flags: latencyFlags, Group: "server", Since: "2.8.13", Complexity: "O(1)",
		Syntax: "event:string", Summary: "Draws the samples of an event.", Tips: latencyTips,
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		event := a.String()
		series := server(s).spikes.get(event)
		if len(series.samples) == 0 {
			return engine.Error("ERR No samples available for event '" + cloned(event) + "'")
		}
		w.Verbatim("txt", series.graph(event, s.Engine().Now().Unix()))
		return nil
	},
})

const (
	graphRows  = 4
	graphSteps = "_o#" // a third of a row, two thirds, all of it
)

// graph draws a series: a column for each sample, with its age below it.
func (s *latencySeries) graph(event string, now int64) string {
	sum := s.summary()
	var b strings.Builder
	fmt.Fprintf(&b, "%s - high %d ms, low %d ms (all time high %d ms)\n", event, sum.high, sum.low, s.max)
	b.WriteString(strings.Repeat("-", 80) + "\n")
	for row := graphRows - 1; row >= 0; row-- {
		for _, x := range s.samples {
			step := 0 // of the column's top, from 0 at the lowest sample
			if sum.high > sum.low {
				step = int((x.ms - sum.low) * graphRows * int64(len(graphSteps)) / (sum.high - sum.low))
				step = min(step, graphRows*len(graphSteps)-1)
			}
			switch in := step - row*len(graphSteps); {
			case in < 0:
				b.WriteByte(' ')
			case in < len(graphSteps):
				b.WriteByte(graphSteps[in])
			default:
				b.WriteByte('|')
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString(strings.Repeat(" ", len(s.samples)) + "\n")
	ages, longest := make([]string, len(s.samples)), 0
	for i, x := range s.samples {
		ages[i] = age(max(0, now-x.at))
		longest = max(longest, len(ages[i]))
	}
	for line := range longest {
		for _, a := range ages {
			if line < len(a) {
				b.WriteByte(a[line])
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// age is a number of seconds in the largest unit that it fills.
func age(seconds int64) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%ds", seconds)
	case seconds < 60*60:
		return fmt.Sprintf("%dm", seconds/60)
	case seconds < 24*60*60:
		return fmt.Sprintf("%dh", seconds/60/60)
	}
	return fmt.Sprintf("%dd", seconds/24/60/60)
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "LATENCY|DOCTOR", Arity: 2, Flags: latencyFlags, Group: "server", Since: "2.8.13", Complexity: "O(1)",
		Summary: "Says what the events mean.", Tips: latencyTips,
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		w.Verbatim("txt", server(s).latencyReport())
		return nil
	},
})

// latencyAdvice is what can be done about an event.
var latencyAdvice = map[string]string{
	"command": "Commands of which the time grows with the data took long: SLOWLOG GET names them. " +
		"Ask for less at a time (SCAN, ranges, LIMIT), or split the value.",
	"fast-command": "Commands that need next to no time had to wait: for the processor, for a lock that a longer command " +
		"or an EXEC held, or for a very large value to be copied.",
	"expire-cycle": "Many keys expired at once. They are deleted in small steps beside the commands; " +
		"times of expiry that are spread out make the steps fewer.",
	"eviction-cycle": "Writes had to evict keys before they could run. A higher maxmemory, or less written at once, helps.",
}

// latencyReport is what LATENCY DOCTOR says.
func (s *Server) latencyReport() string {
	threshold := s.spikes.threshold.Load()
	if threshold == 0 {
		return "Nothing is known about latency, because nothing is noted: CONFIG SET latency-monitor-threshold says from how " +
			"many milliseconds on something counts as slow.\n"
	}
	events := s.spikes.events()
	if len(events) == 0 {
		return fmt.Sprintf("Nothing took %d milliseconds or longer since noting began.\n", threshold)
	}
	var b, advice strings.Builder
	for i, event := range events {
		series := s.spikes.get(event)
		sum := series.summary()
		fmt.Fprintf(&b, "%d. %s: %d samples, on average %d ms (mean deviation %d ms)", i+1, event, sum.count, sum.mean, sum.mad)
		if sum.every > 0 {
			fmt.Fprintf(&b, ", one every %.1f s", sum.every.Seconds())
		}
		fmt.Fprintf(&b, ". The longest ever took %d ms.\n", series.max)
		if text := latencyAdvice[event]; text != "" {
			advice.WriteString("- " + text + "\n")
		}
	}
	if slower := s.slow.slower.Load(); slower < 0 || slower > threshold*1000 {
		fmt.Fprintf(&advice, "- SLOWLOG does not keep all of these: CONFIG SET slowlog-log-slower-than %d has it do so.\n", threshold*1000)
	}
	if advice.Len() > 0 {
		b.WriteString("\n" + advice.String())
	}
	return b.String()
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "LATENCY|HISTOGRAM", Arity: -2, Flags: latencyFlags, Group: "server", Since: "7.0.0",
		Complexity: "O(N) for N commands that were called", Syntax: "[command:string...]",
		Summary: "Answers how many calls took up to 1, 2, 4 ... microseconds.", Tips: latencyTips,
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		srv := server(s)
		at, n := w.Mark(), 0
		for _, name := range srv.named(a.Rest()) {
			levels := srv.latency.levels(s.Engine().Commands()[name].Info())
			if levels == nil {
				continue
			}
			n++
			w.Bulk(name)
			w.Map(2)
			w.Bulk("calls")
			w.Int(levels[len(levels)-1].calls)
			w.Bulk("histogram_usec")
			w.Map(len(levels))
			for _, l := range levels {
				w.Int(l.micros)
				w.Int(l.calls)
			}
		}
		w.MapAt(at, n)
		return nil
	},
})

// named returns the commands with these names, and for a container its subcommands; all
// commands for no names.
func (s *Server) named(names []string) (out []string) {
	all := slices.Sorted(maps.Keys(s.engine.Commands()))
	if len(names) == 0 {
		return all
	}
	for _, name := range names {
		name = strings.ToLower(name)
		for _, c := range all {
			if c == name || s.engine.Commands()[c].Info().Container() == name {
				out = append(out, c)
			}
		}
	}
	return out
}

// A latencyLevel is how many calls took at most so long.
type latencyLevel struct{ micros, calls int64 }

// levels are the calls of a command by powers of two, from 1,024 ns on, of which only
// those are named that are more than the one before; nil if there was no call. Each
// level is rounded up by a 128th, as it comes from the histograms of Redis.
func (l *latencies) levels(spec *engine.Spec) (out []latencyLevel) {
	sum, total := l.sum(spec)
	if total == 0 {
		return nil
	}
	calls, b := uint64(0), 0
	for nanos := time.Duration(1024); calls < total; nanos *= 2 {
		before := calls
		for ; b < len(sum) && upper(b) <= nanos; b++ {
			calls += sum[b]
		}
		if calls != before {
			out = append(out, latencyLevel{int64(nanos+nanos/128-1) / 1000, int64(calls)})
		}
	}
	return out
}
