package engine

import "unsafe"

// borrow returns b as a string without a copy. The string is as short-lived as
// the bytes: a connection's buffer is overwritten by its next command, and the
// keyspace by the next write after the locks dropped. Whoever keeps it clones
// it.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
