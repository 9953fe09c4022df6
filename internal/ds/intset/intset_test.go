package intset

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// borders are integers at which the width changes, and their neighbours.
var borders = []int64{
	0, 1, -1, math.MaxInt16, math.MaxInt16 + 1, math.MinInt16, math.MinInt16 - 1,
	math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MinInt32 - 1, math.MaxInt64, math.MinInt64,
}

// check holds an intset to a sorted model, and to the bytes that Redis would have.
func check(t *testing.T, s []byte, model []int64, widest int) {
	t.Helper()
	n, ok := Validate(s)
	if !ok || n != len(model) || Len(s) != n {
		t.Fatalf("Validate = %d, %v, Len = %d, want %d", n, ok, Len(s), len(model))
	}
	want := binary.LittleEndian.AppendUint32(nil, uint32(widest))
	want = binary.LittleEndian.AppendUint32(want, uint32(len(model)))
	for _, n := range model {
		want = append(want, binary.LittleEndian.AppendUint64(nil, uint64(n))[:widest]...)
	}
	if !bytes.Equal(s, want) {
		t.Fatalf("the bytes are\n%x, want\n%x", s, want)
	}
	if got := slices.Collect(All(s)); !slices.Equal(got, model) {
		t.Fatalf("All yields %d, want %d", got, model)
	}
	for i, n := range model {
		if at, ok := Find(s, n); !ok || at != i || At(s, i) != n {
			t.Fatalf("Find(%d) = %d, %v, want %d", n, at, ok, i)
		}
	}
}

// number draws near a border, so that all widths and their mixtures come.
func number(b uint16) int64 { return borders[int(b)%len(borders)] + int64(int8(b>>8))%5 }

// FuzzModel runs histories against a sorted slice. Three bytes are an operation: the
// integer, and whether it comes or goes.
func FuzzModel(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		b := make([]byte, 2*rnd.IntN(300))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, history []byte) {
		s, model, widest := AppendNew(nil), []int64(nil), 2
		for ; len(history) >= 3; history = history[3:] {
			n := number(binary.LittleEndian.Uint16(history))
			i, had := slices.BinarySearch(model, n)
			if at, ok := Find(s, n); at != i || ok != had {
				t.Fatalf("Find(%d) = %d, %v, want %d, %v", n, at, ok, i, had)
			}
			var ok bool
			if history[2]%3 == 0 {
				if s, ok = Remove(s, n); ok != had {
					t.Fatalf("Remove(%d) = %v, want %v", n, ok, had)
				}
				if had {
					model = slices.Delete(model, i, i+1)
				}
			} else {
				if s, ok = Add(s, n); ok == had {
					t.Fatalf("Add(%d) = %v, want %v", n, ok, !had)
				}
				if !had {
					model = slices.Insert(model, i, n)
				}
				widest = max(widest, widthOf(n))
			}
			check(t, s, model, widest)
		}
	})
}

// FuzzValidate: what is accepted can be read, and is changed into what is accepted.
func FuzzValidate(f *testing.F) {
	for _, n := range borders {
		s, _ := Add(nil, n)
		s, _ = Add(s, 7)
		f.Add(s)
		f.Add(s[:len(s)-1])
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		n, ok := Validate(s)
		if !ok {
			return
		}
		all := slices.Collect(All(s))
		if len(all) != n {
			t.Fatalf("All yields %d integers, Validate counted %d", len(all), n)
		}
		s = slices.Clone(s)
		s, _ = Add(s, 12345)
		if _, ok := Validate(s); !ok {
			t.Fatalf("invalid after Add: %x", s)
		}
		for _, n := range all {
			s, _ = Remove(s, n)
		}
		if _, ok := Validate(s); !ok || Len(s) > 1 {
			t.Fatalf("after removing all: %x", s)
		}
	})
}

func TestValidate(t *testing.T) {
	good, _ := Add(nil, 1)
	good, _ = Add(good, 2)
	for name, s := range map[string][]byte{
		"nothing":      nil,
		"short header": good[:7],
		"cut":          good[:len(good)-1],
		"longer":       append(slices.Clone(good), 0),
		"width 3":      {3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0},
		"descending":   {2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0},
		"twice":        {2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0},
		"huge length":  {8, 0, 0, 0, 255, 255, 255, 255},
	} {
		if n, ok := Validate(s); ok {
			t.Errorf("%s: accepted, with %d integers", name, n)
		}
	}
	if n, ok := Validate(good); !ok || n != 2 {
		t.Errorf("Validate = %d, %v, want 2", n, ok)
	}
}

// Nothing allocates where there is room.
func TestAllocations(t *testing.T) {
	s := AppendNew(make([]byte, 0, 4096))
	for i := range 200 {
		s, _ = Add(s, int64(i*3))
	}
	if n := testing.AllocsPerRun(100, func() {
		s, _ = Add(s, 100)
		s, _ = Remove(s, 100)
		Find(s, 99)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
