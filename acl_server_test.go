package larder_test

import (
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// TestACLCommands has the rules of a user name every command that a redis-server has,
// and every category: users can be taken over as they are.
func TestACLCommands(t *testing.T) {
	theirs := redistest.Start(t).NewClient(t, 2)
	defer theirs.Close()
	ours := newConn(open(t, larder.Options{}))
	defer ours.Close()
	names := theirs.Do("COMMAND", "LIST").Elems
	if len(names) < 300 {
		t.Fatalf("the server has %d commands", len(names))
	}
	for _, name := range names {
		if v := ours.Do("ACL", "SETUSER", "u", "+"+name.Str, "-"+name.Str); v.Str != "OK" {
			t.Errorf("%s: %s", name.Str, v.Str)
		}
	}
	for _, cat := range theirs.Do("ACL", "CAT").Elems {
		for _, rule := range []string{"+@all -@", "-@all +@"} {
			for _, c := range []redistest.Client{theirs, ours} {
				c.Do("ACL", "SETUSER", "c", "reset", rule[:5], rule[6:]+cat.Str)
			}
			want, got := theirs.Do("ACL", "GETUSER", "c").Elems[5].Str, ours.Do("ACL", "GETUSER", "c").Elems[5].Str
			if got != want {
				t.Errorf("%s%s is %s, want %s", rule, cat.Str, got, want)
			}
		}
	}
}
