//go:build unix

package main

import (
	"syscall"
	"time"
)

const cpuName = "process CPU"

// cpu is the CPU time of this process, the collector's included.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
