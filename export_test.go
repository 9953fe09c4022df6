package larder

import (
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// What the tests of package larder_test need of the inside.

// Follow takes a snapshot and a tail of the journal from the same instant on.
func Follow(db *DB) (*Snapshot, *engine.Tail, error) {
	sn, tail, err := db.shared.e.Follow()
	return &Snapshot{sn, db.s.DB}, tail, err
}

// Subscribe has sub told of every effect.
func Subscribe(db *DB, sub engine.Subscriber) error { return db.shared.e.Subscribe(sub) }

// SetPrimary makes c apply a primary's stream.
func SetPrimary(c *Conn) { c.c.SetPrimary() }

// Databases is the number of logical databases.
func Databases(db *DB) int { return db.shared.e.Databases() }

// CommandTable is the table of all commands.
func CommandTable() engine.Table { return table }

// Offset is the journal's end.
func Offset(db *DB) int64 { return db.shared.e.Offset() }

// Used is the memory of the keyspace.
func Used(db *DB) int64 { return db.shared.e.Used() }

// KeysOf returns the keys that a command names to have them locked, and those that its
// key specs declare. The spec is nil for a command that is not known or has not enough
// words.
func KeysOf(db *DB, words [][]byte) (spec *engine.Spec, named []engine.NamedKey, declared []admin.DeclaredKey) {
	cmd, first := db.s.Engine().Commands().Find(words)
	if cmd == nil {
		return nil, nil, nil
	}
	_, container := cmd.(*engine.Container)
	if n := cmd.Info().Arity; container || n > 0 && len(words) != n || len(words) < -n {
		return nil, nil, nil
	}
	named, _ = db.s.NamedKeys(cmd, first, words)
	return cmd.Info(), named, admin.DeclaredKeys(cmd.Info(), words)
}
