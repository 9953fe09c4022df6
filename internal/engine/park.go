package engine

import "time"

// Waiting for something else than a key.

// Park waits until ready is closed. After d, unless it is 0, it returns ErrNil, as when
// CLIENT UNBLOCK says that the time is up; else why it waits no longer. It counts as a
// command that waits. No lock may be held: not in a transaction.
func (s *Session) Park(ready <-chan struct{}, d time.Duration) error {
	e := s.e
	if s.unblock != nil {
		s.parked.Store(true)
		defer s.rests()
	}
	e.stats.blocked.Add(1)
	defer e.stats.blocked.Add(-1)
	defer s.awaits()()
	if s.OnWait != nil {
		defer s.OnWait()()
	}
	var until time.Time
	if d > 0 {
		until = e.clock.now().Add(d)
	}
	return s.sleep(s.ctx(), ready, until)
}
