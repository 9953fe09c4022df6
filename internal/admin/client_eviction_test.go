package admin_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What maxmemory-clients does with peers that only say how large their buffers are. The
// package redcon_server tries it with real ones.

// wait waits for what is done in a goroutine of its own.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func killed(p *peer) bool { return p.ctx.Err() != nil }

func (p *peer) grow(n int) {
	p.queued.Store(int64(n))
	p.conn.Grew(true)
}

func TestClientEvictionOrder(t *testing.T) {
	s := open(t, "maxmemory-clients", "1mb")
	me := s.peer(t)
	var peers []*peer
	for i := range 5 {
		p := s.peer(t)
		p.grow(100_000 + i*1000)
		peers = append(peers, p)
	}
	large, largest := s.peer(t), s.peer(t)
	large.grow(250_000)
	for p := range 8 {
		if p < len(peers) && killed(peers[p]) {
			t.Fatalf("client %d is evicted within the limit", p)
		}
	}
	largest.grow(300_000)
	wait(t, "the largest to be evicted", func() bool { return killed(largest) })
	if killed(large) {
		t.Error("the second largest is evicted though the rest is within the limit")
	}
	if got := field(verbatim(me.Do("INFO", "stats")), "evicted_clients", ":"); got != "1" {
		t.Errorf("evicted_clients = %s, want 1", got)
	}
	me.Do("CONFIG", "SET", "maxmemory-clients", "600k")
	wait(t, "the second largest to be evicted", func() bool { return killed(large) })
	me.Do("CONFIG", "SET", "maxmemory-clients", "320k")
	wait(t, "the next two to be evicted", func() bool { return killed(peers[4]) && killed(peers[3]) })
	me.Do("PING")
	for i, p := range peers[:3] {
		if killed(p) {
			t.Errorf("client %d is evicted within the limit", i)
		}
	}
	if got := field(verbatim(me.Do("INFO", "stats")), "evicted_clients", ":"); got != "4" {
		t.Errorf("evicted_clients = %s, want 4", got)
	}
	me.Do("CONFIG", "RESETSTAT")
	if got := field(verbatim(me.Do("INFO", "stats")), "evicted_clients", ":"); got != "0" {
		t.Errorf("evicted_clients = %s after RESETSTAT, want 0", got)
	}
	me.Do("CONFIG", "SET", "maxmemory-clients", "0")
	peers[0].grow(1 << 30)
	peers[0].Do("PING")
	if killed(peers[0]) {
		t.Error("a client is evicted without a limit")
	}
}

// However many there are, a large one is found at once, and those of its size are ended
// before smaller ones.
func TestClientEvictionOfMany(t *testing.T) {
	s := open(t, "maxmemory-clients", "20mb")
	var small, large []*peer
	for i := range 1000 {
		p := s.peer(t)
		if i%10 == 0 {
			p.grow(150_000)
			large = append(large, p)
		} else {
			p.grow(2000)
			small = append(small, p)
		}
	}
	me := s.peer(t)
	me.Do("CLIENT", "NO-EVICT", "on")
	me.Do("CONFIG", "SET", "maxmemory-clients", "10mb")
	left := func(of []*peer) (n int) {
		for _, p := range of {
			if !killed(p) {
				n++
			}
		}
		return n
	}
	const base = 2048
	rest := (10<<20 - base - 900*(base+2000)) / (base + 150_000)
	wait(t, "most of the large ones to be evicted", func() bool { return left(large) == rest })
	if left(small) != len(small) {
		t.Errorf("%d small ones are evicted", len(small)-left(small))
	}
	for _, p := range large {
		p.grow(0) // what is left of them has been read meanwhile
	}
	small[0].grow(6 << 20)
	me.Do("PING")
	if killed(small[0]) {
		t.Error("it counts what clients have no longer")
	}
	me.Do("CONFIG", "SET", "maxmemory-clients", "128k")
	wait(t, "all to be evicted", func() bool { return left(small)+left(large) < 100 })
}

