package larder

import (
	"math"
	"strings"
	"time"
	"unsafe"

	"github.com/larderdb/larder/internal/engine"
)

// Strings: GET SET GETSET GETDEL GETEX SETNX SETEX PSETEX MGET MSET MSETNX.
// Those that change a part of a string or count with it are in kv_edit.go.

// embstrMax is the length in bytes up to which OBJECT ENCODING calls a string
// "embstr".
const embstrMax = 44

// formOf is the encoding of a string that was set.
func formOf(s string) form {
	if len(s) <= 20 {
		if _, ok := engine.ParseInt(s); ok {
			return engine.StringInt
		}
	}
	if len(s) <= embstrMax {
		return engine.StringEmbstr
	}
	return engine.StringRaw
}

func replyStr(w *reply, s engine.Str) {
	if s.Pages == nil {
		w.Bulk(s.Flat)
		return
	}
	w.BulkHead(s.Len())
	w.Buf = s.Append(w.Buf, 0, s.Len())
	w.BulkEnd()
}

// Get returns the string at key, or ErrNil.
func (c Commands) Get(key string) (string, error) {
	if v, err, straight := c.s.AppendString(nil, key); straight {
		return unsafe.String(unsafe.SliceData(v), len(v)), err
	}
	v, err := opGet.Do(c.s, key)
	return v.Flat, err
}

// GetBytes returns the string at key as bytes of the caller's own, or ErrNil.
func (c Commands) GetBytes(key string) ([]byte, error) { return c.GetAppend(nil, key) }

