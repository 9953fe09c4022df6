package redcon_server

import (
	"net"
	"syscall"
)

// A socket is the lowest layer: a net.Conn that can also try to write, and
// wait for bytes before it needs room for them.
type socket struct {
	net.Conn
	raw syscall.RawConn // nil: tryWrite writes nothing

	// The closures of the raw calls are made once: a closure a call would be
	// an allocation a call. Readers and writers are one at a time each.
	read, write func(fd uintptr) bool
	room        roomer
	out         []byte
	rn, wn      int
	rerr, werr  error
}

// A tryWriter writes what goes without waiting.
type tryWriter interface {
	tryWrite(p []byte) (n int, err error)
}

// A lateReader waits for bytes before it asks for room, so that an idle
// connection holds no buffer.
type lateReader interface {
	readLate(r roomer) (n int, err error)
}

// A roomer has room for bytes, which is taken back if none have come.
type roomer interface {
	takeRoom() []byte
	leaveRoom()
}

func newSocket(c net.Conn) *socket {
	s := &socket{Conn: c, raw: rawConn(c)}
	s.read, s.write = s.onReadable, s.onWritable
	return s
}

func (s *socket) tryWrite(p []byte) (int, error) {
	if s.raw == nil {
		if w, ok := s.Conn.(tryWriter); ok {
			return w.tryWrite(p)
		}
		return 0, nil
	}
	s.out, s.wn, s.werr = p, 0, nil
	err := s.raw.Write(s.write)
	s.out = nil
	if s.werr != nil {
		err = s.werr
	}
	return s.wn, err
}

func (s *socket) onWritable(fd uintptr) bool {
	s.wn, s.werr = rawWrite(fd, s.out)
	return true // once, without waiting
}

// late says that readLate can wait.
func (s *socket) late() bool {
	if s.raw != nil {
		return true
	}
	_, ok := s.Conn.(lateReader)
	return ok
}

func (s *socket) readLate(r roomer) (int, error) {
	if s.raw == nil {
		return s.Conn.(lateReader).readLate(r)
	}
	s.room, s.rn, s.rerr = r, 0, nil
	err := s.raw.Read(s.read)
	s.room = nil
	if s.rerr != nil {
		err = s.rerr
	}
	return s.rn, err
}

func (s *socket) onReadable(fd uintptr) bool {
	n, again, err := rawRead(fd, s.room.takeRoom())
	if again {
		s.room.leaveRoom()
		return false // wait
	}
	s.rn, s.rerr = n, err
	return true
}

// readLate is for connections that cannot wait without reading: it reads one
// byte, and then has room.
func readLate(c net.Conn, r roomer) (int, error) {
	var one [1]byte
	n, err := c.Read(one[:])
	if n == 0 {
		return 0, err
	}
	return copy(r.takeRoom(), one[:n]), err
}

// closeWrite tells the peer that nothing more comes, and says whether it could.
func (s *socket) closeWrite() bool {
	c, ok := s.Conn.(interface{ CloseWrite() error })
	return ok && c.CloseWrite() == nil
}
