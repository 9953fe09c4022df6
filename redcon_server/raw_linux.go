package redcon_server

import (
	"syscall"
	"unsafe"
)

// The sockets do not block, so that these calls need not tell the scheduler that
// they might. When they do, its monitor looks for blocked procs every 20
// microseconds, and takes the proc away from a write that the kernel is busy with:
// both together cost a sixth of the CPU of a SET.

func sysRead(fd uintptr, p []byte) (int, error) { return sysCall(syscall.SYS_READ, fd, p) }

func sysWrite(fd uintptr, p []byte) (int, error) { return sysCall(syscall.SYS_WRITE, fd, p) }

func sysCall(trap, fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
