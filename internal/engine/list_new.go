package engine

import (
	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/quicklist"
)

// NewList returns an empty list that is no key's until it is published.
func (t *Txn) NewList() ListEdit {
	fill, _, large := t.e.ListLimits()
	buf := listpack.New(0)
	return ListEdit{t: t, buf: &buf, fill: quicklist.Fill(fill), large: large}
}

// Publish stages what NewList began, which must have an element, as the value of key,
// whatever that holds. It never expires.
func (e *ListEdit) Publish(key string) {
	if e.big != nil {
		e.t.SetObject(key, e.big, 0)
		return
	}
	e.t.Set(key, borrow(*e.buf), ListListpack, 0)
}
