package larder

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/engine"
)

// Sorting lists, sets and sorted sets: SORT SORT_RO.

// SortArgs are the arguments of SORT.
type SortArgs struct {
	Key string // of a list, a set or a sorted set

	// By names, with the element in the place of its first "*", the key of the string
	// to sort by; "weight:*->field" a field of a hash. One without "*" says not to sort:
	// lists and sorted sets then come in their order, or with Desc backwards.
	By string

	// Get names in the same way what is returned in the place of each element, in
	// turns; "#" is the element itself.
	Get []string

	Offset, Count int64 // leaves out so many, returns at most so many; Count 0 means all
	Desc          bool
	Alpha         bool // as bytes, not as numbers
}

// Sort returns the elements of a collection in order, or what a.Get names in their
// place: "" where there is no such value. It returns an error if what it sorts by is no
// number, unless a.Alpha is set. O(n log n) for n elements. With By or Get it locks the
// whole keyspace, for reading.
func (c Commands) Sort(a SortArgs) ([]string, error) {
	values, err := c.SortGet(a)
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.Value
	}
	return out, err
}

// SortGet is Sort that tells which values there are.
func (c Commands) SortGet(a SortArgs) ([]Maybe, error) {
	in, err := a.internal()
	if err != nil {
		return nil, err
	}
	r, err := opSortRO.Do(c.s, in)
	return r.kept, err
}

// SortStore makes what Sort returns a list, the value of dst, whatever that held, and
// returns its length. No elements delete dst. With By or Get it locks the whole
// keyspace.
func (c Commands) SortStore(dst string, a SortArgs) (int64, error) {
	in, err := a.internal()
	if err != nil {
		return 0, err
	}
	in.dst, in.store = dst, true
	r, err := opSort.Do(c.s, in)
	return r.stored, err
}

func (a SortArgs) internal() (sortArgs, error) {
	in := sortArgs{key: a.Key, get: a.Get, offset: a.Offset, count: -1, desc: a.Desc, alpha: a.Alpha}
	if a.Offset < 0 || a.Count < 0 {
		return in, ErrSyntax
	}
	if a.Count > 0 {
		in.count = a.Count
	}
	if a.By != "" {
		in.sortBy(a.By)
	}
	return in, nil
}

type sortArgs struct {
	key           string
	by            string
	hasBy, asIs   bool
	get           []string
	limited       bool
	offset, count int64 // count less than 0: all
	desc, alpha   bool
	dst           string
	store         bool
}

// sortBy takes a pattern; one that is the same for all elements means not to sort, and
// no other after it changes that.
func (a *sortArgs) sortBy(pattern string) {
	a.by, a.hasBy = pattern, true
	if _, ok := parsePattern(pattern); !ok {
		a.asIs = true
	}
}

func (a *sortArgs) parse(p *args, readOnly bool) {
	a.key, a.count = p.Key(), -1
	for p.More() {
		switch {
		case p.Flag("ASC"):
			a.desc = false
		case p.Flag("DESC"):
			a.desc = true
		case p.Flag("ALPHA"):
			a.alpha = true
		case p.FlagWith("LIMIT", 2):
			a.limited, a.offset, a.count = true, p.Int(), p.Int()
		case !readOnly && p.FlagWith("STORE", 1):
			a.dst, a.store = p.Key(), true
		case p.FlagWith("BY", 1):
			a.sortBy(p.String())
		case p.FlagWith("GET", 1):
			a.get = append(a.get, p.String())
		default:
			p.Syntax()
		}
	}
}

// keys names the keys, or all where what is read depends on the elements.
func (a *sortArgs) keys(k *keySet) {
	k.Read(a.key)
	if a.store {
		k.Write(a.dst)
	}
	if a.hasBy && !a.asIs || slices.ContainsFunc(a.get, func(get string) bool {
		_, ok := parsePattern(get)
		return ok
	}) {
		k.All()
	}
}

// A sortPattern names a key, or a field of a hash, for each element.
type sortPattern struct {
	before, after string // the element
	field         string // "" for a string's key
}

