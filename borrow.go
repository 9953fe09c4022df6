package larder

import "unsafe"

// bytesAsString returns b as a string without a copy. Nobody may write to b
// while the string is used: it serves where bytes are handed to a command that
// copies them, or where a fresh slice is given away.
func bytesAsString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// stringBytes returns s as bytes without a copy, to be read only.
func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
