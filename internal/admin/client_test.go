package admin_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

// The replies of CLIENT stand in testdata/client.txt; here is what a script
// cannot see, and what 7.0.15 does not have.

func TestClientInfo(t *testing.T) {
	p := open(t).peer(t)
	p.Do("SELECT", "3")
	got := verbatim(p.Do("CLIENT", "INFO"))
	const want = `^id=1 addr=127\.0\.0\.1:50001 laddr=127\.0\.0\.1:6379 fd=\d+ name= age=\d+ idle=0 flags=N db=3 sub=0 psub=0 ssub=0 ` +
		`multi=-1 qbuf=26 qbuf-free=100 argv-mem=10 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=\d+ events=r ` +
		`cmd=client\|info user=default redir=-1 resp=2\n$`
	if !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("CLIENT INFO = %q", got)
	}
	p.check(`
		CLIENT SETINFO LIB-NAME some-lib -> OK
		CLIENT SETINFO lib-ver 1.2.3 -> OK
		CLIENT SETINFO lib-foo x -> (error) ERR Unrecognized option 'lib-foo'
		CLIENT NO-TOUCH on -> OK
		CLIENT NO-EVICT on -> OK
		CLIENT NO-TOUCH maybe -> (error) ERR syntax error
	`)
	if got := p.text("CLIENT", "SETINFO", "lib-name", "a b"); got != "(error) ERR lib-name cannot contain spaces, newlines or special characters." {
		t.Errorf("SETINFO with a blank = %s", got)
	}
	got = verbatim(p.Do("CLIENT", "INFO"))
	if !strings.HasSuffix(got, " resp=2 lib-name=some-lib lib-ver=1.2.3\n") || !strings.Contains(got, " flags=eT ") {
		t.Errorf("CLIENT INFO = %q", got)
	}
	p.Do("RESET")
	if got = verbatim(p.Do("CLIENT", "INFO")); !strings.Contains(got, " flags=N ") || !strings.Contains(got, " db=0 ") {
		t.Errorf("CLIENT INFO after RESET = %q", got)
	}
}

