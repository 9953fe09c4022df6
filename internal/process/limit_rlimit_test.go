//go:build linux || darwin || netbsd || openbsd

package process

import "syscall"

func setLimit(now, most uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: now, Max: most})
}
