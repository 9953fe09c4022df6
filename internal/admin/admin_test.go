package admin_test

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// A store is a database with peers.
type store struct {
	db   *larder.DB
	last int
}

func open(t testing.TB, config ...string) *store {
	t.Helper()
	db, err := larder.Open(larder.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &store{db: db}
}

// A peer is a connection in words without a network. It is asked and answered
// in one goroutine; killing it is for any.
type peer struct {
	t      testing.TB
	conn   *larder.Conn
	addr   string
	ctx    context.Context
	cancel context.CancelFunc
	query  atomic.Int64 // bytes of the command that runs
	queued atomic.Int64 // bytes of replies that wait
	waits  atomic.Int64 // how often a command has waited
	got    []redistest.Value
	ended  bool
}

func (s *store) peer(t testing.TB) *peer { return s.peerFrom(t, "127.0.0.1") }

func (s *store) peerFrom(t testing.TB, host string) *peer {
	s.last++
	p := &peer{t: t, addr: fmt.Sprintf("%s:%d", host, 50000+s.last)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.conn = s.db.NewConn(p)
	t.Cleanup(p.Close)
	return p
}

func (p *peer) Push([]byte)              {}
func (p *peer) Private(bool)             {}
func (p *peer) Class(int)                {}
func (p *peer) Waiting() func()          { p.waits.Add(1); return func() {} }
func (p *peer) Context() context.Context { return p.ctx }
func (p *peer) Kill()                    { p.cancel() }
func (p *peer) RemoteAddr() string       { return p.addr }
func (p *peer) LocalAddr() string        { return "127.0.0.1:6379" }
func (p *peer) Buffers() larder.Buffers {
	return larder.Buffers{QueryUsed: int(p.query.Load()), QueryFree: 100, OutputQueued: int(p.queued.Load())}
}

// raw runs a command and returns the bytes of its reply.
func (p *peer) raw(words ...string) string {
	b := make([][]byte, len(words))
	n := len(fmt.Sprintf("*%d\r\n", len(words)))
	for i, w := range words {
		b[i] = []byte(w)
		n += len(fmt.Sprintf("$%d\r\n%s\r\n", len(w), w))
	}
	p.query.Store(int64(n))
	defer p.query.Store(0)
	return string(p.conn.Exec(nil, b))
}

// Send runs a command and keeps what it answers for Receive.
func (p *peer) Send(words ...string) {
	if p.ended || p.ctx.Err() != nil {
		return
	}
	out := p.raw(words...)
	for r := bufio.NewReader(strings.NewReader(out)); ; {
		v, err := redistest.ReadValue(r)
		if err != nil {
			break
		}
		p.got = append(p.got, v)
	}
	if p.conn.Closing() {
		p.Close()
	}
}

// Receive is the next reply: of kind Closed when the connection has ended, of
// kind Timeout when there is none, since nothing is ever under way.
func (p *peer) Receive(time.Duration) redistest.Value {
	switch {
	case len(p.got) > 0:
		v := p.got[0]
		p.got = p.got[1:]
		return v
	case p.ended || p.ctx.Err() != nil:
		return redistest.Value{Kind: redistest.Closed}
	}
	return redistest.Value{Kind: redistest.Timeout}
}

func (p *peer) Do(words ...string) redistest.Value {
	p.Send(words...)
	return p.Receive(0)
}

// text runs a command and renders its reply in one line.
func (p *peer) text(words ...string) string {
	return strings.Join(p.Do(words...).Lines(), " ")
}

func (p *peer) Pending() bool { return len(p.got) > 0 }

func (p *peer) Close() {
	if !p.ended {
		p.ended = true
		p.cancel()
		p.conn.Close()
	}
}

// check runs lines of a command, " -> ", and what text answers. Words are
// separated by blanks; ” is an empty one.
func (p *peer) check(script string) {
	p.t.Helper()
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		command, want, ok := strings.Cut(line, " -> ")
		if !ok {
			p.t.Fatalf("no arrow in %q", line)
		}
		words := strings.Fields(command)
		for i := range words {
			if words[i] == "''" {
				words[i] = ""
			}
		}
		if got := p.text(words...); got != strings.TrimSpace(want) {
			p.t.Errorf("%s\n got %s\nwant %s", command, got, want)
		}
	}
}

// verbatim is the text of a bulk or verbatim reply.
func verbatim(v redistest.Value) string {
	return strings.TrimPrefix(v.Str, "txt:")
}

// field is a field of INFO or CLIENT INFO text, "" if there is none.
func field(text, name, sep string) string {
	for _, f := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\r' || r == '\n' }) {
		if k, v, ok := strings.Cut(f, sep); ok && k == name {
			return v
		}
	}
	return ""
}
