package replica_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// FAILOVER makes the replica a primary, and this one its replica, without a full
// synchronization.
func TestFailover(t *testing.T) {
	n := servePrimary(t)
	_, r := startFollower(t, n.addr)
	must(t, n, "SET", "k", "v")
	must(t, n, "FAILOVER")
	until(t, "done", func() bool { return field(t, n, "replication", "role") == "slave" })
	until(t, "no-failover", func() bool { return field(t, n, "replication", "master_failover_state") == "no-failover" })
	until(t, "up", func() bool { return field(t, n, "replication", "master_link_status") == "up" })
	if got := field(t, r, "replication", "role"); got != "master" {
		t.Errorf("the other one is %s", got)
	}
	if v := n.Do("SET", "k", "w"); !strings.HasPrefix(v.Str, "READONLY") {
		t.Errorf("SET = %s", v)
	}
	must(t, r, "SET", "k", "new")
	until(t, "it follows", func() bool { return n.Do("GET", "k").Str == "new" })
	same(t, n, r)
	if got := field(t, r, "stats", "sync_full"); got != "0" {
		t.Errorf("sync_full:%s", got)
	}
	// And back.
	must(t, r, "FAILOVER")
	until(t, "back", func() bool { return field(t, n, "replication", "role") == "master" })
	must(t, n, "SET", "k", "newer")
	until(t, "it follows", func() bool { return r.Do("GET", "k").Str == "newer" })
	same(t, n, r)
}

// A failover that cannot be is given up, and writes that have waited go on.
func TestFailoverAborted(t *testing.T) {
	n := servePrimary(t)
	s, _ := startFollower(t, n.addr)
	pause(t, s, true)
	must(t, n, "SET", "k", "v")
	w := redistest.Dial(t, n.addr)
	defer w.Close()
	for _, how := range []string{"TIMEOUT", "ABORT"} {
		if how == "TIMEOUT" {
			must(t, n, "FAILOVER", "TIMEOUT", "2000")
		} else {
			must(t, n, "FAILOVER")
		}
		if got := n.Do("FAILOVER"); got.Str != "ERR FAILOVER already in progress." {
			t.Errorf("FAILOVER = %s", got)
		}
		w.Send("INCR", "n")
		done := heldWrite(t, n.db)
		if got := w.Receive(50 * time.Millisecond); got.Kind != redistest.Timeout {
			t.Errorf("INCR while it is paused = %s", got)
		}
		if got, err := n.db.Get("k"); got != "v" || err != nil {
			t.Errorf("Get while it is paused = %q, %v", got, err)
		}
		if got := field(t, n, "replication", "master_failover_state"); got != "waiting-for-sync" {
			t.Errorf("master_failover_state:%s", got)
		}
		if how == "ABORT" {
			must(t, n, "FAILOVER", "ABORT")
		}
		if got := w.Receive(20 * time.Second); got.Kind != redistest.Integer {
			t.Errorf("%s: INCR = %s", how, got)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: Incr: %v", how, err)
		}
		if got := field(t, n, "replication", "master_failover_state"); got != "no-failover" {
			t.Errorf("master_failover_state:%s", got)
		}
	}
	pause(t, s, false)
}

// heldWrite writes until that waits, and returns what comes of it.
func heldWrite(t *testing.T, db *larder.DB) <-chan error {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		done := make(chan error, 1)
		go func() {
			_, err := db.Incr("n")
			done <- err
		}()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(50 * time.Millisecond):
			return done
		}
	}
	t.Fatal("writes of Go callers are not held")
	return nil
}

// pair returns a primary, and a larder that follows it.
func pair(t *testing.T) (a, b *node) {
	a, b = servePrimary(t), servePrimary(t)
	host, port, _ := net.SplitHostPort(a.addr)
	must(t, b, "REPLICAOF", host, port)
	until(t, "it follows", func() bool { return field(t, b, "replication", "master_link_status") == "up" })
	return a, b
}

