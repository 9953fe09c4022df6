package replica_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/replica"
)

// A redis-server sends what scripts and functions do, and the functions themselves, which
// a larder keeps if they come with the data set and cannot do anything with if they come
// in the stream: by policy it ends there, or passes over them, logs and counts that, and
// has the same data. Who follows it gets them all the same.
func TestFunctionsOfRedis(t *testing.T) {
	const lib = "#!lua name=%\nredis.register_function('%', function(keys, args) " +
		"redis.call('INCR', keys[1]) redis.call('RPUSH', keys[2], args[1], redis.call('TIME')[1]) return 'done' end)"
	const script = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SPOP', KEYS[2]) return redis.call('TIME')"
	for _, policy := range []replica.Policy{replica.Stop, replica.Skip} {
		s := redistest.Start(t, "--repl-diskless-sync-delay", "0")
		c := redistest.Dial(t, s.Addr)
		defer c.Close()
		must(t, c, "FUNCTION", "LOAD", strings.ReplaceAll(lib, "%", "early"))
		must(t, c, "SADD", "s", "a", "b", "c", "d")
		n := servePrimary(t)
		log := &logged{}
		f := follow(t, n.db, replica.Options{Addr: s.Addr, Unknown: policy, Logger: slog.New(slog.NewTextHandler(log, nil))})
		if libs := bridge.Server(n.db).Libraries(); len(libs) != 1 || !strings.Contains(libs[0], "early") {
			t.Errorf("with the data set came %q", libs)
		}
		host, port, _ := net.SplitHostPort(n.addr)
		behind := redistest.Start(t, "--replicaof", host+" "+port)
		b := redistest.Dial(t, behind.Addr)
		defer b.Close()
		until(t, "a redis-server follows", func() bool { return field(t, b, "replication", "master_link_status") == "up" })

		must(t, c, "FCALL", "early", "2", "n", "l", "x")
		must(t, c, "EVAL", script, "2", "k", "s", "by script")
		until(t, "scripts and functions have done what they do", func() bool {
			v, err := n.db.Get("k")
			return v == "by script" && err == nil
		})
		if st := f.Status(); st.Skipped != 0 || st.Failed != 0 {
			t.Errorf("of what they do some is not known here: %+v", st)
		}
		must(t, c, "FUNCTION", "LOAD", strings.ReplaceAll(lib, "%", "late"))
		must(t, c, "FCALL", "late", "2", "n", "l", "y")
		if policy == replica.Stop {
			until(t, "it stops", func() bool { return f.Status().State == "stopped" })
			if st := f.Status(); st.Err == nil || !strings.Contains(st.Err.Error(), "not known here: FUNCTION") || st.Skipped != 1 {
				t.Errorf("%+v", st)
			}
			if v, _ := n.db.Get("n"); v != "1" {
				t.Errorf("n is %s: it did not stop where it says", v)
			}
			if want := "The primary is not followed any longer"; !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %q:\n%s", want, log)
			}
			continue
		}
		must(t, c, "FUNCTION", "DELETE", "early")
		must(t, c, "SET", "last", "1")
		same(t, c, n)
		same(t, c, b)
		if st := f.Status(); st.Skipped != 2 || st.Failed != 0 || st.FullSyncs != 1 || st.PartialSyncs != 0 {
			t.Errorf("%+v", st)
		}
		if want := `is skipped" command=FUNCTION`; !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, log)
		}
		if _, err := n.db.Get("last"); err != nil {
			t.Errorf("what comes behind is not there: %v", err)
		}
		libs := must(t, b, "FUNCTION", "LIST")
		if len(libs.Elems) != 1 || !strings.Contains(libs.String(), "late") {
			t.Errorf("the redis-server behind has the functions %s", libs)
		}
		if err := n.db.Set("k", "v"); err != larder.ErrReadOnlyReplica {
			t.Error(err)
		}
	}
}
