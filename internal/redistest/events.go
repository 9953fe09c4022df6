package redistest

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// CompareEvents runs every script of effects in a directory against two targets, with keyspace events of all classes
// on, and reports the steps of which the two publish different events. Events are heard by a subscriber of RESP2, in
// order, those of __keyspace and those of __keyevent. The function says which of them count.
func CompareEvents(t *testing.T, dir string, a, b Target, counts func(command, event string) bool) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "effects_*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts of effects in %s (%v)", dir, err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) {
			s, err := parseFile(path, true)
			if err != nil {
				t.Fatal(err)
			}
			// A key whose time is over in a millisecond may be gone before a server has read the command: only what
			// differs in each of some rounds is a difference.
			var different map[int]string
			for range 3 {
				now := differentEvents(t, hearEvents(t, s, a), hearEvents(t, s, b), counts)
				for i := range now {
					if _, before := different[i]; different != nil && !before {
						delete(now, i)
					}
				}
				if different = now; len(now) == 0 {
					return
				}
			}
			for _, i := range slices.Sorted(maps.Keys(different)) {
				t.Errorf("%s:%s", path, different[i])
			}
		})
	}
}

// differentEvents shows the steps of which other events were heard, by their place.
func differentEvents(t *testing.T, want, got []heardStep, counts func(command, event string) bool) map[int]string {
	t.Helper()
	out := map[int]string{}
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i].command != got[i].command {
			t.Fatalf("the targets have run different commands")
		}
		st := want[i]
		skip := func(event string) bool { return !counts(st.command, event) }
		w, g := slices.DeleteFunc(st.heard, skip), slices.DeleteFunc(got[i].heard, skip)
		if !slices.Equal(w, g) {
			out[i] = fmt.Sprintf("%d: %s\nwant %s\n got %s", st.line, st.command, strings.Join(w, "\n     "), strings.Join(g, "\n     "))
		}
	}
	return out
}

// A heardStep is a step and what was heard of it.
type heardStep struct {
	line    int
	command string
	heard   []string
}

func hearEvents(t *testing.T, s *script, target Target) (steps []heardStep) {
	t.Helper()
	r := newRunner(t, s, target, 2)
	defer r.closeAll()
	r.reset()
	ear, ok := target.NewClient(t, 2).(AsyncClient)
	if !ok {
		t.Fatal("redistest: a client that cannot be told events")
	}
	defer ear.Close()
	for _, words := range [][]string{{"CONFIG", "SET", "notify-keyspace-events", "KEAmn"}, {"PSUBSCRIBE", "__key*@*__:*"}} {
		if v := ear.Do(words...); v.IsError() || v.Kind == Timeout {
			t.Fatalf("redistest: %q = %s", words, v)
		}
	}
	for _, b := range s.blocks {
		rounds := b.each
		if rounds == nil {
			rounds = []string{""}
		}
		for _, word := range rounds {
			for _, st := range b.steps {
				command := st.command
				if b.each != nil {
					command = strings.ReplaceAll(command, "{}", word)
				}
				r.step(st, command)
				steps = append(steps, heardStep{st.line, command, drain(t, ear)})
			}
		}
	}
	return steps
}

// drain takes what was published so far: the answer to a PING is behind it.
func drain(t *testing.T, ear AsyncClient) (heard []string) {
	t.Helper()
	ear.Send("PING")
	for {
		v := ear.Receive(replyTimeout)
		switch {
		case v.Kind != Array || len(v.Elems) == 0:
			t.Fatalf("redistest: event: %s", v)
		case v.Elems[0].Str == "pong":
			return heard
		default:
			heard = append(heard, plain(v.Elems[2].Str)+" "+plain(v.Elems[3].Str))
		}
	}
}
