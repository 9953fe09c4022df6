package engine

import "github.com/larderdb/larder/internal/ds/listpack"

// Few but long elements. Redis gives up the listpack of a hash or a sorted set with the
// first element that exceeds a limit, and so answers OBJECT ENCODING. A table of one
// such element would take ten times what the element does, so they stay in a listpack
// here, in a form of its own, until they are many.

const (
	longMembers  = 64 // of a set, fields of a hash
	longZMembers = 32 // of a sorted set, which is kept in order
	longBytes    = 8 << 10
)

// fitsLong reports whether an element of some bytes may be added to a listpack of long
// elements, which may have no bytes yet, and of which there may be most. An element is
// of width elements of the listpack.
func fitsLong(lp []byte, width, size, most int) bool {
	n := 0
	if len(lp) > 0 {
		n = listpack.Len(lp) / width
	}
	return n < most && size <= longBytes && len(lp)+size <= longBytes
}

// stays returns the form in which flat bytes of the form was are edited as f.
func (f Form) stays(was Form) Form {
	if was == ZSetLong && f == ZSetListpack || was == HashLong && f == HashListpack {
		return was
	}
	return f
}

// stagedForm is the form of the flat bytes that are staged for a key.
func (t *Txn) stagedForm(at *keyRef) Form {
	for i := range t.staged {
		if st := &t.staged[i]; st.at == at && st.what == stageFlat {
			return st.form
		}
	}
	panic("engine: nothing is staged for " + at.key)
}

// stageAs gives the flat bytes that are staged for a key, if there are any, another
// form.
func (t *Txn) stageAs(at *keyRef, f Form) {
	for i := range t.staged {
		if st := &t.staged[i]; st.at == at && st.what == stageFlat {
			st.form = f
		}
	}
}
