// Package intset is Redis's intset: a set of 64-bit integers in one run of bytes,
// byte for byte as Redis keeps it in memory and in RDB files.
//
// # Terms
//
//	intset  8 bytes of header, then the integers, all of one width, ascending
//	header  the width and the number of integers, 32 bits each
//	width   2, 4 or 8: how many bytes an integer takes, the least in which each of
//	        them had room when it came
//
// All numbers are little-endian, signed but for the header's.
//
// # Operations
//
// An intset is a []byte. [Find], [At], [Len] and [All] read. [Add] and [Remove] change
// it in place where the capacity suffices, as the built-in append does, and return
// it: the caller owns the bytes and keeps what is returned. Finding is O(log n), a
// change moves what lies behind it, and one that widens rewrites all.
//
// # Invariants
//
// The integers ascend, each once. The width never shrinks.
//
// The functions trust the bytes, and panic, or read nonsense, on others. [Validate]
// says whether untrusted bytes can be trusted.
package intset
