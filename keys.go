package larder

import (
	"strconv"

	"github.com/larderdb/larder/internal/engine"
)

// Keys of any type: DEL UNLINK EXISTS TOUCH TYPE RENAME RENAMENX COPY MOVE
// RANDOMKEY OBJECT. When they expire is in expire.go, how to find them in
// scan.go.

// Del deletes keys and returns how many of them there were.
func (c Commands) Del(keys ...string) (int64, error) { return opDel.Do(c.s, keys) }

var opDel = add(&op[[]string, int64]{
	Spec: spec{
		Name: "DEL", Arity: -2, Flags: write, Keys: engine.AllFrom("RM DELETE", -1, 1),
		Group: "generic", Since: "1.0.0", Complexity: "O(N) for N keys", Syntax: "key:key...",
		Summary: "Deletes keys of any type and counts those that there were.",
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
	},
	Parse: (*args).Rest,
	Keys:  (*keySet).WriteAll,
	Run:   func(t *txn, keys []string) (int64, error) { return del(t, "DEL", keys), nil },
	Reply: (*reply).Int,
})

// Unlink is Del: memory is given back at once in either.
func (c Commands) Unlink(keys ...string) (int64, error) { return opUnlink.Do(c.s, keys) }

var opUnlink = add(&op[[]string, int64]{
	Spec: spec{
		Name: "UNLINK", Arity: -2, Flags: write | fast, Keys: engine.AllFrom("RM DELETE", -1, 1),
		Group: "generic", Since: "4.0.0", Complexity: "O(N) for N keys", Syntax: "key:key...",
		Summary: "Deletes keys of any type and counts those that there were, freeing big values later.",
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
	},
	Parse: (*args).Rest,
	Keys:  (*keySet).WriteAll,
	Run:   func(t *txn, keys []string) (int64, error) { return del(t, "UNLINK", keys), nil },
	Reply: (*reply).Int,
})

// del deletes keys as one effect.
func del(t *txn, name string, keys []string) (n int64) {
	for _, key := range keys {
		if t.Delete(key) {
			t.Touch('g', "del", key)
			n++
		}
	}
	if n > 0 && t.Replicating() {
		t.Replicate(append([]string{name}, keys...)...)
	}
	return n
}

// Exists returns how many of keys exist; one that is named twice counts twice.
func (c Commands) Exists(keys ...string) (int64, error) { return opExists.Do(c.s, keys) }

var opExists = add(&op[[]string, int64]{
	Spec: spec{
		Name: "EXISTS", Arity: -2, Flags: readOnly | fast, Keys: engine.AllFrom("RO", -1, 1),
		Group: "generic", Since: "1.0.0", Complexity: "O(N) for N keys", Syntax: "key:key...",
		Summary: "Counts the keys that exist.",
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
	},
	Parse: (*args).Rest,
	Keys:  (*keySet).ReadAll,
	Run: func(t *txn, keys []string) (n int64, err error) {
		for _, key := range keys {
			if t.Look(key) {
				n++
			}
		}
		return n, nil
	},
	Reply: (*reply).Int,
})

// Touch makes keys count as accessed, for eviction and OBJECT IDLETIME, and
// returns how many of them exist.
func (c Commands) Touch(keys ...string) (int64, error) { return opTouch.Do(c.s, keys) }

var opTouch = add(&op[[]string, int64]{
	Spec: spec{
		Name: "TOUCH", Arity: -2, Flags: readOnly | fast, Keys: engine.AllFrom("RO", -1, 1),
		Group: "generic", Since: "3.2.1", Complexity: "O(N) for N keys", Syntax: "key:key...",
		Summary: "Counts the keys that exist, and counts as an access to them.",
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
	},
	Parse: (*args).Rest,
	Keys:  (*keySet).ReadAll,
	Run: func(t *txn, keys []string) (n int64, err error) {
		for _, key := range keys {
			if t.Access(key) {
				n++
			}
		}
		return n, nil
	},
	Reply: (*reply).Int,
})

// Type returns the type of the value at key: "string", "list", "set", "zset",
// "hash" or "stream"; "none" for a missing one.
func (c Commands) Type(key string) (string, error) { return opType.Do(c.s, key) }

