package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A dumb replica confirms what it is told to.
func dumbReplica(t *testing.T, p *proc) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprint(c, "PSYNC ? -1\r\n")
	go func() { // it reads, but confirms nothing
		for b := make([]byte, 4096); ; {
			if _, err := c.Read(b); err != nil {
				return
			}
		}
	}()
	for range 500 {
		if strings.Contains(p.info("replication"), "state=online") {
			return c
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("the replica is not online")
	return nil
}

// info is a section of INFO.
func (p *proc) info(section string) string {
	p.t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "INFO %s\r\nQUIT\r\n", section)
	var b strings.Builder
	_, _ = bufio.NewReader(c).WriteTo(&b)
	return b.String()
}

// SHUTDOWN waits for the replicas, as long as it is told to, unless it is aborted.
func TestShutdownWaitsForReplicas(t *testing.T) {
	p := start(t, "--repl-diskless-sync-delay", "0", "--save", "")
	r := dumbReplica(t, p)
	if got := p.do("SET k v"); got != "+OK" {
		t.Fatal(got)
	}
	answer := make(chan string, 1)
	go func() { answer <- p.do("SHUTDOWN") }()
	for !strings.Contains(p.said(), "User requested shutdown") {
		<-time.After(time.Millisecond)
	}
	var aborted string
	for range 500 {
		if aborted = p.do("SHUTDOWN ABORT"); aborted == "+OK" {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	if got := <-answer; aborted != "+OK" || !strings.HasPrefix(got, "-ERR Errors trying to SHUTDOWN") {
		t.Errorf("SHUTDOWN ABORT = %s, and SHUTDOWN = %s", aborted, got)
	}
	if got := p.do("SET k w"); got != "+OK" {
		t.Errorf("SET after that = %s", got)
	}
	go func() { p.do("SHUTDOWN") }()
	fmt.Fprint(r, "REPLCONF ACK 1000000\r\n")
	if status := p.ends(); status != 0 {
		t.Errorf("it ends with %d:\n%s", status, p.said())
	}
	if strings.Contains(p.said(), "Lagging replica") {
		t.Errorf("it waited for nothing:\n%s", p.said())
	}

	p = start(t, "--repl-diskless-sync-delay", "0", "--save", "", "--shutdown-timeout", "1")
	dumbReplica(t, p)
	p.do("SET k v")
	go func() { p.do("SHUTDOWN") }()
	if status := p.ends(); status != 0 || !strings.Contains(p.said(), "Lagging replica 127.0.0.1:0") {
		t.Errorf("it ends with %d:\n%s", status, p.said())
	}
}
