package admin

import (
	"strings"

	"github.com/larderdb/larder/internal/acl"
	"github.com/larderdb/larder/internal/engine"
)

// What a connection may do: its account, and the check of each command. A Go
// caller has no account and may do everything, and so may a primary's stream.

const (
	errNoAuth engine.Error = "NOAUTH Authentication required."

	errNoPermKey     engine.Error = "NOPERM this user has no permissions to access one of the keys used as arguments"
	errNoPermChannel engine.Error = "NOPERM this user has no permissions to access one of the channels used as arguments"

	errRulesChanged = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. " +
		"This command is no longer allowed for the following reason: "
)

// startACL makes the users, as far as the configuration's directives tell; those of
// files come by LoadUsers.
func (s *Server) startACL(commands engine.Table) {
	s.users = acl.NewUsers(aclTableOf(commands), func() bool { return s.conf.String("acl-pubsub-default") == "allchannels" })
	setPassword := func(password string) error { s.users.SetDefaultPassword(password); return nil }
	_ = setPassword(s.conf.String("requirepass"))
	s.conf.OnChange("requirepass", nil, setPassword)
	s.conf.SetUserLines(s.users.Lines)
}

// needsNoLogin reports whether a new connection is logged in at once.
func (s *Server) needsNoLogin() bool {
	u := s.users.Default().User()
	return u.NoPass() && u.Enabled()
}

// logOut makes c a new connection's: that of the default account.
func (c *Client) logOut() {
	c.account.Store(c.srv.users.Default())
	c.authed.Store(c.srv.needsNoLogin())
}

// authenticated is true, too, for as long as nobody needs to log in.
func (c *Client) authenticated() bool { return c.authed.Load() || c.srv.needsNoLogin() }

// user is who c is logged in as.
func (c *Client) user() *acl.User { return c.account.Load().User() }

const errWrongPass engine.Error = "WRONGPASS invalid username-password pair or user is disabled."

// authenticate logs a connection in. words are those of the command that asks for it.
func authenticate(s *engine.Session, name, password string, words [][]byte) error {
	srv, c := server(s), client(s)
	if srv.users.LogIn(name, password, func(a *acl.Account) {
		if c != nil {
			c.account.Store(a)
			c.authed.Store(true)
		}
	}) {
		return nil
	}
	srv.denied(s, c, acl.DeniedAuth, string(words[0]), name, words)
	return errWrongPass
}

// denied takes note of what was denied to a connection, in ACL LOG.
func (s *Server) denied(es *engine.Session, c *Client, why acl.Denial, object, user string, words [][]byte) {
	context := acl.TopLevel
	if es.Multi || es.InTxn() {
		context = acl.InMulti
	}
	e := acl.Entry{Reason: why, Context: context, Object: loggable(object), User: loggable(user), Time: s.engine.Now()}
	if c != nil {
		line := c.describe(nil, argvMem(engine.NewArgs(words, 1)))
		e.Client = string(line[:len(line)-1])
	}
	s.aclLog.Add(e, s.conf.Int("acllog-max-len"))
}

// maxLogged is how much of a name ACL LOG keeps: anybody may have names of any length
// denied.
const maxLogged = 1 << 10

func loggable(name string) string {
	if len(name) > maxLogged {
		name = name[:maxLogged] + "..."
	}
	return cloned(name)
}

// permit checks a command of a user who may not do everything.
func (s *Server) permit(es *engine.Session, c *Client, u *acl.User, spec *engine.Spec, words [][]byte) error {
	call := s.callOf(spec, words)
	why, at := u.Check(&call)
	if why == acl.Allowed {
		if es.Multi {
			return nil
		}
		return sortDenied(u, &call, spec)
	}
	object := spec.Lower()
	if why != acl.DeniedCommand {
		object = string(words[at])
	}
	s.denied(es, c, why, object, c.account.Load().Name(), words)
	if es.InTxn() {
		return errRulesChanged + map[acl.Denial]engine.Error{
			acl.DeniedCommand: "no permission to execute the command or subcommand",
			acl.DeniedKey:     "no permission to touch the specified keys",
			acl.DeniedChannel: "no permission to access one of the channels used as arguments",
		}[why]
	}
	switch why {
	case acl.DeniedKey:
		return errNoPermKey
	case acl.DeniedChannel:
		return errNoPermChannel
	}
	return engine.Error("NOPERM this user has no permissions to run the '" + spec.Lower() + "' command")
}

