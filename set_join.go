package larder

import (
	"cmp"
	"slices"
	"strings"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/engine"
)

// Several sets at once: SINTER SUNION SDIFF SINTERCARD, and SINTERSTORE SUNIONSTORE
// SDIFFSTORE.

// SInter returns the members that are in all of several sets. O(n*k) for k sets, of
// which the smallest has n members.
func (c Commands) SInter(keys ...string) ([]string, error) { return c.sjoin(opSInter, keys) }

// SUnion returns the members that are in any of several sets. O(n) for n members in
// all.
func (c Commands) SUnion(keys ...string) ([]string, error) { return c.sjoin(opSUnion, keys) }

// SDiff returns the members of the first of several sets that are in no other. O(n) for
// n members in all.
func (c Commands) SDiff(keys ...string) ([]string, error) { return c.sjoin(opSDiff, keys) }

func (c Commands) sjoin(o *op[sjoinArgs, sjoined], keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, ErrSyntax
	}
	r, err := o.Do(c.s, sjoinArgs{keys: keys})
	return r.kept, err
}

// SInterStore makes what SInter returns the value of dst, whatever that held, and
// returns how many members it has. None delete dst.
func (c Commands) SInterStore(dst string, keys ...string) (int64, error) {
	return c.sstore(opSInterStore, dst, keys)
}

// SUnionStore is SInterStore of what SUnion returns.
func (c Commands) SUnionStore(dst string, keys ...string) (int64, error) {
	return c.sstore(opSUnionStore, dst, keys)
}

// SDiffStore is SInterStore of what SDiff returns.
func (c Commands) SDiffStore(dst string, keys ...string) (int64, error) {
	return c.sstore(opSDiffStore, dst, keys)
}

func (c Commands) sstore(o *op[sjoinArgs, int64], dst string, keys []string) (int64, error) {
	if len(keys) == 0 {
		return 0, ErrSyntax
	}
	return o.Do(c.s, sjoinArgs{dst: dst, keys: keys})
}

// SInterCard returns how many members are in all of several sets; it stops at limit,
// unless that is 0.
func (c Commands) SInterCard(limit int64, keys ...string) (int64, error) {
	switch {
	case len(keys) == 0:
		return 0, errSNumKeys
	case limit < 0:
		return 0, errNegativeLimit
	}
	return opSInterCard.Do(c.s, sjoinArgs{keys: keys, limit: limit})
}

type sjoinArgs struct {
	dst   string
	keys  []string
	limit int64
}

// inputs returns the sets at the keys, and whether each exists.
func (a *sjoinArgs) inputs(t *txn) (in []engine.Members, all bool, err error) {
	in, all = make([]engine.Members, len(a.keys)), true
	for i, key := range a.keys {
		if in[i], err = t.Members(key); err == ErrNil {
			all = false
		} else if err != nil {
			return nil, false, err
		}
	}
	return in, all, nil
}

func bySetSize(a, b engine.Members) int { return cmp.Compare(a.Len(), b.Len()) }

// inter calls f for the members that are in all sets, until it says no.
func inter(in []engine.Members, f func(listpack.Value) bool) {
	var digits []byte
	var ok bool
members:
	for v := range in[0].All() {
		for _, m := range in[1:] {
			if ok, digits = m.HasValue(v, digits); !ok {
				continue members
			}
		}
		if !f(v) {
			return
		}
	}
}

// An sjoin is one of the three ways to make one set of several.
type sjoin uint8

const (
	sunion sjoin = iota
	sinter
	sdiff
)

// run makes the set, which is no key's yet.
func (j sjoin) run(t *txn, a *sjoinArgs) (engine.SetEdit, error) {
	dst := t.NewSet()
	in, all, err := a.inputs(t)
	switch {
	case err != nil:
	case j == sunion:
		for _, m := range in {
			putAll(&dst, m)
		}
	case j == sdiff:
		diff(&dst, in)
	case all:
		slices.SortStableFunc(in, bySetSize)
		var digits [20]byte
		inter(in, func(v listpack.Value) bool {
			dst.Add(bytesAsString(valueBytes(v, digits[:0])))
			return true
		})
	}
	return dst, err
}

