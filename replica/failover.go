package replica

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// Handing over to a replica: FAILOVER.
//
//	waiting  writes are paused, until a replica, or the one that was named, has all
//	begun    we follow it, and ask it, by PSYNC ... FAILOVER, to become a primary
//
// What waits is told that it may not write when that is done, or goes on when it is given
// up. Writes of Go callers wait with those of connections: see engine.Hold. So at the
// moment in which we become a replica the other one has all that was ever acknowledged,
// unless it is forced to go on without.

// A failover is how far a node is with that. It is guarded by node.mu.
type failover struct {
	phase failoverPhase
	to    *downstream // nil: any
	force bool        // to goes on without the last writes when the time is up

	kick    chan struct{} // an ACK has come
	aborted chan struct{} // closed by ABORT
}

type failoverPhase uint8

const (
	failoverNone failoverPhase = iota
	failoverWaiting
	failoverBegun
)

// state is what INFO shows.
func (f *failover) state() string {
	return [...]string{"no-failover", "waiting-for-sync", "failover-in-progress"}[f.phase]
}

var _ = engine.Add(primaryTable, &engine.Ctl{
	Spec: engine.Spec{
		Name: "FAILOVER", Arity: -1, Flags: replFlags | engine.Stale, Group: "server", Since: "6.2.0", Complexity: "O(1)",
		Syntax:  "[TO target<host:string port:integer [FORCE]>] [ABORT] [TIMEOUT milliseconds:integer]",
		Summary: "Hands over to a replica, once it has everything.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		n := nodeIn(s)
		var f failoverArgs
		if a.Len() == 1 && a.Flag("ABORT") {
			if !n.abortFailover() {
				return larder.Error("ERR No failover in progress.")
			}
			w.OK()
			return nil
		}
		if err := f.read(a); err != nil {
			return err
		}
		if err := n.beginFailover(f); err != nil {
			return err
		}
		w.OK()
		return nil
	},
})

// failoverArgs are the options of FAILOVER.
type failoverArgs struct {
	host    string
	port    int64
	force   bool
	timeout time.Duration // 0: none
}

func (f *failoverArgs) read(a *engine.Args) error {
	for a.More() {
		switch {
		case a.FlagWith("TIMEOUT", 1):
			ms, ok := engine.ParseInt(a.String())
			switch {
			case !ok:
				return engine.ErrNotInt
			case ms <= 0:
				return larder.Error("ERR FAILOVER timeout must be greater than 0")
			}
			f.timeout = time.Duration(min(ms, int64(365*24*time.Hour/time.Millisecond))) * time.Millisecond
		case f.host == "" && a.FlagWith("TO", 2):
			f.host = strings.Clone(a.String())
			var ok bool
			if f.port, ok = engine.ParseInt(a.String()); !ok {
				return engine.ErrNotInt
			}
		case !f.force && a.Flag("FORCE"):
			f.force = true
		default:
			return larder.ErrSyntax
		}
	}
	return nil
}

// beginFailover pauses writes and hands over as soon as that can be.
func (n *node) beginFailover(a failoverArgs) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := failover{
		phase: failoverWaiting, force: a.force,
		kick: make(chan struct{}, 1), aborted: make(chan struct{}),
	}
	switch {
	case n.failing.phase != failoverNone:
		return larder.Error("ERR FAILOVER already in progress.")
	case n.up != nil:
		return larder.Error("ERR FAILOVER is not valid when server is a replica.")
	case len(n.replicas) == 0:
		return larder.Error("ERR FAILOVER requires connected replicas.")
	case a.force && (a.timeout == 0 || a.host == ""):
		return larder.Error("ERR FAILOVER with force option requires both a timeout and target HOST and IP.")
	}
	if a.host != "" {
		for _, d := range n.replicas {
			if d.host == a.host && int64(d.peer.port) == a.port {
				f.to = d
			}
		}
		switch {
		case f.to == nil:
			return larder.Error("ERR FAILOVER target HOST and PORT is not a replica.")
		case f.to.phase != phaseOnline:
			return larder.Error("ERR FAILOVER target replica is not online.")
		}
		n.log.Info(fmt.Sprintf("FAILOVER requested to %s.", f.to.name()))
	} else {
		n.log.Info("FAILOVER requested.")
	}
	n.failing = f
	n.srv.Pause(nil, admin.PauseForFailover, admin.PauseWrites, admin.PauseForGood)
	go n.failover(f, a.timeout)
	return nil
}

