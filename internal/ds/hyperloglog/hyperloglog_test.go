package hyperloglog

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestSelf(t *testing.T) {
	if err := SelfTest(); err != nil {
		t.Error(err)
	}
}

// TestRegisters raises registers at random and compares both encodings with a plain
// array, run by run.
func TestRegisters(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var model Registers
		limit := r.IntN(6000)
		h := New()
		d, _ := ToDense(New())
		for i := range 3000 {
			index, value := r.IntN(registers), uint8(1+bitsOf(r)%(hashBits+1))
			if seed%2 == 0 {
				index = r.IntN(200) // neighbours
				value = min(value, 4)
			}
			var changed bool
			var err error
			if h, changed, err = Add(h, index, value, limit); err != nil {
				t.Fatal(err)
			}
			if changed != (model[index] < value) {
				t.Fatalf("seed %d, step %d: changed = %v", seed, i, changed)
			}
			d, _, _ = Add(d, index, value, limit)
			model[index] = max(model[index], value)
			if got, err := Get(text(h), index); got != model[index] || err != nil {
				t.Fatalf("seed %d, step %d: register %d = %d, %v; want %d", seed, i, index, got, err, model[index])
			}
		}
		for name, s := range map[string][]byte{"as it is": h, "dense": d} {
			var got Registers
			if err := Merge(&got, text(s)); err != nil || got != model {
				t.Fatalf("seed %d, %s: the registers differ: %v", seed, name, err)
			}
			if n, err := Count(text(s)); err != nil || n != model.Count() {
				t.Errorf("seed %d, %s: Count = %d, %v; the registers say %d", seed, name, n, err, model.Count())
			}
		}
		if !IsDense(text(h)) {
			if len(h) > limit && limit > 18 {
				t.Errorf("seed %d: %d bytes, the limit is %d", seed, len(h), limit)
			}
			dense, err := ToDense(h)
			if err != nil || !bytes.Equal(dense[header:], d[header:]) {
				t.Errorf("seed %d: ToDense differs: %v", seed, err)
			}
		}
	}
}

func bitsOf(r *rand.Rand) int {
	n := 0
	for r.IntN(2) == 0 {
		n++
	}
	return n
}

// TestError: over many sets the estimate is off by 0.81 % on average, not more than
// six times that ever.
func TestError(t *testing.T) {
	for _, n := range []int{10, 1000, 20_000, 200_000} {
		squares := 0.0
		const sets = 20
		for set := range sets {
			h, _ := ToDense(New())
			for i := range n {
				index, value := Hash(fmt.Sprint("set ", set, " element ", i))
				h, _, _ = Add(h, index, value, 0)
			}
			got, err := Count(text(h))
			if err != nil {
				t.Fatal(err)
			}
			off := (float64(got) - float64(n)) / float64(n)
			if squares += off * off; math.Abs(off) > 6*0.0081+1/float64(n) {
				t.Errorf("%d elements are counted as %d", n, got)
			}
		}
		if deviation := math.Sqrt(squares / sets); deviation > 2*0.0081 {
			t.Errorf("the deviation for %d elements is %.4f", n, deviation)
		}
	}
}

// TestCache: the estimate is kept, and out of date after a change.
func TestCache(t *testing.T) {
	h := New()
	if n, ok := Cached(text(h)); n != 0 || !ok {
		t.Errorf("a new one has cached %d, %v", n, ok)
	}
	SetCached(h, 12345)
	if n, ok := Cached(text(h)); n != 12345 || !ok {
		t.Errorf("Cached = %d, %v", n, ok)
	}
	index, value := Hash("x")
	h, _, _ = Add(h, index, value, 3000)
	if _, ok := Cached(text(h)); ok {
		t.Error("the estimate is still good after a change")
	}
}

// FuzzBytes: whatever the bytes are, there is an answer or an error, and what takes an
// element has it.
func FuzzBytes(f *testing.F) {
	f.Add(New(), "x")
	d, _ := ToDense(New())
	f.Add(d, "y")
	h := New()
	for i := range 300 {
		index, value := Hash(strconv.Itoa(i))
		h, _, _ = Add(h, index, value, 3000)
	}
	f.Add(h, "z")
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff\x80"), "")
	f.Fuzz(func(t *testing.T, b []byte, element string) {
		s := string(b)
		if !Valid(s) {
			return
		}
		var all Registers
		mergeErr := Merge(&all, s)
		n, err := Count(s)
		if (err == nil) != (mergeErr == nil) {
			t.Errorf("Merge says %v, Count %v", mergeErr, err)
		}
		if err == nil && n != all.Count() {
			t.Errorf("Count = %d, the registers say %d", n, all.Count())
		}
		if !IsDense(s) {
			if _, err := Decode(s); (err == nil) != (mergeErr == nil) {
				t.Errorf("Merge says %v, Decode %v", mergeErr, err)
			}
		}
		index, value := Hash(element)
		h, _, err := Add(bytes.Clone(b), index, value, 3000)
		if err != nil {
			return
		}
		if got, err := Get(text(h), index); err != nil || got < value {
			t.Errorf("after Add register %d is %d, %v; want %d", index, got, err, value)
		}
	})
}
