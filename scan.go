package larder

import (
	"iter"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/glob"
)

// Finding keys: KEYS SCAN DBSIZE.

func cloneString(s string) string { return strings.Clone(s) }

// Keys yields the keys that match a glob pattern, in no order. On a DB it reads
// a snapshot: the keys of one instant, however long the loop takes and whatever
// is written meanwhile, by the loop too. On a Tx it reads what the transaction
// sees, gathered before the first is yielded. After Close it yields nothing.
func (c Commands) Keys(pattern string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if c.s.InTxn() {
			keys, err := opKeys.Do(c.s, pattern)
			for _, key := range keys {
				if err != nil || !yield(key) {
					return
				}
			}
			return
		}
		snap, err := c.s.Engine().Snapshot(0)
		if err != nil {
			return
		}
		defer snap.Close()
		for key := range snap.All(c.s.DB) {
			if matches(pattern, key) && !yield(strings.Clone(key)) {
				return
			}
		}
	}
}

var opKeys = add(&op[string, []string]{
	Spec: spec{
		Name: "KEYS", Arity: 2, Flags: readOnly | engine.OnSnapshot, ACL: "dangerous",
		Group: "generic", Since: "1.0.0", Complexity: "O(N) for N keys in the database", Syntax: "pattern:pattern",
		Summary: "Lists the keys that match a pattern.",
		Tips:    []string{"request_policy:all_shards", "nondeterministic_output_order"},
	},
	Parse: (*args).String,
	Keys:  func(k *keySet, _ string) { k.All() },
	Run: func(t *txn, pattern string) (keys []string, err error) {
		for key := range t.All(t.DB()) {
			if matches(pattern, key) {
				keys = append(keys, key)
			}
		}
		return keys, nil
	},
	Keep: func(keys []string) []string {
		for i := range keys {
			keys[i] = strings.Clone(keys[i])
		}
		return keys
	},
	Reply: replyStrings,
})

// matches is glob.Match with the shortcut of KEYS: a lone star is everything,
// the empty key too.
func matches(pattern, key string) bool { return pattern == "*" || glob.Match(pattern, key) }

func replyStrings(w *reply, ss []string) {
	w.Array(len(ss))
	for _, s := range ss {
		w.Bulk(s)
	}
}

// ScanArgs are the arguments of SCAN.
type ScanArgs struct {
	Match string // a glob pattern; "" matches all
	Type  string // as Type names it; "" is any
	Count int    // keys to look at under one hold of the locks; 0 means 10
}

// Scan yields the keys that match, a few at a time, in no order, and holds
// nothing while it yields: the loop may write. A key that exists from the
// beginning to the end is yielded exactly once; one that comes or goes
// meanwhile, once or not at all. It stops early with an error.
func (c Commands) Scan(a ScanArgs) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		in := scanArgs{match: a.Match, hasMatch: a.Match != "", count: int64(a.Count), typ: a.Type, hasType: a.Type != ""}
		if in.count <= 0 {
			in.count = 10
		}
		for {
			r, err := opScan.Do(c.s, in)
			if err != nil {
				yield("", err)
				return
			}
			for _, key := range r.keys {
				if !yield(key, nil) {
					return
				}
			}
			if in.cursor = r.cursor; in.cursor == 0 {
				return
			}
		}
	}
}

type scanArgs struct {
	cursor            uint64
	match, typ        string
	hasMatch, hasType bool
	count             int64
}

type scanReply struct {
	cursor uint64
	keys   []string
}

var opScan = add(&op[scanArgs, scanReply]{
	Spec: spec{
		Name: "SCAN", Arity: -2, Flags: readOnly, Group: "generic", Since: "2.8.0",
		Complexity: "O(1) a call, O(N) for all N keys",
		Syntax:     "cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [TYPE type:string@6.0.0]",
		Summary:    "Lists the keys, some at a call.",
		Tips:       []string{"nondeterministic_output", "request_policy:special"},
	},
	Parse: func(p *args) (a scanArgs) {
		a.count = 10
		a.cursor = parseCursor(p)
		for p.More() {
			switch {
			case p.FlagWith("COUNT", 1):
				if a.count = p.Int(); a.count < 1 {
					p.Syntax()
				}
			case p.FlagWith("MATCH", 1):
				a.match = p.String()
				a.hasMatch = a.match != "*"
			case p.FlagWith("TYPE", 1):
				a.typ, a.hasType = p.String(), true
			default:
				p.Syntax()
			}
		}
		return a
	},
	Keys: func(k *keySet, _ scanArgs) { k.All() },
	Run:  scan,
	Keep: func(r scanReply) scanReply {
		for i := range r.keys {
			r.keys[i] = strings.Clone(r.keys[i])
		}
		return r
	},
	Reply: func(w *reply, r scanReply) {
		w.Array(2)
		w.Bulk(strconv.FormatUint(r.cursor, 10))
		replyStrings(w, r.keys)
	},
})

// cursorBits is the width of a cursor: clients may keep it as a signed number
// or as a double.
const cursorBits = 48

// parseCursor reads a cursor as C's strtoul does: with a sign, which counts, and
// nothing at all as 0.
func parseCursor(p *args) uint64 {
	s := cString(p.String())
	digits := strings.TrimLeft(s, "+-")
	n, err := strconv.ParseUint(digits, 10, 64)
	if s == "" {
		return 0
	}
	if err != nil || len(s)-len(digits) > 1 {
		p.Fail(Error("ERR invalid cursor"))
	}
	if s[0] == '-' {
		n = -n
	}
	return n & (1<<cursorBits - 1)
}

func scan(t *txn, a scanArgs) (r scanReply, err error) {
	typ, known := engine.TypeNamed(a.typ)
	seen := int64(0)
	r.cursor = a.cursor
	for {
		r.cursor = t.Step(r.cursor, func(key string, it engine.Item) {
			seen++
			switch {
			case a.hasMatch && !glob.Match(a.match, key):
			case a.hasType && (!known || it.Value.Type() != typ):
			default:
				r.keys = append(r.keys, key)
			}
		})
		if r.cursor == 0 || seen >= a.count {
			return r, nil
		}
	}
}

// DBSize returns the number of keys of the database, those that have expired and
// are not deleted yet among them. It takes no lock, and may see half of a
// transaction.
func (c Commands) DBSize() (int64, error) {
	if c.s.InTxn() {
		return opDBSize.Do(c.s, none{})
	}
	n, _ := c.s.Engine().Size(c.s.DB)
	return n, nil
}

var opDBSize = add(&op[none, int64]{
	Spec: spec{
		Name: "DBSIZE", Arity: 1, Flags: readOnly | fast, ACL: "keyspace", Group: "server", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Counts the keys of the database.",
		Tips:    []string{"request_policy:all_shards", "response_policy:agg_sum"},
	},
	Parse: func(*args) none { return none{} },
	Keys:  func(k *keySet, _ none) { k.All() },
	Run:   func(t *txn, _ none) (int64, error) { return t.Len(), nil },
	Reply: (*reply).Int,
})
