package larder_test

import (
	"testing"

	"github.com/larderdb/larder"
)

// What the calls cost that SLOWLOG, MONITOR and LATENCY may look at, while nobody
// looks: a lookup, a write in place, a command that is timed always, and the words of a
// pipeline.
func BenchmarkUnobserved(b *testing.B) {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Set("k", "value"); err != nil {
		b.Fatal(err)
	}
	if _, err := db.RPush("l", "a", "b", "c"); err != nil {
		b.Fatal(err)
	}
	b.Run("Get", func(b *testing.B) {
		for b.Loop() {
			_, _ = db.Get("k")
		}
	})
	b.Run("Set", func(b *testing.B) {
		for b.Loop() {
			_ = db.Set("k", "value")
		}
	})
	b.Run("LRange", func(b *testing.B) {
		for b.Loop() {
			_, _ = db.LRange("l", 0, -1)
		}
	})
	b.Run("WordsGet", func(b *testing.B) {
		c := newConn(db)
		defer c.Close()
		words, dst := [][]byte{[]byte("get"), []byte("k")}, make([]byte, 0, 64)
		c.conn.Batch(true)
		for b.Loop() {
			dst = c.conn.Exec(dst[:0], words)
		}
	})
	b.Run("WordsGetAlone", func(b *testing.B) {
		c := newConn(db)
		defer c.Close()
		words, dst := [][]byte{[]byte("get"), []byte("k")}, make([]byte, 0, 64)
		for b.Loop() {
			dst = c.conn.Exec(dst[:0], words)
		}
	})
}
