package replica

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/resp"
	_ "github.com/larderdb/larder/rdb" // bridge.Sync
)

// A Follower keeps a store a copy of a primary: see [Follow]. Its methods may be called
// from any goroutine.
type Follower struct {
	n      *node
	e      *engine.Engine
	o      Options
	host   string
	port   int
	log    *slog.Logger
	a      *applier
	teller *teller // nil: nobody is told
	login  func() (user, password string)
	tls    func() (*tls.Config, error) // of the next link; nil is without

	// How a primary that hands over by FAILOVER begins. Called with what came of it.
	failover func(error)

	closed context.Context // ends with Close
	cancel context.CancelFunc
	done   chan struct{} // closed when all has ended

	// Of the goroutine that runs:
	id     string // of the history that the data is of; "": of none
	fresh  bool   // what was told is not what is here: the next reset says so
	skipTo int64  // what is before was told already

	offset atomic.Int64 // of what is applied
	behind atomic.Int64 // bytes read and not applied
	even   atomic.Int64 // when there were none last, in Unix milliseconds

	fullSyncs, partialSyncs atomic.Int64

	mu      sync.Mutex // guards following
	state   string
	link    *link
	syncing *incoming
	replID  string
	err     error
	stopped error     // why it has ended; nil while it runs
	downAt  time.Time // since when the link is down, zero while it is up or was never
	synced  chan struct{}
	isSync  bool // synced is closed
}

// The states, as ROLE names them.
const (
	stateConnect    = "connect"
	stateConnecting = "connecting"
	stateSync       = "sync"
	stateConnected  = "connected"
	stateStopped    = "stopped"
)

// errClosed is why a Follower ends that was closed.
var errClosed = errors.New("replica: the Follower was closed")

// newFollower makes the store a replica, and whom it follows f, which is to be started.
func (n *node) newFollower(o Options) (*Follower, error) {
	port, err := o.check()
	if err != nil {
		return nil, err
	}
	f := &Follower{
		n: n, e: n.e, o: o, port: port, host: o.Addr, log: o.Logger,
		done: make(chan struct{}), synced: make(chan struct{}), state: stateConnect,
		login: func() (string, string) { return o.Username, o.Password },
		tls:   func() (*tls.Config, error) { return o.TLS, nil },
	}
	if host, _, err := net.SplitHostPort(o.Addr); err == nil {
		f.host = host
	}
	if f.log == nil {
		f.log = n.log
	}
	f.closed, f.cancel = context.WithCancel(context.Background())
	f.a = newApplier(n.e, f.log)
	f.a.filter = filter{o.DBs, o.KeyPrefixes}
	f.a.unknown = func() Policy { return o.Unknown }
	if err := f.begin(); err != nil {
		f.cancel()
		return nil, err
	}
	return f, nil
}

// begin finds out where the data stands, and takes the store.
func (f *Follower) begin() error {
	var kept toldState
	if f.o.StateFile != "" {
		var err error
		if kept, err = readState(f.o.StateFile); err != nil {
			f.log.Warn("The StateFile is of no use: all is told anew", "error", err)
			kept = toldState{}
		}
	}
	if err := f.n.take(f); err != nil {
		return err
	}
	if err := f.e.BecomeReplica(); err != nil {
		f.n.setFollower(nil)
		return err
	}
	f.n.linkChanged()
	f.n.dropReplicas("they are to follow whom we follow now")
	f.fresh = true
	f.even.Store(time.Now().UnixMilli())
	if f.a.filter.whole() {
		offset, db := f.e.Place()
		if was, ok := f.n.resumeRestored(); ok {
			db = was
		}
		id, _, _ := f.n.replicaIDs()
		f.id, f.replID, f.a.db = id, id, max(0, db)
		f.offset.Store(offset)
		if kept.ReplID == id && kept.Offset >= offset && kept.Filter == "" {
			f.fresh, f.skipTo = false, kept.Offset
		}
	}
	if f.o.OnChange != nil {
		f.a.changes = new(engine.ChangeLog)
		f.a.s.NoteChanges(f.a.changes)
		f.teller = newTeller(&f.o, kept, f.log)
	}
	return nil
}

