package larder

import (
	"iter"
	"math"
	"strconv"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/engine"
)

// Some of a hash: HRANDFIELD HSCAN.

// HRandField returns fields of the hash at key, drawn at random, each with the same
// chance: count different ones, or all if there are fewer; or, where count is
// negative, -count of which some may be the same. Fewer than asked for are returned
// of a missing key only, none then. It returns an error for a negative count of
// which the answer would take more memory than a string may.
func (c Commands) HRandField(key string, count int64) ([]string, error) {
	return callHRandField.Do(c.s, memberDraw{key: key, count: count, counted: true})
}

// HRandFieldWithValues is HRandField with the fields' values.
func (c Commands) HRandFieldWithValues(key string, count int64) ([]HField, error) {
	return callHRandFieldWithValues.Do(c.s, memberDraw{key: key, count: count, counted: true, with: true})
}

// hrandReply draws its fields when they are written, so that no list of them is
// needed, however many there are.
type hrandReply struct {
	a memberDraw
	p *hashfields.Picker // nil: there are no fields
}

func (a memberDraw) distinct() bool { return a.count >= 0 }

// draw calls f for the fields.
func (r hrandReply) draw(f func(field, value fieldValue)) {
	switch {
	case r.p == nil:
	case r.a.distinct():
		r.p.Distinct(int(min(r.a.count, math.MaxInt32)), f)
	default:
		for n := r.a.count; n < 0; n++ {
			f(r.p.Pick())
		}
	}
}

// len is how many fields draw gives.
func (r hrandReply) len() int {
	switch {
	case r.p == nil:
		return 0
	case r.a.distinct():
		return int(min(r.a.count, int64(r.p.Len()), math.MaxInt32))
	}
	return int(-r.a.count)
}

func hrand(t *txn, a memberDraw) (r hrandReply, err error) {
	r.a = a
	v, err := hashAt(t, a.key)
	if err != nil {
		return r, err
	}
	if a.count == math.MinInt64 {
		return r, errDrawRange // there is no such number without its sign
	}
	n := v.Len()
	if n == 0 {
		if !a.counted {
			err = ErrNil
		}
		return r, err
	}
	// The answer is written whole. What it takes is known well enough from what the
	// fields take on average; more than a string may take it must not.
	if each := int64(v.Bytes()/n + replyOverhead); a.count < 0 && -a.count > t.Engine().MaxString()/each {
		return r, errDrawRange
	}
	r.p = v.Picker(t.Rand)
	return r, nil
}

// replyOverhead is what a field takes in a reply besides its bytes, about.
const replyOverhead = 16

var opHRandField = add(&op[memberDraw, hrandReply]{
	Spec: spec{
		Name: "HRANDFIELD", Arity: -2, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "hash", Since: "6.2.0", Complexity: "O(N) for N fields drawn, or O(N) for a hash of N fields if a third or more are asked for",
		Syntax:  "key:key [options<count:integer [withvalues=WITHVALUES]>]",
		Summary: "Draws fields of a hash at random.", Tips: []string{"nondeterministic_output"},
	},
	Parse: parseMemberDraw("WITHVALUES"),
	Keys:  readDrawn,
	Run:   hrand,
	Reply: func(w *reply, r hrandReply) {
		if !r.a.counted {
			f, _ := r.p.Pick()
			replyField(w, f)
			return
		}
		nested := r.a.with && w.Proto == 3
		if n := r.len(); r.a.with && !nested {
			w.Array(2 * n)
		} else {
			w.Array(n)
		}
		r.draw(func(field, value fieldValue) {
			if nested {
				w.Array(2)
			}
			replyField(w, field)
			if r.a.with {
				replyField(w, value)
			}
		})
	},
})

// callHRandField and callHRandFieldWithValues are HRANDFIELD for a Go caller.
var (
	callHRandField = &op[memberDraw, []string]{
		Spec: opHRandField.Spec,
		Keys: readDrawn,
		Run: func(t *txn, a memberDraw) (out []string, err error) {
			r, err := hrand(t, a)
			if err == nil {
				r.draw(func(field, _ fieldValue) { out = append(out, field.Keep()) })
			}
			return out, err
		},
	}
	callHRandFieldWithValues = &op[memberDraw, []HField]{
		Spec: opHRandField.Spec,
		Keys: readDrawn,
		Run: func(t *txn, a memberDraw) (out []HField, err error) {
			r, err := hrand(t, a)
			if err == nil {
				r.draw(func(field, value fieldValue) { out = append(out, HField{field.Keep(), value.Keep()}) })
			}
			return out, err
		},
	}
)

// HScanArgs are the arguments of HSCAN.
type HScanArgs struct {
	Match string // a glob pattern for fields; "" matches all
	Count int    // fields to look at under one hold of the locks; 0 means 10
}

// HScan yields the fields of the hash at key that match, with their values, a few at
// a time, in no order, and holds nothing while it yields: the loop may write. A
// field that exists from the beginning to the end is yielded, more than once only
// if the hash outgrew its listpack meanwhile; one that comes or goes, perhaps. A
// missing key yields nothing; so does one of another type, and an error in between
// ends it early.
func (c Commands) HScan(key string, a HScanArgs) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		pairs := scanMembers(newMemberScan(key, a.Match, a.Count), func(a memberScan) ([]HField, uint64, error) {
			r, err := opHScan.Do(c.s, a)
			return r.kept, r.cursor, err
		})
		for f, err := range pairs {
			if err != nil || !yield(f.Field, f.Value) {
				return
			}
		}
	}
}

type hscanReply struct {
	cursor uint64
	pairs  []fieldValue
	kept   []HField
}

var opHScan = add(&op[memberScan, hscanReply]{
	Spec: spec{
		Name: "HSCAN", Arity: -3, Flags: readOnly, Keys: engine.One("RO ACCESS"), Group: "hash", Since: "2.8.0",
		Complexity: "O(1) a call, O(N) for all N fields",
		Syntax:     "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
		Summary:    "Lists the fields of a hash with their values, some at a call.",
		Tips:       []string{"nondeterministic_output"},
	},
	Parse: parseMemberScan,
	Keys:  readScanned,
	Run: func(t *txn, a memberScan) (r hscanReply, err error) {
		v, err := t.Hash(a.key)
		switch {
		case err != nil:
			return r, ignoreNil(err)
		case a.err != nil:
			return r, a.err
		}
		var b []byte
		r.cursor = a.walk(func(cursor uint64) (next uint64, seen int) {
			next = v.Scan(cursor, func(field, value fieldValue) {
				seen++
				if b = field.Append(b[:0]); a.wants(b) {
					r.pairs = append(r.pairs, field, value)
				}
			})
			return next, seen
		})
		return r, nil
	},
	Keep: func(r hscanReply) hscanReply {
		for i := 0; i < len(r.pairs); i += 2 {
			r.kept = append(r.kept, HField{r.pairs[i].Keep(), r.pairs[i+1].Keep()})
		}
		r.pairs = nil
		return r
	},
	Reply: func(w *reply, r hscanReply) {
		w.Array(2)
		w.Bulk(strconv.FormatUint(r.cursor, 10))
		w.Array(len(r.pairs))
		for _, e := range r.pairs {
			replyField(w, e)
		}
	},
})
