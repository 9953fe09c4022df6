package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/replica"
)

// Once a replica has the data set: what the stream costs, and who follows it how fast.

// steadyWrites is how many writes a second a steady load has.
const steadyWrites = 50_000

func isUp(v string) bool { return v == "up" }

// steadily writes strings at steadyWrites a second until stop is closed, and returns how
// many there were.
func (s *server) steadily(keys int, stop <-chan struct{}) (n int, err error) {
	c, err := s.dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	r := rand.New(rand.NewPCG(3, 3))
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		select {
		case <-stop:
			return n, nil
		default:
		}
		due := int(time.Since(begun).Seconds()*steadyWrites) - n
		if due <= 0 {
			continue
		}
		if err := c.fill(due, func(i int) []string { return []string{"SET", stringName(r.IntN(keys)), value(n+i, valueLen)} }); err != nil {
			return n, err
		}
		n += due
	}
}

// during runs f beside a steady load, and returns how many writes a second that was.
func (s *server) during(keys int, f func() error) (rate float64, err error) {
	type result struct {
		n   int
		err error
	}
	stop, done, begun := make(chan struct{}), make(chan result, 1), time.Now()
	go func() {
		n, err := s.steadily(keys, stop)
		done <- result{n, err}
	}()
	err = f()
	close(stop)
	r := <-done
	if err == nil {
		err = r.err
	}
	return float64(r.n) / time.Since(begun).Seconds(), err
}

// backlogs prints the memory of the backlog, which all replicas share.
func backlogs(sc scale, w *report, c *contest) error {
	const size = 64 << 20
	replicas := []int{1, 3}
	all := map[[2]int][]float64{}
	for range sc.rounds {
		for i, kind := range c.servers {
			for at, n := range replicas {
				grown, err := backlogMemory(kind.command, sc.netKeys, n, size)
				if err != nil {
					return fmt.Errorf("%s: %w", c.names[i], err)
				}
				all[[2]int{i, at}] = append(all[[2]int{i, at}], grown/(1<<20))
			}
		}
	}
	w.para("A backlog of %d MB, filled: what the primary's RSS grows by, in MB, with one replica and with three.", size>>20)
	var rows [][]string
	for i, name := range c.names {
		rows = append(rows, []string{name, fmt.Sprintf("%.0f", median(all[[2]int{i, 0}])), fmt.Sprintf("%.0f", median(all[[2]int{i, 1}]))})
	}
	w.table([]string{"", "one replica", "three"}, rows)
	return nil
}

// backlogMemory is what RSS grows by while the backlog of a new server with so many keys
// and replicas is filled. The same values are written again: the data set stays as it is.
func backlogMemory(command string, keys, replicas, size int) (float64, error) {
	s, err := startServer(command)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	c, err := s.dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	write := func(n int) error {
		return c.fill(n, func(i int) []string { return []string{"SET", stringName(i % keys), value(i%keys, valueLen)} })
	}
	if err := write(keys); err != nil {
		return 0, err
	}
	for range replicas {
		r, err := s.replica()
		if err != nil {
			return 0, err
		}
		defer r.stop()
		if _, err := r.await("replication", "master_link_status", isUp); err != nil {
			return 0, err
		}
	}
	if err := write(20_000); err != nil {
		return 0, err
	}
	before := rss(strconv.Itoa(s.pid()))
	if err := c.do("CONFIG", "SET", "repl-backlog-size", strconv.Itoa(size)); err != nil {
		return 0, err
	}
	err = write(2 * size / (keyLen + valueLen + 25)) // 25 and more: what SET takes besides
	return rss(strconv.Itoa(s.pid())) - before, err
}

// following prints what it takes a replica of a redis-server to get everything.
func following(sc scale, w *report, c *contest) error {
	type figures struct{ up, cpu []float64 }
	all := make([]figures, len(c.servers))
	for range sc.rounds {
		for i, kind := range c.servers {
			t0 := time.Now()
			r, err := c.servers[0].followedBy(kind.command)
			if err != nil {
				return fmt.Errorf("%s: %w", c.names[i], err)
			}
			up, err := r.await("replication", "master_link_status", isUp)
			all[i].up = append(all[i].up, up.Sub(t0).Seconds())
			all[i].cpu = append(all[i].cpu, r.cpu().Seconds())
			r.stop()
			if err != nil {
				return fmt.Errorf("%s: %w", c.names[i], err)
			}
		}
	}
	w.para("A full synchronization of %s strings from a redis-server: seconds until the replica has loaded it, and its CPU time.", count(sc.huge))
	var rows [][]string
	for i, name := range c.names {
		row := []string{name, fmt.Sprintf("%.2f", median(all[i].up)), "", fmt.Sprintf("%.2f", median(all[i].cpu))}
		if i > 0 {
			row[2] = fmt.Sprintf("%.2f", ratio(all[i].up, all[0].up))
		}
		rows = append(rows, row)
	}
	w.table([]string{"replica", "loaded", "times redis-server's", "CPU"}, rows)
	return nil
}

