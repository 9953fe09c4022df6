package admin

import "github.com/larderdb/larder/internal/engine"

// Fail has every command of every connection refused with an error, until it is
// called with "": tests of error paths need that.
func (s *Server) Fail(reply string) {
	if err := engine.Error(reply); err != "" {
		s.failing.Store(&err)
	} else {
		s.failing.Store(nil)
	}
	s.SettleGate(gateFailing, func() bool { return s.failing.Load() != nil })
}
