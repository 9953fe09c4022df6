package process

import (
	"syscall"
	"testing"
)

// priority is that of the calling thread, as the system call counts it: 20 less the nice
// value.
func priority(t *testing.T) int {
	t.Helper()
	p, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAside(t *testing.T) {
	before := priority(t)
	if before <= 20-asideNice {
		t.Skip("the tests themselves run at a priority as low as that")
	}
	during := make(chan int)
	go func() {
		if !Aside() {
			t.Error("Aside() = false")
		}
		during <- priority(t)
	}()
	if got, want := <-during, 20-asideNice; got != want {
		t.Errorf("within Aside the thread's priority is %d, want %d", got, want)
	}
	for range 100 { // whichever threads these goroutines get
		after := make(chan int)
		go func() { after <- priority(t) }()
		if got := <-after; got != before {
			t.Fatalf("another goroutine's thread has priority %d, want %d", got, before)
		}
	}
}