// abortFailover is ABORT; false if there is none.
func (n *node) abortFailover() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failing.phase == failoverNone {
		return false
	}
	n.log.Warn("Failover aborted: by FAILOVER ABORT")
	close(n.failing.aborted)
	n.failing = failover{}
	return true
}

// resumeWrites ends the pause behind a failover, unless the next has begun.
func (n *node) resumeWrites() {
	select {
	case <-n.e.Closed():
		return // that ends it, too
	default:
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failing.phase == failoverNone {
		n.srv.Resume(nil, admin.PauseForFailover)
	}
}

// endFailover ends f, unless it was aborted meanwhile.
func (n *node) endFailover(f failover, level slog.Level, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failing.aborted == f.aborted {
		n.log.Log(context.Background(), level, why)
		n.failing = failover{}
	}
}

// failoverLocked is told when an ACK has come, or a replica has gone. n.mu is held.
func (n *node) failoverLocked() {
	if n.failing.phase == failoverWaiting {
		select {
		case n.failing.kick <- struct{}{}:
		default:
		}
	}
}

// failover waits for a replica that has everything, and hands over to it. Writes go on
// when it is known to whom.
func (n *node) failover(f failover, timeout time.Duration) {
	defer n.resumeWrites()
	var up <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		up = timer.C
	}
	for {
		if d, offset := n.synced(f); d != nil && n.handOver(f, d, offset) {
			return
		}
		select {
		case <-f.kick:
		case <-up:
			if f.force {
				n.log.Warn(fmt.Sprintf("Failover to %s time out exceeded, failing over.", f.to.name()))
				if n.handOver(f, f.to, -1) {
					return
				}
			}
			n.endFailover(f, slog.LevelWarn, "Failover aborted: Replica never caught up before timeout")
			return
		case <-f.aborted:
			return
		case <-n.e.Closed():
			return
		}
	}
}

// synced returns a replica that has everything up to an offset, the end.
func (n *node) synced(f failover) (d *downstream, offset int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	end := n.e.Offset()
	for _, d := range n.replicas {
		if d.phase == phaseOnline && d.offset == end && (f.to == nil || f.to == d) {
			return d, end
		}
	}
	return nil, 0
}

// handOver follows d, if our history still ends at the offset (-1: wherever it does), and
// asks it to become the primary. False is that we go on as we are.
func (n *node) handOver(f failover, d *downstream, offset int64) bool {
	n.mu.Lock()
	if n.failing.aborted != f.aborted {
		n.mu.Unlock()
		return true // it was aborted
	}
	n.failing.phase = failoverBegun
	n.mu.Unlock()
	answered := make(chan error, 1)
	fl, err := n.configuredFollower(d.host, d.peer.port)
	if err == nil && offset >= 0 && n.e.Offset() != offset {
		n.unmake()
		n.mu.Lock()
		if n.failing.aborted == f.aborted {
			n.failing.phase = failoverWaiting
		}
		n.mu.Unlock()
		return false
	}
	if err != nil {
		n.endFailover(f, slog.LevelWarn, "Failover aborted: "+err.Error())
		return true
	}
	fl.failover = func(err error) { answered <- err }
	n.log.Info(fmt.Sprintf("Failover target %s is synced, failing over.", d.name()))
	fl.start(context.Background())
	select {
	case err = <-answered:
		if err == nil {
			n.configured(d.host, d.peer.port)
			n.endFailover(f, slog.LevelInfo, "Failover done: this is a replica now")
			return true
		}
	case <-f.aborted:
	case <-n.e.Closed():
	}
	if err := fl.Promote(); err != nil {
		n.log.Warn("This store cannot become a primary again", "error", err)
	}
	if err != nil {
		n.endFailover(f, slog.LevelWarn, "Failover aborted: Failover target rejected psync request: "+err.Error())
	}
	return true
}

// unmake makes the store a primary again that has only just become a replica: nobody
// knows, and its history stays what it is.
func (n *node) unmake() {
	_ = n.e.BecomePrimary(nil) // it fails where the store is closed
	n.setFollower(nil)
}

// yield is PSYNC ... FAILOVER: the primary of this store asks it to take over.
func (n *node) yield(id string) error {
	up, _ := n.follower().(*Follower)
	n.log.Info("Failover request received for replid " + id + ".")
	if up == nil {
		return larder.Error("ERR PSYNC FAILOVER can't be sent to a master.")
	}
	if ours, _, _ := n.replicaIDs(); !strings.EqualFold(ours, id) {
		return larder.Error("ERR PSYNC FAILOVER replid must match my replid.")
	}
	if err := up.Promote(); err != nil {
		return err
	}
	n.configured("", 0)
	return nil
}
