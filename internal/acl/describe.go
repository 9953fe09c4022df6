package acl

import (
	"strings"

	"github.com/larderdb/larder/internal/conf"
)

// How rules are written down again. Redis does not keep the rules that it was
// given: it looks for few that make the same set of commands.

// String is the selector as rules, in the form of ACL LIST.
func (s *selector) String() string { return s.describe(func(rule string) string { return rule }) }

// inParentheses is String for a selector that is not the root. Words in parentheses
// may be quoted, and those are that would not be read back: Redis writes them as they
// are, and cannot load the file that it has saved.
func (s *selector) inParentheses() string {
	return "(" + s.describe(func(rule string) string {
		words, ok := conf.SplitLine(rule)
		if ok && len(words) == 1 && words[0] == rule && !strings.HasSuffix(rule, ")") {
			return rule
		}
		return conf.Quote(rule)
	}) + ")"
}

// describe writes the rules, each as quoted has it.
func (s *selector) describe(quoted func(string) string) string {
	var parts []string
	if s.allKeys {
		parts = append(parts, "~*")
	}
	for _, k := range s.keys {
		parts = append(parts, quoted(k.String()))
	}
	if s.allChannels {
		parts = append(parts, "&*")
	} else {
		parts = append(parts, "resetchannels")
	}
	for _, c := range s.channels {
		parts = append(parts, quoted("&"+c))
	}
	for _, c := range strings.Split(s.describeCommands(), " ") {
		parts = append(parts, quoted(c)) // a first argument may be of any bytes
	}
	return strings.Join(parts, " ")
}

func (s *selector) describeKeys() string {
	if s.allKeys {
		return "~*"
	}
	parts := make([]string, len(s.keys))
	for i, k := range s.keys {
		parts[i] = k.String()
	}
	return strings.Join(parts, " ")
}

func (s *selector) describeChannels() string {
	if s.allChannels {
		return "&*"
	}
	parts := make([]string, len(s.channels))
	for i, c := range s.channels {
		parts[i] = "&" + c
	}
	return strings.Join(parts, " ")
}

// describeCommands finds rules for the set of commands: from all or from none, a
// category after the other for as long as one is more right than wrong, and then
// what is still wrong, command by command.
//
// Redis goes through the commands in the order of a hash table with a seed of the
// process; here it is that of the alphabet.
func (s *selector) describeCommands() string {
	sign, start := "+", "-@all"
	if s.future {
		sign, start = "-", "+@all"
	}
	said := newSelector(s.t, false) // by the rules so far
	said.all(s.future)
	left := &selector{t: s.t, allowed: append(set(nil), s.allowed...)} // without the categories said so far
	rules := []string{start}
	for done := uint32(0); ; {
		best := left.closestCategory(done, !s.future)
		if best < 0 {
			break
		}
		done |= 1 << best
		rules = append(rules, sign+"@"+Categories[best])
		said.setBit(1<<best, !s.future)
		left.setBit(1<<best, s.future)
	}
	for _, id := range s.t.top {
		rules = s.describeSingle(rules, said, id)
	}
	return strings.Join(rules, " ")
}

// closestCategory returns the category, of those not done, that has most commands
// in s, or out of s, and few that are not; -1 if none has more right than wrong.
func (s *selector) closestCategory(done uint32, on bool) (best int) {
	var in, out [32]int
	for id := range s.t.commands {
		has := s.allowed.has(id) == on
		for bits, i := s.t.commands[id].categories, 0; bits != 0; bits, i = bits>>1, i+1 {
			switch {
			case bits&1 == 0:
			case has:
				in[i]++
			default:
				out[i]++
			}
		}
	}
	best = -1
	for i := range Categories {
		if done>>i&1 != 0 || in[i] <= out[i] {
			continue
		}
		if best < 0 || out[i] < out[best] || out[i] == out[best] && in[i] > in[best] {
			best = i
		}
	}
	return best
}

// describeSingle adds the rules of a command and its subcommands where those said
// so far are wrong, and its first arguments.
func (s *selector) describeSingle(rules []string, said *selector, id int) []string {
	c := &s.t.commands[id]
	on := s.allowed.has(id)
	if said.allowed.has(id) != on {
		sign := "-"
		if on {
			sign = "+"
		}
		rules = append(rules, sign+c.name)
		said.set(id, on)
	}
	for _, sub := range c.subs {
		rules = s.describeSingle(rules, said, sub)
	}
	if !on {
		for _, arg := range s.first[id] {
			rules = append(rules, "+"+c.name+"|"+arg)
		}
	}
	return rules
}
