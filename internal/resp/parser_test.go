package resp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// parse gives the commands in data, fed as it is cut by next (bytes at a time).
// It moves the buffer at each step, as a caller that grows it does.
func parse(p *Parser, data []byte, next func() int) (cmds []string, err error) {
	var buf []byte
	for {
		m := min(next(), len(data))
		if m == 0 {
			return cmds, nil
		}
		moved := make([]byte, 0, len(buf)+m)
		moved = append(append(moved, buf...), data[:m]...)
		for i := range buf {
			buf[i] = '!' // whoever still looks there is found out
		}
		buf, data = moved, data[m:]
		for {
			words, n, err := p.Next(buf)
			if err != nil {
				return cmds, err
			}
			if words != nil {
				cmds = append(cmds, fmt.Sprintf("%q", words))
			}
			buf = buf[n:]
			if words == nil {
				break
			}
		}
	}
}

func whole() int { return 1 << 30 }
func drip() int  { return 1 }

func TestParser(t *testing.T) {
	const ping = "*1\r\n$4\r\nPING\r\n"
	for _, c := range []struct {
		in   string
		want string // commands, then the error
	}{
		{ping, `["PING"]`},
		{"*2\r\n$0\r\n\r\n$12\r\nhello\r\nworld\r\n", `["" "hello\r\nworld"]`},
		{"*0\r\n*-1\r\n*-9223372036854775808\r\n\r\n\n  \t\r\n" + ping, `["PING"]`},
		{ping + "*1\r\n$-2\r\n" + ping, `["PING"] Protocol error: invalid bulk length`},
		{"*1\r\n$9223372036854775807\r\n", `Protocol error: invalid bulk length`},
		{"*9223372036854775807\r\n$1\r\na\r\n", `Protocol error: invalid multibulk length`},
		{"*-9223372036854775809\r\n", `Protocol error: invalid multibulk length`},
		{"*1048576\r\n", ``},
		{"*1048577\r\n", `Protocol error: invalid multibulk length`},
		{"*\r\n", `Protocol error: invalid multibulk length`},
		{"*+1\r\n", `Protocol error: invalid multibulk length`},
		{"*01\r\n", `Protocol error: invalid multibulk length`},
		{"*-0\r\n", `Protocol error: invalid multibulk length`},
		{"* 1\r\n", `Protocol error: invalid multibulk length`},
		{"*1\n$4\r\nPING\r\n", `Protocol error: invalid multibulk length`},
		{"*1\rX$4\rXPINGxx" + ping, `["PING"] ["PING"]`},
		{"*1\r\n$+000000000000000004\r\n", `Protocol error: invalid bulk length`},
		{"*1\r\n$04\r\n", `Protocol error: invalid bulk length`},
		{"*1\r\n$\r\n", `Protocol error: invalid bulk length`},
		{"*1\r\n$536870912\r\n", ``},
		{"*1\r\n$536870913\r\n", `Protocol error: invalid bulk length`},
		{"*1\r\nx\r\n", `Protocol error: expected '$', got 'x'`},
		{"*1\r\n\r\n", "Protocol error: expected '$', got '\r'"},
		{"*1\r\n\xff\r\n", "Protocol error: expected '$', got '\xff'"},
		{strings.Repeat("A", 65536), ``},
		{strings.Repeat("A", 65537), `Protocol error: too big inline request`},
		{"*" + strings.Repeat("1", 65535), ``},
		{"*" + strings.Repeat("1", 65536), `Protocol error: too big mbulk count string`},
		{"*1\r\n$" + strings.Repeat("1", 65536), `Protocol error: too big bulk count string`},
		{"PING\nping a\r\n", `["PING"] ["ping" "a"]`},
		{"\tPING\t\"a\"\t\r\n", `["PING" "a"]`},
		{"$4\r\n", `["$4"]`},
		{`E "a\x41\n\r\t\b\a\\\"\q\xZZ\x4"` + "\r\n", `["E" "aA\n\r\t\b\a\\\"qxZZx4"]`},
		{`E "\x4g" "\X41" ''` + "\r\n", `["E" "x4g" "X41" ""]`},
		{`E a"b"` + "\r\n", `["E" "ab"]`},
		{`E 'a\'b'` + "\r\n", `["E" "a'b"]`},
		{"E a\rb\r\r\n", `["E" "a" "b"]`},
		{"E 'a\rb'\n", `["E" "a\rb"]`},
		{"E a\vb\fc\n", `["E" "a\vb\fc"]`},
		{"\"\"\r\n", `[""]`},
		{`E 'a\'b\n\ '` + "\r\nPING\r\n", `["E" "a'b\\n\\ "] ["PING"]`},
		{`E 'a\\'` + "\r\n", `Protocol error: unbalanced quotes in request`},
		{`E "a"b` + "\r\n", `Protocol error: unbalanced quotes in request`},
		{`E a'b'c` + "\r\n", `Protocol error: unbalanced quotes in request`},
		{`E "a` + "\r\n", `Protocol error: unbalanced quotes in request`},
		{"E \"\\\n", `Protocol error: unbalanced quotes in request`},
	} {
		for _, cut := range []func() int{whole, drip} {
			if len(c.in) > 1000 {
				cut = func() int { return 997 }
			}
			cmds, err := parse(new(Parser), []byte(c.in), cut)
			got := strings.Join(cmds, " ")
			if err != nil {
				got = strings.TrimSpace(got + " " + err.Error())
			}
			if got != c.want {
				t.Errorf("parsing %.60q = %s, want %s", c.in, got, c.want)
			}
		}
	}
}

