package conf

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/larderdb/larder/internal/glob"
)

// A Config holds one value for every directive. Its methods may be called from
// any goroutine; loading is meant to be over before the values are used.
type Config struct {
	values []atomic.Pointer[value] // in the order of the table
	start  string                  // the working directory at New; relative paths start here

	// Commands, if set before loading, tells whether a command exists, so that
	// rename-command can refuse what does not.
	Commands func(name string) bool

	// CheckUser, if set before loading, looks at the words behind "user"; its error is
	// why the line is not accepted.
	CheckUser func(words []string) error

	mu      sync.Mutex      // guards following; held while hooks run
	lines   func() []string // see SetUserLines
	hooks   map[*directive][]hook
	given   map[*directive]place // what a file or the command line has said
	preset  map[*directive]bool  // what Preset has
	file    string               // absolute; "" without one
	users   [][]string
	renames []Rename
}

// A Pair is a directive and its value as CONFIG GET reports them.
type Pair struct{ Name, Value string }

// A Rename is one rename-command line; To is empty where the command is taken
// away.
type Rename struct{ From, To string }

type hook struct {
	check, apply func(new string) error
}

// New returns the configuration of a redis-server that was started without a
// file.
func New() *Config {
	c := &Config{
		values: make([]atomic.Pointer[value], len(table)),
		hooks:  make(map[*directive][]hook),
		given:  make(map[*directive]place),
		preset: make(map[*directive]bool),
	}
	var err error
	if c.start, err = os.Getwd(); err != nil {
		c.start = "/" // js and wasip1 may have none
	}
	for i := range table {
		c.values[i].Store(&defaults[i])
	}
	dir := lookup("dir")
	c.store(dir, value{text: c.start})
	return c
}

func (c *Config) value(d *directive) value    { return *c.values[d.at].Load() }
func (c *Config) store(d *directive, v value) { c.values[d.at].Store(&v) }

