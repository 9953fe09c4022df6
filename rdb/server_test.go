package rdb

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/redistest"
)

// defaults are the limits of a redis-server with its own settings.
var defaults = limits{listFill: -2, listLarge: 1 << 30, hashFields: 512, hashBytes: 64, zset: orderedset.Limits{Entries: 128, Value: 64}, ints: 512}

// asker asks a redis-server, and ends the test where it answers with an error.
type asker struct {
	t testing.TB
	c redistest.Client
}

func ask(t testing.TB, s *redistest.Server) asker { return asker{t, s.NewClient(t, 2)} }

func (a asker) do(words ...string) redistest.Value {
	a.t.Helper()
	v := a.c.Do(words...)
	if v.IsError() || v.Kind == redistest.Closed || v.Kind == redistest.Timeout {
		a.t.Fatalf("%.200q: %s", words, v)
	}
	return v
}

// random returns n bytes that LZF cannot compress.
func random(n int) string {
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return string(b)
}

// dataset gives a server keys of every type and encoding, with sizes around every
// limit, and returns the names of those whose bytes Redis decides without chance.
func dataset(a asker) (fixed []string) {
	add := func(words ...string) {
		a.do(words...)
	}
	exact := func(words ...string) {
		a.do(words...)
		if n := len(fixed); n == 0 || fixed[n-1] != words[1] {
			fixed = append(fixed, words[1])
		}
	}
	for i, n := range []int64{0, 1, -1, 12, 127, 128, -128, -129, 32767, 32768, -32768, -32769, 1<<31 - 1, 1 << 31, -1 << 31, -1<<31 - 1, math.MaxInt64, math.MinInt64} {
		exact("SET", fmt.Sprint("int:", i), strconv.FormatInt(n, 10))
	}
	for i, s := range []string{"", "0", "-0", "01", "+1", "1.5", " 1", "99999999999", "12345678901", "-2147483648", "hello\x00\r\n", "\xff\xfe"} {
		exact("SET", fmt.Sprint("odd:", i), s)
	}
	for _, n := range []int{1, 10, 11, 12, 19, 20, 21, 43, 44, 45, 63, 64, 65, 16383, 16384, 16385, 70000, 300000} {
		exact("SET", fmt.Sprint("random:", n), random(n))
		add("SET", fmt.Sprint("same:", n), strings.Repeat("ab", n/2)+"c")
	}
	exact("APPEND", "edited", random(30000))
	exact("SETRANGE", "edited", "40000", "tail")

	many := func(n int, f func(i int) []string) (words []string) {
		for i := range n {
			words = append(words, f(i)...)
		}
		return words
	}
	push := func(key string, words []string) {
		for len(words) > 0 {
			n := min(500, len(words))
			exact(append([]string{"RPUSH", key}, words[:n]...)...)
			words = words[n:]
		}
	}
	for _, n := range []int{1, 2, 127, 128, 129, 1000, 5000} {
		push(fmt.Sprint("list:int:", n), many(n, func(i int) []string { return []string{strconv.Itoa(i * i * i)} }))
		push(fmt.Sprint("list:text:", n), many(n, func(i int) []string { return []string{"element " + random(i%90)} }))
	}
	push("list:long", []string{random(100), random(5000), random(9000), random(20000), "a", ""})
	a.do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "100b")
	push("list:plain", []string{"a", random(100), random(5000), "b", random(300), ""})
	a.do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "1gb")
	a.do("CONFIG", "SET", "list-max-listpack-size", "3", "list-compress-depth", "1")
	push("list:packed", many(60, func(i int) []string { return []string{strings.Repeat("compressible ", i), "x", strconv.Itoa(i)} }))
	a.do("CONFIG", "SET", "list-max-listpack-size", "-2", "list-compress-depth", "0")
	fixed = fixed[:len(fixed)-1] // the bytes of LZF are ours

	for _, n := range []int{1, 2, 511, 512, 513, 3000} {
		for _, width := range []int64{1, 1000, 1 << 24, 1 << 44} {
			words := append([]string{"SADD", fmt.Sprint("set:int:", n, ":", width)}, many(n, func(i int) []string { return []string{strconv.FormatInt(int64(i-n/2)*width, 10)} })...)
			if n <= 512 {
				exact(words...)
			} else {
				add(words...)
			}
		}
		add(append([]string{"SADD", fmt.Sprint("set:text:", n)}, many(n, func(i int) []string { return []string{"member " + random(i%50) + strconv.Itoa(i)} })...)...)
	}
	add("SADD", "set:one", "")
	add("SADD", "set:long", random(64), random(65), random(3000), "7")

	scores := []string{"0", "1", "-1", "0.1", "-inf", "inf", "1e300", "3.0000000000000004", "9007199254740993", "-0", "4503599627370496", "123456789012345678"}
	for _, n := range []int{1, 2, 12, 127, 128, 129, 1000} {
		exact(append([]string{"ZADD", fmt.Sprint("zset:", n)}, many(n, func(i int) []string {
			return []string{scores[i%len(scores)], "member " + strconv.Itoa(i*7919)}
		})...)...)
		exact(append([]string{"ZADD", fmt.Sprint("zset:ranks:", n)}, many(n, func(i int) []string {
			return []string{strconv.Itoa(i), strconv.Itoa(i * 1000)}
		})...)...)
	}
	exact("ZADD", "zset:long", "1", random(64), "2", random(65))
	exact("ZADD", "zset:short", "1", random(64), "2", "")

	for _, n := range []int{1, 2, 511, 512, 513, 2000} {
		words := append([]string{"HSET", fmt.Sprint("hash:", n)}, many(n, func(i int) []string {
			return []string{"field " + strconv.Itoa(i), strconv.Itoa(i * i)}
		})...)
		if n <= 512 {
			exact(words...)
		} else {
			add(words...)
		}
	}
	exact("HSET", "hash:short", random(64), "", "", random(64))
	add("HSET", "hash:long", random(64), "", "", random(65))

	for _, n := range []int{1, 99, 100, 101, 1000} {
		key := fmt.Sprint("stream:", n)
		for i := range n {
			id := fmt.Sprintf("%d-%d", 1000+i/3, i%3)
			if i%10 == 9 {
				exact("XADD", key, id, "other", "field", "n", strconv.Itoa(i))
			} else {
				exact("XADD", key, id, "sensor", strconv.Itoa(i), "value", random(i%20))
			}
		}
	}
	exact("XADD", "stream:empty", "5-5", "a", "b")
	exact("XDEL", "stream:empty", "5-5")
	exact("XADD", "stream:groups", "1-1", "a", "1")
	for i := range 50 {
		exact("XADD", "stream:groups", fmt.Sprintf("%d-0", i+2), "a", strconv.Itoa(i))
	}
	exact("XDEL", "stream:groups", "5-0", "7-0")
	exact("XTRIM", "stream:groups", "MAXLEN", "45")
	exact("XGROUP", "CREATE", "stream:groups", "zero", "0")
	exact("XGROUP", "CREATE", "stream:groups", "last", "$", "ENTRIESREAD", "3")
	exact("XGROUP", "CREATE", "stream:groups", "12345", "20-0")
	exact("XGROUP", "CREATECONSUMER", "stream:groups", "last", "idle")
	exact("XREADGROUP", "GROUP", "zero", "alice", "COUNT", "20", "STREAMS", "stream:groups", ">")
	exact("XREADGROUP", "GROUP", "zero", "bob", "COUNT", "10", "STREAMS", "stream:groups", ">")
	exact("XACK", "stream:groups", "zero", "10-0", "12-0")
	exact("XCLAIM", "stream:groups", "zero", "carol", "0", "11-0", "13-0", "RETRYCOUNT", "200")
	kept := fixed[:0]
	for _, key := range fixed {
		if !strings.HasPrefix(key, "CREATE") { // XGROUP and XREADGROUP name their key later
			kept = append(kept, key)
		}
	}
	return kept
}

