package larder

import (
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// Stats is what a store tells of itself: the same as INFO, for Go code. Counters count
// since the store was opened, or since CONFIG RESETSTAT. Times that are spans are
// time.Duration, sizes are in bytes.
type Stats struct {
	Now    time.Time     // by the store's clock
	Uptime time.Duration // by the machine's

	Processed    int64 // commands in words; calls of typed methods stand in Commands only
	PerSecond    int64 // of Processed, since Stats, or INFO, was asked for last; not renewed within 100 ms
	ErrorReplies int64
	Errors       map[string]int64 // ErrorReplies by their first word: "ERR", "WRONGTYPE"; 128 at most

	Hits, Misses int64 // of lookups by commands that read
	Expired      int64 // keys deleted because their time was over
	Evicted      int64 // keys deleted because memory was short
	Snapshots    int   // open

	Clients     ClientStats
	Memory      MemoryStats
	Persistence PersistenceStats
	Replication ReplicationStats
	Commands    []CommandStats  // those that were called, by name
	Keyspace    []DatabaseStats // those that hold keys, by number
}

// ClientStats is about connections.
type ClientStats struct {
	Connected int
	Max       int   // maxclients
	Blocked   int   // that wait for a key, or for replicas
	Monitors  int   // that are shown every command
	Tracking  int   // that have what they read tracked
	Received  int64 // ever
	Rejected  int64 // of them, because there were too many

	BytesIn, BytesOut int64 // by the network

	Channels, Patterns, ShardChannels int // that somebody subscribes to
}

// MemoryStats is in bytes. Used is larder's own count, which follows each change at
// once: it is the sum of Keyspace, Clients, Tracking, Backlog and a fixed amount for the store.
type MemoryStats struct {
	Used     int64
	Keyspace int64
	Clients  int64
	Tracking int64 // of the keys that clients cache and are to be told of
	Backlog  int64 // of the journal, for replicas that come back
	Peak     int64 // of Used, as far as anybody looked: each connection does once a second
	Max      int64 // maxmemory; 0: no limit
	Policy   Policy
	RSS      int64 // of the whole process
}

// PersistenceStats is about the file that the store is saved to, if it is.
type PersistenceStats struct {
	LastSave time.Time // or the start
	Changes  int64     // of keys, since then
	Saves    int64
	Saving   bool          // in the background, now
	Failed   bool          // the last time in the background
	LastTook time.Duration // the last time in the background; -1: there was none
	Loading  bool          // a file, now: connections are refused
}

// ReplicationStats is about those who follow, and who is followed.
type ReplicationStats struct {
	ID       string // of the history
	Offset   int64  // how many bytes of it there were
	Primary  string // host:port of whom the store follows; "" : nobody
	LinkUp   bool   // to the primary
	Replicas []ReplicaStats

	FullSyncs, PartialSyncs, FailedPartialSyncs int64 // that replicas have asked for
}

// ReplicaStats is about one that follows the store.
type ReplicaStats struct {
	Addr   string // host:port
	State  string // as INFO has it: wait_bgsave, send_bulk, online
	Offset int64  // up to which it has said that it has everything
	Lag    time.Duration
}

// CommandStats is about one command. Calls of brief commands by Go are counted but,
// unless SLOWLOG is set to keep what takes less than a millisecond, not timed.
type CommandStats struct {
	Name     string // lower case, "config|set" for a subcommand
	Calls    int64
	Rejected int64         // not run: wrong arguments, not allowed, no memory
	Failed   int64         // run, and answered an error
	Time     time.Duration // of those calls that were timed

	// How long half, 99 and 99.9 per cent of the timed calls took at most, and the
	// longest, up to a second and up to 3% too long; 0 where none was timed, or
	// latency-tracking is off.
	P50, P99, P999, Longest time.Duration
}

// DatabaseStats is about one logical database.
type DatabaseStats struct {
	DB       int
	Keys     int64
	Expiring int64         // of Keys, those with a time of expiry
	MeanTTL  time.Duration // of those, estimated from samples; at most some 292 years
}

// HitRate is the share of lookups that found their key, from 0 to 1; 0 where there
// were none.
func (s *Stats) HitRate() float64 {
	if s.Hits+s.Misses == 0 {
		return 0
	}
	return float64(s.Hits) / float64(s.Hits+s.Misses)
}

// Stats tells how the store is doing, all of its logical databases together. It reads
// counters and stops nobody; it takes some 100 microseconds.
func (db *DB) Stats() Stats { return statsOf(db.shared.admin) }

var percentiles = []float64{50, 99, 99.9, 100}

func statsOf(srv *admin.Server) Stats {
	in := srv.Info()
	st, m, p, r := &in.Stats, &in.Memory, &in.Persistence, &in.Replication
	out := Stats{
		Now: in.Server.Now, Uptime: in.Server.Uptime, Processed: st.Commands, PerSecond: st.OpsPerSecond,
		ErrorReplies: st.ErrorReplies, Errors: in.Errors, Hits: st.Hits, Misses: st.Misses, Expired: st.Expired,
		Evicted: st.Evicted, Snapshots: st.Snapshots,
		Clients: ClientStats{
			Connected: in.Clients.Connected, Max: int(in.Clients.Max), Blocked: int(in.Clients.Blocked),
			Monitors: in.Clients.Monitors, Tracking: in.Tracking.Clients,
			Received: st.Connections + st.Network.Rejected, Rejected: st.Network.Rejected,
			BytesIn: st.Network.BytesIn, BytesOut: st.Network.BytesOut,
			Channels: st.Channels, Patterns: st.Patterns, ShardChannels: st.ShardChannels,
		},
		Memory: MemoryStats{
			Used: m.Used, Keyspace: m.Keyspace, Clients: m.Clients, Tracking: m.Tracking, Backlog: m.Backlog, Peak: m.Peak, Max: m.Max,
			Policy: policyOf(m.Policy), RSS: m.RSS,
		},
		Persistence: PersistenceStats{
			LastSave: p.LastSave, Changes: p.Changes, Saves: p.Saves, Saving: p.Saving, Failed: p.Failed, LastTook: p.LastTook,
			Loading: srv.Loading() != nil,
		},
		Replication: ReplicationStats{
			ID: r.ID, Offset: r.Offset, FullSyncs: r.SyncFull, PartialSyncs: r.PartialOK, FailedPartialSyncs: r.PartialFailed,
		},
	}
	if r.Primary != nil {
		out.Replication.Primary, out.Replication.LinkUp = hostPort(r.Primary.Host, r.Primary.Port), r.Primary.Up
	}
	for _, x := range r.Replicas {
		out.Replication.Replicas = append(out.Replication.Replicas,
			ReplicaStats{hostPort(x.IP, x.Port), x.State, x.Offset, time.Duration(x.Lag) * time.Second})
	}
	for _, c := range in.Commands {
		s := CommandStats{Name: c.Name, Calls: c.Calls, Rejected: c.Rejected, Failed: c.Failed, Time: c.Time}
		if ps := srv.Percentiles(c.Name, percentiles); ps != nil {
			s.P50, s.P99, s.P999, s.Longest = ps[0], ps[1], ps[2], ps[3]
		}
		out.Commands = append(out.Commands, s)
	}
	for _, k := range in.Keyspace {
		ttl := time.Duration(min(k.MeanTTL, int64(maxDuration/time.Millisecond))) * time.Millisecond
		out.Keyspace = append(out.Keyspace, DatabaseStats{k.DB, k.Keys, k.Expiring, ttl})
	}
	return out
}

const maxDuration = time.Duration(1<<63 - 1)

func policyOf(name string) Policy {
	return Policy(max(0, slices.Index(engine.PolicyNames[:], name)))
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
