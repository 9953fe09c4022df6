package interop

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/replica"
)

// The modes in which redis-cli looks into a server. Those that go on for ever are read
// until they have said what they should.

// watchTool starts redis-cli and reads what it writes until that fits want; then it
// ends it. do is called once the tool is running, again and again.
func watchTool(t *testing.T, addr string, want *regexp.Regexp, do func(), words ...string) {
	t.Helper()
	path := tool(t, "redis-cli")
	host, port, _ := net.SplitHostPort(addr)
	c, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(c, path, append([]string{"-h", host, "-p", port}, words...)...)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	fits := make(chan bool, 1)
	var got []byte
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := out.Read(buf)
			got = append(got, buf[:n]...)
			if want.Match(got) || err != nil {
				fits <- want.Match(got)
				return
			}
		}
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case ok := <-fits:
			cancel()
			_ = cmd.Wait() // it was killed
			if !ok {
				t.Errorf("redis-cli %s = %q", strings.Join(words, " "), got)
			}
			return
		case <-tick.C:
			do()
		}
	}
}

func TestRedisCLILatency(t *testing.T) {
	_, addr := listen(t, larder.Options{})
	run := cli(t, addr)
	// What is no terminal gets one line, after -i seconds.
	if got := run("", "--latency", "-i", "0.2"); !regexp.MustCompile(`^\d+ \d+ [\d.]+ \d+\n$`).MatchString(got) {
		t.Errorf("--latency = %q", got)
	}
	watchTool(t, addr, regexp.MustCompile(`min: \d+, max: \d+, avg: [\d.]+ \(\d+ samples\) -- [\d.]+ seconds range\n`), func() {},
		"--latency-history", "--no-raw", "-i", "0.2")
}

func TestRedisCLIMonitor(t *testing.T) {
	s, addr := listen(t, larder.Options{})
	watchTool(t, addr, regexp.MustCompile(`(?m)^\d+\.\d{6} \[0 go\] "SET" "shown"$`), func() {
		must(t, s.db.Set("shown", "v"))
	}, "MONITOR")
}

func TestRedisCLIHotKeys(t *testing.T) {
	s, addr := listen(t, larder.Options{Policy: larder.AllKeysLFU})
	run := cli(t, addr)
	for _, k := range []string{"cold:1", "cold:2", "hot"} {
		must(t, s.db.Set(k, "v"))
	}
	for range 1000 {
		_, err := s.db.Get("hot")
		must(t, err)
	}
	if got := run("", "--hotkeys"); !regexp.MustCompile(`hot key found with counter: \d+\s+keyname: "?hot"?`).MatchString(got) {
		t.Errorf("--hotkeys = %s", got)
	}
}

// --rdb and --functions-rdb are replicas that take one snapshot.
func TestRedisCLIFiles(t *testing.T) {
	s, addr := listen(t, larder.Options{})
	check := tool(t, "redis-check-rdb")
	dir := t.TempDir()
	_, err := rdb.Attach(s.db, rdb.Options{Path: filepath.Join(dir, "dump.rdb"), DiscardOnClose: true})
	must(t, err)
	_, err = replica.Serve(s.db, replica.ServeOptions{})
	must(t, err)
	run := cli(t, addr)
	for range 10 {
		_, err := s.db.RPush("list", "a", "b")
		must(t, err)
	}
	must(t, s.db.Set("k", "v"))
	for mode, keys := range map[string]string{"--rdb": "2 keys read", "--functions-rdb": "0 keys read"} {
		path := filepath.Join(dir, strings.TrimLeft(mode, "-"))
		if got := run("", mode, path); !strings.Contains(got, "Transfer finished with success") {
			t.Errorf("%s = %s", mode, got)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s wrote %v, %v", mode, info, err)
		}
		if got := runTool(t, "", check, path); !strings.Contains(got, keys) || !strings.Contains(got, "RDB looks OK") {
			t.Errorf("redis-check-rdb of the file of %s = %s", mode, got)
		}
	}
}

// The help of redis-cli is what COMMAND DOCS says.
func TestRedisCLIHelp(t *testing.T) {
	_, addr := listen(t, larder.Options{})
	run := cli(t, addr)
	for _, proto := range []string{"-2", "-3"} {
		if got := run("", proto, "help", "MEMORY", "USAGE"); !strings.Contains(strings.ToUpper(got), "MEMORY USAGE") || !strings.Contains(got, "SAMPLES") {
			t.Errorf("%s help MEMORY USAGE = %s", proto, got)
		}
		for _, command := range []string{"SLOWLOG", "LATENCY", "MEMORY", "CONFIG", "OBJECT", "CLIENT", "COMMAND", "XINFO", "XGROUP"} {
			if got := run("", proto, command, "HELP"); !strings.HasPrefix(got, command+" <subcommand>") {
				t.Errorf("%s %s HELP = %s", proto, command, got)
			}
		}
	}
}

// All default tests of redis-benchmark end without an error.
func TestRedisBenchmarkDefaults(t *testing.T) {
	path := tool(t, "redis-benchmark")
	_, addr := listen(t, larder.Options{})
	host, port, _ := net.SplitHostPort(addr)
	got := runTool(t, "", path, "-h", host, "-p", port, "-q", "-n", "1000")
	if n := strings.Count(got, "requests per second"); n != 20 || strings.Contains(strings.ToLower(got), "error") {
		t.Errorf("redis-benchmark: %d tests of 20:\n%s", n, got)
	}
}
