package admin

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/larderdb/larder/internal/acl"
	"github.com/larderdb/larder/internal/engine"
)

// Who may do what: ACL.

var _ = add(&engine.Container{Spec: engine.Spec{
	Name: "ACL", Arity: -2, Group: "server", Since: "6.0.0", Complexity: "that of the subcommand",
	Summary: "About users, and what they may do.",
}})

func init() {
	addHelp("ACL", "server", "6.0.0",
		"CAT [<category>]", "Lists the categories of commands, or the commands of one.",
		"DELUSER <user> [<user> ...]", "Deletes users, and ends their connections.",
		"DRYRUN <user> <command> [<argument> ...]", "Says whether a user may run a command, and does not run it.",
		"GENPASS [<bits>]", "Makes a random password, of 256 bits if nothing else is said.",
		"GETUSER <user>", "Describes a user in fields.",
		"LIST", "Describes the users as lines of a configuration.",
		"LOAD", "Reads the file of users again.",
		"LOG [<count> | RESET]", "Lists what was denied lately, or forgets it.",
		"SAVE", "Writes the file of users.",
		"SETUSER <user> [<rule> ...]", "Gives a user rules, and makes the user if there is none of that name.",
		"USERS", "Lists the names of the users.",
		"WHOAMI", "Answers the name of the connection's user.",
	)
}

func addACL(name, syntax, since string, arity int, admin bool, complexity, summary string,
	run func(s *engine.Session, a *engine.Args, w *engine.Reply) error) {
	flags := clientFlags
	if admin {
		flags = clientAdminFlags
	}
	add(&engine.Ctl{
		Spec: engine.Spec{
			Name: "ACL|" + name, Arity: arity, Flags: flags, Group: "server", Since: since,
			Complexity: complexity, Syntax: syntax, Summary: summary,
		},
		Run: run,
	})
}

func init() {
	const rules, users = "O(N) for N rules", "O(N) for N users"
	addACL("CAT", "[categoryname:string]", "6.0.0", -2, false, "O(N) for N commands",
		"Lists the categories of commands, or the commands of one.", aclCat)
	addACL("DELUSER", "username:string...", "6.0.0", -3, true, "O(N) for N connections", "Deletes users.", aclDelUser)
	addACL("DRYRUN", "username:string command:string [arg:string...]", "7.0.0", -4, true, rules,
		"Says whether a user may run a command.", aclDryRun)
	addACL("GENPASS", "[bits:integer]", "6.0.0", -2, false, "O(1)", "Makes a random password.", aclGenPass)
	addACL("GETUSER", "username:string", "6.0.0", 3, true, rules, "Describes a user.", aclGetUser)
	addACL("LIST", "", "6.0.0", 2, true, users, "Describes the users as lines of a configuration.", aclList)
	addACL("LOAD", "", "6.0.0", 2, true, users, "Reads the file of users again.", aclLoad)
	addACL("LOG", "[operation<count:integer|RESET>]", "6.0.0", -2, true, "O(N) for N entries",
		"Lists what was denied lately.", aclLog)
	addACL("SAVE", "", "6.0.0", 2, true, users, "Writes the file of users.", aclSave)
	addACL("SETUSER", "username:string [rule:string...]", "6.0.0", -3, true, rules, "Makes or changes a user.", aclSetUser)
	addACL("USERS", "", "6.0.0", 2, true, users, "Lists the names of the users.", aclUsers)
	addACL("WHOAMI", "", "6.0.0", 2, false, "O(1)", "Answers the name of the connection's user.", aclWhoAmI)
}

func aclCat(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	switch a.Len() {
	case 0:
		w.Array(len(acl.Categories))
		for _, name := range acl.Categories {
			w.Bulk(name)
		}
	case 1:
		category := a.String()
		if !acl.IsCategory(category) {
			return engine.Error(fmt.Sprintf("ERR Unknown category '%.128s'", category))
		}
		has := map[string]bool{}
		for _, c := range s.Engine().Commands() {
			has[c.Info().Lower()] = true
		}
		at, n := w.Mark(), 0
		for _, name := range server(s).users.Table().In(category) {
			if has[name] {
				w.Bulk(name)
				n++
			}
		}
		w.ArrayAt(at, n)
	default:
		return badSubcommand("ACL", a)
	}
	return nil
}

func aclSetUser(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	srv, name := server(s), a.String()
	var rules []string
	for a.Len() > 0 {
		rules = append(rules, cloned(a.String()))
	}
	account, before, err := srv.users.Set(name, rules)
	if err != nil {
		return engine.Error("ERR " + err.Error())
	}
	if before != nil {
		srv.rulesChanged(account, before, client(s))
	}
	w.OK()
	return nil
}

func aclDelUser(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	srv := server(s)
	gone, err := srv.users.Delete(a.Rest())
	if err != nil {
		return engine.Error("ERR " + err.Error())
	}
	srv.accountsGone(gone, client(s))
	w.Int(int64(len(gone)))
	return nil
}

