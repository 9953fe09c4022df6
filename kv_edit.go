package larder

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// Strings in part and as numbers: APPEND SETRANGE GETRANGE SUBSTR STRLEN INCR
// INCRBY DECR DECRBY INCRBYFLOAT.

type keyValue struct{ key, value string }

// Append adds value at the end of the string at key, which is made if need be,
// and returns its length in bytes.
func (c Commands) Append(key, value string) (int64, error) {
	return opAppend.Do(c.s, keyValue{key, value})
}

var opAppend = add(&op[keyValue, int64]{
	Spec: spec{
		Name: "APPEND", Arity: 3, Flags: write | denyOOM | fast, Keys: engine.One("RW INSERT"),
		Group: "string", Since: "2.0.0", Complexity: "O(1) amortized", Syntax: "key:key value:string",
		Summary: "Adds to the end of a string, making it if need be.",
	},
	Parse: func(p *args) keyValue { return keyValue{p.Key(), p.String()} },
	Keys:  func(k *keySet, a keyValue) { k.Write(a.key) },
	Run: func(t *txn, a keyValue) (int64, error) {
		was, err := t.String(a.key)
		n := was.Len() // a long string is edited where it lies
		switch {
		case err == ErrNil:
			t.Set(a.key, a.value, formOf(a.value), 0)
		case err != nil:
			return 0, err
		case !fits(t, n, len(a.value)):
			return 0, ErrTooLong
		default:
			splice(t, a.key, was, n, a.value)
		}
		t.Effect('$', "append", a.key, "APPEND", a.key, a.value)
		return int64(n + len(a.value)), nil
	},
	Reply: (*reply).Int,
})

// fits reports whether a string may grow from off by n bytes.
func fits(t *txn, off, n int) bool { return int64(off)+int64(n) <= t.Engine().MaxString() }

// splice stages the string that was with s written at off, zeros between. Long
// strings are edited in place, page by page.
func splice(t *txn, key string, was engine.Str, off int, s string) {
	editString(t, key, was, off+len(s)).write(off, s)
}

// A stringEdit is a string that is being edited: flat, or long.
type stringEdit struct {
	flat  []byte
	pages *engine.Pages // nil: flat
}

// editString stages the string that was, lengthened with zeros to n bytes if it is
// shorter.
func editString(t *txn, key string, was engine.Str, n int) stringEdit {
	n = max(n, was.Len())
	if was.Pages == nil && n < engine.PagesFrom {
		b := t.EditFlat(key, engine.StringRaw)
		for len(*b) < n {
			*b = append(*b, 0)
		}
		return stringEdit{flat: *b}
	}
	var p *engine.Pages
	if was.Pages != nil {
		p, _ = engine.Edit[*engine.Pages](t, key, nil)
	} else {
		p = engine.NewPages(was.Flat)
		t.SetObject(key, p, engine.KeepTTL)
	}
	p.Grow(n)
	return stringEdit{pages: p}
}

// str is the string as it is now; it changes with it.
func (e stringEdit) str() engine.Str {
	if e.pages != nil {
		return engine.Str{Pages: e.pages}
	}
	return engine.Str{Flat: bytesAsString(e.flat)}
}

// write overwrites bytes that are there.
func (e stringEdit) write(off int, s string) {
	if e.pages != nil {
		e.pages.Write(off, s)
	} else {
		copy(e.flat[off:], s)
	}
}

// SetRange writes value at an offset in bytes of the string at key, which is
// made and filled with zeros as need be, and returns its length.
func (c Commands) SetRange(key string, offset int64, value string) (int64, error) {
	return opSetRange.Do(c.s, setRangeArgs{key, offset, value})
}

type setRangeArgs struct {
	key    string
	offset int64
	value  string
}

