package admin

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/acl"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/pubsub"
)

// Version is the version of Redis whose behaviour larder has.
const Version = "7.0.15"

// Table holds the commands of this package.
var Table = engine.Table{}

// add declares a command.
func add[C engine.Command](c C) C { return engine.Add(Table, c) }

// Options is what [New] needs to know.
type Options struct {
	Conf   *conf.Config // nil: the defaults
	Logger *slog.Logger // nil: silence

	// Commands are all that package larder declares, by their own names: what the rules
	// of users are about.
	Commands engine.Table
}

// A Server is the part of a database that is about connections and about
// itself.
type Server struct {
	conf    *conf.Config
	log     *slog.Logger
	engine  *engine.Engine // set by Attach
	started time.Time
	runID   string // 40 hexadecimal digits, new at every start

	commands     atomic.Int64 // processed
	connections  atomic.Int64 // ever made
	peak         atomic.Int64 // of memory, as far as anybody looked
	latency      latencies
	spikes       spikes
	slow         slowlog
	monitors     monitors
	hub          pubsub.Hub
	notifier     notifier
	caches       tracking // of clients that track what they read
	clientMemory clientMemory
	peaks        bufferPeaks
	users        *acl.Users
	aclLog       acl.Log
	tracking     atomic.Bool   // latency-tracking
	gates        atomic.Uint32 // a set of Gates; written under settling
	settling     sync.Mutex
	failing      atomic.Pointer[engine.Error]
	persistence  atomic.Pointer[Persistence]
	replication  atomic.Pointer[Replication]
	restored     atomic.Pointer[restored]
	loading      atomic.Pointer[Loading]
	libraries    atomic.Pointer[[]string]
	valueLen     atomic.Pointer[func(engine.Value) int]
	anyChecksum  atomic.Bool // DEBUG SET-SKIP-CHECKSUM-VALIDATION
	purging      sync.Mutex  // held while MEMORY PURGE does its work

	asleep    atomic.Pointer[nap] // DEBUG SLEEP
	pauses    pauses
	postponed atomic.Int64           // connections that are held up
	replID    atomic.Pointer[string] // 40 hexadecimal digits
	lastRates atomic.Pointer[rateMark]

	setting   sync.Mutex             // held by who runs CONFIG SET
	settingIn atomic.Pointer[Client] // who runs it within an EXEC

	mu      sync.Mutex // guards following
	lastID  int64
	clients map[int64]*Client
	port    int // of the first TCP listener, 0 without one
	network func() NetworkStats
	before  NetworkStats // what network said at CONFIG RESETSTAT

	// OnShutdown, if set, is called by SHUTDOWN: it ends the process, or says why
	// not. An embedded store has none.
	OnShutdown func(ShutdownArgs) error

	// OnBackground, if set, is called when saving begins in the background, in the
	// goroutine that saves and ends soon afterwards, and what it returns when it has saved.
	OnBackground func() (ended func())
}

// ShutdownArgs are the options of SHUTDOWN.
type ShutdownArgs struct {
	Save, NoSave, Now, Force, Abort bool
}

// NetworkStats are what a network front end adds to INFO.
type NetworkStats struct {
	Rejected          int64 // connections, because there were too many
	BytesIn, BytesOut int64 // without those of replication
	Reads, Writes     int64 // calls
}

