package engine

import (
	"iter"
	"strings"

	"github.com/larderdb/larder/internal/ds/hashtable"
)

// A Type is the type of a value.
type Type uint8

// The types, in the order of Redis's type codes.
const (
	TypeNone Type = iota
	TypeString
	TypeList
	TypeSet
	TypeZSet
	TypeHash
	TypeStream
)

var typeNames = [...]string{"none", "string", "list", "set", "zset", "hash", "stream"}

// String is the type's name, as TYPE answers it.
func (t Type) String() string { return typeNames[t] }

// TypeNamed returns the type of that name; ok is false where there is none.
// Case does not matter.
func TypeNamed(name string) (t Type, ok bool) {
	for i, n := range typeNames[1:] {
		if strings.EqualFold(n, name) {
			return Type(i + 1), true
		}
	}
	return TypeNone, false
}

// A Form is a type and the way in which a value of it is encoded. It stands in
// an entry's header.
type Form hashtable.Form

// The forms. A set in a listpack answers "hashtable": Redis 7.0 has no other
// encoding for small sets of strings. Nor has it a small form for few but long
// elements, which lie in a listpack here and answer what they are there.
const (
	NoForm Form = iota
	StringInt
	StringEmbstr
	StringRaw
	ListListpack
	ListQuicklist
	SetIntset
	SetListpack
	SetHashtable
	ZSetListpack
	ZSetSkiplist
	HashListpack
	HashListpackEx // fields with times of expiry
	HashHashtable
	StreamNodes
	ZSetLong // a listpack of few but long members
	HashLong // a listpack of few but long fields or values
)

var forms = [...]struct {
	typ      Type
	encoding string
}{
	{TypeNone, ""},
	{TypeString, "int"}, {TypeString, "embstr"}, {TypeString, "raw"},
	{TypeList, "quicklist"}, {TypeList, "quicklist"},
	{TypeSet, "intset"}, {TypeSet, "hashtable"}, {TypeSet, "hashtable"},
	{TypeZSet, "listpack"}, {TypeZSet, "skiplist"},
	{TypeHash, "listpack"}, {TypeHash, "listpackex"}, {TypeHash, "hashtable"},
	{TypeStream, "stream"},
	{TypeZSet, "skiplist"}, {TypeHash, "hashtable"},
}

// Type is the type that f encodes.
func (f Form) Type() Type { return forms[f].typ }

// Encoding is what OBJECT ENCODING answers.
func (f Form) Encoding() string { return forms[f].encoding }

// An Object is a value too big to lie flat in a chunk. The two sides of a Clone
// share structure, and the first to write to a part pays for it: snapshots and
// rollback rest on it, so Clone must not cost more than O(1) in the number of
// elements.
type Object interface {
	Form() Form
	Clone() Object
	Size() int   // bytes of memory, in O(1)
	Empty() bool // a collection left empty is deleted
}

// A Value is what a key holds: flat bytes, or an Object. It borrows from the
// keyspace.
type Value struct {
	Form Form
	Flat string
	Obj  Object // nil: Flat is all
}

// Type is the value's type; TypeNone where there is no value.
func (v Value) Type() Type { return v.Form.Type() }

// Str is the value of a string key: flat, or in the pages of a [Pages]. It
// borrows from the keyspace until the transaction's locks drop.
type Str struct {
	Flat  string
	Pages *Pages // nil: Flat is all
}

// Len is the number of bytes.
func (s Str) Len() int {
	if s.Pages != nil {
		return s.Pages.Len()
	}
	return len(s.Flat)
}

// Append appends the bytes from (inclusive) to to (exclusive) to dst.
func (s Str) Append(dst []byte, from, to int) []byte {
	if s.Pages != nil {
		return s.Pages.Append(dst, from, to)
	}
	return append(dst, s.Flat[from:to]...)
}

// Slice is the part from (inclusive) to to (exclusive).
func (s Str) Slice(from, to int) Str {
	if s.Pages != nil {
		return Str{Flat: borrow(s.Pages.Append(nil, from, to))}
	}
	return Str{Flat: s.Flat[from:to]}
}

// Byte is the byte at an offset.
func (s Str) Byte(i int) byte {
	if s.Pages != nil {
		return s.Pages.Byte(i)
	}
	return s.Flat[i]
}

// Parts yields the bytes from (inclusive) to to (exclusive) in as few parts as
// they lie in.
func (s Str) Parts(from, to int) iter.Seq[string] {
	if s.Pages != nil {
		return s.Pages.Parts(from, to)
	}
	return func(yield func(string) bool) {
		if from < to {
			yield(s.Flat[from:to])
		}
	}
}

// String returns all bytes: borrowed, but for those of several pages, which are
// copied.
func (s Str) String() string {
	switch {
	case s.Pages == nil:
		return s.Flat
	case len(s.Pages.page) == 1:
		return s.Pages.part(0, 0, s.Pages.n)
	}
	return borrow(s.Pages.Append(make([]byte, 0, s.Pages.Len()), 0, s.Pages.Len()))
}

// Keep returns a copy that outlives the transaction.
func (s Str) Keep() Str {
	if s.Pages != nil && len(s.Pages.page) > 1 {
		return Str{Flat: s.String()}
	}
	return Str{Flat: strings.Clone(s.String())}
}

// Str is a string value as a Str.
func (v Value) Str() Str {
	if p, ok := v.Obj.(*Pages); ok {
		return Str{Pages: p}
	}
	return Str{Flat: v.Flat}
}
