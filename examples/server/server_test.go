package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests start the program as a shell would: the test binary runs main if it
// is told to.
func TestMain(m *testing.M) {
	if os.Getenv("LARDER_SERVER") != "" {
		os.Args = append(os.Args[:1], os.Args[2:]...) // without -test.run
		main()
		return
	}
	os.Exit(m.Run())
}

// A proc is a server process.
type proc struct {
	t    *testing.T
	cmd  *exec.Cmd
	port string

	mu  sync.Mutex // guards following
	log bytes.Buffer
}

func (p *proc) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *proc) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// says waits until the log has a text: what is written to it arrives by a pipe.
func (p *proc) says(want string) {
	p.t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(p.said(), want); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			p.t.Errorf("the log has no %q:\n%s", want, p.said())
			return
		}
	}
}

// command is the program with its arguments.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{"-test.run=none"}, args...)...)
	cmd.Env = append(os.Environ(), "LARDER_SERVER=1")
	return cmd
}

// start runs a server on a loopback port of its own and waits until it is ready.
func start(t *testing.T, args ...string) *proc {
	t.Helper()
	port := freePort(t)
	return startOn(t, port, append(args, "--port", port, "--bind", "127.0.0.1")...)
}

// startOn runs a server whose arguments say where it listens.
func startOn(t *testing.T, port string, args ...string) *proc {
	t.Helper()
	p := &proc{t: t, port: port}
	p.cmd = command(args...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	for range 500 {
		if strings.Contains(p.said(), "Ready to accept connections") {
			return p
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatalf("not ready:\n%s", p.said())
	return nil
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// do sends an inline command and returns the first line of the reply.
func (p *proc) do(line string) string {
	p.t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s\r\n", line)
	s, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(s)
}

// ends waits for the process and returns its exit status.
func (p *proc) ends() int {
	p.t.Helper()
	done := make(chan struct{})
	go func() { p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		p.t.Fatalf("it does not end:\n%s", p.said())
	}
	return p.cmd.ProcessState.ExitCode()
}

func TestStartsAndEnds(t *testing.T) {
	for name, end := range map[string]func(p *proc){
		"SIGTERM":  func(p *proc) { p.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGINT":   func(p *proc) { p.cmd.Process.Signal(os.Interrupt) },
		"SHUTDOWN": func(p *proc) { p.do("SHUTDOWN NOSAVE") },
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, "--pidfile", "larder.pid")
			if got := p.do("PING"); got != "+PONG" {
				t.Errorf("PING = %q", got)
			}
			pid, err := os.ReadFile(filepath.Join(p.cmd.Dir, "larder.pid"))
			if strings.TrimSpace(string(pid)) != fmt.Sprint(p.cmd.Process.Pid) {
				t.Errorf("the pid file has %q, %v", pid, err)
			}
			end(p)
			if status := p.ends(); status != 0 {
				t.Errorf("it ends with %d:\n%s", status, p.said())
			}
			if !strings.Contains(p.said(), "ready to exit, bye bye") {
				t.Errorf("the log is\n%s", p.said())
			}
			if _, err := os.Stat(filepath.Join(p.cmd.Dir, "larder.pid")); err == nil {
				t.Error("the pid file is still there")
			}
		})
	}
}

func TestLog(t *testing.T) {
	p := start(t)
	for _, want := range []string{
		fmt.Sprintf(` PID: %d\n`, p.cmd.Process.Pid),
		`(?m)^\d+:M \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} # Server initialized$`,
	} {
		if !regexp.MustCompile(want).MatchString(p.said()) {
			t.Errorf("the log has no %q:\n%s", want, p.said())
		}
	}
}

func TestConfigurationFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte("# not much\nmaxmemory 10mb\nmaxmemory-policy allkeys-lru\nrequirepass \"a secret\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, file, "--maxmemory-policy", "volatile-lru")
	if got := p.do("PING"); got != "-NOAUTH Authentication required." {
		t.Errorf("PING = %q", got)
	}
	c, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "AUTH \"a secret\"\r\nCONFIG GET maxmemory maxmemory-p*\r\nQUIT\r\n")
	got, _ := io.ReadAll(c)
	const want = "+OK\r\n*4\r\n$9\r\nmaxmemory\r\n$8\r\n10485760\r\n$16\r\nmaxmemory-policy\r\n$12\r\nvolatile-lru\r\n+OK\r\n"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is wrong with a configuration is said, with its place, and nothing starts.
func TestRefusals(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	for _, tt := range []struct {
		stdin string
		args  []string
		want  []string
	}{
		{"", []string{"--maxmemory", "lots"}, []string{"maxmemory", "lots"}},
		{"port 0\n\nnonsense 1\n", []string{"-"}, []string{"line 3", "nonsense 1", "Bad directive or wrong number of arguments"}},
		{"", []string{"--appendonly", "yes"}, []string{"appendonly"}},
		{"", []string{"--cluster-enabled", "yes"}, []string{"cluster-enabled"}},
		{"", []string{"--port", port, "--bind", "127.0.0.1"}, []string{"Failed listening on port " + port}},
		{"", []string{"/no/such/file.conf"}, []string{"/no/such/file.conf"}},
	} {
		cmd := command(tt.args...)
		cmd.Dir = t.TempDir()
		cmd.Stdin = strings.NewReader(tt.stdin)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%q: %v", tt.args, err)
		}
		for _, w := range tt.want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%q says nothing of %q:\n%s", tt.args, w, out)
			}
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	for flag, want := range map[string]string{"--version": "v=" + version, "--help": "Usage:"} {
		out, err := command(flag).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s = %v\n%s", flag, err, out)
		}
	}
}

