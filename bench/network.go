package main

import (
	"encoding/csv"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A contest is some servers that run side by side, with the same load in turn.
type contest struct {
	names   []string
	servers []*server
}

func (c *contest) start(name, command string) error {
	s, err := startServer(command)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.names, c.servers = append(c.names, name), append(c.servers, s)
	return nil
}

func (c *contest) stop() {
	for _, s := range c.servers {
		s.stop()
	}
}

// startContest starts redis-server and larder with one and two procs; false if
// something is missing, which it says.
func startContest(sc scale, w *report, what string) (*contest, bool, func(), error) {
	for _, tool := range []string{"redis-server", "redis-benchmark"} {
		if _, err := exec.LookPath(tool); err != nil {
			w.skip("%s: %s is not installed", what, tool)
			return nil, false, func() {}, nil
		}
	}
	if rss("self") == 0 {
		w.skip("%s: this system has no /proc to read a server's CPU time from", what)
		return nil, false, func() {}, nil
	}
	command, why, cleanup := larderCommand(sc)
	if command == "" {
		w.skip("%s: %s", what, why)
		return nil, false, cleanup, nil
	}
	c := &contest{}
	stop := func() { c.stop(); cleanup() }
	err := c.start("redis-server", redisCommand)
	if err == nil {
		err = c.start("larder, io-threads 1", withThreads(command, 1))
	}
	if err == nil {
		err = c.start("larder, io-threads 2", withThreads(command, 2))
	}
	return c, err == nil, stop, err
}

// redisBenchmark loads a server once with a test of redis-benchmark's own, such as
// "set", or with the words of a command, in which __rand_int__ is one of the keys:
// CPU microseconds of the server a request, and requests a second.
func redisBenchmark(s *server, depth, n, keys int, test ...string) (cpu, rps float64, err error) {
	host, port, _ := net.SplitHostPort(s.addr)
	args := []string{"-h", host, "-p", port, "-c", strconv.Itoa(connections), "-P", strconv.Itoa(depth), "-n", strconv.Itoa(n),
		"-r", strconv.Itoa(keys), "-d", strconv.Itoa(valueLen), "--csv"}
	if len(test) == 1 {
		args = append(args, "-t")
	}
	c0 := s.cpu()
	out, err := exec.Command("redis-benchmark", append(args, test...)...).Output()
	if err != nil {
		return 0, 0, fmt.Errorf("redis-benchmark: %w", err)
	}
	cpu = float64(s.cpu()-c0) / float64(time.Microsecond) / float64(n)
	rows, err := csv.NewReader(strings.NewReader(string(out[strings.IndexByte(string(out), '"'):]))).ReadAll()
	if err != nil {
		return 0, 0, err
	}
	rps, err = strconv.ParseFloat(rows[len(rows)-1][1], 64)
	return cpu, rps, err
}

func network(sc scale, w *report) error {
	w.title("Over the network")
	c, ok, stop, err := startContest(sc, w, "network")
	defer stop()
	if !ok {
		return err
	}
	w.para("redis-benchmark with 50 connections and %s keys, values of %d bytes: microseconds of the server's CPU a request, thousands of requests a second, and each relative to redis-server in the same round. Client and server share the machine's processors.", count(sc.netKeys), valueLen)
	for _, s := range c.servers {
		if _, _, err := redisBenchmark(s, 100, 2*sc.netKeys, sc.netKeys, "set"); err != nil {
			return err
		}
	}
	var rows [][]string
	cpuBar := map[int]float64{1: 1.25, 16: 1.1, 100: 0.9}
	for _, test := range []string{"set", "get"} {
		for _, depth := range []int{1, 16, 100} {
			n := sc.requests
			if depth > 1 {
				n *= 4
			}
			cpus, rpss := make([][]float64, len(c.servers)), make([][]float64, len(c.servers))
			for range sc.rounds {
				for i, s := range c.servers {
					cpu, rps, err := redisBenchmark(s, depth, n, sc.netKeys, test)
					if err != nil {
						return err
					}
					cpus[i], rpss[i] = append(cpus[i], cpu), append(rpss[i], rps)
				}
			}
			for i, name := range c.names {
				row := []string{fmt.Sprintf("%s, pipeline %d, %s", strings.ToUpper(test), depth, name), fmt.Sprintf("%.2f", median(cpus[i])), "", fmt.Sprintf("%.0f", median(rpss[i])/1e3), ""}
				switch i {
				case 1:
					row[2] = bar(ratio(cpus[i], cpus[0]), cpuBar[depth], "%.2f")
					row[4] = floor(ratio(rpss[i], rpss[0]), 0.95, "%.2f")
				case 2:
					row[2] = fmt.Sprintf("%.2f", ratio(cpus[i], cpus[0]))
					row[4] = fmt.Sprintf("%.2f", ratio(rpss[i], rpss[0]))
				}
				rows = append(rows, row)
			}
		}
	}
	w.table([]string{"", "CPU us", "x", "krps", "x"}, rows)
	return nil
}
