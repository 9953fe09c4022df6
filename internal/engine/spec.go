package engine

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// Flag says how a command may be run. The names are those of COMMAND INFO.
type Flag uint32

// The flags of COMMAND INFO, in its order, and those that only larder uses.
const (
	Write Flag = 1 << iota
	ReadOnly
	DenyOOM
	Admin
	PubSub
	NoScript
	MayBlock // "blocking"
	Loading
	Stale
	SkipMonitor
	SkipSlowlog
	Asking
	Fast
	NoAuth
	NoMandatoryKeys
	NoAsyncLoading
	AllowBusy
	MovableKeys // set for commands whose keys the words' positions alone do not tell
	NoMulti

	MayReplicate // the command is no write, but replicas may hear of it
	OnSnapshot   // the command reads the whole keyspace: outside a transaction it is given a snapshot
)

var flagNames = [...]string{"write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking", "loading",
	"stale", "skip_monitor", "skip_slowlog", "asking", "fast", "no_auth", "no_mandatory_keys",
	"no_async_loading", "allow_busy", "movablekeys", "no_multi"}

// Names returns the flags as COMMAND INFO lists them.
func (f Flag) Names() (names []string) {
	for i, n := range flagNames {
		if f>>i&1 != 0 {
			names = append(names, n)
		}
	}
	return names
}

// A KeySpec says where among a command's words keys are and what is done to
// them, in the terms of COMMAND INFO.
type KeySpec struct {
	Flags string // "RO ACCESS", "RW UPDATE", "OW INSERT DELETE": as listed by COMMAND INFO

	// Where to begin: at word Index, or, if Keyword is set, behind that word,
	// which is searched for from word Index on (backwards from the end where
	// that is negative).
	Index   int
	Keyword string

	// How to go on. With NumKeys the word KeyNum behind the beginning says how
	// many keys begin at word FirstKey behind the beginning; else keys go to
	// word Last behind the beginning (negative: from the end of all words;
	// Limit divides what remains, as 2 does for STREAMS). Step is 1 where it
	// is 0.
	Last, Step, Limit int
	NumKeys           bool
	KeyNum, FirstKey  int
}

// A Spec is a command's entry in the table: what COMMAND INFO and COMMAND DOCS
// say of it. It stands next to the code it describes.
type Spec struct {
	Name       string // upper case; a subcommand is "CONFIG|GET"
	Arity      int    // counts the name; negative means at least
	Flags      Flag
	Keys       []KeySpec
	Group      string // of COMMAND DOCS: "string", "generic", "connection" ...
	ACL        string // categories that Flags and Group do not imply, "dangerous"
	Since      string
	Summary    string
	Complexity string
	Syntax     string   // the arguments, in the notation of the documentation: "key value [NX | XX]"
	Tips       []string // of COMMAND INFO
	Deprecated string   // the version that deprecated it
	Replaced   string   // what to use instead, for a deprecated one

	lower     string // the name as it is looked up
	container string // what it is a subcommand of
	id        int    // its place in the statistics
	brief     bool   // it is over at once, if it has few words
}

// One returns the key specs of a command whose only key is its first argument.
func One(flags string) []KeySpec { return []KeySpec{{Flags: flags, Index: 1}} }

// AllFrom returns the key specs of a command whose arguments from the first on
// are keys, step apart, up to word last from the end.
func AllFrom(flags string, last, step int) []KeySpec {
	return []KeySpec{{Flags: flags, Index: 1, Last: last, Step: step}}
}

// Lower is the name in lower case, "config|get" for a subcommand.
func (s *Spec) Lower() string { return s.lower }

// Container is the name of the command that s is a subcommand of, in lower
// case, or "".
func (s *Spec) Container() string {
	return s.container
}

// A Command is an entry of the [Table]: an [Op], a [Blocking], a [Ctl] or a
// [Container].
type Command interface {
	Info() *Spec
	exec(s *Session, a *Args, w *Reply) error
	plan(s *Session, a *Args, k *KeySet)
}

// A Table holds the commands by lower-case name, subcommands as
// "config|get".
type Table map[string]Command

var lastID atomic.Int32

// Add declares a command. It returns its argument so that a family can declare
// and name a command in one statement. Declaring a name twice panics.
func Add[C Command](t Table, c C) C {
	spec := c.Info()
	spec.lower = strings.ToLower(spec.Name)
	if container, _, ok := strings.Cut(spec.lower, "|"); ok {
		spec.container = container
	}
	spec.id = int(lastID.Add(1))
	spec.brief = spec.Flags&(Write|ReadOnly) != 0 && spec.Flags&MayBlock == 0 &&
		(spec.Flags&Fast != 0 || strings.HasPrefix(spec.Complexity, "O(1)"))
	if _, dup := t[spec.lower]; dup {
		panic("engine: command declared twice: " + spec.lower)
	}
	t[spec.lower] = c
	return c
}

// Merge adds the commands of others to t.
func (t Table) Merge(others ...Table) Table {
	for _, o := range others {
		for name, c := range o {
			if _, dup := t[name]; dup {
				panic("engine: command declared twice: " + name)
			}
			t[name] = c
		}
	}
	return t
}

// Find returns the command that words name and where its arguments begin. It is
// nil for an unknown command, and the [Container] for an unknown subcommand.
func (t Table) Find(words [][]byte) (c Command, first int) {
	var buf [64]byte
	name := lower(buf[:0], words[0])
	if c = t[string(name)]; c != nil && c.Info().Container() != "" {
		return nil, 1 // "config|get" is a name only for us
	}
	if _, ok := c.(*Container); ok && len(words) > 1 {
		name = lower(append(name, '|'), words[1])
		if sub := t[string(name)]; sub != nil {
			return sub, 2
		}
	}
	return c, 1
}

// A Container is a command that is the common name of its subcommands, such as
// CONFIG.
type Container struct {
	Spec
	Run func(*Session, *Args, *Reply) error // what the name alone does; nil: nothing
}

// Info is the container's entry in the table.
func (c *Container) Info() *Spec { return &c.Spec }

func (c *Container) exec(s *Session, a *Args, w *Reply) error {
	if c.alone(a.words) {
		err := c.Run(s, a, w)
		s.e.stats.count(s.lane, &c.Spec, err)
		return err
	}
	return Error(fmt.Sprintf("ERR unknown subcommand '%s'. Try %s HELP.", cut(a.words[1], 128), c.Name))
}

// alone reports whether words name the container and no subcommand, and that
// means something.
func (c *Container) alone(words [][]byte) bool { return c.Run != nil && len(words) == 1 }

func (c *Container) plan(*Session, *Args, *KeySet) {}

func lower(dst, b []byte) []byte {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}
