package redcon_server

import (
	"strings"
	"testing"
)

// A monitor that never reads costs what its limit allows and is closed, whichever limit
// that is; those whose commands it is shown do not wait for it, and one that reads is
// shown all.
func TestMonitorThatNeverReads(t *testing.T) {
	for name, config := range map[string][]string{
		"output":  {"client-output-buffer-limit", "normal 1mb 0 0"},
		"clients": {"maxmemory-clients", "3mb"},
	} {
		t.Run(name, func(t *testing.T) {
			db, s := serveWith(t, Options{}, config...)
			other, good := dial(t, s), dial(t, s)
			expect(t, "NO-EVICT", other.do("CLIENT", "NO-EVICT", "on"), "OK")
			expect(t, "MONITOR", good.do("MONITOR"), "OK")
			before := memory()
			dial(t, s).send("MONITOR\r\n")
			waitFor(t, "it to monitor", func() bool { return s.Stats().Connected == 3 && monitors(t, other) == 2 })
			value := strings.Repeat("x", 10_000)
			for range 3000 { // 30 MB
				expect(t, "SET", other.do("SET", "k", value), "OK")
				for line := ""; !strings.Contains(line, `"SET" "k" "x`); {
					line = good.read()
				}
			}
			waitFor(t, "it to be closed", func() bool { return s.Stats().Connected == 2 })
			if used := memory() - before; used > 8<<20 {
				t.Errorf("%d bytes are held for a monitor that does not read", used)
			}
			if n := monitors(t, other); n != 1 {
				t.Errorf("%d connections monitor", n)
			}
			if n := infoField(t, db, "evicted_clients"); (n != 0) != (name == "clients") {
				t.Errorf("evicted_clients = %d", n)
			}
		})
	}
}

// monitors is how many connections monitor.
func monitors(t *testing.T, c *client) int {
	t.Helper()
	return strings.Count(c.do("CLIENT", "LIST"), " flags=O ")
}
