package larder

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/engine"
)

// What takes members out of a sorted set and returns them: ZPOPMIN ZPOPMAX ZMPOP, and
// BZPOPMIN BZPOPMAX BZMPOP, which wait for one.

// ZPopMin removes the member with the lowest score and returns it, or ErrNil.
func (c Commands) ZPopMin(key string) (Z, error) { return firstOf(c.ZPopMinN(key, 1)) }

// ZPopMax removes the member with the highest score and returns it, or ErrNil.
func (c Commands) ZPopMax(key string) (Z, error) { return firstOf(c.ZPopMaxN(key, 1)) }

func firstOf(zs []Z, err error) (Z, error) {
	switch {
	case err != nil:
		return Z{}, err
	case len(zs) == 0:
		return Z{}, ErrNil
	}
	return zs[0], nil
}

// ZPopMinN removes up to n members with the lowest scores and returns them, the
// lowest first. O(n log m) of m.
func (c Commands) ZPopMinN(key string, n int64) ([]Z, error) {
	return c.zpop(opZPopMin, key, n)
}

// ZPopMaxN removes up to n members with the highest scores and returns them, the
// highest first.
func (c Commands) ZPopMaxN(key string, n int64) ([]Z, error) {
	return c.zpop(opZPopMax, key, n)
}

func (c Commands) zpop(o *op[zpopArgs, zpopped], key string, n int64) ([]Z, error) {
	if n < 0 {
		return nil, errZPopCount
	}
	r, err := o.Do(c.s, zpopArgs{key: key, count: n, counted: true})
	return r.zs, err
}

const errZPopCount Error = "ERR value is out of range, must be positive"

type zpopArgs struct {
	key     string
	keys    []string // of ZMPOP and those that wait
	max     bool
	count   int64
	counted bool // count was given
	timeout time.Duration
}

// zpopped is what was taken: copies, since the set has freed them.
type zpopped struct {
	key     string
	zs      []Z
	counted bool
}

var (
	opZPopMin = zpopOp("ZPOPMIN", "Removes the members of a sorted set with the lowest scores and lists them.", false)
	opZPopMax = zpopOp("ZPOPMAX", "Removes the members of a sorted set with the highest scores and lists them.", true)
)

func zpopOp(name, summary string, max bool) *op[zpopArgs, zpopped] {
	return add(&op[zpopArgs, zpopped]{
		Spec: spec{
			Name: name, Arity: -2, Flags: write | fast, Keys: engine.One("RW ACCESS DELETE"),
			Group: "sorted-set", Since: "5.0.0", Complexity: "O(log(N)*M) for M members of N", Syntax: "key:key [count:integer]",
			Summary: summary,
		},
		Parse: func(p *args) zpopArgs {
			a := zpopArgs{key: p.Key(), count: 1}
			if p.Len() == 1 {
				a.counted = true
				if a.count = p.IntOr(errZPopCount); a.count < 0 {
					p.Fail(errZPopCount)
				}
			}
			return a
		},
		Keys: func(k *keySet, a zpopArgs) { k.Write(a.key) },
		Run: func(t *txn, a zpopArgs) (zpopped, error) {
			items, err := t.ZSet(a.key)
			if err != nil {
				return zpopped{}, ignoreNil(err)
			}
			a.max = max
			return zpop(t, a.key, items, a, true), nil
		},
		Reply: func(w *reply, r zpopped) {
			if nested := r.counted && w.Proto == 3; nested {
				w.Array(len(r.zs))
				replyZs(w, r.zs, true)
			} else {
				w.Array(2 * len(r.zs))
				replyZs(w, r.zs, false)
			}
		},
	})
}

func replyZs(w *reply, zs []Z, nested bool) {
	for _, z := range zs {
		if nested {
			w.Array(2)
		}
		w.Bulk(z.Member)
		w.Double(z.Score)
	}
}

// zpop takes members out of the set at key, and tells it as ZPOPMIN or ZPOPMAX: with
// the number that there were, or the one asked for.
func zpop(t *txn, key string, items orderedset.Items, a zpopArgs, asked bool) zpopped {
	r := zpopped{key: key, counted: a.counted}
	n := int(min(a.count, int64(items.Len())))
	if n == 0 {
		return r
	}
	z := zslice{items: items, n: n}
	if a.max {
		z.from, z.rev = items.Len()-1, true
	}
	r.zs = z.keep().kept
	edit := t.EditZSet(key)
	left := edit.Len() - n
	if a.max {
		edit.RemoveRange(left, left+n)
	} else {
		edit.RemoveRange(0, n)
	}
	name := "ZPOPMIN"
	if a.max {
		name = "ZPOPMAX"
	}
	switch event := strings.ToLower(name); {
	case !t.Replicating():
		t.Effect('z', event, key)
	case a.counted && asked:
		t.Effect('z', event, key, name, key, strconv.FormatInt(a.count, 10))
	case a.counted:
		t.Effect('z', event, key, name, key, strconv.Itoa(n))
	default:
		t.Effect('z', event, key, name, key)
	}
	ztellEmpty(t, key, left)
	return r
}

