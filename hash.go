package larder

import (
	"math"
	"math/big"
	"slices"
	"strconv"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/engine"
)

// Hashes: HSET HMSET HSETNX HGET HMGET HDEL HEXISTS HLEN HSTRLEN HINCRBY
// HINCRBYFLOAT. What reads whole hashes is in hash_all.go, what draws and scans in
// hash_scan.go, when fields expire in hash_expire.go and hash_getex.go.

// A fieldValue is a field or a value as a command shows it.
type fieldValue = hashfields.Elem

func replyField(w *reply, e fieldValue) {
	if n, ok := e.Int(); ok {
		w.BulkInt(n)
	} else {
		w.Bulk(e.String())
	}
}

// hashAt is Txn.Hash that takes a missing key for a hash without fields.
func hashAt(t *txn, key string) (hashfields.View, error) {
	v, err := t.Hash(key)
	return v, ignoreNil(err)
}

// HSet sets fields of the hash at key to values, given by turns, and returns how
// many of the fields are new. The hash is made if need be. A field that was to
// expire does so no more.
func (c Commands) HSet(key string, fieldsValues ...string) (int64, error) {
	if len(fieldsValues) == 0 || len(fieldsValues)%2 != 0 {
		return 0, arityError("hset")
	}
	a := hsetArgs{key: key, field: fieldsValues[0], value: fieldsValues[1]}
	if len(fieldsValues) > 2 { // a copy, so that the caller's slice need not be on the heap
		a.more = slices.Clone(fieldsValues[2:])
	}
	return opHSet.Do(c.s, a)
}

// hsetArgs has the first pair outside of the slice, so that a command with one needs
// none.
type hsetArgs struct {
	key, field, value string
	more              []string
}

func parseHSet(name string) func(p *args) hsetArgs {
	odd := arityError(name)
	return func(p *args) hsetArgs {
		a := hsetArgs{p.Key(), p.String(), p.String(), p.Rest()}
		if len(a.more)%2 != 0 {
			p.Fail(odd)
		}
		return a
	}
}

func hsetKeys(k *keySet, a hsetArgs) { k.Write(a.key) }

var opHSet = add(&op[hsetArgs, int64]{
	Spec: spec{
		Name: "HSET", Arity: -4, Flags: write | denyOOM | fast, Keys: engine.One("RW UPDATE"),
		Group: "hash", Since: "2.0.0", Complexity: "O(1) a field", Syntax: "key:key field_value<field:string value:string>...",
		Summary: "Sets fields of a hash.",
	},
	Parse: parseHSet("hset"),
	Keys:  hsetKeys,
	Run:   func(t *txn, a hsetArgs) (int64, error) { return hset(t, &a, "HSET") },
	Reply: (*reply).Int,
})

var _ = add(&op[hsetArgs, none]{
	Spec: spec{
		Name: "HMSET", Arity: -4, Flags: write | denyOOM | fast, Keys: engine.One("RW UPDATE"),
		Group: "hash", Since: "2.0.0", Complexity: "O(1) a field", Syntax: "key:key field_value<field:string value:string>...",
		Summary: "Sets fields of a hash, and answers OK.", Deprecated: "4.0.0", Replaced: "HSET, which takes several fields",
	},
	Parse: parseHSet("hmset"),
	Keys:  hsetKeys,
	Run: func(t *txn, a hsetArgs) (none, error) {
		_, err := hset(t, &a, "HMSET")
		return none{}, err
	},
	Reply: replyOK,
})

func hset(t *txn, a *hsetArgs, name string) (n int64, err error) {
	v, err := hashAt(t, a.key)
	if err != nil {
		return 0, err
	}
	e := t.EditHash(a.key, v, false)
	if e.Set(a.field, a.value, false) {
		n++
	}
	for i := 0; i < len(a.more); i += 2 {
		if e.Set(a.more[i], a.more[i+1], false) {
			n++
		}
	}
	switch {
	case len(a.more) == 0:
		t.Effect('h', "hset", a.key, name, a.key, a.field, a.value)
	case t.Replicating():
		t.Effect('h', "hset", a.key, append([]string{name, a.key, a.field, a.value}, a.more...)...)
	default:
		t.Effect('h', "hset", a.key)
	}
	return n, nil
}

// HSetNX sets a field of the hash at key if there is no such field, and reports
// whether it did so.
func (c Commands) HSetNX(key, field, value string) (bool, error) {
	return opHSetNX.Do(c.s, hsetArgs{key: key, field: field, value: value})
}

