package larder

import (
	"iter"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/glob"
)

// What HSCAN, SSCAN and ZSCAN have in common.

// memberScan are their arguments.
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
