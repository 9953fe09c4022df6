//go:build !linux

package hashtable

import "time"

// threadTime returns the nanoseconds since the tests began: these systems have no
// clock that counts a thread's time and that package syscall can read.
func threadTime() int64 { return int64(time.Since(began)) }

var began = time.Now()
