package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
)

// tool returns the path of one of Redis's own programs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: %s is not on PATH: nothing is known of larder with it", name)
	}
	return path
}

// runTool runs a program to its end, which must be a good one.
func runTool(t *testing.T, stdin string, words ...string) string {
	t.Helper()
	c, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(c, words[0], words[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// cli is redis-cli connected to addr.
func cli(t *testing.T, addr string) func(stdin string, words ...string) string {
	path := tool(t, "redis-cli")
	host, port, _ := net.SplitHostPort(addr)
	return func(stdin string, words ...string) string {
		t.Helper()
		return runTool(t, stdin, append([]string{path, "-h", host, "-p", port}, words...)...)
	}
}

func TestRedisCLI(t *testing.T) {
	s, addr := listen(t, larder.Options{})
	run := cli(t, addr)
	for _, c := range []struct{ words, want string }{
		{"PING", "PONG\n"},
		{"SET greeting hello", "OK\n"},
		{"GET greeting", "hello\n"},
		{"GET missing", "\n"},
		{"-3 --json CONFIG GET maxmemory", `{"maxmemory":"0"}` + "\n"},
		{"--no-raw INCR n", "(integer) 1\n"},
		{"-2 --csv MGET greeting n", "\"hello\",\"1\"\n"},
		{"-n 5 DBSIZE", "0\n"},
		{"-r 3 INCR n", "2\n3\n4\n"},
		{"-x SET fromstdin", "OK\n"},
		{"GET fromstdin", "the value\n"},
		{"NOSUCH", "ERR unknown command 'NOSUCH', with args beginning with: \n\n"},
	} {
		if got := run("the value", strings.Fields(c.words)...); got != c.want {
			t.Errorf("redis-cli %s = %q, want %q", c.words, got, c.want)
		}
	}
	if got, want := run("MULTI\nSET a 1\nINCR a\nEXEC\nGET 'a'\n"), "OK\nQUEUED\nQUEUED\nOK\n2\n2\n"; got != want {
		t.Errorf("commands from standard input = %q, want %q", got, want)
	}
	if got := run("", "INFO"); !strings.Contains(got, "# Keyspace") || !strings.Contains(got, "db0:keys=4") {
		t.Errorf("INFO = %q", got)
	}
	if got := run("", "COMMAND", "DOCS", "GET"); !strings.Contains(got, "summary") {
		t.Errorf("COMMAND DOCS = %q", got)
	}

	for i := range 1000 {
		must(t, s.db.Set(fmt.Sprintf("key:%d", i), strings.Repeat("x", i)))
	}
	if got := strings.Fields(run("", "--scan", "--pattern", "key:*")); len(got) != 1000 {
		t.Errorf("--scan shows %d keys, want 1000", len(got))
	}
	if got := run("", "--bigkeys"); !strings.Contains(got, `Biggest string found '"key:999"' has 999 bytes`) && !strings.Contains(got, "Biggest string found \"key:999\" has 999 bytes") {
		t.Errorf("--bigkeys = %s", got)
	}
	if got := run("", "--memkeys"); !regexp.MustCompile(`Biggest string found.*key:9\d\d.* has \d+ bytes`).MatchString(got) {
		t.Errorf("--memkeys = %s", got)
	}
}

// --stat prints a line a second for ever: the test reads the first ones.
func TestRedisCLIStat(t *testing.T) {
	_, addr := listen(t, larder.Options{})
	path := tool(t, "redis-cli")
	host, port, _ := net.SplitHostPort(addr)
	c, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(c, path, "-h", host, "-p", port, "-i", "0.05", "--stat")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var got []byte
	line := regexp.MustCompile(`(?m)^\d+ +[\d.]+[BKMG] +\d+ +\d+ +\d+ \(\+\d+\) +\d+`)
	buf := make([]byte, 4096)
	for !line.Match(got) {
		n, err := out.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			break
		}
	}
	cancel()
	_ = cmd.Wait() // it was killed
	if !line.Match(got) {
		t.Errorf("--stat = %q", got)
	}
}

// Mass insertion: the commands as RESP, with the replies read meanwhile.
func TestRedisCLIPipe(t *testing.T) {
	s, addr := listen(t, larder.Options{})
	run := cli(t, addr)
	const n = 100_000
	var b bytes.Buffer
	for i := range n {
		key := fmt.Sprintf("key:%d", i)
		fmt.Fprintf(&b, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$5\r\nvalue\r\n", len(key), key)
	}
	if got := run(b.String(), "--pipe"); !strings.Contains(got, fmt.Sprintf("errors: 0, replies: %d", n)) {
		t.Errorf("--pipe says %q", got)
	}
	if size, err := s.db.DBSize(); size != n || err != nil {
		t.Errorf("DBSize = %d, %v, want %d", size, err, n)
	}
}

func TestRedisBenchmark(t *testing.T) {
	path := tool(t, "redis-benchmark")
	s, addr := listen(t, larder.Options{})
	host, port, _ := net.SplitHostPort(addr)
	// Those of its default tests whose commands larder has.
	const tests = "ping_inline,ping_mbulk,set,get,incr,mset"
	for _, options := range []string{"", "-P 100", "-3 -P 16", "-k 0 -n 2000", "--threads 2 -r 1000 -d 1000", "-c 500"} {
		words := append([]string{path, "-h", host, "-p", port, "-q", "-n", "10000", "-t", tests}, strings.Fields(options)...)
		got := runTool(t, "", words...)
		if n := strings.Count(got, "requests per second"); n != 6 || strings.Contains(strings.ToLower(got), "error") {
			t.Errorf("redis-benchmark %s:\n%s", options, got)
		}
	}
	if n, err := s.db.StrLen("counter:__rand_int__"); n == 0 || err != nil {
		t.Errorf("INCR left nothing: %d, %v", n, err)
	}
}
