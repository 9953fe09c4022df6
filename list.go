package larder

import (
	"iter"
	"math"
	"runtime"
	"slices"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/quicklist"
	"github.com/larderdb/larder/internal/engine"
)

// Lists, element by element: LPUSH RPUSH LPUSHX RPUSHX LLEN LINDEX LSET LINSERT, and
// in bulk: LRANGE LTRIM LREM LPOS. What takes elements out is in list_pop.go, who
// waits for them in list_block.go.

// A listElement is an element of a list. It borrows from the keyspace until it is
// kept.
type listElement struct {
	v    listpack.Value
	s    string
	kept bool
}

func (e listElement) keep() listElement {
	if !e.kept {
		e = listElement{s: e.v.String(), kept: true}
	}
	return e
}

func replyListElement(w *reply, e listElement) {
	if e.kept {
		w.Bulk(e.s)
		return
	}
	replyValue(w, e.v)
}

// LPush adds values, one after the other, at the front of a list, which it makes if
// need be: the last of them is then the first element. It returns the new length.
// O(1) a value.
func (c Commands) LPush(key string, values ...string) (int64, error) {
	return c.lpush(opLPush, key, values)
}

// RPush adds values at the back of a list, which it makes if need be, and returns the
// new length. O(1) a value.
func (c Commands) RPush(key string, values ...string) (int64, error) {
	return c.lpush(opRPush, key, values)
}

// LPushX is LPush to a list that exists; else it returns 0.
func (c Commands) LPushX(key string, values ...string) (int64, error) {
	return c.lpush(opLPushX, key, values)
}

// RPushX is RPush to a list that exists; else it returns 0.
func (c Commands) RPushX(key string, values ...string) (int64, error) {
	return c.lpush(opRPushX, key, values)
}

// lpush is kept from letting values escape, so that a call with one allocates nothing.
func (c Commands) lpush(o *op[lpushArgs, int64], key string, values []string) (int64, error) {
	switch len(values) {
	case 0:
		return 0, arityError(o.Lower())
	case 1:
		return o.Do(c.s, lpushArgs{key: key, value: values[0]})
	}
	return o.Do(c.s, lpushArgs{key: key, value: values[0], more: slices.Clone(values[1:])})
}

type lpushArgs struct {
	key, value string
	more       []string
}

var (
	opLPush  = add(lpushOp("LPUSH", "1.0.0", "Adds elements at the front of a list.", true, false))
	opRPush  = add(lpushOp("RPUSH", "1.0.0", "Adds elements at the back of a list.", false, false))
	opLPushX = add(lpushOp("LPUSHX", "2.2.0", "Adds elements at the front of a list that exists.", true, true))
	opRPushX = add(lpushOp("RPUSHX", "2.2.0", "Adds elements at the back of a list that exists.", false, true))
)

func lpushOp(name, since, summary string, front, exists bool) *op[lpushArgs, int64] {
	event := pushEvent(front)
	return &op[lpushArgs, int64]{
		Spec: spec{
			Name: name, Arity: -3, Flags: write | denyOOM | fast, Keys: engine.One("RW INSERT"),
			Group: "list", Since: since, Complexity: "O(N) for N elements added", Syntax: "key:key element:string...",
			Summary: summary,
		},
		Parse: func(p *args) lpushArgs { return lpushArgs{p.Key(), p.String(), p.Rest()} },
		Keys:  func(k *keySet, a lpushArgs) { k.Write(a.key) },
		Run: func(t *txn, a lpushArgs) (int64, error) {
			l, err := t.List(a.key)
			switch {
			case err == ErrNil && exists:
				return 0, nil
			case err != nil && err != ErrNil:
				return 0, err
			}
			e := t.EditList(a.key, l)
			e.Push(front, a.value)
			for _, s := range a.more {
				e.Push(front, s)
			}
			if a.more == nil {
				t.Effect('l', event, a.key, name, a.key, a.value)
			} else if t.Replicating() {
				t.Effect('l', event, a.key, append([]string{name, a.key, a.value}, a.more...)...)
			} else {
				t.Effect('l', event, a.key)
			}
			return int64(e.Len()), nil
		},
		Reply: (*reply).Int,
	}
}

// pushEvent is the event of a push at the front or at the back.
func pushEvent(front bool) string {
	if front {
		return "lpush"
	}
	return "rpush"
}

// LLen returns the number of elements of a list, 0 for a missing one. O(1).
func (c Commands) LLen(key string) (int64, error) { return opLLen.Do(c.s, key) }

