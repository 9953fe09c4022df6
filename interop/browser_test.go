package interop

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// What programs that look at a server ask it, beside a redis-server: those that show its
// keys to a person, and those that export its figures. They parse what they get, so that
// the form of each reply must be the same where its content cannot be.

// How a reply is compared.
type likeness uint8

const (
	same    likeness = iota // in all
	shape                   // kinds, lengths of arrays and keys of maps; texts as numbers or others
	open                    // as shape, but there may be more or fewer elements
	keysToo                 // as open, and each key that a redis-server has is there
)

// shelves are the keys that are browsed.
var shelves = []string{
	"SET string hello", "SET number 42 EX 10000", "HSET hash f v g 1", "SADD set 1 2 3", "SADD words a", "ZADD zset 1 a 2.5 b",
	"RPUSH list a b c", "XADD stream 1-1 f v", "XADD stream 2-1 f w", "XGROUP CREATE stream group 0",
	"XREADGROUP GROUP group consumer COUNT 1 STREAMS stream >", "SETBIT bits 7 1", "PFADD hll a b", "GEOADD geo 13.3 38.1 here",
	"CONFIG GET save", "CONFIG SET slowlog-log-slower-than 0", "PING", "CONFIG SET slowlog-log-slower-than 100000", "SELECT 1", "SET other 1", "SELECT 0",
}

// browser is what a program sends that shows the keys of a server: at its start, and as
// keys are listed, looked at and sought.
var browser = []struct {
	as   likeness
	line string
}{
	{same, "CLIENT SETNAME browser"}, {same, "CLIENT GETNAME"}, {shape, "CLIENT ID"}, {keysToo, "CLIENT LIST"}, {keysToo, "CLIENT INFO"},
	{keysToo, "INFO"}, {keysToo, "INFO server"}, {keysToo, "INFO clients"}, {keysToo, "INFO memory"}, {keysToo, "INFO persistence"},
	{keysToo, "INFO stats"}, {keysToo, "INFO replication"}, {keysToo, "INFO cpu"}, {same, "INFO modules"}, {keysToo, "INFO commandstats"},
	{keysToo, "INFO errorstats"}, {keysToo, "INFO latencystats"}, {same, "INFO cluster"}, {keysToo, "INFO keyspace"}, {keysToo, "INFO all"},
	{keysToo, "INFO everything"}, {keysToo, "INFO default"},
	{same, "MODULE LIST"}, {same, "ACL WHOAMI"}, {open, "ACL CAT"}, {open, "ACL CAT dangerous"}, {same, "ACL DRYRUN default GET string"},
	{same, "ACL DRYRUN nobody GET string"}, {shape, "ACL GETUSER default"}, {shape, "ACL LIST"}, {same, "ACL USERS"},
	{open, "COMMAND"}, {shape, "COMMAND COUNT"}, {shape, "COMMAND INFO get hset lpush nosuch"}, {open, "COMMAND DOCS"}, {open, "COMMAND LIST"},
	{keysToo, "CONFIG GET *"}, {same, "CONFIG GET databases"}, {same, "CONFIG GET notify-keyspace-events"},
	{keysToo, "CONFIG GET maxmemory*"}, {same, "CONFIG GET nosuch"}, {shape, "CLUSTER INFO"}, {same, "SELECT 1"}, {same, "DBSIZE"}, {same, "SELECT 0"},
	{same, "DBSIZE"}, {open, "SCAN 0 MATCH * COUNT 10000"}, {same, "SCAN 0 COUNT 10000 TYPE list"}, {same, "SCAN 0 MATCH s* COUNT 10000 TYPE string"},
	{same, "SCAN 0 COUNT 10000 TYPE nosuch"}, {same, "KEYS none*"},
	{same, "TYPE hash"}, {same, "TYPE stream"}, {same, "TYPE hll"}, {same, "TYPE none"}, {same, "TTL string"}, {same, "TTL number"}, {same, "TTL none"},
	{same, "PTTL string"}, {shape, "PTTL number"}, {shape, "MEMORY USAGE string SAMPLES 0"}, {shape, "MEMORY USAGE hash SAMPLES 0"},
	{shape, "MEMORY USAGE stream"}, {same, "MEMORY USAGE none"},
	{same, "OBJECT ENCODING string"}, {same, "OBJECT ENCODING number"}, {same, "OBJECT ENCODING hash"}, {same, "OBJECT ENCODING set"},
	{same, "OBJECT ENCODING zset"}, {same, "OBJECT ENCODING list"}, {same, "OBJECT ENCODING stream"}, {same, "OBJECT ENCODING none"},
	{shape, "OBJECT IDLETIME string"}, {same, "OBJECT FREQ string"}, {shape, "OBJECT REFCOUNT string"},
	{same, "STRLEN string"}, {same, "GETRANGE string 0 3"}, {same, "GET number"}, {same, "HLEN hash"}, {same, "HSCAN hash 0 MATCH * COUNT 500"},
	{same, "HSCAN hash 0 MATCH g COUNT 500"}, {same, "SCARD set"}, {same, "SSCAN set 0 MATCH * COUNT 500"}, {same, "SSCAN words 0 COUNT 500"},
	{same, "ZCARD zset"}, {same, "ZSCAN zset 0 MATCH * COUNT 500"}, {same, "ZRANGE zset 0 499 WITHSCORES"}, {same, "ZREVRANGE zset 0 499 WITHSCORES"},
	{same, "LLEN list"}, {same, "LRANGE list 0 499"}, {same, "LINDEX list 1"}, {same, "XLEN stream"}, {same, "XRANGE stream - + COUNT 500"},
	{same, "XREVRANGE stream + - COUNT 500"}, {same, "XINFO STREAM stream"}, {shape, "XINFO STREAM stream FULL"}, {same, "XINFO GROUPS stream"},
	{shape, "XINFO CONSUMERS stream group"}, {same, "XPENDING stream group"}, {shape, "XPENDING stream group - + 10"}, {same, "GEOPOS geo here"},
	{same, "EXISTS none"}, {same, "HSCAN none 0"}, {same, "LRANGE hash 0 1"}, {same, "FT._LIST"}, {same, "JSON.TYPE string"}, {same, "TS.INFO string"},
	{open, "SLOWLOG GET 50"}, {shape, "SLOWLOG GET 1"}, {shape, "SLOWLOG LEN"}, {keysToo, "CONFIG GET slowlog*"}, {keysToo, "LATENCY HISTOGRAM"},
	{same, "LATENCY LATEST"}, {open, "MEMORY STATS"}, {same, "PUBSUB CHANNELS"}, {same, "PUBSUB NUMPAT"}, {same, "PUBSUB SHARDCHANNELS"},
	{same, "ROLE"}, {shape, "TIME"}, {shape, "LASTSAVE"}, {same, "PING"},
}

