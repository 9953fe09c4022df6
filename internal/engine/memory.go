package engine

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

// A Policy says which keys are evicted when memory runs short.
type Policy uint32

// The policies of maxmemory-policy.
const (
	NoEviction Policy = iota
	AllKeysLRU
	AllKeysLFU
	AllKeysRandom
	VolatileLRU
	VolatileLFU
	VolatileRandom
	VolatileTTL
)

// PolicyNames are the policies' names in redis.conf, in their order.
var PolicyNames = [...]string{"noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
	"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"}

// String is the policy's name in redis.conf.
func (p Policy) String() string { return PolicyNames[p] }

func (p Policy) lfu() bool      { return p == AllKeysLFU || p == VolatileLFU }
func (p Policy) volatile() bool { return p >= VolatileLRU }

// memory is the limit and the choice of what goes.
type memory struct {
	max     atomic.Int64 // 0: no limit
	used    atomic.Int64 // of the keyspace; counted only while there is a limit
	extra   atomic.Int64 // what else counts: clients' buffers
	policy  atomic.Uint32
	samples atomic.Int32
	log     atomic.Int32 // lfu-log-factor
	decay   atomic.Int32 // lfu-decay-time, minutes

	maxString              atomic.Int64 // bytes
	nodeBytes              atomic.Int64 // of a stream's node; see StreamNode
	nodeMax                atomic.Int64 // entries
	hashFields             atomic.Int64 // of a small hash; see HashLimits
	hashBytes              atomic.Int64
	zsetEntries, zsetValue atomic.Int64 // see ZSetLimits
	setIntegers            atomic.Int64 // see SetIntsetLimit
	listFill               atomic.Int64 // see ListLimits
	listDepth              atomic.Int64
	listLarge              atomic.Int64
	sparseHLL              atomic.Int64 // bytes of a sparse HyperLogLog
	maxQueue               atomic.Int64 // bytes of the commands a MULTI has queued; 0: no limit

	mu   sync.Mutex // guards following
	pool []candidate
}

// poolSize is how many good candidates are remembered between evictions: the
// more, the nearer the choice comes to the true order.
const poolSize = 16

// A candidate is a key that may be evicted; the one with the highest score goes
// first.
type candidate struct {
	key   dbKey
	score uint64
}

func (m *memory) init() {
	m.samples.Store(5)
	m.log.Store(10)
	m.decay.Store(1)
	m.maxString.Store(512 << 20)
	m.nodeBytes.Store(4096)
	m.nodeMax.Store(100)
	m.listFill.Store(-2)
	m.listLarge.Store(1 << 30)
	m.sparseHLL.Store(3000)
	m.hashFields.Store(512)
	m.hashBytes.Store(64)
	m.zsetEntries.Store(128)
	m.zsetValue.Store(64)
	m.setIntegers.Store(512)
}

func (m *memory) changed(d int64) {
	if m.max.Load() != 0 {
		m.used.Add(d)
	}
}

// SetMaxMemory sets how many bytes the keyspace may use; 0 means no limit.
func (e *Engine) SetMaxMemory(n int64) error {
	all := lockSet{write: allShards}
	if err := e.lock(all); err != nil {
		return err
	}
	e.memory.used.Store(e.Used())
	e.memory.max.Store(n)
	e.unlock(all)
	return nil
}

// MaxMemory is the limit; 0 means none.
func (e *Engine) MaxMemory() int64 { return e.memory.max.Load() }

// SetPolicy sets what is evicted, by looking at how many keys each time.
func (e *Engine) SetPolicy(p Policy) { e.memory.policy.Store(uint32(p)) }

// Policy is what is evicted.
func (e *Engine) Policy() Policy { return Policy(e.memory.policy.Load()) }

// SetSamples sets how many keys are looked at to evict one.
func (e *Engine) SetSamples(n int) { e.memory.samples.Store(int32(n)) }

// SetLFU sets how slowly the counters of LFU grow, and after how many minutes
// without an access they fall by one.
func (e *Engine) SetLFU(logFactor, decayMinutes int) {
	e.memory.log.Store(int32(logFactor))
	e.memory.decay.Store(int32(decayMinutes))
}

// SetExtraMemory says what counts against the limit besides the keyspace.
func (e *Engine) SetExtraMemory(n int64) { e.memory.extra.Store(n) }

// The access clock of an entry is, under an LFU policy, the minute of the last
// decrement in the upper 24 bits and a logarithmic counter in the lower 8; else
// it is the second of the last access. After a change of policy it is read
// wrongly until the next access, as in Redis.
const lfuInit = 5

func (e *Engine) lfuWord(counter uint8) uint32 {
	return (e.clock.access()/60)<<8 | uint32(counter)
}

// newAccess is the access clock of a new entry.
func (e *Engine) newAccess() uint32 {
	if e.Policy().lfu() {
		return e.lfuWord(lfuInit)
	}
	return e.clock.access()
}

// nextAccess is the access clock of an entry that is accessed now.
func (e *Engine) nextAccess(was uint32) uint32 {
	if !e.Policy().lfu() {
		return e.clock.access()
	}
	n := e.Frequency(was)
	if n < 255 {
		base := max(0, int(n)-lfuInit)
		if rand.Float64() < 1/float64(base*int(e.memory.log.Load())+1) {
			n++
		}
	}
	return e.lfuWord(n)
}

// Idle is the number of seconds since the last access, of an access clock.
func (e *Engine) Idle(clock uint32) int64 {
	if e.Policy().lfu() {
		return 0
	}
	return max(0, int64(e.clock.access())-int64(clock))
}

