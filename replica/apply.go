package replica

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/resp"
)

// An applier runs a primary's stream, command by command. It is for one goroutine.
//
//	raw    the bytes of what is run: of a command, or of a block
//	block  MULTI ... EXEC: it is run when its end has come, as one transaction
type applier struct {
	e       *engine.Engine
	s       *engine.Session
	w       engine.Reply
	log     *slog.Logger
	filter  filter
	unknown func() Policy
	changes *engine.ChangeLog // nil: nobody asks for them
	ack     func() error      // answers GETACK
	client  *admin.Client     // the link, as CLIENT LIST shows it; nil: there is none now

	db      int // selected by the stream so far
	inBlock bool
	before  int // database selected where the block began

	skipped, failed atomic.Int64
}

// Why the stream cannot be followed.
var (
	errStream  = errors.New("the stream is not one of commands")
	errBlock   = errors.New("MULTI and EXEC do not go together in the stream")
	errSelect  = errors.New("the primary has a database that there is not here")
	errBeyond  = errors.New("a command needs keys that are not followed")
	errUnknown = errors.New("the stream has a command that is not known here")
)

func newApplier(e *engine.Engine, log *slog.Logger) *applier {
	a := &applier{e: e, s: e.NewSession(), log: log, unknown: func() Policy { return Stop }}
	a.s.Primary, a.s.NoTouch = true, true
	a.w.Proto = 2
	return a
}

// reset forgets a block that has not ended.
func (a *applier) reset() {
	if a.inBlock {
		a.inBlock, a.db = false, a.before
		a.s.Discard()
	}
}

// apply runs a command. raw is all that the stream has had since the last call after
// which no block was open; it ends with the command. Without words it has only empty
// lines.
func (a *applier) apply(words [][]byte, raw []byte) error {
	if !a.filter.whole() {
		raw = raw[:0:0] // the journal tells nothing of what is followed in part
	}
	if len(words) == 0 {
		a.pass(raw)
		return nil
	}
	name := words[0]
	c, first := a.e.Commands().Find(words)
	if a.client != nil && c != nil {
		a.client.Applies(c.Info(), a.db)
	}
	switch {
	case is(name, "SELECT"):
		return a.selects(words, raw)
	case is(name, "MULTI"):
		if a.inBlock || len(words) != 1 {
			return errBlock
		}
		a.inBlock, a.before = true, a.db
		a.s.DB = a.db
		a.s.Begin()
		return nil
	case is(name, "EXEC"):
		if !a.inBlock || len(words) != 1 {
			return errBlock
		}
		a.inBlock = false
		return a.exec(raw)
	case is(name, "PING"):
		a.pass(raw)
		return nil
	case is(name, "REPLCONF"):
		var err error
		if len(words) > 1 && is(words[1], "GETACK") && a.ack != nil {
			err = a.ack() // before the offset moves, as Redis does
		}
		a.pass(raw)
		return err
	}
	if !isData(c) {
		return a.foreign(words, raw, c)
	}
	if !a.filter.whole() {
		var v verdict
		switch words, v = a.filter.judge(a.s, c, first, words, a.db); v {
		case beyond:
			return fmt.Errorf("%w: %s", errBeyond, printable(words[0]))
		case passOver:
			a.pass(raw)
			return nil
		}
	}
	return a.run(c, words, raw)
}

// isData reports whether a command is about data: the others are not for a primary to
// say.
func isData(c engine.Command) bool {
	if c == nil {
		return false
	}
	_, ctl := c.(*engine.Ctl)
	return !ctl && c.Info().Flags&(engine.Write|engine.ReadOnly) != 0
}

// pass goes on behind bytes that change nothing.
func (a *applier) pass(raw []byte) {
	if a.inBlock {
		return // they go with the block
	}
	a.s.DB = a.db
	a.s.Relay(raw)
	a.s.Relayed()
}

func (a *applier) selects(words [][]byte, raw []byte) error {
	n := -1
	if len(words) == 2 {
		n = number(string(words[1]))
	}
	if n < 0 || n >= a.e.Databases() {
		return fmt.Errorf("%w: %s, of %d", errSelect, printable(words[len(words)-1]), a.e.Databases())
	}
	a.db = n
	if a.inBlock {
		a.queue(words)
	}
	a.pass(raw)
	return nil
}

