package hashfields

import (
	"math/bits"

	"github.com/larderdb/larder/internal/ds/hashtable"
	"github.com/larderdb/larder/internal/ds/listpack"
)

// A Picker draws fields of a hash again and again, each with the same chance. It is
// good until the hash changes.
type Picker struct {
	v    View
	n    int
	rnd  func() uint64
	offs []int32 // of the fields of a small hash, once it is worth it
}

// pickTries bounds how often a draw from a big hash may hit a field that is due,
// before all live ones are counted through.
const pickTries = 128

// Picker returns what draws from v by random bits from rnd.
func (v View) Picker(rnd func() uint64) *Picker { return &Picker{v: v, n: v.Len(), rnd: rnd} }

// Len is the number of fields there are to draw.
func (p *Picker) Len() int { return p.n }

// below returns a number below n.
func (p *Picker) below(n int) int {
	i, _ := bits.Mul64(p.rnd(), uint64(n))
	return int(i)
}

// Pick draws a field. There must be one.
func (p *Picker) Pick() (field, value Elem) {
	if p.v.big == nil {
		if p.offs == nil {
			p.index()
		}
		field, e, _ := p.v.read(int(p.offs[p.below(p.n)]))
		return field, e.Value
	}
	t := p.v.big.t
	for range pickTries {
		if h := t.Random(p.rnd); !p.v.past(t.ExpireAt(h)) {
			return Elem{str: t.Key(h)}, Elem{str: t.Bytes(h)}
		}
	}
	i := p.below(p.n)
	for f, v := range p.v.All() {
		if i--; i < 0 {
			return f, v
		}
	}
	panic("hashfields: Pick from a hash without fields")
}

// index notes where the fields of a small hash are.
func (p *Picker) index() {
	p.offs = make([]int32, 0, p.n)
	end := listpack.End(p.v.lp)
	for at, _ := p.v.skip(); at != end; at = next(p.v.lp, at, p.v.step) {
		p.offs = append(p.offs, int32(at))
	}
}

// Distinct calls f for k different fields, or for all if there are no more. Any k
// of them have the same chance. It takes O(k) memory at most, and time in
// proportion to the hash or, where k is less than a third of it, to k.
func (p *Picker) Distinct(k int, f func(field, value Elem)) {
	if k = min(k, p.n); p.v.big != nil && k < p.n/3 {
		p.drawDistinct(k, f)
		return
	}
	left := p.n // each is taken with the chance that it is among the k of those left
	for field, value := range p.v.All() {
		if k == 0 {
			return
		}
		if p.below(left) < k {
			f(field, value)
			k--
		}
		left--
	}
}

// drawDistinct draws until it has k different fields.
func (p *Picker) drawDistinct(k int, f func(field, value Elem)) {
	t, seen := p.v.big.t, make(map[hashtable.Handle]struct{})
	for tries := 0; len(seen) < k; tries++ {
		h := t.Random(p.rnd)
		if p.v.past(t.ExpireAt(h)) {
			if tries > pickTries+64*k { // nearly all are due
				break
			}
			continue
		}
		if _, ok := seen[h]; !ok {
			seen[h] = struct{}{}
			f(Elem{str: t.Key(h)}, Elem{str: t.Bytes(h)})
		}
	}
	if len(seen) < k {
		p.rest(k-len(seen), seen, f)
	}
}

// rest takes k more fields of those not seen yet.
func (p *Picker) rest(k int, seen map[hashtable.Handle]struct{}, f func(field, value Elem)) {
	t, left := p.v.big.t, p.n-len(seen)
	for h := range t.All() {
		if _, ok := seen[h]; ok || p.v.past(t.ExpireAt(h)) {
			continue
		}
		if p.below(left) < k {
			f(Elem{str: t.Key(h)}, Elem{str: t.Bytes(h)})
			k--
		}
		left--
	}
}
