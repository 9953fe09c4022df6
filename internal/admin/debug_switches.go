package admin

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/glob"
)

// The parts of DEBUG that change how the server works, or that Redis has to break it.

func init() {
	addDebug("SET-SKIP-CHECKSUM-VALIDATION", debugCommand{min: 1, max: 1, use: "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
		does: "Lets wrong checksums of files and of RESTORE's payloads pass, or not.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			server(s).anyChecksum.Store(number(a.String()) != 0)
			w.OK()
			return nil
		}})
	addDebug("CONFIG-REWRITE-FORCE-ALL", debugCommand{use: "CONFIG-REWRITE-FORCE-ALL",
		does: "Is CONFIG REWRITE with every directive, those too that are as they are by default.",
		run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
			if err := server(s).conf.RewriteAll(); err != nil {
				return replyError(err)
			}
			w.OK()
			return nil
		}})
	addDebug("REPLICATE", debugCommand{min: 1, max: -1, use: "REPLICATE <command> [<argument> ...]",
		does: "Sends a command to the replicas without running it.",
		run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
			_, err := opReplicate.Do(s, a.Rest())
			if err == nil {
				w.OK()
			}
			return err
		},
		plan: func(_ *engine.Session, _ *engine.Args, k *engine.KeySet) { k.AllForWriting() }})
	addDebug("STRINGMATCH-TEST", debugCommand{use: "STRINGMATCH-TEST", does: "Matches random patterns with random strings.",
		run: func(_ *engine.Session, _ *engine.Args, w *engine.Reply) error {
			matchAtRandom()
			w.Simple("The matcher came back each time: test passed")
			return nil
		}})
	addDebug("CLIENT-EVICTION", debugCommand{use: "CLIENT-EVICTION", does: "Counts connections by the memory that they take.",
		run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
			srv := server(s)
			if srv.conf.String("maxmemory-clients") == "0" {
				return engine.Error("ERR maxmemory-clients is disabled.")
			}
			w.Verbatim("txt", srv.clientBuckets())
			return nil
		}})

	// Nothing runs at intervals here, and buffers of replies are of the network's: so
	// these find things as they ask for them, and what they say is checked only.
	addDebug("PAUSE-CRON", debugCommand{min: 1, max: 1, use: "PAUSE-CRON <0|1>", does: "Is accepted: nothing runs at intervals.",
		run: func(_ *engine.Session, _ *engine.Args, w *engine.Reply) error {
			w.OK()
			return nil
		}})
	addDebug("REPLYBUFFER", debugCommand{min: 2, max: 2, use: "REPLYBUFFER (PEAK-RESET-TIME (NEVER|RESET|<ms>) | RESIZING <0|1>)",
		does: "Is accepted: idle connections have no buffers.",
		run: func(_ *engine.Session, a *engine.Args, w *engine.Reply) error {
			switch {
			case a.Flag("RESIZING"):
			case a.Flag("PEAK-RESET-TIME"):
				switch s := a.String(); strings.ToLower(s) {
				case "never", "reset":
				default:
					if _, ok := engine.ParseInt(s); !ok {
						return engine.ErrNotInt
					}
				}
			default:
				return badSubcommand("DEBUG", a)
			}
			w.OK()
			return nil
		}})

	// What ends a redis-server would end the program that the store is a part of, with
	// everything else that it does. Who wants to see a server die kills its process.
	for _, name := range []string{"ASSERT", "CRASH-AND-RECOVER", "OOM", "PANIC", "RESTART", "SEGFAULT"} {
		addDebug(name, debugCommand{max: -1, use: name, does: "Is refused: a command does not end the program.",
			run: func(*engine.Session, *engine.Args, *engine.Reply) error {
				return engine.Error("ERR DEBUG " + name + " is not available: the store may be a part of a program, which it would end")
			}})
	}
}

// SkipsChecksums reports whether wrong checksums are to pass.
func (s *Server) SkipsChecksums() bool { return s.anyChecksum.Load() }

// opReplicate tells a command as the effect of none.
var opReplicate = &engine.Op[[]string, struct{}]{
	Spec: engine.Spec{Name: "DEBUG REPLICATE", Flags: engine.Write},
	Keys: func(k *engine.KeySet, _ []string) { k.AllForWriting() },
	Run: func(t *engine.Txn, words []string) (struct{}, error) {
		t.Tell(words...)
		return struct{}{}, nil
	},
}

// matchAtRandom gives the matcher of patterns what might confuse it. A pattern that
// took long would hang the caller, and a panic answers an error.
func matchAtRandom() {
	const letters = `ab*?[]^-\` + "\x00\xff"
	random := func() string {
		b := make([]byte, rand.IntN(40))
		for i := range b {
			b[i] = letters[rand.IntN(len(letters))]
		}
		return string(b)
	}
	for range 20_000 {
		pattern, s := random(), random()
		if glob.Match(pattern, s) && !glob.MatchFold(pattern, s) {
			panic("glob: " + pattern + " matches " + s + ", but not where case does not count")
		}
	}
}

// clientBuckets counts connections by their memory, in powers of two from 32 KB to
// 4 GB.
func (s *Server) clientBuckets() string {
	const first, last = 15, 32
	var sums, counts [last - first + 2]int64
	for _, c := range s.list() {
		n := c.memory(c.t.Sizes())
		b := 0
		for b < len(sums)-1 && n >= 1<<(first+b) {
			b++
		}
		sums[b] += n
		counts[b]++
	}
	var b strings.Builder
	for i := range sums {
		from, to := int64(0), int64(1)<<(first+i)-1
		if i > 0 {
			from = 1 << (first + i - 1)
		}
		if i == len(sums)-1 {
			fmt.Fprintf(&b, "bucket %10d+            : ", from)
		} else {
			fmt.Fprintf(&b, "bucket %10d - %10d: ", from, to)
		}
		fmt.Fprintf(&b, "tot-mem: %10d, clients: %d\n", sums[i], counts[i])
	}
	return b.String()
}
