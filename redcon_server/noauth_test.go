package redcon_server

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/larderdb/larder"
)

// What a client may have a server hold before it has logged in.

// strangers are a server of a real store with a password, and how much it has in its
// buffers for its one connection.
func strangers(t *testing.T, config ...string) (*Server, *larder.DB) {
	db, err := larder.Open(larder.Options{Config: append([]string{"requirepass", "pw"}, config...)})
	if err != nil {
		t.Fatal(err)
	}
	s := New(db, Options{Limits: Limits{Normal: OutputLimit{Hard: -1}}})
	t.Cleanup(func() { s.Close(); db.Close() })
	return s, db
}

func held(s *Server) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.doors {
		b := (*transport)(d).Buffers()
		n += b.QueryUsed + b.QueryFree + b.OutputQueued
	}
	return n
}

// TestStrangerNeverReads sends commands without end, and reads no reply. Every reply
// is an error; the server gives the connection up once too many of them wait, however
// little the limits of those who have logged in say.
func TestStrangerNeverReads(t *testing.T) {
	s, _ := strangers(t)
	for name, line := range map[string]string{
		"no auth":    "*1\r\n$6\r\nDBSIZE\r\n",
		"wrong":      "*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$3\r\nxxx\r\n",
		"unknown":    "*2\r\n$100\r\n" + strings.Repeat("x", 100) + "\r\n$100\r\n" + strings.Repeat("\n", 100) + "\r\n",
		"hello":      "*1\r\n$5\r\nHELLO\r\n",
		"subcommand": "*2\r\n$6\r\nCLIENT\r\n$100\r\n" + strings.Repeat("y", 100) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := s.Dial(context.Background(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			lines, most, sent := strings.Repeat(line, 1000), 0, 0
			for sent < 64<<20 {
				n, err := io.WriteString(nc, lines)
				sent += n
				most = max(most, held(s))
				if err != nil {
					break
				}
			}
			if sent >= 64<<20 {
				t.Errorf("it was served %d bytes of commands without reading", sent)
			}
			if most > 1<<20 {
				t.Errorf("%d bytes were held for it", most)
			}
			waitFor(t, "the connection to be closed", func() bool { return s.Stats().Connected == 0 })
		})
	}
}

// TestStrangerLogsIn has the limits of those who have logged in hold for a connection
// from then on, and no longer once it is a stranger again.
func TestStrangerLogsIn(t *testing.T) {
	s, _ := strangers(t)
	nc, err := s.Dial(context.Background(), "", "")
	c := newClient(t, nc, err)
	expect(t, "AUTH", c.do("AUTH", "pw"), "OK")
	big := strings.Repeat("v", 1<<20)
	expect(t, "SET", c.do("SET", "k", big), "OK")
	const gets = 8
	c.send(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", gets))
	waitFor(t, "the replies to wait", func() bool { return held(s) > 2<<20 })
	for range gets {
		if got := strings.Trim(c.read(), `"`); got != big {
			t.Fatalf("GET = %d bytes", len(got))
		}
	}
	expect(t, "RESET", c.do("RESET"), "RESET")
	expect(t, "GET", c.do("GET", "k"), "(error) NOAUTH Authentication required.")
	c.send("*2\r\n$3\r\nGET\r\n$16385\r\n")
	expect(t, "a long word", c.read(), "(error) ERR Protocol error: unauthenticated bulk length")
}

// TestStrangersLine sends a line that does not end, and words that were announced and
// do not come.
func TestStrangersLine(t *testing.T) {
	s, _ := strangers(t)
	for name, send := range map[string]string{
		"inline":    strings.Repeat("x", 1<<20),
		"announced": "*10\r\n" + strings.Repeat("$16384\r\n"+strings.Repeat("x", 16384)+"\r\n", 9) + "$16384\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := s.Dial(context.Background(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			go io.WriteString(nc, send)
			waitFor(t, "it to be read", func() bool { return held(s) > 60<<10 || s.Stats().Connected == 0 })
			if n := held(s); n > 512<<10 {
				t.Errorf("%d bytes are held", n)
			}
		})
	}
}
