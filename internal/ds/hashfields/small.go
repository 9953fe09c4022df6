package hashfields

import "github.com/larderdb/larder/internal/ds/listpack"

// The two forms of a small hash. A step is how many elements belong to a field.
const (
	Pairs   = 2
	Triples = 3
)

// empty is a listpack without an element.
const empty = "\x07\x00\x00\x00\x00\x00\xff"

// find returns where a field is, 0 where it is not.
func find(lp []byte, step int, field string) int {
	if len(lp) == 0 {
		return 0
	}
	return listpack.Find(lp, listpack.First(lp), field, step)
}

// timeAt returns the time of the field at p, of triples.
func timeAt(lp []byte, p int) int64 {
	at, _ := listpack.Get(lp, listpack.After(lp, listpack.After(lp, p))).Int()
	return at
}

// next returns where the field behind the one at p begins, or the listpack's end.
func next(lp []byte, p, step int) int {
	for range step {
		p = listpack.After(lp, p)
	}
	return p
}

// Set writes a field, and reports whether it is new. One that was there keeps its
// time with keep, else it does not expire any more. lp may be nil or have no bytes:
// it is then made.
func Set(lp []byte, step int, field, value string, keep bool) (_ []byte, added bool) {
	if len(lp) == 0 {
		lp = append(lp, empty...)
	}
	p := find(lp, step, field)
	switch {
	case p == 0:
		return add(lp, listpack.End(lp), step, field, value, 0), true
	case step == Triples && !keep && timeAt(lp, p) != 0:
		lp = listpack.Delete(lp, p, step)
		return add(lp, listpack.End(lp), step, field, value, 0), false
	}
	return listpack.Replace(lp, listpack.After(lp, p), value), false
}

// add puts a new field at p.
func add(lp []byte, p, step int, field, value string, at int64) []byte {
	lp = listpack.Insert(lp, p, field)
	p = listpack.After(lp, p)
	lp = listpack.Insert(lp, p, value)
	if step == Triples {
		lp = listpack.InsertInt(lp, listpack.After(lp, p), at)
	}
	return lp
}

// Remove ends a field, and reports whether it was there.
func Remove(lp []byte, step int, field string) (_ []byte, ok bool) {
	p := find(lp, step, field)
	if p == 0 {
		return lp, false
	}
	return listpack.Delete(lp, p, step), true
}

// Expire sets the time of a field of triples, and reports whether it was there.
func Expire(lp []byte, field string, at int64) (_ []byte, ok bool) {
	p := find(lp, Triples, field)
	if p == 0 {
		return lp, false
	}
	if timeAt(lp, p) == at {
		return lp, true
	}
	value := listpack.Get(lp, listpack.After(lp, p)).String()
	lp = listpack.Delete(lp, p, Triples)
	return add(lp, placeOf(lp, at), Triples, field, value, at), true
}

// placeOf returns where a field of a time belongs: behind those of the same time.
func placeOf(lp []byte, at int64) int {
	if at == 0 {
		return listpack.End(lp)
	}
	for p := listpack.First(lp); p != 0; {
		if t := timeAt(lp, p); t == 0 || t > at {
			return p
		}
		if p = next(lp, p, Triples); p == listpack.End(lp) {
			break
		}
	}
	return listpack.End(lp)
}

// Purge removes up to max fields of triples that are due, calling f with each.
func Purge(lp []byte, now int64, max int, f func(field Elem)) []byte {
	n := 0
	for p, end := listpack.First(lp), listpack.End(lp); n < max && p != 0 && p != end; p = next(lp, p, Triples) {
		if at := timeAt(lp, p); at == 0 || at > now {
			break
		}
		f(elem(listpack.Get(lp, p)))
		n++
	}
	if n == 0 {
		return lp
	}
	return listpack.Delete(lp, listpack.First(lp), n*Triples)
}

// First returns the time of the first field of triples that expires, 0 if none does.
func First(lp []byte) int64 {
	if len(lp) == 0 {
		return 0
	}
	p := listpack.First(lp)
	if p == 0 {
		return 0
	}
	return timeAt(lp, p)
}

// FirstOf is First of bytes that are only read.
func FirstOf(flat string) int64 { return First(bytesOf(flat)) }

// LastOf returns the time at which the last field of triples expires, 0 if some
// field never does.
func LastOf(flat string) int64 {
	lp := bytesOf(flat)
	if p := listpack.Last(lp); p != 0 {
		at, _ := listpack.Get(lp, p).Int()
		return at
	}
	return 0
}

// ToTriples returns triples, none of which expires, of pairs.
func ToTriples(lp []byte) []byte {
	if len(lp) == 0 {
		return append(lp, empty...)
	}
	out := append(make([]byte, 0, len(lp)+2*listpack.Len(lp)), empty...)
	i := 0
	for _, v := range listpack.All(lp) {
		if n, ok := v.Int(); ok {
			out = listpack.AppendInt(out, n)
		} else {
			out = listpack.Append(out, borrow(v.Bytes()))
		}
		if i++; i%Pairs == 0 {
			out = listpack.AppendInt(out, 0)
		}
	}
	return out
}

// ToBig returns a table with the fields of a small hash.
func ToBig(lp []byte, step int) *Table {
	t := New()
	if len(lp) == 0 {
		return t
	}
	v := View{lp: lp, step: step}
	for f, e := range v.Entries() {
		t.Set(f.String(), e.Value.String(), false)
		if e.ExpireAt != 0 {
			t.Expire(f.String(), e.ExpireAt)
		}
	}
	return t
}