// parsePattern takes a pattern apart; ok is false for one without a star. As in C a
// pattern ends with a zero byte, for those who look for the star and the arrow.
func parsePattern(s string) (p sortPattern, ok bool) {
	star := strings.IndexByte(cString(s), '*')
	if star < 0 {
		return p, false
	}
	p.before, p.after = s[:star], s[star+1:]
	if i := strings.Index(cString(p.after), "->"); i >= 0 && i+2 < len(cString(p.after)) {
		p.after, p.field = p.after[:i], p.after[i+2:]
	}
	return p, true
}

// value returns what a pattern names for an element; ok is false where there is no
// such key, no such field, or a value of another type.
func (p *sortPattern) value(t *txn, element string) (v listpack.Value, ok bool) {
	// Not in a buffer: the key of one that is found expired is needed until the end.
	key := p.before + element + p.after
	if p.field == "" {
		str, err := t.String(key)
		return listpack.StringValue(stringBytes(str.String())), err == nil
	}
	fields, err := t.Hash(key)
	if err != nil {
		return v, false
	}
	e, ok := fields.Get(p.field)
	if n, isInt := e.Int(); isInt {
		return listpack.IntValue(n), ok
	}
	return listpack.StringValue(stringBytes(e.String())), ok
}

// A sortItem is an element, with what it is sorted by.
type sortItem struct {
	text  string
	by    string // with ALPHA
	score float64
	place int32 // where it was before
	noBy  bool  // there is no such key
}

// A sortReply are values that borrow from the keyspace, of which some may be missing;
// or how many were stored.
type sortReply struct {
	values []sortValue
	stored int64
	store  bool
	kept   []Maybe
}

type sortValue struct {
	v  listpack.Value
	ok bool
}

const (
	syntaxSort = "key:key [BY pattern:pattern#1] [LIMIT offset_count<offset:integer count:integer>] " +
		"[GET pattern:pattern#1]... [order<ASC|DESC>] [sorting=ALPHA]"
	complexitySort = "O(N+M*log(M)) for M elements sorted and N returned"
	aclSort        = "-keyspace set sortedset list dangerous"
)

var sortedKey = engine.KeySpec{Flags: "RO ACCESS", Index: 1}

var opSort = add(&op[sortArgs, sortReply]{
	Spec: spec{
		Name: "SORT", Arity: -2, Flags: write | denyOOM | engine.MovableKeys, ACL: aclSort,
		Keys:  []engine.KeySpec{sortedKey, {Flags: "RO ACCESS"}, {Flags: "OW UPDATE"}},
		Group: "generic", Since: "1.0.0", Complexity: complexitySort, Syntax: syntaxSort + " [STORE destination:key#2]",
		Summary: "Sorts the elements of a list, a set or a sorted set, and may store them as a list.",
	},
	Parse: func(p *args) (a sortArgs) {
		a.parse(p, false)
		return a
	},
	Keys:  func(k *keySet, a sortArgs) { a.keys(k) },
	Run:   runSort,
	Keep:  sortReply.keep,
	Reply: replySorted,
})

var opSortRO = add(&op[sortArgs, sortReply]{
	Spec: spec{
		Name: "SORT_RO", Arity: -2, Flags: readOnly | engine.MovableKeys, ACL: aclSort,
		Keys:  []engine.KeySpec{sortedKey, {Flags: "RO ACCESS"}},
		Group: "generic", Since: "7.0.0", Complexity: complexitySort, Syntax: syntaxSort,
		Summary: "Sorts the elements of a list, a set or a sorted set.",
	},
	Parse: func(p *args) (a sortArgs) {
		a.parse(p, true)
		return a
	},
	Keys:  func(k *keySet, a sortArgs) { a.keys(k) },
	Run:   runSort,
	Keep:  sortReply.keep,
	Reply: replySorted,
})

