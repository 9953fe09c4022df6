package admin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/acl"
	"github.com/larderdb/larder/internal/engine"
)

// Connections as seen by each other: CLIENT.

const (
	clientFlags      = engine.NoScript | engine.Loading | engine.Stale
	clientAdminFlags = clientFlags | engine.Admin
)

var _ = add(&engine.Container{Spec: engine.Spec{
	Name: "CLIENT", Arity: -2, Group: "connection", Since: "2.4.0", Complexity: "that of the subcommand",
	Summary: "About connections.",
}})

func init() {
	addHelp("CLIENT", "connection", "5.0.0",
		"CACHING (YES|NO)", "Says whether what the next command reads is tracked, with OPTIN and OPTOUT.",
		"GETNAME", "Answers the connection's name.",
		"GETREDIR", "Answers which connection is told of changes instead of this one.",
		"ID", "Answers the connection's number.",
		"INFO", "Describes the connection.",
		"KILL <ip:port>", "Ends the connection from that address.",
		"KILL <option> <value> [<option> <value> ...]", "Ends the connections that fit all of ID, TYPE, USER, ADDR, LADDR, MAXAGE; SKIPME no may end this one.",
		"LIST [TYPE <type> | ID <id> ...]", "Describes connections, a line each.",
		"NO-EVICT (ON|OFF)", "Keeps the connection when memory for connections runs short.",
		"NO-TOUCH (ON|OFF)", "Lets this connection's reads leave the keys' time of access alone.",
		"PAUSE <milliseconds> [WRITE|ALL]", "Holds up all commands, or those that write.",
		"REPLY (ON|OFF|SKIP)", "Answers everything, nothing, or all but the next command.",
		"SETINFO (LIB-NAME|LIB-VER) <value>", "Says which library speaks.",
		"SETNAME <name>", "Names the connection.",
		"TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] [NOLOOP]", "Asks to be told when keys change that the connection has read.",
		"TRACKINGINFO", "Describes what the connection tracks.",
		"UNBLOCK <id> [TIMEOUT|ERROR]", "Ends the wait of a connection.",
		"UNPAUSE", "Ends what PAUSE began.",
	)
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|ID", Arity: 2, Flags: clientFlags, Group: "connection", Since: "5.0.0", Complexity: "O(1)",
		Summary: "Answers the connection's number, which no other had or will have.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		w.Int(c.ID)
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|GETNAME", Arity: 2, Flags: clientFlags, Group: "connection", Since: "2.6.9", Complexity: "O(1)",
		Summary: "Answers the connection's name.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		c.mu.Lock()
		name := c.name
		c.mu.Unlock()
		if name == "" {
			return engine.ErrNil
		}
		w.Bulk(name)
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|SETNAME", Arity: 3, Flags: clientFlags, Group: "connection", Since: "2.6.9", Complexity: "O(1)",
		Syntax: "connection-name:string", Summary: "Names the connection; the empty name is none.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		name := a.String()
		if err := checkName(name); err != nil {
			return err
		}
		c.setName(name)
		w.OK()
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|SETINFO", Arity: 4, Flags: clientFlags, Group: "connection", Since: "7.2.0", Complexity: "O(1)",
		Syntax:  "attr<LIB-NAME libname:string|LIB-VER libver:string>",
		Summary: "Says which client library speaks.",
		Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		attr, value := strings.ToLower(a.String()), a.String()
		if attr != "lib-name" && attr != "lib-ver" {
			return engine.Error(fmt.Sprintf("ERR Unrecognized option '%s'", cloned(string(a.Words()[2]))))
		}
		if !printable(value) {
			return engine.Error("ERR " + attr + " cannot contain spaces, newlines or special characters.")
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if attr == "lib-name" {
			c.libName = cloned(value)
		} else {
			c.libVer = cloned(value)
		}
		w.OK()
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|INFO", Arity: 2, Flags: clientFlags, Group: "connection", Since: "6.2.0", Complexity: "O(1)",
		Summary: "Describes the connection, as CLIENT LIST does.", Tips: []string{"nondeterministic_output"},
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		w.Verbatim("txt", string(c.describe(nil, argvMem(a))))
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|LIST", Arity: -2, Flags: clientAdminFlags, Group: "connection", Since: "2.4.0",
		Complexity: "O(N) for N connections", Summary: "Describes connections, a line each.",
		Syntax: "[TYPE normal_master_replica_pubsub<NORMAL|MASTER|REPLICA|PUBSUB>@5.0.0] [ID id<client-id:integer...>@6.2.0]",
		Tips:   []string{"nondeterministic_output"},
	},
	Run: clientList,
})

