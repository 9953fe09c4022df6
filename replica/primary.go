package replica

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
	"weak"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
)

// ServeOptions are the options of Serve.
type ServeOptions struct {
	// Redis74 says that all replicas are of Redis 7.4 or newer, or larders, and so can
	// be sent fields of hashes that expire. Without it a replica that does not say that
	// it can is refused a data set with such fields, since one of 7.0 could not read it
	// and would try again for ever; and its connection ends where the stream comes to
	// give a field a time, since one of 7.0 would pass over that and have other data. It
	// can come back when no such field is left.
	Redis74 bool
}

// A Primary is a store that others may follow.
type Primary struct{ n *node }

// Serve lets others follow a store: redis-servers, by REPLICAOF with the address of a
// redcon_server of the store, and larders. It adds the commands of replication to those
// that connections may run. A store that follows another one becomes a relay: its
// replicas get the stream of its primary, byte for byte.
//
// It follows the configuration: repl-backlog-size and -ttl, repl-timeout,
// repl-ping-replica-period, repl-diskless-sync-delay and -max-replicas,
// min-replicas-to-write and -max-lag, and client-output-buffer-limit for replicas. It
// starts nothing before the first replica comes. It ends with the store; who
// closes the store closes what serves it to the network first.
//
// Serving a store again returns the same Primary, with the new options.
func Serve(db *larder.DB, o ServeOptions) (*Primary, error) {
	n, err := nodeOf(db)
	if err != nil {
		return nil, err
	}
	n.rdb12.Store(o.Redis74)
	n.mu.Lock()
	first := n.primary == nil
	if first {
		n.primary = &Primary{n}
	}
	p := n.primary
	n.mu.Unlock()
	if first {
		n.e.AddCommands(primaryTable)
		if err := n.followConfigured(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Replicas are those that follow the store, in the order in which they came.
func (p *Primary) Replicas() []ReplicaStatus {
	n := p.n
	n.mu.Lock()
	defer n.mu.Unlock()
	end, now := n.e.Offset(), timeNow()
	var out []ReplicaStatus
	for _, d := range n.replicas {
		in := d.info(now)
		out = append(out, ReplicaStatus{
			Host: in.IP, Port: in.Port, Online: d.phase == phaseOnline,
			Offset: d.offset, Behind: max(0, end-d.offset), Heard: now.Sub(d.ackAt),
		})
	}
	return out
}

// A ReplicaStatus is about one replica.
type ReplicaStatus struct {
	Host   string
	Port   int           // where it listens; 0: it has not said
	Online bool          // it has the data set, and follows the stream
	Offset int64         // up to which it has confirmed the stream
	Behind int64         // bytes of the stream that it has not confirmed
	Heard  time.Duration // since it was heard last
}

// Offset is the end of the stream: what a replica has when it has everything. With
// ReplicationID it names a state of the store.
func (p *Primary) Offset() int64 { return p.n.e.Offset() }

// ReplicationID is the name of the history of the store: 40 hexadecimal digits.
func (p *Primary) ReplicationID() string {
	id, _, _ := p.n.replicaIDs()
	return id
}

func timeNow() time.Time { return time.Now() }

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// resume has a replica go on from an offset of a history, if we have what follows. It
// says why not otherwise.
func (n *node) resume(d *downstream, p *peer, id string, offset int64) (ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case id == "?":
		d.log(slog.LevelInfo, "Full resync requested by replica %s", d.name())
		return false
	case !strings.EqualFold(id, n.id) && !strings.EqualFold(id, n.id2):
		d.log(slog.LevelInfo, "Partial resynchronization not accepted: Replication ID mismatch "+
			"(Replica asked for '%s', my replication IDs are '%s' and '%s')", id, n.id, orNoID(n.id2))
		return false
	case !strings.EqualFold(id, n.id) && offset > n.second:
		d.log(slog.LevelInfo, "Partial resynchronization not accepted: Requested offset for second ID was %d, "+
			"but I can reply up to %d", offset, n.second)
		return false
	}
	tail, err := n.e.FollowFrom(offset - 1) // Redis counts the bytes from one
	if err != nil {
		d.log(slog.LevelInfo, "Unable to partial resync with replica %s for lack of backlog (Replica request was: %d).",
			d.name(), offset)
		return false
	}
	if !d.reads(12) && !tail.RefuseNewer() {
		d.log(slog.LevelInfo, "Partial resynchronization not accepted: what replica %s asks for (%d) takes Redis 7.4, "+
			"and it does not say that it is as new", d.name(), offset)
		return false
	}
	d.takeLocked(tail)
	d.phase = phaseOnline
	unread, _ := tail.Behind()
	d.log(slog.LevelInfo, "Partial resynchronization request from %s accepted. Sending %d bytes of backlog starting from offset %d.",
		d.name(), unread, offset)
	reply := "+CONTINUE\r\n"
	if d.peer.psync2 {
		reply = "+CONTINUE " + n.id + "\r\n"
	}
	d.c.Transport().Push([]byte(reply))
	n.attachLocked(d, p)
	n.changedLocked()
	go func() {
		defer close(d.done)
		d.follow(tail)
	}()
	return true
}

func orNoID(id string) string {
	if id == "" {
		return noID
	}
	return id
}

// tickLocked sees to it that tick is called every second while there are replicas.
func (n *node) tickLocked() {
	if n.alone != nil {
		n.alone.Stop()
		n.alone = nil
	}
	if n.timer == nil {
		n.ticks = 0
		n.timer = time.AfterFunc(time.Second, n.tick)
	}
}

// tick is what replicas need from time to time: a PING, so that they know that we are
// there, and an end if they are not.
func (n *node) tick() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.replicas) == 0 {
		n.timer = nil
		return
	}
	n.timer.Reset(time.Second)
	n.ticks++
	now, timeout := timeNow(), seconds(n.conf.Int("repl-timeout"))
	if n.ticks%n.conf.Int("repl-ping-replica-period") == 0 && !n.srv.Paused() {
		n.e.Inject("PING")
	}
	for _, d := range n.replicas {
		if d.tail != nil {
			d.tail.Check()
		}
		switch {
		case d.phase == phaseWaiting:
			d.c.Transport().Push([]byte("\n"))
		case d.phase == phaseSending && now.UnixNano()-d.moved.Load() > int64(timeout):
			d.log(slog.LevelWarn, "Disconnecting timedout replica (full sync): %s", d.name())
			d.c.Kill()
		case d.phase >= phaseOnline && !d.old && now.Sub(d.ackAt) > timeout:
			d.log(slog.LevelWarn, "Disconnecting timedout replica (streaming sync): %s", d.name())
			d.c.Kill()
		}
	}
	n.countGoodLocked()
}

// aloneLocked sees to it that the backlog is given up after its time without a replica.
// A replica keeps it, for it may be promoted.
func (n *node) aloneLocked() {
	if n.alone != nil {
		n.alone.Stop()
		n.alone = nil
	}
	ttl := n.conf.Int("repl-backlog-ttl")
	if len(n.replicas) != 0 || n.up != nil || ttl == 0 {
		return
	}
	w := weak.Make(n) // it does not keep the store in memory
	n.alone = time.AfterFunc(seconds(ttl), func() {
		if n := w.Value(); n != nil {
			n.dropBacklog(ttl)
		}
	})
}

// dropBacklog gives the backlog up. What is written from now on nobody can be told, so
// that the history ends.
func (n *node) dropBacklog(ttl int64) {
	n.mu.Lock()
	idle := len(n.replicas) == 0 && n.up == nil
	n.mu.Unlock()
	if !idle || !n.e.Backlog().Active || !n.e.DropBacklog() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.up == nil {
		n.renameLocked(admin.NewID(), "", -1)
	}
	n.log.Info(fmt.Sprintf("Replication backlog freed after %d seconds without connected replicas.", ttl))
}
