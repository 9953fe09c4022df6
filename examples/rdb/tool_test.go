package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/rdb"
)

// golden was saved by redis-server 7.0.15: see package rdb, whose test data it is.
const golden = "../../rdb/testdata/redis-7.0.15.rdb"

// result is what a run of the tool has printed, and its exit status.
type result struct {
	out, err string
	status   int
}

// runOn runs the tool with a standard input.
func runOn(stdin io.Reader, args ...string) result {
	var out, err bytes.Buffer
	t := &tool{stdin: stdin, stdout: bufio.NewWriter(&out), stderr: &err, now: func() time.Time { return time.UnixMilli(1_800_000_000_000) }}
	status := t.run(args)
	return result{out.String(), err.String(), status}
}

func run(t *testing.T, status int, args ...string) result {
	t.Helper()
	r := runOn(strings.NewReader(""), args...)
	if r.status != status {
		t.Fatalf("rdb %q ends with %d, want %d:\n%s\n%s", args, r.status, status, r.out, r.err)
	}
	return r
}

// An event for a test's file.
type events []rdb.Event

func key(name string, typ rdb.Type, encoding byte, count int64) rdb.Event {
	return rdb.Event{Kind: rdb.KindKey, Key: &rdb.Key{Name: []byte(name), Type: typ, Encoding: encoding, Count: count, Idle: -1, Freq: -1}}
}

func stringKey(name, value string) events {
	return events{key(name, rdb.String, 0, -1), {Kind: rdb.KindString, Value: []byte(value)}, {Kind: rdb.KindEnd}}
}

func expiring(ev events, at int64) events {
	ev[0].Key.ExpireAt = at
	return ev
}

