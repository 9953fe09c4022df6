// Package hyperloglog is Redis's HyperLogLog: an estimate of how many distinct
// elements were added, in at most 12 KB whatever their number, with a standard error
// of 0.81 %. It is kept in a string, byte for byte as Redis keeps it, so that one
// written by either counts the same in the other.
//
// # Terms
//
//	register  one of 16,384, of 6 bits: the longest run of zeros, plus one, at the
//	          end of the hashes that fell to it
//	header    16 bytes: "HYLL", the encoding, three zeros, the cached estimate
//	cache     the last estimate, 64 bits, little-endian; the top bit says that it is
//	          out of date
//	dense     the encoding with all registers, 6 bits each from the lowest bit of
//	          the first byte on
//	sparse    the encoding with runs of equal registers
//
// The runs of the sparse encoding, by their first byte:
//
//	00nnnnnn           n+1 registers of zero
//	01nnnnnn nnnnnnnn  n+1 registers of zero, the high bits first
//	1vvvvvnn           n+1 registers of v+1
//
// A sparse one becomes dense when it would take more bytes than a limit, or when a
// register goes past 32.
//
// # Operations
//
// [New] makes an empty one, [Add] adds the [Hash] of an element, [Merge] and
// [FromRegisters] combine several, [Count] estimates. Strings come from anybody:
// [Valid] looks at the header, and what is wrong behind it is [ErrCorrupt], found
// where it is met.
//
// The hash is MurmurHash64A with the seed 0xadc83b19. The estimate is Otmar Ertl's
// improved raw estimator ("New cardinality estimation algorithms for HyperLogLog
// sketches", 2017), which needs no table of biases.
//
// # Invariants
//
// The runs of a sparse one cover 16,384 registers, no more and no less.
package hyperloglog