// Its own command may make a client the largest: it ends before it is answered again.
func TestClientEvictsItself(t *testing.T) {
	s := open(t, "maxmemory-clients", "200k")
	p := s.peer(t)
	p.queued.Store(300_000)
	p.raw("PING")
	if !killed(p) {
		t.Error("a client past the limit by itself goes on")
	}
	if q := s.peer(t); q.text("PING") != "PONG" || killed(q) {
		t.Error("the next one is not served")
	}
}

// A limit below 128 KB is one of 128 KB, or nobody could take it back.
func TestClientEvictionLeast(t *testing.T) {
	s := open(t, "maxmemory-clients", "1")
	p := s.peer(t)
	p.queued.Store(100_000)
	if p.raw("PING"); killed(p) {
		t.Error("a client of 100 KB is evicted")
	}
	p.queued.Store(140_000)
	if p.raw("PING"); !killed(p) {
		t.Error("a client of 140 KB is not evicted")
	}
}

func TestClientEvictionShare(t *testing.T) {
	s := open(t, "maxmemory-clients", "10%")
	p := s.peer(t)
	p.queued.Store(50 << 20)
	if p.raw("PING"); killed(p) {
		t.Error("a share of no maxmemory is a limit")
	}
	p.queued.Store(1 << 20)
	p.raw("CONFIG", "SET", "maxmemory", "20mb")
	if p.raw("PING"); killed(p) {
		t.Error("1 MB of 2 MB is too much")
	}
	p.raw("CONFIG", "SET", "maxmemory", "5mb")
	wait(t, "1 MB of 512 KB to be too much", func() bool { return killed(p) })
}

// NO-EVICT, replicas and primaries are spared. What the first has counts all the same,
// so others go in its place; the other two do not count.
func TestClientEvictionSpares(t *testing.T) {
	s := open(t, "maxmemory-clients", "1mb")
	safe := s.peer(t)
	safe.Do("CLIENT", "NO-EVICT", "on")
	safe.grow(900_000)
	other := s.peer(t)
	other.grow(300_000)
	wait(t, "the other to be evicted", func() bool { return killed(other) })
	safe.grow(3 << 20)
	safe.Do("PING")
	safe.Do("PING")
	if killed(safe) {
		t.Error("who asked not to be evicted is")
	}
	safe.grow(0)
	safe.Do("CLIENT", "NO-EVICT", "off")
	next := s.peer(t)
	next.grow(800_000)
	next.Do("PING")
	if killed(next) {
		t.Error("what a client has no longer still counts")
	}
	safe.grow(2 << 20)
	wait(t, "it to be evicted without NO-EVICT", func() bool { return killed(safe) })
	if killed(next) {
		t.Error("a smaller one is evicted too")
	}
}

// All that a client may pile up counts.
func TestClientMemory(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, script := range map[string]func(p *peer){
		"MULTI": func(p *peer) {
			p.raw("MULTI")
			for range 300 {
				p.raw("SET", "k", long)
			}
		},
		"WATCH": func(p *peer) {
			for i := range 300 {
				p.raw("WATCH", strconv.Itoa(i)+long)
			}
		},
		"SUBSCRIBE": func(p *peer) {
			for i := range 300 {
				p.raw("SUBSCRIBE", strconv.Itoa(i)+long)
			}
		},
		"prefixes": func(p *peer) {
			words := []string{"CLIENT", "TRACKING", "ON", "BCAST"}
			for i := range 300 {
				words = append(words, "PREFIX", fmt.Sprintf("%03d%s", i, long))
			}
			p.raw("HELLO", "3")
			p.raw(words...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			me, p := s.peer(t), s.peer(t)
			size := func() int {
				n, _ := strconv.Atoi(field(verbatim(me.Do("CLIENT", "LIST", "ID", "2")), "tot-mem", "="))
				return n
			}
			before := size()
			script(p)
			if got := size() - before; got < 300_000 || got > 500_000 {
				t.Errorf("tot-mem has grown by %d, want about 300,000", got)
			}
			p.raw("RESET")
			if got := size() - before; got != 0 {
				t.Errorf("%d of it are left after RESET", got)
			}
			me.raw("CLIENT", "NO-EVICT", "on")
			me.raw("CONFIG", "SET", "maxmemory-clients", "200k")
			script(p)
			if !killed(p) {
				t.Error("it does not count for maxmemory-clients")
			}
		})
	}
}
