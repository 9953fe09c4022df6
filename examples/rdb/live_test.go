package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/rdb"
)

// asker asks a redis-server, and ends the test where it answers with an error.
type asker struct {
	t testing.TB
	s *redistest.Server
	c redistest.Client
}

func ask(t testing.TB, args ...string) asker {
	s := redistest.Start(t, args...)
	return asker{t, s, s.NewClient(t, 2)}
}

func (a asker) do(words ...string) redistest.Value {
	a.t.Helper()
	v := a.c.Do(words...)
	if v.IsError() || v.Kind == redistest.Closed || v.Kind == redistest.Timeout {
		a.t.Fatalf("%.200q: %s", words, v)
	}
	return v
}

// save saves the data and returns the file.
func (a asker) save() string {
	a.do("SAVE")
	return filepath.Join(a.do("CONFIG", "GET", "dir").Elems[1].Str, "dump.rdb")
}

func (a asker) keys() (keys []string) {
	for _, v := range a.do("KEYS", "*").Elems {
		keys = append(keys, v.Str)
	}
	slices.Sort(keys)
	return keys
}

// load starts a server on a file.
func load(t *testing.T, file string) asker {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), read(t, file), 0o600); err != nil {
		t.Fatal(err)
	}
	return ask(t, "--dir", dir)
}

func many(n int, f func(i int) []string) (words []string) {
	for i := range n {
		words = append(words, f(i)...)
	}
	return words
}

// noise is a string that LZF cannot make shorter.
func noise(n int) string {
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return string(b)
}

// fill gives a server keys of every type and encoding.
func fill(a asker) {
	num := strconv.Itoa
	for _, s := range []string{"", "0", "-5", "12345", "9223372036854775807", "01", "text", noise(44), noise(45), noise(300), noise(70000)} {
		a.do("SET", "string:"+num(len(s))+":"+s[:min(len(s), 5)], s)
	}
	a.do("SET", "string:same", strings.Repeat("compress me ", 2000))
	a.do("SET", noise(12), noise(30))
	for _, n := range []int{1, 20, 128, 129, 700, 5000} {
		a.do(append([]string{"RPUSH", "list:" + num(n)}, many(n, func(i int) []string { return []string{"element " + noise(i%40)} })...)...)
		a.do(append([]string{"SADD", "set:ints:" + num(n)}, many(n, func(i int) []string { return []string{num(i * 70000)} })...)...)
		a.do(append([]string{"SADD", "set:" + num(n)}, many(n, func(i int) []string { return []string{"member " + num(i) + noise(i%20)} })...)...)
		a.do(append([]string{"ZADD", "zset:" + num(n)}, many(n, func(i int) []string { return []string{num(i%7) + ".5", "member " + num(i)} })...)...)
		a.do(append([]string{"HSET", "hash:" + num(n)}, many(n, func(i int) []string { return []string{"field " + num(i), noise(i % 60)} })...)...)
	}
	a.do("RPUSH", "list:long", noise(9000), "a", noise(20000), "")
	a.do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "100b")
	a.do("RPUSH", "list:plain", "a", noise(5000), noise(300), "b")
	a.do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "1gb")
	a.do("ZADD", "zset:odd", "inf", "a", "-inf", "b", "1e300", "c", "3.0000000000000004", "d", "-0", "e")
	a.do("HSET", "hash:long", "f", noise(3000), "", "")
	a.do("SADD", "set:long", noise(3000), "")
	for _, n := range []int{1, 99, 1000, 5000} {
		for i := range n {
			a.do("XADD", "stream:"+num(n), fmt.Sprintf("%d-%d", 1_700_000_000_000+int64(i)/2, i%2), "sensor", num(i), "value", noise(i%20))
		}
	}
	fillStreams(a)
	for i, k := range []string{"string:same", "list:20", "set:20", "zset:20", "hash:20", "stream:99"} {
		a.do("PEXPIREAT", k, strconv.FormatInt(4_102_444_800_000+int64(i), 10))
	}
	a.do("SELECT", "9")
	a.do("SET", "string:same", "in another database", "PXAT", "4102444800000")
	a.do("HSET", "h", "a", "b")
	a.do("SELECT", "0")
}

