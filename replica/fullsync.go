package replica

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/engine"
)

// Full synchronization: a snapshot, encoded as an RDB file and sent as it is made,
// with the journal from the same instant on.
//
//	+FULLRESYNC id offset
//	$EOF:mark file mark        to those who understand it (capa eof): the mark is 40
//	                           random digits. The stream follows the first ACK, since
//	                           the mark is found by its being at the end.
//	$length file               to others, the stream at once. The length is found by
//	                           encoding the snapshot twice: a store in memory has no
//	                           place for the file, and no disk that could be full.
//
// Replicas that ask within repl-diskless-sync-delay share a snapshot, and those of
// them who want the same its encoding. The file goes to each through a few pieces of
// memory, so that one that reads slowly holds back the others by no more than that,
// and the snapshot is given up when nobody is left.

// syncs are the replicas that wait for a snapshot. It is guarded by node.mu.
type syncs struct {
	waiting []*downstream
	timer   *time.Timer // begins; nil while nobody waits
}

func (s *syncs) remove(d *downstream) {
	s.waiting = slices.DeleteFunc(s.waiting, func(o *downstream) bool { return o == d })
}

// awaitSync has a replica take part in the next full synchronization. It reports
// whether that is to begin at once.
func (n *node) awaitSync(d *downstream) (now bool) {
	delay := time.Duration(0)
	if n.conf.Bool("repl-diskless-sync") {
		delay = time.Duration(n.conf.Int("repl-diskless-sync-delay")) * time.Second
	}
	enough := n.conf.Int("repl-diskless-sync-max-replicas")
	n.mu.Lock()
	defer n.mu.Unlock()
	n.syncs.waiting = append(n.syncs.waiting, d)
	if delay == 0 || enough > 0 && int64(len(n.syncs.waiting)) >= enough {
		return true
	}
	if n.syncs.timer == nil {
		n.syncs.timer = time.AfterFunc(delay, n.sync)
	}
	return false
}

// sync begins the full synchronization of those who wait.
func (n *node) sync() {
	n.mu.Lock()
	group := n.syncs.waiting
	n.syncs.waiting = nil
	if n.syncs.timer != nil {
		n.syncs.timer.Stop()
		n.syncs.timer = nil
	}
	if len(group) != 0 && n.up == nil && !n.e.Backlog().Active {
		n.renameLocked(admin.NewID(), "", -1) // nobody has had the changes so far
		n.log.Info(fmt.Sprintf("Replication backlog created, my new replication IDs are '%s' and '%s'", n.id, noID))
	}
	n.mu.Unlock()
	if len(group) == 0 {
		return
	}
	n.log.Info("Starting BGSAVE for SYNC with target: replicas sockets")
	err := n.e.GoFollow(func(sn *engine.Snapshot, tail *engine.Tail) { n.transferAll(group, sn, tail) })
	if err != nil {
		for _, d := range group {
			d.c.Kill()
		}
	}
}

// noID stands where there is no replication id.
var noID = strings.Repeat("0", 40)

// A variant is a form of the data set.
type variant struct{ eof, noData, noFunctions bool }

// transferAll sends a snapshot to a group of replicas.
func (n *node) transferAll(group []*downstream, sn *engine.Snapshot, tail *engine.Tail) {
	variants := map[variant][]*member{}
	n.mu.Lock()
	offset, db := sn.Journal()
	pos := admin.StreamPosition{ID: n.id, Offset: offset, DB: db}
	n.mu.Unlock()
	for _, d := range group {
		m := &member{d: d, pieces: make(chan *piece, maxPieces)}
		if m.tail, _ = tail.Clone(); m.tail == nil {
			d.c.Kill()
			continue
		}
		if !d.begin(m.tail) {
			m.tail.Abandon()
			continue
		}
		v := variant{d.peer.eof, d.peer.noData, d.peer.noFunctions}
		variants[v] = append(variants[v], m)
	}
	tail.Abandon()
	var all sync.WaitGroup
	for v, members := range variants {
		t := transfer{n: n, pos: pos, variant: v, members: members, stop: make(chan struct{})}
		all.Go(func() { t.run(sn) })
	}
	all.Wait()
}

// begin notes that the data set is on its way; false if the replica is gone.
func (d *downstream) begin(tail *engine.Tail) bool {
	d.n.mu.Lock()
	defer d.n.mu.Unlock()
	if d.phase != phaseWaiting {
		return false
	}
	d.takeLocked(tail)
	d.progress()
	return true
}

// sending ends the newlines with which a replica is told that it waits for something.
func (d *downstream) sending() {
	d.n.mu.Lock()
	defer d.n.mu.Unlock()
	if d.phase == phaseWaiting {
		d.phase = phaseSending
	}
}

// A member is a replica that takes part in a transfer.
type member struct {
	d      *downstream
	tail   *engine.Tail
	pieces chan *piece // closed behind the last
	whole  bool        // that was all; guarded by the closing of pieces
}

const (
	pieceSize = 64 << 10
	maxPieces = 8 // that wait for a member
)

// A piece is a part of the file, which is used again when every member has sent it.
type piece struct {
	b    []byte
	uses atomic.Int32
}

var piecePool = sync.Pool{New: func() any { return &piece{b: make([]byte, 0, pieceSize)} }}

func (p *piece) free() {
	if p.uses.Add(-1) == 0 {
		p.b = p.b[:0]
		piecePool.Put(p)
	}
}

// A transfer encodes a data set for its members. It is the writer of the file.
type transfer struct {
	n *node
	variant
	pos     admin.StreamPosition
	members []*member
	now     *piece        // that is being filled
	stop    chan struct{} // closed: nobody is left, or the store is
}

