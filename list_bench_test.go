package larder_test

import (
	"fmt"
	"testing"

	"github.com/larderdb/larder"
)

// BenchmarkList measures the commands in words, as a connection runs them, on a short
// list and on one of a million elements.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{5, 1_000_000} {
		db, err := larder.Open(larder.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for range n {
			db.RPush("l", "xxx")
		}
		c := newConn(db)
		buf := make([]byte, 0, 64<<10)
		for _, words := range [][]string{
			{"LPUSH", "l", "xxx"}, {"RPUSH", "l", "xxx"}, {"LPOP", "l"}, {"RPOP", "l"}, {"LMOVE", "l", "l", "LEFT", "RIGHT"},
			{"LINDEX", "l", "2"}, {"LINDEX", "l", "500000"}, {"LSET", "l", "3", "yyy"}, {"LRANGE", "l", "0", "99"}, {"SET", "s", "xxx"},
		} {
			var bs [][]byte
			for _, w := range words {
				bs = append(bs, []byte(w))
			}
			back := map[string][][]byte{
				"LPUSH": {[]byte("LPOP"), []byte("l")}, "RPUSH": {[]byte("RPOP"), []byte("l")},
				"LPOP": {[]byte("LPUSH"), []byte("l"), []byte("xxx")}, "RPOP": {[]byte("RPUSH"), []byte("l"), []byte("xxx")},
			}[words[0]]
			b.Run(fmt.Sprintf("%s of %d", words, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if c.conn.Exec(buf, bs); back != nil && i%1000 == 999 { // the list keeps its length
						b.StopTimer()
						for range 1000 {
							c.conn.Exec(buf, back)
						}
						b.StartTimer()
					}
				}
			})
		}
		c.Close()
		db.Close()
	}
}
