package redcon_server

import (
	"net"
	"syscall"
	"testing"
)

// repl-disable-tcp-nodelay lets TCP gather what replicas are sent, and no others.
func TestDelayReplicas(t *testing.T) {
	_, s := serveWith(t, Options{}, "repl-disable-tcp-nodelay", "yes")
	c := dial(t, s)
	noDelay := func() (v int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for d := range s.doors {
			raw, err := d.sock.Conn.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			if err := raw.Control(func(fd uintptr) {
				v, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
			}); err != nil {
				t.Fatal(err)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return v
	}
	class := func(class int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for d := range s.doors {
			(*transport)(d).Class(class)
		}
	}
	c.do("PING")
	if class(classPubSub); noDelay() == 0 {
		t.Error("a subscriber's messages are held back")
	}
	if class(classReplica); noDelay() != 0 {
		t.Error("what a replica is sent is not gathered")
	}
	expect(t, "CONFIG SET", c.do("CONFIG", "SET", "repl-disable-tcp-nodelay", "no"), "OK")
	other := dial(t, s)
	other.do("PING")
	c.Close()
	waitFor(t, "the first to go, and its socket", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.doors) == 1
	})
	if class(classReplica); noDelay() == 0 {
		t.Error("CONFIG SET does not act")
	}
}
