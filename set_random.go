package larder

import (
	"iter"
	"math"
	"strconv"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/engine"
)

// Members of sets by chance: SPOP SRANDMEMBER.

// SPop removes a random member of the set at key and returns it, or ErrNil. O(1).
func (c Commands) SPop(key string) (string, error) {
	r, err := opSPop.Do(c.s, spopArgs{key: key, count: 1})
	if err != nil {
		return "", err
	}
	return r.one.String(), nil
}

// SPopN removes n random members of the set at key, or all if there are no more, and
// returns them.
func (c Commands) SPopN(key string, n int64) ([]string, error) {
	if n < 0 {
		return nil, errNotPositive
	}
	r, err := opSPop.Do(c.s, spopArgs{key: key, count: n, counted: true})
	if err != nil {
		return nil, err
	}
	return r.kept(), nil
}

type spopArgs struct {
	key     string
	count   int64
	counted bool
}

// A spopped is what was removed. It borrows nothing.
type spopped struct {
	counted bool
	one     listpack.Value
	members []listpack.Value
}

func (r *spopped) kept() []string {
	out := make([]string, len(r.members))
	for i, m := range r.members {
		out[i] = m.String()
	}
	return out
}

var opSPop = add(&op[spopArgs, spopped]{
	Spec: spec{
		Name: "SPOP", Arity: -2, Flags: write | fast, Keys: engine.One("RW ACCESS DELETE"),
		Group: "set", Since: "1.0.0", Complexity: "O(1) for each member, or O(N) for nearly all of N", Syntax: "key:key [count:integer@3.2.0]",
		Summary: "Removes random members of a set and lists them.", Tips: []string{"nondeterministic_output"},
	},
	Parse: func(p *args) spopArgs {
		a := spopArgs{key: p.Key(), count: 1}
		if p.Len() > 1 {
			p.Syntax()
		}
		if p.More() {
			a.counted = true
			if a.count = p.IntOr(errNotPositive); a.count < 0 {
				p.Fail(errNotPositive)
			}
		}
		return a
	},
	Keys: func(k *keySet, a spopArgs) { k.Take(a.key) },
	Run: func(t *txn, a spopArgs) (spopped, error) {
		m, err := t.Members(a.key)
		switch {
		case err == ErrNil && a.counted:
			return spopped{counted: true}, nil
		case err != nil:
			return spopped{}, err
		case a.counted:
			return spopped{counted: true, members: spopSome(t, a.key, m, a.count)}, nil
		}
		return spopped{one: spopOne(t, a.key, m)}, nil
	},
	Reply: func(w *reply, r spopped) {
		if !r.counted {
			replyValue(w, r.one)
			return
		}
		w.Set(len(r.members))
		for _, m := range r.members {
			replyValue(w, m)
		}
	},
})

func spopOne(t *txn, key string, m engine.Members) listpack.Value {
	v := keepValue(m.Random(t.Rand))
	var digits [20]byte
	member := bytesAsString(valueBytes(v, digits[:0]))
	edit := t.EditSet(key, m)
	edit.Remove(member)
	left := edit.Members().Len()
	if t.Replicating() {
		t.Effect('s', "spop", key, "SREM", key, member)
	} else {
		t.Effect('s', "spop", key)
	}
	tellEmpty(t, key, left)
	return v
}

// valueBytes returns the bytes of a member: its own, or digits that are written to b.
func valueBytes(v listpack.Value, b []byte) []byte {
	if n, ok := v.Int(); ok {
		return strconv.AppendInt(b, n, 10)
	}
	return v.Bytes()
}

// mostPopped is how often as many members must be removed as stay, for a new set to be
// made of those that stay. It is Redis's: the new set may have another encoding.
const mostPopped = 5

func spopSome(t *txn, key string, m engine.Members, count int64) (out []listpack.Value) {
	n := int64(m.Len())
	switch {
	case count == 0:
		return nil
	case count >= n:
		out = make([]listpack.Value, 0, n)
		for v := range m.All() {
			out = append(out, keepValue(v))
		}
		t.Delete(key)
		t.Effect('s', "spop", key, "DEL", key)
		t.Notify('g', "del", key)
		return out
	case (n-count)*mostPopped > count:
		out = m.Sample(int(count), t.Rand)
		for i := range out {
			out[i] = keepValue(out[i])
		}
		edit := t.EditSet(key, m)
		var digits [20]byte
		for _, v := range out {
			edit.Remove(bytesAsString(valueBytes(v, digits[:0])))
		}
	default:
		out = spopMost(t, key, m, int(n-count))
	}
	tellPopped(t, key, out)
	return out
}

