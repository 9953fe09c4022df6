package orderedset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/redistest"
)

// TestBytesOfServer holds small sets to those of a redis-server, byte for byte: DUMP
// has the listpack as it lies.
func TestBytesOfServer(t *testing.T) {
	s := redistest.Start(t)
	c := s.NewClient(t, 2)
	defer c.Close()
	c.Do("CONFIG", "SET", "rdbcompression", "no")
	rnd := rand.New(rand.NewPCG(8, 8))
	scores := []float64{0, math.Copysign(0, -1), 1, -1, 127, 128, 4095, -4096, 1e5, 0.1, -2.5, 1 << 52, 1<<52 + 1, 1 << 53, 1e16, 1e17, 1 << 61,
		1 << 62, -(1 << 62), 1<<62 + 1024, 1 << 63, -(1 << 63), 1e19, 1e300, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), 123456789.123456789}
	for round := range 60 {
		c.Do("DEL", "z")
		lp := listpack.New(0)
		for i := range 1 + round%40 {
			m := fmt.Sprint("m", i)
			switch rnd.IntN(4) {
			case 0:
				m = fmt.Sprint(rnd.Int64() >> rnd.IntN(64))
			case 1:
				m = strings.Repeat("x", rnd.IntN(65))
			}
			score := scores[rnd.IntN(len(scores))]
			if rnd.IntN(3) == 0 {
				score = math.Round(rnd.NormFloat64()*1e6) / 8
			}
			if p, _ := FlatFind(lp, m); p != 0 {
				continue
			}
			lp = FlatInsert(lp, m, score)
			if r := c.Do("ZADD", "z", string(AppendScore(nil, score)), m); r.Kind == redistest.Error {
				t.Fatal(r.Str)
			}
		}
		dump := c.Do("DUMP", "z").Str
		const typeZSetListpack = 17
		if dump == "" || dump[0] != typeZSetListpack {
			t.Fatalf("DUMP = %.40q", dump)
		}
		// One byte of type, the length, then the listpack, and ten bytes of trailer.
		if got := dump[:len(dump)-10]; !strings.HasSuffix(got, string(lp)) || len(got) > len(lp)+6 {
			t.Fatalf("round %d: the server has %q, want %q", round, got, lp)
		}
	}
}
