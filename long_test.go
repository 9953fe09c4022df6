package larder_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder"
)

// TestLongElements runs the same random commands on a store that keeps few but long
// elements in listpacks and on one that keeps all in tables: nobody can tell them
// apart. What is random, or comes in the order of a table, is sorted first.
func TestLongElements(t *testing.T) {
	flat, big := open(t, larder.Options{}), open(t, larder.Options{})
	if _, err := big.Do("CONFIG", "SET", "zset-max-listpack-entries", "0", "hash-max-listpack-entries", "0"); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(31, 32))
	text := func(n int) string {
		s := fmt.Sprint("e", rnd.IntN(n))
		if n > 4 && rnd.IntN(3) == 0 {
			s += strings.Repeat("long", 20+len(s))
		}
		return s
	}
	number := func() string { return []string{"0", "1", "2.5", "-3", "1e20", "inf"}[rnd.IntN(6)] }
	mine, theirs := newConn(flat), newConn(big)
	defer mine.Close()
	defer theirs.Close()
	forms := map[string]bool{}
	for round := range 20_000 {
		n := []int{4, 40, 100}[rnd.IntN(3)] // names, so about as many elements
		z, h := fmt.Sprint("z", n), fmt.Sprint("h", n)
		var words []string
		switch rnd.IntN(24) {
		case 0, 1, 2, 3:
			words = []string{"ZADD", z, number(), text(n), number(), text(n)}
		case 4:
			words = []string{"ZINCRBY", z, "2", text(n)}
		case 5, 6:
			words = []string{"ZREM", z, text(n), text(n)}
		case 7:
			words = []string{"ZRANGE", z, "0", "-1", "WITHSCORES"}
		case 8:
			words = []string{"ZREMRANGEBYSCORE", z, "-3", "(1"}
		case 9:
			words = []string{"ZRANK", z, text(n)}
		case 10:
			words = []string{"ZUNIONSTORE", z + "u", "2", z, "z40"}
		case 11:
			words = []string{"ZRANGE", z + "u", "0", "-1", "WITHSCORES"}
		case 12:
			words = []string{"ZSCAN", z, "0", "COUNT", "100000"}
		case 13:
			words = []string{"DEL", []string{z, h, z + "u"}[rnd.IntN(3)]}
		case 14, 15, 16, 17:
			words = []string{"HSET", h, text(n), text(n), text(n), text(n)}
		case 18, 19:
			words = []string{"HDEL", h, text(n), text(n)}
		case 20:
			words = []string{"HGETALL", h}
		case 21:
			words = []string{"HEXPIRE", h, "1000000", "FIELDS", "1", text(n)}
			if rnd.IntN(5) > 0 {
				words = []string{"HSETNX", h, text(n), text(n)}
			}
		case 22:
			words = []string{"COPY", h, "h4", "REPLACE"}
		case 23:
			words = []string{"HMGET", h, text(n), text(n)}
		}
		a, b := mine.Do(words...).Lines(), theirs.Do(words...).Lines()
		if words[0] == "HGETALL" || words[0] == "ZSCAN" {
			slices.Sort(a)
			slices.Sort(b)
		}
		if words[0] != "ZSCAN" && !slices.Equal(a, b) { // of which a listpack gives some scores another text
			t.Fatalf("round %d: %.80q\nin listpacks\n%.2000s\nin tables\n%.2000s", round, words, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
		for _, key := range []string{z, h} {
			enc, _ := flat.ObjectEncoding(key)
			forms[key[:1]+" "+enc] = true
		}
		if round%500 == 0 {
			if a, b := mine.Do("DEBUG", "DIGEST"), theirs.Do("DEBUG", "DIGEST"); a.Str != b.Str {
				t.Fatalf("round %d: the digests are %s and %s", round, a.Str, b.Str)
			}
		}
	}
	// A time of expiry needs a listpack of its own, which long fields have none of either.
	mine.Do("HSET", "long", "f", strings.Repeat("x", 65))
	mine.Do("HEXPIRE", "long", "1000000", "FIELDS", "1", "f")
	if enc, err := flat.ObjectEncoding("long"); enc != "hashtable" {
		t.Errorf("a long field that expires makes a %s, %v, want a hashtable", enc, err)
	}
	for _, f := range []string{"z listpack", "z skiplist", "h listpack", "h listpackex", "h hashtable"} {
		if !forms[f] {
			t.Errorf("there never was a %s", f)
		}
	}
}
