package resp

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReader(t *testing.T) {
	for in, want := range map[string]string{
		"+OK\r\n":                               "OK",
		"-ERR no\r\n":                           "(error) ERR no",
		":-42\r\n":                              "(integer) -42",
		":18446744073709551615\r\n":             "(integer) -1",
		"$5\r\na\r\nbc\r\n":                     `"a\r\nbc"`,
		"$-1\r\n":                               "nil",
		"*-1\r\n":                               "nil",
		"_\r\n":                                 "nil",
		"*2\r\n:1\r\n*0\r\n":                    "[(integer) 1 []]",
		"%1\r\n+a\r\n~1\r\n#t\r\n":              "{a: #{true}}",
		">2\r\n+message\r\n$1\r\na\r\n":         `>[message "a"]`,
		",1.5\r\n":                              "(double) 1.5",
		",-inf\r\n":                             "(double) -inf",
		",nan\r\n":                              "(double) nan",
		"(-123456789012345678901234567890\r\n":  "(big) -123456789012345678901234567890",
		"=8\r\ntxt:a\nbc\r\n":                   `txt:"a\nbc"`,
		"!6\r\nERR no\r\n":                      "(error) ERR no",
		"|1\r\n+ttl\r\n:3\r\n+OK\r\n":           "|{ttl: (integer) 3} OK",
		"*1\r\n|1\r\n+a\r\n+b\r\n:7\r\n":        "[|{a: b} (integer) 7]",
		"$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n": `"Hello"`,
		"*?\r\n:1\r\n:2\r\n.\r\n":               "[(integer) 1 (integer) 2]",
		"%?\r\n+a\r\n:1\r\n.\r\n":               "{a: (integer) 1}",
	} {
		v, err := NewReader(iotest.OneByteReader(strings.NewReader(in))).Read()
		if err != nil || v.String() != want {
			t.Errorf("%q read as %v, %v, want %s", in, v, err, want)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	for _, in := range []string{"\r\n", "x\r\n", "+OK\n", ":1a\r\n", ":\r\n", "$-2\r\n", "$1\r\nabc", "$a\r\n", "#x\r\n", "_x\r\n", ",x\r\n", "(1x\r\n", "=3\r\ntxt\r\n", "*-2\r\n", "%-1\r\n",
		"*9223372036854775807\r\n+a\r\nx\r\n", "$9223372036854775807\r\n", "%?\r\n+a\r\n.\r\n", "$?\r\n:1\r\n", "%9223372036854775807\r\n", strings.Repeat("*1\r\n", 1000)} {
		if v, err := NewReader(strings.NewReader(in)).Read(); !errors.Is(err, ErrReply) {
			t.Errorf("%.40q read as %v, %v, want an error", in, v, err)
		}
	}
	for _, in := range []string{"+O", "$5\r\nab", "*2\r\n:1\r\n", "*1\r\n", "|1\r\n+a\r\n+b\r\n", "$5\r\nabcde"} {
		if v, err := NewReader(strings.NewReader(in)).Read(); err != io.ErrUnexpectedEOF {
			t.Errorf("%q read as %v, %v, want an unexpected end", in, v, err)
		}
	}
	if _, err := NewReader(strings.NewReader("")).Read(); err != io.EOF {
		t.Errorf("nothing: %v, want EOF", err)
	}
}

func TestReaderMemory(t *testing.T) {
	r := NewReader(strings.NewReader("*1000000\r\n$1073741000\r\nabc"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.Read()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes for an announcement", n)
	}

	r = NewReader(strings.NewReader("*?\r\n" + strings.Repeat(":1\r\n", 100_000)))
	r.MaxBytes = 1 << 20
	if _, err := r.Read(); !errors.Is(err, ErrReply) {
		t.Errorf("a reply past the limit: %v", err)
	}
}

// What is read is written as it was, and reads the same again.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"+OK\r\n", "*2\r\n:1\r\n$3\r\nabc\r\n", "%1\r\n+a\r\n~1\r\n#t\r\n", "|1\r\n+a\r\n,0.1\r\n=5\r\ntxt:a\r\n", "$?\r\n;1\r\na\r\n;0\r\n", "*?\r\n_\r\n.\r\n", "(12\r\n", "!3\r\nERR\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(bytes.NewReader(data))
		r.MaxBytes = 1 << 20
		v, err := r.Read()
		if err != nil {
			return
		}
		b := v.Append(nil)
		w, err := NewReader(bytes.NewReader(b)).Read()
		if err != nil || w.String() != v.String() {
			t.Errorf("%q read as %v, written as %q, read as %v, %v", data, v, b, w, err)
		}
	})
}
