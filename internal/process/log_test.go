package process

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// testLog writes to a buffer, at one moment.
func testLog() (*Log, *bytes.Buffer) {
	var b bytes.Buffer
	l := NewLog()
	l.out = &b
	l.now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 8_900_000, time.UTC) }
	return l, &b
}

// head is what stands before the mark of a testLog's line.
func head(role string) string {
	return fmt.Sprintf("%d:%s 04 Mar 2026 05:06:07.008 ", os.Getpid(), role)
}

func TestLog(t *testing.T) {
	for _, c := range []struct {
		level Level
		want  string // marks of the lines that come out
	}{{Debug, ".-*#"}, {Verbose, "-*#"}, {Notice, "*#"}, {Warning, "#"}} {
		l, b := testLog()
		l.SetLevel(c.level)
		for level := Debug; level <= Warning; level++ {
			l.Printf(level, "%s line", level)
		}
		want := ""
		for _, mark := range c.want {
			want += head("C") + string(mark) + " " + levelNames[strings.IndexRune(marks, mark)] + " line\n"
		}
		if got := b.String(); got != want {
			t.Errorf("at %v: %q, want %q", c.level, got, want)
		}
	}
	l, b := testLog()
	role := byte('M')
	l.SetRole(func() byte { return role })
	l.Printf(Notice, "a\nb\rc")
	role = 'S'
	l.Printf(Warning, "%d%%", 5)
	if got, want := b.String(), head("M")+`* a\nb\rc`+"\n"+head("S")+"# 5%\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseLevel(t *testing.T) {
	for level := Debug; level <= Warning; level++ {
		if got, err := ParseLevel(strings.ToUpper(level.String())); got != level || err != nil {
			t.Errorf("ParseLevel(%v) = %v, %v", level, got, err)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("ParseLevel(loud): no error")
	}
}

func TestSlog(t *testing.T) {
	l, b := testLog()
	s := slog.New(l.Handler())
	s.Debug("not shown")
	s.Info("hello", "n", 1, "s", "a b", "e", "")
	s.With("x", 1).WithGroup("g").With("y", 2).Warn("w", "z", 3, slog.Group("h", "i", "j\n"))
	s.Error("e")
	l.SetLevel(Debug)
	s.Log(t.Context(), SlogVerbose, "v")
	s.Debug("d")
	want := head("C") + "* hello n=1 s=\"a b\" e=\"\"\n" +
		head("C") + "# w x=1 g.y=2 g.z=3 g.h.i=\"j\\n\"\n" +
		head("C") + "# e\n" + head("C") + "- v\n" + head("C") + ". d\n"
	if got := b.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLogFile(t *testing.T) {
	l, b := testLog()
	path := filepath.Join(t.TempDir(), "x.log")
	if err := l.SetFile(path); err != nil {
		t.Fatal(err)
	}
	l.Printf(Notice, "one")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	l.Printf(Notice, "two")
	l.Printf(Notice, "and a half")
	for _, c := range []struct{ path, want string }{{path + ".1", "one"}, {path, "two\n" + head("C") + "* and a half"}} {
		if got, err := os.ReadFile(c.path); err != nil || string(got) != head("C")+"* "+c.want+"\n" {
			t.Errorf("%s = %q, %v", c.path, got, err)
		}
	}
	err := l.SetFile(filepath.Join(t.TempDir(), "none", "x"))
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "Can't open the log file: ") {
		t.Errorf("a log in no directory: %v", err)
	}
	l.Printf(Notice, "three")
	if got, _ := os.ReadFile(path); !strings.HasSuffix(string(got), "three\n") {
		t.Errorf("a bad SetFile moved the log: %q", got)
	}
	if err := l.SetFile(""); err != nil {
		t.Fatal(err)
	}
	l.Printf(Notice, "four")
	if got := b.String(); got != head("C")+"* four\n" {
		t.Errorf("standard output got %q", got)
	}
}

func TestBanner(t *testing.T) {
	l, b := testLog()
	l.SetLevel(Warning)
	l.Banner("larder 0.1", 6379)
	for _, want := range []string{fmt.Sprintf(" PID: %d\n", os.Getpid()), " Port: 6379\n", "larder 0.1 (" + runtime.Version()} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("banner %q lacks %q", b, want)
		}
	}
}

func TestLogConcurrent(t *testing.T) {
	l, b := testLog()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				l.Printf(Notice, "line")
				l.SetLevel(Notice)
			}
		})
	}
	wg.Wait()
	line := regexp.MustCompile(`^\d+:C 04 Mar 2026 05:06:07\.008 \* line$`)
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 800 {
		t.Errorf("%d lines, want 800", len(lines))
	}
	for _, got := range lines {
		if !line.MatchString(got) {
			t.Fatalf("line %q", got)
		}
	}
}

func BenchmarkLogLeftOut(b *testing.B) {
	l, _ := testLog()
	b.ReportAllocs()
	for b.Loop() {
		l.Printf(Debug, "not shown")
	}
}
