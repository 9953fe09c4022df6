package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"time"
)

// A load is what is asked of each server of a contest in turn.
type load struct {
	name string

	// Run loads a server and returns CPU microseconds of the server and the
	// requests a second.
	run func(s *server) (cpu, rps float64, err error)

	// Before, if set, is what the server is told before each run.
	before func(c *client) error
}

// words is the load of one command from redis-benchmark, n times.
func words(name string, depth, n, keys int, words ...string) load {
	return load{name: name, run: func(s *server) (float64, float64, error) { return redisBenchmark(s, depth, n, keys, words...) }}
}

// table measures loads on the servers of a contest, and prints them relative to
// the first. The bar is on the CPU of the second.
func (c *contest) table(sc scale, w *report, cpuBar float64, loads []load) error {
	var rows [][]string
	for _, l := range loads {
		cpus, rpss := make([][]float64, len(c.servers)), make([][]float64, len(c.servers))
		for range sc.rounds {
			for i, s := range c.servers {
				cpu, rps, err := l.once(s)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.names[i], l.name, err)
				}
				cpus[i], rpss[i] = append(cpus[i], cpu), append(rpss[i], rps)
			}
		}
		for i, name := range c.names {
			row := []string{l.name + ", " + name, fmt.Sprintf("%.2f", median(cpus[i])), "", fmt.Sprintf("%.1f", median(rpss[i])/1e3), ""}
			if i > 0 {
				row[2], row[4] = fmt.Sprintf("%.2f", ratio(cpus[i], cpus[0])), fmt.Sprintf("%.2f", ratio(rpss[i], rpss[0]))
			}
			if i == 1 {
				row[2] = bar(ratio(cpus[i], cpus[0]), cpuBar, "%.2f")
			}
			rows = append(rows, row)
		}
	}
	w.table([]string{"", "CPU us", "x", "krps", "x"}, rows)
	return nil
}

func (l load) once(s *server) (cpu, rps float64, err error) {
	if l.before != nil {
		c, err := s.dial()
		if err != nil {
			return 0, 0, err
		}
		err = l.before(c)
		c.Close()
		if err != nil {
			return 0, 0, err
		}
	}
	return l.run(s)
}

// measured runs f, which makes n requests, and returns what they cost.
func (s *server) measured(n int, f func() error) (cpu, rps float64, err error) {
	c0, t0 := s.cpu(), time.Now()
	if err := f(); err != nil {
		return 0, 0, err
	}
	return float64(s.cpu()-c0) / float64(time.Microsecond) / float64(n), float64(n) / time.Since(t0).Seconds(), nil
}

// A client speaks RESP2 to a server.
type client struct {
	net.Conn
	r   *bufio.Reader
	out []byte
}

func (s *server) dial() (*client, error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	return &client{Conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// add adds a command to what flush sends.
func (c *client) add(words ...string) { c.out = appendCommand(c.out, words...) }

func (c *client) flush() error {
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

// do sends a command and passes over its reply.
func (c *client) do(words ...string) error {
	c.add(words...)
	if err := c.flush(); err != nil {
		return err
	}
	return c.reply(nil)
}

// fill sends n commands in batches and passes over their replies.
func (c *client) fill(n int, command func(i int) []string) error {
	const batch = 1000
	for i := 0; i < n; i += batch {
		for j := i; j < min(n, i+batch); j++ {
			c.add(command(j)...)
		}
		if err := c.flush(); err != nil {
			return err
		}
		for range min(n, i+batch) - i {
			if err := c.reply(nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// reply reads a reply of any depth and calls f, if not nil, for its bulk strings. An
// error reply is an error.
func (c *client) reply(f func(bulk []byte)) error {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	line = bytes.TrimSpace(line)
	switch line[0] {
	case '-':
		return fmt.Errorf("the server says %s", line)
	case '$':
		n, _ := strconv.Atoi(string(line[1:]))
		if n < 0 {
			return nil
		}
		b, err := c.r.Peek(n + 2)
		if err != nil {
			return err
		}
		if f != nil {
			f(b[:n])
		}
		_, err = c.r.Discard(n + 2)
		return err
	case '*':
		n, _ := strconv.Atoi(string(line[1:]))
		for range n {
			if err := c.reply(f); err != nil {
				return err
			}
		}
	}
	return nil
}
