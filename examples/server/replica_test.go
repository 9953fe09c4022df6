package main

import (
	"syscall"
	"testing"
	"time"
)

// until polls until an inline command answers want.
func (p *proc) until(line, want string) {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
		got := p.do(line)
		if got == want {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s = %q, want %q; it said\n%s", line, got, want, p.said())
		}
	}
}

// A server that is told to follow another does, goes on where it was after a restart, and
// hands over.
func TestReplicaOf(t *testing.T) {
	a := start(t, "--save", "", "--repl-diskless-sync-delay", "0")
	a.do("SET k 1")
	dir := t.TempDir()
	args := []string{"--dir", dir, "--save", "3600 1", "--replicaof", "127.0.0.1 " + a.port}
	b := start(t, args...)
	b.until("STRLEN k", ":1")
	if got := b.do("SET k 2"); got != "-READONLY You can't write against a read only replica." {
		t.Errorf("SET = %q", got)
	}
	if got := b.do("ROLE"); got != "*5" {
		t.Errorf("ROLE = %q", got)
	}
	b.says(":S ")
	b.says("MASTER <-> REPLICA sync: Finished with success")
	b.cmd.Process.Signal(syscall.SIGTERM)
	if status := b.ends(); status != 0 {
		t.Errorf("it ends with %d:\n%s", status, b.said())
	}
	a.do("SET k 22")
	b = start(t, args...)
	b.until("STRLEN k", ":2")
	b.says("Master accepted a Partial Resynchronization")
	if got := b.do("REPLICAOF NO ONE"); got != "+OK" {
		t.Errorf("REPLICAOF NO ONE = %q", got)
	}
	b.do("SET k 333")
	if got := a.do("REPLICAOF 127.0.0.1 " + b.port); got != "+OK" {
		t.Errorf("REPLICAOF = %q", got)
	}
	a.until("STRLEN k", ":3")
	a.says("Master accepted a Partial Resynchronization")
}
