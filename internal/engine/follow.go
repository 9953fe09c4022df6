package engine

import (
	"slices"
	"strings"
)

// What a replica needs of its engine.
//
// While a store is a replica the journal is not its own: it takes the bytes of its
// primary's stream as they are, with the primary's offsets, and nothing else. So what
// follows it, another replica or a file, has a place in the primary's history. The
// effects of what the stream's commands do still go to subscribers, wake waiters and
// mark those who watch; only their words are not written.
//
//	applier   the session that runs a primary's stream: its Primary is set
//	raw       the bytes that the primary sent for what the applier runs: a command,
//	          or a whole MULTI ... EXEC
//	log       what the applier's commands did to keys, with the values before and after
//
// Raw goes into the journal with the effects of what it says, under their locks, or
// behind it where it had none. That is so only because the applier is one goroutine
// and, on a replica, the only writer of the journal.

// ErrRoleChanged is the error of what was waiting when the store became a replica.
const ErrRoleChanged Error = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"

// BecomeReplica makes the store a replica: writes are refused to everyone but a
// session with Primary set, expired keys are hidden and not deleted, and the journal
// is for the primary's bytes. Commands that wait end with ErrRoleChanged. What is
// kept of the journal stays.
func (e *Engine) BecomeReplica() error {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return err
	}
	defer e.unlock(all)
	if e.state&stateReplica != 0 {
		return nil
	}
	e.state |= stateReplica | stateHide | stateListening
	e.mirrorState()
	j := &e.journal
	j.mu.Lock()
	j.on = true
	j.mu.Unlock()
	for i := range e.shards {
		for _, q := range e.shards[i].waiters {
			for _, w := range slices.Clone(q.list) {
				if w.leave(e) {
					w.err = ErrRoleChanged
					close(w.done)
				}
			}
		}
	}
	return nil
}

// BecomePrimary takes that back. The function, which may be nil, is called under all
// locks before the first write: it gives what follows in the journal a new name. The
// next write selects its database.
func (e *Engine) BecomePrimary(promoted func()) error {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return err
	}
	if e.state&stateReplica != 0 {
		e.state &^= stateReplica
		if !e.hidden {
			e.state &^= stateHide
		}
		e.mirrorState()
		e.journal.mu.Lock()
		e.journal.db = -1
		e.journal.mu.Unlock()
		if promoted != nil {
			promoted()
		}
	}
	e.unlock(all)
	e.expiry.rearm()
	return nil
}

// IsReplica reports whether the store is a replica.
func (e *Engine) IsReplica() bool { return e.replica.Load() }

// IsReadOnly reports whether the store is a replica to which nobody may write.
func (e *Engine) IsReadOnly() bool { return e.readOnly.Load() }

// SetReplicaWritable sets whether everybody may write to a replica. What they write
// is their own: it is not in the journal, and the primary's stream may overwrite it.
func (e *Engine) SetReplicaWritable(on bool) error {
	if on {
		return e.setState(stateWritable, 0)
	}
	return e.setState(0, stateWritable)
}

// SetReplicaEvicts sets whether a replica keeps to maxmemory by itself. If not, it
// takes what its primary has.
func (e *Engine) SetReplicaEvicts(on bool) { e.replicaEvicts.Store(on) }

// mirrorState publishes what is asked for without a lock.
func (e *Engine) mirrorState() {
	e.replica.Store(e.state&stateReplica != 0)
	e.readOnly.Store(e.state&(stateReplica|stateWritable) == stateReplica)
}

// InstallAt is Install of the data set of a primary: the journal, empty, goes on at
// the primary's offset, with the database that its stream has selected there (-1: it
// will say). The function is called under all locks, before anybody sees the data.
func (l *Load) InstallAt(offset int64, db int, adopted func()) error {
	return l.install(func() {
		j := &l.e.journal
		j.restart(offset)
		j.mu.Lock()
		j.db = db
		j.mu.Unlock()
		if adopted != nil {
			adopted()
		}
	})
}

