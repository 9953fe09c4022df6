package larderhttp_test

import (
	"bufio"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/larderhttp"
	"github.com/larderdb/larder/lardertest"
)

type statsPage struct {
	Name    string
	Writes  bool
	Token   string
	Samples []struct {
		Seq                                         int64
		Rates                                       bool
		Ops, Hits, Misses, Expired, Evicted, Errors float64
		Latency                                     *struct{ Timed, P50, P99, P999 float64 }
		Memory, RSS, Keys                           int64
	}
	HitRate  float64
	Commands []struct {
		Name  string
		Calls int64
	}
	Keyspace []struct{ DB, Keys int64 }
	Errors   []struct {
		Code  string
		Count int64
	}
}

// Samples come a second apart, whoever asks, and only when somebody asks: in the bubble
// a goroutine or a timer that went on would keep the test from ending.
func TestSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		h := larderhttp.Handler(db, larderhttp.Options{})
		look := func(since int64) (p statsPage) {
			get(t, h, fmt.Sprint("stats.json?since=", since), &p)
			return p
		}
		p := look(0)
		if len(p.Samples) != 1 || p.Samples[0].Rates || p.Samples[0].Seq != 1 {
			t.Fatalf("at first: %+v", p.Samples)
		}
		for range 100 {
			do(t, db, "SET", "k", "v")
			do(t, db, "GET", "k")
			db.Get("k")
			db.Get("nothing")
		}
		do(t, db, "SET", "soon", "v", "PX", "100")
		time.Sleep(2 * time.Second)
		p = look(1)
		if len(p.Samples) != 1 {
			t.Fatalf("later: %+v", p.Samples)
		}
		if s := p.Samples[0]; !s.Rates || s.Ops != 200.5 || s.Hits != 100 || s.Misses != 50 || s.Expired != 0.5 || s.Keys != 1 || s.Memory == 0 || s.Seq != 2 {
			t.Errorf("rates: %+v", s)
		}
		if math.Abs(p.HitRate-2./3) > 0.001 {
			t.Errorf("hit rate %v", p.HitRate)
		}
		// Another page asks within the second, and gets the same samples.
		time.Sleep(100 * time.Millisecond)
		if p = look(0); len(p.Samples) != 2 || p.Samples[1].Ops != 200.5 {
			t.Errorf("another page: %+v", p.Samples)
		}
		if p = look(2); len(p.Samples) != 0 {
			t.Errorf("no news: %+v", p.Samples)
		}
		// The page itself is not what the store did.
		time.Sleep(time.Second)
		if p = look(2); len(p.Samples) != 1 || p.Samples[0].Ops != 0 || p.Samples[0].Latency != nil {
			t.Errorf("at rest: %+v", p.Samples)
		}
		// Nobody looked for an hour: that has no rate.
		do(t, db, "SET", "k", "v")
		time.Sleep(time.Hour)
		if p = look(3); len(p.Samples) != 1 || p.Samples[0].Rates {
			t.Errorf("after a gap: %+v", p.Samples)
		}
		// Nor have counters that were reset.
		do(t, db, "CONFIG", "RESETSTAT")
		time.Sleep(time.Second)
		if p = look(4); len(p.Samples) != 1 || p.Samples[0].Rates {
			t.Errorf("after a reset: %+v", p.Samples)
		}
		if testing.Short() {
			return
		}
		for range 700 {
			time.Sleep(time.Second)
			look(0)
		}
		if p = look(0); len(p.Samples) != 600 {
			t.Errorf("%d samples are kept", len(p.Samples))
		}
	})
}