// fillStreams gives a server streams with groups, and ones without entries.
func fillStreams(a asker) {
	for i := range 400 {
		a.do("XADD", "groups", fmt.Sprintf("%d-0", i+1), "a", strconv.Itoa(i))
	}
	a.do("XTRIM", "groups", "MAXLEN", "390")
	a.do("XGROUP", "CREATE", "groups", "zero", "0")
	a.do("XGROUP", "CREATE", "groups", "last\x00", "$", "ENTRIESREAD", "3")
	a.do("XGROUP", "CREATE", "groups", "12345", "20-0")
	a.do("XGROUP", "CREATECONSUMER", "groups", "last\x00", "idle")
	a.do("XREADGROUP", "GROUP", "zero", "alice", "COUNT", "200", "STREAMS", "groups", ">")
	a.do("XREADGROUP", "GROUP", "zero", "bob\xff", "COUNT", "100", "STREAMS", "groups", ">")
	a.do("XACK", "groups", "zero", "50-0", "52-0")
	a.do("XCLAIM", "groups", "zero", "carol", "0", "51-0", "53-0", "RETRYCOUNT", "200")
	a.do("XDEL", "groups", "395-0")
	a.do("XADD", "empty", "5-5", "a", "b")
	a.do("XDEL", "empty", "5-5")
	a.do("XGROUP", "CREATE", "never", "g", "$", "MKSTREAM")
}

// told is what a server tells of a stream and its groups, without what depends on the
// time at which it is asked.
func (a asker) told(key string) string {
	full := fmt.Sprint(a.do("XINFO", "STREAM", key).Elems[0:2])
	for _, v := range []string{"length", "last-generated-id", "max-deleted-entry-id", "entries-added", "first-entry", "last-entry"} {
		elems := a.do("XINFO", "STREAM", key).Elems
		for i := 0; i+1 < len(elems); i += 2 {
			if elems[i].Str == v {
				full += fmt.Sprint(" ", v, "=", elems[i+1])
			}
		}
	}
	groups := a.do("XINFO", "GROUPS", key)
	full += fmt.Sprint(groups)
	for _, g := range groups.Elems {
		name := g.Elems[1].Str
		for _, p := range a.do("XPENDING", key, name, "-", "+", "10000").Elems {
			full += fmt.Sprintf(" %s %q %d", p.Elems[0].Str, p.Elems[1].Str, p.Elems[3].Int)
		}
		for _, c := range a.do("XINFO", "CONSUMERS", key, name).Elems {
			full += fmt.Sprintf(" consumer %q pending %d", c.Elems[1].Str, c.Elems[3].Int)
		}
	}
	return full
}

// same compares the keys of two servers by their digests.
func (a asker) same(what string, b asker, keys []string) {
	a.t.Helper()
	for _, k := range keys {
		if got, want := b.do("DEBUG", "DIGEST-VALUE", k).Elems[0].Str, a.do("DEBUG", "DIGEST-VALUE", k).Elems[0].Str; got != want {
			a.t.Errorf("%s: key %.50q has digest %s, want %s", what, k, got, want)
		}
		if got, want := b.do("PEXPIRETIME", k).Int, a.do("PEXPIRETIME", k).Int; got != want {
			a.t.Errorf("%s: key %.50q expires at %d, want %d", what, k, got, want)
		}
		if a.do("TYPE", k).Str == "stream" {
			if got, want := b.told(k), a.told(k); got != want {
				a.t.Errorf("%s: stream %q is\n%s\nwant\n%s", what, k, got, want)
			}
		}
	}
}

