package engine

import "slices"

// PagesFrom is the length in bytes from which a string that is edited is kept
// in pages, so that one changed byte costs at most the copy of one page,
// whoever else may be reading the old value.
const PagesFrom = 32 << 10

const (
	pageLog  = 14
	pageSize = 1 << pageLog
)

// Pages is a long string in pages of 16 KB.
//
//	page    a run of bytes; all but the last are full
//	owned   a page that no other Pages shares, which may be written in place
//
// Operations: Append reads a range, Write overwrites one and lengthens the
// string where it goes past the end. Clone is O(pages): 32,768 pointers for
// the longest string there is, 512 MB.
//
// Invariant: what is not owned is never written.
type Pages struct {
	page  [][]byte
	owned []bool
	n     int
}

// NewPages returns s in pages.
func NewPages(s string) *Pages {
	p := &Pages{}
	p.Write(0, s)
	return p
}

// Form says that the string is raw: only an edited one lies in pages.
func (p *Pages) Form() Form { return StringRaw }

// Len is the number of bytes.
func (p *Pages) Len() int { return p.n }

// Empty is false: a string that becomes empty is not deleted.
func (p *Pages) Empty() bool { return false }

// Size is the memory of the pages.
func (p *Pages) Size() int { return len(p.page)*(pageSize+25) + 64 }

// Clone returns a copy that shares every page.
func (p *Pages) Clone() Object {
	clear(p.owned)
	return &Pages{page: slices.Clone(p.page), owned: make([]bool, len(p.owned)), n: p.n}
}

// Append appends the bytes from (inclusive) to to (exclusive) to dst.
func (p *Pages) Append(dst []byte, from, to int) []byte {
	for from < to {
		at := from & (pageSize - 1)
		part := p.page[from>>pageLog][at:min(pageSize, at+to-from)]
		dst = append(dst, part...)
		from += len(part)
	}
	return dst
}

// Write writes s at offset off; a gap behind the end is filled with zeros.
func (p *Pages) Write(off int, s string) {
	p.grow(off + len(s))
	for len(s) > 0 {
		i, at := off>>pageLog, off&(pageSize-1)
		n := copy(p.own(i)[at:], s)
		off, s = off+n, s[n:]
	}
}

func (p *Pages) grow(n int) {
	for len(p.page) < (n+pageSize-1)>>pageLog {
		p.page = append(p.page, make([]byte, pageSize))
		p.owned = append(p.owned, true)
	}
	p.n = max(p.n, n)
}

func (p *Pages) own(i int) []byte {
	if !p.owned[i] {
		p.page[i], p.owned[i] = slices.Clone(p.page[i]), true
	}
	return p.page[i]
}
