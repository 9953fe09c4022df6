package admin

import (
	"slices"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// Which of a command's words are keys, by its key specs. A spec whose Index is 0
// and that has no Keyword says that there are keys, but not where: Redis calls
// its search "unknown".

// A foundKey is a key among words.
type foundKey struct {
	at    int // among the words
	key   []byte
	flags string // as in engine.KeySpec
}

// findKeys returns the keys among the words of a command that spec describes; not
// ok where a spec does not fit the words, and then those of the other specs: PFMERGE
// of one key has nothing to merge, and writes to it all the same.
func findKeys(spec *engine.Spec, words [][]byte) (keys []foundKey, ok bool) {
	if of := keysByHand[spec.Lower()]; of != nil {
		return of(spec, words), true
	}
	ok = true
	for i := range spec.Keys {
		k := &spec.Keys[i]
		if hasWord(k.Flags, "NOT_KEY") {
			continue
		}
		first, found, known := keysBegin(k, words)
		if !known {
			ok = false
			continue
		}
		if !found {
			continue
		}
		first, last, fits := keysRange(k, first, words)
		if !fits {
			ok = false
			continue
		}
		flags := k.Flags
		if hasWord(flags, "VARIABLE_FLAGS") {
			if of := variableFlags[spec.Lower()]; of != nil {
				flags = of(words)
			}
		}
		for j := first; j <= last; j += max(k.Step, 1) {
			keys = append(keys, foundKey{j, words[j], flags})
		}
	}
	return keys, ok
}

// keysBegin finds the word where the keys of a spec begin. A keyword that is
// not there means that there are none.
func keysBegin(k *engine.KeySpec, words [][]byte) (first int, found, known bool) {
	if k.Keyword == "" {
		return k.Index, true, k.Index != 0
	}
	at, step := k.Index, 1
	if at < 0 {
		at, step = len(words)+at, -1
	}
	for ; 0 < at && at < len(words)-1; at += step { // a keyword at the very end is none
		if strings.EqualFold(string(words[at]), k.Keyword) {
			return at + 1, true, true
		}
	}
	return 0, false, true
}

// keysRange returns the first and the last key of a spec whose keys begin at
// first.
func keysRange(k *engine.KeySpec, first int, words [][]byte) (from, to int, ok bool) {
	step, n := max(k.Step, 1), len(words)
	switch {
	case k.NumKeys:
		if first+k.KeyNum >= n {
			return 0, 0, false
		}
		count, isInt := engine.ParseInt(string(words[first+k.KeyNum]))
		if !isInt || count < 0 || count > int64(n) {
			return 0, 0, false
		}
		if count == 0 {
			return 1, 0, true // EVAL with no keys
		}
		from = first + k.FirstKey
		to = from + (int(count)-1)*step
	case k.Last >= 0:
		from, to = first, first+k.Last
	case k.Limit <= 1:
		from, to = first, n+k.Last
	default:
		from, to = first, first+(n-first)/k.Limit+k.Last
	}
	return from, to, from < n && from <= to && to < n
}

// variableFlags has, for the commands whose key specs say VARIABLE_FLAGS, what
// the words at hand do with the key.
var variableFlags = map[string]func(words [][]byte) string{
	"set": func(words [][]byte) string {
		for _, w := range words[min(3, len(words)):] {
			if strings.EqualFold(string(w), "GET") {
				return "RW ACCESS UPDATE"
			}
		}
		return "OW UPDATE"
	},
	"bitfield": func(words [][]byte) string {
		const writes = "RW ACCESS UPDATE"
		for i := 2; i < len(words); i++ {
			left := len(words) - 1 - i
			switch op := strings.ToLower(string(words[i])); {
			case op == "get" && left >= 2:
				i += 2
			case op == "overflow" && left >= 1:
				i++
			default:
				return writes
			}
		}
		return "RO ACCESS"
	},
}

// keysByHand finds the keys of commands of which the specs do not say where all are, as
// far as words can.
var keysByHand = map[string]func(spec *engine.Spec, words [][]byte) []foundKey{
	"sort": func(spec *engine.Spec, words [][]byte) []foundKey {
		keys := []foundKey{{1, words[1], spec.Keys[0].Flags}}
		for i := 2; i < len(words); i++ {
			switch strings.ToLower(string(words[i])) {
			case "limit":
				i += 2
			case "get", "by":
				i++
			case "store":
				// The last one counts. Redis goes on with the key as if it were an option,
				// and so can be led past the next STORE.
				if i++; i < len(words) {
					keys = append(keys[:1], foundKey{i, words[i], spec.Keys[2].Flags})
				}
			}
		}
		return keys
	},
	"georadius":         geoStore,
	"georadiusbymember": geoStore,
	"xread":             streamsRead,
	"xreadgroup":        streamsRead,
	"sort_ro": func(spec *engine.Spec, words [][]byte) []foundKey {
		return []foundKey{{1, words[1], spec.Keys[0].Flags}}
	},
}

// geoStore finds the keys of GEORADIUS and its like. Redis names the first key that
// is to be written to, though it is the last one that is.
func geoStore(spec *engine.Spec, words [][]byte) []foundKey {
	keys := []foundKey{{1, words[1], spec.Keys[0].Flags}}
	first := 6
	if spec.Lower() == "georadiusbymember" {
		first = 5
	}
	for i := first; i < len(words)-1; i++ {
		switch strings.ToLower(string(words[i])) {
		case "withcoord", "withdist", "withhash", "asc", "desc", "any":
		case "count":
			i++
			if _, ok := engine.ParseInt(string(words[i])); !ok {
				return keys
			}
		case "store", "storedist":
			i++
			keys = append(keys[:1], foundKey{i, words[i], spec.Keys[1].Flags})
		default:
			return keys // the command refuses the words
		}
	}
	return keys
}

// streamsRead finds the keys of XREAD and XREADGROUP. Their spec looks for the word
// STREAMS, which a group or a consumer may be called too.
func streamsRead(spec *engine.Spec, words [][]byte) (keys []foundKey) {
	for i := 1; i < len(words)-1; i++ {
		switch strings.ToLower(string(words[i])) {
		case "noack":
		case "count", "block":
			i++
		case "group":
			i += 2
		case "streams":
			for at := i + 1; at <= i+(len(words)-1-i)/2; at++ {
				keys = append(keys, foundKey{at, words[at], spec.Keys[0].Flags})
			}
			return keys
		default:
			return nil // the command refuses the words
		}
	}
	return nil
}

func hasWord(words, w string) bool { return slices.Contains(strings.Fields(words), w) }

// keyFlags are the flags of a key spec as COMMAND spells them.
func keyFlags(flags string) []string {
	out := strings.Fields(flags)
	for i, f := range out {
		switch f {
		case "RO", "RW", "OW", "RM":
		default:
			out[i] = strings.ToLower(f)
		}
	}
	return out
}

// legacyRange is what COMMAND INFO said of a command's keys before there were
// key specs: the first key, the last and the step between them, zeros where
// there are none. movable says that there may be others: those of specs that
// search, count or leave gaps, and whatever stands outside the range.
func legacyRange(spec *engine.Spec) (first, last, step int, movable bool) {
	only := len(spec.Keys) == 1
	for i := range spec.Keys {
		k := &spec.Keys[i]
		if hasWord(k.Flags, "INCOMPLETE") {
			movable = true
		}
		simple := k.Keyword == "" && k.Index > 0 && !k.NumKeys
		adjoins := first == 0 || last > 0 && last == k.Index-1
		if !simple || !only && (max(k.Step, 1) != 1 || !adjoins) {
			movable = true
			continue
		}
		if first == 0 {
			first = k.Index
		}
		if last, step = k.Last, max(k.Step, 1); k.Last >= 0 {
			last += k.Index
		}
	}
	return first, last, step, movable
}

// A DeclaredKey is one that a command's key specs find among its words.
type DeclaredKey struct {
	Key         string
	Read, Write bool // the key's value may be read, changed: what ACL looks at
}

// DeclaredKeys returns the keys among the words of a command.
func DeclaredKeys(spec *engine.Spec, words [][]byte) (keys []DeclaredKey) {
	for _, k := range aclKeys(spec, words) {
		keys = append(keys, DeclaredKey{string(words[k.At]), k.Read, k.Write})
	}
	return keys
}
