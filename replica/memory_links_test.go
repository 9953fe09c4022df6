package replica_test

import (
	"bufio"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/redcon_server"
	"github.com/larderdb/larder/replica"
)

// inBubble runs a test in a synctest bubble, where time is its own.
func inBubble(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	if raceEnabled {
		t.Skip("SKIPPED: the race detector of Go 1.26 crashes where a bubble has many timers, see go.dev/issue/78156")
	}
	synctest.Test(t, run)
}

// serveInMemory opens a store that others can follow, over links in memory.
func serveInMemory(t testing.TB, config ...string) (*larder.DB, *redcon_server.Server) {
	t.Helper()
	config = append([]string{"repl-diskless-sync-delay", "0", "enable-debug-command", "yes"}, config...)
	db, err := larder.Open(larder.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replica.Serve(db, replica.ServeOptions{}); err != nil {
		t.Fatal(err)
	}
	srv := redcon_server.New(db, redcon_server.Options{})
	t.Cleanup(func() {
		srv.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, srv
}

func dialInMemory(t testing.TB, srv *redcon_server.Server) *redistest.Conn {
	t.Helper()
	nc, err := srv.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	c := redistest.NewConn(nc)
	t.Cleanup(c.Close)
	return c
}

// askForAll asks for everything as a replica does, and reads nothing: what is sent waits,
// since its link keeps no bytes.
func askForAll(t testing.TB, srv *redcon_server.Server) *dumb {
	t.Helper()
	nc, err := srv.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	fmt.Fprint(nc, "REPLCONF capa eof\r\nPSYNC ? -1\r\n")
	return &dumb{nc, bufio.NewReader(nc)}
}

// A listener is a replica in memory that has the data set, and counts what comes behind it.
type listener struct {
	*dumb
	pings, others atomic.Int64 // commands
}

func followDumbly(t testing.TB, srv *redcon_server.Server) *listener {
	t.Helper()
	l := &listener{dumb: askForAll(t, srv)}
	l.dataset(t)
	_ = l.SetReadDeadline(time.Time{}) // dataset sets one
	l.acknowledge()
	go func() {
		for {
			line, err := l.r.ReadString('\n')
			switch {
			case err != nil:
				return
			case strings.TrimSpace(line) == "PING":
				l.pings.Add(1)
			case line[0] == '*':
				l.others.Add(1)
			}
		}
	}()
	synctest.Wait()
	return l
}

// acknowledge says that it is there.
func (l *listener) acknowledge() { fmt.Fprint(l, "REPLCONF ACK 0\r\n") }
