// Package quicklist is larder's list beyond what lies flat in one listpack: a
// sequence of strings in nodes like those of Redis's quicklist, under a tree that
// counts them.
//
// # Terms
//
//	node     a run of elements in one listpack; or one element too large for that, a
//	         plain node
//	fill     how large a node may become when elements are added to it: a number of
//	         elements, or, negative, -1 to -5 for 4 KB to 64 KB
//	depth    how many nodes at either end are never compressed; 0: none ever is
//	packed   compressed by LZF
//	page     a page of the tree: a leaf with up to 63 nodes, or up to 31 slots
//	slot     a page below, and how many elements and nodes that has
//	index    an element's place among all, from 0
//	ordinal  a node's place among all, from 0
//	owner    the list that may change a page in place, and its nodes
//	shared   of a node: another page has its buffer, too, which nobody changes then
//	slab     what the buffers of a long list's nodes are cut from
//	room     the bytes of a node's buffer in front of its listpack and behind it
//
// # Operations
//
// [List.Push], [List.Pop], [List.Insert], [List.Set], [List.Delete] and
// [List.Remove] change the list; [List.At], [List.Range] and [List.Reverse] read it,
// and [List.Nodes] shows how it is kept. [List.Clone] is O(1), and the first change
// to a page or node after it copies that.
//
// Finding an element by index takes O(log n) and a walk through one node. A push or
// a pop takes the path to an outer node, which is a few pages; within the node it is
// O(1), since there is room on both sides: a node of 8 KB is not moved for each
// element that comes or goes at its front. A change in the middle of a node moves
// what lies behind.
//
// When a node is full, where it is split, and when neighbours are merged, is as in
// Redis, node for node, so that lists take the memory that they take there and files
// hold the same bytes.
//
// # Headers
//
// A node's listpack has no valid header: the six bytes are there, and hold anything.
// Writing them would spoil an element that was just taken from the front and whose
// bytes the caller still borrows. They are written where a listpack leaves the node:
// when it is compressed, and by [Node.Append].
//
// # Invariants
//
// Pages are changed only by their owner, and buffers only by a page that has them
// alone. Clone gives up ownership on both sides: each takes a new token, and so owns
// nothing, before its next change; the copy of a page marks its nodes shared.
//
// No node and no page is empty, except the page of an empty list. A slot's counts
// are the sums of what is below it.
//
// Between operations a node is packed if and only if there are depth nodes on either
// side of it, it has at least 48 bytes, and that saves more than 8.
package quicklist
