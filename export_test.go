package larder

import "github.com/larderdb/larder/internal/engine"

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
