package replica_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

// A forced failover goes on without the last writes when the time is up: they are gone,
// as whoever forces it has accepted.
func TestFailoverForced(t *testing.T) {
	likeRedis(t, func(t *testing.T, addr string) (seen told) {
		n := redistest.Dial(t, addr)
		t.Cleanup(n.Close)
		way := newCutter(t, addr)
		s, r := startFollower(t, way.ln.Addr().String(), "--repl-diskless-sync-delay", "0")
		must(t, n, "SET", "k", "kept")
		same(t, n, r)
		until(t, "online", func() bool { return strings.Contains(field(t, n, "replication", "slave0"), "state=online") })
		release := way.hold(t)
		must(t, n, "SET", "k", "lost")
		host, port, _ := net.SplitHostPort(s.Addr)
		for _, words := range [][]string{
			{"FAILOVER", "TO", host, port, "FORCE"},
			{"FAILOVER", "TIMEOUT", "2000", "FORCE"},
			{"FAILOVER", "TO", host, "1", "TIMEOUT", "2000", "FORCE"},
			{"FAILOVER", "TO", host, port, "TIMEOUT", "2000", "FORCE"},
			{"FAILOVER", "TO", host, port, "TIMEOUT", "2000", "FORCE"},
			{"REPLICAOF", "NO", "ONE"},
			{"GET", "k"},
		} {
			seen.note(words[0], n.Do(words...))
		}
		seen.field(t, n, "replication", "master_failover_state")
		seen.field(t, n, "replication", "role")
		w := redistest.Dial(t, addr)
		defer w.Close()
		w.Send("SET", "k", "held")
		until(t, "the time is up", func() bool { return field(t, n, "replication", "role") == "slave" })
		seen.note("the write that waited", w.Receive(20*time.Second))
		until(t, "done", func() bool {
			return field(t, n, "replication", "master_failover_state") == "no-failover" &&
				field(t, n, "replication", "master_link_status") == "up"
		})
		release()
		same(t, n, r)
		for _, c := range []redistest.Client{n, r} {
			seen.note("GET", c.Do("GET", "k"))
			seen.field(t, c, "replication", "role")
			seen.field(t, c, "stats", "sync_full")
		}
		seen.note("ABORT", n.Do("FAILOVER", "ABORT"))
		return seen
	})
}

// A forced failover to a replica that does not answer stays under way until it is given
// up. Then this is a primary as before, and nothing is lost.
func TestFailoverForcedAborted(t *testing.T) {
	likeRedis(t, func(t *testing.T, addr string) (seen told) {
		n := redistest.Dial(t, addr)
		t.Cleanup(n.Close)
		s, r := startFollower(t, addr)
		until(t, "online", func() bool { return strings.Contains(field(t, n, "replication", "slave0"), "state=online") })
		pause(t, s, true)
		must(t, n, "SET", "k", "v")
		host, port, _ := net.SplitHostPort(s.Addr)
		seen.note("FAILOVER", n.Do("FAILOVER", "TO", host, port, "TIMEOUT", "500", "FORCE"))
		w := redistest.Dial(t, addr)
		defer w.Close()
		w.Send("SET", "k", "held")
		until(t, "the time is up", func() bool {
			return field(t, n, "replication", "master_failover_state") == "failover-in-progress"
		})
		seen.field(t, n, "replication", "role")
		seen.field(t, n, "replication", "master_link_status")
		for _, words := range [][]string{{"FAILOVER"}, {"REPLICAOF", "NO", "ONE"}, {"GET", "k"}} {
			seen.note(words[0], n.Do(words...))
		}
		seen.note("the write that waits", w.Receive(50*time.Millisecond))
		seen.note("ABORT", n.Do("FAILOVER", "ABORT"))
		until(t, "a primary", func() bool { return field(t, n, "replication", "role") == "master" })
		seen.field(t, n, "replication", "master_failover_state")
		seen.note("the write that waited", w.Receive(20*time.Second))
		seen.note("ABORT", n.Do("FAILOVER", "ABORT"))
		pause(t, s, false)
		same(t, n, r)
		seen.note("GET", r.Do("GET", "k"))
		seen.field(t, r, "replication", "role")
		return seen
	})
}
