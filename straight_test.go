package larder_test

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// A string is read and overwritten by Go calls without a transaction where that makes no
// difference. These are the cases where it would.

// openAlone is open without a mirror, which listens to every write.
func openAlone(t *testing.T, o larder.Options) *larder.DB {
	t.Helper()
	db, err := larder.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// gets are the calls that read a string.
var gets = map[string]func(c larder.Commands, key string) (string, error){
	"Get": larder.Commands.Get,
	"GetAppend": func(c larder.Commands, key string) (string, error) {
		b, err := c.GetAppend([]byte("..."), key)
		v, ok := strings.CutPrefix(string(b), "...")
		if !ok {
			return "", fmt.Errorf("GetAppend to ... returned %q, %v", b, err)
		}
		return v, err
	},
	"GetBytes": func(c larder.Commands, key string) (string, error) {
		b, err := c.GetBytes(key)
		return string(b), err
	},
}

func wantGets(t *testing.T, c larder.Commands, key, want string, wantErr error) {
	t.Helper()
	for name, get := range gets {
		if v, err := get(c, key); v != want || err != wantErr {
			t.Errorf("%s of %s = %.40q, %v, want %.40q, %v", name, key, v, err, want, wantErr)
		}
	}
}

func wantSet(t *testing.T, c larder.Commands, key, value string, want error) {
	t.Helper()
	if err := c.Set(key, value); err != want {
		t.Errorf("Set(%s): %v, want %v", key, err, want)
	}
}

func TestStraightValues(t *testing.T) {
	var now clock
	now.set(1_700_000_000_000)
	db := openAlone(t, larder.Options{Now: now.read})
	c := newConn(db)
	defer c.Close()
	long := strings.Repeat("long", 100_000)
	for _, words := range []string{"SET a 1", "SET b 12", "RPUSH list x", "HSET hash f v", "SADD set m", "SET ttl v PX 100", "SET empty "} {
		f := strings.Split(words, " ")
		if v := c.Do(f...); strings.Contains(strings.Join(v.Lines(), ""), "ERR") {
			t.Fatal(words, v.Lines())
		}
	}
	wantSet(t, db.Commands, "long", long, nil)
	for key, want := range map[string]string{"a": "1", "b": "12", "ttl": "v", "empty": "", "long": long} {
		wantGets(t, db.Commands, key, want, nil)
	}
	for _, key := range []string{"list", "hash", "set"} {
		wantGets(t, db.Commands, key, "", larder.ErrWrongType)
		wantSet(t, db.Commands, key, "now a string", nil)
		wantGets(t, db.Commands, key, "now a string", nil)
	}
	wantGets(t, db.Commands, "nothing", "", larder.ErrNil)
	wantGets(t, db.DB(3).Commands, "a", "", larder.ErrNil)
	wantSet(t, db.DB(3).Commands, "a", "3", nil)
	wantSet(t, db.DB(3).Commands, "a", "4", nil)
	wantGets(t, db.Commands, "a", "1", nil)
	wantGets(t, db.DB(3).Commands, "a", "4", nil)

	now.set(1_700_000_001_000)
	if n, _ := db.DBSize(); n != 8 {
		t.Errorf("DBSize = %d before anybody has met the expired key", n)
	}
	wantGets(t, db.Commands, "ttl", "", larder.ErrNil)
	if n, _ := db.DBSize(); n != 7 {
		t.Errorf("DBSize = %d: the expired key was met and is there", n)
	}

	if v := c.Do("SET", "a", "9", "EX", "100"); v.Str != "OK" {
		t.Fatal(v.Lines())
	}
	wantSet(t, db.Commands, "a", "8", nil)
	if v := c.Do("TTL", "a"); v.Int != -1 {
		t.Errorf("SET leaves a TTL of %d", v.Int)
	}
	for i := range 100 {
		key := "ttl:" + strconv.Itoa(i)
		c.Do("SET", key, "9", "EX", "100")
		wantSet(t, db.Commands, key, "8", nil)
	}
	if k := db.Stats().Keyspace[0]; k.Expiring != 0 {
		t.Errorf("%d keys are said to expire, none does", k.Expiring)
	}
	if v := c.Do("OBJECT", "ENCODING", "a"); v.Str != "int" {
		t.Errorf("the encoding of 8 is %q", v.Str)
	}
	wantSet(t, db.Commands, "a", "x", nil)
	if v := c.Do("OBJECT", "ENCODING", "a"); v.Str != "embstr" {
		t.Errorf("the encoding of x is %q", v.Str)
	}

	now.set(1_700_000_061_000)
	wantGets(t, db.Commands, "b", "12", nil)
	if v := c.Do("OBJECT", "IDLETIME", "b"); v.Int != 0 {
		t.Errorf("b was idle for %d seconds behind a Get", v.Int)
	}
	now.set(1_700_000_121_000)
	wantSet(t, db.Commands, "b", "13", nil)
	if v := c.Do("OBJECT", "IDLETIME", "b"); v.Int != 0 {
		t.Errorf("b was idle for %d seconds behind a Set", v.Int)
	}

	snap := db.Snapshot()
	defer snap.Close()
	wantSet(t, db.Commands, "b", "14", nil)
	wantGets(t, db.Commands, "b", "14", nil)
	if v, err := snap.Get("b"); v != "13" || err != nil {
		t.Errorf("the snapshot has %q, %v", v, err)
	}
}

func TestStraightWithinUpdate(t *testing.T) {
	db := openAlone(t, larder.Options{})
	wantSet(t, db.Commands, "a", "1", nil)
	failed := larder.Error("ERR undone")
	err := db.Update(func(tx *larder.Tx) error {
		wantGets(t, db.Commands, "a", "", larder.ErrInsideUpdate)
		wantSet(t, db.Commands, "a", "2", larder.ErrInsideUpdate)
		wantSet(t, tx.Commands, "a", "3", nil)
		wantGets(t, tx.Commands, "a", "3", nil)
		wantGets(t, tx.DB(1).Commands, "a", "", larder.ErrNil)
		return failed
	})
	if err != failed {
		t.Fatal(err)
	}
	wantGets(t, db.Commands, "a", "1", nil)
	var tx, tx1 *larder.Tx
	if err := db.View(func(in *larder.Tx) error {
		tx, tx1 = in, in.DB(1)
		wantSet(t, tx.Commands, "a", "2", larder.ErrInView)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	wantGets(t, tx.Commands, "a", "", larder.ErrTxDone)
	wantSet(t, tx.Commands, "a", "2", larder.ErrTxDone)
	wantGets(t, tx1.Commands, "a", "", larder.ErrTxDone)
	m := db.Multi()
	m.Set("a", "4")
	got := m.Get("a")
	wantGets(t, db.Commands, "a", "1", nil)
	if err := m.Exec(); err != nil {
		t.Fatal(err)
	}
	if v, err := got.Get(); v != "4" || err != nil {
		t.Errorf("Get in a MULTI = %q, %v", v, err)
	}
}

func TestStraightIsSeen(t *testing.T) {
	db := openAlone(t, larder.Options{Config: []string{"slowlog-log-slower-than", "-1"}})
	wantSet(t, db.Commands, "a", "1", nil)
	c := newConn(db)
	defer c.Close()

	c.Do("WATCH", "a")
	wantSet(t, db.Commands, "a", "2", nil)
	c.Do("MULTI")
	c.Do("PING")
	if v := c.Do("EXEC"); v.Kind != redistest.NullArray {
		t.Errorf("EXEC behind a Set of what is watched: %q", v.Lines())
	}

	c.Do("CONFIG", "SET", "slowlog-log-slower-than", "0")
	c.Do("SLOWLOG", "RESET")
	wantGets(t, db.Commands, "a", "2", nil)
	wantGets(t, db.Commands, "b", "", larder.ErrNil)
	wantSet(t, db.Commands, "a", "3", nil)
	seen := strings.Join(c.Do("SLOWLOG", "GET", "-1").Lines(), " ")
	c.Do("CONFIG", "SET", "slowlog-log-slower-than", "-1")
	if get, set := strings.Count(seen, "GET"), strings.Count(seen, "SET"); get < 2*len(gets) || set < 1 {
		t.Errorf("SLOWLOG has %d GETs and %d SETs: %s", get, set, seen)
	}

	c.Do("CONFIG", "SET", "notify-keyspace-events", "KEAm")
	pull, stop := iter.Pull2(db.PSubscribe(t.Context(), "__keyevent@0__:*"))
	defer stop()
	wantGets(t, db.Commands, "c", "", larder.ErrNil)
	wantSet(t, db.Commands, "a", "4", nil)
	told := ""
	for range len(gets) + 1 {
		told += next(t, pull).Channel + "\n"
	}
	if miss, set := strings.Count(told, "keymiss"), strings.Count(told, "__:set"); miss != len(gets) || set != 1 {
		t.Errorf("%d keymiss and %d set events: %s", miss, set, told)
	}
}

func TestStraightRefused(t *testing.T) {
	db := openAlone(t, larder.Options{})
	wantSet(t, db.Commands, "a", "1", nil)
	if _, err := db.Do("CONFIG", "SET", "maxmemory", "1"); err != nil {
		t.Fatal(err)
	}
	wantSet(t, db.Commands, "a", "2", larder.ErrOOM)
	wantGets(t, db.Commands, "a", "1", nil)
	if _, err := db.Do("CONFIG", "SET", "maxmemory", "0"); err != nil {
		t.Fatal(err)
	}

	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wantGets(t, db.Commands, "a", "", larder.ErrClosed)
	wantSet(t, db.Commands, "a", "2", larder.ErrClosed)
}

func TestStraightCounts(t *testing.T) {
	db := openAlone(t, larder.Options{})
	wantSet(t, db.Commands, "a", "1", nil)
	before := db.Stats()
	for range 5 {
		wantSet(t, db.Commands, "a", "2", nil)
		wantGets(t, db.Commands, "a", "2", nil)
		wantGets(t, db.Commands, "b", "", larder.ErrNil)
	}
	s := db.Stats()
	n := int64(5 * len(gets))
	if hits, misses := s.Hits-before.Hits, s.Misses-before.Misses; hits != n || misses != n {
		t.Errorf("%d hits and %d misses, want %d of each", hits, misses, n)
	}
	if changes := s.Persistence.Changes - before.Persistence.Changes; changes != 5 {
		t.Errorf("%d changes, want 5", changes)
	}
	calls := map[string]int64{}
	for _, c := range s.Commands {
		calls[c.Name] = c.Calls
	}
	if calls["get"] != 2*n || calls["set"] != 6 {
		t.Errorf("calls: %v", calls)
	}
	if _, err := db.Do("CONFIG", "RESETSTAT"); err != nil {
		t.Fatal(err)
	}
	if s := db.Stats(); s.Hits != 0 || s.Misses != 0 {
		t.Errorf("behind CONFIG RESETSTAT: %d hits and %d misses", s.Hits, s.Misses)
	}
}
