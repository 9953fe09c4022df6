package engine

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sharedLanes is how many sets of counters the sessions share, so that procs do not
// fight for one cache line.
const sharedLanes = 8

var lastLane atomic.Uint32

func nextLane() uint8 { return uint8(lastLane.Add(1) % sharedLanes) }

// stats are what INFO tells about the past.
type stats struct {
	shared  [sharedLanes]lane
	owned   *laneList
	broken  atomic.Bool
	blocked atomic.Int64 // sessions that wait now
	timed   atomic.Int64 // of them, those that wait until some time

	mu     sync.Mutex // guards following
	errors map[string]int64
	total  int64 // error replies

	straight straightCount // before the last reset
}

// A laneList has the lanes of transactions. A Txn has a lane of its own for as long
// as it lives, in the pool or out of it, and counts in it without the cost of an
// atomic addition. The list does not refer to the engine, since what gives a lane
// back when its Txn is collected must not keep that alive.
type laneList struct {
	mu        sync.Mutex // guards following
	all, free []*lane
	commands  int
}

func (ls *laneList) take() *lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if n := len(ls.free); n > 0 {
		l := ls.free[n-1]
		ls.free = ls.free[:n-1]
		return l
	}
	l := &lane{commands: make([]atomic.Pointer[commandCount], ls.commands)}
	ls.all = append(ls.all, l)
	return l
}

func (ls *laneList) give(l *lane) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.free = append(ls.free, l)
}

// lanes are all there are.
func (s *stats) lanes() (all []*lane) {
	for i := range s.shared {
		all = append(all, &s.shared[i])
	}
	s.owned.mu.Lock()
	defer s.owned.mu.Unlock()
	return append(all, s.owned.all...)
}

// A lane is one share of the counters.
type lane struct {
	hits, misses     atomic.Int64 // besides those in commands
	expired, evicted atomic.Int64
	commands         []atomic.Pointer[commandCount]

	_ [64]byte
}

// A commandCount is what is counted of one command. To count a call costs one
// addition in most cases: a lookup that hit, or missed, and the call that made it
// are counted as one.
type commandCount struct {
	calls, hitCalls, missCalls tally
	micros, rejected, failed   atomic.Int64
}

func (c *commandCount) all() int64 { return c.calls.Load() + c.hitCalls.Load() + c.missCalls.Load() }

func (s *stats) init() {
	s.errors = map[string]int64{}
	n := int(lastID.Load()) + 1
	for i := range s.shared {
		s.shared[i].commands = make([]atomic.Pointer[commandCount], n)
	}
	s.owned = &laneList{commands: n}
}

func (l *lane) of(o *Spec) *commandCount {
	if o.id >= len(l.commands) {
		return new(commandCount) // declared after the engine was made
	}
	p := &l.commands[o.id]
	if c := p.Load(); c != nil {
		return c
	}
	p.CompareAndSwap(nil, new(commandCount))
	return p.Load()
}

// count counts a call that was run, with its lookups.
func (t *Txn) count(o *Spec, err error) {
	var c *commandCount
	if all := t.counts.commands; o.id < len(all) {
		c = all[o.id].Load()
	}
	if c == nil {
		if o.id == 0 {
			return // no command, but a part of one
		}
		c = t.counts.of(o)
	}
	switch {
	case t.hits == 1 && t.misses == 0 && err == nil:
		c.hitCalls.own()
		return
	case t.hits == 0 && t.misses == 1 && err == ErrNil:
		c.missCalls.own()
		return
	case err == errBlock:
		return // it will be run again
	}
	if t.hits|t.misses != 0 {
		t.counts.hits.Add(int64(t.hits))
		t.counts.misses.Add(int64(t.misses))
	}
	if c.calls.own(); err != nil && err != ErrNil {
		c.failed.Add(1)
		t.e.stats.failed(wireText(err))
	}
}

// count counts a call that was run.
func (s *stats) count(l uint8, o *Spec, err error) {
	c := s.shared[l].of(o)
	if c.calls.Add(1); err != nil && err != ErrNil {
		c.failed.Add(1)
		s.failed(wireText(err))
	}
}

// rejected counts a call that was not run.
func (s *stats) rejected(l uint8, o *Spec, err error) {
	s.shared[l].of(o).rejected.Add(1)
	s.failed(wireText(err))
}

// took adds to the time that a command has used.
func (s *stats) took(l uint8, o *Spec, d time.Duration) {
	s.shared[l].of(o).micros.Add(d.Microseconds())
}

// failed counts an error reply by its code.
func (s *stats) failed(text string) {
	code, _, _ := strings.Cut(text, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total++
	if _, known := s.errors[code]; known || len(s.errors) < 128 {
		s.errors[code]++
	}
}

// CommandStats is what INFO commandstats says of one command.
type CommandStats struct {
	Calls, Rejected, Failed int64
	Time                    time.Duration
}

// Stats is what the engine has counted since it was opened, or since the last
// ResetStats.
type Stats struct {
	Hits, Misses     int64
	Expired, Evicted int64
	Blocked          int64 // commands that wait now
	Timed            int64 // of them, those that will not wait for ever
	ErrorReplies     int64
	Errors           map[string]int64 // by code
	Commands         map[string]CommandStats
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	s := &e.stats
	out := Stats{Commands: map[string]CommandStats{}, Errors: map[string]int64{}, Blocked: s.blocked.Load(), Timed: s.timed.Load()}
	lanes := s.lanes()
	for _, l := range lanes {
		out.Hits += l.hits.Load()
		out.Misses += l.misses.Load()
		out.Expired += l.expired.Load()
		out.Evicted += l.evicted.Load()
		for j := range l.commands {
			if c := l.commands[j].Load(); c != nil {
				out.Hits += c.hitCalls.Load()
				out.Misses += c.missCalls.Load()
			}
		}
	}
	for name, c := range e.Commands() {
		var sum CommandStats
		for _, l := range lanes {
			if id := c.Info().id; id < len(l.commands) {
				if n := l.commands[id].Load(); n != nil {
					sum.Calls += n.all()
					sum.Rejected += n.rejected.Load()
					sum.Failed += n.failed.Load()
					sum.Time += time.Duration(n.micros.Load()) * time.Microsecond
				}
			}
		}
		if sum != (CommandStats{}) {
			out.Commands[name] = sum
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.addStraight(e.straightCalls(), s.straight)
	out.ErrorReplies = s.total
	for code, n := range s.errors {
		out.Errors[code] = n
	}
	return out
}

// ResetStats sets the counters to zero.
func (e *Engine) ResetStats() {
	s := &e.stats
	for _, l := range s.lanes() {
		l.hits.Store(0)
		l.misses.Store(0)
		l.expired.Store(0)
		l.evicted.Store(0)
		for j := range l.commands {
			l.commands[j].Store(nil)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.straight = e.straightCalls()
	s.total = 0
	clear(s.errors)
}

// Took adds d to the time that the command has used on behalf of s.
func (s *Session) Took(o *Spec, d time.Duration) { s.e.stats.took(s.lane, o, d) }