var opLLen = add(&op[string, int64]{
	Spec: spec{
		Name: "LLEN", Arity: 2, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "list", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key", Summary: "Counts the elements of a list.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run: func(t *txn, key string) (int64, error) {
		l, err := listOrNone(t, key)
		return int64(l.Len()), err
	},
	Reply: (*reply).Int,
})

// listOrNone is the list at key, an empty one where there is none.
func listOrNone(t *txn, key string) (engine.ListView, error) {
	l, err := t.List(key)
	if err == ErrNil {
		err = nil
	}
	return l, err
}

// A lateInt is a number that is found to be none only after the key was looked at.
type lateInt struct {
	n   int64
	err error
}

func parseLate(p *args) (i lateInt) {
	n, ok := engine.ParseInt(p.String())
	if !ok {
		i.err = ErrNotInt
	}
	i.n = n
	return i
}

// in is the index that i means in a list of n elements: a negative one counts from the
// end. It is false where there is no such element.
func (i lateInt) in(n int) (int, bool) {
	x := i.n
	if x < 0 {
		x += int64(n)
	}
	return int(x), x >= 0 && x < int64(n)
}

// LIndex returns the element with an index, from 0, or, negative, from the end: -1 is
// the last. It returns ErrNil where there is none. O(log N).
func (c Commands) LIndex(key string, index int64) (string, error) {
	e, err := opLIndex.Do(c.s, lindexArgs{key, lateInt{n: index}})
	return e.s, err
}

type lindexArgs struct {
	key   string
	index lateInt
}

var opLIndex = add(&op[lindexArgs, listElement]{
	Spec: spec{
		Name: "LINDEX", Arity: 3, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "list", Since: "1.0.0", Complexity: "O(log N) for a list of N elements", Syntax: "key:key index:integer",
		Summary: "Reads an element of a list by its index.",
	},
	Parse: func(p *args) lindexArgs { return lindexArgs{p.Key(), parseLate(p)} },
	Keys:  func(k *keySet, a lindexArgs) { k.Read(a.key) },
	Run: func(t *txn, a lindexArgs) (e listElement, err error) {
		l, err := t.List(a.key)
		if err == nil {
			err = a.index.err
		}
		if err != nil {
			return e, err
		}
		i, ok := a.index.in(l.Len())
		if !ok {
			return e, ErrNil
		}
		return listElement{v: l.At(i)}, nil
	},
	Keep:  listElement.keep,
	Reply: replyListElement,
})

// LSet puts value in the place of the element with an index, from 0 or, negative, from
// the end. It returns ErrNoKey for a missing list, and ErrIndex where there is no such
// element. O(log N).
func (c Commands) LSet(key string, index int64, value string) error {
	_, err := opLSet.Do(c.s, lsetArgs{key, lateInt{n: index}, value})
	return err
}

type lsetArgs struct {
	key   string
	index lateInt
	value string
}

var opLSet = add(&op[lsetArgs, none]{
	Spec: spec{
		Name: "LSET", Arity: 4, Flags: write | denyOOM, Keys: engine.One("RW UPDATE"),
		Group: "list", Since: "1.0.0", Complexity: "O(log N) for a list of N elements",
		Syntax: "key:key index:integer element:string", Summary: "Replaces an element of a list by its index.",
	},
	Parse: func(p *args) lsetArgs { return lsetArgs{p.Key(), parseLate(p), p.String()} },
	Keys:  func(k *keySet, a lsetArgs) { k.Write(a.key) },
	Run: func(t *txn, a lsetArgs) (none, error) {
		l, err := t.List(a.key)
		if err == ErrNil {
			err = ErrNoKey
		} else if err == nil {
			err = a.index.err
		}
		if err != nil {
			return none{}, err
		}
		i, ok := a.index.in(l.Len())
		if !ok {
			return none{}, ErrIndex
		}
		e := t.EditList(a.key, l)
		e.Set(i, a.value)
		t.Effect('l', "lset", a.key, "LSET", a.key, t.Int(a.index.n), a.value)
		return none{}, nil
	},
	Reply: replyOK,
})

// LInsertBefore adds value before the first element that is pivot and returns the new
// length. It returns ErrNil where there is no such element, or no list. O(N).
func (c Commands) LInsertBefore(key, pivot, value string) (int64, error) {
	return c.linsert(linsertArgs{key: key, pivot: pivot, value: value})
}

// LInsertAfter adds value behind the first element that is pivot and returns the new
// length. It returns ErrNil where there is no such element, or no list. O(N).
func (c Commands) LInsertAfter(key, pivot, value string) (int64, error) {
	return c.linsert(linsertArgs{key: key, behind: true, pivot: pivot, value: value})
}

func (c Commands) linsert(a linsertArgs) (int64, error) {
	n, err := opLInsert.Do(c.s, a)
	if n <= 0 && err == nil {
		return 0, ErrNil
	}
	return n, err
}

type linsertArgs struct {
	key, pivot, value string
	behind            bool
}

var opLInsert = add(&op[linsertArgs, int64]{
	Spec: spec{
		Name: "LINSERT", Arity: 5, Flags: write | denyOOM, Keys: engine.One("RW INSERT"),
		Group: "list", Since: "2.2.0", Complexity: "O(N) for N elements before the pivot",
		Syntax: "key:key where<BEFORE|AFTER> pivot:string element:string", Summary: "Adds an element beside another.",
	},
	Parse: func(p *args) (a linsertArgs) {
		if a.key = p.Key(); p.Flag("AFTER") {
			a.behind = true
		} else if !p.Flag("BEFORE") {
			p.Syntax()
		}
		a.pivot, a.value = p.String(), p.String()
		return a
	},
	Keys: func(k *keySet, a linsertArgs) { k.Write(a.key) },
	Run: func(t *txn, a linsertArgs) (int64, error) {
		l, err := listOrNone(t, a.key)
		if err != nil || l.Len() == 0 {
			return 0, err
		}
		i := elementIndex(l.Range(0), a.pivot)
		if i < 0 {
			return -1, nil
		}
		e := t.EditList(a.key, l)
		e.Insert(i, a.behind, a.value)
		where := "BEFORE"
		if a.behind {
			where = "AFTER"
		}
		t.Effect('l', "linsert", a.key, "LINSERT", a.key, where, a.pivot, a.value)
		return int64(e.Len()), nil
	},
	Reply: (*reply).Int,
})

// elementIndex is the first index at which s is yielded, or -1.
func elementIndex(all iter.Seq2[int, listpack.Value], s string) int {
	x := quicklist.NeedleOf(s)
	for i, v := range all {
		if x.Is(v) {
			return i
		}
	}
	return -1
}

// LRange returns the elements from index start to stop, both inclusive; negative ones
// count from the end. What is out of range is left out: a missing list has no
// elements. O(log N) and O(1) an element.
func (c Commands) LRange(key string, start, stop int64) ([]string, error) {
	r, err := opLRange.Do(c.s, listRange{key, start, stop})
	return r.kept, err
}

type listRange struct {
	key         string
	start, stop int64
}

func parseListRange(p *args) listRange { return listRange{p.Key(), p.Int(), p.Int()} }

// in is the part of a list of n elements that a means: from an index on, so many.
func (a listRange) in(n int) (from, count int) {
	start, stop := a.start, a.stop
	if start < 0 {
		start = max(0, start+int64(n))
	}
	if stop < 0 {
		stop += int64(n)
	}
	stop = min(stop, int64(n)-1)
	if start > stop {
		return 0, 0
	}
	return int(start), int(stop - start + 1)
}

// elements are some of a list's. They borrow from the keyspace until they are kept.
type listElements struct {
	l       engine.ListView
	from, n int
	kept    []string
}

func (e listElements) keep() listElements {
	if e.kept == nil {
		e = listElements{kept: e.append(make([]string, 0, e.n))}
	}
	return e
}

func (e listElements) append(dst []string) []string {
	if e.n == 0 {
		return dst
	}
	for i, v := range e.l.Range(e.from) {
		if dst = append(dst, v.String()); i == e.from+e.n-1 {
			break
		}
	}
	return dst
}

func replyListElements(w *reply, e listElements) {
	if e.kept != nil {
		replyStrings(w, e.kept)
		return
	}
	w.Array(e.n)
	if e.n == 0 {
		return
	}
	for i, v := range e.l.Range(e.from) {
		if replyValue(w, v); i == e.from+e.n-1 {
			break
		}
	}
}

var opLRange = add(&op[listRange, listElements]{
	Spec: spec{
		Name: "LRANGE", Arity: 4, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "list", Since: "1.0.0", Complexity: "O(log N + M) for M of the N elements of a list",
		Syntax: "key:key start:integer stop:integer", Summary: "Reads a part of a list.",
	},
	Parse: parseListRange,
	Keys:  func(k *keySet, a listRange) { k.Read(a.key) },
	Run: func(t *txn, a listRange) (e listElements, err error) {
		if e.l, err = listOrNone(t, a.key); err == nil {
			e.from, e.n = a.in(e.l.Len())
		}
		return e, err
	},
	Keep:  listElements.keep,
	Reply: replyListElements,
})

// LAll yields the elements of a list from the first to the last, as they are at the
// beginning of the loop, whatever is written meanwhile, by the loop too: nothing is
// locked and nothing is copied but what is changed. A missing list has none. It yields
// an error, such as ErrWrongType, alone.
func (c Commands) LAll(key string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		l, err := opListAll.Do(c.s, key)
		if err != nil {
			yield("", err)
			return
		}
		for _, v := range l.Range(0) {
			if !yield(v.String(), nil) {
				return
			}
		}
	}
}

