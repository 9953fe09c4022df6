package larder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
)

// Options configures a [DB]. The zero value is an empty in-memory database that
// touches no file and has no goroutine while nothing is to be done.
type Options struct {
	// Now is the clock; nil is time.Now. Expiry follows it. If it jumps, because
	// a test moves it, call DB.ClockJumped.
	Now func() time.Time

	// Databases is the number of logical databases; 0 is 16.
	Databases int

	// MaxMemory is how many bytes the keys and their values may take, as Stats
	// and INFO count them; 0 is no limit. Beyond it a command that may need
	// memory evicts keys as Policy says, or fails with ErrOOM.
	MaxMemory int64

	// Policy says which keys are evicted; the zero value is none. Samples is
	// among how many the best is looked for each time; 0 is 5.
	Policy  Policy
	Samples int

	// Backlog is how many bytes of the journal are kept for those who follow it and
	// lag, or lose their link and come back; 0 is 1 MB. They are taken when the first
	// one comes, as there is something to keep.
	Backlog int

	// Logger is told of what nobody is there to be answered, such as a panic in
	// a command from a connection; nil is silence.
	Logger *slog.Logger

	// Config are directives of redis.conf, in pairs of a name and a value. Those
	// that have a field here belong there.
	Config []string
}

// A Policy says which keys are evicted when memory runs short; see
// Options.MaxMemory. Those that begin with Volatile take only keys that expire.
// LRU and LFU are approximated as in Redis, by sampling.
type Policy uint8

// The policies, named as in redis.conf.
const (
	NoEviction     Policy = iota // writes that may need memory fail with ErrOOM
	AllKeysLRU                   // the key that was not used for longest
	AllKeysLFU                   // the key that was used least often
	AllKeysRandom                // any key
	VolatileLRU                  // as AllKeysLRU
	VolatileLFU                  // as AllKeysLFU
	VolatileRandom               // as AllKeysRandom
	VolatileTTL                  // the key that expires first
)

// String is the policy's name in redis.conf.
func (p Policy) String() string { return engine.PolicyNames[p] }

// Commands is the typed form of every command. [DB] and [Tx] embed it: on a DB a
// command is a transaction of its own, on a Tx it is part of that one.
//
// A key that is missing is ErrNil where its value was asked for. Strings that
// are returned are copies; those that are given are copied before the call
// returns.
type Commands struct{ s *engine.Session }

// A DB is a database. Its methods may be called by many goroutines. A DB that is
// dropped without Close gives its memory back all the same.
type DB struct {
	Commands
	shared *shared
}

// shared is what the DBs of one store's logical databases have in common.
type shared struct {
	e     *engine.Engine
	admin *admin.Server
	loads loads
}

// Open returns a new, empty database.
func Open(o Options) (*DB, error) {
	c, err := o.config()
	if err != nil {
		return nil, err
	}
	db := open(o, c)
	if err := db.shared.admin.LoadUsers(); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("larder: Options.Config: %w", err)
	}
	return db, nil
}

// config returns the options as a configuration.
func (o Options) config() (*conf.Config, error) {
	if int(o.Policy) >= len(engine.PolicyNames) {
		return nil, fmt.Errorf("larder: Options.Policy: there is no policy %d", o.Policy)
	}
	if len(o.Config)%2 != 0 {
		return nil, errors.New("larder: Options.Config: a name without a value")
	}
	c := conf.New()
	c.Commands, c.CheckUser = bridge.HasCommand, bridge.CheckUser
	for _, f := range []struct {
		given       bool
		name, value string
	}{
		{o.Databases != 0, "databases", strconv.Itoa(o.Databases)},
		{o.MaxMemory != 0, "maxmemory", strconv.FormatInt(o.MaxMemory, 10)},
		{o.Policy != NoEviction, "maxmemory-policy", o.Policy.String()},
		{o.Samples != 0, "maxmemory-samples", strconv.Itoa(o.Samples)},
		{o.Backlog != 0, "repl-backlog-size", strconv.Itoa(o.Backlog)},
	} {
		if f.given {
			if err := c.Preset(f.name, f.value); err != nil {
				return nil, fmt.Errorf("larder: Options: %s: %w", f.name, err)
			}
		}
	}
	for i := 0; i < len(o.Config); i += 2 {
		if err := c.Preset(o.Config[i], o.Config[i+1]); err != nil {
			return nil, fmt.Errorf("larder: Options.Config: %s: %w", o.Config[i], err)
		}
	}
	return c, nil
}

func open(o Options, c *conf.Config) *DB {
	srv := admin.New(admin.Options{Conf: c, Logger: o.Logger, Commands: table})
	var renames []engine.Rename
	for _, r := range c.Renames() {
		renames = append(renames, engine.Rename(r))
	}
	e := engine.New(engine.Config{
		Table: table, Renames: renames, Now: o.Now, Databases: int(c.Int("databases")), Backlog: backlog(c), Owner: srv, Gate: srv,
		Messages: srv.Messages(),
		OnPanic: func(p any) {
			if o.Logger != nil {
				o.Logger.Error("a command panicked", "panic", p)
			}
		},
	})
	srv.Attach(e)
	return &DB{Commands{e.NewSession()}, &shared{e: e, admin: srv}}
}

func backlog(c *conf.Config) int { return int(min(c.Bytes("repl-backlog-size"), math.MaxInt)) }

