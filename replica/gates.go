package replica

import (
	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// What replication keeps from running: commands in words only, since a Go
// caller is told by Status.

// The gates, bits of node.gate: most of the time there are none.
const (
	gateFew   uint32 = 1 << iota // writes, with too few good replicas
	gateStale                    // all that reads data, with the link to the primary down
)

const (
	errFewReplicas larder.Error = "NOREPLICAS Not enough good replicas to write."
	errStale       larder.Error = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
)

// setGate opens or closes a gate.
func (n *node) setGate(gate uint32, closed bool) {
	if closed {
		n.gate.Or(gate)
	} else {
		n.gate.And(^gate)
	}
	n.srv.SettleGate(admin.GateReplication, func() bool { return n.gate.Load() != 0 })
}

// Admit decides whether a command may run now; see admin.Replication.
func (n *node) Admit(es *engine.Session, spec *engine.Spec) error {
	gate := n.gate.Load()
	if gate == 0 || es.Primary {
		return nil
	}
	if gate&gateStale != 0 && spec.Flags&engine.Stale == 0 {
		if spec.Flags&engine.Write != 0 && n.e.IsReadOnly() {
			return larder.ErrReadOnlyReplica
		}
		return errStale
	}
	if spec.Flags&engine.Write == 0 && !(spec.Name == "EXEC" && es.QueuedFlags()&engine.Write != 0) {
		return nil
	}
	if gate&gateFew != 0 && !n.e.IsReplica() && n.good.Load() < n.conf.Int("min-replicas-to-write") {
		return errFewReplicas
	}
	return nil
}

// obey has the node follow the configuration, now and whenever it changes.
func (n *node) obey() {
	for name, apply := range map[string]func(){
		"repl-backlog-size":          func() { n.e.SetBacklog(n.conf.Bytes("repl-backlog-size")) },
		"repl-backlog-ttl":           func() { n.mu.Lock(); n.aloneLocked(); n.mu.Unlock() },
		"min-replicas-to-write":      n.countGood,
		"min-replicas-max-lag":       n.countGood,
		"client-output-buffer-limit": n.setLimits,
		"replica-serve-stale-data":   n.linkChanged,
	} {
		apply()
		n.conf.OnChange(name, nil, func(string) error { apply(); return nil })
	}
}

// wantsGood reports whether writes take replicas that are not behind.
func (n *node) wantsGood() bool {
	return n.conf.Int("min-replicas-to-write") > 0 && n.conf.Int("min-replicas-max-lag") > 0
}

// countGood counts the replicas that are not behind.
func (n *node) countGood() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.countGoodLocked()
}

func (n *node) countGoodLocked() {
	good, most, now := int64(0), n.conf.Int("min-replicas-max-lag"), timeNow()
	for _, d := range n.replicas {
		if d.phase == phaseOnline && d.lag(now) <= most {
			good++
		}
	}
	n.good.Store(good)
	n.setGate(gateFew, n.wantsGood())
}

// limit is how far a replica may be behind.
func (n *node) limit() engine.TailLimit {
	_, l, _ := n.conf.OutputLimits()
	if l.Hard == 0 && l.Soft == 0 {
		return engine.TailLimit{Hard: unlimited}
	}
	return engine.TailLimit{Hard: l.Hard, Soft: l.Soft, SoftFor: seconds(l.Seconds)}
}

// unlimited is more than anybody has.
const unlimited = 1 << 62

func (n *node) setLimits() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range n.replicas {
		if d.tail != nil {
			d.tail.SetLimit(n.limit())
		}
	}
}

// Info is for INFO.
func (n *node) Info() admin.ReplicationInfo {
	backlog := n.e.Backlog()
	n.mu.Lock()
	defer n.mu.Unlock()
	now := timeNow()
	in := admin.ReplicationInfo{
		ID: n.id, ID2: n.id2, SecondOffset: n.second, Offset: n.e.Offset(), Backlog: backlog,
		Failover: n.failing.state(), GoodReplicas: -1,
		SyncFull: n.syncFull.Load(), PartialOK: n.partialOK.Load(), PartialFailed: n.partialFailed.Load(),
		BytesIn: n.bytesIn.Load(), BytesOut: n.bytesOut.Load(),
	}
	if n.wantsGood() {
		in.GoodReplicas = int(n.good.Load())
	}
	for _, d := range n.replicas {
		in.Replicas = append(in.Replicas, d.info(now))
	}
	if n.up != nil {
		in.Primary = primaryInfo(n.up.info(), in.Offset, n.conf.Bool("replica-announced"))
	}
	return in
}

// primaryInfo is what INFO tells of whom the node follows.
func primaryInfo(f followerInfo, offset int64, announced bool) *admin.PrimaryInfo {
	p := &admin.PrimaryInfo{
		Host: f.host, Port: f.port, State: f.state, Up: f.state == "connected", LastIO: f.lastIO, Syncing: f.state == "sync",
		SyncTotal: f.syncTotal, SyncRead: f.syncRead, SyncLastIO: f.lastIO, DownSince: f.downSince,
		ReadOffset: f.readOffset, Offset: offset, Priority: f.priority, ReadOnly: f.readOnly, Announced: announced,
	}
	if !p.Up {
		p.LastIO = -1
	}
	return p
}
