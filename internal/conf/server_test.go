package conf

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
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// redisServer finds the reference, or skips the test aloud.
func redisServer(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED: not compared with redis-server, which is not on PATH")
	}
	out, err := exec.Command(bin, "--version").Output()
	if err != nil || !bytes.Contains(out, []byte("v=7.0.")) {
		t.Skipf("SKIPPED: not compared with redis-server: the one on PATH is no 7.0: %s", out)
	}
	return bin
}

// A redis is a connection to a running redis-server.
type redis struct {
	net.Conn
	*bufio.Reader
}

func startRedis(t *testing.T, args ...string) *redis {
	t.Helper()
	bin := redisServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(bin, append(args, "--port", port, "--bind", "127.0.0.1")...)
	cmd.Dir = t.TempDir()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return &redis{conn, bufio.NewReader(conn)}
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait() // the output is whole only then
			t.Fatalf("%v: %s", err, out.Bytes())
		}
	}
}

// do returns a reply: its text, with "-" before an error's, or a list of them.
func (r *redis) do(t *testing.T, words ...string) []string {
	t.Helper()
	fmt.Fprintf(r, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(r, "$%d\r\n%s\r\n", len(w), w)
	}
	return r.reply(t)
}

func (r *redis) reply(t *testing.T) []string {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	line = strings.TrimSuffix(line, "\r\n")
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case '$':
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r.Reader, b); err != nil {
			t.Fatal(err)
		}
		return []string{string(b[:n])}
	case '*':
		var all []string
		for range n {
			all = append(all, r.reply(t)...)
		}
		return all
	case '-':
		return []string{line}
	}
	return []string{line[1:]}
}

// own lists the directives whose default or answer to their own value is not
// Redis's, and why.
var own = map[string]string{
	"dir":  "the working directory of the process",
	"port": "the test's own",
	"bind": "the test's own",
}

func TestServerDefaults(t *testing.T) {
	r := startRedis(t)
	c := New()
	theirs := make(map[string]string)
	for pair := range slices.Chunk(r.do(t, "CONFIG", "GET", "*"), 2) {
		theirs[pair[0]] = pair[1]
	}
	for _, name := range names {
		if byName[name].flags&hidden != 0 {
			if got := r.do(t, "CONFIG", "GET", name); len(got) == 2 {
				theirs[name] = got[1]
			}
		}
	}
	for name, want := range theirs {
		got := c.Get(name)
		if len(got) != 1 {
			t.Errorf("%s is missing", name)
			continue
		}
		if got[0].Value != want && own[name] == "" {
			t.Errorf("default of %s = %q, want %q", name, got[0].Value, want)
		}
		if own[name] != "" {
			continue
		}
		wantReply := r.do(t, "CONFIG", "SET", name, want)[0]
		if reply := setReply(c, name, want); reply != wantReply {
			t.Errorf("CONFIG SET %s %q = %s, want %s", name, want, reply, wantReply)
		}
	}
	for _, name := range names {
		if _, ok := theirs[name]; !ok {
			t.Errorf("%s is not in Redis", name)
		}
	}
	for name, want := range map[string]string{"port": "6379", "bind": "* -::*"} {
		if got := c.String(name); got != want {
			t.Errorf("default of %s = %q, want %q", name, got, want)
		}
	}
}

func setReply(c *Config, pairs ...string) string {
	if err := c.Set(pairs...); err != nil {
		return "-" + err.Error()
	}
	return "OK"
}

// battery is tried on every directive that may be set.
var battery = []string{
	"", "abc", "yes", "NO", "-1", "0", "1", "10", "65535", "65536", "2147483647", "2147483648", "4294967295",
	"4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615", "99999999999999999999",
	"-9223372036854775808", "-2147483649", "1kb", "1GB", "10%", "101%", " 1", "01", "+1", "-0", "1.5", "a b", "1\n2",
}

