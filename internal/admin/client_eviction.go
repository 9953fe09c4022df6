package admin

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Connections that take too much memory together: maxmemory-clients.
//
//	counted  what a connection takes, as far as the sum knows; every command of its
//	         own brings it up to date, and so does what fills its buffers meanwhile
//	used     the sum over all connections that the limit is about: those of ordinary
//	         clients and of subscribers. While there is no limit it stands still
//	evict    ends the largest first, until the sum is within the limit
//
// Where somebody else's goroutine fills a buffer (a message to a subscriber) locks are
// held, and to end a connection takes some: so that is left to a goroutine of its own.
// An eviction ends the connection at once: a reply to say so would wait in the very
// buffer that is too large.

// minClientMemory is the least that a limit means: below it nobody could say that it was
// a mistake. Redis has the same.
const minClientMemory = 128 << 10

// hopelessFor is how long after all were ended that may be, and the rest was still too
// much, somebody looks again: not with each command that such a rest runs.
const hopelessFor = 100 * time.Millisecond

// A clientMemory is what connections take together.
type clientMemory struct {
	limit   atomic.Int64 // bytes; 0: none
	used    atomic.Int64
	evicted atomic.Int64 // connections, since the start
	under   atomic.Bool  // evict is about to be called, or is being called, aside

	evicting sync.Mutex // guards following; held while connections are ended
	hopeless time.Time  // when all were ended that may be, and it was not enough
	again    bool       // a timer looks again
	told     bool       // of that, in the log
}

// obeyClientMemory follows maxmemory-clients, which may be a share of maxmemory. Without
// maxmemory a share is no limit.
func (s *Server) obeyClientMemory() {
	limit := s.conf.Int("maxmemory-clients")
	if limit < 0 {
		limit = int64(float64(s.conf.Bytes("maxmemory")) * float64(-limit) / 100)
	}
	if limit > 0 {
		limit = max(limit, minClientMemory)
	}
	m := &s.clientMemory
	m.limit.Store(limit)
	if limit == 0 {
		return
	}
	m.evicting.Lock()
	m.hopeless, m.told = time.Time{}, false
	m.evicting.Unlock()
	for _, c := range s.list() {
		c.recount()
	}
	s.evictAside()
}

// Grew says that the connection's buffers may have grown otherwise than by a command of
// its own. Any goroutine may call it; locked says that it may hold locks, so that what is
// too much is ended in another one.
func (c *Client) Grew(locked bool) {
	switch {
	case c.srv.clientMemory.limit.Load() == 0 || !c.recount():
	case locked:
		c.srv.evictAside()
	default:
		c.srv.evict()
	}
}

// makeRoom is called before each command: while connections are ended because they have
// too much, others, of which there may be many, do not go on to take more.
func (s *Server) makeRoom() {
	if m := &s.clientMemory; m.used.Load() > m.limit.Load() {
		s.evict()
	}
}

// weigh is called behind each command of the client's, when it holds no lock.
func (c *Client) weigh() {
	if c.recount() {
		c.srv.evict()
	}
}

// recount brings the sum up to date, and reports whether it is past the limit.
func (c *Client) recount() (over bool) {
	m, n := &c.srv.clientMemory, int64(0)
	if k := c.class(); k == classNormal || k == classPubSub {
		n = c.memory(c.t.Sizes())
	}
	for {
		was := c.counted.Load()
		if was < 0 {
			break // uncount was here
		}
		if c.counted.CompareAndSwap(was, n) {
			m.used.Add(n - was)
			break
		}
	}
	limit := m.limit.Load()
	return limit != 0 && m.used.Load() > limit
}

// uncount takes the client out of the sum, for good.
func (c *Client) uncount() {
	if was := c.counted.Swap(-1); was > 0 {
		c.srv.clientMemory.used.Add(-was)
	}
}

// evictAside evicts in another goroutine, of which there is one at most.
func (s *Server) evictAside() {
	m := &s.clientMemory
	if m.used.Load() <= m.limit.Load() || m.under.Swap(true) {
		return
	}
	s.engine.Go(func() {
		m.under.Store(false) // what comes from now on may be too late for this one
		s.evict()
	})
}

// evict ends connections, the largest first, until the rest is within the limit. Those
// that asked not to be evicted are spared, though their memory counts; replicas and
// primaries do not even count.
func (s *Server) evict() {
	m := &s.clientMemory
	m.evicting.Lock()
	defer m.evicting.Unlock()
	limit := m.limit.Load()
	if limit == 0 || m.used.Load() <= limit {
		m.again, m.told = false, false
		return
	}
	if left := hopelessFor - time.Since(m.hopeless); !m.hopeless.IsZero() && left > 0 {
		if !m.again {
			m.again = true
			time.AfterFunc(left, s.evict)
		}
		return
	}
	m.again = false
	type candidate struct {
		c *Client
		n int64
	}
	var candidates []candidate
	for _, c := range s.list() {
		c.recount()
		if n := c.counted.Load(); n > 0 && !c.noEvict.Load() {
			candidates = append(candidates, candidate{c, n})
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return cmp.Compare(b.n, a.n) })
	for _, v := range candidates {
		if m.used.Load() <= limit {
			break
		}
		s.log.Info("Evicting client: " + v.c.Describe())
		v.c.Kill()
		m.evicted.Add(1)
	}
	if m.used.Load() <= limit {
		m.hopeless, m.told = time.Time{}, false
		return
	}
	m.hopeless = time.Now()
	if !m.told { // once: it may be so for long, and commands go on
		m.told = true
		s.log.Warn("Over client maxmemory after evicting all evictable clients")
	}
}