// take makes f whom the node follows, unless it follows somebody who is at work.
func (n *node) take(f *Follower) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, ok := n.up.(*Follower); ok && old.running() {
		return ErrFollowing
	}
	n.up = f
	return nil
}

// dropReplicas ends the connections of all replicas.
func (n *node) dropReplicas(why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dropReplicasLocked(why)
}

// start begins to follow, until ctx ends.
func (f *Follower) start(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(f.closed, cancel)
	go f.run(ctx)
}

// running reports whether f has not ended.
func (f *Follower) running() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stopped == nil
}

// Pauses between attempts: they grow from the first to the last, each drawn between a
// half of it and all.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// run makes links until ctx or the store ends, or a Policy says so.
func (f *Follower) run(ctx context.Context) {
	defer f.cancel()
	go func() {
		select {
		case <-f.e.Closed():
			f.cancel()
		case <-ctx.Done():
		}
	}()
	pause := firstPause
	for {
		up, err := f.follow(ctx)
		f.down(err)
		if ctx.Err() != nil {
			f.end(errClosed)
			return
		}
		if errors.Is(err, errUnknown) {
			f.log.Error("The primary is not followed any longer", "primary", f.o.Addr, "error", err)
			f.end(err)
			return
		}
		if errors.Is(err, errBeyond) || f.e.Broken() {
			f.id = "" // only its data set tells, or mends
		}
		if up {
			pause = firstPause
			f.log.Warn("Connection with master lost.", "primary", f.o.Addr, "error", err)
		} else {
			f.log.Warn("Error condition on socket for SYNC: "+err.Error(), "primary", f.o.Addr)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, lastPause)
	}
}

// end ends f because of err: what it has queued is still told.
func (f *Follower) end(err error) {
	if f.teller != nil {
		f.teller.close()
	}
	f.mu.Lock()
	f.stopped, f.state = err, stateStopped
	if !f.isSync {
		close(f.synced)
		f.isSync = true
	}
	f.mu.Unlock()
	f.n.linkChanged()
	close(f.done)
}

func (f *Follower) timeout() time.Duration {
	if f.o.Timeout > 0 {
		return f.o.Timeout
	}
	return time.Duration(f.n.conf.Int("repl-timeout")) * time.Second
}

// follow makes a link and follows it to its end. It reports whether it was up.
func (f *Follower) follow(ctx context.Context) (up bool, err error) {
	f.become(stateConnecting, nil, nil)
	f.log.Info("Connecting to MASTER " + f.o.Addr)
	config, err := f.tls()
	if err != nil {
		f.answered(err)
		return false, err
	}
	l, err := dialLink(ctx, f.o.Dial, f.o.Addr, config, f.timeout())
	if err != nil {
		f.answered(err)
		return false, err
	}
	defer l.close()
	defer context.AfterFunc(ctx, l.close)()
	f.become(stateConnecting, l, nil)
	f.log.Info("MASTER <-> REPLICA sync started")
	g := greeting{id: f.id, next: f.offset.Load() + 1, failover: f.failover != nil}
	g.user, g.password = f.login()
	g.ip, g.port = f.n.conf.String("replica-announce-ip"), f.n.announcedPort()
	got, err := l.greet(g)
	if f.failover != nil {
		f.answered(err)
	}
	if err != nil {
		return false, err
	}
	if got.full {
		if err := f.fullSync(l, got); err != nil {
			return false, fmt.Errorf("the data set: %w", err)
		}
	} else {
		f.partialSync(got)
	}
	f.a.client = f.n.srv.NewPrimary(f.a.s, &linkClient{l, f})
	defer func() {
		f.a.client.Close()
		f.a.client = nil
	}()
	f.become(stateConnected, l, nil)
	return true, f.stream(l, got.id != "")
}

// answered says what came of a handshake with FAILOVER. Later ones are ordinary.
func (f *Follower) answered(err error) {
	if f.failover != nil {
		f.failover(err)
		f.failover = nil
	}
}

