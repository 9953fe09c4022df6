package larder

import (
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// What is known of a key besides its value: OBJECT. To ask is no access.

// ObjectEncoding names the encoding of the value at key, as Redis has it: "int",
// "embstr" or "raw" for strings. It returns ErrNil for a missing key, as do
// ObjectIdleTime, ObjectFreq and ObjectRefCount.
func (c Commands) ObjectEncoding(key string) (string, error) { return opObjectEncoding.Do(c.s, key) }

// ObjectIdleTime tells, in whole seconds, how long ago the key was last used. It
// returns an error under an LFU policy, which keeps no such time.
func (c Commands) ObjectIdleTime(key string) (time.Duration, error) {
	n, err := opObjectIdleTime.Do(c.s, key)
	return time.Duration(n) * time.Second, err
}

// ObjectFreq tells how often the key was used lately, as a logarithmic counter
// from 0 to 255. It returns an error under a policy that is not LFU.
func (c Commands) ObjectFreq(key string) (int, error) {
	n, err := opObjectFreq.Do(c.s, key)
	return int(n), err
}

// ObjectRefCount is the number of references to the value at key that Redis
// would have: 2147483647 for the small integers that it shares, else 1.
func (c Commands) ObjectRefCount(key string) (int64, error) { return opObjectRefCount.Do(c.s, key) }

const (
	errNoFreq Error = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
		"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
	errNoIdle Error = "ERR An LFU maxmemory policy is selected, idle time not tracked. " +
		"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
)

var _ = add(&engine.Container{Spec: spec{
	Name: "OBJECT", Arity: -2, Group: "generic", Since: "2.2.3", Complexity: "that of the subcommand",
	Summary: "About what is known of a key besides its value.",
}})

var (
	opObjectEncoding = add(objectOp("ENCODING", "2.2.3", "Names the encoding of a value.",
		func(_ *txn, _ string, v engine.Value) (string, error) { return v.Form.Encoding(), nil }, (*reply).Bulk))
	opObjectIdleTime = add(objectOp("IDLETIME", "2.2.3", "Tells how many seconds ago a key was last used.",
		func(t *txn, key string, _ engine.Value) (int64, error) {
			if lfu(t.Engine()) {
				return 0, errNoIdle
			}
			return t.Engine().Idle(t.Clock(key)), nil
		}, (*reply).Int))
	opObjectFreq = add(objectOp("FREQ", "4.0.0", "Tells how often a key was used lately.",
		func(t *txn, key string, _ engine.Value) (int64, error) {
			if !lfu(t.Engine()) {
				return 0, errNoFreq
			}
			return int64(t.Engine().Frequency(t.Clock(key))), nil
		}, (*reply).Int))
	opObjectRefCount = add(objectOp("REFCOUNT", "2.2.3", "Counts the references to a value.",
		func(t *txn, _ string, v engine.Value) (int64, error) { return admin.RefCount(t.Engine(), v), nil }, (*reply).Int))
)

// objectOp is a subcommand of OBJECT; they differ in what they tell of a key
// that exists.
func objectOp[R any](name, since, summary string, tell func(*txn, string, engine.Value) (R, error), answer func(*reply, R)) *op[string, R] {
	return &op[string, R]{
		Spec: spec{
			Name: "OBJECT|" + name, Arity: 3, Flags: readOnly, Keys: []engine.KeySpec{{Flags: "RO", Index: 2}},
			Group: "generic", Since: since, Complexity: "O(1)", Syntax: "key:key", Summary: summary,
			Tips: []string{"nondeterministic_output"},
		},
		Parse: (*args).Key,
		Keys:  (*keySet).Read,
		Run: func(t *txn, key string) (r R, err error) {
			v, ok := t.Peek(key)
			if !ok {
				return r, ErrNil
			}
			return tell(t, key, v)
		},
		Reply: answer,
	}
}

func lfu(e *engine.Engine) bool {
	p := e.Policy()
	return p == engine.AllKeysLFU || p == engine.VolatileLFU
}

var _ = add(&ctl{
	Spec: spec{
		Name: "OBJECT|HELP", Arity: 2, Flags: loading | stale, Group: "generic", Since: "6.2.0", Complexity: "O(1)",
		Summary: "Lists the subcommands.",
	},
	Run: func(_ *engine.Session, _ *args, w *reply) error {
		admin.ReplyHelp(w, "OBJECT",
			"ENCODING <key>", "Names the encoding of a value.",
			"FREQ <key>", "Tells how often a key was used lately, under an LFU policy.",
			"IDLETIME <key>", "Tells how many seconds ago a key was last used, but not under an LFU policy.",
			"REFCOUNT <key>", "Counts the references to a value.",
		)
		return nil
	},
})
