package redcon_server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// A listener is what redcon accepts from.
type listener struct {
	net.Listener
	s        *Server
	tls      *tls.Config
	endpoint Endpoint
	memory   *memoryListener // of Dial
	err      error           // why it ended, if not by being closed; redcon's accepting goroutine's
}

// Accept returns a lane for each connection that finds none free, or net.ErrClosed: redcon takes any other error as a
// reason to try again at once. Errors like a lack of file descriptors pass, so
// they are waited out.
func (l *listener) Accept() (net.Conn, error) {
	delay := time.Duration(0)
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			delay = 0
			if d := l.s.admit(c, l); d != nil {
				if lane := l.s.laneFor(d); lane != nil {
					return lane, nil
				}
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, net.ErrClosed
		}
		var passing net.Error
		//lint:ignore SA1019 Accept is what Temporary still means something for
		if !errors.As(err, &passing) || !passing.Temporary() {
			l.err = fmt.Errorf("%w: %w", errRefused, err)
			l.s.log.Error("a listener has failed", "addr", l.Addr().String(), "error", err)
			_ = l.Close()
			return nil, net.ErrClosed
		}
		if delay == 0 {
			l.s.log.Warn("accepting failed, waiting", "addr", l.Addr().String(), "error", err)
		}
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		t := time.NewTimer(delay)
		select {
		case <-t.C:
		case <-l.s.done:
			t.Stop()
			_ = l.Close()
			return nil, net.ErrClosed
		}
	}
}

// listen opens the endpoint.
func (e Endpoint) listen() (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1} // see admit
	network := e.Network
	if network == "" {
		network = "tcp"
	}
	if network != "unix" {
		return lc.Listen(context.Background(), network, e.Addr)
	}
	if info, err := os.Lstat(e.Addr); err == nil && info.Mode().Type() == os.ModeSocket {
		if err := os.Remove(e.Addr); err != nil {
			return nil, err
		}
	}
	if e.Perm != 0 {
		lc.Control = restrict(uint32(e.Perm.Perm()))
	}
	ln, err := lc.Listen(context.Background(), network, e.Addr)
	if err != nil {
		return nil, err
	}
	if e.Perm != 0 {
		if err := os.Chmod(e.Addr, e.Perm.Perm()); err != nil {
			_ = ln.Close()
			return nil, err
		}
	}
	return ln, nil
}

// port0 says that every listen at e is somewhere else.
func (e Endpoint) port0() bool { return e.Network != "unix" && strings.HasSuffix(e.Addr, ":0") }

// unavailable says that an address is none of this machine's.
func unavailable(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) ||
		errors.Is(err, syscall.EPROTONOSUPPORT) || errors.Is(err, syscall.ENOPROTOOPT)
}

// A memoryListener accepts what Dial has made.
type memoryListener struct {
	conns chan net.Conn
	done  <-chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error   { return nil } // ends with the server
func (l *memoryListener) Addr() net.Addr { return pipeAddr("memory:0") }