// fullSync loads the primary's data set, and puts it in the place of what is there.
func (f *Follower) fullSync(l *link, got greeted) error {
	f.become(stateSync, l, nil)
	stop := l.keepAlive()
	defer stop()
	t, err := l.incoming()
	if err != nil {
		return err
	}
	f.become(stateSync, l, t)
	f.log.Info(fmt.Sprintf("Full resync from master: %s:%d", got.id, got.offset))
	if t.mark != nil {
		f.log.Info("MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF to parser")
	} else {
		f.log.Info(fmt.Sprintf("MASTER <-> REPLICA sync: receiving %d bytes from master to parser", t.total))
	}
	id := got.id
	if id == "" || !f.a.filter.whole() { // what we have is no history that others know
		id = admin.NewID()
	}
	var fresh *dataset
	install := func(load *engine.Load, from admin.StreamPosition, size int64) error {
		err := t.finish(size)
		var was *engine.Snapshot
		// What was told in an earlier life may be ahead of the data.
		if err == nil && f.teller != nil && !f.fresh && f.offset.Load() >= f.skipTo {
			was, err = f.e.Snapshot(0)
		}
		if err != nil {
			load.Drop()
			return err
		}
		err = load.InstallAt(got.offset, from.DB, func() { f.n.adopt(id, got.offset) })
		if err != nil {
			if was != nil {
				was.Close()
			}
			return err
		}
		f.a.reset()
		f.a.db = max(0, from.DB)
		f.position(got.id, id, got.offset)
		if f.teller == nil {
			return nil
		}
		is, err := f.e.Snapshot(0)
		if err != nil {
			return err
		}
		fresh = &dataset{was, is}
		return nil
	}
	var keep func(db int, key []byte) bool
	if !f.a.filter.whole() {
		keep = func(db int, key []byte) bool { return f.a.filter.keeps(db, string(key)) }
	}
	keys, err := bridge.Sync(t, f.n.srv, bridge.SyncArgs{Keep: keep, Install: install})
	if err != nil {
		return err
	}
	f.fullSyncs.Add(1)
	f.log.Info("MASTER <-> REPLICA sync: Finished with success", "keys", keys, "bytes", t.read.Load())
	if fresh != nil {
		f.tellDataset(fresh)
	}
	return nil
}

// tellDataset has OnChange told of a new data set.
func (f *Follower) tellDataset(d *dataset) {
	f.fresh, f.skipTo = false, 0
	f.teller.put(told{at: f.told(), dataset: d})
}

// partialSync goes on where the last link has ended.
func (f *Follower) partialSync(got greeted) {
	f.partialSyncs.Add(1)
	f.log.Info("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.", "offset", f.offset.Load())
	f.a.reset()
	if f.a.filter.whole() {
		f.n.continues(got.id)
	}
	f.position(got.id, got.id, f.offset.Load())
	if f.teller == nil {
		return
	}
	if f.fresh {
		if is, err := f.e.Snapshot(0); err == nil {
			f.tellDataset(&dataset{nil, is})
		}
		return
	}
	f.teller.pass(f.told())
}

// position says where the data stands. History is the primary's name of it, or one of
// our own where it has none.
func (f *Follower) position(id, history string, offset int64) {
	f.id = id
	f.offset.Store(offset)
	f.mu.Lock()
	f.replID = history
	f.mu.Unlock()
}

// told is up to where all is told that is queued.
func (f *Follower) told() toldState {
	f.mu.Lock()
	id := f.replID
	f.mu.Unlock()
	return toldState{id, max(f.offset.Load(), f.skipTo), f.a.filter.String()}
}

// How often the primary is told how far we are. At first that is more often: a Redis that
// has sent its data set through a child begins the stream with the first ACK behind the
// moment in which it notices that the child has ended, which may be after we have loaded
// everything. A second is what a loaded replica would be behind by then.
const (
	firstAck = 20 * time.Millisecond
	ackEvery = time.Second
)