// ZMPopArgs are the arguments of ZMPOP and BZMPOP.
type ZMPopArgs struct {
	Keys  []string
	Max   bool  // take the highest scores, not the lowest
	Count int64 // how many members at most; 0 is 1
}

// A ZPopped is a key and the members that were removed from its sorted set.
type ZPopped struct {
	Key     string
	Members []Z
}

func (a ZMPopArgs) internal() (zpopArgs, error) {
	in := zpopArgs{keys: a.Keys, max: a.Max, count: a.Count, counted: true}
	switch {
	case len(a.Keys) == 0:
		return in, errZNumKeys
	case a.Count < 0:
		return in, errZMPopCount
	case a.Count == 0:
		in.count = 1
	}
	return in, nil
}

// ZMPop removes members of the first of several sorted sets that has any, and
// returns them, or ErrNil.
func (c Commands) ZMPop(a ZMPopArgs) (ZPopped, error) {
	in, err := a.internal()
	if err != nil {
		return ZPopped{}, err
	}
	r, err := opZMPop.Do(c.s, in)
	return ZPopped{r.key, r.zs}, err
}

const (
	errZNumKeys   Error = "ERR numkeys should be greater than 0"
	errZMPopCount Error = "ERR count should be greater than 0"
)

// parseMPop reads the keys, the end to pop from and the count.
func (a *zpopArgs) parseMPop(p *args) {
	a.count, a.counted = 1, true
	n := p.IntOr(errZNumKeys)
	if n <= 0 {
		p.Fail(errZNumKeys)
	}
	if n >= int64(p.Len()) {
		p.Syntax()
		return
	}
	a.keys = p.RestBut(p.Len() - int(n))
	switch {
	case p.Flag("MIN"):
	case p.Flag("MAX"):
		a.max = true
	default:
		p.Syntax()
	}
	if p.FlagWith("COUNT", 1) {
		if a.count = p.IntOr(errZMPopCount); a.count <= 0 {
			p.Fail(errZMPopCount)
		}
	}
}

var opZMPop = add(&op[zpopArgs, zpopped]{
	Spec: spec{
		Name: "ZMPOP", Arity: -4, Flags: write | engine.MovableKeys,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS DELETE", Index: 1, NumKeys: true, FirstKey: 1}},
		Group: "sorted-set", Since: "7.0.0", Complexity: "O(K+M*log(N)) for K keys and M members of N",
		Syntax:  "numkeys:integer key:key... where<MIN|MAX> [COUNT count:integer]",
		Summary: "Removes members of the first sorted set that has any and lists them.",
	},
	Parse: func(p *args) (a zpopArgs) {
		a.parseMPop(p)
		return a
	},
	Keys:  func(k *keySet, a zpopArgs) { k.WriteAll(a.keys) },
	Run:   zmpop,
	Reply: replyMPop,
	Nil:   (*reply).NullArray,
})

// zmpop pops from the first of the keys that has a member, and is ErrNil if none
// has.
func zmpop(t *txn, a zpopArgs) (r zpopped, err error) {
	for _, key := range a.keys {
		items, err := t.ZSet(key)
		if err == nil {
			return zpop(t, key, items, a, false), nil
		} else if err != ErrNil {
			return r, err
		}
	}
	return r, ErrNil
}

func replyMPop(w *reply, r zpopped) {
	w.Array(2)
	w.Bulk(r.key)
	w.Array(len(r.zs))
	replyZs(w, r.zs, true)
}

// A ZWithKey is a member of a sorted set, and the key of that.
type ZWithKey struct {
	Key string
	Z
}

// BZPopMin is ZPopMin on the first of keys that has a member. If none has, it waits
// until one gets some, for ever if timeout is 0, and returns ErrNil if it waited in
// vain; a Tx never waits. Who waits longest for a key is served first.
func (c Commands) BZPopMin(ctx context.Context, timeout time.Duration, keys ...string) (ZWithKey, error) {
	return c.bzpop(ctx, opBZPopMin, timeout, keys)
}

