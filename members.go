package larder

import (
	"iter"
	"math"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/glob"
)

// What the collections have in common: HSCAN, SSCAN and ZSCAN; HRANDFIELD,
// SRANDMEMBER and ZRANDMEMBER.

// memberScan are the arguments of HSCAN, SSCAN and ZSCAN.
type memberScan struct {
	key      string
	cursor   uint64
	match    string
	hasMatch bool
	count    int64
	err      error // of the options, which Redis reads after it has looked for the key
}

// newMemberScan begins a scan for a Go caller.
func newMemberScan(key, match string, count int) memberScan {
	if count <= 0 {
		count = 10
	}
	return memberScan{key: key, match: match, hasMatch: match != "", count: int64(count)}
}

func parseMemberScan(p *args) memberScan {
	a := memberScan{key: p.Key(), cursor: parseCursor(p), count: 10}
	for p.More() && a.err == nil {
		switch {
		case p.FlagWith("COUNT", 1):
			n, ok := engine.ParseInt(p.String())
			if a.count = n; !ok {
				a.err = ErrNotInt
			} else if n < 1 {
				a.err = ErrSyntax
			}
		case p.FlagWith("MATCH", 1):
			a.match = p.String()
			a.hasMatch = a.match != "*"
		default:
			a.err = ErrSyntax
		}
	}
	p.Rest()
	return a
}

func readScanned(k *keySet, a memberScan) { k.Read(a.key) }

// wants reports whether a member is asked for.
func (a *memberScan) wants(member []byte) bool {
	return !a.hasMatch || glob.Match(a.match, bytesAsString(member))
}

// walk calls step from the cursor on until as many members were looked at as were
// asked for, and returns the next cursor, 0 at the end. Step returns the next cursor
// and how many members it has seen: empty buckets count too, ten to a member asked
// for, so that a collection that was large once does not hold the lock for long.
func (a *memberScan) walk(step func(cursor uint64) (next uint64, seen int)) uint64 {
	cursor, seen := a.cursor, int64(0)
	for steps := int64(0); ; steps++ {
		next, n := step(cursor)
		cursor, seen = next&(1<<cursorBits-1), seen+int64(n)
		if cursor == 0 || seen >= a.count || steps/10 >= a.count {
			return cursor
		}
	}
}

// scanMembers yields what a scan finds, some at a call. It stops early with an error.
func scanMembers[T any](a memberScan, call func(memberScan) (found []T, next uint64, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for a := a; ; { // each loop begins anew
			found, next, err := call(a)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, m := range found {
				if !yield(m, nil) {
					return
				}
			}
			if a.cursor = next; next == 0 {
				return
			}
		}
	}
}

// memberDraw are the arguments of HRANDFIELD and ZRANDMEMBER.
type memberDraw struct {
	key     string
	count   int64 // negative: so many that may be the same
	counted bool  // else one is answered, not a list
	with    bool  // values, or scores, too
}

const (
	errDrawRange Error = "ERR value is out of range"
	errDrawCount Error = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
)

// parseMemberDraw reads the arguments of a command whose last option is with.
func parseMemberDraw(with string) func(*args) memberDraw {
	return func(p *args) memberDraw {
		a := memberDraw{key: p.Key(), count: 1}
		if !p.More() {
			return a
		}
		a.counted = true
		if a.count = p.Int(); a.count == math.MinInt64 {
			p.Fail(errDrawCount)
		}
		if a.with = p.Flag(with); a.with && !p.More() && (a.count < -math.MaxInt64/2 || a.count > math.MaxInt64/2) {
			p.Fail(errDrawRange)
		}
		return a
	}
}

func readDrawn(k *keySet, a memberDraw) { k.Read(a.key) }
