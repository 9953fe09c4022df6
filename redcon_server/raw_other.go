//go:build !unix

package redcon_server

import (
	"errors"
	"net"
	"syscall"
)

// Without raw reads and writes a reply always goes by the queue, and an idle
// connection waits in a read of one byte.

func rawConn(net.Conn) syscall.RawConn { return nil }

func rawRead(uintptr, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }

func rawWrite(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

func restrict(uint32) func(network, address string, c syscall.RawConn) error { return nil }
