package redcon_server

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
)

// Options say where a Server listens and what it allows. The zero value is a
// server on 127.0.0.1:6379 with Redis's limits.
type Options struct {
	// Addr is the TCP address of ListenAndServe; empty is 127.0.0.1:6379 if
	// there are no Endpoints either. Port 0 is one that is free: see
	// Server.Addr.
	Addr string

	// TLS, if set, makes Addr a TLS port. tls-auth-clients is its ClientAuth.
	TLS *tls.Config

	// Endpoints are more places to listen at.
	Endpoints []Endpoint

	// Limits are the limits to begin with; see Server.Reconfigure.
	Limits

	// Logger gets errors of listeners and, at lower levels, what goes wrong
	// with single connections; nil is silence.
	Logger *slog.Logger
}

// An Endpoint is a place to listen at.
type Endpoint struct {
	Network string      // "tcp", "tcp4", "tcp6" or "unix"; empty is "tcp"
	Addr    string      // host:port, or the socket's path
	TLS     *tls.Config // nil is without TLS

	// Perm are a unix socket's permissions, which it has before it accepts;
	// zero leaves them to the umask. A stale socket at the path is removed.
	Perm fs.FileMode

	// Optional skips an address that this machine does not have (a bind
	// address that begins with a dash).
	Optional bool
}

// A Server serves a database to clients. Its methods may be called from any
// goroutine, but Close not from within a command.
type Server struct {
	newConn func(Transport) conn
	setPort func(port int) // told the TCP port that the server is reached at
	o       Options
	log     *slog.Logger
	limits  atomic.Pointer[Limits]

	running  sync.WaitGroup // listeners, lanes and connections
	done     chan struct{}  // closed by Close
	accepted atomic.Int64
	rejected atomic.Int64
	dialed   atomic.Int64
	flusher  flusher
	ticks    atomic.Int64 // that have been, from 1 on: see lanes
	busy     atomic.Bool  // nobody gives way: see giveWay

	mu        sync.Mutex // guards following
	closed    bool
	memory    *memoryListener // made by the first Dial
	listeners map[*listener]bool
	opened    []*listener // of the endpoints, in their order
	doors     map[*door]bool
	clients   int   // doors without those that only finish
	past      Stats // of doors that are gone: what they read and wrote
	lanes     lanes
}

// New returns a server of db. It listens nowhere before ListenAndServe or
// Serve, and starts nothing before those or Dial. Closing the server leaves db
// open; close the server first.
func New(db *larder.DB, o Options) *Server {
	s := newServer(func(t Transport) conn { return db.NewConn(t) }, o)
	s.obey(bridge.Server(db))
	s.setPort = bridge.Server(db).SetPort
	return s
}

// newServer is New for any kind of connection.
func newServer(newConn func(Transport) conn, o Options) *Server {
	if o.Addr == "" && len(o.Endpoints) == 0 {
		o.Addr = "127.0.0.1:6379"
	}
	s := &Server{
		newConn: newConn, o: o, log: o.Logger,
		done:      make(chan struct{}),
		listeners: make(map[*listener]bool),
		doors:     make(map[*door]bool),
		lanes:     lanes{served: make(map[*door]struct{})},
	}
	s.ticks.Store(1)
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	l := o.Limits.withDefaults()
	s.limits.Store(&l)
	return s
}

// Listen opens the endpoints of the Options and serves them in the background.
// It returns an error, and serves none, if one cannot be opened. A program
// that wants to know that it is ready before it serves calls it ahead of
// ListenAndServe.
func (s *Server) Listen() error {
	s.mu.Lock()
	already := s.opened != nil
	s.mu.Unlock()
	if already {
		return nil
	}
	var eps []Endpoint
	if s.o.Addr != "" {
		eps = append(eps, Endpoint{Addr: s.o.Addr, TLS: s.o.TLS})
	}
	return s.SetEndpoints(append(eps, s.o.Endpoints...))
}

// SetEndpoints listens at eps and no longer where it listened before.
// Connections stay. On an error nothing has changed.
func (s *Server) SetEndpoints(eps []Endpoint) error {
	s.mu.Lock()
	old := s.opened
	s.mu.Unlock()
	var now, fresh []*listener
	for _, e := range eps {
		i := 0
		for i < len(old) && (old[i] == nil || old[i].endpoint != e || e.port0()) {
			i++
		}
		if i < len(old) {
			now = append(now, old[i])
			old = append(old[:i:i], old[i+1:]...)
			continue
		}
		ln, err := e.listen()
		if err != nil {
			if e.Optional && unavailable(err) {
				continue
			}
			for _, l := range fresh {
				_ = l.Close()
			}
			return err
		}
		l := &listener{Listener: ln, s: s, tls: e.TLS, endpoint: e}
		now, fresh = append(now, l), append(fresh, l)
	}
	for _, l := range fresh {
		if !s.add(l) {
			_ = l.Close()
			return net.ErrClosed
		}
	}
	s.mu.Lock()
	s.opened = now
	s.mu.Unlock()
	s.tellPort()
	for _, l := range fresh {
		go s.accept(l)
	}
	for _, l := range old {
		_ = l.Close()
	}
	return nil
}

// tellPort says at which port the server is reached: that of the first endpoint that has
// one, 0 if none has.
func (s *Server) tellPort() {
	if s.setPort == nil {
		return
	}
	for _, a := range s.Addrs() {
		if tcp, ok := a.(*net.TCPAddr); ok {
			s.setPort(tcp.Port)
			return
		}
	}
	s.setPort(0)
}