func aclGetUser(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	account := server(s).users.Find(a.String())
	if account == nil {
		return engine.ErrNil
	}
	u := account.User()
	selectors := u.Selectors()
	w.Map(6)
	w.Bulk("flags")
	flags := u.Flags()
	w.Set(len(flags))
	for _, f := range flags {
		w.Bulk(f)
	}
	w.Bulk("passwords")
	passwords := u.Passwords()
	w.Array(len(passwords))
	for _, p := range passwords {
		w.Bulk(p)
	}
	replySelector(w, selectors[0])
	w.Bulk("selectors")
	w.Array(len(selectors) - 1)
	for _, sel := range selectors[1:] {
		w.Map(3)
		replySelector(w, sel)
	}
	return nil
}

// replySelector writes the three fields of a selector.
func replySelector(w *engine.Reply, s acl.SelectorText) {
	w.Bulk("commands")
	w.Bulk(s.Commands)
	w.Bulk("keys")
	w.Bulk(s.Keys)
	w.Bulk("channels")
	w.Bulk(s.Channels)
}

func aclList(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
	lines := server(s).users.Lines()
	w.Array(len(lines))
	for _, line := range lines {
		w.Bulk(line)
	}
	return nil
}

func aclUsers(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
	all := server(s).users.All()
	w.Array(len(all))
	for _, account := range all {
		w.Bulk(account.Name())
	}
	return nil
}

func aclWhoAmI(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
	c, err := connected(s)
	if err != nil {
		return err
	}
	w.Bulk(c.account.Load().Name())
	return nil
}

// errNoACLFile answers LOAD and SAVE where there is nothing to load from.
const errNoACLFile engine.Error = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users " +
	"via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order " +
	"to store users in the Redis configuration."

func aclLoad(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
	srv := server(s)
	file := srv.conf.String("aclfile")
	if file == "" {
		return errNoACLFile
	}
	gone, before, err := srv.loadUsers(file)
	if err != nil {
		return engine.Error("ERR " + err.Error())
	}
	srv.accountsGone(gone, client(s))
	srv.rulesChanged(srv.users.Default(), before, client(s))
	w.OK()
	return nil
}

func aclSave(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
	srv := server(s)
	file := srv.conf.String("aclfile")
	if file == "" {
		return errNoACLFile
	}
	if err := srv.saveUsers(file); err != nil {
		srv.log.Warn("Writing ACL file for ACL SAVE: " + reasonOf(err))
		return engine.Error("ERR There was an error trying to save the ACLs. Please check the server logs for more information")
	}
	w.OK()
	return nil
}

// maxPassBits bounds what GENPASS makes.
const maxPassBits = 4096

func aclGenPass(_ *engine.Session, a *engine.Args, w *engine.Reply) error {
	bits := int64(256)
	switch a.Len() {
	case 0:
	case 1:
		if bits = a.Int(); a.Done() != nil {
			return a.Done()
		}
	default:
		return badSubcommand("ACL", a)
	}
	if bits <= 0 || bits > maxPassBits {
		return engine.Error(fmt.Sprintf(
			"ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to %d", maxPassBits))
	}
	digits := (bits + 3) / 4
	b := make([]byte, (digits+1)/2)
	rand.Read(b)
	w.Bulk(hex.EncodeToString(b)[:digits])
	return nil
}

// logEntries is how many entries LOG shows if it is not told.
const logEntries = 10

func aclLog(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	srv, count := server(s), int64(logEntries)
	switch {
	case a.Len() > 1:
		return badSubcommand("ACL", a)
	case a.Flag("RESET"):
		srv.aclLog.Reset()
		w.OK()
		return nil
	case a.Len() == 1:
		if count = a.Int(); a.Done() != nil {
			return a.Done()
		}
	}
	entries, now := srv.aclLog.Latest(max(0, count)), s.Engine().Now()
	w.Array(len(entries))
	for i := range entries {
		e := &entries[i]
		w.Map(7)
		w.Bulk("count")
		w.Int(e.Count)
		for _, f := range [][2]string{{"reason", e.Reason.String()}, {"context", string(e.Context)},
			{"object", e.Object}, {"username", e.User}} {
			w.Bulk(f[0])
			w.Bulk(f[1])
		}
		w.Bulk("age-seconds")
		w.Double(float64(max(0, now.Sub(e.Time).Milliseconds())) / 1000)
		w.Bulk("client-info")
		w.Bulk(e.Client)
	}
	return nil
}

func aclDryRun(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	srv, name := server(s), a.String()
	account := srv.users.Find(name)
	if account == nil {
		return engine.Error("ERR User '" + name + "' not found")
	}
	words := a.Words()[3:]
	c, _ := s.Engine().Commands().Find(words)
	if _, container := c.(*engine.Container); c == nil || container && len(words) > 1 {
		return engine.Error("ERR Command '" + string(words[0]) + "' not found")
	}
	spec := c.Info()
	if !arityFits(spec, len(words)) {
		return engine.Error("ERR wrong number of arguments for '" + spec.Lower() + "' command")
	}
	call := srv.callOf(spec, words)
	switch why, at := account.User().Check(&call); why {
	case acl.Allowed:
		w.OK()
	case acl.DeniedCommand:
		w.Bulk("This user has no permissions to run the '" + spec.Lower() + "' command")
	default:
		w.Bulk("This user has no permissions to access the '" + cString(words[at]) + "' " + why.String())
	}
	return nil
}

// cString is what a C program prints of b.
func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}
