// Package orderedset is the sorted set: members, each once, with scores, in the
// order of the scores and, among equal ones, of the members' bytes.
//
// # Terms
//
//	small   the members and scores by turns in a listpack, as Redis keeps them: [Flat]
//	big     a table of the members and a tree of their order: [Set]
//	item    a score and the handle of a member
//	tree    a counted B-tree: leaves of up to 62 items, inner nodes of up to 62 kids,
//	        with the first item and the number of items of each
//	rank    how many items come before, from 0
//	bound   a score or a member between which and another lies a range; exclusive,
//	        it leaves itself out
//
// A member stands once, in the table, with its score beside it; the tree has its
// handle. So a change writes to the table once and to the tree once, the leaves
// hold nothing that the collector follows, and a member of 16 bytes takes some 75
// in all. A skip list beside a hash table takes half as much again.
//
// # Operations
//
// [Set.Put] and [Set.Remove] change a member, [Set.RemoveRange] those between two
// ranks. [Set.Score] is one lookup. [Set.Rank], [Set.Below] and [Items.At] take ranks
// from items and back in O(log n): every range is one of ranks. [Set.Clone] is O(1).
// An [Items] reads either kind, and a Flat is changed by functions of the same names.
//
// # Invariants
//
// The table and the tree have the same members, with the same scores. Every leaf is
// as deep as every other. A node that is not the first or the last of its level has
// at least 15 items or kids. The first items and the counts in inner nodes are those
// of the kids, always.
//
// A node is changed only by the set that made it. A Clone shares all nodes, and
// whoever changes one first copies it, as its table does with its own parts.
package orderedset
