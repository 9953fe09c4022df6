package larder

import (
	"slices"
	"strings"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/engine"
)

// Taking elements out of lists, and from one list to another: LPOP RPOP LMPOP LMOVE
// RPOPLPUSH. The forms that wait for an element are in list_block.go.

// A Side is an end of a list.
type Side uint8

// The ends: Left is the front, with index 0.
const (
	Left Side = iota
	Right
)

// String is the side as commands name it, "LEFT" or "RIGHT".
func (s Side) String() string {
	if s == Left {
		return "LEFT"
	}
	return "RIGHT"
}

func (s Side) lower() string {
	if s == Left {
		return "left"
	}
	return "right"
}

func parseSide(p *args) Side {
	switch {
	case p.Flag("LEFT"):
		return Left
	case p.Flag("RIGHT"):
		return Right
	}
	p.Syntax()
	return Left
}

// LPop removes the first element of a list and returns it, or ErrNil where there is no
// list. O(1).
func (c Commands) LPop(key string) (string, error) {
	r, err := opLPop.Do(c.s, lpopArgs{key: key})
	return r.one.s, err
}

// RPop removes the last element of a list and returns it, or ErrNil where there is no
// list. O(1).
func (c Commands) RPop(key string) (string, error) {
	r, err := opRPop.Do(c.s, lpopArgs{key: key})
	return r.one.s, err
}

// LPopCount removes up to count elements from the front of a list and returns them, or
// ErrNil where there is no list.
func (c Commands) LPopCount(key string, count int64) ([]string, error) {
	return c.lpopCount(opLPop, key, count)
}

// RPopCount removes up to count elements from the back of a list and returns them, the
// last one first, or ErrNil where there is no list.
func (c Commands) RPopCount(key string, count int64) ([]string, error) {
	return c.lpopCount(opRPop, key, count)
}

func (c Commands) lpopCount(o *op[lpopArgs, lpopReply], key string, count int64) ([]string, error) {
	if count < 0 {
		return nil, errNotPositive
	}
	r, err := o.Do(c.s, lpopArgs{key, true, count})
	if err == nil && r.list == nil {
		err = ErrNil
	}
	return r.list, err
}

const errNotPositive Error = "ERR value is out of range, must be positive"

type lpopArgs struct {
	key   string
	many  bool // it has a count, and answers an array
	count int64
}

type lpopReply struct {
	one  listElement
	many bool
	list []string // nil where there is no list
}

var (
	opLPop = add(lpopOp("LPOP", "Removes elements at the front of a list and answers them.", true))
	opRPop = add(lpopOp("RPOP", "Removes elements at the back of a list and answers them.", false))
)

func lpopOp(name, summary string, front bool) *op[lpopArgs, lpopReply] {
	return &op[lpopArgs, lpopReply]{
		Spec: spec{
			Name: name, Arity: -2, Flags: write | fast, Keys: engine.One("RW ACCESS DELETE"),
			Group: "list", Since: "1.0.0", Complexity: "O(N) for N elements", Syntax: "key:key [count:integer@6.2.0]",
			Summary: summary,
		},
		Parse: func(p *args) lpopArgs {
			a := lpopArgs{key: p.Key()}
			switch p.Len() {
			case 0:
			case 1:
				a.many = true
				if a.count = p.IntOr(errNotPositive); a.count < 0 {
					p.Fail(errNotPositive)
				}
			default:
				p.Fail(arityError(strings.ToLower(name)))
			}
			return a
		},
		Keys: func(k *keySet, a lpopArgs) { k.Write(a.key) },
		Run: func(t *txn, a lpopArgs) (r lpopReply, err error) {
			r.many = a.many
			l, err := t.List(a.key)
			switch {
			case err == ErrNil && a.many:
				return r, nil
			case err != nil:
				return r, err
			case !a.many:
				r.one = popElement(t, a.key, l, front)
			default:
				r.list = popElements(t, a.key, l, front, a.count)
			}
			return r, nil
		},
		Keep: func(r lpopReply) lpopReply {
			if !r.many {
				r.one = r.one.keep()
			}
			return r
		},
		Reply: func(w *reply, r lpopReply) {
			switch {
			case !r.many:
				replyListElement(w, r.one)
			case r.list == nil:
				w.NullArray()
			default:
				replyStrings(w, r.list)
			}
		},
	}
}

