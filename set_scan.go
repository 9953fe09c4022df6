package larder

import (
	"iter"
	"strconv"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/engine"
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
	return scanMembers(newMemberScan(key, a.Match, a.Count), func(a memberScan) ([]string, uint64, error) {
		r, err := opSScan.Do(c.s, a)
		return r.kept, r.cursor, err
	})
}

type sscanReply struct {
	cursor  uint64
	members []listpack.Value
	kept    []string
}

var opSScan = add(&op[memberScan, sscanReply]{
	Spec: spec{
		Name: "SSCAN", Arity: -3, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "set", Since: "2.8.0", Complexity: "O(1) a call, O(N) for all N members",
		Syntax:  "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
		Summary: "Lists the members of a set, some at a call.", Tips: []string{"nondeterministic_output"},
	},
	Parse: parseMemberScan,
	Keys:  readScanned,
	Run:   sscan,
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

func sscan(t *txn, a memberScan) (r sscanReply, err error) {
	members, err := t.Members(a.key)
	switch {
	case err != nil:
		return r, ignoreNil(err)
	case a.err != nil:
		return r, a.err
	}
	var digits [20]byte
	r.cursor = a.walk(func(cursor uint64) (next uint64, seen int) {
		next = members.Scan(cursor, func(m listpack.Value) {
			seen++
			if a.wants(valueBytes(m, digits[:0])) {
				r.members = append(r.members, m)
			}
		})
		return next, seen
	})
	return r, nil
}