var opSetRange = add(&op[setRangeArgs, int64]{
	Spec: spec{
		Name: "SETRANGE", Arity: 4, Flags: write | denyOOM, Keys: engine.One("RW UPDATE"),
		Group: "string", Since: "2.2.0", Complexity: "O(N) for N bytes written or filled", Syntax: "key:key offset:integer value:string",
		Summary: "Overwrites a part of a string, from an offset on.",
	},
	Parse: func(p *args) setRangeArgs { return setRangeArgs{p.Key(), p.Int(), p.String()} },
	Keys:  func(k *keySet, a setRangeArgs) { k.Write(a.key) },
	Run: func(t *txn, a setRangeArgs) (int64, error) {
		if a.offset < 0 {
			return 0, Error("ERR offset is out of range")
		}
		was, err := t.String(a.key)
		if err != nil && err != ErrNil {
			return 0, err
		}
		n := int64(was.Len()) // a long string is edited where it lies
		if a.value == "" {
			return n, nil
		}
		if a.offset > t.Engine().MaxString() || !fits(t, int(a.offset), len(a.value)) {
			return 0, ErrTooLong
		}
		splice(t, a.key, was, int(a.offset), a.value)
		t.Effect('$', "setrange", a.key, "SETRANGE", a.key, t.Int(a.offset), a.value)
		return max(n, a.offset+int64(len(a.value))), nil
	},
	Reply: (*reply).Int,
})

// GetRange returns the bytes from start to end, both inclusive, of the string at
// key; negative offsets count from its end. What lies outside is left out, and a
// missing key is an empty string.
func (c Commands) GetRange(key string, start, end int64) (string, error) {
	v, err := opGetRange.Do(c.s, rangeArgs{key, start, end})
	return v.Flat, err
}

type rangeArgs struct {
	key        string
	start, end int64
}

var opGetRange = add(&op[rangeArgs, engine.Str]{
	Spec: spec{
		Name: "GETRANGE", Arity: 4, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "string", Since: "2.4.0", Complexity: "O(N) for N bytes returned", Syntax: "key:key start:integer end:integer",
		Summary: "Reads a part of a string.",
	},
	Parse: func(p *args) rangeArgs { return rangeArgs{p.Key(), p.Int(), p.Int()} },
	Keys:  func(k *keySet, a rangeArgs) { k.Read(a.key) },
	Run: func(t *txn, a rangeArgs) (engine.Str, error) {
		v, err := t.String(a.key)
		if err != nil {
			return v, ignoreNil(err)
		}
		n := int64(v.Len())
		if a.start < 0 && a.end < 0 && a.start > a.end {
			return engine.Str{}, nil
		}
		from, to := fromEnd(a.start, n), min(fromEnd(a.end, n), n-1)
		if from > to || n == 0 {
			return engine.Str{}, nil
		}
		return v.Slice(int(from), int(to)+1), nil
	},
	Keep:  engine.Str.Keep,
	Reply: replyStr,
})

// fromEnd turns an offset that may count from the end of n bytes into one that
// counts from their beginning.
func fromEnd(i, n int64) int64 {
	if i < 0 {
		return max(0, i+n)
	}
	return i
}

func ignoreNil(err error) error {
	if err == ErrNil {
		return nil
	}
	return err
}

var _ = add(&op[rangeArgs, engine.Str]{
	Spec: spec{
		Name: "SUBSTR", Arity: 4, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "string", Since: "1.0.0", Complexity: "O(N) for N bytes returned", Syntax: "key:key start:integer end:integer",
		Summary: "Reads a part of a string, by its older name.", Deprecated: "2.0.0", Replaced: "GETRANGE",
	},
	Parse: opGetRange.Parse,
	Keys:  opGetRange.Keys,
	Run:   opGetRange.Run,
	Keep:  opGetRange.Keep,
	Reply: replyStr,
})

// StrLen returns the length in bytes of the string at key, 0 for a missing one.
func (c Commands) StrLen(key string) (int64, error) { return opStrLen.Do(c.s, key) }

