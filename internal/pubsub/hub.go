package pubsub

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/larderdb/larder/internal/glob"
)

// A Kind is a name space of topics.
type Kind uint8

// The kinds.
const (
	Channel Kind = iota
	Pattern
	Shard

	kinds
)

// A Receiver is told of the messages that a Subscriber wants.
//
// Receive is called with the hub locked, perhaps under the locks of the keyspace:
// it may append to a bounded queue, and must not wait or call the hub. It may
// keep the message, which nobody changes.
type Receiver interface{ Receive(m *Message) }

// A Hub knows who subscribes to what. The zero Hub is ready.
type Hub struct {
	subscriptions atomic.Int64 // of all kinds; 0: publishing need not look

	mu     sync.Mutex // guards following
	topics [kinds]map[string]*topic
	list   []*topic // the patterns, in no order
}

// A topic is a channel, or a pattern, with its subscribers in no order.
type topic struct {
	name string
	subs []*Subscriber
	at   int // of a pattern: its place in the hub's list
}

// A Subscriber is one who subscribes.
type Subscriber struct {
	hub *Hub
	to  Receiver

	counts [kinds]atomic.Int32
	bytes  atomic.Int64 // of the names

	// Guarded by hub.mu:
	places [kinds]map[string]int // its index in each of its topics
	closed bool
}

// Idle reports whether nobody subscribes to anything. It takes no lock.
func (h *Hub) Idle() bool { return h.subscriptions.Load() == 0 }

// NewSubscriber returns one that subscribes to nothing yet.
func (h *Hub) NewSubscriber(to Receiver) *Subscriber { return &Subscriber{hub: h, to: to} }

// Count is the number of names that s subscribes to. It takes no lock.
func (s *Subscriber) Count(k Kind) int { return int(s.counts[k].Load()) }

// nameBase is what a name that somebody subscribes to takes besides its bytes.
const nameBase = 64

// Bytes is about what the names take that s subscribes to. It takes no lock.
func (s *Subscriber) Bytes() int64 { return s.bytes.Load() }

// Subscribe has s told of what is published to name from now on. The function is
// called under the hub's lock, so that what it appends to the subscriber's queue
// is before the first message; it is not called, and Subscribe returns false, when
// s is closed. To subscribe twice is to subscribe once.
func (s *Subscriber) Subscribe(k Kind, name string, told func()) bool {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.closed {
		return false
	}
	if _, ok := s.places[k][name]; !ok {
		h.join(s, k, name)
	}
	told()
	return true
}

func (h *Hub) join(s *Subscriber, k Kind, name string) {
	t := h.topics[k][name]
	if t == nil {
		if h.topics[k] == nil {
			h.topics[k] = map[string]*topic{}
		}
		t = &topic{name: strings.Clone(name)}
		h.topics[k][t.name] = t
		if k == Pattern {
			t.at = len(h.list)
			h.list = append(h.list, t)
		}
	}
	if s.places[k] == nil {
		s.places[k] = map[string]int{}
	}
	s.places[k][t.name] = len(t.subs)
	t.subs = append(t.subs, s)
	s.counts[k].Add(1)
	s.bytes.Add(nameBase + int64(len(name)))
	h.subscriptions.Add(1)
}

// Unsubscribe takes that back. The function is called under the hub's lock, behind
// the last message, whether s subscribed or not.
func (s *Subscriber) Unsubscribe(k Kind, name string, told func()) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if at, ok := s.places[k][name]; ok {
		h.leave(s, k, name, at)
	}
	told()
}

// leave gives the place of s in a topic to the last in it.
func (h *Hub) leave(s *Subscriber, k Kind, name string, at int) {
	t := h.topics[k][name]
	last := len(t.subs) - 1
	moved := t.subs[last]
	t.subs[at] = moved
	moved.places[k][t.name] = at
	t.subs[last] = nil
	t.subs = t.subs[:last]
	delete(s.places[k], name)
	s.counts[k].Add(-1)
	s.bytes.Add(-nameBase - int64(len(name)))
	h.subscriptions.Add(-1)
	switch {
	case last == 0:
		h.drop(k, t)
	case cap(t.subs) > 64 && last < cap(t.subs)/4:
		t.subs = slices.Clone(t.subs) // a crowd has left
	}
}

