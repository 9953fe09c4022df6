package engine

import (
	"math/bits"
	"slices"

	"github.com/larderdb/larder/internal/ds/hashtable"
	"github.com/larderdb/larder/internal/ds/intset"
	"github.com/larderdb/larder/internal/ds/listpack"
)

// Random returns a member, each with the same chance, of a set that has one. rnd
// returns 64 random bits. It is O(1), but O(n) in a listpack.
func (m Members) Random(rnd func() uint64) listpack.Value {
	switch m.form {
	case SetIntset:
		return listpack.IntValue(intset.At(m.flat, below(rnd, m.Len())))
	case SetListpack:
		return listpack.Get(m.flat, listpack.Seek(m.flat, below(rnd, m.Len())))
	}
	return m.at(m.big.Random(rnd))
}

// below returns a random number less than n.
func below(rnd func() uint64, n int) int {
	i, _ := bits.Mul64(rnd(), uint64(n))
	return int(i)
}

// Sample returns k different members, or all if there are no more. Any k have the same
// chance. It takes time in proportion to the set or, where k is less than a third of
// it, to k.
func (m Members) Sample(k int, rnd func() uint64) []listpack.Value {
	left := m.Len()
	k = min(k, left)
	out := make([]listpack.Value, 0, k)
	if m.Big() && k < left/3 {
		return m.drawDistinct(k, rnd, out)
	}
	for v := range m.All() {
		if len(out) == k {
			break
		}
		// Taken with the chance that it is among those still wanted of those left.
		if below(rnd, left) < k-len(out) {
			out = append(out, v)
		}
		left--
	}
	return out
}

// fewDrawn is how many handles are looked through one by one.
const fewDrawn = 16

func (m Members) drawDistinct(k int, rnd func() uint64, out []listpack.Value) []listpack.Value {
	if k <= fewDrawn {
		var drawn [fewDrawn]hashtable.Handle
		for len(out) < k {
			h := m.big.Random(rnd)
			if !slices.Contains(drawn[:len(out)], h) {
				drawn[len(out)] = h
				out = append(out, m.at(h))
			}
		}
		return out
	}
	drawn := make(map[hashtable.Handle]struct{}, k)
	for len(out) < k {
		h := m.big.Random(rnd)
		if _, ok := drawn[h]; !ok {
			drawn[h] = struct{}{}
			out = append(out, m.at(h))
		}
	}
	return out
}
