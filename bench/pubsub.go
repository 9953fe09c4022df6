package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// crowds are how many subscribers a channel has, and how many messages are published
// to them in one run of a full measurement.
var crowds = []struct{ subscribers, messages int }{{1, 200_000}, {100, 10_000}, {10_000, 200}}

const channel = "channel"

// subscribe connects a subscriber of the channel.
func subscribe(addr string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, 30*time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err = conn.Write(appendCommand(nil, "SUBSCRIBE", channel)); err == nil {
		answer := fmt.Sprintf("*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n", len(channel), channel)
		_, err = io.ReadFull(conn, make([]byte, len(answer)))
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("SUBSCRIBE: %w", err)
	}
	return conn, conn.SetDeadline(time.Time{})
}

// messageLen is how many bytes a subscriber is sent for a message.
func messageLen(payload string) int {
	return len(fmt.Sprintf("*3\r\n$7\r\nmessage\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(channel), channel, len(payload), payload))
}

// A crowd is connections that subscribe to one channel and count the bytes they are
// sent.
type crowd struct {
	conns []net.Conn
	got   atomic.Int64
	ended sync.WaitGroup
}

// gather connects n subscribers.
func gather(addr string, n int) (*crowd, error) {
	c := &crowd{}
	for range n {
		conn, err := subscribe(addr)
		if err != nil {
			c.leave()
			return nil, err
		}
		c.conns = append(c.conns, conn)
		c.ended.Go(func() {
			b := make([]byte, 4<<10)
			for {
				n, err := conn.Read(b)
				c.got.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	}
	return c, nil
}

func (c *crowd) leave() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.ended.Wait()
}

// publish publishes messages one by one, and waits until all have come: microseconds of
// the server's CPU a message, and deliveries a second.
func (c *crowd) publish(s *server, messages int) (cpu, rate float64, err error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	v := value(1, valueLen)
	want := c.got.Load() + int64(messageLen(v)*messages*len(c.conns))
	command := appendCommand(nil, "PUBLISH", channel, v)
	answer := fmt.Appendf(nil, ":%d\r\n", len(c.conns))
	c0, t0 := s.cpu(), time.Now()
	for range messages {
		if _, err := conn.Write(command); err != nil {
			return 0, 0, err
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			return 0, 0, err
		}
	}
	for end := time.Now().Add(30 * time.Second); c.got.Load() < want; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			return 0, 0, fmt.Errorf("%s: %d bytes of messages are missing", s.command, want-c.got.Load())
		}
	}
	d := time.Since(t0)
	cpu = float64(s.cpu()-c0) / float64(time.Microsecond) / float64(messages)
	return cpu, float64(messages*len(c.conns)) / d.Seconds(), nil
}

func pubSub(sc scale, w *report) error {
	w.title("Messages and client-side caching")
	c, ok, stop, err := startContest(sc, w, "messages")
	defer stop()
	if !ok {
		return err
	}
	w.para("PUBLISH, one by one, of %d bytes to the subscribers of a channel: microseconds of the server's CPU a message, thousands of deliveries a second, and each relative to redis-server in the same round. Subscribers and servers share the machine's processors.", valueLen)
	for _, s := range c.servers {
		if err := manyClients(s.addr); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, crowd := range crowds {
		n := max(20, int(float64(crowd.messages)*float64(sc.requests)/float64(full.requests)))
		cpus, rates := make([][]float64, len(c.servers)), make([][]float64, len(c.servers))
		for range sc.rounds {
			for i, s := range c.servers {
				subs, err := gather(s.addr, crowd.subscribers)
				if err != nil {
					return err
				}
				cpu, rate, err := subs.publish(s, n)
				subs.leave()
				if err != nil {
					return err
				}
				cpus[i], rates[i] = append(cpus[i], cpu), append(rates[i], rate)
			}
		}
		for i, name := range c.names {
			rows = append(rows, []string{
				fmt.Sprintf("%s subscribers, %s", count(crowd.subscribers), name), fmt.Sprintf("%.1f", median(cpus[i])),
				fmt.Sprintf("%.2f", ratio(cpus[i], cpus[0])), fmt.Sprintf("%.0f", median(rates[i])/1e3), fmt.Sprintf("%.2f", ratio(rates[i], rates[0])),
			})
		}
	}
	w.table([]string{"", "CPU us", "x", "thousand/s", "x"}, rows)
	return trackedReads(sc, w, c)
}

// manyClients has a server take the largest crowd, and who publishes to it.
func manyClients(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(appendCommand(nil, "CONFIG", "SET", "maxclients", "11000")); err != nil {
		return err
	}
	_, err = (&txnConn{Conn: conn, r: bufio.NewReader(conn)}).lines(1)
	return err
}

// trackedReads measures GET by connections that track what they read.
func trackedReads(sc scale, w *report, c *contest) error {
	const keys = 10_000
	w.para("GET in RESP3 with pipelines of 16 on 50 connections and %s keys, without CLIENT TRACKING and with it: microseconds of the server's CPU a request, relative to redis-server, and with to without.", count(keys))
	for _, s := range c.servers {
		if _, _, err := redisBenchmark(s, 100, 20*keys, keys, "set"); err != nil {
			return err
		}
	}
	cpus := [2][][]float64{make([][]float64, len(c.servers)), make([][]float64, len(c.servers))}
	n := 4 * sc.requests
	for range sc.rounds {
		for i, s := range c.servers {
			for tracked := range cpus {
				c0 := s.cpu()
				if _, err := onConnections(s.addr, n, getter(tracked == 1, keys)); err != nil {
					return err
				}
				cpus[tracked][i] = append(cpus[tracked][i], float64(s.cpu()-c0)/float64(time.Microsecond)/float64(n))
			}
		}
	}
	var rows [][]string
	for i, name := range c.names {
		rows = append(rows, []string{
			name, fmt.Sprintf("%.2f", median(cpus[0][i])), fmt.Sprintf("%.2f", ratio(cpus[0][i], cpus[0][0])),
			fmt.Sprintf("%.2f", median(cpus[1][i])), fmt.Sprintf("%.2f", ratio(cpus[1][i], cpus[1][0])),
			fmt.Sprintf("%.2f", ratio(cpus[1][i], cpus[0][i])),
		})
	}
	w.table([]string{"", "GET us", "x", "tracked us", "x", "tracked to not"}, rows)
	return nil
}

// getter pipelines GETs of any of the keys that redis-benchmark has set.
func getter(tracked bool, keys int) func(c *txnConn) (int, int, error) {
	const batch, helloLines = 16, 26
	var begun sync.Map // of *txnConn
	return func(c *txnConn) (int, int, error) {
		if _, was := begun.LoadOrStore(c, true); !was {
			c.out = appendCommand(c.out[:0], "HELLO", "3")
			lines := helloLines
			if tracked {
				c.out = appendCommand(c.out, "CLIENT", "TRACKING", "ON")
				lines++
			}
			if _, err := c.Write(c.out); err != nil {
				return 0, 0, err
			}
			if _, err := c.lines(lines); err != nil {
				return 0, 0, err
			}
		}
		c.out = c.out[:0]
		for range batch {
			c.out = appendCommand(c.out, "GET", c.key(keys))
		}
		if _, err := c.Write(c.out); err != nil {
			return 0, 0, err
		}
		_, err := c.lines(2 * batch)
		return batch, 0, err
	}
}
