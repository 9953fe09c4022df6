package admin_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// A watcher is a peer that keeps what is pushed to it.
type watcher struct {
	*peer

	mu     sync.Mutex // guards following
	pushed strings.Builder
}

func (s *store) watcher(t testing.TB) *watcher {
	w := &watcher{peer: s.peer(t)}
	w.peer.Close()
	w.peer = s.carried(t, w)
	return w
}

// carried is a peer whose pushes go to w.
func (s *store) carried(t testing.TB, w *watcher) *peer {
	p := s.peer(t)
	p.conn.Close()
	p.conn = s.db.NewConn(watching{p, w})
	return p
}

// watching is the Transport of a watcher.
type watching struct {
	*peer
	w *watcher
}

func (x watching) Push(frame []byte) {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	x.w.pushed.Write(frame)
}

// lines are what was pushed since they were asked for last, without the times.
func (w *watcher) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := strings.TrimSuffix(w.pushed.String(), "\r\n")
	w.pushed.Reset()
	if text == "" {
		return nil
	}
	var out []string
	for line := range strings.SplitSeq(text, "\r\n") {
		out = append(out, lineTime.ReplaceAllString(line, "+T "))
	}
	return out
}

var lineTime = regexp.MustCompile(`^\+[0-9]{9,10}\.[0-9]{6} `)

func (w *watcher) want(t testing.TB, what string, lines ...string) {
	t.Helper()
	if got := w.lines(); strings.Join(got, "\n") != strings.Join(lines, "\n") {
		t.Errorf("%s:\n got %q\nwant %q", what, got, lines)
	}
}

func TestMonitor(t *testing.T) {
	s := open(t, "enable-debug-command", "yes", "requirepass", "secret")
	w, p := s.watcher(t), s.peer(t)
	from := "+T [0 " + p.addr + "] "
	w.Send("AUTH", "secret")
	w.Send("MONITOR")
	w.want(t, "MONITOR", "+OK")
	w.Send("MONITOR")
	w.want(t, "MONITOR again")
	p.Do("AUTH", "secret")
	p.Do("AUTH", "default", "secret")
	p.Do("HELLO", "2", "AUTH", "default", "secret", "SETNAME", "me")
	w.want(t, "passwords", from+`"AUTH" "(redacted)"`, from+`"AUTH" "(redacted)" "(redacted)"`,
		from+`"HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "me"`)
	p.Do("set", "k\x00\n\r\t\a\b\"\\\x80\xff\x7f ", "v")
	w.want(t, "bytes that are quoted", from+`"set" "k\x00\n\r\t\a\b\"\\\x80\xff\x7f " "v"`)
	p.Do("CONFIG", "GET", "port")
	p.Do("DEBUG", "SLEEP", "0")
	p.Do("NOSUCH")
	p.Do("GET")
	w.want(t, "what is not shown: admin commands, errors that nothing ran for")
	p.Do("SELECT", "3")
	p.Do("LPUSH", "l")
	p.Do("SET", "l", "v", "WRONG")
	p.Do("SELECT", "0")
	w.want(t, "the database, and a command that failed", "+T [3 "+p.addr+`] "SELECT" "3"`, "+T [3 "+p.addr+`] "SET" "l" "v" "WRONG"`,
		from+`"SELECT" "0"`)
	p.Do("MULTI")
	p.Do("SET", "a", "1")
	p.Do("CONFIG", "GET", "port")
	p.Do("MONITOR")
	p.Do("PING")
	w.want(t, "MULTI", from+`"MULTI"`)
	if got := p.text("EXEC"); !strings.Contains(got, "MONITOR isn't allowed for DENY BLOCKING client") {
		t.Errorf("MONITOR within EXEC = %s", got)
	}
	w.want(t, "EXEC", from+`"SET" "a" "1"`, from+`"PING"`, from+`"EXEC"`)
	p.Do("MULTI")
	p.Do("NOSUCH")
	p.Do("EXEC")
	w.want(t, "EXEC that fails", from+`"MULTI"`, from+`"EXEC"`)

	for _, words := range [][]string{{"GET", "k"}, {"SET", "k", "v"}} {
		w.Send(words...)
		w.want(t, words[0], "-ERR Replica can't interact with the keyspace")
	}
	if got := field(verbatim(p.Do("CLIENT", "LIST", "TYPE", "normal")), "flags", "="); got != "O" {
		t.Errorf("flags = %q", got)
	}
	w.lines()
	w.Send("RESET")
	w.Send("AUTH", "secret")
	p.Do("PING")
	w.want(t, "after RESET", "+RESET")
	w.got = nil
	if got := w.text("GET", "nope"); got != "(nil)" {
		t.Errorf("GET after RESET = %s", got)
	}
	w.Send("MONITOR")
	w.want(t, "MONITOR once more", "+OK")
	w.Close()
	p.Do("PING")
	w.want(t, "after it has gone")
}

