package admin

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
)

// The commands that took longest: SLOWLOG.

var _ = add(&engine.Container{Spec: engine.Spec{
	Name: "SLOWLOG", Arity: -2, Group: "server", Since: "2.2.12", Complexity: "that of the subcommand",
	Summary: "About commands that took long.",
}})

func init() {
	addHelp("SLOWLOG", "server", "6.2.0",
		"GET [<count>]", "Answers the newest entries, 10 if not said otherwise, -1 for all: number, time, microseconds, words, address, name.",
		"LEN", "Counts the entries.",
		"RESET", "Forgets the entries.",
	)
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "SLOWLOG|GET", Arity: -2, Flags: engine.Admin | engine.Loading | engine.Stale, Group: "server", Since: "2.2.12",
		Complexity: "O(N) for N entries", Syntax: "[count:integer]", Summary: "Answers the newest entries.",
		Tips: []string{"request_policy:all_nodes", "nondeterministic_output"},
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		count := int64(10)
		switch a.Len() {
		case 0:
		case 1:
			n, ok := engine.ParseInt(a.String())
			if !ok || n < -1 {
				return engine.Error("ERR count should be greater than or equal to -1")
			}
			count = n
		default:
			return badSubcommand("SLOWLOG", a)
		}
		entries := server(s).slow.newest(count)
		w.Array(len(entries))
		for _, e := range entries {
			w.Array(6)
			w.Int(e.ID)
			w.Int(e.At.Unix())
			w.Int(e.Took.Microseconds())
			w.Array(len(e.Words))
			for _, word := range e.Words {
				w.Bulk(word)
			}
			w.Bulk(e.Addr)
			w.Bulk(e.Name)
		}
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "SLOWLOG|LEN", Arity: 2, Flags: engine.Admin | engine.Loading | engine.Stale, Group: "server", Since: "2.2.12",
		Complexity: "O(1)", Summary: "Counts the entries.",
		Tips: []string{"request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"},
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		l := &server(s).slow
		l.mu.Lock()
		defer l.mu.Unlock()
		w.Int(int64(len(l.entries)))
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "SLOWLOG|RESET", Arity: 2, Flags: engine.Admin | engine.Loading | engine.Stale, Group: "server", Since: "2.2.12",
		Complexity: "O(N) for N entries", Summary: "Forgets the entries.",
		Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		l := &server(s).slow
		l.mu.Lock()
		defer l.mu.Unlock()
		l.entries = nil
		w.OK()
		return nil
	},
})

// A SlowCall is an entry of SLOWLOG.
type SlowCall struct {
	ID    int64
	At    time.Time // its end
	Took  time.Duration
	Words []string // cut to maxSlowWords of maxSlowWord bytes; of a Go call, the name and the keys
	Addr  string
	Name  string // of the connection
}

// How much of a command is kept, as in Redis.
const (
	maxSlowWords = 32
	maxSlowWord  = 128
)

// eachSlower is the threshold, in microseconds, under which every call is timed by
// itself. Brief commands that come in one batch share their time else, and brief calls
// of Go have none: they take less.
const eachSlower = 1000

// A slowlog keeps the calls that took long.
type slowlog struct {
	slower atomic.Int64 // microseconds from which on a call is kept; negative: none is
	max    atomic.Int64

	mu      sync.Mutex // guards following
	entries []SlowCall // oldest first
	lastID  int64      // of the next entry
}

// wants reports whether a call is to be kept.
func (l *slowlog) wants(spec *engine.Spec, took time.Duration) bool {
	slower := l.slower.Load()
	return slower >= 0 && took.Microseconds() >= slower && spec.Flags&engine.SkipSlowlog == 0
}

// add keeps a call, whose number it gives.
func (l *slowlog) add(e SlowCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.max.Load() == 0 {
		return
	}
	e.ID = l.lastID
	l.lastID++
	l.entries = append(l.entries, e)
	l.trimLocked()
}