func TestStats(t *testing.T) {
	db := open(t, larder.Options{})
	fillTypes(t, db)
	h := larderhttp.Handler(db, larderhttp.Options{Name: "shop", AllowWrites: true})
	db.Do("INCR", "string")
	db.Do("LPUSH", "string", "x")
	var p statsPage
	get(t, h, "stats.json", &p)
	if p.Name != "shop" || !p.Writes || len(p.Token) < 20 || len(p.Keyspace) != 1 || p.Keyspace[0].Keys != 10 || len(p.Errors) != 2 || p.Commands[0].Name != "xadd" || p.Commands[0].Calls != 5 {
		t.Errorf("%+v", p)
	}
	for _, c := range p.Commands {
		if strings.HasPrefix(c.Name, "latency") {
			t.Errorf("the page's own %s is counted", c.Name)
		}
	}
	var read statsPage
	get(t, larderhttp.Handler(db, larderhttp.Options{}), "stats.json", &read)
	if read.Writes || read.Token != "" {
		t.Errorf("a page that is read-only has the token %q", read.Token)
	}
}

// Latencies of a second are those of its calls, not of all time.
func TestLatency(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"slowlog-log-slower-than", "0", "enable-debug-command", "yes"}})
	h := larderhttp.Handler(db, larderhttp.Options{})
	for range 1000 {
		do(t, db, "PING")
	}
	news := func(since int64) (p statsPage) {
		for end := time.Now().Add(time.Minute); ; {
			if get(t, h, fmt.Sprint("stats.json?since=", since), &p); len(p.Samples) > 0 || time.Now().After(end) {
				return p
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	news(0)
	for range 3 {
		do(t, db, "DEBUG", "SLEEP", "0.02")
	}
	p := news(1)
	if l := p.Samples[0].Latency; l == nil || l.P50 < 15_000 || l.P999 < l.P50 {
		t.Errorf("%+v", l)
	}
}

func TestSlowAndClients(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"slowlog-log-slower-than", "0"}})
	h := larderhttp.Handler(db, larderhttp.Options{})
	do(t, db, "SET", "<b>\xff", "v")
	var slow struct {
		Slower string
		Calls  []struct {
			At, ID int64
			Took   float64
			Words  []blob
		}
	}
	get(t, h, "slow.json", &slow)
	if slow.Slower != "0" || len(slow.Calls) != 1 || len(slow.Calls[0].Words) != 3 || slow.Calls[0].Words[1].String() != "<b>\xff" || slow.Calls[0].At == 0 {
		t.Errorf("%+v", slow)
	}
	for i := range 300 {
		do(t, db, "ECHO", fmt.Sprint(i))
	}
	get(t, h, "slow.json", &slow)
	if len(slow.Calls) > 200 {
		t.Errorf("%d calls", len(slow.Calls))
	}
}

// Connections, and who listens to what, under names that are hostile.
func TestClients(t *testing.T) {
	s := lardertest.Run(t)
	h := larderhttp.Handler(s.DB, larderhttp.Options{})
	conn, err := s.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "CLIENT SETNAME <b>\r\nSUBSCRIBE \"<i>\\xff\" news\r\nPSUBSCRIBE n*\r\n")
	replies := bufio.NewReader(conn)
	for range 1 + 3*6 - 1 { // +OK, and three arrays of six lines, of which the last is left
		if _, err := replies.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	var p struct {
		Clients  []map[string]blob
		Total    int
		Channels []struct {
			Name        blob
			Subscribers int
		}
		Patterns int
	}
	get(t, h, "clients.json", &p)
	if len(p.Clients) != 1 || p.Total != 1 || p.Clients[0]["name"].String() != "<b>" || p.Clients[0]["sub"].String() != "2" || p.Clients[0]["cmd"].String() != "psubscribe" {
		t.Errorf("clients: %+v", p.Clients)
	}
	if len(p.Channels) != 2 || p.Channels[0].Name.String() != "<i>\xff" || p.Channels[0].Subscribers != 1 || p.Patterns != 1 {
		t.Errorf("channels: %+v, %d patterns", p.Channels, p.Patterns)
	}
	var st struct {
		Clients struct{ Connected, Channels, Patterns int }
	}
	get(t, h, "stats.json", &st)
	if c := st.Clients; c.Connected != 1 || c.Channels != 2 || c.Patterns != 1 {
		t.Errorf("stats: %+v", c)
	}
}
