package larder_test

import (
	"bufio"
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/replica"
)

// Each script of testdata runs in process here; redcon_server runs them over
// RESP, and internal/redistest against a real redis-server. All must agree.

func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scripts:", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		family, _, _ := strings.Cut(name, "_")
		switch family {
		case "effects", "client", "pubsub", "notify", "tracking":
			continue // see TestEffects; about what is pushed to network connections
		}
		t.Run(name, func(t *testing.T) { redistest.Run(t, path, &inProcess{}) })
	}
}

func TestEffects(t *testing.T) {
	redistest.RunAllEffects(t, "testdata", &inProcess{})
}

// inProcess is a database without a network.
type inProcess struct {
	db    *larder.DB
	conns []*conn
}

func (p *inProcess) Reset(t testing.TB) {
	for _, c := range p.conns {
		c.Close()
	}
	if p.db != nil {
		p.db.Close()
	}
	db, err := larder.Open(larder.Options{Config: []string{"enable-debug-command", "yes", "save", ""}})
	if err != nil {
		t.Fatal(err)
	}
	attach(t, db)
	p.db, p.conns = db, nil
}

// attach gives a store a file of the test's, and with it the commands of package rdb.
func attach(t testing.TB, db *larder.DB) {
	if _, err := rdb.Attach(db, rdb.Options{Path: filepath.Join(t.TempDir(), "dump.rdb"), DiscardOnClose: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := replica.Serve(db, replica.ServeOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (p *inProcess) NewClient(t testing.TB, proto int) redistest.Client {
	c := newConn(p.db)
	p.conns = append(p.conns, c)
	if proto == 3 {
		c.Do("HELLO", "3")
	}
	return lawful{c, t, p.db}
}

func (p *inProcess) Listen(t testing.TB) redistest.Listener {
	l := &listener{}
	if err := larder.Subscribe(p.db, l); err != nil {
		t.Fatal(err)
	}
	snap, tail, err := larder.Follow(p.db)
	if err != nil {
		t.Fatal(err)
	}
	snap.Close()
	l.tail, l.offset = tail, func() int64 { return larder.Offset(p.db) }
	return heard{l}
}

// A listener hears what a replica and a subscriber to keyspace events would.
type listener struct {
	tail   *engine.Tail
	offset func() int64

	mu     sync.Mutex // guards following
	events []redistest.Event
}

func (l *listener) Effects(_ *engine.Session, _ int64, batch []engine.Effect) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range batch {
		if e.Class != 0 && e.Class != 'm' && e.Class != 'n' { // KEA has neither
			l.events = append(l.events, redistest.Event{DB: e.DB, Name: e.Event, Key: e.Key})
		}
	}
}

// A heard is the listener as scripts want it: the two have a method of the same
// name.
type heard struct{ *listener }

func (h heard) Effects() [][]string {
	var buf bytes.Buffer
	p := make([]byte, 4096)
	for h.tail.Offset() < h.offset() {
		n, err := h.tail.Read(p)
		if err != nil {
			panic(err)
		}
		buf.Write(p[:n])
	}
	var out [][]string
	in := bufio.NewReader(&buf)
	for {
		v, err := redistest.ReadValue(in)
		if err != nil {
			return out
		}
		var words []string
		for _, el := range v.Elems {
			words = append(words, el.Str)
		}
		out = append(out, words)
	}
}

func (h heard) Events() []redistest.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := slices.Clone(h.events)
	h.events = nil
	return out
}

func (h heard) Close() { h.tail.Close() }
