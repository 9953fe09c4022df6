//go:build unix

package redcon_server

import (
	"net"
	"syscall"
)

// rawConn gives a socket's file descriptor, on which a read or a write can be
// tried without waiting; nil for what is no socket.
func rawConn(c net.Conn) syscall.RawConn {
	switch c := c.(type) {
	case *net.TCPConn:
		raw, _ := c.SyscallConn()
		return raw
	case *net.UnixConn:
		raw, _ := c.SyscallConn()
		return raw
	}
	return nil
}

// rawRead reads what is there; again says that nothing is.
func rawRead(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = sysRead(fd, p)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return 0, err == syscall.EAGAIN, err
	}
	return n, false, nil
}

// rawWrite writes what goes without waiting, perhaps nothing.
func rawWrite(fd uintptr, p []byte) (n int, err error) {
	for {
		n, err = sysWrite(fd, p)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		if err == syscall.EAGAIN {
			err = nil
		}
		return 0, err
	}
	return n, nil
}

// restrict is a net.ListenConfig.Control that gives a unix socket its
// permissions before it has a name. Linux takes them from here; elsewhere the
// umask rules until listenUnix sets them.
func restrict(perm uint32) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), perm) })
	}
}
