//go:build (darwin || freebsd || netbsd || dragonfly) && !race && !invariants

package chunk

import (
	"syscall"
	"unsafe"
)

// giveBack tells the system that a chunk's contents are not needed. On these
// systems only MADV_FREE discards pages (their MADV_DONTNEED keeps the
// contents), and package syscall has the call's number but no function for it.
// An error means that the pages stay, which harms nothing.
func giveBack(p unsafe.Pointer) {
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(p), Size, syscall.MADV_FREE)
}