func clientList(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	clients := server(s).list()
	switch {
	case a.Len() == 0:
	case a.Len() == 2 && a.Flag("TYPE"):
		name := a.String()
		class, ok := clientTypes[strings.ToLower(name)]
		if !ok {
			return engine.Error("ERR Unknown client type '" + name + "'")
		}
		clients = slices.DeleteFunc(clients, func(c *Client) bool { return c.class() != class })
	case a.FlagWith("ID", 1):
		asked := make([]*Client, 0, a.Len())
		for a.Len() > 0 {
			id := a.IntOr(engine.Error("ERR Invalid client ID"))
			if i := slices.IndexFunc(clients, func(c *Client) bool { return c.ID == id }); i >= 0 {
				asked = append(asked, clients[i])
			}
		}
		if err := a.Done(); err != nil {
			return err
		}
		clients = asked
	default:
		return engine.ErrSyntax
	}
	me, b := client(s), []byte(nil)
	for _, c := range clients {
		argv := 0
		if c == me {
			argv = argvMem(a)
		}
		b = c.describe(b, argv)
	}
	w.Verbatim("txt", string(b))
	return nil
}

// argvMem is the length of a command's words together.
func argvMem(a *engine.Args) (n int) {
	for _, word := range a.Words() {
		n += len(word)
	}
	return n
}

// A class is a type of client.
type class uint8

const (
	classNormal class = iota
	classReplica
	classPubSub
	classMaster
)

var clientTypes = map[string]class{
	"normal": classNormal, "replica": classReplica, "slave": classReplica, "pubsub": classPubSub, "master": classMaster,
}

// class is what kind of peer is at the other end.
func (c *Client) class() class { return class(c.kind.Load()) }

// describe appends the line of CLIENT LIST. There is no number of a file to
// show, so fd repeats the client's own. Redis 7.2's fields for the library stand
// at the end, as there, but only where a library has said its name: the line is
// Redis 7.0's otherwise.
func (c *Client) describe(b []byte, argv int) []byte {
	c.mu.Lock()
	name, lib, ver, db, proto := c.name, c.libName, c.libVer, c.selected, c.proto
	c.mu.Unlock()
	cmd := "NULL"
	if spec := c.last.Load(); spec != nil {
		cmd = spec.Lower()
	}
	z, subs := c.t.Sizes(), c.subscriptions()
	mode, broken, _ := c.srv.caches.state(c)
	now := c.s.Engine().Now()
	b = fmt.Appendf(b, "id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d multi=%d",
		c.ID, c.t.RemoteAddr(), c.t.LocalAddr(), c.ID, name, c.age(now),
		max(0, now.Unix()-c.lastAt.Load()), c.flags(mode, broken), db, subs[0], subs[1], subs[2], c.queued.Load())
	b = fmt.Appendf(b, " qbuf=%d qbuf-free=%d argv-mem=%d multi-mem=%d rbs=%d rbp=%d obl=%d oll=%d omem=%d tot-mem=%d",
		z.QueryUsed, z.QueryFree, argv, c.queuedIn.Load(), z.OutputFixed, z.OutputFixed, z.OutputFixed, z.OutputChunks,
		z.OutputQueued, c.memory(z)+int64(argv))
	b = fmt.Appendf(b, " events=r cmd=%s user=%s redir=%d resp=%d", cmd, c.accountName(), mode.redir(), proto)
	if lib != "" || ver != "" {
		b = fmt.Appendf(b, " lib-name=%s lib-ver=%s", lib, ver)
	}
	return append(b, '\n')
}

