package admin

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/larderdb/larder/internal/engine"
)

// The parts of DEBUG that look into a value or a table. What Redis prints to its
// standard output goes to the log here.

func init() {
	addDebug("HTSTATS", debugCommand{min: 1, max: 1, use: "HTSTATS <db>", does: "Tells how keys lie in the tables of a database.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			db, ok := engine.ParseInt(a.String())
			switch {
			case !ok:
				return engine.ErrNotInt
			case db < 0 || db >= int64(s.Engine().Databases()):
				return engine.Error("ERR Out of range database")
			}
			spreads, err := opSpreads.Do(s, int(db))
			if err != nil {
				return err
			}
			var b strings.Builder
			b.WriteString("[Dictionary HT]\n")
			writeSpread(&b, spreads[0])
			b.WriteString("[Expires HT]\n") // in the same tables, of which it tells how these lie there
			writeSpread(&b, spreads[1])
			w.Verbatim("txt", b.String())
			return nil
		},
		plan: func(_ *engine.Session, _ *engine.Args, k *engine.KeySet) { k.All() }})
	addDebug("HTSTATS-KEY", debugCommand{min: 1, max: 1, use: "HTSTATS-KEY <key>", does: "Tells how elements lie in the table of a value.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			spread, err := opSpread.Do(s, a.Key())
			if err != nil {
				return noKey(err)
			}
			var b strings.Builder
			writeSpread(&b, spread)
			w.Verbatim("txt", b.String())
			return nil
		},
		plan: planKeys})
	addDebug("LISTPACK", debugCommand{min: 1, max: 1, use: "LISTPACK <key>", does: "Writes the elements of a listpack to the log.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			return logged(s, w, "Listpack", opDebugListpack, a.Key())
		},
		plan: planKeys})
	addDebug("QUICKLIST", debugCommand{min: 1, max: 2, use: "QUICKLIST <key> [<0|1>]", does: "Writes how a list is kept to the log.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			return logged(s, w, "Quicklist", opDebugList, a.Key())
		},
		plan: func(_ *engine.Session, a *engine.Args, k *engine.KeySet) { k.Read(a.Key()) }})
	addDebug("SDSLEN", debugCommand{min: 1, max: 1, use: "SDSLEN <key>", does: "Tells the lengths of a key and of its string.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			line, err := opDebugLengths.Do(s, a.Key())
			if err != nil {
				return noKey(err)
			}
			w.Simple(line)
			return nil
		},
		plan: planKeys})
	addDebug("STRUCTSIZE", debugCommand{use: "STRUCTSIZE", does: "Tells the sizes of some structures.",
		run: func(_ *engine.Session, _ *engine.Args, w *engine.Reply) error {
			w.Simple(fmt.Sprintf("bits:%d client:%d session:%d txn:%d value:%d ", 8*unsafe.Sizeof(uintptr(0)),
				unsafe.Sizeof(Client{}), unsafe.Sizeof(engine.Session{}), unsafe.Sizeof(engine.Txn{}), unsafe.Sizeof(engine.Value{})))
			return nil
		}})
}

// noKey is the error for a key that is missing, where that is none by itself.
func noKey(err error) error {
	if err == engine.ErrNil {
		return engine.ErrNoKey
	}
	return err
}

// writeSpread writes what is known of a table in the form that Redis has for its own. A
// slot is a bucket here, and a chain what falls into it, which is the most that a lookup
// may have to compare; one tag of eight bits for each spares it nearly all of that.
func writeSpread(b *strings.Builder, spread engine.Spread) {
	b.WriteString("Hash table 0 stats (main hash table):\n")
	slots, entries := 0, 0
	for n, buckets := range spread {
		slots += buckets
		entries += n * buckets
	}
	if entries == 0 {
		b.WriteString("No stats available for empty dictionaries\n")
		return
	}
	used := slots - spread[0]
	mean := float64(entries) / float64(used)
	fmt.Fprintf(b, " table size: %d\n number of elements: %d\n different slots: %d\n max chain length: %d\n"+
		" avg chain length (counted): %.2f\n avg chain length (computed): %.2f\n Chain length distribution:\n",
		slots, entries, used, len(spread)-1, mean, mean)
	for n, buckets := range spread {
		if buckets != 0 {
			fmt.Fprintf(b, "   %d: %d (%.2f%%)\n", n, buckets, 100*float64(buckets)/float64(slots))
		}
	}
}

