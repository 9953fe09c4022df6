package redcon_server

import (
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/replica"
)

// idlers are connections that say nothing after these commands, by the names that they
// have then, and whether timeout ends them.
var idlers = []struct {
	name string
	ends bool
	last []string // the last of which may never be answered
}{
	{"idle", true, []string{"PING"}},
	{"queueing", true, []string{"MULTI", "SET k v"}},
	{"watching", true, []string{"WATCH k"}},
	{"blocked", false, []string{"BLPOP nothing 0"}},
	{"blocked-long", false, []string{"XREAD BLOCK 1000000000 STREAMS nothing $"}},
	{"subscriber", false, []string{"SUBSCRIBE c"}},
	{"patterns", false, []string{"PSUBSCRIBE c*"}},
	{"shards", false, []string{"SSUBSCRIBE c"}},
	{"subscriber3", false, []string{"HELLO 3", "SUBSCRIBE c"}},
	{"was-subscriber", true, []string{"SUBSCRIBE c", "UNSUBSCRIBE c"}},
	{"monitor", false, []string{"MONITOR"}},
	{"monitor-subscribed", false, []string{"HELLO 3", "MONITOR", "SUBSCRIBE c", "UNSUBSCRIBE c"}},
	{"was-monitor", true, []string{"MONITOR", "RESET", "CLIENT SETNAME was-monitor"}},
	{"tracking", true, []string{"HELLO 3", "CLIENT TRACKING ON", "GET k"}},
	{"tracking-all", true, []string{"HELLO 3", "CLIENT TRACKING ON BCAST", "GET k"}},
	{"replica", false, []string{"REPLCONF listening-port 1", "PSYNC ? -1"}},
}

// idle makes the idlers, who read whatever they are sent.
func idle(t testing.TB, dial func() (net.Conn, error)) (close func()) {
	var all []net.Conn
	for _, i := range idlers {
		c, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		for n, line := range append([]string{"CLIENT SETNAME " + i.name}, i.last...) {
			if _, err := io.WriteString(c, line+"\r\n"); err != nil {
				t.Fatal(err)
			}
			if n < len(i.last) { // a redis-server takes PSYNC only where nothing waits to be read
				if _, err := c.Read(make([]byte, 4096)); err != nil {
					t.Fatal(err)
				}
			}
		}
		go io.Copy(io.Discard, c)
	}
	return func() {
		for _, c := range all {
			_ = c.Close()
		}
	}
}

// idling are the names of those idlers that are there.
func idling(list string) (names []string) {
	for line := range strings.Lines(list) {
		_, rest, _ := strings.Cut(line, " name=")
		if name, _, _ := strings.Cut(rest, " "); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// staying are the names of those that timeout spares.
func staying() (names []string) {
	for _, i := range idlers {
		if !i.ends {
			names = append(names, i.name)
		}
	}
	slices.Sort(names)
	return names
}

// timeout ends connections that are idle, and whom it ends are those whom it ends in a
// redis-server.
func TestTimeoutServer(t *testing.T) {
	server := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	defer idle(t, func() (net.Conn, error) { return net.Dial("tcp", server.Addr) })()
	c := redistest.Dial(t, server.Addr)
	defer c.Close()
	names := func() []string { return idling(c.Do("CLIENT", "LIST").Str) }
	waitFor(t, "all to be there", func() bool { return len(names()) == len(idlers) })
	c.Do("CONFIG", "SET", "timeout", "1")
	waitFor(t, "the idle ones to be ended", func() bool { return slices.Equal(names(), staying()) })
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := larder.Open(larder.Options{Config: []string{"repl-timeout", "1000000", "repl-diskless-sync-delay", "0", "save", ""}})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := rdb.Attach(db, rdb.Options{Path: filepath.Join(t.TempDir(), "dump.rdb"), DiscardOnClose: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := replica.Serve(db, replica.ServeOptions{}); err != nil {
			t.Fatal(err)
		}
		s := New(db, Options{})
		defer s.Close()
		set := func(timeout string) {
			t.Helper()
			if _, err := db.Do("CONFIG", "SET", "timeout", timeout); err != nil {
				t.Fatal(err)
			}
		}
		names := func() []string {
			list, err := db.Do("CLIENT", "LIST")
			if err != nil {
				t.Fatal(err)
			}
			return idling(list.(string))
		}
		defer idle(t, func() (net.Conn, error) { return s.Dial(t.Context(), "", "") })()
		time.Sleep(24 * time.Hour)
		if got := names(); len(got) != len(idlers) {
			t.Fatalf("without a timeout only %q are there after a day", got)
		}

		// A change holds for who is there already, and counts from then on.
		set("100")
		time.Sleep(99 * time.Second)
		if got := names(); len(got) != len(idlers) {
			t.Errorf("after 99 seconds of a timeout of 100 only %q are there", got)
		}
		time.Sleep(2 * time.Second)
		if got, want := names(), staying(); !slices.Equal(got, want) {
			t.Errorf("after a timeout there are %q, want %q", got, want)
		}
		time.Sleep(time.Hour)
		if got, want := names(), staying(); !slices.Equal(got, want) {
			t.Errorf("an hour later there are %q, want %q", got, want)
		}

		// Who has waited is idle from its answer on.
		if _, err := db.RPush("nothing", "x"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(99 * time.Second)
		if got, want := names(), staying(); !slices.Equal(got, want) {
			t.Errorf("99 seconds after one was served there are %q, want %q", got, want)
		}
		time.Sleep(2 * time.Second)
		if got := names(); slices.Contains(got, "blocked") {
			t.Errorf("who was served 101 seconds ago is among %q", got)
		}

		// Longer, shorter, none.
		c := connTo(t, s)
		defer c.Close()
		c.Do("CLIENT", "SETNAME", "idle")
		there := func(want bool, after string) {
			t.Helper()
			if slices.Contains(names(), "idle") != want {
				t.Errorf("%s: an idle connection is there: %v", after, !want)
			}
		}
		set("1000")
		time.Sleep(900 * time.Second)
		there(true, "900 seconds after timeout 1000")
		set("50")
		time.Sleep(49 * time.Second)
		there(true, "49 seconds after timeout 50")
		set("0")
		time.Sleep(time.Hour)
		there(true, "an hour after timeout 0")
		set("1")
		time.Sleep(2 * time.Second)
		there(false, "two seconds after timeout 1")

		// Who is told something is not idle, and is so from then on.
		set("100")
		c = connTo(t, s)
		defer c.Close()
		for _, words := range [][]string{{"CLIENT", "SETNAME", "idle"}, {"HELLO", "3"}, {"CLIENT", "TRACKING", "ON", "BCAST"}} {
			c.Do(words...)
		}
		for range 5 {
			time.Sleep(70 * time.Second)
			if err := db.Set("k", "v"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(99 * time.Second)
		there(true, "99 seconds after an invalidation of timeout 100")
		time.Sleep(2 * time.Second)
		there(false, "101 seconds after an invalidation of timeout 100")
	})
}
