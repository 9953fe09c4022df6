package admin

import (
	"testing"
	"testing/synctest"
	"time"
)

// Rates are since somebody last asked, in bytes and commands a second.
func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{started: time.Now()}
		look := func(in int64) (ops int64, r ByteRates) {
			m := s.rates(NetworkStats{BytesIn: in, BytesOut: 2 * in}, &ReplicationInfo{BytesIn: 3 * in, BytesOut: 4 * in})
			return m.ops, m.bytes
		}
		check := func(in, wantOps int64, want ByteRates) {
			t.Helper()
			if ops, r := look(in); ops != wantOps || r != want {
				t.Errorf("rates = %d, %v; want %d, %v", ops, r, wantOps, want)
			}
		}
		check(1000, 0, ByteRates{}) // nobody knows yet
		s.commands.Store(40)
		time.Sleep(2 * time.Second)
		check(1000, 20, ByteRates{500, 1000, 1500, 2000})
		check(9000, 20, ByteRates{500, 1000, 1500, 2000}) // asked again at once
		time.Sleep(time.Second)
		check(3000, 0, ByteRates{2000, 4000, 6000, 8000})
		time.Sleep(time.Second)
		check(0, 0, ByteRates{}) // RESETSTAT
	})
}
