package redcon_server

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/internal/resp"
)

// traffic is what INFO says of the network.
var traffic = []string{"total_net_input_bytes", "total_net_output_bytes", "total_reads_processed", "total_writes_processed"}

// trafficOf holds a conversation and returns what INFO, asked at its end, says of it and
// what it was. The reply to RESETSTAT is part of it, the reply to INFO is not.
func trafficOf(t *testing.T, c *client) (got, want [4]int) {
	t.Helper()
	in, out := 0, len("+OK\r\n")
	c.do("CONFIG", "RESETSTAT")
	batches := [][][]string{
		{{"SET", "k", strings.Repeat("v", 1000)}},
		{{"GET", "k"}, {"GET", "none"}, {"INCR", "n"}},
		{{"NOSUCH"}},
		{{"GET", "k"}},
	}
	for _, batch := range batches {
		var b []byte
		for _, words := range batch {
			b = resp.AppendCommand(b, words...)
		}
		in += len(b)
		c.send(string(b))
		for _, words := range batch {
			reply := map[string]int{"SET k": 5, "GET k": 1009, "GET none": 5, "INCR n": 4}[strings.Join(words[:min(2, len(words))], " ")]
			if words[0] == "NOSUCH" {
				reply = len("-ERR unknown command 'NOSUCH', with args beginning with: \r\n")
			}
			c.read()
			out += reply
		}
	}
	info := resp.AppendCommand(nil, "INFO", "stats")
	c.send(string(info))
	text := c.read()
	for i, name := range traffic {
		_, rest, _ := strings.Cut(text, name+":")
		digits, _, _ := strings.Cut(rest, `\r`)
		got[i], _ = strconv.Atoi(digits)
	}
	return got, [4]int{in + len(info), out, len(batches) + 1, len(batches) + 1}
}

// What INFO counts of the network is what has come and gone, by TCP, by TLS, where the
// bytes inside count, and in memory; in a redis-server too.
func TestTraffic(t *testing.T) {
	config, dialTLS := secure(t)
	_, s := serveWith(t, Options{Endpoints: []Endpoint{{Addr: "127.0.0.1:0", TLS: config}}})
	for name, dial := range map[string]func() *client{
		"TCP": func() *client { return dial(t, s) },
		"TLS": func() *client { return dialTLS(s.Addrs()[1]) },
		"memory": func() *client {
			c, err := s.Dial(t.Context(), "", "")
			return newClient(t, c, err)
		},
		"redis-server": func() *client {
			c, err := net.Dial("tcp", redistest.Start(t).Addr)
			return newClient(t, c, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			waitFor(t, "the others to be gone", func() bool { return s.Stats().Connected == 0 })
			c := dial()
			defer c.Close()
			c.do("DEL", "n")
			for range 2 { // from RESETSTAT on
				if got, want := trafficOf(t, c); got != want {
					t.Errorf("%v = %d, want %d", traffic, got, want)
				}
				c.do("DEL", "n")
			}
		})
	}
}

// What a connection has read and written counts when it is gone too, and so does what its
// socket did not take at once.
func TestTrafficOfGoneClients(t *testing.T) {
	db, s := serveWith(t, Options{})
	if err := db.Set("big", strings.Repeat("v", 8<<20)); err != nil {
		t.Fatal(err)
	}
	in, out := 0, 0
	for range 5 {
		c := dial(t, s)
		get := resp.AppendCommand(nil, "GET", "big")
		c.send(string(get))
		reply := len("$8388608\r\n\r\n") + 8<<20
		if n, err := io.CopyN(io.Discard, c.r.Buffer(), int64(reply)); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		in, out = in+len(get), out+reply
		waitFor(t, "all to be counted", func() bool { return s.Stats().BytesIn == int64(in) && s.Stats().BytesOut == int64(out) })
		c.Close()
	}
	waitFor(t, "all to be gone", func() bool { return s.Stats().Connected == 0 })
	if got := infoField(t, db, "total_net_output_bytes"); got != out {
		t.Errorf("of those that are gone, total_net_output_bytes = %d, want %d", got, out)
	}
	if got := infoField(t, db, "total_net_input_bytes"); got != in {
		t.Errorf("of those that are gone, total_net_input_bytes = %d, want %d", got, in)
	}
	if _, err := db.Do("CONFIG", "RESETSTAT"); err != nil {
		t.Fatal(err)
	}
	for _, name := range traffic {
		if got := infoField(t, db, name); got != 0 {
			t.Errorf("%s = %d after RESETSTAT", name, got)
		}
	}
}

// The rates of INFO are those of what is counted.
func TestTrafficRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := larder.Open(larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s := New(db, Options{})
		defer s.Close()
		c := connTo(t, s)
		defer c.Close()
		c.Do("SET", "k", strings.Repeat("v", 64<<10))
		for range 2 {
			infoField(t, db, "instantaneous_output_kbps")
			for range 10 {
				c.Do("GET", "k")
			}
			synctest.Wait() // for the last to be counted
			time.Sleep(time.Second)
			if got := infoField(t, db, "instantaneous_output_kbps"); got != 640 {
				t.Errorf("ten times 64 KB in a second are %d KB/s", got)
			}
			time.Sleep(time.Second)
			if got := infoField(t, db, "instantaneous_output_kbps"); got != 0 {
				t.Errorf("nothing in a second is %d KB/s", got)
			}
			if _, err := db.Do("CONFIG", "RESETSTAT"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Replies that are not written yet are in the figures of their connection.
func TestUnwrittenReplies(t *testing.T) {
	db, s := serveWith(t, Options{})
	if err := db.Set("k", strings.Repeat("v", 10_000)); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	obl := func(gets int) int {
		b := []byte(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", gets))
		c.send(string(resp.AppendCommand(b, "CLIENT", "INFO")))
		for range gets {
			c.read()
		}
		_, rest, _ := strings.Cut(c.read(), " obl=")
		digits, _, _ := strings.Cut(rest, " ")
		n, _ := strconv.Atoi(digits)
		return n
	}
	const reply = 10_010
	for _, test := range [][2]int{{0, 0}, {1, 0}, {2, 2 * reply}, {4, 4 * reply}, {7, 0}, {0, 0}} {
		if got := obl(test[0]); got != test[1] {
			t.Errorf("behind %d replies of %d bytes obl=%d, want %d", test[0], reply, got, test[1])
		}
	}
}
