package acl

import (
	"slices"
	"strings"
)

// Categories are the names of all categories, in Redis's order, which is also
// that in which a description tries them.
var Categories = []string{"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
	"hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection",
	"transaction", "scripting"}

// A Command is what a [Table] is made of.
type Command struct {
	Name       string // in lower case; "config|get" for a subcommand
	Categories []string
}

// A Table is the commands that rules are about.
type Table struct {
	commands []command // sorted by name, so that a container stands before its subcommands
	byName   map[string]int
	top      []int // those that are no subcommands
}

// A command is a Command with its place in the table.
type command struct {
	name       string
	categories uint32 // a bit for each of Categories
	container  int    // -1 for one that is no subcommand
	subs       []int
}

// NewTable returns a table of commands. A name given twice counts once, as it
// came first; a subcommand whose container is missing is left out, and so is a
// category that there is not.
func NewTable(commands []Command) *Table {
	t := &Table{byName: make(map[string]int, len(commands))}
	sorted := slices.Clone(commands)
	slices.SortStableFunc(sorted, func(a, b Command) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range sorted {
		if _, twice := t.byName[c.Name]; twice {
			continue
		}
		own := command{name: c.Name, container: -1}
		if name, _, sub := strings.Cut(c.Name, "|"); sub {
			at, ok := t.byName[name]
			if !ok {
				continue
			}
			own.container = at
			t.commands[at].subs = append(t.commands[at].subs, len(t.commands))
		} else {
			t.top = append(t.top, len(t.commands))
		}
		for _, name := range c.Categories {
			own.categories |= category(name)
		}
		t.byName[c.Name] = len(t.commands)
		t.commands = append(t.commands, own)
	}
	return t
}

// category returns the bit of a category, 0 if there is none of that name.
func category(name string) uint32 {
	if i := slices.Index(Categories, lower(name)); i >= 0 {
		return 1 << i
	}
	return 0
}

// IsCategory reports whether there is a category of that name, in any case.
func IsCategory(name string) bool { return category(name) != 0 }

// In returns the names of the commands of a category, in order.
func (t *Table) In(name string) (names []string) {
	bit := category(name)
	for i := range t.commands {
		if t.commands[i].categories&bit != 0 {
			names = append(names, t.commands[i].name)
		}
	}
	return names
}

// ID is a command's place in the table, or -1. The name is in lower case.
func (t *Table) ID(name string) int {
	if id, ok := t.byName[name]; ok {
		return id
	}
	return -1
}

// find is ID for a name in any case.
func (t *Table) find(name string) int { return t.ID(lower(name)) }

// lower is strings.ToLower for the letters of ASCII alone: names are bytes.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// equal compares two words without the case of their letters.
func equal(a, b string) bool { return len(a) == len(b) && lower(a) == lower(b) }

// A set is a set of commands.
type set []uint64

func (t *Table) newSet() set { return make(set, (len(t.commands)+63)/64) }

func (s set) has(id int) bool { return id >= 0 && s[id/64]>>(id%64)&1 != 0 }

func (s set) put(id int, on bool) {
	if on {
		s[id/64] |= 1 << (id % 64)
	} else {
		s[id/64] &^= 1 << (id % 64)
	}
}

// fill puts all commands in or out.
func (s set) fill(on bool) {
	word := uint64(0)
	if on {
		word = ^word
	}
	for i := range s {
		s[i] = word
	}
}
