// Package chunk is the allocator under larder's tables: it hands out blocks of
// 64 KB that hold no Go pointers.
//
// A table of millions of small entries must not consist of millions of Go
// objects, or each garbage collection of the program that embeds larder pays for
// them. So entries lie in chunks, and chunks come from a [Source].
//
// # Terms
//
//	chunk       Size bytes, aligned to 16 at least, contents arbitrary
//	first chunk the one that a table begins with; shorter where a whole one would
//	            waste memory
//	extent      one mapping of the system's, cut into chunks
//
// # Where chunks come from
//
// Where package syscall has mmap, chunks are cut from anonymous mappings. They
// then neither pace the collector (a gigabyte of chunks on the Go heap let a
// program that makes 1 KB of garbage at a time grow to two) nor stay resident
// when they are given back. A page that was never touched costs no memory, so a
// table with one entry needs no small first chunk there.
//
// Elsewhere, and under the race detector or the build tag invariants, chunks are
// Go memory, so that the race detector and checkptr see what is done to them.
// The same holds for a single chunk when the system refuses a mapping: a full
// address space or a limit on mappings makes larder slower to collect, not dead.
//
// # Operations
//
// Get hands out a chunk and First a table's first one, Put takes either back,
// Close unmaps everything. All may be called by several goroutines at once.
//
// # Invariants
//
// A chunk is either with one holder or in the source's list, never both. A
// holder keeps the pointer that it got in memory that the collector scans, since
// the chunk may be Go memory.
package chunk
