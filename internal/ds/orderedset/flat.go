package orderedset

import (
	"math"
	"strconv"
	"strings"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// A small sorted set is a listpack of members and scores by turns, in order. The
// functions here change one, as those of package listpack do: in place where there
// is room, and they return it. Everything is O(n).

// Limits say how large a small set may become.
type Limits struct {
	Entries int // members
	Value   int // bytes of a member
}

// FlatInsert adds a member that is not there, with its score.
func FlatInsert(lp []byte, member string, score float64) []byte {
	p := flatPlace(lp, member, score)
	lp = listpack.Insert(lp, p, member)
	return insertScore(lp, listpack.After(lp, p), score)
}

// flatPlace returns where a member with a score belongs.
func flatPlace(lp []byte, member string, score float64) int {
	p := listpack.First(lp)
	for p != 0 {
		v, at := listpack.Read(lp, p)
		s, next := listpack.Read(lp, at)
		if have := scoreIn(s); have > score || have == score && compare(v, member) > 0 {
			return p
		}
		if p = next; p == listpack.End(lp) {
			break
		}
	}
	return listpack.End(lp)
}

// insertScore adds a score: one that is an integer as such, so that -0 becomes 0.
func insertScore(lp []byte, p int, score float64) []byte {
	if n, ok := storedInt(score); ok {
		return listpack.InsertInt(lp, p, n)
	}
	var text [32]byte
	b := AppendScore(text[:0], score)
	return listpack.Insert(lp, p, stringOf(b))
}

// FlatRemove ends the member at the offset p, and its score.
func FlatRemove(lp []byte, p int) []byte { return listpack.Delete(lp, p, 2) }

// FlatRemoveRange ends the members with the ranks from (inclusive) to to
// (exclusive).
func FlatRemoveRange(lp []byte, from, to int) []byte {
	if from >= to {
		return lp
	}
	return listpack.Delete(lp, listpack.Seek(lp, 2*from), 2*(to-from))
}

// FlatFind returns the offset of a member and its score, 0 if it is none.
func FlatFind(lp []byte, member string) (p int, score float64) {
	if len(lp) == 0 {
		return 0, 0
	}
	if p = listpack.Find(lp, listpack.First(lp), member, 2); p == 0 {
		return 0, 0
	}
	return p, scoreIn(listpack.Get(lp, listpack.After(lp, p)))
}

// FlatFits reports whether a member may be added to a small set.
func FlatFits(lp []byte, member string, l Limits) bool {
	return flatLen(lp) < l.Entries && len(member) <= l.Value && listpack.Fits(len(lp), len(member))
}

func flatLen(lp []byte) int {
	if len(lp) == 0 {
		return 0
	}
	return listpack.Len(lp) / 2
}

// FromFlat makes a big set of a small one.
func FromFlat(lp string) *Set {
	s := New()
	var b []byte
	for it := range Flat(lp).All() {
		b = it.Member.Append(b[:0])
		s.Put(stringOf(b), it.Score)
	}
	return s
}

// AppendFlat makes a small set of a big one, in the place of lp, which has no member;
// ok is false if it exceeds the limits.
func (s *Set) AppendFlat(lp []byte, l Limits) (out []byte, ok bool) {
	if s.Len() > l.Entries {
		return lp, false
	}
	c := s.Items().Cursor(0, false)
	for it, ok := c.Next(); ok; it, ok = c.Next() {
		member := stringOf(it.Member.Bytes())
		if len(member) > l.Value || !listpack.Fits(len(lp), len(member)) {
			return lp, false
		}
		lp = listpack.Append(lp, member)
		lp = insertScore(lp, listpack.End(lp), it.Score)
	}
	return lp, true
}

func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// scoreIn is the score that an element is.
func scoreIn(v listpack.Value) float64 {
	if n, ok := v.Int(); ok {
		return float64(n)
	}
	b := v.Bytes()
	f, _ := strconv.ParseFloat(stringOf(b), 64)
	return f
}

// storedInt returns the integer that a score lies in a small set as.
func storedInt(score float64) (n int64, ok bool) {
	if math.Abs(score) <= 1<<62 {
		n = int64(score)
		return n, float64(n) == score
	}
	return 0, false
}

// AppendStored appends a score as it lies in a small set: as AppendScore does but
// for integers, which are shown as such whatever their size.
func AppendStored(b []byte, score float64) []byte {
	if n, ok := storedInt(score); ok {
		return strconv.AppendInt(b, n, 10)
	}
	return AppendScore(b, score)
}

// asInt returns the integer that a score is written as: one of less than 52 bits,
// and not -0. Redis writes longer ones by %.17g, in the same digits.
func asInt(score float64) (n int64, ok bool) {
	if math.Abs(score) < 1<<52 {
		n = int64(score)
		return n, float64(n) == score && (n != 0 || !math.Signbit(score))
	}
	return 0, false
}

// AppendScore appends a score as C's %.17g writes it, which is how Redis does: inf
// and -inf, integers as such.
func AppendScore(b []byte, score float64) []byte {
	if n, ok := asInt(score); ok {
		return strconv.AppendInt(b, n, 10)
	}
	switch {
	case math.IsInf(score, 1):
		return append(b, "inf"...)
	case math.IsInf(score, -1):
		return append(b, "-inf"...)
	}
	return strconv.AppendFloat(b, score, 'g', 17, 64)
}

// compare compares an element, as a string, with a member.
func compare(v listpack.Value, member string) int {
	if b := v.Bytes(); b != nil {
		return strings.Compare(stringOf(b), member)
	}
	var digits [20]byte
	b := v.Append(digits[:0])
	return strings.Compare(stringOf(b), member)
}