var opHSetNX = add(&op[hsetArgs, bool]{
	Spec: spec{
		Name: "HSETNX", Arity: 4, Flags: write | denyOOM | fast, Keys: engine.One("RW INSERT"),
		Group: "hash", Since: "2.0.0", Complexity: "O(1)", Syntax: "key:key field:string value:string",
		Summary: "Sets a field of a hash only if it does not exist.",
	},
	Parse: func(p *args) hsetArgs { return hsetArgs{key: p.Key(), field: p.String(), value: p.String()} },
	Keys:  hsetKeys,
	Run: func(t *txn, a hsetArgs) (bool, error) {
		v, err := hashAt(t, a.key)
		if err != nil {
			return false, err
		}
		if _, ok := v.Get(a.field); ok {
			return false, nil
		}
		e := t.EditHash(a.key, v, false)
		e.Set(a.field, a.value, false)
		t.Effect('h', "hset", a.key, "HSETNX", a.key, a.field, a.value)
		return true, nil
	},
	Reply: replyBool,
})

type fieldArgs struct{ key, field string }

func parseField(p *args) fieldArgs { return fieldArgs{p.Key(), p.String()} }

func readField(k *keySet, a fieldArgs) { k.Read(a.key) }

// HGet returns the value of a field of the hash at key, or ErrNil.
func (c Commands) HGet(key, field string) (string, error) {
	v, err := opHGet.Do(c.s, fieldArgs{key, field})
	return v.String(), err
}

var opHGet = add(&op[fieldArgs, fieldValue]{
	Spec: spec{
		Name: "HGET", Arity: 3, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "hash", Since: "2.0.0", Complexity: "O(1)", Syntax: "key:key field:string",
		Summary: "Reads a field of a hash.",
	},
	Parse: parseField,
	Keys:  readField,
	Run: func(t *txn, a fieldArgs) (fieldValue, error) {
		v, err := t.Hash(a.key)
		if err != nil {
			return fieldValue{}, err
		}
		e, ok := v.Get(a.field)
		if !ok {
			return e, ErrNil
		}
		return e, nil
	},
	Keep:  fieldValue.Kept,
	Reply: replyField,
})

// HGetAppend appends the value of a field to dst and returns the extended slice. It
// returns dst as it was, and ErrNil, where there is no such field. If dst has room
// nothing is allocated.
func (c Commands) HGetAppend(dst []byte, key, field string) ([]byte, error) {
	v, err := opHGetAppend.Do(c.s, hgetAppendArgs{dst, fieldArgs{key, field}})
	if err != nil {
		return dst, err
	}
	return v, nil
}

type hgetAppendArgs struct {
	dst []byte
	fieldArgs
}

// opHGetAppend is HGET into the caller's buffer.
var opHGetAppend = &op[hgetAppendArgs, []byte]{
	Spec: opHGet.Spec, // it counts as one
	Keys: func(k *keySet, a hgetAppendArgs) { k.Read(a.key) },
	Run: func(t *txn, a hgetAppendArgs) ([]byte, error) {
		e, err := opHGet.Run(t, a.fieldArgs)
		if err != nil {
			return nil, err
		}
		return e.Append(a.dst), nil
	},
}

type fieldsArgs struct {
	key    string
	fields []string
}

func parseFields(p *args) fieldsArgs { return fieldsArgs{p.Key(), p.Rest()} }

func readFields(k *keySet, a fieldsArgs)  { k.Read(a.key) }
func writeFields(k *keySet, a fieldsArgs) { k.Write(a.key) }

// HMGet returns the values of fields of the hash at key. A field that does not exist
// is the zero Maybe.
func (c Commands) HMGet(key string, fields ...string) ([]Maybe, error) {
	if len(fields) == 0 {
		return nil, arityError("hmget")
	}
	vs, err := opHMGet.Do(c.s, fieldsArgs{key, fields})
	return maybes(vs), err
}

// A maybeField is a field's value, if there is such a field.
type maybeField struct {
	fieldValue
	ok bool
}

// maybes returns values that borrow nothing as callers see them.
func maybes(vs []maybeField) []Maybe {
	if vs == nil {
		return nil
	}
	out := make([]Maybe, len(vs))
	for i, v := range vs {
		out[i] = Maybe{v.String(), v.ok}
	}
	return out
}

func keepMaybes(vs []maybeField) []maybeField {
	for i := range vs {
		vs[i].fieldValue = vs[i].Kept()
	}
	return vs
}

func replyMaybes(w *reply, vs []maybeField) {
	w.Array(len(vs))
	for _, v := range vs {
		if v.ok {
			replyField(w, v.fieldValue)
		} else {
			w.Null()
		}
	}
}

