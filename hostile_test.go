package larder_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/redistest"
)

// Numbers that have overflown something in one server or another, in every place where a
// command takes a number.

// borders are the numbers, as words.
var borders = []string{
	"0", "-0", "1", "-1", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296", "4294967297",
	"9007199254740993", "1152921504606846975", "1152921504606846976", "2305843009213693952", "4611686018427387903",
	"4611686018427387904", "-4611686018427387904", "-4611686018427387905", "9223372036854775806", "9223372036854775807",
	"9223372036854775808", "-9223372036854775807", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
	"18446744073709551616", "1e400", "-1e400", "1e308", "5e-324", "inf", "-inf", "nan", "0x7fffffffffffffff", "",
}

// A syntax is an argument as COMMAND DOCS tells it.
type syntax struct {
	kind, token        string
	optional, multiple bool
	args               []syntax
}

// A slot is a word of a command that is made up.
type slot struct {
	word   string
	number bool
}

// forms are the ways to write the arguments of a command that matter here: as few words
// as there can be, each option and each alternative in turn, and all of them.
func forms(args []syntax) [][]slot {
	each := make([][][]slot, len(args)) // of each argument, the alternatives; what is written by default first
	for i := range args {
		each[i] = args[i].forms()
	}
	write := func(pick func(i int) []slot) (line []slot) {
		for i := range args {
			line = append(line, pick(i)...)
		}
		return line
	}
	plain := func(i int) []slot {
		if args[i].optional {
			return nil
		}
		return each[i][0]
	}
	all := [][]slot{write(plain), write(func(i int) []slot { return each[i][0] })}
	for i := range args {
		for n, form := range each[i] {
			if n == 0 && !args[i].optional {
				continue
			}
			all = append(all, write(func(j int) []slot {
				if j == i {
					return form
				}
				return plain(j)
			}))
		}
	}
	return all
}

func (a *syntax) forms() (all [][]slot) {
	var before []slot
	if a.token != "" {
		before = []slot{{word: a.token}}
	}
	switch a.kind {
	case "block":
		all = forms(a.args)
	case "oneof":
		for i := range a.args {
			all = append(all, a.args[i].forms()...)
		}
	case "pure-token":
		all = [][]slot{nil}
	case "integer", "double", "unix-time":
		all = [][]slot{{{word: "1", number: true}}}
	case "key":
		all = [][]slot{{{word: "{key}"}}}
	default: // which may be a number after all, as a stream's ID
		all = [][]slot{{{word: "1", number: true}}}
	}
	for i := range all {
		all[i] = append(slices.Clone(before), all[i]...)
	}
	return all
}

// readSyntax reads the "arguments" of COMMAND DOCS.
func readSyntax(v redistest.Value) (args []syntax) {
	for _, el := range v.Elems {
		var a syntax
		for i := 0; i+1 < len(el.Elems); i += 2 {
			is := el.Elems[i+1]
			switch el.Elems[i].Str {
			case "type":
				a.kind = is.Str
			case "token":
				a.token = is.Str
			case "arguments":
				a.args = readSyntax(is)
			case "flags":
				for _, f := range is.Elems {
					a.optional = a.optional || f.Str == "optional"
					a.multiple = a.multiple || f.Str == "multiple"
				}
			}
		}
		args = append(args, a)
	}
	return args
}

// notTried are commands that are not tried here: those that end the server, hold it up,
// or answer by a push.
var notTried = map[string]bool{
	"shutdown": true, "debug": true, "client|pause": true, "client|reply": true, "monitor": true,
	"subscribe": true, "psubscribe": true, "ssubscribe": true, "unsubscribe": true, "punsubscribe": true, "sunsubscribe": true,
}

// hostileValues are the keys that numbers are tried on.
var hostileValues = []string{
	"SET string abc", "SET number 10", "RPUSH list 1 2 3", "SADD ints 1 2 3", "SADD set a b c", "HSET hash 1 1 b 2", "ZADD zset 1 1 2 b",
	"XADD stream 1-1 1 1", "XGROUP CREATE stream 1 0", "PFADD hll a b c",
}