// sets are tried one after the other on the same server, so that what a later
// one finds is what an earlier one left.
var sets = [][]string{
	{"save", "3600 1"}, {"save", "3600 1 300"}, {"save", "3600  1"}, {"save", " 3600 1"}, {"save", "0 1"},
	{"save", "1 -1"}, {"save", "1 0"}, {"save", "3600 1 3600 1"}, {"save", ""}, {"save", "060 01"}, {"save", "+1 1"},
	{"save", "9223372036854775807 2147483647"}, {"save", "1kb 1"},
	{"client-output-buffer-limit", "normal 1 2 3"}, {"client-output-buffer-limit", "normal 1"},
	{"client-output-buffer-limit", "NORMAL 1kb 2gb 3"}, {"client-output-buffer-limit", "slave 1 2 3 pubsub 4 5 6"},
	{"client-output-buffer-limit", "replica 7 8 9"}, {"client-output-buffer-limit", "master 1 2 3"},
	{"client-output-buffer-limit", "normal -1 2 3"}, {"client-output-buffer-limit", "normal 1 2 -3"},
	{"client-output-buffer-limit", "normal 1 2 2147483648"}, {"client-output-buffer-limit", "normal  0 0"},
	{"client-output-buffer-limit", "normal 99999999999999999999 0 0"},
	{"client-output-buffer-limit", "normal 1 2 3 normal 4 5 060"},
	{"notify-keyspace-events", "KEA"}, {"notify-keyspace-events", "Kg$lshzxe"}, {"notify-keyspace-events", "KEg$lshzxetd"},
	{"notify-keyspace-events", "Ktmdn"}, {"notify-keyspace-events", "AmnKE"}, {"notify-keyspace-events", "KQ"},
	{"notify-keyspace-events", "E$"}, {"notify-keyspace-events", ""},
	{"oom-score-adj-values", "3 2 1"}, {"oom-score-adj-values", "2001 0 0"}, {"oom-score-adj-values", "-2000 0 2000"},
	{"oom-score-adj-values", "a b c"}, {"oom-score-adj-values", "1 2"}, {"oom-score-adj-values", "01 1 1"},
	{"latency-tracking-info-percentiles", "99 50 50"}, {"latency-tracking-info-percentiles", "50 99.9 99.99999"},
	{"latency-tracking-info-percentiles", "100.1"}, {"latency-tracking-info-percentiles", "1e1 0x10 0x1p3 .5"},
	{"latency-tracking-info-percentiles", "nan"}, {"latency-tracking-info-percentiles", "inf"},
	{"latency-tracking-info-percentiles", "50  99"}, {"latency-tracking-info-percentiles", "33.333333333333 1e-5 1e-7"},
	{"latency-tracking-info-percentiles", "-0"}, {"latency-tracking-info-percentiles", "1_0"},
	{"shutdown-on-sigterm", "save now"}, {"shutdown-on-sigterm", "save nosave"}, {"shutdown-on-sigterm", "NOW now"},
	{"shutdown-on-sigint", "default save"}, {"shutdown-on-sigint", "force save"}, {"shutdown-on-sigint", "save  now"},
	{"proc-title-template", "{title}"}, {"proc-title-template", "{bogus}"}, {"proc-title-template", "{title"},
	{"proc-title-template", "title}"}, {"proc-title-template", "{}"}, {"proc-title-template", "{{title}}"},
	{"proc-title-template", "{config-file} {unixsocket} {port} {tls-port} {listen-addr} {server-mode}"},
	{"proc-title-template", "{unixsocket}"}, {"proc-title-template", "{server-mode}"}, {"proc-title-template", "{config-file}"},
	{"maxmemory", "18446744073709551615kb"}, {"maxmemory", "1Gb"}, {"maxmemory", "1t"}, {"maxmemory", "mb"}, {"maxmemory", "b"},
	{"maxmemory", "17179869184gb"}, {"maxmemory", "1mbx"}, {"maxmemory", "00"},
	{"maxmemory-clients", "00%"}, {"maxmemory-clients", "0%"}, {"maxmemory-clients", "100%"}, {"maxmemory-clients", "%"},
	{"maxmemory-clients", "18446744073709551515"}, {"maxmemory-clients", "4294967297%"}, {"maxmemory-clients", "0"},
	{"maxmemory-policy", "ALLKEYS-lru"}, {"maxmemory-policy", "allkeys-lru noeviction"},
	{"hz", "501"}, {"hz", "0"}, {"hz", "1000"}, {"repl-backlog-size", "1"}, {"repl-backlog-size", "16385"},
	{"cluster-announce-hostname", strings.Repeat("a", 256)}, {"cluster-announce-hostname", strings.Repeat("a", 255)},
	{"cluster-announce-hostname", "a_b"}, {"cluster-announce-hostname", "A-9.z"},
	{"dir", "/nonexistent"}, {"dir", "/"}, {"dir", "/etc/hostname"}, {"dir", ""}, {"dbfilename", "a/b"}, {"dbfilename", `a\b`}, {"dbfilename", ""}, {"dbfilename", "x"},
	{"bogus", "1"}, {"hz"}, {}, {"hz", "1", "hz", "2"}, {"hz", "1", "HZ", "2"}, {"slave-priority", "1", "replica-priority", "2"},
	{"replica-priority", "3", "slave-priority", "4"}, {"hz", "1", "bogus", "2"}, {"hz", "abc", "bogus", "2"},
	{"hz", "abc", "databases", "2"}, {"hz", "11", "timeout", "abc"}, {"hz", "11", "timeout"}, {"bogus", "1", "hz", "1", "hz", "2"},
	{"databases", "1", "bogus", "2"}, {"HZ", "abc"}, {"a\r\nb", "abc"}, {"DATABASES", "1"}, {"Slave-Priority", "x"},
	{"client-output-buffer-limit", "normal 1 1 1", "hz", "abc"}, {"lua-time-limit", "7", "busy-reply-threshold", "8"},
	{"client-output-buffer-limit", "normal 0 0 0"}, // or the replies that follow are too long for it
}

