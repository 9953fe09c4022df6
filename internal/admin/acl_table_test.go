package admin

import (
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// TestElsewhere holds the commands that other packages declare, or nobody does, to what
// a redis-server says of them; a name that is not in its table could not be named in the
// rules of users that come from there.
func TestElsewhere(t *testing.T) {
	c := redistest.Start(t).NewClient(t, 2)
	defer c.Close()
	said := map[string]string{}
	for categories, names := range elsewhere {
		for name := range strings.FieldsSeq(names) {
			if said[name] != "" {
				t.Errorf("%s is there twice", name)
			}
			said[name] = categories
		}
	}
	var look func(v redistest.Value)
	look = func(v redistest.Value) {
		name := v.Elems[0].Str
		var categories []string
		for _, cat := range v.Elems[6].Elems {
			categories = append(categories, strings.TrimPrefix(cat.Str, "@"))
		}
		if want, ok := said[name]; ok && want != strings.Join(categories, " ") {
			t.Errorf("%s is in %s, not in %s", name, strings.Join(categories, " "), want)
		}
		delete(said, name)
		for _, sub := range v.Elems[9].Elems {
			look(sub)
		}
	}
	for _, v := range c.Do("COMMAND").Elems {
		look(v)
	}
	for name := range said {
		t.Errorf("redis-server has no %s", name)
	}
}
