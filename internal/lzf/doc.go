// Package lzf is the compression that Redis uses for long strings in RDB files and
// for the inner nodes of lists: small, fast in both directions, and weak.
//
// # The format
//
// Compressed bytes are a sequence of instructions. Each begins with a control byte
// c:
//
//	c < 32        copy the c+1 bytes that follow
//	c >= 32       repeat bytes that were written before: 2 + c>>5 of them, or, where
//	              c>>5 is 7, 9 more than the byte that follows says; they begin
//	              1 + (c&31)<<8 + the next byte behind the end of what was written
//
// What is repeated may overlap what it writes. Nothing says how long the result is:
// whoever keeps compressed bytes keeps that beside them.
//
// # Operations
//
// [Append] compresses within a bound, and says so if that is not enough.
// [Decode] takes untrusted bytes. It writes nothing outside dst and fails unless
// they fill it exactly.
package lzf
