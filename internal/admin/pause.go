package admin

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// Connections that are held up: by CLIENT PAUSE, and while a failover or the end of the
// server waits for replicas. Go callers have no connection to be held up, and are not;
// but a failover has the engine hold what they write, lest it be lost.

// A PauseReason is who holds connections up. Each pauses and resumes for itself.
type PauseReason int

// The reasons.
const (
	PauseByClient PauseReason = iota
	PauseForShutdown
	PauseForFailover
	numPauseReasons
)

// A PauseKind is what is held up.
type PauseKind uint32

// The kinds, the stronger the later.
const (
	pauseNothing PauseKind = iota
	PauseWrites            // what changes data, or goes to replicas
	PauseAll               // every command
)

// PauseForGood is the end of a pause that only Resume ends.
const PauseForGood = time.Duration(1<<63 - 1)

// pauses are those that are under way. While there is one no key expires or is evicted,
// so that what a replica has to get comes to an end.
type pauses struct {
	kind atomic.Uint32 // the strongest PauseKind; most often none, and to look costs a load

	mu      sync.Mutex // guards following
	by      [numPauseReasons]pause
	changed chan struct{} // closed when kind has become weaker; nil while nothing is paused
	timer   *time.Timer   // for the end of the next
	still   sync.Mutex    // held while the engine is told; taken under no other lock
}

type pause struct {
	kind    PauseKind
	until   time.Time
	forGood bool
}

// Pause holds connections up for d, or until Resume. Said again for the same reason, the
// stronger kind and the later end hold. es is the session of the command that pauses, nil
// outside of one; keys may expire for a moment longer then.
func (s *Server) Pause(es *engine.Session, why PauseReason, kind PauseKind, d time.Duration) {
	p := &s.pauses
	p.mu.Lock()
	was := &p.by[why]
	if !was.forGood && !was.until.After(time.Now()) {
		*was = pause{}
	}
	was.kind = max(was.kind, kind)
	if d == PauseForGood {
		was.forGood = true
	} else if until := time.Now().Add(d); until.After(was.until) {
		was.until = until
	}
	p.settleLocked(s)
	p.mu.Unlock()
	s.holdStill(es)
}

// Resume ends the pause of a reason, if there is one.
func (s *Server) Resume(es *engine.Session, why PauseReason) {
	p := &s.pauses
	p.mu.Lock()
	p.by[why] = pause{}
	p.settleLocked(s)
	p.mu.Unlock()
	s.holdStill(es)
}

// Paused reports whether anything is held up.
func (s *Server) Paused() bool { return s.pauses.kind.Load() != uint32(pauseNothing) }

// has reports whether a reason, whose pauses end by Resume alone, holds anything up.
func (p *pauses) has(why PauseReason) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.by[why].kind != pauseNothing
}

// settleLocked ends what is over, and sees to it that somebody looks when the next is.
func (p *pauses) settleLocked(s *Server) {
	kind, next, now := pauseNothing, time.Time{}, time.Now()
	for i := range p.by {
		b := &p.by[i]
		if !b.forGood && !b.until.After(now) {
			*b = pause{}
		}
		if kind = max(kind, b.kind); b.kind != pauseNothing && !b.forGood && (next.IsZero() || b.until.Before(next)) {
			next = b.until
		}
	}
	if was := PauseKind(p.kind.Swap(uint32(kind))); kind < was {
		close(p.changed)
		p.changed = nil
	}
	s.SettleGate(gatePaused, s.Paused)
	if kind != pauseNothing && p.changed == nil {
		p.changed = make(chan struct{})
	}
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if !next.IsZero() {
		p.timer = time.AfterFunc(next.Sub(now), func() {
			p.mu.Lock()
			p.settleLocked(s)
			p.mu.Unlock()
			s.holdStill(nil)
		})
	}
}

// holdStill tells the engine whether keys may go by themselves, and whether writes of Go
// callers wait. That takes all locks: a command within a transaction does it after that.
func (s *Server) holdStill(es *engine.Session) {
	tell := func() {
		s.pauses.still.Lock()
		defer s.pauses.still.Unlock()
		_ = s.engine.Hide(s.Paused()) // it fails where the engine is closed, as the next
		_ = s.engine.Hold(s.pauses.has(PauseForFailover))
	}
	switch {
	case es == nil: // the caller may hold whatever it likes
		s.engine.Go(tell)
	case !es.InTxn():
		tell()
	case client(es) != nil:
		client(es).doLater(tell)
	default:
		s.engine.Go(tell)
	}
}

// heldUp reports whether a command has to wait now. Replicas are never held up, nor is
// what a primary sends; and what is within an EXEC has waited before it.
func (s *Server) heldUp(es *engine.Session, cl *Client, spec *engine.Spec) bool {
	kind := PauseKind(s.pauses.kind.Load())
	if kind == pauseNothing || es.InTxn() || es.Primary || cl.class() == classReplica {
		return false
	}
	const spreads = engine.Write | engine.MayReplicate
	switch {
	case kind == PauseAll:
		return true
	case spec.Name == "EXEC":
		return es.QueuedFlags()&spreads != 0
	}
	return spec.Flags&spreads != 0
}

// awaitResume waits until pauses have become fewer or weaker; false is that the client
// has gone.
func (s *Server) awaitResume(es *engine.Session, cl *Client) bool {
	s.pauses.mu.Lock()
	changed := s.pauses.changed
	s.pauses.mu.Unlock()
	if changed == nil {
		return true
	}
	if es.OnWait != nil {
		defer es.OnWait()()
	}
	s.postponed.Add(1)
	cl.heldUp.Store(true)
	defer s.postponed.Add(-1)
	defer cl.heldUp.Store(false)
	select {
	case <-changed:
		return true
	case <-gone(es):
	case <-s.engine.Closed():
	}
	return false
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|PAUSE", Arity: -3, Flags: clientAdminFlags, Group: "connection", Since: "2.9.50", Complexity: "O(1)",
		Syntax:  "timeout:integer [mode<WRITE|ALL>@6.2.0]",
		Summary: "Holds up the commands of all connections, or their writes, for some milliseconds.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		ms, kind := a.String(), PauseAll
		if a.Len() > 0 {
			switch {
			case a.Len() > 1:
				return engine.Error("ERR unknown subcommand or wrong number of arguments for '" + cloned(string(a.Words()[1])) +
					"'. Try CLIENT HELP.")
			case a.Flag("WRITE"):
				kind = PauseWrites
			case !a.Flag("ALL"):
				return engine.Error("ERR CLIENT PAUSE mode must be WRITE or ALL")
			}
		}
		n, ok := engine.ParseInt(ms)
		if !ok {
			return engine.Error("ERR timeout is not an integer or out of range")
		}
		if n < 0 {
			return engine.Error("ERR timeout is negative")
		}
		server(s).Pause(s, PauseByClient, kind, millis(n))
		w.OK()
		return nil
	},
})

// millis is n milliseconds, or as many as a time can be away.
func millis(n int64) time.Duration {
	return time.Duration(min(n, int64(PauseForGood)/2/int64(time.Millisecond))) * time.Millisecond
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|UNPAUSE", Arity: 2, Flags: clientAdminFlags, Group: "connection", Since: "6.2.0",
		Complexity: "O(N) for N connections that are held up", Summary: "Ends what CLIENT PAUSE began.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		server(s).Resume(s, PauseByClient)
		w.OK()
		return nil
	},
})
