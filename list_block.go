package larder

import (
	"context"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// Who waits for elements of lists: BLPOP BRPOP BLMPOP BLMOVE BRPOPLPUSH.
//
// The first run of each looks at its keys in their order. One that waits runs again
// because of one key, and looks at that alone: what it answers is what was written
// first. A key that has come to hold another type is not waited for less.

const errNegativeTimeout Error = "ERR timeout is negative"

// A ListElement is what was taken from the first list that had something.
type ListElement struct{ Key, Value string }

// BLPop removes the first element of the first of keys that is a list. If none is, it
// waits up to timeout, 0 is for ever, until one is written, and returns ErrNil if it
// waited in vain. Those who wait for a key are served in the order in which they came.
// A Tx never waits.
func (c Commands) BLPop(ctx context.Context, timeout time.Duration, keys ...string) (ListElement, error) {
	return c.blpop(ctx, opBLPop, timeout, keys)
}

// BRPop is BLPop from the back.
func (c Commands) BRPop(ctx context.Context, timeout time.Duration, keys ...string) (ListElement, error) {
	return c.blpop(ctx, opBRPop, timeout, keys)
}

func (c Commands) blpop(ctx context.Context, o *blpopBlocking, timeout time.Duration, keys []string) (ListElement, error) {
	switch {
	case len(keys) == 0:
		return ListElement{}, arityError(o.Lower())
	case timeout < 0:
		return ListElement{}, errNegativeTimeout
	}
	r, err := o.Do(ctx, c.s, blpopArgs{keys, timeout})
	return ListElement{r.key, r.one.s}, err
}

type blpopArgs struct {
	keys    []string
	timeout time.Duration // 0: for ever
}

type blpopReply struct {
	key string
	one listElement
}

type blpopBlocking = engine.Blocking[blpopArgs, blpopReply]

var (
	opBLPop = add(blpopOp("BLPOP", "Removes the first element of a list, and may wait for one.", true))
	opBRPop = add(blpopOp("BRPOP", "Removes the last element of a list, and may wait for one.", false))
)

const blockFlags = write | noScript | engine.MayBlock

func blpopOp(name, summary string, front bool) *blpopBlocking {
	return &blpopBlocking{Op: op[blpopArgs, blpopReply]{
		Spec: spec{
			Name: name, Arity: -3, Flags: blockFlags, Keys: engine.AllFrom("RW ACCESS DELETE", -2, 1),
			Group: "list", Since: "2.0.0", Complexity: "O(N) for N keys", Syntax: "key:key... timeout:double",
			Summary: summary,
		},
		Parse: func(p *args) blpopArgs { return blpopArgs{p.RestBut(1), p.Timeout()} },
		Keys:  func(k *keySet, a blpopArgs) { takeLists(k, a.keys) },
		Run: func(t *txn, a blpopArgs) (r blpopReply, err error) {
			key, l, err := firstList(t, a.keys, a.timeout)
			if err != nil {
				return r, err
			}
			return blpopReply{key, popElement(t, key, l, front)}, nil
		},
		Keep: func(r blpopReply) blpopReply { return blpopReply{strings.Clone(r.key), r.one.keep()} },
		Reply: func(w *reply, r blpopReply) {
			w.Array(2)
			w.Bulk(r.key)
			replyListElement(w, r.one)
		},
		Nil: (*reply).NullArray,
	}}
}

func takeLists(k *keySet, keys []string) {
	for _, key := range keys {
		k.Take(key)
	}
}

// firstList is the first list of keys, or of one that waits the key that it was woken
// for. Where there is none the error has the caller wait.
func firstList(t *txn, keys []string, timeout time.Duration) (key string, l engine.ListView, err error) {
	if key, ok := t.Woken(); ok {
		if l, err = t.List(key); err != nil {
			return key, l, t.Block(0)
		}
		return key, l, nil
	}
	for _, key := range keys {
		if l, err = t.List(key); err != ErrNil {
			return key, l, err
		}
	}
	return "", l, t.Block(timeout, keys...)
}

// BLMPop removes elements of the first of a.Keys that is a list, and waits as BLPop
// does.
func (c Commands) BLMPop(ctx context.Context, timeout time.Duration, a LMPopArgs) (ListPop, error) {
	in, err := a.internal()
	switch {
	case err != nil:
		return ListPop{}, err
	case timeout < 0:
		return ListPop{}, errNegativeTimeout
	}
	return opBLMPop.Do(ctx, c.s, blmpopArgs{in, timeout})
}

type blmpopArgs struct {
	lmpopArgs
	timeout time.Duration
}

var opBLMPop = add(&engine.Blocking[blmpopArgs, ListPop]{Op: op[blmpopArgs, ListPop]{
	Spec: spec{
		Name: "BLMPOP", Arity: -5, Flags: write | engine.MayBlock | engine.MovableKeys,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS DELETE", Index: 2, NumKeys: true, FirstKey: 1}},
		Group: "list", Since: "7.0.0", Complexity: "O(N+M) for N keys and M elements",
		Syntax:  "timeout:double numkeys:integer key:key... where<LEFT|RIGHT> [COUNT count:integer]",
		Summary: "Removes elements of the first list that has some, and may wait for one.",
	},
	Parse: func(p *args) (a blmpopArgs) {
		timeout := p.String()
		a.lmpopArgs = parseLMPop(p)
		var err error
		if a.timeout, err = engine.ParseTimeout(timeout); err != nil {
			p.Fail(err)
		}
		return a
	},
	Keys: func(k *keySet, a blmpopArgs) { takeLists(k, a.keys) },
	Run: func(t *txn, a blmpopArgs) (ListPop, error) {
		key, l, err := firstList(t, a.keys, a.timeout)
		if err != nil {
			return ListPop{}, err
		}
		return ListPop{key, popElements(t, key, l, a.front, min(a.count, int64(l.Len())))}, nil
	},
	Keep:  keepListPop,
	Reply: replyListPop,
	Nil:   (*reply).NullArray,
}})

// BLMove is LMove that waits for an element of source as BLPop does. If destination
// holds another type when one comes, it returns ErrWrongType and the element stays.
func (c Commands) BLMove(ctx context.Context, timeout time.Duration, source, destination string, from, to Side) (string, error) {
	if timeout < 0 {
		return "", errNegativeTimeout
	}
	r, err := opBLMove.Do(ctx, c.s, blmoveArgs{lmoveArgs{source: source, destination: destination, from: from, to: to}, timeout})
	if err == nil && r.none {
		err = ErrNil
	}
	return r.one.s, err
}

// BRPopLPush is BLMove from the right to the left.
func (c Commands) BRPopLPush(ctx context.Context, timeout time.Duration, source, destination string) (string, error) {
	return c.BLMove(ctx, timeout, source, destination, Right, Left)
}

type blmoveArgs struct {
	lmoveArgs
	timeout time.Duration
}

type blmoveReply struct {
	none bool // nothing to move, in a transaction, which is another null than a wait in vain
	one  listElement
}

type blmoveBlocking = engine.Blocking[blmoveArgs, blmoveReply]

var opBLMove = add(&blmoveBlocking{Op: op[blmoveArgs, blmoveReply]{
	Spec: spec{
		Name: "BLMOVE", Arity: 6, Flags: blockFlags | denyOOM, Keys: lmoveKeys(),
		Group: "list", Since: "6.2.0", Complexity: "O(1)",
		Syntax:  "source:key destination:key wherefrom<LEFT|RIGHT> whereto<LEFT|RIGHT> timeout:double",
		Summary: "Takes an element from one list to another, and may wait for one.",
	},
	Parse: func(p *args) blmoveArgs {
		return blmoveArgs{lmoveArgs{source: p.Key(), destination: p.Key(), from: parseSide(p), to: parseSide(p)}, p.Timeout()}
	},
	Keys:  func(k *keySet, a blmoveArgs) { a.keys(k) },
	Run:   blmove,
	Keep:  blmoveReply.keep,
	Reply: replyBLMove,
	Nil:   (*reply).NullArray,
}})

var _ = add(&blmoveBlocking{Op: op[blmoveArgs, blmoveReply]{
	Spec: spec{
		Name: "BRPOPLPUSH", Arity: 4, Flags: blockFlags | denyOOM, Keys: lmoveKeys(),
		Group: "list", Since: "2.2.0", Complexity: "O(1)", Syntax: "source:key destination:key timeout:double",
		Summary:    "Takes the last element of a list to the front of another, and may wait for one.",
		Deprecated: "6.2.0", Replaced: "BLMOVE from RIGHT to LEFT",
	},
	Parse: func(p *args) blmoveArgs {
		return blmoveArgs{lmoveArgs{source: p.Key(), destination: p.Key(), from: Right, to: Left, old: true}, p.Timeout()}
	},
	Keys:  opBLMove.Keys,
	Run:   blmove,
	Keep:  blmoveReply.keep,
	Reply: replyBLMove,
	Nil:   (*reply).NullArray,
}})

func (r blmoveReply) keep() blmoveReply {
	if !r.none {
		r.one = r.one.keep()
	}
	return r
}

func replyBLMove(w *reply, r blmoveReply) {
	if r.none {
		w.Null()
		return
	}
	replyListElement(w, r.one)
}

func blmove(t *txn, a blmoveArgs) (r blmoveReply, err error) {
	// A destination of another type matters only once there is an element.
	_, err = t.List(a.source)
	_, woken := t.Woken()
	if err == ErrNil || err == ErrWrongType && woken {
		if err = t.Block(a.timeout, a.source); err == ErrNil {
			return blmoveReply{none: true}, nil
		}
		return r, err
	}
	r.one, err = lmove(t, a.lmoveArgs)
	return r, err
}
