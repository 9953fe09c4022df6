// Package listpack is Redis's listpack: a sequence of strings and integers in one
// run of bytes, byte for byte as Redis keeps it in memory and in RDB files. It
// holds what is small: the nodes of streams and lists, and hashes, sets and sorted
// sets below their thresholds.
//
// # Terms
//
//	listpack  6 bytes of header, the elements, one byte 0xFF
//	header    the length of all in bytes, 32 bits, and the number of elements, 16
//	          bits, both little-endian
//	unknown   a number of elements of 65535: it must be counted
//	element   encoding, bytes, backlen
//	backlen   the length of encoding and bytes, in groups of 7 bits to be read
//	          backwards, so that a listpack can be walked from its end
//	offset    where in the listpack an element begins; 0 is none
//
// The encodings, by their first byte:
//
//	0xxxxxxx  an integer from 0 to 127       0xF1  an integer of 16 bits
//	10xxxxxx  a string of up to 63 bytes     0xF2  of 24
//	110xxxxx  an integer of 13 bits          0xF3  of 32
//	1110xxxx  a string of up to 4095 bytes   0xF4  of 64
//	0xF0      a string, length in 32 bits
//
// A string that is an integer as Redis would write it ([ParseInt]) is stored as
// that integer, in the shortest of its encodings. A [Value] is either.
//
// # Operations
//
// A listpack is a []byte. [First], [Last], [Next], [Prev] and [Seek] give offsets;
// [Get], [Read] and [All] read. [Append], [Insert], [Replace] and [Delete] change
// it in place where the capacity suffices, as the built-in append does, and return
// it: the caller owns the bytes and keeps what is returned. Offsets before the
// change stay good, later ones move. Nothing allocates but growth.
//
// Finding an element by index and counting after 65534 are O(n). A change moves
// what lies behind it.
//
// # Invariants
//
// The functions trust the bytes, and panic, or read nonsense, on others.
// [Validate] says whether untrusted bytes can be trusted.
//
// Every encoding that Redis reads is read, also one longer than need be; what is
// written is the shortest.
package listpack
