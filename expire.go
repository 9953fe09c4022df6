package larder

import (
	"strings"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// When keys expire: EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME
// PEXPIRETIME PERSIST.

// ExpireIf is a condition of Expire; the zero value is none.
type ExpireIf uint8

// The conditions of EXPIRE. A key that does not expire counts as one that
// expires last, for GT and LT.
const (
	ExpireAlways ExpireIf = iota
	ExpireNX              // only if the key does not expire
	ExpireXX              // only if it does
	ExpireGT              // only if it expires later then
	ExpireLT              // only if it expires earlier then
)

// Expire lets key expire after ttl, and reports whether it did so: not if it is
// missing. A ttl that is not positive deletes it. Milliseconds count.
func (c Commands) Expire(key string, ttl time.Duration) (bool, error) {
	return c.ExpireIf(key, ttl, ExpireAlways)
}

// ExpireIf is Expire under a condition.
func (c Commands) ExpireIf(key string, ttl time.Duration, cond ExpireIf) (bool, error) {
	return opPExpire.Do(c.s, expireArgs{key: key, at: relative(ttl.Milliseconds()), flags: condFlags[cond]})
}

// ExpireAt lets key expire at a time, and reports whether it did so: not if it is
// missing. A time in the past deletes it. Milliseconds count.
func (c Commands) ExpireAt(key string, at time.Time) (bool, error) {
	return c.ExpireAtIf(key, at, ExpireAlways)
}

// ExpireAtIf is ExpireAt under a condition.
func (c Commands) ExpireAtIf(key string, at time.Time, cond ExpireIf) (bool, error) {
	return opPExpireAt.Do(c.s, expireArgs{key: key, at: absolute(at.UnixMilli()), flags: condFlags[cond]})
}

type expireArgs struct {
	key   string
	at    deadline
	flags expireFlags
}

type expireFlags uint8

const (
	expireNX expireFlags = 1 << iota
	expireXX
	expireGT
	expireLT
)

var condFlags = [...]expireFlags{0, expireNX, expireXX, expireGT, expireLT}

var (
	_ = add(expireOp("EXPIRE", "1.0.0", "seconds:integer", "Lets a key expire after so many seconds.",
		deadline{kind: inSeconds}))
	opPExpire = add(expireOp("PEXPIRE", "2.6.0", "milliseconds:integer", "Lets a key expire after so many milliseconds.",
		deadline{kind: inMillis}))
	_ = add(expireOp("EXPIREAT", "1.2.0", "unix-time-seconds:unix-time", "Lets a key expire at a second since 1970.",
		deadline{kind: atSecond}))
	opPExpireAt = add(expireOp("PEXPIREAT", "2.6.0", "unix-time-milliseconds:unix-time", "Lets a key expire at a millisecond since 1970.",
		deadline{kind: atMilli}))
)

// expireOp is a command that sets a time of expiry; they differ in how it is
// said.
func expireOp(name, since, arg, summary string, how deadline) *op[expireArgs, bool] {
	o := &op[expireArgs, bool]{
		Spec: spec{
			Name: name, Arity: -3, Flags: write | fast, Keys: engine.One("RW UPDATE"),
			Group: "generic", Since: since, Complexity: "O(1)", Syntax: "key:key " + arg + " [condition<NX|XX|GT|LT>@7.0.0]",
			Summary: summary,
		},
		Keys:  func(k *keySet, a expireArgs) { k.Write(a.key) },
		Reply: replyBool,
	}
	o.Parse = func(p *args) expireArgs {
		a := expireArgs{key: p.Key(), at: how}
		number := p.String()
		a.flags = parseExpireFlags(p)
		n, ok := engine.ParseInt(number)
		if !ok {
			p.Fail(ErrNotInt)
		}
		a.at.n = n
		return a
	}
	o.Run = func(t *txn, a expireArgs) (bool, error) { return expire(t, a, o.Lower()) }
	return o
}

func parseExpireFlags(p *args) (f expireFlags) {
	for p.More() {
		switch {
		case p.Flag("NX"):
			f |= expireNX
		case p.Flag("XX"):
			f |= expireXX
		case p.Flag("GT"):
			f |= expireGT
		case p.Flag("LT"):
			f |= expireLT
		default:
			p.Fail(Error("ERR Unsupported option " + cString(p.String())))
		}
	}
	switch {
	case f&expireNX != 0 && f&^expireNX != 0:
		p.Fail(Error("ERR NX and XX, GT or LT options at the same time are not compatible"))
	case f&expireGT != 0 && f&expireLT != 0:
		p.Fail(Error("ERR GT and LT options at the same time are not compatible"))
	}
	return f
}

// cString is what C's printf shows of s.
func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

func expire(t *txn, a expireArgs, name string) (bool, error) {
	at, ok := a.at.millis(t)
	if !ok {
		return false, errExpire(name)
	}
	was, exists := t.ExpireAt(a.key)
	switch {
	case !exists,
		a.flags&expireNX != 0 && was != 0,
		a.flags&expireXX != 0 && was == 0,
		a.flags&expireGT != 0 && (was == 0 || at <= was),
		a.flags&expireLT != 0 && was != 0 && at >= was:
		return false, nil
	}
	expireKey(t, a.key, at, a.flags.words()...)
	return true, nil
}

// words are the flags as the command has them.
func (f expireFlags) words() (words []string) {
	for i, name := range []string{"NX", "XX", "GT", "LT"} {
		if f>>i&1 != 0 {
			words = append(words, name)
		}
	}
	return words
}

// expireKey lets a key that exists expire at a time, or deletes it if that is
// past. The conditions were met; the effect repeats them.
func expireKey(t *txn, key string, at int64, conditions ...string) {
	if at <= t.Now() && !t.FromPrimary() {
		t.Delete(key)
		t.Effect('g', "del", key, "DEL", key)
		return
	}
	at = min(max(at, 1), engine.MaxExpireAt)
	t.Expire(key, at)
	if len(conditions) == 0 {
		t.Effect('g', "expire", key, "PEXPIREAT", key, t.Int(at))
	} else {
		t.Effect('g', "expire", key, append([]string{"PEXPIREAT", key, t.Int(at)}, conditions...)...)
	}
}

// Special results of TTL and ExpireTime.
const (
	// NoExpiry is the TTL of a key that does not expire.
	NoExpiry time.Duration = -1
)

// TTL returns the time until key expires, to the millisecond: NoExpiry if it
// does not, and ErrNil if there is no such key.
func (c Commands) TTL(key string) (time.Duration, error) {
	ms, err := opPTTL.Do(c.s, key)
	switch {
	case err != nil:
		return 0, err
	case ms == -2:
		return 0, ErrNil
	case ms == -1:
		return NoExpiry, nil
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// ExpireTime returns when key expires, to the millisecond: the zero time if it
// does not, and ErrNil if there is no such key.
func (c Commands) ExpireTime(key string) (time.Time, error) {
	ms, err := opPExpireTime.Do(c.s, key)
	switch {
	case err != nil:
		return time.Time{}, err
	case ms == -2:
		return time.Time{}, ErrNil
	case ms == -1:
		return time.Time{}, nil
	}
	return time.UnixMilli(ms), nil
}

var (
	_ = add(ttlOp("TTL", "1.0.0", "Counts the seconds until a key expires.",
		func(t *txn, at int64) int64 { return (max(0, at-t.Now()) + 500) / 1000 }, "nondeterministic_output"))
	opPTTL = add(ttlOp("PTTL", "2.6.0", "Counts the milliseconds until a key expires.",
		func(t *txn, at int64) int64 { return max(0, at-t.Now()) }, "nondeterministic_output"))
	_ = add(ttlOp("EXPIRETIME", "7.0.0", "Tells the second since 1970 at which a key expires.",
		func(_ *txn, at int64) int64 { return (at + 500) / 1000 }))
	opPExpireTime = add(ttlOp("PEXPIRETIME", "7.0.0", "Tells the millisecond since 1970 at which a key expires.",
		func(_ *txn, at int64) int64 { return at }))
)

// ttlOp is a command that tells a time of expiry; they differ in how.
func ttlOp(name, since, summary string, of func(t *txn, at int64) int64, tips ...string) *op[string, int64] {
	return &op[string, int64]{
		Spec: spec{
			Name: name, Arity: 2, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
			Group: "generic", Since: since, Complexity: "O(1)", Syntax: "key:key", Summary: summary, Tips: tips,
		},
		Parse: (*args).Key,
		Keys:  (*keySet).Read,
		Run: func(t *txn, key string) (int64, error) {
			at, exists := t.ExpireAt(key)
			t.Look(key)
			switch {
			case !exists:
				return -2, nil
			case at == 0:
				return -1, nil
			}
			return of(t, at), nil
		},
		Reply: (*reply).Int,
	}
}

// Persist lets key live for ever, and reports whether it did so: not if it is
// missing or did not expire.
func (c Commands) Persist(key string) (bool, error) { return opPersist.Do(c.s, key) }

var opPersist = add(&op[string, bool]{
	Spec: spec{
		Name: "PERSIST", Arity: 2, Flags: write | fast, Keys: engine.One("RW UPDATE"),
		Group: "generic", Since: "2.2.0", Complexity: "O(1)", Syntax: "key:key",
		Summary: "Lets a key that expires live for ever.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Write,
	Run: func(t *txn, key string) (bool, error) {
		if at, _ := t.ExpireAt(key); at == 0 {
			return false, nil
		}
		t.Expire(key, 0)
		t.Effect('g', "persist", key, "PERSIST", key)
		return true, nil
	},
	Reply: replyBool,
})
