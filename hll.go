package larder

import (
	"fmt"
	"strings"

	"github.com/larderdb/larder/internal/ds/hyperloglog"
	"github.com/larderdb/larder/internal/engine"
)

// HyperLogLogs: PFADD PFCOUNT PFMERGE PFDEBUG PFSELFTEST. One is a string, in the
// format of internal/ds/hyperloglog, which is Redis's.

const (
	errNoHLL      Error = "WRONGTYPE Key is not a valid HyperLogLog string value."
	errCorruptHLL Error = "INVALIDOBJ Corrupted HLL object detected"
)

// readHLL returns the HyperLogLog at key, or ErrNil.
func readHLL(t *txn, key string) (engine.Str, error) {
	v, err := t.String(key)
	if err == nil && !hyperloglog.Valid(v.String()) {
		err = errNoHLL
	}
	return v, err
}

// An hllEdit is a HyperLogLog that is being changed. It is read where it lies until
// the first change.
type hllEdit struct {
	t     *txn
	key   string
	was   engine.Str
	h     []byte  // as it is now; written only when it is staged
	flat  *[]byte // of EditFlat
	state hllState
}

type hllState uint8

const (
	hllAsItWas hllState = iota
	hllFlat             // in flat
	hllPaged            // dense, in a page
)

// editHLL begins to change the HyperLogLog at key, which is made if was is empty.
func editHLL(t *txn, key string, was engine.Str) *hllEdit {
	e := &hllEdit{t: t, key: key, was: was, h: stringBytes(was.String())}
	if len(e.h) == 0 {
		e.stage(hyperloglog.New())
	}
	return e
}

// own makes the bytes writable.
func (e *hllEdit) own() {
	if e.state == hllAsItWas {
		e.stage(e.h)
	}
}

// stage stages bytes that are not those staged now.
func (e *hllEdit) stage(h []byte) {
	switch {
	case !hyperloglog.IsDense(bytesAsString(h)):
		e.flat = e.t.EditFlat(e.key, engine.StringRaw)
		*e.flat = append((*e.flat)[:0], h...)
		e.h, e.state = *e.flat, hllFlat
	case e.state == hllAsItWas:
		e.h, e.state = editString(e.t, e.key, e.was, 0).pages.Own(0), hllPaged
	default: // it became dense
		p := engine.NewPages(bytesAsString(h))
		e.t.SetObject(e.key, p, engine.KeepTTL)
		e.h, e.state = p.Own(0), hllPaged
	}
}

// add raises a register and reports whether it was lower.
func (e *hllEdit) add(index int, value uint8) (bool, error) {
	was, err := hyperloglog.Get(bytesAsString(e.h), index)
	if err != nil {
		return false, errCorruptHLL
	}
	if was >= value {
		return false, nil
	}
	e.own()
	h, changed, err := hyperloglog.Add(e.h, index, value, e.t.Engine().SparseHLL())
	if err != nil {
		return false, errCorruptHLL
	}
	if e.state == hllFlat && hyperloglog.IsDense(bytesAsString(h)) {
		e.stage(h)
	} else if e.h = h; e.flat != nil && e.state == hllFlat {
		*e.flat = h
	}
	return changed, nil
}

// PFAdd adds elements to the HyperLogLog at key, which is made if need be, and
// reports whether its estimate may have changed. O(1) an element.
func (c Commands) PFAdd(key string, elements ...string) (bool, error) {
	return opPFAdd.Do(c.s, pfAddArgs{key, elements})
}

type pfAddArgs struct {
	key      string
	elements []string
}

var opPFAdd = add(&op[pfAddArgs, bool]{
	Spec: spec{
		Name: "PFADD", Arity: -2, Flags: write | denyOOM | fast, Keys: engine.One("RW INSERT"),
		Group: "hyperloglog", Since: "2.8.9", Complexity: "O(1) for each element", Syntax: "key:key [element:string...]",
		Summary: "Adds elements to a HyperLogLog, making it if need be.",
	},
	Parse: func(p *args) pfAddArgs { return pfAddArgs{p.Key(), p.Rest()} },
	Keys:  func(k *keySet, a pfAddArgs) { k.Write(a.key) },
	Run: func(t *txn, a pfAddArgs) (bool, error) {
		was, err := readHLL(t, a.key)
		if err != nil && err != ErrNil {
			return false, err
		}
		elements := a.elements
		if err == nil {
			if elements, err = unknownTo(was.String(), elements); err != nil || len(elements) == 0 {
				return false, err
			}
		}
		e := editHLL(t, a.key, was)
		for _, el := range elements {
			if _, err := e.add(hyperloglog.Hash(el)); err != nil {
				return false, err
			}
		}
		hyperloglog.Invalidate(e.h)
		if t.Replicating() {
			t.Effect('$', "pfadd", a.key, append([]string{"PFADD", a.key}, a.elements...)...)
		} else {
			t.Effect('$', "pfadd", a.key)
		}
		return true, nil
	},
	Reply: replyBool,
})

