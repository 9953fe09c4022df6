package larder

import (
	"math"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/engine"
)

// Sorted sets by their order: ZCOUNT ZLEXCOUNT ZRANK ZREVRANK ZRANGE ZRANGESTORE and
// their older forms, ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREMRANGEBYLEX. Every range
// becomes one of ranks first.

// ZScores is a range of scores, both ends inclusive unless they say otherwise.
// math.Inf is an end that leaves nothing out.
type ZScores struct {
	Min, Max                   float64
	MinExclusive, MaxExclusive bool
}

func (r ZScores) bounds() (zbounds, error) {
	if math.IsNaN(r.Min) || math.IsNaN(r.Max) {
		return zbounds{}, errScoreRange
	}
	return zbounds{orderedset.Bound{Score: r.Min, After: r.MinExclusive}, orderedset.Bound{Score: r.Max, After: !r.MaxExclusive}}, nil
}

// ZLex is a range of members among those of one score, by their bytes, both ends
// inclusive unless they say otherwise. The zero Min leaves nothing out.
type ZLex struct {
	Min, Max                   string
	MinExclusive, MaxExclusive bool
	NoMax                      bool // there is no upper end
}

func (r ZLex) bounds() zbounds {
	return zbounds{
		orderedset.Bound{ByMember: true, Member: r.Min, After: r.MinExclusive},
		orderedset.Bound{ByMember: true, Member: r.Max, After: !r.MaxExclusive || r.NoMax, Infinite: r.NoMax},
	}
}

// zbounds are the lower and the upper end of a range.
type zbounds struct{ min, max orderedset.Bound }

// ranks returns the range as ranks, from (inclusive) to to (exclusive).
func (b *zbounds) ranks(items orderedset.Items) (from, to int) {
	from, to = items.Below(b.min), items.Below(b.max)
	return from, max(from, to)
}

const (
	errScoreRange Error = "ERR min or max is not a float"
	errLexRange   Error = "ERR min or max not valid string range item"
)

// parseScoreBound reads an end of a range of scores. C's strtod takes blanks in
// front, nothing at all as 0, and what is too large as infinite.
func parseScoreBound(p *args, s string, upper bool) (b orderedset.Bound) {
	s, exclusive := strings.CutPrefix(cString(s), "(")
	b.After = exclusive != upper
	if s == "" {
		return b
	}
	f, _, ok := strtod(strings.TrimLeft(s, " \t\n\v\f\r"))
	if !ok {
		p.Fail(errScoreRange)
	}
	b.Score = f
	return b
}

// parseLexBound reads an end of a range of members.
func parseLexBound(p *args, s string, upper bool) orderedset.Bound {
	b := orderedset.Bound{ByMember: true}
	switch c := cString(s); {
	case c == "-", c == "+":
		b.Infinite, b.After = true, c == "+"
	case strings.HasPrefix(s, "["):
		b.Member, b.After = s[1:], upper
	case strings.HasPrefix(s, "("):
		b.Member, b.After = s[1:], !upper
	default:
		p.Fail(errLexRange)
	}
	return b
}

func parseBounds(p *args, lo, hi string, lex bool) (b zbounds) {
	if lex {
		b.min, b.max = parseLexBound(p, lo, false), parseLexBound(p, hi, true)
	} else {
		b.min, b.max = parseScoreBound(p, lo, false), parseScoreBound(p, hi, true)
	}
	return b
}

// boundText is an end of a range in words.
func boundText(b orderedset.Bound, upper bool) string {
	switch {
	case b.Infinite && b.After:
		return "+"
	case b.Infinite:
		return "-"
	case b.ByMember && b.After == upper:
		return "[" + b.Member
	case b.ByMember:
		return "(" + b.Member
	case b.After == upper:
		return scoreText(b.Score)
	}
	return "(" + scoreText(b.Score)
}

type zcountArgs struct {
	key    string
	bounds zbounds
}

// ZCount returns how many members have scores in a range. O(log n).
func (c Commands) ZCount(key string, r ZScores) (int64, error) {
	b, err := r.bounds()
	if err != nil {
		return 0, err
	}
	return opZCount.Do(c.s, zcountArgs{key, b})
}

