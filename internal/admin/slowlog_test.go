package admin_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

// slow returns the words of the entries of SLOWLOG, oldest first, and forgets them.
func slow(t testing.TB, p redistest.Client) (lines []string) {
	t.Helper()
	entries := p.Do("SLOWLOG", "GET", "-1").Elems
	for i := len(entries) - 1; i >= 0; i-- {
		var words []string
		for _, w := range entries[i].Elems[3].Elems {
			words = append(words, w.Str)
		}
		if line := strings.Join(words, " "); !strings.HasPrefix(line, "SLOWLOG") {
			lines = append(lines, line)
		}
	}
	p.Do("SLOWLOG", "RESET")
	return lines
}

// TestSlowLogServer runs commands here and on a redis-server and compares what of them
// is kept: how words are cut, and which are hidden.
func TestSlowLogServer(t *testing.T) {
	server := redistest.Start(t).NewClient(t, 2)
	p := open(t).peer(t)
	words := func(n int) []string {
		out := []string{"DEL"}
		for i := range n {
			out = append(out, fmt.Sprint(i))
		}
		return out
	}
	commands := [][]string{
		words(30), words(31), words(32), words(100), {"SET", "k", strings.Repeat("x", 128)}, {"SET", "k", strings.Repeat("x", 129)},
		{"set", strings.Repeat("k", 500), "\x00\xff"}, {"AUTH", "x"}, {"AUTH", "default", "x"},
		{"HELLO", "2", "AUTH", "default", "x", "SETNAME", "n"}, {"CONFIG", "SET", "masterauth", "x", "hz", "10"},
		{"CONFIG", "SET", "HZ", "10"}, {"CONFIG", "GET", "hz"}, {"MULTI"}, {"GET", "k"}, {"EXEC"}, {"SUBSCRIBE", "c"}, {"UNSUBSCRIBE", "c"},
		{"BLPOP", "l", "0.01"}, {"RPUSH", "l", "x"}, {"BLPOP", "l", "1"},
	}
	for _, c := range []redistest.Client{server, p} {
		c.Do("CONFIG", "SET", "slowlog-log-slower-than", "0")
		c.Do("SLOWLOG", "RESET")
		for _, words := range commands {
			c.Do(words...)
		}
	}
	want, got := slow(t, server), slow(t, p)
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("larder keeps\n%s\n\nredis-server\n%s", a, b)
	}
}

func TestSlowLogEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{db: debugDB(t, "yes")}
		p := s.peer(t)
		p.Do("CONFIG", "SET", "slowlog-log-slower-than", "2000")
		p.Do("CLIENT", "SETNAME", "me")
		time.Sleep(time.Hour)
		p.Do("DEBUG", "SLEEP", "0.001999")
		p.Do("DEBUG", "SLEEP", "0.002")
		p.Do("DEBUG", "SLEEP", "1.5")
		const want = `(array 2)   (array 6)     (integer) 1     (integer) 946688401     (integer) 1500000     (array 3) ` +
			`      "DEBUG"       "SLEEP"       "1.5"     "127.0.0.1:50001"     "me"   (array 6)     (integer) 0     ` +
			`(integer) 946688400     (integer) 2000     (array 3)       "DEBUG"       "SLEEP"       "0.002"     ` +
			`"127.0.0.1:50001"     "me"`
		if got := p.text("SLOWLOG", "GET"); got != want {
			t.Errorf("SLOWLOG GET =\n%s\nwant\n%s", got, want)
		}
		p.check(`
			SLOWLOG LEN -> (integer) 2
			SLOWLOG RESET -> OK
			SLOWLOG LEN -> (integer) 0
		`)
		// A wait is no work.
		p.Do("CONFIG", "SET", "slowlog-log-slower-than", "1000000")
		q := s.peer(t)
		go q.raw("BLPOP", "l", "0")
		synctest.Wait()
		time.Sleep(time.Hour)
		p.Do("RPUSH", "l", "x")
		synctest.Wait()
		if got := slow(t, p); got != nil {
			t.Errorf("kept %q", got)
		}
		p.Do("CONFIG", "SET", "slowlog-log-slower-than", "0")
		go q.raw("BLPOP", "l", "0")
		synctest.Wait()
		time.Sleep(time.Hour)
		p.Do("RPUSH", "l", "x")
		synctest.Wait()
		if got := slow(t, p); strings.Join(got, ",") != "CONFIG SET slowlog-log-slower-than 0,RPUSH l x,BLPOP l 0" {
			t.Errorf("kept %q", got)
		}
	})
}

// Calls of Go are kept by their name and keys.
func TestSlowLogGo(t *testing.T) {
	s := open(t, "slowlog-log-slower-than", "0")
	p := s.peer(t)
	s.db.Set("k", "secret value")
	s.db.Get("k")
	s.db.Do("SET", "k", "v")
	s.db.XGroupDestroy("stream", "g")
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	s.db.Del(many...)
	want := []string{"SET k", "GET k", "SET k v", "XGROUP DESTROY stream",
		"DEL " + strings.Join(many[:30], " ") + " ... (70 more arguments)"}
	if got := slow(t, p); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("kept\n%q\nwant\n%q", got, want)
	}
	s.db.Get("k")
	v := p.Do("SLOWLOG", "GET", "1").Elems[0]
	if addr, name := v.Elems[4].Str, v.Elems[5].Str; addr != "go" || name != "" {
		t.Errorf("a Go call comes from %q, %q", addr, name)
	}
	// Where only what is slow is kept, brief calls are not timed, those of big values are.
	for i := range 300_000 {
		many = append(many[:0], fmt.Sprint(i))
		s.db.RPush("long", many...)
	}
	p.Do("CONFIG", "SET", "slowlog-log-slower-than", "1000")
	p.Do("SLOWLOG", "RESET")
	s.db.Get("k")
	s.db.LRange("long", 0, -1)
	if got := slow(t, p); len(got) != 1 || got[0] != "LRANGE long" {
		t.Errorf("kept %q", got)
	}
	p.Do("CONFIG", "SET", "slowlog-log-slower-than", "-1")
	s.db.LRange("long", 0, -1)
	if got := slow(t, p); got != nil {
		t.Errorf("kept %q although nothing is to be", got)
	}
}

// A command of a pipeline that is long because its value is keeps its words.
func TestSlowLogPipeline(t *testing.T) {
	s := open(t, "slowlog-log-slower-than", "1000")
	p := s.peer(t)
	p.Do("SET", "big", strings.Repeat("x", 64<<20))
	p.conn.Batch(true)
	p.raw("GET", "nope")
	p.raw("GET", "big")
	p.raw("GET", "nope")
	p.conn.Batch(false)
	if got := slow(t, p); len(got) == 0 || got[len(got)-1] != "GET big" {
		t.Errorf("kept %q", got)
	}
}
