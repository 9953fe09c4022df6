package larder

import (
	"math"
	"strconv"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// Fields that are read or written and expire or go with that, as in Redis 8.0:
// HGETDEL HGETEX HSETEX.

// HGetDel deletes fields of the hash at key and returns the values they had. A field
// that did not exist is the zero Maybe.
func (c Commands) HGetDel(key string, fields ...string) ([]Maybe, error) {
	if len(fields) == 0 {
		return nil, arityError("hgetdel")
	}
	vs, err := opHGetDel.Do(c.s, fieldListArgs{key: key, fields: fields})
	return maybes(vs), err
}

var opHGetDel = add(&op[fieldListArgs, []maybeField]{
	Spec: spec{
		Name: "HGETDEL", Arity: -5, Flags: write | fast, Keys: engine.One("RW ACCESS DELETE"),
		Group: "hash", Since: "8.0.0", Complexity: "O(1) a field",
		Syntax:  "key:key FIELDS fields<numfields:integer field:string...>",
		Summary: "Reads fields of a hash and deletes them.",
	},
	Parse: parseKeyAndFields,
	Keys:  func(k *keySet, a fieldListArgs) { k.Write(a.key) },
	Run: func(t *txn, a fieldListArgs) ([]maybeField, error) {
		v, err := hashAt(t, a.key)
		if err == nil {
			err = a.err
		}
		if err != nil {
			return nil, err
		}
		if !hasAny(v, a.fields) {
			return make([]maybeField, len(a.fields)), nil
		}
		vs := make([]maybeField, len(a.fields))
		e := t.EditHash(a.key, v, false)
		for i, f := range a.fields {
			if value, ok := e.Fields().Get(f); ok {
				vs[i] = maybeField{value.Kept(), true} // what it is borrowed from goes now
				e.Remove(f)
			}
		}
		tellHDel(t, a.key, a.fields, e.Empty())
		return vs, nil
	},
	Reply: replyMaybes,
})

// HGetExArgs are the arguments of HGETEX. Without an option it is HMGET.
type HGetExArgs struct {
	Key      string
	Fields   []string
	TTL      time.Duration // the fields expire after it
	ExpireAt time.Time     // the fields expire then; in the past deletes them
	Persist  bool          // the fields do not expire any more
}

// HGetEx returns the values of fields of a hash and changes when they expire. A
// field that does not exist is the zero Maybe.
func (c Commands) HGetEx(a HGetExArgs) ([]Maybe, error) {
	in := hgetExArgs{fieldListArgs: fieldListArgs{key: a.Key, fields: a.Fields}, persist: a.Persist}
	switch {
	case len(a.Fields) == 0:
		return nil, arityError("hgetex")
	case a.TTL != 0 && (a.Persist || !a.ExpireAt.IsZero()), a.Persist && !a.ExpireAt.IsZero():
		return nil, ErrSyntax
	case a.TTL != 0:
		in.at = relative(a.TTL.Milliseconds())
	case !a.ExpireAt.IsZero():
		in.at = absolute(a.ExpireAt.UnixMilli())
	}
	vs, err := opHGetEx.Do(c.s, in)
	return maybes(vs), err
}

type hgetExArgs struct {
	fieldListArgs
	at      deadline
	persist bool
}

var opHGetEx = add(&op[hgetExArgs, []maybeField]{
	Spec: spec{
		Name: "HGETEX", Arity: -5, Flags: write | fast, Keys: engine.One("RW ACCESS UPDATE"),
		Group: "hash", Since: "8.0.0", Complexity: "O(log N) a field, for N that expire",
		Syntax: "key:key [expiration<EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|" +
			"PXAT unix-time-milliseconds:unix-time|PERSIST>] FIELDS fields<numfields:integer field:string...>",
		Summary: "Reads fields of a hash and changes when they expire.",
	},
	Parse: func(p *args) (a hgetExArgs) {
		a.key = p.Key()
		if a.persist = p.Flag("PERSIST"); !a.persist {
			a.at.parse(p)
		}
		a.fields, a.err = parseFieldList(p, errNumFields)
		return a
	},
	Keys:  func(k *keySet, a hgetExArgs) { k.Write(a.key) },
	Run:   hgetex,
	Keep:  keepMaybes,
	Reply: replyMaybes,
})

func hgetex(t *txn, a hgetExArgs) ([]maybeField, error) {
	v, err := hashAt(t, a.key)
	at := int64(0)
	if err == nil && a.at.kind != never {
		at, err = a.at.field(t, "hgetex")
	}
	if err == nil {
		err = a.err
	}
	if err != nil {
		return nil, err
	}
	vs := make([]maybeField, len(a.fields))
	if !hasAny(v, a.fields) {
		return vs, nil
	}
	switch {
	case a.at.kind != never:
		c := expiring(t, a.key, at)
		c.edit = t.EditHash(a.key, v, !c.past)
		for i, f := range a.fields {
			if value, ok := c.edit.Fields().Get(f); ok {
				vs[i] = maybeField{value.Kept(), true} // it may move
				c.expire(f)
			}
		}
		c.tell()
	case a.persist:
		var some []string
		for i, f := range a.fields {
			value, at, ok := v.Lookup(f)
			if vs[i] = (maybeField{value.Kept(), ok}); at != 0 {
				some = append(some, f)
			}
		}
		if some != nil {
			e := t.EditHash(a.key, v, false)
			persist(t, &e, a.key, some)
		}
	default:
		return valuesOf(v, a.fields), nil
	}
	return vs, nil
}

// HSetExArgs are the arguments of HSETEX.
type HSetExArgs struct {
	Key      string
	Fields   []string      // names and values by turns, at least one pair
	FNX, FXX bool          // only if none of the fields exists, if all do
	TTL      time.Duration // 0 means for ever; milliseconds count
	ExpireAt time.Time     // instead of TTL; the zero time means not. In the past the fields are deleted
	KeepTTL  bool          // keep the times of expiry that the fields have
}

// HSetEx sets fields of a hash and when they expire, and reports whether it did so:
// not if FNX or FXX forbade it.
func (c Commands) HSetEx(a HSetExArgs) (bool, error) {
	in := hsetExArgs{key: a.Key, pairs: a.Fields, fnx: a.FNX, fxx: a.FXX, keep: a.KeepTTL}
	switch {
	case len(a.Fields) == 0 || len(a.Fields)%2 != 0:
		return false, arityError("hsetex")
	case a.FNX && a.FXX:
		return false, errFieldConditions
	case a.KeepTTL && (a.TTL != 0 || !a.ExpireAt.IsZero()), a.TTL != 0 && !a.ExpireAt.IsZero():
		return false, errFieldExpirations
	case a.TTL != 0:
		in.at = relative(a.TTL.Milliseconds())
	case !a.ExpireAt.IsZero():
		in.at = absolute(a.ExpireAt.UnixMilli())
	}
	return opHSetEx.Do(c.s, in)
}

const (
	errFieldConditions  Error = "ERR Only one of FXX or FNX arguments can be specified"
	errFieldExpirations Error = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
	errFieldCount       Error = "ERR invalid number of fields"
)

type hsetExArgs struct {
	key            string
	pairs          []string
	at             deadline
	fnx, fxx, keep bool
}

var opHSetEx = add(&op[hsetExArgs, bool]{
	Spec: spec{
		Name: "HSETEX", Arity: -6, Flags: write | denyOOM | fast, Keys: engine.One("RW UPDATE"),
		Group: "hash", Since: "8.0.0", Complexity: "O(log N) a field, for N that expire",
		Syntax: "key:key [condition<FNX|FXX>] [expiration<EX seconds:integer|PX milliseconds:integer|" +
			"EXAT unix-time-seconds:unix-time|PXAT unix-time-milliseconds:unix-time|KEEPTTL>] " +
			"FIELDS fields<numfields:integer data<field:string value:string>...>",
		Summary: "Sets fields of a hash and when they expire.",
	},
	Parse: parseHSetEx,
	Keys:  func(k *keySet, a hsetExArgs) { k.Write(a.key) },
	Run:   hsetex,
	Reply: replyBool,
})

func parseHSetEx(p *args) (a hsetExArgs) {
	a.key = p.Key()
	for p.More() {
		switch {
		case p.Flag("FIELDS"):
			n, ok := int64(0), false
			if p.Len() >= 2 {
				n, ok = engine.ParseInt(p.String())
			} else {
				p.Fail(arityError("hsetex"))
			}
			if !ok || n < 1 || n > math.MaxInt32 {
				p.Fail(errFieldCount)
			} else if p.Len()%2 != 0 || n != int64(p.Len()/2) {
				p.Fail(arityError("hsetex"))
			}
			a.pairs = p.Rest()
			return a
		case p.Flag("FNX"):
			a.condition(p)
			a.fnx = true
		case p.Flag("FXX"):
			a.condition(p)
			a.fxx = true
		case p.Flag("KEEPTTL"):
			a.expiration(p)
			a.keep = true
		case p.Flag("EX"):
			a.time(p, inSeconds)
		case p.Flag("PX"):
			a.time(p, inMillis)
		case p.Flag("EXAT"):
			a.time(p, atSecond)
		case p.Flag("PXAT"):
			a.time(p, atMilli)
		default:
			p.Fail(Error("ERR unknown argument: " + cString(p.String())))
		}
	}
	p.Fail(arityError("hsetex"))
	return a
}

// condition refuses a second condition.
func (a *hsetExArgs) condition(p *args) {
	if a.fnx || a.fxx {
		p.Fail(errFieldConditions)
	}
}

// expiration refuses a second word about when the fields expire.
func (a *hsetExArgs) expiration(p *args) {
	if a.keep || a.at.kind != never {
		p.Fail(errFieldExpirations)
	}
}

// time reads a time at which the fields expire. That it is too late is told later,
// by the clock.
func (a *hsetExArgs) time(p *args, kind deadlineKind) {
	if a.expiration(p); p.Len() == 0 {
		p.Fail(errNoTime)
		return
	}
	a.at.kind = kind
	if a.at.number(p); a.at.bad {
		p.Fail(ErrNotInt)
	} else if a.at.n < 0 {
		p.Fail(errFieldTime)
	}
}

func hsetex(t *txn, a hsetExArgs) (bool, error) {
	at, err := int64(0), error(nil)
	if a.at.kind != never {
		if at, err = a.at.field(t, "hsetex"); err != nil {
			return false, err
		}
	}
	v, err := hashAt(t, a.key)
	if err != nil {
		return false, err
	}
	expires := false // some of the fields do already
	for i := 0; i < len(a.pairs); i += 2 {
		_, was, ok := v.Lookup(a.pairs[i])
		if a.fnx && ok || a.fxx && !ok {
			return false, nil
		}
		expires = expires || was != 0
	}
	c := expiring(t, a.key, at)
	dated := a.at.kind != never
	c.edit = t.EditHash(a.key, v, dated && !c.past)
	for i := 0; i < len(a.pairs); i += 2 {
		if dated && c.past {
			c.done = append(c.done, a.pairs[i])
			c.edit.Remove(a.pairs[i])
			continue
		}
		c.edit.Set(a.pairs[i], a.pairs[i+1], a.keep)
		if dated {
			c.edit.Expire(a.pairs[i], c.at)
		}
	}
	switch {
	case dated && c.past:
		t.Touch('h', "hset", a.key)
		c.tell()
	case dated:
		t.Effect('h', "hset", a.key, a.words(t, "HSETEX", a.key, "PXAT", t.Int(c.at))...)
		t.Notify('h', "hexpire", a.key)
	case a.keep && expires:
		t.Effect('h', "hset", a.key, a.words(t, "HSETEX", a.key, "KEEPTTL")...)
	case t.Replicating(): // to a replica, which may be older, it is HSET
		t.Effect('h', "hset", a.key, append([]string{"HSET", a.key}, a.pairs...)...)
	default:
		t.Effect('h', "hset", a.key)
	}
	return true, nil
}

// words are words and the pairs as HSETEX has them.
func (a *hsetExArgs) words(t *txn, words ...string) []string {
	if !t.Replicating() {
		return nil
	}
	words = append(words, "FIELDS", strconv.Itoa(len(a.pairs)/2))
	return append(words, a.pairs...)
}