var opZCount = add(&op[zcountArgs, int64]{
	Spec: spec{
		Name: "ZCOUNT", Arity: 4, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "sorted-set", Since: "2.0.0", Complexity: "O(log(N)) for N members", Syntax: "key:key min:double max:double",
		Summary: "Counts the members of a sorted set with scores in a range.",
	},
	Parse: func(p *args) zcountArgs {
		return zcountArgs{p.Key(), parseBounds(p, p.String(), p.String(), false)}
	},
	Keys:  func(k *keySet, a zcountArgs) { k.Read(a.key) },
	Run:   zcount,
	Reply: (*reply).Int,
})

func zcount(t *txn, a zcountArgs) (int64, error) {
	items, err := t.ZSet(a.key)
	if err != nil {
		return 0, ignoreNil(err)
	}
	from, to := a.bounds.ranks(items)
	return int64(to - from), nil
}

// ZLexCount returns how many members are in a range, in a sorted set whose scores
// are all the same. O(log n).
func (c Commands) ZLexCount(key string, r ZLex) (int64, error) {
	return opZLexCount.Do(c.s, zcountArgs{key, r.bounds()})
}

var opZLexCount = add(&op[zcountArgs, int64]{
	Spec: spec{
		Name: "ZLEXCOUNT", Arity: 4, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "sorted-set", Since: "2.8.9", Complexity: "O(log(N)) for N members", Syntax: "key:key min:string max:string",
		Summary: "Counts the members in a range of a sorted set of equal scores.",
	},
	Parse: func(p *args) zcountArgs {
		return zcountArgs{p.Key(), parseBounds(p, p.String(), p.String(), true)}
	},
	Keys:  opZCount.Keys,
	Run:   zcount,
	Reply: (*reply).Int,
})

// A ZRankScore is where a member stands in a sorted set, and its score.
type ZRankScore struct {
	Rank  int64 // from 0
	Score float64
}

// ZRank returns how many members come before a member, or ErrNil. O(log n).
func (c Commands) ZRank(key, member string) (int64, error) {
	r, err := c.ZRankWithScore(key, member)
	return r.Rank, err
}

// ZRankWithScore is ZRank with the score of the member.
func (c Commands) ZRankWithScore(key, member string) (ZRankScore, error) {
	r, err := opZRank.Do(c.s, zrankArgs{key: key, member: member})
	return r.result(err)
}

// ZRevRank returns how many members come behind a member, or ErrNil. O(log n).
func (c Commands) ZRevRank(key, member string) (int64, error) {
	r, err := c.ZRevRankWithScore(key, member)
	return r.Rank, err
}

// ZRevRankWithScore is ZRevRank with the score of the member.
func (c Commands) ZRevRankWithScore(key, member string) (ZRankScore, error) {
	r, err := opZRevRank.Do(c.s, zrankArgs{key: key, member: member})
	return r.result(err)
}

type zrankArgs struct {
	key, member string
	withScore   bool
}

type zrankReply struct {
	ZRankScore
	withScore bool
	missing   bool // which answers one null or, with the score, that of an array
}

func (r zrankReply) result(err error) (ZRankScore, error) {
	if r.missing {
		err = ErrNil
	}
	return r.ZRankScore, err
}

var (
	opZRank    = zrankOp("ZRANK", "Tells the place of a member in the order of a sorted set.", false)
	opZRevRank = zrankOp("ZREVRANK", "Tells the place of a member in the reverse order of a sorted set.", true)
)

func zrankOp(name, summary string, rev bool) *op[zrankArgs, zrankReply] {
	return add(&op[zrankArgs, zrankReply]{
		Spec: spec{
			Name: name, Arity: -3, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
			Group: "sorted-set", Since: "2.0.0", Complexity: "O(log(N)) for N members", Syntax: "key:key member:string [WITHSCORE]@7.2.0",
			Summary: summary,
		},
		Parse: func(p *args) zrankArgs { return zrankArgs{p.Key(), p.String(), p.Flag("WITHSCORE")} },
		Keys:  func(k *keySet, a zrankArgs) { k.Read(a.key) },
		Run: func(t *txn, a zrankArgs) (r zrankReply, err error) {
			r.withScore = a.withScore
			items, err := t.ZSet(a.key)
			if err != nil && err != ErrNil {
				return r, err
			}
			rank, score, ok := items.Rank(a.member)
			if !ok {
				r.missing = true
				return r, nil
			}
			if rev {
				rank = items.Len() - 1 - rank
			}
			r.Rank, r.Score = int64(rank), score
			return r, nil
		},
		Reply: func(w *reply, r zrankReply) {
			switch {
			case r.missing && r.withScore:
				w.NullArray()
			case r.missing:
				w.Null()
			case !r.withScore:
				w.Int(r.Rank)
			default:
				w.Array(2)
				w.Int(r.Rank)
				w.Double(r.Score)
			}
		},
	})
}

