package larder_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/larderdb/larder"
)

// BenchmarkSet measures the commands in words, as a connection runs them, on small sets
// of either form, on one with a table and on one of a million members.
func BenchmarkSet(b *testing.B) {
	for _, set := range []struct {
		name, member string
		n            int
	}{{"ints", "%d", 100}, {"small", "m%d", 20}, {"table", "m%d", 1000}, {"table", "m%d", 1_000_000}} {
		db, err := larder.Open(larder.Options{})
		if err != nil {
			b.Fatal(err)
		}
		members := make([][]byte, set.n)
		for i := range members {
			members[i] = fmt.Appendf(nil, set.member, i)
			db.SAdd("s", string(members[i]))
		}
		rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		c := newConn(db)
		buf := make([]byte, 0, 64<<10)
		run := func(name, other string) {
			words := [][]byte{[]byte(name), []byte("s"), nil}
			back := [][]byte{[]byte(other), []byte("s"), nil}
			b.Run(fmt.Sprintf("%s of %d %s", name, set.n, set.name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					words[2] = members[i%len(members)]
					c.conn.Exec(buf, words)
					if other != "" { // the set keeps its length
						back[2] = words[2]
						c.conn.Exec(buf, back)
					}
				}
			})
		}
		run("SISMEMBER", "")
		run("SADD", "")
		run("SREM", "SADD")
		b.Run(fmt.Sprintf("SRANDMEMBER of %d %s", set.n, set.name), func(b *testing.B) {
			b.ReportAllocs()
			words := [][]byte{[]byte("SRANDMEMBER"), []byte("s")}
			for b.Loop() {
				c.conn.Exec(buf, words)
			}
		})
		c.Close()
		db.Close()
	}
}
