package redcon_server

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

// The door with the real thing behind it.
func TestLarder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := larder.Open(larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s := New(db, Options{})
		defer s.Close()
		c := dialMemory(t, s)
		c.SetDeadline(time.Time{})
		expect(t, "SET", c.do("SET", "k", "v", "PX", "100"), "OK")
		if v, err := db.Get("k"); v != "v" || err != nil {
			t.Errorf("typed Get = %q, %v", v, err)
		}
		time.Sleep(100 * time.Millisecond)
		expect(t, "GET", c.do("GET", "k"), "nil")
		c.send("SET a 1\r\nGET a\r\n*1\r\n$-2\r\n")
		if got := c.all(); !strings.HasPrefix(got, "+OK\r\n$1\r\n1\r\n-ERR Protocol error") {
			t.Errorf("a batch that ends in an error answers %q", got)
		}
	})
}

// INFO, and what a replica tells its primary, names the port at which the server is
// reached, also after it has moved.
func TestPort(t *testing.T) {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := New(db, Options{Addr: "127.0.0.1:0"})
	defer s.Close()
	check := func(port int) {
		t.Helper()
		info, err := db.Do("INFO", "server")
		if want := fmt.Sprintf("\r\ntcp_port:%d\r\n", port); err != nil || !strings.Contains(info.(string), want) {
			t.Errorf("INFO says %q, %v; want %q", info, err, want)
		}
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	check(s.Addr().(*net.TCPAddr).Port)
	if err := s.SetEndpoints([]Endpoint{{Addr: "127.0.0.1:0"}}); err != nil {
		t.Fatal(err)
	}
	check(s.Addr().(*net.TCPAddr).Port)
	if err := s.SetEndpoints(nil); err != nil {
		t.Fatal(err)
	}
	check(0)
}
