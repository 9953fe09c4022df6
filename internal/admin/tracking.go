package admin

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/larderdb/larder/internal/engine"
)

// Client-side caching: a client that tracks is told when what it has read is not so
// any more.
//
//	table     which clients have read a key, by its name alone: the logical database
//	          does not matter. A key leaves it with its first invalidation
//	prefix    what a client in broadcasting mode wants to hear of, read or not
//	redirect  the client that hears of it instead: for RESP2, where that one subscribes
//
// A read registers its keys under its shards' locks, and a write invalidates them under
// its own: so no value is remembered after the invalidation of the one before. The
// journal is heard only while somebody tracks.
//
// Lock order: shards, journal, tracking.mu, Server.mu, Client.mu, a connection's
// output.

// invalidateChannel is the channel that RESP2 clients hear invalidations on.
const invalidateChannel = "__redis__:invalidate"

// A trackMode is what CLIENT TRACKING chose.
type trackMode struct {
	on, bcast, optIn, optOut, noLoop bool
	redirect                         int64 // a client's ID, 0: itself
}

// prefixBase is what a prefix of a client's takes besides its bytes.
const prefixBase = 64

// A track is the part of a Client that is about tracking.
type track struct {
	asked bool // CLIENT CACHING spoke of the next command; the connection's goroutine's

	prefixBytes atomic.Int64 // of prefixes, for others to read

	// Guarded by tracking.mu; the connection's goroutine alone writes to it, until the
	// client has hung up:
	trackMode
	broken   bool // the client that it redirects to is gone
	gone     bool // it has hung up
	prefixes []string
}

// tracking is who has read what, and who wants to know.
type tracking struct {
	srv     *Server
	maxKeys atomic.Int64 // tracking-table-max-keys; 0: no limit

	settling sync.Mutex // held while it begins and ends to hear the journal
	hears    bool

	mu       sync.Mutex // guards following
	clients  map[int64]*Client
	keys     map[string]*readers
	keyBytes int64 // about what keys take, without their readers
	items    int
	prefixes map[string]map[*Client]bool
	lengths  []int // of prefixes, each once
}

// readers are the clients that have read a key, by ID: few are in a list. Those that
// track no more stay until the key is invalidated, or until they are many.
type readers struct {
	few  []int64
	many map[int64]bool // instead, when it is not nil
	room int            // of many, before those gone are looked for
}

// fewReaders is up to where a look through a list costs less than a map: it is what
// most connection pools have.
const fewReaders = 64

// settle hears the journal if anybody tracks. The caller holds no lock. It reports
// whether it has just begun.
func (tr *tracking) settle() (began bool) {
	tr.settling.Lock()
	defer tr.settling.Unlock()
	tr.mu.Lock()
	wanted := len(tr.clients) != 0
	tr.mu.Unlock()
	switch e := tr.srv.engine; {
	case wanted && !tr.hears:
		tr.hears = e.Subscribe(tr) == nil
		return tr.hears
	case !wanted && tr.hears:
		tr.hears = e.Unsubscribe(tr) != nil
	}
	return false
}

// enable turns tracking on for c, or changes its mode.
func (tr *tracking) enable(c *Client, m trackMode, prefixes []string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	t := &c.track
	if t.gone {
		return
	}
	m.on = true
	t.trackMode, t.broken = m, false
	if tr.clients == nil {
		tr.clients, tr.keys, tr.prefixes = map[int64]*Client{}, map[string]*readers{}, map[string]map[*Client]bool{}
	}
	tr.clients[c.ID] = c
	if !m.bcast {
		return
	}
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	for _, p := range prefixes {
		p = strings.Clone(p)
		if !slices.Contains(t.prefixes, p) {
			t.prefixes = append(t.prefixes, p)
			t.prefixBytes.Add(prefixBase + int64(len(p)))
		}
		if tr.prefixes[p] == nil {
			tr.prefixes[p] = map[*Client]bool{}
			tr.prefixesChangedLocked()
		}
		tr.prefixes[p][c] = true
	}
	slices.Sort(t.prefixes)
}