func (r sortReply) keep() sortReply {
	if r.values != nil {
		r.kept = make([]Maybe, len(r.values))
	}
	for i, v := range r.values {
		if v.ok {
			r.kept[i] = Maybe{v.v.String(), true}
		}
	}
	r.values = nil
	return r
}

func replySorted(w *reply, r sortReply) {
	if r.store {
		w.Int(r.stored)
		return
	}
	w.Array(len(r.values))
	for _, v := range r.values {
		if v.ok {
			replyValue(w, v.v)
		} else {
			w.Null()
		}
	}
}

const errSortScore Error = "ERR One or more scores can't be converted into double"

func runSort(t *txn, a sortArgs) (r sortReply, err error) {
	var words []string
	if a.store && t.Replicating() {
		words = a.words()
	}
	items, err := a.sorted(t)
	if err != nil {
		return r, err
	}
	values := a.values(t, items)
	if !a.store {
		r.values = values
		return r, nil
	}
	r.store, r.stored = true, int64(len(values))
	if len(values) == 0 {
		if t.Delete(a.dst) {
			t.Effect('g', "del", a.dst, words...)
		}
		return r, nil
	}
	list := t.NewList()
	var digits [20]byte
	for _, v := range values {
		list.Push(false, bytesAsString(valueBytes(v.v, digits[:0]))) // what is missing is stored empty
	}
	list.Publish(a.dst)
	t.Effect('l', "sortstore", a.dst, words...)
	return r, nil
}

// values returns what is asked for of each item.
func (a *sortArgs) values(t *txn, items []sortItem) []sortValue {
	if len(a.get) == 0 {
		values := make([]sortValue, len(items))
		for i := range items {
			values[i] = sortValue{listpack.StringValue(stringBytes(items[i].text)), true}
		}
		return values
	}
	values := make([]sortValue, 0, len(items)*len(a.get))
	for i := range items {
		for _, get := range a.get {
			var v sortValue
			if get == "#" {
				v = sortValue{listpack.StringValue(stringBytes(items[i].text)), true}
			} else if p, ok := parsePattern(get); ok {
				v.v, v.ok = p.value(t, items[i].text)
			}
			values = append(values, v)
		}
	}
	return values
}

// sorted returns the elements that are asked for, in order.
func (a *sortArgs) sorted(t *txn) ([]sortItem, error) {
	v, ok := t.Value(a.key)
	if !ok {
		return nil, nil
	}
	set := v.Type() == engine.TypeSet
	if a.asIs && set && a.store {
		// A replica may have the set in another order, so that there must be one.
		a.asIs, a.alpha, a.hasBy = false, true, false
	}
	l, n, err := sortLoader(v)
	if err != nil {
		return nil, err
	}
	from := int(min(max(a.offset, 0), int64(n)))
	to := n
	if a.count >= 0 {
		to = from + int(min(a.count, int64(n-from)))
	}
	switch {
	case from == to && a.asIs:
		return nil, nil
	case a.asIs && !set:
		return l(from, to, a.desc), nil // no others are looked at
	}
	items := l(0, n, false)
	if !a.asIs {
		if err := a.weigh(t, items); err != nil {
			return nil, err
		}
		slices.SortFunc(items, a.compare(set))
	}
	return items[from:to], nil
}

// weigh finds what each item is sorted by.
func (a *sortArgs) weigh(t *txn, items []sortItem) error {
	if !a.hasBy {
		if a.alpha {
			return nil
		}
		for i := range items {
			var ok bool
			if items[i].score, ok = sortScore(items[i].text); !ok {
				return errSortScore
			}
		}
		return nil
	}
	by, _ := parsePattern(a.by)
	failed := false
	for i := range items {
		it := &items[i]
		v, ok := by.value(t, it.text)
		switch {
		case !ok:
			it.noBy = true
		case a.alpha:
			it.by = bytesAsString(valueBytes(v, nil))
		default:
			if it.score, ok = sortScore(bytesAsString(valueBytes(v, nil))); !ok {
				failed = true
			}
		}
	}
	if failed {
		return errSortScore
	}
	return nil
}