// What the tool writes a redis-server loads, and has the same in it.
func TestServerLoads(t *testing.T) {
	a := ask(t)
	fill(a)
	file := a.save()
	dir := t.TempDir()
	all, some, cut := filepath.Join(dir, "all.rdb"), filepath.Join(dir, "some.rdb"), filepath.Join(dir, "cut.rdb")

	run(t, statusOK, "filter", "--out", all, file)
	b := load(t, all)
	if got, want := b.do("DEBUG", "DIGEST").Str, a.do("DEBUG", "DIGEST").Str; got != want {
		t.Errorf("digest of all %s, want %s", got, want)
	}
	run(t, statusOK, "diff", file, b.save())

	run(t, statusOK, "filter", "--keep", "*s*", "--drop", "zset:*", "--db", "0", "--out", some, file)
	b = load(t, some)
	want := slices.DeleteFunc(a.keys(), func(k string) bool { return !strings.Contains(k, "s") || strings.HasPrefix(k, "zset:") })
	if got := b.keys(); !slices.Equal(got, want) {
		t.Errorf("%q are kept, want %q", got, want)
	}
	a.same("filter", b, want)

	bytes := read(t, file)
	r := run(t, statusFound, "repair", writeFile(t, bytes[:len(bytes)*2/3]), cut)
	b = load(t, cut)
	kept := b.keys()
	if n, _ := strconv.Atoi(strings.Fields(r.out)[0]); n < 5 || len(kept) == 0 || len(kept) > n {
		t.Errorf("repair says %q, and %d keys are there", r.out, len(kept))
	}
	a.same("repair", b, kept)
}

// The commands make the same data in another server.
func TestServerTakesCommands(t *testing.T) {
	a := ask(t)
	fill(a)
	a.do("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
	file := a.save()
	b := ask(t)
	b.do("RPUSH", "list:20", "was here")
	for _, args := range [][]string{{"to-resp", "--replace", file}, {"to-resp", "--replace", file}} { // what they make they make again
		commands := run(t, statusOK, args...).out
		cli, err := exec.LookPath("redis-cli")
		if err != nil {
			t.Skipf("SKIPPED: the commands go nowhere, because redis-cli is not on PATH (%v)", err)
		}
		host, port, _ := strings.Cut(b.s.Addr, ":")
		cmd := exec.Command(cli, "-h", host, "-p", port, "--pipe")
		cmd.Stdin = strings.NewReader(commands)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "errors: 0") {
			t.Fatalf("redis-cli --pipe: %v\n%s", err, out)
		}
		if got, want := b.do("DEBUG", "DIGEST").Str, a.do("DEBUG", "DIGEST").Str; got != want {
			t.Errorf("digest %s, want %s", got, want)
		}
		a.same("to-resp", b, a.keys())
		if n := len(b.do("FUNCTION", "LIST").Elems); n != 1 {
			t.Errorf("%d libraries of functions, want 1", n)
		}
	}
	if r := run(t, statusOK, "diff", "--keep", "groups", file, b.save()); !strings.Contains(r.out, "1 the same") {
		t.Errorf("a stream with groups differs: %+v", r)
	}
}

// The estimate of memory is that of MEMORY USAGE, within 5 % of each key and 1 % of each
// type.
func TestServerMemory(t *testing.T) {
	a := ask(t)
	fill(a)
	a.do("DEBUG", "RELOAD")
	var est, real [rdb.Module + 1]int64
	var i inspection
	i.dbs, i.prefixes.separator = map[int]*totals{}, ":"
	was := int64(0)
	err := (&tool{}).walk(a.save(), rdb.DecoderOptions{}, func(ev *rdb.Event) error {
		if err := i.event(ev); err != nil || ev.Kind != rdb.KindEnd || ev.DB != 0 {
			return err
		}
		k, got := string(ev.Key.Name), i.all.memory-was
		was = i.all.memory
		want := a.do("MEMORY", "USAGE", k, "SAMPLES", "0").Int
		if d := float64(got-want) / float64(want); math.Abs(d) > 0.05 {
			t.Errorf("%.30q, a %s: %d bytes, MEMORY USAGE says %d", k, ev.Key.Type, got, want)
		}
		est[ev.Key.Type] += got
		real[ev.Key.Type] += want
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for typ := rdb.String; typ <= rdb.Stream; typ++ {
		d := float64(est[typ]-real[typ]) / float64(real[typ])
		t.Logf("%s: %d, MEMORY USAGE %d, %+.2f %%", typ, est[typ], real[typ], 100*d)
		if math.Abs(d) > 0.01 {
			t.Errorf("all of type %s: %d bytes, MEMORY USAGE says %d", typ, est[typ], real[typ])
		}
	}
}