// popNames are the event of a pop at the front or at the back, and the command that
// replicas are told of it.
func popNames(front bool) (event, command string) {
	if front {
		return "lpop", "LPOP"
	}
	return "rpop", "RPOP"
}

// popElement removes an element of a list that exists.
func popElement(t *txn, key string, l engine.ListView, front bool) listElement {
	e := t.EditList(key, l)
	v := e.Pop(front)
	t.OwnResult()
	event, command := popNames(front)
	t.Effect('l', event, key, command, key)
	notifyEmptied(t, key, e.Len())
	return listElement{v: v}
}

// popElements removes up to count elements of a list that exists.
func popElements(t *txn, key string, l engine.ListView, front bool, count int64) []string {
	n := int(min(count, int64(l.Len())))
	if n == 0 {
		return []string{}
	}
	from := 0
	if !front {
		from = l.Len() - n
	}
	list := listElements{l: l, from: from, n: n}.keep().kept
	if !front {
		slices.Reverse(list)
	}
	t.OwnResult()
	e := t.EditList(key, l)
	e.Delete(from, n)
	event, command := popNames(front)
	t.Effect('l', event, key, command, key, t.Int(count))
	notifyEmptied(t, key, e.Len())
	return list
}

// LMPopArgs are the arguments of LMPOP.
type LMPopArgs struct {
	Keys  []string
	From  Side  // the zero value is Left
	Count int64 // at most so many; 0 is 1
}

// A ListPop is what was taken from the first list that had something.
type ListPop struct {
	Key    string
	Values []string
}

// LMPop removes elements of the first of a.Keys that is a list, or returns ErrNil if
// none is.
func (c Commands) LMPop(a LMPopArgs) (ListPop, error) {
	in, err := a.internal()
	if err != nil {
		return ListPop{}, err
	}
	return opLMPop.Do(c.s, in)
}

func (a LMPopArgs) internal() (lmpopArgs, error) {
	in := lmpopArgs{keys: a.Keys, front: a.From == Left, count: a.Count}
	switch {
	case len(a.Keys) == 0:
		return in, errNumKeys
	case a.Count < 0:
		return in, errCountNotPositive
	case a.Count == 0:
		in.count = 1
	}
	return in, nil
}

const (
	errNumKeys          Error = "ERR numkeys should be greater than 0"
	errCountNotPositive Error = "ERR count should be greater than 0"
)

type lmpopArgs struct {
	keys  []string
	front bool
	count int64
}

var opLMPop = add(&op[lmpopArgs, ListPop]{
	Spec: spec{
		Name: "LMPOP", Arity: -4, Flags: write | engine.MovableKeys,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS DELETE", Index: 1, NumKeys: true, FirstKey: 1}},
		Group: "list", Since: "7.0.0", Complexity: "O(N+M) for N keys and M elements",
		Syntax: "numkeys:integer key:key... where<LEFT|RIGHT> [COUNT count:integer]", Summary: "Removes elements of the first list that has some.",
	},
	Parse: parseLMPop,
	Keys:  func(k *keySet, a lmpopArgs) { k.WriteAll(a.keys) },
	Run: func(t *txn, a lmpopArgs) (ListPop, error) {
		for _, key := range a.keys {
			l, err := t.List(key)
			switch {
			case err == nil:
				return ListPop{key, popElements(t, key, l, a.front, min(a.count, int64(l.Len())))}, nil
			case err != ErrNil:
				return ListPop{}, err
			}
		}
		return ListPop{}, ErrNil
	},
	Keep:  keepListPop,
	Reply: replyListPop,
	Nil:   (*reply).NullArray,
})

func keepListPop(r ListPop) ListPop {
	r.Key = strings.Clone(r.Key)
	return r
}

func replyListPop(w *reply, r ListPop) {
	w.Array(2)
	w.Bulk(r.Key)
	replyStrings(w, r.Values)
}

func parseLMPop(p *args) (a lmpopArgs) {
	n := p.IntOr(errNumKeys)
	switch {
	case n <= 0:
		p.Fail(errNumKeys)
		return a
	case n >= int64(p.Len()):
		p.Syntax()
		return a
	}
	a.keys = make([]string, n)
	for i := range a.keys {
		a.keys[i] = p.Key()
	}
	a.front, a.count = parseSide(p) == Left, 1
	for counted := false; p.More(); {
		if counted || !p.FlagWith("COUNT", 1) {
			p.Syntax()
			break
		}
		counted = true
		if a.count = p.IntOr(errCountNotPositive); a.count <= 0 {
			p.Fail(errCountNotPositive)
		}
	}
	return a
}

