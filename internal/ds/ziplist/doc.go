// Package ziplist reads Redis's ziplist, which kept what was small before Redis 7,
// and stands in RDB files up to version 9 and in DUMP payloads of then. Nothing
// here writes one.
//
// # The format
//
//	ziplist  its length in bytes and the offset of its last entry, 32 bits each, the
//	         number of entries, 16 bits, all little-endian; the entries; one byte 0xFF
//	unknown  a number of entries of 65535: it must be counted
//	entry    prevlen, encoding, bytes
//	prevlen  the length of the entry before, 0 for the first: one byte up to 253, or
//	         0xFE and 32 bits, little-endian, which shorter ones may have as well
//
// The encodings, by their first byte:
//
//	00xxxxxx  a string of up to 63 bytes       0xC0  an integer of 16 bits
//	01xxxxxx  of up to 16383, big-endian       0xD0  of 32
//	10......  length in the 4 bytes that       0xE0  of 64
//	          follow, big-endian               0xF0  of 24
//	                                           0xFE  of 8
//	1111xxxx  an integer from 0 to 12, plus one, in the lower bits: 0xF1 to 0xFD
//
// # Operations
//
// [AppendListpack] reads untrusted bytes and gives the same elements as a listpack.
// It reads every byte once and nothing outside.
package ziplist
