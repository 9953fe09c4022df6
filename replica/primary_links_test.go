package replica_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/redcon_server"
	"github.com/larderdb/larder/replica"
)

// A cutter is a way to a server that can be cut.
type cutter struct {
	ln   net.Listener
	to   string
	gate sync.RWMutex // held by who holds the bytes up
	mu   sync.Mutex   // guards following
	open []net.Conn
}

func newCutter(t testing.TB, to string) *cutter {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{ln: ln, to: to}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			a, err := ln.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				a.Close()
				continue
			}
			c.mu.Lock()
			c.open = append(c.open, a, b)
			c.mu.Unlock()
			for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
				all.Go(func() {
					io.Copy(gated{pair[0], &c.gate}, pair[1])
					pair[0].Close()
					pair[1].Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		ln.Close()
		c.cut()
		all.Wait()
	})
	return c
}

// cut ends all connections.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, nc := range c.open {
		nc.Close()
	}
	c.open = nil
}

// hold lets nothing through until release is called, while the connections stand.
func (c *cutter) hold(t testing.TB) (release func()) {
	c.gate.Lock()
	release = sync.OnceFunc(c.gate.Unlock)
	t.Cleanup(release)
	return release
}

// A gated is where bytes go while nobody holds them up.
type gated struct {
	io.Writer
	gate *sync.RWMutex
}

func (g gated) Write(p []byte) (int, error) {
	g.gate.RLock()
	defer g.gate.RUnlock()
	return g.Writer.Write(p)
}

// Links that are cut while there is much to say: replicas come back and go on, without
// another full synchronization.
func TestCutLinks(t *testing.T) {
	n := servePrimary(t, "repl-backlog-size", "64mb")
	way := newCutter(t, n.addr)
	_, r := startFollower(t, way.ln.Addr().String())
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 2 {
		c := redistest.Dial(t, n.addr)
		defer c.Close()
		writers.Go(func() { (&redistest.Load{R: rand.New(rand.NewPCG(9, uint64(i)))}).Run(t, c, 1<<30, stop) })
	}
	random := rand.New(rand.NewPCG(5, 5))
	for range 6 {
		before := field(t, n, "stats", "sync_partial_ok")
		<-time.After(time.Duration(random.IntN(100)) * time.Millisecond)
		if random.IntN(2) == 0 {
			way.cut()
		} else {
			must(t, n, "CLIENT", "KILL", "TYPE", "replica")
		}
		until(t, "the replica goes on", func() bool { return field(t, n, "stats", "sync_partial_ok") != before })
	}
	close(stop)
	writers.Wait()
	same(t, n, r)
	for name, want := range map[string]string{"sync_full": "1", "sync_partial_ok": "6", "sync_partial_err": "0"} {
		if got := field(t, n, "stats", name); got != want {
			t.Errorf("%s:%s, want %s", name, got, want)
		}
	}
}

// What is no longer in the backlog takes a full synchronization, and so does another
// history.
func TestNoPartialResync(t *testing.T) {
	n := servePrimary(t, "repl-backlog-size", "16kb")
	s, r := startFollower(t, n.addr)
	pause(t, s, true)
	must(t, n, "CLIENT", "KILL", "TYPE", "replica")
	for range 100 {
		must(t, n, "SET", "k", strings.Repeat("x", 1000))
	}
	pause(t, s, false)
	until(t, "a full synchronization", func() bool { return field(t, n, "stats", "sync_full") == "2" })
	same(t, n, r)
	must(t, n, "DEBUG", "CHANGE-REPL-ID")
	must(t, n, "CLIENT", "KILL", "TYPE", "replica")
	until(t, "another one", func() bool { return field(t, n, "stats", "sync_full") == "3" })
	must(t, n, "SET", "k", "v")
	same(t, n, r)
	if got := field(t, n, "stats", "sync_partial_err"); got != "2" {
		t.Errorf("sync_partial_err:%s", got)
	}
}

// Replicas that ask within the delay share a snapshot.
func TestSharedSnapshot(t *testing.T) {
	n := servePrimary(t, "repl-diskless-sync-delay", "10", "repl-diskless-sync-max-replicas", "3")
	l := &redistest.Load{R: rand.New(rand.NewPCG(1, 9))}
	l.Run(t, n, 2000, nil)
	must(t, n, "SELECT", "0")
	addr, port, _ := strings.Cut(n.addr, ":")
	var rs []redistest.Client
	for range 3 {
		s := redistest.Start(t, "--replicaof", addr+" "+port)
		c := s.NewClient(t, 2)
		defer c.Close()
		rs = append(rs, c)
	}
	for _, r := range rs {
		until(t, "online", func() bool { return field(t, r, "replication", "master_link_status") == "up" })
	}
	l.Run(t, n, 500, nil)
	must(t, n, "SELECT", "0")
	for _, r := range rs {
		same(t, n, r)
	}
	started := strings.Count(n.log.String(), "Starting BGSAVE for SYNC")
	if full := field(t, n, "stats", "sync_full"); full != "3" || started != 1 {
		t.Errorf("sync_full:%s, with %d snapshots", full, started)
	}
}