// accountName is whom the client is logged in to. Nobody asks a primary.
func (c *Client) accountName() string {
	if a := c.account.Load(); a != nil {
		return a.Name()
	}
	return "(superuser)"
}

// flags are the letters of the field "flags", in Redis's order.
func (c *Client) flags(mode trackMode, broken bool) string {
	var f []byte
	for _, l := range []struct {
		on     bool
		letter byte
	}{
		{c.class() == classReplica, 'S'},
		{c.monitoring.Load(), 'O'},
		{c.class() == classMaster, 'M'},
		{c.subscribes(), 'P'},
		{c.queued.Load() >= 0, 'x'},
		{c.s.Waits() || c.heldUp.Load(), 'b'},
		{mode.on, 't'},
		{broken, 'R'},
		{mode.bcast, 'B'},
		{c.closing.Load(), 'c'},
		{strings.HasSuffix(c.t.RemoteAddr(), ":0") && strings.HasPrefix(c.t.RemoteAddr(), "/"), 'U'},
		{c.noEvict.Load(), 'e'},
		{c.noTouch.Load(), 'T'},
	} {
		if l.on {
			f = append(f, l.letter)
		}
	}
	if len(f) == 0 {
		return "N"
	}
	return string(f)
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|KILL", Arity: -3, Flags: clientAdminFlags, Group: "connection", Since: "2.4.0",
		Complexity: "O(N) for N connections", Summary: "Ends connections.",
		Syntax: "filter<ip:port:string@!2.8.12|new-format<[ID client-id:integer@2.8.12]|" +
			"[TYPE normal_master_slave_pubsub<NORMAL|MASTER@3.2.0|SLAVE|REPLICA@5.0.0|PUBSUB>@2.8.12]|" +
			"[USER username:string]|[ADDR ip:port:string]|[LADDR ip:port:string@6.2.0]|[SKIPME yes/no:string]>...>",
	},
	Run: clientKill,
})

func clientKill(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	srv, me := server(s), client(s)
	if a.Len() == 1 {
		addr := a.String()
		for _, c := range srv.list() {
			if c.t.RemoteAddr() == addr {
				c.kill(me)
				w.OK()
				return nil
			}
		}
		return engine.Error("ERR No such client")
	}
	f, err := srv.readKillFilter(a)
	if err != nil {
		return err
	}
	n := int64(0)
	for _, c := range srv.list() {
		if f.fits(c) && (c != me || !f.skipMe) {
			c.kill(me)
			n++
		}
	}
	w.Int(n)
	return nil
}

// A killFilter says whom CLIENT KILL ends. Empty fields fit everybody.
type killFilter struct {
	id          int64
	class       class
	byClass     bool
	addr, laddr string
	account     *acl.Account
	age         int64 // seconds, at least
	skipMe      bool
}

func (s *Server) readKillFilter(a *engine.Args) (f killFilter, err error) {
	f.skipMe = true
	for a.Len() > 0 {
		switch {
		case a.FlagWith("ID", 1):
			id, ok := engine.ParseInt(a.String())
			if !ok || id < 1 {
				return f, engine.Error("ERR client-id should be greater than 0")
			}
			f.id = id
		case a.FlagWith("TYPE", 1):
			name := a.String()
			if f.class, f.byClass = clientTypes[strings.ToLower(name)]; !f.byClass {
				return f, engine.Error("ERR Unknown client type '" + name + "'")
			}
		case a.FlagWith("ADDR", 1):
			f.addr = a.String()
		case a.FlagWith("LADDR", 1):
			f.laddr = a.String()
		case a.FlagWith("USER", 1):
			name := a.String()
			if f.account = s.users.Find(name); f.account == nil {
				return f, engine.Error("ERR No such user '" + name + "'")
			}
		case a.FlagWith("MAXAGE", 1): // of Redis 7.4
			n, ok := engine.ParseInt(a.String())
			if !ok {
				return f, engine.Error("ERR maxage is not an integer or out of range")
			}
			if n < 1 {
				return f, engine.Error("ERR maxage should be greater than 0")
			}
			f.age = n
		case a.FlagWith("SKIPME", 1):
			switch s := a.String(); {
			case strings.EqualFold(s, "yes"):
				f.skipMe = true
			case strings.EqualFold(s, "no"):
				f.skipMe = false
			default:
				return f, engine.ErrSyntax
			}
		default:
			return f, engine.ErrSyntax
		}
	}
	return f, nil
}