// exporter is what a program sends that exports figures.
var exporter = []struct {
	as   likeness
	line string
}{
	{same, "CLIENT SETNAME exporter"}, {keysToo, "CONFIG GET *"}, {keysToo, "INFO ALL"}, {keysToo, "INFO"}, {shape, "CLUSTER INFO"},
	{shape, "SLOWLOG LEN"}, {shape, "SLOWLOG GET 1"}, {same, "LATENCY LATEST"}, {keysToo, "LATENCY HISTOGRAM"}, {keysToo, "LATENCY HISTOGRAM get set"},
	{keysToo, "CLIENT LIST"}, {shape, "MEMORY DOCTOR"}, {shape, "LATENCY DOCTOR"}, {same, "MODULE LIST"}, {same, "SENTINEL MASTERS"},
	{open, "MEMORY STATS"}, {same, "TYPE list"}, {same, "LLEN list"},
}

// likened is a reply as two are compared. Its lines say the kind of each part once, or
// what it is.
func likened(v redistest.Value, as likeness, line string) []string {
	if as == same {
		return v.Lines()
	}
	if text, ok := strings.CutPrefix(v.Str, "txt:"); as == keysToo && (v.Kind == redistest.Bulk || v.Kind == redistest.Verbatim && ok) {
		return append(fieldsOf(text, line), string(v.Kind)+" of text")
	}
	var out []string
	pairs := v.Kind == redistest.Map || as == keysToo && v.Kind == redistest.Array
	for i, e := range v.Elems {
		parts := likened(e, max(shape, min(as, open)), line)
		for _, part := range parts {
			switch {
			case pairs && i%2 == 0:
				continue
			case pairs && (as != open):
				part = v.Elems[i-1].Str + ": " + part
			case as == shape && v.Kind != redistest.Map:
				part = strconv.Itoa(i) + ": " + part
			default:
				part = "each: " + part
			}
			out = append(out, part)
		}
	}
	switch {
	case len(out) > 0 && as != shape:
		slices.Sort(out)
		return slices.Compact(out)
	case v.Elems != nil:
		return append(out, fmt.Sprintf("%c of %d", v.Kind, len(v.Elems)))
	}
	return []string{string(v.Kind) + " " + number(v.Str)}
}