// opListAll is LRANGE of all for LAll.
var opListAll = &op[string, engine.ListView]{
	Spec: opLRange.Spec, // it counts as one
	Keys: (*keySet).Read,
	Run:  listOrNone,
	Keep: engine.ListView.Own,
}

// LTrim removes the elements of a list but those from index start to stop, both
// inclusive; negative ones count from the end. O(log N), and O(1) an element removed.
func (c Commands) LTrim(key string, start, stop int64) error {
	_, err := opLTrim.Do(c.s, listRange{key, start, stop})
	return err
}

var opLTrim = add(&op[listRange, none]{
	Spec: spec{
		Name: "LTRIM", Arity: 4, Flags: write, Keys: engine.One("RW DELETE"),
		Group: "list", Since: "1.0.0", Complexity: "O(N) for N elements removed",
		Syntax: "key:key start:integer stop:integer", Summary: "Removes the elements of a list outside of a part.",
	},
	Parse: parseListRange,
	Keys:  func(k *keySet, a listRange) { k.Write(a.key) },
	Run: func(t *txn, a listRange) (none, error) {
		l, err := listOrNone(t, a.key)
		n := l.Len()
		if err != nil || n == 0 {
			return none{}, err
		}
		from, count := a.in(n)
		if count == n {
			t.Touch('l', "ltrim", a.key) // Redis says so, and tells no replica
			return none{}, nil
		}
		e := t.EditList(a.key, l)
		if count == 0 {
			from = 0
		}
		e.Delete(from+count, n-from-count)
		e.Delete(0, from)
		t.Effect('l', "ltrim", a.key, "LTRIM", a.key, t.Int(a.start), t.Int(a.stop))
		notifyEmptied(t, a.key, count)
		return none{}, nil
	},
	Reply: replyOK,
})

