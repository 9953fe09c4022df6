package engine

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// A Session is one caller's view: its database and its open transaction. A
// session with no open transaction may be used by many goroutines for typed
// calls; words are for one goroutine.
type Session struct {
	e  *Engine
	DB int

	Ctx     context.Context      // ends what waits; nil: nothing does
	OnWait  func() (stop func()) // if set, called while a command is parked
	Client  any                  // what the layer above knows of the connection
	Reads   Reads                // if set, told of what is read
	Broken  bool                 // a command panicked, or a queue is too long: close the connection
	NoTouch bool                 // reads leave the access clock alone: CLIENT NO-TOUCH
	Primary bool                 // applies a primary's stream: writes to a replica
	mends   bool                 // puts other data in the place of all there is: a broken database may be written to
	offset  atomic.Int64
	relay   []byte     // see Relay
	changes *ChangeLog // see NoteChanges

	txn    *Txn     // open EXEC, Update or View
	over   bool     // was the session of a transaction that ended, or names keys for plan
	scoped bool     // of a transaction that will end
	of     *Session // of the same transaction, in another database: where txn and over are
	plan   *Queue   // Go's MULTI: calls are not run but name their keys

	Multi      bool     // between MULTI and EXEC
	Queue      []Queued // queued by MULTI
	QueueBytes int      // their memory, as CLIENT LIST shows it
	Bad        bool     // a queued command was wrong
	queueFlags Flag     // of all commands queued
	store      *wordStore
	watch      *watch // nil: nothing was watched yet

	spoken  bool          // runs, or ran, words
	telling telling       // see observe.go
	waited  time.Duration // by the command that runs
	vain    bool          // ... for a key that nobody wrote

	batch  bool          // see Batch
	ended  time.Duration // when the last command of a batch did, since the engine's epoch; 0: look at the clock
	streak streak
	spare  *Txn // for the next command of the batch, nil if there is none

	args     Args // of the command being run by Exec
	lastName string
	last     Command // what lastName found
	lane     uint8   // of the engine's counters
	parked   atomic.Bool
	unblock  chan error // what ends a wait from outside; nil for typed sessions
}

// NewSession returns a session on database 0 for typed calls.
func (e *Engine) NewSession() *Session { return &Session{e: e, lane: nextLane()} }

// NewWordSession returns a session on database 0 for a connection that speaks
// words.
func (e *Engine) NewWordSession() *Session {
	s := e.NewSession()
	s.unblock = make(chan error, 1)
	return s
}

// At returns a session for typed calls on another database.
func (s *Session) At(db int) *Session {
	at := &Session{e: s.e, DB: db, Ctx: s.Ctx, lane: s.lane, scoped: s.scoped}
	if s.scoped {
		if at.of = s.of; at.of == nil {
			at.of = s
		}
	}
	return at
}

// sync takes over what happened to the transaction of s meanwhile.
func (s *Session) sync() {
	if s.of != nil {
		s.txn, s.over = s.of.txn, s.of.over
	}
}

// Engine is the engine that the session belongs to.
func (s *Session) Engine() *Engine { return s.e }

// InTxn reports whether s is, or was, inside an EXEC, Update or View.
func (s *Session) InTxn() bool {
	s.sync()
	return s.txn != nil || s.over
}

// Done reports whether s was of a transaction that is over.
func (s *Session) Done() bool {
	s.sync()
	return s.over
}

// Offset is the journal's offset behind the last batch of s: what WAIT waits
// for.
func (s *Session) Offset() int64 { return s.offset.Load() }

// Waits reports whether a command of s is waiting.
func (s *Session) Waits() bool { return s.parked.Load() }

// Unblock ends the wait of a command of s with err (ErrNil: as if its time were
// up), and reports whether one was waiting.
func (s *Session) Unblock(err error) bool {
	if s.unblock == nil || !s.parked.Load() {
		return false
	}
	select {
	case s.unblock <- err:
	default:
	}
	return true
}

func (s *Session) ctx() context.Context {
	if s.Ctx != nil {
		return s.Ctx
	}
	return context.Background()
}

// Exec runs one command given as words and appends its reply to w. A panic is
// answered as an error and marks the session.
func (s *Session) Exec(words [][]byte, w *Reply) {
	start := len(w.Buf)
	defer func() {
		if p := recover(); p != nil {
			w.Buf, s.Broken = w.Buf[:start], true
			w.Err(string(errInternal))
			s.e.panicked(p)
		}
	}()
	c, first := s.find(words)
	if c == nil {
		s.reject(nil, unknown(words), w)
		return
	}
	spec := c.Info()
	if n := spec.Arity; n > 0 && len(words) != n || len(words) < -n {
		s.reject(c, arity(spec), w)
		return
	}
	if ct, ok := c.(*Container); ok && !ct.alone(words) {
		s.reject(c, c.exec(s, NewArgs(words, 1), w), w)
		return
	}
	if s.e.gate != nil {
		if err := s.e.gate.Admit(s, c, words); err != nil {
			s.reject(c, err, w)
			return
		}
	}
	if s.Multi {
		if err := s.queueing(spec); err != nil {
			s.reject(c, err, w)
			return
		}
		if ctl, ok := c.(*Ctl); !ok || !ctl.Now {
			s.enqueue(c, first, words, w)
			return
		}
	}
	s.args.reset(words, first)
	s.run(c, spec, words, w)
}

