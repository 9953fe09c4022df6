package admin_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// infoShapes are the fields whose values do not look as those of a redis-server, with
// what they look like: a digit stands for any number. They say what larder is.
var infoShapes = map[string]string{
	"redis_build_id": "larder", "os": "", "monotonic_clock": "Go time", "multiplexing_api": "Go net",
	"atomicvar_api": "Go sync/atomic", "mem_allocator": "larder", "executable": "", "config_file": "",
	// Units follow how much there is.
	"used_memory_human": "9.9K", "used_memory_peak_human": "9.9K", "used_memory_rss_human": "9.9M",
	"used_memory_lua_human": "9B", "used_memory_vm_total_human": "9B", "used_memory_scripts_human": "9B",
	"run_id": "", "master_replid": "",
	// There is one save at the start of a server that is not told to load.
	"rdb_last_bgsave_time_sec": "", "uptime_in_days": "9",
}

var infoNumber = regexp.MustCompile(`[0-9]+`)

// TestInfoShapes holds the values of INFO's fields to the form of those of a
// redis-server: whether they are numbers, of how many parts, with which unit.
func TestInfoShapes(t *testing.T) {
	run := func(c redistest.Client) map[string]string {
		for _, line := range []string{"SET a 1", "SET b 1 EX 100", "GET a", "GET nope", "LPUSH a x", "NOSUCH", "GET", "CONFIG SET hz 11",
			"OBJECT HELP", "HSET h f v"} {
			c.Do(strings.Fields(line)...)
		}
		shapes := map[string]string{}
		for line := range strings.SplitSeq(verbatim(c.Do("INFO", "everything")), "\r\n") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				shapes[name] = infoNumber.ReplaceAllString(value, "9")
			}
		}
		return shapes
	}
	theirs, ours := run(redistest.Start(t).NewClient(t, 2)), run(open(t).peer(t))
	for name, want := range theirs {
		got, ok := ours[name]
		if own, differs := infoShapes[name]; differs {
			if want = own; want == "" {
				continue
			}
		}
		if strings.HasPrefix(name, "cmdstat_") || strings.HasPrefix(name, "latency_percentiles") {
			if !ok && strings.Contains(name, "_get") {
				t.Errorf("no field %s", name)
			}
			if !ok {
				continue // of the test's own set-up
			}
		}
		if ok && got != want {
			t.Errorf("%s looks like %s, want %s", name, got, want)
		}
	}
}

