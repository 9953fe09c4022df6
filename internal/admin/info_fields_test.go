package admin_test

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/redcon_server"
	"github.com/larderdb/larder/replica"
)

// INFO beside that of a redis-server while something goes on: the same fields in the same
// order, and the same values where both can know them.

// A whole is a server with all that it has: files, replicas, a network.
type whole struct {
	t    *testing.T
	addr string
	look *redistest.Conn // asks INFO
	stop func()          // ends the server
}

// startWhole starts a redis-server or, in this process, a larder.
func startWhole(t *testing.T, ours bool, config ...string) *whole {
	t.Helper()
	config = append([]string{"repl-diskless-sync-delay", "0", "enable-debug-command", "yes", "save", ""}, config...)
	w := &whole{t: t}
	if ours {
		db, err := larder.Open(larder.Options{Config: config})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if _, err := rdb.Attach(db, rdb.Options{Path: filepath.Join(t.TempDir(), "dump.rdb"), DiscardOnClose: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := replica.Serve(db, replica.ServeOptions{}); err != nil {
			t.Fatal(err)
		}
		srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0"})
		if err := srv.Listen(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = srv.Close() })
		w.addr, w.stop = srv.Addr().String(), func() { _ = srv.Close() }
		w.dial("PING") // as package redistest has one to a redis-server
	} else {
		var args []string
		for i := 0; i < len(config); i += 2 {
			args = append(args, "--"+config[i], config[i+1])
		}
		w.addr, w.stop = redistest.Start(t, args...).Addr, func() { w.look.Send("SHUTDOWN", "NOSAVE", "NOW") }
	}
	w.look = w.dial("PING")
	return w
}

// dial makes a connection and runs commands on it.
func (w *whole) dial(lines ...string) *redistest.Conn {
	w.t.Helper()
	c := redistest.Dial(w.t, w.addr)
	w.t.Cleanup(c.Close)
	for _, line := range lines {
		w.must(c, line)
	}
	return c
}

func (w *whole) must(c *redistest.Conn, line string) {
	w.t.Helper()
	if v := c.Do(strings.Fields(line)...); v.IsError() || v.Kind == redistest.Closed || v.Kind == redistest.Timeout {
		w.t.Fatalf("%s answers %s", line, v)
	}
}

// until waits for lines of INFO.
func (w *whole) until(lines ...string) {
	w.t.Helper()
	for _, line := range lines {
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(w.info(), "\n"+line); time.Sleep(2 * time.Millisecond) {
			if time.Now().After(deadline) {
				w.t.Fatalf("INFO never has %s:\n%s", line, w.info())
			}
		}
	}
}

func (w *whole) info() string { return verbatim(w.look.Do("INFO", "everything")) }

// follow starts a replica of w.
func (w *whole) follow(ours bool) *whole {
	r := startWhole(w.t, ours)
	host, port, _ := net.SplitHostPort(w.addr)
	r.dial("REPLICAOF " + host + " " + port)
	return r
}

// infoConditions bring servers about, and return what INFO says then.
var infoConditions = []struct {
	name    string
	differs string // the values that are not compared: why stands above
	infos   func(t *testing.T, ours bool) []string
}{
	{"at rest", "", func(t *testing.T, ours bool) []string { return []string{startWhole(t, ours).info()} }},
	{"clients of all kinds", "", func(t *testing.T, ours bool) []string {
		w := startWhole(t, ours)
		w.dial().Send("BLPOP", "x", "0")
		w.dial().Send("BLPOP", "x", "y", "1000")
		w.dial("SUBSCRIBE a b")
		w.dial("PSUBSCRIBE a* b*", "SUBSCRIBE a")
		w.dial("SSUBSCRIBE s")
		w.dial("HELLO 3", "CLIENT TRACKING ON", "GET k", "GET l")
		w.dial("HELLO 3", "CLIENT TRACKING ON", "GET k")
		w.dial("HELLO 3", "CLIENT TRACKING ON BCAST PREFIX p PREFIX q")
		w.dial("SET k v PX 1000000", "GET k", "WATCH k", "MULTI", "SET k v")
		w.dial("MONITOR")
		w.until("blocked_clients:2", "pubsubshard_channels:1", "tracking_clients:3")
		return []string{w.info()}
	}},
	// The save of DEBUG RELOAD counts in larder, and that other data take its place is a byte
	// of the stream, lest a replica go on as if nothing had happened.
	{"loading", "rdb_saves master_repl_offset", func(t *testing.T, ours bool) []string {
		w := startWhole(t, ours, "loading-process-events-interval-bytes", "1024")
		c := w.dial("DEBUG POPULATE 5000", "CONFIG SET key-load-delay 1000")
		c.Send("DEBUG", "RELOAD")
		w.until("loading:1")
		info := w.info()
		w.must(w.look, "CONFIG SET key-load-delay 0")
		if v := c.Receive(20 * time.Second); v.String() != "OK" {
			t.Errorf("DEBUG RELOAD = %s", v)
		}
		return []string{info, w.info()}
	}},
	{"saving", "", func(t *testing.T, ours bool) []string {
		w := startWhole(t, ours)
		w.dial("DEBUG POPULATE 500", "CONFIG SET rdb-key-save-delay 100000", "BGSAVE")
		w.until("rdb_bgsave_in_progress:1", "current_save_keys_total:500")
		info := w.info()
		w.dial("FLUSHALL") // which gives the save up
		return []string{info}
	}},
	{"saved", "", func(t *testing.T, ours bool) []string {
		w := startWhole(t, ours)
		w.dial("SET k v", "BGSAVE")
		w.until("rdb_bgsave_in_progress:0", "rdb_saves:1")
		w.dial("SET k w", "SAVE", "SET k x")
		return []string{w.info()}
	}},
	{"a primary and its replica, which is cut off, and becomes a primary", "", func(t *testing.T, ours bool) []string {
		w := startWhole(t, ours)
		w.dial("SET k v")
		r := w.follow(ours)
		r.until("master_link_status:up")
		w.until("slave0:ip=127.0.0.1,port=" + portOf(r.addr) + ",state=online,")
		w.dial("CONFIG SET min-replicas-to-write 1")
		w.until("min_slaves_good_slaves:1")
		w.dial("SET k w")
		r.until("slave_repl_offset:" + field(w.info(), "master_repl_offset", ":"))
		infos := []string{w.info(), r.info()}
		stats := w.look.Do("MEMORY", "STATS").Elems
		for i := 0; i+1 < len(stats); i += 2 {
			if stats[i].Str == "clients.slaves" && fmt.Sprint(stats[i+1].Int) != field(infos[0], "mem_clients_slaves", ":") {
				t.Errorf("clients.slaves of MEMORY STATS is %d, INFO says %s", stats[i+1].Int, field(infos[0], "mem_clients_slaves", ":"))
			}
		}
		w.stop()
		r.until("master_link_status:down")
		infos = append(infos, r.info())
		r.dial("REPLICAOF NO ONE")
		return append(infos, r.info())
	}},
	// The journal of a follower is there from the start, to take its primary's bytes.
	{"a replica that finds nobody", "repl_backlog_active repl_backlog_first_byte_offset", func(t *testing.T, ours bool) []string {
		r := startWhole(t, ours)
		r.dial("SET k v", "REPLICAOF 127.0.0.1 1")
		r.until("master_link_status:down")
		infos := []string{r.info()}
		r.dial("REPLICAOF NO ONE")
		return append(infos, r.info())
	}},
	// What a replica is sent is no file, and larder saves one beside it: so it does not
	// say that it does. As for the backlog see above.
	{"a replica being sent the data", "rdb_bgsave_in_progress current_save_keys_total repl_backlog_active " +
		"repl_backlog_first_byte_offset", func(t *testing.T, ours bool) []string {
		w := startWhole(t, ours, "rdb-key-save-delay", "20000")
		w.dial("DEBUG POPULATE 1000 k 2000")
		r := w.follow(ours)
		r.until("master_sync_in_progress:1")
		w.until("slave0:")
		infos := []string{w.info(), r.info()}
		w.dial("CONFIG SET rdb-key-save-delay 0", "FLUSHALL") // which has a redis-server give it up
		return infos
	}},
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// infoEqual are the fields whose values must be those of a redis-server.
var infoEqual = strings.Fields(`
	redis_version redis_git_sha1 redis_git_dirty redis_mode process_supervised hz configured_hz io_threads_active
	connected_clients cluster_connections maxclients blocked_clients tracking_clients clients_in_timeout_table
	number_of_cached_scripts number_of_functions number_of_libraries maxmemory maxmemory_human
	maxmemory_policy mem_cluster_links mem_aof_buffer active_defrag_running lazyfree_pending_objects
	loading async_loading current_save_keys_total rdb_bgsave_in_progress rdb_last_bgsave_status rdb_saves
	aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled aof_last_rewrite_time_sec aof_current_rewrite_time_sec
	aof_last_bgrewrite_status aof_rewrites aof_rewrites_consecutive_failures aof_last_write_status aof_last_cow_size
	module_fork_in_progress module_fork_last_cow_size
	rejected_connections sync_full sync_partial_ok sync_partial_err expired_keys evicted_keys evicted_clients keyspace_hits
	keyspace_misses pubsub_channels pubsub_patterns pubsubshard_channels migrate_cached_sockets slave_expires_tracked_keys
	tracking_total_keys tracking_total_items tracking_total_prefixes unexpected_error_replies total_error_replies
	role connected_slaves min_slaves_good_slaves master_failover_state second_repl_offset master_repl_offset
	repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen
	master_host master_link_status master_sync_in_progress slave_priority slave_read_only replica_announced cluster_enabled`)

// TestInfoFields compares INFO under each condition.
func TestInfoFields(t *testing.T) {
	for _, c := range infoConditions {
		t.Run(c.name, func(t *testing.T) {
			theirs, ours := c.infos(t, false), c.infos(t, true)
			for i := range theirs {
				want, got := infoNames(theirs[i]), infoNames(ours[i])
				if !slices.Equal(got, want) {
					at := 0
					for at < min(len(want), len(got)) && want[at] == got[at] {
						at++
					}
					t.Errorf("INFO %d: from the field %d on larder has\n%s\nredis has\n%s", i, at,
						got[at:min(at+8, len(got))], want[at:min(at+8, len(want))])
				}
				for _, name := range infoEqual {
					want, got := field(theirs[i], name, ":"), field(ours[i], name, ":")
					if got != want && !slices.Contains(strings.Fields(c.differs), name) {
						t.Errorf("INFO %d: %s is %q, with redis %q", i, name, got, want)
					}
				}
			}
		})
	}
}

// ofInfo are fields that come as commands, errors and keys do.
var ofInfo = regexp.MustCompile(`^(cmdstat_|latency_percentiles_|errorstat_|db\d)`)

// infoNames are the sections and fields of INFO, in order.
func infoNames(info string) (names []string) {
	for line := range strings.SplitSeq(info, "\r\n") {
		name, _, ok := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "# "):
			names = append(names, line)
		case name == "go_version":
			names = append(names, "gcc_version") // of C, in its place
		case name == "open_snapshots": // larder's own
		case ok && !ofInfo.MatchString(name):
			names = append(names, name)
		}
	}
	return names
}
