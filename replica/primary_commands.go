package replica

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
)

// The commands of a primary: REPLCONF PSYNC SYNC. WAIT and FAILOVER have files of
// their own.

var primaryTable = engine.Table{}

const (
	replFlags = engine.Admin | engine.NoScript
	syncFlags = replFlags | engine.NoAsyncLoading | engine.NoMulti

	errNoClient larder.Error = "ERR there is no connection"
	errNoLink   larder.Error = "NOMASTERLINK Can't SYNC while not connected with my master"
	errPartOnly larder.Error = "ERR this store follows only a part of its primary, and so has no replicas"
)

var _ = engine.Add(primaryTable, &engine.Ctl{
	Spec: engine.Spec{
		Name: "REPLCONF", Arity: -1, Flags: replFlags | engine.Loading | engine.Stale | engine.AllowBusy, Group: "server",
		Since: "3.0.0", Complexity: "O(1)", Summary: "Tells a primary about its replica, before the stream and during it.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c := admin.ClientOf(s)
		if c == nil {
			return errNoClient
		}
		if a.Len()%2 != 0 {
			return larder.ErrSyntax
		}
		p := peerOf(c)
		for a.More() {
			silent, err := p.configure(strings.ToLower(a.String()), a)
			if err != nil || silent {
				return err
			}
		}
		w.OK()
		return nil
	},
})

// maxAnnouncedIP is how long an address may be that a replica announces.
const maxAnnouncedIP = 255

// configure takes over an option of REPLCONF. Some are not answered.
func (p *peer) configure(option string, a *engine.Args) (silent bool, err error) {
	switch option {
	case "listening-port":
		n, ok := engine.ParseInt(a.String())
		if !ok {
			return false, engine.ErrNotInt
		}
		p.port = int(int32(n))
	case "ip-address":
		ip := a.String()
		if len(ip) > maxAnnouncedIP {
			return false, larder.Error(fmt.Sprintf("ERR REPLCONF ip-address provided by replica instance is too long: %d bytes", len(ip)))
		}
		p.ip = strings.Clone(oneLine(ip))
	case "capa":
		switch strings.ToLower(a.String()) {
		case "eof":
			p.eof = true
		case "psync2":
			p.psync2 = true
		case capaRDB12:
			p.rdb12 = true
		}
	case "version": // Valkey's replicas tell theirs
		_ = a.String()
	case "ack":
		if offset, ok := engine.ParseInt(a.String()); ok && p.d != nil {
			p.d.acknowledge(offset)
		}
		return true, nil // an offset that the disk has may follow
	case "getack":
		_ = a.String() // it is asked of a replica, on its link
		return true, nil
	case "rdb-only":
		n, ok := engine.ParseInt(a.String())
		if !ok {
			return false, engine.ErrNotInt
		}
		if n < 0 || n > 1 {
			return false, larder.Error("ERR value is out of range, value must between 0 and 1")
		}
		p.rdbOnly = n == 1
	case "rdb-filter-only":
		return false, p.filter(a.String())
	default:
		return false, larder.Error("ERR Unrecognized REPLCONF option: " + oneLine(option))
	}
	return false, nil
}

// filter is rdb-filter-only: only what it names is in the data set.
func (p *peer) filter(names string) error {
	words, ok := conf.SplitLine(names)
	if !ok {
		return larder.Error("ERR Missing rdb-filter-only values")
	}
	p.noData, p.noFunctions = true, true
	for _, word := range words {
		if !strings.EqualFold(word, "functions") {
			return larder.Error("ERR Unsupported rdb-filter-only option: " + oneLine(word))
		}
		p.noFunctions = false
	}
	return nil
}

// oneLine keeps what was sent from breaking a line of INFO, or of a reply, in two.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}

var _ = engine.Add(primaryTable, &engine.Ctl{
	Spec: engine.Spec{
		Name: "PSYNC", Arity: -3, Flags: syncFlags, Group: "server", Since: "2.8.0", Complexity: "O(N) for N keys, or O(1)",
		Syntax: "replicationid:string offset:integer", Summary: "Asks for the stream of changes, from an offset on or with all data.",
	},
	Run: func(s *engine.Session, a *engine.Args, _ *engine.Reply) error {
		id := strings.Clone(a.String())
		offset, ok := engine.ParseInt(a.String())
		if a.Flag("FAILOVER") {
			if err := nodeIn(s).yield(id); err != nil {
				return err
			}
		}
		if !ok {
			return engine.ErrNotInt
		}
		return nodeIn(s).synchronize(admin.ClientOf(s), id, offset, false)
	},
})

var _ = engine.Add(primaryTable, &engine.Ctl{
	Spec: engine.Spec{
		Name: "SYNC", Arity: 1, Flags: syncFlags, Group: "server", Since: "1.0.0", Complexity: "O(N) for N keys",
		Summary: "Asks for all data and the stream of changes, as replicas before 2.8 do.",
	},
	Run: func(s *engine.Session, _ *engine.Args, _ *engine.Reply) error {
		return nodeIn(s).synchronize(admin.ClientOf(s), "?", -1, true)
	},
})

// synchronize makes a connection that of a replica. It answers by itself.
func (n *node) synchronize(c *admin.Client, id string, offset int64, old bool) error {
	if c == nil {
		return errNoClient
	}
	p := peerOf(c)
	if p.d != nil {
		return nil // it is one already
	}
	if up := n.follower(); up != nil {
		if f, ok := up.(*Follower); ok && !f.a.filter.whole() {
			return errPartOnly
		}
		if up.info().state != "connected" {
			return errNoLink
		}
	}
	d := n.newDownstream(c, p)
	d.old = old
	d.log(slog.LevelInfo, "Replica %s asks for synchronization", d.name())
	c.Transport().Private(false) // what was answered before comes before the stream
	c.SetReplica()
	if !old && n.resume(d, p, id, offset) {
		n.partialOK.Add(1)
		return nil
	}
	if id != "?" {
		n.partialFailed.Add(1)
	}
	n.syncFull.Add(1)
	n.mu.Lock()
	n.attachLocked(d, p)
	n.mu.Unlock()
	if n.awaitSync(d) {
		n.sync()
	}
	return nil
}