// valuesOf reads fields, which may be missing.
func valuesOf(v hashfields.View, fields []string) []maybeField {
	out := make([]maybeField, len(fields))
	for i, f := range fields {
		out[i].fieldValue, out[i].ok = v.Get(f)
	}
	return out
}

var opHMGet = add(&op[fieldsArgs, []maybeField]{
	Spec: spec{
		Name: "HMGET", Arity: -3, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "hash", Since: "2.0.0", Complexity: "O(1) a field", Syntax: "key:key field:string...",
		Summary: "Reads several fields of a hash.",
	},
	Parse: parseFields,
	Keys:  readFields,
	Run: func(t *txn, a fieldsArgs) ([]maybeField, error) {
		v, err := hashAt(t, a.key)
		if err != nil {
			return nil, err
		}
		return valuesOf(v, a.fields), nil
	},
	Keep:  keepMaybes,
	Reply: replyMaybes,
})

// HDel deletes fields of the hash at key and returns how many of them there were.
// With the last field the key goes.
func (c Commands) HDel(key string, fields ...string) (int64, error) {
	if len(fields) == 0 {
		return 0, arityError("hdel")
	}
	return opHDel.Do(c.s, fieldsArgs{key, fields})
}

var opHDel = add(&op[fieldsArgs, int64]{
	Spec: spec{
		Name: "HDEL", Arity: -3, Flags: write | fast, Keys: engine.One("RW DELETE"),
		Group: "hash", Since: "2.0.0", Complexity: "O(1) a field", Syntax: "key:key field:string...",
		Summary: "Deletes fields of a hash.",
	},
	Parse: parseFields,
	Keys:  writeFields,
	Run: func(t *txn, a fieldsArgs) (n int64, err error) {
		v, err := t.Hash(a.key)
		if err != nil || !hasAny(v, a.fields) {
			return 0, ignoreNil(err)
		}
		e := t.EditHash(a.key, v, false)
		for _, f := range a.fields {
			if e.Remove(f) {
				n++
			}
		}
		tellHDel(t, a.key, a.fields, e.Empty())
		return n, nil
	},
	Reply: (*reply).Int,
})

// hasAny reports whether a hash has one of fields.
func hasAny(v hashfields.View, fields []string) bool {
	for _, f := range fields {
		if _, ok := v.Get(f); ok {
			return true
		}
	}
	return false
}

// tellHDel is the effect of fields deleted, with which the key may go.
func tellHDel(t *txn, key string, fields []string, empty bool) {
	if t.Replicating() {
		t.Effect('h', "hdel", key, append([]string{"HDEL", key}, fields...)...)
	} else {
		t.Effect('h', "hdel", key)
	}
	if empty {
		t.Touch('g', "del", key)
	}
}

// HExists reports whether the hash at key has a field.
func (c Commands) HExists(key, field string) (bool, error) {
	return opHExists.Do(c.s, fieldArgs{key, field})
}

var opHExists = add(&op[fieldArgs, bool]{
	Spec: spec{
		Name: "HEXISTS", Arity: 3, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "hash", Since: "2.0.0", Complexity: "O(1)", Syntax: "key:key field:string",
		Summary: "Tells whether a hash has a field.",
	},
	Parse: parseField,
	Keys:  readField,
	Run: func(t *txn, a fieldArgs) (bool, error) {
		v, err := hashAt(t, a.key)
		_, ok := v.Get(a.field)
		return ok, err
	},
	Reply: replyBool,
})

// HLen returns the number of fields of the hash at key, 0 for a missing one.
func (c Commands) HLen(key string) (int64, error) { return opHLen.Do(c.s, key) }

var opHLen = add(&op[string, int64]{
	Spec: spec{
		Name: "HLEN", Arity: 2, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "hash", Since: "2.0.0", Complexity: "O(1)", Syntax: "key:key",
		Summary: "Counts the fields of a hash.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run: func(t *txn, key string) (int64, error) {
		v, err := hashAt(t, key)
		return int64(v.Len()), err
	},
	Reply: (*reply).Int,
})

// HStrLen returns the length in bytes of the value of a field, 0 for a missing one.
func (c Commands) HStrLen(key, field string) (int64, error) {
	return opHStrLen.Do(c.s, fieldArgs{key, field})
}

var opHStrLen = add(&op[fieldArgs, int64]{
	Spec: spec{
		Name: "HSTRLEN", Arity: 3, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "hash", Since: "3.2.0", Complexity: "O(1)", Syntax: "key:key field:string",
		Summary: "Counts the bytes of a field's value.",
	},
	Parse: parseField,
	Keys:  readField,
	Run: func(t *txn, a fieldArgs) (int64, error) {
		v, err := hashAt(t, a.key)
		e, _ := v.Get(a.field)
		return int64(e.Len()), err
	},
	Reply: (*reply).Int,
})