// trimLocked drops what is more than slowlog-max-len allows.
func (l *slowlog) trimLocked() {
	if over := int64(len(l.entries)) - l.max.Load(); over > 0 {
		clear(l.entries[:over])
		l.entries = l.entries[over:]
	}
}

// limit sets how many entries are kept.
func (l *slowlog) limit(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.max.Store(n)
	l.trimLocked()
}

// newest returns up to n entries, newest first; n of -1 is all.
func (l *slowlog) newest(n int64) []SlowCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < 0 || n > int64(len(l.entries)) {
		n = int64(len(l.entries))
	}
	out := slices.Clone(l.entries[len(l.entries)-int(n):])
	slices.Reverse(out)
	return out
}

// SlowCalls returns up to n entries of SLOWLOG, newest first; n of -1 is all.
func (s *Server) SlowCalls(n int) []SlowCall { return s.slow.newest(int64(n)) }

// slowWords keeps a command in words.
func (s *Server) slowWords(es *engine.Session, spec *engine.Spec, words [][]byte, took time.Duration) {
	hide := secrets(spec, words)
	e := SlowCall{At: s.engine.Now(), Took: took, Addr: peer(es), Words: make([]string, 0, min(len(words), maxSlowWords))}
	for i, word := range words {
		if i == maxSlowWords-1 && len(words) > maxSlowWords {
			e.Words = append(e.Words, fmt.Sprintf("... (%d more arguments)", len(words)-i))
			break
		}
		if hide.has(i) {
			e.Words = append(e.Words, "(redacted)")
		} else {
			e.Words = append(e.Words, shortened(word))
		}
	}
	if c := client(es); c != nil {
		c.mu.Lock()
		e.Name = c.name
		c.mu.Unlock()
	}
	s.slow.add(e)
}

// slowCall keeps a call of Go.
func (s *Server) slowCall(es *engine.Session, call engine.GoCall, keys *engine.KeySet) {
	e := SlowCall{At: s.engine.Now(), Took: call.Took, Addr: peer(es), Words: strings.Split(call.Spec.Name, "|")}
	names := keys.Names()
	for i, key := range names {
		if len(e.Words) == maxSlowWords-1 && len(names)-i > 1 {
			e.Words = append(e.Words, fmt.Sprintf("... (%d more arguments)", len(names)-i))
			break
		}
		e.Words = append(e.Words, shortened(key))
	}
	s.slow.add(e)
}

// shortened is a copy of a word, of its beginning if it is long.
func shortened[S []byte | string](word S) string {
	if len(word) <= maxSlowWord {
		return strings.Clone(string(word))
	}
	return fmt.Sprintf("%s... (%d more bytes)", word[:maxSlowWord], len(word)-maxSlowWord)
}

// A secret says which words of a command are not for others to see.
type secret struct {
	from, to int    // these
	also     []bool // and these; nil: none
}

func (s secret) has(i int) bool { return s.from <= i && i < s.to || i < len(s.also) && s.also[i] }

// secrets finds passwords, and what stands beside them.
func secrets(spec *engine.Spec, words [][]byte) secret {
	switch spec.Name {
	case "AUTH":
		return secret{from: 1, to: len(words)}
	case "ACL|SETUSER":
		return secret{from: 2, to: len(words)}
	case "HELLO":
		for i := 2; i < len(words); i++ {
			if strings.EqualFold(string(words[i]), "auth") {
				return secret{from: i + 1, to: i + 3}
			}
		}
	case "CONFIG|SET":
		also := make([]bool, len(words))
		for i := 3; i < len(words); i += 2 {
			also[i] = conf.Sensitive(string(words[i-1]))
		}
		return secret{also: also}
	case "MIGRATE":
		for i := 6; i < len(words); i++ {
			switch strings.ToLower(string(words[i])) {
			case "auth":
				return secret{from: i + 1, to: i + 2}
			case "auth2":
				return secret{from: i + 1, to: i + 3}
			case "keys":
				return secret{}
			}
		}
	}
	return secret{}
}
