package larder

import (
	"runtime"

	"github.com/larderdb/larder/internal/engine"
)

// ZRangeArgs returns the members in a range, as Commands.ZRangeArgs does.
func (s *Snapshot) ZRangeArgs(a ZRangeArgs) ([]Z, error) { return s.DB(s.db).ZRangeArgs(a) }

// ZRangeArgs returns the members in a range, as Commands.ZRangeArgs does.
func (d *SnapshotDB) ZRangeArgs(a ZRangeArgs) (zs []Z, err error) {
	in, err := a.internal()
	if err != nil {
		return nil, err
	}
	if d.s.sn == nil {
		return nil, ErrClosed
	}
	wrong := false
	err = d.s.sn.Get(d.n, a.Key, func(it engine.Item) {
		items, ok := it.Value.ZItems()
		if wrong = !ok; ok {
			zs = in.find(items).keep().kept
		}
	})
	if err == ErrNil {
		err = nil
	} else if wrong {
		err = ErrWrongType
	}
	runtime.KeepAlive(d.s)
	return zs, err
}