// age is how long ago the client has come, in seconds.
func (c *Client) age(now time.Time) int64 { return max(0, int64(now.Sub(c.created)/time.Second)) }

func (f *killFilter) fits(c *Client) bool {
	return (f.id == 0 || c.ID == f.id) &&
		(!f.byClass || c.class() == f.class) &&
		(f.account == nil || c.account.Load() == f.account) &&
		(f.addr == "" || c.t.RemoteAddr() == f.addr) &&
		(f.laddr == "" || c.t.LocalAddr() == f.laddr) &&
		c.age(c.srv.engine.Now()) >= f.age
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|NO-EVICT", Arity: 3, Flags: clientAdminFlags, Group: "connection", Since: "7.0.0", Complexity: "O(1)",
		Syntax: "enabled<ON|OFF>", Summary: "Keeps the connection when memory for connections runs short.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		on, err := onOff(a)
		if err != nil {
			return err
		}
		c.setNoEvict(on)
		w.OK()
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|NO-TOUCH", Arity: 3, Flags: clientFlags, Group: "connection", Since: "7.2.0", Complexity: "O(1)",
		Syntax: "enabled<ON|OFF>", Summary: "Lets the connection's reads leave the keys' time of access alone.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		on, err := onOff(a)
		if err != nil {
			return err
		}
		s.NoTouch = on
		if c := client(s); c != nil {
			c.noTouch.Store(on)
		}
		w.OK()
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|REPLY", Arity: 3, Flags: clientFlags, Group: "connection", Since: "3.2.0", Complexity: "O(1)",
		Syntax: "on_off_skip<ON|OFF|SKIP>", Summary: "Says whether commands are answered.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		m := &c.mute
		switch how := strings.ToLower(a.String()); how {
		case "on":
			if m.from >= 0 {
				w.Buf = w.Buf[:m.from] // inside EXEC, what was said meanwhile
			}
			m.off, m.skip, m.from = false, false, -1
			w.OK()
		case "off":
			m.off = true
			if m.from < 0 {
				m.from = len(w.Buf)
			}
		case "skip":
			m.next = !m.off // it answers nothing itself, and says so by answering nothing
		default:
			return engine.ErrSyntax
		}
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|UNBLOCK", Arity: -3, Flags: clientAdminFlags, Group: "connection", Since: "5.0.0",
		Complexity: "O(1)", Syntax: "client-id:integer [timeout_error<TIMEOUT|ERROR>]", Summary: "Ends the wait of a connection.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		if a.Len() > 2 {
			return badSubcommand("CLIENT", a)
		}
		id, why := a.String(), engine.ErrNil
		switch {
		case a.Len() == 0 || a.Flag("TIMEOUT"):
		case a.Flag("ERROR"):
			why = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
		default:
			return engine.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
		}
		n, ok := engine.ParseInt(id)
		if !ok {
			return engine.ErrNotInt
		}
		srv := server(s)
		srv.mu.Lock()
		c := srv.clients[n]
		srv.mu.Unlock()
		if c != nil && c.s.Unblock(why) {
			w.Int(1)
		} else {
			w.Int(0)
		}
		return nil
	},
})

// badSubcommand is the error of a subcommand that finds its arguments wrong
// itself.
func badSubcommand(container string, a *engine.Args) error {
	return engine.Error(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%.128s'. Try %s HELP.",
		a.Words()[1], container))
}
