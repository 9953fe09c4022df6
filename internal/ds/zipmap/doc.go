// Package zipmap reads the zipmap, in which Redis kept small hashes before version
// 2.6, and which stands in RDB files of then. Nothing here writes one.
//
// # The format
//
//	zipmap  the number of pairs in one byte, which says nothing from 254 on; the
//	        pairs; one byte 0xFF
//	pair    length, field, length, free, value, and as many bytes as free says, which
//	        mean nothing
//	length  one byte up to 253, or 0xFE and 32 bits, little-endian
//	free    one byte
//
// # Operations
//
// [AppendListpack] reads untrusted bytes and gives fields and values by turns as a
// listpack. It reads every byte once and nothing outside.
package zipmap
