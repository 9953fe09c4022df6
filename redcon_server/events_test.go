package redcon_server

import (
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// The keyspace events of every line of the scripts of effects, of all classes and in
// their order, beside those of a redis-server. Only of keymiss less is told: of the
// commands that write and read other keys, and of those that look at a key and not at
// its value, larder counts no misses.
func TestEvents(t *testing.T) {
	server := redistest.Start(t)
	c := server.NewClient(t, 2)
	defer c.Close()
	reads := map[string]bool{"TYPE": false} // whether a command does nothing else
	redistest.CompareEvents(t, "../testdata", server, &inMemory{}, func(command, event string) bool {
		if !strings.Contains(event, "keymiss") {
			return true
		}
		name := strings.ToUpper(strings.Fields(command)[0])
		only, known := reads[name]
		if !known {
			v := c.Do("COMMAND", "INFO", name)
			only = len(v.Elems) == 1 && len(v.Elems[0].Elems) > 2 && slices.ContainsFunc(v.Elems[0].Elems[2].Elems,
				func(flag redistest.Value) bool { return flag.Str == "readonly" })
			reads[name] = only
		}
		return only
	})
}