// Resume has the journal go on at an offset, with nothing before it: that of data that
// a file had. Who has all up to there may follow from it.
func (e *Engine) Resume(offset int64) error {
	all := lockSet{write: allShards}
	if err := e.lockOpen(all); err != nil {
		return err
	}
	defer e.unlock(all)
	e.state |= stateListening
	e.journal.restart(offset)
	e.journal.mu.Lock()
	defer e.journal.mu.Unlock()
	e.journal.on = true
	return nil
}

// Relay says what bytes of the primary's the session runs next: they go into the
// journal with the effects of that, or by Relayed. Bytes that are empty, but not nil,
// leave the journal as it is.
func (s *Session) Relay(raw []byte) { s.relay = raw }

// Relayed ends what Relay began: what had no effect is added to the journal now.
func (s *Session) Relayed() {
	if s.relay == nil {
		return
	}
	j := &s.e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.relay(s)
	j.wake()
}

// Place is the journal's offset behind its last byte, and the database that is selected
// there; -1 is that the next write selects one.
func (e *Engine) Place() (offset int64, db int) { return e.journal.now() }

// relay adds the bytes that s runs. j.mu is held.
func (j *journal) relay(s *Session) {
	if s.relay == nil {
		return
	}
	j.write(s.relay)
	j.db, s.relay = s.DB, nil
}

// A KeyChange is what one effect of a command did to a key. The values are those
// before and after the command, and may be kept: they never change.
type KeyChange struct {
	DB    int
	Key   string // "" if it was all keys: Words tells
	Event string // of keyspace notifications
	Words []string
	Old   Kept
	New   Kept
}

// A Kept is a value with its time of expiry. The zero value is no value.
type Kept struct {
	Value    Value
	ExpireAt int64 // Unix ms; 0: never
}

// A ChangeLog collects what the commands of a session do to keys. Its session runs
// every command between Begin and ExecQueue. It is for one goroutine.
//
// It rests on the undo log: with a ChangeLog a transaction keeps, as an Update does,
// what each write replaces.
type ChangeLog struct {
	changes []KeyChange
	refs    []keyRef // of changes
	settled int      // changes whose New is known

	// Of the command that runs now:
	old    map[dbKey]Kept // what keys held before it
	first  map[dbKey]int  // where the undo log first has them
	logged int            // what of the undo log is in first
}

// NoteChanges has s collect what its commands do; nil ends that.
func (s *Session) NoteChanges(l *ChangeLog) { s.changes = l }

// Take returns what was collected since the last call.
func (l *ChangeLog) Take() []KeyChange {
	out := l.changes
	l.changes, l.refs, l.settled = nil, l.refs[:0], 0
	return out
}

// note takes down an effect that was just applied.
func (l *ChangeLog) note(t *Txn, at *keyRef, event string, words []string) {
	if event == "" && len(words) != 0 {
		event = strings.ToLower(words[0])
	}
	c := KeyChange{DB: at.db, Key: strings.Clone(at.key), Event: event}
	c.Old = l.before(t, at)
	l.changes = append(l.changes, c)
	l.refs = append(l.refs, keyRef{dbKey: dbKey{at.db, c.Key}, hash: at.hash})
}

// whole takes down a command that is about all keys. The words of others, too, are told
// apart from the keys' effects.
func (l *ChangeLog) whole(t *Txn, words []string) {
	switch words[0] {
	case "FLUSHALL", "FLUSHDB", "SWAPDB":
	default:
		return
	}
	c := KeyChange{DB: t.db, Event: strings.ToLower(words[0]), Words: slices.Clone(words)}
	l.changes = append(l.changes, c)
	l.refs = append(l.refs, keyRef{})
}

// before returns what a key held before the command that runs.
func (l *ChangeLog) before(t *Txn, at *keyRef) Kept {
	if k, ok := l.old[at.dbKey]; ok { // another effect of the same command
		return k
	}
	if l.old == nil {
		l.old, l.first = map[dbKey]Kept{}, map[dbKey]int{}
	}
	for l.logged = max(l.logged, t.mark.log); l.logged < len(t.log); l.logged++ {
		u := &t.log[l.logged]
		if _, ok := l.first[u.at.dbKey]; !ok && u.tables == nil {
			l.first[cloneKey(u.at.dbKey)] = l.logged
		}
	}
	k := l.undo(t, at)
	l.old[cloneKey(at.dbKey)] = k
	return k
}

