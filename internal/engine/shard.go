package engine

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

const (
	// numShards is 64 so that a set of shards is one word.
	numShards = 64
	shardLog  = 6
	allShards = ^uint64(0)
)

// A shard is the part of every database's keyspace whose keys hash to it.
type shard struct {
	mu      sync.RWMutex // guards following but what is atomic
	gets    atomic.Int64 // straight calls, as sets and misses: see straight.go
	misses  atomic.Int64
	sets    tally
	counted []int // bytes of each table as they stand in used
	changes int64 // of keys, since the engine was made
	tell    bool  // the next change: see ExpectChange
	waiters map[dbKey]*waitQueue
	watch   map[dbKey][]watcher

	changesSeen atomic.Int64
	used        atomic.Int64 // bytes of all tables; written under mu
	keys        []dbCount    // by database; written under mu

	_ [72]byte // its neighbour's lock lies in another cache line
}

// A dbCount is what DBSIZE and INFO sum up without a lock.
type dbCount struct{ keys, expiring atomic.Int64 }

type dbKey struct {
	db  int
	key string
}

// A mode says what a command may do with a key.
type mode uint8

const (
	modeRead   mode = iota
	modeWrite       // changes or deletes: a waiter that does so wakes nobody
	modeInsert      // adds elements: who waits for the key may be served
)

// A keyRef is a key that a command names.
type keyRef struct {
	dbKey
	hash uint64
	mode mode

	unwatched bool // touched in a way that is nothing to those who watch it

	// The entry that lookup has found, 0 if none yet: it stays where it is until the
	// transaction ends, or replaces it. Only those in a KeySet know it.
	found hashtable.Handle
}

func (k *keyRef) shard() int { return shardOf(k.hash) }

func shardOf(hash uint64) int { return int(hash >> (64 - shardLog)) }

// A KeySet collects the keys that a command names, with their modes. It plans
// the locks.
type KeySet struct {
	e    *Engine
	db   int
	list []keyRef
	hint int  // where find looks first
	all  bool // some keys cannot be named: lock all shards
	excl bool // and for writing
}

// Read names a key that is only read.
func (k *KeySet) Read(key string) { k.add(key, modeRead) }

// Write names a key that may be written.
func (k *KeySet) Write(key string) { k.add(key, modeInsert) }

// Take names a key of which a command that waits only takes: it is written, but
// nobody else who waits for it can be served by that.
func (k *KeySet) Take(key string) { k.add(key, modeWrite) }

// ReadAll names several keys that are only read.
func (k *KeySet) ReadAll(keys []string) {
	for _, key := range keys {
		k.Read(key)
	}
}

// WriteAll names several keys that may be written.
func (k *KeySet) WriteAll(keys []string) {
	for _, key := range keys {
		k.Write(key)
	}
}

// Select says that the keys named next are of another database.
func (k *KeySet) Select(db int) { k.db = db }

// DB is the database of the keys named next.
func (k *KeySet) DB() int { return k.db }

// All says that the keys cannot be named; they are only read.
func (k *KeySet) All() { k.all = true }

// AllForWriting says that the keys cannot be named, and may be written.
func (k *KeySet) AllForWriting() { k.all, k.excl = true, true }

func (k *KeySet) add(key string, m mode) {
	if n := len(k.list); n < cap(k.list) {
		k.list = k.list[:n+1]
	} else {
		k.list = append(k.list, keyRef{})
	}
	r := &k.list[len(k.list)-1] // filled in place: see ref
	r.db, r.key, r.hash, r.mode, r.found = k.db, key, maphash.String(k.e.seed, key), m, 0
}

// Each calls f with each key named so far, which is borrowed.
func (k *KeySet) Each(f func(key string)) {
	for i := range k.list {
		f(k.list[i].key)
	}
}

func (k *KeySet) reset(e *Engine, db int) {
	if len(k.list) > 16 {
		clear(k.list) // the keys are borrowed: a few read buffers may be kept alive, but not many
	}
	k.e, k.db, k.list, k.hint, k.all, k.excl = e, db, k.list[:0], 0, false, false
}

// ref returns key as it was named. Commands mostly touch keys in the order in
// which they named them, so it rarely hashes again.
//
// It returns a place in the list, because a copy of what was just written in
// other sizes stalls the processor for as long as a lookup takes.
func (k *KeySet) ref(db int, key string) *keyRef {
	for range min(2, len(k.list)) {
		if k.hint >= len(k.list) {
			k.hint = 0
		}
		if r := &k.list[k.hint]; r.key == key && r.db == db {
			return r
		}
		k.hint++
	}
	if checks && !k.all && !k.has(dbKey{db, key}) {
		panic("engine: command touched a key that Keys did not name: " + key)
	}
	return &keyRef{dbKey: dbKey{db, key}, hash: maphash.String(k.e.seed, key), mode: modeInsert}
}

// refOf returns what the keyspace knows a key by.
func (e *Engine) refOf(k dbKey) keyRef {
	return keyRef{dbKey: k, hash: maphash.String(e.seed, k.key), mode: modeWrite}
}

func cloneKey(k dbKey) dbKey { return dbKey{k.db, strings.Clone(k.key)} }

// has reports whether key was named.
func (k *KeySet) has(id dbKey) bool {
	for i := range k.list {
		if k.list[i].dbKey == id {
			return true
		}
	}
	return false
}

// A lockSet is the shards to hold, by mode.
type lockSet struct{ read, write uint64 }

// locks returns the lock set of k. Excl takes every shard for writing.
func (k *KeySet) locks(excl bool) (l lockSet) {
	for i := range k.list {
		if r := &k.list[i]; r.mode != modeRead || excl {
			l.write |= 1 << r.shard()
		} else {
			l.read |= 1 << r.shard()
		}
	}
	if k.all {
		if excl || k.excl || l.write != 0 {
			return lockSet{write: allShards}
		}
		return lockSet{read: allShards}
	}
	l.read &^= l.write
	return l
}

// lock takes the shards of l, ascending. It fails, with nothing held, only
// where it would have waited for an Update or View of its own goroutine.
func (e *Engine) lock(l lockSet) error {
	for m := l.read | l.write; m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		sh, excl := &e.shards[i], l.write>>i&1 != 0
		if excl && sh.mu.TryLock() || !excl && sh.mu.TryRLock() {
			continue
		}
		if e.open.has() {
			below := uint64(1)<<i - 1
			e.unlock(lockSet{l.read & below, l.write & below})
			return ErrInsideUpdate
		}
		if excl {
			sh.mu.Lock()
		} else {
			sh.mu.RLock()
		}
	}
	return nil
}

func (e *Engine) unlock(l lockSet) {
	if one := l.read | l.write; one&(one-1) == 0 && one != 0 { // most commands
		if l.write == 0 {
			e.shards[bits.TrailingZeros64(one)].mu.RUnlock()
		} else {
			e.shards[bits.TrailingZeros64(one)].mu.Unlock()
		}
		return
	}
	for m := l.read; m != 0; m &= m - 1 {
		e.shards[bits.TrailingZeros64(m)].mu.RUnlock()
	}
	for m := l.write; m != 0; m &= m - 1 {
		e.shards[bits.TrailingZeros64(m)].mu.Unlock()
	}
}
