package admin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
)

// What tests look inside with and provoke: DEBUG.

// A debugCommand is a subcommand of DEBUG. DEBUG is one command to COMMAND, as
// in Redis, so its parts are no entries of the table.
type debugCommand struct {
	min, max int // arguments; max -1: any number
	run      func(*engine.Session, *engine.Args, *engine.Reply) error
	plan     func(*engine.Session, *engine.Args, *engine.KeySet)
	use      string // of HELP
	does     string
}

var debugCommands map[string]*debugCommand

// debugOrder is the order of HELP.
var debugOrder []string

func addDebug(name string, c debugCommand) {
	if debugCommands == nil {
		debugCommands = map[string]*debugCommand{}
	}
	debugCommands[name] = &c
	debugOrder = append(debugOrder, name)
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "DEBUG", Arity: -2, Flags: clientAdminFlags, Group: "server", Since: "1.0.0",
		Complexity: "that of the subcommand", Summary: "Lets tests look inside and provoke what is rare.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c := debugCommands[strings.ToUpper(a.String())]
		if c == nil || a.Len() < c.min || c.max >= 0 && a.Len() > c.max {
			return badSubcommand("DEBUG", a)
		}
		return c.run(s, a, w)
	},
	Plan: func(s *engine.Session, a *engine.Args, k *engine.KeySet) {
		c := debugCommands[strings.ToUpper(a.String())]
		if c != nil && c.plan != nil && a.Len() >= c.min {
			c.plan(s, a, k)
		}
	},
})

func init() {
	addDebug("CHANGE-REPL-ID", debugCommand{use: "CHANGE-REPL-ID", does: "Takes a new replication ID.",
		run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
			server(s).changeReplID()
			w.OK()
			return nil
		}})
	addDebug("DIGEST", debugCommand{use: "DIGEST", does: "Answers 40 digits that are the same for the same data.",
		run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
			d, err := opDigest.Do(s, struct{}{})
			if err == nil {
				w.Simple(d.String())
			}
			return err
		},
		plan: func(_ *engine.Session, _ *engine.Args, k *engine.KeySet) { k.All() }})
	addDebug("DIGEST-VALUE", debugCommand{max: -1, use: "DIGEST-VALUE <key> [<key> ...]", does: "Answers the digests of values.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			ds, err := opDigestValues.Do(s, a.Rest())
			if err != nil {
				return err
			}
			w.Array(len(ds))
			for _, d := range ds {
				w.Simple(d.String())
			}
			return nil
		},
		plan: planKeys})
	addDebug("ERROR", debugCommand{min: 1, max: 1, use: "ERROR <text>", does: "Answers with this error.",
		run: func(_ *engine.Session, a *engine.Args, w *engine.Reply) error {
			w.Err(a.String())
			return nil
		}})
	addDebug("LOG", debugCommand{min: 1, max: 1, use: "LOG <text>", does: "Writes to the log.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			server(s).log.Warn("DEBUG LOG: " + cloned(a.String()))
			w.OK()
			return nil
		}})
	addDebug("OBJECT", debugCommand{min: 1, max: 1, use: "OBJECT <key>", does: "Tells how a value is kept.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			line, err := opDebugObject.Do(s, a.Key())
			switch err {
			case nil:
				w.Simple(line)
			case engine.ErrNil: // no error to count until here
				return engine.ErrNoKey
			}
			return err
		},
		plan: planKeys})
	addDebug("POPULATE", debugCommand{min: 1, max: 3, use: "POPULATE <count> [<prefix>] [<size>]",
		does: "Writes so many strings to keys that do not exist.",
		run:  populate,
		plan: func(_ *engine.Session, _ *engine.Args, k *engine.KeySet) { k.AllForWriting() }})
	addDebug("PROTOCOL", debugCommand{min: 1, max: 1, use: "PROTOCOL <type>", does: "Answers with a value of this type of RESP.",
		run: debugProtocol})
	addDebug("QUICKLIST-PACKED-THRESHOLD", debugCommand{min: 1, max: 1, use: "QUICKLIST-PACKED-THRESHOLD <size>",
		does: "Sets how large an element of a list must be to get a node of its own.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			n, ok := conf.ParseSize(a.String())
			if !ok || n > 1<<32-1<<20 {
				return engine.Error("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
			}
			if n == 0 {
				n = 1 << 30
			}
			s.Engine().SetLargeElement(int64(n))
			w.OK()
			return nil
		}})
	addDebug("SET-ACTIVE-EXPIRE", debugCommand{min: 1, max: 1, use: "SET-ACTIVE-EXPIRE <0|1>",
		does: "Stops, or starts again, deleting expired keys that nobody touches.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			s.Engine().SetActiveExpire(number(a.String()) != 0)
			w.OK()
			return nil
		}})
	addDebug("SLEEP", debugCommand{min: 1, max: 1, use: "SLEEP <seconds>", does: "Lets all connections wait; a fraction is allowed.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			server(s).nap(s, time.Duration(number(a.String())*float64(time.Second)))
			w.OK()
			return nil
		}})
	addDebug("HELP", debugCommand{run: func(_ *engine.Session, _ *engine.Args, w *engine.Reply) error {
		var lines []string
		for _, name := range debugOrder {
			if c := debugCommands[name]; c.use != "" {
				lines = append(lines, c.use, c.does)
			}
		}
		ReplyHelp(w, "DEBUG", lines...)
		return nil
	}})
}