var opType = add(&op[string, string]{
	Spec: spec{
		Name: "TYPE", Arity: 2, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "generic", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key",
		Summary: "Names the type of the value that a key holds.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run: func(t *txn, key string) (string, error) {
		v, _ := t.Peek(key)
		return v.Type().String(), nil
	},
	Reply: (*reply).Simple,
})

type renameArgs struct {
	from, to string
	nx       bool
}

// Rename gives the value at key from, with its time of expiry, the key to,
// whatever that held before. It returns ErrNoKey if there is none.
func (c Commands) Rename(from, to string) error {
	_, err := opRename.Do(c.s, renameArgs{from: from, to: to})
	return err
}

// RenameNX is Rename only if the key to does not exist, and reports whether it
// did so.
func (c Commands) RenameNX(from, to string) (bool, error) {
	return opRenameNX.Do(c.s, renameArgs{from: from, to: to, nx: true})
}

var opRename = add(&op[renameArgs, none]{
	Spec: spec{
		Name: "RENAME", Arity: 3, Flags: write,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS DELETE", Index: 1}, {Flags: "OW UPDATE", Index: 2}},
		Group: "generic", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key newkey:key",
		Summary: "Gives a value another key, whatever that held before.",
	},
	Parse: func(p *args) renameArgs { return renameArgs{from: p.Key(), to: p.Key()} },
	Keys:  renameKeys,
	Run: func(t *txn, a renameArgs) (none, error) {
		_, err := rename(t, a)
		return none{}, err
	},
	Reply: replyOK,
})

var opRenameNX = add(&op[renameArgs, bool]{
	Spec: spec{
		Name: "RENAMENX", Arity: 3, Flags: write | fast,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS DELETE", Index: 1}, {Flags: "OW INSERT", Index: 2}},
		Group: "generic", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key newkey:key",
		Summary: "Gives a value another key, if that does not exist.",
	},
	Parse: func(p *args) renameArgs { return renameArgs{from: p.Key(), to: p.Key(), nx: true} },
	Keys:  renameKeys,
	Run:   rename,
	Reply: replyBool,
})

func renameKeys(k *keySet, a renameArgs) { k.Write(a.from); k.Write(a.to) }

func rename(t *txn, a renameArgs) (bool, error) {
	v, ok := t.Value(a.from)
	if !ok {
		return false, ErrNoKey
	}
	if a.from == a.to {
		return !a.nx, nil
	}
	if t.Exists(a.to) && a.nx {
		return false, nil
	}
	at, _ := t.ExpireAt(a.from)
	t.SetValue(t.DB(), a.to, v, at)
	t.Delete(a.from)
	name := "RENAME"
	if a.nx {
		name = "RENAMENX"
	}
	t.Made(t.DB(), a.to)
	t.Touch('g', "rename_from", a.from)
	t.Effect('g', "rename_to", a.to, name, a.from, a.to)
	return true, nil
}

// CopyArgs are the arguments of COPY.
type CopyArgs struct {
	Source, Destination string
	DB                  int  // of Destination, if OtherDB is set
	OtherDB             bool // Destination is in database DB, not in this one
	Replace             bool // whatever Destination holds
}

// Copy copies a value, with its time of expiry, to another key, and reports
// whether it did so: not if there is no value or, without Replace, if the
// destination exists. Big values are shared until one side is changed: O(1).
func (c Commands) Copy(a CopyArgs) (bool, error) {
	if a.OtherDB && (a.DB < 0 || a.DB >= c.s.Engine().Databases()) {
		return false, ErrDBIndex
	}
	return opCopy.Do(c.s, copyArgs{a.Source, a.Destination, a.DB, a.OtherDB, a.Replace})
}

type copyArgs struct {
	from, to string
	db       int
	otherDB  bool
	replace  bool
}

func (a copyArgs) target(selected int) int {
	if a.otherDB {
		return a.db
	}
	return selected
}

