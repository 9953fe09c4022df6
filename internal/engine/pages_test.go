package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// FuzzPages makes random changes to strings in pages and to clones of them, and
// compares each with a slice.
func FuzzPages(f *testing.F) {
	f.Add(uint64(1), uint16(200))
	f.Add(uint64(2), uint16(2000))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		r := rand.New(rand.NewPCG(seed, 1))
		type both struct {
			p     *Pages
			model []byte
		}
		all := []both{{NewPages(""), nil}}
		text := make([]byte, 3*PageSize)
		for i := range text {
			text[i] = byte(r.Uint32())
		}
		for range steps % 4096 {
			b := &all[r.IntN(len(all))]
			off := r.IntN(len(b.model) + 1 + PageSize*r.IntN(2)*r.IntN(4))
			n := r.IntN(100)
			if r.IntN(10) == 0 {
				n = r.IntN(len(text))
			}
			switch r.IntN(8) {
			case 0:
				if len(all) < 4 {
					all = append(all, both{b.p.Clone().(*Pages), bytes.Clone(b.model)})
				}
			case 1:
				b.p.Grow(off)
				b.model = append(b.model, make([]byte, max(0, off-len(b.model)))...)
			default:
				from := r.IntN(len(text) - n + 1)
				b.p.Write(off, string(text[from:from+n]))
				b.model = append(b.model, make([]byte, max(0, off+n-len(b.model)))...)
				copy(b.model[off:], text[from:from+n])
			}
			if len(b.model) > 20*PageSize {
				*b = both{NewPages("again"), []byte("again")}
			}
		}
		for _, b := range all {
			if got := b.p.Append(nil, 0, b.p.Len()); !bytes.Equal(got, b.model) {
				t.Fatalf("%d bytes differ from %d of the model", len(got), len(b.model))
			}
			if n := len(b.model); n > 0 {
				from := r.IntN(n)
				to := from + r.IntN(n-from) + 1
				if got := b.p.Append(nil, from, to); !bytes.Equal(got, b.model[from:to]) {
					t.Fatalf("[%d:%d] differs", from, to)
				}
				if b.p.Byte(from) != b.model[from] {
					t.Fatalf("byte %d differs", from)
				}
			}
			size := 0
			for i, page := range b.p.page {
				size += cap(page)
				if want := min(PageSize, b.p.n-i<<pageLog); page != nil && len(page) != want {
					t.Fatalf("page %d has %d bytes, want %d", i, len(page), want)
				}
			}
			if size != b.p.bytes {
				t.Fatalf("%d bytes are counted, there are %d", b.p.bytes, size)
			}
		}
	})
}

// TestPagesAreSparse: a byte far behind the end takes a page, not all before it.
func TestPagesAreSparse(t *testing.T) {
	p := NewPages("x")
	p.Write(512<<20-1, "y")
	if p.Len() != 512<<20 || p.Byte(0) != 'x' || p.Byte(100<<20) != 0 || p.Byte(512<<20-1) != 'y' {
		t.Error("the bytes are not there")
	}
	if p.Size() > 1<<20 {
		t.Errorf("it takes %d bytes", p.Size())
	}
}
