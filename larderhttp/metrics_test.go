package larderhttp_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/larderhttp"
)

// A metric is what one name has in the text format.
type metric struct {
	typ     string
	samples map[string]float64 // by suffix and labels
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)$`)
	nameOf     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// parse reads the text format as strictly as it is described: HELP, TYPE, then all
// samples of a name, and no name or sample twice.
func parse(t *testing.T, text string) map[string]metric {
	t.Helper()
	all := map[string]metric{}
	name, helped := "", ""
	if !strings.HasSuffix(text, "\n") {
		t.Error("the last line has no end")
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch words := strings.SplitN(line, " ", 4); {
		case strings.HasPrefix(line, "# HELP "):
			if helped = words[2]; words[3] == "" || strings.Contains(words[3], `\`) {
				t.Errorf("help: %s", line)
			}
		case strings.HasPrefix(line, "# TYPE "):
			name = words[2]
			if _, twice := all[name]; twice || name != helped || !nameOf.MatchString(name) {
				t.Errorf("out of place: %s", line)
			}
			all[name] = metric{words[3], map[string]float64{}}
		default:
			m := sampleLine.FindStringSubmatch(line)
			if m == nil || !strings.HasPrefix(m[1], name) {
				t.Errorf("no sample of %s: %s", name, line)
				continue
			}
			v, err := strconv.ParseFloat(m[3], 64)
			id := strings.TrimPrefix(m[1], name) + m[2]
			if _, twice := all[name].samples[id]; twice || err != nil {
				t.Errorf("twice, or no number: %s", line)
			}
			suffix := strings.TrimPrefix(m[1], name)
			if suffix != "" && (all[name].typ != "histogram" || suffix != "_bucket" && suffix != "_sum" && suffix != "_count") {
				t.Errorf("suffix %s of a %s", suffix, all[name].typ)
			}
			if all[name].typ == "counter" && (!strings.HasSuffix(name, "_total") || v < 0) {
				t.Errorf("a counter: %s", line)
			}
			all[name].samples[id] = v
		}
	}
	return all
}

func TestMetrics(t *testing.T) {
	db := open(t, larder.Options{MaxMemory: 100 << 20, Config: []string{"slowlog-log-slower-than", "0"}})
	h := larderhttp.Handler(db, larderhttp.Options{Name: "a \"shop\"\\\n\xff"})
	fillTypes(t, db)
	for range 10 {
		do(t, db, "GET", "string")
	}
	db.Do("GET", "nothing")
	db.Do("INCR", "string")
	do(t, db.DB(3), "SET", "k", "v", "EX", "100")
	text := readAll(t, serve(h, request("GET", "/metrics")))
	all := parse(t, text)
	for _, tt := range []struct {
		name, id string
		want     float64
	}{
		{"larder_instance_info", `{name="a \"shop\"\\\n` + "\uFFFD" + `",role="master",maxmemory_policy="noeviction"}`, 1},
		{"larder_db_keys", `{db="db0"}`, 10},
		{"larder_db_keys_expiring", `{db="db3"}`, 1},
		{"larder_memory_max_bytes", "", 100 << 20},
		{"larder_keyspace_hits_total", "", 10},
		{"larder_keyspace_misses_total", "", 1},
		{"larder_commands_total", `{cmd="get"}`, 11},
		{"larder_commands_failed_calls_total", `{cmd="incr"}`, 1},
		{"larder_errors_total", `{err="ERR"}`, 1},
		{"larder_commands_latencies_seconds", `_count{cmd="get"}`, 11},
		{"larder_commands_latencies_seconds", `_bucket{cmd="get",le="+Inf"}`, 11},
		{"larder_connected_clients", "", 0},
	} {
		if got, ok := all[tt.name].samples[tt.id]; !ok || got != tt.want {
			t.Errorf("%s%s = %v (%v), want %v", tt.name, tt.id, got, ok, tt.want)
		}
	}
	// Buckets are sums, and the same for each command.
	buckets := regexp.MustCompile(`_bucket\{cmd="([^"]+)",le="([^"]+)"\} (\d+)`).FindAllStringSubmatch(text, -1)
	last, counts := map[string]int{}, map[string]int{}
	for _, b := range buckets {
		n, _ := strconv.Atoi(b[3])
		if n < last[b[1]] {
			t.Errorf("bucket %v is below the one before", b)
		}
		last[b[1]] = n
		counts[b[1]]++
	}
	for cmd, n := range counts {
		if n != 21 {
			t.Errorf("%s has %d buckets", cmd, n)
		}
	}
	if len(counts) < 5 {
		t.Errorf("histograms of %d commands", len(counts))
	}
	prefixed := readAll(t, serve(larderhttp.Handler(db, larderhttp.Options{MetricPrefix: "redis"}), request("GET", "/metrics")))
	for _, name := range []string{"redis_memory_used_bytes ", `redis_commands_total{cmd="get"} `, `redis_db_keys{db="db0"} `, "redis_connected_clients "} {
		if !strings.Contains(prefixed, "\n"+name) {
			t.Errorf("there is no %s", name)
		}
	}
}

// The histograms agree with LATENCY HISTOGRAM, whose levels they read.
func TestHistogramAgrees(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"slowlog-log-slower-than", "0", "enable-debug-command", "yes"}})
	h := larderhttp.Handler(db, larderhttp.Options{})
	for range 50 {
		do(t, db, "PING")
	}
	for _, s := range []string{"0.001", "0.003", "0.009", "0.05"} {
		do(t, db, "DEBUG", "SLEEP", s)
	}
	theirs := do(t, db, "LATENCY", "HISTOGRAM", "debug", "ping").(map[string]any)
	ours := parse(t, readAll(t, serve(h, request("GET", "/metrics"))))["larder_commands_latencies_seconds"].samples
	for cmd, v := range theirs {
		for us, calls := range v.(map[string]any)["histogram_usec"].(map[string]any) {
			found := false
			for id, n := range ours {
				le := regexp.MustCompile(`^_bucket\{cmd="(.*)",le="(.*)"\}$`).FindStringSubmatch(id)
				if le == nil || le[1] != cmd {
					continue
				}
				bound, _ := strconv.ParseFloat(le[2], 64)
				level, _ := strconv.ParseFloat(us, 64)
				if r := level / 1e6 / bound; r > 0.9 && r < 1.1 {
					found = found || n == float64(calls.(int64))
				}
			}
			if !found {
				t.Errorf("%s: %v calls up to %s microseconds have no bucket in %v", cmd, calls, us, fmt.Sprint(ours))
			}
		}
	}
}
