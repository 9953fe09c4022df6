package larder

import "github.com/larderdb/larder/internal/engine"

// Error is an error reply, such as "WRONGTYPE Operation against a key holding
// the wrong kind of value". Its text is what RESP shows. The errors below are
// compared with errors.Is; those that carry a name or a number are made as they
// are needed. One that is a code alone, such as ErrNoGroup, is every error with
// that code.
type Error = engine.Error

// Why a command failed: its arguments, or the key it met.
const (
	// ErrNil is returned for a key that does not exist and for a condition that
	// was not met. It never appears on the wire: RESP has a null for it.
	ErrNil = engine.ErrNil
	// ErrWrongType is returned when the key holds another kind of value.
	ErrWrongType = engine.ErrWrongType
	// ErrSyntax is returned for arguments that do not go together.
	ErrSyntax = engine.ErrSyntax
	// ErrNotInt is returned when an integer was expected, in the arguments or in
	// the value.
	ErrNotInt = engine.ErrNotInt
	// ErrNotFloat is returned when a number was expected.
	ErrNotFloat = engine.ErrNotFloat
	// ErrOverflow is returned by INCR and its like when the sum does not fit in
	// 64 bits.
	ErrOverflow Error = "ERR increment or decrement would overflow"
	// ErrNoKey is returned by RENAME and OBJECT for a key that does not exist.
	ErrNoKey = engine.ErrNoKey
	// ErrDBIndex is returned for a logical database that does not exist.
	ErrDBIndex = engine.ErrDBIndex
	// ErrStreamID is returned for what should be the ID of a stream's entry and is
	// not.
	ErrStreamID Error = "ERR Invalid stream ID specified as stream command argument"
	// ErrStreamOrder is returned by XADD for an ID that does not come after the last
	// one of the stream.
	ErrStreamOrder Error = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
	// ErrGroupExists is returned by XGROUP CREATE.
	ErrGroupExists Error = "BUSYGROUP Consumer Group name already exists"
	// ErrNoGroup is the code of errors for a consumer group, or its stream, that does
	// not exist, also of a read that was waiting when the group was destroyed.
	ErrNoGroup Error = "NOGROUP"
	// ErrUnblocked is the code of the error of a read by a group that was waiting
	// when the stream's key was deleted or overwritten, or that was ended by CLIENT
	// UNBLOCK.
	ErrUnblocked Error = "UNBLOCKED"
	// ErrIndex is returned by LSET for an index that no element has.
	ErrIndex Error = "ERR index out of range"
	// ErrScoreNaN is returned by ZADD and ZINCRBY when the sum of two scores is no
	// number: infinity and its negative. A score that is none is ErrNotFloat.
	ErrScoreNaN Error = "ERR resulting score is not a number (NaN)"
	// ErrTooLong is returned for a string longer than proto-max-bulk-len.
	ErrTooLong Error = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
)

// Why a command was not run at all.
const (
	// ErrOOM is returned by a command that may need memory while more than
	// Options.MaxMemory is in use and nothing may be evicted.
	ErrOOM = engine.ErrOOM
	// ErrReadOnlyReplica is returned by a write to a store that follows a
	// primary.
	ErrReadOnlyReplica = engine.ErrReadOnlyReplica
	// ErrClosed is returned by every call after Close, and by calls that were
	// waiting when it came.
	ErrClosed = engine.ErrClosed
	// ErrBroken is returned by every write once a command has panicked while it
	// changed a value.
	ErrBroken = engine.ErrBroken
)

// Why a transaction, or a call inside one, failed.
const (
	// ErrInsideUpdate is returned by a call on the DB, rather than on the Tx,
	// from within Update or View, where it would wait for itself.
	ErrInsideUpdate = engine.ErrInsideUpdate
	// ErrNotNamed is wrapped by the error of a command on a Tx whose keys were
	// not all named when the transaction began.
	ErrNotNamed = engine.ErrNotNamed
	// ErrInView is returned by a write inside a View.
	ErrInView = engine.ErrInView
	// ErrTxAborted is returned by Multi.Exec, and wrapped by what Watch returns,
	// when a watched key was changed before the queue was run: nothing was.
	ErrTxAborted = engine.ErrTxAborted
	// ErrQueued is the error of a Result before Exec.
	ErrQueued Error = "larder: queued, not run yet"
	// ErrDiscarded is the error of a Result whose queue was discarded.
	ErrDiscarded Error = "larder: queue discarded"
	// ErrTxDone is returned by a Tx whose function has returned.
	ErrTxDone = engine.ErrTxDone
)

// Why a snapshot, a reader of the journal or a subscriber cannot go on.
const (
	// ErrSnapshotTooOld is returned by a snapshot that came to retain more than
	// SnapshotArgs.MaxBytes.
	ErrSnapshotTooOld = engine.ErrSnapshotTooOld
	// ErrFellBehind is returned by a Tail that was slower than the journal by
	// more than Options.Backlog, and by a subscription that was slower than those
	// who publish by more than SubscribeArgs.MaxBytes.
	ErrFellBehind = engine.ErrFellBehind
)
