package larder

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/engine"
)

// Several sorted sets at once: ZUNION ZINTER ZDIFF ZINTERCARD, and ZUNIONSTORE
// ZINTERSTORE ZDIFFSTORE. A set counts as a sorted set whose scores are all 1.

// A ZAggregate says what becomes of the scores that a member has in several sets.
type ZAggregate uint8

// What becomes of several scores.
const (
	ZSum ZAggregate = iota // infinities that cancel out are 0
	ZMin
	ZMax
)

var aggregateNames = [...]string{"SUM", "MIN", "MAX"}

// ZSetsArgs are the sets that ZUNION, ZINTER and their like are of.
type ZSetsArgs struct {
	Keys      []string  // sorted sets, or sets
	Weights   []float64 // by which the scores of each are multiplied; nil is 1 for all
	Aggregate ZAggregate
}

// ZUnion returns the members that are in any of several sorted sets, in order. O(n
// log n) for n members in all.
func (c Commands) ZUnion(a ZSetsArgs) ([]Z, error) { return c.zsets(opZUnion, a) }

// ZInter returns the members that are in all of several sorted sets, in order.
func (c Commands) ZInter(a ZSetsArgs) ([]Z, error) { return c.zsets(opZInter, a) }

// ZDiff returns the members of the first of several sorted sets that are in no
// other, with their scores, in order.
func (c Commands) ZDiff(keys ...string) ([]Z, error) {
	return c.zsets(opZDiff, ZSetsArgs{Keys: keys})
}

func (c Commands) zsets(o *op[zsetsArgs, zslice], a ZSetsArgs) ([]Z, error) {
	in, err := a.internal(o.Name)
	if err != nil {
		return nil, err
	}
	r, err := o.Do(c.s, in)
	return r.kept, err
}

// ZInterCard returns how many members are in all of several sorted sets; it stops at
// limit, unless that is 0.
func (c Commands) ZInterCard(limit int64, keys ...string) (int64, error) {
	in, err := ZSetsArgs{Keys: keys}.internal(opZInterCard.Name)
	if err != nil {
		return 0, err
	}
	if in.limit = limit; limit < 0 {
		return 0, errNegativeLimit
	}
	return opZInterCard.Do(c.s, in)
}

// ZUnionStore makes what ZUnion returns the value of dst, whatever that held, and
// returns how many members it has. None delete dst.
func (c Commands) ZUnionStore(dst string, a ZSetsArgs) (int64, error) {
	return c.zstore(opZUnionStore, dst, a)
}

// ZInterStore is ZUnionStore of what ZInter returns.
func (c Commands) ZInterStore(dst string, a ZSetsArgs) (int64, error) {
	return c.zstore(opZInterStore, dst, a)
}

// ZDiffStore is ZUnionStore of what ZDiff returns.
func (c Commands) ZDiffStore(dst string, keys ...string) (int64, error) {
	return c.zstore(opZDiffStore, dst, ZSetsArgs{Keys: keys})
}

func (c Commands) zstore(o *op[zsetsArgs, int64], dst string, a ZSetsArgs) (int64, error) {
	in, err := a.internal(o.Name)
	if err != nil {
		return 0, err
	}
	in.dst = dst
	return o.Do(c.s, in)
}

func (a ZSetsArgs) internal(name string) (in zsetsArgs, err error) {
	in = zsetsArgs{keys: a.Keys, weights: a.Weights, aggregate: a.Aggregate}
	switch {
	case len(a.Keys) == 0:
		return in, noInputKeys(name)
	case len(a.Weights) != 0 && len(a.Weights) != len(a.Keys), a.Aggregate > ZMax:
		return in, ErrSyntax
	}
	for _, w := range a.Weights {
		if math.IsNaN(w) {
			return in, errWeight
		}
	}
	return in, nil
}

func noInputKeys(name string) error {
	return Error("ERR at least 1 input key is needed for '" + strings.ToLower(name) + "' command")
}