// BZPopMax is ZPopMax as BZPopMin is ZPopMin.
func (c Commands) BZPopMax(ctx context.Context, timeout time.Duration, keys ...string) (ZWithKey, error) {
	return c.bzpop(ctx, opBZPopMax, timeout, keys)
}

func (c Commands) bzpop(ctx context.Context, o *engine.Blocking[zpopArgs, zpopped], timeout time.Duration, keys []string) (ZWithKey, error) {
	switch {
	case len(keys) == 0:
		return ZWithKey{}, arityError(strings.ToLower(o.Name))
	case timeout < 0:
		return ZWithKey{}, errZTimeout
	}
	r, err := o.Do(ctx, c.s, zpopArgs{keys: keys, count: 1, timeout: timeout, max: o == opBZPopMax})
	if err != nil {
		return ZWithKey{}, err
	}
	return ZWithKey{r.key, r.zs[0]}, nil
}

const errZTimeout Error = "ERR timeout is negative"

// BZMPop is ZMPop that waits as BZPopMin does.
func (c Commands) BZMPop(ctx context.Context, timeout time.Duration, a ZMPopArgs) (ZPopped, error) {
	in, err := a.internal()
	if err == nil && timeout < 0 {
		err = errZTimeout
	}
	if err != nil {
		return ZPopped{}, err
	}
	in.timeout = timeout
	r, err := opBZMPop.Do(ctx, c.s, in)
	return ZPopped{r.key, r.zs}, err
}

// bzmpop is zmpop that waits. One that has waited takes from the key that woke it
// alone, as in Redis.
func bzmpop(t *txn, a zpopArgs) (zpopped, error) {
	if key, ok := t.Woken(); ok {
		items, err := t.ZSet(key)
		if err != nil {
			return zpopped{}, t.Block(0)
		}
		return zpop(t, key, items, a, false), nil
	}
	r, err := zmpop(t, a)
	if err == ErrNil {
		err = t.Block(a.timeout, a.keys...)
	}
	return r, err
}

func zpopKeys(k *keySet, a zpopArgs) {
	for _, key := range a.keys {
		k.Take(key)
	}
}

var (
	opBZPopMin = bzpopOp("BZPOPMIN", "Removes the member with the lowest score of the first sorted set that has any, waiting if need be.", false)
	opBZPopMax = bzpopOp("BZPOPMAX", "Removes the member with the highest score of the first sorted set that has any, waiting if need be.", true)
)

func bzpopOp(name, summary string, max bool) *engine.Blocking[zpopArgs, zpopped] {
	return add(&engine.Blocking[zpopArgs, zpopped]{Op: op[zpopArgs, zpopped]{
		Spec: spec{
			Name: name, Arity: -3, Flags: write | noScript | engine.MayBlock | fast, Keys: engine.AllFrom("RW ACCESS DELETE", -2, 1),
			Group: "sorted-set", Since: "5.0.0", Complexity: "O(log(N)) for N members", Syntax: "key:key... timeout:double",
			Summary: summary,
		},
		Parse: func(p *args) zpopArgs { return zpopArgs{keys: p.RestBut(1), count: 1, max: max, timeout: p.Timeout()} },
		Keys:  zpopKeys,
		Run:   bzmpop,
		Reply: func(w *reply, r zpopped) {
			w.Array(3)
			w.Bulk(r.key)
			replyZs(w, r.zs, false)
		},
		Nil: (*reply).NullArray,
	}})
}

var opBZMPop = add(&engine.Blocking[zpopArgs, zpopped]{Op: op[zpopArgs, zpopped]{
	Spec: spec{
		Name: "BZMPOP", Arity: -5, Flags: write | engine.MayBlock | engine.MovableKeys,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS DELETE", Index: 2, NumKeys: true, FirstKey: 1}},
		Group: "sorted-set", Since: "7.0.0", Complexity: "O(K+M*log(N)) for K keys and M members of N",
		Syntax:  "timeout:double numkeys:integer key:key... where<MIN|MAX> [COUNT count:integer]",
		Summary: "Removes members of the first sorted set that has any and lists them, waiting if need be.",
	},
	Parse: func(p *args) (a zpopArgs) {
		timeout := p.String()
		a.parseMPop(p)
		var err error
		if a.timeout, err = engine.ParseTimeout(timeout); err != nil && p.Done() == nil {
			p.Fail(err) // what is wrong with it is said last
		}
		return a
	},
	Keys:  zpopKeys,
	Run:   bzmpop,
	Reply: replyMPop,
	Nil:   (*reply).NullArray,
}})