// New returns a Server without an engine.
func New(o Options) *Server {
	s := &Server{conf: o.Conf, log: o.Logger, started: time.Now(), clients: map[int64]*Client{}}
	if s.conf == nil {
		s.conf = conf.New()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.startACL(o.Commands)
	s.runID = newID()
	s.changeReplID()
	return s
}

// newID returns 40 random hexadecimal digits.
func newID() string {
	var id [20]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// changeReplID gives the data a new history: DEBUG CHANGE-REPL-ID.
func (s *Server) changeReplID() {
	if r := s.Replication(); r != nil {
		r.ChangeID()
		return
	}
	s.SetReplID(newID())
}

// Attach gives the server its engine, and has the engine obey the
// configuration.
func (s *Server) Attach(e *engine.Engine) {
	s.engine = e
	s.caches.srv, s.notifier.hub = s, &s.hub
	s.latency.init()
	s.obey()
}

// Conf is the configuration.
func (s *Server) Conf() *conf.Config { return s.conf }

// SetPort says which port INFO reports.
func (s *Server) SetPort(port int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.port = port
}

// Port is the port that INFO reports, 0 without one.
func (s *Server) Port() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.port
}

// SetNetwork says where INFO finds the counters of the network front end.
func (s *Server) SetNetwork(stats func() NetworkStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.network, s.before = stats, NetworkStats{}
}

// networkStats are the counters of the network front end: what they have ever been, and
// since CONFIG RESETSTAT.
func (s *Server) networkStats() (ever, since NetworkStats) {
	s.mu.Lock()
	stats, was := s.network, s.before
	s.mu.Unlock()
	if stats != nil {
		ever = stats()
	}
	return ever, NetworkStats{
		Rejected: ever.Rejected - was.Rejected, BytesIn: ever.BytesIn - was.BytesIn, BytesOut: ever.BytesOut - was.BytesOut,
		Reads: ever.Reads - was.Reads, Writes: ever.Writes - was.Writes,
	}
}

// resetNetwork has the counters of the network front end begin anew.
func (s *Server) resetNetwork() {
	ever, _ := s.networkStats()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = ever
}

func (s *Server) pid() int { return os.Getpid() }

// server returns the Server of a session.
func server(s *engine.Session) *Server { return s.Engine().Owner().(*Server) }

// Ran takes note of a command that ran; see engine.Gate. Calls that were timed
// together have equal shares of the time. One that waited in vain is processed, and
// leaves no other trace, as in Redis.
func (s *Server) Ran(es *engine.Session, c engine.Command, words [][]byte, calls int, d time.Duration, err error) {
	s.commands.Add(int64(max(1, calls)))
	if calls == 0 {
		return
	}
	spec := c.Info()
	if p := s.persistence.Load(); p != nil && err == nil && spec.Name == "FLUSHALL" {
		(*p).Flushed()
	}
	if spec.Flags&engine.PubSub != 0 {
		s.recheck(es, spec, words)
	}
	es.Took(spec, d)
	if s.tracking.Load() {
		s.latency.note(es.Lane(), spec, calls, d/time.Duration(calls))
	}
	if words != nil {
		s.spikes.note(eventOf(spec), d, s.engine.Now)
		if s.slow.wants(spec, d) {
			s.slowWords(es, spec, words, d)
		}
	}
}

// eventOf is how LATENCY calls a call of a command.
func eventOf(spec *engine.Spec) string {
	if spec.Flags&engine.Fast != 0 {
		return "fast-command"
	}
	return "command"
}

// Saw shows the monitors a command; see engine.Gate.
func (s *Server) Saw(es *engine.Session, c engine.Command, words [][]byte) {
	s.monitors.saw(es, c.Info(), words)
}

// Called takes note of a call of Go; see engine.Gate.
func (s *Server) Called(es *engine.Session, call engine.GoCall, keys *engine.KeySet) {
	if s.tracking.Load() {
		s.latency.note(call.Lane, call.Spec, 1, call.Took)
	}
	s.spikes.note(eventOf(call.Spec), call.Took, s.engine.Now)
	if s.slow.wants(call.Spec, call.Took) {
		s.slowCall(es, call, keys)
	}
	if s.monitors.n.Load() != 0 {
		s.monitors.called(es, call, keys)
	}
}

// Worked takes note of the engine's own work; see engine.Gate.
func (s *Server) Worked(what string, d time.Duration) { s.spikes.note(what, d, s.engine.Now) }

// resetStats is CONFIG RESETSTAT.
func (s *Server) resetStats() {
	s.engine.ResetStats()
	s.commands.Store(0)
	s.connections.Store(0)
	s.peak.Store(0)
	s.resetNetwork()
	s.clientMemory.evicted.Store(0)
	s.lastRates.Store(&rateMark{at: time.Now()})
	s.latency.reset()
	if r := s.Replication(); r != nil {
		r.ResetStats()
	}
}
