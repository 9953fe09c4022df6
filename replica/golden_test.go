package replica_test

import (
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/redcon_server"
	"github.com/larderdb/larder/replica"
)

// The scripts of testdata, in memory; -rewrite records them from a redis-server.
func TestScripts(t *testing.T) { redistest.RunAll(t, "testdata", &inMemory{}) }

// The same scripts, by who they were recorded from.
func TestScriptsOfRedis(t *testing.T) { redistest.RunAll(t, "testdata", redistest.Start(t)) }

// inMemory is a server whose clients dial in memory.
type inMemory struct {
	db  *larder.DB
	srv *redcon_server.Server
}

func (m *inMemory) Reset(t testing.TB) {
	if m.srv != nil {
		m.srv.Close()
		m.db.Close()
	}
	var err error
	if m.db, err = larder.Open(larder.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := replica.Serve(m.db, replica.ServeOptions{}); err != nil {
		t.Fatal(err)
	}
	m.srv = redcon_server.New(m.db, redcon_server.Options{})
	t.Cleanup(func() { m.srv.Close(); m.db.Close() })
}

func (m *inMemory) NewClient(t testing.TB, proto int) redistest.Client {
	nc, err := m.srv.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	c := redistest.NewConn(nc)
	if proto == 3 {
		c.Do("HELLO", "3")
	}
	return c
}
