//go:build !linux

package process

// Aside reports false: only Linux gives a thread a priority of its own.
func Aside() bool { return false }
