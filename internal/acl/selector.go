package acl

import (
	"maps"
	"slices"
	"strings"

	"github.com/larderdb/larder/internal/conf"
)

// A selector is what may be done, if one selector allows all of it.
type selector struct {
	t       *Table
	allowed set
	future  bool             // commands that the table does not have, too
	first   map[int][]string // of commands not allowed: with which first arguments they are

	allKeys     bool
	keys        []keyPattern
	allChannels bool
	channels    []string
}

// A keyPattern says which keys may be read, written or both.
type keyPattern struct {
	pattern     string
	read, write bool
}

func (p keyPattern) String() string {
	switch {
	case p.read && p.write:
		return "~" + p.pattern
	case p.read:
		return "%R~" + p.pattern
	}
	return "%W~" + p.pattern
}

func newSelector(t *Table, allChannels bool) *selector {
	return &selector{t: t, allowed: t.newSet(), allChannels: allChannels}
}

func (s *selector) clone() *selector {
	c := *s
	c.allowed = slices.Clone(s.allowed)
	c.first = maps.Clone(s.first)
	for id, args := range c.first {
		c.first[id] = slices.Clone(args)
	}
	c.keys = slices.Clone(s.keys)
	c.channels = slices.Clone(s.channels)
	return &c
}

// parseSelector reads a rule in parentheses. Its words may be quoted; where a
// quote is not closed there are none, as in Redis.
func parseSelector(t *Table, rule string, allChannels bool) (*selector, error) {
	s := newSelector(t, allChannels)
	words, _ := conf.SplitLine(rule[1 : len(rule)-1])
	for _, w := range words {
		if err := s.apply(w); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// apply adds a rule. After an error the selector is as it was.
func (s *selector) apply(rule string) error {
	switch lower(rule) {
	case "allkeys", "~*":
		s.allKeys, s.keys = true, nil
		return nil
	case "resetkeys":
		s.allKeys, s.keys = false, nil
		return nil
	case "allchannels", "&*":
		s.allChannels, s.channels = true, nil
		return nil
	case "resetchannels":
		s.allChannels, s.channels = false, nil
		return nil
	case "allcommands", "+@all":
		s.all(true)
		return nil
	case "nocommands", "-@all":
		s.all(false)
		return nil
	case "":
		return ReasonSyntax
	}
	switch rule[0] {
	case '~', '%':
		return s.addKeys(rule)
	case '&':
		return s.addChannel(rule[1:])
	case '+':
		return s.allow(rule[1:])
	case '-':
		return s.deny(rule[1:])
	}
	return ReasonSyntax
}

func (s *selector) all(on bool) {
	s.allowed.fill(on)
	s.future, s.first = on, nil
}

// addKeys reads "~pattern" and "%RW~pattern". A pattern that is there already is
// widened.
func (s *selector) addKeys(rule string) error {
	if s.allKeys {
		return ReasonKeys
	}
	p := keyPattern{read: rule[0] == '~', write: rule[0] == '~'}
	i := 1
	for more := rule[0] == '%'; more && i < len(rule); i++ {
		switch c := rule[i]; {
		case (c == 'R' || c == 'r') && !p.read:
			p.read = true
		case (c == 'W' || c == 'w') && !p.write:
			p.write = true
		case c == '~':
			more = false
		default:
			return ReasonSyntax
		}
	}
	if p.pattern = rule[i:]; !p.read && !p.write || hasSpace(p.pattern) {
		return ReasonSyntax
	}
	at := slices.IndexFunc(s.keys, func(k keyPattern) bool { return k.pattern == p.pattern })
	if at < 0 {
		s.keys = append(s.keys, p)
		return nil
	}
	s.keys[at].read = s.keys[at].read || p.read
	s.keys[at].write = s.keys[at].write || p.write
	return nil
}

func (s *selector) addChannel(pattern string) error {
	switch {
	case s.allChannels:
		return ReasonChannels
	case hasSpace(pattern):
		return ReasonSyntax
	case !slices.Contains(s.channels, pattern):
		s.channels = append(s.channels, pattern)
	}
	return nil
}

// hasSpace reports whether s has a byte that would break a line of rules.
func hasSpace(s string) bool { return strings.ContainsAny(s, " \t\n\v\f\r\x00") }

// allow reads what stands behind a plus: a category, a command, a subcommand, or a
// command with a first argument.
func (s *selector) allow(name string) error {
	if category, ok := strings.CutPrefix(name, "@"); ok {
		return s.setCategory(category, true)
	}
	bar := strings.LastIndexByte(name, '|')
	if bar < 0 {
		return s.setNamed(name, true)
	}
	id := s.t.find(name[:bar])
	switch {
	case id < 0:
		return ReasonUnknown
	case s.t.commands[id].container >= 0:
		return ReasonFirstArg
	case bar == len(name)-1 || hasSpace(name):
		return ReasonSyntax // Redis takes an argument with blanks, and cannot load what it saves then
	case s.t.commands[id].subs != nil:
		return s.setNamed(name, true)
	}
	arg := name[bar+1:]
	if !slices.ContainsFunc(s.first[id], func(a string) bool { return equal(a, arg) }) {
		if s.first == nil {
			s.first = map[int][]string{}
		}
		s.first[id] = append(s.first[id], arg)
	}
	return nil
}

func (s *selector) deny(name string) error {
	if category, ok := strings.CutPrefix(name, "@"); ok {
		return s.setCategory(category, false)
	}
	return s.setNamed(name, false)
}

func (s *selector) setNamed(name string, on bool) error {
	id := s.t.find(name)
	if id < 0 {
		return ReasonUnknown
	}
	s.set(id, on)
	return nil
}

func (s *selector) setCategory(name string, on bool) error {
	bit := category(name)
	if bit == 0 {
		return ReasonUnknown
	}
	s.setBit(bit, on)
	return nil
}

// setBit allows or denies the commands of a category. A container takes its
// subcommands with it, whatever their own categories.
func (s *selector) setBit(bit uint32, on bool) {
	for _, id := range s.t.top {
		c := &s.t.commands[id]
		if c.categories&bit != 0 {
			s.set(id, on)
		}
		for _, sub := range c.subs {
			if s.t.commands[sub].categories&bit != 0 {
				s.set(sub, on)
			}
		}
	}
}

// set allows or denies a command with its subcommands.
func (s *selector) set(id int, on bool) {
	s.allowed.put(id, on)
	delete(s.first, id)
	for _, sub := range s.t.commands[id].subs {
		s.allowed.put(sub, on)
	}
}

// everything reports whether nothing is denied.
func (s *selector) everything() bool {
	if !s.future || !s.allKeys || !s.allChannels {
		return false
	}
	for id := range s.t.commands {
		if !s.allowed.has(id) {
			return false
		}
	}
	return true
}
