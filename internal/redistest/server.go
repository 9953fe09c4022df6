package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Server is a redis-server that a test started. It is a Target and an EffectsTarget.
type Server struct {
	Addr string
	PID  int

	control *Conn // authenticated before any script sets a password, so it stays so
	config  map[string]string
}

// Start runs redis-server on a free port and in a directory of the test's, with args after our own, and stops it when
// the test ends. Without a redis-server on PATH the test is skipped, loudly.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skipf("SKIPPED: nothing is compared with a real Redis, because redis-server is not on PATH (%v)", err)
	}
	// Between our closing the port and redis-server's opening it another process may take it: try another then.
	var failure error
	for range 5 {
		var s *Server
		if s, failure = start(t, path, args); failure == nil {
			return s
		}
	}
	t.Fatalf("redistest: redis-server does not start: %v", failure)
	return nil
}

func start(t testing.TB, path string, args []string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()

	base := []string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "",
		"--enable-debug-command", "yes", "--dir", t.TempDir()}
	cmd := exec.Command(path, append(base, args...)...)
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	stop := func() {
		_ = cmd.Process.Kill()
		<-exited
	}
	for deadline := time.Now().Add(replyTimeout); ; {
		// Somebody else's server may answer on this port, hence the look at the pid.
		if nc, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			c := NewConn(nc)
			if v := c.Do("PING"); v.Str == "PONG" && infoField(c, "server", "process_id") == strconv.Itoa(cmd.Process.Pid) {
				s := &Server{Addr: addr, PID: cmd.Process.Pid, control: c, config: configOf(c)}
				t.Cleanup(func() {
					s.control.Close()
					stop()
				})
				return s, nil
			}
			c.Close()
		}
		select {
		case <-exited:
			return nil, fmt.Errorf("it ended with:\n%s", out.String())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			stop()
			return nil, fmt.Errorf("no answer on %s; it said:\n%s", addr, out.String())
		}
	}
}

// NewClient connects a client that speaks the protocol, 2 or 3.
func (s *Server) NewClient(t testing.TB, proto int) Client {
	t.Helper()
	c := Dial(t, s.Addr)
	if proto == 3 {
		if v := c.Do("HELLO", "3"); v.Kind != Map {
			t.Fatalf("redistest: HELLO 3 = %s", v)
		}
	}
	return c
}

// Reset gives the server back as it was at its start: no keys, no clients but our own, the configuration of then.
func (s *Server) Reset(t testing.TB) {
	t.Helper()
	must := func(words ...string) {
		t.Helper()
		if v := s.ask(words...); v.IsError() || v.Kind == Closed || v.Kind == Timeout {
			t.Fatalf("redistest: reset: %q = %s", words, v)
		}
	}
	for _, kind := range []string{"normal", "pubsub", "replica"} {
		must("CLIENT", "KILL", "TYPE", kind)
	}
	must("CLIENT", "UNPAUSE")
	for name, now := range configOf(askFunc(s.ask)) {
		if want := s.config[name]; now != want {
			must("CONFIG", "SET", name, want)
		}
	}
	users := s.ask("ACL", "USERS")
	for _, u := range users.Elems {
		if u.Str != "default" {
			must("ACL", "DELUSER", u.Str)
		}
	}
	must("DEBUG", "SET-ACTIVE-EXPIRE", "1")
	must("FLUSHALL")
	must("SCRIPT", "FLUSH")
	must("FUNCTION", "FLUSH")
	must("CONFIG", "RESETSTAT")
	must("SLOWLOG", "RESET")
	must("ACL", "LOG", "RESET")
	must("LATENCY", "RESET")
}

// ask executes on a connection of our own, and on a new one when a script has killed it.
func (s *Server) ask(words ...string) Value {
	v := s.control.Do(words...)
	if v.Kind != Closed {
		return v
	}
	nc, err := net.DialTimeout("tcp", s.Addr, replyTimeout)
	if err != nil {
		return Value{Kind: Closed, Str: err.Error()}
	}
	s.control = NewConn(nc)
	return s.control.Do(words...)
}

// askFunc is a doer made of a function.
type askFunc func(words ...string) Value

func (f askFunc) Do(words ...string) Value { return f(words...) }

// A doer is what configOf and infoField need of a Client.
type doer interface{ Do(words ...string) Value }

func configOf(c doer) map[string]string {
	v := c.Do("CONFIG", "GET", "*")
	m := make(map[string]string, len(v.Elems)/2)
	for i := 0; i+1 < len(v.Elems); i += 2 {
		m[v.Elems[i].Str] = v.Elems[i+1].Str
	}
	return m
}

// infoField is a field of INFO, "" if it has none of the name.
func infoField(c doer, section, name string) string {
	v := c.Do("INFO", section)
	text := strings.TrimPrefix(v.Str, "txt:")
	for line := range strings.Lines(text) {
		if k, val, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok && k == name {
			return val
		}
	}
	return ""
}

// lockedBuffer keeps what the server prints, for the message that says why it did not start.
type lockedBuffer struct {
	mu sync.Mutex // guards following
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
