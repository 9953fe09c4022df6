package rdb

import (
	"bytes"
	"crypto/sha1"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/redistest"
)

// A golden file was saved by redis-server 7.0.15; beside it stands what the server
// itself tells of its keys, a line each: name, type, encoding, expiry, a digest of
// what LRANGE and its like answer. -rewrite records both anew.
const (
	goldenFile  = "testdata/redis-7.0.15.rdb"
	goldenLines = "testdata/redis-7.0.15.txt"
)

func digestOf(parts []string) string {
	h := sha1.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s,", len(p), p)
	}
	return fmt.Sprintf("%x of %d", h.Sum(nil)[:8], len(parts))
}

// told is what a server tells of a key.
func told(a asker, key string) string {
	typ := a.do("TYPE", key).Str
	words := map[string][]string{
		"string": {"GET", key}, "list": {"LRANGE", key, "0", "-1"}, "set": {"SMEMBERS", key},
		"zset": {"ZRANGE", key, "0", "-1", "WITHSCORES"}, "hash": {"HGETALL", key}, "stream": {"XRANGE", key, "-", "+"},
	}[typ]
	var parts []string
	var flat func(v redistest.Value)
	flat = func(v redistest.Value) {
		if v.Kind != redistest.Array {
			parts = append(parts, v.Str)
		}
		for _, e := range v.Elems {
			flat(e)
		}
	}
	flat(a.do(words...))
	if typ == "set" {
		slices.Sort(parts)
	}
	if typ == "hash" {
		parts = sortedPairs(parts)
	}
	for i := 1; typ == "zset" && i < len(parts); i += 2 {
		score, err := strconv.ParseFloat(parts[i], 64)
		if err != nil {
			a.t.Fatal(err)
		}
		parts[i] = scoreText(score)
	}
	return fmt.Sprintf("%q %s %s %d %s", key, typ, a.do("OBJECT", "ENCODING", key).Str, max(0, a.do("PEXPIRETIME", key).Int), digestOf(parts))
}

// scoreText is a score in digits that depend on its value only. Redis has its own for
// each encoding.
func scoreText(score float64) string { return strconv.FormatFloat(score+0, 'g', -1, 64) }

func sortedPairs(words []string) (pairs []string) {
	for i := 0; i < len(words); i += 2 {
		pairs = append(pairs, words[i]+"="+words[i+1])
	}
	slices.Sort(pairs)
	return pairs
}

// decoded is what we tell of a key.
func decoded(key string, v engine.Value, expireAt int64) string {
	var parts []string
	switch v.Type() {
	case engine.TypeString:
		parts = []string{v.Str().String()}
	case engine.TypeList:
		l, _ := v.List()
		for _, e := range l.Range(0) {
			parts = append(parts, e.String())
		}
	case engine.TypeSet:
		m, _ := v.Members()
		for e := range m.All() {
			parts = append(parts, e.String())
		}
		slices.Sort(parts)
	case engine.TypeZSet:
		items, _ := v.ZItems()
		for it := range items.All() {
			parts = append(parts, it.Member.String(), scoreText(it.Score))
		}
	case engine.TypeHash:
		fields, _ := v.Fields(0)
		for f, e := range fields.Entries() {
			parts = append(parts, f.String(), e.Value.String())
		}
		parts = sortedPairs(parts)
	case engine.TypeStream:
		for _, e := range entriesOf(v) {
			parts = append(parts, e...)
		}
	}
	return fmt.Sprintf("%q %s %s %d %s", key, v.Type(), v.Form.Encoding(), expireAt, digestOf(parts))
}

func recordGolden(t *testing.T) {
	a := ask(t, redistest.Start(t))
	dataset(a)
	for _, key := range keysOf(a) { // those whose size is no border of anything
		if n := a.do("MEMORY", "USAGE", key).Int; n > 30000 && key != "list:packed" && key != "list:plain" {
			a.do("DEL", key)
		}
	}
	a.do("DEL", "edited") // raw though short
	a.do("PEXPIREAT", "int:3", "4102444800000")
	a.do("SAVE")
	file, err := os.ReadFile(filepath.Join(a.do("CONFIG", "GET", "dir").Elems[1].Str, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, key := range keysOf(a) {
		lines = append(lines, told(a, key))
	}
	slices.Sort(lines)
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{goldenFile: file, goldenLines: []byte(strings.Join(lines, "\n") + "\n")} {
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGolden(t *testing.T) {
	if f := flag.Lookup("rewrite"); f != nil && f.Value.String() == "true" {
		recordGolden(t)
	}
	file, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(goldenLines)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"the file": file, "what we make of it": rewrite(t, file, EncoderOptions{})} {
		var got []string
		if err := NewDecoder(bytes.NewReader(b), DecoderOptions{}).values(defaults, func(ev *Event, v engine.Value) error {
			if ev.Kind == KindEnd {
				got = append(got, decoded(string(ev.Key.Name), v, ev.Key.ExpireAt))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		compareLines(t, name, got, strings.Split(strings.TrimSuffix(string(want), "\n"), "\n"))
	}
}