// A ZRangeBy says what a range of a sorted set is a range of.
type ZRangeBy uint8

// What ranges are of.
const (
	ZByRank ZRangeBy = iota
	ZByScore
	ZByLex
)

// ZRangeArgs are the arguments of ZRANGE and ZRANGESTORE.
type ZRangeArgs struct {
	Key string
	By  ZRangeBy

	// Start and Stop are ranks, both inclusive, for ZByRank; negative ones count
	// from the end: -1 is the last. With Rev rank 0 is the member that comes last.
	Start, Stop int64
	Scores      ZScores // for ZByScore
	Lex         ZLex    // for ZByLex

	Rev bool // begin with what comes last

	// Of a range by score or by member, leave out the first Offset, and stop after
	// Count; 0 is all.
	Offset, Count int64
}

func (a ZRangeArgs) internal() (in zrangeArgs, err error) {
	in = zrangeArgs{key: a.Key, by: a.By, start: a.Start, stop: a.Stop, rev: a.Rev, offset: a.Offset, limit: -1}
	if a.Count != 0 {
		in.limit = a.Count
	}
	switch a.By {
	case ZByRank:
		if a.Offset != 0 || a.Count != 0 {
			err = errRankLimit
		}
	case ZByScore:
		in.bounds, err = a.Scores.bounds()
	case ZByLex:
		in.bounds = a.Lex.bounds()
	default:
		err = ErrSyntax
	}
	return in, err
}

// ZRangeArgs returns the members in a range, with their scores, in order. O(log n +
// m) for m of them.
func (c Commands) ZRangeArgs(a ZRangeArgs) ([]Z, error) {
	in, err := a.internal()
	if err != nil {
		return nil, err
	}
	r, err := opZRange.Do(c.s, in)
	return r.kept, err
}

// ZRange returns the members with the ranks from start to stop, both inclusive;
// negative ones count from the end.
func (c Commands) ZRange(key string, start, stop int64) ([]string, error) {
	return membersOf(c.ZRangeArgs(ZRangeArgs{Key: key, Start: start, Stop: stop}))
}

// ZRangeWithScores is ZRange with scores.
func (c Commands) ZRangeWithScores(key string, start, stop int64) ([]Z, error) {
	return c.ZRangeArgs(ZRangeArgs{Key: key, Start: start, Stop: stop})
}

// ZRevRange is ZRange in reverse order: rank 0 is the member that comes last.
func (c Commands) ZRevRange(key string, start, stop int64) ([]string, error) {
	return membersOf(c.ZRangeArgs(ZRangeArgs{Key: key, Start: start, Stop: stop, Rev: true}))
}

// ZRangeByScore returns the members with scores in a range.
func (c Commands) ZRangeByScore(key string, r ZScores) ([]string, error) {
	return membersOf(c.ZRangeArgs(ZRangeArgs{Key: key, By: ZByScore, Scores: r}))
}

// ZRevRangeByScore is ZRangeByScore in reverse order.
func (c Commands) ZRevRangeByScore(key string, r ZScores) ([]string, error) {
	return membersOf(c.ZRangeArgs(ZRangeArgs{Key: key, By: ZByScore, Scores: r, Rev: true}))
}

// ZRangeByLex returns the members in a range, of a sorted set whose scores are all
// the same.
func (c Commands) ZRangeByLex(key string, r ZLex) ([]string, error) {
	return membersOf(c.ZRangeArgs(ZRangeArgs{Key: key, By: ZByLex, Lex: r}))
}

// ZRevRangeByLex is ZRangeByLex in reverse order.
func (c Commands) ZRevRangeByLex(key string, r ZLex) ([]string, error) {
	return membersOf(c.ZRangeArgs(ZRangeArgs{Key: key, By: ZByLex, Lex: r, Rev: true}))
}

func membersOf(zs []Z, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	members := make([]string, len(zs))
	for i, z := range zs {
		members[i] = z.Member
	}
	return members, nil
}

type zrangeArgs struct {
	dst, key      string
	by            ZRangeBy
	start, stop   int64
	bounds        zbounds
	rev           bool
	offset, limit int64 // limit -1: none
	scores        bool
}

// zslice is a run of a sorted set's items, which it borrows until it is kept.
type zslice struct {
	items  orderedset.Items
	from   int // rank of the first to be shown
	n      int
	rev    bool
	scores bool
	kept   []Z
}

