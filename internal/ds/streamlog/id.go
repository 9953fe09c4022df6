package streamlog

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// ID is the ID of an entry: milliseconds since the epoch, and a sequence number
// among the entries of one millisecond.
type ID struct{ Ms, Seq uint64 }

// MaxID is the last possible ID. The first, 0-0, names no entry.
var MaxID = ID{math.MaxUint64, math.MaxUint64}

// Less reports whether a comes before b.
func (a ID) Less(b ID) bool { return a.Ms < b.Ms || a.Ms == b.Ms && a.Seq < b.Seq }

// Compare is -1, 0 or 1, as a comes before b, is b, or comes after it.
func (a ID) Compare(b ID) int {
	if c := cmp.Compare(a.Ms, b.Ms); c != 0 {
		return c
	}
	return cmp.Compare(a.Seq, b.Seq)
}

// IsZero reports whether a is 0-0.
func (a ID) IsZero() bool { return a == ID{} }

// Next returns the ID after a; ok is false after the last one.
func (a ID) Next() (next ID, ok bool) {
	switch {
	case a.Seq < math.MaxUint64:
		return ID{a.Ms, a.Seq + 1}, true
	case a.Ms < math.MaxUint64:
		return ID{a.Ms + 1, 0}, true
	}
	return a, false
}

// Prev returns the ID before a; ok is false before the first one.
func (a ID) Prev() (prev ID, ok bool) {
	switch {
	case a.Seq > 0:
		return ID{a.Ms, a.Seq - 1}, true
	case a.Ms > 0:
		return ID{a.Ms - 1, math.MaxUint64}, true
	}
	return a, false
}

// Append appends the ID as Redis writes it, "ms-seq", to dst.
func (a ID) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, a.Ms, 10)
	return strconv.AppendUint(append(dst, '-'), a.Seq, 10)
}

// String is the ID as Redis writes it, "ms-seq".
func (a ID) String() string { return string(a.Append(make([]byte, 0, 41))) }

// ParseID reads "ms-seq", or "ms", whose sequence number is then seq.
func ParseID(s string, seq uint64) (id ID, ok bool) {
	id, auto, ok := parse(s, seq, false)
	return id, ok && !auto
}

// ParseBound reads what ParseID reads, "-" as 0-0 and "+" as MaxID. An exclusive
// bound's "(" is the caller's.
func ParseBound(s string, seq uint64) (id ID, ok bool) {
	switch s {
	case "-":
		return ID{}, true
	case "+":
		return MaxID, true
	}
	return ParseID(s, seq)
}

// ParseNew reads the ID of an entry to be added: what ParseID reads, with 0 for
// an absent sequence number, and "ms-*", for which auto is true: see
// [Log.NextSeq].
func ParseNew(s string) (id ID, auto, ok bool) { return parse(s, 0, true) }

func parse(s string, seq uint64, star bool) (id ID, auto, ok bool) {
	if len(s) > 127 {
		return ID{}, false, false
	}
	s, _, _ = strings.Cut(s, "\x00")
	ms, rest, full := strings.Cut(s, "-")
	if id.Ms, ok = parseUint(ms); !ok {
		return ID{}, false, false
	}
	switch {
	case !full:
		id.Seq = seq
	case star && rest == "*":
		return id, true, true
	default:
		if id.Seq, ok = parseUint(rest); !ok {
			return ID{}, false, false
		}
	}
	return id, false, true
}

// parseUint reads a decimal as C's strtoull does, as Redis reads the parts of an
// ID: after white space and a sign, which may be a minus only before zero or a
// number past the signed range.
func parseUint(s string) (uint64, bool) {
	if n, ok := listpack.ParseInt(s); ok {
		return uint64(n), n >= 0
	}
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	neg := strings.HasPrefix(s, "-")
	if neg || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if neg {
		n = -n
	}
	return n, err == nil
}
