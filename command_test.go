package larder_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// notLikeRedis lists where the table differs from redis-server 7.0.15 on
// purpose: a command and a field of COMMAND INFO or DOCS, and why.
var notLikeRedis = map[string]string{
	"zrank arity":        "WITHSCORE of Redis 7.2",
	"zrank arguments":    "WITHSCORE of Redis 7.2",
	"zrevrank arity":     "WITHSCORE of Redis 7.2",
	"zrevrank arguments": "WITHSCORE of Redis 7.2",
}

// notCompared are fields that are prose, of which larder has its own or none.
var notCompared = []string{"summary", "complexity", "history", "notes", "replaced_by", "subcommands"}

// newerThanReference are commands of larder that 7.0.15 does not have.
var newerThanReference = map[string]string{
	"client|no-touch": "Redis 7.2",
	"client|setinfo":  "Redis 7.2",
	"hexpire":         "Redis 7.4",
	"hexpireat":       "Redis 7.4",
	"hexpiretime":     "Redis 7.4",
	"hgetdel":         "Redis 8.0",
	"hgetex":          "Redis 8.0",
	"hpersist":        "Redis 7.4",
	"hpexpire":        "Redis 7.4",
	"hpexpireat":      "Redis 7.4",
	"hpexpiretime":    "Redis 7.4",
	"hpttl":           "Redis 7.4",
	"hsetex":          "Redis 8.0",
	"httl":            "Redis 7.4",
	"xackdel":         "Redis 8.2",
	"xdelex":          "Redis 8.2",
}

// TestCommandTable holds every Spec to what a redis-server says of the command.
func TestCommandTable(t *testing.T) {
	s := redistest.Start(t)
	theirs := s.NewClient(t, 3)
	defer theirs.Close()
	db := open(t, larder.Options{})
	attach(t, db)
	c := newConn(db)
	defer c.Close()
	c.Do("HELLO", "3")
	ours := c.Do
	seen := map[string]bool{}
	differs := func(name, field string, want, got any) {
		t.Helper()
		if key := name + " " + field; notLikeRedis[key] != "" {
			seen[key] = true
			return
		}
		if w, g := fmt.Sprint(want), fmt.Sprint(got); w != g {
			t.Errorf("%s: %s\nredis  %s\nlarder %s", name, field, w, g)
		}
	}
	names := ours("COMMAND", "LIST").Elems
	if len(names) == 0 {
		t.Fatal("COMMAND LIST is empty")
	}
	for _, n := range names {
		name := n.Str
		want := theirs.Do("COMMAND", "INFO", name).Elems[0]
		got := ours("COMMAND", "INFO", name).Elems[0]
		if want.Kind == redistest.Null {
			if newerThanReference[name] == "" {
				t.Errorf("%s: redis-server does not have it", name)
			}
			continue
		}
		for i, field := range []string{"name", "arity", "flags", "first key", "last key", "step", "acl", "tips", "keys"} {
			differs(name, field, sorted(want.Elems[i], i != 8), sorted(got.Elems[i], i != 8))
		}
		wantDocs, gotDocs := docs(theirs.Do("COMMAND", "DOCS", name)), docs(ours("COMMAND", "DOCS", name))
		fields := map[string]bool{}
		for f := range wantDocs {
			fields[f] = true
		}
		for f := range gotDocs {
			fields[f] = true
		}
		for f := range fields {
			if !slices.Contains(notCompared, f) {
				differs(name, f, wantDocs[f], gotDocs[f])
			}
		}
	}
	for key, why := range notLikeRedis {
		if !seen[key] {
			t.Errorf("the difference %q (%s) is none", key, why)
		}
	}
}

// docs returns the fields of one command's DOCS.
func docs(v redistest.Value) map[string]string {
	if len(v.Elems) != 2 {
		return nil
	}
	m, fields := map[string]string{}, v.Elems[1].Elems
	for i := 0; i < len(fields); i += 2 {
		m[fields[i].Str] = sorted(fields[i+1], false)
	}
	return m
}

// sorted renders a value. The order of a set is nobody's business; that of an
// array is, and so is that of a set whose elements are maps, as key specs are.
func sorted(v redistest.Value, sets bool) string {
	switch v.Kind {
	case redistest.Array, redistest.Set:
		var parts []string
		for _, e := range v.Elems {
			parts = append(parts, sorted(e, true))
		}
		if v.Kind == redistest.Set && sets {
			slices.Sort(parts)
		}
		return "[" + strings.Join(parts, " ") + "]"
	case redistest.Map:
		var parts []string
		for i := 0; i < len(v.Elems); i += 2 {
			if name := v.Elems[i].Str; name != "notes" && name != "summary" {
				parts = append(parts, name+":"+sorted(v.Elems[i+1], true))
			}
		}
		return "{" + strings.Join(parts, " ") + "}"
	case redistest.Integer:
		return fmt.Sprint(v.Int)
	}
	return v.Str
}
