package process

import (
	"runtime"
	"syscall"
)

// Aside gives the calling goroutine a thread of its own, which has a lower priority than
// the others, until the goroutine ends. It reports whether it could.
func Aside() bool {
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	if syscall.Setpriority(syscall.PRIO_PROCESS, 0, asideNice) != nil {
		runtime.UnlockOSThread()
		return false
	}
	return true
}

// asideNice leaves the thread a tenth of a processor that another wants as well. Less
// would keep the others waiting when the collector wants it to stand still.
const asideNice = 10
