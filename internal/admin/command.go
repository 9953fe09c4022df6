package admin

import (
	"maps"
	"slices"
	"strings"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/glob"
)

// The commands themselves: COMMAND. All it says comes from the Specs.

const commandFlags = engine.Loading | engine.Stale

var _ = add(&engine.Container{
	Spec: engine.Spec{
		Name: "COMMAND", Arity: -1, Flags: commandFlags, ACL: "connection", Group: "server", Since: "2.8.13",
		Complexity: "O(N) for N commands", Summary: "Describes all commands.", Tips: []string{"nondeterministic_output_order"},
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		t := s.Engine().Commands()
		names := commandNames(t, false)
		w.Array(len(names))
		for _, name := range names {
			replyCommandInfo(w, t, name)
		}
		return nil
	},
})

func init() {
	addHelp("COMMAND", "server", "5.0.0",
		"(no subcommand)", "Describes all commands.",
		"COUNT", "Counts the commands.",
		"DOCS [<command> ...]", "Documents commands, all if none is named.",
		"GETKEYS <command> [<argument> ...]", "Answers the keys among the words of a command.",
		"GETKEYSANDFLAGS <command> [<argument> ...]", "Answers the keys, and what becomes of them.",
		"INFO [<command> ...]", "Describes commands, all if none is named.",
		"LIST [FILTERBY (MODULE <name> | ACLCAT <category> | PATTERN <pattern>)]", "Lists the names of commands.",
	)
}

func arityFits(spec *engine.Spec, words int) bool {
	return spec.Arity > 0 && words == spec.Arity || spec.Arity < 0 && words >= -spec.Arity
}

// commandNames returns the names of the commands in the order of the alphabet,
// with those of subcommands or without.
func commandNames(t engine.Table, subs bool) []string {
	names := slices.Sorted(maps.Keys(t))
	if subs {
		return names
	}
	return slices.DeleteFunc(names, func(n string) bool { return strings.Contains(n, "|") })
}

// subcommands returns the names of a command's subcommands.
func subcommands(t engine.Table, name string) (subs []string) {
	for n := range t {
		if strings.HasPrefix(n, name+"|") {
			subs = append(subs, n)
		}
	}
	slices.Sort(subs)
	return subs
}

func addCommand(name, syntax, since string, arity int, summary string, tips []string, run func(*engine.Session, *engine.Args, *engine.Reply) error) {
	add(&engine.Ctl{
		Spec: engine.Spec{
			Name: "COMMAND|" + name, Arity: arity, Flags: commandFlags, ACL: "connection", Group: "server", Since: since,
			Complexity: "O(N) for N commands", Syntax: syntax, Summary: summary, Tips: tips,
		},
		Run: run,
	})
}

func init() {
	unordered := []string{"nondeterministic_output_order"}
	addCommand("COUNT", "", "2.8.13", 2, "Counts the commands.", nil, commandCount)
	addCommand("DOCS", "[command-name:string...]", "7.0.0", -2, "Documents commands.", unordered, commandDocs)
	addCommand("GETKEYS", "", "2.8.13", -4, "Answers the keys among the words of a command.", nil, commandGetKeys)
	addCommand("GETKEYSANDFLAGS", "", "7.0.0", -4, "Answers the keys of a command, and what becomes of them.", nil,
		commandGetKeysAndFlags)
	addCommand("INFO", "[command-name:string...]", "2.8.13", -2, "Describes commands.", unordered, commandInfo)
	addCommand("LIST", "[FILTERBY filterby<MODULE module-name:string|ACLCAT category:string|PATTERN pattern:pattern>]", "7.0.0",
		-2, "Lists the names of commands.", unordered, commandList)
}

func commandCount(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
	w.Int(int64(len(commandNames(s.Engine().Commands(), false))))
	return nil
}

func commandInfo(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	t := s.Engine().Commands()
	names := a.Rest()
	if len(names) == 0 {
		names = commandNames(t, false)
	}
	w.Array(len(names))
	for _, name := range names {
		replyCommandInfo(w, t, strings.ToLower(name))
	}
	return nil
}

