package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// Replication, as far as this package is asked about it. Who replicates stands above
// it and attaches itself: see Server.SetReplication.

// A Replication is the part of a server that has replicas, or is one. Its methods may
// be called from any goroutine, under shards' locks.
type Replication interface {
	// Info is what INFO tells.
	Info() ReplicationInfo
	// Admit refuses commands while there are too few replicas, or none of the data.
	Admit(es *engine.Session, spec *engine.Spec) error
	// ChangeID is DEBUG CHANGE-REPL-ID.
	ChangeID()
	// ResetStats sets the counters of Info to zero.
	ResetStats()
}

// ReplicationInfo is about the journal, those who follow it, and whom this server
// follows. Without anybody who replicates, there is a journal and no more.
type ReplicationInfo struct {
	ID, ID2      string // of the history, and of that which it continues; empty: none
	Offset       int64
	SecondOffset int64 // up to which ID2 holds; -1 without one
	Backlog      engine.Backlog
	Failover     string // the state of FAILOVER

	Primary      *PrimaryInfo // nil: this is one
	Replicas     []ReplicaInfo
	GoodReplicas int // of them; -1: nobody asks for any

	SyncFull, PartialOK, PartialFailed int64
	BytesIn, BytesOut                  int64
}

// A ReplicaInfo is about one that follows this server.
type ReplicaInfo struct {
	IP     string
	Port   int
	State  string // wait_bgsave, send_bulk, online
	Offset int64  // that it says it has
	Lag    int64  // seconds since it said so
}

// PrimaryInfo is about whom this server follows.
type PrimaryInfo struct {
	Host       string
	Port       int
	State      string // connect, connecting, sync, connected
	Up         bool
	LastIO     int64 // seconds ago; -1: the link is down
	Syncing    bool
	SyncTotal  int64 // bytes; 0: not known
	SyncRead   int64
	SyncLastIO int64 // seconds ago
	DownSince  int64 // seconds ago; -1: never
	ReadOffset int64 // of what has come
	Offset     int64 // of what is applied
	Priority   int64
	ReadOnly   bool
	Announced  bool
}

// SetReplication says who replicates, unless somebody does, and returns who it is
// then.
func (s *Server) SetReplication(r Replication) Replication {
	s.replication.CompareAndSwap(nil, &r)
	return *s.replication.Load()
}

// Replication is who replicates, nil if nobody does.
func (s *Server) Replication() Replication {
	if r := s.replication.Load(); r != nil {
		return *r
	}
	return nil
}

// ReplID is the name of the history of the data.
func (s *Server) ReplID() string { return *s.replID.Load() }

// SetReplID changes it.
func (s *Server) SetReplID(id string) { s.replID.Store(&id) }

// NewID returns 40 random hexadecimal digits.
func NewID() string { return newID() }

func (s *Server) replicationInfo() ReplicationInfo {
	if r := s.Replication(); r != nil {
		return r.Info()
	}
	return ReplicationInfo{
		ID: s.ReplID(), Offset: s.engine.Offset(), SecondOffset: -1, Backlog: s.engine.Backlog(), GoodReplicas: -1,
		Failover: "no-failover",
	}
}

// role is ROLE.
func (in *ReplicationInfo) role(w *engine.Reply) {
	if p := in.Primary; p != nil {
		offset := int64(-1)
		if p.Up {
			offset = in.Offset
		}
		w.Array(5)
		w.Bulk("slave")
		w.Bulk(p.Host)
		w.Int(int64(p.Port))
		w.Bulk(p.State)
		w.Int(offset)
		return
	}
	online := slices.Clone(in.Replicas)
	online = slices.DeleteFunc(online, func(r ReplicaInfo) bool { return r.State != "online" })
	w.Array(3)
	w.Bulk("master")
	w.Int(in.Offset)
	w.Array(len(online))
	for _, r := range online {
		w.Array(3)
		w.Bulk(r.IP)
		w.Bulk(strconv.Itoa(r.Port))
		w.Bulk(strconv.FormatInt(r.Offset, 10))
	}
}

func infoReplication(t *infoText, s *Server, in *Info) {
	r := &in.Replication
	if p := r.Primary; p == nil {
		t.field("role", "master")
	} else {
		infoPrimary(t, p)
	}
	t.field("connected_slaves", len(r.Replicas))
	if r.GoodReplicas >= 0 {
		t.field("min_slaves_good_slaves", r.GoodReplicas)
	}
	for i, sl := range r.Replicas {
		t.field(fmt.Sprintf("slave%d", i), fmt.Sprintf("ip=%s,port=%d,state=%s,offset=%d,lag=%d",
			sl.IP, sl.Port, sl.State, sl.Offset, sl.Lag))
	}
	active, size, first := 0, s.conf.Bytes("repl-backlog-size"), int64(0)
	if r.Backlog.Active {
		active, size = 1, r.Backlog.Size
		first = r.Backlog.First + 1 // Redis counts the bytes from one
	}
	id2 := r.ID2
	if id2 == "" {
		id2 = strings.Repeat("0", 40)
	}
	t.fields(
		"master_failover_state", r.Failover,
		"master_replid", r.ID,
		"master_replid2", id2,
		"master_repl_offset", r.Offset,
		"second_repl_offset", r.SecondOffset,
		"repl_backlog_active", active,
		"repl_backlog_size", size,
		"repl_backlog_first_byte_offset", first,
		"repl_backlog_histlen", r.Backlog.Length,
	)
}

func infoPrimary(t *infoText, p *PrimaryInfo) {
	status := "down"
	if p.Up {
		status = "up"
	}
	t.fields(
		"role", "slave",
		"master_host", p.Host,
		"master_port", p.Port,
		"master_link_status", status,
		"master_last_io_seconds_ago", p.LastIO,
		"master_sync_in_progress", boolInt(p.Syncing),
		"slave_read_repl_offset", p.ReadOffset,
		"slave_repl_offset", p.Offset,
	)
	if p.Syncing {
		done := 0.0
		if p.SyncTotal > 0 {
			done = 100 * float64(p.SyncRead) / float64(p.SyncTotal)
		}
		t.fields(
			"master_sync_total_bytes", p.SyncTotal,
			"master_sync_read_bytes", p.SyncRead,
			"master_sync_left_bytes", p.SyncTotal-p.SyncRead,
			"master_sync_perc", formatPercent(done),
			"master_sync_last_io_seconds_ago", p.SyncLastIO,
		)
	}
	if !p.Up {
		t.field("master_link_down_since_seconds", p.DownSince)
	}
	t.fields(
		"slave_priority", p.Priority,
		"slave_read_only", boolInt(p.ReadOnly),
		"replica_announced", boolInt(p.Announced),
	)
}
