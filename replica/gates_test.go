package replica_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

// A replica that stops acknowledging is no good one when it lags by more than
// min-replicas-max-lag, though its link stands; when it acknowledges again it is, at once.
func TestMaxLag(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db, srv := serveInMemory(t, "min-replicas-to-write", "1", "min-replicas-max-lag", "3")
		c := dialInMemory(t, srv)
		const few = "NOREPLICAS Not enough good replicas to write."
		write := func(when, want string) {
			t.Helper()
			if got := c.Do("SET", "k", when); got.Str != want {
				t.Errorf("%s: SET = %s, want %q", when, got, want)
			}
		}
		shows := func(good, lag string) {
			t.Helper()
			if got := field(t, c, "replication", "min_slaves_good_slaves"); got != good {
				t.Errorf("min_slaves_good_slaves:%s, want %s", got, good)
			}
			if got := field(t, c, "replication", "slave0"); !strings.HasSuffix(got, ",lag="+lag) {
				t.Errorf("slave0:%s, want a lag of %s", got, lag)
			}
		}
		write("without a replica", few)
		r := followDumbly(t, srv)
		write("with one", "OK")
		for range 5 {
			time.Sleep(time.Second)
			r.acknowledge()
			synctest.Wait()
			write("while it acknowledges", "OK")
		}
		time.Sleep(3900 * time.Millisecond)
		write("behind by no more than allowed", "OK")
		shows("1", "3")
		time.Sleep(1200 * time.Millisecond) // it is looked at each second
		write("behind by more", few)
		shows("0", "5")
		if got := c.Do("GET", "k").Str; got != "behind by no more than allowed" {
			t.Errorf("GET = %q", got)
		}
		if err := db.Set("by a Go caller", "v"); err != nil {
			t.Errorf("Set: %v", err) // Replicas tells Go callers, who decide by themselves
		}
		r.acknowledge()
		synctest.Wait()
		write("when it acknowledges again", "OK")
		shows("1", "0")
		time.Sleep(5 * time.Second)
		write("behind again", few)
		must(t, c, "CONFIG", "SET", "min-replicas-max-lag", "10")
		write("with more allowed", "OK")
		time.Sleep(7 * time.Second)
		write("behind by more than that", few)
		must(t, c, "CONFIG", "SET", "min-replicas-max-lag", "0")
		write("with any lag allowed", "OK")
	})
}

// The same with a redis-server that is stopped, as a replica of a redis-server and of a
// larder.
func TestMaxLagLikeRedis(t *testing.T) {
	likeRedis(t, func(t *testing.T, addr string) (seen told) {
		n := redistest.Dial(t, addr)
		t.Cleanup(n.Close)
		s, _ := startFollower(t, addr)
		must(t, n, "CONFIG", "SET", "min-replicas-to-write", "1", "min-replicas-max-lag", "1")
		good := func(want string) {
			until(t, want+" good replicas", func() bool { return field(t, n, "replication", "min_slaves_good_slaves") == want })
		}
		good("1")
		seen.note("SET", n.Do("SET", "k", "v"))
		pause(t, s, true)
		good("0")
		for _, words := range [][]string{{"SET", "k", "w"}, {"DEL", "k"}, {"GET", "k"}, {"MULTI"}, {"INCR", "n"}, {"EXEC"}} {
			seen.note(words[0], n.Do(words...))
		}
		seen.field(t, n, "replication", "connected_slaves")
		pause(t, s, false)
		good("1")
		seen.note("SET", n.Do("SET", "k", "x"))
		return seen
	})
}

// What a follower answers while its link is up and while it is down, as
// replica-serve-stale-data and replica-read-only say.
func TestStaleFollower(t *testing.T) {
	n := servePrimary(t)
	must(t, n, "SET", "k", "v")
	must(t, n, "RPUSH", "l", "a", "b")
	answers := func(t *testing.T, addr string) (seen told) {
		r := redistest.Dial(t, addr)
		t.Cleanup(r.Close)
		way := newCutter(t, n.addr)
		for round, link := range []string{"up", "down", "up again"} {
			to := way.ln.Addr().String()
			if link == "up again" {
				to = n.addr
			}
			host, port, _ := net.SplitHostPort(to)
			want := "up"
			if link == "down" {
				way.ln.Close()
				way.cut()
				want = "down"
			} else {
				must(t, r, "REPLICAOF", host, port)
			}
			until(t, link, func() bool { return field(t, r, "replication", "master_link_status") == want })
			for _, stale := range []string{"yes", "no"} {
				for _, readOnly := range []string{"yes", "no"} {
					must(t, r, "CONFIG", "SET", "replica-serve-stale-data", stale, "replica-read-only", readOnly)
					mine := fmt.Sprint("mine", round)
					for _, words := range [][]string{
						{"GET", "k"}, {"EXISTS", "k", "l"}, {"LRANGE", "l", "0", "-1"}, {"DBSIZE"}, {"KEYS", "k"}, {"TTL", "k"}, {"TYPE", "k"},
						{"WATCH", "k"}, {"UNWATCH"}, {"BLPOP", "nothing", "0.01"}, {"OBJECT", "ENCODING", "k"}, {"MEMORY", "USAGE", "k", "SAMPLES", "x"},
						{"SET", mine, stale}, {"GET", mine}, {"DEL", mine}, {"FLUSHALL", "nonsense"}, {"SET", "k", "v", "nonsense"}, {"INCRBY", "k", "x"}, {"BLPOP", "l", "x"}, {"XADD", "s", "x", "f", "v"}, {"SORT", "l", "ALPHA"},
						{"MULTI"}, {"GET", "k"}, {"EXEC"}, {"MULTI"}, {"SET", mine, "x"}, {"EXEC"}, {"MULTI"}, {"PING"}, {"EXEC"},
						{"MULTI"}, {"SELECT", "0"}, {"DISCARD"}, {"DEL", mine},
						{"PING"}, {"ECHO", "x"}, {"SELECT", "1"}, {"SELECT", "0"}, {"AUTH", "x"}, {"CLIENT", "GETNAME"}, {"CLIENT", "SETNAME", "x"},
						{"CONFIG", "GET", "slave-serve-stale-data"}, {"CONFIG", "GET", "replica-read-only"}, {"SLOWLOG", "RESET"},
						{"PUBLISH", "c", "m"}, {"PUBSUB", "NUMPAT"}, {"ACL", "WHOAMI"}, {"LATENCY", "RESET"}, {"COMMAND", "GETKEYS", "GET", "k"},
						{"WAIT", "0", "1"}, {"REPLCONF", "capa", "eof"}, {"FAILOVER"}, {"DEBUG", "SLEEP", "0"},
						{"XADD", "k"}, {"NONSENSE"},
					} {
						label := fmt.Sprintf("link %s, stale %s, read-only %s: %s", link, stale, readOnly, strings.Join(words, " "))
						seen.note(label, r.Do(words...))
					}
					for _, name := range []string{"role", "slave_read_only", "master_link_status"} {
						seen.field(t, r, "replication", name)
					}
				}
			}
			role := must(t, r, "ROLE").Elems
			seen.note("ROLE", role[0])
		}
		return seen
	}
	s := redistest.Start(t)
	compare(t, answers(t, servePrimary(t).addr), answers(t, s.Addr))
}
