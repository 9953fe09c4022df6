package admin_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

func TestDebugAllowed(t *testing.T) {
	const refused = "(error) ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", " +
		"you can run it from a local connection, otherwise you need to set this option in the configuration file, " +
		"and then restart the server."
	for _, test := range []struct {
		allow, from string
		ok          bool
	}{
		{"no", "127.0.0.1", false}, {"yes", "10.0.0.1", true}, {"local", "10.0.0.1", false}, {"local", "127.0.0.1", true},
		{"local", "[::1]", true}, {"local", "memory", true}, {"local", "[2001:db8::1]", false},
	} {
		s := &store{db: debugDB(t, test.allow)}
		want := refused
		if test.ok {
			want = strings.Repeat("0", 40)
		}
		if got := s.peerFrom(t, test.from).text("DEBUG", "DIGEST"); got != want {
			t.Errorf("DEBUG from %s where %s may = %s", test.from, test.allow, got)
		}
	}
}

// debugDB opens a database that says who may use DEBUG. CONFIG SET cannot.
func debugDB(t testing.TB, allow string) *larder.DB {
	t.Helper()
	db, err := larder.Open(larder.Options{Config: []string{"enable-debug-command", allow}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestDigest compares digests with those of a redis-server for the same writes.
func TestDigest(t *testing.T) {
	server := redistest.Start(t).NewClient(t, 2)
	defer server.Close()
	p := (&store{db: debugDB(t, "yes")}).peer(t)
	do := func(command string) {
		t.Helper()
		words := strings.Fields(command)
		for i := range words {
			if words[i] == "''" {
				words[i] = ""
			}
		}
		want, got := server.Do(words...), p.Do(words...)
		if want.String() != got.String() {
			t.Errorf("%s\nredis  %s\nlarder %s", command, want, got)
		}
	}
	for _, command := range []string{
		"SET a 1", "SET b 12345678901234567890", "SET n -7", "SET '' ''", "APPEND n 3", "INCRBY n 5", "SETRANGE r 100 x",
		"PEXPIREAT b 33177117420000", "DEBUG DIGEST-VALUE a b n '' r nope", "SELECT 9", "SET a 1 PXAT 33177117420000",
		"SET " + strings.Repeat("k", 300) + " " + strings.Repeat("v", 70000), "DEBUG POPULATE 1000 p 7", "DEBUG POPULATE 10",
		"DBSIZE", "SELECT 0", "DEBUG DIGEST", "DEL a", "DEBUG DIGEST", "FLUSHALL", "DEBUG DIGEST",
	} {
		do(command)
	}
	p.Do("SET", "a", "1")
	if a := p.text("DEBUG", "DIGEST"); a == p.text("DEBUG", "DIGEST-VALUE", "a") || a == strings.Repeat("0", 40) {
		t.Errorf("digest of one key = %s", a)
	}
}

func TestDebugReplies(t *testing.T) {
	server := redistest.Start(t)
	db := debugDB(t, "yes")
	for _, proto := range []int{2, 3} {
		p := (&store{db: db}).peer(t)
		theirs := server.NewClient(t, proto)
		if proto == 3 {
			p.Do("HELLO", "3")
		}
		for command := range strings.SplitSeq("PROTOCOL string|PROTOCOL integer|PROTOCOL double|PROTOCOL bignum|PROTOCOL null|"+
			"PROTOCOL array|PROTOCOL set|PROTOCOL map|PROTOCOL attrib|PROTOCOL verbatim|PROTOCOL true|PROTOCOL FALSE|"+
			"PROTOCOL foo|PROTOCOL|PROTOCOL a b|ERROR foo|ERROR|NOSUCH|SLEEP 0|SLEEP abc|SLEEP -1|SET-ACTIVE-EXPIRE 0|"+
			"SET-ACTIVE-EXPIRE 1|CHANGE-REPL-ID|OBJECT nope|OBJECT|DIGEST x|POPULATE -1|POPULATE x|POPULATE 1 p x|"+
			"POPULATE 1 p 0|POPULATE 1 a b c|STRINGMATCH-LEN 3 *|JMAP|LOG x", "|") {
			words := append([]string{"DEBUG"}, strings.Fields(command)...)
			want, got := theirs.Do(words...), p.Do(words...)
			if want.String() != got.String() {
				t.Errorf("DEBUG %s in RESP%d\nredis  %s\nlarder %s", command, proto, want, got)
			}
		}
		theirs.Close()
	}
}

func TestDebugPopulate(t *testing.T) {
	s := &store{db: debugDB(t, "yes")}
	p := s.peer(t)
	p.check(`
		SET key:3 mine -> OK
		DEBUG POPULATE 700 -> OK
		DBSIZE -> (integer) 700
		GET key:3 -> "mine"
		GET key:699 -> "value:699"
		DEBUG POPULATE 300 q 3 -> OK
		GET q:299 -> "val"
		DBSIZE -> (integer) 1000
	`)
}

// What Redis prints, larder writes to its log; and what the other parts say is so.
func TestDebugLooks(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	db, err := larder.Open(larder.Options{Config: []string{"enable-debug-command", "yes"}, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	p := (&store{db: db}).peer(t)
	p.check(`
		HSET h field value -> (integer) 1
		RPUSH l one two -> (integer) 2
		DEBUG LOG hello-log -> OK
		DEBUG LISTPACK h -> Listpack structure written to the log
		DEBUG QUICKLIST l -> Quicklist structure written to the log
	`)
	for _, want := range []string{"DEBUG LOG: hello-log", `\"field\" \"value\"`, "ql_nodes:1"} {
		if !strings.Contains(strings.ReplaceAll(log.String(), `\\`, `\`), want) {
			t.Errorf("the log has no %s: %s", want, log.String())
		}
	}
	if got := p.Do("DEBUG", "STRUCTSIZE").Str; !regexp.MustCompile(`^bits:(32|64) (\w+:[1-9]\d* )+$`).MatchString(got) {
		t.Errorf("DEBUG STRUCTSIZE = %q", got)
	}
	id := func() string { return field(verbatim(p.Do("INFO", "replication")), "master_replid", ":") }
	was := id()
	p.check("DEBUG CHANGE-REPL-ID -> OK")
	if now := id(); now == was || len(now) != 40 {
		t.Errorf("after DEBUG CHANGE-REPL-ID the replication ID is %s, was %s", now, was)
	}
}

// DEBUG HTSTATS tells of larder's own tables in the form of a redis-server's, and what it
// tells adds up.
func TestDebugTables(t *testing.T) {
	server := redistest.Start(t).NewClient(t, 2)
	defer server.Close()
	p := (&store{db: debugDB(t, "yes")}).peer(t)
	for _, line := range []string{"DEBUG POPULATE 1000", "EXPIRE key:1 1000", "EXPIRE key:2 1000", "SADD small a b", "SET s v"} {
		words := strings.Fields(line)
		server.Do(words...)
		p.Do(words...)
	}
	for i := range 700 {
		member := fmt.Sprint("m", i)
		for _, words := range [][]string{{"HSET", "h", member, "v"}, {"SADD", "set", member}, {"ZADD", "z", "1", member}} {
			server.Do(words...)
			p.Do(words...)
		}
	}
	chain := regexp.MustCompile(`(?m)^   (\d+): (\d+) \(\d+\.\d\d%\)\n`)
	digits := regexp.MustCompile(`[0-9]+`)
	for line, want := range map[string][]int{ // how many elements
		"HTSTATS 0": {1005, 2}, "HTSTATS-KEY h": {700}, "HTSTATS-KEY set": {700}, "HTSTATS-KEY z": {700}, "HTSTATS-KEY small": {2},
	} {
		words := append([]string{"DEBUG"}, strings.Fields(line)...)
		theirs, ours := verbatim(server.Do(words...)), verbatim(p.Do(words...))
		theirs, _, _ = strings.Cut(theirs, "Hash table 1 stats") // it is being rehashed
		shape := func(s string) string { return digits.ReplaceAllString(chain.ReplaceAllString(s, ""), "9") }
		if shape(ours) != shape(theirs) {
			t.Errorf("DEBUG %s\nredis  %q\nlarder %q", line, theirs, ours)
		}
		for i, table := range strings.Split(ours, "Hash table 0 stats")[1:] {
			elements, slots, longest := 0, 0, 0
			for _, m := range chain.FindAllStringSubmatch(table, -1) {
				n, _ := strconv.Atoi(m[1])
				buckets, _ := strconv.Atoi(m[2])
				elements, slots, longest = elements+n*buckets, slots+buckets, n
			}
			for _, told := range []string{
				fmt.Sprintf(" table size: %d\n", slots), fmt.Sprintf(" number of elements: %d\n", want[i]),
				fmt.Sprintf(" max chain length: %d\n", longest),
			} {
				if !strings.Contains(table, told) {
					t.Errorf("DEBUG %s does not say %q: %q", line, told, table)
				}
			}
			if elements != want[i] {
				t.Errorf("DEBUG %s tells where %d elements lie, of %d", line, elements, want[i])
			}
		}
	}
}

// TestDebugSleep looks whether others wait, in a bubble whose time moves only
// if everybody waits without a lock.
func TestDebugSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{db: debugDB(t, "yes")}
		sleeper, other := s.peer(t), s.peer(t)
		start := time.Now()
		go sleeper.raw("DEBUG", "SLEEP", "1.5")
		synctest.Wait()
		if got := other.raw("SET", "k", "v"); got != "+OK\r\n" {
			t.Errorf("SET = %q", got)
		}
		if d := time.Since(start); d != 1500*time.Millisecond {
			t.Errorf("SET waited %v", d)
		}
		if other.waits.Load() != 1 || sleeper.waits.Load() != 1 {
			t.Error("the transport was not told of the waits")
		}
		synctest.Wait()
		go sleeper.raw("DEBUG", "SLEEP", "1000")
		synctest.Wait()
		done := make(chan string)
		go func() { done <- other.raw("PING") }()
		synctest.Wait()
		sleeper.cancel() // who hangs up does not go on sleeping
		if got := <-done; got != "+PONG\r\n" {
			t.Errorf("PING = %q", got)
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("a sleep whose client hung up took %v", d)
		}
		synctest.Wait()
	})
}

// TestDebugObject is without anybody who writes files, who alone knows how long a value
// is there.
func TestDebugObject(t *testing.T) {
	p := (&store{db: debugDB(t, "yes")}).peer(t)
	for value, want := range map[string]string{
		"hello": "refcount:1 encoding:embstr serializedlength:0", "12": "refcount:2147483647 encoding:int serializedlength:0",
		"300": "refcount:2147483647 encoding:int serializedlength:0", "70000": "refcount:1 encoding:int serializedlength:0",
		"-1": "refcount:1 encoding:int serializedlength:0", "12345678901": "refcount:1 encoding:int serializedlength:0",
		strings.Repeat("x", 100): "refcount:1 encoding:raw serializedlength:0",
	} {
		p.Do("SET", "k", value)
		if got := p.text("DEBUG", "OBJECT", "k"); !strings.Contains(got, fmt.Sprintf(" %s lru:", want)) {
			t.Errorf("DEBUG OBJECT of %s = %s", value, got)
		}
	}
}
