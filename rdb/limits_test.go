package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/redistest"
)

// TestServerLimits restores payloads, of now and of old, under other limits than they
// were made with: what redis-server makes of them is what we make.
func TestServerLimits(t *testing.T) {
	s := redistest.Start(t)
	a := ask(t, s)
	dataset(a)
	payloads := map[string][]byte{}
	for _, key := range keysOf(a) {
		payloads[key] = []byte(a.do("DUMP", key).Str)
	}
	old := map[string][]byte{
		"ziplist":       appendParts(nil, byte(10), ziplistOf(numbers(30)...)),
		"ziplist long":  appendParts(nil, byte(10), ziplistOf("a", strings.Repeat("b", 9000), "c")),
		"ziplists":      appendParts(nil, byte(14), count(2), ziplistOf(numbers(30)...), ziplistOf("x")),
		"list":          appendParts(nil, byte(1), count(3), "a", strings.Repeat("b", 9000), "c"),
		"set":           appendParts(nil, byte(2), count(4), "1", "2", "-7", "1000"),
		"set of five":   appendParts(nil, byte(2), count(5), "1", "2", "-7", "1000", "1001"),
		"zset":          appendParts(nil, byte(5), count(2), "a", 1.0, "b", 0.5),
		"zset long":     appendParts(nil, byte(5), count(2), strings.Repeat("a", 65), 1.0, "b", 0.5),
		"zset ziplist":  appendParts(nil, byte(12), ziplistOf(pairs(5)...)),
		"hash ziplist":  appendParts(nil, byte(13), ziplistOf(pairs(5)...)),
		"hash zipmap":   appendParts(nil, byte(9), zipmapOf(pairs(5)...)),
		"hash of four":  appendParts(nil, byte(4), count(4), "a", "1", "b", "2", "c", "3", "d", "4"),
		"hash of five":  appendParts(nil, byte(4), count(5), "a", "1", "b", "2", "c", "3", "d", "4", "e", "5"),
		"hash long":     appendParts(nil, byte(4), count(2), "a", "1", "b", strings.Repeat("x", 65)),
		"hash of 64":    appendParts(nil, byte(4), count(2), "a", "1", "b", strings.Repeat("x", 64)),
		"intset":        appendParts(nil, byte(11), intsetOf(1, 2, 3, 4, 5)),
		"intset of all": appendParts(nil, byte(11), intsetOf(1, 2, 3, 4)),
	}
	for name, b := range old {
		payloads["old "+name] = withFooter(b, 10)
	}
	for _, set := range []struct {
		fill, depth, hash, zset, ints string
		l                             limits
	}{
		{"-2", "0", "512", "128", "512", defaults},
		{"-1", "2", "4", "4", "4", limits{-1, 2, 1 << 30, 4, 64, orderedset.Limits{Entries: 4, Value: 64}, 4, false}},
		{"10", "1", "0", "0", "0", limits{10, 1, 1 << 30, 0, 64, orderedset.Limits{Entries: 0, Value: 64}, 0, false}},
	} {
		a.do("CONFIG", "SET", "list-max-listpack-size", set.fill, "list-compress-depth", set.depth, "hash-max-listpack-entries", set.hash,
			"zset-max-listpack-entries", set.zset, "set-max-intset-entries", set.ints)
		for name, p := range payloads {
			v, err := decodeDump(p, set.l)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			a.do("RESTORE", "k", "0", string(p), "REPLACE")
			if got, want := v.Form.Encoding(), a.do("OBJECT", "ENCODING", "k").Str; got != want && name != "edited" {
				t.Errorf("%+v, %s: encoding %s, in redis-server %s", set, name, got, want)
			}
			if v.Type() == engine.TypeList {
				nodes := 1
				if l, ok := v.Obj.(*engine.List); ok {
					nodes = l.NumNodes()
				}
				if about := a.do("DEBUG", "OBJECT", "k").Str; !strings.Contains(about, fmt.Sprintf("ql_nodes:%d ", nodes)) {
					t.Errorf("%+v, %s: %d nodes, in redis-server %s", set, name, nodes, about)
				}
			}
			// What we make of it is what redis-server makes of it.
			a.do("RESTORE", "copy", "0", string(appendDump(nil, v, true)), "REPLACE")
			if got, want := a.do("DEBUG", "DIGEST-VALUE", "copy").Elems[0].Str, a.do("DEBUG", "DIGEST-VALUE", "k").Elems[0].Str; got != want {
				t.Errorf("%+v, %s: digest %s, want %s", set, name, got, want)
			}
		}
	}
}

