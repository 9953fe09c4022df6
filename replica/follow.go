package replica

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/larderdb/larder"
)

// Options says whom [Follow] follows, and what becomes of it.
type Options struct {
	// Addr is the primary's host and port. It must be given; with Dial it is what
	// Dial is called with.
	Addr string

	// Username and Password are said to the primary, if there is a password.
	// Without a user name it is that of the default user.
	Username, Password string

	// TLS, if not nil, has the link encrypted. The name of the server is that of
	// Addr where it has none.
	TLS *tls.Config

	// Dial makes the connection; nil is a net.Dialer. It is for links in memory, and
	// for tunnels.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// DBs are the logical databases to follow, and KeyPrefixes the beginnings of the
	// keys to follow; empty is all. What is left out takes no memory here, but all of
	// it crosses the network. A store that has only a part refuses to have replicas.
	// A command of the primary that makes a key to follow out of others is followed
	// by a full synchronization.
	DBs         []int
	KeyPrefixes []string

	// OnChange, if not nil, is told of every change, in the order of the primary's
	// stream: exactly once while the process lives, and at least once across its end
	// if there is a StateFile. It is called by one goroutine of its own that holds no
	// lock, and may read the store, which may be ahead of the change. Until it
	// returns the next change waits; while QueueLen of them do, the store follows no
	// further, and the primary's output buffer fills. It must not call the
	// Follower's Close or Promote.
	OnChange func(Change)

	// QueueLen is how many changes may wait for OnChange; 0 is 1024. The changes of
	// one command or transaction count together.
	QueueLen int

	// StateFile is where the last change that was told is kept, so that OnChange goes
	// on behind it after a restart; "" is nowhere. It is written after OnChange has
	// returned, at most ten times a second. It takes the data for that, too, with its
	// place in the stream: a store that package rdb keeps in a file. Without it, or
	// when the two do not fit, OnChange is told of everything anew: see Change.
	StateFile string

	// Unknown says what to do with a command in the stream that larder does not have.
	Unknown Policy

	// Timeout is how long the primary may be silent before the link is given up; 0 is
	// repl-timeout of the configuration, 60 s.
	Timeout time.Duration

	// Logger is told what happens to the link; nil is the store's own.
	Logger *slog.Logger
}

// A Policy says what to do with what cannot be followed. Either is told in the log, and
// counted in the Status.
type Policy uint8

// The policies.
const (
	// Stop ends the following with an error: the data stays as it was before.
	Stop Policy = iota
	// Skip goes on behind the command. The data may differ from the primary's then.
	Skip
)

// ErrFollowing is returned by Follow for a store that follows somebody already.
const ErrFollowing larder.Error = "ERR the store follows a primary already"

// Follow makes the store a live copy of a primary, a Redis, a Valkey or another larder,
// and returns at once; [Follower.Wait] waits until the data is there. The data that the
// store has is replaced, unless it is of the primary's history, in which case the store
// goes on from there. Until then what it has can be read. All logical databases of the
// store follow.
//
// From now on writes to the store return larder.ErrReadOnlyReplica. Links that break
// are made anew without end, after a pause that grows to 5 s; what a primary does wrong
// is told in the log and by [Follower.Status], and the last whole data set stays. When
// ctx ends it is as if Close was called.
func Follow(ctx context.Context, db *larder.DB, o Options) (*Follower, error) {
	n, err := nodeOf(db)
	if err != nil {
		return nil, err
	}
	f, err := n.newFollower(o)
	if err != nil {
		return nil, err
	}
	f.start(ctx)
	return f, nil
}

// check looks at the options, and returns the port of Addr, 0 if it has none.
func (o *Options) check() (port int, err error) {
	if o.Addr == "" {
		return 0, errors.New("replica: Options.Addr: there is none")
	}
	_, text, err := net.SplitHostPort(o.Addr)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil && o.Dial == nil {
		return 0, fmt.Errorf("replica: Options.Addr: %w", err)
	}
	for _, db := range o.DBs {
		if db < 0 {
			return 0, fmt.Errorf("replica: Options.DBs: there is no database %d", db)
		}
	}
	for _, p := range o.KeyPrefixes {
		if p == "" {
			return 0, errors.New("replica: Options.KeyPrefixes: an empty prefix is that of every key")
		}
	}
	if o.QueueLen < 0 {
		return 0, errors.New("replica: Options.QueueLen: it is negative")
	}
	if o.Unknown > Skip {
		return 0, fmt.Errorf("replica: Options.Unknown: there is no policy %d", o.Unknown)
	}
	if o.StateFile == "" {
		return port, nil
	}
	if o.OnChange == nil {
		return 0, errors.New("replica: Options.StateFile: there is no OnChange whose state it could keep")
	}
	if info, err := os.Stat(filepath.Dir(o.StateFile)); err != nil {
		return 0, fmt.Errorf("replica: Options.StateFile: %w", err)
	} else if !info.IsDir() {
		return 0, fmt.Errorf("replica: Options.StateFile: %s is no directory", filepath.Dir(o.StateFile))
	}
	return port, nil
}

// A Status is how a Follower is doing.
type Status struct {
	// State is connect (the link is down), connecting (it is being made), sync (the
	// data set comes), connected, or stopped: it was closed, or by Policy.
	State string
	Up    bool   // connected
	Addr  string // of the primary

	// ReplID names the history that the data is of, and Offset its place in it.
	ReplID string
	Offset int64

	// LagBytes is what has come and is not applied yet; what waits in the network is
	// not known. Lag is for how long the store may have been behind: 0 while the link
	// is up and all that has come is applied.
	LagBytes int64
	Lag      time.Duration

	// SyncRead and SyncTotal are the bytes of a data set that is coming; a total of 0
	// is not known.
	SyncRead, SyncTotal int64

	FullSyncs    int64 // that have succeeded
	PartialSyncs int64 // links that went on where another had broken
	Skipped      int64 // commands that larder does not have
	Failed       int64 // commands that failed here: the data differs from the primary's
	Queued       int   // changes that wait for OnChange

	// Err is why the link was lost last, nil if it never was.
	Err error
}
