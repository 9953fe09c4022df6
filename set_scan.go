package larder

import (
	"iter"
	"strconv"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/glob"
)

// SScanArgs are the arguments of SSCAN.
type SScanArgs struct {
	Match string // a glob pattern; "" matches all
	Count int    // members to look at under one hold of the lock; 0 means 10
}

// SScan yields the members that match, a few at a time, in no order, and holds nothing
// while it yields: the loop may write. A member that is there from the beginning to the
// end is yielded exactly once while the set is big; a small set is yielded as it is at
// the first look. It stops early with an error.
func (c Commands) SScan(key string, a SScanArgs) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		in := sscanArgs{key: key, match: a.Match, hasMatch: a.Match != "", count: int64(a.Count)}
		if in.count <= 0 {
			in.count = 10
		}
		for {
			r, err := opSScan.Do(c.s, in)
			if err != nil {
				yield("", err)
				return
			}
			for _, m := range r.kept {
				if !yield(m, nil) {
					return
				}
			}
			if in.cursor = r.cursor; in.cursor == 0 {
				return
			}
		}
	}
}

type sscanArgs struct {
	key      string
	cursor   uint64
	match    string
	hasMatch bool
	count    int64
	err      error // of the options, which Redis reads after it has looked for the key
}

type sscanReply struct {
	cursor  uint64
	members []listpack.Value
	kept    []string
}

var opSScan = add(&op[sscanArgs, sscanReply]{
	Spec: spec{
		Name: "SSCAN", Arity: -3, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "set", Since: "2.8.0", Complexity: "O(1) a call, O(N) for all N members",
		Syntax:  "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
		Summary: "Lists the members of a set, some at a call.", Tips: []string{"nondeterministic_output"},
	},
	Parse: func(p *args) sscanArgs {
		a := sscanArgs{key: p.Key(), cursor: parseCursor(p), count: 10}
		for p.More() && a.err == nil {
			switch {
			case p.FlagWith("COUNT", 1):
				n, ok := engine.ParseInt(p.String())
				if a.count = n; !ok {
					a.err = ErrNotInt
				} else if n < 1 {
					a.err = ErrSyntax
				}
			case p.FlagWith("MATCH", 1):
				a.match = p.String()
				a.hasMatch = a.match != "*"
			default:
				a.err = ErrSyntax
			}
		}
		p.Rest()
		return a
	},
	Keys: func(k *keySet, a sscanArgs) { k.Read(a.key) },
	Run:  sscan,
	Keep: func(r sscanReply) sscanReply {
		for _, m := range r.members {
			r.kept = append(r.kept, m.String())
		}
		r.members = nil
		return r
	},
	Reply: func(w *reply, r sscanReply) {
		w.Array(2)
		w.Bulk(strconv.FormatUint(r.cursor, 10))
		w.Array(len(r.members))
		for _, m := range r.members {
			replyValue(w, m)
		}
	},
})

func sscan(t *txn, a sscanArgs) (r sscanReply, err error) {
	members, err := t.Members(a.key)
	switch {
	case err != nil:
		return r, ignoreNil(err)
	case a.err != nil:
		return r, a.err
	}
	var digits [20]byte
	seen := int64(0)
	r.cursor = a.cursor
	// Empty buckets count too, ten to a member asked for: a set that was large once
	// does not hold the lock for long.
	for steps := int64(0); ; steps++ {
		r.cursor = members.Scan(r.cursor, func(m listpack.Value) {
			seen++
			if !a.hasMatch || glob.Match(a.match, bytesAsString(valueBytes(m, digits[:0]))) {
				r.members = append(r.members, m)
			}
		})
		if r.cursor &= 1<<cursorBits - 1; r.cursor == 0 || seen >= a.count || steps/10 >= a.count {
			return r, nil
		}
	}
}