// spopMost makes a new set of the few members that stay.
func spopMost(t *txn, key string, m engine.Members, stay int) []listpack.Value {
	rest := t.NewSet()
	var digits [20]byte
	for _, v := range m.Sample(stay, t.Rand) {
		rest.Add(bytesAsString(valueBytes(v, digits[:0])))
	}
	stays := rest.Members()
	out := make([]listpack.Value, 0, m.Len()-stay)
	for v := range m.All() {
		if !stays.Has(bytesAsString(valueBytes(v, digits[:0]))) {
			out = append(out, keepValue(v))
		}
	}
	rest.Publish(key, engine.KeepTTL)
	return out
}

// tellPopped makes the removal of members true and tells each.
func tellPopped(t *txn, key string, out []listpack.Value) {
	if !t.Replicating() {
		t.Effect('s', "spop", key)
		return
	}
	t.Effect('s', "spop", key, "SREM", key, out[0].String())
	for _, v := range out[1:] {
		t.Replicate("SREM", key, v.String())
	}
}

// SRandMember returns a random member of the set at key, each with the same chance, or
// ErrNil.
func (c Commands) SRandMember(key string) (string, error) {
	r, err := opSRandMember.Do(c.s, srandArgs{key: key, count: 1})
	if err != nil {
		return "", err
	}
	return r.kept[0], nil
}

// SRandMemberN returns n different random members, or all where there are no more; if
// n is negative, -n members that may come repeatedly. It refuses an n of more than
// 16,777,216 repeated members.
func (c Commands) SRandMemberN(key string, n int64) ([]string, error) {
	r, err := opSRandMember.Do(c.s, srandArgs{key: key, count: n, counted: true})
	return r.kept, err
}

type srandArgs struct {
	key     string
	count   int64
	counted bool
}

// maxSRandom is how many random members are given at once, where they repeat. Redis
// writes as many as it is asked for, until the client is gone.
const maxSRandom = 1 << 24

// spick are random members: all, some, or so many that are drawn when they are
// written.
type spick struct {
	t       *txn
	members engine.Members
	some    []listpack.Value // those, or what is drawn from: a small set that is drawn from often
	all     bool
	draws   int
	counted bool
	kept    []string
}

func (p *spick) len() int {
	switch {
	case p.all:
		return p.members.Len()
	case p.draws != 0:
		return p.draws
	}
	return len(p.some)
}

func (p *spick) each() iter.Seq[listpack.Value] {
	if p.all {
		return p.members.All()
	}
	return func(yield func(listpack.Value) bool) {
		if p.draws == 0 {
			for _, v := range p.some {
				if !yield(v) {
					return
				}
			}
		}
		for range p.draws {
			var v listpack.Value
			if p.some == nil {
				v = p.members.Random(p.t.Rand)
			} else {
				v = p.some[uniformly(p.t, len(p.some))]
			}
			if !yield(v) {
				return
			}
		}
	}
}

var opSRandMember = add(&op[srandArgs, spick]{
	Spec: spec{
		Name: "SRANDMEMBER", Arity: -2, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "set", Since: "1.0.0", Complexity: "O(N) for N members asked for", Syntax: "key:key [count:integer@2.6.0]",
		Summary: "Lists random members of a set.", Tips: []string{"nondeterministic_output"},
	},
	Parse: func(p *args) srandArgs {
		a := srandArgs{key: p.Key(), count: 1}
		if p.Len() > 1 {
			p.Syntax()
		}
		if p.More() {
			a.counted = true
			if a.count = p.Int(); a.count == math.MinInt64 {
				p.Fail(errDrawCount)
			}
		}
		return a
	},
	Keys: func(k *keySet, a srandArgs) { k.Read(a.key) },
	Run:  srandmember,
	Keep: func(p spick) spick {
		out := make([]string, 0, p.len())
		for v := range p.each() {
			out = append(out, v.String())
		}
		return spick{kept: out}
	},
	Reply: func(w *reply, p spick) {
		if !p.counted {
			replyValue(w, p.members.Random(p.t.Rand))
			return
		}
		w.Array(p.len())
		for v := range p.each() {
			replyValue(w, v)
		}
	},
})

func srandmember(t *txn, a srandArgs) (spick, error) {
	m, err := t.Members(a.key)
	p := spick{t: t, members: m, counted: a.counted}
	switch {
	case err == ErrNil && a.counted:
		return p, nil
	case err != nil:
		return p, err
	case a.count < -maxSRandom:
		return p, errDrawRange
	case !a.counted:
		p.draws = 1
	case a.count < 0:
		p.draws = int(-a.count)
		if !m.Big() {
			p.some = m.Sample(m.Len(), t.Rand)
		}
	case a.count >= int64(m.Len()):
		p.all = true
	default:
		p.some = m.Sample(int(a.count), t.Rand)
	}
	return p, nil
}
