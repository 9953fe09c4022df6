package larder_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/larderdb/larder"
)

const benchValue = "0123456789abcdef0123456789abcdef"

func BenchmarkTwoSets(b *testing.B) {
	db := open(b, larder.Options{})
	b.ReportAllocs()
	for b.Loop() {
		db.Set("key:1", benchValue)
		db.Set("key:2", benchValue)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, keys := range [][]string{{"key:1", "key:2"}, nil} {
		b.Run(fmt.Sprint(len(keys), "named"), func(b *testing.B) {
			db := open(b, larder.Options{})
			b.ReportAllocs()
			for b.Loop() {
				db.Update(func(tx *larder.Tx) error {
					tx.Set("key:1", benchValue)
					return tx.Set("key:2", benchValue)
				}, keys...)
			}
		})
	}
}

func BenchmarkRollback(b *testing.B) {
	db := open(b, larder.Options{})
	db.MSet("key:1", benchValue, "key:2", benchValue)
	b.ReportAllocs()
	for b.Loop() {
		db.Update(func(tx *larder.Tx) error {
			tx.Set("key:1", benchValue)
			tx.Set("key:2", benchValue)
			return errBoom
		}, "key:1", "key:2")
	}
}

func BenchmarkView(b *testing.B) {
	db := open(b, larder.Options{})
	db.MSet("key:1", benchValue, "key:2", benchValue)
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		db.View(func(tx *larder.Tx) error {
			buf, _ = tx.GetAppend(buf[:0], "key:1")
			buf, _ = tx.GetAppend(buf[:0], "key:2")
			return nil
		}, "key:1", "key:2")
	}
}

func BenchmarkMulti(b *testing.B) {
	db := open(b, larder.Options{})
	b.ReportAllocs()
	for b.Loop() {
		m := db.Multi()
		for _, key := range benchKeys[:5] {
			m.Set(key, benchValue)
		}
		m.Exec()
	}
}

var benchKeys = []string{"key:1", "key:2", "key:3", "key:4", "key:5"}

func benchWords(lines ...string) (cmds [][][]byte) {
	for _, line := range lines {
		var words [][]byte
		for w := range strings.FieldsSeq(line) {
			words = append(words, []byte(w))
		}
		cmds = append(cmds, words)
	}
	return cmds
}

func benchConn(b *testing.B, lines ...string) {
	db := open(b, larder.Options{})
	c := newConn(db)
	defer c.Close()
	cmds := benchWords(lines...)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for _, words := range cmds {
			buf = c.conn.Exec(buf, words)
		}
	}
}

func BenchmarkWordsFiveSets(b *testing.B) {
	benchConn(b, "SET key:1 "+benchValue, "SET key:2 "+benchValue, "SET key:3 "+benchValue, "SET key:4 "+benchValue, "SET key:5 "+benchValue)
}

func BenchmarkWordsMulti(b *testing.B) {
	benchConn(b, "MULTI", "SET key:1 "+benchValue, "SET key:2 "+benchValue, "SET key:3 "+benchValue, "SET key:4 "+benchValue,
		"SET key:5 "+benchValue, "EXEC")
}

func BenchmarkWordsWatch(b *testing.B) {
	benchConn(b, "WATCH key:1", "GET key:1", "MULTI", "SET key:1 "+benchValue, "EXEC")
}

func BenchmarkWatchLoop(b *testing.B) {
	db := open(b, larder.Options{})
	db.Set("key:1", benchValue)
	b.ReportAllocs()
	for b.Loop() {
		db.Watch(b.Context(), func(tx *larder.Tx) error {
			v, _ := tx.Get("key:1")
			return tx.Multi(func(m *larder.Multi) error { m.Set("key:1", v); return nil })
		}, "key:1")
	}
}

// Transactions on disjoint keys, of which each goroutine has its own two.
func BenchmarkDisjoint(b *testing.B) {
	db := open(b, larder.Options{})
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		me := n.Add(1)
		k1, k2 := fmt.Sprint("a", me), fmt.Sprint("b", me)
		for pb.Next() {
			db.Update(func(tx *larder.Tx) error {
				tx.Set(k1, benchValue)
				return tx.Set(k2, benchValue)
			}, k1, k2)
		}
	})
}

func BenchmarkDisjointMulti(b *testing.B) {
	db := open(b, larder.Options{})
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		me := n.Add(1)
		cmds := benchWords("MULTI", fmt.Sprint("SET a", me, " x"), fmt.Sprint("SET b", me, " x"), "EXEC")
		c := newConn(db)
		defer c.Close()
		var buf []byte
		for pb.Next() {
			buf = buf[:0]
			for _, words := range cmds {
				buf = c.conn.Exec(buf, words)
			}
		}
	})
}
