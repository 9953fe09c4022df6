package larder

import "github.com/larderdb/larder/internal/engine"

// Idle says what is watched, waited for or locked.
func Idle(db *DB) error { return db.shared.e.AtRest() }

// BadSet sets a key and panics.
func BadSet(c Commands, key string) error {
	_, err := opBadSet.Do(c.s, key)
	return err
}

var opBadSet = &op[string, none]{
	Spec: spec{Name: "BADSET", Flags: write},
	Keys: (*keySet).Write,
	Run: func(t *txn, key string) (none, error) {
		t.Set(key, "x", engine.StringRaw, 0)
		t.Effect('$', "set", key, "SET", key, "x")
		panic("bad")
	},
}

// Queue queues any call.
func Queue(m *Multi, call func(Commands) error) Result[struct{}] { return queueOnly(m, call) }