// CONFIG SET moves the server to another port, and clients stay.
func TestMovesPort(t *testing.T) {
	p := start(t)
	old, next := p.port, freePort(t)
	c, err := net.Dial("tcp", "127.0.0.1:"+old)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	fmt.Fprintf(c, "CONFIG SET port %s\r\n", next)
	if got, _ := r.ReadString('\n'); got != "+OK\r\n" {
		t.Fatalf("CONFIG SET port = %q", got)
	}
	p.port = next
	if got := p.do("PING"); got != "+PONG" {
		t.Errorf("PING at the new port = %q", got)
	}
	fmt.Fprint(c, "PING\r\n")
	if got, _ := r.ReadString('\n'); got != "+PONG\r\n" {
		t.Errorf("PING on the old connection = %q", got)
	}
	if _, err := net.Dial("tcp", "127.0.0.1:"+old); err == nil {
		t.Error("the old port still answers")
	}
}

// Ten thousand idle connections cost little, and the next client is served.
func TestManyIdleConnections(t *testing.T) {
	// Bytes of resident memory a connection, at most. On a busy machine all come before the
	// first is put to rest, and each has redcon's buffers of 8 KB and a stack of 4; some of
	// what those leave behind waits for the collector.
	const n, each = 10000, 20 << 10
	p := start(t, "--maxclients", "12000")
	if strings.Contains(p.said(), "maxclients has been reduced") || !strings.Contains(p.do("CONFIG GET maxclients"), "*2") {
		t.Skip("SKIPPED: the system does not allow so many open files")
	}
	before, ok := resident(p.cmd.Process.Pid)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range n {
		c, err := net.Dial("tcp", "127.0.0.1:"+p.port)
		if err != nil {
			t.Skipf("SKIPPED: only %d connections: %v", len(conns), err)
		}
		conns = append(conns, c)
	}
	if got := p.do("PING"); got != "+PONG" {
		t.Errorf("PING = %q", got)
	}
	last := conns[n-1]
	fmt.Fprint(last, "PING\r\n")
	if got, _ := bufio.NewReader(last).ReadString('\n'); got != "+PONG\r\n" {
		t.Errorf("PING on the last of them = %q", got)
	}
	if after, _ := resident(p.cmd.Process.Pid); ok && !raceEnabled { // whose shadow memory is several times that
		t.Logf("%d bytes a connection", (after-before)/n)
		if after-before > n*each {
			t.Errorf("%d connections take %d bytes each, more than %d", n, (after-before)/n, each)
		}
	}
}

// resident is the resident memory of a process in bytes, where the system tells.
func resident(pid int) (n int, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, false
	}
	var size, pages int
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return 0, false
	}
	return pages * os.Getpagesize(), true
}