var opCopy = add(&op[copyArgs, bool]{
	Spec: spec{
		Name: "COPY", Arity: -3, Flags: write | denyOOM,
		Keys:  []engine.KeySpec{{Flags: "RO ACCESS", Index: 1}, {Flags: "OW UPDATE", Index: 2}},
		Group: "generic", Since: "6.2.0", Complexity: "O(1)", Syntax: "source:key destination:key [DB destination-db:integer] [REPLACE]",
		Summary: "Copies a value to another key.",
	},
	Parse: func(p *args) (a copyArgs) {
		a.from, a.to = p.Key(), p.Key()
		for p.More() {
			switch {
			case p.Flag("REPLACE"):
				a.replace = true
			case p.FlagWith("DB", 1):
				a.db, a.otherDB = p.Int32(), true
			default:
				p.Syntax()
			}
		}
		return a
	},
	Keys: func(k *keySet, a copyArgs) {
		db := k.DB()
		k.Read(a.from)
		k.Select(a.target(db))
		k.Write(a.to)
		k.Select(db)
	},
	Run: func(t *txn, a copyArgs) (bool, error) {
		db := a.target(t.DB())
		if db < 0 || db >= t.Engine().Databases() {
			return false, ErrDBIndex
		}
		if a.from == a.to && db == t.DB() {
			return false, errSameObject
		}
		v, ok := t.Value(a.from)
		if !ok {
			return false, nil
		}
		if _, there := t.PeekIn(db, a.to); there && !a.replace {
			return false, nil
		}
		at, _ := t.ExpireAt(a.from)
		t.SetValue(db, a.to, v, at)
		words := []string{"COPY", a.from, a.to}
		if a.otherDB {
			words = append(words, "DB", strconv.Itoa(db))
		}
		if a.replace {
			words = append(words, "REPLACE")
		}
		t.Made(db, a.to)
		t.EffectIn(db, 'g', "copy_to", a.to, words...)
		return true, nil
	},
	Reply: replyBool,
})

const errSameObject Error = "ERR source and destination objects are the same"

type moveArgs struct {
	key string
	db  int
}

// Move moves a key to database db and reports whether it did so: not if it is
// missing here, or there already.
func (c Commands) Move(key string, db int) (bool, error) {
	if db < 0 || db >= c.s.Engine().Databases() {
		return false, ErrDBIndex
	}
	return opMove.Do(c.s, moveArgs{key, db})
}

var opMove = add(&op[moveArgs, bool]{
	Spec: spec{
		Name: "MOVE", Arity: 3, Flags: write | fast, Keys: engine.One("RW ACCESS UPDATE"),
		Group: "generic", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key db:integer",
		Summary: "Moves a key to another database.",
	},
	Parse: func(p *args) moveArgs { return moveArgs{p.Key(), p.Int32()} },
	Keys: func(k *keySet, a moveArgs) {
		db := k.DB()
		k.Write(a.key)
		k.Select(a.db)
		k.Write(a.key)
		k.Select(db)
	},
	Run: func(t *txn, a moveArgs) (bool, error) {
		switch {
		case a.db < 0 || a.db >= t.Engine().Databases():
			return false, ErrDBIndex
		case a.db == t.DB():
			return false, errSameObject
		}
		v, ok := t.Value(a.key)
		if !ok {
			return false, nil
		}
		if _, there := t.PeekIn(a.db, a.key); there {
			return false, nil
		}
		at, _ := t.ExpireAt(a.key)
		t.SetValue(a.db, a.key, v, at)
		t.Delete(a.key)
		t.Made(a.db, a.key)
		t.Touch('g', "move_from", a.key)
		t.EffectIn(a.db, 'g', "move_to", a.key, "MOVE", a.key, strconv.Itoa(a.db))
		return true, nil
	},
	Reply: replyBool,
})

// RandomKey returns a key, each with the same chance, or ErrNil if there is none.
func (c Commands) RandomKey() (string, error) { return opRandomKey.Do(c.s, none{}) }

var opRandomKey = add(&op[none, string]{
	Spec: spec{
		Name: "RANDOMKEY", Arity: 1, Flags: readOnly, Group: "generic", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Names a random key.",
		Tips:    []string{"request_policy:all_shards", "nondeterministic_output"},
	},
	Parse: func(*args) none { return none{} },
	Keys:  func(k *keySet, _ none) { k.All() },
	Run: func(t *txn, _ none) (string, error) {
		key, ok := t.Random()
		if !ok {
			return "", ErrNil
		}
		return key, nil
	},
	Keep:  cloneString,
	Reply: (*reply).Bulk,
})