// Hashes of every size whose fields expire, all or some or none, go through files and
// payloads as they are.
func TestFieldExpiry(t *testing.T) {
	for _, n := range []int{1, 2, 511, 512, 513, 3000} {
		for name, at := range map[string]func(i int) int64{
			"all":  func(i int) int64 { return 1700000000000 + int64(i*7919%n) },
			"some": func(i int) int64 { return int64(i%2) * (1 << 46) },
			"none": func(int) int64 { return 0 },
			"wide": func(i int) int64 { return []int64{1, maxTime, 0}[i%3] },
		} {
			big := hashfields.New()
			for i := range n {
				field := fmt.Sprint("field ", i)
				big.Set(field, fmt.Sprint(i), false)
				if at(i) != 0 {
					big.Expire(field, at(i))
				}
			}
			v := engine.Value{Form: engine.HashHashtable, Obj: &engine.Hash{Table: big}}
			want := sorted(valueParts(v))
			again, err := decodeDump(appendDump(nil, v, true), defaults)
			if err != nil {
				t.Fatal(err)
			}
			if got := sorted(valueParts(again)); !slices.Equal(got, want) {
				t.Errorf("%d, %s: %.300q, want %.300q", n, name, got, want)
			}
			if small := again.Obj == nil; small != (n <= 512) {
				t.Errorf("%d, %s: form %s", n, name, again.Form.Encoding())
			}
			twice, err := decodeDump(appendDump(nil, again, false), defaults)
			if err != nil || twice.Form != again.Form || twice.Flat != again.Flat {
				t.Errorf("%d, %s: %v, another form or order the second time", n, name, err)
			}
			var out bytes.Buffer
			e, err := NewEncoder(&out, EncoderOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := e.value("the key", v, keyHead{idle: -1, freq: -1}); (versionFor(v) == 10) != (err == nil) {
				t.Errorf("%d, %s: version 10: %v", n, name, err)
			} else if err != nil && (!errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "the key")) {
				t.Errorf("%d, %s: %v", n, name, err)
			}
		}
	}
	// A small hash that lost its times is one of version 10 again.
	lp, _ := hashfields.Set(nil, hashfields.Triples, "f", "1", false)
	lp, _ = hashfields.Set(lp, hashfields.Triples, "g", "text", false)
	v := engine.Value{Form: engine.HashListpackEx, Flat: string(lp)}
	if versionFor(v) != 10 {
		t.Errorf("version %d", versionFor(v))
	}
	again, err := decodeDump(appendDump(nil, v, true), defaults)
	if err != nil || again.Form != engine.HashListpack || !slices.Equal(valueParts(again), valueParts(v)) {
		t.Errorf("%v, %q", err, valueParts(again))
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

// Lengths and integers at their borders are read as they were written, in the
// fewest bytes.
func TestBorders(t *testing.T) {
	for _, c := range []struct {
		n    uint64
		size int
	}{{0, 1}, {63, 1}, {64, 2}, {1<<14 - 1, 2}, {1 << 14, 5}, {math.MaxUint32, 5}, {math.MaxUint32 + 1, 9}, {math.MaxInt64, 9}, {math.MaxUint64, 9}} {
		var s sink
		s.length(c.n)
		in := over(s.buf)
		if got := in.num(); got != c.n || in.err != nil || len(s.buf) != c.size || in.p != c.size {
			t.Errorf("length %d: %d of %d bytes, %v", c.n, got, len(s.buf), in.err)
		}
	}
	for _, c := range []struct {
		s    string
		size int
	}{
		{"0", 2}, {"127", 2}, {"128", 3}, {"-128", 2}, {"-129", 3}, {"32767", 3}, {"32768", 5}, {"-32768", 3}, {"-32769", 5},
		{"2147483647", 5}, {"2147483648", 11}, {"-2147483648", 5}, {"-2147483649", 12}, {"-0", 3}, {"00", 3}, {"+1", 3}, {"", 1},
		{strings.Repeat("a", 20), 21}, {strings.Repeat("a", 21), 8},
	} {
		s := sink{compress: true}
		s.str([]byte(c.s))
		in := over(s.buf)
		var room []byte
		if got := string(in.str(&room)); got != c.s || in.err != nil || len(s.buf) != c.size || in.p != c.size {
			t.Errorf("%q: %q of %d bytes, want %d, %v", c.s, got, len(s.buf), c.size, in.err)
		}
	}
}

// brokenWriter fails after so many bytes.
type brokenWriter int

var errFull = errors.New("the disk is full")

func (w *brokenWriter) Write(b []byte) (int, error) {
	n := min(len(b), int(*w))
	*w -= brokenWriter(n)
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

// An error of the writer is told at the latest by Close.
func TestBrokenWriter(t *testing.T) {
	file := mix(t, 3000, 300, 3)
	for _, n := range []int{0, 1, 8, 9, 70000, len(file) - 9, len(file) - 1} {
		w := brokenWriter(n)
		e, err := NewEncoder(&w, EncoderOptions{Plain: true})
		if err != nil {
			t.Fatal(err)
		}
		for ev, err := range NewDecoder(bytes.NewReader(file), DecoderOptions{}).Events() {
			if err == nil {
				err = e.Write(ev)
			}
			if err != nil && err != errFull {
				t.Fatal(err)
			}
			if err != nil {
				break
			}
		}
		if err := e.Close(); err != errFull {
			t.Errorf("room for %d bytes of %d: %v", n, len(file), err)
		}
		if int(w) != 0 || e.s.off != int64(n) {
			t.Errorf("room for %d bytes: %d were written", n, e.s.off)
		}
	}
	w := brokenWriter(len(file))
	e, _ := NewEncoder(&w, EncoderOptions{Plain: true})
	for ev := range NewDecoder(bytes.NewReader(file), DecoderOptions{}).Events() {
		if err := e.Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil || int(w) != 0 || e.Written() != int64(len(file)) {
		t.Errorf("%v; %d bytes of %d", err, e.Written(), len(file))
	}
}

// Events that no file has are refused.
func TestEventsOutOfOrder(t *testing.T) {
	key := func(enc byte, n int64) Event {
		return Event{Kind: KindKey, Key: &Key{Name: []byte("k"), Encoding: enc, Count: n, Idle: -1, Freq: -1}}
	}
	end, element := Event{Kind: KindEnd}, Event{Kind: KindElement, Value: []byte("a")}
	for i, events := range [][]Event{
		{element},
		{end},
		{key(typeSet, 1), key(typeSet, 1)},
		{key(typeSet, 2), element, end},
		{key(typeSet, 1), element, element},
		{key(typeStream, 0), {Kind: KindEntry}},
		{key(typeStream, 0), end},
	} {
		e, _ := NewEncoder(new(bytes.Buffer), EncoderOptions{})
		var err error
		for _, ev := range events {
			if err != nil {
				t.Errorf("%d: refused too early", i)
			}
			err = e.Write(&ev)
		}
		if !errors.Is(err, ErrEvents) {
			t.Errorf("%d: %v", i, err)
		}
	}
}