// A dumb replica speaks for itself.
type dumb struct {
	net.Conn
	r *bufio.Reader
}

func dialDumb(t testing.TB, addr string, words ...string) *dumb {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	d := &dumb{nc, bufio.NewReader(nc)}
	for _, w := range words {
		fmt.Fprint(nc, w+"\r\n")
	}
	return d
}

func (d *dumb) line(t testing.TB) string {
	t.Helper()
	d.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		s, err := d.r.ReadString('\n')
		if err != nil {
			t.Fatalf("%q, %v", s, err)
		}
		if s = strings.TrimRight(s, "\r\n"); s != "" {
			return s
		}
	}
}

// dataset reads the data set that is asked for by REPLCONF and PSYNC, up to its mark.
func (d *dumb) dataset(t testing.TB) {
	t.Helper()
	d.line(t)
	d.line(t)
	mark := strings.TrimPrefix(d.line(t), "$EOF:")
	var tail []byte
	for b := make([]byte, 64<<10); !strings.HasSuffix(string(tail), mark); {
		k, err := d.r.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		tail = append(tail, b[:k]...)
		tail = tail[max(0, len(tail)-40):]
	}
}

// Behind a mark nothing comes before the first ACK: a replica finds the mark by its
// being the last.
func TestStreamFollowsACK(t *testing.T) {
	n := servePrimary(t)
	d := dialDumb(t, n.addr, "REPLCONF capa eof", "PSYNC ? -1")
	d.dataset(t)
	must(t, n, "SET", "k", "v")
	until(t, "online", func() bool { return strings.Contains(field(t, n, "replication", "slave0"), "state=online") })
	d.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if b, err := d.r.ReadByte(); err == nil {
		t.Errorf("before the ACK comes %q", b)
	}
	fmt.Fprint(d, "REPLCONF ACK 0\r\n")
	if got := d.line(t); got != "*2" {
		t.Errorf("after it %q", got)
	}
}

