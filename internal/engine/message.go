package engine

import (
	"strconv"
	"strings"
)

// Messages are published to channels, which are nothing of the keyspace's. The
// engine has a part in it because the order counts: a message goes to those who
// subscribe and into the journal, for replicas, at one moment, and one of an EXEC
// comes between the events of the commands around it.

// Messages hands messages to those who subscribe. It is called under locks, the
// journal's among them: it must not wait, and must not call the engine.
type Messages interface {
	// Publish returns how often the message was handed out.
	Publish(shard bool, channel, payload string) int
	// Receivers is what Publish would return.
	Receivers(shard bool, channel string) int
}

// nobody subscribes to anything.
type nobody struct{}

func (nobody) Publish(bool, string, string) int { return 0 }
func (nobody) Receivers(bool, string) int       { return 0 }

// Publish publishes a message; words are those of the command, for replicas. Within
// an EXEC or Update it is handed out at the end, and not at all if that is undone;
// the count is that of now. The strings may be borrowed.
func (t *Txn) Publish(shard bool, channel, payload string, words ...string) (receivers int, err error) {
	if !t.outer {
		return t.e.journal.publish(t, shard, channel, payload, words)
	}
	what := eventMessage
	if shard {
		what = eventShardMessage
	}
	t.events = append(t.events, event{what: what, name: strings.Clone(channel), key: strings.Clone(payload)})
	if t.Replicating() {
		t.say(words)
	}
	return t.e.messages.Receivers(shard, channel), nil
}

// publish publishes at once what is no part of a transaction.
func (j *journal) publish(t *Txn, shard bool, channel, payload string, words []string) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.held != nil && !t.s.Primary && !j.closed { // it would move the end that a replica is to reach
		held := j.held
		j.mu.Unlock()
		err := t.s.awaitRelease(held)
		if j.mu.Lock(); err != nil {
			return 0, err
		}
	}
	switch {
	case j.closed:
		return 0, ErrClosed
	case t.e.replica.Load():
		if t.s.relay != nil {
			j.relay(t.s)
			j.wake()
		}
	case j.on:
		j.buf = j.buf[:0]
		if j.db != t.db {
			j.buf = AppendCommand(j.buf, "SELECT", strconv.Itoa(t.db))
		}
		j.db = t.db
		j.buf = AppendCommand(j.buf, words...)
		j.write(j.buf)
		t.s.offset.Store(j.end)
		j.wake()
	}
	return t.e.messages.Publish(shard, channel, payload), nil
}

// TellMore sets whether subscribers are told of lookups that find nothing, the event
// keymiss, of class m, and of keys that are made, the event new, of class n. Each miss
// then takes the journal's lock.
func (e *Engine) TellMore(misses, newKeys bool) {
	e.journal.misses.Store(misses)
	e.journal.newKeys.Store(newKeys)
}

// Reads is told of what a session reads, command by command, where that comes among the
// effects of others: client-side caching. It is called under the locks of what was
// read, and perhaps the journal's; it must not wait, and must not call the engine.
type Reads interface {
	// Wanted reports whether the keys of the command that has just run are.
	Wanted() bool
	// Read is told of keys, which are borrowed.
	Read(keys *KeySet)
}

// noteRead tells of the keys that a command has read: within an EXEC at its end, but
// between the effects of the commands around it.
func (t *Txn) noteRead() {
	switch r := t.s.Reads; {
	case t.woken != nil || !r.Wanted(): // the session is that of who serves the command
	case !t.outer:
		r.Read(&t.keys)
	default:
		t.keys.Each(func(key string) {
			t.events = append(t.events, event{db: t.db, what: eventRead, key: strings.Clone(key)})
		})
	}
}

// keepMisses has lookups that found nothing told although the command, for that very
// reason perhaps, was undone.
func (t *Txn) keepMisses(undone []event) {
	if !t.e.journal.misses.Load() {
		return
	}
	for _, ev := range undone { // what is appended lies before what is yet to be read
		if ev.class == 'm' {
			ev.from, ev.to = len(t.batch), len(t.batch)
			t.events = append(t.events, ev)
		}
	}
}

// Made tells that a key is about to be made, before the events of what it is made of,
// and also where it takes the place of another. Others are told when they are there.
func (t *Txn) Made(db int, key string) {
	if t.e.journal.newKeys.Load() {
		t.noteNew(t.ref(db, key))
	}
}

// noteNew tells that a key was made, once a command.
func (t *Txn) noteNew(at *keyRef) {
	for i := t.mark.events; i < len(t.events); i++ {
		if ev := &t.events[i]; ev.class == 'n' && ev.db == at.db && ev.key == at.key {
			return
		}
	}
	t.note(at, 'n', eventNote, "new", len(t.batch))
}

// noteMiss tells of a lookup that has found nothing. Where a reader found what had
// expired, that is told first, which it is after the reader's locks.
func (t *Txn) noteMiss(key string) {
	at := t.ref(t.db, key)
	if n := len(t.expired); n != 0 && t.expired[n-1] == at.dbKey {
		t.missed = append(t.missed, t.expired[n-1])
		return
	}
	t.note(at, 'm', eventNote, "keymiss", len(t.batch))
}

// tellMisses tells of lookups that found what had expired.
func (j *journal) tellMisses(by *Session, keys []dbKey) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if subs := j.subs.Load(); subs != nil {
		for _, k := range keys {
			for _, sub := range *subs {
				sub.Effects(by, j.end, []Effect{{DB: k.db, Class: 'm', Event: "keymiss", Key: k.key}})
			}
		}
	}
}