// number reads what it can from the beginning of s, as C's strtod does, and is 0
// where there is nothing to read.
func number(s string) float64 {
	for i := len(s); i > 0; i-- {
		if f, ok := engine.ParseFloat(s[:i]); ok {
			return min(max(f, 0), math.MaxInt32)
		}
	}
	return 0
}

func planKeys(_ *engine.Session, a *engine.Args, k *engine.KeySet) { k.ReadAll(a.Rest()) }

// A nap is a DEBUG SLEEP under way.
type nap struct{ over chan struct{} }

// nap stops all connections for d: their next command waits before it takes any
// lock, so that in a synctest bubble time can move.
func (s *Server) nap(es *engine.Session, d time.Duration) {
	defer s.Stop()()
	if es.OnWait != nil && !es.InTxn() {
		defer es.OnWait()()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-gone(es):
	case <-s.engine.Closed():
	}
}

// Stop stops all connections, as DEBUG SLEEP does, until goOn is called, which may be
// called again. Commands that are on their way when it is called still run.
func (s *Server) Stop() (goOn func()) {
	n := &nap{make(chan struct{})}
	s.asleep.Store(n)
	s.settleAsleep()
	return sync.OnceFunc(func() {
		s.asleep.CompareAndSwap(n, nil)
		s.settleAsleep()
		close(n.over)
	})
}

func (s *Server) settleAsleep() {
	s.SettleGate(gateAsleep, func() bool { return s.asleep.Load() != nil })
}

// awaitNap waits until no DEBUG SLEEP is under way.
func (s *Server) awaitNap(es *engine.Session) {
	if es.OnWait != nil {
		defer es.OnWait()()
	}
	for n := s.asleep.Load(); n != nil; n = s.asleep.Load() {
		select {
		case <-n.over:
		case <-gone(es):
			return
		case <-s.engine.Closed():
			return
		}
	}
}

// gone is closed when the other side of a session is gone.
func gone(es *engine.Session) <-chan struct{} {
	if es.Ctx == nil {
		return nil
	}
	return es.Ctx.Done()
}

// opDebugObject is DEBUG OBJECT. Values have no address to show.
var opDebugObject = &engine.Op[string, string]{
	Spec: engine.Spec{Name: "DEBUG OBJECT", Flags: engine.ReadOnly},
	Keys: (*engine.KeySet).Read,
	Run: func(t *engine.Txn, key string) (string, error) {
		it, size := t.Raw(key)
		if size == 0 {
			return "", engine.ErrNil
		}
		e, v := t.Engine(), it.Value
		lru, idle := it.Clock&(1<<24-1), e.Idle(it.Clock)
		return fmt.Sprintf("Value at:0x0 refcount:%d encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d%s",
			RefCount(e, v), v.Form.Encoding(), serializedLength(e, v), lru, idle, listStats(e, v)), nil
	},
}

// listStats is what DEBUG OBJECT adds for a list.
func listStats(e *engine.Engine, v engine.Value) string {
	l, ok := v.List()
	if !ok {
		return ""
	}
	s, packs := e.ListStats(l), 0
	if s.Packs {
		packs = 1
	}
	return fmt.Sprintf(" ql_nodes:%d ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d ql_uncompressed_size:%d",
		s.Nodes, float64(l.Len())/float64(s.Nodes), s.Fill, packs, s.Bytes)
}

// SetValueLen says how long a value is in an RDB file, without its type.
func (s *Server) SetValueLen(f func(engine.Value) int) { s.valueLen.Store(&f) }

// serializedLength is the length that a value has in an RDB file; 0 where nobody is
// there to write one.
func serializedLength(e *engine.Engine, v engine.Value) int {
	if f := e.Owner().(*Server).valueLen.Load(); f != nil {
		return (*f)(v)
	}
	return 0
}