// lagging prints how far a replica is behind under a steady load, for each pair.
func lagging(sc scale, w *report, c *contest) error {
	pairs := [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}}
	type figures struct {
		h    histogram
		rate []float64
	}
	all := make([]figures, len(pairs))
	for range sc.rounds {
		for i, pair := range pairs {
			from := c.servers[pair[0]]
			to, err := from.followedBy(c.servers[pair[1]].command)
			if err != nil {
				return err
			}
			if _, err = to.await("replication", "master_link_status", isUp); err == nil {
				var rate float64
				rate, err = from.during(sc.huge, func() error { return messages(from, to, 20*sc.benchtime, &all[i].h) })
				all[i].rate = append(all[i].rate, rate)
			}
			to.stop()
			if err != nil {
				return err
			}
		}
	}
	w.para("Lag at %s writes a second: milliseconds from a PUBLISH until a subscriber of a replica has the message, which the stream brings behind the writes before it.", count(steadyWrites))
	var rows [][]string
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1e3) }
	for i, pair := range pairs {
		f := &all[i]
		rows = append(rows, []string{c.names[pair[0]] + " to " + c.names[pair[1]], ms(f.h.quantile(0.5)), ms(f.h.quantile(0.99)), ms(f.h.max),
			fmt.Sprintf("%.0f", median(f.rate)/1e3)})
	}
	w.table([]string{"", "median", "99 %", "longest", "thousand writes a second"}, rows)
	return nil
}

// messages publishes to a primary now and then, and takes the time until a subscriber of
// a replica has the message, which comes in the stream behind all that was written before.
// To ask the replica again and again would measure how exactly we sleep, and to begin with
// the reply, who replies last.
func messages(from, to *server, d time.Duration, h *histogram) error {
	a, err := from.dial()
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := subscribe(to.addr)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.SetReadDeadline(time.Now().Add(d + 30*time.Second)); err != nil {
		return err
	}
	const payload = "when"
	type arrival struct {
		at  time.Time
		err error
	}
	arrivals := make(chan arrival, 1)
	go func() {
		frame := make([]byte, messageLen(payload))
		for {
			_, err := io.ReadFull(b, frame)
			arrivals <- arrival{time.Now(), err}
			if err != nil {
				return
			}
		}
	}()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		t0 := time.Now()
		if err := a.do("PUBLISH", channel, payload); err != nil {
			return err
		}
		there := <-arrivals
		if there.err != nil {
			return there.err
		}
		h.add(there.at.Sub(t0))
	}
	return nil
}

type followingArgs struct {
	Addr string
	Keys int
	For  time.Duration
}

// followingFigures are of reads in the process of a follower: CPU nanoseconds of the
// reading thread a call.
type followingFigures struct{ Get, GetAppend float64 }

// measureFollowing reads in process while a primary is followed.
func measureFollowing(a followingArgs) (f followingFigures, err error) {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		return f, err
	}
	defer db.Close()
	fl, err := replica.Follow(context.Background(), db, replica.Options{Addr: a.Addr})
	if err != nil {
		return f, err
	}
	for end := time.Now().Add(5 * time.Minute); !strings.EqualFold(fmt.Sprint(fl.Status().State), "connected"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return f, fmt.Errorf("the follower is %+v", fl.Status())
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := rand.New(rand.NewPCG(5, 5))
	names := make([]string, 1<<16)
	for i := range names {
		names[i] = stringName(r.IntN(a.Keys))
	}
	var buf []byte
	measure := func(call func(name string) error) (float64, error) {
		n, cpu := 0, threadCPU()
		for end := time.Now().Add(a.For); time.Now().Before(end); {
			for range 1000 {
				if err := call(names[n%len(names)]); err != nil {
					return 0, err
				}
				n++
			}
		}
		return float64(threadCPU()-cpu) / float64(n), nil
	}
	if f.Get, err = measure(func(name string) error {
		_, err := db.Get(name)
		return err
	}); err != nil {
		return f, err
	}
	f.GetAppend, err = measure(func(name string) error {
		buf, err = db.GetAppend(buf[:0], name)
		return err
	})
	return f, err
}

// applying prints what reads in a follower's process cost while the stream comes in.
func applying(sc scale, w *report, primary *server) error {
	var idle, busy [2][]float64
	var rates []float64
	for range sc.rounds {
		args := followingArgs{primary.addr, sc.huge, 5 * sc.benchtime}
		f, err := inChild[followingFigures]("following", 2, args)
		if err != nil {
			return err
		}
		idle[0], idle[1] = append(idle[0], f.Get), append(idle[1], f.GetAppend)
		rate, err := primary.during(sc.huge, func() error {
			f, err = inChild[followingFigures]("following", 2, args)
			return err
		})
		if err != nil {
			return err
		}
		rates = append(rates, rate)
		busy[0], busy[1] = append(busy[0], f.Get), append(busy[1], f.GetAppend)
	}
	w.para("Reads in the process of a follower of a redis-server, on %s strings: CPU nanoseconds of the reading thread a call, while nothing is written and at %.0f thousand writes a second.", count(sc.huge), median(rates)/1e3)
	var rows [][]string
	for i, name := range []string{"Get", "GetAppend"} {
		rows = append(rows, []string{name, fmt.Sprintf("%.0f", median(idle[i])), fmt.Sprintf("%.0f", median(busy[i])), fmt.Sprintf("%.2f", ratio(busy[i], idle[i]))})
	}
	w.table([]string{"", "idle", "while it applies", "times"}, rows)
	return nil
}