// disable turns tracking off for c. What it has read stays in the table.
func (tr *tracking) disable(c *Client, gone bool) (was bool) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	t := &c.track
	for _, p := range t.prefixes {
		if delete(tr.prefixes[p], c); len(tr.prefixes[p]) == 0 {
			delete(tr.prefixes, p)
			tr.prefixesChangedLocked()
		}
	}
	was = t.on
	delete(tr.clients, c.ID)
	t.trackMode, t.broken, t.prefixes = trackMode{}, false, nil
	t.prefixBytes.Store(0)
	t.gone = t.gone || gone
	return was
}

func (tr *tracking) prefixesChangedLocked() {
	lengths := map[int]bool{}
	for p := range tr.prefixes {
		lengths[len(p)] = true
	}
	tr.lengths = slices.Sorted(maps.Keys(lengths))
}

// read registers what a client has read. The keys' shards are held.
func (tr *tracking) read(c *Client, k *engine.KeySet) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	added := 0
	k.Each(func(key string) {
		r := tr.keys[key]
		if r == nil {
			r = &readers{}
			tr.keys[strings.Clone(key)] = r
			tr.keyBytes += trackedKeyBase + int64(len(key))
			added++
		}
		tr.items += r.add(c.ID, tr.clients)
	})
	// The table is brought down by and by where it is far too big, because its limit
	// was.
	limit := int(tr.maxKeys.Load())
	for n := 100 + 2*added; limit > 0 && len(tr.keys) > limit && n > 0; n-- {
		for key := range tr.keys { // any
			tr.invalidateLocked(nil, key)
			break
		}
	}
}

// add adds a reader, and returns by how many there are more: where there were many,
// and those that track no more are left out now, less than none.
func (r *readers) add(id int64, live map[int64]*Client) int {
	if r.many == nil {
		if slices.Contains(r.few, id) {
			return 0
		}
		was := len(r.few)
		if was == fewReaders {
			r.few = slices.DeleteFunc(r.few, func(id int64) bool { return live[id] == nil })
		}
		if len(r.few) < fewReaders {
			r.few = append(r.few, id)
			return len(r.few) - was
		}
		r.many, r.room = map[int64]bool{}, 4*fewReaders
		for _, id := range r.few {
			r.many[id] = true
		}
		r.few = nil
	}
	was := len(r.many)
	if r.many[id] = true; len(r.many) > r.room {
		maps.DeleteFunc(r.many, func(id int64, _ bool) bool { return live[id] == nil })
		r.room = max(4*fewReaders, 2*len(r.many))
	}
	return len(r.many) - was
}

// all calls f with each reader, and returns how many there are.
func (r *readers) all(f func(id int64)) int {
	for _, id := range r.few {
		f(id)
	}
	for id := range r.many {
		f(id)
	}
	return len(r.few) + len(r.many)
}

// Effects invalidates what a transaction has changed.
func (tr *tracking) Effects(by *engine.Session, _ int64, batch []engine.Effect) {
	writer := client(by)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var broadcast map[string][]string // keys by prefix
	flushed := false
	for i := range batch {
		e := &batch[i]
		switch {
		case e.Flushed && !flushed: // of FLUSHALL, once for all databases
			tr.flushLocked()
		case e.Modified:
			tr.invalidateLocked(writer, e.Key)
			broadcast = tr.collectLocked(broadcast, e.Key)
		}
		flushed = e.Flushed
	}
	if broadcast != nil {
		tr.broadcastLocked(writer, broadcast)
	}
}

// invalidateLocked tells those who have read a key.
func (tr *tracking) invalidateLocked(writer *Client, key string) {
	r := tr.keys[key]
	if r == nil {
		return
	}
	delete(tr.keys, key)
	tr.keyBytes -= trackedKeyBase + int64(len(key))
	note := invalidation{keys: []string{key}}
	tr.items -= r.all(func(id int64) {
		if c := tr.clients[id]; c != nil && !c.track.bcast && (c != writer || !c.track.noLoop) {
			tr.sendLocked(c, &note)
		}
	})
}

