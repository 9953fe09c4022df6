package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/larderdb/larder/rdb"
)

func elements(name string, typ rdb.Type, encoding byte, all ...string) events {
	evs := events{key(name, typ, encoding, int64(len(all)))}
	for _, v := range all {
		evs = append(evs, rdb.Event{Kind: rdb.KindElement, Value: []byte(v)})
	}
	return append(evs, rdb.Event{Kind: rdb.KindEnd})
}

func fields(name string, pairs ...string) events {
	evs := events{key(name, rdb.Hash, 4, int64(len(pairs)/2))}
	for i := 0; i < len(pairs); i += 2 {
		evs = append(evs, rdb.Event{Kind: rdb.KindField, Field: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return append(evs, rdb.Event{Kind: rdb.KindEnd})
}

func members(name string, scores map[string]float64, order ...string) events {
	evs := events{key(name, rdb.SortedSet, 5, int64(len(order)))}
	for _, m := range order {
		evs = append(evs, rdb.Event{Kind: rdb.KindMember, Value: []byte(m), Score: scores[m]})
	}
	return append(evs, rdb.Event{Kind: rdb.KindEnd})
}

const later = 1_900_000_000_000

func TestDiff(t *testing.T) {
	scores := map[string]float64{"a": 1, "b": 2}
	a := write(t,
		stringKey("same", "v"), stringKey("gone\xff", "v"), stringKey("value", "1"), expiring(stringKey("ttl", "v"), later), stringKey("type", "v"),
		elements("order", rdb.List, 1, "a", "b"), elements("set", rdb.Set, 2, "a", "b"), elements("set2", rdb.Set, 2, "ab", "c"),
		fields("hash", "a", "1", "b", "2"), fields("hash2", "a", "1", "b", "2"), members("zset", scores, "a", "b"), members("zset2", scores, "a", "b"),
		inDB(1), stringKey("same", "v"))
	other := map[string]float64{"a": 1, "b": 3}
	b := write(t,
		stringKey("value", "2"), stringKey("ttl", "v"), elements("type", rdb.List, 1, "v"), stringKey("same", "v"), stringKey("new", "v"),
		elements("order", rdb.List, 1, "b", "a"), elements("set", rdb.Set, 2, "b", "a"), elements("set2", rdb.Set, 2, "a", "bc"),
		fields("hash", "b", "2", "a", "1"), fields("hash2", "a", "2", "b", "1"), members("zset", scores, "b", "a"), members("zset2", other, "a", "b"),
		inDB(2), stringKey("same", "v"))
	want := `~ 0 "value": value of the string
~ 0 "ttl": expires 2030-03-17T17:46:40.000Z, then never
~ 0 "type": type string, then list
+ 0 "new": string
~ 0 "order": value of the list
~ 0 "set2": value of the set
~ 0 "hash2": value of the hash
~ 0 "zset2": value of the zset
+ 2 "same": string
- 0 "gone\xff": string
- 1 "same": string
2 only in A, 2 only in B, 7 different, 4 the same
`
	if got := run(t, statusFound, "diff", a, b).out; got != want {
		t.Errorf("it prints\n%s\nwant\n%s", got, want)
	}
	if got := run(t, statusFound, "diff", "--quiet", a, b).out; got != want[strings.Index(want, "2 only"):] {
		t.Errorf("--quiet prints %q", got)
	}
	if got := run(t, statusOK, "diff", "--keep", "same", "--db", "0", a, b).out; !strings.Contains(got, "1 the same") {
		t.Errorf("of what is the same it prints %q", got)
	}
	one, double := write(t, stringKey("k", "1")), write(t, stringKey("k", "1"), stringKey("k", "1"))
	for _, files := range [][]string{{double, one}, {one, double}} {
		if r := run(t, statusTrouble, "diff", files[0], files[1]); !strings.Contains(r.err, `"k" of database 0 is there twice`) {
			t.Errorf("a key that is there twice: %+v", r)
		}
	}
}

// A file of another version and other encodings is the same if its values are.
func TestDiffEncodings(t *testing.T) {
	out := filepath.Join(t.TempDir(), "c.rdb")
	run(t, statusOK, "filter", "--plain", "--version", "12", "--out", out, golden)
	if r := run(t, statusOK, "diff", golden, out); !strings.Contains(r.out, "123 the same") {
		t.Errorf("it prints %+v", r)
	}
	plain := write(t, elements("list:int:2", rdb.List, 1, "0", "1"), elements("set:int:2:1", rdb.Set, 2, "0", "-1"), fields("hash:2", "field 1", "1", "field 0", "0"))
	if r := run(t, statusOK, "diff", "--keep", "list:int:2", "--keep", "set:int:2:1", "--keep", "hash:2", golden, plain); !strings.Contains(r.out, "3 the same") {
		t.Errorf("it prints %+v", r)
	}
}