// TestNumbersEverywhere puts every border in the place of every number of every command,
// with each of its options, on keys of each type. Each command is answered once, with
// nothing allocated that its words only announce, and the server is whole afterwards; the
// mirror of every test holds the effects to that.
func TestNumbersEverywhere(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"proto-max-bulk-len", "1mb"}})
	c := newConn(db)
	defer func() { c.Close() }()
	var at atomic.Pointer[string] // for who has to find out what hangs
	done := make(chan struct{})
	defer close(done)
	go func() {
		last, since := "", time.Now()
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Second):
			}
			if now := at.Load(); now != nil && *now != last {
				last, since = *now, time.Now()
			} else if time.Since(since) > time.Minute {
				panic("a minute has passed within: " + last)
			}
		}
	}()
	tried := 0
	for _, name := range slices.Sorted(maps.Keys(larder.CommandTable())) {
		cmd := larder.CommandTable()[name]
		if _, container := cmd.(*engine.Container); container || notTried[cmd.Info().Lower()] {
			continue
		}
		doc := c.Do("COMMAND", "DOCS", name)
		if len(doc.Elems) != 2 {
			t.Fatalf("COMMAND DOCS %s = %v", name, doc.Lines())
		}
		var args []syntax
		for i := 0; i+1 < len(doc.Elems[1].Elems); i += 2 {
			if doc.Elems[1].Elems[i].Str == "arguments" {
				args = readSyntax(doc.Elems[1].Elems[i+1])
			}
		}
		for _, form := range forms(args) {
			for i := range form {
				if !form[i].number {
					continue
				}
				for n, border := range borders {
					if (testing.Short() || raceEnabled) && n%5 != 0 {
						continue
					}
					for _, value := range hostileValues {
						make := strings.Fields(value)
						words := strings.Split(name, "|")
						for j, s := range form {
							switch {
							case j == i:
								words = append(words, border)
							case s.word == "{key}":
								words = append(words, make[1])
							default:
								words = append(words, s.word)
							}
						}
						line := fmt.Sprintf("%q", words)
						at.Store(&line)
						if tried++; tried%64 == 0 {
							c.Do("FLUSHALL")
						}
						c.Do("SELECT", "0")
						c.Do(make...)
						before := allocated()
						if got := runHostile(c, cmd.Info(), words); got != "" {
							t.Fatalf("%s: %s", line, got)
						}
						if used := allocated() - before; used > 64<<20 {
							t.Errorf("%s allocates %d MB", line, used>>20)
						}
						if c.ctx.Err() != nil {
							c = newConn(db)
						}
					}
				}
			}
		}
	}
	t.Logf("%d commands", tried)
	if got := c.Do("PING"); got.Str != "PONG" {
		t.Errorf("PING = %v", got.Lines())
	}
}

// runHostile runs a command, in a transaction where it could wait, and says what is
// wrong with its reply.
func runHostile(c *conn, spec *engine.Spec, words []string) string {
	var v redistest.Value
	if spec.Flags&engine.MayBlock != 0 {
		c.Do("MULTI")
		c.Do(words...)
		v = c.Do("EXEC")
	} else {
		v = c.Do(words...)
	}
	if v.Kind == redistest.Timeout {
		return "there is no reply, or it is not one"
	}
	if text := strings.Join(v.Lines(), " "); len(text) < 1000 && strings.Contains(text, "ERR internal error") {
		return text
	}
	if spec.Lower() == "multi" {
		c.Do("DISCARD")
	}
	return ""
}

// allocated is how many bytes were ever allocated.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// TestHostileLCS: the table of LCS is bounded, and so is what its IDX answers.
func TestHostileLCS(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"proto-max-bulk-len", "4mb"}})
	const tooBig = larder.Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
	for _, test := range []struct {
		a, b int
		want error
	}{
		{1000, 1000, nil}, {1023, 1023, nil}, {1024, 1024, tooBig}, {4 << 20, 1, tooBig}, {1, 4 << 20, tooBig}, {4 << 20, 4 << 20, tooBig}, {0, 1000, nil},
	} {
		if _, err := db.Do("MSET", "a", strings.Repeat("x", test.a), "b", strings.Repeat("x", test.b)); err != nil {
			t.Fatal(err)
		}
		for _, words := range [][]string{{"LCS", "a", "b"}, {"LCS", "a", "b", "LEN"}, {"LCS", "a", "b", "IDX", "WITHMATCHLEN"}} {
			least := uint64(math.MaxUint64) // the whole process is counted, and what other tests left behind may still be at work
			for range 5 {
				before := allocated()
				if _, err := db.Do(words...); err != test.want {
					t.Errorf("%q of %d and %d bytes: %v, want %v", words, test.a, test.b, err, test.want)
				}
				least = min(least, allocated()-before)
			}
			if least > 5<<20 {
				t.Errorf("%q of %d and %d bytes allocates %d MB, limit 4 MB", words, test.a, test.b, least>>20)
			}
		}
	}
}

