package admin

import "github.com/larderdb/larder/internal/engine"

// A Gate is a reason for which commands have to wait or are refused, whichever connection
// they come from. Mostly there is none, and to look costs one load. What a closed gate
// means for a command is for those to say who have closed it.
type Gate uint32

const (
	gateFailing     Gate = 1 << iota // see Fail
	gateAsleep                       // see nap
	gatePaused                       // see Pause
	gateLoading                      // see SetLoading
	GateSaving                       // saving in the background fails: see Persistence.Failing
	GateReplication                  // see Replication.Admit
)

// SettleGate has a gate be as closed says. It is called behind each change of what that
// looks at; of several at once the last one sees what all have changed.
func (s *Server) SettleGate(g Gate, closed func() bool) {
	s.settling.Lock()
	defer s.settling.Unlock()
	if closed() {
		s.gates.Or(uint32(g))
	} else {
		s.gates.And(^uint32(g))
	}
}

// Admit decides whether a command may run; see engine.Gate. One that is held up is asked
// for again afterwards: much may be otherwise then.
func (s *Server) Admit(es *engine.Session, c engine.Command, words [][]byte) error {
	cl := client(es)
	if cl == nil {
		return nil
	}
	spec := c.Info()
	if cl.last.Load() != spec {
		cl.last.Store(spec)
	}
	if s.gates.Load() == 0 {
		return s.mayClient(es, cl, spec, words)
	}
	err := s.passes(es, cl, spec, words)
	for err == nil && s.Paused() && s.heldUp(es, cl, spec) && s.awaitResume(es, cl) {
		es.Batch(false)
		err = s.passes(es, cl, spec, words)
	}
	return err
}

// passes is Admit where a gate is closed.
func (s *Server) passes(es *engine.Session, cl *Client, spec *engine.Spec, words [][]byte) error {
	if err := s.failing.Load(); err != nil {
		return *err
	}
	if s.asleep.Load() != nil && !es.InTxn() {
		s.awaitNap(es)
		es.Batch(false)
	}
	if err := s.mayClient(es, cl, spec, words); err != nil {
		return err
	}
	if err := s.mayRun(spec); err != nil {
		return err
	}
	if err := s.mayWrite(es, spec); err != nil {
		return err
	}
	if r := s.Replication(); r != nil {
		return r.Admit(es, spec)
	}
	return nil
}

// mayClient decides whether this client may run a command: who it is, and what it does.
func (s *Server) mayClient(es *engine.Session, cl *Client, spec *engine.Spec, words [][]byte) error {
	if spec.Flags&engine.Admin != 0 {
		if err := s.mayGuarded(cl, spec); err != nil {
			return err
		}
	}
	if spec.Flags&engine.NoAuth == 0 && !cl.authenticated() {
		return errNoAuth
	}
	if u := cl.user(); !u.Free() && !es.Primary {
		if err := s.permit(es, cl, u, spec, words); err != nil {
			return err
		}
	}
	if cl.monitoring.Load() && spec.Flags&(engine.Write|engine.ReadOnly|engine.MayReplicate) != 0 {
		return errMonitorAsks
	}
	return cl.mayConfined(es, spec)
}
