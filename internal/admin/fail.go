package admin

import "github.com/larderdb/larder/internal/engine"

// Fail has every command of every connection refused with an error, until it is
// called with "": tests of error paths need that.
func (s *Server) Fail(reply string) {
	if reply == "" {
		s.failing.Store(nil)
		return
	}
	err := engine.Error(reply)
	s.failing.Store(&err)
}
