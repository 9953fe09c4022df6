// Package hashtable is larder's table of keys: one shard's part of one logical
// database, with entries that the collector does not see, snapshots that cost
// nothing to open, and deadlines. As a collection it holds the members of one big
// value, and is cloned instead.
//
// # Terms
//
//	position   a key's hash, without the bits that chose the shard, read as a
//	           fraction; the table is in the order of positions
//	directory  a power of two of slots, found by a position's top bits; each names
//	           a segment, its depth and its generation (several may name one)
//	segment    16 buckets, found by the four bits after the segment's depth
//	bucket     one cache line: 12 tags, 12 handles, an overflow count
//	entry      header, key and payload in a slot of a chunk; or, past 2 KB and for
//	           big collections, a stub there that refers to a Go object
//	handle     32 bits that name an entry
//	generation a number that every opening of a snapshot raises
//	young      begun after the newest open snapshot, so that none sees it
//	record     "look there about this second": what is known of an expiry
//	collection a table of one value's members, in Go memory, that can be cloned
//	shared     what a Clone left to both sides
//
// A [Table] is a [View] that changes, a [Frozen] one that does not.
//
// # Operations
//
// A lookup takes a key to a handle: [View.Find]. The other methods of View read
// what a handle names, walk, scan by cursor, and draw at random.
//
// A change is made in two steps, so that it can be undone. [Table.New] and
// [Table.NewObject] make an entry that nobody sees; [Table.Publish] puts it in the
// place of another, which is then in nobody's hands until the caller gives it to
// [Table.Retire], or publishes it back. What no snapshot sees may be changed in
// place instead: [Table.Overwrite], [Table.SetExpireAt], [Table.SetObject].
// [Table.Compact] ends a transaction that wrote; until then handles are stable.
//
// [Table.Freeze] opens a snapshot, [Table.Thaw] closes it a piece at a time, and
// [Table.Drop] ends the table. [Table.NextDue] and [Table.Due] find what expired. So that Due
// finds what expires inside entries too, the owner says so by [Table.Inside] and
// [Table.Expect].
//
// [NewCollection] makes a table that has [Table.Clone] in the place of Freeze: both
// sides go on being changed, each for itself. [Table.Put] and [Table.Remove] are
// the two steps in one; [Table.OnMove] tells whoever keeps handles where Compact
// moved an entry.
//
// No operation but Drop and the walks takes time in proportion to the table. The
// largest steps are the doubling of the directory and its first copy under a
// snapshot, 16 bytes for some 130 entries.
//
// # Locks
//
// There are none. The caller holds a lock over the table: shared for the methods
// of View, exclusively for the others. A Frozen is read without.
//
// # Invariants
//
// A directory, segment or entry that is not young is never changed, but for the
// access clock of an entry: a directory or segment is copied first, an entry is
// replaced and retired. An entry is as old as its chunk. What clones share is not
// even retired: each side forgets it for itself.
//
// What died waits with the newest snapshot that sees it. When that is thawed, it
// goes to the next older one if it is that old, else it is free. So an entry that
// lived and died between two openings waits for neither, and a long snapshot does
// not keep what short ones after it kept.
//
// An overflow count is the number of entries of this and earlier home buckets that
// went past this bucket; they stay in the segment.
//
// For every entry with an expiry there is a record at or before it.
//
// Under the race detector and the build tag invariants, freed slots and payloads
// are poisoned, and a call that breaks a rule panics where it is made.
package hashtable