// PFCount estimates the number of distinct elements that were added to the
// HyperLogLogs at keys taken together, with a standard error of 0.81 %. A missing key
// has none. O(1) for one key, whose estimate is kept; O(n) for several, with 16,384
// registers each.
func (c Commands) PFCount(keys ...string) (int64, error) {
	if len(keys) == 0 {
		return 0, arityError("pfcount")
	}
	return opPFCount.Do(c.s, keys)
}

var opPFCount = add(&op[[]string, int64]{
	Spec: spec{
		Name: "PFCOUNT", Arity: -2, Flags: readOnly | engine.MayReplicate, Keys: engine.AllFrom("RW ACCESS", -1, 1),
		Group: "hyperloglog", Since: "2.8.9", Complexity: "O(1) for one key, O(N) for N keys with a high constant",
		Syntax:  "key:key...",
		Summary: "Estimates how many distinct elements were added to HyperLogLogs.",
	},
	Parse: (*args).Rest,
	Keys: func(k *keySet, keys []string) {
		if len(keys) == 1 {
			k.Write(keys[0]) // the estimate is kept
		} else {
			k.ReadAll(keys)
		}
	},
	Run: func(t *txn, keys []string) (int64, error) {
		if len(keys) == 1 {
			return countHLL(t, keys[0])
		}
		var all hyperloglog.Registers
		for _, key := range keys {
			if err := mergeHLL(t, &all, key); err != nil && err != ErrNil {
				return 0, err
			}
		}
		return int64(all.Count()), nil
	},
	Reply: (*reply).Int,
})

// mergeHLL raises the registers to those at key.
func mergeHLL(t *txn, all *hyperloglog.Registers, key string) error {
	v, err := readHLL(t, key)
	if err != nil {
		return err
	}
	if hyperloglog.Merge(all, v.String()) != nil {
		return errCorruptHLL
	}
	return nil
}

// countHLL is PFCOUNT of one key. Where it may, it keeps the estimate.
func countHLL(t *txn, key string) (int64, error) {
	v, err := readHLL(t, key)
	if err != nil {
		return 0, ignoreNil(err)
	}
	if n, ok := hyperloglog.Cached(v.String()); ok {
		return int64(n), nil
	}
	n, err := hyperloglog.Count(v.String())
	if err != nil {
		return 0, errCorruptHLL
	}
	if t.MayWrite(key) {
		e := editHLL(t, key, v)
		e.own()
		hyperloglog.SetCached(e.h, n)
		t.Effect(0, "", key, "PFCOUNT", key)
	}
	return int64(n), nil
}

// PFMerge makes the HyperLogLog at dest, which is made if need be, count what those at
// keys count as well. O(n) with 16,384 registers each.
func (c Commands) PFMerge(dest string, keys ...string) error {
	_, err := opPFMerge.Do(c.s, pfMergeArgs{dest, keys})
	return err
}

// unknownTo returns the elements from the first on that raises a register of h.
func unknownTo(h string, elements []string) ([]string, error) {
	for i, el := range elements {
		index, value := hyperloglog.Hash(el)
		was, err := hyperloglog.Get(h, index)
		if err != nil {
			return nil, errCorruptHLL
		}
		if was < value {
			return elements[i:], nil
		}
	}
	return nil, nil
}

type pfMergeArgs struct {
	dest string
	keys []string
}

var opPFMerge = add(&op[pfMergeArgs, none]{
	Spec: spec{
		Name: "PFMERGE", Arity: -2, Flags: write | denyOOM,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS INSERT", Index: 1}, {Flags: "RO ACCESS", Index: 2, Last: -1}},
		Group: "hyperloglog", Since: "2.8.9", Complexity: "O(N) for N keys, with a high constant", Syntax: "destkey:key sourcekey:key...",
		Summary: "Merges HyperLogLogs into one.",
	},
	Parse: func(p *args) pfMergeArgs { return pfMergeArgs{p.Key(), p.Rest()} },
	Keys:  func(k *keySet, a pfMergeArgs) { k.Write(a.dest); k.ReadAll(a.keys) },
	Run: func(t *txn, a pfMergeArgs) (n none, err error) {
		was, err := readHLL(t, a.dest)
		if err != nil && err != ErrNil {
			return n, err
		}
		var all hyperloglog.Registers
		isDense := err == nil && hyperloglog.IsDense(was.String())
		if err == nil && hyperloglog.Merge(&all, was.String()) != nil {
			return n, errCorruptHLL
		}
		for _, key := range a.keys {
			switch err := mergeHLL(t, &all, key); err {
			case nil:
				v, _ := t.String(key)
				isDense = isDense || hyperloglog.IsDense(v.String())
			case ErrNil:
			default:
				return n, err
			}
		}
		e := editHLL(t, a.dest, was)
		if e.own(); isDense && e.state == hllFlat {
			h, err := hyperloglog.ToDense(e.h)
			if err != nil {
				return n, errCorruptHLL
			}
			e.stage(h)
		}
		for i, v := range all {
			if v != 0 {
				if _, err := e.add(i, v); err != nil {
					return n, err
				}
			}
		}
		hyperloglog.Invalidate(e.h)
		if t.Replicating() {
			t.Effect('$', "pfadd", a.dest, append([]string{"PFMERGE", a.dest}, a.keys...)...)
		} else {
			t.Effect('$', "pfadd", a.dest)
		}
		return n, nil
	},
	Reply: replyOK,
})

