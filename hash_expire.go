package larder

import (
	"math"
	"strconv"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// When fields of hashes expire, as in Redis 7.4: HEXPIRE HPEXPIRE HEXPIREAT
// HPEXPIREAT HTTL HPTTL HEXPIRETIME HPEXPIRETIME HPERSIST. A field is gone at its
// millisecond; with the last field the key goes. Commands that give a field another
// value let it live for ever again, except those that count with the old one.

// An HResult is what became of a field.
type HResult int8

// The results, numbered as on the wire.
const (
	HNoField  HResult = -2 // there is no such field
	HNoExpiry HResult = -1 // of HPersist: it did not expire anyway
	HUnmet    HResult = 0  // the condition was not met
	HDone     HResult = 1
	HDeleted  HResult = 2 // it was to expire at once
)

// maxFieldExpire is the latest time at which Redis lets a field expire, in Unix
// milliseconds: some time in the year 4199.
const maxFieldExpire = 1<<46 - 1

// HExpire lets fields of the hash at key expire after ttl, and returns for each what
// became of it. A ttl of 0 deletes them, a negative one is an error. Milliseconds
// count. O(log n) a field.
func (c Commands) HExpire(key string, ttl time.Duration, fields ...string) ([]HResult, error) {
	return c.HExpireIf(key, ttl, ExpireAlways, fields...)
}

// HExpireIf is HExpire under a condition, which is looked at for each field. One
// that does not expire counts as one that expires last.
func (c Commands) HExpireIf(key string, ttl time.Duration, cond ExpireIf, fields ...string) ([]HResult, error) {
	return c.hexpire(opHPExpire, hexpireArgs{key: key, at: relative(ttl.Milliseconds()), cond: cond, fields: fields})
}

// HExpireAt lets fields of the hash at key expire at a time. One in the past deletes
// them.
func (c Commands) HExpireAt(key string, at time.Time, fields ...string) ([]HResult, error) {
	return c.HExpireAtIf(key, at, ExpireAlways, fields...)
}

// HExpireAtIf is HExpireAt under a condition, as in HExpireIf.
func (c Commands) HExpireAtIf(key string, at time.Time, cond ExpireIf, fields ...string) ([]HResult, error) {
	return c.hexpire(opHPExpireAt, hexpireArgs{key: key, at: absolute(at.UnixMilli()), cond: cond, fields: fields})
}

func (c Commands) hexpire(o *op[hexpireArgs, []HResult], a hexpireArgs) ([]HResult, error) {
	if len(a.fields) == 0 {
		return nil, arityError(o.Lower())
	}
	return o.Do(c.s, a)
}

type hexpireArgs struct {
	key    string
	at     deadline
	cond   ExpireIf
	fields []string
	err    error // of the words, which Redis looks at after the key
}

const (
	errNoFields     Error = "ERR Mandatory argument FIELDS is missing or not at the right position"
	errFieldsMatch  Error = "ERR The `numfields` parameter must match the number of arguments"
	errNumFields    Error = "ERR Number of fields must be a positive integer"
	errNumFieldsLow Error = "ERR Parameter `numFields` should be greater than 0"
	errFieldTime    Error = "ERR invalid expire time, must be >= 0"
	errNoTime       Error = "ERR missing expire time"
)

// parseFieldList reads FIELDS, a number and so many fields, which end the words.
func parseFieldList(p *args, bad Error) (fields []string, err error) {
	defer p.Rest() // all is read, also behind an error
	if !p.FlagWith("FIELDS", 1) {
		return nil, errNoFields
	}
	n, ok := engine.ParseInt(p.String())
	switch {
	case !ok || n < 1:
		return nil, bad
	case n != int64(p.Len()):
		return nil, errFieldsMatch
	}
	return p.Rest(), nil
}

// field is when a field is to expire, in Unix milliseconds.
func (d deadline) field(t *txn, name string) (int64, error) {
	switch {
	case d.bad:
		return 0, ErrNotInt
	case d.n < 0:
		return 0, errFieldTime
	}
	at, ok := d.millis(t)
	if !ok || at > maxFieldExpire {
		return 0, errExpire(name)
	}
	return at, nil
}

var (
	_ = add(hexpireOp("HEXPIRE", "seconds:integer", "Lets fields of a hash expire after so many seconds.",
		deadline{kind: inSeconds}))
	opHPExpire = add(hexpireOp("HPEXPIRE", "milliseconds:integer", "Lets fields of a hash expire after so many milliseconds.",
		deadline{kind: inMillis}))
	_ = add(hexpireOp("HEXPIREAT", "unix-time-seconds:unix-time", "Lets fields of a hash expire at a second since 1970.",
		deadline{kind: atSecond}))
	opHPExpireAt = add(hexpireOp("HPEXPIREAT", "unix-time-milliseconds:unix-time", "Lets fields of a hash expire at a millisecond since 1970.",
		deadline{kind: atMilli}))
)

// hexpireOp is a command that says when fields expire; they differ in how it is
// said.
func hexpireOp(name, arg, summary string, how deadline) *op[hexpireArgs, []HResult] {
	o := &op[hexpireArgs, []HResult]{
		Spec: spec{
			Name: name, Arity: -6, Flags: write | denyOOM | fast, Keys: engine.One("RW UPDATE"),
			Group: "hash", Since: "7.4.0", Complexity: "O(log N) a field, for N that expire",
			Syntax:  "key:key " + arg + " [condition<NX|XX|GT|LT>] FIELDS fields<numfields:integer field:string...>",
			Summary: summary,
		},
		Keys:  func(k *keySet, a hexpireArgs) { k.Write(a.key) },
		Reply: replyHResults,
	}
	o.Parse = func(p *args) hexpireArgs {
		a := hexpireArgs{key: p.Key(), at: how}
		a.at.number(p)
		for i, name := range []string{"", "NX", "XX", "GT", "LT"} {
			if i > 0 && p.Flag(name) {
				a.cond = ExpireIf(i)
				break
			}
		}
		a.fields, a.err = parseFieldList(p, errNumFieldsLow)
		return a
	}
	o.Run = func(t *txn, a hexpireArgs) ([]HResult, error) { return hexpire(t, a, o.Lower()) }
	return o
}

func replyHResults(w *reply, rs []HResult) {
	w.Array(len(rs))
	for _, r := range rs {
		w.Int(int64(r))
	}
}

// forbids reports whether a condition forbids that what expires at a time, 0 for
// never, expires at another.
func (c ExpireIf) forbids(was, at int64) bool {
	switch c {
	case ExpireNX:
		return was != 0
	case ExpireXX:
		return was == 0
	case ExpireGT:
		return was == 0 || at <= was
	case ExpireLT:
		return was != 0 && at >= was
	}
	return false
}

func hexpire(t *txn, a hexpireArgs, name string) ([]HResult, error) {
	v, err := hashAt(t, a.key)
	if err != nil {
		return nil, err
	}
	at, err := a.at.field(t, name)
	if err == nil {
		err = a.err
	}
	if err != nil {
		return nil, err
	}
	rs, some := make([]HResult, len(a.fields)), false
	for i, f := range a.fields {
		_, was, ok := v.Lookup(f)
		switch {
		case !ok:
			rs[i] = HNoField
		case a.cond.forbids(was, at):
			rs[i] = HUnmet
		default:
			some = true
		}
	}
	if !some {
		return rs, nil
	}
	c := expiring(t, a.key, at)
	c.edit = t.EditHash(a.key, v, !c.past)
	for i, f := range a.fields {
		v := c.edit.Fields()
		if _, was, ok := v.Lookup(f); !ok {
			rs[i] = HNoField // it is named twice, and was deleted
		} else if a.cond.forbids(was, at) {
			rs[i] = HUnmet
		} else {
			rs[i] = c.expire(f)
		}
	}
	c.tell()
	return rs, nil
}

// A fieldExpiry gives fields a time at which they expire, or deletes them if that is
// past, and tells it.
type fieldExpiry struct {
	t    *txn
	key  string
	at   int64
	past bool
	edit engine.HashEdit

	done []string
}

// expiring begins what expire and tell do. A primary's time is never past: it tells
// by itself that fields are gone.
func expiring(t *txn, key string, at int64) fieldExpiry {
	return fieldExpiry{t: t, key: key, at: max(at, 1), past: at <= t.Now() && !t.FromPrimary()}
}

// expire gives a field, which there is, its time.
func (c *fieldExpiry) expire(field string) HResult {
	c.done = append(c.done, field)
	if c.past {
		c.edit.Remove(field)
		return HDeleted
	}
	c.edit.Expire(field, c.at)
	return HDone
}

// tell records the effect, of those fields that were given the time.
func (c *fieldExpiry) tell() {
	switch {
	case c.past:
		tellHDel(c.t, c.key, c.done, c.edit.Empty())
	case c.t.Replicating():
		c.t.Effect('h', "hexpire", c.key, fieldWords(c.done, "HPEXPIREAT", c.key, c.t.Int(c.at))...)
	default:
		c.t.Effect('h', "hexpire", c.key)
	}
}

// fieldWords are words, FIELDS, a number and so many fields.
func fieldWords(fields []string, words ...string) []string {
	out := make([]string, 0, len(words)+2+len(fields))
	out = append(append(out, words...), "FIELDS", strconv.Itoa(len(fields)))
	return append(out, fields...)
}

// NoField is the HTTL of a field that does not exist. One that does not expire has
// NoExpiry.
const NoField time.Duration = -2

// HTTL returns how long fields of the hash at key will live, to the millisecond:
// NoExpiry for one that does not expire, NoField for one that does not exist.
func (c Commands) HTTL(key string, fields ...string) ([]time.Duration, error) {
	ms, err := c.htimes(opHPTTL, key, fields)
	if err != nil {
		return nil, err
	}
	out := make([]time.Duration, len(ms))
	for i, n := range ms {
		if out[i] = time.Duration(n); n >= 0 {
			out[i] = time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
		}
	}
	return out, nil
}

// An HTime is when a field of a hash expires.
type HTime struct {
	At time.Time // the zero time: never
	Ok bool      // there is such a field
}

// HExpireTime returns when fields of the hash at key expire, to the millisecond.
func (c Commands) HExpireTime(key string, fields ...string) ([]HTime, error) {
	ms, err := c.htimes(opHPExpireTime, key, fields)
	if err != nil {
		return nil, err
	}
	out := make([]HTime, len(ms))
	for i, n := range ms {
		if out[i].Ok = n != int64(HNoField); n >= 0 {
			out[i].At = time.UnixMilli(n)
		}
	}
	return out, nil
}

func (c Commands) htimes(o *op[fieldListArgs, []int64], key string, fields []string) ([]int64, error) {
	if len(fields) == 0 {
		return nil, arityError(o.Lower())
	}
	return o.Do(c.s, fieldListArgs{key: key, fields: fields})
}

type fieldListArgs struct {
	key    string
	fields []string
	err    error // of the words, which Redis looks at after the key
}

func parseKeyAndFields(p *args) (a fieldListArgs) {
	a.key = p.Key()
	a.fields, a.err = parseFieldList(p, errNumFields)
	return a
}

var (
	_ = add(htimeOp("HTTL", "Counts the seconds until fields of a hash expire.",
		func(at, now int64) int64 { return (at - now + 999) / 1000 }, "nondeterministic_output"))
	opHPTTL = add(htimeOp("HPTTL", "Counts the milliseconds until fields of a hash expire.",
		func(at, now int64) int64 { return at - now }, "nondeterministic_output"))
	_ = add(htimeOp("HEXPIRETIME", "Tells the second since 1970 at which fields of a hash expire.",
		func(at, _ int64) int64 { return (at + 999) / 1000 }))
	opHPExpireTime = add(htimeOp("HPEXPIRETIME", "Tells the millisecond since 1970 at which fields of a hash expire.",
		func(at, _ int64) int64 { return at }))
)

// htimeOp is a command that tells when fields expire; they differ in how.
func htimeOp(name, summary string, of func(at, now int64) int64, tips ...string) *op[fieldListArgs, []int64] {
	return &op[fieldListArgs, []int64]{
		Spec: spec{
			Name: name, Arity: -5, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
			Group: "hash", Since: "7.4.0", Complexity: "O(1) a field",
			Syntax:  "key:key FIELDS fields<numfields:integer field:string...>",
			Summary: summary, Tips: tips,
		},
		Parse: parseKeyAndFields,
		Keys:  func(k *keySet, a fieldListArgs) { k.Read(a.key) },
		Run: func(t *txn, a fieldListArgs) ([]int64, error) {
			v, err := hashAt(t, a.key)
			if err == nil {
				err = a.err
			}
			if err != nil {
				return nil, err
			}
			out := make([]int64, len(a.fields))
			for i, f := range a.fields {
				switch _, at, ok := v.Lookup(f); {
				case !ok:
					out[i] = int64(HNoField)
				case at == 0:
					out[i] = int64(HNoExpiry)
				default:
					out[i] = of(at, t.Now())
				}
			}
			return out, nil
		},
		Reply: func(w *reply, ns []int64) {
			w.Array(len(ns))
			for _, n := range ns {
				w.Int(n)
			}
		},
	}
}

// HPersist lets fields of the hash at key live for ever, and returns for each what
// became of it: HDone, HNoExpiry or HNoField.
func (c Commands) HPersist(key string, fields ...string) ([]HResult, error) {
	if len(fields) == 0 {
		return nil, arityError("hpersist")
	}
	return opHPersist.Do(c.s, fieldListArgs{key: key, fields: fields})
}

var opHPersist = add(&op[fieldListArgs, []HResult]{
	Spec: spec{
		Name: "HPERSIST", Arity: -5, Flags: write | fast, Keys: engine.One("RW UPDATE"),
		Group: "hash", Since: "7.4.0", Complexity: "O(log N) a field, for N that expire",
		Syntax:  "key:key FIELDS fields<numfields:integer field:string...>",
		Summary: "Lets fields of a hash that expire live for ever.",
	},
	Parse: parseKeyAndFields,
	Keys:  func(k *keySet, a fieldListArgs) { k.Write(a.key) },
	Run: func(t *txn, a fieldListArgs) ([]HResult, error) {
		v, err := hashAt(t, a.key)
		if err == nil {
			err = a.err
		}
		if err != nil {
			return nil, err
		}
		rs := make([]HResult, len(a.fields))
		var some []string
		for i, f := range a.fields {
			switch _, at, ok := v.Lookup(f); {
			case !ok:
				rs[i] = HNoField
			case at == 0:
				rs[i] = HNoExpiry
			default:
				rs[i] = HDone
				some = append(some, f)
			}
		}
		if some == nil {
			return rs, nil
		}
		e := t.EditHash(a.key, v, false)
		persist(t, &e, a.key, some)
		return rs, nil
	},
	Reply: replyHResults,
})

// persist lets fields live for ever, as one effect.
func persist(t *txn, e *engine.HashEdit, key string, fields []string) {
	for _, f := range fields {
		e.Expire(f, 0)
	}
	if t.Replicating() {
		t.Effect('h', "hpersist", key, fieldWords(fields, "HPERSIST", key)...)
	} else {
		t.Effect('h', "hpersist", key)
	}
}
