package lardertest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/lardertest"
)

// A client speaks in inline commands, and reads one line of reply.
type client struct {
	t testing.TB
	c net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, s *lardertest.Server) *client {
	t.Helper()
	c, err := s.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) do(line string) string {
	c.t.Helper()
	if _, err := io.WriteString(c.c, line+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
	s, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	if strings.HasPrefix(s, "$") && s != "$-1\r\n" {
		if s, err = c.r.ReadString('\n'); err != nil {
			c.t.Fatal(err)
		}
	}
	return strings.TrimSpace(s)
}

func (c *client) want(line, reply string) {
	c.t.Helper()
	if got := c.do(line); got != reply {
		c.t.Errorf("%s = %q, want %q", line, got, reply)
	}
}

func TestServer(t *testing.T) {
	s := lardertest.Run(t)
	c := dial(t, s)
	c.want("SET k v EX 60", "+OK")
	if v, err := s.DB.Get("k"); v != "v" || err != nil {
		t.Errorf("Get = %q, %v", v, err)
	}
	s.FastForward(59 * time.Second)
	c.want("GET k", "v")
	s.FastForward(time.Second)
	if n, _ := s.DB.DBSize(); n != 0 {
		t.Error("a key that is due was not deleted")
	}
	c.want("GET k", "$-1")

	s.Fail("ERR boom")
	c.want("GET k", "-ERR boom")
	if err := s.DB.Set("k", "v"); err != nil {
		t.Errorf("Set on the DB = %v", err)
	}
	s.Fail("")
	c.want("GET k", "v")
}

func TestAddr(t *testing.T) {
	s := lardertest.Run(t)
	if first, again := s.Addr(), s.Addr(); first != again {
		t.Errorf("two addresses, %s and %s", first, again)
	}
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cl := &client{t, c, bufio.NewReader(c)}
	cl.want("PING", "+PONG")
}

func TestConfig(t *testing.T) {
	s := lardertest.Run(t, "requirepass", "secret")
	c := dial(t, s)
	c.want("GET k", "-NOAUTH Authentication required.")
	c.want("AUTH secret", "+OK")
	c.want("GET k", "$-1")
}

func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lardertest.Run(t)
		c := dial(t, s)
		start := time.Now()
		c.want("SET k v PX 1500", "+OK")
		time.Sleep(1499 * time.Millisecond)
		c.want("GET k", "v")
		time.Sleep(time.Millisecond)
		c.want("GET k", "$-1")
		c.want("DEBUG SLEEP 2", "+OK")
		if d := time.Since(start); d != 3500*time.Millisecond {
			t.Errorf("%v went by", d)
		}
		c.c.Close()
	})
}

// The whole of a test with larder.
func ExampleRun() {
	t := new(testing.T) // the test's own
	s := lardertest.Run(t)
	s.DB.SetArgs(larder.SetArgs{Key: "session", Value: "ann", TTL: time.Hour})
	s.FastForward(2 * time.Hour)
	_, err := s.DB.Get("session")
	fmt.Println(err)
	// Output: larder: nil
}
