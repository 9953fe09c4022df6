package larder

import (
	"cmp"
	"slices"

	"github.com/larderdb/larder/internal/engine"
)

// LCS: the longest common subsequence of two strings.

// LCSArgs are the arguments of LCS.
type LCSArgs struct {
	Key1, Key2  string
	MinMatchLen int64 // of Matches: leave out those that are shorter
}

// A LCSResult is what two strings have in common.
type LCSResult struct {
	Common  string     // the longest common subsequence
	Len     int64      // of Common, in bytes
	Matches []LCSMatch // where its parts lie, the last first
}

// A LCSMatch is a run of bytes that two strings share, as ranges with both ends
// inclusive.
type LCSMatch struct {
	Start1, End1, Start2, End2 int64
}

// LCS returns the longest common subsequence of two strings. Missing keys are
// empty strings. It takes time and memory in proportion to the product of their
// lengths; the memory must not exceed proto-max-bulk-len.
func (c Commands) LCS(a LCSArgs) (LCSResult, error) {
	r, err := opLCS.Do(c.s, lcsArgs{key1: a.Key1, key2: a.Key2, minLen: a.MinMatchLen})
	return r.r, err
}

type lcsArgs struct {
	key1, key2           string
	length, idx, withLen bool
	minLen               int64
	err                  error // what is wrong with the options, which matters only for strings
}

// lcsReply is the result with the options that choose what is answered.
type lcsReply struct {
	a lcsArgs
	r LCSResult
}

var opLCS = add(&op[lcsArgs, lcsReply]{
	Spec: spec{
		Name: "LCS", Arity: -3, Flags: readOnly, Keys: engine.AllFrom("RO ACCESS", 1, 1),
		Group: "string", Since: "7.0.0", Complexity: "O(N*M) for strings of N and M bytes",
		Syntax:  "key1:key key2:key [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]",
		Summary: "Finds the longest common subsequence of two strings.",
	},
	Parse: func(p *args) (a lcsArgs) {
		a.key1, a.key2 = p.Key(), p.Key()
		for p.More() {
			switch {
			case p.Flag("IDX"):
				a.idx = true
			case p.Flag("LEN"):
				a.length = true
			case p.Flag("WITHMATCHLEN"):
				a.withLen = true
			case p.FlagWith("MINMATCHLEN", 1):
				n := parseLate(p)
				a.minLen, a.err = max(0, n.n), cmp.Or(a.err, n.err)
			default:
				p.Rest()
				a.err = cmp.Or[error](a.err, ErrSyntax)
			}
		}
		if a.idx && a.length {
			a.err = cmp.Or[error](a.err, Error("ERR If you want both the length and indexes, please just use IDX."))
		}
		return a
	},
	Keys: func(k *keySet, a lcsArgs) { k.Read(a.key1); k.Read(a.key2) },
	Run:  lcs,
	Reply: func(w *reply, r lcsReply) {
		switch {
		case r.a.length:
			w.Int(r.r.Len)
		case r.a.idx:
			replyMatches(w, r)
		default:
			w.Bulk(r.r.Common)
		}
	},
})

func replyMatches(w *reply, r lcsReply) {
	w.Map(2)
	w.Bulk("matches")
	w.Array(len(r.r.Matches))
	for _, m := range r.r.Matches {
		if r.a.withLen {
			w.Array(3)
		} else {
			w.Array(2)
		}
		w.Array(2)
		w.Int(m.Start1)
		w.Int(m.End1)
		w.Array(2)
		w.Int(m.Start2)
		w.Int(m.End2)
		if r.a.withLen {
			w.Int(m.End1 - m.Start1 + 1)
		}
	}
	w.Bulk("len")
	w.Int(r.r.Len)
}

func lcs(t *txn, a lcsArgs) (r lcsReply, err error) {
	v1, err1 := t.String(a.key1)
	v2, err2 := t.String(a.key2)
	if err1 == ErrWrongType || err2 == ErrWrongType {
		return r, Error("ERR The specified keys must contain string values")
	}
	if a.err != nil {
		return r, a.err
	}
	if int64(v1.Len())+1 > t.Engine().MaxString()/4/(int64(v2.Len())+1) { // the product may be more than 64 bits
		return r, Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
	}
	return lcsReply{a, findLCS(v1.String(), v2.String(), a.minLen)}, nil
}

// findLCS fills the table of the lengths for all pairs of prefixes, and walks it
// back from the end.
func findLCS(a, b string, minLen int64) (r LCSResult) {
	width := len(b) + 1
	table := make([]uint32, (len(a)+1)*width)
	for i := 1; i <= len(a); i++ {
		row, above := table[i*width:(i+1)*width], table[(i-1)*width:i*width]
		for j := 1; j <= len(b); j++ {
			if a[i-1] == b[j-1] {
				row[j] = above[j-1] + 1
			} else {
				row[j] = max(above[j], row[j-1])
			}
		}
	}
	r.Len = int64(table[len(table)-1])
	common := make([]byte, 0, r.Len)
	var m LCSMatch // the run that is being walked; none while End1 is behind Start1
	m.Start1 = int64(len(a))
	m.End1 = m.Start1 - 1
	flush := func() {
		if n := m.End1 - m.Start1 + 1; n > 0 && (minLen == 0 || n >= minLen) {
			r.Matches = append(r.Matches, m)
		}
		m = LCSMatch{Start1: 0, End1: -1}
	}
	for i, j := len(a), len(b); i > 0 && j > 0; {
		if a[i-1] == b[j-1] {
			common = append(common, a[i-1])
			if m.End1 >= m.Start1 && m.Start1 == int64(i) && m.Start2 == int64(j) {
				m.Start1, m.Start2 = int64(i-1), int64(j-1)
			} else {
				flush()
				m = LCSMatch{int64(i - 1), int64(i - 1), int64(j - 1), int64(j - 1)}
			}
			i, j = i-1, j-1
		} else if table[(i-1)*width+j] > table[i*width+j-1] {
			i--
		} else {
			j--
		}
	}
	flush()
	slices.Reverse(common)
	r.Common = bytesAsString(common)
	return r
}