// callOf describes a command for a check.
func (s *Server) callOf(spec *engine.Spec, words [][]byte) acl.Call {
	call := acl.Call{
		ID: s.users.Table().ID(spec.Lower()), NoAuth: spec.Flags&engine.NoAuth != 0, Words: words,
		Keys: func() []acl.Key { return aclKeys(spec, words) },
	}
	if spec.Flags&engine.PubSub != 0 {
		switch spec.Lower() {
		case "publish", "spublish":
			call.Channels, call.ToChannels = 1, min(2, len(words))
		case "psubscribe":
			call.Channels, call.ToChannels, call.Patterns = 1, len(words), true
		case "subscribe", "ssubscribe":
			call.Channels, call.ToChannels = 1, len(words)
		}
	}
	return call
}

// aclKeys are the keys among the words of a command, with what becomes of them.
func aclKeys(spec *engine.Spec, words [][]byte) []acl.Key {
	found, _ := findKeys(spec, words)
	keys := make([]acl.Key, len(found))
	for i, k := range found {
		keys[i].At = k.at
		for f := range strings.FieldsSeq(k.flags) {
			switch f {
			case "ACCESS":
				keys[i].Read = true
			case "INSERT", "UPDATE", "DELETE":
				keys[i].Write = true
			}
		}
	}
	return keys
}

// sortDenied refuses SORT with BY and GET, whose keys nobody can name, to users who
// may not read them all.
func sortDenied(u *acl.User, call *acl.Call, spec *engine.Spec) error {
	if name := spec.Lower(); name != "sort" && name != "sort_ro" || u.ReadsAll(call) {
		return nil
	}
	words := call.Words
	for i := 2; i < len(words); i++ {
		switch left := len(words) - 1 - i; strings.ToLower(string(words[i])) {
		case "asc", "desc", "alpha":
		case "limit":
			i += 2
		case "store":
			i++
		case "by":
			if i++; left > 0 && strings.Contains(string(words[i]), "*") {
				return engine.Error("ERR BY option of SORT denied due to insufficient ACL permissions.")
			}
		case "get":
			if i++; left > 0 {
				return engine.Error("ERR GET option of SORT denied due to insufficient ACL permissions.")
			}
		default:
			return nil
		}
	}
	return nil
}

// recheck ends a connection that has subscribed to what it may not any more: its
// rules changed behind the check, by somebody who may have looked for such
// connections too early to see this one.
func (s *Server) recheck(es *engine.Session, spec *engine.Spec, words [][]byte) {
	c := client(es)
	if c == nil || es.Primary || len(words) == 0 {
		return
	}
	if u := c.user(); !u.Free() {
		call := s.callOf(spec, words)
		if why, _ := u.Check(&call); why == acl.DeniedChannel {
			c.kill(c)
		}
	}
}

// rulesChanged ends the connections whose subscriptions the account does not
// allow any more. me is the connection that changed it.
func (s *Server) rulesChanged(a *acl.Account, before *acl.User, me *Client) {
	now := a.User()
	for _, c := range s.list() {
		if c.account.Load() == a && c.subscribes() && !before.MayKeep(now, c.heard) {
			c.kill(me)
		}
	}
}

// accountsGone ends the connections that are logged in to accounts that are no more.
func (s *Server) accountsGone(gone []*acl.Account, me *Client) {
	if len(gone) == 0 {
		return
	}
	is := make(map[*acl.Account]bool, len(gone))
	for _, a := range gone {
		is[a] = true
	}
	for _, c := range s.list() {
		if is[c.account.Load()] {
			c.kill(me)
			c.account.Store(s.users.Default())
			c.authed.Store(false)
		}
	}
}
