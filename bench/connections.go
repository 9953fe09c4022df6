package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// busyConnections are those that send commands beside the idle ones: together they are
// 10,000 in a full run.
const busyConnections = 100

// silence is how long idle connections are silent before their memory is looked at again:
// servers give back what they hold for a client that may go on at once.
const silence = 5 * time.Second

// connectionsOf measures what connections cost that say nothing: memory, and the CPU time
// of a request of others while they are there.
func connectionsOf(sc scale, w *report) error {
	w.title("Idle connections")
	c, ok, stop, err := startContest(sc, w, "connections")
	defer stop()
	if !ok {
		return err
	}
	n := sc.idle
	w.para("%d connections that have each sent one PING and then are silent, and %d that send GET without pipelining: bytes of the server's memory (RSS) for each idle one, at once and after %v of silence; microseconds of the server's CPU a request without them and with them, by what factor that rises, and that factor relative to redis-server's in the same round.", n, busyConnections, silence)
	memory, silent := make([][]float64, len(c.servers)), make([][]float64, len(c.servers))
	alone, beside, factor := make([][]float64, len(c.servers)), make([][]float64, len(c.servers)), make([][]float64, len(c.servers))
	for i, s := range c.servers {
		if err := setMaxClients(s, n+2*busyConnections); err != nil {
			w.skip("connections: %s: %v", c.names[i], err)
			return nil
		}
		if _, err := busy(s, sc.requests/4); err != nil {
			return err
		}
	}
	for range sc.rounds {
		for i, s := range c.servers {
			without, err := busy(s, sc.requests)
			if err != nil {
				return err
			}
			before := rss(strconv.Itoa(s.pid()))
			idle, err := openIdle(s, n)
			if err == nil {
				memory[i] = append(memory[i], (rss(strconv.Itoa(s.pid()))-before)/float64(n))
				time.Sleep(silence)
				silent[i] = append(silent[i], (rss(strconv.Itoa(s.pid()))-before)/float64(n))
				var with float64
				if with, err = busy(s, sc.requests); err == nil {
					alone[i], beside[i] = append(alone[i], without), append(beside[i], with)
					if without > 0 { // less than a tick
						factor[i] = append(factor[i], with/without)
					}
				}
			}
			for _, c := range idle {
				_ = c.Close()
			}
			if err != nil {
				w.skip("connections: %s: %v", c.names[i], err)
				return nil
			}
		}
	}
	var rows [][]string
	for i, name := range c.names {
		row := []string{name, fmt.Sprintf("%.0f", memory[i][0]), fmt.Sprintf("%.0f", silent[i][0]), fmt.Sprintf("%.2f", median(alone[i])), fmt.Sprintf("%.2f", median(beside[i])),
			fmt.Sprintf("%.3f", median(factor[i])), ""}
		if i > 0 {
			row[1], row[2] = bar(memory[i][0], 10*1024, "%.0f"), bar(silent[i][0], 10*1024, "%.0f")
			row[6] = bar(ratio(factor[i], factor[0]), 1, "%.3f")
		}
		rows = append(rows, row)
	}
	w.table([]string{"", "bytes", "silent", "CPU us alone", "beside them", "factor", "x"}, rows)
	return nil
}

// openIdle opens n connections, each of which is answered once.
func openIdle(s *server, n int) (idle []net.Conn, err error) {
	ping, pong := appendCommand(nil, "PING"), make([]byte, len("+PONG\r\n"))
	for range n {
		c, err := net.DialTimeout("tcp", s.addr, 10*time.Second)
		if err != nil {
			return idle, fmt.Errorf("only %d connections: %w", len(idle), err)
		}
		idle = append(idle, c)
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write(ping); err != nil {
			return idle, err
		}
		if _, err := io.ReadFull(c, pong); err != nil || string(pong) != "+PONG\r\n" {
			return idle, fmt.Errorf("connection %d answers %q, %v", len(idle), pong, err)
		}
	}
	return idle, nil
}

func setMaxClients(s *server, n int) error {
	c, err := net.DialTimeout("tcp", s.addr, 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(appendCommand(nil, "CONFIG", "SET", "maxclients", strconv.Itoa(n))); err != nil {
		return err
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "+OK\r\n" {
		return fmt.Errorf("CONFIG SET maxclients %d: %q, %v", n, line, err)
	}
	return nil
}

// busy loads a server with GETs: CPU microseconds of the server a request.
func busy(s *server, n int) (cpu float64, err error) {
	host, port, _ := net.SplitHostPort(s.addr)
	c0 := s.cpu()
	out, err := exec.Command("redis-benchmark", "-h", host, "-p", port, "-c", strconv.Itoa(busyConnections),
		"-n", strconv.Itoa(n), "-t", "get", "--csv").Output()
	if err != nil {
		return 0, fmt.Errorf("redis-benchmark: %w", err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(out[max(0, strings.IndexByte(string(out), '"')):]))).ReadAll()
	if err != nil || len(rows) < 2 {
		return 0, fmt.Errorf("redis-benchmark prints %.100q", out)
	}
	return float64(s.cpu()-c0) / float64(time.Microsecond) / float64(n), nil
}
