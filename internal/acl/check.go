package acl

import (
	"slices"

	"github.com/larderdb/larder/internal/glob"
)

// A Denial says why a call is not allowed. They are ordered: of two selectors
// that deny a call the one counts that came further.
type Denial uint8

// The reasons for a denial.
const (
	Allowed Denial = iota
	DeniedCommand
	DeniedKey
	DeniedAuth
	DeniedChannel
)

// String is the reason as ACL LOG names it.
func (d Denial) String() string {
	return [...]string{"", "command", "key", "auth", "channel"}[d]
}

// A Key is one of a call's words, and what will be done with the key of that name.
type Key struct {
	At          int // among the words
	Read, Write bool
}

// A Call is a command to be checked. What it does not have need not be set.
type Call struct {
	ID     int  // of the command, -1 if the table does not have it
	NoAuth bool // it is for everybody, those who are not logged in too
	Words  [][]byte

	// Keys returns which of the words are keys. It is called only for a user whose
	// keys are limited.
	Keys func() []Key

	Channels   int  // the first of the words that are channels, 0 without any
	ToChannels int  // the word behind the last one
	Patterns   bool // they are patterns
}

// Check decides about a call. Of a key or channel that is denied it returns the
// place among the words.
func (u *User) Check(c *Call) (d Denial, at int) {
	if u.free {
		return Allowed, 0
	}
	var keys []Key
	known := false
	keysOf := func() []Key {
		if !known {
			keys, known = c.Keys(), true
		}
		return keys
	}
	d = DeniedCommand
	place := 0
	for _, s := range u.selectors {
		why, where := s.check(c, keysOf)
		if why == Allowed {
			return Allowed, 0
		}
		if where != 0 {
			place = where
		}
		if why > d || why == d && place > at {
			d, at = why, place
		}
	}
	return d, at
}

func (s *selector) check(c *Call, keys func() []Key) (Denial, int) {
	if !c.NoAuth && !s.allows(c) {
		return DeniedCommand, 0
	}
	if !s.allKeys {
		for _, k := range keys() { // none are asked for where all are allowed
			if !s.allowsKey(k, c.Words[k.At]) {
				return DeniedKey, k.At
			}
		}
	}
	if !s.allChannels && c.Channels != 0 {
		for i := c.Channels; i < c.ToChannels; i++ {
			if !allowsChannel(s.channels, c.Words[i], c.Patterns) {
				return DeniedChannel, i
			}
		}
	}
	return Allowed, 0
}

func (s *selector) allows(c *Call) bool {
	if c.ID < 0 {
		return s.future
	}
	if s.allowed.has(c.ID) {
		return true
	}
	return len(c.Words) > 1 && slices.ContainsFunc(s.first[c.ID], func(arg string) bool {
		return equal(arg, cString(string(c.Words[1])))
	})
}

func (s *selector) allowsKey(k Key, key []byte) bool {
	for _, p := range s.keys {
		if (p.read || !k.Read) && (p.write || !k.Write) && glob.Match(p.pattern, string(key)) {
			return true
		}
	}
	return false
}

// allowsChannel looks for a channel among patterns. What is a pattern itself must
// be among them as it is.
func allowsChannel(patterns []string, channel []byte, literal bool) bool {
	for _, p := range patterns {
		if literal && p == cString(string(channel)) || !literal && glob.Match(p, string(channel)) {
			return true
		}
	}
	return false
}

// ReadsAll reports whether a selector that allows the call lets the user read every
// key as well.
func (u *User) ReadsAll(c *Call) bool {
	return u.free || slices.ContainsFunc(u.selectors, func(s *selector) bool {
		why, _ := s.check(c, c.Keys)
		return why == Allowed && (s.allKeys || slices.ContainsFunc(s.keys, func(k keyPattern) bool {
			return k.read && k.pattern == "*"
		}))
	})
}

// Subscriptions are the channels that a connection listens to.
type Subscriptions struct{ Channels, Patterns []string }

// MayKeep reports whether a connection that is logged in to a user who was u and
// is next now may keep its subscriptions.
func (u *User) MayKeep(next *User, subs func() Subscriptions) bool {
	var now []string
	for _, s := range next.selectors {
		if s.allChannels {
			return true
		}
		now = append(now, s.channels...)
	}
	if !u.losesChannels(now) {
		return true
	}
	have := subs()
	for _, p := range have.Patterns {
		if !allowsChannel(now, []byte(p), true) {
			return false
		}
	}
	for _, c := range have.Channels {
		if !allowsChannel(now, []byte(c), false) {
			return false
		}
	}
	return true
}

// losesChannels reports whether u has, or may have had, channels that now has not.
func (u *User) losesChannels(now []string) bool {
	for _, s := range u.selectors {
		if s.allChannels {
			return true
		}
		for _, c := range s.channels {
			if !slices.Contains(now, c) {
				return true
			}
		}
	}
	return false
}
