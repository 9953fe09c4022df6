package engine

import "github.com/larderdb/larder/internal/ds/hashtable"

// What INFO and COMMAND look at and no command needs.

// Lanes is the number of shares into which counters are split; see
// [Session.Lane].
const Lanes = sharedLanes

// Lane is the share of its counters that s uses, less than Lanes.
func (s *Session) Lane() int { return int(s.lane) }

// ID numbers the commands that were declared, from 1 on.
func (s *Spec) ID() int { return s.id }

// SpecIDs is larger than the ID of every command declared so far.
func SpecIDs() int { return int(lastID.Load()) + 1 }

// MeanTTL estimates, from about so many samples, how many milliseconds the keys
// of a database that expire have yet to live. It waits for nobody: a shard that
// is locked for writing, by the caller's own transaction perhaps, is passed over.
func (e *Engine) MeanTTL(db, samples int) int64 {
	now := e.clock.millis()
	var sum, n float64 // 256 times the latest time there is does not fit an int64
	first := int(e.random() % numShards)
	for i := range numShards {
		shard := (first + i) % numShards
		sh := &e.shards[shard]
		if sh.keys[db].expiring.Load() == 0 || !sh.mu.TryRLock() {
			continue
		}
		if tab := e.tables[db][shard]; tab != nil {
			for range max(1, samples/numShards) {
				h := tab.RandomExpiring(e.random)
				if h == 0 {
					break
				}
				sum += float64(max(0, tab.ExpireAt(h)-now))
				n++
			}
		}
		sh.mu.RUnlock()
	}
	if n == 0 {
		return 0
	}
	return int64(sum / n)
}

// A Backlog is what INFO tells of the journal: nothing is kept before somebody
// follows it.
type Backlog struct {
	Size   int64 // bytes that are to be kept
	Active bool  // somebody has followed
	First  int64 // offset of the first byte kept
	Length int64 // more than Size where somebody reads slowly
	Memory int64 // that it takes
}

// Backlog describes what of the journal is kept.
func (e *Engine) Backlog() Backlog {
	j := &e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	b := Backlog{Size: j.size, Active: j.on}
	if j.on {
		b.First = j.start()
		b.Length = j.end - b.First
		b.Memory = int64(j.kept+j.spare) * blockSize
	}
	return b
}

// Raw returns what lies at key, and the memory that it takes, whether it has
// expired or not: nobody else looks so, and a look changes nothing. Size is 0
// where there is nothing. It is for DEBUG and MEMORY USAGE.
func (t *Txn) Raw(key string) (it Item, size int) {
	at := t.ref(t.db, key)
	if tab := t.e.tables[at.db][at.shard()]; tab != nil {
		if h := tab.Find(at.hash, at.key); h != 0 {
			return itemOf(&tab.View, t.db, h), tab.Size(h)
		}
	}
	return it, 0
}

// A Spread tells how the entries of tables lie in their buckets: so many buckets, by their
// index, have so many entries. Its last element is not 0.
type Spread []int

// Add adds what is told of another table.
func (s Spread) Add(o Spread) Spread {
	for n, buckets := range o {
		if n == len(s) {
			s = append(s, 0)
		}
		s[n] += buckets
	}
	return s
}

// Spread tells of the tables of a database, whose shards are all held: of all keys, and of
// those with a time of expiry.
func (t *Txn) Spread(db int) (all, expiring Spread) {
	for _, tab := range t.e.tables[db] {
		if tab != nil {
			all = all.Add(tab.Spread(func(hashtable.Handle) bool { return true }))
			expiring = expiring.Add(tab.Spread(func(h hashtable.Handle) bool { return tab.ExpireAt(h) != 0 }))
		}
	}
	return all, expiring
}

// Spread tells of the table of a value, which is one bucket where there is none: a small
// set may lie in a listpack that Redis would not have. It is nil where Redis has no table
// either.
func (v Value) Spread(now int64) Spread {
	switch v.Form.Encoding() {
	case "hashtable", "skiplist":
	default:
		return nil
	}
	n := 0
	if f, ok := v.Fields(now); ok {
		if s := f.Spread(); s != nil {
			return s
		}
		n = f.Len()
	} else if m, ok := v.Members(); ok {
		if m.big != nil {
			return m.big.Spread(func(hashtable.Handle) bool { return true })
		}
		n = m.Len()
	} else if z, ok := v.ZItems(); ok {
		if s := z.Spread(); s != nil {
			return s
		}
		n = z.Len()
	}
	s := make(Spread, n+1)
	s[n] = 1
	return s
}

// Tell sends words to those who follow the journal, although nothing changed: DEBUG
// REPLICATE.
func (t *Txn) Tell(words ...string) {
	if t.Replicating() {
		t.say(words)
	}
}

// A NamedKey is a key that a command names, before it is run, to have it locked.
type NamedKey struct {
	DB    int
	Key   string
	Write bool
}

// NamedKeys returns the keys that a command given as words names in the database of s.
// There are none where the words are wrong. all says that it may touch others as well.
func (s *Session) NamedKeys(c Command, first int, words [][]byte) (keys []NamedKey, all bool) {
	k := KeySet{e: s.e, db: s.DB}
	c.plan(s, NewArgs(words, first), &k)
	for i := range k.list {
		r := &k.list[i]
		keys = append(keys, NamedKey{r.db, r.key, r.mode != modeRead})
	}
	return keys, k.all
}