const (
	errWeight        Error = "ERR weight value is not a float"
	errNegativeLimit Error = "ERR LIMIT can't be negative"
)

type zsetsArgs struct {
	dst       string
	keys      []string
	weights   []float64
	aggregate ZAggregate
	scores    bool
	limit     int64
	err       error // of the options, which Redis reads after it has looked at the keys
}

// zoption says which options a command of this file has.
type zoption uint8

const (
	optWeights zoption = 1 << iota
	optScores
	optLimit
)

func (a *zsetsArgs) parse(p *args, name string, opts zoption) {
	n := p.Int()
	if n < 1 {
		p.Fail(noInputKeys(name))
	}
	if n > int64(p.Len()) {
		p.Syntax()
		return
	}
	a.keys = p.RestBut(p.Len() - int(n))
	// What is wrong from here on is said after the keys were found to be sorted sets.
	fail := func(err error) {
		a.err = err
		p.Rest()
	}
	for p.More() {
		switch {
		case opts&optWeights != 0 && p.FlagWith("WEIGHTS", len(a.keys)):
			a.weights = make([]float64, len(a.keys))
			for i := range a.weights {
				f, inRange, ok := strtod(p.String())
				if a.weights[i] = f; !ok || !inRange && (f == 0 || math.IsInf(f, 0)) {
					fail(errWeight)
					return
				}
			}
		case opts&optWeights != 0 && p.FlagWith("AGGREGATE", 1):
			switch {
			case p.Flag("SUM"):
				a.aggregate = ZSum
			case p.Flag("MIN"):
				a.aggregate = ZMin
			case p.Flag("MAX"):
				a.aggregate = ZMax
			default:
				fail(ErrSyntax)
			}
		case opts&optScores != 0 && p.Flag("WITHSCORES"):
			a.scores = true
		case opts&optLimit != 0 && p.FlagWith("LIMIT", 1):
			n, ok := engine.ParseInt(p.String())
			if a.limit = n; !ok || n < 0 {
				fail(errNegativeLimit)
			}
		default:
			fail(ErrSyntax)
		}
	}
}

// A zinput is one of the sets: a sorted one, or one whose scores are all 1.
type zinput struct {
	items   orderedset.Items
	members engine.Members
	plain   bool // members, and no items
	n       int
	weight  float64
	at      int // its place among the keys
}

// inputs returns the sets at the keys.
func (a *zsetsArgs) inputs(t *txn) ([]zinput, error) {
	in := make([]zinput, len(a.keys))
	for i, key := range a.keys {
		v, ok := t.Value(key)
		z := &in[i]
		z.weight, z.at = 1, i
		if a.weights != nil {
			z.weight = a.weights[i]
		}
		if !ok {
			continue
		}
		if z.items, ok = v.ZItems(); ok {
			z.n = z.items.Len()
		} else if z.members, z.plain = v.Members(); z.plain {
			z.n = z.members.Len()
		} else {
			return nil, ErrWrongType
		}
	}
	return in, a.err
}

// score returns the score of a member, times the weight; a product that is none
// stays so.
func (z *zinput) score(member string) (float64, bool) {
	if z.plain {
		return z.weight, z.members.Has(member)
	}
	s, ok := z.items.Score(member)
	return s * z.weight, ok
}

// each calls f for the members, with their weighted scores, until it says no.
func (z *zinput) each(f func(member string, score float64) bool) {
	var b []byte
	if z.plain {
		for m := range z.members.All() {
			b = m.Append(b[:0])
			if !f(bytesAsString(b), z.weight) {
				return
			}
		}
		return
	}
	// As in Redis from the last to the first.
	for it := range z.items.Descend(z.n - 1) {
		b = it.Member.Append(b[:0])
		score := it.Score * z.weight
		if math.IsNaN(score) {
			score = 0
		}
		if !f(bytesAsString(b), score) {
			return
		}
	}
}

