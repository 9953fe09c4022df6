package redcon_server

import (
	"io"
	"net"
	"time"

	"github.com/tidwall/redcon"
)

// A lane is what redcon takes for a connection: a goroutine of redcon's with the
// buffers of 8 KB that it keeps for each. It serves one door after the other. A client
// that has been silent for a while is put to rest: its door leaves the lane and waits in
// a goroutine that has nothing but a small stack, and takes a lane again when the client
// speaks. So a silent connection costs less than half, and a client that speaks all the
// time never leaves its lane.
type lane struct {
	srv  *Server
	door *door      // whom it serves; its own goroutine's
	next chan *door // whom it is to serve next, once it is free; closed: nobody any more
}

// lanes are those of a server. Server.mu guards them.
type lanes struct {
	accepting chan net.Conn      // new ones for doors that were at rest; nil before the first
	free      []*lane            // that wait for a door
	idle      int                // how many of free were so since the last tick at least
	served    map[*door]struct{} // doors in a lane that may be put to rest
	ticking   bool
}

// A door rests after one to two ticks of silence. No tick wakes more than restAtOnce, so
// that none takes long.
const (
	restTick   = 100 * time.Millisecond
	restAtOnce = 1000
)

// Read gives redcon a token when there is a door to serve. It never gives anything else,
// and its error is always the last thing that redcon hears.
func (l *lane) Read(p []byte) (int, error) {
	if l.door == nil && l.srv.release(l) {
		l.door = <-l.next
	}
	if l.door == nil {
		return 0, io.EOF
	}
	return copy(p, token), nil
}

// serve is what redcon's handler does: it runs the commands of the door, batch after batch,
// until the client has been silent for a while or is gone.
func (l *lane) serve() {
	d := l.door
	l.door = nil
	for {
		switch d.listen() {
		case hasCommands:
			d.run()
			d.endBatch()
			continue
		case isSilent:
			l.srv.unserve(d)
			go l.srv.rest(d)
		case hasEnded:
			l.srv.running.Done()
		}
		return
	}
}

// Write is redcon's flush behind its handler. redcon itself has nothing to say, and an
// error would end its loop behind our back.
func (l *lane) Write(p []byte) (int, error) { return len(p), nil }

// The rest of net.Conn. redcon uses RemoteAddr, for its own records, and Close, behind the
// end of Read: the door, if there was one, has closed its socket by itself.

func (l *lane) Close() error                     { return nil }
func (l *lane) RemoteAddr() net.Addr             { return pipeAddr("lane") }
func (l *lane) LocalAddr() net.Addr              { return pipeAddr("lane") }
func (l *lane) SetDeadline(time.Time) error      { return nil }
func (l *lane) SetReadDeadline(time.Time) error  { return nil }
func (l *lane) SetWriteDeadline(time.Time) error { return nil }

// serveLanes has redcon accept from ln and run its loop for each lane that ln gives. It returns
// when Accept says net.ErrClosed. Lanes outlive it.
func (s *Server) serveLanes(ln net.Listener) error {
	return redcon.Serve(ln, func(c redcon.Conn, _ redcon.Command) {
		c.NetConn().(*lane).serve()
	}, nil, func(redcon.Conn, error) {
		s.running.Done() // the last thing a lane's goroutine does
	})
}

// laneFor gives d to a lane that is free, or returns a new one for redcon to run.
func (s *Server) laneFor(d *door) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.laneForLocked(d)
}

func (s *Server) laneForLocked(d *door) *lane {
	if d.sock.raw != nil {
		s.lanes.served[d] = struct{}{}
		s.tickLocked()
	}
	if n := len(s.lanes.free); n > 0 {
		l := s.lanes.free[n-1]
		s.lanes.free = s.lanes.free[:n-1]
		s.lanes.idle = min(s.lanes.idle, n-1)
		l.next <- d
		return nil
	}
	s.running.Add(1)
	return &lane{srv: s, door: d, next: make(chan *door, 1)}
}

// release makes a lane free that has no door any more; false ends it.
func (s *Server) release(l *lane) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.lanes.free = append(s.lanes.free, l)
	s.tickLocked()
	return true
}

// unserve forgets that a door may be put to rest.
func (s *Server) unserve(d *door) {
	s.mu.Lock()
	delete(s.lanes.served, d)
	s.mu.Unlock()
}

// rest waits until a client says something, and gives its door a lane then. A client that
// is gone needs none.
func (s *Server) rest(d *door) {
	if d.wait() && s.resume(d) {
		return
	}
	d.finish()
	s.running.Done()
}

// wait waits until the client has said something; false says that it never will.
func (d *door) wait() (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			d.panicked(v)
			ok = false
		}
	}()
	for d.start == d.end && d.gone == nil && !d.over.Load() {
		d.fill()
	}
	d.since.Store(0)
	return d.gone == nil && !d.over.Load()
}

// resume gives a lane to a door that was at rest; false if the server is closed.
func (s *Server) resume(d *door) bool {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false
	}
	l := s.laneForLocked(d)
	accepting := s.lanes.accepting
	if l != nil && accepting == nil {
		accepting = make(chan net.Conn)
		s.lanes.accepting = accepting
		s.running.Add(1)
		go func() {
			defer s.running.Done()
			_ = s.serveLanes(&memoryListener{conns: accepting, done: s.done})
		}()
	}
	s.mu.Unlock()
	if l == nil {
		return true
	}
	select {
	case accepting <- l:
		return true
	case <-s.done:
		s.running.Done() // the lane never ran
		return false
	}
}

// tickLocked has tick called, for as long as there is something for it to do.
func (s *Server) tickLocked() {
	if !s.lanes.ticking && !s.closed && len(s.lanes.served)+len(s.lanes.free) > 0 {
		s.lanes.ticking = true
		time.AfterFunc(restTick, s.tick)
	}
}

func (s *Server) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes.ticking = false
	s.settleLocked()
	s.tickLocked()
}

// settleLocked puts doors to rest that have heard nothing for a while, and ends lanes that
// nobody has needed.
func (s *Server) settleLocked() {
	now, woken := s.ticks.Add(1), 0
	for d := range s.lanes.served {
		if since := d.since.Load(); since > 0 && since < now-1 && d.since.CompareAndSwap(since, toRest) {
			_ = d.sock.SetReadDeadline(time.Unix(1, 0)) // its own goroutine does the rest
			if woken++; woken == restAtOnce {
				break
			}
		}
	}
	for _, l := range s.lanes.free[:s.lanes.idle] {
		close(l.next)
	}
	s.lanes.free = append(s.lanes.free[:0], s.lanes.free[s.lanes.idle:]...)
	s.lanes.idle = len(s.lanes.free)
}

// closeLocked ends the lanes that are free.
func (ls *lanes) closeLocked() {
	for _, l := range ls.free {
		close(l.next)
	}
	ls.free, ls.idle = nil, 0
}
