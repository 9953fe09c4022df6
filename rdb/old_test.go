package rdb

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

var (
	long   = strings.Repeat("a longer text, ", 20)
	huge   = strings.Repeat("0123456789abcdef", 1100)
	idA, _ = streamNode(100)
)

// files are files of every version and with every type, as the description of the
// format has them. The lines of want are those of the keys, and in order; where other
// is true redis-server 7.0 does not read them.
var files = []struct {
	name  string
	file  []byte
	other bool
	want  []string
}{
	{"version 1", newFile(1).add(byte(0xFE), count(0),
		byte(0), "plain", "text",
		byte(0xFD), int32(2000000000), byte(0), "seconds", []byte{0xC0, 0x85},
		byte(0), "int16", []byte{0xC1, 0x39, 0x30},
		byte(0), "int32", []byte{0xC2, 0xB1, 0x68, 0xDE, 0x3A},
		byte(0), "lzf", lzfString(long),
		byte(0), []byte{0xC0, 7}, "the key is a number",
		byte(1), "list", count(3), "a", []byte{0xC0, 1}, "",
		byte(2), "set", count(2), "x", "y",
		byte(2), "set of numbers", count(3), "3", "1", "2",
		byte(3), "zset", count(4), "m", text("1.5"), "up", byte(254), "down", byte(255), "n", text("-3"),
		byte(0xFE), count(5),
		byte(4), "hash", count(2), "f", "v", "g", long).end(), false, []string{
		`"plain" string: "text"`,
		`"seconds" string expires=2000000000000: "-123"`,
		`"int16" string: "12345"`,
		`"int32" string: "987654321"`,
		fmt.Sprintf(`"lzf" string: %q`, long),
		`"7" string: "the key is a number"`,
		`"list" list: "a" "1" ""`,
		`"set" set: "x" "y"`,
		`"set of numbers" set: "1" "2" "3"`,
		`"zset" zset: "down"=-Inf "m"=1.5 "n"=-3 "up"=+Inf`,
		fmt.Sprintf(`"hash" hash: "f"="v"@0 "g"=%q@0`, long),
	}},
	{"version 2, zipmap, ziplist, intset", newFile(2).add(byte(0xFE), count(0),
		byte(9), "zipmap", zipmapOf("f", "v", "number", "12", long, huge, "", ""),
		byte(10), "ziplist", ziplistOf("a", "12", "13", "-1", "127", "128", "-129", "40000", "-8388608", "8388608", "2147483647", "2147483648",
			"-9223372036854775808", strings.Repeat("x", 63), strings.Repeat("y", 64), long, huge, "after", "", "007"),
		byte(11), "intset", intsetOf(-5, 0, 300),
		byte(12), "zset", ziplistOf("down", "-inf", "a", "-1.5", "b", "0", "c", "0", "7", "1e10"),
		byte(13), "hash", ziplistOf("f", "v", "g", "1"),
		byte(13), "hash of lzf", lzfString(ziplistOf("f", long, "g", long))).end(), false, []string{
		fmt.Sprintf(`"zipmap" hash: ""=""@0 %q=%q@0 "f"="v"@0 "number"="12"@0`, long, huge),
		fmt.Sprintf(`"ziplist" list: "a" "12" "13" "-1" "127" "128" "-129" "40000" "-8388608" "8388608" "2147483647" "2147483648" "-9223372036854775808" %q %q %q %q "after" "" "007"`,
			strings.Repeat("x", 63), strings.Repeat("y", 64), long, huge),
		`"intset" set: "-5" "0" "300"`,
		`"zset" zset: "7"=1e+10 "a"=-1.5 "b"=0 "c"=0 "down"=-Inf`,
		`"hash" hash: "f"="v"@0 "g"="1"@0`,
		fmt.Sprintf(`"hash of lzf" hash: "f"=%q@0 "g"=%q@0`, long, long),
	}},
	{"version 3, expiry in ms", newFile(3).add(byte(0xFE), count(0),
		byte(0xFC), int64(4102444800123), byte(0), "k", "v").end(), false, []string{
		`"k" string expires=4102444800123: "v"`,
	}},
	{"version 6, many", newFile(6).add(byte(0xFE), count(0), byte(13), "hash", ziplistOf(numbers(1200)...),
		byte(12), "zset", ziplistOf(pairs(300)...), byte(10), "list", ziplistOf(numbers(5000)...)).end(), false, nil},
	{"version 7, quicklist", newFile(7).add(byte(0xFA), "redis-ver", "3.2.0", byte(0xFA), "redis-bits", []byte{0xC0, 64},
		byte(0xFE), count(0), byte(0xFB), count(2), count(1),
		byte(14), "list", count(3), ziplistOf("a", "1"), ziplistOf(), ziplistOf("b"),
		byte(0xFC), int64(4102444800000), byte(14), "long", count(2), ziplistOf(numbers(1000)...), lzfString(ziplistOf(numbers(2000)...))).end(), false, nil},
	{"version 8, zset2, lru", newFile(8).add(byte(0xFE), count(0), byte(0xF8), count(77),
		byte(5), "zset", count(3), "a", 1.5, "b", 1e308, "c", -0.25,
		byte(0xFC), int64(4102444800000), byte(0xF9), byte(200), byte(0), "lfu", "v").end(), false, []string{
		`"zset" zset idle=77: "a"=1.5 "b"=1e+308 "c"=-0.25`,
		`"lfu" string expires=4102444800000 freq=200: "v"`,
	}},
	{"version 9, stream", newFile(9).add(byte(0xFE), count(0), streamOf(15)).end(), false, nil},
	{"version 10", newFile(10).add(byte(0xF5), "#!lua name=l\nredis.register_function('f', function() end)", byte(0xFE), count(0),
		byte(16), "hash", listpackOf("f", "v", "g", "2"),
		byte(17), "zset", listpackOf("a", "1", "b", "1", "c", "2.5"),
		byte(18), "list", count(4), count(2), listpackOf("a", "1"), count(1), "plain "+long, count(2), listpackOf(), count(2), listpackOf("z"),
		streamOf(19)).end(), false, nil},
	{"version 11", newFile(11).add(byte(0xFE), count(0),
		byte(20), "set", listpackOf("a", "1", "c"), byte(20), "long", listpackOf(numbers(200)...), streamOf(21),
		byte(0xF4), count(12), count(3), count(0), byte(0), "k", "v").end(), true, []string{
		`"set" set: "1" "a" "c"`, "",
		`"stream" stream: 100-0["field" "one"] 102-5["a" "1" "b" "2"] 200-0["field" "one"] 202-5["a" "1" "b" "2"] len=4 last={205 0} deleted={101 0} added=7` +
			` group "g" {100 0} 1 pending {100 0} 1600000000000 3 pending {102 5} 1600000000001 1 consumer "alice" 1600000000002 1600000000003 own {100 0} consumer "bob" 1600000000002 1600000000003 own {102 5}` +
			` group "h" {0 0} -1`,
		`"k" string: "v"`,
	}},
	{"version 12, fields that expire", newFile(12).add(byte(0xFE), count(0),
		byte(22), "candidate", count(3), count(0), "f", "v", count(1700000000000), "g", "w", count(1800000000000), "h", "x",
		byte(23), "small candidate", listpackOf("g", "w", "1700000000000", "f", "v", "0"),
		byte(24), "hash", int64(1700000000000), count(3), count(0), "f", "v", count(1), "g", "w", count(1001), "h", "x",
		byte(25), "small", int64(1700000000000), listpackOf("g", "w", "1700000000000", "h", "x", "1700000001000", "f", "v", "0"),
		byte(25), "none", int64(0), listpackOf("f", "v", "0")).end(), true, []string{
		`"candidate" hash: "f"="v"@0 "g"="w"@1700000000000 "h"="x"@1800000000000`,
		`"small candidate" hash: "f"="v"@0 "g"="w"@1700000000000`,
		`"hash" hash: "f"="v"@0 "g"="w"@1700000000000 "h"="x"@1700000001000`,
		`"small" hash: "f"="v"@0 "g"="w"@1700000000000 "h"="x"@1700000001000`,
		`"none" hash: "f"="v"@0`,
	}},
	{"valkey 80", newFile(80).add(byte(0xFA), "valkey-ver", "9.0.0", byte(0xFE), count(0),
		byte(0xF4), count(1), count(2), count(3),
		byte(22), "hash", count(3), "f", "v", int64(-1), "g", "w", int64(1700000000000), "h", "x", int64(0),
		streamOf(21)).end(), true, []string{
		`"hash" hash: "f"="v"@0 "g"="w"@1700000000000 "h"="x"@1`, "",
	}},
}

