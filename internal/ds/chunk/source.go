package chunk

import (
	"sync"
	"unsafe"
)

// Size is the length of a chunk in bytes.
const Size = 64 << 10

// firstSize is the length of a first chunk that is Go memory. A Go allocation is
// cleared, hence resident, from its first byte to its last; a server with one
// key a shard would pay 4 MB for 64 shards.
const firstSize = 4 << 10

// Source hands out chunks. Its zero value is ready for use. It must not be
// copied.
type Source struct {
	mu     sync.Mutex // guards following; taken under a shard's lock, takes none
	mapped mapped
	idle   []unsafe.Pointer // mapped chunks that nobody holds

	// Chunks that are Go memory although the source maps, because the system
	// refused. Put must not hand them to the system.
	refused map[unsafe.Pointer]struct{}
}

// Get returns a chunk of Size bytes, cleared or not. It does not fail: where the
// system has no mapping left, the chunk is Go memory.
func (s *Source) Get() unsafe.Pointer {
	if !maps {
		return memory(Size)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		p := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return p
	}
	if p := s.mapped.cut(); p != nil {
		return p
	}
	p := memory(Size)
	if s.refused == nil {
		s.refused = make(map[unsafe.Pointer]struct{})
	}
	s.refused[p] = struct{}{}
	return p
}

// First returns the chunk that a table begins with, and its length in bytes: 4
// KB where chunks are Go memory, else Size.
func (s *Source) First() (p unsafe.Pointer, size int) {
	if !maps {
		return memory(firstSize), firstSize
	}
	return s.Get(), Size
}

// Put takes a chunk back. Its memory goes to the system, or to the collector,
// at once.
func (s *Source) Put(p unsafe.Pointer) {
	if !maps {
		return
	}
	s.mu.Lock()
	_, refused := s.refused[p]
	delete(s.refused, p)
	s.mu.Unlock()
	if refused {
		return
	}
	// Outside the lock: this costs a system call and some microseconds, and
	// nobody else can hold the chunk yet.
	giveBack(p)
	s.mu.Lock()
	s.idle = append(s.idle, p)
	s.mu.Unlock()
}

// Close unmaps everything. Nobody may hold a chunk, or read through a pointer
// that came from one: what is unmapped is gone, and reading it ends the process.
// Calling Close again does nothing.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mapped.unmap()
	s.idle, s.refused = nil, nil
}

// memory returns size bytes of Go memory without pointers.
func memory(size int) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]byte, size)))
}