// A reply comes before the line of the command that it answers, where both go to one
// connection, and CLIENT REPLY OFF is silence.
func TestMonitorOwn(t *testing.T) {
	s := open(t)
	w, p := s.watcher(t), s.peer(t)
	own := "+T [0 " + w.addr + "] "
	w.Send("MONITOR")
	w.Send("PING")
	w.want(t, "PING", "+OK", "+PONG", own+`"PING"`)
	w.Send("CLIENT", "REPLY", "OFF")
	w.Send("PING")
	p.Do("PING")
	w.want(t, "CLIENT REPLY OFF")
	w.Send("CLIENT", "REPLY", "ON")
	p.Do("PING")
	w.want(t, "CLIENT REPLY ON", "+OK", own+`"CLIENT" "REPLY" "ON"`, "+T [0 "+p.addr+`] "PING"`)
	w.Send("QUIT")
	w.want(t, "QUIT", "+OK")
}

// A command that waits is shown when it begins to, once, and before the one that
// serves it.
func TestMonitorWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		w, p, q := s.watcher(t), s.peer(t), s.peer(t)
		w.Send("MONITOR")
		go p.raw("BLPOP", "l", "0")
		synctest.Wait()
		w.want(t, "BLPOP", "+OK", "+T [0 "+p.addr+`] "BLPOP" "l" "0"`)
		q.Do("RPUSH", "l", "x")
		synctest.Wait()
		w.want(t, "RPUSH", "+T [0 "+q.addr+`] "RPUSH" "l" "x"`)
		p.Do("BLPOP", "l", "1")
		w.want(t, "BLPOP in vain", "+T [0 "+p.addr+`] "BLPOP" "l" "1"`)
	})
}

// Calls of Go are shown by their name and keys, those in words by their words.
func TestMonitorGo(t *testing.T) {
	s := open(t)
	w := s.watcher(t)
	if err := s.db.Set("before", "1"); err != nil {
		t.Fatal(err)
	}
	w.Send("MONITOR")
	w.want(t, "MONITOR", "+OK")
	s.db.Set("k", "v")
	s.db.Get("k")
	s.db.MGet("k", "l")
	s.db.DB(2).Do("SET", "k", "v")
	w.want(t, "single calls", `+T [0 go] "SET" "k"`, `+T [0 go] "GET" "k"`, `+T [0 go] "MGET" "k" "l"`, `+T [2 go] "SET" "k" "v"`)
	s.db.Update(func(tx *larder.Tx) error {
		tx.Incr("n") // which is INCRBY
		tx.Do("INCRBY", "n", "2")
		return nil
	}, "n")
	w.want(t, "Update", `+T [0 go] "INCRBY" "n"`, `+T [0 go] "INCRBY" "n" "2"`)
	m := s.db.Multi()
	m.Incr("n")
	m.Exec()
	w.want(t, "Multi", `+T [0 go] "INCRBY" "n"`)
	w.Send("RESET")
	s.db.Get("k")
	w.want(t, "after RESET", "+RESET")
}

