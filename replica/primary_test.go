package replica_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

// A primary that has nothing to say sends PING in each repl-ping-replica-period, and as
// soon as that is changed in the new one.
func TestPings(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, srv := serveInMemory(t)
		c := dialInMemory(t, srv)
		r := followDumbly(t, srv)
		// pings are the seconds, from 1 on, in which a PING comes.
		pings := func(seconds int) (in []int) {
			for i := range seconds {
				before := r.pings.Load()
				time.Sleep(time.Second)
				synctest.Wait()
				for range r.pings.Load() - before {
					in = append(in, i+1)
				}
				r.acknowledge()
			}
			return in
		}
		if got, want := pings(60), []int{10, 20, 30, 40, 50, 60}; !slices.Equal(got, want) {
			t.Errorf("in a minute pings come after %v s, want %v", got, want)
		}
		must(t, c, "CONFIG", "SET", "repl-ping-replica-period", "3")
		if got, want := pings(12), []int{3, 6, 9, 12}; !slices.Equal(got, want) {
			t.Errorf("with a period of 3 s after %v s, want %v", got, want)
		}
		must(t, c, "CONFIG", "SET", "repl-ping-slave-period", "1")
		if got, want := pings(3), []int{1, 2, 3}; !slices.Equal(got, want) {
			t.Errorf("with a period of 1 s after %v s, want %v", got, want)
		}
		if got := r.others.Load() - r.pings.Load(); got != 0 {
			t.Errorf("%d other commands came", got)
		}
		if got := c.Do("CONFIG", "SET", "repl-ping-replica-period", "0"); !got.IsError() {
			t.Errorf("CONFIG SET to 0 = %s", got)
		}
	})
}

// A redis-server that follows is sent them, too: it counts them, and its offset goes on by
// as much as theirs.
func TestPingsToRedis(t *testing.T) {
	n := servePrimary(t, "repl-ping-replica-period", "3600")
	_, r := startFollower(t, n.addr)
	must(t, n, "SET", "k", "v")
	same(t, n, r)
	calls := func() int {
		for line := range strings.SplitSeq(must(t, r, "INFO", "commandstats").Str, "\r\n") {
			if rest, ok := strings.CutPrefix(line, "cmdstat_ping:calls="); ok {
				count, _, _ := strings.Cut(rest, ",")
				n, _ := strconv.Atoi(count)
				return n
			}
		}
		return 0
	}
	offset := func(c redistest.Client) int {
		n, _ := strconv.Atoi(field(t, c, "replication", "master_repl_offset"))
		return n
	}
	must(t, r, "CONFIG", "RESETSTAT")
	before := offset(n)
	must(t, n, "CONFIG", "SET", "repl-ping-replica-period", "1")
	until(t, "pings come", func() bool { return calls() >= 2 })
	must(t, n, "CONFIG", "SET", "repl-ping-replica-period", "3600")
	until(t, "all have come", func() bool { return offset(r) == offset(n) })
	if got, want := offset(n)-before, calls()*len("*1\r\n$4\r\nPING\r\n"); got != want {
		t.Errorf("the offset went on by %d, and the PINGs are %d bytes", got, want)
	}
	if got := field(t, r, "replication", "master_link_status"); got != "up" {
		t.Errorf("master_link_status:%s", got)
	}
}
