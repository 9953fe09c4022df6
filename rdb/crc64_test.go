package rdb

import (
	"hash/crc64"
	"math/rand/v2"
	"testing"
)

func TestChecksum(t *testing.T) {
	// The value that the description of the polynomial gives.
	if got := checksum(0, []byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("checksum of 1 to 9 is %x", got)
	}
	table := crc64.MakeTable(jones)
	b := make([]byte, 100)
	r := rand.New(rand.NewPCG(1, 1))
	for n := range b {
		for i := range b[:n] {
			b[i] = byte(r.Uint32())
		}
		want := ^crc64.Update(^uint64(0), table, b[:n])
		cut := r.IntN(n + 1)
		if got := checksum(checksum(0, b[:cut]), b[cut:n]); got != want {
			t.Errorf("checksum of %d bytes is %x, want %x", n, got, want)
		}
	}
}
