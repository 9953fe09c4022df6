//go:build linux || darwin || netbsd || openbsd

package process

import (
	"math"
	"syscall"
)

// openFiles raises the limit of open files to want, or as near as the system
// allows, and returns what it is then. It never lowers it.
func openFiles(want int64) (got int64, why error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return want, nil // not known: the sockets will tell
	}
	was := limit
	if whole(was.Cur) >= want {
		return whole(was.Cur), nil
	}
	set := func(n int64) error {
		return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(n), Max: max(uint64(n), was.Max)})
	}
	if why = set(want); why == nil {
		return want, nil
	}
	// Somewhere between what is and what was asked for lies what is allowed:
	// the hard limit, most often, and on some systems a number of their own.
	low, high := whole(was.Cur), want
	for low+1 < high {
		middle := low + (high-low)/2
		if set(middle) == nil {
			low = middle
		} else {
			high = middle
		}
	}
	return low, why
}

// whole makes a limit comparable: no limit is a very big one.
func whole(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
