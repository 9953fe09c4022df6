package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

// beginSentinel starts a redis-sentinel, as one of three that watch over a primary.
func beginSentinel(t *testing.T, primary *member) *member {
	t.Helper()
	s := newMember(t, true)
	file := filepath.Join(s.dir, "sentinel.conf")
	text := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor m 127.0.0.1 %s 2\n"+
		"sentinel down-after-milliseconds m 1000\nsentinel failover-timeout m 5000\n", s.port, s.dir, primary.port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command("redis-sentinel", file)
	s.launch()
	return s
}

func tryDial(port string) (*redistest.Conn, error) {
	nc, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, err
	}
	return redistest.NewConn(nc), nil
}

// primaryOf is the port of the primary, as a sentinel knows it.
func (m *member) primaryOf() string {
	c, err := tryDial(m.port)
	if err != nil {
		return ""
	}
	defer c.Close()
	addr := c.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")
	if len(addr.Elems) != 2 {
		return ""
	}
	return addr.Elems[1].Str
}

// A counter is a client that asks a sentinel for the primary, increments a key there, and
// asks again when it fails.
type counter struct {
	sentinel *member
	done     atomic.Int64 // increments that were answered
	at       atomic.Value // the port of the last one
}

func (n *counter) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
		_ = n.stay(stop)
	}
}

// stay increments at one server until that fails.
func (n *counter) stay(stop <-chan struct{}) error {
	port := n.sentinel.primaryOf()
	c, err := tryDial(port)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		if v := c.Do("INCR", "counted"); v.Kind != ':' {
			return errors.New(v.Str)
		}
		n.done.Add(1)
		n.at.Store(port)
		select {
		case <-stop:
			return nil
		case <-time.After(time.Millisecond):
		}
	}
}

// Three redis-sentinels watch over three larders and replace the primary when it dies; a
// client that asks them follows; and the old primary, which comes back as it was, is made
// a replica of the new one.
func TestSentinel(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes many seconds; not with -short")
	}
	if _, err := exec.LookPath("redis-sentinel"); err != nil {
		t.Skipf("SKIPPED: redis-sentinel is not on PATH (%v)", err)
	}
	var all []*member
	for i := range 3 {
		m := newMember(t, false)
		m.file = filepath.Join(m.dir, "larder.conf")
		if err := os.WriteFile(m.file, []byte("# larder, watched over\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			m.begin(nil)
		} else {
			m.begin(all[0])
		}
		all = append(all, m)
	}
	old := all[0]
	for _, m := range all[1:] {
		m.follows(old)
	}
	var sentinels []*member
	for range 3 {
		sentinels = append(sentinels, beginSentinel(t, old))
	}
	for _, s := range sentinels {
		s.eventually("knows the others", func() bool {
			info := s.do("INFO", "sentinel")
			return strings.Contains(info, "status=ok") && strings.Contains(info, "slaves=2,sentinels=3")
		})
	}

	client, stop, ended := &counter{sentinel: sentinels[0]}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		client.run(stop)
	}()
	old.eventually("is written to", func() bool { return client.done.Load() > 100 })
	old.end(syscall.SIGKILL)

	var primary *member
	sentinels[0].eventually("has another primary", func() bool {
		port := sentinels[0].primaryOf()
		for _, m := range all[1:] {
			if m.port == port && m.info("role") == "master" {
				primary = m
			}
		}
		return primary != nil
	})
	primary.eventually("is written to", func() bool { return client.at.Load() == primary.port })
	old.begin(nil)
	for _, m := range all {
		if m != primary {
			m.eventually("follows the new primary", func() bool {
				return m.info("master_port") == primary.port && m.info("master_link_status") == "up"
			})
		}
	}
	b, err := os.ReadFile(old.file) // CONFIG REWRITE comes in one transaction with REPLICAOF
	if want := "\nreplicaof 127.0.0.1 " + primary.port + "\n"; err != nil || !strings.Contains(strings.ReplaceAll(string(b), `"`, ""), want) {
		t.Errorf("the old primary's file is %q (%v), without %q", b, err, want)
	}
	more := client.done.Load() + 100
	primary.eventually("is written to", func() bool { return client.done.Load() > more })
	close(stop)
	<-ended
	for _, m := range all {
		if m != primary {
			m.follows(primary)
			m.eventually("has the primary's data", func() bool { return m.do("DEBUG", "DIGEST") == primary.do("DEBUG", "DIGEST") })
		}
	}
}

// A sentinel keeps to itself a replica that is not announced, until it is.
func TestSentinelAndUnannounced(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes many seconds; not with -short")
	}
	if _, err := exec.LookPath("redis-sentinel"); err != nil {
		t.Skipf("SKIPPED: redis-sentinel is not on PATH (%v)", err)
	}
	primary, seen, unseen := newMember(t, false), newMember(t, false), newMember(t, false)
	primary.begin(nil)
	for _, m := range []*member{seen, unseen} {
		m.begin(primary)
		m.follows(primary)
	}
	if got := unseen.do("CONFIG", "SET", "replica-announced", "no"); got != "OK" {
		t.Fatal(got)
	}
	s := beginSentinel(t, primary)
	lists := func(want ...string) {
		t.Helper()
		s.eventually("lists "+strings.Join(want, ", "), func() bool {
			c := redistest.Dial(t, "127.0.0.1:"+s.port)
			defer c.Close()
			var ports []string
			for _, r := range c.Do("SENTINEL", "REPLICAS", "m").Elems {
				for i := 0; i+1 < len(r.Elems); i += 2 {
					if r.Elems[i].Str == "port" {
						ports = append(ports, r.Elems[i+1].Str)
					}
				}
			}
			slices.Sort(ports)
			slices.Sort(want)
			return slices.Equal(ports, want)
		})
	}
	s.eventually("knows both", func() bool { return strings.Contains(s.do("INFO", "sentinel"), "slaves=2,") })
	lists(seen.port)
	unseen.do("CONFIG", "SET", "replica-announced", "yes")
	lists(seen.port, unseen.port)
}