func numbers(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(i*i))
	}
	return all
}

// pairs are members and scores, in order.
func pairs(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("m", i), fmt.Sprint(float64(i)/4))
	}
	return all
}

// streamOf is a stream with two groups, as a type.
func streamOf(typ byte) []byte {
	_, lp := streamNode(100)
	second, lp2 := streamNode(200)
	b := appendParts(nil, typ, "stream", count(2), idA, lp, second, lp2, count(4), count(205), count(0))
	if typ >= 19 {
		b = appendParts(b, count(100), count(0), count(101), count(0), count(7))
	}
	b = appendParts(b, count(2), "g", count(100), count(0))
	if typ >= 19 {
		b = appendParts(b, count(1))
	}
	b = appendParts(b, count(2), [2]uint64{100, 0}, int64(1600000000000), count(3), [2]uint64{102, 5}, int64(1600000000001), count(1), count(2))
	for i, name := range []string{"alice", "bob"} {
		b = appendParts(b, name, int64(1600000000002))
		if typ == 21 {
			b = appendParts(b, int64(1600000000003))
		}
		b = appendParts(b, count(1), [][2]uint64{{100, 0}, {102, 5}}[i])
	}
	b = appendParts(b, "h", count(0), count(0))
	if typ >= 19 {
		b = appendParts(b, []byte{0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}) // unknown
	}
	return appendParts(b, count(0), count(0))
}