// notifyEmptied tells that a list is gone if n, the number of its elements, says so.
func notifyEmptied(t *txn, key string, n int) {
	if n == 0 {
		t.Notify('g', "del", key)
	}
}

// LRem removes elements of a list that are value, and returns how many: the first
// count of them; the last -count, if count is negative; all, if it is 0. O(N).
func (c Commands) LRem(key string, count int64, value string) (int64, error) {
	return opLRem.Do(c.s, lremArgs{key, count, value})
}

type lremArgs struct {
	key   string
	count int64
	value string
}

var opLRem = add(&op[lremArgs, int64]{
	Spec: spec{
		Name: "LREM", Arity: 4, Flags: write, Keys: engine.One("RW DELETE"),
		Group: "list", Since: "1.0.0", Complexity: "O(N) for N elements",
		Syntax: "key:key count:integer element:string", Summary: "Removes elements of a list by their value.",
	},
	Parse: func(p *args) lremArgs { return lremArgs{p.Key(), p.Int(), p.String()} },
	Keys:  func(k *keySet, a lremArgs) { k.Write(a.key) },
	Run: func(t *txn, a lremArgs) (int64, error) {
		l, err := listOrNone(t, a.key)
		if err != nil || elementIndex(l.Range(0), a.value) < 0 {
			return 0, err
		}
		e := t.EditList(a.key, l)
		most, back := a.count, a.count < 0
		if back {
			most = -most
		}
		if most <= 0 { // the least integer too, which has no opposite
			most = math.MaxInt
		}
		n := e.Remove(a.value, int(min(most, math.MaxInt)), back)
		t.Effect('l', "lrem", a.key, "LREM", a.key, t.Int(a.count), a.value)
		notifyEmptied(t, a.key, e.Len())
		return int64(n), nil
	},
	Reply: (*reply).Int,
})

// LPosArgs are the arguments of LPOS.
type LPosArgs struct {
	Key, Value string
	Rank       int64 // begin with the Rank-th match; negative: from the end. 0 is 1
	Count      int64 // at most so many matches; 0 is all
	MaxLen     int64 // look at no more elements than this; 0 is all
}

// LPos returns the index of the first element that is value, or ErrNil. O(N).
func (c Commands) LPos(key, value string) (int64, error) {
	r, err := opLPos.Do(c.s, lposArgs{key: key, value: value, rank: 1, count: 1})
	switch {
	case err != nil:
		return 0, err
	case len(r.found) == 0:
		return 0, ErrNil
	}
	return r.found[0], nil
}