// While connections write the same keys MONITOR has their order: the value that a key
// has in the end is the one that was shown last.
func TestMonitorOrder(t *testing.T) {
	s := open(t)
	w := s.watcher(t)
	w.Send("MONITOR")
	var group sync.WaitGroup
	for range 4 {
		p := s.peer(t)
		group.Go(func() {
			for range 500 {
				p.Do("SET", "k", p.addr)
				p.Do("MULTI")
				p.Do("SET", "k", p.addr)
				p.Do("GET", "k")
				p.Do("EXEC")
			}
		})
	}
	group.Wait()
	lines := w.lines()
	last, value := "", ""
	for i, line := range lines {
		if strings.Contains(line, ` "SET" "k" `) {
			last = line
		}
		if strings.Contains(line, `"GET"`) && (!strings.Contains(lines[i-1], `"SET"`) || !strings.Contains(lines[i+1], `"EXEC"`)) {
			t.Fatalf("the commands of an EXEC are not together: %q", lines[i-1:i+2])
		}
	}
	value, _ = s.db.Get("k")
	if want := `"SET" "k" "` + value + `"`; !strings.HasSuffix(last, want) {
		t.Errorf("the last line is %q, want %q", last, want)
	}
	if n := 1 + 4*500*5; len(lines) != n {
		t.Errorf("%d lines, want %d", len(lines), n)
	}
}

// TestMonitorTime looks at the time of a line and at the address of a Unix socket.
func TestMonitorLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose time is known
		s := open(t)
		w, p := s.watcher(t), s.peer(t)
		p.addr = "/tmp/larder.sock:0"
		w.Send("MONITOR")
		w.lines()
		time.Sleep(1500*time.Millisecond + 42*time.Microsecond)
		p.Do("PING")
		if got, want := w.pushed.String(), "+946684801.500042 [0 unix:/tmp/larder.sock] \"PING\"\r\n"; got != want {
			t.Errorf("line = %q, want %q", got, want)
		}
	})
}

// TestMonitorServer runs the same lines here and on a redis-server and compares what
// the monitor is shown.
func TestMonitorServer(t *testing.T) {
	const script = `set k v|GET k|get nope|multi|set a 1|incr a|config get port|ping|exec|multi|get|exec|multi|discard|auth x|
		auth default x|hello 3|hello 2 auth default x setname me|select 3|set x y|select 0|set k|nosuch|lpush k x|echo hi|
		blpop nolist 0.01|client setname x|info cpu|client list|debug sleep 0|object help|getex a ex 10|expire a 0|
		role|lastsave|command count|reset|subscribe a|unsubscribe|publish a b|quit`
	server := redistest.Start(t)
	watch, do := server.NewClient(t, 2).(redistest.AsyncClient), server.NewClient(t, 2)
	watch.Do("MONITOR")
	s := open(t, "enable-debug-command", "yes")
	w, p := s.watcher(t), s.peer(t)
	w.Send("MONITOR")
	w.lines()
	for line := range strings.SplitSeq(script, "|") {
		words := strings.Fields(line)
		do.Do(words...)
		p.Do(words...)
	}
	var want []string
	place := regexp.MustCompile(`^\S+ (\[\d+) \S+\] `)
	clean := func(line string) string { return place.ReplaceAllString(line, "$1] ") }
	for {
		v := watch.Receive(5 * time.Second)
		if v.Kind != redistest.Simple {
			t.Fatalf("no line of QUIT from redis-server, but %v", v)
		}
		if want = append(want, clean(v.Str)); strings.HasSuffix(v.Str, `"quit"`) {
			break
		}
	}
	var got []string
	for _, line := range w.lines() {
		got = append(got, clean(line))
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("larder shows\n%s\n\nredis-server\n%s", a, b)
	}
}
