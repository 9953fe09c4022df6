package acl

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// serverTable is the table of a redis-server, subcommands and all.
func serverTable(t *testing.T, c redistest.Client) *Table {
	var commands []Command
	var add func(v redistest.Value)
	add = func(v redistest.Value) {
		own := Command{Name: v.Elems[0].Str}
		for _, cat := range v.Elems[6].Elems {
			own.Categories = append(own.Categories, strings.TrimPrefix(cat.Str, "@"))
		}
		commands = append(commands, own)
		for _, sub := range v.Elems[9].Elems {
			add(sub)
		}
	}
	for _, v := range c.Do("COMMAND").Elems {
		add(v)
	}
	if len(commands) < 300 {
		t.Fatalf("the server has %d commands", len(commands))
	}
	return NewTable(commands)
}

// randomRules makes rows of rules, most of which a server accepts.
type randomRules struct {
	r *rand.Rand
	t *Table
}

func (g *randomRules) pick(from ...string) string { return from[g.r.IntN(len(from))] }

// command is a rule about commands.
func (g *randomRules) command() string {
	name := g.t.commands[g.r.IntN(len(g.t.commands))].name
	sign := g.pick("+", "+", "-")
	switch g.r.IntN(20) {
	case 0:
		return g.pick("+@all", "-@all", "allcommands", "nocommands")
	case 1, 2, 3, 4, 5, 6:
		return sign + "@" + g.pick(Categories...)
	case 7:
		return "+" + name + "|" + g.pick("a", "B", "get", "0", "")
	case 8:
		return sign + strings.ToUpper(name)
	case 9:
		return sign + g.pick("nosuch", "@nosuch", "config|nosuch", "", "@", "|", "get|")
	case 10:
		return sign + g.pick("config", "client", "acl", "xinfo|stream", "config|set", "script", "cluster|info")
	}
	return sign + name
}

// other is a rule about something else.
func (g *randomRules) other() string {
	pattern := g.pick("a*", "b", "", "?", "a b", "[x", "a\\*")
	hash := strings.Repeat(g.pick("a", "0"), 64)
	return g.pick("~"+pattern, "%R~"+pattern, "%W~"+pattern, "%rw~"+pattern, "&"+pattern, "allkeys", "resetkeys", "allchannels",
		"resetchannels", "on", "off", "nopass", "resetpass", "reset", "clearselectors", "skip-sanitize-payload",
		"sanitize-payload", ">p", "<p", "#"+hash, "!"+hash, "#12", "~*", "&*", "%~a", "%Ra", "%", "%R", "%RR~a", "foo", "",
		"("+g.command()+")", "("+g.command()+" ~"+pattern+" "+g.command()+")", "(&a", "%R~x)", "(on)", "()", "ON", "AllKeys", "(+get \"~a)",
		"(+get \"~a\")", "(% )")
}

func (g *randomRules) row() []string {
	rules := make([]string, 1+g.r.IntN(12))
	for i := range rules {
		if g.r.IntN(4) == 0 {
			rules[i] = g.other()
		} else {
			rules[i] = g.command()
		}
	}
	return rules
}

// sameRules brings a description into an order that does not depend on that of a
// server's hash table: what follows the categories is sorted.
func sameRules(commands string) string {
	words := strings.Fields(commands)
	i := 0
	for i < len(words) && strings.HasPrefix(words[i][1:], "@") {
		i++
	}
	slices.Sort(words[i:])
	return strings.Join(words, " ")
}

// describe is a user as ACL GETUSER has it.
func describe(u *User) string {
	var b strings.Builder
	fmt.Fprintf(&b, "flags %v passwords %v", u.Flags(), u.Passwords())
	for _, s := range u.Selectors() {
		fmt.Fprintf(&b, " (%s) (%s) (%s)", sameRules(s.Commands), s.Keys, s.Channels)
	}
	return b.String()
}

func describeReply(v redistest.Value) string {
	texts := func(v redistest.Value) (out []string) {
		for _, e := range v.Elems {
			out = append(out, e.Str)
		}
		return out
	}
	var b strings.Builder
	e := v.Elems
	fmt.Fprintf(&b, "flags %v passwords %v (%s) (%s) (%s)", texts(e[1]), texts(e[3]), sameRules(e[5].Str), e[7].Str, e[9].Str)
	for _, s := range e[11].Elems {
		fmt.Fprintf(&b, " (%s) (%s) (%s)", sameRules(s.Elems[1].Str), s.Elems[3].Str, s.Elems[5].Str)
	}
	return b.String()
}

// TestServer gives rows of rules to a redis-server and to a User: both accept or
// refuse them in the same words, and describe what comes of them alike.
func TestServer(t *testing.T) {
	server := redistest.Start(t)
	c := server.NewClient(t, 2)
	defer c.Close()
	table := serverTable(t, c)
	o := Options{Table: table}
	rows := 4000
	if testing.Short() {
		rows = 400
	}
	accepted := 0
	for seed := range uint64(4) {
		g := &randomRules{rand.New(rand.NewPCG(seed, 1)), table}
		u := NewUser(o)
		c.Do("ACL", "DELUSER", "u")
		c.Do("ACL", "SETUSER", "u")
		for i := range rows / 4 {
			rules := g.row()
			if i%10 == 0 {
				rules = append([]string{"reset"}, rules...)
			}
			next, err := u.Apply(o, rules)
			got := "OK"
			if err != nil {
				got = "ERR " + err.Error()
			}
			if want := c.Do(append([]string{"ACL", "SETUSER", "u"}, rules...)...).Str; got != want {
				t.Fatalf("seed %d, row %d: %q\n got %s\nwant %s", seed, i, rules, got, want)
			}
			if err != nil {
				continue
			}
			accepted++
			u = next
			if got, want := describe(u), describeReply(c.Do("ACL", "GETUSER", "u")); got != want {
				t.Fatalf("seed %d, row %d: %q\n got %s\nwant %s", seed, i, rules, got, want)
			}
			again, err := NewUser(o).Apply(o, strings.Split(u.String(), " "))
			if err != nil {
				t.Fatalf("%s is not accepted: %v", u, err)
			}
			if describe(again) != describe(u) {
				t.Fatalf("%s\nmakes %s", describe(u), describe(again))
			}
		}
	}
	if accepted < rows/4 {
		t.Errorf("only %d of %d rows were accepted", accepted, rows)
	}
}
