package replica_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/replica"
)

// deadline is how long a test waits for what takes milliseconds.
const deadline = 30 * time.Second

// open opens a store for a test.
func open(t testing.TB, config ...string) *larder.DB {
	t.Helper()
	db, err := larder.Open(larder.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// follow follows a primary, and waits until the data is there.
func follow(t testing.TB, db *larder.DB, o replica.Options) *replica.Follower {
	t.Helper()
	f, err := replica.Follow(t.Context(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := f.Wait(ctx); err != nil {
		t.Fatalf("Wait: %v; %+v", err, f.Status())
	}
	return f
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !holds(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happens: %s", what)
		}
	}
}

// digest is DEBUG DIGEST of a store.
func digest(t testing.TB, db *larder.DB) string {
	t.Helper()
	v, err := db.Do("DEBUG", "DIGEST")
	if err != nil {
		t.Fatal(err)
	}
	return v.(string)
}

func TestFollowsRedis(t *testing.T) {
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	c := redistest.Dial(t, s.Addr)
	defer c.Close()
	c.Do("SET", "before", "1")
	db := open(t)
	f := follow(t, db, replica.Options{Addr: s.Addr})
	if v, err := db.Get("before"); v != "1" {
		t.Errorf("Get = %q, %v", v, err)
	}
	c.Do("SET", "after", "2")
	if v := c.Do("WAIT", "1", "5000"); v.Int != 1 {
		t.Fatalf("WAIT = %v; %+v", v, f.Status())
	}
	if v, err := db.Get("after"); v != "2" {
		t.Errorf("Get = %q, %v", v, err)
	}
	if err := db.Set("mine", "x"); err != larder.ErrReadOnlyReplica {
		t.Errorf("Set = %v", err)
	}
}

// asClient is a store as a client sees one that no network leads to.
type asClient struct {
	t    testing.TB
	conn *larder.Conn
}

func clientOf(t testing.TB, db *larder.DB) asClient {
	c := asClient{t, db.NewConn(nowhere{})}
	t.Cleanup(c.conn.Close)
	return c
}

func (c asClient) Do(words ...string) redistest.Value {
	bs := make([][]byte, len(words))
	for i, w := range words {
		bs[i] = []byte(w)
	}
	v, err := redistest.ReadValue(bufio.NewReader(bytes.NewReader(c.conn.Exec(nil, bs))))
	if err != nil {
		c.t.Fatalf("%q: %v", words, err)
	}
	return v
}

func (c asClient) Close() {}

// nowhere is a Transport without another side.
type nowhere struct{}

func (nowhere) Push([]byte)              {}
func (nowhere) Private(bool)             {}
func (nowhere) Class(int)                {}
func (nowhere) Waiting() (done func())   { return func() {} }
func (nowhere) Context() context.Context { return context.Background() }
func (nowhere) Kill()                    {}
func (nowhere) RemoteAddr() string       { return "" }
func (nowhere) LocalAddr() string        { return "" }
func (nowhere) Buffers() larder.Buffers  { return larder.Buffers{} }

var longer = flag.Int("longer", 1, "how many times longer the tests with random loads run")

// A store follows a redis-server under a random load of all types, with expiry, MULTI and
// blocking pops, while the link is cut at random: in the end both hold the same, and the
// link went on where it could. What OnChange was told, put together, is the data.
func TestRedisUnderLoad(t *testing.T) {
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0", "--repl-backlog-size", "16mb")
	links := newCutter(t, s.Addr)
	db := open(t, "enable-debug-command", "yes")
	var mu sync.Mutex
	told, last := map[string]string{}, "" // what each key holds; the last change
	f := follow(t, db, replica.Options{Addr: links.ln.Addr().String(), QueueLen: 64, OnChange: func(c replica.Change) {
		mu.Lock()
		defer mu.Unlock()
		in := fmt.Sprintf("%d ", c.DB)
		switch c.Event {
		case "reset", "flushall":
			clear(told)
		case "flushdb":
			maps.DeleteFunc(told, func(k, _ string) bool { return strings.HasPrefix(k, in) })
		default:
			both := in + c.Key + brief(c.Old) + brief(c.New)
			old, ok := told[in+c.Key]
			if both != last && (ok != c.Old.Exists() || ok && old != brief(c.Old)) { // a command may have two events of a key
				t.Errorf("%s of %s: the old value is %.200s, told was %.200s", c.Event, in+c.Key, brief(c.Old), old)
			}
			last = both
			if told[in+c.Key] = brief(c.New); !c.New.Exists() {
				delete(told, in+c.Key)
			}
		}
	}})
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 3 {
		c := redistest.Dial(t, s.Addr)
		defer c.Close()
		writers.Go(func() { (&redistest.Load{R: rand.New(rand.NewPCG(1, uint64(i)))}).Run(t, c, 1<<30, stop) })
	}
	random := rand.New(rand.NewPCG(1, 9))
	cuts := 6 * *longer
	for i := range cuts {
		<-time.After(time.Duration(50+random.IntN(150)) * time.Millisecond)
		links.cut()
		eventually(t, "the link goes on", func() bool { return f.Status().PartialSyncs > int64(i) })
	}
	close(stop)
	writers.Wait()
	c := redistest.Dial(t, s.Addr)
	defer c.Close()
	same(t, c, clientOf(t, db))
	st := f.Status()
	if st.FullSyncs != 1 || st.PartialSyncs < int64(cuts) || st.Failed != 0 || st.Skipped != 0 {
		t.Errorf("%+v", st)
	}
	if got, want := field(t, c, "stats", "sync_partial_ok"), fmt.Sprint(st.PartialSyncs); got != want {
		t.Errorf("the primary counts %s partial synchronizations, the follower %s", got, want)
	}
	f.Close()
	mu.Lock()
	defer mu.Unlock()
	n := 0
	for i := range 16 {
		snap := db.DB(i).Snapshot()
		n += snap.Len()
		snap.Close()
	}
	if n != len(told) {
		t.Errorf("there are %d keys, and %d were told of", n, len(told))
	}
}

// The primary ends and comes back without its data, with another id: the store goes on
// showing what it has, and then what there is.
func TestRedisComesBack(t *testing.T) {
	dir := t.TempDir()
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0", "--dir", dir)
	c := redistest.Dial(t, s.Addr)
	defer c.Close()
	c.Do("SET", "k", "1")
	var mu sync.Mutex
	addr := s.Addr
	db := open(t)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	f := follow(t, db, replica.Options{Addr: "primary", Dial: dial})
	c.Do("SHUTDOWN", "NOSAVE")
	eventually(t, "the link is down", func() bool { st := f.Status(); return !st.Up && st.Lag > 0 })
	if v, err := db.Get("k"); v != "1" {
		t.Errorf("Get = %q, %v", v, err)
	}
	next := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	n := redistest.Dial(t, next.Addr)
	defer n.Close()
	n.Do("SET", "k", "2")
	mu.Lock()
	addr = next.Addr
	mu.Unlock()
	eventually(t, "k is the other one's", func() bool { v, _ := db.Get("k"); return v == "2" })
	if st := f.Status(); st.FullSyncs != 2 {
		t.Errorf("%+v", st)
	}
}

// A data set comes in both forms.
func TestRedisForms(t *testing.T) {
	for _, diskless := range []string{"yes", "no"} {
		s := redistest.Start(t, "--repl-diskless-sync-delay", "0", "--repl-diskless-sync", diskless)
		c := redistest.Dial(t, s.Addr)
		defer c.Close()
		(&redistest.Load{R: rand.New(rand.NewPCG(3, 4))}).Run(t, c, 2000, nil)
		db := open(t, "enable-debug-command", "yes")
		f := follow(t, db, replica.Options{Addr: s.Addr})
		same(t, c, clientOf(t, db))
		f.Close()
	}
}

// A store that is kept in a file follows on from where it was when it ended; so does a
// redis-server that is given the file, and a store that is given the redis-server's.
func TestRestartsWithFile(t *testing.T) {
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	c := redistest.Dial(t, s.Addr)
	defer c.Close()
	c.Do("SELECT", "3")
	c.Do("SET", "k", "0")
	path := filepath.Join(t.TempDir(), "dump.rdb")
	wantSyncs := func(full, partial string) {
		t.Helper()
		if f, p := field(t, c, "stats", "sync_full"), field(t, c, "stats", "sync_partial_ok"); f != full || p != partial {
			t.Errorf("there were %s full and %s partial synchronizations, want %s and %s", f, p, full, partial)
		}
	}
	for i := range 3 {
		db, err := rdb.Open(path, larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := follow(t, db, replica.Options{Addr: s.Addr})
		want := fmt.Sprint(i)
		eventually(t, "k is "+want, func() bool { v, _ := db.DB(3).Get("k"); return v == want })
		f.Close()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		c.Do("SET", "k", fmt.Sprint(i+1))
		wantSyncs("1", fmt.Sprint(i))
	}
	host, port, _ := net.SplitHostPort(s.Addr)
	r := redistest.Start(t, "--dir", filepath.Dir(path), "--replicaof", host+" "+port)
	rc := redistest.Dial(t, r.Addr)
	defer rc.Close()
	rc.Do("SELECT", "3")
	eventually(t, "the redis-server has k", func() bool { return rc.Do("GET", "k").Str == "3" })
	wantSyncs("1", "3")
	c.Do("SET", "k", "4")
	eventually(t, "the redis-server follows", func() bool { return rc.Do("GET", "k").Str == "4" })
	rc.Do("SHUTDOWN", "SAVE")
	c.Do("SET", "k", "5")
	db, err := rdb.Open(path, larder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	f := follow(t, db, replica.Options{Addr: s.Addr})
	defer f.Close()
	eventually(t, "k is 5", func() bool { v, _ := db.DB(3).Get("k"); return v == "5" })
	wantSyncs("1", "4")
}

// A redis-server with a password and users is followed with the right one.
func TestRedisLogin(t *testing.T) {
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	c := redistest.Dial(t, s.Addr)
	defer c.Close()
	c.Do("ACL", "SETUSER", "follower", "on", ">secret", "+psync", "+replconf", "+ping")
	c.Do("CONFIG", "SET", "requirepass", "default")
	for _, o := range []replica.Options{{Username: "follower", Password: "secret"}, {Password: "default"}} {
		o.Addr = s.Addr
		db := open(t)
		follow(t, db, o).Close()
	}
	db := open(t)
	f, err := replica.Follow(t.Context(), db, replica.Options{Addr: s.Addr, Password: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	eventually(t, "the password is refused", func() bool {
		err := f.Status().Err
		return err != nil && strings.Contains(err.Error(), "WRONGPASS")
	})
}

// A replica is found where it says: replica-announce-ip and -port.
func TestAnnounced(t *testing.T) {
	n := servePrimary(t)
	f := follow(t, open(t, "replica-announce-ip", "replica.example", "replica-announce-port", "1234"), replica.Options{Addr: n.addr})
	if got := field(t, n, "replication", "slave0"); !strings.HasPrefix(got, "ip=replica.example,port=1234,") {
		t.Errorf("slave0:%s", got)
	}
	eventually(t, "ROLE tells of it", func() bool { // once it has acknowledged
		got := must(t, n, "ROLE").Elems[2].Elems
		return len(got) == 1 && got[0].Elems[0].Str == "replica.example" && got[0].Elems[1].Str == "1234"
	})
	f.Close()
}

// A replica that is not announced is told of by its own INFO only, which is where sentinels
// look: its primary lists it as any other, and nothing else is said to it.
func TestUnannounced(t *testing.T) {
	n := servePrimary(t)
	told := func(t *testing.T, r redistest.Client) (fields []string) {
		for _, announced := range []string{"no", "yes", "no"} {
			must(t, r, "CONFIG", "SET", "replica-announced", announced)
			fields = append(fields, field(t, r, "replication", "replica_announced"))
		}
		return fields
	}
	_, r := startFollower(t, n.addr, "--replica-announced", "no")
	if got := field(t, r, "replication", "replica_announced"); got != "0" {
		t.Errorf("of redis-server replica_announced:%s", got)
	}
	db := open(t, "replica-announced", "no", "replica-announce-ip", "replica.example", "replica-announce-port", "1234")
	follow(t, db, replica.Options{Addr: n.addr})
	l := clientOf(t, db)
	if got := field(t, l, "replication", "replica_announced"); got != "0" {
		t.Errorf("replica_announced:%s", got)
	}
	if got, want := told(t, l), told(t, r); !slices.Equal(got, want) {
		t.Errorf("replica_announced is %q, and of redis-server %q", got, want)
	}
	until(t, "both are listed", func() bool { return len(must(t, n, "ROLE").Elems[2].Elems) == 2 })
	if got := field(t, n, "replication", "slave1"); !strings.HasPrefix(got, "ip=replica.example,port=1234,state=online,") {
		t.Errorf("slave1:%s", got)
	}
	var said [][]string // in the handshake
	for _, announced := range []string{"no", "yes"} {
		var words []string
		p := script(t, func(l *scriptedLink) {
			for w := l.next(); w != nil; w = l.next() {
				if w[0] == "PSYNC" { // of a history of its own
					return
				}
				words = append(words, strings.Join(w, " "))
				l.say("+OK\r\n")
			}
		}, func(*scriptedLink) {})
		f, err := replica.Follow(t.Context(), open(t, "replica-announced", announced), replica.Options{Addr: "primary", Dial: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the link ends", func() bool { return f.Status().Err != nil })
		f.Close()
		p.running.Wait()
		said = append(said, words)
	}
	if !slices.Equal(said[0], said[1]) || len(said[0]) < 3 {
		t.Errorf("it says %q, and announced %q", said[0], said[1])
	}
}