// write writes a file of some events into a directory of the test's.
func write(t *testing.T, all ...events) string {
	t.Helper()
	var b bytes.Buffer
	e, err := rdb.NewEncoder(&b, rdb.EncoderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Aux("ctime", "1700000000"); err != nil {
		t.Fatal(err)
	}
	for _, evs := range all {
		for _, ev := range evs {
			if err := e.Write(&ev); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, b.Bytes())
}

func inDB(n int) events { return events{{Kind: rdb.KindDB, DB: n}} }

func writeFile(t *testing.T, b []byte) string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "*.rdb")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keysIn are the keys of a file, as inspection of the package itself has them.
func keysIn(t *testing.T, file string) (keys []string) {
	t.Helper()
	err := rdb.NewDecoder(bytes.NewReader(read(t, file)), rdb.DecoderOptions{Elements: true}).Decode(func(ev *rdb.Event) error {
		if ev.Kind == rdb.KindEnd {
			keys = append(keys, string(ev.Key.Name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"help"}} {
		if r := run(t, statusOK, args...); !strings.Contains(r.out, "rdb inspect") || r.err != "" {
			t.Errorf("%q prints %+v", args, r)
		}
	}
	for _, c := range commands {
		r := run(t, statusOK, c.name, "--help")
		if !strings.Contains(r.out, "usage: rdb "+c.name) || !strings.Contains(r.out, c.does) || r.err != "" {
			t.Errorf("%s --help prints %+v", c.name, r)
		}
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"explode"}, `there is no subcommand "explode"`},
		{[]string{"inspect"}, "takes 1 arguments"},
		{[]string{"diff", "a"}, "takes 2 arguments"},
		{[]string{"json", "--bogus", "a"}, "bogus"},
		{[]string{"json", "--db", "x", "a"}, "no number of a database"},
		{[]string{"json", "--type", "tree", "a"}, `no type "tree"`},
		{[]string{"inspect", "--separator", "", golden}, "--separator"},
		{[]string{"filter", golden}, "--out"},
		{[]string{"diff", "-", golden}, "twice"},
		{[]string{"repair", "-", "x"}, "standard input"},
		{[]string{"json", "no/such/file"}, "no/such/file"},
		{[]string{"filter", "--out", "no/such/directory/c.rdb", golden}, "no/such/directory"},
		{[]string{"filter", "--version", "9", "--out", "-", golden}, "version 9"},
	} {
		if r := run(t, statusTrouble, tt.args...); !strings.Contains(r.err, tt.want) {
			t.Errorf("%q says %q, which has no %q", tt.args, r.err, tt.want)
		}
	}
}

// Every subcommand that reads says where a file is wrong, and why, and writes none.
func TestBadFile(t *testing.T) {
	good := read(t, golden)
	cut := writeFile(t, good[:len(good)/2])
	out := filepath.Join(t.TempDir(), "out")
	for _, args := range [][]string{
		{"inspect", "--html", out, cut}, {"json", cut}, {"filter", "--out", out, cut}, {"to-resp", cut}, {"diff", cut, golden}, {"diff", golden, cut},
	} {
		r := run(t, statusTrouble, args...)
		for _, want := range []string{filepath.Base(cut), "at byte 6", "key \"", "unexpected EOF"} {
			if !strings.Contains(r.err, want) {
				t.Errorf("%q says %q, which has no %q", args, r.err, want)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "*out*")); len(left) != 0 {
			t.Errorf("%q leaves %q", args, left)
		}
	}
	none := writeFile(t, []byte("#!/bin/sh\necho this is no such file"))
	for _, args := range [][]string{{"inspect", none}, {"repair", none, out}} {
		if r := run(t, statusTrouble, args...); !strings.Contains(r.err, "not an RDB file") {
			t.Errorf("%q says %q", args, r.err)
		}
	}
}

// A file comes from standard input as well, and options stand where they like.
func TestStandardInput(t *testing.T) {
	want := run(t, statusOK, "json", "--keep", "hash:*", golden).out
	r := runOn(bytes.NewReader(read(t, golden)), "json", "-", "--keep", "hash:*")
	if r.status != statusOK || r.out != want || !strings.Contains(want, `"hash:511"`) {
		t.Errorf("json - prints %.200q, want %.200q", r.out, want)
	}
	r = runOn(bytes.NewReader(read(t, golden)), "diff", golden, "-")
	if r.status != statusOK || !strings.Contains(r.out, "123 the same") {
		t.Errorf("diff prints %+v", r)
	}
	if r = run(t, statusOK, "inspect", "--html", "-", golden); !strings.HasPrefix(r.out, "<!DOCTYPE html>") {
		t.Errorf("inspect --html - prints %.100q", r.out)
	}
	if r = run(t, statusOK, "repair", golden, "-"); !strings.HasPrefix(r.out, "REDIS0010") || r.err != "123 keys kept\n" {
		t.Errorf("repair to standard output prints %.100q and %q", r.out, r.err)
	}
	r = runOn(bytes.NewReader(read(t, golden)), "filter", "-", "--out", "-")
	if r.status != statusOK || r.out[:9] != "REDIS0010" {
		t.Errorf("filter prints %.100q", r.out)
	}
}

func TestSelection(t *testing.T) {
	list := events{key("list:a", rdb.List, 1, 1), {Kind: rdb.KindElement, Value: []byte("x")}, {Kind: rdb.KindEnd}}
	file := write(t, inDB(0), stringKey("user:1", "a"), stringKey("user:2", "b"), list, inDB(3), stringKey("user:3", "c"), stringKey("other", "d"))
	for _, tt := range []struct{ args, want string }{
		{"", "user:1 user:2 list:a user:3 other"},
		{"--keep user:*", "user:1 user:2 user:3"},
		{"--keep user:* --keep o*", "user:1 user:2 user:3 other"},
		{"--drop user:*", "list:a other"},
		{"--keep user:* --drop *[23]", "user:1"},
		{"--db 3", "user:3 other"},
		{"--db 3 --db 0 --keep o*", "other"},
		{"--type list", "list:a"},
		{"--type list --type hash", "list:a"},
		{"--keep nothing", ""},
	} {
		out := filepath.Join(t.TempDir(), "c.rdb")
		run(t, statusOK, append([]string{"filter", "--out", out, file}, strings.Fields(tt.args)...)...)
		if got := strings.Join(keysIn(t, out), " "); got != tt.want {
			t.Errorf("%q keeps %q, want %q", tt.args, got, tt.want)
		}
	}
}

// A file may take the place of the one that it is made of.
func TestFilterInPlace(t *testing.T) {
	file := write(t, stringKey("a", "1"), stringKey("b", "2"))
	if r := run(t, statusOK, "filter", "--drop", "a", "--out", file, file); r.out != "1 keys kept\n" {
		t.Errorf("it prints %+v", r)
	}
	if got := keysIn(t, file); len(got) != 1 || got[0] != "b" {
		t.Errorf("the file has %q", got)
	}
}
