package engine

import "testing"

// Overwrite is straight only where a write has nothing to look at but its key.
func TestOverwrite(t *testing.T) {
	e := New(Config{Table: toys})
	defer e.Close()
	s := e.NewSession()
	if s.Overwrite("a", "1", StringEmbstr) {
		t.Error("a key was made")
	}
	if err := on(s).set("a", "1"); err != nil {
		t.Fatal(err)
	}
	want := func(when string, want bool) {
		t.Helper()
		if got := s.Overwrite("a", "2", StringEmbstr); got != want {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	want("with nothing else", true)
	if v, err := on(s).get("a"); v != "2" || err != nil {
		t.Errorf("a = %q, %v", v, err)
	}
	for i := range e.shards {
		e.shards[i].waiters = map[dbKey]*waitQueue{{}: {}}
	}
	want("beside waiters", false)
	for i := range e.shards {
		e.shards[i].waiters = nil
	}
	want("without them", true)
	e.broke()
	want("broken", false)
}
