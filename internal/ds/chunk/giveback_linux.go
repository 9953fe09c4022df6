//go:build !race && !invariants

package chunk

import (
	"syscall"
	"unsafe"
)

// giveBack returns a chunk's pages to the system; the addresses stay mapped and
// read as zeros from now on. MADV_FREE would be cheaper but leaves the pages in
// the resident set until memory is short, so that FLUSHALL would seem to free
// nothing. An error means that the pages stay, which harms nothing.
func giveBack(p unsafe.Pointer) {
	_ = syscall.Madvise(unsafe.Slice((*byte)(p), Size), syscall.MADV_DONTNEED)
}
