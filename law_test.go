package larder_test

import (
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// The law that ACL stands on: the keys that a command touches are those that its key
// specs declare. Under -race and -tags invariants the engine panics where a command
// touches a key that its Keys did not name; here the named keys are held to the
// declared ones, for every line of every script.

// A lawful is a connection that holds each command to the law before it runs it.
type lawful struct {
	*conn
	t  testing.TB
	db *larder.DB
}

func (l lawful) Do(words ...string) redistest.Value {
	l.hold(words)
	return l.conn.Do(words...)
}

func (l lawful) Send(words ...string) {
	l.hold(words)
	l.conn.Send(words...)
}

// locksMore are commands whose Keys name a key for writing that, for ACL, is only
// read: for the reason given.
var locksMore = map[string]string{
	"bitfield":   "it locks alike whether it writes or not",
	"pfcount":    "it keeps what it has counted with the key",
	"pfdebug":    "it may change how the key is stored",
	"watch":      "the table of who watches is written",
	"xreadgroup": "what is pending is not the stream's value, to Redis",
}

// hold reports where what a command names is not what it declares.
func (l lawful) hold(words []string) {
	l.t.Helper()
	if lapse := lawLapse(l.db, words); lapse != "" {
		l.t.Errorf("%q: %s", words, lapse)
	}
}

func lawLapse(db *larder.DB, words []string) string {
	var bs [][]byte
	for _, w := range words {
		bs = append(bs, []byte(w))
	}
	if len(bs) == 0 {
		return ""
	}
	spec, named, declared := larder.KeysOf(db, bs)
	if spec == nil || len(named) == 0 {
		return "" // no such command, none without its words, or one without keys
	}
	if spec.Lower() == "debug" {
		return "" // who may use it may look anywhere: it declares no keys, as in Redis
	}
	var lapses []string
	for _, n := range named {
		found, write := false, false
		for _, d := range declared {
			if d.Key == n.Key {
				found, write = true, write || d.Write
			}
		}
		switch {
		case !found:
			lapses = append(lapses, "does not declare "+n.Key)
		case n.Write && !write && locksMore[spec.Lower()] == "":
			lapses = append(lapses, "may write "+n.Key+", and declares that it reads it")
		}
	}
	for _, d := range declared {
		found, write := false, false
		for _, n := range named {
			if n.Key == d.Key {
				found, write = true, write || n.Write
			}
		}
		switch {
		case !found:
			lapses = append(lapses, "does not name "+d.Key)
		case d.Write && !write:
			lapses = append(lapses, "only reads "+d.Key+", and declares that it may write it")
		}
	}
	slices.Sort(lapses)
	return strings.Join(slices.Compact(lapses), "; ")
}

// TestLawLedAstray holds commands to the law whose words led, or lead, a redis-server
// past a key.
func TestLawLedAstray(t *testing.T) {
	db := open(t, larder.Options{})
	for _, line := range []string{
		"SORT a STORE limit STORE b", "SORT a STORE by STORE b", "SORT a LIMIT 0 1 STORE b", "SORT_RO a BY STORE GET b",
		"GEORADIUS a 1 1 1 m STORE b STORE c", "GEORADIUS a 1 1 1 m STORE store STOREDIST c", "GEORADIUSBYMEMBER a STORE 1 m STORE b STOREDIST c",
		"XREADGROUP BLOCK 1 GROUP STREAMS NOACK STREAMS a >", "XREADGROUP GROUP STREAMS STREAMS STREAMS a >", "XREAD COUNT 1 STREAMS streams 0",
		"PFMERGE a", "ZUNIONSTORE a 1 b WEIGHTS 1", "LMPOP 1 LEFT LEFT", "BLMPOP 0.01 2 a COUNT LEFT", "EVAL x 0", "BITFIELD a GET u8 0 SET u8 0 1",
		"MSETNX a 1 a 2", "COPY a b DB 1 REPLACE", "SINTERCARD 2 a LIMIT LIMIT 1",
	} {
		if lapse := lawLapse(db, strings.Fields(line)); lapse != "" {
			t.Errorf("%s: %s", line, lapse)
		}
	}
}

// TestLaw holds every command to the law with words made up of its own tokens, in
// places where they belong and where they do not: STORE as a member, STREAMS as a
// group, a keyword twice.
func TestLaw(t *testing.T) {
	db := open(t, larder.Options{})
	attach(t, db)
	r := rand.New(rand.NewPCG(7, 7))
	token := regexp.MustCompile(`[A-Z][A-Z]+`)
	kept := map[string]int{}
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for _, name := range slices.Sorted(maps.Keys(larder.CommandTable())) {
		spec := larder.CommandTable()[name].Info()
		if len(spec.Keys) == 0 {
			continue
		}
		pool := []string{"a", "b", "c", "0", "1", "2", "3", "*", "and", "#", "m", "LEFT", "-", "(1", "[a", "u8", "GET", "STORE"}
		pool = append(pool, token.FindAllString(spec.Syntax, -1)...)
		for range rounds {
			words := strings.Split(name, "|")
			for n := max(spec.Arity, -spec.Arity) - len(words) + r.IntN(4)*r.IntN(3); n > 0; n-- {
				w := pool[r.IntN(len(pool))]
				if r.IntN(8) == 0 {
					w = strings.ToLower(w)
				}
				words = append(words, w)
			}
			// That more is declared than is named tells of an error in the words that
			// the command has not looked for yet.
			lapse := lawLapse(db, words)
			if strings.HasPrefix(lapse, "does not declare") || strings.HasPrefix(lapse, "may write") {
				t.Errorf("%q: %s", words, lapse)
				break
			}
			if namesKeys(db, words) {
				kept[name]++
			}
		}
		if kept[name] == 0 && !hardToGuess[name] && !testing.Short() { // which makes up too few
			t.Errorf("%s: no words were right", name)
		}
	}
}

// hardToGuess are commands of which TestLaw makes up no right words: the scripts have
// some.
var hardToGuess = map[string]bool{
	"spublish": true, "ssubscribe": true, "sunsubscribe": true, "watch": true, "xackdel": true,
}

func namesKeys(db *larder.DB, words []string) bool {
	var bs [][]byte
	for _, w := range words {
		bs = append(bs, []byte(w))
	}
	_, named, _ := larder.KeysOf(db, bs)
	return len(named) > 0
}