func keysOf(a asker) (keys []string) {
	for _, v := range a.do("KEYS", "*").Elems {
		keys = append(keys, v.Str)
	}
	return keys
}

// TestServerPayloads takes the payloads that redis-server dumps, makes values of
// them and payloads of those: the same bytes, where Redis leaves none to chance, and
// always ones that it restores to an equal value of the same encoding.
func TestServerPayloads(t *testing.T) {
	s := redistest.Start(t, "--rdbcompression", "no")
	a := ask(t, s)
	fixed := map[string]bool{}
	for _, key := range dataset(a) {
		fixed[key] = true
	}
	seenForms := map[engine.Form]int{}
	for _, compress := range []string{"no", "yes"} {
		a.do("CONFIG", "SET", "rdbcompression", compress)
		for _, key := range keysOf(a) {
			want := a.do("DUMP", key).Str
			v, err := decodeDump([]byte(want), defaults)
			if err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			seenForms[v.Form]++
			got := appendDump(nil, v, compress == "yes")
			if string(got) != want && compress == "no" && fixed[key] {
				t.Errorf("%s: payload\n%.200x, want\n%.200x", key, got, want)
			}
			a.do("RESTORE", "copy", "0", string(got), "REPLACE")
			if got, want := a.do("DEBUG", "DIGEST-VALUE", "copy").Elems[0].Str, a.do("DEBUG", "DIGEST-VALUE", key).Elems[0].Str; got != want {
				t.Errorf("%s: digest %s, want %s", key, got, want)
			}
			enc := a.do("OBJECT", "ENCODING", key).Str
			if got := a.do("OBJECT", "ENCODING", "copy").Str; got != enc {
				t.Errorf("%s: encoding %s in redis-server, want %s", key, got, enc)
			}
			if got := v.Form.Encoding(); got != enc && !strings.HasPrefix(key, "edited") {
				t.Errorf("%s: encoding %s, want %s", key, got, enc)
			}
			if v.Form == engine.StreamNodes {
				for _, words := range [][]string{{"XINFO", "STREAM"}} {
					if got, want := fmt.Sprint(a.do(append(words, "copy", "FULL", "COUNT", "0")...)), fmt.Sprint(a.do(append(words, key, "FULL", "COUNT", "0")...)); got != want {
						t.Errorf("%s: %s\nwant %s", key, got, want)
					}
				}
			}
			a.do("DEL", "copy")
		}
	}
	for f := engine.StringInt; f <= engine.StreamNodes; f++ {
		if seenForms[f] == 0 && f != engine.HashListpackEx {
			t.Errorf("no key of form %d, %s", f, f.Encoding())
		}
	}
}

