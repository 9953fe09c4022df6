package partsort

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSort sorts parts of slices of all shapes and compares them with those of slices
// sorted by package slices. What equal elements do is held to Redis by the scripts.
func TestSort(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	shapes := map[string]func(i, n int) int{
		"random":   func(i, n int) int { return rnd.IntN(10 * (n + 1)) },
		"few":      func(i, n int) int { return rnd.IntN(4) },
		"equal":    func(i, n int) int { return 1 },
		"rising":   func(i, n int) int { return i },
		"falling":  func(i, n int) int { return n - i },
		"mountain": func(i, n int) int { return min(i, n-i) },
		"nearly":   func(i, n int) int { return i + rnd.IntN(2)*rnd.IntN(2)*rnd.IntN(n+1) },
	}
	for name, shape := range shapes {
		for round := range 2000 {
			n := round % 300
			a := make([]int, n)
			for i := range a {
				a[i] = shape(i, n)
			}
			want := slices.Clone(a)
			slices.Sort(want)
			first, last := 0, n-1
			if n > 0 && round%3 != 0 {
				first = rnd.IntN(n)
				last = first + rnd.IntN(n-first)
			}
			Sort(a, first, last, func(x, y *int) int { return cmp.Compare(*x, *y) })
			if !slices.Equal(a[min(first, n):last+1], want[min(first, n):last+1]) {
				t.Fatalf("%s: %d to %d of %d are %v, want %v", name, first, last, n, a[min(first, n):last+1], want[min(first, n):last+1])
			}
			slices.Sort(a)
			if !slices.Equal(a, want) {
				t.Fatalf("%s: elements were lost", name)
			}
		}
	}
}

// TestSortIsPartial: what was not asked for is not sorted, which is what makes it
// cheap.
func TestSortIsPartial(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	count := func(last int) (n int) {
		a := rnd.Perm(100000)
		Sort(a, 0, last, func(x, y *int) int { n++; return cmp.Compare(*x, *y) })
		return n
	}
	if few, all := count(9), count(99999); few > 500000 || few*3 > all {
		t.Errorf("10 of 100,000 take %d comparisons, all take %d", few, all)
	}
}

// TestSortIsQuick: an order that makes each pivot one of the least elements, found by
// answering the comparisons so (McIlroy, "A Killer Adversary for Quicksort", 1999),
// does not make it quadratic.
func TestSortIsQuick(t *testing.T) {
	const n = 20000
	const gas = n
	values, order := make([]int, n), make([]int, n)
	for i := range values {
		values[i], order[i] = gas, i
	}
	solid, candidate := 0, 0
	Sort(order, 0, n-1, func(x, y *int) int {
		if values[*x] == gas && values[*y] == gas {
			if *x == candidate {
				values[*x] = solid
			} else {
				values[*y] = solid
			}
			solid++
		}
		if values[*x] == gas {
			candidate = *x
		} else if values[*y] == gas {
			candidate = *y
		}
		return cmp.Compare(values[*x], values[*y])
	})
	count := 0
	Sort(values, 0, n-1, func(x, y *int) int { count++; return cmp.Compare(*x, *y) })
	if !slices.IsSorted(values) || count > 5_000_000 {
		t.Errorf("%d elements take %d comparisons", n, count)
	}
}