// foreign is for what is no command of data, or none at all.
func (a *applier) foreign(words [][]byte, raw []byte, c engine.Command) error {
	name := words[0]
	if is(name, "PUBLISH") || is(name, "SPUBLISH") {
		return a.run(c, words, raw) // it changes nothing, but whoever subscribes here is told
	}
	n := a.skipped.Add(1)
	if a.unknown() == Stop {
		return fmt.Errorf("%w: %s", errUnknown, printable(name))
	}
	if worthTelling(n) {
		a.log.Warn("The primary's stream has a command that is not known here; it is skipped", "command", printable(name), "skipped", n)
	}
	a.pass(raw)
	return nil
}

// run runs a command, or queues it in a block.
func (a *applier) run(c engine.Command, words [][]byte, raw []byte) error {
	if a.inBlock {
		a.queue(words)
		return nil
	}
	a.s.DB = a.db
	a.s.Relay(raw)
	// What may wait answers at once within a transaction, and what is to be told
	// needs one.
	if a.changes != nil || c.Info().Flags&engine.MayBlock != 0 {
		a.s.Begin()
		a.queue(words)
		err := a.execQueue()
		a.s.Relayed()
		return err
	}
	a.w.Buf = a.w.Buf[:0]
	a.s.Exec(words, &a.w)
	a.s.Relayed()
	if b := a.w.Buf; len(b) > 0 && b[0] == '-' {
		a.fails(printable(words[0]), string(bytes.TrimSpace(b[1:])))
	}
	a.trim()
	return a.broken()
}

// queue adds a command to the transaction.
func (a *applier) queue(words [][]byte) {
	a.w.Buf = a.w.Buf[:0]
	a.s.Exec(words, &a.w)
	if b := a.w.Buf; len(b) > 0 && b[0] == '-' {
		a.fails(printable(words[0]), string(bytes.TrimSpace(b[1:])))
	}
}

// exec runs a block.
func (a *applier) exec(raw []byte) error {
	a.s.Relay(raw)
	err := a.execQueue()
	a.s.DB = a.db
	a.s.Relayed()
	return err
}

func (a *applier) execQueue() error {
	a.w.Buf = a.w.Buf[:0]
	if err := a.s.ExecQueue(&a.w); err != nil {
		a.fails("EXEC", err.Error())
	} else if bytes.Contains(a.w.Buf, []byte("\n-")) {
		a.failsWithin()
	}
	a.trim()
	return a.broken()
}

// failsWithin looks for errors in the reply of EXEC.
func (a *applier) failsWithin() {
	v, err := resp.NewReader(bytes.NewReader(a.w.Buf)).Read()
	if err != nil {
		return
	}
	for _, el := range v.Elems {
		if el.Kind == resp.Error {
			a.fails("a command in MULTI", el.Str)
		}
	}
}

// fails notes that a command of the primary's failed here.
func (a *applier) fails(what, text string) {
	select {
	case <-a.e.Closed():
		return // nothing can be done any more
	default:
	}
	if n := a.failed.Add(1); worthTelling(n) {
		a.log.Warn("== CRITICAL == A command of the primary's stream failed here", "command", what, "error", text, "failed", n)
	}
}

// broken ends the link when the store can be written to no more.
func (a *applier) broken() error {
	if a.s.Broken {
		a.s.Broken = false
		return errors.New("a command of the stream panicked")
	}
	return nil
}

// trim gives up the room of a long reply.
func (a *applier) trim() {
	if cap(a.w.Buf) > 64<<10 {
		a.w.Buf = nil
	}
}

// worthTelling lets through what happens the first time, and then ever more rarely: a
// log is not to grow with the stream.
func worthTelling(n int64) bool { return bits.OnesCount64(uint64(n)) == 1 }

// is reports whether a word is name, which is upper case, in any case.
func is(word []byte, name string) bool {
	return len(word) == len(name) && strings.EqualFold(string(word), name)
}

// printable is a word for the log.
func printable(word []byte) string {
	q := strconv.Quote(string(word[:min(len(word), 64)]))
	return q[1 : len(q)-1]
}