type pfDebugArgs struct{ what, key string }

// A pfDebugReply is a line, or a text, or numbers.
type pfDebugReply struct {
	line, text string
	n          int64
	registers  *hyperloglog.Registers
}

var _ = add(&op[pfDebugArgs, pfDebugReply]{
	Spec: spec{
		Name: "PFDEBUG", Arity: 3, Flags: write | denyOOM | engine.Admin, Keys: []engine.KeySpec{{Flags: "RW ACCESS", Index: 2}},
		Group: "hyperloglog", Since: "2.8.9", Complexity: "O(1), with 16,384 registers", Syntax: "subcommand:string key:key",
		Summary: "Looks into a HyperLogLog.",
	},
	Parse: func(p *args) pfDebugArgs { return pfDebugArgs{p.String(), p.Key()} },
	Keys:  func(k *keySet, a pfDebugArgs) { k.Write(a.key) },
	Run:   pfDebug,
	Reply: func(w *reply, r pfDebugReply) {
		switch {
		case r.registers != nil:
			w.Array(len(r.registers))
			for _, v := range r.registers {
				w.Int(int64(v))
			}
		case r.line != "":
			w.Simple(r.line)
		case r.text != "":
			w.Bulk(r.text)
		default:
			w.Int(r.n)
		}
	},
})

func pfDebug(t *txn, a pfDebugArgs) (r pfDebugReply, err error) {
	v, err := readHLL(t, a.key)
	if err == ErrNil {
		err = Error("ERR The specified key does not exist")
	}
	if err != nil {
		return r, err
	}
	isDense := hyperloglog.IsDense(v.String())
	switch strings.ToUpper(a.what) {
	case "GETREG":
		r.registers = new(hyperloglog.Registers)
		if hyperloglog.Merge(r.registers, v.String()) != nil {
			return r, errCorruptHLL
		}
		err = makeDense(t, a.key, v, "PFDEBUG", a.what, a.key)
	case "DECODE":
		if isDense {
			return r, Error("ERR HLL encoding is not sparse")
		}
		if r.text, err = hyperloglog.Decode(v.String()); err != nil {
			return r, errCorruptHLL
		}
	case "ENCODING":
		if r.line = "sparse"; isDense {
			r.line = "dense"
		}
	case "TODENSE":
		if !isDense {
			r.n = 1
		}
		err = makeDense(t, a.key, v, "PFDEBUG", a.what, a.key)
	default:
		return r, Error(fmt.Sprintf("ERR Unknown PFDEBUG subcommand '%s'", a.what))
	}
	return r, err
}

// makeDense makes a sparse one dense, as an effect that counts the same.
func makeDense(t *txn, key string, was engine.Str, words ...string) error {
	if hyperloglog.IsDense(was.String()) {
		return nil
	}
	h, err := hyperloglog.ToDense(stringBytes(was.String()))
	if err != nil {
		return errCorruptHLL
	}
	t.SetObject(key, engine.NewPages(bytesAsString(h)), engine.KeepTTL)
	t.EffectAside(0, "", key, words...)
	return nil
}

var _ = add(&op[none, none]{
	Spec: spec{
		Name: "PFSELFTEST", Arity: 1, Flags: engine.Admin,
		Group: "hyperloglog", Since: "2.8.9", Complexity: "O(1), with a high constant",
		Summary: "Tests the HyperLogLogs of this server.",
	},
	Parse: func(*args) none { return none{} },
	Keys:  func(*keySet, none) {},
	Run: func(*txn, none) (n none, err error) {
		if failed := hyperloglog.SelfTest(); failed != nil {
			err = Error("TESTFAILED " + failed.Error())
		}
		return n, err
	},
	Reply: replyOK,
})
