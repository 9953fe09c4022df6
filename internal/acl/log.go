package acl

import (
	"sync"
	"time"
)

// A Context is how a denied command was given.
type Context string

// The contexts.
const (
	TopLevel Context = "toplevel"
	InMulti  Context = "multi"
)

// An Entry is something that was denied, once or more.
type Entry struct {
	Count   int64
	Reason  Denial
	Context Context
	Object  string // the command, the key or the channel
	User    string
	Time    time.Time // the last time
	Client  string    // the last one, as CLIENT LIST has it
}

// A Log holds what was denied lately, the latest first. Its zero value is empty.
type Log struct {
	mu      sync.Mutex // guards following
	entries []Entry    // the latest at the end
}

// What counts as the same again: one of the latest entries, not long ago.
const (
	logScan   = 10
	logWindow = time.Minute
)

// Add takes note of e, whose Count is not looked at. Entries beyond the latest most
// are forgotten.
func (l *Log) Add(e Entry, most int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Count = 1
	for i := len(l.entries) - 1; i >= max(0, len(l.entries)-logScan); i-- {
		if old := &l.entries[i]; old.sameAs(&e) {
			e.Count += old.Count
			copy(l.entries[i:], l.entries[i+1:])
			l.entries[len(l.entries)-1] = e
			return
		}
	}
	l.entries = append(l.entries, e)
	if extra := len(l.entries) - int(min(most, int64(len(l.entries)))); extra > 0 {
		n := copy(l.entries, l.entries[extra:])
		clear(l.entries[n:])
		l.entries = l.entries[:n]
	}
}

func (e *Entry) sameAs(o *Entry) bool {
	return e.Reason == o.Reason && e.Context == o.Context && e.Object == o.Object && e.User == o.User &&
		e.Time.Sub(o.Time).Abs() <= logWindow
}

// Latest returns the latest n entries, the last one first.
func (l *Log) Latest(n int64) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, int64(len(l.entries)))
	out := make([]Entry, 0, max(0, n))
	for i := len(l.entries) - 1; int64(len(out)) < n; i-- {
		out = append(out, l.entries[i])
	}
	return out
}

// Reset forgets everything.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}
