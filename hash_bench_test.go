package larder_test

import (
	"fmt"
	"testing"

	"github.com/larderdb/larder"
)

// Fields of small hashes, as a store of objects has them, and of a big one.
func BenchmarkHash(b *testing.B) {
	db := open(b, larder.Options{})
	const keys = 1000
	names, fields := make([]string, keys), make([]string, keys)
	for i := range names {
		names[i], fields[i] = fmt.Sprint("user:", i), fmt.Sprint("field:", i)
		db.HSet(names[i], "name", "ann", "city", "Oslo", "visits", "17", "mail", "ann@example.com", "last", "a value of 32 bytes, about so long")
		db.HSet("big", fields[i], "a value of 32 bytes, about so long")
	}
	for i := range 1_000_000 {
		db.HSet("big", fmt.Sprint("more:", i), "a value of 32 bytes, about so long")
	}
	buf := make([]byte, 0, 64)
	for _, bm := range []struct {
		name string
		f    func(i int)
	}{
		{"small/HGetAppend", func(i int) { db.HGetAppend(buf, names[i%keys], "mail") }},
		{"small/HSet", func(i int) { db.HSet(names[i%keys], "last", "a value of 32 bytes, about so LONG") }},
		{"small/HIncrBy", func(i int) { db.HIncrBy(names[i%keys], "visits", 1) }},
		{"big/HGetAppend", func(i int) { db.HGetAppend(buf, "big", fields[i%keys]) }},
		{"big/HSet", func(i int) { db.HSet("big", fields[i%keys], "a value of 32 bytes, about so LONG") }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bm.f(i)
			}
		})
	}
}