func putAll(dst *engine.SetEdit, m engine.Members) {
	var digits [20]byte
	for v := range m.All() {
		dst.Put(bytesAsString(valueBytes(v, digits[:0])))
	}
}

// diff makes the difference in one of two ways: by asking the other sets for each
// member of the first, or by removing their members from a copy of it. The choice is
// Redis's, and shows: a copy with strings stays a table when they are gone.
func diff(dst *engine.SetEdit, in []engine.Members) {
	ask, remove := 0, 0
	for _, m := range in {
		if m.Len() > 0 {
			ask += in[0].Len()
			remove += m.Len()
		}
	}
	if in[0].Len() == 0 {
		return
	}
	var digits [20]byte
	if ask/2 > remove {
		putAll(dst, in[0])
		for _, m := range in[1:] {
			for v := range m.All() {
				dst.Remove(bytesAsString(valueBytes(v, digits[:0])))
			}
			if dst.Members().Len() == 0 {
				return
			}
		}
		return
	}
	others := slices.Clone(in[1:])
	slices.SortStableFunc(others, func(a, b engine.Members) int { return -bySetSize(a, b) })
	var b []byte
	var has bool
members:
	for v := range in[0].All() {
		for _, m := range others {
			if has, b = m.HasValue(v, b); has {
				continue members
			}
		}
		dst.Add(bytesAsString(valueBytes(v, digits[:0])))
	}
}

// An sjoined is a set made of others: a new one, or for SINTER those that it is the
// intersection of, which is made when it is written.
type sjoined struct {
	members engine.Members
	in      []engine.Members
	kept    []string
}

func (r sjoined) keep() sjoined {
	if r.in == nil {
		return sjoined{kept: keepMembers(r.members)}
	}
	out := []string{}
	inter(r.in, func(v listpack.Value) bool {
		out = append(out, v.String())
		return true
	})
	return sjoined{kept: out}
}

func replyJoined(w *reply, r sjoined) {
	if r.in == nil {
		w.Set(r.members.Len())
		for v := range r.members.All() {
			replyValue(w, v)
		}
		return
	}
	at, n := w.Mark(), 0
	inter(r.in, func(v listpack.Value) bool {
		replyValue(w, v)
		n++
		return true
	})
	w.SetAt(at, n)
}

var (
	opSUnion = sjoinOp("SUNION", "O(N) for N members in all sets", "Lists the members that are in any of several sets.", sunion)
	opSInter = sjoinOp("SINTER", "O(N*K) for K sets and N members in the smallest", "Lists the members that are in all of several sets.", sinter)
	opSDiff  = sjoinOp("SDIFF", "O(N) for N members in all sets", "Lists the members of a set that are in no other.", sdiff)
)

func sjoinOp(name, complexity, summary string, j sjoin) *op[sjoinArgs, sjoined] {
	return add(&op[sjoinArgs, sjoined]{
		Spec: spec{
			Name: name, Arity: -2, Flags: readOnly, Keys: engine.AllFrom("RO ACCESS", -1, 1),
			Group: "set", Since: "1.0.0", Complexity: complexity, Syntax: "key:key...", Summary: summary,
			Tips: []string{"nondeterministic_output_order"},
		},
		Parse: func(p *args) sjoinArgs { return sjoinArgs{keys: p.Rest()} },
		Keys:  func(k *keySet, a sjoinArgs) { k.ReadAll(a.keys) },
		Run: func(t *txn, a sjoinArgs) (r sjoined, err error) {
			if j == sinter {
				in, all, err := a.inputs(t)
				if all {
					slices.SortStableFunc(in, bySetSize)
					r.in = in
				}
				return r, err
			}
			dst, err := j.run(t, &a)
			r.members = dst.Members()
			return r, err
		},
		Keep:  sjoined.keep,
		Reply: replyJoined,
	})
}

