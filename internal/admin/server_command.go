package admin

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// The server: TIME LOLWUT SHUTDOWN MEMORY ROLE LASTSAVE READONLY READWRITE.

const lookFlags = engine.Loading | engine.Stale | engine.Fast

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "TIME", Arity: 1, Flags: lookFlags, Group: "server", Since: "2.6.0", Complexity: "O(1)",
		Summary: "Tells the time: seconds since 1970, and microseconds.", Tips: []string{"nondeterministic_output"},
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		now := s.Engine().Now().UnixMicro()
		w.Array(2)
		w.BulkInt(now / 1e6)
		w.BulkInt(now % 1e6)
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "ROLE", Arity: 1, Flags: lookFlags | engine.NoScript, ACL: "admin dangerous", Group: "server", Since: "2.8.12",
		Complexity: "O(1)", Summary: "Tells the part that the server plays in replication.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		in := server(s).replicationInfo()
		in.role(w)
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "LASTSAVE", Arity: 1, Flags: lookFlags, ACL: "admin dangerous", Group: "server", Since: "1.0.0",
		Complexity: "O(1)", Summary: "Tells when the data was saved last, or else when the server started.",
		Tips: []string{"nondeterministic_output"},
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		w.Int(server(s).persistenceInfo().LastSave.Unix())
		return nil
	},
})

func init() {
	for _, name := range []string{"READONLY", "READWRITE"} {
		add(&engine.Ctl{
			Spec: engine.Spec{
				Name: name, Arity: 1, Flags: lookFlags, ACL: "connection", Group: "cluster", Since: "3.0.0", Complexity: "O(1)",
				Summary: "Chooses what a node of a cluster lets the connection read; larder is none.",
			},
			Run: func(*engine.Session, *engine.Args, *engine.Reply) error {
				return engine.Error("ERR This instance has cluster support disabled")
			},
		})
	}
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "SHUTDOWN", Arity: -1, Group: "server", Since: "1.0.0",
		Flags:      engine.Admin | engine.NoScript | engine.Loading | engine.Stale | engine.NoMulti | engine.AllowBusy,
		Complexity: "O(N) to save N keys, else O(1)", Summary: "Ends the server.",
		Syntax: "[nosave_save<NOSAVE|SAVE>] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		o := ShutdownArgs{}
		for a.More() {
			switch {
			case !o.Save && a.Flag("NOSAVE"):
				o.NoSave = true
			case !o.NoSave && a.Flag("SAVE"):
				o.Save = true
			case a.Flag("NOW"):
				o.Now = true
			case a.Flag("FORCE"):
				o.Force = true
			case a.Flag("ABORT"):
				o.Abort = true
			default:
				a.Syntax()
			}
		}
		if err := a.Done(); err != nil {
			return err
		}
		if o.Abort && (o.Save || o.NoSave || o.Now || o.Force) {
			return engine.ErrSyntax
		}
		err := server(s).shutdown(client(s), o)
		if err == nil && o.Abort {
			w.OK()
		}
		return err
	},
})

// shutdown answers nothing where it succeeds: the connection just ends.
func (s *Server) shutdown(c *Client, o ShutdownArgs) error {
	s.mu.Lock()
	end := s.OnShutdown
	s.mu.Unlock()
	switch {
	case end == nil && o.Abort:
		return engine.Error("ERR No shutdown in progress.")
	case end == nil:
		return engine.Error("ERR SHUTDOWN is not available: the store is part of a program, which ends it")
	}
	if err := end(o); err != nil {
		return err
	}
	if c != nil && !o.Abort {
		c.closing.Store(true)
	}
	return nil
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "LOLWUT", Arity: -1, Flags: engine.ReadOnly | engine.Fast, Group: "server", Since: "5.0.0",
		Syntax: "[VERSION version:integer]", Summary: "Draws something, and tells the version.",
	},
	Run: lolwut,
})

