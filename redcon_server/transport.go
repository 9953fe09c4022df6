package redcon_server

import "github.com/larderdb/larder"

// A Transport is what the door is to a larder.Conn. To its contract the door
// adds: a command that must have its reply in the output before its locks drop
// (SUBSCRIBE before the first message, a tracked read before the invalidation)
// says Private(false) first, and then pushes the reply and appends nothing. A
// connection of another class than normal is never closed for being idle. After
// Waiting, words and dst stay as they are until Exec returns. While no command
// waits, nobody looks whether the client is there. Kill drops what waits to be
// written.
//
// To the larder connection the door says Grew when it has read something, and when
// what waits to be written has grown.
type Transport = larder.Transport

// Buffers are the bytes that a connection holds. OutputFixed is what a
// batch has answered and not yet written, if that is 16 KB or more.
type Buffers = larder.Buffers

// A conn is a *larder.Conn, or what the tests have for one. All of it but
// Grew is called in the connection's own goroutine. Words may be reused when Exec has
// returned, not before. Authenticated on a connection that has sent nothing
// means that there is no password at all: see Limits.Unprotected.
type conn interface {
	Exec(dst []byte, words [][]byte) []byte
	Batch(on bool)
	Closing() bool
	Authenticated() bool
	Grew(locked bool)
	Close()
}

var _ conn = (*larder.Conn)(nil)

var _ larder.Streamer = (*transport)(nil)