var (
	opSUnionStore = sstoreOp("SUNIONSTORE", "OW UPDATE", "O(N) for N members in all sets", "Stores the members that are in any of several sets.", sunion)
	opSInterStore = sstoreOp("SINTERSTORE", "RW UPDATE", "O(N*K) for K sets and N members in the smallest",
		"Stores the members that are in all of several sets.", sinter)
	opSDiffStore = sstoreOp("SDIFFSTORE", "OW UPDATE", "O(N) for N members in all sets", "Stores the members of a set that are in no other.", sdiff)
)

func sstoreOp(name, dstFlags, complexity, summary string, j sjoin) *op[sjoinArgs, int64] {
	event := strings.ToLower(name)
	return add(&op[sjoinArgs, int64]{
		Spec: spec{
			Name: name, Arity: -3, Flags: write | denyOOM,
			Keys:  []engine.KeySpec{{Flags: dstFlags, Index: 1}, {Flags: "RO ACCESS", Index: 2, Last: -1}},
			Group: "set", Since: "1.0.0", Complexity: complexity, Syntax: "destination:key key:key...", Summary: summary,
		},
		Parse: func(p *args) sjoinArgs { return sjoinArgs{dst: p.Key(), keys: p.Rest()} },
		Keys:  func(k *keySet, a sjoinArgs) { k.Write(a.dst); k.ReadAll(a.keys) },
		Run: func(t *txn, a sjoinArgs) (int64, error) {
			dst, err := j.run(t, &a)
			if err != nil {
				return 0, err
			}
			n := dst.Members().Len()
			switch {
			case n > 0:
				dst.Publish(a.dst, 0)
				t.Effect('s', event, a.dst, a.words(t, name)...)
			case t.Delete(a.dst):
				t.Effect('g', "del", a.dst, a.words(t, name)...)
			}
			return int64(n), nil
		},
		Reply: (*reply).Int,
	})
}

// words are the command again, for those who listen.
func (a *sjoinArgs) words(t *txn, name string) []string {
	if !t.Replicating() {
		return nil
	}
	return append([]string{name, a.dst}, a.keys...)
}

const (
	errSNumKeys  Error = "ERR numkeys should be greater than 0"
	errSManyKeys Error = "ERR Number of keys can't be greater than number of args"
)

var opSInterCard = add(&op[sjoinArgs, int64]{
	Spec: spec{
		Name: "SINTERCARD", Arity: -3, Flags: readOnly | engine.MovableKeys,
		Keys:  []engine.KeySpec{{Flags: "RO ACCESS", Index: 1, NumKeys: true, FirstKey: 1}},
		Group: "set", Since: "7.0.0", Complexity: "O(N*K) for K sets and N members in the smallest",
		Syntax: syntaxSets + " [LIMIT limit:integer]", Summary: "Counts the members that are in all of several sets.",
	},
	Parse: func(p *args) (a sjoinArgs) {
		n := p.IntOr(errSNumKeys)
		switch {
		case n < 1:
			p.Fail(errSNumKeys)
			return a
		case n > int64(p.Len()):
			p.Fail(errSManyKeys)
			return a
		}
		a.keys = p.RestBut(p.Len() - int(n))
		for p.FlagWith("LIMIT", 1) {
			if a.limit = p.IntOr(errNegativeLimit); a.limit < 0 {
				p.Fail(errNegativeLimit)
			}
		}
		return a
	},
	Keys: func(k *keySet, a sjoinArgs) { k.ReadAll(a.keys) },
	Run: func(t *txn, a sjoinArgs) (n int64, err error) {
		in, all, err := a.inputs(t)
		if !all {
			return 0, err
		}
		slices.SortStableFunc(in, bySetSize)
		inter(in, func(listpack.Value) bool {
			n++
			return n != a.limit
		})
		return n, nil
	},
	Reply: (*reply).Int,
})