// acknowledge does so until stop is called.
func (f *Follower) acknowledge(l *link) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		pause := firstAck
		tick := time.NewTimer(pause)
		defer tick.Stop()
		for {
			if f.ack(l) != nil { // who reads the link notices, or else is made to
				time.AfterFunc(ackEvery, l.close)
				return
			}
			select {
			case <-done:
				return
			case <-tick.C:
				pause = min(2*pause, ackEvery)
				tick.Reset(pause)
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func (f *Follower) ack(l *link) error {
	return l.send("REPLCONF", "ACK", strconv.FormatInt(f.offset.Load(), 10))
}

// Bounds of the stream.
const (
	streamBuffer = 64 << 10
	maxArgs      = 1 << 24 // words of a command
)

var errJumped = errors.New("the data was replaced beside the stream")

// stream applies the primary's stream until the link ends. Acks says that the primary
// wants to hear how far we are.
func (f *Follower) stream(l *link, acks bool) error {
	if acks {
		f.a.ack = func() error { return f.ack(l) }
		defer f.acknowledge(l)()
	} else {
		f.a.ack = nil
	}
	defer f.a.reset()
	defer f.behind.Store(0)
	p := resp.Parser{Limits: resp.Limits{MaxArgs: maxArgs, MaxBulk: int(f.e.MaxString())}}
	limit := int(min(max(f.n.conf.Bytes("client-query-buffer-limit"), f.e.MaxString()), 1<<40))
	buf := make([]byte, 0, streamBuffer)
	var raw int  // where what is not applied yet begins
	var next int // what p has not seen begins
	for {
		if raw > 0 {
			buf = buf[:copy(buf, buf[raw:])]
			next -= raw
			raw = 0
			if len(buf) == 0 && cap(buf) > 16*streamBuffer {
				buf = make([]byte, 0, streamBuffer)
			}
		}
		if len(buf) == cap(buf) {
			if len(buf) > limit {
				return fmt.Errorf("%w: more than %d bytes without an end", errStream, limit)
			}
			buf = append(buf, 0)[:len(buf)]
		}
		f.caughtUp(len(buf) == 0)
		n, err := l.r.Read(buf[len(buf):cap(buf)])
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		f.n.bytesIn.Add(int64(n))
		buf = buf[:len(buf)+n]
		f.behind.Store(int64(len(buf)))
		for {
			if at := buf[next:]; len(at) > 0 && p.Idle() && at[0] != '*' && at[0] != '\n' && at[0] != '\r' {
				return fmt.Errorf("%w: %.40q", errStream, at)
			}
			words, n, err := p.Next(buf[next:])
			if err != nil {
				return fmt.Errorf("%w: %w", errStream, err)
			}
			next += n
			if words == nil && (n == 0 || f.a.inBlock) {
				break
			}
			if err := f.a.apply(words, buf[raw:next]); err != nil {
				return err
			}
			if f.a.inBlock {
				continue
			}
			f.applied(int64(next - raw))
			if raw = next; words == nil {
				break
			}
		}
		if f.a.filter.whole() && f.e.Offset() != f.offset.Load() {
			f.id = ""
			return errJumped
		}
		if f.teller != nil {
			f.teller.pass(f.told())
		}
	}
}

// applied says that n bytes more of the stream are, and has their changes told.
func (f *Follower) applied(n int64) {
	offset := f.offset.Add(n)
	f.behind.Add(-n)
	if f.teller == nil {
		return
	}
	changes := f.a.changes.Take()
	if len(changes) == 0 || offset <= f.skipTo {
		return // it was told, in an earlier life
	}
	f.teller.put(told{at: f.told(), db: changes, now: f.e.Now().UnixMilli()})
}

// caughtUp says that what comes next is waited for; all is that there is no part of a
// command yet.
func (f *Follower) caughtUp(all bool) {
	if all {
		f.even.Store(time.Now().UnixMilli())
	}
}

// become says what f is at.
func (f *Follower) become(state string, l *link, t *incoming) {
	f.mu.Lock()
	f.state, f.link, f.syncing = state, l, t
	if state == stateConnected {
		f.downAt = time.Time{}
		if !f.isSync {
			close(f.synced)
			f.isSync = true
		}
	}
	f.mu.Unlock()
	f.n.linkChanged()
}

// down says that the link has ended.
func (f *Follower) down(err error) {
	f.mu.Lock()
	if f.state == stateConnected {
		f.downAt = time.Now()
	}
	f.state, f.link, f.syncing, f.err = stateConnect, nil, nil, err
	f.mu.Unlock()
	f.n.linkChanged()
}

// Wait waits until the data of the primary is there and its stream is followed, for
// the first time. It returns why f has ended, if it has, or the error of ctx.
func (f *Follower) Wait(ctx context.Context) error {
	select {
	case <-f.synced:
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.stopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the following, and waits until OnChange was told of all that was applied.
// The store stays as it is, and read-only: what follows it, such as the file that it is
// kept in, is still of the primary's history, so that another Follow can go on there.
// See [Follower.Promote].
func (f *Follower) Close() {
	f.cancel()
	<-f.done
}

// Promote is Close, and makes the store a primary of its own: it can be written to.
// Those who follow it, or the primary that it had, can go on with it.
func (f *Follower) Promote() error {
	f.Close()
	return f.n.unfollow(f)
}

// unfollow makes the store a primary, unless somebody else is followed by now.
func (n *node) unfollow(f *Follower) error {
	n.mu.Lock()
	if n.up != upstream(f) {
		n.mu.Unlock()
		return nil
	}
	n.mu.Unlock()
	if err := n.e.BecomePrimary(n.promote); err != nil {
		return err
	}
	n.setFollower(nil)
	n.linkChanged()
	return nil
}

// Status is how f is doing.
func (f *Follower) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{
		State: f.state, Up: f.state == stateConnected, Addr: f.o.Addr, ReplID: f.replID, Offset: f.offset.Load(),
		LagBytes: f.behind.Load(), FullSyncs: f.fullSyncs.Load(), PartialSyncs: f.partialSyncs.Load(),
		Skipped: f.a.skipped.Load(), Failed: f.a.failed.Load(), Err: f.err,
	}
	if !s.Up || s.LagBytes != 0 {
		s.Lag = max(0, time.Since(time.UnixMilli(f.even.Load())))
	}
	if f.syncing != nil {
		s.SyncRead, s.SyncTotal = f.syncing.read.Load(), f.syncing.total
	}
	if f.teller != nil {
		s.Queued = int(f.teller.waiting.Load())
	}
	if f.stopped != nil && !errors.Is(f.stopped, errClosed) {
		s.Err = f.stopped
	}
	return s
}

// info is what INFO and ROLE ask for.
func (f *Follower) info() followerInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	in := followerInfo{
		host: f.host, port: f.port, state: f.state, lastIO: -1, downSince: -1,
		readOffset: f.offset.Load() + f.behind.Load(),
		priority:   f.n.conf.Int("replica-priority"), readOnly: f.n.conf.Bool("replica-read-only"),
	}
	if in.state == stateStopped {
		in.state = stateConnect
	}
	if f.link != nil {
		in.lastIO = max(0, time.Now().UnixMilli()-f.link.heard.Load()) / 1000
	}
	if f.syncing != nil {
		in.syncTotal, in.syncRead = f.syncing.total, f.syncing.read.Load()
	}
	if !f.downAt.IsZero() {
		in.downSince = int64(time.Since(f.downAt) / time.Second)
	}
	return in
}

// linkChanged says that the link to the primary has changed: whether it is up decides,
// with replica-serve-stale-data, whether commands are refused.
func (n *node) linkChanged() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.setGate(gateStale, n.up != nil && n.up.info().state != stateConnected && !n.conf.Bool("replica-serve-stale-data"))
}

// announcedPort is where others find this server, "" where it has no network.
func (n *node) announcedPort() string {
	if port := n.conf.Int("replica-announce-port"); port != 0 {
		return strconv.FormatInt(port, 10)
	}
	if port := n.srv.Port(); port != 0 {
		return strconv.Itoa(port)
	}
	return ""
}
