package replica

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
)

// A node is a store as a member of a replication: who follows it, whom it follows, and
// the name of the history that its journal tells. There is one for each store, made
// when it is first needed.
//
//	id      the name of the history; who has it at an offset has our data up to there
//	id2     the name under which the history was known up to second
//	second  the first offset, as PSYNC counts it, that id2 does not have
//
// Lock order: shards, mu, the journal. Under mu no shard is taken, and nothing waits.
type node struct {
	srv  *admin.Server
	e    *engine.Engine
	conf *conf.Config
	log  *slog.Logger

	syncFull, partialOK, partialFailed atomic.Int64
	bytesIn, bytesOut                  atomic.Int64 // of streams and data sets

	// gate says that Admit has something to look at: see gates.go.
	gate  atomic.Uint32
	good  atomic.Int64 // replicas that are not behind: see min-replicas-max-lag
	rdb12 atomic.Bool  // replicas read files of version 12: see ServeOptions

	switching sync.Mutex // held by who changes whom the node follows, over no lock

	mu       sync.Mutex // guards following
	id, id2  string
	second   int64 // -1 without id2
	up       upstream
	primary  *Primary // Serve was called
	replicas []*downstream
	syncs    syncs
	failing  failover
	timer    *time.Timer // of tick; nil without a replica
	ticks    int64
	alone    *time.Timer // gives the backlog up
	waits    []*ackWait
	asked    int64                // the journal's offset behind the last GETACK
	restored admin.StreamPosition // see restore
}

// An upstream is whom a node follows, as others ask about it.
type upstream interface{ info() followerInfo }

// A followerInfo is about a follower, for INFO and ROLE.
type followerInfo struct {
	host       string
	port       int
	state      string // connect, connecting, sync, connected
	lastIO     int64  // seconds since the last byte came
	syncTotal  int64  // bytes of the data set; 0: not known
	syncRead   int64  // of them
	readOffset int64  // of what has come
	downSince  int64  // seconds since the link went down; -1: it was never up
	priority   int64
	readOnly   bool
}

// nodeOf returns the node of a store.
func nodeOf(db *larder.DB) (*node, error) {
	srv := bridge.Server(db)
	if r := srv.Replication(); r != nil {
		return asNode(r)
	}
	n := &node{
		srv: srv, e: srv.Engine(), conf: srv.Conf(), log: srv.Log(),
		id: srv.ReplID(), second: -1,
	}
	if r := srv.SetReplication(n); r != admin.Replication(n) {
		return asNode(r)
	}
	n.obey()
	n.restore()
	return n, nil
}

func asNode(r admin.Replication) (*node, error) {
	n, ok := r.(*node)
	if !ok {
		return nil, fmt.Errorf("replica: the store is replicated by a %T", r)
	}
	return n, nil
}

// nodeIn returns the node of a session's store. Its commands are there only if it is.
func nodeIn(s *engine.Session) *node {
	return s.Engine().Owner().(*admin.Server).Replication().(*node)
}

// replicaIDs are the names of the history: see node.
func (n *node) replicaIDs() (id, id2 string, second int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id, n.id2, n.second
}

// setFollower says whom the node follows; nil is nobody.
func (n *node) setFollower(up upstream) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.up = up
}

// follower is whom the node follows, nil if nobody.
func (n *node) follower() upstream {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up
}

// rename sets the names of the history. mu is held.
func (n *node) renameLocked(id, id2 string, second int64) {
	n.id, n.id2, n.second = id, id2, second
	n.srv.SetReplID(id)
}

// adopt takes over the history of the primary, with its data set: what our replicas
// have is none of it.
func (n *node) adopt(id string, offset int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.renameLocked(id, "", -1)
	n.dropReplicasLocked("the data set is replaced by that of the primary")
}

// continues notes that the history goes on, from the journal's end, under the name that
// the primary has told. Replicas are to come back and hear it.
func (n *node) continues(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id == n.id {
		return
	}
	n.renameLocked(id, n.id, n.e.Offset()+1)
	n.dropReplicasLocked("the history has another name")
}

// promote begins a history of our own: replicas are to come back, and go on.
func (n *node) promote() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.renameLocked(admin.NewID(), n.id, n.e.Offset()+1)
	n.log.Info(fmt.Sprintf("Setting secondary replication ID to %s, valid up to offset: %d. New replication ID is %s",
		n.id2, n.second, n.id))
	n.dropReplicasLocked("the history has another name")
}

// ChangeID is DEBUG CHANGE-REPL-ID.
func (n *node) ChangeID() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.renameLocked(admin.NewID(), "", -1)
}

// ResetStats is CONFIG RESETSTAT.
func (n *node) ResetStats() {
	for _, c := range []*atomic.Int64{&n.syncFull, &n.partialOK, &n.partialFailed, &n.bytesIn, &n.bytesOut} {
		c.Store(0)
	}
}
