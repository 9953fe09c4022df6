package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What was written is there again after the server has ended, however it was told to,
// if there are save points or it is asked to save.
func TestKeepsData(t *testing.T) {
	for _, tt := range []struct {
		name, save string
		end        func(p *proc)
		kept       string
	}{
		{"SIGTERM", "3600 1", func(p *proc) { p.cmd.Process.Signal(syscall.SIGTERM) }, "$1"},
		{"SIGINT", "3600 1", func(p *proc) { p.cmd.Process.Signal(os.Interrupt) }, "$1"},
		{"SHUTDOWN", "3600 1", func(p *proc) { p.do("SHUTDOWN") }, "$1"},
		{"SHUTDOWN NOSAVE", "3600 1", func(p *proc) { p.do("SHUTDOWN NOSAVE") }, "$-1"},
		{"SIGTERM without save points", "", func(p *proc) { p.cmd.Process.Signal(syscall.SIGTERM) }, "$-1"},
		{"SHUTDOWN SAVE", "", func(p *proc) { p.do("SHUTDOWN SAVE") }, "$1"},
		{"crash", "", func(p *proc) { p.cmd.Process.Kill() }, "$-1"},
		{"crash after SAVE", "", func(p *proc) { p.do("SAVE"); p.cmd.Process.Kill() }, "$1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			args := []string{"--dir", dir, "--dbfilename", "data.rdb", "--save", tt.save}
			p := start(t, args...)
			p.do("SET k v")
			tt.end(p)
			p.ends()
			if strings.HasPrefix(tt.name, "S") && !strings.Contains(p.said(), "ready to exit, bye bye") {
				t.Errorf("the log is\n%s", p.said())
			}
			p = start(t, args...)
			if got := p.do("GET k"); got != tt.kept {
				t.Errorf("GET = %q, want %q", got, tt.kept)
			}
			if loaded := strings.Contains(p.said(), "DB loaded from disk: "); loaded != (tt.kept == "$1") {
				t.Errorf("the log is\n%s", p.said())
			}
		})
	}
}

// A crash while a file is written leaves the old one.
func TestCrashWhileSaving(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--dir", dir, "--save", "")
	p.do("SET k old")
	p.do("SAVE")
	old, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	p.do("SET k new")
	p.do("CONFIG SET rdb-key-save-delay 10000000")
	if got := p.do("BGSAVE"); got != "+Background saving started" {
		t.Errorf("BGSAVE = %q", got)
	}
	p.cmd.Process.Kill()
	p.ends()
	if now, err := os.ReadFile(filepath.Join(dir, "dump.rdb")); !bytes.Equal(now, old) {
		t.Errorf("the file has changed (%v)", err)
	}
}

// A server that cannot save stays, unless it is told not to save.
func TestCannotSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--dir", dir, "--save", "3600 1")
	p.do("SET k v")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if got := p.do("SHUTDOWN"); got != "-ERR Errors trying to SHUTDOWN. Check logs." {
		t.Errorf("SHUTDOWN = %q", got)
	}
	if got := p.do("SHUTDOWN ABORT"); got != "-ERR No shutdown in progress." {
		t.Errorf("SHUTDOWN ABORT = %q", got)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	if got := p.do("GET k"); got != "$1" {
		t.Errorf("GET = %q", got)
	}
	p.do("SHUTDOWN FORCE")
	if status := p.ends(); status != 0 {
		t.Errorf("it ends with %d:\n%s", status, p.said())
	}
	for _, want := range []string{"Error trying to save the DB, can't exit.", "Errors trying to shut down"} {
		if !strings.Contains(p.said(), want) {
			t.Errorf("the log has no %q:\n%s", want, p.said())
		}
	}
}

func TestBadFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte("REDIS0010 and nothing else"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := command("--dir", dir, "--port", freePort(t), "--bind", "127.0.0.1")
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ends with %d", cmd.ProcessState.ExitCode())
	}
	for _, want := range []string{"Terminating server after rdb file reading failure.", "Fatal error loading the DB", "dump.rdb"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}