var opStrLen = add(&op[string, int64]{
	Spec: spec{
		Name: "STRLEN", Arity: 2, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "string", Since: "2.2.0", Complexity: "O(1)", Syntax: "key:key",
		Summary: "Counts the bytes of a string.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run: func(t *txn, key string) (int64, error) {
		v, err := t.String(key)
		return int64(v.Len()), ignoreNil(err)
	},
	Reply: (*reply).Int,
})

// Incr adds 1 to the integer at key and returns the sum; a missing key is 0.
func (c Commands) Incr(key string) (int64, error) { return c.IncrBy(key, 1) }

// Decr takes 1 from the integer at key and returns what is left.
func (c Commands) Decr(key string) (int64, error) { return c.IncrBy(key, -1) }

// IncrBy adds by to the integer at key and returns the sum. It must fit in 64
// bits: ErrOverflow, and nothing is changed.
func (c Commands) IncrBy(key string, by int64) (int64, error) {
	return opIncrBy.Do(c.s, incrArgs{key: key, by: by})
}

// DecrBy takes by from the integer at key and returns what is left.
func (c Commands) DecrBy(key string, by int64) (int64, error) {
	if by == math.MinInt64 {
		return 0, errDecrOverflow
	}
	return opIncrBy.Do(c.s, incrArgs{key: key, by: -by})
}

const errDecrOverflow Error = "ERR decrement would overflow"

type incrArgs struct {
	key  string
	by   int64
	name incrName
}

// incrName is the command by which an integer is changed, for its effect.
type incrName uint8

const (
	incrBy incrName = iota
	incrOne
	decrOne
	decrBy
)

// effect tells a change by the command that was given.
func (a *incrArgs) effect(t *txn) {
	switch a.name {
	case incrOne:
		t.Effect('$', "incrby", a.key, "INCR", a.key)
	case decrOne:
		t.Effect('$', "incrby", a.key, "DECR", a.key)
	case decrBy:
		t.Effect('$', "incrby", a.key, "DECRBY", a.key, t.Int(-a.by))
	default:
		t.Effect('$', "incrby", a.key, "INCRBY", a.key, t.Int(a.by))
	}
}

var (
	_ = add(incrOp("INCR", 2, "1.0.0", "key:key", "Adds one to an integer.",
		func(p *args) incrArgs { return incrArgs{p.Key(), 1, incrOne} }))
	_ = add(incrOp("DECR", 2, "1.0.0", "key:key", "Takes one from an integer.",
		func(p *args) incrArgs { return incrArgs{p.Key(), -1, decrOne} }))
	opIncrBy = add(incrOp("INCRBY", 3, "1.0.0", "key:key increment:integer", "Adds to an integer.",
		func(p *args) incrArgs { return incrArgs{p.Key(), p.Int(), incrBy} }))
	_ = add(incrOp("DECRBY", 3, "1.0.0", "key:key decrement:integer", "Takes from an integer.",
		func(p *args) incrArgs {
			a := incrArgs{p.Key(), p.Int(), decrBy}
			if a.by == math.MinInt64 {
				p.Fail(errDecrOverflow)
			}
			a.by = -a.by
			return a
		}))
)

// incrOp is a command that adds to an integer; they differ in what.
func incrOp(name string, arity int, since, syntax, summary string, parse func(*args) incrArgs) *op[incrArgs, int64] {
	return &op[incrArgs, int64]{
		Spec: spec{
			Name: name, Arity: arity, Flags: write | denyOOM | fast, Keys: engine.One("RW ACCESS UPDATE"),
			Group: "string", Since: since, Complexity: "O(1)", Syntax: syntax, Summary: summary,
		},
		Parse: parse,
		Keys:  func(k *keySet, a incrArgs) { k.Write(a.key) },
		Run:   incr,
		Reply: (*reply).Int,
	}
}