// Frequency is the logarithmic counter of accesses, of an access clock, as it
// has decayed by now.
func (e *Engine) Frequency(clock uint32) uint8 {
	n := uint8(clock)
	decay := e.memory.decay.Load()
	if decay == 0 {
		return n
	}
	periods := ((e.clock.access()/60)&0xffffff - clock>>8) & 0xffffff / uint32(decay)
	if periods >= uint32(n) {
		return 0
	}
	return n - uint8(periods)
}

// makeRoom evicts until no more than the limit is in use, and reports whether
// that is so. The caller holds nothing.
func (e *Engine) makeRoom() bool {
	if !e.OverLimit() || e.still.Load() || e.replica.Load() && !e.replicaEvicts.Load() {
		return true
	}
	p := e.Policy()
	if p == NoEviction {
		return false
	}
	defer e.worked("eviction-cycle", time.Now())
	for e.OverLimit() {
		if !e.evictOne(p) {
			return false
		}
	}
	return true
}

// OverLimit reports whether more memory is in use than allowed.
func (e *Engine) OverLimit() bool {
	limit := e.memory.max.Load()
	return limit != 0 && e.memory.used.Load()+e.memory.extra.Load() > limit
}

// evictOne deletes one key, and reports whether there was one that may go.
func (e *Engine) evictOne(p Policy) bool {
	for {
		k, ok := e.victim(p)
		if !ok {
			return false
		}
		if done, err := e.evict(k); done || err != nil {
			return done
		}
	}
}

// victim chooses a key: the best of the pool after some more samples.
func (e *Engine) victim(p Policy) (dbKey, bool) {
	m := &e.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	for range m.samples.Load() {
		if c, ok := e.sample(p); ok {
			m.offer(c)
		}
	}
	if n := len(m.pool); n > 0 {
		k := m.pool[n-1].key
		m.pool = m.pool[:n-1]
		return k, true
	}
	return dbKey{}, false
}

// offer puts a candidate into the pool, which is ordered by score, if it is
// better than another or there is room.
func (m *memory) offer(c candidate) {
	i := len(m.pool)
	for i > 0 && m.pool[i-1].score > c.score {
		i--
	}
	for j := range m.pool {
		if m.pool[j].key == c.key {
			return
		}
	}
	switch {
	case len(m.pool) < poolSize:
		m.pool = append(m.pool, candidate{})
		copy(m.pool[i+1:], m.pool[i:])
		m.pool[i] = c
	case i > 0:
		copy(m.pool[:i-1], m.pool[1:i])
		m.pool[i-1] = c
	}
}

// sample looks at one random key.
func (e *Engine) sample(p Policy) (c candidate, ok bool) {
	first := int(e.random() % numShards)
	for i := range numShards {
		if c, ok = e.sampleShard((first+i)%numShards, p); ok {
			return c, true
		}
	}
	return c, false
}

func (e *Engine) sampleShard(shard int, p Policy) (c candidate, ok bool) {
	sh := &e.shards[shard]
	if sh.used.Load() == 0 {
		return c, false
	}
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	first := int(e.random() % uint64(e.databases))
	for i := range e.databases {
		db := (first + i) % e.databases
		tab := e.tables[db][shard]
		if tab == nil || tab.Len() == 0 {
			continue
		}
		h := tab.Random
		if p.volatile() {
			h = tab.RandomExpiring
		}
		if h := h(e.random); h != 0 {
			return candidate{cloneKey(dbKey{db, tab.Key(h)}), e.score(p, tab, h)}, true
		}
	}
	return c, false
}

func (e *Engine) score(p Policy, tab *hashtable.Table, h hashtable.Handle) uint64 {
	switch p {
	case AllKeysRandom, VolatileRandom:
		return 0
	case VolatileTTL:
		return uint64(MaxExpireAt - tab.ExpireAt(h))
	case AllKeysLFU, VolatileLFU:
		return uint64(255 - e.Frequency(tab.Clock(h)))
	default:
		return uint64(e.Idle(tab.Clock(h)))
	}
}

// evict deletes a key, unless it is gone already or may no longer go. The error is that
// nothing may be deleted.
func (e *Engine) evict(k dbKey) (done bool, err error) {
	t := e.newTxn(e.self, k.db)
	t.excl, t.write = true, true
	t.keys.Write(k.key)
	at := t.keys.list[0]
	if err := t.acquire(lockSet{}); err != nil {
		return false, err
	}
	t.done = true
	defer t.finish()
	tab, h := t.lookup(&at)
	if h == 0 || e.Policy().volatile() && tab.ExpireAt(h) == 0 {
		return false, nil
	}
	t.publish(&at, tab, h, 0)
	t.record(&at, 'e', "evicted", []string{"DEL", at.key})
	t.counts.evicted.Add(1)
	return true, nil
}

// random returns 64 random bits.
func (e *Engine) random() uint64 { return rand.Uint64() }

// MaxString is the length in bytes of the longest string: proto-max-bulk-len.
func (e *Engine) MaxString() int64 { return e.memory.maxString.Load() }

// SetMaxString sets the length in bytes of the longest string.
func (e *Engine) SetMaxString(n int64) { e.memory.maxString.Store(min(n, math.MaxInt)) }

// SetMaxQueue sets how many bytes of commands a connection may queue between
// MULTI and EXEC; 0 means no limit.
func (e *Engine) SetMaxQueue(n int64) { e.memory.maxQueue.Store(n) }

// SparseHLL is the number of bytes up to which a HyperLogLog is sparse.
func (e *Engine) SparseHLL() int { return int(e.memory.sparseHLL.Load()) }

// SetSparseHLL sets the number of bytes up to which a HyperLogLog is sparse.
func (e *Engine) SetSparseHLL(n int64) { e.memory.sparseHLL.Store(min(n, math.MaxInt)) }
