package conf

import "strings"

// An Error is the text of an error reply, with its code.
type Error string

func (e Error) Error() string { return string(e) }

const (
	// ErrNoFile is the reply of CONFIG REWRITE where there is no file.
	ErrNoFile Error = "ERR The server is running without a config file"
	// ErrSetArity is the reply to CONFIG SET without a whole pair.
	ErrSetArity Error = "ERR wrong number of arguments for 'config|set' command"
	// ErrSyntax is the reply to CONFIG SET with a name left over.
	ErrSyntax Error = "ERR syntax error"
)

// Set is CONFIG SET from a remote client: names and values in turn, all of them
// or none. Its errors are of type Error and carry the text of the reply.
func (c *Config) Set(pairs ...string) error { return c.SetFrom(false, pairs...) }

// SetFrom is Set for a client that is local or not, as seen by
// enable-protected-configs local. A Go caller is local; a connection is if it
// comes by loopback or a Unix socket.
func (c *Config) SetFrom(local bool, pairs ...string) error {
	if len(pairs) < 2 {
		return ErrSetArity
	}
	if len(pairs)%2 != 0 {
		return ErrSyntax
	}
	c.mu.Lock()
	defer c.mu.Unlock()

	// What can be said without looking at a value is said first, for every
	// pair: Redis names an immutable directive ahead of a bad number before it.
	changes := make([]change, 0, len(pairs)/2)
	seen := make(map[string]bool)
	for i := 0; i < len(pairs); i += 2 {
		asked, name := pairs[i], strings.ToLower(pairs[i])
		d := lookup(name)
		switch {
		case d == nil:
			return Error("ERR Unknown option or number of arguments for CONFIG SET - '" + oneLine.Replace(asked) + "'")
		case d.flags&immutable != 0:
			return failed(asked, "can't set immutable config")
		case d.flags&protected != 0 && !c.allowsProtected(local):
			return failed(asked, "can't set protected config")
		case seen[name]:
			return failed(asked, "duplicate parameter")
		}
		seen[name] = true
		changes = append(changes, change{d: d, name: name, words: d.split(pairs[i+1])})
	}

	// Two spellings of one directive are no duplicates: the later one wins, and
	// reads on from what the earlier one said.
	pending := make(map[*directive]value)
	for i := range changes {
		ch := &changes[i]
		ch.old = c.value(ch.d)
		was, ok := pending[ch.d]
		if !ok {
			was = ch.old
		}
		var err error
		if ch.new, err = ch.d.kind.read(ch.d, ch.words, was, false); err != nil {
			return failed(ch.name, err.Error())
		}
		if ch.d.name == "repl-backlog-size" {
			// Redis resizes the backlog when told to, but not when it starts.
			ch.new = atLeast(ch.new, 16<<10)
		}
		if why := ch.d.refused(ch.new); why != "" {
			return failed(ch.name, why)
		}
		for _, h := range c.hooks[ch.d] {
			if h.check == nil {
				continue
			}
			if err := h.check(ch.new.text); err != nil {
				return failed(ch.name, err.Error())
			}
		}
		pending[ch.d] = ch.new
	}

	for d, v := range pending {
		c.store(d, v)
	}
	return c.apply(changes, pending)
}

type change struct {
	d        *directive
	name     string // as Redis names it in errors: lower case, as spelt
	words    []string
	old, new value
}

// apply tells the owners. It stores the old values and tells those who had
// agreed once more if one of them fails; what they answer then cannot be
// helped.
func (c *Config) apply(changes []change, pending map[*directive]value) error {
	type told struct {
		apply func(string) error
		old   string
	}
	var done []told
	for _, ch := range changes {
		v, ok := pending[ch.d]
		if !ok || v.text == ch.old.text && v.num == ch.old.num {
			continue
		}
		delete(pending, ch.d) // its other spelling says the same
		for _, h := range c.hooks[ch.d] {
			if h.apply == nil {
				continue
			}
			err := h.apply(v.text)
			if err == nil {
				done = append(done, told{h.apply, ch.old.text})
				continue
			}
			for _, ch := range changes {
				c.store(ch.d, ch.old)
			}
			for i := len(done) - 1; i >= 0; i-- {
				done[i].apply(done[i].old)
			}
			return failed(ch.name, err.Error())
		}
	}
	return nil
}

func (c *Config) allowsProtected(local bool) bool {
	switch c.String("enable-protected-configs") {
	case "yes":
		return true
	case "local":
		return local
	}
	return false
}

// oneLine keeps what a client sent from breaking the reply in two.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

func failed(name, why string) error {
	return Error("ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + oneLine.Replace(why))
}
