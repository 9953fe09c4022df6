package admin

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/larderdb/larder/internal/engine"
)

// MONITOR: connections that are shown every command as it runs.

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "MONITOR", Arity: 1, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale, Group: "server",
		Since: "1.0.0", Summary: "Shows the connection every command that runs, until RESET or QUIT.",
	},
	Run: func(s *engine.Session, _ *engine.Args, _ *engine.Reply) error {
		c, err := connected(s)
		switch {
		case err != nil:
			return err
		case s.InTxn():
			return engine.Error("ERR MONITOR isn't allowed for DENY BLOCKING client")
		case !c.monitoring.Load():
			server(s).monitors.add(server(s), c)
		}
		return nil // the answer stands before the first line already
	},
})

// errMonitorAsks refuses what would show a monitor its own reads and writes; in Redis a
// monitor is a kind of replica.
const errMonitorAsks engine.Error = "ERR Replica can't interact with the keyspace"

// monitors are the connections that are shown all commands.
type monitors struct {
	n atomic.Int32 // of list, to be read without a lock

	settling sync.Mutex // held while the engine begins and ends to tell of calls
	observes bool

	mu   sync.Mutex // guards following; under it frames are pushed, which waits for nothing
	list []*Client
	buf  []byte // of the last line
}

// maxAside is how many bytes of an EXEC's lines are kept until its end. Lines of other
// connections may come between those of a longer one.
const maxAside = 1 << 20

func (ms *monitors) add(srv *Server, c *Client) {
	c.orderly(watching, true)
	ms.mu.Lock()
	c.monitoring.Store(true)
	ms.list = append(ms.list, c)
	ms.n.Store(int32(len(ms.list)))
	if c.mute.from < 0 {
		c.t.Push([]byte("+OK\r\n"))
	}
	ms.mu.Unlock()
	c.tellClass()
	c.settles = true
	ms.settle(srv)
}

// remove makes c an ordinary connection, if it is a monitor.
func (ms *monitors) remove(srv *Server, c *Client) {
	if ms.drop(c) {
		ms.settle(srv)
	}
}

// drop takes c out of the list, and reports whether it was there. Behind it settle is to
// be called, with no lock held.
func (ms *monitors) drop(c *Client) bool {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	i := slices.Index(ms.list, c)
	if i < 0 {
		return false
	}
	c.monitoring.Store(false)
	ms.list = slices.Delete(ms.list, i, i+1)
	ms.n.Store(int32(len(ms.list)))
	return true
}

// settle has the engine tell of calls if anybody wants to see them. That takes all
// shards, so it is done for the first monitor and behind the last, and not for each:
// clients that come and go could hold up everybody.
func (ms *monitors) settle(srv *Server) {
	ms.settling.Lock()
	defer ms.settling.Unlock()
	if wanted := ms.n.Load() != 0; wanted != ms.observes {
		ms.observes = wanted
		srv.observe()
	}
}

// observe has the engine tell of calls as much as is asked for now.
func (s *Server) observe() {
	_ = s.engine.Observe(func() (o engine.Observed) { // it fails once the engine is closed
		if slower := s.slow.slower.Load(); 0 <= slower && slower < eachSlower {
			o |= engine.ObserveTimes
		}
		if s.monitors.n.Load() != 0 {
			o |= engine.ObserveCalls
		}
		return o
	})
}

// saw shows a command in words.
func (ms *monitors) saw(es *engine.Session, spec *engine.Spec, words [][]byte) {
	if spec.Flags&(engine.Admin|engine.SkipMonitor) != 0 || ms.n.Load() == 0 {
		return
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	c := client(es)
	line := appendPlace(ms.buf[:0], es, es.DB)
	hide := secrets(spec, words)
	for i, word := range words {
		line = append(line, ' ')
		if hide.has(i) {
			line = append(line, `"(redacted)"`...)
		} else {
			line = appendQuoted(line, word)
		}
	}
	line = append(line, "\r\n"...)
	if cap(line) <= 64<<10 {
		ms.buf = line
	}
	if c != nil && (len(c.aside) != 0 || es.InTxn()) {
		// What other connections do meanwhile with other keys does not come between the
		// commands of an EXEC.
		c.aside = append(c.aside, line...)
		if spec.Name != "EXEC" && len(c.aside) < maxAside {
			return
		}
		line = c.aside
		c.aside = nil
	}
	ms.showLocked(c, line)
}

// called shows a call of Go, by its name and keys.
func (ms *monitors) called(es *engine.Session, call engine.GoCall, keys *engine.KeySet) {
	if call.Spec.Flags&(engine.Admin|engine.SkipMonitor) != 0 {
		return
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	line := appendPlace(ms.buf[:0], es, call.DB)
	for word := range strings.SplitSeq(call.Spec.Name, "|") {
		line = appendQuoted(append(line, ' '), word)
	}
	for _, key := range keys.Names() {
		line = appendQuoted(append(line, ' '), key)
	}
	ms.buf = append(line, "\r\n"...)
	ms.showLocked(nil, ms.buf)
}

// showLocked pushes lines to all monitors. To the one whose own command it is they
// come behind the reply.
func (ms *monitors) showLocked(from *Client, lines []byte) {
	for _, m := range ms.list {
		switch {
		case m == from:
			if !m.mute.off && !m.closing.Load() {
				m.mu.Lock()
				m.pushLocked(slices.Clone(lines), true)
				m.mu.Unlock()
			}
		case !m.silent.Load():
			m.t.Push(lines)
		}
	}
}

// appendPlace appends the beginning of a line: when, and where from. Calls of Go come
// from "go", what a replica is sent from "primary".
func appendPlace(b []byte, es *engine.Session, db int) []byte {
	now := es.Engine().Now().UnixMicro()
	b = strconv.AppendInt(append(b, '+'), now/1e6, 10)
	micros := strconv.AppendInt(nil, 1e6+now%1e6, 10)
	b = append(append(b, '.'), micros[1:]...)
	b = strconv.AppendInt(append(b, " ["...), int64(db), 10)
	return append(append(append(b, ' '), peer(es)...), ']')
}

// peer is who gave a command, as MONITOR and SLOWLOG say it.
func peer(es *engine.Session) string {
	c := client(es)
	switch {
	case c != nil:
		addr := c.t.RemoteAddr()
		if path, ok := strings.CutSuffix(addr, ":0"); ok && strings.HasPrefix(path, "/") {
			return "unix:" + path
		}
		return addr
	case es.Primary:
		return "primary"
	}
	return "go"
}

// appendQuoted appends a word as redis-cli reads it.
func appendQuoted[S []byte | string](b []byte, word S) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(word) {
		switch c := word[i]; c {
		case '\\', '"':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '\a':
			b = append(b, `\a`...)
		case '\b':
			b = append(b, `\b`...)
		default:
			if ' ' <= c && c <= '~' {
				b = append(b, c)
			} else {
				b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
			}
		}
	}
	return append(b, '"')
}
