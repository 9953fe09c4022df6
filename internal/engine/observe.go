package engine

import "time"

// Looking at calls while they run: what SLOWLOG, LATENCY and MONITOR stand on.
//
// While nobody looks, brief calls are not timed one by one: a look at the clock, or
// two, costs half of what such a call does. So brief commands of a connection's batch
// are timed in streaks, and of the calls of Go only those that may last: commands that
// are not brief, once they meet a value that is not small, or with many keys. That
// changes, for all calls that begin from then on, when the gate asks for it with
// Observe. For Go calls it is a bit of the engine's state that leads them off the
// straight path; see Txn.lock.

// Observed says what the gate wants to know of calls.
type Observed uint32

const (
	// ObserveTimes has each call timed by itself.
	ObserveTimes Observed = 1 << iota
	// ObserveCalls has the gate told of each call under its locks; see Gate.Saw.
	ObserveCalls
)

// Observe has calls that begin from now on observed as what says. That is called with
// all shards held, so that of several who call Observe at once the last one has seen
// what there was to see.
func (e *Engine) Observe(what func() Observed) error {
	all := lockSet{write: allShards}
	if err := e.lock(all); err != nil {
		return err
	}
	o := what()
	e.observed.Store(uint32(o))
	if e.state &^= stateObserved; o != 0 {
		e.state |= stateObserved
	}
	e.unlock(all)
	return nil
}

// A GoCall is a call of a typed method, as the gate is told of it.
type GoCall struct {
	Spec *Spec
	DB   int
	Took time.Duration
	Err  error
	Lane int // less than Lanes: calls that run at once have, mostly, several
}

// An observation says how a call is observed.
type observation uint8

const (
	unseen  observation = iota
	perhaps             // if it turns out that it may last; a call of Go
	seen                // the gate is told at its end
)

// fewKeys is how many keys a call has at most that is over soon if their values are
// small.
const fewKeys = 16

// observe begins to observe a call of s.
func (t *Txn) observe(s *Session) {
	if t.observed == seen || t.e.gate == nil {
		return
	}
	t.observed, t.by, t.began = seen, s, time.Since(t.e.epoch)
}

// tell has the gate know of a call that was observed. Its shards are held.
func (t *Txn) tell() {
	s, o, err := t.by, t.spec, t.failed
	t.observed, t.by, t.spec, t.failed = unseen, nil, nil, nil
	switch {
	case !t.done: // it panicked
		return
	case s.spoken:
		s.tell()
		return
	case o.id == 0:
		return // no command, but a part of one
	case err == errBlock: // it is served in the writer's time
		err = nil
	}
	took := time.Since(t.e.epoch) - t.began
	if us := took.Microseconds(); us != 0 {
		t.counts.of(o).micros.Add(us)
	}
	t.e.gate.Called(s, GoCall{Spec: o, DB: t.db, Took: took, Err: err, Lane: t.lane}, &t.keys)
}

// Names are the keys named so far.
func (k *KeySet) Names() []string {
	keys := make([]string, len(k.list))
	for i := range k.list {
		keys[i] = k.list[i].key
	}
	return keys
}

// worked tells the gate of the engine's own work, which began at start.
func (e *Engine) worked(what string, start time.Time) {
	if e.gate != nil {
		e.gate.Worked(what, time.Since(start))
	}
}

// A telling is a command in words of which the gate has to be told, once.
type telling struct {
	c     Command // nil: there is none, or the gate was told
	words [][]byte
}

// tell has the gate know of the command that s runs, if it does not yet.
func (s *Session) tell() {
	if now := s.telling; now.c != nil {
		s.telling = telling{}
		s.e.gate.Saw(s, now.c, now.words)
	}
}

// awaits is called when a command of s begins to wait, and what it returns when the
// wait is over: SLOWLOG does not count it, and MONITOR shows the command when it begins.
func (s *Session) awaits() (over func()) {
	if !s.spoken {
		return func() {} // several goroutines may use s
	}
	s.tell()
	start := time.Since(s.e.epoch)
	return func() { s.waited += time.Since(s.e.epoch) - start }
}

// large is how many bytes an argument or a reply has that takes longer to copy than
// a brief command otherwise takes.
const large = 16 << 10