// leastNormal is the least number that has all its digits: what is less, C calls out of
// range.
const leastNormal = 0x1p-1022

// sortScore reads a number as C's strtod does, up to a zero byte, with blanks before it;
// nothing at all is 0.
func sortScore(s string) (float64, bool) {
	if s = cString(s); s == "" {
		return 0, true
	}
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	f, inRange, ok := strtod(s)
	if f != 0 && math.Abs(f) < leastNormal && !strings.ContainsAny(s, "xX") {
		return 0, false
	}
	return f, ok && inRange
}

// compare returns the order of items. Those of a set that are equal in it must be in
// some order that is the same everywhere; else they stay as they were.
func (a *sortArgs) compare(set bool) func(x, y sortItem) int {
	text := strings.Compare
	if !a.store {
		text = collate
	}
	return func(x, y sortItem) (c int) {
		switch {
		case !a.alpha:
			if c = cmp.Compare(x.score, y.score); c == 0 {
				c = strings.Compare(x.text, y.text)
			}
		case !a.hasBy:
			c = text(x.text, y.text)
		case x.noBy || y.noBy:
			c = noFirst(x.noBy, y.noBy)
		default:
			c = text(x.by, y.by)
		}
		if a.desc {
			c = -c
		}
		if c == 0 && set {
			c = strings.Compare(x.text, y.text)
		}
		if c == 0 {
			c = cmp.Compare(x.place, y.place)
		}
		return c
	}
}

// collate compares as C does in its own locale: up to a zero byte.
func collate(x, y string) int { return strings.Compare(cString(x), cString(y)) }

// noFirst puts what has no value first.
func noFirst(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

// sortLoader returns what loads the elements of a collection from one place
// (inclusive) to another (exclusive), backwards if back counts them from the end, and
// how many elements there are.
func sortLoader(v engine.Value) (load func(from, to int, back bool) []sortItem, n int, err error) {
	var digits []byte // of all elements that are integers
	add := func(items []sortItem, v listpack.Value) []sortItem {
		it := sortItem{place: int32(len(items))}
		if _, isInt := v.Int(); isInt {
			at := len(digits)
			digits = v.Append(digits)
			it.text = bytesAsString(digits[at:])
		} else {
			it.text = bytesAsString(v.Bytes())
		}
		return append(items, it)
	}
	if l, ok := v.List(); ok {
		n = l.Len()
		return func(from, to int, back bool) []sortItem {
			items := make([]sortItem, 0, to-from)
			walk := l.Range(from)
			if back {
				walk = l.Reverse(n - 1 - from)
			}
			for _, el := range walk {
				if len(items) == to-from {
					break
				}
				items = add(items, el)
			}
			return items
		}, n, nil
	}
	if z, ok := v.ZItems(); ok {
		n = z.Len()
		return func(from, to int, back bool) []sortItem {
			items := make([]sortItem, 0, to-from)
			walk := z.Ascend(from)
			if back {
				walk = z.Descend(n - 1 - from)
			}
			for it := range walk {
				if len(items) == to-from {
					break
				}
				items = add(items, it.Member)
			}
			return items
		}, n, nil
	}
	if m, ok := v.Members(); ok {
		n = m.Len()
		return func(int, int, bool) []sortItem {
			items := make([]sortItem, 0, n)
			for el := range m.All() {
				items = add(items, el)
			}
			return items
		}, n, nil
	}
	return nil, 0, ErrWrongType
}

// words are the command again.
func (a *sortArgs) words() []string {
	words := []string{"SORT", a.key}
	if a.hasBy {
		words = append(words, "BY", a.by)
	}
	if a.limited || a.offset != 0 || a.count >= 0 {
		words = append(words, "LIMIT", strconv.FormatInt(a.offset, 10), strconv.FormatInt(a.count, 10))
	}
	for _, get := range a.get {
		words = append(words, "GET", get)
	}
	if a.desc {
		words = append(words, "DESC")
	}
	if a.alpha {
		words = append(words, "ALPHA")
	}
	return append(words, "STORE", a.dst)
}
