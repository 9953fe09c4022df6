package rdb

import (
	"errors"
	"fmt"
	"io"
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
// Keys whose time is over are left out. The functions of a file are kept, and saved
// again. Data of modules is an error, as are a key that is there twice and a database
// that the store does not have; the error is an *Error. What follows the file in r
// may have been read.
//
// To load is no write: who follows the store's journal begins anew with a snapshot.
func Load(r io.Reader, db *larder.DB) error {
	_, err := load(r, bridge.Server(db), admin.ReloadArgs{})
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
}

func load(r io.Reader, srv *admin.Server, o admin.ReloadArgs) (got loaded, err error) {
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
	now := e.Now().UnixMilli()
	var libraries []string
	d := NewDecoder(r, DecoderOptions{Modules: RefuseModules})
	err = d.values(limitsOf(e), func(ev *Event, v engine.Value) error {
		select {
		case <-e.Closed():
			return larder.ErrClosed
		default:
		}
		switch {
		case ev.Kind == KindAux:
			got.aux(ev)
			return nil
		case ev.Kind == KindFunction:
			libraries = append(libraries, string(ev.Value))
			return nil
		case ev.Kind != KindEnd || v.Form == engine.NoForm:
			return nil
		case ev.DB >= e.Databases():
			return d.refuse(errDatabases)
		case ev.Key.ExpireAt != 0 && ev.Key.ExpireAt <= now:
			got.expired++
			return nil
		}
		key := borrow(ev.Key.Name)
		if l.Has(ev.DB, key) || o.NoFlush && !o.Merge && there.Get(ev.DB, key, func(engine.Item) {}) == nil {
			return d.refuse(errDuplicate)
		}
		l.Put(ev.DB, key, v, ev.Key.ExpireAt, e.AccessClock(ev.Key.Idle, ev.Key.Freq))
		return nil
	})
	if err != nil {
		return got, err
	}
	got.keys = l.Keys()
	if there != nil {
		l.AddAll(there)
	}
	installed = true
	if err := l.Install(); err != nil {
		return got, err
	}
	srv.SetLibraries(libraries)
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
	}
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