// join makes one score of two.
func (g ZAggregate) join(a, b float64) float64 {
	switch {
	case g == ZMin && b < a, g == ZMax && b > a:
		return b
	case g == ZSum:
		if a += b; math.IsNaN(a) {
			return 0
		}
	}
	return a
}

// bySize puts the smallest set first. The order matters to sums too, which are
// rounded.
func bySize(in []zinput) {
	slices.SortStableFunc(in, func(a, b zinput) int { return cmp.Compare(a.n, b.n) })
}

func (a *zsetsArgs) union(in []zinput, dst *orderedset.Set) {
	bySize(in)
	for i := range in {
		in[i].each(func(member string, score float64) bool {
			if was, ok := dst.Score(member); ok {
				score = a.aggregate.join(was, score)
			}
			dst.Put(member, score)
			return true
		})
	}
}

// inter calls f for the members of all sets, until it says no.
func (a *zsetsArgs) inter(in []zinput, f func(member string, score float64) bool) {
	bySize(in)
	in[0].each(func(member string, score float64) bool {
		for i := 1; i < len(in); i++ {
			s, ok := in[i].score(member)
			if !ok {
				return true
			}
			score = a.aggregate.join(score, s)
		}
		return f(member, score)
	})
}

func (a *zsetsArgs) diff(in []zinput, dst *orderedset.Set) {
	in[0].each(func(member string, score float64) bool {
		for i := 1; i < len(in); i++ {
			if _, ok := in[i].score(member); ok {
				return true
			}
		}
		dst.Put(member, score)
		return true
	})
}

// A zjoin is one of the three ways to make one set of several.
type zjoin uint8

const (
	zunion zjoin = iota
	zinter
	zdiff
)

// run makes the set, which is a big one until it is stored.
func (j zjoin) run(t *txn, a *zsetsArgs) (*orderedset.Set, error) {
	in, err := a.inputs(t)
	if err != nil {
		return nil, err
	}
	dst := orderedset.New()
	switch j {
	case zunion:
		a.union(in, dst)
	case zinter:
		a.inter(in, func(member string, score float64) bool {
			dst.Put(member, score)
			return true
		})
	case zdiff:
		a.diff(in, dst)
	}
	return dst, nil
}

var (
	opZUnion = zjoinOp("ZUNION", "O(N)+O(M*log(M)) for N members in all sets and M in the result",
		"Lists the members that are in any of several sorted sets.", zunion)
	opZInter = zjoinOp("ZINTER", "O(N*K)+O(M*log(M)) for K sets, N members in the smallest and M in the result",
		"Lists the members that are in all of several sorted sets.", zinter)
	opZDiff = zjoinOp("ZDIFF", "O(N*K)+O(M*log(M)) for K sets, N members in the first and M in the result",
		"Lists the members of a sorted set that are in no other.", zdiff)
)

const (
	syntaxWeights = " [WEIGHTS weight:integer...] [AGGREGATE aggregate<SUM|MIN|MAX>]"
	syntaxSets    = "numkeys:integer key:key..."
)

func zjoinOp(name, complexity, summary string, j zjoin) *op[zsetsArgs, zslice] {
	syntax, opts := syntaxSets, optScores
	if j != zdiff {
		syntax += syntaxWeights
		opts |= optWeights
	}
	return add(&op[zsetsArgs, zslice]{
		Spec: spec{
			Name: name, Arity: -3, Flags: readOnly | engine.MovableKeys,
			Keys:  []engine.KeySpec{{Flags: "RO ACCESS", Index: 1, NumKeys: true, FirstKey: 1}},
			Group: "sorted-set", Since: "6.2.0", Complexity: complexity, Syntax: syntax + " [WITHSCORES]", Summary: summary,
		},
		Parse: func(p *args) (a zsetsArgs) {
			a.parse(p, name, opts)
			return a
		},
		Keys: func(k *keySet, a zsetsArgs) { k.ReadAll(a.keys) },
		Run: func(t *txn, a zsetsArgs) (zslice, error) {
			dst, err := j.run(t, &a)
			if err != nil {
				return zslice{}, err
			}
			return zslice{items: dst.Items(), n: dst.Len(), scores: a.scores}, nil
		},
		Keep:  zslice.keep,
		Reply: replyZSlice,
	})
}

