package engine

import (
	"iter"
	"slices"
)

// PagesFrom is the length in bytes from which a string that is edited is kept
// in pages, so that one changed byte costs at most the copy of one page,
// whoever else may be reading the old value.
const PagesFrom = 4 << 10

const pageLog = 14

// PageSize is the number of bytes of a page.
const PageSize = 1 << pageLog

// Pages is a long string in pages of 16 KB.
//
//	page    a run of bytes, or nil for one of zeros that was never written; the
//	        last one has no more room than it needs, up to a doubling
//	owned   a page that no other Pages shares, which may be written in place
//
// Operations: Append reads a range, Parts reads it without a copy, Byte reads one
// byte, Write overwrites a range and lengthens the string where it goes past the
// end. Clone is O(pages): 32,768 pointers for the longest string there is, 512 MB.
//
// Invariants: what is not owned is never written. All pages but the last are of
// 16 KB; a page of zeros has the length that its place says.
type Pages struct {
	page  [][]byte
	owned []bool
	n     int // bytes of the string
	bytes int // of all pages
}

// zeros is what a page holds that was never written.
var zeros = string(make([]byte, PageSize))

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
func (p *Pages) Size() int { return p.bytes + len(p.page)*25 + 80 }

// Clone returns a copy that shares every page.
func (p *Pages) Clone() Object {
	clear(p.owned)
	return &Pages{page: slices.Clone(p.page), owned: make([]bool, len(p.owned)), n: p.n, bytes: p.bytes}
}

// part is what page i holds from one of its offsets to another.
func (p *Pages) part(i, from, to int) string {
	if b := p.page[i]; b != nil {
		return borrow(b[from:to])
	}
	return zeros[from:to]
}

// Parts yields the bytes from (inclusive) to to (exclusive), page by page.
func (p *Pages) Parts(from, to int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for from < to {
			at := from & (PageSize - 1)
			n := min(PageSize-at, to-from)
			if !yield(p.part(from>>pageLog, at, at+n)) {
				return
			}
			from += n
		}
	}
}

// Append appends the bytes from (inclusive) to to (exclusive) to dst.
func (p *Pages) Append(dst []byte, from, to int) []byte {
	for s := range p.Parts(from, to) {
		dst = append(dst, s...)
	}
	return dst
}

// Byte is the byte at an offset.
func (p *Pages) Byte(i int) byte {
	at := i & (PageSize - 1)
	return p.part(i>>pageLog, at, at+1)[0]
}

// Write writes s at offset off; a gap behind the end is filled with zeros, which
// take no memory where they are whole pages.
func (p *Pages) Write(off int, s string) {
	p.Grow(off + len(s))
	for len(s) > 0 {
		i, at := off>>pageLog, off&(PageSize-1)
		n := copy(p.Own(i)[at:], s)
		off, s = off+n, s[n:]
	}
}

// Grow lengthens the string to n bytes with zeros, if it is shorter.
func (p *Pages) Grow(n int) {
	if n <= p.n {
		return
	}
	if last := len(p.page) - 1; last >= 0 && p.page[last] != nil {
		p.extend(last, min(PageSize, n-last<<pageLog))
	}
	for len(p.page) < (n+PageSize-1)>>pageLog {
		p.page, p.owned = append(p.page, nil), append(p.owned, true)
	}
	p.n = n
}

// extend lengthens a page that was written before.
func (p *Pages) extend(i, n int) {
	b := p.Own(i)
	was := len(b)
	if n <= was {
		return
	}
	p.bytes -= cap(b)
	b = slices.Grow(b, n-was)[:n]
	clear(b[was:])
	p.page[i] = b
	p.bytes += cap(b)
}

// Own returns a page's bytes, to be written in place.
func (p *Pages) Own(i int) []byte {
	switch {
	case p.page[i] == nil:
		p.page[i] = make([]byte, min(PageSize, p.n-i<<pageLog))
		p.bytes += cap(p.page[i])
	case !p.owned[i]:
		p.bytes -= cap(p.page[i])
		p.page[i] = slices.Clone(p.page[i])
		p.bytes += cap(p.page[i])
	}
	p.owned[i] = true
	return p.page[i]
}
