package larder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/engine"
)

// DumpHash writes what a replica must know of a hash: its fields, in order, with
// their values and the times at which they expire.
func DumpHash(d *SnapshotDB, key string) string {
	var lines []string
	d.hash(key, func(v hashfields.View) {
		for f, e := range v.Entries() {
			lines = append(lines, fmt.Sprintf("%q=%q@%d", f, e.Value, e.ExpireAt))
		}
	})
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// HiddenFields counts the fields of a hash with those whose time is over and that
// were not removed yet.
func HiddenFields(db *DB, key string) int {
	snap := db.Snapshot()
	defer snap.Close()
	n := 0
	snap.sn.Get(db.s.DB, key, func(it engine.Item) {
		v, _ := it.Value.Fields(0)
		n = v.Len()
	})
	return n
}

// Hide has a store only hide what has expired, as a replica does.
func Hide(db *DB, on bool) error { return db.shared.e.Hide(on) }