// number says of a text whether it is a number.
func number(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return "number"
	}
	return cmp.Or(map[bool]string{true: "nothing"}[text == ""], "text")
}

// fieldsOf are the names of what INFO or CLIENT LIST tells, and whether it is a number.
func fieldsOf(text, line string) (names []string) {
	fields, sep := strings.Split(text, "\r\n"), ":"
	if strings.HasPrefix(line, "CLIENT") {
		fields, sep = strings.Fields(text), "="
	}
	found := map[string]bool{}
	for _, f := range fields {
		name, value, ok := strings.Cut(f, sep)
		if ok {
			value = number(value)
		}
		found[strings.TrimSpace(name+" "+value)] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// own are parts of lines that a larder has not, with why.
var own = map[string]string{
	"gcc_version":                 "it is Go",
	"name nothing":                "the redis-server has a connection of the test's own",
	"cluster|info":                "an error in both, and unknown here",
	"each: each: each: $ nothing": "of MIGRATE, which there is not",
}

// isOwn reports whether a line is one of those.
func isOwn(line string) bool {
	for part := range own {
		if strings.Contains(line, part) {
			return true
		}
	}
	return false
}

func TestBrowserAndExporter(t *testing.T) {
	server := redistest.Start(t)
	_, addr := listen(t, larder.Options{Config: []string{"save", ""}})
	for _, proto := range []string{"2", "3"} {
		theirs, ours := redistest.Dial(t, server.Addr), redistest.Dial(t, addr)
		defer theirs.Close()
		defer ours.Close()
		for _, c := range []*redistest.Conn{theirs, ours} {
			for _, line := range append([]string{"HELLO " + proto, "FLUSHALL", "SLOWLOG RESET", "INFO"}, shelves...) {
				if v := c.Do(strings.Fields(line)...); v.IsError() {
					t.Fatalf("%s: %s", line, v)
				}
			}
		}
		for name, questions := range map[string][]struct {
			as   likeness
			line string
		}{"browser": browser, "exporter": exporter} {
			for _, pipelined := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/RESP%s/pipelined=%v", name, proto, pipelined), func(t *testing.T) {
					if pipelined {
						for _, q := range questions {
							theirs.Send(strings.Fields(q.line)...)
							ours.Send(strings.Fields(q.line)...)
						}
					}
					for _, q := range questions {
						ask := func(c *redistest.Conn) redistest.Value {
							if pipelined {
								return c.Receive(time.Minute)
							}
							return c.Do(strings.Fields(q.line)...)
						}
						compareLikeness(t, q.as, q.line, ask(theirs), ask(ours))
					}
				})
			}
		}
	}
}

// compareLikeness says where a reply is not like that of a redis-server.
func compareLikeness(t *testing.T, as likeness, line string, theirs, ours redistest.Value) {
	t.Helper()
	want, got := likened(theirs, as, line), likened(ours, as, line)
	for _, w := range want {
		if !slices.Contains(got, w) && !isOwn(w) {
			t.Errorf("%s: nothing like %q", line, w)
		}
	}
	if as > shape || slices.Equal(got, want) {
		return
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("%s: %q, which a redis-server does not answer", line, g)
		}
	}
	t.Errorf("%s: not in the order of a redis-server, or not as often", line)
}
