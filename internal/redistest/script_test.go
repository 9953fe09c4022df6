package redistest

import (
	"bufio"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string // nil: an error
	}{
		{`SET k v`, []string{"SET", "k", "v"}},
		{"  SET\t k  ", []string{"SET", "k"}},
		{`SET "" ''`, []string{"SET", "", ""}},
		{`"a b" 'c d'`, []string{"a b", "c d"}},
		{`"\x00\xfF\n\r\t\b\a\"\\\q"`, []string{"\x00\xff\n\r\t\b\a\"\\q"}},
		{`"\xg1\x1"`, []string{"xg1x1"}},
		{`'\n\''`, []string{`\n'`}},
		{`a"b"`, []string{"ab"}},
		{`a\b`, []string{`a\b`}},
		{`"a`, nil},
		{`'a`, nil},
		{`"a"b`, nil},
		{`"a""b"`, nil},
		{`"a\`, nil},
		{`"a\x0`, nil},
	} {
		got, err := splitWords(c.line)
		if (err != nil) != (c.want == nil) || err == nil && !reflect.DeepEqual(got, c.want) {
			t.Errorf("splitWords(%s) = %q, %v, want %q", c.line, got, err, c.want)
		}
	}
}

func TestRender(t *testing.T) {
	for _, c := range []struct{ wire, want string }{
		{"+OK\r\n", "OK"},
		{"+\r\n", `""`},
		{"-ERR x\r\n", "(error) ERR x"},
		{"-ERR x \r\n", `(error) "ERR x "`},
		{":-3\r\n", "(integer) -3"},
		{"$3\r\na\r\n\r\n", `"a\r\n"`},
		{"$0\r\n\r\n", `""`},
		{"$-1\r\n", "(nil)"},
		{"*-1\r\n", "(nil array)"},
		{"_\r\n", "(nil)"},
		{",1.50\r\n", "(double) 1.50"},
		{"#t\r\n", "(true)"},
		{"#f\r\n", "(false)"},
		{"(123\r\n", "(big number) 123"},
		{"!5\r\nERR x\r\n", "(error) ERR x"},
		{"=5\r\ntxt:a\r\n", `(verbatim txt) "a"`},
		{"*0\r\n", "(array 0)"},
		{"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", "(array 2)\n  (integer) 1\n  (array 1)\n    \"a\""},
		{"%1\r\n+a\r\n~1\r\n:1\r\n", "(map 1)\n  a: (set 1)\n    (integer) 1"},
		{">1\r\n+a\r\n", "(push 1)\n  a"},
		{"|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n", "(attribute 1)\n  ttl: (integer) 5\n\"v\""},
	} {
		v, err := ReadValue(bufio.NewReader(strings.NewReader(c.wire)))
		if err != nil || v.String() != c.want {
			t.Errorf("%q is rendered %q, %v, want %q", c.wire, v, err, c.want)
		}
	}
	for _, wire := range []string{"", "\r\n", "+a", "+a\n", "?\r\n", ":x\r\n", "$x\r\n", "$-2\r\n", "$3\r\na\r\n", "$1\r\nabc",
		"*2\r\n:1\r\n", "*99999999999\r\n", "#x\r\n"} {
		if v, err := ReadValue(bufio.NewReader(strings.NewReader(wire))); err == nil {
			t.Errorf("%q is read as %s, want an error", wire, v)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{
		"SET \"k\n", "@foo\n", "@sleep x\n", "@let x\n", "@unordered much\n", "@each $nope\n", "@scan SCAN 0\n", "! c1>> GET k\n",
		"c1<< GET\n", "GET k\n---- resp4\n", "@lines (\nINFO\n", "@unordered\nKEYS *\n----\n(array 1)\n  ~ a\n", "c1>\n",
	} {
		if _, err := parse("x.txt", text, false); err == nil || !strings.HasPrefix(err.Error(), "x.txt:") {
			t.Errorf("parse(%q) = %v, want an error with its place", text, err)
		}
	}
}

func TestEachWords(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{`0 "" " 1" 'a b' x`, []string{"0", `""`, `" 1"`, `'a b'`, "x"}},
		{`"a\"b c" d`, []string{`"a\"b c"`, "d"}},
		{`EX 10 | NX | "" |`, []string{"EX 10", "NX", `""`}},
		{`DEL a |`, []string{"DEL a"}},
	} {
		if got, err := eachWords(c.text); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("eachWords(%s) = %q, %v, want %q", c.text, got, err, c.want)
		}
	}
}

// TestScriptsAreTidy: what is in testdata parses, is as -rewrite would write it, and can be read by a person.
func TestScriptsAreTidy(t *testing.T) {
	paths, _ := filepath.Glob("../../testdata/*.txt")
	if len(paths) == 0 {
		t.Fatal("no scripts")
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(path, string(data), strings.HasPrefix(filepath.Base(path), "effects_"))
		if err != nil {
			t.Error(err)
			continue
		}
		if s.format() != string(data) {
			t.Errorf("%s is not as -rewrite would write it", path)
		}
		written := 0 // replies are recorded
		for _, b := range s.blocks {
			written += len(b.steps)
		}
		if n := strings.Count(string(data), "\n"); written > 600 || n > 3000 {
			t.Errorf("%s has %d lines, %d of them commands: split it by topic", path, n, written)
		}
		for _, b := range s.blocks {
			expects := false
			for _, st := range b.steps {
				expects = expects || st.replies()
			}
			if expects && len(b.want) == 0 {
				t.Errorf("%s:%d: no replies recorded", path, b.line)
			}
			for _, w := range b.want {
				if strings.Contains(w.text[0], "(timeout)") {
					t.Errorf("%s:%d: a timeout is no reply", path, w.line)
				}
			}
		}
	}
}