// TestHostileHyperLogLog: whatever bytes are called a HyperLogLog, each PF command answers
// a number or an error, and what it answers OK to is one afterwards.
func TestHostileHyperLogLog(t *testing.T) {
	db := open(t, larder.Options{})
	r := rand.New(rand.NewPCG(8, 8))
	if _, err := db.Do("PFADD", "good", "a", "b", "c"); err != nil {
		t.Fatal(err)
	}
	sparse, _ := db.Get("good")
	for i := range 20_000 {
		if _, err := db.Do("PFADD", "large", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	dense, _ := db.Get("large")
	rounds := 3000
	if testing.Short() || raceEnabled {
		rounds = 300
	}
	for range rounds {
		b := []byte([]string{sparse, dense, "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80", "HYLL\x00", ""}[r.IntN(5)])
		for range r.IntN(6) {
			switch {
			case len(b) > 0 && r.IntN(3) > 0:
				b[r.IntN(min(len(b), 40))] = byte(r.Uint32())
			case r.IntN(2) == 0:
				b = b[:r.IntN(len(b)+1)]
			default:
				b = append(b, []string{"\x7f\xff", "\xff", "\x80", "\x00", "\x40\x00"}[r.IntN(5)]...)
			}
		}
		if err := db.Set("k", string(b)); err != nil {
			t.Fatal(err)
		}
		for _, words := range [][]string{
			{"PFCOUNT", "k"}, {"PFCOUNT", "good", "k", "large"}, {"PFADD", "k", "x"}, {"PFMERGE", "to", "k", "large"}, {"PFMERGE", "k", "good"},
			{"PFADD", "k", "y", "z"}, {"PFCOUNT", "k"},
		} {
			if _, err := db.Do(words...); err != nil && !strings.HasPrefix(err.Error(), "WRONGTYPE ") && !strings.HasPrefix(err.Error(), "INVALIDOBJ ") {
				t.Fatalf("%q on %q: %v", words, b, err)
			}
		}
	}
}

// TestHostileFloats: what is no number, or makes none, changes nothing.
func TestHostileFloats(t *testing.T) {
	db := open(t, larder.Options{})
	junk := []string{"", " ", " 1", "1 ", "1\x00", "\x00", "nan", "-nan", "inf", "+inf", "-inf", "infinity", "1e", "e1", "0x", "1_0", "1,0", "--1", ".", "+",
		"1e99999", "\xff\xfe", strings.Repeat("9", 300), strings.Repeat("1", 5000), "1." + strings.Repeat("0", 5000) + "x"}
	for _, value := range junk {
		for _, by := range append(junk, "1", "-1.5", "1e308") {
			c := newConn(db)
			c.Do("FLUSHALL")
			c.Do("SET", "s", value)
			c.Do("HSET", "h", "f", value)
			c.Do("ZADD", "z", "1", "m")
			for _, words := range [][]string{{"INCRBYFLOAT", "s", by}, {"HINCRBYFLOAT", "h", "f", by}, {"ZINCRBY", "z", by, "m"}} {
				v := c.Do(words...)
				text := strings.Join(v.Lines(), " ")
				if v.Kind == redistest.Error {
					if strings.HasPrefix(text, "(error) ERR internal") {
						t.Errorf("%q on %q: %s", words, value, text)
					}
				} else if words[0] != "ZINCRBY" && (strings.Contains(text, "inf") || strings.Contains(text, "nan")) {
					t.Errorf("%q on %q makes %s", words, value, text)
				} else if strings.Contains(text, "nan") {
					t.Errorf("%q makes %s", words, text)
				}
			}
			c.Close()
		}
	}
	for _, words := range [][]string{{"MSETNX", "e", "1", "e", "2"}, {"MSETNX", "e", "3", "f", "4", "e", "5"}} {
		want := int64(1)
		if words[2] == "3" {
			want = 0
		}
		if n, err := db.Do(words...); err != nil || n != want {
			t.Errorf("%q = %v, %v, want %d", words, n, err, want)
		}
	}
	if v, _ := db.Get("e"); v != "2" {
		t.Errorf("MSETNX of one key twice leaves %q, want the later value", v)
	}
}

// TestHostilePatterns: a pattern that would have a matcher try again and again ends soon,
// in each command that takes one.
func TestHostilePatterns(t *testing.T) {
	db := open(t, larder.Options{})
	long := strings.Repeat("a", 20_000)
	pattern := strings.Repeat("*a", 5_000) + "*b"
	c := newConn(db)
	defer c.Close()
	c.Do("SET", long, "v")
	c.Do("HSET", "h", long, "v")
	c.Do("SADD", "s", long)
	c.Do("ZADD", "z", "1", long)
	c.Do("PSUBSCRIBE", pattern)
	c.Do("RESET")
	for _, words := range [][]string{
		{"KEYS", pattern}, {"SCAN", "0", "MATCH", pattern}, {"HSCAN", "h", "0", "MATCH", pattern}, {"SSCAN", "s", "0", "MATCH", pattern},
		{"ZSCAN", "z", "0", "MATCH", pattern}, {"CONFIG", "GET", pattern}, {"PUBSUB", "CHANNELS", pattern}, {"COMMAND", "LIST", "FILTERBY", "PATTERN", pattern},
	} {
		if text := strings.Join(c.Do(words...).Lines(), " "); strings.Contains(text, long) {
			t.Errorf("%q finds a name that does not fit", words[:2])
		}
	}
	if v := c.Do("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~"+pattern, "&"+pattern, "("+"~"+pattern+" +get)"); v.Str != "OK" {
		t.Fatalf("ACL SETUSER = %v", v.Lines())
	}
	c.Do("AUTH", "u", "x")
	for _, words := range [][]string{{"GET", long}, {"PUBLISH", long, "x"}, {"SET", long, "x"}} {
		if v := c.Do(words...); v.Kind != redistest.Error {
			t.Errorf("%q is allowed: %v", words[0], v.Lines())
		}
	}
}
