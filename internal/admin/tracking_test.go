package admin

import (
	"math/rand/v2"
	"testing"
)

// The readers of a key beside a set of those that were added: nobody who still tracks is
// forgotten, those that have gone do not pile up, and the count of them is kept.
func TestReaders(t *testing.T) {
	for _, crowd := range []int{3, fewReaders - 1, fewReaders, fewReaders + 1, 2 * fewReaders, 12 * fewReaders} {
		r := rand.New(rand.NewPCG(uint64(crowd), 1))
		live := map[int64]*Client{}
		var readers readers
		added, items, last := map[int64]bool{}, 0, int64(0)
		for round := range 40 * crowd {
			if len(live) < crowd {
				last++
				live[last] = &Client{}
			}
			for id := range live {
				if r.IntN(3) == 0 { // it hangs up
					delete(live, id)
					break
				}
				added[id] = true
				items += readers.add(id, live)
				break
			}
			if round%101 != 0 && crowd > fewReaders {
				continue // looking at all of them takes its time
			}
			held := map[int64]bool{}
			if n := readers.all(func(id int64) {
				if held[id] || !added[id] {
					t.Fatalf("%d is there twice, or has not read", id)
				}
				held[id] = true
			}); n != items || n != len(held) {
				t.Fatalf("%d readers of which %d were shown; counted were %d", n, len(held), items)
			}
			for id := range added {
				if live[id] != nil && !held[id] {
					t.Fatalf("%d reads and is forgotten", id)
				}
			}
			if len(held) > 4*fewReaders+2*crowd {
				t.Fatalf("%d are held of %d that live", len(held), len(live))
			}
		}
	}
}
