package replica

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// A peer is what a connection has said of itself by REPLCONF, and its replica once it
// has asked for the stream. It belongs to the connection's goroutine.
type peer struct {
	port        int    // where it listens
	ip          string // where it says it can be found; empty: where it comes from
	eof, psync2 bool   // what it understands: capa
	rdb12       bool   // files of version 12: capaRDB12
	rdbOnly     bool   // it wants the data set and no stream
	noData      bool   // rdb-filter-only
	noFunctions bool
	d           *downstream
}

// capaRDB12 is what larder adds to the capabilities of Redis's replicas, whose primaries
// pass over it: files of version 12, with fields of hashes that expire.
const capaRDB12 = "rdb12"

func peerOf(c *admin.Client) *peer {
	p, ok := c.Replica.(*peer)
	if !ok {
		p = &peer{}
		c.Replica = p
	}
	return p
}

// A phase is how far a downstream is.
type phase uint8

const (
	phaseWaiting phase = iota // for a snapshot
	phaseSending              // the data set
	phaseOnline
	phaseSent // the data set, and wants no more
	phaseGone
)

// A downstream is a replica that follows us. It has a goroutine that sends: first the
// data set, piece by piece as transfer makes it, then what its tail of the journal has.
// The connection itself is an ordinary one, on which REPLCONF ACK comes in.
//
// It ends with its connection, whoever ends that: a replica that is to go is killed,
// and cleans up in the connection's goroutine.
type downstream struct {
	n     *node
	c     *admin.Client
	peer  peer   // as it was when it asked
	host  string // as others see it
	old   bool   // it has sent SYNC: it acknowledges nothing
	moved atomic.Int64
	acked chan struct{} // closed by the first ACK
	done  chan struct{} // closed when the sender has ended

	// The following is guarded by n.mu.
	phase   phase
	began   bool // the sender was started
	tail    *engine.Tail
	offset  int64 // that it says it has
	ackAt   time.Time
	counted bool // the first ACK has come
}

// newDownstream returns the replica at the other end of a connection.
func (n *node) newDownstream(c *admin.Client, p *peer) *downstream {
	d := &downstream{n: n, c: c, peer: *p, host: p.ip, acked: make(chan struct{}), done: make(chan struct{}), ackAt: time.Now()}
	if d.host == "" {
		if host, _, err := net.SplitHostPort(c.Transport().RemoteAddr()); err == nil {
			d.host = host
		} else {
			d.host = c.Transport().RemoteAddr()
		}
	}
	d.progress()
	return d
}

// name is how the log calls it.
func (d *downstream) name() string {
	if d.peer.port == 0 {
		return fmt.Sprintf("client id #%d", d.c.ID)
	}
	return net.JoinHostPort(d.host, strconv.Itoa(d.peer.port))
}

func (d *downstream) log(level slog.Level, format string, args ...any) {
	d.n.log.Log(d.c.Transport().Context(), level, fmt.Sprintf(format, args...))
}

// progress notes that it has taken something.
func (d *downstream) progress() { d.moved.Store(time.Now().UnixNano()) }

// attachLocked makes the connection that of a replica, and counts it. n.mu is held.
func (n *node) attachLocked(d *downstream, p *peer) {
	p.d = d
	n.replicas = append(n.replicas, d)
	d.c.OnClose(d.detach)
	n.tickLocked()
}

// detach cleans up behind a connection that has ended. It runs in the connection's
// goroutine.
func (d *downstream) detach() {
	n := d.n
	n.mu.Lock()
	tail, began := d.tail, d.began
	n.removeLocked(d)
	n.mu.Unlock()
	if tail != nil {
		tail.Abandon()
	}
	d.c.Kill() // so that what is being sent ends, if it was the other side that hung up
	if began {
		<-d.done
	}
	d.log(slog.LevelWarn, "Connection with replica %s lost.", d.name())
}

// removeLocked forgets a replica. n.mu is held.
func (n *node) removeLocked(d *downstream) {
	d.phase = phaseGone
	for i, o := range n.replicas {
		if o == d {
			n.replicas = append(n.replicas[:i:i], n.replicas[i+1:]...)
			break
		}
	}
	n.syncs.remove(d)
	n.changedLocked()
	if len(n.replicas) == 0 {
		n.aloneLocked()
	}
}

// dropReplicasLocked ends all connections with replicas. What is written from now on
// reaches none of them: it may be of a history that they do not know by its name yet, and
// they could not go on from there. n.mu is held.
func (n *node) dropReplicasLocked(why string) {
	for _, d := range n.replicas {
		d.log(slog.LevelInfo, "Closing the connection with replica %s: %s", d.name(), why)
		d.phase = phaseGone
		if d.tail != nil {
			d.tail.Abandon()
		}
		d.c.Kill()
	}
	n.replicas = nil
	n.syncs.waiting = nil
	n.changedLocked()
	n.aloneLocked()
}

// send sends bytes, and waits until the replica has taken them.
func (d *downstream) send(b []byte) error {
	err := d.c.Transport().Stream(b)
	if err == nil {
		d.progress()
		d.n.bytesOut.Add(int64(len(b)))
	}
	return err
}

// follow sends the stream until the connection or the journal ends.
func (d *downstream) follow(tail *engine.Tail) {
	for {
		p, err := tail.Next()
		if err == nil {
			err = d.send(p)
		}
		if err != nil {
			d.c.Kill()
			return
		}
	}
}

// takeLocked has the replica read a tail, for which its sender is to be started.
// n.mu is held.
func (d *downstream) takeLocked(tail *engine.Tail) {
	d.tail, d.began = tail, true
	tail.SetLimit(d.n.limit())
	tail.OnLost(func(why error) {
		if why == io.EOF {
			return // it was abandoned, by who ends the connection
		}
		go func() { // not under a writer's locks
			if why == engine.ErrTooNew {
				d.log(slog.LevelWarn, "Closing the connection with replica %s: what follows, such as fields of hashes that expire, "+
					"takes Redis 7.4, and it does not say that it is as new", d.name())
				return
			}
			d.log(slog.LevelWarn, "Client %s scheduled to be closed ASAP for overcoming of output buffer limits.", d.c.Describe())
		}()
		d.c.Kill()
	})
	if !d.reads(12) {
		tail.RefuseNewer()
	}
}

// acknowledge is REPLCONF ACK.
func (d *downstream) acknowledge(offset int64) {
	n := d.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if !d.counted {
		d.counted = true
		close(d.acked)
	}
	d.ackAt = time.Now()
	d.offset = max(d.offset, offset)
	n.changedLocked()
}

// lag is how many seconds ago it was heard. n.mu is held.
func (d *downstream) lag(now time.Time) int64 { return int64(max(0, now.Sub(d.ackAt)) / time.Second) }

// info is for INFO and ROLE. n.mu is held.
func (d *downstream) info(now time.Time) admin.ReplicaInfo {
	in := admin.ReplicaInfo{IP: d.host, Port: d.peer.port, State: "online", Offset: d.offset}
	switch {
	case d.phase == phaseWaiting, d.phase == phaseSending && d.peer.eof:
		in.State = "wait_bgsave"
	case d.phase == phaseSending:
		in.State = "send_bulk"
	case d.phase == phaseOnline:
		in.Lag = d.lag(now)
	}
	return in
}
