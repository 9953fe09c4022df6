package replica_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/replica"
)

// A redis-server of 7.0 that follows is not sent what it has no words for, by a primary or
// a relay: its connection ends, it is not let back by a partial synchronization, and
// refused the data set for as long as that has fields that expire. Then it comes back by
// itself. A larder is sent all of it.
func TestNewerThanReplica(t *testing.T) {
	for _, relayed := range []bool{false, true} {
		head := servePrimary(t)
		n := head
		if relayed {
			n = servePrimary(t)
			follow(t, n.db, replica.Options{Addr: head.addr})
		}
		s, r := startFollower(t, n.addr)
		if v := must(t, r, "INFO", "server").Str; !strings.Contains(v, "redis_version:7.0.") {
			t.Skipf("SKIPPED: %s is no Redis 7.0: nothing is known of it here", s.Addr)
		}
		young := servePrimary(t)
		f := follow(t, young.db, replica.Options{Addr: n.addr})
		must(t, head, "HSET", "h", "f", "1", "g", "2")
		must(t, head, "HEXPIRE", "h", "1", "FIELDS", "1", "none") // not there: nobody is told
		undone := errors.New("undone")
		if err := head.db.Update(func(tx *larder.Tx) error {
			if _, err := tx.HExpire("h", time.Hour, "g"); err != nil {
				t.Error(err)
			}
			return undone
		}); err != undone {
			t.Error(err)
		}
		must(t, head, "SET", "k", "v")
		until(t, "it follows", func() bool { return r.Do("GET", "k").Str == "v" })
		if strings.Contains(n.log.String(), "takes Redis 7.4") {
			t.Errorf("it is detached for nothing:\n%s", n.log)
		}

		must(t, head, "HEXPIRE", "h", "1000", "FIELDS", "1", "f")
		until(t, "it is detached", func() bool { return field(t, r, "replication", "master_link_status") == "down" })
		for _, want := range []string{"what follows, such as fields of hashes that expire, takes Redis 7.4",
			"Partial resynchronization not accepted: what replica", "refused: the data set has fields of hashes that expire"} {
			until(t, want, func() bool { return strings.Contains(n.log.String(), want) })
		}
		if got := r.Do("HGETALL", "h").String(); !strings.Contains(got, "f") {
			t.Errorf("the replica has lost what it had: %s", got)
		}
		until(t, "a larder has it", func() bool {
			return young.Do("HTTL", "h", "FIELDS", "1", "f").String() == head.Do("HTTL", "h", "FIELDS", "1", "f").String()
		})
		must(t, head, "HPERSIST", "h", "FIELDS", "1", "f")
		until(t, "it is back", func() bool { return field(t, r, "replication", "master_link_status") == "up" })
		must(t, head, "SET", "k", "w")
		same(t, head, r)
		same(t, head, young)
		if st := f.Status(); st.FullSyncs != 1 || st.PartialSyncs != 0 {
			t.Errorf("the larder: %+v", st)
		}
	}
}

// A payload of a later version is told as 7.0 can read it, where it can hold the value.
func TestNewerPayload(t *testing.T) {
	n := servePrimary(t)
	_, r := startFollower(t, n.addr)
	// DEBUG SET-SKIP-CHECKSUM-VALIDATION takes the trailing zeros for a checksum.
	must(t, n, "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1")
	if err := rdb.Restore(n.db.Commands, rdb.RestoreArgs{Key: "s", Payload: "\x00\x05hello\x0c\x00" + strings.Repeat("\x00", 8)}); err != nil {
		t.Fatal(err)
	}
	until(t, "it has it", func() bool { return r.Do("GET", "s").Str == "hello" })
	if got := field(t, n, "stats", "sync_full"); got != "1" || strings.Contains(n.log.String(), "takes Redis 7.4") {
		t.Errorf("it was detached: sync_full:%s", got)
	}
	same(t, n, r)
}

// Who is vouched for gets everything, also after it was attached.
func TestNewerVouched(t *testing.T) {
	n := servePrimary(t)
	if _, err := replica.Serve(n.db, replica.ServeOptions{Redis74: true}); err != nil {
		t.Fatal(err)
	}
	d := dialDumb(t, n.addr, "REPLCONF capa eof", "PSYNC ? -1")
	d.dataset(t)
	if _, err := d.Write([]byte("REPLCONF ACK 0\r\n")); err != nil {
		t.Fatal(err)
	}
	must(t, n, "HSET", "h", "f", "1")
	must(t, n, "HEXPIRE", "h", "1000", "FIELDS", "1", "f")
	for d.line(t) != "HPEXPIREAT" {
	}
}