// OnChange attaches the owner of a directive. Before a Set changes anything,
// check sees the new value as CONFIG GET would report it; its error is the
// reason of the reply, and nothing is changed. Once every check of a Set has
// passed, the values are stored and apply is called for each that differs from
// what was there; if one fails, its error is the reason, the values are put
// back, and the applies that had succeeded are called again with the old ones.
// Either may be nil. Both run under the Config's lock: they may use the typed
// getters, and must not call Get, Set, Rewrite, a Load method or OnChange.
//
// Loading calls neither: an owner attaches after it and reads the value first.
func (c *Config) OnChange(name string, check, apply func(new string) error) {
	d := mustLookup(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hooks[d] = append(c.hooks[d], hook{check, apply})
}

// Get is CONFIG GET: what fits any of the patterns, once each. A directive with
// two spellings is listed under both; one asked for by its full name is listed
// as the caller spelt it, and only so do the hidden ones show.
func (c *Config) Get(patterns ...string) []Pair {
	c.mu.Lock() // so that a Set of several is seen whole or not at all
	defer c.mu.Unlock()
	var pairs []Pair
	seen := make(map[string]bool)
	for _, pattern := range patterns {
		if !strings.ContainsAny(pattern, "*?[") {
			name := strings.ToLower(pattern)
			if d := lookup(name); d != nil && !seen[name] {
				seen[name] = true
				pairs = append(pairs, Pair{pattern, c.value(d).text})
			}
			continue
		}
		for _, name := range names {
			d := byName[name]
			if !seen[name] && d.flags&hidden == 0 && glob.MatchFold(pattern, name) {
				seen[name] = true
				pairs = append(pairs, Pair{name, c.value(d).text})
			}
		}
	}
	return pairs
}

// Preset gives a directive a value as a file would, whatever may be set at run
// time, and calls no hooks. It is for the options of a program that embeds
// larder, before anything runs.
func (c *Config) Preset(name, text string) error {
	d := lookup(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if d == nil {
		return c.presetLine(strings.ToLower(name), text)
	}
	v, err := d.kind.read(d, d.split(text), c.value(d), false)
	if err != nil {
		return err
	}
	if why := d.refused(v); why != "" {
		return reason(why)
	}
	c.store(d, v)
	c.preset[d] = true
	return nil
}

// presetLine is Preset for what only files know: "user" and "rename-command".
func (c *Config) presetLine(name, text string) error {
	words, ok := cut(text)
	switch n := len(words); {
	case !ok:
		return reason("Unbalanced quotes in configuration line")
	case name == "user" && n >= 1:
		if err := c.user(place{}, words); err != nil {
			return reason(err.(*ParseError).Reason)
		}
		return nil
	case name == "rename-command" && n == 2:
		if err := c.rename(place{}, words[0], words[1]); err != nil {
			return reason(err.(*ParseError).Reason)
		}
		return nil
	}
	return reason("Bad directive or wrong number of arguments")
}

// SetUserLines says where Rewrite finds the users that there are now, as lines of a
// file. Without it, user lines stay as they are.
func (c *Config) SetUserLines(lines func() []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = lines
}

// String returns a value as CONFIG GET reports it. It and the other getters
// panic if there is no directive of that name.
func (c *Config) String(name string) string { return c.value(mustLookup(name)).text }

// Bool reports whether a directive says yes.
func (c *Config) Bool(name string) bool { return c.String(name) == "yes" }

// Int returns the value of a number. Of unixsocketperm it is the mode, of
// notify-keyspace-events the sum of the Notify constants, of
// shutdown-on-sigterm and -sigint the sum of the Shutdown constants, of
// maxmemory-clients a number of bytes or, below zero, of per cent.
func (c *Config) Int(name string) int64 { return c.value(mustLookup(name)).num }

// Bytes returns a memory size, at most math.MaxInt64: Redis keeps maxmemory as
// an unsigned number, and "no more than everything" is the same to everyone.
func (c *Config) Bytes(name string) int64 {
	if n := c.Int(name); n >= 0 {
		return n
	}
	return math.MaxInt64
}

// Words returns a list, such as bind, split at its spaces.
func (c *Config) Words(name string) []string { return strings.Fields(c.String(name)) }

// A SavePoint is one pair of the save directive: save when so many seconds have
// passed and so many keys have changed.
type SavePoint struct{ Seconds, Changes int64 }

// SavePoints returns the pairs of the save directive.
func (c *Config) SavePoints() []SavePoint {
	words := c.Words("save")
	var points []SavePoint
	for pair := range slices.Chunk(words, 2) {
		var p SavePoint
		p.Seconds, _ = strconv.ParseInt(pair[0], 10, 64)
		p.Changes, _ = strconv.ParseInt(pair[1], 10, 64)
		points = append(points, p)
	}
	return points
}

// An OutputLimit is what a class of clients may have waiting in its output: so
// many bytes at once, or so many for so many seconds. Zero is no limit.
type OutputLimit struct{ Hard, Soft, Seconds int64 }

// OutputLimits returns client-output-buffer-limit class by class.
func (c *Config) OutputLimits() (normal, replica, pubsub OutputLimit) {
	limits := []*OutputLimit{&normal, &replica, &pubsub}
	for class := range slices.Chunk(c.Words("client-output-buffer-limit"), 4) {
		for i, word := range class[1:] {
			n, _ := strconv.ParseUint(word, 10, 64)
			*[]*int64{&limits[0].Hard, &limits[0].Soft, &limits[0].Seconds}[i] = int64(min(n, math.MaxInt64))
		}
		limits = limits[1:]
	}
	return normal, replica, pubsub
}

// File returns the absolute path of the configuration file, or "".
func (c *Config) File() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.file
}

// Given reports whether a file, the command line or Preset has said anything of the
// directive: a pidfile is written only then, or by a daemon.
func (c *Config) Given(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := mustLookup(name)
	_, ok := c.given[d]
	return ok || c.preset[d]
}

// Users returns the words after each user directive, in order.
func (c *Config) Users() [][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.users)
}

// Renames returns the rename-command lines, in order: a later one may rename
// what an earlier one made.
func (c *Config) Renames() []Rename {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.renames)
}

// Notices returns a sentence for each directive that was given a value of its
// own and has no meaning here, for the log of the start.
func (c *Config) Notices() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var notices []string
	for i := range table {
		d := &table[i]
		if p, ok := c.given[d]; ok && d.use == Kept && c.value(d).text != defaults[i].text {
			why := d.note
			if why == "" {
				why = "it is kept for CONFIG GET and has no effect in larder"
			}
			notices = append(notices, p.directive+": "+why)
		}
	}
	return notices
}

// UseOf tells what larder does with a directive; ok is false if there is none
// of that name.
func UseOf(name string) (use Use, ok bool) {
	d := lookup(name)
	if d == nil {
		return 0, false
	}
	return d.use, true
}

// Sensitive reports whether the value of a directive is a secret, to be kept
// out of MONITOR, SLOWLOG and the log.
func Sensitive(name string) bool {
	d := lookup(name)
	return d != nil && d.flags&sensitive != 0
}
