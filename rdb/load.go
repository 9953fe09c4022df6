package rdb

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/engine"
)

// Load replaces the data of a store, in all its databases, by that of an RDB file of
// any version. The file is read aside and takes the place of what there was in one
// transaction, after its checksum was found right: whatever is wrong with the file,
// the store stays as it was. So both are in memory for a while.
//
// On several processors (GOMAXPROCS) one goroutine reads the file and others decode it.
// Beside the data a few megabytes are held of it, or as much as its longest string.
//
// Keys whose time is over are left out, unless the file has a place in the stream of a
// primary, which then says when they go. The functions of a file are kept, and saved
// again. Data of modules is an error, as are a key that is there twice and a database
// that the store does not have; the error is an *Error. What follows the file in r
// may have been read.
//
// To load is no write: who follows the store's journal begins anew with a snapshot.
func Load(r io.Reader, db *larder.DB) error {
	_, err := load(r, bridge.Server(db), loadOptions{})
	return err
}

// What is wrong with a file that decodes.
var (
	errDuplicate = errors.New("the key is there twice")
	errDatabases = errors.New("there is no such database here")
)

// A loaded tells of a file that was loaded.
type loaded struct {
	keys, expired int64
	version       string // of the server that wrote it, as it says
	ctime         string // when, in Unix seconds
	mem           string // the memory it used then, in bytes
	stream        admin.StreamPosition
}

// loadOptions are the options of load.
type loadOptions struct {
	admin.ReloadArgs
	bridge.SyncArgs // of a replica
}

func load(r io.Reader, srv *admin.Server, o loadOptions) (got loaded, err error) {
	e := srv.Engine()
	l, err := e.NewLoad()
	if err != nil {
		return got, err
	}
	installed := false
	defer func() {
		if !installed {
			l.Drop()
		}
	}()
	var there *engine.Snapshot // that stays
	if o.NoFlush {
		if there, err = e.Snapshot(0); err != nil {
			return got, err
		}
		defer there.Close()
	}
	ld := &loader{srv: srv, e: e, l: l, there: there, o: o, now: e.Now().UnixMilli(), got: &got}
	d := NewDecoder(r, DecoderOptions{Modules: RefuseModules, SkipChecksum: srv.SkipsChecksums()})
	if procs := runtime.GOMAXPROCS(0); procs > 1 {
		err = ld.beside(d, procs)
	} else {
		err = ld.alone(d)
	}
	if err != nil {
		return got, err
	}
	got.keys = l.Keys()
	if there != nil {
		l.AddAll(there)
	}
	installed = true
	if o.Install != nil {
		err = o.Install(l, got.stream, d.in.offset())
	} else {
		err = l.Install()
	}
	if err != nil {
		return got, err
	}
	srv.SetLibraries(ld.libraries)
	return got, nil
}

func (l *loaded) aux(ev *Event) {
	switch string(ev.Name) {
	case "redis-ver", "valkey-ver":
		l.version = string(ev.Value)
	case "ctime":
		l.ctime = string(ev.Value)
	case "used-mem":
		l.mem = string(ev.Value)
	default:
		l.stream.Aux(string(ev.Name), string(ev.Value))
	}
}

// usedMemory is mem as a number, 0 if it is none.
func (l *loaded) usedMemory() int64 {
	n, err := strconv.ParseInt(l.mem, 10, 64)
	if err != nil {
		return 0
	}
	return max(0, n)
}

// Open opens a store that is kept in the file at path: what is there is loaded, and
// the store is saved to it as [Attach] says. The directory must exist.
func Open(path string, o larder.Options) (*larder.DB, error) {
	if path == "" {
		return nil, errors.New("rdb: Open without a path")
	}
	db, err := larder.Open(o)
	if err != nil {
		return nil, err
	}
	if _, err := Attach(db, Options{Path: path}); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// wrapFile says which file an error is about.
func wrapFile(path string, err error) error {
	if err == nil || strings.Contains(err.Error(), path) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

func init() {
	bridge.Sync = func(r io.Reader, srv *admin.Server, o bridge.SyncArgs) (int64, error) {
		got, err := load(r, srv, loadOptions{SyncArgs: o})
		return got.keys, err
	}
}
