//go:build !(linux || darwin || freebsd || netbsd || dragonfly) || race || invariants

package chunk

import "unsafe"

// maps is false where chunks are Go memory. OpenBSD is among these systems: it
// has mmap, but no way for package syscall to tell it that pages are not needed.
const maps = false

// mapped has nothing to do here.
type mapped struct{}

func (*mapped) cut() unsafe.Pointer { return nil }

func (*mapped) unmap() {}

func giveBack(unsafe.Pointer) {}