// lolwut draws a larder: shelves with jars. Of the arguments that may follow the
// version, which Redis's own drawings take, the first is how many jars stand on
// a shelf, the second how many shelves there are.
func lolwut(_ *engine.Session, a *engine.Args, w *engine.Reply) error {
	if a.FlagWith("VERSION", 1) {
		if _, ok := engine.ParseInt(a.String()); !ok {
			return engine.ErrNotInt
		}
	}
	jars, shelves, draw := 9, 3, true
	for i := 0; a.Len() > 0; i++ {
		n, ok := engine.ParseInt(a.String())
		switch {
		case !ok:
			draw = false
		case i == 0:
			jars = int(min(max(n, 1), 40))
		case i == 1:
			shelves = int(min(max(n, 1), 20))
		}
	}
	var b strings.Builder
	for range shelves {
		if !draw {
			break
		}
		drawShelf(&b, jars)
	}
	b.WriteString("Redis ver. " + Version + "\n")
	w.Verbatim("txt", b.String())
	return nil
}

// drawShelf draws one shelf, of which each jar is filled as chance has it.
func drawShelf(b *strings.Builder, jars int) {
	full := make([]int, jars)
	for i := range full {
		full[i] = rand.IntN(5) - 1 // -1: no jar
	}
	for line := 4; line >= 0; line-- {
		for _, n := range full {
			switch {
			case n < 0:
				b.WriteString("      ")
			case line == 4:
				b.WriteString(" .--. ")
			case line == 0:
				b.WriteString(" '--' ")
			case n >= line:
				b.WriteString(" |##| ")
			default:
				b.WriteString(" |  | ")
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString(strings.Repeat("=", 6*jars) + "\n")
}

var _ = add(&engine.Container{Spec: engine.Spec{
	Name: "MEMORY", Arity: -2, Group: "server", Since: "4.0.0", Complexity: "that of the subcommand",
	Summary: "About memory.",
}})

func init() {
	addHelp("MEMORY", "server", "4.0.0",
		"DOCTOR", "Says what looks wrong.",
		"MALLOC-STATS", "Tells what the Go runtime says of its memory.",
		"PURGE", "Gives memory that is free back to the system now.",
		"STATS", "Tells what memory is used for.",
		"USAGE <key> [SAMPLES <count>]", "Tells the memory of a key, with its value.",
	)
}

var memoryTips = []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}

var _ = add(&engine.Op[string, int64]{
	Spec: engine.Spec{
		Name: "MEMORY|USAGE", Arity: -3, Flags: engine.ReadOnly, Keys: []engine.KeySpec{{Flags: "RO", Index: 2}},
		Group: "server", Since: "4.0.0", Complexity: "O(1)", Syntax: "key:key [SAMPLES count:integer]",
		Summary: "Tells the memory of a key, with its value.",
	},
	Parse: func(a *engine.Args) string {
		key := a.Key()
		for a.More() {
			if !a.FlagWith("SAMPLES", 1) { // sizes are known without sampling
				a.Syntax()
			} else if a.Int() < 0 {
				a.Syntax()
			}
		}
		return key
	},
	Keys: (*engine.KeySet).Read,
	Run: func(t *engine.Txn, key string) (int64, error) {
		_, n := t.Raw(key)
		if n == 0 {
			return 0, engine.ErrNil
		}
		return int64(n), nil
	},
	Reply: (*engine.Reply).Int,
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "MEMORY|DOCTOR", Arity: 2, Group: "server", Since: "4.0.0", Complexity: "O(1)",
		Summary: "Says what looks wrong.", Tips: memoryTips,
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		w.Verbatim("txt", strings.Join(server(s).diagnosis(), "\n")+"\n")
		return nil
	},
})

// diagnosis is what MEMORY DOCTOR says, a line each.
func (s *Server) diagnosis() (lines []string) {
	m := s.memoryInfo()
	if m.Keyspace < 5<<20 {
		return []string{"There is so little in this store that nothing can be said about it."}
	}
	if m.Peak > m.Used*3/2 {
		lines = append(lines, fmt.Sprintf("The store once used %s and now uses %s; what is free is given back by and by.",
			human(m.Peak), human(m.Used)))
	}
	if m.Clients > m.Keyspace {
		lines = append(lines, fmt.Sprintf("Connections hold %s, more than the keys do: see omem in CLIENT LIST for who does not read.",
			human(m.Clients)))
	}
	if n := s.engine.Snapshots(); n > 0 {
		lines = append(lines, fmt.Sprintf("There are %d open snapshots, for which what is overwritten is kept.", n))
	}
	if m.Max != 0 && m.Keyspace > m.Max {
		lines = append(lines, "More memory is used than maxmemory allows.")
	}
	if lines == nil {
		lines = []string{"Nothing looks wrong."}
	}
	return lines
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "MEMORY|MALLOC-STATS", Arity: 2, Group: "server", Since: "4.0.0", Complexity: "O(1)",
		Summary: "Tells what the Go runtime says of its memory.", Tips: memoryTips,
	},
	Run: func(_ *engine.Session, _ *engine.Args, w *engine.Reply) error {
		w.Verbatim("txt", fmt.Sprintf("Keys and small values lie outside the Go heap.\n%s: %d bytes from the system, %d goroutines\n",
			runtime.Version(), goMemory(), runtime.NumGoroutine()))
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "MEMORY|PURGE", Arity: 2, Group: "server", Since: "4.0.0", Complexity: "O(N) for N objects on the Go heap",
		Summary: "Gives memory that is free back to the system now.",
		Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		srv := server(s)
		if c := client(s); c != nil && s.InTxn() {
			c.doLater(srv.purge) // which takes long, and EXEC holds shards
		} else {
			srv.purge()
		}
		w.OK()
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "MEMORY|STATS", Arity: 2, Group: "server", Since: "4.0.0", Complexity: "O(1)",
		Summary: "Tells what memory is used for.", Tips: memoryTips,
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		replyMemoryStats(server(s), w)
		return nil
	},
})

