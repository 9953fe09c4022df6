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
