package replica

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/resp"
	"github.com/larderdb/larder/rdb"
)

// A tape is a connection on which a primary has said what it says, and ends.
type tape struct{ io.Reader }

func (tape) Write(p []byte) (int, error)      { return len(p), nil }
func (tape) Close() error                     { return nil }
func (tape) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (tape) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (tape) SetDeadline(time.Time) error      { return nil }
func (tape) SetReadDeadline(time.Time) error  { return nil }
func (tape) SetWriteDeadline(time.Time) error { return nil }

// fuzzFollower is a follower whose primary says said, of a store with one key.
func fuzzFollower(t testing.TB, said []byte) (*larder.DB, *Follower) {
	db, err := larder.Open(larder.Options{Config: []string{"proto-max-bulk-len", "1mb"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Set("old", "1"); err != nil {
		t.Fatal(err)
	}
	n, err := nodeOf(db)
	if err != nil {
		t.Fatal(err)
	}
	f, err := n.newFollower(Options{Addr: "p:1", Unknown: Skip, Dial: func(context.Context, string, string) (net.Conn, error) {
		return tape{bytes.NewReader(said)}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return db, f
}

func seedDataset(t testing.TB) []byte {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_ = db.Set("new", "1")
	snap := db.Snapshot()
	defer snap.Close()
	var b bytes.Buffer
	if err := rdb.Save(&b, snap); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const seedID = "0123456789abcdef0123456789abcdef01234567"

// Whatever a primary says, the store has the data that it had, or all of what was sent.
func FuzzPrimary(f *testing.F) {
	file := seedDataset(f)
	hello := "+PONG\r\n+OK\r\n+OK\r\n"
	full := hello + "+FULLRESYNC " + seedID + " 7\r\n"
	f.Add([]byte(full + fmt.Sprintf("$%d\r\n%s", len(file), file) + "*1\r\n$4\r\nPING\r\n"))
	f.Add([]byte(full + "\n\n$EOF:" + seedID + "\r\n" + string(file) + seedID))
	f.Add([]byte(hello + "+CONTINUE " + seedID + "\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n"))
	f.Add([]byte(hello + "-ERR unknown command 'PSYNC'\r\n" + fmt.Sprintf("$%d\r\n%s", len(file), file)))
	f.Add([]byte("-NOAUTH no\r\n-ERR\r\n-ERR\r\n-LOADING\r\n"))
	f.Add([]byte(full + "$1000000000000000000\r\n" + string(file)))
	f.Fuzz(func(t *testing.T, said []byte) {
		db, fo := fuzzFollower(t, said)
		_, err := fo.follow(t.Context())
		if err == nil {
			t.Error("the link ends without an error")
		}
		fo.down(err)
		st := fo.Status()
		_, old := db.Get("old")
		if whole := st.FullSyncs != 0; whole == (old == nil) && !bytes.Contains(said, []byte("old")) {
			t.Errorf("%d data sets were loaded; the key from before: %v", st.FullSyncs, old)
		}
		if fo.e.Offset() != st.Offset {
			t.Errorf("the journal is at %d, the follower at %d", fo.e.Offset(), st.Offset)
		}
	})
}

// Whatever the stream has, the journal has the same bytes, up to the last whole command.
func FuzzStream(f *testing.F) {
	var seed []byte
	for _, words := range [][]string{
		{"SELECT", "1"}, {"SET", "a", "1"}, {"PING"}, {"MULTI"}, {"INCR", "a"}, {"LPUSH", "l", "x"}, {"EXEC"},
		{"REPLCONF", "GETACK", "*"}, {"PUBLISH", "c", "m"}, {"BLPOP", "l", "0"}, {"BLPOP", "l", "0"}, {"NOSUCH"}, {"CONFIG", "SET", "a", "b"},
		{"FLUSHALL"}, {"SWAPDB", "0", "1"}, {"XADD", "x", "1-1", "f", "v"}, {"DEL", "nothing"}, {"GET", "a", "b"},
	} {
		seed = resp.AppendCommand(seed, words...)
		f.Add(seed)
		f.Add(seed[:len(seed)-3])
	}
	f.Add([]byte("\n\r\n\n*0\r\n*-1\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		_, fo := fuzzFollower(t, said)
		snap, tail, err := fo.e.Follow()
		if err != nil {
			t.Fatal(err)
		}
		snap.Close()
		start := fo.e.Offset()
		fo.offset.Store(start)
		l, err := dialLink(t.Context(), fo.o.Dial, "p:1", nil, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if err := fo.stream(l, false); err == nil {
			t.Error("the stream ends without an error")
		}
		tail.Close()
		got, err := io.ReadAll(tail)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(said, got) || fo.e.Offset() != start+int64(len(got)) || fo.offset.Load() != fo.e.Offset() {
			t.Errorf("the journal has %q at %d, the follower is at %d", got, fo.e.Offset(), fo.offset.Load())
		}
	})
}

// A StateFile of anything is one, or is refused.
func FuzzStateFile(f *testing.F) {
	f.Add([]byte(`{"replication_id":"` + seedID + `","offset":5,"filter":""}`))
	f.Add([]byte(`{"replication_id":"","offset":-5}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := t.TempDir() + "/state"
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := readState(path)
		if err != nil {
			return
		}
		if err := writeState(path, s); err != nil {
			t.Fatal(err)
		}
		if again, err := readState(path); err != nil || again != s {
			t.Errorf("%+v comes back as %+v, %v", s, again, err)
		}
	})
}