// INFO and Stats wait for no lock: a transaction that holds all shards does not stop
// them.
func TestInfoStopsNobody(t *testing.T) {
	s := open(t)
	s.db.Set("k", "v")
	p := s.peer(t)
	err := s.db.Update(func(tx *larder.Tx) error { // holds every shard
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.Do("INFO", "everything")
			s.db.Stats()
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("INFO waits for an Update")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestInfoSections(t *testing.T) {
	p := open(t).peer(t)
	names := func(words ...string) (out []string) {
		text := verbatim(p.Do(append([]string{"INFO"}, words...)...))
		for line := range strings.SplitSeq(text, "\n") {
			if s, ok := strings.CutPrefix(line, "# "); ok {
				out = append(out, strings.TrimSuffix(s, "\r"))
			}
		}
		if strings.Count(text, "\n") != strings.Count(text, "\r\n") {
			t.Errorf("INFO %s has lines that do not end in CRLF", words)
		}
		return out
	}
	all := []string{"Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Commandstats",
		"Errorstats", "Latencystats", "Cluster", "Keyspace"}
	byDefault := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "Commandstats" || s == "Latencystats" })
	for _, test := range []struct {
		words string
		want  []string
	}{
		{"", byDefault}, {"default", byDefault}, {"all", all}, {"EVERYTHING", all}, {"keyspace Server nope", []string{"Server", "Keyspace"}},
		{"nope", nil}, {"cpu CPU", []string{"CPU"}},
	} {
		if got := names(strings.Fields(test.words)...); !slices.Equal(got, test.want) {
			t.Errorf("INFO %s has the sections %s", test.words, got)
		}
	}
}

func TestInfoValues(t *testing.T) {
	s := open(t)
	p, other := s.peer(t), s.peer(t)
	other.queued.Store(1 << 20)
	info := func(name string) string { return field(verbatim(p.Do("INFO", "all")), name, ":") }
	number := func(name string) int {
		n, err := strconv.Atoi(info(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return n
	}
	before, peak := number("used_memory"), number("used_memory_peak")
	if clients := number("mem_clients_normal"); clients < 1<<20 || before < clients {
		t.Errorf("mem_clients_normal = %d, used_memory = %d", clients, before)
	}
	p.Do("SET", "big", strings.Repeat("x", 1<<20))
	if now := number("used_memory"); now < before+1<<20 {
		t.Errorf("used_memory = %d after a megabyte, %d before", now, before)
	}
	p.Do("DEL", "big")
	if after := number("used_memory_peak"); after < peak+1<<20 {
		t.Errorf("used_memory_peak = %d, once %d", after, peak)
	}
	p.Do("SET", "t", "v", "PX", "100000")
	p.Do("SET", "u", "v", "PXAT", "33177117420000")
	p.Do("GET", "nope")
	p.Do("NOSUCH")
	p.Do("GET")
	for name, want := range map[string]string{
		"connected_clients": "2", "role": "master", "keyspace_misses": "1", "errorstat_ERR": "count=2", "total_error_replies": "2",
		"redis_version": "7.0.15", "maxmemory_policy": "noeviction", "loading": "0", "cluster_enabled": "0", "mem_allocator": "larder",
	} {
		if got := info(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if got := info("cmdstat_get"); !strings.HasPrefix(got, "calls=1,usec=") || !strings.HasSuffix(got, ",rejected_calls=1,failed_calls=0") {
		t.Errorf("cmdstat_get = %s", got)
	}
	if got := info("latency_percentiles_usec_get"); !strings.HasPrefix(got, "p50=") || !strings.Contains(got, ",p99.9=") {
		t.Errorf("latency_percentiles_usec_get = %s", got)
	}
	ttl := strings.TrimPrefix(info("db0"), "keys=2,expires=2,avg_ttl=")
	if n, err := strconv.ParseInt(ttl, 10, 64); err != nil || n < 1000 || n > 33177117420000 {
		t.Errorf("db0 = %s", info("db0"))
	}
	p.check(`
		CONFIG SET latency-tracking-info-percentiles 25 -> OK
		CONFIG SET latency-tracking no -> OK
	`)
	if got := info("latency_percentiles_usec_get"); got != "" {
		t.Errorf("latency-tracking no leaves %s", got)
	}
	p.check(`CONFIG SET latency-tracking yes -> OK`)
	if got := info("latency_percentiles_usec_get"); !strings.HasPrefix(got, "p25=") {
		t.Errorf("latency_percentiles_usec_get = %s", got)
	}
	offset := number("master_repl_offset")
	if id := info("master_replid"); len(id) != 40 || id == info("run_id") || offset != 0 {
		t.Errorf("master_replid = %s, offset %d", id, offset)
	}
}

// The table of what clients have read counts, and counts no more when it is forgotten.
func TestTrackingMemory(t *testing.T) {
	s := open(t)
	look, reader := s.peer(t), s.peer(t)
	reader.Do("HELLO", "3")
	reader.Do("CLIENT", "TRACKING", "ON")
	overhead := func() int {
		n, err := strconv.Atoi(field(verbatim(look.Do("INFO", "memory")), "used_memory_overhead", ":"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	key := func(i int) string { return strings.Repeat("k", 100) + strconv.Itoa(i) }
	before := overhead()
	for _, test := range []struct {
		how    string
		forget func()
	}{
		{"writes", func() {
			for i := range 1000 {
				look.Do("SET", key(i), "v")
			}
		}},
		{"FLUSHALL", func() { look.Do("FLUSHALL") }},
		{"tracking-table-max-keys", func() {
			look.Do("CONFIG", "SET", "tracking-table-max-keys", "1")
			for range 100 { // each read forgets some
				reader.Do("GET", "k")
			}
		}},
	} {
		for range 2 {
			for i := range 1000 {
				reader.Do("GET", key(i))
			}
		}
		if n := overhead() - before; n < 100*1000 || n > 500*1000 {
			t.Errorf("before %s a thousand keys that are tracked count for %d bytes", test.how, n)
		}
		if m := s.db.Stats().Memory; m.Tracking < 100*1000 || m.Used < m.Tracking+m.Keyspace {
			t.Errorf("before %s Stats tell of %+v", test.how, m)
		}
		if test.forget(); overhead()-before > 1000 || overhead() < before {
			t.Errorf("after %s what is tracked no more counts for %d bytes", test.how, overhead()-before)
		}
	}
}

func TestMemoryStats(t *testing.T) {
	server := redistest.Start(t).NewClient(t, 3)
	p := open(t).peer(t)
	p.Do("HELLO", "3")
	server.Do("SET", "k", "v")
	p.Do("SET", "k", "v")
	kinds := func(v redistest.Value) map[string]redistest.Kind {
		m := map[string]redistest.Kind{}
		for i := 0; i < len(v.Elems); i += 2 {
			m[v.Elems[i].Str] = v.Elems[i+1].Kind
		}
		return m
	}
	want, got := kinds(server.Do("MEMORY", "STATS")), kinds(p.Do("MEMORY", "STATS"))
	if !maps.Equal(want, got) {
		t.Errorf("MEMORY STATS has\n%v\nand redis-server\n%v", got, want)
	}
	for _, line := range []string{"MEMORY", "MEMORY NOPE", "MEMORY USAGE", "MEMORY USAGE nope", "MEMORY USAGE k SAMPLES",
		"MEMORY USAGE k SAMPLES -1", "MEMORY USAGE k SAMPLES x", "MEMORY USAGE k NOPE", "MEMORY USAGE nope SAMPLES 0", "MEMORY PURGE",
		"MEMORY PURGE x", "MEMORY STATS x", "MEMORY DOCTOR x", "MEMORY MALLOC-STATS x"} {
		words := strings.Fields(line)
		if want, got := server.Do(words...).String(), p.Do(words...).String(); got != want {
			t.Errorf("%s = %s, redis-server says %s", line, got, want)
		}
	}
	for _, line := range []string{"MEMORY USAGE k", "MEMORY USAGE k SAMPLES 0", "MEMORY DOCTOR", "MEMORY MALLOC-STATS"} {
		words := strings.Fields(line)
		if want, got := server.Do(words...).Kind, p.Do(words...).Kind; got != want {
			t.Errorf("%s is of kind %v, with redis-server of %v", line, got, want)
		}
	}
}
