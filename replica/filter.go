package replica

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// A filter is the part of the primary's data that is followed. The zero value is all.
type filter struct {
	dbs      []int
	prefixes []string
}

// whole reports whether everything is followed.
func (f *filter) whole() bool { return len(f.dbs) == 0 && len(f.prefixes) == 0 }

func (f *filter) keepsDB(db int) bool { return len(f.dbs) == 0 || slices.Contains(f.dbs, db) }

func (f *filter) keeps(db int, key string) bool {
	return f.keepsDB(db) && (len(f.prefixes) == 0 ||
		slices.ContainsFunc(f.prefixes, func(p string) bool { return strings.HasPrefix(key, p) }))
}

// String tells filters apart.
func (f *filter) String() string {
	if f.whole() {
		return ""
	}
	return fmt.Sprintf("%d %q", f.dbs, f.prefixes)
}

// A verdict is what becomes of a command.
type verdict int

const (
	runIt    verdict = iota
	passOver         // it is about nothing that is followed
	beyond           // it takes what is not followed into what is
)

// judge says what becomes of a command that is run in a database, and returns its words,
// of which those that are about other keys may be left out.
func (f *filter) judge(s *engine.Session, c engine.Command, first int, words [][]byte, db int) ([][]byte, verdict) {
	switch c.Info().Lower() {
	case "flushall":
		return words, runIt
	case "flushdb":
		return words, verdictOf(f.keepsDB(db))
	case "swapdb":
		if len(words) != 3 {
			return words, runIt
		}
		a, b := number(string(words[1])), number(string(words[2]))
		switch keepsA, keepsB := f.keepsDB(a), f.keepsDB(b); {
		case keepsA && keepsB:
			return words, runIt
		case !keepsA && !keepsB:
			return words, passOver
		}
		return words, beyond
	case "del", "unlink":
		return f.pick(words, 1, db)
	case "mset":
		return f.pick(words, 2, db)
	}
	keys, _ := s.KeysOf(c, first, words, db)
	kept, written, others := 0, 0, 0
	for _, k := range keys {
		switch keeps := f.keeps(k.DB, k.Key); {
		case keeps && k.Writes:
			kept++
			written++
		case keeps:
			kept++
		default:
			others++
		}
	}
	switch {
	case written == 0:
		return words, passOver
	case others == 0:
		return words, runIt
	}
	// Of what leaves the part that is followed only the end is left.
	switch from := keys[0]; c.Info().Lower() {
	case "rename", "move":
		if f.keeps(from.DB, from.Key) {
			return [][]byte{[]byte("DEL"), words[1]}, runIt
		}
	}
	return words, beyond
}

func verdictOf(keep bool) verdict {
	if keep {
		return runIt
	}
	return passOver
}

// pick leaves of a command of keys, step apart, those that are followed.
func (f *filter) pick(words [][]byte, step, db int) ([][]byte, verdict) {
	picked := [][]byte{words[0]}
	for i := 1; i+step <= len(words); i += step {
		if f.keeps(db, string(words[i])) {
			picked = append(picked, words[i:i+step]...)
		}
	}
	return picked, verdictOf(len(picked) > 1)
}

// number is a decimal number of a command that has run, so that it is one.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}
