package larder

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/engine"
)

// Sorted sets, member by member: ZADD ZINCRBY ZREM ZCARD ZSCORE ZMSCORE. Ranges are
// in zset_range.go, what removes and returns in zset_pop.go, unions and their like
// in zset_sets.go, ZSCAN and ZRANDMEMBER in zset_scan.go.

// A Z is a member of a sorted set with its score.
type Z struct {
	Member string
	Score  float64
}

// ZAddArgs are the arguments of ZADD.
type ZAddArgs struct {
	Key     string
	Members []Z

	NX, XX bool // only members that are not there, that are
	GT, LT bool // one that is there only if the score becomes greater, less
	CH     bool // count the members whose score changed too
}

// ZAdd gives members scores and returns how many of them are new. O(log n) each.
func (c Commands) ZAdd(key string, members ...Z) (int64, error) {
	return c.ZAddArgs(ZAddArgs{Key: key, Members: members})
}

// ZAddArgs gives members scores, as a says, and returns how many of them are new, or
// with CH how many were added or changed.
func (c Commands) ZAddArgs(a ZAddArgs) (int64, error) {
	in, err := a.internal()
	if err != nil {
		return 0, err
	}
	r, err := opZAdd.Do(c.s, in)
	return r.n, err
}

// ZAddIncr adds to the score of the one member of a, as ZIncrBy does, and returns
// the sum. It returns ErrNil if NX, XX, GT or LT forbade it.
func (c Commands) ZAddIncr(a ZAddArgs) (float64, error) {
	in, err := a.internal()
	if err != nil {
		return 0, err
	}
	if len(a.Members) > 1 {
		return 0, errZIncrPairs
	}
	in.incr = true
	r, err := opZAdd.Do(c.s, in)
	return r.score, err
}

func (a ZAddArgs) internal() (in zaddArgs, err error) {
	in = zaddArgs{key: a.Key, nx: a.NX, xx: a.XX, gt: a.GT, lt: a.LT, ch: a.CH}
	if len(a.Members) == 0 {
		return in, ErrSyntax
	}
	for _, m := range a.Members {
		if math.IsNaN(m.Score) {
			return in, ErrNotFloat
		}
	}
	in.first, in.more = a.Members[0], a.Members[1:]
	return in, in.conflict()
}

type zaddArgs struct {
	key            string
	nx, xx, gt, lt bool
	ch, incr, by   bool // by: as ZINCRBY
	first          Z    // apart, so that one alone is not allocated
	more           []Z
}

// A zaddReply is a number, or with incr a score.
type zaddReply struct {
	n     int64
	score float64
	incr  bool
}

const (
	errZAddNXXX   Error = "ERR XX and NX options at the same time are not compatible"
	errZAddGTLT   Error = "ERR GT, LT, and/or NX options at the same time are not compatible"
	errZIncrPairs Error = "ERR INCR option supports a single increment-element pair"
)

// conflict is the error of options that do not go together.
func (a *zaddArgs) conflict() error {
	switch {
	case a.nx && a.xx:
		return errZAddNXXX
	case a.gt && a.nx, a.lt && a.nx, a.gt && a.lt:
		return errZAddGTLT
	}
	return nil
}

var opZAdd = add(&op[zaddArgs, zaddReply]{
	Spec: spec{
		Name: "ZADD", Arity: -4, Flags: write | denyOOM | fast, Keys: engine.One("RW UPDATE"),
		Group: "sorted-set", Since: "1.2.0", Complexity: "O(log(N)) for each member, of N in the set",
		Syntax: "key:key [condition<NX|XX>]@3.0.2 [comparison<GT|LT>]@6.2.0 [change=CH]@3.0.2 [increment=INCR]@3.0.2 " +
			"score_member<score:double member:string>...",
		Summary: "Gives members of a sorted set scores, adding those that are not there.",
	},
	Parse: func(p *args) (a zaddArgs) {
		a.key = p.Key()
		for {
			switch {
			case p.Flag("NX"):
				a.nx = true
			case p.Flag("XX"):
				a.xx = true
			case p.Flag("GT"):
				a.gt = true
			case p.Flag("LT"):
				a.lt = true
			case p.Flag("CH"):
				a.ch = true
			case p.Flag("INCR"):
				a.incr = true
			default:
				a.parsePairs(p)
				return a
			}
		}
	},
	Keys:  func(k *keySet, a zaddArgs) { k.Write(a.key) },
	Run:   zadd,
	Reply: replyZAdd,
})