var opGet = add(&op[string, engine.Str]{
	Spec: spec{
		Name: "GET", Arity: 2, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "string", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key",
		Summary: "Reads a string.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run:   (*txn).String,
	Keep:  engine.Str.Keep,
	Reply: replyStr,
})

type getAppendArgs struct {
	dst []byte
	key string
}

// GetAppend appends the string at key to dst and returns the extended slice. It
// returns dst as it was, and ErrNil, where there is no such key. If dst has
// room nothing is allocated.
func (c Commands) GetAppend(dst []byte, key string) ([]byte, error) {
	if v, err, straight := c.s.AppendString(dst, key); straight {
		return v, err
	}
	v, err := opGetAppend.Do(c.s, getAppendArgs{dst, key})
	if err != nil {
		return dst, err
	}
	return v, nil
}

// opGetAppend is GET into the caller's buffer.
var opGetAppend = &op[getAppendArgs, []byte]{
	Spec: opGet.Spec, // it counts as one
	Keys: func(k *keySet, a getAppendArgs) { k.Read(a.key) },
	Run: func(t *txn, a getAppendArgs) ([]byte, error) {
		v, err := t.String(a.key)
		if err != nil {
			return nil, err
		}
		return v.Append(a.dst, 0, v.Len()), nil
	},
}

// SetArgs are the arguments of SET.
type SetArgs struct {
	Key, Value string
	NX, XX     bool          // only if the key does not, does exist
	TTL        time.Duration // 0 means for ever; milliseconds count
	ExpireAt   time.Time     // instead of TTL; the zero time means not
	KeepTTL    bool          // keep the time of expiry that the key has
}

// Set sets key to value, whatever it held before, for ever.
func (c Commands) Set(key, value string) error {
	if c.s.Overwrite(key, value, formOf(value)) {
		return nil
	}
	_, err := opSetPlain.Do(c.s, keyValue{key, value})
	return err
}

// opSetPlain is SET without options, whose arguments fit in registers.
var opSetPlain = &op[keyValue, none]{
	Spec: opSet.Spec, // it counts as one
	Keys: func(k *keySet, a keyValue) { k.Write(a.key) },
	Run: func(t *txn, a keyValue) (none, error) {
		t.Set(a.key, a.value, formOf(a.value), 0)
		t.Effect('$', "set", a.key, "SET", a.key, a.value)
		return none{}, nil
	},
}

// SetBytes is Set with a value given as bytes, which are copied.
func (c Commands) SetBytes(key string, value []byte) error { return c.Set(key, bytesAsString(value)) }

// SetArgs sets a key as a says. It returns ErrNil if NX or XX forbade it.
func (c Commands) SetArgs(a SetArgs) error {
	args, err := a.internal()
	if err != nil {
		return err
	}
	_, err = opSet.Do(c.s, args)
	return err
}

// SetGet sets a key as a says and returns what it held before: ErrNil if it did
// not exist, whether or not NX or XX forbade to set it.
func (c Commands) SetGet(a SetArgs) (old string, err error) {
	args, err := a.internal()
	if err != nil {
		return "", err
	}
	args.get = true
	return c.setGet(opSet, args)
}

func (c Commands) setGet(o *op[setArgs, setReply], a setArgs) (old string, err error) {
	r, err := o.Do(c.s, a)
	if err == nil && !r.had {
		err = ErrNil
	}
	return r.old.Flat, err
}

// SetNX sets key if it does not exist, and reports whether it did so. A ttl of 0
// means for ever.
func (c Commands) SetNX(key, value string, ttl time.Duration) (bool, error) {
	err := c.SetArgs(SetArgs{Key: key, Value: value, NX: true, TTL: ttl})
	if err == ErrNil {
		return false, nil
	}
	return err == nil, err
}

// SetEX sets key to value for ttl, which must be at least a millisecond.
func (c Commands) SetEX(key, value string, ttl time.Duration) error {
	args := setArgs{key: key, value: value, by: bySetEX, expire: relative(ttl.Milliseconds())}
	_, err := opSet.Do(c.s, args)
	return err
}

// setArgs is kept small: it is copied at each step of a SET.
type setArgs struct {
	key, value  string
	expire      deadline
	by          setBy
	nx, xx, get bool
	keepTTL     bool
}

// setBy is the command by which a string is set, for errors and effects.
type setBy uint8

const (
	bySet setBy = iota
	bySetEX
	byPSetEX
	bySetNX
)

var setNames = [...]string{bySet: "set", bySetEX: "setex", byPSetEX: "psetex", bySetNX: "setnx"}

func (a SetArgs) internal() (setArgs, error) {
	s := setArgs{key: a.Key, value: a.Value, nx: a.NX, xx: a.XX, keepTTL: a.KeepTTL}
	switch {
	case a.NX && a.XX, a.KeepTTL && (a.TTL != 0 || !a.ExpireAt.IsZero()), a.TTL != 0 && !a.ExpireAt.IsZero():
		return s, ErrSyntax
	case a.TTL != 0:
		s.expire = relative(a.TTL.Milliseconds())
	case !a.ExpireAt.IsZero():
		s.expire = absolute(a.ExpireAt.UnixMilli())
	}
	return s, nil
}

// setReply is what SET answers: OK, or with GET the old value.
type setReply struct {
	get, had bool
	old      engine.Str
}

var opSet = add(&op[setArgs, setReply]{
	Spec: spec{
		Name: "SET", Arity: -3, Flags: write | denyOOM,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS UPDATE VARIABLE_FLAGS", Index: 1}},
		Group: "string", Since: "1.0.0", Complexity: "O(1)",
		Syntax: "key:key value:string [condition<NX|XX>@2.6.12] [GET@6.2.0] " +
			"[expiration<EX seconds:integer@2.6.12|PX milliseconds:integer@2.6.12|EXAT unix-time-seconds:unix-time@6.2.0|" +
			"PXAT unix-time-milliseconds:unix-time@6.2.0|KEEPTTL@6.0.0>]",
		Summary: "Writes a string, whatever the key held before.",
	},
	Parse: func(p *args) (a setArgs) {
		a.key, a.value = p.Key(), p.String()
		for p.More() {
			switch {
			case !a.xx && p.Flag("NX"):
				a.nx = true
			case !a.nx && p.Flag("XX"):
				a.xx = true
			case p.Flag("GET"):
				a.get = true
			case a.expire.kind == never && p.Flag("KEEPTTL"):
				a.keepTTL = true
			case a.keepTTL || !a.expire.parse(p):
				p.Syntax()
			}
		}
		return a
	},
	Keys:  func(k *keySet, a setArgs) { k.Write(a.key) },
	Run:   set,
	Keep:  func(r setReply) setReply { r.old = r.old.Keep(); return r },
	Reply: replySet,
})

func replySet(w *reply, r setReply) {
	switch {
	case !r.get:
		w.OK()
	case r.had:
		replyStr(w, r.old)
	default:
		w.Null()
	}
}

func set(t *txn, a setArgs) (r setReply, err error) {
	at, err := a.expire.in(t, setNames[a.by])
	if err != nil {
		return r, err
	}
	if a.get {
		r.old, err = t.String(a.key)
		if r.get, r.had = true, err == nil; err != nil && err != ErrNil {
			return r, err
		}
	} else {
		t.OwnResult()
	}
	if (a.nx || a.xx) && t.Exists(a.key) != a.xx {
		if a.get {
			return r, nil
		}
		return r, ErrNil
	}
	store(t, &a, at)
	return r, nil
}

// store writes the string and tells it.
func store(t *txn, a *setArgs, at int64) {
	if a.keepTTL {
		at = engine.KeepTTL
	}
	switch t.Set(a.key, a.value, formOf(a.value), at); {
	case at == 0 && !a.nx && !a.xx:
		t.Effect('$', "set", a.key, "SET", a.key, a.value)
	case at > 0:
		t.Effect('$', "set", a.key, "SET", a.key, a.value, "PXAT", t.Int(at))
		t.Notify('g', "expire", a.key)
	default:
		t.Effect('$', "set", a.key, a.words()...)
	}
}

// words are the effect of a SET without a time of expiry, with the options that
// it had. Conditions that were met are met wherever it is run again.
func (a *setArgs) words() []string {
	words := []string{"SET", a.key, a.value}
	if a.by == bySetNX {
		words[0] = "SETNX"
		return words
	}
	for _, o := range []struct {
		given bool
		name  string
	}{{a.keepTTL, "KEEPTTL"}, {a.nx, "NX"}, {a.xx, "XX"}} {
		if o.given {
			words = append(words, o.name)
		}
	}
	return words
}

var _ = add(&op[setArgs, setReply]{
	Spec: spec{
		Name: "SETEX", Arity: 4, Flags: write | denyOOM, Keys: engine.One("OW UPDATE"),
		Group: "string", Since: "2.0.0", Complexity: "O(1)", Syntax: "key:key seconds:integer value:string",
		Summary: "Writes a string that expires after so many seconds.",
	},
	Parse: func(p *args) (a setArgs) {
		a.by, a.key = bySetEX, p.Key()
		a.expire = deadline{kind: inSeconds}
		a.expire.number(p)
		a.value = p.String()
		return a
	},
	Keys:  opSet.Keys,
	Run:   set,
	Reply: replySet,
})

var _ = add(&op[setArgs, setReply]{
	Spec: spec{
		Name: "PSETEX", Arity: 4, Flags: write | denyOOM, Keys: engine.One("OW UPDATE"),
		Group: "string", Since: "2.6.0", Complexity: "O(1)", Syntax: "key:key milliseconds:integer value:string",
		Summary: "Writes a string that expires after so many milliseconds.",
	},
	Parse: func(p *args) (a setArgs) {
		a.by, a.key = byPSetEX, p.Key()
		a.expire = deadline{kind: inMillis}
		a.expire.number(p)
		a.value = p.String()
		return a
	},
	Keys:  opSet.Keys,
	Run:   set,
	Reply: replySet,
})

var _ = add(&op[setArgs, bool]{
	Spec: spec{
		Name: "SETNX", Arity: 3, Flags: write | denyOOM | fast, Keys: engine.One("OW INSERT"),
		Group: "string", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key value:string",
		Summary: "Writes a string only if the key does not exist.",
	},
	Parse: func(p *args) setArgs { return setArgs{key: p.Key(), value: p.String(), by: bySetNX, nx: true} },
	Keys:  opSet.Keys,
	Run: func(t *txn, a setArgs) (bool, error) {
		if t.Exists(a.key) {
			return false, nil
		}
		store(t, &a, 0)
		return true, nil
	},
	Reply: replyBool,
})

// GetSet sets key to value and returns what it held before, or ErrNil if it did
// not exist.
func (c Commands) GetSet(key, value string) (old string, err error) {
	return c.setGet(opGetSet, setArgs{key: key, value: value, get: true})
}

var opGetSet = add(&op[setArgs, setReply]{
	Spec: spec{
		Name: "GETSET", Arity: 3, Flags: write | denyOOM | fast, Keys: engine.One("RW ACCESS UPDATE"),
		Group: "string", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key value:string",
		Summary: "Writes a string and answers the one before.", Deprecated: "6.2.0", Replaced: "SET with the GET option",
	},
	Parse: func(p *args) setArgs { return setArgs{key: p.Key(), value: p.String(), get: true} },
	Keys:  opSet.Keys,
	Run:   set,
	Keep:  opSet.Keep,
	Reply: replySet,
})

// GetDel deletes key and returns what it held, or ErrNil.
func (c Commands) GetDel(key string) (string, error) {
	v, err := opGetDel.Do(c.s, key)
	return v.Flat, err
}

var opGetDel = add(&op[string, engine.Str]{
	Spec: spec{
		Name: "GETDEL", Arity: 2, Flags: write | fast, Keys: engine.One("RW ACCESS DELETE"),
		Group: "string", Since: "6.2.0", Complexity: "O(1)", Syntax: "key:key",
		Summary: "Reads a string and deletes its key.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Write,
	Run: func(t *txn, key string) (engine.Str, error) {
		v, err := t.String(key)
		if err != nil {
			return v, err
		}
		t.Delete(key)
		t.Effect('g', "del", key, "DEL", key)
		return v, nil
	},
	Keep:  engine.Str.Keep,
	Reply: replyStr,
})

// GetExArgs are the arguments of GETEX. With neither option it is GET.
type GetExArgs struct {
	Key      string
	TTL      time.Duration // the key expires after it
	ExpireAt time.Time     // the key expires then; in the past deletes it
	Persist  bool          // the key does not expire any more
}

// GetEx returns the string at a key and changes when it expires, or ErrNil.
func (c Commands) GetEx(a GetExArgs) (string, error) {
	in := getExArgs{key: a.Key, persist: a.Persist}
	switch {
	case a.TTL != 0 && (a.Persist || !a.ExpireAt.IsZero()), a.Persist && !a.ExpireAt.IsZero():
		return "", ErrSyntax
	case a.TTL != 0:
		in.expire = relative(a.TTL.Milliseconds())
	case !a.ExpireAt.IsZero():
		in.expire = absolute(a.ExpireAt.UnixMilli())
	}
	v, err := opGetEx.Do(c.s, in)
	return v.Flat, err
}

type getExArgs struct {
	key     string
	persist bool
	expire  deadline
}

var opGetEx = add(&op[getExArgs, engine.Str]{
	Spec: spec{
		Name: "GETEX", Arity: -2, Flags: write | fast,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS UPDATE", Index: 1}},
		Group: "string", Since: "6.2.0", Complexity: "O(1)",
		Syntax: "key:key [expiration<EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|" +
			"PXAT unix-time-milliseconds:unix-time|PERSIST>]",
		Summary: "Reads a string and changes when it expires.",
	},
	Parse: func(p *args) (a getExArgs) {
		a.key = p.Key()
		for p.More() {
			switch {
			case a.expire.kind == never && p.Flag("PERSIST"):
				a.persist = true
			case a.persist || !a.expire.parse(p):
				p.Syntax()
			}
		}
		return a
	},
	Keys: func(k *keySet, a getExArgs) { k.Write(a.key) },
	Run: func(t *txn, a getExArgs) (engine.Str, error) {
		v, err := t.String(a.key)
		if err != nil {
			return v, err
		}
		at, err := a.expire.in(t, "getex")
		if err != nil {
			return v, err
		}
		switch was, _ := t.ExpireAt(a.key); {
		case a.expire.kind != never:
			expireKey(t, a.key, at)
		case a.persist && was != 0:
			t.Expire(a.key, 0)
			t.Effect('g', "persist", a.key, "PERSIST", a.key)
		}
		return v, nil
	},
	Keep:  engine.Str.Keep,
	Reply: replyStr,
})

// MGet returns the strings at keys. What does not exist, or is no string, is the
// zero Maybe.
func (c Commands) MGet(keys ...string) ([]Maybe, error) { return opMGet.Do(c.s, keys) }

// Maybe is a string that may be missing.
type Maybe struct {
	Value string
	Ok    bool // it exists
}

var opMGet = add(&op[[]string, []Maybe]{
	Spec: spec{
		Name: "MGET", Arity: -2, Flags: readOnly | fast, Keys: engine.AllFrom("RO ACCESS", -1, 1),
		Group: "string", Since: "1.0.0", Complexity: "O(N) for N keys", Syntax: "key:key...",
		Summary: "Reads several strings at one instant.", Tips: []string{"request_policy:multi_shard"},
	},
	Parse: (*args).Rest,
	Keys:  (*keySet).ReadAll,
	Run: func(t *txn, keys []string) ([]Maybe, error) {
		out := make([]Maybe, len(keys))
		for i, key := range keys {
			if v, err := t.String(key); err == nil {
				out[i] = Maybe{v.String(), true}
			}
		}
		return out, nil
	},
	Keep: func(vs []Maybe) []Maybe {
		for i := range vs {
			vs[i].Value = strings.Clone(vs[i].Value)
		}
		return vs
	},
	Reply: func(w *reply, vs []Maybe) {
		w.Array(len(vs))
		for _, v := range vs {
			if v.Ok {
				w.Bulk(v.Value)
			} else {
				w.Null()
			}
		}
	},
})

// MSet sets keys to values, given in turn, all at one instant.
func (c Commands) MSet(keysValues ...string) error {
	if len(keysValues) == 0 || len(keysValues)%2 != 0 {
		return errMSetArity
	}
	_, err := opMSet.Do(c.s, keysValues)
	return err
}

// MSetNX sets keys to values, given in turn, if none of the keys exists, and
// reports whether it did so.
func (c Commands) MSetNX(keysValues ...string) (bool, error) {
	if len(keysValues) == 0 || len(keysValues)%2 != 0 {
		return false, errMSetNXArity
	}
	return opMSetNX.Do(c.s, keysValues)
}

const (
	errMSetArity   Error = "ERR wrong number of arguments for 'mset' command"
	errMSetNXArity Error = "ERR wrong number of arguments for 'msetnx' command"
)

var opMSet = add(&op[[]string, none]{
	Spec: spec{
		Name: "MSET", Arity: -3, Flags: write | denyOOM, Keys: engine.AllFrom("OW UPDATE", -1, 2),
		Group: "string", Since: "1.0.1", Complexity: "O(N) for N keys", Syntax: "key_value<key:key value:string>...",
		Summary: "Writes several strings at one instant.",
		Tips:    []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
	},
	Parse: parsePairs(errMSetArity),
	Keys:  pairKeys,
	Run: func(t *txn, kv []string) (none, error) {
		storeAll(t, "MSET", kv)
		return none{}, nil
	},
	Reply: replyOK,
})

var opMSetNX = add(&op[[]string, bool]{
	Spec: spec{
		Name: "MSETNX", Arity: -3, Flags: write | denyOOM, Keys: engine.AllFrom("OW INSERT", -1, 2),
		Group: "string", Since: "1.0.1", Complexity: "O(N) for N keys", Syntax: "key_value<key:key value:string>...",
		Summary: "Writes several strings at one instant, if none of the keys exists.",
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_min"},
	},
	Parse: parsePairs(errMSetNXArity),
	Keys:  pairKeys,
	Run: func(t *txn, kv []string) (bool, error) {
		for i := 0; i < len(kv); i += 2 {
			if t.Exists(kv[i]) {
				return false, nil
			}
		}
		storeAll(t, "MSETNX", kv)
		return true, nil
	},
	Reply: replyBool,
})

func parsePairs(odd Error) func(*args) []string {
	return func(p *args) []string {
		kv := p.Rest()
		if len(kv)%2 != 0 {
			p.Fail(odd)
		}
		return kv
	}
}

func pairKeys(k *keySet, kv []string) {
	for i := 0; i+1 < len(kv); i += 2 {
		k.Write(kv[i])
	}
}

// storeAll writes keys and values given in turn, as one effect.
func storeAll(t *txn, name string, kv []string) {
	var words []string
	if t.Replicating() {
		words = append(append(make([]string, 0, 1+len(kv)), name), kv...)
	}
	for i := 0; i < len(kv); i += 2 {
		t.Set(kv[i], kv[i+1], formOf(kv[i+1]), 0)
		if i+2 < len(kv) {
			t.Touch('$', "set", kv[i])
		} else {
			t.Effect('$', "set", kv[i], words...)
		}
	}
}

// A deadline is when a key is to expire, as a command says it.
type deadline struct {
	n    int64
	kind deadlineKind
	bad  bool // what was said is no number
}

type deadlineKind uint8

const (
	never     deadlineKind = iota // nothing was said
	inSeconds                     // EX
	inMillis                      // PX
	atSecond                      // EXAT
	atMilli                       // PXAT
)

func relative(ms int64) deadline { return deadline{kind: inMillis, n: ms} }
func absolute(ms int64) deadline { return deadline{kind: atMilli, n: ms} }

// parse reads EX, PX, EXAT or PXAT with its number, if one of them is next and
// no other was before.
func (d *deadline) parse(p *args) bool {
	for kind, name := range [...]string{inSeconds: "EX", inMillis: "PX", atSecond: "EXAT", atMilli: "PXAT"} {
		if kind != 0 && (d.kind == never || d.kind == deadlineKind(kind)) && p.FlagWith(name, 1) {
			d.kind = deadlineKind(kind)
			d.number(p)
			return true
		}
	}
	return false
}

// number reads the number. That it is none is told when the deadline is used:
// GETEX of a missing key does not mind.
func (d *deadline) number(p *args) {
	n, ok := engine.ParseInt(p.String())
	d.n, d.bad = n, !ok
}

// in returns the deadline in Unix milliseconds, 0 if nothing was said. What is
// not positive is refused; what lies beyond the 48 bits of an entry, some time
// after the year 10,000, is brought back to them.
func (d deadline) in(t *txn, name string) (int64, error) {
	if d.kind == never {
		return 0, nil
	}
	if d.bad {
		return 0, ErrNotInt
	}
	at, ok := d.millis(t)
	if d.n <= 0 || !ok {
		return 0, errExpire(name)
	}
	return min(at, engine.MaxExpireAt), nil
}

// millis returns the deadline in Unix milliseconds, and false where that is no
// 64-bit number.
func (d deadline) millis(t *txn) (at int64, ok bool) {
	at = d.n
	if d.kind == inSeconds || d.kind == atSecond {
		if at > math.MaxInt64/1000 || at < math.MinInt64/1000 {
			return 0, false
		}
		at *= 1000
	}
	if d.kind == inSeconds || d.kind == inMillis {
		now := t.Now()
		if at > math.MaxInt64-now {
			return 0, false
		}
		at += now
	}
	return at, true
}

func errExpire(name string) error { return Error("ERR invalid expire time in '" + name + "' command") }
