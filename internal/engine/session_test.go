package engine

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A witness notes what it is told of commands that ran, each of which waits a while to
// be admitted.
type witness struct {
	told []string
	slow time.Duration
}

func (g *witness) Admit(s *Session, _ Command, _ [][]byte) error {
	if !s.Primary {
		time.Sleep(g.slow)
	}
	return nil
}

func (g *witness) Saw(*Session, Command, [][]byte) {}

func (g *witness) Called(*Session, GoCall, *KeySet) {}

func (g *witness) Worked(string, time.Duration) {}

func (g *witness) Ran(s *Session, c Command, _ [][]byte, calls int, d time.Duration, _ error) {
	if s.Primary { // the mirror's
		return
	}
	g.told = append(g.told, fmt.Sprint(c.Info().Name, " ", calls, " ", d))
}

// Equal brief commands of a batch are timed together, the others alone; all of the
// time between two of a batch is somebody's.
func TestStreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &witness{slow: time.Millisecond}
		db := openToy(t, Config{Gate: g})
		c := db.conn()
		check := func(what string, want ...string) {
			t.Helper()
			if !slices.Equal(g.told, want) {
				t.Errorf("%s: told %q, want %q", what, g.told, want)
			}
			g.told = nil
		}
		c.do("get a")
		c.do("get a")
		check("outside a batch", "GET 1 0s", "GET 1 0s")

		c.s.Batch(true)
		c.do("get a") // its first millisecond is before it
		c.do("get b")
		c.do("get c")
		check("a streak lasts")
		c.do("set a 1")
		c.do("set a 1 px 1000 nx keepttl and another") // too many words
		c.do("del a")
		check("another command", "GET 3 3ms", "SET 1 1ms", "SET 1 0s", "DEL 1 1ms")
		c.do("get a")
		c.do("nosuchcommand")
		c.do("get a")
		c.do("multi")
		c.do("get a")
		c.do("get a")
		c.do("exec")
		check("EXEC", "GET 2 3ms", "MULTI 1 0s", "GET 1 4ms", "GET 1 1ms", "EXEC 1 5ms")
		c.do("get a")
		c.s.Batch(false)
		check("the end of the batch", "GET 1 1ms")
		c.s.Batch(false)
		c.do("get a")
		check("after it", "GET 1 0s")
	})
}