// drop forgets a topic that nobody subscribes to.
func (h *Hub) drop(k Kind, t *topic) {
	delete(h.topics[k], t.name)
	if len(h.topics[k]) == 0 {
		h.topics[k] = nil
	}
	if k == Pattern {
		last := len(h.list) - 1
		h.list[t.at] = h.list[last]
		h.list[t.at].at = t.at
		h.list[last] = nil
		h.list = h.list[:last]
	}
}

// Names are what s subscribes to, in no order.
func (s *Subscriber) Names(k Kind) []string {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return slices.Collect(maps.Keys(s.places[k]))
}

// Close ends all subscriptions of s, for good. It may be called more than once,
// and by anyone who is not a Receiver being told.
func (s *Subscriber) Close() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	s.closed = true
	for k := range kinds {
		for name, at := range s.places[k] {
			h.leave(s, k, name, at)
		}
		s.places[k] = nil
	}
}

// Publish hands a message to who subscribes to the channel, and to patterns that
// fit it, once for each. It returns how often that was. Both words may be borrowed.
func (h *Hub) Publish(channel, payload string) (receivers int) {
	if h.Idle() {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := false // the words were copied
	if t := h.topics[Channel][channel]; t != nil {
		channel, payload, mine = t.name, strings.Clone(payload), true
		receivers = t.tell(&Message{Kind: Channel, Channel: channel, Payload: payload})
	}
	for _, t := range h.list {
		if !fits(t.name, channel) {
			continue
		}
		if !mine {
			channel, payload, mine = strings.Clone(channel), strings.Clone(payload), true
		}
		receivers += t.tell(&Message{Kind: Pattern, Pattern: t.name, Channel: channel, Payload: payload})
	}
	return receivers
}

// PublishShard is Publish to a shard channel.
func (h *Hub) PublishShard(channel, payload string) (receivers int) {
	if h.Idle() {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[Shard][channel]; t != nil {
		receivers = t.tell(&Message{Kind: Shard, Channel: t.name, Payload: strings.Clone(payload)})
	}
	return receivers
}

func (t *topic) tell(m *Message) int {
	for _, s := range t.subs {
		s.to.Receive(m)
	}
	return len(t.subs)
}

// Receivers is what Publish, or PublishShard, to a channel would return.
func (h *Hub) Receivers(shard bool, channel string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if shard {
		return h.countLocked(Shard, channel)
	}
	n = h.countLocked(Channel, channel)
	for _, t := range h.list {
		if fits(t.name, channel) {
			n += len(t.subs)
		}
	}
	return n
}

// maxMatch is the product of the lengths of a pattern and a name up to which they
// are compared: what a comparison takes grows with it, and the hub is locked.
const maxMatch = 1 << 26

// fits reports whether a name fits a pattern. Two that are absurdly long do not fit.
func fits(pattern, name string) bool {
	if pattern == "*" {
		return name != "" // as glob has it
	}
	return uint64(len(pattern))*uint64(len(name)) <= maxMatch && glob.Match(pattern, name)
}

// Count is the number of subscribers to one name.
func (h *Hub) Count(k Kind, name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.countLocked(k, name)
}

func (h *Hub) countLocked(k Kind, name string) int {
	if t := h.topics[k][name]; t != nil {
		return len(t.subs)
	}
	return 0
}

// Topics is the number of names of a kind that somebody subscribes to.
func (h *Hub) Topics(k Kind) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.topics[k])
}

// Channels are the names of a kind that fit a pattern, in no order. They are compared
// outside of the lock.
func (h *Hub) Channels(k Kind, pattern string) []string {
	h.mu.Lock()
	names := slices.Collect(maps.Keys(h.topics[k]))
	h.mu.Unlock()
	return slices.DeleteFunc(names, func(name string) bool { return !fits(pattern, name) })
}