// startOn starts a server on a file.
func startOn(t *testing.T, file []byte) *redistest.Server {
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.rdb")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("redis-check-rdb", path).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("RDB looks OK")) {
		t.Errorf("redis-check-rdb: %v\n%s", err, out)
	}
	return redistest.Start(t, "--dir", dir)
}

// rewrite writes the values of a file anew.
func rewrite(t *testing.T, file []byte, o EncoderOptions) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := NewEncoder(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDecoder(bytes.NewReader(file), DecoderOptions{})
	err = d.values(defaults, func(ev *Event, v engine.Value) error {
		if ev.Kind == KindEnd {
			k := ev.Key
			return e.value(string(k.Name), v, keyHead{k.ExpireAt, k.Idle, k.Freq})
		}
		return e.Write(ev)
	})
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// copyEvents copies a file by its events.
func copyEvents(t testing.TB, file []byte, o EncoderOptions) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := NewEncoder(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	for ev, err := range NewDecoder(bytes.NewReader(file), DecoderOptions{}).Events() {
		if err == nil {
			err = e.Write(ev)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// copyWithout copies a file by its events, but for the keys that the version cannot
// hold.
func copyWithout(t *testing.T, file []byte, version int, refused func(error)) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := NewEncoder(&out, EncoderOptions{Version: version})
	if err != nil {
		t.Fatal(err)
	}
	skip := false
	for ev, err := range NewDecoder(bytes.NewReader(file), DecoderOptions{}).Events() {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == KindKey || ev.Key == nil {
			skip = false
		}
		if skip {
			continue
		}
		if err := e.Write(ev); err != nil {
			refused(err)
			skip = true
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestServerFile takes a file that redis-server saved, and gives what is made of it
// back to a redis-server.
func TestServerFile(t *testing.T) {
	s := redistest.Start(t, "--maxmemory-policy", "allkeys-lfu")
	a := ask(t, s)
	dataset(a)
	a.do("SELECT", "9")
	a.do("SET", "expires", "1", "PX", "100000000")
	a.do("SET", "other", "1")
	a.do("HSET", "h", "f", "v")
	a.do("PEXPIREAT", "h", "4102444800000")
	a.do("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
	a.do("SAVE")
	want := a.do("DEBUG", "DIGEST").Str
	dir := a.do("CONFIG", "GET", "dir").Elems[1].Str
	file, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	policies := []string{"allkeys-lru", "noeviction"}
	for i, o := range []EncoderOptions{{}, {Plain: true}, {NoChecksum: true}} {
		for name, made := range map[string][]byte{"values": rewrite(t, file, o), "events": copyEvents(t, file, o)} {
			t.Run(fmt.Sprintf("%s/%+v", name, o), func(t *testing.T) {
				if !o.Plain && len(made) > len(file)*21/20 {
					t.Errorf("%d bytes, in redis-server %d", len(made), len(file))
				}
				b := ask(t, startOn(t, made))
				if got := b.do("DEBUG", "DIGEST").Str; got != want {
					t.Errorf("digest %s, want %s", got, want)
				}
				if got := b.do("FUNCTION", "LIST").Elems; len(got) != 1 {
					t.Errorf("%d libraries, want 1", len(got))
				}
				b.do("SELECT", "9")
				if got := b.do("PEXPIRETIME", "h").Int; got != 4102444800000 {
					t.Errorf("PEXPIRETIME = %d", got)
				}
				// What loads our file saves it again, which we read again.
				b.do("CONFIG", "SET", "maxmemory-policy", policies[i%2])
				b.do("SAVE")
				dir := b.do("CONFIG", "GET", "dir").Elems[1].Str
				file, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
				if err != nil {
					t.Fatal(err)
				}
				rewrite(t, file, EncoderOptions{})
			})
		}
	}
}
