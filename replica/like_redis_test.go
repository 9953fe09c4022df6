package replica_test

import (
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// A told is what a test has seen of a server, to be compared with another's.
type told []string

func (s *told) note(what string, v redistest.Value) { *s = append(*s, what+": "+v.String()) }

// field notes a field of INFO.
func (s *told) field(t testing.TB, c redistest.Client, section, name string) {
	t.Helper()
	*s = append(*s, name+": "+field(t, c, section, name))
}

// likeRedis runs a test with a redis-server as primary and then with a larder: what it
// sees has to be the same.
func likeRedis(t *testing.T, run func(t *testing.T, addr string) told) {
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	want := run(t, s.Addr)
	got := run(t, servePrimary(t).addr)
	compare(t, got, want)
}

// compare holds what was seen of a larder to what was seen of a redis-server.
func compare(t *testing.T, got, want told) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%q, and of redis-server %q", got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d were seen, and %d of redis-server", len(got), len(want))
	}
}
