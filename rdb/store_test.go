package rdb

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/redistest"
)

// A store for a test, with the commands of this package.
func newDB(t testing.TB, config ...string) *larder.DB {
	t.Helper()
	db, err := larder.Open(larder.Options{Config: config, Backlog: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// wire is a connection to a store in process.
type wire struct {
	t    testing.TB
	conn *larder.Conn
}

func dial(t testing.TB, db *larder.DB) *wire {
	w := &wire{t: t}
	w.conn = db.NewConn(w)
	t.Cleanup(w.conn.Close)
	return w
}

func (w *wire) do(words ...string) string {
	w.t.Helper()
	var bs [][]byte
	for _, word := range words {
		bs = append(bs, []byte(word))
	}
	v, err := redistest.ReadValue(bufio.NewReader(bytes.NewReader(w.conn.Exec(nil, bs))))
	if err != nil {
		w.t.Fatalf("%q: %v", words, err)
	}
	if v.Kind == redistest.Integer {
		return fmt.Sprint(v.Int)
	}
	return v.Str
}

func (w *wire) want(reply string, words ...string) {
	w.t.Helper()
	if got := w.do(words...); got != reply {
		w.t.Errorf("%.100q = %q, want %q", words, got, reply)
	}
}

// info is a field of INFO.
func (w *wire) info(name string) string {
	w.t.Helper()
	for line := range strings.Lines(w.do("INFO", "all")) {
		if k, v, _ := strings.Cut(strings.TrimSpace(line), ":"); k == name {
			return v
		}
	}
	return ""
}

func (w *wire) Push([]byte)              {}
func (w *wire) Private(bool)             {}
func (w *wire) Class(int)                {}
func (w *wire) Waiting() func()          { return func() {} }
func (w *wire) Context() context.Context { return context.Background() }
func (w *wire) Kill()                    {}
func (w *wire) RemoteAddr() string       { return "127.0.0.1:1" }
func (w *wire) LocalAddr() string        { return "127.0.0.1:2" }
func (w *wire) Buffers() larder.Buffers  { return larder.Buffers{} }

func digest(t testing.TB, db *larder.DB) string {
	t.Helper()
	w := dial(t, db)
	bridge.Server(db).Conf().Preset("enable-debug-command", "yes")
	return w.do("DEBUG", "DIGEST")
}

// saved returns a store as a file.
func saved(t testing.TB, db *larder.DB) []byte {
	t.Helper()
	var b bytes.Buffer
	snap := db.Snapshot()
	defer snap.Close()
	if err := Save(&b, snap); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What a redis-server has saved, of every type and encoding and in several databases,
// is the same here, and comes back as the same to another redis-server.
func TestAgreement(t *testing.T) {
	a := ask(t, redistest.Start(t))
	dataset(a)
	a.do("PEXPIREAT", "set:long", "4102444800000")
	a.do("SELECT", "9")
	a.do("SET", "elsewhere", "v", "PXAT", "4102444800001")
	a.do("SELECT", "0")
	a.do("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
	a.do("SAVE")
	file, err := os.Open(filepath.Join(a.do("CONFIG", "GET", "dir").Elems[1].Str, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	db := newDB(t)
	db.Set("before", "goes")
	if err := Load(file, db); err != nil {
		t.Fatal(err)
	}
	want := a.do("DEBUG", "DIGEST").Str
	if got := digest(t, db); got != want {
		t.Errorf("digest here %s, there %s", got, want)
	}
	for _, key := range keysOf(a) {
		want := a.do("OBJECT", "ENCODING", key).Str
		if got, err := db.ObjectEncoding(key); got != want || err != nil {
			t.Errorf("%s: encoding %s, %v, want %s", key, got, err, want)
		}
	}
	out := saved(t, db)
	path := filepath.Join(t.TempDir(), "dump.rdb")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command("redis-check-rdb", path).CombinedOutput(); err != nil {
		t.Errorf("redis-check-rdb: %v\n%s", err, msg)
	}
	b := ask(t, startOn(t, out))
	if got := b.do("DEBUG", "DIGEST").Str; got != want {
		t.Errorf("digest of what comes back %s, want %s", got, want)
	}
	if n := len(b.do("FUNCTION", "LIST").Elems); n != 1 {
		t.Errorf("%d libraries of functions come back, want 1", n)
	}
}

// Whatever is wrong with a file, the store is as it was; and one that is right is
// there at once, with keys left out whose time is over.
func TestLoadAllOrNothing(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	db, err := larder.Open(larder.Options{Now: func() time.Time { return now }, Databases: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	src := newDB(t)
	for i := range 500 {
		src.Set(fmt.Sprint("k", i), strings.Repeat("v", i))
		src.RPush("list", fmt.Sprint(i))
	}
	src.DB(1).SAdd("set", "a", "b", "c")
	good := saved(t, src)
	db.Set("old", "v")
	was := digest(t, db)
	for name, bad := range map[string][]byte{
		"empty":       nil,
		"cut":         good[:len(good)-20],
		"no end":      good[:len(good)-9],
		"a bit":       flipped(good, len(good)/2),
		"checksum":    flipped(good, len(good)-1),
		"version":     flipped(good, 8),
		"a database":  inDB(t, 2),
		"a key twice": twice(t),
	} {
		if err := Load(bytes.NewReader(bad), db); err == nil {
			t.Errorf("%s: it loads", name)
		} else if e := (*Error)(nil); !errors.As(err, &e) {
			t.Errorf("%s: %v is no *Error", name, err)
		}
		if got := digest(t, db); got != was {
			t.Errorf("%s: the store has changed", name)
		}
	}
	if err := Load(bytes.NewReader(good), db); err != nil {
		t.Fatal(err)
	}
	if got, want := digest(t, db), digest(t, src); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	if n, _ := db.DBSize(); n != 501 {
		t.Errorf("%d keys, want 501", n)
	}
	// What was loaded can be changed, and expires.
	if n, err := db.RPush("list", "more"); n != 501 || err != nil {
		t.Errorf("RPush = %d, %v", n, err)
	}
}

func flipped(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

func inDB(t testing.TB, n int) []byte {
	db := newDB(t)
	db.DB(n).Set("k", "v")
	return saved(t, db)
}

func twice(t testing.TB) []byte {
	var b bytes.Buffer
	enc, err := NewEncoder(&b, EncoderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	enc.SelectDB(0, 2, 0)
	for range 2 {
		enc.value("k", stringValue([]byte("v")), keyHead{idle: -1, freq: -1})
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLoadExpired(t *testing.T) {
	src := newDB(t)
	base := time.Now()
	src.SetArgs(larder.SetArgs{Key: "early", Value: "v", ExpireAt: base.Add(time.Hour)})
	src.SetArgs(larder.SetArgs{Key: "late", Value: "v", ExpireAt: base.Add(3 * time.Hour)})
	src.HSet("h", "f", "v", "g", "w")
	src.HSet("gone", "f", "v")
	dial(t, src).do("HPEXPIREAT", "h", fmt.Sprint(base.Add(time.Hour).UnixMilli()), "FIELDS", "1", "f")
	dial(t, src).do("HPEXPIREAT", "gone", fmt.Sprint(base.Add(time.Hour).UnixMilli()), "FIELDS", "1", "f")
	file := saved(t, src)
	if v := string(file[5:9]); v != "0012" {
		t.Errorf("a file with fields that expire is of version %s", v)
	}
	later, err := larder.Open(larder.Options{Now: func() time.Time { return base.Add(2 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	if err := Load(bytes.NewReader(file), later); err != nil {
		t.Fatal(err)
	}
	if n, _ := later.Exists("early", "late", "gone"); n != 1 {
		t.Errorf("%d keys are there, want one", n)
	}
	if m, err := later.HGetAll("h"); len(m) != 1 || err != nil {
		t.Errorf("HGetAll = %v, %v", m, err)
	}
	if ttl, _ := later.TTL("late"); ttl != time.Hour {
		t.Errorf("TTL = %v", ttl)
	}
}

// The idle time of keys, or how often they were used, is saved where the policy asks
// for it, and comes back.
func TestUseOfKeys(t *testing.T) {
	for policy, get := range map[string]string{"allkeys-lru": "IDLETIME", "volatile-lfu": "FREQ"} {
		src := newDB(t, "maxmemory-policy", policy)
		Extend(src)
		payload := Restore(src.Commands, RestoreArgs{Key: "k", Payload: mustDump(t, src, "v"), IdleTime: 777, HasIdleTime: get == "IDLETIME", Freq: 77, HasFreq: get == "FREQ"})
		if payload != nil {
			t.Fatal(payload)
		}
		want := map[string]string{"IDLETIME": "777", "FREQ": "77"}[get]
		dial(t, src).want(want, "OBJECT", get, "k")
		db := newDB(t, "maxmemory-policy", policy)
		if err := Load(bytes.NewReader(saved(t, src)), db); err != nil {
			t.Fatal(err)
		}
		dial(t, db).want(want, "OBJECT", get, "k")
	}
}

func mustDump(t testing.TB, db *larder.DB, value string) string {
	t.Helper()
	other := newDB(t)
	other.Set("x", value)
	p, err := Dump(other.Commands, "x")
	if err != nil {
		t.Fatal(err)
	}
	return p
}
