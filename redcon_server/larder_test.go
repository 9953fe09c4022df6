package redcon_server

import (
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
