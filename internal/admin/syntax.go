package admin

import (
	"fmt"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// The notation of Spec.Syntax, from which COMMAND DOCS makes its tree of
// arguments:
//
//	arguments = argument { " " argument }
//	argument  = "[" argument "]" repeat marks     optional
//	          | item repeat marks
//	item      = TOKEN                             a word that stands for itself
//	          | name "=" TOKEN                    ... whose name is not the token in lower case
//	          | [ TOKEN " " ] name ":" type       a value, behind a token
//	          | [ TOKEN " " ] name "<" group ">"  several arguments
//	group     = argument { "|" argument }         one of them, if there are two or more
//	          | arguments                         all of them
//	repeat    = [ "..." ]                         any number of them
//	marks     = [ "#" index ] [ "@" since ] [ "@!" deprecated ]
//
// A TOKEN has no lower-case letter. One that is followed by a name in lower case
// belongs to it; where it should not, it is written name=TOKEN. A name may hold
// a colon, since the type stands behind the last one. What is repeated inside
// the brackets repeats without its token, "[KEYS key:key...]"; behind them, with
// it: "[GET pattern:pattern]...".
//
// index is that of the key spec that finds the argument. A key without one has
// the place that it has among the command's keys, or the last spec if there are
// fewer.

// An argument is a node of that tree.
type argument struct {
	name, typ, token  string
	since, deprecated string
	spec              int // index of the key spec; -1: none
	optional          bool
	multiple          bool
	multipleToken     bool
	args              []argument
}

// argumentTypes are the types that COMMAND DOCS of 7.0 knows of single values.
var argumentTypes = map[string]bool{
	"string": true, "integer": true, "double": true, "key": true, "pattern": true, "unix-time": true,
}

// parseSyntax reads the arguments of a command. An error is a mistake of ours: a
// test reads all there are.
func parseSyntax(spec *engine.Spec) ([]argument, error) {
	p := syntaxParser{rest: spec.Syntax, specs: len(spec.Keys)}
	if p.rest == "" {
		return nil, nil
	}
	args := p.arguments()
	if p.err == nil && p.rest != "" {
		p.fail("unexpected")
	}
	if p.err != nil {
		return nil, fmt.Errorf("syntax of %s: %w", spec.Name, p.err)
	}
	return args, nil
}

type syntaxParser struct {
	rest  string
	specs int // of the command
	keys  int // met so far
	err   error
}

func (p *syntaxParser) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s at %q", what, p.rest)
	}
	p.rest = ""
}

// take takes s, if that comes next.
func (p *syntaxParser) take(s string) bool {
	if strings.HasPrefix(p.rest, s) {
		p.rest = p.rest[len(s):]
		return true
	}
	return false
}

func (p *syntaxParser) arguments() (args []argument) {
	for {
		args = append(args, p.argument())
		if !p.take(" ") {
			return args
		}
	}
}

func (p *syntaxParser) argument() (a argument) {
	if p.take("[") {
		a = p.argument()
		if a.optional = true; !p.take("]") {
			p.fail("no ]")
		}
		if p.take("...") {
			a.multiple, a.multipleToken = true, true
		}
	} else {
		a = p.item()
		a.multiple = p.take("...")
	}
	p.marks(&a)
	if a.typ == "key" && p.specs > 0 && a.spec < 0 {
		a.spec = min(p.keys, p.specs-1)
		p.keys++
	}
	return a
}

func (p *syntaxParser) marks(a *argument) {
	if p.take("#") {
		a.spec = 0
		for p.rest != "" && '0' <= p.rest[0] && p.rest[0] <= '9' {
			a.spec = a.spec*10 + int(p.rest[0]-'0')
			p.rest = p.rest[1:]
		}
	}
	if strings.HasPrefix(p.rest, "@") && !strings.HasPrefix(p.rest, "@!") {
		p.take("@")
		a.since = p.word()
	}
	if p.take("@!") {
		a.deprecated = p.word()
	}
}

// word takes what comes before the next sign of the notation.
func (p *syntaxParser) word() string {
	i := strings.IndexAny(p.rest, " []<>|@#")
	if i < 0 {
		i = len(p.rest)
	}
	if dots := strings.Index(p.rest[:i], "..."); dots >= 0 {
		i = dots
	}
	w := p.rest[:i]
	if p.rest = p.rest[i:]; w == "" {
		p.fail("nothing")
	}
	return w
}

func (p *syntaxParser) item() argument {
	a := argument{spec: -1}
	w := p.word()
	if isToken(w) {
		if len(p.rest) < 2 || p.rest[0] != ' ' || !('a' <= p.rest[1] && p.rest[1] <= 'z') {
			a.name, a.typ, a.token = strings.ToLower(w), "pure-token", w
			return a
		}
		p.take(" ")
		a = p.item()
		a.token = w
		return a
	}
	colon := strings.LastIndexByte(w, ':')
	switch {
	case p.take("<"):
		a.name = w
		p.group(&a)
	case colon >= 0 && argumentTypes[w[colon+1:]]:
		a.name, a.typ = w[:colon], w[colon+1:]
	default:
		name, token, ok := strings.Cut(w, "=")
		if !ok {
			p.fail("no type for " + w)
		}
		a.name, a.typ, a.token = name, "pure-token", token
	}
	return a
}

func (p *syntaxParser) group(a *argument) {
	a.typ = "block"
	a.args = p.arguments()
	for p.take("|") {
		a.typ = "oneof"
		a.args = append(a.args, p.argument())
	}
	if !p.take(">") {
		p.fail("no >")
	}
}

// isToken reports whether w stands for itself.
func isToken(w string) bool {
	return w != "" && !strings.ContainsFunc(w, func(r rune) bool { return 'a' <= r && r <= 'z' })
}

// replyArguments writes arguments as COMMAND DOCS has them.
func replyArguments(w *engine.Reply, args []argument) {
	w.Array(len(args))
	for _, a := range args {
		at, n := w.Mark(), 0
		put := func(name, value string) {
			if value != "" {
				w.Bulk(name)
				w.Bulk(value)
				n++
			}
		}
		put("name", a.name)
		put("type", a.typ)
		if a.spec >= 0 {
			w.Bulk("key_spec_index")
			w.Int(int64(a.spec))
			n++
		}
		put("token", a.token)
		put("since", a.since)
		put("deprecated_since", a.deprecated)
		var flags []string
		if a.optional {
			flags = append(flags, "optional")
		}
		if a.multiple {
			flags = append(flags, "multiple")
		}
		if a.multipleToken {
			flags = append(flags, "multiple_token")
		}
		if flags != nil {
			w.Bulk("flags")
			w.Set(len(flags))
			for _, f := range flags {
				w.Simple(f)
			}
			n++
		}
		if a.args != nil {
			w.Bulk("arguments")
			replyArguments(w, a.args)
			n++
		}
		w.MapAt(at, n)
	}
}
