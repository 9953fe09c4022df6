package admin

import (
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/pubsub"
)

// Keyspace events: what happens to a key is a message to __keyspace@<db>__:<key>, whose
// payload is the event, and to __keyevent@<db>__:<event>, whose payload is the key.

// A notifier publishes the events of the classes that notify-keyspace-events names. It
// hears the journal for as long as there are any: without, nothing costs anything.
type notifier struct {
	hub     *pubsub.Hub
	classes atomic.Int64

	mu     sync.Mutex // held while it begins and ends to hear the journal
	hears  bool
	buffer []byte // of a channel's name; under the journal's lock
}

// notifyClass is the class of an event, by the letter that names it.
var notifyClass = [256]int64{
	'g': conf.NotifyGeneric, '$': conf.NotifyString, 'l': conf.NotifyList, 's': conf.NotifySet, 'h': conf.NotifyHash,
	'z': conf.NotifyZSet, 'x': conf.NotifyExpired, 'e': conf.NotifyEvicted, 't': conf.NotifyStream,
	'd': conf.NotifyModule, 'n': conf.NotifyNew, 'm': conf.NotifyKeyMiss,
}

// obeyNotify has the notifier follow its directive.
func (s *Server) obeyNotify() {
	s.unlocked(func() {
		n := &s.notifier
		n.mu.Lock()
		defer n.mu.Unlock()
		classes := s.conf.Int("notify-keyspace-events")
		if classes&(conf.NotifyKeyspace|conf.NotifyKeyevent) == 0 {
			classes = 0 // to nobody
		}
		n.classes.Store(classes)
		s.engine.TellMore(classes&conf.NotifyKeyMiss != 0, classes&conf.NotifyNew != 0)
		switch hears := classes != 0; {
		case hears && !n.hears:
			n.hears = s.engine.Subscribe(n) == nil
		case !hears && n.hears:
			n.hears = s.engine.Unsubscribe(n) != nil
		}
	})
}

// Effects publishes the events of a transaction.
func (n *notifier) Effects(_ *engine.Session, _ int64, batch []engine.Effect) {
	classes := n.classes.Load()
	if n.hub.Idle() {
		return
	}
	for i := range batch {
		e := &batch[i]
		if notifyClass[e.Class]&classes == 0 {
			continue
		}
		if classes&conf.NotifyKeyspace != 0 {
			n.publish("__keyspace@", e.DB, e.Key, e.Event)
		}
		if classes&conf.NotifyKeyevent != 0 {
			n.publish("__keyevent@", e.DB, e.Event, e.Key)
		}
	}
}

func (n *notifier) publish(space string, db int, name, payload string) {
	b := strconv.AppendInt(append(n.buffer[:0], space...), int64(db), 10)
	b = append(append(b, "__:"...), name...)
	if cap(b) <= 4<<10 {
		n.buffer = b
	}
	n.hub.Publish(string(b), payload)
}
