package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

func TestLatencyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{db: debugDB(t, "yes")}
		p := s.peer(t)
		p.check(`
			DEBUG SLEEP 0.5 -> OK
			LATENCY LATEST -> (array 0)
			CONFIG SET latency-monitor-threshold 10 -> OK
			DEBUG SLEEP 0.0099 -> OK
			LATENCY LATEST -> (array 0)
		`)
		if got := verbatim(p.Do("LATENCY", "DOCTOR")); !strings.Contains(got, "Nothing took 10 milliseconds") {
			t.Errorf("LATENCY DOCTOR = %s", got)
		}
		start := time.Now().Unix()
		second := func() { time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) }
		for _, ms := range []int{10, 50, 12, 100, 30, 200, 150} {
			second()
			p.Do("DEBUG", "SLEEP", fmt.Sprint(float64(ms)/1000))
			p.Do("DEBUG", "SLEEP", "0.010") // within the same second, and shorter
		}
		latest := p.text("LATENCY", "LATEST")
		if want := fmt.Sprintf("(array 1)   (array 4)     \"command\"     (integer) %d     (integer) 150     (integer) 200", time.Now().Unix()); latest != want {
			t.Errorf("LATENCY LATEST = %s, want %s", latest, want)
		}
		history := p.Do("LATENCY", "HISTORY", "command").Elems
		if len(history) != 7 || history[0].Elems[0].Int < start {
			t.Errorf("LATENCY HISTORY = %v", history)
		}
		time.Sleep(time.Hour)
		want := "command - high 200 ms, low 10 ms (all time high 200 ms)\n" + strings.Repeat("-", 80) + "\n" +
			"     # \n     |#\n   # ||\n_#_|o||\n       \n1111111\nhhhhhhh\n"
		if got := verbatim(p.Do("LATENCY", "GRAPH", "command")); got != want {
			t.Errorf("LATENCY GRAPH =\n%s\nwant\n%s", got, want)
		}
		report := verbatim(p.Do("LATENCY", "DOCTOR"))
		for _, part := range []string{"1. command: 7 samples, on average 78 ms", "one every 1.0 s", "longest ever took 200 ms",
			"slowlog-log-slower-than 10000", "SLOWLOG GET names them"} {
			if strings.Contains(part, "slower-than") { // the default keeps them all
				p.Do("CONFIG", "SET", "slowlog-log-slower-than", "-1")
				report = verbatim(p.Do("LATENCY", "DOCTOR"))
			}
			if !strings.Contains(report, part) {
				t.Errorf("LATENCY DOCTOR has no %q:\n%s", part, report)
			}
		}
		p.check(`
			LATENCY RESET nope -> (integer) 0
			LATENCY RESET -> (integer) 1
			LATENCY HISTORY command -> (array 0)
		`)
		for range 200 {
			second()
			p.Do("DEBUG", "SLEEP", "0.02")
		}
		if n := len(p.Do("LATENCY", "HISTORY", "command").Elems); n != 160 {
			t.Errorf("%d samples are kept", n)
		}
	})
}

// What the engine does by itself is noted too.
func TestLatencyOfEngine(t *testing.T) {
	s := open(t, "latency-monitor-threshold", "1", "maxmemory-policy", "allkeys-random")
	p := s.peer(t)
	for i := range 100_000 {
		s.db.Set(fmt.Sprint("key:", i), "value")
	}
	p.Do("CONFIG", "SET", "maxmemory", "1mb")
	p.Do("SET", "k", "v")
	if got := p.text("LATENCY", "LATEST"); !strings.Contains(got, `"eviction-cycle"`) {
		t.Errorf("LATENCY LATEST = %s", got)
	}
}

// TestLatencyHistogram compares the borders of the levels with those of a redis-server.
func TestLatencyHistogram(t *testing.T) {
	p := (&store{db: debugDB(t, "yes")}).peer(t)
	server := redistest.Start(t).NewClient(t, 2)
	levels := func(c redistest.Client) (out []int64) {
		c.Do("CONFIG", "RESETSTAT")
		for _, s := range []string{"0.0001", "0.0003", "0.0009", "0.0025", "0.006", "0.02", "0.05"} {
			c.Do("DEBUG", "SLEEP", s)
		}
		e := c.Do("LATENCY", "HISTOGRAM", "debug").Elems
		if len(e) != 2 || len(e[1].Elems) != 4 || e[1].Elems[1].Int != 7 {
			t.Fatalf("LATENCY HISTOGRAM = %v", e)
		}
		hist, last := e[1].Elems[3].Elems, int64(0)
		for i := 0; i < len(hist); i += 2 {
			out = append(out, hist[i].Int)
			if hist[i+1].Int <= last {
				t.Errorf("level %d has %d calls, the one before %d", hist[i].Int, hist[i+1].Int, last)
			}
			last = hist[i+1].Int
		}
		if last != 7 {
			t.Errorf("the last level has %d of 7 calls", last)
		}
		return out
	}
	var borders []int64
	for n := int64(1024); n < 1<<32; n *= 2 {
		borders = append(borders, (n+n/128-1)/1000)
	}
	for _, c := range []redistest.Client{server, p} {
		for _, l := range levels(c) {
			if !slices.Contains(borders, l) {
				t.Errorf("%T has a level of %d", c, l)
			}
		}
	}
}