func (a *zaddArgs) parsePairs(p *args) {
	n := p.Len()
	if n == 0 || n%2 != 0 {
		p.Syntax()
		return
	}
	if err := a.conflict(); err != nil {
		p.Fail(err)
	} else if a.incr && n > 2 {
		p.Fail(errZIncrPairs)
	}
	if n > 2 {
		a.more = make([]Z, 0, n/2-1)
	}
	a.first.Score = parseScore(p)
	a.first.Member = p.String()
	for p.More() {
		score := parseScore(p)
		a.more = append(a.more, Z{p.String(), score})
	}
}

func replyZAdd(w *reply, r zaddReply) {
	if r.incr {
		w.Double(r.score)
	} else {
		w.Int(r.n)
	}
}

// A zchange is what ZADD makes of one pair.
type zchange uint8

const (
	zrefused zchange = iota // by an option
	zsame                   // the score is what it was
	zupdated
	zadded
)

// decide says what becomes of a pair, of which the set has the score was if had.
func (a *zaddArgs) decide(score, was float64, had bool) (float64, zchange) {
	if !had {
		if a.xx {
			return score, zrefused
		}
		return score, zadded
	}
	if a.nx {
		return score, zrefused
	}
	if a.incr {
		score += was
	}
	switch {
	case a.lt && score >= was, a.gt && score <= was:
		return score, zrefused
	case score == was:
		return score, zsame
	}
	return score, zupdated
}

func zadd(t *txn, a zaddArgs) (r zaddReply, err error) {
	items, err := t.ZSet(a.key)
	if err != nil && err != ErrNil {
		return r, err
	}
	r.incr = a.incr
	var edit engine.ZSetEdit
	changed, added, answered := 0, 0, false
	m := a.first
	for i := 0; ; i++ {
		was, had := items.Score(m.Member)
		score, what := a.decide(m.Score, was, had)
		if score != score {
			return r, ErrScoreNaN
		}
		if what >= zupdated {
			if changed == 0 {
				edit = t.EditZSet(a.key)
			}
			changed++
			if what == zadded {
				added++
				edit.Add(m.Member, score)
			} else {
				edit.Put(m.Member, score)
			}
			items = edit.Items()
		}
		if what != zrefused {
			answered, r.score = true, score
		}
		if i == len(a.more) {
			break
		}
		m = a.more[i]
	}
	if changed > 0 {
		event := "zadd"
		if a.incr {
			event = "zincr"
		}
		if t.Replicating() {
			t.Effect('z', event, a.key, a.words()...)
		} else {
			t.Effect('z', event, a.key)
		}
	}
	if a.incr && !answered {
		return r, ErrNil
	}
	if r.n = int64(added); a.ch {
		r.n = int64(changed)
	}
	return r, nil
}

// words are the command again, its scores as they are.
func (a *zaddArgs) words() []string {
	if a.by {
		return []string{"ZINCRBY", a.key, scoreText(a.first.Score), a.first.Member}
	}
	words := append(make([]string, 0, 8+2*len(a.more)), "ZADD", a.key)
	for _, f := range []struct {
		is   bool
		name string
	}{{a.nx, "NX"}, {a.xx, "XX"}, {a.gt, "GT"}, {a.lt, "LT"}, {a.ch, "CH"}, {a.incr, "INCR"}} {
		if f.is {
			words = append(words, f.name)
		}
	}
	words = append(words, scoreText(a.first.Score), a.first.Member)
	for _, m := range a.more {
		words = append(words, scoreText(m.Score), m.Member)
	}
	return words
}