func TestUnauthenticated(t *testing.T) {
	for in, want := range map[string]error{
		"*10\r\n":                     nil,
		"*11\r\n":                     ErrUnauthMultibulkLength,
		"*1\r\n$16384\r\n":            nil,
		"*1\r\n$16385\r\n":            ErrUnauthBulkLength,
		"*2000000000\r\n":             ErrMultibulkLength,
		"*1\r\n$600000000\r\n":        ErrBulkLength,
		"a a a a a a a a a a a a\r\n": nil,
	} {
		p := &Parser{Limits: Limits{Unauthenticated: true}}
		if _, _, err := p.Next([]byte(in)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
		if _, _, again := p.Next([]byte(in)); !errors.Is(again, want) {
			t.Errorf("%q: the error did not stay: %v", in, again)
		}
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "1": 1, "-1": -1, "9223372036854775807": 1<<63 - 1, "-9223372036854775808": -1 << 63, "99999999999999999": 99999999999999999, "100000000000000000": 100000000000000000} {
		if n, ok := number([]byte(in)); n != want || !ok {
			t.Errorf("number(%s) = %d, %v", in, n, ok)
		}
	}
	for _, in := range []string{"", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1a", "9223372036854775808", "-9223372036854775809", "+1000000000000000000", "-+100000000000000000", "000000000000000000001", "1_000_000_000_000_000_000"} {
		if n, ok := number([]byte(in)); ok {
			t.Errorf("number(%q) = %d, want none", in, n)
		}
	}
}

// What is announced costs nothing until it arrives.
func TestParserMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p := new(Parser)
	if _, _, err := p.Next([]byte("*1048576\r\n$536870912\r\nabc")); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
		t.Errorf("%d bytes for an announcement", n)
	}
}

// A command of many words that drips in costs what it costs whole: this would
// take hours if each byte had the command parsed from its start.
func TestDrip(t *testing.T) {
	const words = 200_000
	data := append([]byte("*200000\r\n"), strings.Repeat("$1\r\na\r\n", words)...)
	p := new(Parser)
	for i := range data {
		got, n, err := p.Next(data[:i+1])
		switch {
		case err != nil:
			t.Fatal(err)
		case got == nil && i == len(data)-1 || got != nil && len(got) != words:
			t.Fatalf("%d words in %d bytes", len(got), n)
		}
	}
}

// No byte of a line is looked at twice.
func TestLineDrip(t *testing.T) {
	for _, line := range []string{strings.Repeat("a", 1000), "*" + strings.Repeat("1", 1000), "*1\r\n$" + strings.Repeat("1", 1000)} {
		p := new(Parser)
		for i := range line {
			if _, _, err := p.Next([]byte(line[:i+1])); err != nil {
				t.Fatal(err)
			}
		}
		if p.seen != len(line) {
			t.Errorf("%.10q...: looked at %d bytes of %d, and would look at them again", line, p.seen, len(line))
		}
	}
}

func TestParserAllocates(t *testing.T) {
	data := AppendCommand(nil, "SET", "key:000001", strings.Repeat("v", 100))
	data = append(data, "set key \"a value\"\r\n"...)
	p := new(Parser)
	if n := testing.AllocsPerRun(100, func() {
		b := data
		for {
			words, n, err := p.Next(b)
			if err != nil {
				t.Fatal(err)
			}
			if words == nil {
				break
			}
			b = b[n:]
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func FuzzParser(f *testing.F) {
	for _, s := range []string{"*1\r\n$4\r\nPING\r\n", "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*0\r\n*-1\r\nPING \"a b\" 'c'\r\n", "*1\r\n$-2\r\n", "*1\rX$4\rXPINGxx", "*11\r\n$1\r\na\r\n", "\"\\x41\\", "*1\r\n\r\n"} {
		f.Add([]byte(s), uint64(1), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, strict bool) {
		limits := Limits{MaxInline: 100, MaxArgs: 1000, MaxBulk: 300, Unauthenticated: strict}
		rng := rand.New(rand.NewPCG(seed, 1))
		a, aerr := parse(&Parser{Limits: limits}, data, whole)
		b, berr := parse(&Parser{Limits: limits}, data, func() int { return 1 + rng.IntN(9) })
		c, cerr := parse(&Parser{Limits: limits}, data, drip)
		if !slices.Equal(a, b) || !slices.Equal(a, c) || aerr != berr || aerr != cerr {
			t.Errorf("%q whole: %v %v, in pieces: %v %v, dripped: %v %v", data, a, aerr, b, berr, c, cerr)
		}
	})
}

// What AppendCommand writes, the Parser reads.
func FuzzCommand(f *testing.F) {
	f.Add([]byte("SET"), []byte("k"), []byte("\r\n"))
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		data := AppendCommand(nil, a, b, c)
		words, n, err := new(Parser).Next(data)
		if err != nil || n != len(data) || len(words) != 3 || !bytes.Equal(words[0], a) || !bytes.Equal(words[1], b) || !bytes.Equal(words[2], c) {
			t.Errorf("%q read as %q, %d of %d bytes, %v", data, words, n, len(data), err)
		}
	})
}

func BenchmarkParser(b *testing.B) {
	data := bytes.Repeat(AppendCommand(nil, "SET", "key:000000000001", strings.Repeat("v", 32)), 100)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	p := new(Parser)
	for b.Loop() {
		for rest := data; len(rest) > 0; {
			_, n, _ := p.Next(rest)
			rest = rest[n:]
		}
	}
}
