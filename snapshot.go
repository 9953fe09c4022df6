package larder

import (
	"iter"
	"runtime"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// A Snapshot is the store at one instant. It costs next to nothing to open,
// whatever the size of the store, and takes no lock to read; while it is open
// the memory of what is overwritten or deleted is kept, at most that of the
// whole store at its opening. Its clock stands still: what expires later it
// still shows. It may be read by many goroutines, and be closed while they do.
type Snapshot struct {
	sn *engine.Snapshot
	db int
}

// SnapshotArgs are options of a snapshot.
type SnapshotArgs struct {
	// MaxBytes is how much memory may be kept for the snapshot. Beyond it the
	// snapshot ends, and its reads return ErrSnapshotTooOld; 0 is no limit.
	MaxBytes int64
}

// Snapshot returns the store as it is now; of a store that is closed, one that
// answers ErrClosed. It should be closed; one that is dropped is closed by the
// collector some time.
func (db *DB) Snapshot() *Snapshot { return db.SnapshotArgs(SnapshotArgs{}) }

// SnapshotArgs is Snapshot with options.
func (db *DB) SnapshotArgs(a SnapshotArgs) *Snapshot {
	sn, err := db.shared.e.Snapshot(a.MaxBytes)
	if err != nil {
		return &Snapshot{}
	}
	s := &Snapshot{sn, db.s.DB}
	runtime.AddCleanup(s, (*engine.Snapshot).Close, sn)
	return s
}

// An Entry is a key of a Snapshot.
type Entry struct {
	Key      string
	Type     string    // as Commands.Type names it
	Value    string    // of a string; that of other types is read by their own methods
	ExpireAt time.Time // the zero time: never
}

// DB returns what the snapshot has of logical database n.
func (s *Snapshot) DB(n int) *SnapshotDB { return &SnapshotDB{s, n} }

// A SnapshotDB is a logical database of a Snapshot.
type SnapshotDB struct {
	s *Snapshot
	n int
}

// Get returns the string that key had, or ErrNil.
func (s *Snapshot) Get(key string) (string, error) { return s.DB(s.db).Get(key) }

// XRange returns entries of a stream, as Commands.XRange does.
func (s *Snapshot) XRange(a XRangeArgs) ([]XMessage, error) { return s.DB(s.db).XRange(a) }

// All yields the keys of the database that the snapshot was taken of, with their
// values, in no order. It stops early when the snapshot ends: see Err.
func (s *Snapshot) All() iter.Seq[Entry] { return s.DB(s.db).All() }

// Len is the number of keys of the database that the snapshot was taken of.
func (s *Snapshot) Len() int { return s.DB(s.db).Len() }

// Err is nil while the snapshot can be read; then ErrClosed or
// ErrSnapshotTooOld.
func (s *Snapshot) Err() error {
	if s.sn == nil {
		return ErrClosed
	}
	return s.sn.Err()
}

// Retained is the memory in bytes that is kept for this snapshot alone.
func (s *Snapshot) Retained() int64 {
	if s.sn == nil {
		return 0
	}
	return s.sn.Retained()
}

// Time is the instant of the snapshot.
func (s *Snapshot) Time() time.Time {
	if s.sn == nil {
		return time.Time{}
	}
	return time.UnixMilli(s.sn.Now())
}

// Close ends the snapshot. Loops over it stop at their next key, and the memory
// goes with the last of them. It is idempotent.
func (s *Snapshot) Close() {
	if s.sn != nil {
		s.sn.Close()
	}
}

// Get returns the string that key had, or ErrNil, or ErrWrongType.
func (d *SnapshotDB) Get(key string) (v string, err error) {
	if d.s.sn == nil {
		return "", ErrClosed
	}
	wrong := false
	err = d.s.sn.Get(d.n, key, func(it engine.Item) {
		if wrong = it.Value.Type() != engine.TypeString; !wrong {
			v = it.Value.Str().Keep().Flat
		}
	})
	if wrong {
		err = ErrWrongType
	}
	runtime.KeepAlive(d.s)
	return v, err
}

// XRange returns entries of a stream, as Commands.XRange does.
func (d *SnapshotDB) XRange(a XRangeArgs) (msgs []XMessage, err error) {
	in, some := a.internal(false)
	if d.s.sn == nil {
		return nil, ErrClosed
	}
	wrong := false
	err = d.s.sn.Get(d.n, a.Stream, func(it engine.Item) {
		s, ok := it.Value.Obj.(*engine.Stream)
		if wrong = !ok; ok && some {
			msgs = entries{log: s, from: in.from, to: in.to, max: max(0, in.count)}.keep().kept
		}
	})
	if err == ErrNil {
		err = nil
	} else if wrong {
		err = ErrWrongType
	}
	runtime.KeepAlive(d.s)
	return msgs, err
}

// All yields the keys of the database with their values, in no order.
func (d *SnapshotDB) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if d.s.sn == nil {
			return
		}
		defer runtime.KeepAlive(d.s)
		for key, it := range d.s.sn.All(d.n) {
			e := Entry{Key: strings.Clone(key), Type: it.Value.Type().String()}
			if it.Value.Type() == engine.TypeString {
				e.Value = it.Value.Str().Keep().Flat
			}
			if it.ExpireAt != 0 {
				e.ExpireAt = time.UnixMilli(it.ExpireAt)
			}
			if !yield(e) {
				return
			}
		}
	}
}

// Len is the number of keys of the database, those that had expired and were not
// deleted yet among them.
func (d *SnapshotDB) Len() int {
	if d.s.sn == nil {
		return 0
	}
	defer runtime.KeepAlive(d.s)
	return d.s.sn.Len(d.n)
}