// cursor returns a cursor over at least the n items.
func (z *zslice) cursor() orderedset.Cursor { return z.items.Cursor(z.from, z.rev) }

func (z zslice) keep() zslice {
	z.kept = make([]Z, 0, z.n)
	c := z.cursor()
	for range z.n {
		it, _ := c.Next()
		z.kept = append(z.kept, Z{it.Member.String(), it.Score})
	}
	z.items = orderedset.Items{}
	return z
}

func replyZSlice(w *reply, z zslice) {
	nested := z.scores && w.Proto == 3
	if z.scores && !nested {
		w.Array(2 * z.n)
	} else {
		w.Array(z.n)
	}
	c := z.cursor()
	for range z.n {
		if nested {
			w.Array(2)
		}
		var score float64
		if c.Big() {
			var member string
			member, score, _ = c.NextMember()
			w.Bulk(member)
		} else {
			it, _ := c.Next()
			replyValue(w, it.Member)
			score = it.Score
		}
		if z.scores {
			w.Double(score)
		}
	}
}

// find returns what the range is of items.
func (a *zrangeArgs) find(items orderedset.Items) zslice {
	z := zslice{items: items, rev: a.rev, scores: a.scores}
	size := int64(items.Len())
	if a.by == ZByRank {
		start, stop := fromEnd(a.start, size), min(fromEndStop(a.stop, size), size-1)
		if start > stop {
			return z
		}
		z.from, z.n = int(start), int(stop-start)+1
		if a.rev {
			z.from = int(size - 1 - start)
		}
		return z
	}
	from, to := a.bounds.ranks(items)
	if a.offset < 0 || a.offset >= int64(to-from) {
		return z
	}
	z.n = to - from - int(a.offset)
	if a.limit >= 0 {
		z.n = int(min(int64(z.n), a.limit))
	}
	if z.from = from + int(a.offset); a.rev {
		z.from = to - 1 - int(a.offset)
	}
	return z
}

// fromEndStop is fromEnd for the end of a range, which may lie before all.
func fromEndStop(i, n int64) int64 {
	if i < 0 {
		return max(-1, i+n)
	}
	return i
}

func zrange(t *txn, a zrangeArgs) (zslice, error) {
	items, err := t.ZSet(a.key)
	if err != nil {
		return zslice{scores: a.scores}, ignoreNil(err)
	}
	return a.find(items), nil
}

const (
	errRankLimit Error = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	errLexScores Error = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
)

// parse reads what follows the key. Of by and rev, those that the command's name
// fixes are given, the others are options if free.
func (a *zrangeArgs) parse(p *args, store, free bool) {
	lo, hi := p.String(), p.String()
	a.limit = -1
	for p.More() {
		switch {
		case !store && p.Flag("WITHSCORES"):
			a.scores = true
		case p.FlagWith("LIMIT", 2):
			a.offset, a.limit = p.Int(), p.Int()
		case free && !a.rev && p.Flag("REV"):
			a.rev = true
		case free && a.by == ZByRank && p.Flag("BYLEX"):
			a.by = ZByLex
		case free && a.by == ZByRank && p.Flag("BYSCORE"):
			a.by = ZByScore
		default:
			p.Syntax()
		}
	}
	switch {
	case a.limit != -1 && a.by == ZByRank:
		p.Fail(errRankLimit)
	case a.scores && a.by == ZByLex:
		p.Fail(errLexScores)
	case a.by == ZByRank:
		a.start, a.stop = parseRank(p, lo), parseRank(p, hi)
	case a.rev:
		a.bounds = parseBounds(p, hi, lo, a.by == ZByLex)
	default:
		a.bounds = parseBounds(p, lo, hi, a.by == ZByLex)
	}
}

func parseRank(p *args, s string) int64 {
	n, ok := engine.ParseInt(s)
	if !ok {
		p.Fail(ErrNotInt)
	}
	return n
}

var opZRange = add(&op[zrangeArgs, zslice]{
	Spec: spec{
		Name: "ZRANGE", Arity: -4, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "sorted-set", Since: "1.2.0", Complexity: "O(log(N)+M) for M members of N",
		Syntax: "key:key start:string stop:string [sortby<BYSCORE|BYLEX>]@6.2.0 [REV]@6.2.0 " +
			"[LIMIT offset_count<offset:integer count:integer>]@6.2.0 [WITHSCORES]",
		Summary: "Lists the members in a range of a sorted set.",
	},
	Parse: func(p *args) (a zrangeArgs) {
		a.key = p.Key()
		a.parse(p, false, true)
		return a
	},
	Keys:  func(k *keySet, a zrangeArgs) { k.Read(a.key) },
	Run:   zrange,
	Keep:  zslice.keep,
	Reply: replyZSlice,
})

