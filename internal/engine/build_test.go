package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A set that is built has the form that SADD would have given it.
func TestBuildSet(t *testing.T) {
	numbers := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint(n/2-i))
		}
		return all
	}
	for _, c := range []struct {
		members []string
		ints    int
		form    Form
	}{
		{numbers(1), 512, SetIntset},
		{numbers(512), 512, SetIntset},
		{numbers(513), 512, SetHashtable},
		{numbers(5), 4, SetListpack},
		{numbers(5), 0, SetListpack},
		{append(numbers(5), "x"), 512, SetListpack},
		{append([]string{""}, numbers(127)...), 512, SetListpack},
		{append([]string{""}, numbers(128)...), 512, SetHashtable},
		{[]string{strings.Repeat("x", 20000)}, 512, SetHashtable},
	} {
		s := BuildSet(c.ints)
		for _, m := range c.members {
			if !s.Put(m) || s.Put(m) {
				t.Fatalf("%.40q is not new, or is twice", m)
			}
		}
		v := s.Value()
		if v.Form != c.form {
			t.Errorf("%d members of at most %d integers: form %d, want %d", len(c.members), c.ints, v.Form, c.form)
		}
		got, _ := v.Members()
		var all []string
		for m := range got.All() {
			all = append(all, m.String())
		}
		want := slices.Clone(c.members)
		slices.Sort(all)
		slices.Sort(want)
		if !slices.Equal(all, want) {
			t.Errorf("%d members, want %d", len(all), len(want))
		}
	}
}
