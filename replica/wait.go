package replica

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// Waiting for replicas to have confirmed the stream: WAIT.

// An ackWait waits until so many replicas have an offset.
type ackWait struct {
	offset int64
	need   int64         // everybody: all that are online, of those who are left
	ready  chan struct{} // closed when it is so
}

const everybody = 1 << 62

// haveLocked is how many replicas have confirmed an offset. n.mu is held.
func (n *node) haveLocked(offset int64) (have int64) {
	for _, d := range n.replicas {
		if d.phase == phaseOnline && d.offset >= offset {
			have++
		}
	}
	return have
}

func (n *node) have(offset int64) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.haveLocked(offset)
}

// changedLocked looks who has waited for what replicas have. n.mu is held.
func (n *node) changedLocked() {
	n.countGoodLocked()
	n.waits = slices.DeleteFunc(n.waits, func(w *ackWait) bool {
		if have := n.haveLocked(w.offset); have < w.need && (w.need != everybody || have < n.haveLocked(-1)) {
			return false
		}
		close(w.ready)
		return true
	})
	n.failoverLocked()
}

// await adds a wait, and asks the replicas what they have. It returns nil if there
// is nothing to wait for.
func (n *node) await(offset, need int64) *ackWait {
	n.mu.Lock()
	defer n.mu.Unlock()
	if have := n.haveLocked(offset); have >= need || need == everybody && have == n.haveLocked(-1) {
		return nil
	}
	w := &ackWait{offset, need, make(chan struct{})}
	n.waits = append(n.waits, w)
	n.askLocked(offset)
	return w
}

// askLocked has the replicas confirm an offset, unless they were asked behind it
// already. During a failover they are not: it waits for them to reach an end that asking
// would move, and they confirm by themselves within a second. n.mu is held.
func (n *node) askLocked(offset int64) {
	if len(n.replicas) != 0 && n.asked <= offset && n.failing.phase == failoverNone {
		n.asked = n.e.Inject("REPLCONF", "GETACK", "*")
	}
}

func (n *node) forget(w *ackWait) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waits = slices.DeleteFunc(n.waits, func(o *ackWait) bool { return o == w })
}

var _ = engine.Add(primaryTable, &engine.Ctl{
	Spec: engine.Spec{
		Name: "WAIT", Arity: 3, Flags: engine.NoScript, Group: "generic", ACL: "connection -keyspace", Since: "3.0.0", Complexity: "O(1)",
		Syntax:  "numreplicas:integer timeout:integer",
		Summary: "Waits until so many replicas have this connection's writes, or the time is up; answers how many.",
		Tips:    []string{"request_policy:all_shards", "response_policy:agg_min"},
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		n := nodeIn(s)
		if n.follower() != nil {
			return errWaitOnReplica
		}
		need := a.IntOr(engine.ErrNotInt)
		timeout := a.IntOr(larder.Error("ERR timeout is not an integer or out of range"))
		if err := a.Done(); err != nil {
			return err
		}
		if timeout < 0 {
			return larder.Error("ERR timeout is negative")
		}
		const most = int64(1<<63-1) / int64(time.Millisecond)
		if timeout > most {
			return larder.Error("ERR timeout is out of range")
		}
		offset := s.Offset()
		if have := n.have(offset); have >= need || s.InTxn() {
			w.Int(have)
			return nil
		}
		if wait := n.await(offset, need); wait != nil {
			err := s.Park(wait.ready, time.Duration(timeout)*time.Millisecond)
			n.forget(wait)
			if err != nil && err != engine.ErrNil {
				return err
			}
		}
		w.Int(n.have(offset))
		return nil
	},
})

const errWaitOnReplica larder.Error = "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 " +
	"if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated."

// Wait waits until so many replicas have confirmed the stream up to an offset, such as
// [Primary.Offset] after a write. It returns how many have, and the error of ctx if
// they are fewer.
func (p *Primary) Wait(ctx context.Context, replicas int, offset int64) (int, error) {
	n := p.n
	w := n.await(offset, int64(replicas))
	if w == nil {
		return int(n.have(offset)), nil
	}
	defer n.forget(w)
	select {
	case <-w.ready:
		return int(n.have(offset)), nil
	case <-ctx.Done():
		return int(n.have(offset)), ctx.Err()
	case <-n.e.Closed():
		return 0, larder.ErrClosed
	}
}

// Drain is for the end of a server: it holds up writes of connections, and waits until
// every replica has confirmed everything. It returns those that had not when ctx ended.
// Writes go on when release is called.
func (p *Primary) Drain(ctx context.Context) (release func(), lagging []ReplicaStatus) {
	n := p.n
	n.srv.Pause(nil, admin.PauseForShutdown, admin.PauseWrites, admin.PauseForGood)
	release = sync.OnceFunc(func() { n.srv.Resume(nil, admin.PauseForShutdown) })
	end := n.e.Offset()
	w := n.await(end, everybody)
	if w == nil {
		return release, nil
	}
	defer n.forget(w)
	select {
	case <-w.ready:
		return release, nil
	case <-ctx.Done():
	case <-n.e.Closed():
	}
	for _, r := range p.Replicas() {
		if r.Online && r.Offset < end {
			lagging = append(lagging, r)
		}
	}
	return release, lagging
}
