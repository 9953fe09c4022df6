package redistest

import (
	"testing"
	"time"
)

// TestReset: nothing that a script did to the server is there for the next.
func TestReset(t *testing.T) {
	s := Start(t)
	for _, script := range [][]string{
		{"SET", "k", "v"}, {"CONFIG", "SET", "maxmemory", "1gb"}, {"CONFIG", "SET", "notify-keyspace-events", "KEA"},
		{"DEBUG", "SET-ACTIVE-EXPIRE", "0"}, {"ACL", "SETUSER", "u"}, {"CONFIG", "SET", "requirepass", "p"},
	} {
		if v := s.NewClient(t, 2).Do(script...); v.Str != "OK" {
			t.Errorf("%q = %s", script, v)
		}
	}
	s.Reset(t)
	c := s.NewClient(t, 3)
	defer c.Close()
	for _, ask := range [][]string{{"DBSIZE"}, {"CONFIG", "GET", "maxmemory"}, {"CONFIG", "GET", "requirepass"}, {"ACL", "USERS"}} {
		v := c.Do(ask...)
		want := map[string]string{
			"DBSIZE": "(integer) 0", "maxmemory": "(map 1)\n  \"maxmemory\": \"0\"",
			"requirepass": "(map 1)\n  \"requirepass\": \"\"", "USERS": "(array 1)\n  \"default\"",
		}[ask[len(ask)-1]]
		if v.String() != want {
			t.Errorf("after Reset %q = %s, want %s", ask, v, want)
		}
	}
}

// TestConnPushes: a push in front of a reply is kept, and what ends a connection is told.
func TestConnPushes(t *testing.T) {
	s := Start(t)
	c := s.NewClient(t, 3).(*Conn)
	c.Send("SUBSCRIBE", "ch")
	if v := c.Receive(replyTimeout); v.Kind != Push {
		t.Fatalf("SUBSCRIBE = %s", v)
	}
	if v := c.Do("PUBLISH", "ch", "hello"); v.String() != "(integer) 1" {
		t.Errorf("PUBLISH = %s", v)
	}
	if v := c.Receive(replyTimeout); v.Kind != Push || v.Elems[2].Str != "hello" {
		t.Errorf("message = %s", v)
	}
	if v := c.Receive(time.Millisecond); v.Kind != Timeout {
		t.Errorf("after the message: %s", v)
	}
	if v := c.Do("QUIT"); v.Str != "OK" {
		t.Errorf("QUIT = %s", v)
	}
	if v := c.Do("PING"); v.Kind != Closed {
		t.Errorf("PING after QUIT = %s", v)
	}
}
