package redcon_server

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/resp"
)

// Whatever bytes a command has, it is answered once: text of a client's that is
// quoted in an error must not end the line and begin a reply of its own.

// notAnsweredOnce are commands that are answered otherwise by nature, or end the
// connection, or the waiting of the test.
var notAnsweredOnce = map[string]bool{
	"subscribe": true, "unsubscribe": true, "psubscribe": true, "punsubscribe": true, "ssubscribe": true, "sunsubscribe": true,
	"monitor": true, "quit": true, "shutdown": true, "sync": true, "psync": true, "client|reply": true, "client|kill": true,
	"debug|sleep": true, "client|pause": true, "debug": true, "reset": true, "replconf": true, "replicaof": true, "slaveof": true,
	"failover": true, "acl|deluser": true, "auth": true,
}

// hostile are words that would be a reply if they came to stand at the beginning of a
// line, and others that a formatter may choke on.
var hostile = []string{
	"\r\n", "\n", "\r", "a\r\n+OK\r\n", "\r\n-ERR injected\r\n", "\r\n$5\r\nhello\r\n", "\r\n*1\r\n:1\r\n", "\n:1\r\n", "%s%n%d", "\x00",
	"\xff\xfe", "", "'", "\"", "a b", "k", "\r\n\r\n\r\n", strings.Repeat("\r\n+OK", 60), "|\r\n", "*", "(\r\n", "~\r\n", "+\r\n+OK", "@\r\n",
}

func TestReplyInjection(t *testing.T) {
	for _, proto := range []string{"2", "3"} {
		t.Run("resp"+proto, func(t *testing.T) { testInjection(t, proto) })
	}
}

func testInjection(t *testing.T, proto string) {
	var target inMemory
	target.Reset(t)
	defer func() { target.srv.Close(); target.db.Close() }()
	dial := func() (net.Conn, *resp.Reader) {
		nc, err := target.srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		nc.SetDeadline(time.Now().Add(time.Minute))
		t.Cleanup(func() { nc.Close() })
		return nc, resp.NewReader(nc)
	}
	nc, r := dial()
	names, syntax := commandNames(t, nc, r)
	if len(names) < 200 {
		t.Fatalf("there are %d commands", len(names))
	}
	rng := rand.New(rand.NewPCG(3, uint64(len(proto))))
	token := regexp.MustCompile(`[A-Z][A-Z]+`)
	rounds := 60
	if testing.Short() {
		rounds = 6
	}
	sent := 0
	for _, name := range names {
		if notAnsweredOnce[name] {
			continue
		}
		nc, r := dial() // for the moods of a connection
		ask(t, nc, r, []string{"HELLO", proto})
		pool := append(token.FindAllString(syntax[name], -1), hostile...)
		for i := range rounds {
			words := strings.Split(name, "|")
			if i%10 == 9 {
				words[rng.IntN(len(words))] += hostile[rng.IntN(len(hostile))]
			}
			for range rng.IntN(7) {
				words = append(words, pool[rng.IntN(len(pool))])
			}
			if inMulti := i%7 == 0; inMulti && name != "exec" && name != "discard" && name != "watch" && name != "multi" {
				ask(t, nc, r, []string{"MULTI"}) // and, with its mark, an ECHO in it
				queued := ask(t, nc, r, words)
				v := ask(t, nc, r, []string{"EXEC"})
				if queued.Str == "QUEUED" && v.Kind == resp.Array && !v.Null && (len(v.Elems) != 3 ||
					!strings.HasPrefix(v.Elems[0].Str, "mark") || !strings.HasPrefix(v.Elems[2].Str, "mark")) {
					t.Fatalf("EXEC of %q = %+v", words, v)
				}
			}
			ask(t, nc, r, words)
			sent++
		}
	}
	t.Logf("%d commands", sent)
}

var marks int

// ask sends a command with one behind it that answers a mark, and returns the one
// reply that came before the mark.
func ask(t *testing.T, nc net.Conn, r *resp.Reader, words []string) resp.Value {
	t.Helper()
	marks++
	mark := fmt.Sprintf("mark %d", marks)
	b := resp.AppendCommand(nil, words...)
	b = resp.AppendCommand(b, "ECHO", mark)
	if _, err := nc.Write(b); err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	next := func() resp.Value {
		for {
			v, err := r.Read()
			if err == io.EOF {
				t.Fatalf("%q ended the connection", words)
			}
			if err != nil {
				t.Fatalf("%q is answered by what is no reply: %v", words, err)
			}
			if v.Kind != resp.Push {
				return v
			}
		}
	}
	v := next()
	if m := next(); m.Str != mark && !strings.HasPrefix(m.Str, "QUEUED") && !strings.HasPrefix(m.Str, "NOAUTH") {
		t.Fatalf("%q is answered %+v and %+v", words, v, m)
	}
	return v
}

// commandNames returns the names of all commands, and their tokens.
func commandNames(t *testing.T, nc net.Conn, r *resp.Reader) (names []string, syntax map[string]string) {
	syntax = map[string]string{}
	for _, v := range ask(t, nc, r, []string{"COMMAND", "LIST"}).Elems {
		names = append(names, v.Str)
		syntax[v.Str] = fmt.Sprint(ask(t, nc, r, []string{"COMMAND", "DOCS", strings.Split(v.Str, "|")[0]}).Elems)
	}
	return names, syntax
}