// The data set with its length, for those who know no marks, and the stream right
// behind it.
func TestWithLength(t *testing.T) {
	n := servePrimary(t)
	must(t, n, "DEBUG", "SET-ACTIVE-EXPIRE", "0") // the stream is to have what the test writes, and nothing else
	(&redistest.Load{R: rand.New(rand.NewPCG(1, 4))}).Run(t, n, 2000, nil)
	must(t, n, "SELECT", "0")
	must(t, n, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	for _, ask := range []string{"PSYNC ? -1", "SYNC"} {
		d := dialDumb(t, n.addr, "REPLCONF listening-port 7777", ask)
		if got := d.line(t); got != "+OK" {
			t.Fatalf("REPLCONF = %q", got)
		}
		if ask != "SYNC" {
			got := d.line(t) // the first replica begins a history: its name is known only now
			if want := fmt.Sprintf("+FULLRESYNC %s %s", n.p.ReplicationID(), field(t, n, "replication", "master_repl_offset")); got != want {
				t.Fatalf("%s = %q, want %q", ask, got, want)
			}
		}
		var length int
		if _, err := fmt.Sscanf(d.line(t), "$%d", &length); err != nil {
			t.Fatal(err)
		}
		file := make([]byte, length)
		if _, err := io.ReadFull(d.r, file); err != nil {
			t.Fatal(err)
		}
		other, err := larder.Open(larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if err := rdb.Load(bytes.NewReader(file), other); err != nil {
			t.Fatal(err)
		}
		must(t, n, "SET", "k", "v")
		until(t, "online", func() bool { return strings.Contains(field(t, n, "replication", "slave0"), "state=online") })
		for _, want := range []string{"*2", "$6", "SELECT", "$1", "0", "*3", "$3", "SET"} {
			if got := d.line(t); got != want {
				t.Fatalf("behind the data set: %q, want %q", got, want)
			}
		}
		d.Close()
		until(t, "gone", func() bool { return field(t, n, "replication", "connected_slaves") == "0" })
	}
}

// redis-cli takes the data set, or the functions of it.
func TestRedisCLI(t *testing.T) {
	path, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Skipf("SKIPPED: redis-cli is not on PATH: %v", err)
	}
	n := servePrimary(t)
	bridge.Server(n.db).SetLibraries([]string{"#!lua name=lib\nredis.register_function('f', function() return 1 end)"})
	must(t, n, "RPUSH", "l", "a", "b")
	_, port, _ := net.SplitHostPort(n.addr)
	for option, keys := range map[string]int64{"--rdb": 1, "--functions-rdb": 0} {
		file := filepath.Join(t.TempDir(), "got.rdb")
		if out, err := exec.Command(path, "-p", port, option, file).CombinedOutput(); err != nil {
			t.Fatalf("redis-cli %s: %v\n%s", option, err, out)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		other, _ := larder.Open(larder.Options{})
		defer other.Close()
		if err := rdb.Load(bytes.NewReader(b), other); err != nil {
			t.Fatal(err)
		}
		if got, _ := other.DBSize(); got != keys || len(bridge.Server(other).Libraries()) != 1 {
			t.Errorf("redis-cli %s got %d keys, %q", option, got, bridge.Server(other).Libraries())
		}
	}
	until(t, "they have gone", func() bool { return field(t, n, "replication", "connected_slaves") == "0" })
}

// A replica that never reads is dropped at its limit, and costs no more than that:
// while it is sent the data set, and afterwards.
func TestDeafReplica(t *testing.T) {
	n := servePrimary(t, "client-output-buffer-limit", "replica 8mb 0 0")
	value := strings.Repeat("x", 100<<10)
	for i := range 300 {
		must(t, n, "SET", fmt.Sprint("big", i), value) // more than the sockets take
	}
	must(t, n, "CONFIG", "SET", "rdbcompression", "no")
	for _, when := range []string{"data set", "stream"} {
		d := dialDumb(t, n.addr, "REPLCONF capa eof", "PSYNC ? -1")
		if when == "stream" {
			d.dataset(t)
			fmt.Fprint(d, "REPLCONF ACK 0\r\n")
		}
		until(t, "it is there", func() bool { return field(t, n, "replication", "connected_slaves") == "1" })
		most := int64(0)
		for i := 0; field(t, n, "replication", "connected_slaves") == "1"; i++ {
			must(t, n, "SET", "k", value)
			most = max(most, bridge.Server(n.db).Engine().Backlog().Memory)
			if i > 2000 {
				t.Fatalf("%s: it is not dropped", when)
			}
		}
		if most > 10<<20 {
			t.Errorf("%s: it has cost %d bytes, of 8 MB", when, most)
		}
		until(t, "what was kept for it is given back", func() bool {
			must(t, n, "SET", "k", value)
			return bridge.Server(n.db).Engine().Backlog().Memory < 2<<20
		})
		if !strings.Contains(n.log.String(), "overcoming of output buffer limits") {
			t.Errorf("%s: the log does not say why", when)
		}
	}
	if got := bridge.Server(n.db).Engine().Snapshots(); got != 0 {
		t.Errorf("%d snapshots are open", got)
	}
}

// A replica that goes silent is dropped after repl-timeout.
func TestSilentReplica(t *testing.T) {
	n := servePrimary(t, "repl-timeout", "1")
	dialDumb(t, n.addr, "PSYNC ? -1")
	until(t, "it is online", func() bool { return strings.Contains(field(t, n, "replication", "slave0"), "state=online") })
	until(t, "it is dropped", func() bool { return field(t, n, "replication", "connected_slaves") == "0" })
	if !strings.Contains(n.log.String(), "Disconnecting timedout replica (streaming sync)") {
		t.Errorf("the log does not say why:\n%s", n.log)
	}
}

// A replica is a replica: it is listed as one, and what it asks ends it.
func TestReplicaIsNoClient(t *testing.T) {
	n := servePrimary(t)
	d := dialDumb(t, n.addr, "REPLCONF capa eof", "PSYNC ? -1")
	until(t, "listed", func() bool { return strings.Contains(must(t, n, "CLIENT", "LIST", "TYPE", "replica").Str, " flags=S ") })
	fmt.Fprint(d, "GET k\r\n")
	until(t, "dropped", func() bool { return field(t, n, "replication", "connected_slaves") == "0" })
	if !strings.Contains(n.log.String(), "Replica generated a reply to command 'get'") {
		t.Errorf("the log does not say why:\n%s", n.log)
	}
}

// WAIT waits for replicas that confirm.
func TestWait(t *testing.T) {
	n := servePrimary(t)
	s, _ := startFollower(t, n.addr)
	startFollower(t, n.addr)
	must(t, n, "SET", "k", "v")
	if got := must(t, n, "WAIT", "2", "0"); got.Int != 2 {
		t.Errorf("WAIT 2 = %s", got)
	}
	if got, err := n.p.Wait(t.Context(), 2, n.p.Offset()); got != 2 || err != nil {
		t.Errorf("Wait = %d, %v", got, err)
	}
	pause(t, s, true)
	must(t, n, "SET", "k", "w")
	start := time.Now()
	if got := must(t, n, "WAIT", "2", "100"); got.Int != 1 || time.Since(start) < 100*time.Millisecond {
		t.Errorf("WAIT 2 with one asleep = %s", got)
	}
	waits := redistest.Dial(t, n.addr)
	defer waits.Close()
	must(t, waits, "SET", "k", "x")
	waits.Send("WAIT", "2", "0")
	until(t, "it waits", func() bool { return field(t, n, "clients", "blocked_clients") == "1" })
	pause(t, s, false)
	if got := waits.Receive(20 * time.Second); got.Int != 2 {
		t.Errorf("WAIT 2 after it woke = %s", got)
	}
	if got := must(t, n, "CONFIG", "SET", "min-replicas-to-write", "2"); got.Str != "OK" {
		t.Error(got)
	}
	must(t, n, "SET", "k", "v")
	must(t, n, "CONFIG", "SET", "min-replicas-to-write", "3")
	if got := n.Do("SET", "k", "v"); got.Str != "NOREPLICAS Not enough good replicas to write." {
		t.Errorf("SET with too few = %s", got)
	}
}

// The backlog goes after its time without a replica, and the history with it.
func TestBacklogTTL(t *testing.T) {
	n := servePrimary(t, "repl-backlog-ttl", "1")
	d := dialDumb(t, n.addr, "PSYNC ? -1")
	until(t, "active", func() bool { return field(t, n, "replication", "repl_backlog_active") == "1" })
	id := n.p.ReplicationID()
	d.Close()
	until(t, "freed", func() bool { return field(t, n, "replication", "repl_backlog_active") == "0" })
	if n.p.ReplicationID() == id {
		t.Error("the history has the same name")
	}
}

// Closing a server with replicas at each stage leaves nobody behind.
func TestCloseWithReplicas(t *testing.T) {
	for _, delay := range []string{"0", "100"} {
		db, err := larder.Open(larder.Options{Config: []string{"repl-diskless-sync-delay", delay}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := replica.Serve(db, replica.ServeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		db.Set("k", strings.Repeat("x", 10<<20))
		srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0"})
		if err := srv.Listen(); err != nil {
			t.Fatal(err)
		}
		addr := srv.Addr().String()
		dialDumb(t, addr, "PSYNC ? -1")
		dialDumb(t, addr, "REPLCONF capa eof", "PSYNC ? -1")
		until(t, "they are there", func() bool { return len(p.Replicas()) == 2 })
		srv.Close()
		if got := p.Replicas(); len(got) != 0 {
			t.Errorf("after Close: %+v", got)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A replica that cannot read the data set is not sent it, and that is logged; who says
// that it can, or is vouched for, is.
func TestTooOldReplica(t *testing.T) {
	n := servePrimary(t)
	must(t, n, "HSET", "h", "f", "v")
	must(t, n, "HEXPIRE", "h", "1000", "FIELDS", "1", "f")
	d := dialDumb(t, n.addr, "REPLCONF capa eof", "PSYNC ? -1")
	d.line(t)
	d.SetReadDeadline(time.Now().Add(20 * time.Second))
	if rest, err := io.ReadAll(d.r); strings.TrimSpace(string(rest)) != "" || err != nil {
		t.Errorf("it is sent %.80q, %v", rest, err)
	}
	if !strings.Contains(n.log.String(), "refused: the data set has fields of hashes that expire") {
		t.Errorf("the log does not say why:\n%s", n.log)
	}
	for _, vouched := range []bool{false, true} {
		capa := "REPLCONF capa eof capa rdb12"
		if vouched {
			capa = "REPLCONF capa eof"
			if _, err := replica.Serve(n.db, replica.ServeOptions{Redis74: true}); err != nil {
				t.Fatal(err)
			}
		}
		d := dialDumb(t, n.addr, capa, "PSYNC ? -1")
		d.dataset(t)
	}
}