// undo returns what the undo log would put back.
func (l *ChangeLog) undo(t *Txn, at *keyRef) Kept {
	i, ok := l.first[at.dbKey]
	if !ok {
		return t.keep(at)
	}
	for expireAt := int64(KeepTTL); i < len(t.log); i++ {
		u := &t.log[i]
		if u.tables != nil || u.at.dbKey != at.dbKey {
			continue
		}
		if u.inPlace && expireAt == KeepTTL {
			expireAt = u.expireAt
		}
		var k Kept
		switch {
		case u.inPlace && u.obj == nil: // only the time was changed, by this
			if i+1 < len(t.log) {
				continue
			}
			k = t.keep(at)
		case u.inPlace:
			k = Kept{Value{Form: u.obj.Form(), Obj: u.obj}, 0}
		case u.old == 0:
			return k
		default:
			it := itemOf(&u.tab.View, at.db, u.old)
			if k = keptOf(it); expireAt == KeepTTL {
				expireAt = it.ExpireAt
			}
		}
		k.ExpireAt = expireAt
		return k
	}
	k := t.keep(at)
	return k
}

// keep returns what a key holds now, to be kept.
func (t *Txn) keep(at *keyRef) Kept {
	tab := t.e.tables[at.db][at.shard()]
	if tab == nil {
		return Kept{}
	}
	h := tab.Find(at.hash, at.key)
	if h == 0 {
		return Kept{}
	}
	return keptOf(itemOf(&tab.View, at.db, h))
}

// keptOf makes a value that nobody changes any more of one in the keyspace, whose shard
// is held.
func keptOf(it Item) Kept {
	v := it.Value
	if v.Obj == nil {
		v.Flat = strings.Clone(v.Flat)
	} else {
		v.Obj = v.Obj.Clone()
	}
	return Kept{v, it.ExpireAt}
}

// Keep makes a value that nobody changes any more of one that a snapshot shows.
func Keep(it Item) Kept {
	if p, ok := it.Value.Obj.(*Pages); ok { // its Clone is for who holds its shard
		it.Value.Obj, it.Value.Flat = nil, borrow(p.Append(nil, 0, p.Len()))
		return Kept{it.Value, it.ExpireAt}
	}
	return keptOf(it)
}

// settle says that the command that has noted changes is over.
func (l *ChangeLog) settle(t *Txn) {
	var now map[dbKey]Kept
	for i := l.settled; i < len(l.changes); i++ {
		c, at := &l.changes[i], &l.refs[i]
		if c.Words != nil {
			continue
		}
		k, ok := now[at.dbKey]
		if !ok {
			if k = t.keep(at); now == nil {
				now = map[dbKey]Kept{}
			}
			now[at.dbKey] = k
		}
		c.New = k
	}
	l.settled = len(l.changes)
	l.forget()
}

// undone forgets what a command has noted that was undone.
func (l *ChangeLog) undone() {
	clear(l.changes[l.settled:])
	l.changes, l.refs = l.changes[:l.settled], l.refs[:l.settled]
	l.forget()
}

func (l *ChangeLog) forget() {
	clear(l.old)
	clear(l.first)
	l.logged = 0
}

// A KeyUse is a key that a command names.
type KeyUse struct {
	DB     int
	Key    string // borrowed from the words
	Writes bool   // it may be changed
}

// KeysOf returns the keys that a command, whose arguments begin at words[first], names
// when it is run in a database; all is that it cannot name them.
func (s *Session) KeysOf(c Command, first int, words [][]byte, db int) (keys []KeyUse, all bool) {
	k := KeySet{e: s.e, db: db}
	a := NewArgs(words, first)
	c.plan(s, a, &k)
	for i := range k.list {
		r := &k.list[i]
		keys = append(keys, KeyUse{r.db, r.key, r.mode != modeRead})
	}
	return keys, k.all
}
