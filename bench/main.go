// Command bench measures larder beside what a Go program would take instead,
// and beside redis-server, and prints the tables as Markdown. Start it with
// bench/run; README.md says how to read what it prints.
//
//	section       a table or two; a file is named for it
//	store         a contender: larder, a map, otter ... (stores.go)
//	child         a measurement in a process of its own (child.go), so that no
//	              store pays for the heap of another and RSS is what it seems
//
// Runs are interleaved: each contender has its turn in each round, and a cell
// is the median of its rounds. Ratios are medians of the rounds' ratios, so
// that a minute in which the machine was slow counts on both sides.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// scale is how much is measured.
type scale struct {
	rounds    int
	benchtime time.Duration // of one benchmark in one round
	hot       int           // keys that stay in the processor's caches
	many      int           // keys that do not
	huge      int           // keys of the sections collector, memory and pauses
	requests  int           // of one run over the network without pipelining; four times that with
	netKeys   int           // over the network
	idle      int           // connections that say nothing
	churn     int           // rounds of changing every value before memory is measured again
	churnTTL  time.Duration // the longest TTL in them
	server    string        // command of larder's server instead of examples/server
}

var (
	full  = scale{rounds: 5, benchtime: 300 * time.Millisecond, hot: 1000, many: 1_000_000, huge: 5_000_000, requests: 200_000, netKeys: 1_000_000, idle: 9_900, churn: 8, churnTTL: 2 * time.Second}
	quick = scale{rounds: 3, benchtime: 100 * time.Millisecond, hot: 1000, many: 1_000_000, huge: 2_000_000, requests: 60_000, netKeys: 200_000, idle: 9_900, churn: 4, churnTTL: 2 * time.Second}
)

// A section prints a part of the report.
type section struct {
	name string
	run  func(sc scale, w *report) error
}

var sections = []section{
	{"inprocess", inProcess},
	{"collector", collector},
	{"memory", memory},
	{"pauses", pauses},
	{"network", network},
	{"connections", connectionsOf},
	{"transactions", transactions},
	{"streams", streams},
	{"types", types},
	{"rdb", rdbFiles},
	{"replication", replication},
	{"pubsub", pubSub},
}

func main() {
	testing.Init()
	if runChild() {
		return
	}
	isQuick := flag.Bool("quick", false, "fewer and shorter rounds, fewer keys")
	rounds := flag.Int("rounds", 0, "rounds to interleave; 0 is 5, or 3 with -quick")
	server := flag.String("server", "", "command of larder's server; {port}, {dir} and {threads} are replaced (default: ../examples/server, built first)")
	profile := flag.String("profile", "", "measure nothing, but write the profile that examples/server is compiled with to this file")
	flag.Parse()
	if *profile != "" {
		if err := writeProfile(*profile); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
		return
	}
	sc := full
	if *isQuick {
		sc = quick
	}
	if *rounds > 0 {
		sc.rounds = *rounds
	}
	sc.server = *server
	wanted := map[string]bool{}
	for _, name := range flag.Args() {
		wanted[name] = true
	}
	w := &report{w: os.Stdout}
	w.para("%s", machine())
	w.para("Medians of %d interleaved rounds.", sc.rounds)
	for _, s := range sections {
		if len(flag.Args()) > 0 && !wanted[s.name] {
			continue
		}
		delete(wanted, s.name)
		if err := s.run(sc, w); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", s.name, err)
			os.Exit(1)
		}
	}
	for name := range wanted {
		fmt.Fprintf(os.Stderr, "bench: there is no section %q\n", name)
		os.Exit(2)
	}
}

// machine is what the figures depend on.
func machine() string {
	parts := []string{fmt.Sprintf("%s %s/%s, %d processors", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				parts = append(parts, strings.TrimSpace(model))
				break
			}
		}
	}
	if out, err := exec.Command("redis-server", "--version").Output(); err == nil {
		if f := strings.Fields(string(out)); len(f) > 2 {
			parts = append(parts, "redis-server "+strings.TrimPrefix(f[2], "v="))
		}
	}
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, d := range info.Deps {
			for _, m := range []string{"otter", "xsync", "buntdb", "miniredis", "badger", "hdt3213/rdb"} {
				if strings.Contains(d.Path, m) {
					parts = append(parts, m+" "+d.Version)
				}
			}
		}
	}
	return strings.Join(parts, "; ") + "."
}
