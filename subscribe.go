package larder

import (
	"context"
	"errors"
	"iter"
	"math"
	"runtime"
	"sync"

	"github.com/larderdb/larder/internal/pubsub"
)

// A Message is what a subscriber is told.
type Message struct {
	Channel string
	Pattern string // of those asked for, that the channel fits; "" where the channel itself was asked for
	Payload string
	Shard   bool // Channel is a shard channel
}

// SubscribeArgs say what to subscribe to: at least one name.
type SubscribeArgs struct {
	Channels []string
	// Patterns are globs, as KEYS has them. A message whose channel was asked for,
	// or fits several patterns, comes once for each.
	Patterns []string
	// ShardChannels are those of SSUBSCRIBE.
	ShardChannels []string

	// MaxBytes is how much may wait for the loop to take it, messages with their
	// channels and 64 bytes for each; 0 is the hard limit of
	// client-output-buffer-limit for pubsub, 32 MB unless configured otherwise.
	MaxBytes int64
}

// Subscribe tells of what is published to channels:
//
//	for msg, err := range db.Subscribe(ctx, "news") {
//		if err != nil {
//			return err
//		}
//		fmt.Println(msg.Payload)
//	}
//
// The subscription is in force when Subscribe returns: nothing published from then on
// is missed, whenever the loop begins. Keyspace events are messages too: see the
// directive notify-keyspace-events, and PSubscribe to "__keyspace@0__:*". Channels
// belong to no logical database.
//
// The loop waits for messages, and ends when ctx does, which yields no error; what is
// still queued then is dropped. Else it ends with one: ErrClosed, after what was
// queued, and ErrFellBehind where the loop was so slow that messages had to be
// dropped: what comes before the error has no gap. Publishers never wait for the loop.
//
// A subscription ends with its loop, however that is left, or with ctx. It may be
// ranged over once. One that is dropped without that is ended by the garbage collector.
// It has no goroutine.
func (db *DB) Subscribe(ctx context.Context, channels ...string) iter.Seq2[Message, error] {
	return db.SubscribeArgs(ctx, SubscribeArgs{Channels: channels})
}

// PSubscribe is Subscribe to all channels that fit patterns.
func (db *DB) PSubscribe(ctx context.Context, patterns ...string) iter.Seq2[Message, error] {
	return db.SubscribeArgs(ctx, SubscribeArgs{Patterns: patterns})
}

// SSubscribe is Subscribe to shard channels.
func (db *DB) SSubscribe(ctx context.Context, channels ...string) iter.Seq2[Message, error] {
	return db.SubscribeArgs(ctx, SubscribeArgs{ShardChannels: channels})
}

// SubscribeArgs is Subscribe to channels and patterns of all kinds. Without a name the
// loop ends at once with ErrSyntax.
func (db *DB) SubscribeArgs(ctx context.Context, a SubscribeArgs) iter.Seq2[Message, error] {
	if len(a.Channels)+len(a.Patterns)+len(a.ShardChannels) == 0 {
		return func(yield func(Message, error) bool) { yield(Message{}, ErrSyntax) }
	}
	q := &inbox{wake: make(chan struct{}, 1), limit: a.MaxBytes}
	if q.limit == 0 {
		_, _, class := db.shared.admin.Conf().OutputLimits()
		q.limit = class.Hard
	}
	if q.limit <= 0 {
		q.limit = math.MaxInt64
	}
	q.sub = db.shared.admin.Hub().NewSubscriber(q)
	for k, names := range [][]string{pubsub.Channel: a.Channels, pubsub.Pattern: a.Patterns, pubsub.Shard: a.ShardChannels} {
		for _, name := range names {
			q.sub.Subscribe(pubsub.Kind(k), name, func() {})
		}
	}
	s := &subscription{ctx: ctx, q: q, closed: db.shared.e.Closed()}
	s.forget = context.AfterFunc(ctx, q.sub.Close)
	runtime.AddCleanup(s, (*inbox).abandon, q)
	return s.all
}

// A subscription is the reading end of an inbox, which knows nothing of it: so it can
// be collected, and the inbox with it.
type subscription struct {
	ctx    context.Context
	q      *inbox
	closed <-chan struct{}
	forget func() bool
}

var errRangedTwice = errors.New("larder: a subscription may be ranged over once")

func (s *subscription) all(yield func(Message, error) bool) {
	if !s.q.begin() {
		yield(Message{}, errRangedTwice)
		return
	}
	defer s.q.sub.Close()
	defer s.forget()
	for s.ctx.Err() == nil {
		switch m, ok, err := s.q.take(); {
		case ok:
			if !yield(m, nil) {
				return
			}
			continue
		case err != nil:
			yield(Message{}, err)
			return
		}
		select {
		case <-s.q.wake:
		case <-s.ctx.Done():
		case <-s.closed:
			if s.q.empty() { // else what was published before comes first
				yield(Message{}, ErrClosed)
				return
			}
		}
	}
}

// An inbox is the queue between those who publish and a loop.
type inbox struct {
	sub   *pubsub.Subscriber
	wake  chan struct{} // holds something when the loop should look
	limit int64

	mu    sync.Mutex // guards following
	queue []Message  // from first on
	first int
	bytes int64
	full  bool // messages were dropped: nothing is added any more
	begun bool
}

func sizeOf(m *Message) int64 {
	const each = 64
	return int64(len(m.Channel)+len(m.Pattern)+len(m.Payload)) + each
}

// Receive adds a message.
func (q *inbox) Receive(p *pubsub.Message) {
	m := Message{Channel: p.Channel, Pattern: p.Pattern, Payload: p.Payload, Shard: p.Kind == pubsub.Shard}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full {
		return
	}
	if size := sizeOf(&m); q.bytes > q.limit-size {
		q.full = true
		go q.sub.Close() // the hub is locked now
	} else {
		q.bytes += size
		q.queue = append(q.queue, m)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// begin reports whether the loop may begin.
func (q *inbox) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.begun {
		return false
	}
	q.begun = true
	return true
}

// take takes the first message, if there is one; else it says why there will be none
// any more.
func (q *inbox) take() (m Message, ok bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == len(q.queue) {
		if q.full {
			err = ErrFellBehind
		}
		return m, false, err
	}
	m = q.queue[q.first]
	q.queue[q.first] = Message{}
	q.first++
	q.bytes -= sizeOf(&m)
	switch {
	case q.first == len(q.queue):
		if q.queue, q.first = q.queue[:0], 0; cap(q.queue) > 1024 {
			q.queue = nil
		}
	case q.first > 1024 && q.first > len(q.queue)/2: // move the rest down
		n := copy(q.queue, q.queue[q.first:])
		clear(q.queue[n:])
		q.queue, q.first = q.queue[:n], 0
	}
	return m, true, nil
}

func (q *inbox) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first == len(q.queue)
}

// abandon ends the subscription of a loop that will never be.
func (q *inbox) abandon() { q.sub.Close() }