func replyMemoryStats(s *Server, w *engine.Reply) {
	m := s.memoryInfo()
	at, n := w.Mark(), 0
	put := func(name string, v int64) {
		w.Bulk(name)
		w.Int(v)
		n++
	}
	putShare := func(name string, part, whole int64, times float64) {
		w.Bulk(name)
		if whole == 0 {
			w.Double(0)
		} else {
			w.Double(float64(part) / float64(whole) * times)
		}
		n++
	}
	keys := int64(0)
	put("peak.allocated", m.Peak)
	put("total.allocated", m.Used)
	put("startup.allocated", m.Base)
	put("replication.backlog", m.Backlog)
	put("clients.slaves", m.Replicas)
	put("clients.normal", m.Clients-m.Replicas)
	put("cluster.links", 0)
	put("aof.buffer", 0)
	put("lua.caches", 0)
	put("functions.caches", 0)
	for db := range s.engine.Databases() {
		k, _ := s.engine.Size(db)
		if k == 0 {
			continue
		}
		keys += k
		w.Bulk("db." + strconv.Itoa(db))
		w.Map(3) // tables are counted with what is in them
		w.Bulk("overhead.hashtable.main")
		w.Int(0)
		w.Bulk("overhead.hashtable.expires")
		w.Int(0)
		w.Bulk("overhead.hashtable.slot-to-keys")
		w.Int(0)
		n++
	}
	put("overhead.total", m.Used-m.Keyspace)
	put("keys.count", keys)
	put("keys.bytes-per-key", m.Keyspace/max(1, keys))
	put("dataset.bytes", m.Keyspace)
	putShare("dataset.percentage", m.Keyspace, m.Used-m.Base, 100)
	putShare("peak.percentage", m.Used, m.Peak, 100)
	put("allocator.allocated", m.Used)
	put("allocator.active", m.Used)
	put("allocator.resident", m.Used)
	putShare("allocator-fragmentation.ratio", 1, 1, 1)
	put("allocator-fragmentation.bytes", 0)
	putShare("allocator-rss.ratio", 1, 1, 1)
	put("allocator-rss.bytes", 0)
	putShare("rss-overhead.ratio", 1, 1, 1)
	put("rss-overhead.bytes", 0)
	putShare("fragmentation", 1, 1, 1)
	put("fragmentation.bytes", 0)
	w.MapAt(at, n)
}