func replyCommandInfo(w *engine.Reply, t engine.Table, name string) {
	c := t[name]
	if c == nil {
		w.Null()
		return
	}
	spec, subs := c.Info(), subcommands(t, name)
	first, last, step, movable := legacyRange(spec)
	flags := spec.Flags
	if movable {
		flags |= engine.MovableKeys
	}
	w.Array(10)
	w.Bulk(name)
	w.Int(int64(spec.Arity))
	replySet(w, flags.Names())
	w.Int(int64(first))
	w.Int(int64(last))
	w.Int(int64(step))
	replySet(w, aclCategories(c))
	w.Set(len(spec.Tips))
	for _, tip := range spec.Tips {
		w.Bulk(tip)
	}
	w.Set(len(spec.Keys))
	for i := range spec.Keys {
		replyKeySpec(w, &spec.Keys[i])
	}
	w.Set(len(subs))
	for _, sub := range subs {
		replyCommandInfo(w, t, sub)
	}
}

// replySet writes names as a set of simple strings.
func replySet(w *engine.Reply, names []string) {
	w.Set(len(names))
	for _, n := range names {
		w.Simple(n)
	}
}

func replyKeySpec(w *engine.Reply, k *engine.KeySpec) {
	numbers := func(pairs ...any) {
		w.Map(len(pairs) / 2)
		for i := 0; i < len(pairs); i += 2 {
			w.Bulk(pairs[i].(string))
			w.Int(int64(pairs[i+1].(int)))
		}
	}
	kind := func(part, kind string) {
		w.Bulk(part)
		w.Map(2)
		w.Bulk("type")
		w.Bulk(kind)
		w.Bulk("spec")
	}
	w.Map(3)
	w.Bulk("flags")
	replySet(w, keyFlags(k.Flags))
	switch {
	case k.Keyword != "":
		kind("begin_search", "keyword")
		w.Map(2)
		w.Bulk("keyword")
		w.Bulk(k.Keyword)
		w.Bulk("startfrom")
		w.Int(int64(k.Index))
	case k.Index == 0:
		kind("begin_search", "unknown")
		w.Map(0)
		kind("find_keys", "unknown")
		w.Map(0)
		return
	default:
		kind("begin_search", "index")
		numbers("index", k.Index)
	}
	if k.NumKeys {
		kind("find_keys", "keynum")
		numbers("keynumidx", k.KeyNum, "firstkey", k.FirstKey, "keystep", max(k.Step, 1))
	} else {
		kind("find_keys", "range")
		numbers("lastkey", k.Last, "keystep", max(k.Step, 1), "limit", k.Limit)
	}
}

// aclOrder is the order in which Redis lists the categories of a command.
var aclOrder = [...]string{"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
	"hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection",
	"transaction", "scripting"}

// aclOfGroup is the category that a group implies.
var aclOfGroup = map[string]string{
	"generic": "keyspace", "set": "set", "sorted-set": "sortedset", "list": "list", "hash": "hash", "string": "string",
	"bitmap": "bitmap", "hyperloglog": "hyperloglog", "geo": "geo", "stream": "stream",
	"connection": "connection", "transactions": "transaction", "scripting": "scripting",
}

// aclCategories returns the ACL categories of a command: those that its flags
// imply, that of its group, and those that Spec.ACL adds or, with a dash before
// it, takes away. A command that is nothing but a name for its subcommands has
// no group here.
func aclCategories(c engine.Command) (names []string) {
	spec := c.Info()
	has := map[string]bool{}
	if _, container := c.(*engine.Container); !container {
		has[aclOfGroup[spec.Group]] = true
	}
	for _, implied := range []struct {
		flag engine.Flag
		name string
	}{
		{engine.Write, "write"}, {engine.Admin, "admin"}, {engine.Admin, "dangerous"},
		{engine.PubSub, "pubsub"}, {engine.Fast, "fast"}, {engine.MayBlock, "blocking"},
	} {
		if spec.Flags&implied.flag != 0 {
			has[implied.name] = true
		}
	}
	has["read"] = spec.Flags&engine.ReadOnly != 0 && !has["scripting"]
	has["slow"] = !has["fast"]
	for _, name := range strings.Fields(spec.ACL) {
		without, remove := strings.CutPrefix(name, "-")
		has[without] = !remove
	}
	for _, name := range aclOrder {
		if has[name] {
			names = append(names, "@"+name)
		}
	}
	return names
}

