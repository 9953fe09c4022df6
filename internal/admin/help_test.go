package admin_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// Every command with subcommands has a HELP that names each of them, and DEBUG too.
func TestHelp(t *testing.T) {
	s := &store{db: debugDB(t, "yes")}
	p := s.peer(t)
	subs := map[string][]string{}
	for _, name := range p.Do("COMMAND", "LIST").Elems {
		if container, sub, ok := strings.Cut(name.Str, "|"); ok {
			subs[container] = append(subs[container], strings.ToUpper(sub))
		}
	}
	if len(subs) < 5 {
		t.Fatalf("only %d commands have subcommands", len(subs))
	}
	// What DEBUG has that redis-server 7.0 has is in its HELP.
	subs["debug"] = []string{"DIGEST", "DIGEST-VALUE", "RELOAD", "SLEEP", "SET-ACTIVE-EXPIRE", "OBJECT", "POPULATE", "LISTPACK",
		"QUICKLIST", "HTSTATS", "HTSTATS-KEY", "SDSLEN", "STRUCTSIZE", "PROTOCOL", "ERROR", "LOG", "CHANGE-REPL-ID", "REPLICATE",
		"PAUSE-CRON", "REPLYBUFFER", "CLIENT-EVICTION", "STRINGMATCH-TEST", "SET-SKIP-CHECKSUM-VALIDATION", "SEGFAULT", "PANIC"}
	for container, names := range subs {
		v := p.Do(container, "HELP")
		if v.Kind != redistest.Array || !strings.HasPrefix(v.Elems[0].Str, strings.ToUpper(container)+" <subcommand>") {
			t.Errorf("%s HELP = %v", container, v)
			continue
		}
		for _, name := range names {
			if !slices.ContainsFunc(v.Elems, func(e redistest.Value) bool {
				first, _, _ := strings.Cut(e.Str, " ")
				return first == name
			}) {
				t.Errorf("%s HELP does not tell of %s", container, name)
			}
		}
	}
}

// What would end a redis-server ends nothing here.
func TestDebugEndsNothing(t *testing.T) {
	p := (&store{db: debugDB(t, "yes")}).peer(t)
	for _, name := range []string{"ASSERT", "CRASH-AND-RECOVER", "OOM", "PANIC", "RESTART", "SEGFAULT"} {
		if got := p.text("DEBUG", name); !strings.HasPrefix(got, "(error) ERR DEBUG "+name+" is not available") {
			t.Errorf("DEBUG %s = %s", name, got)
		}
	}
	p.check("PING -> PONG")
}
