package admin

import (
	"container/list"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// Connections that take too much memory together: maxmemory-clients.
//
//	counted  what a connection takes, as far as the sum knows; every command of its own
//	         brings it up to date, and so does what fills or empties its buffers meanwhile
//	used     the sum over all connections that the limit is about: those of ordinary
//	         clients and of subscribers. While there is no limit it stands still
//	sizes    the connections that may be ended, those of about one size together, so
//	         that a large one is found at once, however many there are
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

	mu    sync.Mutex             // guards following; the innermost lock
	sizes [sizeClasses]list.List // of *Client
}

// Connections of a size class take less than twice what others of it do; what is below
// the second is in the first, whatever is above the last in the last.
const sizeClasses = 20

// sizeClassOf is the size class of n bytes, -1 for none.
func sizeClassOf(n int64) int {
	if n <= 0 {
		return -1
	}
	return min(bits.Len64(uint64(n/(2*clientBase))), sizeClasses-1)
}

// aboutTheLargest is how many of the largest size class are compared for the largest.
const aboutTheLargest = 64

// largest is the connection to end first, as far as counted tells; nil if none may be.
func (m *clientMemory) largest() *Client {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.sizes) - 1; i >= 0; i-- {
		var most *Client
		for e, n := m.sizes[i].Front(), 0; e != nil && n < aboutTheLargest; e, n = e.Next(), n+1 {
			if c := e.Value.(*Client); most == nil || c.counted.Load() > most.counted.Load() {
				most = c
			}
		}
		if most != nil {
			return most
		}
	}
	return nil
}

// place puts a connection where it belongs in sizes. It is called behind whatever may
// have changed that.
func (m *clientMemory) place(c *Client) {
	m.mu.Lock()
	defer m.mu.Unlock()
	to := -1
	if !c.noEvict.Load() {
		to = sizeClassOf(c.counted.Load())
	}
	if c.sized != nil {
		if to == c.size {
			return
		}
		m.sizes[c.size].Remove(c.sized)
		c.sized = nil
	}
	if to >= 0 {
		c.size, c.sized = to, m.sizes[to].PushBack(c)
	}
}

// setNoEvict has the connection spared, or not.
func (c *Client) setNoEvict(on bool) {
	c.noEvict.Store(on)
	c.srv.clientMemory.place(c)
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

// Grew says that the connection's buffers may have grown, or shrunk, otherwise than by a
// command of its own. Any goroutine may call it; locked says that it may hold locks, so
// that what is too much is ended in another one.
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
			if sizeClassOf(n) != sizeClassOf(was) {
				m.place(c)
			}
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
		c.srv.clientMemory.place(c)
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
	for all := false; m.used.Load() > limit; {
		c := m.largest()
		switch {
		case c != nil:
			s.evictOne(c, limit)
			continue
		case all:
			m.hopelessLocked(s)
			return
		}
		all = true
		for _, c := range s.list() {
			c.recount()
		}
	}
	m.hopeless, m.told = time.Time{}, false
}

// evictOne ends the connection that is the largest, unless it has become smaller since it
// was last looked at.
func (s *Server) evictOne(c *Client, limit int64) {
	m := &s.clientMemory
	was := sizeClassOf(c.counted.Load())
	c.recount()
	if is := sizeClassOf(c.counted.Load()); is < was || is < 0 || m.used.Load() <= limit {
		m.place(c)
		return
	}
	s.log.Info("Evicting client: " + c.Describe())
	c.Kill()
	m.evicted.Add(1)
}

// hopelessLocked takes note that all were ended that may be, and that it was not enough.
func (m *clientMemory) hopelessLocked(s *Server) {
	m.hopeless = time.Now()
	if !m.told { // once: it may be so for long, and commands go on
		m.told = true
		s.log.Warn("Over client maxmemory after evicting all evictable clients")
	}
}
