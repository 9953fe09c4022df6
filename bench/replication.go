package main

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// replication is the section of replication. It begins with the primary: what replicas,
// which are redis-servers, cost it.
func replication(sc scale, w *report) error {
	w.title("Replication")
	c, ok, stop, err := startContest(sc, w, "replication")
	defer stop()
	if !ok {
		return err
	}
	for i, s := range c.servers {
		conn, err := s.dial()
		if err != nil {
			return err
		}
		err = conn.do("CONFIG", "SET", "repl-diskless-sync-delay", "0", "repl-backlog-size", "16mb")
		if err == nil {
			err = conn.fill(sc.huge, func(i int) []string { return []string{"SET", stringName(i), value(i, valueLen)} })
		}
		conn.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", c.names[i], err)
		}
	}
	if err := fullSyncs(sc, w, c); err != nil {
		return err
	}
	for _, part := range []func(scale, *report, *contest) error{feeding, backlogs, following, lagging} {
		if err := part(sc, w, c); err != nil {
			return err
		}
	}
	return applying(sc, w, c.servers[0])
}

// fullSyncs prints what it takes to give a replica everything.
func fullSyncs(sc scale, w *report, c *contest) error {
	type figures struct{ sent, up, cpu []float64 }
	all := make([]figures, len(c.servers))
	for range sc.rounds {
		for i, s := range c.servers {
			t0, cpu := time.Now(), s.cpu()
			r, err := s.replica()
			if err != nil {
				return fmt.Errorf("%s: %w", c.names[i], err)
			}
			sent, err := s.await("replication", "slave0", func(v string) bool { return strings.Contains(v, "state=online") })
			f := &all[i]
			f.sent = append(f.sent, sent.Sub(t0).Seconds())
			f.cpu = append(f.cpu, (s.cpu() - cpu).Seconds())
			if err == nil {
				var up time.Time
				up, err = r.await("replication", "master_link_status", func(v string) bool { return v == "up" })
				f.up = append(f.up, up.Sub(t0).Seconds())
			}
			r.stop()
			if err != nil {
				return fmt.Errorf("%s: %w", c.names[i], err)
			}
		}
	}
	w.para("A full synchronization of %s strings to a redis-server, in seconds: until the primary has sent it, and until the replica has loaded it. The CPU time is that of the primary's process, without that of redis-server's child.", count(sc.huge))
	var rows [][]string
	for i, name := range c.names {
		f := all[i]
		row := []string{name, fmt.Sprintf("%.2f", median(f.sent)), fmt.Sprintf("%.2f", median(f.up)), "", fmt.Sprintf("%.2f", median(f.cpu))}
		if i > 0 {
			row[3] = fmt.Sprintf("%.2f", ratio(f.up, all[0].up))
		}
		rows = append(rows, row)
	}
	w.table([]string{"", "sent", "loaded", "times redis-server's", "CPU"}, rows)
	return nil
}

// feeding prints what a write costs with replicas and without.
func feeding(sc scale, w *report, c *contest) error {
	replicas := []int{0, 1, 3}
	depths := []int{1, 16}
	type figures struct{ cpu, rps []float64 }
	all := map[[3]int]*figures{}
	for range sc.rounds {
		for i, s := range c.servers {
			var attached []*server
			for at, n := range replicas {
				for len(attached) < n {
					r, err := s.replica()
					if err != nil {
						return fmt.Errorf("%s: %w", c.names[i], err)
					}
					attached = append(attached, r)
				}
				for _, r := range attached {
					if _, err := r.await("replication", "master_link_status", func(v string) bool { return v == "up" }); err != nil {
						return err
					}
				}
				for dt, depth := range depths {
					requests := sc.requests
					if depth > 1 {
						requests *= 4
					}
					cpu, rps, err := redisBenchmark(s, depth, requests, sc.netKeys, "set")
					if err != nil {
						return fmt.Errorf("%s: %w", c.names[i], err)
					}
					key := [3]int{i, at, dt}
					if all[key] == nil {
						all[key] = &figures{}
					}
					all[key].cpu, all[key].rps = append(all[key].cpu, cpu), append(all[key].rps, rps)
				}
			}
			for _, r := range attached {
				r.stop()
			}
		}
	}
	w.para("SET with replicas attached: CPU microseconds of the primary a write, and thousands of writes a second. All share the machine's processors, the replicas too, so that the rate says how much a replica takes.")
	var rows [][]string
	for dt, depth := range depths {
		for i, name := range c.names {
			for at, n := range replicas {
				f, alone, redis := all[[3]int{i, at, dt}], all[[3]int{i, 0, dt}], all[[3]int{0, at, dt}]
				row := []string{fmt.Sprintf("pipeline %d, %s, %d replicas", depth, name, n), fmt.Sprintf("%.2f", median(f.cpu)), "", "", fmt.Sprintf("%.0f", median(f.rps)/1e3)}
				if n > 0 {
					row[2] = fmt.Sprintf("%.2f", ratio(f.cpu, alone.cpu))
				}
				if i > 0 {
					row[3] = fmt.Sprintf("%.2f", ratio(f.cpu, redis.cpu))
				}
				rows = append(rows, row)
			}
		}
	}
	w.table([]string{"", "CPU", "times without", "times redis-server's", "writes"}, rows)
	return nil
}

// replica starts a redis-server that follows s.
func (s *server) replica() (*server, error) { return s.followedBy(redisCommand) }

// followedBy starts a server that follows s.
func (s *server) followedBy(command string) (*server, error) {
	r, err := startServer(command)
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(s.addr)
	c, err := r.dial()
	if err == nil {
		err = c.do("REPLICAOF", host, port)
		c.Close()
	}
	if err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// await polls a field of INFO until it is as wanted, and returns when that was.
func (s *server) await(section, name string, wanted func(string) bool) (time.Time, error) {
	c, err := s.dial()
	if err != nil {
		return time.Time{}, err
	}
	defer c.Close()
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		v, err := c.field(section, name)
		if err != nil {
			return time.Time{}, err
		}
		if wanted(v) {
			return time.Now(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s of INFO does not become what it should", name)
}
