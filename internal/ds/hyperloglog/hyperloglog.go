package hyperloglog

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

const (
	indexBits = 14
	registers = 1 << indexBits
	hashBits  = 64 - indexBits // of which the zeros are counted
	regBits   = 6
	regMax    = 1<<regBits - 1

	header = 16

	// DenseSize is the number of bytes of a dense one.
	DenseSize = header + registers*regBits/8
)

// Registers are the registers of one, or the greatest of several.
type Registers [registers]uint8

// ErrCorrupt is the error for a string that has the header of a HyperLogLog and is
// none.
var ErrCorrupt = errors.New("INVALIDOBJ Corrupted HLL object detected")

const magic = "HYLL"

// The encodings.
const (
	dense = iota
	sparse
)

// New returns an empty one, sparse.
func New() []byte {
	h := append(make([]byte, 0, header+2), magic...)
	h = append(h, sparse, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	return appendZeros(h, registers)
}

// Valid reports whether s has the header, and where it is dense the length, of a
// HyperLogLog.
func Valid(s string) bool {
	return len(s) >= header && s[:4] == magic && s[4] <= sparse && (s[4] != dense || len(s) == DenseSize)
}

// IsDense reports whether a valid one is dense.
func IsDense(s string) bool { return s[4] == dense }

// Cached returns the last estimate; ok is false where that is out of date.
func Cached(s string) (n uint64, ok bool) {
	n = binary.LittleEndian.Uint64([]byte(s[8:header]))
	return n, n>>63 == 0
}

// SetCached stores an estimate.
func SetCached(h []byte, n uint64) { binary.LittleEndian.PutUint64(h[8:], n) }

// Invalidate says that the estimate is out of date.
func Invalidate(h []byte) { h[15] |= 0x80 }

// Hash returns the register to which an element falls, and what it makes of it at
// least.
func Hash(element string) (index int, value uint8) {
	h := murmur64A(element, 0xadc83b19)
	index = int(h & (registers - 1))
	h = h>>indexBits | 1<<hashBits // so that there is an end
	return index, uint8(bits.TrailingZeros64(h)) + 1
}

// murmur64A is MurmurHash64A, by Austin Appleby.
func murmur64A(s string, seed uint64) uint64 {
	const m, r = 0xc6a4a7935bd1e995, 47
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	h := seed ^ uint64(len(b))*m
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * m
		k = (k ^ k>>r) * m
		h = (h ^ k) * m
	}
	if len(b) > 0 {
		var k uint64
		for i, c := range b {
			k |= uint64(c) << (8 * i)
		}
		h = (h ^ k) * m
	}
	h = (h ^ h>>r) * m
	return h ^ h>>r
}

// Get returns a register.
func Get(s string, index int) (uint8, error) {
	if IsDense(s) {
		return getDense(s[header:], index), nil
	}
	r, _, ok := locate(s, index)
	if !ok {
		return 0, ErrCorrupt
	}
	return r.value, nil
}

// getDense reads a register that may lie in two bytes.
func getDense(regs string, i int) uint8 {
	at, shift := i*regBits>>3, i*regBits&7
	v := uint16(regs[at]) >> shift
	if shift > 8-regBits {
		v |= uint16(regs[at+1]) << (8 - shift)
	}
	return uint8(v) & regMax
}

func setDense(regs []byte, i int, v uint8) {
	at, shift := i*regBits>>3, i*regBits&7
	regs[at] = regs[at]&^(regMax<<shift) | v<<shift
	if shift > 8-regBits {
		regs[at+1] = regs[at+1]&^(regMax>>(8-shift)) | v>>(8-shift)
	}
}

// Add raises a register to a value, unless it is as high, and returns what became of
// h, which it changes in place where the length allows it. A sparse one becomes dense
// when it would take more than max bytes. The estimate is out of date then.
func Add(h []byte, index int, value uint8, max int) (out []byte, changed bool, err error) {
	if h[4] == sparse {
		if out, changed, err = addSparse(h, index, value, max); err != errFull {
			return out, changed, err
		}
		if h, err = ToDense(h); err != nil {
			return h, false, err
		}
	}
	if getDense(text(h[header:]), index) >= value {
		return h, false, nil
	}
	setDense(h[header:], index, value)
	Invalidate(h)
	return h, true, nil
}

// ToDense returns a sparse one as dense, in bytes of its own, with what it has
// cached.
func ToDense(h []byte) ([]byte, error) {
	out := make([]byte, DenseSize)
	copy(out, h[:header])
	out[4] = dense
	regs := out[header:]
	for r := range runs(text(h)) {
		if r.bad {
			return h, ErrCorrupt
		}
		for i := r.first; r.value != 0 && i < r.first+r.n; i++ {
			setDense(regs, i, r.value)
		}
	}
	return out, nil
}

// Merge raises the registers to those of s.
func Merge(into *Registers, s string) error {
	if IsDense(s) {
		for i := range into {
			into[i] = max(into[i], getDense(s[header:], i))
		}
		return nil
	}
	for r := range runs(s) {
		if r.bad {
			return ErrCorrupt
		}
		for i := r.first; r.value != 0 && i < r.first+r.n; i++ {
			into[i] = max(into[i], r.value)
		}
	}
	return nil
}

// Count estimates the number of distinct elements from the registers of s, whatever
// it has cached.
func Count(s string) (uint64, error) {
	var histogram [regMax + 1]int
	if IsDense(s) {
		for i := range registers {
			histogram[getDense(s[header:], i)]++
		}
		return estimate(&histogram), nil
	}
	for r := range runs(s) {
		if r.bad {
			return 0, ErrCorrupt
		}
		histogram[r.value] += r.n
	}
	return estimate(&histogram), nil
}

// Count estimates the number of distinct elements.
func (r *Registers) Count() uint64 {
	var histogram [regMax + 1]int
	for _, v := range r {
		histogram[v&regMax]++
	}
	return estimate(&histogram)
}

// estimate is Ertl's estimator: histogram has how many registers have each value.
func estimate(histogram *[regMax + 1]int) uint64 {
	const m = registers
	z := m * tau(float64(m-histogram[hashBits+1])/m)
	for i := hashBits; i >= 1; i-- {
		z = (z + float64(histogram[i])) / 2
	}
	z += m * sigma(float64(histogram[0])/m)
	return uint64(math.Round(0.5 / math.Ln2 * m * m / z))
}

// sigma corrects for registers that are zero.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	for y, z := 1.0, x; ; y *= 2 {
		x *= x
		was := z
		if z += x * y; z == was {
			return z
		}
	}
}

// tau corrects for registers at their limit.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	for y, z := 0.5, 1-x; ; y /= 2 {
		x = math.Sqrt(x)
		was := z
		if z -= (1 - x) * (1 - x) * y; z == was {
			return z / 3
		}
	}
}

// Decode writes the runs of a sparse one as PFDEBUG DECODE does: "z" and "Z" for
// zeros in one and two bytes, "v" for a value and how often.
func Decode(s string) (string, error) {
	var b []byte
	for r := range runs(s) {
		switch {
		case r.bad:
			return "", ErrCorrupt
		case r.value != 0:
			b = strconv.AppendInt(append(b, "v:"...), int64(r.value), 10)
			b = strconv.AppendInt(append(b, ','), int64(r.n), 10)
		case r.width == 2:
			b = strconv.AppendInt(append(b, "Z:"...), int64(r.n), 10)
		default:
			b = strconv.AppendInt(append(b, "z:"...), int64(r.n), 10)
		}
		b = append(b, ' ')
	}
	return string(b[:len(b)-1]), nil
}

// text borrows bytes as a string.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
