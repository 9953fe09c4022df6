package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A dataSet is what a server is given before it saves.
type dataSet struct {
	name string
	keys int // of strings, which are read and written meanwhile
	fill func(c *client) error
}

// dataSets are strings alone, and small and middling values of every type.
func dataSets(sc scale) []*dataSet {
	str := func(i int) []string { return []string{"SET", stringName(i), value(i, valueLen)} }
	n := sc.huge / 50
	fill := func(c *client, n int, command func(i int) []string) func() error {
		return func() error { return c.fill(n, command) }
	}
	return []*dataSet{
		{name: count(sc.huge) + " strings", keys: sc.huge, fill: func(c *client) error { return c.fill(sc.huge, str) }},
		{name: fmt.Sprintf("%s of each type", count(n)), keys: n, fill: func(c *client) error {
			ints := func(i int) []string {
				words := []string{"SADD", "i:" + strconv.Itoa(i)}
				for j := range 20 {
					words = append(words, strconv.Itoa(i*j))
				}
				return words
			}
			members := func(name, key string, n int, before func(j int) []string) func(i int) []string {
				return func(i int) []string {
					words := []string{name, key + strconv.Itoa(i)}
					for j := range n {
						words = append(append(words, before(j)...), "member:"+strconv.Itoa(i+j))
					}
					return words
				}
			}
			none := func(int) []string { return nil }
			number := func(j int) []string { return []string{strconv.Itoa(j)} }
			for _, f := range []func() error{
				fill(c, n, str), fill(c, n, ints),
				fill(c, n, members("RPUSH", "l:", 20, none)), fill(c, n, members("SADD", "s:", 10, none)),
				fill(c, n, members("HSET", "h:", 10, func(j int) []string { return []string{"field:" + strconv.Itoa(j)} })),
				fill(c, n, members("ZADD", "z:", 10, number)), fill(c, n/100, members("ZADD", "Z:", 300, number)),
				fill(c, n/100, members("HSET", "H:", 700, func(j int) []string { return []string{"field:" + strconv.Itoa(j)} })),
				fill(c, n, func(i int) []string { return append([]string{"XADD", "x:" + strconv.Itoa(i/50), "*"}, streamFields...) }),
			} {
				if err := f(); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

func stringName(i int) string { return numbered("key:", i, keyLen) }

// saveFigures are of one BGSAVE under load, and of loading the file again.
type saveFigures struct {
	took, load time.Duration
	extra      float64 // bytes
	size       float64 // of the file
	latency    [2]histogram
}

// pace is how often a client asks.
const pace = 500 * time.Microsecond

// ask asks at a steady pace until stopped. The time of a request counts from when it was
// due, if the one before was late: so a server that stands still is late with all that
// it should have answered meanwhile.
func ask(c *client, h *histogram, stop <-chan struct{}, command func() []string) error {
	due := time.Now()
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		from := due
		if d := time.Until(due); d > 0 {
			time.Sleep(d)
			from = time.Now() // its own oversleeping is not the server's
		}
		if err := c.do(command()...); err != nil {
			return err
		}
		h.add(time.Since(from))
		due = due.Add(pace)
		if now := time.Now(); due.Before(now.Add(-time.Minute)) {
			return fmt.Errorf("the server is a minute late")
		}
	}
}

// underLoad runs f while a client reads and one writes strings.
func (s *server) underLoad(keys int, latency *[2]histogram, f func() error) error {
	stop := make(chan struct{})
	errs := make(chan error, 2)
	for i := range latency {
		c, err := s.dial()
		if err != nil {
			return err
		}
		defer c.Close()
		r := rand.New(rand.NewPCG(uint64(i), 1))
		go func() {
			errs <- ask(c, &latency[i], stop, func() []string {
				k := r.IntN(keys)
				if i == 0 {
					return []string{"GET", stringName(k)}
				}
				return []string{"SET", stringName(k), value(k+1, valueLen)}
			})
		}()
	}
	err := f()
	close(stop)
	for range latency {
		if e := <-errs; err == nil {
			err = e
		}
	}
	return err
}

// field is a field of INFO.
func (c *client) field(section, name string) (v string, err error) {
	c.add("INFO", section)
	if err := c.flush(); err != nil {
		return "", err
	}
	err = c.reply(func(b []byte) {
		for line := range strings.Lines(string(b)) {
			if k, x, _ := strings.Cut(strings.TrimSpace(line), ":"); k == name {
				v = x
			}
		}
	})
	return v, err
}

// private is the memory that the children of a process have to themselves: what a fork
// costs.
func private(pid int) (sum float64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	for _, child := range strings.Fields(string(b)) {
		rollup, err := os.ReadFile("/proc/" + child + "/smaps_rollup")
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(rollup)) {
			if f := strings.Fields(line); len(f) > 1 && (f[0] == "Private_Dirty:" || f[0] == "Private_Clean:") {
				kb, _ := strconv.ParseFloat(f[1], 64)
				sum += kb * 1024
			}
		}
	}
	return sum
}

// save runs BGSAVE under load.
func (s *server) save(keys int, f *saveFigures) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	pid := strconv.Itoa(s.pid())
	before := rss(pid)
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			f.extra = max(f.extra, rss(pid)-before+private(s.pid()))
			select {
			case <-ended:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	err = s.underLoad(keys, &f.latency, func() error {
		t0 := time.Now()
		if err := c.do("BGSAVE"); err != nil {
			return err
		}
		for {
			v, err := c.field("persistence", "rdb_bgsave_in_progress")
			if err != nil {
				return err
			}
			if v == "0" {
				f.took = time.Since(t0)
				return nil
			}
			time.Sleep(2 * time.Millisecond)
		}
	})
	close(ended)
	watching.Wait()
	if err != nil {
		return err
	}
	if v, err := c.field("persistence", "rdb_last_bgsave_status"); err != nil || v != "ok" {
		return fmt.Errorf("BGSAVE ends with %q, %v", v, err)
	}
	info, err := os.Stat(s.file())
	if err != nil {
		return err
	}
	f.size = float64(info.Size())
	return nil
}

// file is what the server saves to.
func (s *server) file() string { return filepath.Join(s.dir, "dump.rdb") }

var loadedIn = regexp.MustCompile(`DB loaded from disk: ([0-9.]+) seconds`)

// reload starts the server anew, on the file that it has saved.
func (s *server) reload() (time.Duration, error) {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	if err := s.start(5 * time.Minute); err != nil {
		return 0, err
	}
	said, err := os.ReadFile(s.output())
	if err != nil {
		return 0, err
	}
	m := loadedIn.FindSubmatch(said)
	if m == nil {
		return 0, fmt.Errorf("it does not say how long it has loaded:\n%s", said)
	}
	seconds, err := strconv.ParseFloat(string(m[1]), 64)
	return time.Duration(seconds * float64(time.Second)), err
}

// rdbFiles is the section of RDB files.
func rdbFiles(sc scale, w *report) error {
	w.title("RDB files")
	var names, files []string
	dir, err := os.MkdirTemp("", "larder-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, d := range dataSets(sc) {
		file, err := saving(sc, w, d, filepath.Join(dir, strconv.Itoa(len(files))))
		if err != nil {
			return err
		}
		if file == "" {
			return nil
		}
		names, files = append(names, d.name), append(files, file)
	}
	return decoding(sc, w, names, files)
}

// saving prints what saving and loading a data set cost, and returns a copy of what
// redis-server has saved; "" if there is none.
func saving(sc scale, w *report, d *dataSet, copyTo string) (string, error) {
	c, ok, stop, err := startContest(sc, w, "RDB files")
	defer stop()
	if !ok {
		return "", err
	}
	for i, s := range c.servers {
		conn, err := s.dial()
		if err != nil {
			return "", err
		}
		err = d.fill(conn)
		conn.Close()
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.names[i], err)
		}
	}
	figures := make([]struct{ took, load, extra, size, get, getMax, set, setMax, quiet []float64 }, len(c.servers))
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	for range sc.rounds {
		for i, s := range c.servers {
			var f saveFigures
			var quiet [2]histogram
			err := s.underLoad(d.keys, &quiet, func() error { time.Sleep(max(sc.benchtime, 50*time.Millisecond)); return nil })
			if err == nil {
				err = s.save(d.keys, &f)
			}
			if err == nil {
				f.load, err = s.reload()
			}
			if err != nil {
				return "", fmt.Errorf("%s: %w", c.names[i], err)
			}
			g := &figures[i]
			g.took, g.load, g.extra, g.size = append(g.took, f.took.Seconds()), append(g.load, f.load.Seconds()), append(g.extra, f.extra/(1<<20)), append(g.size, f.size/1e6)
			g.get, g.getMax = append(g.get, ms(f.latency[0].quantile(0.999))), append(g.getMax, ms(f.latency[0].max))
			g.set, g.setMax = append(g.set, ms(f.latency[1].quantile(0.999))), append(g.setMax, ms(f.latency[1].max))
			g.quiet = append(g.quiet, ms(max(quiet[0].quantile(0.999), quiet[1].quantile(0.999))))
		}
	}
	w.para("%s. BGSAVE while one client reads and one writes strings, each every %v; then the process is killed and loads what was saved. Latencies in milliseconds; extra memory is the growth of RSS, and what a child has to itself. In brackets: times redis-server's.", d.name, pace)
	var rows [][]string
	redis := figures[0]
	for i, name := range c.names {
		g := figures[i]
		cell := func(format string, v, of []float64) string {
			s := fmt.Sprintf(format, median(v))
			if i > 0 {
				s += fmt.Sprintf(" (%.2f)", ratio(v, of))
			}
			return s
		}
		rows = append(rows, []string{name, cell("%.2f", g.took, redis.took), cell("%.1f", g.get, redis.get), cell("%.1f", g.getMax, redis.getMax),
			cell("%.1f", g.set, redis.set), cell("%.1f", g.setMax, redis.setMax), fmt.Sprintf("%.1f", median(g.quiet)),
			fmt.Sprintf("%.0f", median(g.extra)), cell("%.2f", g.load, redis.load), fmt.Sprintf("%.0f", median(g.size))})
	}
	w.table([]string{"", "BGSAVE, s", "GET 99.9 %", "longest", "SET 99.9 %", "longest", "99.9 % without", "extra MB", "load, s", "file, MB"}, rows)
	b, err := os.ReadFile(c.servers[0].file())
	if err != nil {
		return "", err
	}
	return copyTo, os.WriteFile(copyTo, b, 0o600)
}
