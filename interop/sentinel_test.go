package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// start starts a program that listens on a port of 127.0.0.1, and waits until it answers.
func start(t *testing.T, port string, words ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
	defer c.Close()
	soon(t, words[0]+" answers", func() bool { return c.Ping(ctx).Err() == nil })
	return cmd
}

// soon polls until something is so.
func soon(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not happen: %s", what)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// go-redis finds the primary of three larders by redis-sentinels, writes, and goes on at
// the new one after the primary was killed; what it was told is written is there.
func TestGoRedisFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes many seconds; not with -short")
	}
	sentinel := tool(t, "redis-sentinel")
	server := filepath.Join(t.TempDir(), "server")
	if out, err := exec.Command("go", "build", "-pgo=off", "-o", server, "github.com/larderdb/larder/examples/server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	nodes := map[string]*exec.Cmd{} // by port
	first := ""
	for range 3 {
		port := freePort(t)
		words := []string{server, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--repl-diskless-sync-delay", "0"}
		if first == "" {
			first = port
		} else {
			words = append(words, "--replicaof", "127.0.0.1 "+first)
		}
		nodes[port] = start(t, port, words...)
	}
	var sentinels []string
	for range 3 {
		port, dir := freePort(t), t.TempDir()
		file := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor m 127.0.0.1 %s 2\n"+
			"sentinel down-after-milliseconds m 1000\nsentinel failover-timeout m 5000\n", port, dir, first)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		start(t, port, sentinel, file)
		sentinels = append(sentinels, "127.0.0.1:"+port)
	}
	for _, addr := range sentinels {
		s := redis.NewSentinelClient(&redis.Options{Addr: addr})
		defer s.Close()
		soon(t, "the sentinels know of all", func() bool {
			m := s.Master(ctx, "m").Val()
			return m["num-slaves"] == "2" && m["num-other-sentinels"] == "2" && m["flags"] == "master"
		})
	}
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "m", SentinelAddrs: sentinels})
	defer c.Close()
	// Connected to whom, by the port that it listens on.
	at := func() string {
		info, err := c.Info(ctx, "server").Result()
		if err != nil {
			return ""
		}
		_, rest, _ := strings.Cut(info, "\ntcp_port:")
		port, _, _ := strings.Cut(rest, "\r\n")
		return port
	}
	if got := at(); got != first {
		t.Errorf("it is connected to %s, want the primary, %s", got, first)
	}
	for i := range 100 {
		want(t, "INCR", c.Incr(ctx, "n"), int64(i+1))
	}
	if got, err := c.Wait(ctx, 2, 20*time.Second).Result(); err != nil || got != 2 {
		t.Fatalf("WAIT = %d, %v", got, err)
	}
	if err := nodes[first].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	soon(t, "it writes again", func() bool { return c.Set(ctx, "k", "new", 0).Err() == nil })
	port := at()
	if port == first || nodes[port] == nil {
		t.Errorf("it is connected to %q, which was %s", port, first)
	}
	want(t, "GET", c.Get(ctx, "n"), "100")
	want(t, "INCR", c.Incr(ctx, "n"), int64(101))
	if role, err := c.Do(ctx, "ROLE").Slice(); err != nil || role[0] != "master" {
		t.Errorf("ROLE = %v, %v", role, err)
	}
	replicas := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "m", SentinelAddrs: sentinels, ReplicaOnly: true})
	defer replicas.Close()
	soon(t, "a replica has it, too", func() bool { return replicas.Get(ctx, "n").Val() == "101" })
}
