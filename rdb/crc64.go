package rdb

import "encoding/binary"

// The checksum of RDB files and DUMP payloads is the CRC-64 of the Jones
// polynomial, reflected, that begins with 0 and is not inverted. hash/crc64
// inverts, and has its fast tables for two other polynomials only.

const jones = 0x95ac9329ac4bc9b5 // 0xad93d23594c935a9 reflected

// crcTables are for eight bytes at a time.
var crcTables = func() (t [8][256]uint64) {
	for i := range t[0] {
		c := uint64(i)
		for range 8 {
			c = c>>1 ^ jones&-(c&1)
		}
		t[0][i] = c
	}
	for k := 1; k < 8; k++ {
		for i := range t[k] {
			c := t[k-1][i]
			t[k][i] = c>>8 ^ t[0][byte(c)]
		}
	}
	return t
}()

// checksum adds b to a checksum.
func checksum(crc uint64, b []byte) uint64 {
	t := &crcTables
	for ; len(b) >= 8; b = b[8:] {
		crc ^= binary.LittleEndian.Uint64(b)
		crc = t[7][byte(crc)] ^ t[6][byte(crc>>8)] ^ t[5][byte(crc>>16)] ^ t[4][byte(crc>>24)] ^
			t[3][byte(crc>>32)] ^ t[2][byte(crc>>40)] ^ t[1][byte(crc>>48)] ^ t[0][byte(crc>>56)]
	}
	for _, c := range b {
		crc = crc>>8 ^ t[0][byte(crc)^c]
	}
	return crc
}