// find is Table.Find with a memory of one command: clients repeat themselves.
func (s *Session) find(words [][]byte) (c Command, first int) {
	if name := words[0]; len(name) != 0 && string(name) == s.lastName {
		return s.last, 1
	}
	c, first = s.e.Commands().Find(words)
	if _, ok := c.(*Container); c != nil && first == 1 && !ok {
		s.lastName, s.last = c.Info().spelling(words[0]), c
	}
	return c, first
}

// spelling returns a copy of the command's name as it was given, without an
// allocation where it is all upper or all lower case.
func (s *Spec) spelling(name []byte) string {
	switch string(name) {
	case s.Name:
		return s.Name
	case s.lower:
		return s.lower
	}
	return string(name)
}

// run runs a command that was found and admitted.
func (s *Session) run(c Command, spec *Spec, words [][]byte, w *Reply) {
	s.spoken = true
	if s.e.gate == nil {
		if err := c.exec(s, &s.args, w); err != nil {
			writeErr(w, err)
		}
		return
	}
	observed := Observed(s.e.observed.Load())
	if s.batch && spec.brief && len(words) <= briefWords && s.txn == nil && observed == 0 {
		if s.streak.spec != spec {
			s.endStreak(nil)
			s.streak = streak{c: c, spec: spec, start: s.startTime()}
		}
		s.streak.calls++
		before := len(w.Buf)
		if err := c.exec(s, &s.args, w); err != nil {
			writeErr(w, err)
		}
		if len(w.Buf)-before > large || len(words[len(words)-1]) > large {
			s.endStreak(words)
		}
		return
	}
	s.endStreak(nil)
	start := s.startTime()
	if observed&ObserveCalls != 0 {
		s.telling = telling{c, words}
	}
	err := c.exec(s, &s.args, w)
	if err != nil {
		writeErr(w, err)
	}
	s.tell()
	d := s.endTime() - start - s.waited
	if s.waited = 0; s.vain {
		s.vain = false
		s.e.gate.Ran(s, c, nil, 0, d, err)
		return
	}
	s.e.gate.Ran(s, c, words, 1, d, err)
}

// A streak is a run of equal brief commands within a batch. They are timed as one:
// looking at the clock costs more than half of what such a command does.
type streak struct {
	c     Command
	spec  *Spec // c's; nil: there is no streak
	calls int
	start time.Duration
}

// briefWords is how many words a command has at most that is timed in a streak.
const briefWords = 8

// endStreak reports the commands of a streak, if there were any, with the words of the
// last one if it was so long that it matters.
func (s *Session) endStreak(words [][]byte) {
	if st := s.streak; st.spec != nil {
		s.streak.spec = nil
		s.e.gate.Ran(s, st.c, words, st.calls, s.endTime()-st.start, nil)
	}
}

// startTime is when the command that now begins did, since the engine's epoch.
func (s *Session) startTime() time.Duration {
	if s.ended != 0 {
		return s.ended
	}
	return time.Since(s.e.epoch) // half of what time.Now costs
}

// endTime is when the command that was run ended. In a batch the next begins then.
func (s *Session) endTime() time.Duration {
	end := time.Since(s.e.epoch)
	if s.batch {
		s.ended = end
	}
	return end
}

// Batch says whether the next command follows the last one at once, so that one
// begins when the other has ended and the clock is looked at once for both, and once
// for a row of equal commands that are over at once. It is said again whenever
// something else was done in between.
func (s *Session) Batch(on bool) {
	s.endStreak(nil)
	s.batch, s.ended = on, 0
	if s.spare != nil && !on {
		s.e.txns.Put(s.spare)
		s.spare = nil
	}
}

// reject answers a command that is not run or queued.
func (s *Session) reject(c Command, err error, w *Reply) {
	if s.Bad = true; c != nil && c.Info().lower == "exec" {
		s.Discard() // the transaction is over
		err = aborted(Error(strings.TrimPrefix(wireText(err), "ERR ")))
	}
	if c != nil {
		s.e.stats.rejected(s.lane, c.Info(), err)
	} else {
		s.e.stats.failed(wireText(err))
	}
	writeErr(w, err)
}

// unknown is the error for a name that no command has. Like Redis it quotes the
// name and some of the arguments, up to a length.
func unknown(words [][]byte) error {
	const limit = 128
	var args []byte
	for _, a := range words[1:] {
		if len(args) >= limit {
			break
		}
		args = fmt.Appendf(args, "'%s' ", cut(a, limit-len(args)))
	}
	return Error(fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", cut(words[0], limit), args))
}

// cut is what a C string of b shows, limited to n bytes.
func cut(b []byte, n int) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return b[:min(n, len(b))]
}

func arity(o *Spec) error {
	return Error("ERR wrong number of arguments for '" + o.lower + "' command")
}

// rests ends the wait of s; who unblocked it too late did not.
func (s *Session) rests() {
	s.parked.Store(false)
	select {
	case <-s.unblock:
	default:
	}
}

// wake is sent to when somebody ends the wait of s.
func (s *Session) wake() <-chan error { return s.unblock }