// DB returns the logical database n of the same store. It panics if there is
// none.
func (db *DB) DB(n int) *DB {
	if n < 0 || n >= db.shared.e.Databases() {
		panic(fmt.Sprintf("larder: there is no database %d", n))
	}
	return &DB{Commands{db.s.At(n)}, db.shared}
}

// Close ends the store, with all its logical databases: calls that wait and all
// that come return ErrClosed. It waits for the store's goroutines, and is
// idempotent. Snapshots stay readable until they are closed.
func (db *DB) Close() error { return db.shared.e.Close() }

// ClockJumped says that the clock of Options.Now was moved by hand. Keys that
// are due are deleted, and calls whose time is up return, before it returns or
// soon after.
func (db *DB) ClockJumped() { db.shared.e.ClockJumped() }

// A Conn is a connection in words, as RESP has it, without a network. It keeps
// the selected database, the transaction and the version of the protocol, and
// stands in CLIENT LIST. It is for one goroutine; another may end its
// Transport's Context.
type Conn struct{ c *admin.Client }

// A Transport is what a Conn needs of what carries it, usually a network
// connection. Package redcon_server has one. One that is to carry replicas is a
// Streamer too.
type Transport interface {
	// Push adds whole RESP frames to the connection's output, in order. It may be
	// called by any goroutine, under locks: it must only append to a bounded
	// queue, and never wait. Past its bound the connection is to be killed.
	Push(frame []byte)

	// Private(false) says that pushes and replies must keep their order from now
	// on: what the batch has answered so far goes to the output at once, and from
	// now each command's reply at its end. Private(true), the state at the
	// beginning, lets a batch of replies be built aside. It is called within Exec.
	Private(private bool)

	// Class says which limit of the output holds: 0 normal, 1 replica, 2 pubsub. 3 is
	// a monitor, whose limit is the normal one. Only 0 may be closed for being idle.
	Class(class int)

	// Waiting is called within Exec when a command begins to wait, with no lock
	// held, so that the replies before it can be sent and a hang-up is noticed.
	// What it returns is called when the wait is over.
	Waiting() (done func())

	// Context ends when the other side is gone.
	Context() context.Context

	// Kill ends the connection. Any goroutine may call it, under locks: it must
	// not wait.
	Kill()

	RemoteAddr() string // as CLIENT LIST shows it
	LocalAddr() string

	// Buffers is what CLIENT LIST shows. Any goroutine may call it.
	Buffers() Buffers
}

// A Streamer is a Transport that can carry a replica: data without end, at the pace of
// who reads it.
type Streamer interface {
	// Stream writes p behind what was pushed before, and waits until the other side
	// has taken nearly all of it. It is called by one goroutine at a time, which
	// holds no lock; it returns an error once the connection has ended.
	Stream(p []byte) error
}

// Buffers are the bytes that a connection holds.
type Buffers struct {
	QueryUsed    int // read and not run yet
	QueryFree    int // room behind that
	OutputFixed  int // in a fixed buffer of replies
	OutputChunks int // the number of blocks of replies queued
	OutputQueued int // bytes of replies queued
}

// carrier is a Transport as internal/admin sees it.
type carrier struct{ Transport }

func (c carrier) Sizes() admin.Sizes { return admin.Sizes(c.Buffers()) }

func (c carrier) Stream(p []byte) error {
	if s, ok := c.Transport.(Streamer); ok {
		return s.Stream(p)
	}
	return errors.New("larder: this Transport is no Streamer: it cannot carry a replica")
}

// NewConn returns a new connection.
func (db *DB) NewConn(t Transport) *Conn { return &Conn{db.shared.admin.NewClient(carrier{t})} }

// Exec runs one command and appends what it answers, as RESP, to dst. The words
// may be reused afterwards. It may wait, as the command says.
func (c *Conn) Exec(dst []byte, words [][]byte) []byte { return c.c.Exec(dst, words) }

// Grew says that the Buffers of the Transport have grown otherwise than by an Exec, so
// that maxmemory-clients is obeyed at once and not at the next command, or that they have
// shrunk, so that nobody is ended for what is no longer there. Any goroutine may call it.
// Where it may hold locks, as within Push, it says that it is locked: then Grew does not
// wait, and leaves it to another goroutine to end connections. A Transport that never
// calls Grew is looked at behind each command.
func (c *Conn) Grew(locked bool) { c.c.Grew(locked) }

// Batch says that the next Exec follows the last one at once, so that the clock,
// which tells how long each took, is looked at once for both; it is said again when
// something else was done in between, and taken back at the end.
func (c *Conn) Batch(on bool) { c.c.Batch(on) }

// Closing reports that the connection is to end once its replies are sent: QUIT,
// a kill of itself, a panic.
func (c *Conn) Closing() bool { return c.c.Closing() }

// Authenticated reports whether the connection may run all commands.
func (c *Conn) Authenticated() bool { return c.c.Authenticated() }

// Close forgets the connection and what it watches.
func (c *Conn) Close() { c.c.Close() }

func init() {
	bridge.Open = func(c *conf.Config, log *slog.Logger) any { return open(Options{Logger: log}, c) }
	bridge.HasCommand = func(name string) bool { return admin.HasCommand(table, name) }
	bridge.CheckUser = func(words []string) error { return admin.CheckUserLine(table, words) }
	bridge.Server = func(db any) *admin.Server { return db.(*DB).shared.admin }
	bridge.Snapshot = func(snap any) *engine.Snapshot { return snap.(*Snapshot).sn }
	bridge.Session = func(c any) *engine.Session { return c.(Commands).s }
}