// ListenAndServe opens the endpoints and serves until Close, when it returns
// nil.
func (s *Server) ListenAndServe() error {
	if err := s.Listen(); err != nil {
		return err
	}
	<-s.done
	return nil
}

// Serve serves ln until Close, when it returns nil, or until ln fails. It
// closes ln.
func (s *Server) Serve(ln net.Listener) error {
	l := &listener{Listener: ln, s: s}
	if !s.add(l) {
		_ = ln.Close()
		return net.ErrClosed
	}
	return s.accept(l)
}

// add counts l; false after Close.
func (s *Server) add(l *listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listeners[l] = true
	s.running.Add(1)
	return true
}

// accept hands l to redcon, whose accepting loop returns when Accept says
// net.ErrClosed. Connections outlive it.
func (s *Server) accept(l *listener) error {
	defer s.running.Done()
	err := s.serveLanes(l)
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
	if l.err != nil {
		err = l.err
	}
	return err
}

// Addr is the first address that the Server listens at, nil before that.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.opened) > 0 {
		return s.opened[0].Addr()
	}
	for l := range s.listeners {
		if l.memory == nil {
			return l.Addr()
		}
	}
	return nil
}

// Addrs are the addresses of the endpoints, in their order.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var as []net.Addr
	for _, l := range s.opened {
		as = append(as, l.Addr())
	}
	return as
}

// Dial connects to the server in memory, whether it listens or not. Its form
// is what clients take as a dialer; network and addr are ignored. ctx bounds
// the dialing only.
func (s *Server) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.mu.Lock()
	if s.memory == nil && !s.closed {
		s.memory = &memoryListener{conns: make(chan net.Conn), done: s.done}
		l := &listener{Listener: s.memory, s: s, memory: s.memory}
		s.listeners[l] = true
		s.running.Add(1)
		go s.accept(l)
	}
	m := s.memory
	s.mu.Unlock()
	client, server := newPipe(pipeAddr("memory:"+strconv.FormatInt(s.dialed.Add(1), 10)), pipeAddr("memory:0"))
	if m != nil {
		select {
		case m.conns <- server:
			return client, nil
		case <-s.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, net.ErrClosed
}

// Close ends listeners and connections, without waiting for clients to read
// their last replies, and returns when the last goroutine has ended. Calling
// it again is allowed.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	for l := range s.listeners {
		_ = l.Close()
	}
	for d := range s.doors {
		d.Kill()
	}
	s.lanes.closeLocked()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// Limits are the limits that hold, defaults filled in.
func (s *Server) Limits() Limits { return *s.limits.Load() }

// Reconfigure changes limits while the server runs: change gets those that
// hold. It is for CONFIG SET; it may be called within a command.
func (s *Server) Reconfigure(change func(l *Limits)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.limits.Load()
	l := *was
	change(&l)
	l = l.withDefaults()
	s.limits.Store(&l)
	if l.Timeout == was.Timeout {
		return
	}
	for d := range s.doors {
		d.wake()
	}
}

// Stats are what INFO tells of the front end.
type Stats struct {
	Connected int   // connections now
	Accepted  int64 // connections ever, rejected ones among them
	Rejected  int64 // because of MaxClients

	// What was read and written, in bytes and in calls. TLS counts as what is inside.
	// What replicas are sent is in no count of bytes here.
	BytesIn, BytesOut, Reads, Writes int64
}

// Stats counts connections, and what has come and gone by them: it looks at each that
// there is.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.past
	for d := range s.doors {
		st.add(d)
	}
	st.Connected, st.Accepted, st.Rejected = s.clients, s.accepted.Load(), s.rejected.Load()
	return st
}

// add adds what a door has read and written.
func (st *Stats) add(d *door) {
	st.BytesIn += d.bytesIn.Load()
	st.Reads += d.readsIn.Load()
	st.BytesOut += d.output.written.Load()
	st.Writes += d.output.writes.Load()
}

// admit makes a door for c, or turns it away.
func (s *Server) admit(c net.Conn, l *listener) *door {
	s.accepted.Add(1)
	limits := s.limits.Load()
	if t, ok := c.(*net.TCPConn); ok {
		if k := limits.TCPKeepAlive; k > 0 { // as Redis spreads its probes
			_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: k, Interval: max(k/3, time.Second), Count: 3})
		} else {
			_ = t.SetKeepAlive(false)
		}
	}
	d := newDoor(s, c, l.tls)
	s.mu.Lock()
	full := s.clients >= limits.MaxClients
	if s.closed || full {
		s.mu.Unlock()
		if full {
			s.rejected.Add(1)
			if l.tls == nil {
				_, _ = d.sock.tryWrite([]byte("-ERR max number of clients reached\r\n"))
			}
		}
		d.cancel()
		_ = c.Close()
		return nil
	}
	s.clients++
	s.doors[d] = true
	s.running.Add(1)
	s.mu.Unlock()
	return d
}

// left has a connection that is only finishing no longer count as a client, and never
// come to rest.
func (s *Server) left(d *door) {
	s.mu.Lock()
	s.clients--
	delete(s.lanes.served, d)
	s.mu.Unlock()
}

func (s *Server) forget(d *door) {
	s.mu.Lock()
	delete(s.doors, d)
	s.past.add(d)
	s.mu.Unlock()
}

// errRefused is a listener's failure that redcon must not see: it would try
// again at once, for ever.
var errRefused = errors.New("redcon_server: the listener failed")