// LPosAll returns the indexes of the elements that are a.Value, in the order in which
// they are found: descending for a negative Rank. O(N).
func (c Commands) LPosAll(a LPosArgs) ([]int64, error) {
	in := lposArgs{key: a.Key, value: a.Value, rank: a.Rank, count: a.Count, many: true, maxLen: a.MaxLen}
	switch {
	case a.Count < 0:
		return nil, errNegativeCount
	case a.MaxLen < 0:
		return nil, errNegativeMaxLen
	case a.Rank == 0:
		in.rank = 1
	}
	r, err := opLPos.Do(c.s, in)
	return r.found, err
}

const (
	errZeroRank Error = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
		"or use negative to start from the end of the list"
	errNegativeCount  Error = "ERR COUNT can't be negative"
	errNegativeMaxLen Error = "ERR MAXLEN can't be negative"
)

type lposArgs struct {
	key, value string
	rank       int64
	count      int64 // 0: all
	many       bool  // it answers an array
	maxLen     int64 // 0: all
}

type lposReply struct {
	found []int64
	many  bool
}

var opLPos = add(&op[lposArgs, lposReply]{
	Spec: spec{
		Name: "LPOS", Arity: -3, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "list", Since: "6.0.6", Complexity: "O(N) for N elements looked at",
		Syntax:  "key:key element:string [RANK rank:integer] [COUNT num-matches:integer] [MAXLEN len:integer]",
		Summary: "Finds elements of a list by their value.",
	},
	Parse: func(p *args) lposArgs {
		a := lposArgs{key: p.Key(), value: p.String(), rank: 1, count: 1}
		for p.More() {
			switch {
			case p.FlagWith("RANK", 1):
				if a.rank = p.Int(); a.rank == 0 {
					p.Fail(errZeroRank)
				}
			case p.FlagWith("COUNT", 1):
				a.many = true
				if a.count = p.IntOr(errNegativeCount); a.count < 0 {
					p.Fail(errNegativeCount)
				}
			case p.FlagWith("MAXLEN", 1):
				if a.maxLen = p.IntOr(errNegativeMaxLen); a.maxLen < 0 {
					p.Fail(errNegativeMaxLen)
				}
			default:
				p.Syntax()
			}
		}
		return a
	},
	Keys:  func(k *keySet, a lposArgs) { k.Read(a.key) },
	Run:   lpos,
	Reply: replyLPos,
})

func replyLPos(w *reply, r lposReply) {
	switch {
	case r.many:
		w.Array(len(r.found))
		for _, i := range r.found {
			w.Int(i)
		}
	case len(r.found) == 0:
		w.Null()
	default:
		w.Int(r.found[0])
	}
}

func lpos(t *txn, a lposArgs) (lposReply, error) {
	r := lposReply{many: a.many}
	l, err := listOrNone(t, a.key)
	n := l.Len()
	if err != nil || n == 0 {
		return r, err
	}
	all, skip := l.Range(0), a.rank-1
	if a.rank < 0 {
		all, skip = l.Reverse(n-1), -a.rank-1
		if a.rank == math.MinInt64 { // it has no opposite: Redis skips none, and never has enough
			if skip = 0; a.many {
				a.count = 0
			}
		}
	}
	x, looked := quicklist.NeedleOf(a.value), int64(0)
	for i, v := range all {
		if x.Is(v) {
			if skip > 0 {
				skip--
			} else if r.found = append(r.found, int64(i)); int64(len(r.found)) == a.count {
				break
			}
		}
		if looked++; looked == a.maxLen {
			break
		}
	}
	return r, nil
}

// LRange returns a part of a list, as Commands.LRange does.
func (s *Snapshot) LRange(key string, start, stop int64) ([]string, error) {
	return s.DB(s.db).LRange(key, start, stop)
}

// LRange returns a part of a list, as Commands.LRange does.
func (d *SnapshotDB) LRange(key string, start, stop int64) (all []string, err error) {
	if d.s.sn == nil {
		return nil, ErrClosed
	}
	wrong := false
	err = d.s.sn.Get(d.n, key, func(it engine.Item) {
		l, ok := it.Value.List()
		if wrong = !ok; ok {
			from, n := listRange{key, start, stop}.in(l.Len())
			all = listElements{l: l, from: from, n: n}.keep().kept
		}
	})
	if err == ErrNil {
		err = nil
	} else if wrong {
		err = ErrWrongType
	}
	runtime.KeepAlive(d.s)
	return all, err
}
