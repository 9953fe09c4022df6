package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/rdb"
)

// repaired repairs a file, and returns what the tool says and the keys that are left.
func repaired(t *testing.T, status int, file []byte) (result, []string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.rdb")
	r := run(t, status, "repair", writeFile(t, file), out)
	return r, keysIn(t, out)
}

// Wherever a file is cut, all keys before that are kept, and what is written is sound.
func TestRepairCut(t *testing.T) {
	good := read(t, golden)
	var ends []int64 // of the keys
	var keys []string
	if err := rdb.NewDecoder(bytes.NewReader(good), rdb.DecoderOptions{}).Decode(func(ev *rdb.Event) error {
		if ev.Kind == rdb.KindEnd {
			ends, keys = append(ends, ev.Offset), append(keys, string(ev.Key.Name))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n := 9; n < len(good); n += 997 {
		whole := 0
		for whole < len(ends) && ends[whole] <= int64(n) {
			whole++
		}
		r, got := repaired(t, statusFound, good[:n])
		if !slices.Equal(got, keys[:whole]) {
			t.Fatalf("cut after %d bytes: %d keys are kept, want %d", n, len(got), whole)
		}
		want := []string{fmt.Sprintf("%d keys kept", whole), "unexpected EOF", "bytes lie behind the damage"}
		if n > 200 { // where the file has told how many keys there are
			want = append(want, fmt.Sprintf("about %d keys", len(keys)-whole))
		}
		for _, w := range want {
			if !strings.Contains(r.out+r.err, w) {
				t.Fatalf("cut after %d bytes it says %+v, which has no %q", n, r, w)
			}
		}
	}
	if r, got := repaired(t, statusOK, good); len(got) != len(keys) || r.err != "" {
		t.Errorf("of a sound file %d keys are kept, and it says %+v", len(got), r)
	}
}

func TestRepairChecksum(t *testing.T) {
	good := read(t, golden)
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	r, got := repaired(t, statusFound, bad)
	if len(got) != 123 || !strings.Contains(r.err, "wrong checksum") || !strings.Contains(r.err, "every key can be read") {
		t.Errorf("%d keys are kept, and it says %+v", len(got), r)
	}
}

// What is damaged by itself is lost by itself.
func TestRepairSingleKeys(t *testing.T) {
	group := func(name string, own ...uint64) events {
		evs := events{key(name, rdb.Stream, 19, 0), {Kind: rdb.KindStream, Stream: &rdb.Meta{}, Count: 1},
			{Kind: rdb.KindGroup, Name: []byte("g"), Count: 2},
			{Kind: rdb.KindPending, ID: rdb.ID{Ms: 1}, Count: 1}, {Kind: rdb.KindPending, ID: rdb.ID{Ms: 2}, Count: 1},
			{Kind: rdb.KindConsumers, Count: 1}, {Kind: rdb.KindConsumer, Name: []byte("c"), Count: int64(len(own))}}
		for _, ms := range own {
			evs = append(evs, rdb.Event{Kind: rdb.KindOwn, ID: rdb.ID{Ms: ms}})
		}
		return append(evs, rdb.Event{Kind: rdb.KindEnd})
	}
	file := write(t, stringKey("a", "1"), elements("set", rdb.Set, 2, "x", "y", "x"), fields("hash", "f", "1", "f", "2"),
		members("zset", nil, "m", "m"), stringKey("b", "2"), stringKey("a", "3"), group("own", 1, 2), group("stranger", 1, 2, 3),
		group("nobody", 1), group("twice", 1, 2, 2), inDB(1), stringKey("a", "4"), elements("list", rdb.List, 1, "x", "x"))
	r, got := repaired(t, statusFound, read(t, file))
	if want := []string{"a", "b", "own", "a", "list"}; !slices.Equal(got, want) {
		t.Errorf("%q are kept, want %q", got, want)
	}
	for key, why := range map[string]string{"set": "a member that is there twice", "hash": "a field", "zset": "a member", "a": "a key of this name",
		"stranger": "not pending", "nobody": "no consumer's", "twice": "another's"} {
		found := false
		for line := range strings.Lines(r.err) {
			found = found || strings.Contains(line, fmt.Sprintf("key %q of database 0", key)) && strings.Contains(line, why)
		}
		if !found {
			t.Errorf("it does not say of %q %q:\n%s", key, why, r.err)
		}
	}
	if n := strings.Count(r.err, "\n"); n != 7 {
		t.Errorf("it says %d lines:\n%s", n, r.err)
	}
}

// Behind bytes of which nothing can be made there is nothing, whatever they were.
func TestRepairFlipped(t *testing.T) {
	good := read(t, golden)
	step := 4001
	if testing.Short() {
		step = 30011
	}
	for at := 150; at < len(good); at += step {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << bit
			_, got := repaired(t, statusFound, bad)
			if len(got) > 123 {
				t.Fatalf("byte %d, bit %d: %d keys are kept", at, bit, len(got))
			}
		}
	}
}
