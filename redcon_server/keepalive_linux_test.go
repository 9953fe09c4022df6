package redcon_server

import (
	"net"
	"syscall"
	"testing"
)

// tcp-keepalive is set on the sockets that are accepted from then on, as Redis does: the
// value is the silence before the first probe, and a third of it is between two.
func TestTCPKeepAlive(t *testing.T) {
	_, s := serveWith(t, Options{}, "tcp-keepalive", "90")
	option := func(level, name int) int {
		t.Helper()
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.doors) != 1 {
			t.Fatalf("there are %d connections", len(s.doors))
		}
		for d := range s.doors {
			raw, err := d.sock.Conn.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			v := 0
			if cerr := raw.Control(func(fd uintptr) { v, err = syscall.GetsockoptInt(int(fd), level, name) }); cerr != nil || err != nil {
				t.Fatal(cerr, err)
			}
			return v
		}
		panic("unreachable")
	}
	for _, test := range []struct {
		set                         string
		on, idle, interval, retries int
	}{
		{"", 1, 90, 30, 3}, {"300", 1, 300, 100, 3}, {"2", 1, 2, 1, 3}, {"0", 0, 0, 0, 0}, {"60", 1, 60, 20, 3},
	} {
		if test.set != "" {
			c := dial(t, s)
			expect(t, "CONFIG SET", c.do("CONFIG", "SET", "tcp-keepalive", test.set), "OK")
			c.Close()
			waitFor(t, "it to go", func() bool { return s.Stats().Connected == 0 })
		}
		c := dial(t, s)
		c.do("PING")
		if got := option(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE); got != test.on {
			t.Errorf("tcp-keepalive %s: SO_KEEPALIVE = %d", test.set, got)
		}
		if test.on != 0 {
			idle := option(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE)
			interval := option(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL)
			retries := option(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT)
			if idle != test.idle || interval != test.interval || retries != test.retries {
				t.Errorf("tcp-keepalive %s: probes after %d s, every %d s, %d of them", test.set, idle, interval, retries)
			}
		}
		c.Close()
		waitFor(t, "it to go", func() bool { return s.Stats().Connected == 0 })
	}
}