// flushLocked tells everybody to forget everything.
func (tr *tracking) flushLocked() {
	tr.keys = map[string]*readers{} // one that was cleared would keep its room
	tr.keyBytes, tr.items = 0, 0
	note := invalidation{all: true}
	for _, c := range tr.clients {
		tr.sendLocked(c, &note)
	}
}

// collectLocked adds a changed key to the prefixes that it begins with.
func (tr *tracking) collectLocked(changed map[string][]string, key string) map[string][]string {
	for _, n := range tr.lengths {
		if n > len(key) {
			break
		}
		if p := key[:n]; tr.prefixes[p] != nil {
			if changed == nil {
				changed = map[string][]string{}
			}
			changed[p] = append(changed[p], key)
		}
	}
	return changed
}

// broadcastLocked tells who wants to hear of prefixes, once a transaction for each.
func (tr *tracking) broadcastLocked(writer *Client, changed map[string][]string) {
	for _, p := range slices.Sorted(maps.Keys(changed)) {
		keys := changed[p]
		sort.Strings(keys)
		note := invalidation{keys: slices.Compact(keys)}
		for c := range tr.prefixes[p] {
			if c != writer || !c.track.noLoop {
				tr.sendLocked(c, &note)
			}
		}
	}
}

// An invalidation is what is sent, in the forms that were needed so far.
type invalidation struct {
	keys    []string
	all     bool // all keys there are
	push    []byte
	message []byte
}

// pushFrame is the push of RESP3.
func (n *invalidation) pushFrame() []byte {
	if n.push == nil {
		w := engine.Reply{Proto: 3}
		w.Push(2)
		w.Bulk("invalidate")
		n.writeKeys(&w)
		n.push = w.Buf
	}
	return n.push
}

// messageFrame is the message of RESP2.
func (n *invalidation) messageFrame() []byte {
	if n.message == nil {
		w := engine.Reply{Proto: 2}
		w.Array(3)
		w.Bulk("message")
		w.Bulk(invalidateChannel)
		n.writeKeys(&w)
		n.message = w.Buf
	}
	return n.message
}

func (n *invalidation) writeKeys(w *engine.Reply) {
	if n.all {
		w.Null()
		return
	}
	w.Array(len(n.keys))
	for _, key := range n.keys {
		w.Bulk(key)
	}
}

// sendLocked tells c, or whom it redirects to. Who cannot be told, because RESP2 has
// no pushes and it does not subscribe to anything, is not.
func (tr *tracking) sendLocked(c *Client, n *invalidation) {
	to := c
	if id := c.track.redirect; id != 0 {
		if to = tr.srv.clientByID(id); to == nil {
			c.track.broken = true
			w := engine.Reply{Proto: 3}
			w.Push(2)
			w.Bulk("tracking-redir-broken")
			w.Int(id)
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.proto == 3 {
				c.pushLocked(w.Buf, true)
			}
			return
		}
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	switch {
	case to.proto == 3:
		to.pushLocked(n.pushFrame(), true)
	case to != c && to.subscribes():
		to.pushLocked(n.messageFrame(), true)
	}
}

// clientByID is a client that is there, or nil.
func (s *Server) clientByID(id int64) *Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[id]; c != nil && !c.killed.Load() {
		return c
	}
	return nil
}

// TrackingInfo is what INFO tells of client-side caching.
type TrackingInfo struct {
	Clients  int   // that track
	Keys     int   // that some of them have read
	Items    int   // the pairs of such a key and a client
	Prefixes int   // that some of them want to hear of
	Memory   int64 // bytes, about, of keys with their readers: they are no client's alone
}

// What a key in the table takes besides its bytes, and each reader of it.
const (
	trackedKeyBase = 128
	trackedReader  = 12
)

func (tr *tracking) info() TrackingInfo {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return TrackingInfo{len(tr.clients), len(tr.keys), tr.items, len(tr.prefixes), tr.keyBytes + trackedReader*int64(tr.items)}
}

// state is what CLIENT LIST and CLIENT TRACKINGINFO show.
func (tr *tracking) state(c *Client) (m trackMode, broken bool, prefixes []string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return c.track.trackMode, c.track.broken, slices.Clone(c.track.prefixes)
}
