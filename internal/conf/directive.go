package conf

import (
	"fmt"
	"slices"
	"strings"
)

// A Use says what larder does with a directive today.
type Use int

const (
	// Live directives act.
	Live Use = iota + 1
	// Kept directives are accepted and remembered for CONFIG GET; nothing acts
	// on them. The server names the ones it was given once, at the start.
	Kept
)

type flag uint8

const (
	immutable flag = 1 << iota // not by CONFIG SET
	protected                  // by CONFIG SET only if enable-protected-configs allows
	hidden                     // shown only if asked for by its full name
	sensitive                  // a secret
	multi                      // takes several words in a file, and one string of them in CONFIG SET
)

// A directive is a row of the table.
type directive struct {
	name  string
	alias string // the other spelling; both are listed by CONFIG GET
	kind  kind
	init  string // the default, as CONFIG GET reports it
	flags flag
	use   Use
	note  string // why it is only Kept, where there is more to say than that

	// refuse returns why a value is not accepted, or "". It is asked once
	// everything has been loaded, since a later line may have taken the value
	// back, and by every Set.
	refuse func(v value) string

	at int // position in the table
}

// A value is what a directive says, in the one spelling that CONFIG GET
// reports, and for the kinds that have one a number.
type value struct {
	text string
	num  int64
}

// A kind is a type of value.
type kind interface {
	// read understands the words of a file's line, or of CONFIG SET. Where a
	// kind adds to what is there, was is what it adds to; more tells a line of
	// a file that is not the first to name the directive. The error's text is
	// the reason, as Redis words it.
	read(d *directive, words []string, was value, more bool) (value, error)
	// lines returns what to write behind the name, a line each, so that
	// reading them one after the other gives v again.
	lines(v value) []string
}

// A reason is why a value was not accepted.
type reason string

func (r reason) Error() string { return string(r) }

var (
	byName   map[string]*directive // both spellings
	names    []string              // the same, in the order of the alphabet
	defaults []value
)

// The table is checked while the program starts: a name given twice or a
// default that its own kind refuses is a mistake of ours.
func init() {
	byName = make(map[string]*directive, 2*len(table))
	defaults = make([]value, len(table))
	for i := range table {
		d := &table[i]
		d.at = i
		for _, name := range []string{d.name, d.alias} {
			if name == "" {
				continue
			}
			if byName[name] != nil {
				panic("conf: directive declared twice: " + name)
			}
			byName[name] = d
			names = append(names, name)
		}
		if d.use == 0 {
			panic("conf: no use declared: " + d.name)
		}
		if d.name == "dir" {
			continue // known when the Config is made
		}
		v, err := d.kind.read(d, d.split(d.init), value{}, false)
		if err != nil || v.text != d.init {
			panic(fmt.Sprintf("conf: default of %s: %q, %v", d.name, v.text, err))
		}
		defaults[i] = v
	}
	slices.Sort(names)
}

// lookup finds a directive by either spelling, in any case.
func lookup(name string) *directive {
	if d := byName[name]; d != nil {
		return d
	}
	return byName[strings.ToLower(name)]
}

func mustLookup(name string) *directive {
	d := lookup(name)
	if d == nil {
		panic("conf: no such directive: " + name)
	}
	return d
}

// split cuts a value of CONFIG SET into words as Redis does: at every single
// space, so that two in a row have an empty word between them.
func (d *directive) split(text string) []string {
	switch {
	case d.flags&multi == 0:
		return []string{text}
	case text == "":
		return nil
	}
	return strings.Split(text, " ")
}

func (d *directive) refused(v value) string {
	if d.refuse == nil {
		return ""
	}
	return d.refuse(v)
}
