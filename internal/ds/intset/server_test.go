package intset

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// TestBytesOfServer holds intsets to those of a redis-server, byte for byte: DUMP has
// the intset as it lies.
func TestBytesOfServer(t *testing.T) {
	s := redistest.Start(t)
	c := s.NewClient(t, 2)
	defer c.Close()
	c.Do("CONFIG", "SET", "rdbcompression", "no")
	rnd := rand.New(rand.NewPCG(5, 5))
	for round := range 60 {
		c.Do("DEL", "s")
		set := AppendNew(nil)
		for range 1 + round {
			n := borders[rnd.IntN(len(borders))]
			if rnd.IntN(2) == 0 {
				n = rnd.Int64() >> rnd.IntN(64)
			}
			command := "SADD"
			if rnd.IntN(5) == 0 && Len(set) > 1 {
				command, n = "SREM", At(set, rnd.IntN(Len(set)))
				set, _ = Remove(set, n)
			} else {
				set, _ = Add(set, n)
			}
			if r := c.Do(command, "s", fmt.Sprint(n)); r.Kind == redistest.Error {
				t.Fatal(r.Str)
			}
		}
		dump := c.Do("DUMP", "s").Str
		const typeIntset = 11
		if dump == "" || dump[0] != typeIntset {
			t.Fatalf("DUMP = %.40q", dump)
		}
		// One byte of type, the length, then the intset, and ten bytes of trailer.
		if got := dump[:len(dump)-10]; !strings.HasSuffix(got, string(set)) || len(got) > len(set)+6 {
			t.Fatalf("round %d: the server has %q, want %q", round, got, set)
		}
	}
}
