package admin

import (
	"github.com/larderdb/larder/internal/acl"
	"github.com/larderdb/larder/internal/engine"
)

// Connections: AUTH ECHO HELLO PING QUIT RESET SELECT.

const connFlags = engine.NoScript | engine.Loading | engine.Stale | engine.Fast | engine.NoAuth | engine.AllowBusy

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "PING", Arity: -1, Flags: engine.Fast, Group: "connection", Since: "1.0.0",
		Complexity: "O(1)", Syntax: "[message:string]", Summary: "Answers PONG, or the message.",
		Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		if a.Len() > 1 {
			return engine.Error("ERR wrong number of arguments for 'ping' command")
		}
		if c := client(s); c != nil && c.confined() { // it has the form of a message
			message := ""
			if a.Len() == 1 {
				message = a.String()
			}
			w.Array(2)
			w.Bulk("pong")
			w.Bulk(message)
			return nil
		}
		if a.Len() == 1 {
			w.Bulk(a.String())
		} else {
			w.Simple("PONG")
		}
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "ECHO", Arity: 2, Flags: engine.Loading | engine.Stale | engine.Fast, Group: "connection", Since: "1.0.0",
		Complexity: "O(1)", Syntax: "message:string", Summary: "Answers the message.",
	},
	Run: func(_ *engine.Session, a *engine.Args, w *engine.Reply) error {
		w.Bulk(a.String())
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "QUIT", Arity: -1, Flags: connFlags, Group: "connection", Since: "1.0.0",
		Complexity: "O(1)", Summary: "Closes the connection.",
	},
	Now: true,
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		if c := client(s); c != nil {
			c.closing.Store(true)
		}
		w.OK()
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "SELECT", Arity: 2, Flags: engine.Loading | engine.Stale | engine.Fast, Group: "connection", Since: "1.0.0",
		Complexity: "O(1)", Syntax: "index:integer", Summary: "Changes the database that the connection uses.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		db, err := parseDB(s, a)
		if err != nil {
			return err
		}
		selectDB(s, db)
		w.OK()
		return nil
	},
	Plan: func(s *engine.Session, a *engine.Args, k *engine.KeySet) {
		if db, err := parseDB(s, a); err == nil {
			k.Select(db)
		}
	},
})

func parseDB(s *engine.Session, a *engine.Args) (int, error) {
	n := a.Int()
	if int64(int32(n)) != n {
		a.Fail(engine.Error("ERR value is out of range, value must between -2147483648 and 2147483647"))
	}
	if err := a.Done(); err != nil {
		return 0, err
	}
	if n < 0 || n >= int64(s.Engine().Databases()) {
		return 0, engine.ErrDBIndex
	}
	return int(n), nil
}

func selectDB(s *engine.Session, db int) {
	s.DB = db
	if c := client(s); c != nil {
		c.mu.Lock()
		c.selected = db
		c.mu.Unlock()
	}
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "AUTH", Arity: -2, Flags: connFlags, Group: "connection", Since: "1.0.0",
		Complexity: "O(N) for N passwords of the user", Syntax: "[username:string@6.0.0] password:string",
		Summary: "Says who the client is.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		user, password := acl.DefaultName, ""
		switch a.Len() {
		case 1:
			if server(s).users.Default().User().NoPass() {
				return engine.Error("ERR AUTH <password> called without any password configured for the default user. " +
					"Are you sure your configuration is correct?")
			}
			password = a.String()
		case 2:
			user, password = a.String(), a.String()
		default:
			return engine.ErrSyntax
		}
		if err := authenticate(s, user, password, a.Words()); err != nil {
			return err
		}
		w.OK()
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "HELLO", Arity: -1, Flags: connFlags, Group: "connection", Since: "6.0.0",
		Complexity: "O(1)", Syntax: "[arguments<protover:integer [AUTH username_password<username:string password:string>] [SETNAME clientname:string]>]",
		Summary: "Chooses the protocol's version, and says who the client is.",
	},
	Run: hello,
})

func hello(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	proto := 0
	if a.Len() > 0 {
		n, ok := engine.ParseInt(a.String())
		switch {
		case !ok:
			return engine.Error("ERR Protocol version is not an integer or out of range")
		case n < 2 || n > 3:
			return engine.Error("NOPROTO unsupported protocol version")
		}
		proto = int(n)
	}
	c := client(s)
	for a.Len() > 0 { // each option holds at once, even if a later one is wrong
		switch {
		case a.FlagWith("AUTH", 2):
			if err := authenticate(s, a.String(), a.String(), a.Words()); err != nil {
				return err
			}
		case a.FlagWith("SETNAME", 1):
			n := a.String()
			if err := checkName(n); err != nil {
				return err
			}
			if c != nil {
				c.setName(n)
			}
		default:
			return engine.Error("ERR Syntax error in HELLO option '" + a.String() + "'")
		}
	}
	if c != nil && !c.authenticated() {
		return engine.Error("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO " +
			"AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
	}
	if c != nil && proto != 0 {
		w.Proto = proto
		c.mu.Lock()
		c.proto = proto
		c.mu.Unlock()
	}
	replyHello(s, w)
	return nil
}

func replyHello(s *engine.Session, w *engine.Reply) {
	var id int64
	if c := client(s); c != nil {
		id = c.ID
	}
	w.Map(7)
	w.Bulk("server")
	w.Bulk("redis")
	w.Bulk("version")
	w.Bulk(Version)
	w.Bulk("proto")
	w.Int(int64(w.Proto))
	w.Bulk("id")
	w.Int(id)
	w.Bulk("mode")
	w.Bulk("standalone")
	w.Bulk("role")
	w.Bulk("master")
	w.Bulk("modules")
	w.Array(0)
}

// checkName refuses what would break the lines of CLIENT LIST.
func checkName(name string) error {
	if !printable(name) {
		return engine.Error("ERR Client names cannot contain spaces, newlines or special characters.")
	}
	return nil
}

// printable reports whether s is of ASCII characters that show.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return true
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "RESET", Arity: 1, Flags: connFlags, Group: "connection", Since: "6.2.0",
		Complexity: "O(1)", Summary: "Makes the connection as if it were new.",
	},
	Now: true,
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		s.Discard()
		selectDB(s, 0)
		s.NoTouch = false
		if c := client(s); c != nil {
			c.resetFeed()
			server(s).monitors.remove(server(s), c)
			c.orderly(watching, false)
			c.tellClass()
			c.mu.Lock()
			c.name, c.proto = "", 2
			c.mu.Unlock()
			c.mute = mute{from: -1}
			c.setNoEvict(false)
			c.noTouch.Store(false)
			c.logOut()
		}
		w.Proto = 2
		w.Simple("RESET")
		return nil
	},
})
