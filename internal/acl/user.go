package acl

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
)

// A User is what a row of rules amounts to. It does not change.
type User struct {
	enabled, noPass        bool
	skipSanitize, sanitize bool
	passwords              []string // SHA-256, as 64 hexadecimal digits
	selectors              []*selector
	free                   bool // may do everything
}

// Options are what rules depend on besides the rules.
type Options struct {
	Table       *Table
	AllChannels bool // acl-pubsub-default: what a new selector may subscribe to
}

// NewUser returns a user who may do nothing and not connect.
func NewUser(o Options) *User {
	return &User{selectors: []*selector{newSelector(o.Table, o.AllChannels)}}
}

func (u *User) clone() *User {
	c := *u
	c.passwords = slices.Clone(u.passwords)
	c.selectors = make([]*selector, len(u.selectors))
	for i, s := range u.selectors {
		c.selectors[i] = s.clone()
	}
	return &c
}

// Apply returns the user with more rules. Selectors may be spread over several
// words: see [Merge]. The error is a *RuleError or an *UnmatchedError.
func (u *User) Apply(o Options, rules []string) (*User, error) {
	rules, err := Merge(rules)
	if err != nil {
		return nil, err
	}
	next := u.clone()
	for _, r := range rules {
		if err := next.apply(o, r); err != nil {
			return nil, &RuleError{r, err}
		}
	}
	next.free = next.root().everything()
	return next, nil
}

// Merge joins the words of each selector to one rule, "(+get" and "~x)" to
// "(+get ~x)". The error is an *UnmatchedError.
func Merge(rules []string) (merged []string, err error) {
	open, inside := "", false
	start := 0
	for i, r := range rules {
		switch {
		case strings.HasPrefix(r, "(") && !strings.HasSuffix(r, ")"):
			open, inside, start = r, true, i
		case inside:
			if open += " " + r; strings.HasSuffix(r, ")") {
				merged, inside = append(merged, open), false
			}
		default:
			merged = append(merged, r)
		}
	}
	if inside {
		return nil, &UnmatchedError{rules[start]}
	}
	return merged, nil
}

func (u *User) root() *selector { return u.selectors[0] }

// apply adds one rule.
func (u *User) apply(o Options, rule string) error {
	switch lower(rule) {
	case "":
	case "on":
		u.enabled = true
	case "off":
		u.enabled = false
	case "skip-sanitize-payload":
		u.skipSanitize, u.sanitize = true, false
	case "sanitize-payload":
		u.skipSanitize, u.sanitize = false, true
	case "nopass":
		u.noPass, u.passwords = true, nil
	case "resetpass":
		u.noPass, u.passwords = false, nil
	case "clearselectors":
		u.selectors = u.selectors[:1]
	case "reset":
		*u = *NewUser(o)
		u.sanitize = true
	default:
		return u.applyMarked(o, rule)
	}
	return nil
}

// applyMarked adds a rule that its first byte tells.
func (u *User) applyMarked(o Options, rule string) error {
	switch rule[0] {
	case '>', '#', '<', '!':
		return u.applyPassword(rule)
	case '(':
		if !strings.HasSuffix(rule, ")") {
			break
		}
		s, err := parseSelector(o.Table, rule, o.AllChannels)
		if err == nil {
			u.selectors = append(u.selectors, s)
		}
		return err
	}
	return u.root().apply(rule)
}

func (u *User) applyPassword(rule string) error {
	hash := rule[1:]
	switch rule[0] {
	case '>', '<':
		hash = hashed(hash)
	default:
		if len(hash) != 2*sha256.Size || strings.Trim(hash, "0123456789abcdef") != "" {
			return ReasonHash
		}
	}
	at := slices.Index(u.passwords, hash)
	switch rule[0] {
	case '>', '#':
		if u.noPass = false; at < 0 {
			u.passwords = append(u.passwords, hash)
		}
	default:
		if at < 0 {
			return ReasonPassword
		}
		u.passwords = slices.Delete(u.passwords, at, at+1)
	}
	return nil
}

func hashed(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// Enabled reports whether one may log in as the user.
func (u *User) Enabled() bool { return u.enabled }

// NoPass reports whether any password will do.
func (u *User) NoPass() bool { return u.noPass }

// Free reports whether the user may do everything: nothing need be checked.
func (u *User) Free() bool { return u.free }

// Authenticates reports whether one may log in with the password. It takes the
// same time for every wrong one.
func (u *User) Authenticates(password string) bool {
	if !u.enabled {
		return false
	}
	if u.noPass {
		return true
	}
	hash, right := []byte(hashed(password)), 0
	for _, p := range u.passwords {
		right |= subtle.ConstantTimeCompare(hash, []byte(p))
	}
	return right == 1
}

// Flags are the flags of ACL GETUSER, in its order.
func (u *User) Flags() []string {
	flags := []string{"off"}
	if u.enabled {
		flags[0] = "on"
	}
	for _, f := range []struct {
		on   bool
		name string
	}{{u.noPass, "nopass"}, {u.skipSanitize, "skip-sanitize-payload"}, {u.sanitize, "sanitize-payload"}} {
		if f.on {
			flags = append(flags, f.name)
		}
	}
	return flags
}

// Passwords are the hashes of the user's passwords, in the order they came.
func (u *User) Passwords() []string { return slices.Clone(u.passwords) }

// A SelectorText describes a selector as ACL GETUSER does.
type SelectorText struct{ Commands, Keys, Channels string }

// Selectors describes the selectors, the root one first.
func (u *User) Selectors() []SelectorText {
	out := make([]SelectorText, len(u.selectors))
	for i, s := range u.selectors {
		out[i] = SelectorText{s.describeCommands(), s.describeKeys(), s.describeChannels()}
	}
	return out
}

// String is the user as rules, in the form of ACL LIST.
func (u *User) String() string {
	parts := u.Flags()
	for _, p := range u.passwords {
		parts = append(parts, "#"+p)
	}
	for i, s := range u.selectors {
		if i == 0 {
			parts = append(parts, s.String())
		} else {
			parts = append(parts, s.inParentheses())
		}
	}
	return strings.Join(parts, " ")
}
