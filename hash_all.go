package larder

import (
	"iter"
	"runtime"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/engine"
)

// Whole hashes: HGETALL HKEYS HVALS.

var (
	opHGetAll = add(wholeOp("HGETALL", "Reads all fields of a hash, with their values.", func(w *reply, v hashfields.View) {
		w.Map(v.Len())
		for f, e := range v.All() {
			replyField(w, f)
			replyField(w, e)
		}
	}))
	opHKeys = add(wholeOp("HKEYS", "Lists the fields of a hash.", func(w *reply, v hashfields.View) {
		w.Array(v.Len())
		for f := range v.All() {
			replyField(w, f)
		}
	}))
	opHVals = add(wholeOp("HVALS", "Lists the values of a hash.", func(w *reply, v hashfields.View) {
		w.Array(v.Len())
		for _, e := range v.All() {
			replyField(w, e)
		}
	}))
)

// wholeOp is a command that shows all of a hash; they differ in what they show. It
// is written from where it lies.
func wholeOp(name, summary string, answer func(*reply, hashfields.View)) *op[string, hashfields.View] {
	return &op[string, hashfields.View]{
		Spec: spec{
			Name: name, Arity: 2, Flags: readOnly, Keys: engine.One("RO ACCESS"),
			Group: "hash", Since: "2.0.0", Complexity: "O(N) for N fields", Syntax: "key:key", Summary: summary,
			Tips: []string{"nondeterministic_output_order"},
		},
		Parse: (*args).Key,
		Keys:  (*keySet).Read,
		Run:   hashAt,
		Reply: answer,
	}
}

// wholeCall is a command that shows all of a hash for a Go caller, who gets a copy.
func wholeCall[R any](o *op[string, hashfields.View], gather func(hashfields.View) R) *op[string, R] {
	return &op[string, R]{
		Spec: o.Spec, // it counts as one
		Keys: (*keySet).Read,
		Run: func(t *txn, key string) (r R, err error) {
			v, err := hashAt(t, key)
			if err != nil {
				return r, err
			}
			return gather(v), nil
		},
	}
}

var (
	callHGetAll = wholeCall(opHGetAll, func(v hashfields.View) map[string]string {
		m := make(map[string]string, v.Len())
		for f, e := range v.All() {
			m[f.Keep()] = e.Keep()
		}
		return m
	})
	callHKeys = wholeCall(opHKeys, func(v hashfields.View) []string {
		out := make([]string, 0, v.Len())
		for f := range v.All() {
			out = append(out, f.Keep())
		}
		return out
	})
	callHVals = wholeCall(opHVals, func(v hashfields.View) []string {
		out := make([]string, 0, v.Len())
		for _, e := range v.All() {
			out = append(out, e.Keep())
		}
		return out
	})
	callHFields = wholeCall(opHGetAll, func(v hashfields.View) []HField {
		out := make([]HField, 0, v.Len())
		for f, e := range v.All() {
			out = append(out, HField{f.Keep(), e.Keep()})
		}
		return out
	})
)

// An HField is a field of a hash with its value.
type HField struct{ Field, Value string }

// HGetAll returns the fields of the hash at key with their values; a missing key is
// a hash without fields. O(n), and n strings: [Commands.HAll] copies less at a time.
func (c Commands) HGetAll(key string) (map[string]string, error) { return callHGetAll.Do(c.s, key) }

// HKeys returns the fields of the hash at key: those of a small hash in the order in
// which they came, else in none.
func (c Commands) HKeys(key string) ([]string, error) { return callHKeys.Do(c.s, key) }

// HVals returns the values of the hash at key, in the order of HKeys.
func (c Commands) HVals(key string) ([]string, error) { return callHVals.Do(c.s, key) }

// HAll yields the fields of the hash at key with their values, in the order of
// HKeys, as they were at one instant, however long the loop takes and whatever is
// written meanwhile, by the loop too. On a DB it reads a snapshot; on a Tx what the
// transaction sees, gathered before the first is yielded. A missing key, one of
// another type and a closed store yield nothing.
func (c Commands) HAll(key string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if c.s.InTxn() {
			fields, _ := callHFields.Do(c.s, key)
			for _, f := range fields {
				if !yield(f.Field, f.Value) {
					return
				}
			}
			return
		}
		snap, err := c.s.Engine().Snapshot(0)
		if err != nil {
			return
		}
		defer snap.Close()
		_ = snap.Get(c.s.DB, key, func(it engine.Item) {
			v, _ := it.Value.Fields(snap.Now())
			for f, e := range v.All() {
				if !yield(f.Keep(), e.Keep()) {
					return
				}
			}
		})
	}
}

// HGet returns the value that a field of a hash had, or ErrNil.
func (s *Snapshot) HGet(key, field string) (string, error) { return s.DB(s.db).HGet(key, field) }

// HGetAll returns the fields that a hash had, with their values.
func (s *Snapshot) HGetAll(key string) (map[string]string, error) { return s.DB(s.db).HGetAll(key) }

// HGet returns the value that a field of a hash had, or ErrNil.
func (d *SnapshotDB) HGet(key, field string) (value string, err error) {
	found := false
	err = d.hash(key, func(v hashfields.View) {
		var e fieldValue
		if e, found = v.Get(field); found {
			value = e.Keep()
		}
	})
	if err == nil && !found {
		err = ErrNil
	}
	return value, err
}

// HGetAll returns the fields that a hash had, with their values; a missing key is a
// hash without fields.
func (d *SnapshotDB) HGetAll(key string) (map[string]string, error) {
	m := map[string]string{}
	err := d.hash(key, func(v hashfields.View) {
		for f, e := range v.All() {
			m[f.Keep()] = e.Keep()
		}
	})
	return m, ignoreNil(err)
}

// hash calls f with the fields of the hash at key.
func (d *SnapshotDB) hash(key string, f func(hashfields.View)) error {
	if d.s.sn == nil {
		return ErrClosed
	}
	wrong := false
	err := d.s.sn.Get(d.n, key, func(it engine.Item) {
		v, ok := it.Value.Fields(d.s.sn.Now())
		if wrong = !ok; ok {
			f(v)
		}
	})
	if wrong {
		err = ErrWrongType
	}
	runtime.KeepAlive(d.s) // one that is dropped is closed
	return err
}