// HIncrBy adds by to the integer that a field of the hash at key holds and returns
// the sum; a missing field is 0. The sum must fit in 64 bits: ErrOverflow, and
// nothing is changed. When the field expires stays as it is.
func (c Commands) HIncrBy(key, field string, by int64) (int64, error) {
	return opHIncrBy.Do(c.s, hincrArgs{key, field, by})
}

type hincrArgs struct {
	key, field string
	by         int64
}

var opHIncrBy = add(&op[hincrArgs, int64]{
	Spec: spec{
		Name: "HINCRBY", Arity: 4, Flags: write | denyOOM | fast, Keys: engine.One("RW ACCESS UPDATE"),
		Group: "hash", Since: "2.0.0", Complexity: "O(1)", Syntax: "key:key field:string increment:integer",
		Summary: "Adds to the integer that a field of a hash holds.",
	},
	Parse: func(p *args) hincrArgs { return hincrArgs{p.Key(), p.String(), p.Int()} },
	Keys:  func(k *keySet, a hincrArgs) { k.Write(a.key) },
	Run: func(t *txn, a hincrArgs) (int64, error) {
		v, err := hashAt(t, a.key)
		if err != nil {
			return 0, err
		}
		n := int64(0)
		if was, ok := v.Get(a.field); ok {
			if n, ok = was.Int(); !ok {
				if n, ok = engine.ParseInt(was.String()); !ok {
					return 0, errHashNotInt
				}
			}
		}
		if a.by > 0 && n > math.MaxInt64-a.by || a.by < 0 && n < math.MinInt64-a.by {
			return 0, ErrOverflow
		}
		n += a.by
		e := t.EditHash(a.key, v, false)
		e.Set(a.field, t.Digits(n), true)
		t.Effect('h', "hincrby", a.key, "HINCRBY", a.key, a.field, t.Int(a.by))
		return n, nil
	},
	Reply: (*reply).Int,
})

const (
	errHashNotInt   Error = "ERR hash value is not an integer"
	errHashNotFloat Error = "ERR hash value is not a float"
	errIncrInf      Error = "ERR increment would produce NaN or Infinity"
)

// HIncrByFloat adds by to the number that a field of the hash at key holds and
// returns the sum. It is computed and written with the 64 bits of precision of
// Redis's long double. When the field expires stays as it is.
func (c Commands) HIncrByFloat(key, field string, by float64) (float64, error) {
	s, err := opHIncrByFloat.Do(c.s, hincrFloatArgs{key, field, strconv.FormatFloat(by, 'g', -1, 64)})
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(s, 64)
}

type hincrFloatArgs struct{ key, field, by string }

var opHIncrByFloat = add(&op[hincrFloatArgs, string]{
	Spec: spec{
		Name: "HINCRBYFLOAT", Arity: 4, Flags: write | denyOOM | fast, Keys: engine.One("RW ACCESS UPDATE"),
		Group: "hash", Since: "2.6.0", Complexity: "O(1)", Syntax: "key:key field:string increment:double",
		Summary: "Adds to the number that a field of a hash holds.",
	},
	Parse: func(p *args) hincrFloatArgs { return hincrFloatArgs{p.Key(), p.String(), p.String()} },
	Keys:  func(k *keySet, a hincrFloatArgs) { k.Write(a.key) },
	Run: func(t *txn, a hincrFloatArgs) (string, error) {
		by, err := parseLongDouble(a.by)
		if err != nil {
			return "", err
		}
		if by.IsInf() {
			return "", Error("ERR value is NaN or Infinity")
		}
		v, err := hashAt(t, a.key)
		if err != nil {
			return "", err
		}
		was := new(big.Float)
		old, expireAt, ok := v.Lookup(a.field)
		if ok {
			if was, err = parseLongDouble(old.String()); err != nil {
				return "", errHashNotFloat
			}
		}
		total := new(big.Float).SetPrec(longDouble)
		if was.IsInf() || total.Add(was, by).MantExp(nil) > longDoubleExp {
			return "", errIncrInf
		}
		sum := formatLongDouble(total)
		e := t.EditHash(a.key, v, false)
		e.Set(a.field, sum, true)
		if expireAt == 0 {
			t.Effect('h', "hincrbyfloat", a.key, "HSET", a.key, a.field, sum)
		} else {
			t.Effect('h', "hincrbyfloat", a.key, "HSETEX", a.key, "KEEPTTL", "FIELDS", "1", a.field, sum)
		}
		return sum, nil
	},
	Reply: (*reply).Bulk,
})