var (
	opZUnionStore = zjoinStoreOp("ZUNIONSTORE", "2.0.0", "O(N)+O(M*log(M)) for N members in all sets and M in the result",
		"Stores the members that are in any of several sorted sets.", zunion)
	opZInterStore = zjoinStoreOp("ZINTERSTORE", "2.0.0", "O(N*K)+O(M*log(M)) for K sets, N members in the smallest and M in the result",
		"Stores the members that are in all of several sorted sets.", zinter)
	opZDiffStore = zjoinStoreOp("ZDIFFSTORE", "6.2.0", "O(N*K)+O(M*log(M)) for K sets, N members in the first and M in the result",
		"Stores the members of a sorted set that are in no other.", zdiff)
)

func zjoinStoreOp(name, since, complexity, summary string, j zjoin) *op[zsetsArgs, int64] {
	syntax, opts := "destination:key "+syntaxSets, zoption(0)
	if j != zdiff {
		syntax += syntaxWeights
		opts = optWeights
	}
	event := strings.ToLower(name)
	return add(&op[zsetsArgs, int64]{
		Spec: spec{
			Name: name, Arity: -4, Flags: write | denyOOM | engine.MovableKeys,
			Keys:  []engine.KeySpec{{Flags: "OW UPDATE", Index: 1}, {Flags: "RO ACCESS", Index: 2, NumKeys: true, FirstKey: 1}},
			Group: "sorted-set", Since: since, Complexity: complexity, Syntax: syntax, Summary: summary,
		},
		Parse: func(p *args) (a zsetsArgs) {
			a.dst = p.Key()
			a.parse(p, name, opts)
			return a
		},
		Keys: func(k *keySet, a zsetsArgs) { k.Write(a.dst); k.ReadAll(a.keys) },
		Run: func(t *txn, a zsetsArgs) (int64, error) {
			dst, err := j.run(t, &a)
			if err != nil {
				return 0, err
			}
			if dst.Len() > 0 {
				t.SetZSet(a.dst, dst)
			}
			zstore(t, dst.Len(), a.dst, event, func() []string { return a.words(name) })
			return int64(dst.Len()), nil
		},
		Reply: (*reply).Int,
	})
}

func (a *zsetsArgs) words(name string) []string {
	words := append([]string{name, a.dst, strconv.Itoa(len(a.keys))}, a.keys...)
	if a.weights != nil {
		words = append(words, "WEIGHTS")
		for _, w := range a.weights {
			words = append(words, scoreText(w))
		}
	}
	if a.aggregate != ZSum {
		words = append(words, "AGGREGATE", aggregateNames[a.aggregate])
	}
	return words
}

var opZInterCard = add(&op[zsetsArgs, int64]{
	Spec: spec{
		Name: "ZINTERCARD", Arity: -3, Flags: readOnly | engine.MovableKeys,
		Keys:  []engine.KeySpec{{Flags: "RO ACCESS", Index: 1, NumKeys: true, FirstKey: 1}},
		Group: "sorted-set", Since: "7.0.0", Complexity: "O(N*K) for K sets and N members in the smallest",
		Syntax: syntaxSets + " [LIMIT limit:integer]", Summary: "Counts the members that are in all of several sorted sets.",
	},
	Parse: func(p *args) (a zsetsArgs) {
		a.parse(p, "ZINTERCARD", optLimit)
		return a
	},
	Keys: func(k *keySet, a zsetsArgs) { k.ReadAll(a.keys) },
	Run: func(t *txn, a zsetsArgs) (n int64, err error) {
		in, err := a.inputs(t)
		if err != nil {
			return 0, err
		}
		a.inter(in, func(string, float64) bool {
			n++
			return n != a.limit
		})
		return n, nil
	},
	Reply: (*reply).Int,
})
