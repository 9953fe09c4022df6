package engine

import "strings"

// An Error is an error reply. It begins with its code, as on the wire, so that
// the typed API and RESP report one failure with one value.
type Error string

func (e Error) Error() string { return string(e) }

// Is reports, for errors.Is, whether target is e, or the code of e alone.
func (e Error) Is(target error) bool {
	t, ok := target.(Error)
	if !ok {
		return false
	}
	rest, ok := strings.CutPrefix(string(e), string(t))
	return ok && (rest == "" || rest[0] == ' ' && !strings.Contains(string(t), " "))
}

// Why a command failed: its arguments or the key it met.
const (
	// ErrNil reports a missing key or an unmet condition. It never appears on
	// the wire: RESP sees null.
	ErrNil Error = "larder: nil"
	// ErrWrongType is returned when the key holds another kind of value.
	ErrWrongType Error = "WRONGTYPE Operation against a key holding the wrong kind of value"
	ErrSyntax    Error = "ERR syntax error"
	ErrNotInt    Error = "ERR value is not an integer or out of range"
	ErrNotFloat  Error = "ERR value is not a valid float"
	ErrDBIndex   Error = "ERR DB index is out of range"
	ErrNoKey     Error = "ERR no such key"
)

// Why a command was not run at all.
const (
	// ErrOOM is returned by a command that may need memory while more than
	// maxmemory is in use and nothing can be evicted.
	ErrOOM Error = "OOM command not allowed when used memory > 'maxmemory'."
	// ErrReadOnlyReplica is returned by a write to a database that follows a
	// primary.
	ErrReadOnlyReplica Error = "READONLY You can't write against a read only replica."
	// ErrClosed is returned by every call after Close, and by calls that were
	// waiting when it came.
	ErrClosed Error = "ERR database is closed"
	// ErrBroken is returned by every write after a command panicked while it
	// changed a value in place: the value cannot be trusted.
	ErrBroken Error = "ERR database is broken; reload it"

	errInternal Error = "ERR internal error"
)

// Why a transaction or a call inside one failed.
const (
	// ErrExecAbort is EXEC's answer when a command could not be queued.
	ErrExecAbort Error = "EXECABORT Transaction discarded because of previous errors."
	// ErrInsideUpdate is returned by a call on the database from within an
	// Update or View that would otherwise wait for itself: use the Tx.
	ErrInsideUpdate Error = "ERR call on the DB inside Update or View; use the Tx"
	// ErrNotNamed is wrapped by the error of a command on a Tx whose key was
	// not named when the transaction began.
	ErrNotNamed Error = "ERR key not named when the transaction began"
	// ErrInView is returned by a write inside a View.
	ErrInView Error = "ERR write inside View"
	// ErrTxAborted is returned by a transaction that was not run because a key
	// that it watched has changed. EXEC answers null instead.
	ErrTxAborted Error = "larder: a watched key changed"
	// ErrTxDone is returned by a Tx that is used after its function returned.
	ErrTxDone Error = "ERR transaction is over"
)

// Why a reader of the journal or of a snapshot cannot go on.
const (
	// ErrFellBehind is returned by a Tail whose position left the backlog.
	ErrFellBehind Error = "ERR reader fell out of the backlog"
	// ErrSnapshotTooOld is returned by a snapshot that was broken because it
	// retained more than it was allowed to.
	ErrSnapshotTooOld Error = "ERR snapshot retained more than its limit and was dropped"
)

// errBlock is a Run's request to be run again when one of its keys is ready.
const errBlock Error = "block"

// errPlanned is what a call returns whose keys have been noted for later.
const errPlanned Error = "planned"
