package lardertest

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/redcon_server"
)

// A Server is a store with a front end, for one test.
type Server struct {
	// DB is the store: what a test sets up or looks at without a client.
	DB *larder.DB

	t    testing.TB
	srv  *redcon_server.Server
	skew atomic.Int64 // nanoseconds by which the clock is ahead of time.Now

	mu   sync.Mutex // guards following
	addr string     // once somebody asked
}

// Run starts a server that is closed when the test ends. Config are directives
// of redis.conf, in pairs of a name and a value: Run(t, "requirepass", "secret").
func Run(t testing.TB, config ...string) *Server {
	t.Helper()
	s := &Server{t: t}
	db, err := larder.Open(larder.Options{Now: s.Now, Config: append([]string{"enable-debug-command", "yes"}, config...)})
	if err != nil {
		t.Fatal(err)
	}
	rdb.Extend(db)
	s.DB = db
	s.srv = redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0"})
	t.Cleanup(func() {
		if err := s.srv.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Dial connects to the server in memory. It has the form that clients take for a
// dialer; network and addr do not matter.
func (s *Server) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.srv.Dial(ctx, network, addr)
}

// Addr is the server's address, of a loopback port that is opened when it is
// first asked for. A server in a synctest bubble has none: use Dial there.
func (s *Server) Addr() string {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == "" {
		if err := s.srv.Listen(); err != nil {
			s.t.Fatal(err)
		}
		s.addr = s.srv.Addr().String()
	}
	return s.addr
}

// Now is the server's time: that of time.Now, and as far ahead of it as it was
// moved.
func (s *Server) Now() time.Time { return time.Now().Add(time.Duration(s.skew.Load())) }

// FastForward moves the server's clock. When it returns, keys that are due have
// been deleted, and calls that wait no longer than d have been told that their
// time is up.
func (s *Server) FastForward(d time.Duration) {
	s.skew.Add(int64(d))
	s.DB.ClockJumped()
}

// Fail makes every command of every connection fail with an error reply, such as
// "LOADING the dataset is in memory" or "ERR boom", until it is called with "".
// Calls of DB go on as before.
func (s *Server) Fail(reply string) { bridge.Server(s.DB).Fail(reply) }