func TestClientReply(t *testing.T) {
	for _, test := range []struct {
		name, script, want string
	}{
		{"off", "REPLY OFF|PING|GET|REPLY foo|PING", ""},
		{"on again", "REPLY OFF|PING|REPLY ON|PING", "+OK +PONG"},
		{"skip", "REPLY SKIP|PING a|PING b", "b"},
		{"skip an error", "REPLY SKIP|NOSUCH|PING b", "b"},
		{"skip twice", "REPLY SKIP|REPLY SKIP|PING a|PING b", "b"},
		{"skip while off", "REPLY OFF|REPLY SKIP|PING a|PING b|REPLY ON|PING c", "+OK c"},
		{"skip, then on", "REPLY SKIP|REPLY ON|PING c", "+OK c"},
		{"off inside a transaction", "MULTI|PING a|REPLY OFF|PING b|EXEC|PING c", "+OK +QUEUED +QUEUED +QUEUED *3 a"},
		{"off and on inside", "MULTI|PING a|REPLY OFF|PING b|REPLY ON|PING c|EXEC|PING d",
			"+OK +QUEUED +QUEUED +QUEUED +QUEUED +QUEUED *5 a +OK c d"},
		{"skip inside", "MULTI|REPLY SKIP|PING b|EXEC|PING c|PING d", "+OK +QUEUED +QUEUED *2 b d"},
		{"skip while off inside", "MULTI|REPLY OFF|REPLY SKIP|REPLY ON|EXEC|PING c", "+OK +QUEUED +QUEUED +QUEUED *3 +OK c"},
		{"reset", "REPLY OFF|PING|RESET|PING", "+RESET +PONG"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := open(t).peer(t)
			var out string
			for command := range strings.SplitSeq(test.script, "|") {
				if strings.HasPrefix(command, "REPLY") {
					command = "CLIENT " + command
				}
				out += p.raw(strings.Fields(command)...)
			}
			out = regexp.MustCompile(`\$\d+\r\n`).ReplaceAllString(out, "")
			if got := strings.TrimSpace(strings.ReplaceAll(out, "\r\n", " ")); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestClientKill(t *testing.T) {
	s := open(t)
	me, other, remote := s.peer(t), s.peer(t), s.peerFrom(t, "10.0.0.1")
	if got := me.text("CLIENT", "KILL", "ADDR", other.addr, "LADDR", "127.0.0.1:6379"); got != "(integer) 1" {
		t.Errorf("KILL ADDR = %s", got)
	}
	if got := other.Do("PING"); got.Kind != redistest.Closed {
		t.Errorf("the killed one answers %s", got)
	}
	if got := verbatim(me.Do("CLIENT", "LIST")); strings.Count(got, "\n") != 2 {
		t.Errorf("CLIENT LIST after a kill = %q", got)
	}
	if got := me.text("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"); got != "(integer) 2" {
		t.Errorf("KILL TYPE normal SKIPME no = %s", got)
	}
	if !me.ended || remote.ctx.Err() == nil {
		t.Error("not everybody was killed")
	}
}

// TestClientList reads a connection that others write: for the race detector.
func TestClientList(t *testing.T) {
	s := open(t)
	var peers []*peer
	for range 4 {
		peers = append(peers, s.peer(t))
	}
	look := s.peer(t)
	var wg sync.WaitGroup
	for _, p := range peers {
		wg.Go(func() {
			for range 100 {
				p.raw("CLIENT", "SETNAME", "x")
				p.raw("SELECT", "2")
				p.raw("MULTI")
				p.raw("SET", "k", "v")
				p.raw("EXEC")
				p.raw("HELLO", "3", "SETNAME", "y")
				p.raw("CLIENT", "NO-EVICT", "on")
				p.raw("CLIENT", "NO-TOUCH", "on")
				p.raw("RESET")
			}
		})
	}
	wg.Go(func() {
		for range 200 {
			look.raw("CLIENT", "LIST")
			look.raw("INFO", "all")
			look.raw("MEMORY", "STATS")
		}
	})
	wg.Wait()
}

// MAXAGE is of Redis 7.4: those that came so many seconds ago, or more.
func TestClientKillMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		me, old := s.peer(t), s.peer(t)
		time.Sleep(5 * time.Second)
		young := s.peer(t)
		me.check(`
			CLIENT KILL MAXAGE 6 -> (integer) 0
			CLIENT KILL MAXAGE 0 -> (error) ERR maxage should be greater than 0
			CLIENT KILL MAXAGE -1 -> (error) ERR maxage should be greater than 0
			CLIENT KILL MAXAGE x -> (error) ERR maxage is not an integer or out of range
			CLIENT KILL MAXAGE 9223372036854775807 -> (integer) 0
			CLIENT KILL MAXAGE 5 TYPE pubsub -> (integer) 0
			CLIENT KILL MAXAGE 5 -> (integer) 1
		`)
		if !killed(old) || killed(young) {
			t.Errorf("the old one is killed: %t, the young one: %t", killed(old), killed(young))
		}
	})
}

// INFO counts who waits, and of them who does not wait for ever; and the largest buffers
// of the last seconds, also those that are gone.
func TestClientsInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		me, large := s.peer(t), s.peer(t)
		info := func(name string) string { return field(verbatim(me.Do("INFO", "clients")), name, ":") }
		for _, timeout := range []string{"0", "7", "9"} {
			p := s.peer(t)
			go p.raw("BLPOP", "nothing", timeout)
		}
		synctest.Wait()
		if b, timed := info("blocked_clients"), info("clients_in_timeout_table"); b != "3" || timed != "2" {
			t.Errorf("blocked_clients = %s, clients_in_timeout_table = %s; want 3 and 2", b, timed)
		}
		time.Sleep(8 * time.Second)
		if b, timed := info("blocked_clients"), info("clients_in_timeout_table"); b != "2" || timed != "1" {
			t.Errorf("8 s later blocked_clients = %s, clients_in_timeout_table = %s; want 2 and 1", b, timed)
		}
		large.queued.Store(123_456)
		large.raw("PING")
		large.Close()
		if got := info("client_recent_max_output_buffer"); got != "123456" {
			t.Errorf("client_recent_max_output_buffer = %s, want 123456", got)
		}
		time.Sleep(9 * time.Second)
		if got := info("client_recent_max_output_buffer"); got != "0" {
			t.Errorf("client_recent_max_output_buffer = %s after 9 s, want 0", got)
		}
		if got := me.text("LPUSH", "nothing", "x"); got != "(integer) 1" { // for who waits for ever
			t.Errorf("LPUSH = %s", got)
		}
		synctest.Wait()
	})
}