// TestOldFiles reads every file by events, and as values, which must tell the same;
// so must what is written of either. Those that redis-server reads give there what
// ours do.
func TestOldFiles(t *testing.T) {
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			all, err := renderEvents(f.file, DecoderOptions{})
			all = mustRender(t, all, err)
			var got []string
			for _, s := range all {
				if strings.HasPrefix(s, `"`) {
					got = append(got, s)
				}
			}
			for i, want := range f.want {
				if want != "" && (i >= len(got) || got[i] != want) {
					t.Errorf("line %d is\n%.600s\nwant\n%.600s", i, got[i:min(i+1, len(got))], want)
				}
			}
			if f.want != nil && len(f.want) != len(got) {
				t.Errorf("%d keys, want %d", len(got), len(f.want))
			}
			values := mustRenderValues(t, f.file)
			if !strings.Contains(f.name, "stream") { // of the time before version 10 values know more
				compareLines(t, "values", values, got)
			}
			version := 10
			if f.other {
				version = 12
			}
			byEvents := copyEvents(t, f.file, EncoderOptions{Version: version})
			compareLines(t, "copied by events", mustRenderValues(t, byEvents), values)
			byValues := rewrite(t, f.file, EncoderOptions{Version: version})
			compareLines(t, "copied by values", mustRenderValues(t, byValues), values)
			if f.other {
				return
			}
			was := ask(t, startOn(t, f.file))
			want := was.do("DEBUG", "DIGEST").Str
			for name, file := range map[string][]byte{"events": byEvents, "values": byValues} {
				now := ask(t, startOn(t, file))
				if got := now.do("DEBUG", "DIGEST").Str; got != want {
					t.Errorf("%s: digest %s, of the old file %s", name, got, want)
				}
				if was.do("EXISTS", "stream").Int == 1 { // of which a digest does not tell all
					full := []string{"XINFO", "STREAM", "stream", "FULL"}
					if got, want := now.do(full...).String(), was.do(full...).String(); got != want {
						t.Errorf("%s: %s\nof the old file %s", name, got, want)
					}
				}
			}
		})
	}
}

func mustRenderValues(t *testing.T, file []byte) []string {
	t.Helper()
	lines, err := renderValues(file, defaults)
	return mustRender(t, lines, err)
}

// A version that cannot hold a value names the key, and the file goes on without it.
func TestVersionTooOld(t *testing.T) {
	for _, f := range files {
		if !strings.Contains(f.name, "expire") && !strings.Contains(f.name, "valkey") {
			continue
		}
		for _, version := range []int{10, 11} {
			left := 0
			file := copyWithout(t, f.file, version, func(err error) {
				if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), `"`) {
					t.Errorf("%v", err)
				}
				left++
			})
			if left == 0 {
				t.Errorf("%s: version %d holds everything", f.name, version)
			}
			mustRenderValues(t, file)
		}
	}
	if _, err := NewEncoder(nil, EncoderOptions{Version: 9}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("version 9: %v", err)
	}
	if _, err := NewEncoder(nil, EncoderOptions{Version: 13}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("version 13: %v", err)
	}
}
