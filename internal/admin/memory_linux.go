package admin

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// residentMemory is what the process has in memory, in bytes: the second number
// of statm, which is in pages.
func residentMemory() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return goMemory()
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return goMemory()
	}
	pages, err := strconv.ParseInt(string(f[1]), 10, 64)
	if err != nil {
		return goMemory()
	}
	return pages * int64(os.Getpagesize())
}

// systemMemory is the machine's memory in bytes.
func systemMemory() int64 {
	var si syscall.Sysinfo_t
	if syscall.Sysinfo(&si) != nil {
		return 0
	}
	return int64(uint64(si.Totalram) * uint64(si.Unit))
}