// scoreText is a score in words.
func scoreText(score float64) string {
	var digits [32]byte
	return string(orderedset.AppendScore(digits[:0], score))
}

// parseScore reads a score as C's strtod does, all of the word.
func parseScore(p *args) float64 { return parseScoreOr(p, ErrNotFloat) }

func parseScoreOr(p *args, err error) float64 {
	if !p.More() {
		p.Fail(ErrSyntax)
		return 0
	}
	s := p.String()
	f, inRange, ok := strtod(s)
	if !ok || !inRange && (f == 0 || math.IsInf(f, 0)) {
		p.Fail(err)
		return 0
	}
	return f
}

// strtod reads a number that is all of s as C does; a NaN is none. inRange is false
// for one that had to become infinite or zero.
func strtod(s string) (f float64, inRange, ok bool) {
	if f, ok = engine.ParseFloat(s); ok {
		return f, f != 0 || !strings.ContainsAny(mantissa(s), "123456789abcdefABCDEF"), true
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, false, errors.Is(err, strconv.ErrRange) && !strings.Contains(s, "_")
}

// mantissa is the part of a number before its exponent.
func mantissa(s string) string {
	if i := strings.IndexAny(s, "xX"); i >= 0 {
		s, _, _ = strings.Cut(strings.ToLower(s[i+1:]), "p")
		return s
	}
	s, _, _ = strings.Cut(strings.ToLower(s), "e")
	return s
}

// ZIncrBy adds by to the score of a member, 0 where it is none yet, and returns the
// sum.
func (c Commands) ZIncrBy(key string, by float64, member string) (float64, error) {
	if math.IsNaN(by) {
		return 0, ErrNotFloat
	}
	r, err := opZIncrBy.Do(c.s, zaddArgs{key: key, incr: true, by: true, first: Z{member, by}})
	return r.score, err
}

var opZIncrBy = add(&op[zaddArgs, zaddReply]{
	Spec: spec{
		Name: "ZINCRBY", Arity: 4, Flags: write | denyOOM | fast, Keys: engine.One("RW ACCESS UPDATE"),
		Group: "sorted-set", Since: "1.2.0", Complexity: "O(log(N)) for N members", Syntax: "key:key increment:integer member:string",
		Summary: "Adds to the score of a member of a sorted set.",
	},
	Parse: func(p *args) zaddArgs {
		a := zaddArgs{key: p.Key(), incr: true, by: true}
		a.first.Score = parseScore(p)
		a.first.Member = p.String()
		return a
	},
	Keys:  opZAdd.Keys,
	Run:   zadd,
	Reply: replyZAdd,
})

type zmembers struct {
	key     string
	members []string
}

func parseZMembers(p *args) zmembers { return zmembers{p.Key(), p.Rest()} }

// ZRem removes members and returns how many there were. O(log n) each.
func (c Commands) ZRem(key string, members ...string) (int64, error) {
	return opZRem.Do(c.s, zmembers{key, members})
}

var opZRem = add(&op[zmembers, int64]{
	Spec: spec{
		Name: "ZREM", Arity: -3, Flags: write | fast, Keys: engine.One("RW DELETE"),
		Group: "sorted-set", Since: "1.2.0", Complexity: "O(M*log(N)) for M members of N", Syntax: "key:key member:string...",
		Summary: "Removes members of a sorted set.",
	},
	Parse: parseZMembers,
	Keys:  func(k *keySet, a zmembers) { k.Write(a.key) },
	Run: func(t *txn, a zmembers) (n int64, err error) {
		items, err := t.ZSet(a.key)
		if err != nil {
			return 0, ignoreNil(err)
		}
		var edit engine.ZSetEdit
		for _, m := range a.members {
			if _, ok := items.Score(m); !ok {
				continue
			}
			if n == 0 {
				edit = t.EditZSet(a.key)
			}
			edit.Remove(m)
			items = edit.Items()
			n++
		}
		if n > 0 {
			left := edit.Len()
			if t.Replicating() {
				t.Effect('z', "zrem", a.key, append([]string{"ZREM", a.key}, a.members...)...)
			} else {
				t.Effect('z', "zrem", a.key)
			}
			ztellEmpty(t, a.key, left)
		}
		return n, nil
	},
	Reply: (*reply).Int,
})

// ztellEmpty tells that a collection went with its last element.
func ztellEmpty(t *txn, key string, left int) {
	if left == 0 {
		t.Notify('g', "del", key)
	}
}

// ZCard returns the number of members, 0 for a missing key. O(1).
func (c Commands) ZCard(key string) (int64, error) { return opZCard.Do(c.s, key) }

var opZCard = add(&op[string, int64]{
	Spec: spec{
		Name: "ZCARD", Arity: 2, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "sorted-set", Since: "1.2.0", Complexity: "O(1)", Syntax: "key:key",
		Summary: "Counts the members of a sorted set.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run: func(t *txn, key string) (int64, error) {
		items, err := t.ZSet(key)
		return int64(items.Len()), ignoreNil(err)
	},
	Reply: (*reply).Int,
})

type zmember struct{ key, member string }

func parseZMember(p *args) zmember { return zmember{p.Key(), p.String()} }

// ZScore returns the score of a member, or ErrNil. O(1).
func (c Commands) ZScore(key, member string) (float64, error) {
	return opZScore.Do(c.s, zmember{key, member})
}

var opZScore = add(&op[zmember, float64]{
	Spec: spec{
		Name: "ZSCORE", Arity: 3, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "sorted-set", Since: "1.2.0", Complexity: "O(1)", Syntax: "key:key member:string",
		Summary: "Reads the score of a member of a sorted set.",
	},
	Parse: parseZMember,
	Keys:  func(k *keySet, a zmember) { k.Read(a.key) },
	Run: func(t *txn, a zmember) (float64, error) {
		items, err := t.ZSet(a.key)
		if err != nil {
			return 0, err
		}
		score, ok := items.Score(a.member)
		if !ok {
			return 0, ErrNil
		}
		return score, nil
	},
	Reply: (*reply).Double,
})

// A MaybeScore is a score that may be missing.
type MaybeScore struct {
	Score float64
	Ok    bool // there is such a member
}

// ZMScore returns the scores of members; that of one which is none is the zero
// MaybeScore.
func (c Commands) ZMScore(key string, members ...string) ([]MaybeScore, error) {
	return opZMScore.Do(c.s, zmembers{key, members})
}

var opZMScore = add(&op[zmembers, []MaybeScore]{
	Spec: spec{
		Name: "ZMSCORE", Arity: -3, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "sorted-set", Since: "6.2.0", Complexity: "O(N) for N members asked for", Syntax: "key:key member:string...",
		Summary: "Reads the scores of members of a sorted set.",
	},
	Parse: parseZMembers,
	Keys:  func(k *keySet, a zmembers) { k.Read(a.key) },
	Run: func(t *txn, a zmembers) ([]MaybeScore, error) {
		items, err := t.ZSet(a.key)
		if err != nil && err != ErrNil {
			return nil, err
		}
		scores := make([]MaybeScore, len(a.members))
		for i, m := range a.members {
			scores[i].Score, scores[i].Ok = items.Score(m)
		}
		return scores, nil
	},
	Reply: func(w *reply, scores []MaybeScore) {
		w.Array(len(scores))
		for _, s := range scores {
			if s.Ok {
				w.Double(s.Score)
			} else {
				w.Null()
			}
		}
	},
})
