package engine

import (
	"github.com/larderdb/larder/internal/ds/hashtable"
)

// Flush empties a database: its tables are swapped out whole. The command holds
// all shards. It returns the number of keys there were.
func (t *Txn) Flush(db int) (n int64) {
	old := make([]*hashtable.Table, numShards)
	for i := range t.e.shards {
		if old[i] = t.e.tables[db][i]; old[i] == nil {
			continue
		}
		n += int64(old[i].Len())
		t.e.tables[db][i] = nil
		t.wrote = append(t.wrote, tableRef{i, db})
	}
	t.changes += int(n)
	t.inPlace = nil // it may be one of them, and then there is nothing left to tidy
	t.log = append(t.log, undo{at: keyRef{dbKey: dbKey{db: db}}, tables: old, swap: -1})
	t.touchDB(db, old, nil)
	t.noteFlush(db)
	return n
}

// SwapDB exchanges two databases. The command holds all shards.
func (t *Txn) SwapDB(a, b int) {
	was := make([]*hashtable.Table, numShards)
	other := make([]*hashtable.Table, numShards)
	for i := range t.e.shards {
		was[i], other[i] = t.e.tables[a][i], t.e.tables[b][i]
		t.wrote = append(t.wrote, tableRef{i, a}, tableRef{i, b})
	}
	u := undo{at: keyRef{dbKey: dbKey{db: a}}, tables: was, swap: b}
	u.rollbackTables(t.e) // to swap back is to swap
	t.log = append(t.log, u)
	t.touchDB(a, was, other)
	t.touchDB(b, other, was)
}

func (u *undo) rollbackTables(e *Engine) {
	tables := &e.tables[u.at.db]
	if u.swap >= 0 {
		*tables, e.tables[u.swap] = e.tables[u.swap], *tables
		return
	}
	for i, was := range u.tables {
		if now := tables[i]; now != nil {
			now.Drop() // begun since, and what was in it is undone
		}
		tables[i] = was
	}
}

// commitTables gives the memory of flushed tables back.
func (u *undo) commitTables() {
	if u.swap >= 0 {
		return
	}
	for _, tab := range u.tables {
		if tab != nil {
			tab.Drop()
		}
	}
}

// touchDB tells those who watch or wait for keys of db, whose tables were
// replaced. A watched key that was in neither is as it was; one that was
// expired already when it was watched, and is gone or still expired, is too.
func (t *Txn) touchDB(db int, was, is []*hashtable.Table) {
	for i := range t.e.shards {
		sh := &t.e.shards[i]
		for k, watchers := range sh.watch {
			if k.db != db {
				continue
			}
			r := t.e.refOf(k)
			before, after := t.stateOf(was[i], &r), keyAbsent
			if is != nil {
				after = t.stateOf(is[i], &r)
			}
			for i, x := range watchers {
				expired := x.expired
				m := watchMark{x: &watchers[i], expired: expired}
				switch {
				case before == keyAbsent && after == keyAbsent, expired && after == keyExpired:
					continue
				case expired && after == keyAbsent:
					m.expired = false // what had expired is gone: no change
				case !expired && before == keyAbsent && after == keyExpired:
					m.expired = true // from none to one that nobody can see
				default:
					m.dirty = true
				}
				t.marks = append(t.marks, m)
			}
		}
		for k := range sh.waiters {
			if k.db == db {
				t.touched = append(t.touched, t.e.refOf(k))
			}
		}
	}
}

// A watchMark is what becomes of a watched key when a transaction commits that
// replaced its database.
type watchMark struct {
	x              *watcher
	expired, dirty bool
}

func (m *watchMark) commit() {
	if m.dirty {
		m.x.w.dirty.Store(true)
	} else {
		m.x.expired = m.expired
	}
}

type keyState uint8

const (
	keyAbsent keyState = iota
	keyExpired
	keyPresent
)

func (t *Txn) stateOf(tab *hashtable.Table, at *keyRef) keyState {
	if tab == nil {
		return keyAbsent
	}
	h := tab.Find(at.hash, at.key)
	switch {
	case h == 0:
		return keyAbsent
	case isGone(&tab.View, h, t.Now()):
		return keyExpired
	}
	return keyPresent
}