func commandDocs(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	t := s.Engine().Commands()
	names := a.Rest()
	if len(names) == 0 {
		names = commandNames(t, false)
	}
	at, n := w.Mark(), 0
	for _, name := range names {
		name = strings.ToLower(name)
		if c := t[name]; c != nil {
			w.Bulk(name)
			replyCommandDocs(w, t, c)
			n++
		}
	}
	w.MapAt(at, n)
	return nil
}

// internalCommands are those that COMMAND DOCS marks as not for applications.
var internalCommands = map[string]bool{
	"debug": true, "pfdebug": true, "pfselftest": true, "replconf": true, "restore-asking": true,
}

func replyCommandDocs(w *engine.Reply, t engine.Table, c engine.Command) {
	spec := c.Info()
	at, n := w.Mark(), 0
	put := func(name, value string) {
		if value != "" {
			w.Bulk(name)
			w.Bulk(value)
			n++
		}
	}
	put("summary", spec.Summary)
	put("since", spec.Since)
	put("group", spec.Group)
	put("complexity", spec.Complexity)
	var flags []string
	if spec.Replaced != "" {
		flags = append(flags, "deprecated")
	}
	if internalCommands[spec.Lower()] {
		flags = append(flags, "syscmd")
	}
	if flags != nil {
		w.Bulk("doc_flags")
		replySet(w, flags)
		n++
	}
	put("deprecated_since", spec.Deprecated)
	put("replaced_by", spec.Replaced)
	if args, err := parseSyntax(spec); err == nil && args != nil {
		w.Bulk("arguments")
		replyArguments(w, args)
		n++
	}
	if subs := subcommands(t, spec.Lower()); subs != nil {
		w.Bulk("subcommands")
		w.Map(len(subs))
		for _, sub := range subs {
			w.Bulk(sub)
			replyCommandDocs(w, t, t[sub])
		}
		n++
	}
	w.MapAt(at, n)
}

func commandList(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	t := s.Engine().Commands()
	fits := func(string) bool { return true }
	switch {
	case a.Len() == 0:
	case a.Len() == 3 && a.Flag("FILTERBY"):
		switch {
		case a.Flag("MODULE"):
			fits = func(string) bool { return false }
		case a.Flag("ACLCAT"):
			category := "@" + strings.ToLower(a.String())
			fits = func(name string) bool { return slices.Contains(aclCategories(t[name]), category) }
		case a.Flag("PATTERN"):
			pattern := a.String()
			fits = func(name string) bool { return glob.MatchFold(pattern, name) }
		default:
			return engine.ErrSyntax
		}
	default:
		return engine.ErrSyntax
	}
	names := slices.DeleteFunc(commandNames(t, true), func(name string) bool { return !fits(name) })
	w.Array(len(names))
	for _, name := range names {
		w.Bulk(name)
	}
	return nil
}

// keysOfWords finds the keys of the command that stands behind COMMAND GETKEYS.
func keysOfWords(s *engine.Session, a *engine.Args) ([]foundKey, error) {
	words := a.Words()[2:]
	c, _ := s.Engine().Commands().Find(words)
	if _, container := c.(*engine.Container); c == nil || container && len(words) > 1 {
		return nil, engine.Error("ERR Invalid command specified")
	}
	spec := c.Info()
	switch {
	case len(spec.Keys) == 0:
		return nil, engine.Error("ERR The command has no key arguments")
	case !arityFits(spec, len(words)):
		return nil, engine.Error("ERR Invalid number of arguments specified for command")
	}
	keys, ok := findKeys(spec, words)
	if len(keys) == 0 && (!ok || spec.Flags&engine.NoMandatoryKeys == 0) || !ok {
		return nil, engine.Error("ERR Invalid arguments specified for command")
	}
	return keys, nil
}

func commandGetKeys(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	keys, err := keysOfWords(s, a)
	if err != nil {
		return err
	}
	w.Array(len(keys))
	for _, k := range keys {
		w.BulkBytes(k.key)
	}
	return nil
}

func commandGetKeysAndFlags(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	keys, err := keysOfWords(s, a)
	if err != nil {
		return err
	}
	w.Array(len(keys))
	for _, k := range keys {
		w.Array(2)
		w.BulkBytes(k.key)
		replySet(w, keyFlags(k.flags))
	}
	return nil
}