// RefCount is what OBJECT REFCOUNT answers. Nothing is shared in larder, but
// Redis shares small integers unless the eviction policy needs a clock for each,
// and says so with the largest number.
func RefCount(e *engine.Engine, v engine.Value) int64 {
	if v.Form != engine.StringInt {
		return 1
	}
	if e.MaxMemory() != 0 {
		switch e.Policy() {
		case engine.AllKeysLRU, engine.VolatileLRU, engine.AllKeysLFU, engine.VolatileLFU:
			return 1
		}
	}
	if n, ok := engine.ParseInt(v.Str().String()); !ok || n < 0 || n >= 10000 {
		return 1
	}
	return math.MaxInt32
}

// populateArgs are keys that DEBUG POPULATE fills in one step.
type populateArgs struct {
	prefix   string
	from, to int64
	size     int64 // of a value; -1: as it comes
}

// populateStep is how many keys are written in one transaction.
const populateStep = 256

func (a populateArgs) key(i int64) string { return a.prefix + ":" + strconv.FormatInt(i, 10) }

func (a populateArgs) value(i int64) string {
	v := "value:" + strconv.FormatInt(i, 10)
	if a.size < 0 {
		return v
	}
	b := make([]byte, a.size)
	copy(b, v)
	return string(b)
}

func populate(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	const outOfRange engine.Error = "ERR value is out of range, must be positive"
	n, ok := engine.ParseInt(a.String())
	if !ok || n < 0 {
		return outOfRange
	}
	p := populateArgs{prefix: "key", size: -1}
	if a.Len() > 0 {
		p.prefix = a.String()
	}
	if a.Len() > 0 {
		size, ok := engine.ParseInt(a.String())
		if !ok || size < 0 || size > s.Engine().MaxString() {
			return outOfRange
		}
		if size != 0 {
			p.size = size
		}
	}
	for p.to < n {
		p.from, p.to = p.to, min(p.to+populateStep, n)
		if _, err := opPopulate.Do(s, p); err != nil {
			return err
		}
	}
	w.OK()
	return nil
}

// opPopulate is a step of DEBUG POPULATE. Unlike Redis's, it is told to replicas
// and to the append-only file, as every write here.
var opPopulate = &engine.Op[populateArgs, struct{}]{
	Spec: engine.Spec{Name: "DEBUG POPULATE", Flags: engine.Write | engine.DenyOOM},
	Keys: func(k *engine.KeySet, a populateArgs) {
		for i := a.from; i < a.to; i++ {
			k.Write(a.key(i))
		}
	},
	Run: func(t *engine.Txn, a populateArgs) (struct{}, error) {
		for i := a.from; i < a.to; i++ {
			key := a.key(i)
			if t.Exists(key) {
				continue
			}
			value, form := a.value(i), engine.StringEmbstr
			if len(value) > 44 {
				form = engine.StringRaw
			}
			t.Set(key, value, form, 0)
			t.Effect('$', "set", key, "SET", key, value)
		}
		return struct{}{}, nil
	},
}

func debugProtocol(_ *engine.Session, a *engine.Args, w *engine.Reply) error {
	switch strings.ToLower(a.String()) {
	case "string":
		w.Bulk("Hello World")
	case "integer":
		w.Int(12345)
	case "double":
		w.Double(3.141)
	case "bignum":
		w.BigNumber("1234567999999999999999999999999999999")
	case "null":
		w.Null()
	case "array":
		w.Array(3)
		three(w)
	case "set":
		w.Set(3)
		three(w)
	case "map":
		w.Map(3)
		for i := range int64(3) {
			w.Int(i)
			w.Bool(i == 1)
		}
	case "attrib":
		if w.Attribute(1) {
			w.Bulk("key-popularity")
			w.Array(2)
			w.Bulk("key:123")
			w.Int(90)
		}
		w.Bulk("Some real reply following the attribute")
	case "push":
		if w.Proto != 3 {
			return engine.Error("ERR RESP2 is not supported by this command")
		}
		w.Push(2)
		w.Bulk("server-cpu-usage")
		w.Int(42)
		w.Bulk("Some real reply following the push reply")
	case "verbatim":
		w.Verbatim("txt", "This is a verbatim\nstring")
	case "true":
		w.Bool(true)
	case "false":
		w.Bool(false)
	default:
		return engine.Error("ERR Wrong protocol type name. Please use one of the following: " +
			"string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false")
	}
	return nil
}

func three(w *engine.Reply) {
	for i := range int64(3) {
		w.Int(i)
	}
}
