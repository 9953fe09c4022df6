//go:build (linux || darwin || freebsd || netbsd || dragonfly) && !race && !invariants

package chunk

import (
	"syscall"
	"unsafe"
)

const maps = true

// extentSize is how much is mapped at once: enough that a store of 64 GB stays
// far below Linux's default of 65,530 mappings a process, little enough not to
// matter where address space is scarce or where the system counts what is mapped
// rather than what is touched.
const extentSize = 4 << 20

// mapped is the part of a source that knows the system's mappings.
type mapped struct {
	extents [][]byte
	rest    []byte // of the last extent
}

// cut returns a chunk that was never handed out, nil if the system refuses.
func (m *mapped) cut() unsafe.Pointer {
	if len(m.rest) == 0 {
		e, err := mmap(-1, 0, extentSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			return nil
		}
		m.extents, m.rest = append(m.extents, e), e
	}
	p := unsafe.Pointer(unsafe.SliceData(m.rest))
	m.rest = m.rest[Size:]
	return p
}

func (m *mapped) unmap() {
	for _, e := range m.extents {
		// The only errors are wrong arguments, and these are those that mmap gave.
		_ = syscall.Munmap(e)
	}
	m.extents, m.rest = nil, nil
}

// mmap is a variable so that a test can refuse.
var mmap = syscall.Mmap