// addOldRange declares one of the commands that ZRANGE replaced.
func addOldRange(name, since, syntax, replaced, summary string, by ZRangeBy, rev bool) {
	add(&op[zrangeArgs, zslice]{
		Spec: spec{
			Name: name, Arity: -4, Flags: readOnly, Keys: engine.One("RO ACCESS"),
			Group: "sorted-set", Since: since, Complexity: "O(log(N)+M) for M members of N", Syntax: "key:key " + syntax,
			Summary: summary, Deprecated: "6.2.0", Replaced: replaced,
		},
		Parse: func(p *args) zrangeArgs {
			a := zrangeArgs{key: p.Key(), by: by, rev: rev}
			a.parse(p, false, false)
			return a
		},
		Keys:  opZRange.Keys,
		Run:   zrange,
		Keep:  zslice.keep,
		Reply: replyZSlice,
	})
}

func init() {
	const limit = " [LIMIT offset_count<offset:integer count:integer>]"
	addOldRange("ZREVRANGE", "1.2.0", "start:integer stop:integer [WITHSCORES]", "`ZRANGE` with the `REV` argument",
		"Lists members of a sorted set by rank, in reverse order.", ZByRank, true)
	addOldRange("ZRANGEBYSCORE", "1.0.5", "min:double max:double [WITHSCORES]@2.0.0"+limit, "`ZRANGE` with the `BYSCORE` argument",
		"Lists members of a sorted set by score.", ZByScore, false)
	addOldRange("ZREVRANGEBYSCORE", "2.2.0", "max:double min:double [WITHSCORES]"+limit, "`ZRANGE` with the `REV` and `BYSCORE` arguments",
		"Lists members of a sorted set by score, in reverse order.", ZByScore, true)
	addOldRange("ZRANGEBYLEX", "2.8.9", "min:string max:string"+limit, "`ZRANGE` with the `BYLEX` argument",
		"Lists members in a range of a sorted set of equal scores.", ZByLex, false)
	addOldRange("ZREVRANGEBYLEX", "2.8.9", "max:string min:string"+limit, "`ZRANGE` with the `REV` and `BYLEX` arguments",
		"Lists members in a range of a sorted set of equal scores, in reverse order.", ZByLex, true)
}

// ZRangeStore makes the range that ZRangeArgs returns the value of dst, whatever that
// held, and returns how many members it has. An empty one deletes dst.
func (c Commands) ZRangeStore(dst string, a ZRangeArgs) (int64, error) {
	in, err := a.internal()
	if err != nil {
		return 0, err
	}
	in.dst = dst
	return opZRangeStore.Do(c.s, in)
}

var opZRangeStore = add(&op[zrangeArgs, int64]{
	Spec: spec{
		Name: "ZRANGESTORE", Arity: -5, Flags: write | denyOOM,
		Keys:  []engine.KeySpec{{Flags: "OW UPDATE", Index: 1}, {Flags: "RO ACCESS", Index: 2}},
		Group: "sorted-set", Since: "6.2.0", Complexity: "O(log(N)+M) for M members of N",
		Syntax: "dst:key src:key min:string max:string [sortby<BYSCORE|BYLEX>] [REV] " +
			"[LIMIT offset_count<offset:integer count:integer>]",
		Summary: "Stores a range of a sorted set.",
	},
	Parse: func(p *args) (a zrangeArgs) {
		a.dst, a.key = p.Key(), p.Key()
		a.parse(p, true, true)
		return a
	},
	Keys: func(k *keySet, a zrangeArgs) { k.Write(a.dst); k.Read(a.key) },
	Run: func(t *txn, a zrangeArgs) (int64, error) {
		z, err := zrange(t, a)
		if err != nil {
			return 0, err
		}
		dst := t.NewZSet(a.dst)
		var b []byte
		c := z.cursor()
		for range z.n {
			it, _ := c.Next()
			b = it.Member.Append(b[:0])
			dst.Add(bytesAsString(b), it.Score)
		}
		if z.n > 0 {
			dst.Publish()
		}
		zstore(t, z.n, a.dst, "zrangestore", a.words)
		return int64(z.n), nil
	},
	Reply: (*reply).Int,
})

