package larder

import (
	"strconv"

	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// How streams are trimmed: XTRIM, and the options that XADD shares with it.

// XTrimArgs are the arguments of XTRIM. MinID, if it is not zero, keeps the
// entries from that ID on; else MaxLen keeps so many of the newest.
type XTrimArgs struct {
	Stream string
	MaxLen int64
	MinID  StreamID
	Empty  bool // remove all: neither MaxLen nor MinID is an error without it

	// Approx removes whole nodes only, which is faster and leaves up to a node's
	// entries more. Limit then bounds how many are removed at once: 0 is what a
	// hundred full nodes hold, negative is no bound.
	Approx bool
	Limit  int64
}

// XTrim removes entries from the beginning of a stream and returns how many. O(n)
// for n entries removed, or O(1) a node.
func (c Commands) XTrim(a XTrimArgs) (int64, error) {
	if (a.MaxLen == 0 && a.MinID.IsZero()) != a.Empty {
		return 0, ErrSyntax
	}
	tr, err := trimOf(a.MaxLen, a.MinID, a.Approx, a.Limit)
	if err != nil {
		return 0, err
	}
	return opXTrim.Do(c.s, xtrimArgs{a.Stream, tr})
}

const errMaxLen Error = "ERR The MAXLEN argument must be >= 0."

// trimOf returns the options as Go callers give them.
func trimOf(maxLen int64, minID StreamID, approx bool, limit int64) (a trimArgs, err error) {
	switch {
	case maxLen != 0 && !minID.IsZero():
		return a, errTwoTrims
	case maxLen < 0:
		return a, errMaxLen
	case !minID.IsZero():
		a.by, a.minID = trimMinID, streamlog.ID(minID)
	default:
		a.by, a.maxLen = trimMaxLen, maxLen
	}
	switch {
	case approx:
		a.operator, a.limited, a.limit = "~", limit != 0, max(0, limit)
	case limit != 0:
		return a, errLimitExact
	}
	return a, nil
}

type trimBy uint8

const (
	trimNot trimBy = iota
	trimMaxLen
	trimMinID
)

// trimArgs are the options of XADD and XTRIM that say what is removed.
type trimArgs struct {
	by       trimBy
	maxLen   int64
	minID    streamlog.ID
	text     string // the threshold as it was given, for the effect; "": formatted
	operator string // "", "=" or "~"
	limited  bool
	limit    int64
	err      error // LIMIT without "~": an error unless it comes from a primary
}

const (
	errTwoTrims   Error = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
	errLimitExact Error = "ERR syntax error, LIMIT cannot be used without the special ~ option"
)

// parse reads one option and reports whether there was one.
func (a *trimArgs) parse(p *args) bool {
	switch {
	case p.FlagWith("MAXLEN", 1):
		a.strategy(p, trimMaxLen)
		a.text = p.String()
		n, ok := engine.ParseInt(a.text)
		if a.maxLen = n; !ok {
			p.Fail(ErrNotInt)
		} else if n < 0 {
			p.Fail(errMaxLen)
		}
	case p.FlagWith("MINID", 1):
		a.strategy(p, trimMinID)
		a.text = p.String()
		id, ok := streamlog.ParseID(a.text, 0)
		if a.minID = id; !ok {
			p.Fail(ErrStreamID)
		}
	case p.FlagWith("LIMIT", 1):
		if a.limit, a.limited = p.Int(), true; a.limit < 0 {
			p.Fail(Error("ERR The LIMIT argument must be >= 0."))
		}
	default:
		return false
	}
	return true
}

func (a *trimArgs) strategy(p *args, by trimBy) {
	if a.by != trimNot {
		p.Fail(errTwoTrims)
	}
	a.by, a.operator = by, ""
	for _, o := range []string{"~", "="} {
		if p.FlagWith(o, 1) {
			a.operator = o
			break
		}
	}
}

// check looks at the options together, once all are read.
func (a *trimArgs) check(p *args) {
	if a.limit != 0 && a.by == trimNot {
		p.Fail(Error("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"))
	}
	if a.limited && a.operator != "~" {
		a.err = errLimitExact
	}
}

// allowed returns what check found and only a primary may do: its effects are
// exact and keep the LIMIT that led to them.
func (a *trimArgs) allowed(t *txn) error {
	if a.err != nil && !t.FromPrimary() {
		return a.err
	}
	return nil
}

// run trims s and returns how many entries went.
func (a *trimArgs) run(t *txn, s *engine.Stream) int {
	if a.by == trimNot {
		return 0
	}
	tr := streamlog.Trim{ByID: a.by == trimMinID, MaxLen: a.maxLen, MinID: a.minID, Approx: a.operator == "~", Limit: a.limit}
	switch {
	case t.FromPrimary():
		tr.Limit = 0
	case tr.Approx && !a.limited:
		// Redis's bound on the work of one command: a hundred nodes, within reason.
		if tr.Limit = 10000; t.Engine().StreamNode().MaxEntries > 0 {
			tr.Limit = min(100*int64(min(t.Engine().StreamNode().MaxEntries, 1<<20)), 1000000)
		}
	}
	return s.Trim(tr)
}

// appendWords appends the options to the words of an effect: what was trimmed
// approximately becomes exact.
func (a *trimArgs) appendWords(words []string, s *engine.Stream) []string {
	if a.by == trimNot {
		return words
	}
	operator, threshold := a.operator, a.text
	switch {
	case operator == "~" && a.by == trimMaxLen:
		operator, threshold = "=", strconv.Itoa(s.Len())
	case operator == "~":
		operator, threshold = "=", firstNode(s).String()
	case threshold == "" && a.by == trimMaxLen:
		threshold = strconv.FormatInt(a.maxLen, 10)
	case threshold == "":
		threshold = a.minID.String()
	}
	if a.by == trimMaxLen {
		words = append(words, "MAXLEN")
	} else {
		words = append(words, "MINID")
	}
	if operator != "" {
		words = append(words, operator)
	}
	words = append(words, threshold)
	if a.limited {
		words = append(words, "LIMIT", strconv.FormatInt(a.limit, 10))
	}
	return words
}

// firstNode is the ID that Redis names after trimming approximately by ID: that
// of the first entry, be it deleted, or of the end where there is none.
func firstNode(s *engine.Stream) streamlog.ID {
	for id := range s.Nodes() {
		return id
	}
	return streamlog.MaxID
}

type xtrimArgs struct {
	key  string
	trim trimArgs
}

var opXTrim = add(&op[xtrimArgs, int64]{
	Spec: spec{
		Name: "XTRIM", Arity: -4, Flags: write, Keys: engine.One("RW DELETE"),
		Group: "stream", Since: "5.0.0", Complexity: "O(N) for N entries removed",
		Syntax: "key:key trim<strategy<MAXLEN|MINID@6.2.0> [operator<equal==|approximately=~>] " +
			"threshold:string [LIMIT count:integer@6.2.0]>",
		Summary: "Removes entries from the beginning of a stream.", Tips: []string{"nondeterministic_output"},
	},
	Parse: func(p *args) xtrimArgs {
		a := xtrimArgs{key: p.Key()}
		for p.More() {
			if !a.trim.parse(p) {
				p.Syntax()
			}
		}
		a.trim.check(p)
		if a.trim.by == trimNot {
			p.Fail(Error("ERR syntax error, XTRIM must be called with trimming strategy"))
		}
		return a
	},
	Keys: func(k *keySet, a xtrimArgs) { k.Write(a.key) },
	Run: func(t *txn, a xtrimArgs) (int64, error) {
		if err := a.trim.allowed(t); err != nil {
			return 0, err
		}
		s, err := t.Stream(a.key)
		switch {
		case err == ErrNil:
			return 0, nil
		case err != nil:
			return 0, err
		case s.Len() == 0, a.trim.by == trimMaxLen && int64(s.Len()) <= a.trim.maxLen,
			a.trim.by == trimMinID && !s.FirstID().Less(a.trim.minID):
			return 0, nil
		}
		s, _ = engine.Edit(t, a.key, engine.NewStream)
		n := a.trim.run(t, s)
		switch {
		case n == 0:
			t.EffectAside(0, "", a.key) // less than a node
		case t.Replicating():
			t.Effect('t', "xtrim", a.key, a.trim.appendWords([]string{"XTRIM", a.key}, s)...)
		default:
			t.Effect('t', "xtrim", a.key)
		}
		return int64(n), nil
	},
	Reply: (*reply).Int,
})
