package hyperloglog

import (
	"errors"
	"iter"
	"slices"
)

const (
	maxShort  = 64 // registers of zero in one byte
	maxLong   = registers
	maxRun    = 4  // registers of a value
	maxSparse = 32 // the greatest value

	// Redis looks at so many runs, from the one before the change on, for those that
	// can be joined.
	joinScan = 5
)

// errFull says that a sparse one must become dense.
var errFull = errors.New("hyperloglog: no more room in sparse encoding")

// A run is some registers of the same value.
type run struct {
	at, width int // its bytes
	first, n  int // its registers
	value     uint8
	bad       bool // the runs end too early or too late
}

// readRun reads the run at p.
func readRun(s string, p int) run {
	switch b := s[p]; {
	case b&0x80 != 0:
		return run{at: p, width: 1, n: int(b&3) + 1, value: b>>2&0x1f + 1}
	case b&0x40 == 0:
		return run{at: p, width: 1, n: int(b&0x3f) + 1}
	case p+1 < len(s):
		return run{at: p, width: 2, n: int(b&0x3f)<<8 + int(s[p+1]) + 1}
	}
	return run{at: p, width: 2, bad: true}
}

// runs yields the runs of a sparse one. The last is bad where they do not cover all
// registers, or more.
func runs(s string) iter.Seq[run] {
	return func(yield func(run) bool) {
		first := 0
		for p := header; p < len(s); {
			r := readRun(s, p)
			r.first = first
			if first += r.n; first > registers {
				r.bad = true
			}
			if !yield(r) || r.bad {
				return
			}
			p += r.width
		}
		if first != registers {
			yield(run{bad: true})
		}
	}
}

// locate finds the run that a register belongs to, and where the run before it
// begins, or the first where there is none before.
func locate(s string, index int) (r run, before int, ok bool) {
	before = header
	for first, p := 0, header; p < len(s); {
		// This is most of what adding to a sparse one costs.
		n, width := int(s[p]&0x3f)+1, 1
		switch b := s[p]; {
		case b&0x80 != 0:
			n = int(b&3) + 1
		case b&0x40 != 0 && p+1 < len(s):
			n, width = int(b&0x3f)<<8+int(s[p+1])+1, 2
		case b&0x40 != 0:
			return r, 0, false
		}
		if first += n; index < first {
			r = readRun(s, p)
			r.first = first - n
			return r, before, true
		}
		before = p
		p += width
	}
	return r, 0, false
}

func appendZeros(b []byte, n int) []byte {
	if n > maxShort {
		return append(b, 0x40|byte((n-1)>>8), byte(n-1))
	}
	return append(b, byte(n-1))
}

func valueRun(v uint8, n int) byte { return 0x80 | (v-1)<<2 | byte(n-1) }

// appendRun appends n registers of a value; none for 0.
func appendRun(b []byte, v uint8, n int) []byte {
	switch {
	case n == 0:
		return b
	case v == 0:
		return appendZeros(b, n)
	}
	return append(b, valueRun(v, n))
}

// addSparse is Add for a sparse one, errFull where it must become dense. It does
// what Redis does, run by run, so that the bytes are the same.
func addSparse(h []byte, index int, value uint8, limit int) ([]byte, bool, error) {
	if value > maxSparse {
		return h, false, errFull
	}
	r, before, ok := locate(text(h), index)
	if !ok {
		return h, false, ErrCorrupt
	}
	if r.value >= value {
		return h, false, nil
	}
	if r.n == 1 && r.width == 1 {
		h[r.at] = valueRun(value, 1)
	} else {
		var room [8]byte
		b := appendRun(room[:0], r.value, index-r.first)
		b = append(b, valueRun(value, 1))
		b = appendRun(b, r.value, r.first+r.n-1-index)
		if more := len(b) - r.width; more > 0 && len(h)+more > limit {
			return h, false, errFull
		}
		h = slices.Replace(h, r.at, r.at+r.width, b...)
	}
	h = join(h, before) // where Redis begins to look
	Invalidate(h)
	return h, true, nil
}

// join makes one of neighbours with the same value, where their number fits.
func join(h []byte, p int) []byte {
	for scan := joinScan; p < len(h) && scan > 0; scan-- {
		if h[p]&0x80 == 0 {
			p += 1 + int(h[p]>>6)
			continue
		}
		if p+1 < len(h) && h[p+1]&0x80 != 0 && (h[p]^h[p+1])&0x7c == 0 {
			if n := int(h[p]&3) + int(h[p+1]&3) + 2; n <= maxRun {
				h[p+1] = h[p]&0x7c | 0x80 | byte(n-1)
				h = slices.Delete(h, p, p+1)
				continue
			}
		}
		p++
	}
	return h
}
