package rdb

import (
	"math/rand/v2"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/engine"
)

// A loader puts the keys of a file into a data set: alone, or with others beside it, see
// workers.go.
type loader struct {
	srv   *admin.Server
	e     *engine.Engine
	l     *engine.Load
	there *engine.Snapshot // keys that stay; nil: none
	o     loadOptions
	now   int64 // Unix milliseconds

	got       *loaded
	libraries []string
	delay     int64 // key-load-delay
	looks     int   // keys until it is looked at again
}

// A loadKey is a key of a file, without its value.
type loadKey struct {
	db       int
	expireAt int64
	idle     int64
	freq     int
	unwanted bool // it is looked at, and not kept
	expired  bool // its time is over
}

// alone loads a file in this goroutine.
func (ld *loader) alone(d *Decoder) error {
	return d.values(limitsOf(ld.e), func(ev *Event, v engine.Value) error {
		if ev.Key == nil {
			return ld.outside(ev)
		}
		k, err := ld.key(ev)
		if err != nil {
			return err
		}
		expired, err := ld.put(k, borrow(ev.Key.Name), v)
		if err != nil {
			return d.refuse(err)
		}
		if expired {
			ld.got.expired++
		}
		return nil
	})
}

// outside takes an event that is not of a key.
func (ld *loader) outside(ev *Event) error {
	switch ev.Kind {
	case KindAux:
		ld.got.aux(ev)
		if l := ld.srv.Loading(); l != nil {
			l.UsedMemory.Store(ld.got.usedMemory())
		}
	case KindFunction:
		ld.libraries = append(ld.libraries, string(ev.Value))
	}
	return ld.open()
}

func (ld *loader) open() error {
	select {
	case <-ld.e.Closed():
		return larder.ErrClosed
	default:
		return nil
	}
}

// key is what the event says of its key. It waits as key-load-delay says.
func (ld *loader) key(ev *Event) (k loadKey, err error) {
	ld.wait()
	at := ev.Key.ExpireAt
	return loadKey{
		db: ev.DB, expireAt: at, idle: ev.Key.Idle, freq: ev.Key.Freq,
		unwanted: ld.o.Keep != nil && !ld.o.Keep(ev.DB, ev.Key.Name),
		expired:  at != 0 && at <= ld.now && ld.got.stream.ID == "" && ld.o.Install == nil,
	}, ld.open()
}

// delayEvery is after how many keys it is looked whether key-load-delay was set.
const delayEvery = 64

// wait waits as key-load-delay says.
func (ld *loader) wait() {
	if ld.looks--; ld.looks <= 0 || ld.delay != 0 {
		ld.delay, ld.looks = ld.srv.Conf().Int("key-load-delay"), delayEvery
	}
	if ld.delay == 0 {
		return
	}
	if d := delayOf(ld.delay); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ld.e.Closed():
		case <-t.C:
		}
	}
}

// delayOf is what a delay of so many microseconds for each key comes to: a negative one
// is a microsecond for one of so many keys, by chance.
func delayOf(micros int64) time.Duration {
	if micros < 0 {
		if rand.Int64N(-micros) != 0 {
			return 0
		}
		micros = 1
	}
	return time.Duration(micros) * time.Microsecond
}

// put adds a key, and reports whether it was left out since its time is over. It may be
// called for keys of different shards at the same time.
func (ld *loader) put(k loadKey, name string, v engine.Value) (expired bool, err error) {
	switch {
	case v.Form == engine.NoForm:
		return false, nil
	case k.db >= ld.e.Databases():
		return false, errDatabases
	case k.unwanted:
		return false, nil
	case k.expired:
		return true, nil
	case ld.there != nil && !ld.o.Merge && ld.there.Get(k.db, name, func(engine.Item) {}) == nil,
		!ld.l.Add(k.db, name, v, k.expireAt, ld.e.AccessClock(k.idle, k.freq)):
		return false, errDuplicate
	}
	return false, nil
}
