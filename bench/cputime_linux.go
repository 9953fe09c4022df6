package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is the CPU time of the thread that calls: what a pause is without
// the pauses that the machine makes, and without waiting for locks. (Getrusage
// knows it only to the tick.)
func threadCPU() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// processCPU is the CPU time that another process has used, to the nanosecond: a second
// of it has too few of the system's ticks to compare with another second.
func processCPU(pid int) time.Duration {
	const scheduler = 2 // of the clocks that a process has
	var t unix.Timespec
	_ = unix.ClockGettime(int32(^pid<<3|scheduler), &t)
	return time.Duration(t.Nano())
}
