package glob

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// cases were each asked of a redis-server 7.0.15 with KEYS on one key, or with
// CONFIG GET for the ones that fold; TestServer asks again.
var cases = []struct {
	pattern, s string
	want       bool
}{
	{"", "", true},
	{"", "a", false},
	{"a", "", false},
	{"**", "", false},
	{"?", "", false},
	{"*", "a", true},
	{"**", "a", true},
	{"a*", "a", true},
	{"a**", "a", true},
	{"*a", "ba", true},
	{"*a*b*c", "xaxbxc", true},
	{"*a*b*c", "xaxcxb", false},
	{"a?c", "abc", true},
	{"a?c", "ac", false},
	{"[abc]", "b", true},
	{"[abc]", "d", false},
	{"[^abc]", "d", true},
	{"[^abc]", "b", false},
	{"[a-c]x", "bx", true},
	{"[c-a]", "b", true},
	{"[^c-a]", "b", false},
	{"[^a-]", "a", false},
	{"[^a-]", "-", true},
	{"[^a-]", "b", true},
	{"[a-]", "-", false},
	{"[a-]", "a", true},
	{"[a-]", "]", true},
	{"[a-", "a", true},
	{"[a-", "-", true},
	{"[a-b", "b", true},
	{"[a-b", "c", false},
	{"[ab", "b", true},
	{"[ab", "c", false},
	{"[", "a", false},
	{"[", "[", false},
	{"[^", "a", true},
	{"[^", "ab", false},
	{"[]", "a", false},
	{"[]", "]", false},
	{"[^]", "a", true},
	{"[]a]", "a]", false},
	{`[\]]`, "]", true},
	{`[\`, `\`, true},
	{`[\a-c]`, "b", false},
	{`[\a-c]`, "-", true},
	{`[!-\]`, "a", false},
	{"[*]", "*", true},
	{"[?]", "a", false},
	{`\`, `\`, true},
	{`a\`, `a\`, true},
	{`\\`, `\`, true},
	{`\*`, "*", true},
	{`\*`, "a", false},
	{`\a`, "a", true},
	{`*\`, `ab\`, true},
	{"*[", "a[", false},
	{"*[a", "ba", true},
	{"h[^e]llo", "hallo", true},
	{"h[^e]llo", "hello", false},
	{"\xff*", "\xff\x00", true},
	{"[\x80-\xff]", "\x90", true},
	{"[a-cx-z]", "y", true},
	{"*?*", "a", true},
	{"*aab", "aaab", true},
	{"*abc", "ababc", true},
	{"*a?c*d", "abaacxd", true},
	{"a*b", "ab", true},
	{"a*b", "aXbX", false},
}

func TestMatch(t *testing.T) {
	for _, c := range cases {
		if got := Match(c.pattern, c.s); got != c.want {
			t.Errorf("Match(%q, %q) = %v, want %v", c.pattern, c.s, got, c.want)
		}
	}
}

func TestMatchFold(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"HZ", "hz", true},
		{"[H]Z", "hz", true},
		{"[G-I]z", "hz", true},
		{"[G-I]z", "HZ", true},
		{`[\H]z`, "hz", false},
		{`\HZ`, "hz", true},
		{"*É", "é", false},
	} {
		if got := MatchFold(c.pattern, c.s); got != c.want {
			t.Errorf("MatchFold(%q, %q) = %v, want %v", c.pattern, c.s, got, c.want)
		}
	}
}

func TestPrefixLiteral(t *testing.T) {
	for _, c := range []struct {
		pattern, prefix string
		literal         bool
	}{
		{"", "", true},
		{"abc", "abc", true},
		{"abc*", "abc", false},
		{"*", "", false},
		{"a[b]", "a", false},
		{`a\*b`, "a*b", true},
		{`a\*b?c`, "a*b", false},
		{`a\`, `a\`, true},
		{`a\\b`, `a\b`, true},
	} {
		if got := Prefix(c.pattern); got != c.prefix {
			t.Errorf("Prefix(%q) = %q, want %q", c.pattern, got, c.prefix)
		}
		s, ok := Literal(c.pattern)
		if ok != c.literal || ok && s != c.prefix {
			t.Errorf("Literal(%q) = %q, %v, want %q, %v", c.pattern, s, ok, c.prefix, c.literal)
		}
	}
}

// TestBounded would not end if backtracking were exponential.
func TestBounded(t *testing.T) {
	s := strings.Repeat("a", 5000)
	for _, pattern := range []string{
		strings.Repeat("*a", 500) + "b",
		strings.Repeat("*?", 500) + "b",
		strings.Repeat("*[^b]", 500) + "b",
	} {
		start := time.Now()
		if Match(pattern, s) {
			t.Errorf("Match(%.10q..., a...) = true, want false", pattern)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("Match(%.10q..., a...) took %v", pattern, d)
		}
	}
}

// model is the meaning of a pattern said as plainly as possible: exponential,
// and without any cleverness to be wrong in.
func model(p, s string, fold bool) bool {
	if s == "" {
		return strings.Trim(p, "*") == ""
	}
	if p == "" {
		return false
	}
	if p[0] == '*' {
		return model(p[1:], s, fold) || model(p, s[1:], fold)
	}
	eq := func(a, b byte) bool {
		return a == b || fold && bytes.EqualFold([]byte{a}, []byte{b}) && a < 128 && b < 128
	}
	switch {
	case p[0] == '?':
		return model(p[1:], s[1:], fold)
	case p[0] == '\\' && len(p) > 1:
		return eq(p[1], s[0]) && model(p[2:], s[1:], fold)
	case p[0] != '[':
		return eq(p[0], s[0]) && model(p[1:], s[1:], fold)
	}
	p = p[1:]
	not := strings.HasPrefix(p, "^")
	p = strings.TrimPrefix(p, "^")
	in := false
	for p != "" && p[0] != ']' {
		switch {
		case p[0] == '\\' && len(p) > 1:
			in = in || p[1] == s[0]
			p = p[2:]
		case len(p) > 2 && p[1] == '-':
			lo, hi, c := []byte{min(p[0], p[2])}, []byte{max(p[0], p[2])}, []byte{s[0]}
			if fold {
				for _, b := range [][]byte{lo, hi, c} {
					if 'A' <= b[0] && b[0] <= 'Z' {
						b[0] += 32
					}
				}
			}
			in = in || lo[0] <= c[0] && c[0] <= hi[0]
			p = p[3:]
		default:
			in = in || eq(p[0], s[0])
			p = p[1:]
		}
	}
	p = strings.TrimPrefix(p, "]")
	return in != not && model(p, s[1:], fold)
}

func FuzzMatch(f *testing.F) {
	for _, c := range cases {
		f.Add(c.pattern, c.s)
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(s) > 12 || strings.Count(pattern, "*") > 4 {
			return // the model is exponential
		}
		for _, fold := range []bool{false, true} {
			want := model(pattern, s, fold) && (s != "" || pattern == "")
			if got := match(pattern, s, fold); got != want {
				t.Errorf("match(%q, %q, %v) = %v, want %v", pattern, s, fold, got, want)
			}
		}
		if Match(pattern, s) && !strings.HasPrefix(s, Prefix(pattern)) {
			t.Errorf("%q fits %q but does not start with Prefix %q", s, pattern, Prefix(pattern))
		}
		if lit, ok := Literal(pattern); ok {
			if !Match(pattern, lit) || Match(pattern, s) && s != lit {
				t.Errorf("Literal(%q) = %q, not the only match", pattern, lit)
			}
		}
	})
}

// TestServer asks a real redis-server the same questions.
func TestServer(t *testing.T) {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED: not compared with redis-server, which is not on PATH")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	cmd := exec.Command(bin, "--port", fmt.Sprint(addr.Port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var conn net.Conn
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if conn, err = net.Dial("tcp", addr.String()); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	defer conn.Close()
	word := func(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }
	ask := func(pattern, s string) bool {
		// The three replies are +OK, +OK and an array of no key or one.
		fmt.Fprint(conn, "*1\r\n"+word("FLUSHALL")+"*3\r\n"+word("SET")+word(s)+word("x")+"*2\r\n"+word("KEYS")+word(pattern))
		var got []byte
		one := "+OK\r\n+OK\r\n*1\r\n" + word(s)
		buf := make([]byte, 512)
		for string(got) != one && string(got) != "+OK\r\n+OK\r\n*0\r\n" {
			n, err := conn.Read(buf)
			if err != nil || len(got) > len(one) {
				t.Fatalf("KEYS %q on %q: %q, %v", pattern, s, got, err)
			}
			got = append(got, buf[:n]...)
		}
		return string(got) == one
	}
	for _, c := range cases {
		if got := ask(c.pattern, c.s); c.pattern != "*" && got != c.want {
			t.Errorf("redis-server: KEYS %q on %q = %v, the table says %v", c.pattern, c.s, got, c.want)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Match("user:*:session:[0-9]?", "user:1234567:session:42")
	}
}
