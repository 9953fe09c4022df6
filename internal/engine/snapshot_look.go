package engine

import "github.com/larderdb/larder/internal/ds/hashtable"

// Looking into a snapshot for people: key by key, with sizes, a few keys at a time. It
// takes no lock and is no access: neither clocks nor counters change.

// Look is Get that also tells how much memory the key takes, in bytes, as
// [Txn.Usage] does.
func (sn *Snapshot) Look(db int, key string, f func(it Item, size int)) error {
	if err := sn.enter(); err != nil {
		return err
	}
	defer sn.leave()
	at := sn.e.refOf(dbKey{db, key})
	tables := sn.tables[at.shard()]
	if tables == nil || tables[db].of == nil {
		return ErrNil
	}
	v := &tables[db].View
	h := v.Find(at.hash, key)
	if h == 0 || isGone(v, h, sn.now) {
		return ErrNil
	}
	f(itemOf(v, db, h), v.Size(h))
	return nil
}

// Step is [Txn.Step] on a snapshot: one step of a scan over database db. It calls f,
// with what it borrows, for the keys at the cursor, and returns the next cursor, 0 at
// the end. Cursors are good for later snapshots too, with the promise of SCAN: a key
// that was there all the time is seen exactly once.
func (sn *Snapshot) Step(db int, cursor uint64, f func(key string, it Item, size int)) (next uint64, err error) {
	if err := sn.enter(); err != nil {
		return 0, err
	}
	defer sn.leave()
	const last = 1 << 48
	cursor %= last
	i := int(cursor >> (48 - shardLog))
	end := uint64(i+1) << (48 - shardLog)
	next = end
	if tables := sn.tables[i]; tables != nil && tables[db].of != nil && tables[db].Len() != 0 {
		v := &tables[db].View
		next = v.Step(cursor, func(h hashtable.Handle) {
			if !isGone(v, h, sn.now) {
				f(v.Key(h), itemOf(v, db, h), v.Size(h))
			}
		})
		if next == 0 || next > end {
			next = end
		}
	}
	if next == last {
		return 0, nil
	}
	return next, nil
}
