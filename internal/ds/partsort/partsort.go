package partsort

import (
	"math/bits"
	"slices"
)

// Sort sorts a so far that the elements at the indexes first to last, both inclusive,
// are those that a slice sorted by compare has there. It is not stable. O(n + m log n)
// for m of n elements, O(n log² n) at the worst.
func Sort[T any](a []T, first, last int, compare func(x, y *T) int) {
	part(a, first, last, 4*bits.Len(uint(len(a))), compare)
}

// part sorts a part of a with so many partitions, one in the other, at most. Where
// that is not enough the elements were put in their order so that quicksort would
// take forever: they are sorted otherwise.
func part[T any](a []T, first, last, most int, compare func(x, y *T) int) {
	for ; len(a) >= 7; most-- {
		if most == 0 {
			slices.SortStableFunc(a, func(x, y T) int { return compare(&x, &y) })
			return
		}
		less, greater := partition(a, compare)
		if less > 1 && first < less && last >= 0 {
			part(a[:less], first, last, most-1, compare)
		}
		from := len(a) - greater
		if greater <= 1 || last < from || first >= len(a) {
			return
		}
		a, first, last = a[from:], first-from, last-from
	}
	insertion(a, compare)
}

func insertion[T any](a []T, compare func(x, y *T) int) {
	for i := 1; i < len(a); i++ {
		for j := i; j > 0 && compare(&a[j-1], &a[j]) > 0; j-- {
			a[j-1], a[j] = a[j], a[j-1]
		}
	}
}

// partition takes a pivot and returns how many elements are less and greater.
func partition[T any](a []T, compare func(x, y *T) int) (less, greater int) {
	p := pivot(a, compare)
	a[0], a[p] = a[p], a[0]
	// Fat elements gather at both ends: before left, behind right.
	left, right := 1, len(a)-1
	i, j := 1, len(a)-1
	for {
		for ; i <= j; i++ {
			c := compare(&a[i], &a[0])
			if c > 0 {
				break
			}
			if c == 0 {
				a[left], a[i] = a[i], a[left]
				left++
			}
		}
		for ; i <= j; j-- {
			c := compare(&a[j], &a[0])
			if c < 0 {
				break
			}
			if c == 0 {
				a[right], a[j] = a[j], a[right]
				right--
			}
		}
		if i > j {
			break
		}
		a[i], a[j] = a[j], a[i]
		i++
		j--
	}
	// Now they go to the middle.
	less, greater = i-left, right-j
	swap(a, 0, i, min(left, less))
	swap(a, i, len(a), min(greater, len(a)-1-right))
	return less, greater
}

// swap exchanges the first n elements from index from on with the last n before to.
func swap[T any](a []T, from, to, n int) {
	for k := range n {
		a[from+k], a[to-n+k] = a[to-n+k], a[from+k]
	}
}

// pivot returns the index of an element that is likely to have half of the others on
// each side.
func pivot[T any](a []T, compare func(x, y *T) int) int {
	low, mid, high := 0, len(a)/2, len(a)-1
	if len(a) == 7 {
		return mid
	}
	if len(a) > 40 {
		d := len(a) / 8
		low = median(a, low, low+d, low+2*d, compare)
		mid = median(a, mid-d, mid, mid+d, compare)
		high = median(a, high-2*d, high-d, high, compare)
	}
	return median(a, low, mid, high, compare)
}

// median returns that of the three indexes whose element lies between the others.
func median[T any](a []T, i, j, k int, compare func(x, y *T) int) int {
	if compare(&a[i], &a[j]) < 0 {
		switch {
		case compare(&a[j], &a[k]) < 0:
			return j
		case compare(&a[i], &a[k]) < 0:
			return k
		}
		return i
	}
	switch {
	case compare(&a[j], &a[k]) > 0:
		return j
	case compare(&a[i], &a[k]) < 0:
		return i
	}
	return k
}
