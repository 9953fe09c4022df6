package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

var longer = flag.Int("longer", 1, "how many times longer the tests with random loads run")

// A member is a server of a cluster, a larder or a redis-server, that is killed and
// started again.
type member struct {
	t       *testing.T
	redis   bool
	port    string
	dir     string
	file    string // of its configuration; "" is none
	cmd     *exec.Cmd
	partial int64 // sync_partial_ok of its earlier lives
}

func newMember(t *testing.T, redis bool) *member {
	m := &member{t: t, redis: redis, port: freePort(t), dir: t.TempDir()}
	t.Cleanup(func() {
		if m.cmd != nil && m.cmd.Process != nil {
			m.cmd.Process.Kill()
			m.cmd.Wait()
		}
	})
	return m
}

// begin starts the server, as a replica of another or, with nil, as a primary.
func (m *member) begin(of *member) {
	m.t.Helper()
	args := []string{"--port", m.port, "--bind", "127.0.0.1", "--dir", m.dir, "--save", "3600 1", "--enable-debug-command", "yes",
		"--repl-diskless-sync-delay", "0", "--repl-backlog-size", "8mb", "--shutdown-timeout", "2"}
	if m.file != "" {
		args = append([]string{m.file}, args...)
	}
	if of != nil {
		args = append(args, "--replicaof", "127.0.0.1 "+of.port)
	}
	if m.redis {
		m.cmd = exec.Command("redis-server", args...)
	} else {
		m.cmd = command(args...)
	}
	m.launch()
}

// launch starts the command, and waits until the server answers.
func (m *member) launch() {
	m.t.Helper()
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.eventually("starts", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+m.port)
		if err != nil {
			return false
		}
		c.Close()
		return m.do("PING") == "PONG"
	})
}

// end ends the process, by SIGKILL or so that it saves what it has.
func (m *member) end(how syscall.Signal) {
	m.t.Helper()
	m.partial += m.count("sync_partial_ok")
	m.cmd.Process.Signal(how)
	done := make(chan struct{})
	go func() { m.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		m.cmd.Process.Kill()
		m.t.Fatalf("%s does not end", m)
	}
}

func (m *member) String() string {
	if m.redis {
		return "redis-server at " + m.port
	}
	return "larder at " + m.port
}

func (m *member) do(words ...string) string {
	c := redistest.Dial(m.t, "127.0.0.1:"+m.port)
	defer c.Close()
	return c.Do(words...).Str
}

// info is a field of INFO.
func (m *member) info(field string) string {
	_, rest, _ := strings.Cut(m.do("INFO", "everything"), "\n"+field+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

func (m *member) count(field string) (n int64) {
	fmt.Sscan(m.info(field), &n)
	return n
}

func (m *member) eventually(what string, holds func() bool) {
	m.t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("%s: it never %s; it says\n%s", m, what, m.do("INFO", "replication"))
		}
	}
}

// follows waits until m has all that the primary has.
func (m *member) follows(primary *member) {
	m.t.Helper()
	m.eventually("follows", func() bool {
		return m.info("master_link_status") == "up" && m.count("master_repl_offset") >= primary.count("master_repl_offset")
	})
}

// A cluster of two larders and a redis-server under a random load: replicas are killed
// or ended and come back, links are cut, the primary hands over to one or the other. In
// the end all have the same data.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes many seconds; not with -short")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skipf("SKIPPED: redis-server is not on PATH (%v)", err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	var all []*member
	for i := range 3 {
		all = append(all, newMember(t, i == 1))
	}
	primary := all[0]
	primary.begin(nil)
	for _, m := range all[1:] {
		m.begin(primary)
		m.follows(primary)
	}
	load := &redistest.Load{R: r}
	for step := range 12 * *longer {
		c := redistest.Dial(t, "127.0.0.1:"+primary.port)
		load.Run(t, c, 300, nil)
		one := all[r.IntN(len(all))]
		for one == primary {
			one = all[r.IntN(len(all))]
		}
		event := step % 5
		t.Logf("step %d: primary %s, event %d, of %s", step, primary, event, one)
		switch event {
		case 0:
			one.end(syscall.SIGKILL)
			load.Run(t, c, 100, nil)
			one.begin(primary)
		case 1:
			one.end(syscall.SIGTERM)
			load.Run(t, c, 100, nil)
			one.begin(primary)
		case 2:
			c.Do("CLIENT", "KILL", "TYPE", "replica")
		case 3: // by hand
			one.follows(primary)
			one.do("REPLICAOF", "NO", "ONE")
			for _, m := range all {
				if m != one {
					m.do("REPLICAOF", "127.0.0.1", one.port)
				}
			}
			primary = one
		case 4: // by FAILOVER
			one.follows(primary)
			if got := c.Do("FAILOVER", "TO", "127.0.0.1", one.port, "TIMEOUT", "10000").Str; got != "OK" {
				t.Fatalf("FAILOVER of %s to %s = %q", primary, one, got)
			}
			one.eventually("is the primary", func() bool { return one.info("role") == "master" })
			for _, m := range all {
				if m != one {
					m.eventually("is a replica", func() bool { return m.info("role") == "slave" })
					m.do("REPLICAOF", "127.0.0.1", one.port)
				}
			}
			primary = one
		}
		c.Close()
		for _, m := range all {
			if m != primary {
				m.follows(primary)
			}
		}
	}
	partial := int64(0)
	for _, m := range all {
		partial += m.partial + m.count("sync_partial_ok")
		m.eventually("has the primary's data", func() bool { return m.do("DEBUG", "DIGEST") == primary.do("DEBUG", "DIGEST") })
	}
	t.Logf("%d partial resyncs", partial)
	if partial < int64(6**longer) {
		t.Errorf("%d partial resyncs are fewer than there were reasons for", partial)
	}
}
