package engine

import (
	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/quicklist"
)

// What makes values that belong to no key yet: a file that is loaded, a payload that
// is restored. Such values become a key's by Set and SetObject.

// FlatListHolds reports whether a flat list, lp, stays flat when an element of n
// bytes, which takes size bytes there, is added to it.
func FlatListHolds(lp []byte, n, size, fill, large int) bool {
	return n < large && len(lp)+size <= maxFlatList && quicklist.Within(fill, len(lp)+n+8, listpack.Len(lp)+1)
}

// FlatList reports whether a listpack is short enough to be a list by itself.
func FlatList(lp []byte) bool { return len(lp) <= maxFlatList }

// IntsetLimit is how many integers an intset may have.
func (e *Engine) IntsetLimit() int { return e.intsetLimit() }

// BuildSet returns an empty set, which becomes an intset only up to so many integers.
// Of its methods Put, Add, Members and Value may be used.
func BuildSet(ints int) SetEdit {
	var buf []byte
	return SetEdit{form: SetIntset, buf: &buf, ints: ints}
}

// Value is what was built.
func (e *SetEdit) Value() Value {
	if e.big != nil {
		return Value{Form: SetHashtable, Obj: e.big}
	}
	return Value{Form: e.form, Flat: borrow(*e.buf)}
}
