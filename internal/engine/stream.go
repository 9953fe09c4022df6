package engine

import (
	"math"

	"github.com/larderdb/larder/internal/ds/streamlog"
)

// A Stream is a stream as a value of the keyspace. It stands here because the
// commands, the digests and the files all look into it.
type Stream struct{ *streamlog.Log }

// NewStream returns an empty stream.
func NewStream() *Stream { return &Stream{streamlog.New()} }

// Form is the form of every stream.
func (s *Stream) Form() Form { return StreamNodes }

// Clone returns a copy, in O(1).
func (s *Stream) Clone() Object { return &Stream{s.Log.Clone()} }

// Empty is false: a stream without entries stays, with its groups and its last
// ID.
func (s *Stream) Empty() bool { return false }

// Stream returns the stream at key, or ErrNil, or ErrWrongType.
func (t *Txn) Stream(key string) (*Stream, error) {
	v, ok := t.Value(key)
	if !ok {
		return nil, ErrNil
	}
	s, ok := v.Obj.(*Stream)
	if !ok {
		return nil, ErrWrongType
	}
	return s, nil
}

// StreamNode is how large a node of a stream may become.
func (e *Engine) StreamNode() streamlog.Limits {
	return streamlog.Limits{MaxBytes: int(e.memory.nodeBytes.Load()), MaxEntries: int(e.memory.nodeMax.Load())}
}

// SetStreamNode sets the bytes and the entries of a stream's node; 0 is no bound.
// Nodes that are there already stay as they are.
func (e *Engine) SetStreamNode(bytes, entries int64) {
	e.memory.nodeBytes.Store(min(bytes, math.MaxInt))
	e.memory.nodeMax.Store(min(entries, math.MaxInt))
}
