//go:build unix

package admin

import (
	"syscall"
	"time"
)

// cpuTimes asks the system.
func cpuTimes() (c CPUInfo) {
	var self, children syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) == nil {
		c.Sys, c.User = time.Duration(self.Stime.Nano()), time.Duration(self.Utime.Nano())
	}
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children) == nil {
		c.ChildrenSys, c.ChildrenUser = time.Duration(children.Stime.Nano()), time.Duration(children.Utime.Nano())
	}
	return c
}
