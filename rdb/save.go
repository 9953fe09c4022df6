package rdb

import (
	"io"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/engine"
)

// Save writes a snapshot, with all its databases, as an RDB file: of version 10, that
// Redis 7.0 and all that came after it load, or of 12 if there is a hash with fields
// that expire. It compresses and adds a checksum as rdbcompression and rdbchecksum
// say. It takes no lock of the store, which goes on meanwhile.
//
// The error is what w returned, or larder's ErrClosed or ErrSnapshotTooOld if the
// snapshot ended; what was written is of no use then.
func Save(w io.Writer, snap *larder.Snapshot) error {
	sn := bridge.Snapshot(snap)
	if sn == nil {
		return larder.ErrClosed
	}
	defer runtime.KeepAlive(snap)
	return (&job{sn: sn}).encode(w, versionNeeded(sn))
}

// versionNeeded is the version that a file of the snapshot is of.
func versionNeeded(sn *engine.Snapshot) int {
	version := DefaultVersion
	if !sn.MayHaveExpiringFields() {
		return version
	}
	for db := range sn.Engine().Databases() {
		for _, it := range sn.All(db) {
			version = max(version, versionFor(it.Value))
		}
	}
	return version
}

// A job is the writing of one snapshot.
type job struct {
	sn      *engine.Snapshot
	changes int64 // of the store before the snapshot
	begun   time.Time
	total   int64
	keys    atomic.Int64  // written
	stop    chan struct{} // closed: give up; nil: never
	done    chan struct{} // closed when it has ended
	asked   bool          // somebody waits for it: SAVE

	stream      admin.StreamPosition // of the data; none unless it is replicated
	noData      bool                 // only the functions are written
	noFunctions bool
	fixed       *fixed // nil: it is written once
}

// A fixed is what a file tells beside the snapshot, held fast so that it is as long
// the second time.
type fixed struct {
	used     int64  // memory
	access   uint32 // the time of the access clocks
	compress bool
	checksum bool
}

func fixedNow(e *engine.Engine) *fixed {
	c := ownerOf(e).Conf()
	return &fixed{e.Used(), e.AccessTime(), c.Bool("rdbcompression"), c.Bool("rdbchecksum")}
}

// errGivenUp is the end of a job that was told to stop.
const errGivenUp larder.Error = "ERR saving was given up"

func ownerOf(e *engine.Engine) *admin.Server { return e.Owner().(*admin.Server) }

// encode writes the snapshot. The error is ErrVersion if the version does not hold
// it.
func (j *job) encode(w io.Writer, version int) error {
	e := j.sn.Engine()
	srv := ownerOf(e)
	if j.fixed == nil {
		j.fixed = fixedNow(e)
	}
	enc, err := NewEncoder(w, EncoderOptions{Version: version, Plain: !j.fixed.compress, NoChecksum: !j.fixed.checksum})
	if err != nil {
		return err
	}
	aux := []string{"redis-ver", admin.Version, "redis-bits", strconv.Itoa(strconv.IntSize),
		"ctime", strconv.FormatInt(j.sn.Now()/1000, 10), "used-mem", strconv.FormatInt(j.fixed.used, 10)}
	aux = append(append(aux, j.stream.Fields()...), "aof-base", "0")
	for i := 0; i < len(aux); i += 2 {
		_ = enc.Aux(aux[i], aux[i+1]) // its error comes again
	}
	if !j.noFunctions {
		for _, source := range srv.Libraries() {
			_ = enc.Function(source)
		}
	}
	j.keys.Store(0)
	for db := range e.Databases() {
		if j.noData {
			break
		}
		if err := j.encodeDB(enc, db); err != nil {
			return err
		}
	}
	if err := j.sn.Err(); err != nil {
		return err
	}
	return enc.Close()
}

func (j *job) encodeDB(enc *Encoder, db int) error {
	n := j.sn.Len(db)
	if n == 0 {
		return nil
	}
	if err := enc.SelectDB(db, int64(n), int64(j.sn.Expiring(db))); err != nil {
		return err
	}
	e := j.sn.Engine()
	c := ownerOf(e).Conf()
	known := whatIsKnown(e)
	var y yielder
	for key, it := range j.sn.All(db) {
		head := keyHead{expireAt: it.ExpireAt, idle: -1, freq: -1}
		switch known {
		case idleKnown:
			head.idle = max(0, int64(j.fixed.access)-int64(it.Clock))
		case freqKnown:
			head.freq = int(e.Frequency(it.Clock))
		}
		if err := enc.value(key, it.Value, head); err != nil {
			return err
		}
		if j.keys.Add(1)%yieldEvery == 0 {
			y.yield()
		}
		if !j.pause(c.Int("rdb-key-save-delay")) {
			return errGivenUp
		}
	}
	return nil
}

// pause waits so many microseconds, see delayOf, and reports whether the job is to go on.
func (j *job) pause(micros int64) bool {
	var slept <-chan time.Time
	if d := delayOf(micros); d > 0 {
		slept = time.After(d)
	} else {
		select {
		case <-j.stop:
			return false
		default:
			return true
		}
	}
	select {
	case <-j.stop:
		return false
	case <-slept:
		return true
	}
}

// What a file tells of the use of keys is what the policy of eviction asks for.
const (
	nothingKnown = iota
	idleKnown
	freqKnown
)

func whatIsKnown(e *engine.Engine) int {
	switch e.Policy() {
	case engine.AllKeysLRU, engine.VolatileLRU:
		return idleKnown
	case engine.AllKeysLFU, engine.VolatileLFU:
		return freqKnown
	}
	return nothingKnown
}