// Why a transfer ends early.
var (
	errNobody = errors.New("no replica is left")
	errLength = errors.New("the data set is not as long as it was")
)

// run sends the data set and starts the members' senders.
func (t *transfer) run(sn *engine.Snapshot) {
	src := bridge.NewTransfer(sn, bridge.TransferArgs{Stream: t.pos, NoData: t.noData, NoFunctions: t.noFunctions, Stop: t.stop})
	t.refuseOld(src.Version())
	if len(t.members) == 0 {
		return
	}
	watched := make(chan struct{})
	go t.watch(slices.Clone(t.members), watched)
	length := int64(-1)
	var err error
	if !t.eof {
		length, err = src.WriteTo(nowhere{})
	}
	head, mark := fmt.Sprintf("$%d\r\n", length), ""
	if t.eof {
		var random [20]byte
		rand.Read(random[:])
		mark = hex.EncodeToString(random[:])
		head = "$EOF:" + mark + "\r\n"
	}
	for _, m := range t.members {
		go m.run(t.pos, head, mark)
	}
	if err == nil {
		var written int64
		if written, err = src.WriteTo(t); err == nil && !t.eof && written != length {
			err = errLength
		}
	}
	if err == nil {
		err = t.flush()
	}
	close(watched)
	if err != nil && err != errNobody {
		t.n.log.Warn("A full synchronization has failed", "error", err)
	}
	for _, m := range t.members {
		m.whole = err == nil
		close(m.pieces)
	}
	t.members = nil
}

// nowhere is where the file is written to be counted.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// watch gives up the transfer, also while it writes nothing, when all members have gone
// or the store is closed.
func (t *transfer) watch(members []*member, over <-chan struct{}) {
	defer close(t.stop)
	for _, m := range members {
		select {
		case <-m.d.c.Transport().Context().Done():
		case <-t.n.e.Closed():
			return
		case <-over:
			return
		}
	}
}

// refuseOld ends the connections of replicas that are too old for a file of a version.
func (t *transfer) refuseOld(version int) {
	t.members = slices.DeleteFunc(t.members, func(m *member) bool {
		if m.d.reads(version) {
			return false
		}
		m.d.log(slog.LevelWarn, "Full resync with replica %s refused: the data set has fields of hashes that expire, "+
			"which takes RDB version %d, and it does not say that it reads that", m.d.name(), version)
		close(m.d.done)
		m.d.c.Kill()
		return true
	})
}

// Write adds to the file.
func (t *transfer) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if t.now == nil {
			t.now = piecePool.Get().(*piece)
		}
		m := min(len(p)-n, pieceSize-len(t.now.b))
		t.now.b = append(t.now.b, p[n:n+m]...)
		n += m
		if len(t.now.b) == pieceSize {
			if err := t.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// flush hands a piece to the members. Those who have gone meanwhile are left out.
func (t *transfer) flush() error {
	p := t.now
	t.now = nil
	if p == nil {
		return nil
	}
	p.uses.Store(int32(len(t.members)) + 1)
	defer p.free()
	left := t.members[:0:0]
	for _, m := range t.members {
		select {
		case m.pieces <- p:
			left = append(left, m)
		case <-m.d.done:
			p.free()
			close(m.pieces)
			for q := range m.pieces {
				q.free()
			}
		case <-t.n.e.Closed():
			p.free()
			m.d.c.Kill()
			left = append(left, m)
		}
	}
	if t.members = left; len(left) == 0 {
		return errNobody
	}
	return nil
}

// run sends the data set, and then the stream.
func (m *member) run(pos admin.StreamPosition, head, mark string) {
	d := m.d
	defer close(d.done)
	d.sending()
	reply := fmt.Sprintf("+FULLRESYNC %s %d\r\n", pos.ID, pos.Offset)
	if d.old {
		reply = ""
	}
	err := d.send([]byte(reply + head))
	for err == nil {
		p, more := <-m.pieces
		if !more {
			break
		}
		err = d.send(p.b)
		p.free()
	}
	if err == nil && !m.whole {
		err = errLength
	}
	if err == nil && mark != "" {
		err = d.send([]byte(mark))
	}
	if err == nil && mark != "" && !d.peer.rdbOnly {
		d.log(slog.LevelInfo, "Streamed RDB transfer with replica %s succeeded (socket). "+
			"Waiting for REPLCONF ACK from slave to enable streaming", d.name())
	}
	if err != nil || !d.online() {
		d.c.Kill()
		return
	}
	if d.peer.rdbOnly {
		d.log(slog.LevelInfo, "RDB transfer completed, rdb only replica (%s) should be disconnected asap", d.name())
		m.tail.Abandon()
		return // it hangs up, or is timed out
	}
	if mark != "" {
		select {
		case <-d.acked:
		case <-d.c.Transport().Context().Done():
			return
		case <-d.n.e.Closed():
			d.c.Kill()
			return
		}
	}
	d.follow(m.tail)
}

// online says that the replica has all of the data set; false if it is gone.
func (d *downstream) online() bool {
	n := d.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if d.phase != phaseSending {
		return false
	}
	d.ackAt = time.Now()
	if d.phase = phaseOnline; d.peer.rdbOnly {
		d.phase = phaseSent
	} else {
		d.log(slog.LevelInfo, "Synchronization with replica %s succeeded", d.name())
	}
	n.changedLocked()
	return true
}

// reads reports whether the replica reads files of a version. Those of 10 everybody does
// who is as old as Redis 7.0. What is newer a replica of Redis cannot announce: it has
// to be told to Serve. (The version that Valkey's announce is no answer, since it has
// numbers and formats of its own.)
func (d *downstream) reads(version int) bool {
	return version <= 10 || d.peer.rdb12 || d.n.rdb12.Load()
}
