package engine

import "time"

// Writes that wait: while the store hands over to a replica nothing may be written that
// the replica would not get, and nobody knows yet whether one may write here afterwards.
//
//	held   every transaction that writes waits for the end of that before it begins,
//	       whoever it is of; what has begun before comes to its end first
//
// The engine's own work is not held, since Hide stops that, nor is a primary's stream.

// Hold sets whether writes are held. It waits for the transactions that are under way.
func (e *Engine) Hold(on bool) error {
	all := lockSet{write: allShards}
	if err := e.lock(all); err != nil {
		return err
	}
	defer e.unlock(all)
	j := &e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case on == (j.held != nil):
	case on:
		e.state |= stateHeld
		j.held = make(chan struct{})
	default:
		e.state &^= stateHeld
		close(j.held)
		j.held = nil
	}
	return nil
}

// admitted lets t go on, whose locks are taken, or says why it may not. While writes are
// held it waits, without the locks. When it fails the locks are dropped.
func (t *Txn) admitted() error {
	for {
		st := t.e.state
		if st&stateObserved != 0 {
			t.observe(t.s)
		}
		if st&(stateHeld|stateClosed) != stateHeld || !t.write || t.s.Primary || t.s == t.e.self {
			err := t.refused(st)
			if err != nil {
				t.e.unlock(t.held)
			}
			return err
		}
		held := t.e.journal.held // it changes only with all shards held
		t.e.unlock(t.held)
		if err := t.s.awaitRelease(held); err != nil {
			return err
		}
		if err := t.e.lock(t.held); err != nil {
			return err
		}
	}
}

// awaitRelease waits until writes are held no longer. Nothing may be locked.
func (s *Session) awaitRelease(held <-chan struct{}) error {
	if s.e.open.has() { // a View of this goroutine's would keep Hold from ever coming to its end
		return ErrInsideUpdate
	}
	defer s.awaits()()
	if s.OnWait != nil {
		defer s.OnWait()()
	}
	return s.sleep(s.ctx(), held, time.Time{})
}