// What Go callers were told is written is there, and nothing else, however often the
// stores hand over to each other meanwhile.
func TestFailoverGoCallers(t *testing.T) {
	a, b := pair(t)
	stores := []*larder.DB{a.db, b.db}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	// Each caller writes to the store that takes it, until that has become a replica.
	caller := func(write func(db *larder.DB) error) {
		all.Go(func() {
			for at := 0; ctx.Err() == nil; <-time.After(100 * time.Microsecond) {
				switch err := write(stores[at]); {
				case errors.Is(err, larder.ErrReadOnlyReplica):
					at = 1 - at
				case err != nil && ctx.Err() == nil:
					t.Error(err)
					return
				}
			}
		})
	}
	var incr, update, multi, pushed, popped atomic.Int64
	noted := func(n *atomic.Int64, err error) error {
		if err == nil {
			n.Add(1)
		}
		return err
	}
	caller(func(db *larder.DB) error {
		_, err := db.Incr("incr")
		return noted(&incr, err)
	})
	caller(func(db *larder.DB) error {
		return noted(&update, db.Update(func(tx *larder.Tx) error {
			if _, err := tx.Incr("update"); err != nil {
				return err
			}
			_, err := tx.Incr("update too")
			return err
		}))
	})
	caller(func(db *larder.DB) error {
		m := db.Multi()
		m.Incr("multi")
		m.Incr("multi too")
		return noted(&multi, m.Exec())
	})
	caller(func(db *larder.DB) error {
		if _, err := db.Publish("channel", "message"); err != nil {
			return err
		}
		_, err := db.PFAdd("pf", fmt.Sprint(incr.Load()))
		if err == nil {
			_, err = db.PFCount("pf")
		}
		return err
	})
	caller(func(db *larder.DB) error { // wakes who waits in other shards, too
		_, err := db.RPush("q1", "x")
		return noted(&pushed, err)
	})
	caller(func(db *larder.DB) error {
		_, err := db.BLPop(ctx, 10*time.Millisecond, "q0", "q1", "q2", "q3")
		if errors.Is(err, larder.ErrNil) || err != nil && strings.HasPrefix(err.Error(), "UNBLOCKED") {
			return nil
		}
		return noted(&popped, err)
	})
	from, to := a, b
	for range 4 {
		was := incr.Load()
		until(t, "written to", func() bool { return incr.Load() > was+10 })
		must(t, from, "FAILOVER")
		until(t, "done", func() bool { // INFO sums up what each of the callers' transactions has counted, which takes its time with -race
			role := must(t, from, "ROLE").Elems
			return role[0].Str == "slave" && role[3].Str == "connected"
		})
		from, to = to, from
	}
	cancel()
	all.Wait()
	same(t, a, b)
	for key, want := range map[string]int64{"incr": incr.Load(), "update": update.Load(), "update too": update.Load(),
		"multi": multi.Load(), "multi too": multi.Load()} {
		if got := must(t, from, "GET", key).Str; got != fmt.Sprint(want) {
			t.Errorf("%s is %s, of %d that were answered", key, got, want)
		}
	}
	if got := must(t, from, "LLEN", "q1").Int; got != pushed.Load()-popped.Load() {
		t.Errorf("q1 has %d, of %d that came and %d that went", got, pushed.Load(), popped.Load())
	}
	for _, n := range []*node{a, b} {
		if full := field(t, n, "stats", "sync_full"); full > "1" {
			t.Errorf("sync_full:%s", full)
		}
	}
}

// A replica that does not want to take over: writes have waited, and go on, and nobody
// was told that this is a replica.
func TestFailoverRefused(t *testing.T) {
	n := servePrimary(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	d := dialDumb(t, n.addr, "REPLCONF listening-port "+port+" capa eof capa psync2", "PSYNC ? -1")
	d.dataset(t)
	fmt.Fprintf(d, "REPLCONF ACK 0\r\n")
	until(t, "online", func() bool { return strings.Contains(field(t, n, "replication", "slave0"), "state=online") })
	must(t, n, "SET", "n", "0")
	must(t, n, "FAILOVER")
	w := redistest.Dial(t, n.addr)
	defer w.Close()
	w.Send("INCR", "n")
	done := heldWrite(t, n.db)
	before, _ := strconv.Atoi(must(t, n, "GET", "n").Str)
	fmt.Fprintf(d, "REPLCONF ACK %s\r\n", field(t, n, "replication", "master_repl_offset"))
	link, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	for r := bufio.NewReader(link); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break // it has understood
		}
		switch strings.TrimSpace(line) {
		case "PING", "REPLCONF":
			fmt.Fprint(link, "+OK\r\n")
		case "FAILOVER":
			if got := w.Receive(50 * time.Millisecond); got.Kind != redistest.Timeout || len(done) != 0 {
				t.Errorf("they do not wait any longer: %s, %d", got, len(done))
			}
			fmt.Fprint(link, "-ERR not me\r\n")
		}
	}
	if err := <-done; err != nil {
		t.Errorf("Incr: %v", err)
	}
	if got := w.Receive(20 * time.Second); got.Kind != redistest.Integer {
		t.Errorf("INCR = %s", got)
	}
	if got := must(t, n, "GET", "n").Str; got != fmt.Sprint(before+2) {
		t.Errorf("n was %d, and is %s", before, got)
	}
	if want := "Failover target rejected psync request"; !strings.Contains(n.log.String(), want) {
		t.Errorf("the log has no %q", want)
	}
}
