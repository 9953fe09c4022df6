//go:build !linux

package admin

// residentMemory is, for want of a cheap way to ask the system, what Go has of
// it.
func residentMemory() int64 { return goMemory() }

// systemMemory is not known here.
func systemMemory() int64 { return 0 }