// LMove takes an element from an end of a list, adds it to an end of another or of the
// same, and returns it; ErrNil where there is no list at source. O(1).
func (c Commands) LMove(source, destination string, from, to Side) (string, error) {
	r, err := opLMove.Do(c.s, lmoveArgs{source: source, destination: destination, from: from, to: to})
	return r.s, err
}

// RPopLPush is LMove from the right to the left.
func (c Commands) RPopLPush(source, destination string) (string, error) {
	return c.LMove(source, destination, Right, Left)
}

type lmoveArgs struct {
	source, destination string
	from, to            Side
	old                 bool // RPOPLPUSH
}

func (a lmoveArgs) keys(k *keySet) {
	if k.Write(a.destination); a.source != a.destination {
		k.Take(a.source)
	}
}

// lmoveKeys are the key specs of who moves an element.
func lmoveKeys() []engine.KeySpec {
	return []engine.KeySpec{{Flags: "RW ACCESS DELETE", Index: 1}, {Flags: "RW INSERT", Index: 2}}
}

var opLMove = add(&op[lmoveArgs, listElement]{
	Spec: spec{
		Name: "LMOVE", Arity: 5, Flags: write | denyOOM, Keys: lmoveKeys(),
		Group: "list", Since: "6.2.0", Complexity: "O(1)",
		Syntax:  "source:key destination:key wherefrom<LEFT|RIGHT> whereto<LEFT|RIGHT>",
		Summary: "Takes an element from one list to another.",
	},
	Parse: func(p *args) lmoveArgs {
		return lmoveArgs{source: p.Key(), destination: p.Key(), from: parseSide(p), to: parseSide(p)}
	},
	Keys:  func(k *keySet, a lmoveArgs) { a.keys(k) },
	Run:   lmove,
	Keep:  listElement.keep,
	Reply: replyListElement,
})

var _ = add(&op[lmoveArgs, listElement]{
	Spec: spec{
		Name: "RPOPLPUSH", Arity: 3, Flags: write | denyOOM, Keys: lmoveKeys(),
		Group: "list", Since: "1.2.0", Complexity: "O(1)", Syntax: "source:key destination:key",
		Summary:    "Takes the last element of a list to the front of another.",
		Deprecated: "6.2.0", Replaced: "LMOVE from RIGHT to LEFT",
	},
	Parse: func(p *args) lmoveArgs {
		return lmoveArgs{source: p.Key(), destination: p.Key(), from: Right, to: Left, old: true}
	},
	Keys:  opLMove.Keys,
	Run:   lmove,
	Keep:  listElement.keep,
	Reply: replyListElement,
})

func lmove(t *txn, a lmoveArgs) (e listElement, err error) {
	source, err := t.List(a.source)
	if err != nil {
		return e, err
	}
	destination, err := listOrNone(t, a.destination)
	if err != nil {
		return e, err
	}
	from := t.EditList(a.source, source)
	v := from.Pop(a.from == Left)
	if a.source == a.destination {
		e = listElement{v: v}.keep() // the push may overwrite it
		from.Push(a.to == Left, e.s)
	} else {
		e.v = v
		to := t.EditList(a.destination, destination)
		to.Push(a.to == Left, elementAsString(t, v))
	}
	t.OwnResult()
	t.Touch('l', pushEvent(a.to == Left), a.destination)
	event, _ := popNames(a.from == Left)
	if a.old {
		t.Effect('l', event, a.source, "RPOPLPUSH", a.source, a.destination)
	} else {
		side := Side.String
		if _, waited := t.Woken(); waited {
			side = Side.lower // as Redis tells it then
		}
		t.Effect('l', event, a.source, "LMOVE", a.source, a.destination, side(a.from), side(a.to))
	}
	notifyEmptied(t, a.source, from.Len())
	return e, nil
}

// elementAsString is an element as a string that is as short-lived as the element.
func elementAsString(t *txn, v listpack.Value) string {
	if n, ok := v.Int(); ok {
		return t.Digits(n)
	}
	return bytesAsString(v.Bytes())
}
