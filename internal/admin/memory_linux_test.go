package admin_test

import (
	"strconv"
	"strings"
	"testing"
)

// MEMORY PURGE gives back what FLUSHALL has freed, at once. Values of a megabyte are on the
// Go heap, which by itself gives back little by little.
func TestMemoryPurge(t *testing.T) {
	const size = 200 << 20
	s := open(t)
	p := s.peer(t)
	resident := func() int {
		n, err := strconv.Atoi(field(verbatim(p.Do("INFO", "memory")), "used_memory_rss", ":"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, purge := range [][]string{{"MEMORY PURGE"}, {"MULTI", "MEMORY PURGE", "EXEC"}} {
		value := strings.Repeat("x", 1<<20)
		for i := range size >> 20 {
			if err := s.db.Set(strconv.Itoa(i), value); err != nil {
				t.Fatal(err)
			}
		}
		full := resident()
		if full < size {
			t.Fatalf("%d bytes are resident with %d in the store", full, size)
		}
		p.check("FLUSHALL -> OK")
		for _, line := range purge {
			p.Do(strings.Fields(line)...)
		}
		if empty := resident(); empty > full-size/2 {
			t.Errorf("%d bytes are resident after FLUSHALL and %q, %d before", empty, purge, full)
		}
	}
}
