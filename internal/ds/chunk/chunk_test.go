package chunk

import (
	"sync"
	"testing"
	"unsafe"
)

func fill(p unsafe.Pointer, n int, b byte) {
	s := unsafe.Slice((*byte)(p), n)
	for i := range s {
		s[i] = b
	}
}

func holds(p unsafe.Pointer, n int, b byte) bool {
	for _, c := range unsafe.Slice((*byte)(p), n) {
		if c != b {
			return false
		}
	}
	return true
}

func TestSource(t *testing.T) {
	var s Source
	defer s.Close()
	const n = 200 // more than an extent holds
	held := make([]unsafe.Pointer, n)
	for i := range held {
		held[i] = s.Get()
		if uintptr(held[i])%16 != 0 {
			t.Fatalf("chunk %d at %p is not aligned to 16", i, held[i])
		}
		fill(held[i], Size, byte(i))
	}
	for i := 0; i < n; i += 2 {
		s.Put(held[i])
		held[i] = s.Get()
		fill(held[i], Size, byte(i))
	}
	for i, p := range held {
		if !holds(p, Size, byte(i)) {
			t.Fatalf("chunk %d was changed by another's holder", i)
		}
		s.Put(p)
	}
}

func TestFirst(t *testing.T) {
	var s Source
	defer s.Close()
	p, n := s.First()
	want := Size
	if !maps {
		want = firstSize
	}
	if n != want {
		t.Errorf("First() has %d bytes, want %d", n, want)
	}
	fill(p, n, 1)
	s.Put(p)
}

func TestCloseTwice(t *testing.T) {
	var s Source
	s.Put(s.Get())
	s.Close()
	s.Close()
	// A source may begin again: nothing of its past may be handed out.
	p := s.Get()
	fill(p, Size, 7)
	s.Put(p)
	s.Close()
}

func TestConcurrent(t *testing.T) {
	var s Source
	defer s.Close()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for range 200 {
				p := s.Get()
				fill(p, 256, byte(g))
				if !holds(p, 256, byte(g)) {
					t.Errorf("two goroutines hold one chunk")
				}
				s.Put(p)
			}
		})
	}
	wg.Wait()
}
