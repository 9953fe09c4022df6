//go:build (linux || darwin || freebsd || netbsd || dragonfly) && !race && !invariants

package chunk

import (
	"runtime"
	"syscall"
	"testing"
	"unsafe"
)

// When the system refuses, chunks are Go memory, beside those that were mapped
// before, and go back to where they came from.
func TestRefused(t *testing.T) {
	var s Source
	defer s.Close()
	before := s.Get()
	old := mmap
	mmap = func(int, int64, int, int, int) ([]byte, error) { return nil, syscall.ENOMEM }
	defer func() { mmap = old }()
	var held []unsafe.Pointer
	for i := range extentSize/Size + 10 {
		p := s.Get()
		fill(p, Size, byte(i))
		held = append(held, p)
	}
	if len(s.refused) != 11 {
		t.Errorf("%d chunks of Go memory, want 11", len(s.refused))
	}
	for i, p := range held {
		if !holds(p, Size, byte(i)) {
			t.Fatalf("chunk %d was changed", i)
		}
		s.Put(p)
	}
	if len(s.refused) != 0 || len(s.idle) != len(held)-11 {
		t.Errorf("after Put: %d of Go memory and %d idle, want 0 and %d", len(s.refused), len(s.idle), len(held)-11)
	}
	s.Put(before)
}

// What is given back reads as zeros: the pages have left the process.
func TestGiveBack(t *testing.T) {
	var s Source
	defer s.Close()
	p := s.Get()
	fill(p, Size, 9)
	s.Put(p)
	if q := s.Get(); q != p {
		t.Fatalf("Get after Put = %p, want %p", q, p)
	}
	if runtime.GOOS != "linux" { // elsewhere the pages go when memory is short
		return
	}
	if !holds(p, Size, 0) {
		t.Error("the chunk still has its contents")
	}
}