// zstore tells in words that a sorted set of n members was staged as the value of
// key; where there are none it deletes the key.
func zstore(t *txn, n int, key, event string, words func() []string) {
	switch {
	case n > 0:
		if t.Replicating() {
			t.Effect('z', event, key, words()...)
		} else {
			t.Effect('z', event, key)
		}
	case t.Delete(key):
		if t.Replicating() {
			t.Effect('g', "del", key, words()...)
		} else {
			t.Effect('g', "del", key)
		}
	}
}

func (a *zrangeArgs) words() []string {
	words := []string{"ZRANGESTORE", a.dst, a.key}
	lo, hi := "", ""
	if a.by == ZByRank {
		lo, hi = strconv.FormatInt(a.start, 10), strconv.FormatInt(a.stop, 10)
	} else if lo, hi = boundText(a.bounds.min, false), boundText(a.bounds.max, true); a.rev {
		lo, hi = hi, lo
	}
	words = append(words, lo, hi)
	switch a.by {
	case ZByScore:
		words = append(words, "BYSCORE")
	case ZByLex:
		words = append(words, "BYLEX")
	}
	if a.rev {
		words = append(words, "REV")
	}
	if a.limit != -1 || a.offset != 0 {
		words = append(words, "LIMIT", strconv.FormatInt(a.offset, 10), strconv.FormatInt(a.limit, 10))
	}
	return words
}

// ZRemRangeByRank removes the members with the ranks from start to stop, as ZRange
// has them, and returns how many there were. O(m log n) for m of them.
func (c Commands) ZRemRangeByRank(key string, start, stop int64) (int64, error) {
	return opZRemRangeByRank.Do(c.s, zrangeArgs{key: key, start: start, stop: stop, limit: -1})
}

// ZRemRangeByScore removes the members with scores in a range and returns how many
// there were.
func (c Commands) ZRemRangeByScore(key string, r ZScores) (int64, error) {
	b, err := r.bounds()
	if err != nil {
		return 0, err
	}
	return opZRemRangeByScore.Do(c.s, zrangeArgs{key: key, by: ZByScore, bounds: b, limit: -1})
}

// ZRemRangeByLex removes the members in a range, of a sorted set whose scores are all
// the same, and returns how many there were.
func (c Commands) ZRemRangeByLex(key string, r ZLex) (int64, error) {
	return opZRemRangeByLex.Do(c.s, zrangeArgs{key: key, by: ZByLex, bounds: r.bounds(), limit: -1})
}

var (
	opZRemRangeByRank = zremRangeOp("ZREMRANGEBYRANK", "2.0.0", "key:key start:integer stop:integer",
		"Removes members of a sorted set by rank.", ZByRank)
	opZRemRangeByScore = zremRangeOp("ZREMRANGEBYSCORE", "1.2.0", "key:key min:double max:double",
		"Removes members of a sorted set by score.", ZByScore)
	opZRemRangeByLex = zremRangeOp("ZREMRANGEBYLEX", "2.8.9", "key:key min:string max:string",
		"Removes the members in a range of a sorted set of equal scores.", ZByLex)
)

func zremRangeOp(name, since, syntax, summary string, by ZRangeBy) *op[zrangeArgs, int64] {
	event := strings.ToLower(name)
	return add(&op[zrangeArgs, int64]{
		Spec: spec{
			Name: name, Arity: 4, Flags: write, Keys: engine.One("RW DELETE"),
			Group: "sorted-set", Since: since, Complexity: "O(log(N)+M*log(N)) for M members of N", Syntax: syntax, Summary: summary,
		},
		Parse: func(p *args) zrangeArgs {
			a := zrangeArgs{key: p.Key(), by: by}
			a.parse(p, true, false)
			return a
		},
		Keys: func(k *keySet, a zrangeArgs) { k.Write(a.key) },
		Run: func(t *txn, a zrangeArgs) (int64, error) {
			z, err := zrange(t, a)
			if err != nil || z.n == 0 {
				return 0, err
			}
			edit := t.EditZSet(a.key)
			edit.RemoveRange(z.from, z.from+z.n)
			left := edit.Len()
			if t.Replicating() {
				words := a.words()
				t.Effect('z', event, a.key, name, a.key, words[3], words[4])
			} else {
				t.Effect('z', event, a.key)
			}
			ztellEmpty(t, a.key, left)
			return int64(z.n), nil
		},
		Reply: (*reply).Int,
	})
}
