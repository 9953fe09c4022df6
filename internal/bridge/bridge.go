package bridge

import (
	"io"
	"log/slog"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
)

// Open opens a *larder.DB on a configuration that was loaded already.
var Open func(c *conf.Config, log *slog.Logger) any

// Server returns the admin.Server of a *larder.DB.
var Server func(db any) *admin.Server

// HasCommand reports whether there is a command of that name, for rename-command.
var HasCommand func(name string) bool

// CheckUser says why the words behind "user" in a configuration are not accepted.
var CheckUser func(words []string) error

// Snapshot returns the engine's snapshot of a *larder.Snapshot, nil if it is that of a
// store that was closed before.
var Snapshot func(snap any) *engine.Snapshot

// SyncArgs are the options of Sync.
type SyncArgs struct {
	// Keep says which keys are loaded; nil is all.
	Keep func(db int, key []byte) bool
	// Install makes the data set, to which the file gives a place in its primary's
	// stream, the keyspace, or drops it. The file had so many bytes; more than that may
	// have been read.
	Install func(l *engine.Load, from admin.StreamPosition, size int64) error
}

// Sync loads the data set of a primary, an RDB file, into the store of a server. Keys
// whose time is over are loaded as well: it is the primary that deletes them. Package
// rdb fills it in.
var Sync func(r io.Reader, srv *admin.Server, o SyncArgs) (keys int64, err error)

// A Transfer is the data set of a full synchronization. WriteTo may be called more than
// once and writes as many bytes each time.
type Transfer interface {
	io.WriterTo
	Version() int // of the format
}

// TransferArgs are the options of NewTransfer.
type TransferArgs struct {
	Stream              admin.StreamPosition // of the snapshot
	NoData, NoFunctions bool                 // these are left out
	Stop                chan struct{}        // closed: give up
}

// NewTransfer returns a data set to be sent to a replica. It may look at all keys.
// Package rdb fills it in.
var NewTransfer func(sn *engine.Snapshot, o TransferArgs) Transfer

// Session returns the session of a larder.Commands.
var Session func(commands any) *engine.Session
