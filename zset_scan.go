package larder

import (
	"iter"
	"slices"
	"strconv"

	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/engine"
)

// Sorted sets some members at a time, or by chance: ZSCAN ZRANDMEMBER.

// ZScanArgs are the arguments of ZSCAN.
type ZScanArgs struct {
	Match string // a glob pattern; "" matches all
	Count int    // members to look at under one hold of the lock; 0 means 10
}

// ZScan yields the members that match, with their scores, a few at a time, in no
// order, and holds nothing while it yields: the loop may write. A member that is
// there from the beginning to the end is yielded exactly once while the set is big; a
// small set is yielded as it is at the first look. It stops early with an error.
func (c Commands) ZScan(key string, a ZScanArgs) iter.Seq2[Z, error] {
	return scanMembers(newMemberScan(key, a.Match, a.Count), func(a memberScan) ([]Z, uint64, error) {
		r, err := opZScan.Do(c.s, a)
		return r.kept, r.cursor, err
	})
}

type zscanReply struct {
	cursor uint64
	items  []orderedset.Item
	small  bool
	kept   []Z
}

var opZScan = add(&op[memberScan, zscanReply]{
	Spec: spec{
		Name: "ZSCAN", Arity: -3, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "sorted-set", Since: "2.8.0", Complexity: "O(1) a call, O(N) for all N members",
		Syntax:  "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
		Summary: "Lists the members of a sorted set, some at a call.", Tips: []string{"nondeterministic_output"},
	},
	Parse: parseMemberScan,
	Keys:  readScanned,
	Run:   zscan,
	Keep: func(r zscanReply) zscanReply {
		for _, it := range r.items {
			r.kept = append(r.kept, Z{it.Member.String(), it.Score})
		}
		r.items = nil
		return r
	},
	Reply: func(w *reply, r zscanReply) {
		w.Array(2)
		w.Bulk(strconv.FormatUint(r.cursor, 10))
		w.Array(2 * len(r.items))
		for _, it := range r.items {
			replyValue(w, it.Member)
			var digits [32]byte
			if r.small {
				w.BulkBytes(orderedset.AppendStored(digits[:0], it.Score))
			} else {
				w.BulkBytes(orderedset.AppendScore(digits[:0], it.Score))
			}
		}
	},
})

func zscan(t *txn, a memberScan) (r zscanReply, err error) {
	items, err := t.ZSet(a.key)
	switch {
	case err != nil:
		return r, ignoreNil(err)
	case a.err != nil:
		return r, a.err
	}
	var b []byte
	r.small = items.Small()
	r.cursor = a.walk(func(cursor uint64) (next uint64, seen int) {
		next = items.Step(cursor, func(it orderedset.Item) {
			seen++
			if b = it.Member.Append(b[:0]); a.wants(b) {
				r.items = append(r.items, it)
			}
		})
		return next, seen
	})
	return r, nil
}

// ZRandMember returns a random member, each with the same chance, or ErrNil.
func (c Commands) ZRandMember(key string) (string, error) {
	r, err := opZRandMember.Do(c.s, memberDraw{key: key, count: 1})
	if err != nil {
		return "", err
	}
	return r.kept[0].Member, nil
}

// ZRandMemberN returns n different random members with their scores, or all where
// there are no more; if n is negative, -n members that may come repeatedly. It
// refuses an n of more than 16,777,216 repeated members.
func (c Commands) ZRandMemberN(key string, n int64) ([]Z, error) {
	r, err := opZRandMember.Do(c.s, memberDraw{key: key, count: n, counted: true})
	return r.kept, err
}

// maxZRandom is how many random members are given at once, where they repeat. Redis
// writes as many as it is asked for, until the client is gone.
const maxZRandom = 1 << 24

// zpick are random members: those of ranks, all, or so many that are drawn when they
// are written.
type zpick struct {
	t       *txn
	items   orderedset.Items
	ranks   []int32
	all     bool // from the last to the first
	draws   int
	counted bool
	scores  bool
	kept    []Z
}

func (z *zpick) len() int {
	if z.all {
		return z.items.Len()
	}
	return len(z.ranks) + z.draws
}

func (z *zpick) each() iter.Seq[orderedset.Item] {
	if z.all {
		return z.items.Descend(z.items.Len() - 1)
	}
	return func(yield func(orderedset.Item) bool) {
		for _, r := range z.ranks {
			if !yield(z.items.At(int(r))) {
				return
			}
		}
		n := z.items.Len()
		for range z.draws {
			if !yield(z.items.At(uniformly(z.t, n))) {
				return
			}
		}
	}
}

var opZRandMember = add(&op[memberDraw, zpick]{
	Spec: spec{
		Name: "ZRANDMEMBER", Arity: -2, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "sorted-set", Since: "6.2.0", Complexity: "O(N*log(M)) for N members of M",
		Syntax:  "key:key [options<count:integer [WITHSCORES]>]",
		Summary: "Lists random members of a sorted set.", Tips: []string{"nondeterministic_output"},
	},
	Parse: parseMemberDraw("WITHSCORES"),
	Keys:  readDrawn,
	Run:   zrandmember,
	Keep: func(z zpick) zpick {
		z.kept = make([]Z, 0, z.len())
		for it := range z.each() {
			z.kept = append(z.kept, Z{it.Member.String(), it.Score})
		}
		z.t, z.items, z.ranks, z.all, z.draws = nil, orderedset.Items{}, nil, false, 0
		return z
	},
	Reply: func(w *reply, z zpick) {
		if !z.counted {
			for it := range z.each() {
				replyValue(w, it.Member)
			}
			return
		}
		nested := z.scores && w.Proto == 3
		if z.scores && !nested {
			w.Array(2 * z.len())
		} else {
			w.Array(z.len())
		}
		for it := range z.each() {
			if nested {
				w.Array(2)
			}
			replyValue(w, it.Member)
			if z.scores {
				w.Double(it.Score)
			}
		}
	},
})

func zrandmember(t *txn, a memberDraw) (zpick, error) {
	items, err := t.ZSet(a.key)
	z := zpick{t: t, items: items, counted: a.counted, scores: a.with}
	switch {
	case err == ErrNil && a.counted:
		return z, nil
	case err != nil:
		return z, err
	case a.count < -maxZRandom:
		return z, errDrawRange
	}
	n := items.Len()
	switch {
	case a.count < 0:
		z.draws = int(-a.count)
	case a.count >= int64(n) && a.counted:
		z.all = true
	default:
		z.ranks = sampleRanks(t, n, int(a.count))
	}
	return z, nil
}

// uniformly returns a random number below n.
func uniformly(t *txn, n int) int { return int(t.Rand() % uint64(n)) }

// sampleRanks returns k different random numbers below n, each set of them with the same
// chance. Each round adds one number more to choose from and, if the drawn one was
// taken before, takes the new one.
func sampleRanks(t *txn, n, k int) []int32 {
	out := make([]int32, 0, k)
	if k <= 16 {
		for i := n - k; i < n; i++ {
			r := int32(uniformly(t, i+1))
			if slices.Contains(out, r) {
				r = int32(i)
			}
			out = append(out, r)
		}
		return out
	}
	taken := make([]uint64, (n+63)/64)
	for i := n - k; i < n; i++ {
		r := uniformly(t, i+1)
		if taken[r/64]>>(r%64)&1 != 0 {
			r = i
		}
		taken[r/64] |= 1 << (r % 64)
		out = append(out, int32(r))
	}
	return out
}