func incr(t *txn, a incrArgs) (int64, error) {
	v, err := t.String(a.key)
	var n int64
	switch {
	case err == nil:
		var ok bool
		if v.Len() > 20 {
			return 0, ErrNotInt
		}
		if n, ok = engine.ParseInt(v.String()); !ok {
			return 0, ErrNotInt
		}
	case err != ErrNil:
		return 0, err
	}
	if a.by > 0 && n > math.MaxInt64-a.by || a.by < 0 && n < math.MinInt64-a.by {
		return 0, ErrOverflow
	}
	n += a.by
	t.Set(a.key, t.Digits(n), engine.StringInt, engine.KeepTTL)
	a.effect(t)
	return n, nil
}

// IncrByFloat adds by to the number at key and returns the sum. It is computed
// and written with the 64 bits of precision of Redis's long double.
func (c Commands) IncrByFloat(key string, by float64) (float64, error) {
	s, err := opIncrByFloat.Do(c.s, incrFloatArgs{key, strconv.FormatFloat(by, 'g', -1, 64)})
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(s, 64)
}

type incrFloatArgs struct{ key, by string }

var opIncrByFloat = add(&op[incrFloatArgs, string]{
	Spec: spec{
		Name: "INCRBYFLOAT", Arity: 3, Flags: write | denyOOM | fast, Keys: engine.One("RW ACCESS UPDATE"),
		Group: "string", Since: "2.6.0", Complexity: "O(1)", Syntax: "key:key increment:double",
		Summary: "Adds to a number that may have a fraction.",
	},
	Parse: func(p *args) incrFloatArgs { return incrFloatArgs{p.Key(), p.String()} },
	Keys:  func(k *keySet, a incrFloatArgs) { k.Write(a.key) },
	Run: func(t *txn, a incrFloatArgs) (string, error) {
		v, err := t.String(a.key)
		if err != nil && err != ErrNil {
			return "", err
		}
		was := new(big.Float)
		if err == nil {
			if was, err = parseLongDouble(v.String()); err != nil {
				return "", err
			}
		}
		by, err := parseLongDouble(a.by)
		if err != nil {
			return "", err
		}
		if was.IsInf() || by.IsInf() {
			return "", Error("ERR increment would produce NaN or Infinity")
		}
		total := new(big.Float).SetPrec(longDouble).Add(was, by)
		if total.MantExp(nil) > longDoubleExp {
			return "", Error("ERR increment would produce NaN or Infinity")
		}
		sum := formatLongDouble(total)
		form := engine.StringEmbstr // never an integer, whatever it looks like
		if len(sum) > embstrMax {
			form = engine.StringRaw
		}
		t.Set(a.key, sum, form, engine.KeepTTL)
		t.Effect('$', "incrbyfloat", a.key, "SET", a.key, sum, "KEEPTTL")
		return sum, nil
	},
	Reply: (*reply).Bulk,
})

// longDouble is the precision, and longDoubleExp the greatest exponent, in bits,
// of the numbers with which Redis counts on most machines: the 80-bit format of
// the x87.
const (
	longDouble    = 64
	longDoubleExp = 16384
)

// maxFloatText is the length from which on Redis reads no number.
const maxFloatText = 5 << 10

// parseLongDouble reads a number as C's strtold does, without blanks around it.
func parseLongDouble(s string) (*big.Float, error) {
	if len(s) >= maxFloatText || strings.Contains(s, "_") || strings.EqualFold(s, "nan") {
		return nil, ErrNotFloat
	}
	base := 10
	if digits := strings.TrimLeft(s, "+-"); len(digits) > 1 && (digits[1] == 'x' || digits[1] == 'X') {
		base = 16
		s = strings.Replace(strings.Replace(s, "0x", "", 1), "0X", "", 1)
	}
	if strings.EqualFold(strings.TrimLeft(s, "+-"), "infinity") {
		s = s[:len(s)-len("inity")]
	}
	f, _, err := big.ParseFloat(s, base, longDouble, big.ToNearestEven)
	if err != nil || !f.IsInf() && f.MantExp(nil) > longDoubleExp {
		return nil, ErrNotFloat
	}
	return f, nil
}

// formatLongDouble writes a number with 17 decimals and without the zeros at
// their end.
func formatLongDouble(f *big.Float) string {
	s := f.Text('f', 17)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}
