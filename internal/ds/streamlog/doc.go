// Package streamlog is larder's stream: a log of entries in the order of their
// IDs, and the groups of consumers that read it.
//
// # Terms
//
//	entry      an ID, and fields with values
//	node       a run of entries in one listpack, as Redis keeps and saves it
//	master     the fields of the node's first entry, which the others need not
//	           repeat; before them the numbers of live and of deleted entries
//	tombstone  an entry marked as deleted, still in its node
//	index      the nodes by the ID of their first entry, in a B-tree
//	tail       the last node, to which entries are appended
//	pending    delivered to a consumer of a group and not acknowledged
//	record     what a group knows of a pending entry: ID, consumer, delivery time
//	           and number of deliveries
//	owner      the stream that may change a node, group or consumer in place
//
// A node's listpack, an element each:
//
//	live  deleted  n  name 1 ... name n  0
//	flags  ms  seq  value 1 ... value n  count                    an entry with the
//	                                                              master's fields
//	flags  ms  seq  n  name 1  value 1 ... name n  value n  count another
//
// ms and seq are differences to the ID in the index, flags say tombstone and
// same-fields, and count is the number of the entry's elements before it, for
// those who come from behind.
//
// # Operations
//
// [Log.Append], [Log.Delete] and [Log.Trim] change the log; [Log.Get],
// [Log.Range] and [Log.Reverse] read it. [Log.EditGroup] gives a [GroupEdit],
// which delivers, acknowledges and claims; a [Group] only looks. [Log.Clone] is
// O(1), and the first change to a node, group or B-tree page after it copies
// that. [Log.Nodes] and a [Builder] are for files.
//
// With n nodes, finding an entry takes O(log n) and a walk through one node,
// appending O(1) while the tail has room. What concerns a pending entry takes
// O(log p), with p of them in the group. Nothing is O(groups) but
// [Log.DropReferences] and [Log.Acknowledged].
//
// # Records
//
// A record is a value in its group's B-tree, and names its consumer by a number; a
// consumer has the IDs of its records in a B-tree of its own. Both are free of
// pointers, so that the collector does not look into a million of them, and
// copied by page after a Clone like everything else, which a record that two
// trees point to could not be.
//
// # Invariants
//
// Nodes, groups, consumers and trees are changed only by their owner. Clone gives
// up ownership on both sides: each takes a new token, and so owns nothing, before
// its next change.
//
// Live entries ascend by ID through all nodes and are not before their node's ID.
// Tombstones may lie anywhere: XSETID can move the last ID back behind one.
//
// A node whose last entry is deleted by ID is removed. Trimming by ID may leave
// one of tombstones only, as it does in Redis.
//
// The sum of the live entries is Len; first is the first live entry's ID, or 0-0.
// An ID is in a group's records if and only if it is among the IDs of exactly the
// consumer whose number its record bears.
package streamlog
