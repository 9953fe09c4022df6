// Package partsort sorts a part of a slice: the elements that belong at the indexes
// asked for come to stand there, in order, at less cost than sorting all.
//
// Which of several equal elements comes first is not left open. It is what quicksort
// as described by Bentley and McIlroy ("Engineering a Sort Function", 1993) makes of
// it, since Redis sorts so where COUNT or LIMIT asks for a part, and its clients see
// the order. Only an order made up to slow quicksort down is sorted otherwise.
//
// # Terms
//
//	pivot   the element that the others are compared with
//	fat     equal to the pivot
//
// # Invariants
//
// After a partition what is less than the pivot comes first, then what is fat, then
// what is greater; fat elements stand where they belong. Only parts that touch the
// indexes asked for are sorted further.
package partsort
