package redcon_server

import (
	"path/filepath"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/rdb"
)

// The scripts of testdata, over RESP through the door.
func TestScripts(t *testing.T) { redistest.RunAll(t, "../testdata", &inMemory{}) }

// inMemory is a server whose clients dial in memory.
type inMemory struct {
	db  *larder.DB
	srv *Server
}

func (m *inMemory) Reset(t testing.TB) {
	if m.srv != nil {
		m.srv.Close()
		m.db.Close()
	}
	db, err := larder.Open(larder.Options{Config: []string{"enable-debug-command", "yes", "save", ""}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rdb.Attach(db, rdb.Options{Path: filepath.Join(t.TempDir(), "dump.rdb"), DiscardOnClose: true}); err != nil {
		t.Fatal(err)
	}
	m.db, m.srv = db, New(db, Options{})
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