func TestServerSet(t *testing.T) {
	r := startRedis(t, "--save", "", "--enable-protected-configs", "yes")
	c := New()
	if err := c.LoadArgs([]string{"--save", "", "--enable-protected-configs", "yes"}); err != nil {
		t.Fatal(err)
	}
	// Values that ask more of the process than its configuration: sockets,
	// descriptors, keys of TLS, the password of this very connection, files.
	skip := regexp.MustCompile(`^(port|bind|maxclients|tls-port|tls-cluster|tls-replication|dir|requirepass|appendonly|activedefrag|loglevel|watchdog-period|proto-max-bulk-len|client-query-buffer-limit|maxmemory|maxmemory-clients|tracking-table-max-keys|use-exit-on-panic|oom-score-adj)$`)
	compare := func(pairs ...string) {
		t.Helper()
		want := r.do(t, append([]string{"CONFIG", "SET"}, pairs...)...)[0]
		if got := setReply(c, pairs...); got != want {
			t.Errorf("CONFIG SET %q = %s, want %s", pairs, got, want)
			return
		}
		for i := 0; i < len(pairs); i += 2 {
			theirs := r.do(t, "CONFIG", "GET", pairs[i])
			ours := c.Get(pairs[i])
			if own[strings.ToLower(pairs[i])] == "" && len(theirs) == 2 && (len(ours) != 1 || ours[0].Value != theirs[1] || ours[0].Name != theirs[0]) {
				t.Errorf("CONFIG GET after CONFIG SET %q = %q, want %q", pairs, ours, theirs)
			}
		}
	}
	for _, name := range names {
		if skip.MatchString(name) {
			continue
		}
		was := c.String(name)
		for _, text := range battery {
			compare(name, text)
		}
		if byName[name].flags&immutable == 0 {
			compare(name, was)
		}
	}
	for _, pairs := range sets {
		compare(pairs...)
	}
	for _, patterns := range [][]string{
		{"HZ", "h*", "hz"}, {"*"}, {"slave-priority"}, {"*priority"}, {"[h]z"}, {`[\H]z`}, {"[G-I]z"}, {"SLAVE-priority", "replica-PRIORITY"},
		{"watchdog-p*"}, {"watchdog-period"}, {"nothing"}, {"**", "?z"},
	} {
		var got, want []string
		for _, p := range c.Get(patterns...) {
			if own[p.Name] == "" {
				got = append(got, p.Name+" "+p.Value)
			}
		}
		for p := range slices.Chunk(r.do(t, append([]string{"CONFIG", "GET"}, patterns...)...), 2) {
			if own[p[0]] == "" {
				want = append(want, p[0]+" "+p[1])
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("CONFIG GET %q = %q, want %q", patterns, got, want)
		}
	}
}

// files are configurations; a line that no one knows is added to each, so that
// neither server starts and both say which line they stopped at.
var files = []string{
	"hz 10 # c", "hz \"10", "hz \"10\"x", "hz '10'", "\"hz\" 11", "HZ 11", "hz\t11", "  hz 11  ", "hz", "hz 1 2", "hz 10\r",
	`masterauth 'a\'b'`, `masterauth "a\x41\n"`, `masterauth a"b"`, `masterauth "a"b"`, `masterauth 'a`, `masterauth "a\"`, "",
	"save 1", "save 1 2 3 4", "save \"1 2 3 4\"", "save \"1 2\" 3 4", "save \"\"", "save", "save \"\" \"\"", "save 1 2\nsave 3",
	"replicaof a", "replicaof a b", "replicaof a 65536", "replicaof no one", "replicaof NO ONE", "replicaof a 1 2", "slaveof no one",
	"replicaof a -1", "replicaof", "replicaof \"\"",
	"bind", "bind \"\"", "bind a b c", "bind \"a b c\"", "bind a b c d e f g h i j k l m n o p q",
	"client-output-buffer-limit", "client-output-buffer-limit \"\"", "client-output-buffer-limit normal 1 2 3", "client-output-buffer-limit normal 1 2",
	"client-output-buffer-limit \"normal 1 2 3\"", "client-output-buffer-limit normal 1 2 3 pubsub 1 2 3",
	"list-max-ziplist-entries 1", "list-max-ziplist-value abc", "list-max-ziplist-value abc d", "lua-replicate-commands yes",
	"include", "include a b", "include /nonexistent/*.conf", "rename-command", "rename-command a b c", "user",
	"loadmodule", "foo.bar", "sentinel", "sentinel monitor a",
	"unixsocketperm 777", "unixsocketperm 7777", "unixsocketperm 8", "unixsocketperm 1000", "unixsocketperm -1", "unixsocketperm 0700", "unixsocketperm \"\"",
	"oom-score-adj-values 1 2 3", "oom-score-adj-values \"1 2 3\"", "oom-score-adj-values 1 2", "oom-score-adj-values \"\"", "oom-score-adj-values",
	"shutdown-on-sigterm save now", "shutdown-on-sigterm \"save now\"", "shutdown-on-sigterm", "shutdown-on-sigterm \"\"",
	"latency-tracking-info-percentiles", "latency-tracking-info-percentiles \"\"", "latency-tracking-info-percentiles \"50 99\"",
	"notify-keyspace-events", "notify-keyspace-events \"\"", "notify-keyspace-events K E",
	"dir", "dir /nonexistent", "dir \"\"", "logfile /nonexistent/x", "logfile \"\"", "dbfilename a/b", "dbfilename \"\"",
	"appendfilename a/b", "appendfilename \"\"", "appenddirname \"\"", "appenddirname a/b", `appendfilename "a\\b"`, "cluster-config-file \"\"",
	"tls-port 1", "port 0", "port \"\"", "port abc", "port 65536", "maxmemory", "maxmemory \"\"", "cluster-announce-hostname a_b",
	"io-threads 129", "databases 0", "databases 2147483648", "# x", "\\", "\x0c", "proc-title-template {x}", "proc-title-template \"\"",
	"watchdog-period 1", "protected-mode no yes", "supervised abc", "syslog-facility x", "enable-debug-command x", "acl-pubsub-default x",
	"vm-enabled no", "maxclients 0", "maxclients 4294967296", "hash-max-zipmap-entries 1", "ignore-warnings a b", "ignore-warnings \"\"",
	"masteruser \"\"", "tls-protocols x", "loglevel", "requirepass \"\"", "cluster-port 65536", "tcp-backlog -1", "socket-mark-id 4294967296",
	"daemonize maybe", "hz 10\n\n# c\ntimeout -1\n", "\"\" 1", "'hz' 9",
}

var block = regexp.MustCompile(`at line (\d+)\n>>> '((?s:.*))'\n(.*)\n`)

func TestServerFiles(t *testing.T) {
	bin := redisServer(t)
	for _, file := range files {
		file += "\nno-such-directive 1\n"
		cmd := exec.Command(bin, "-")
		cmd.Dir = t.TempDir()
		cmd.Stdin = strings.NewReader(file)
		out, _ := cmd.CombinedOutput()
		want := block.FindSubmatch(out)
		err := New().LoadCommandLine(CommandLine{Stdin: true}, strings.NewReader(file))
		pe, ok := err.(*ParseError)
		if !ok || want == nil {
			t.Errorf("%q: %v, redis-server says %s", file, err, out)
			continue
		}
		got := block.FindStringSubmatch(pe.Block())
		for i, part := range got {
			if i > 0 && part != string(want[i]) {
				t.Errorf("%q: got %q, want %q", file, got[1:], want[1:])
				break
			}
		}
	}
}

func TestServerCommandLine(t *testing.T) {
	bin := redisServer(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "two.conf")
	if err := os.WriteFile(file, []byte("hz 10\ntimeout 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		stdin string
	}{
		{[]string{file, "-"}, "timeout x"},
		{[]string{file, "--hz", "x"}, ""},
		{[]string{"-", "--hz", "x"}, "hz 1\nhz 2\n"},
		{[]string{"--hz", "5", "-"}, "bogus 1"},
		{[]string{file, "--hz", "5", "-"}, "bogus 1"},
		{[]string{file, "-", "--hz", "5"}, "bogus 1"},
		{[]string{"--foo"}, ""},
		{[]string{"-x"}, ""},
		{[]string{"-p", "1"}, ""},
		{[]string{"--port"}, ""},
		{[]string{"--port", "1", "2"}, ""},
		{[]string{"--port", "abc"}, ""},
		{[]string{"--hz", "10", "--port 0 bogus"}, ""},
		{[]string{"--HZ", "x"}, ""},
		{[]string{"--hz", "5", "bogus", "x"}, ""},
		{[]string{file, "bogus", "x"}, ""},
		{[]string{"--maxmemory", "-1"}, ""},
		{[]string{"--masterauth", "--port", "--hz", "x"}, ""},
		{[]string{"--", "x"}, ""},
		{[]string{"--save", "", "--hz", "x"}, ""},
		{[]string{"--save", "--hz", "x"}, ""},
		{[]string{"--save 1 2", "--hz", "x"}, ""},
		{[]string{"--save", "100", "100", "--hz", "x"}, ""},
		{[]string{"--save", "100", "--hz", "x"}, ""},
		{[]string{"--replicaof", "1", "abc"}, ""},
		{[]string{"--masterauth", "a\"b\\\n\x01\xff", "x"}, ""},
		{[]string{"--timeout", "--port", "17950"}, ""},
	} {
		cmd := exec.Command(bin, c.args...)
		cmd.Dir = dir
		cmd.Stdin = strings.NewReader(c.stdin)
		out, _ := cmd.CombinedOutput()
		want := block.FindSubmatch(out)
		if want == nil {
			t.Fatalf("%q: redis-server says %s", c.args, out)
		}
		cl, err := ParseArgs(c.args)
		if err == nil {
			err = New().LoadCommandLine(cl, strings.NewReader(c.stdin))
		}
		pe, ok := err.(*ParseError)
		if !ok {
			t.Errorf("%q: %v, redis-server says %s", c.args, err, out)
			continue
		}
		got := block.FindStringSubmatch(pe.Block())
		for i, part := range got {
			if i > 0 && part != string(want[i]) {
				t.Errorf("%q: got %q, want %q", c.args, got[1:], want[1:])
				break
			}
		}
	}
}

// TestServerReadsRewritten gives what Rewrite wrote to a redis-server, with
// every directive away from its default, and compares what it reads there.
func TestServerReadsRewritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	c := New()
	if err := c.LoadFile(path); err != nil {
		t.Fatal(err)
	}
	// What a server would fail to start with, or could not be asked through.
	skip := regexp.MustCompile(`^(dir|port|bind|requirepass|tls-.*|cluster-.*|activedefrag|appendonly|daemonize|logfile|.*cpulist|aclfile|unixsocket.*|maxclients|supervised|bind-source-addr|socket-mark-id|io-threads.*|replicaof|syslog-.*|disable-thp|use-exit-on-panic|oom-score-adj.*|watchdog-period|proto-max-bulk-len|client-query-buffer-limit|client-output-buffer-limit|always-show-logo)$`)
	changed := make(map[string]bool)
	for i := range table {
		d := &table[i]
		if skip.MatchString(d.name) || d.refuse != nil {
			continue
		}
		for _, text := range []string{"a \"b\"\\\x01\xff", "yes", "no", "30", "1048577", "3mb", "77", "allkeys-lru", "everysec", "always", "debug", "panic", "swapdb", "1 2 3 4", "KEn", "nosave now", "allchannels", "{port} x", "ab-c.d"} {
			if err := c.Preset(d.name, text); err == nil && c.value(d) != defaults[i] {
				changed[d.name] = true
				break
			}
		}
	}
	if err := c.Preset("dir", dir); err != nil {
		t.Fatal(err)
	}
	if err := c.Rewrite(); err != nil {
		t.Fatal(err)
	}
	r := startRedis(t, path)
	for name := range changed {
		want := c.String(name)
		if got := r.do(t, "CONFIG", "GET", name); len(got) != 2 || got[1] != want {
			t.Errorf("redis-server reads %s = %q, want %q", name, got, want)
		}
	}
	if len(changed) < 90 {
		t.Errorf("only %d directives were changed", len(changed))
	}
}
