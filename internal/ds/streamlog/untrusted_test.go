package streamlog

import (
	"fmt"
	"slices"
	"testing"
)

// The nodes of a log are valid one by one, each behind the one before, and have the
// log's entries.
func TestUntrusted(t *testing.T) {
	l := New()
	for i := range 500 {
		id := ID{uint64(10 + i/3), uint64(i % 3)}
		if err := l.Append(id, []string{"field", fmt.Sprint(i), fmt.Sprint("f", i%7), "x"}, Limits{MaxEntries: 30}); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < 500; i += 7 {
		l.Delete(ID{uint64(10 + i/3), uint64(i % 3)})
	}
	show := func(e Entry) string {
		s := e.ID.String()
		for name, value := range e.Fields() {
			s += fmt.Sprintf(" %s=%s", name, value)
		}
		return s
	}
	var want, got []string
	for e := range l.Range(ID{}, MaxID) {
		want = append(want, show(e))
	}
	var prev ID
	for id, lp := range l.Nodes() {
		if _, _, ok := ValidateNode(id, lp[:len(lp)-1], prev); ok {
			t.Errorf("node %s without its end is valid", id)
		}
		live, last, ok := ValidateNode(id, lp, prev)
		if !ok {
			t.Fatalf("node %s is not valid", id)
		}
		n := len(got)
		for e := range Entries(id, lp) {
			got = append(got, show(e))
		}
		if int(live) != len(got)-n {
			t.Errorf("node %s has %d entries, valid are %d", id, len(got)-n, live)
		}
		if _, _, ok := ValidateNode(id, lp, last); ok && live > 0 {
			t.Errorf("node %s is valid behind itself", id)
		}
		prev = last
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
}