var opSpreads = &engine.Op[int, [2]engine.Spread]{
	Spec: engine.Spec{Name: "DEBUG HTSTATS", Flags: engine.ReadOnly},
	Keys: func(k *engine.KeySet, _ int) { k.All() },
	Run: func(t *engine.Txn, db int) (s [2]engine.Spread, err error) {
		s[0], s[1] = t.Spread(db)
		return s, nil
	},
}

var opSpread = &engine.Op[string, engine.Spread]{
	Spec: engine.Spec{Name: "DEBUG HTSTATS-KEY", Flags: engine.ReadOnly},
	Keys: (*engine.KeySet).Read,
	Run: func(t *engine.Txn, key string) (engine.Spread, error) {
		v, ok := t.Peek(key)
		if !ok {
			return nil, engine.ErrNil
		}
		s := v.Spread(t.Now())
		if s == nil {
			return nil, engine.Error("ERR The value stored at the specified key is not represented using an hash table")
		}
		return s, nil
	},
}

// logged writes what op says of a key to the log.
func logged(s *engine.Session, w *engine.Reply, what string, op *engine.Op[string, string], key string) error {
	text, err := op.Do(s, key)
	if err != nil {
		return noKey(err)
	}
	server(s).log.Warn("DEBUG "+what, "key", cloned(key), "value", text)
	w.Simple(what + " structure written to the log")
	return nil
}

// maxShown is how many bytes of a value go to the log.
const maxShown = 64 << 10

var opDebugListpack = &engine.Op[string, string]{
	Spec: engine.Spec{Name: "DEBUG LISTPACK", Flags: engine.ReadOnly},
	Keys: (*engine.KeySet).Read,
	Run: func(t *engine.Txn, key string) (string, error) {
		v, ok := t.Peek(key)
		switch {
		case !ok:
			return "", engine.ErrNil
		case v.Form.Encoding() != "listpack":
			return "", engine.Error("ERR Not a listpack encoded object.")
		}
		var b []byte
		if f, ok := v.Fields(t.Now()); ok {
			for name, value := range f.All() {
				b = appendElement(appendElement(b, name.String()), value.String())
			}
		} else if z, ok := v.ZItems(); ok {
			for it := range z.All() {
				b = appendElement(b, it.Member.String())
				b = fmt.Appendf(b, "%v ", it.Score)
			}
		}
		return string(b), nil
	},
}

// appendElement appends an element, quoted, unless there is enough already.
func appendElement(b []byte, s string) []byte {
	if len(b) > maxShown {
		return b
	}
	return append(appendQuoted(b, s), ' ')
}

var opDebugList = &engine.Op[string, string]{
	Spec: engine.Spec{Name: "DEBUG QUICKLIST", Flags: engine.ReadOnly},
	Keys: (*engine.KeySet).Read,
	Run: func(t *engine.Txn, key string) (string, error) {
		v, ok := t.Peek(key)
		if !ok {
			return "", engine.ErrNil
		}
		if _, ok := v.List(); !ok {
			return "", engine.Error("ERR Not a quicklist encoded object.")
		}
		return strings.TrimSpace(listStats(t.Engine(), v)), nil
	},
}

// opDebugLengths is DEBUG SDSLEN: strings have no room behind them here, and take what
// their entry takes.
var opDebugLengths = &engine.Op[string, string]{
	Spec: engine.Spec{Name: "DEBUG SDSLEN", Flags: engine.ReadOnly},
	Keys: (*engine.KeySet).Read,
	Run: func(t *engine.Txn, key string) (string, error) {
		it, size := t.Raw(key)
		switch {
		case size == 0:
			return "", engine.ErrNil
		case it.Value.Type() != engine.TypeString || it.Value.Form == engine.StringInt:
			return "", engine.Error("ERR Not an sds encoded string.")
		}
		n := it.Value.Str().Len()
		return fmt.Sprintf("key_sds_len:%d, key_sds_avail:0, key_zmalloc: %d, val_sds_len:%d, val_sds_avail:0, val_zmalloc: %d",
			len(key), len(key), n, size-len(key)), nil
	},
}
