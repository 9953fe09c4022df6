package conf

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// annotated is a file in the style of those that come with servers.
const annotated = `# A server's configuration.
#
# Units: 1k 1kb 5GB ...

################################## NETWORK #####################################

# Where to listen.
bind 127.0.0.1 -::1
protected-mode yes
# port 0 would be none.
port 0
tcp-backlog 511
timeout 0

################################ SNAPSHOTTING  ################################
# save <seconds> <changes> ...
save 3600 1
save 300 100
  save 60 10000
rdbcompression yes
dbfilename dump.rdb

dir DIR
unixsocket DIR/s
# requirepass foobared

maxmemory 100mb
maxmemory-policy noeviction
slowlog-log-slower-than 10000
hash-max-ziplist-entries 512
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
notify-keyspace-events ""
# the end
`

// TestServerRewritesSame changes the same directives here and on a redis-server, has
// both rewrite the same file, and reads what came out: both files say the same, and
// have the comments that there were, in their order.
func TestServerRewritesSame(t *testing.T) {
	dir := t.TempDir()
	text := strings.ReplaceAll(annotated, "DIR", dir)
	theirPath, ourPath := filepath.Join(dir, "theirs.conf"), filepath.Join(dir, "ours.conf")
	for _, path := range []string{theirPath, ourPath} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// startRedis says the port; it is put back as the file has it.
	r := startRedis(t, theirPath)
	c := New()
	if err := c.LoadFile(ourPath); err != nil {
		t.Fatal(err)
	}
	changes := []string{"save", "100 1 200 2", "maxmemory", "3gb", "maxmemory-policy", "allkeys-lru", "timeout", "30", "hz", "20",
		"slowlog-log-slower-than", "-1", "masterauth", "a b\"c", "hash-max-listpack-entries", "100", "notify-keyspace-events", "KEA",
		"client-output-buffer-limit", "pubsub 1mb 1kb 7", "latency-monitor-threshold", "100", "maxmemory-clients", "5%",
		"replica-priority", "7"}
	if reply := r.do(t, append([]string{"CONFIG", "SET"}, changes...)...); reply[0] != "OK" {
		t.Fatal(reply)
	}
	if err := c.Set(changes...); err != nil {
		t.Fatal(err)
	}
	for _, all := range []bool{false, true} {
		ours := c.RewriteAll // redis-server's says more than there are directives
		if !all {
			ours = c.Rewrite
			if reply := r.do(t, "CONFIG", "REWRITE"); reply[0] != "OK" {
				t.Fatal(reply)
			}
		}
		if err := ours(); err != nil {
			t.Fatal(err)
		}
		want, got := New(), New()
		if err := want.LoadFile(theirPath); err != nil {
			t.Fatal(err)
		}
		if err := got.LoadFile(ourPath); err != nil {
			t.Fatal(err)
		}
		for i := range table {
			d := &table[i]
			if g, w := got.value(d), want.value(d); g != w && own[d.name] == "" {
				t.Errorf("rewritten, %s = %q, redis-server's file says %q", d.name, g.text, w.text)
			}
			if g, w := got.value(d), c.value(d); g != w {
				t.Errorf("rewritten, %s = %q, want %q", d.name, g.text, w.text)
			}
		}
		content, err := os.ReadFile(ourPath)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := comments(string(content)), comments(text); !slices.Equal(got, want) {
			t.Errorf("comments = %q, want %q", got, want)
		}
		if all {
			for i := range table {
				d := &table[i]
				if len(d.kind.lines(c.value(d))) > 0 && !strings.Contains("\n"+string(content), "\n"+d.name+" ") {
					t.Errorf("RewriteAll leaves out %s", d.name)
				}
			}
		}
	}
}

// comments are the comments and empty lines of a file, without the rewriter's own.
func comments(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); (line == "" || line[0] == '#') && line != marker {
			lines = append(lines, line)
		}
	}
	return lines
}
