package streamlog

import "iter"

// ValidateNode checks a node from outside, as [Builder.Node] does: its ID in the
// index, and its listpack, whose live entries must come after prev. It returns their
// number and the last one's ID, or prev.
func ValidateNode(id ID, lp []byte, prev ID) (live int64, last ID, ok bool) {
	return validateNode(slot{id, &node{lp: lp}}, prev)
}

// Entries yields the live entries of a node that ValidateNode has found good.
func Entries(id ID, lp []byte) iter.Seq[Entry] {
	return func(yield func(Entry) bool) { slot{id, &node{lp: lp}}.ascend(id, MaxID, yield) }
}
