package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/larderdb/larder"
	"github.com/tidwall/buntdb"
)

type txnArgs struct {
	Store     string
	Keys      int
	Benchtime time.Duration
}

// txnStores are the contenders in process.
var txnStores = []string{"larder", "map + RWMutex", "buntdb", "badger"}

// openTxn opens a contender: two writes two keys at once, plain writes them one
// after the other.
func openTxn(name string) (two, plain func(a, b, value string), done func(), err error) {
	switch name {
	case "larder":
		db, err := larder.Open(larder.Options{})
		if err != nil {
			return nil, nil, nil, err
		}
		two := func(a, b, value string) {
			must(db.Update(func(tx *larder.Tx) error {
				if err := tx.Set(a, value); err != nil {
					return err
				}
				return tx.Set(b, value)
			}, a, b))
		}
		plain := func(a, b, value string) {
			must(db.Set(a, value))
			must(db.Set(b, value))
		}
		return two, plain, func() { _ = db.Close() }, nil
	case "map + RWMutex":
		var mu sync.RWMutex
		m := map[string]string{}
		two := func(a, b, value string) {
			mu.Lock()
			m[a], m[b] = value, value
			mu.Unlock()
		}
		return two, nil, func() {}, nil
	case "buntdb":
		db, err := buntdb.Open(":memory:")
		if err != nil {
			return nil, nil, nil, err
		}
		two := func(a, b, value string) {
			must(db.Update(func(tx *buntdb.Tx) error {
				if _, _, err := tx.Set(a, value, nil); err != nil {
					return err
				}
				_, _, err := tx.Set(b, value, nil)
				return err
			}))
		}
		return two, nil, func() { _ = db.Close() }, nil
	case "badger":
		db, err := badger.Open(badger.DefaultOptions("").WithInMemory(true).WithLogger(nil))
		if err != nil {
			return nil, nil, nil, err
		}
		two := func(a, b, value string) {
			for { // it is optimistic
				err := db.Update(func(tx *badger.Txn) error {
					if err := tx.Set([]byte(a), []byte(value)); err != nil {
						return err
					}
					return tx.Set([]byte(b), []byte(value))
				})
				if err == badger.ErrConflict {
					continue
				}
				must(err)
				return
			}
		}
		return two, nil, func() { _ = db.Close() }, nil
	}
	return nil, nil, nil, fmt.Errorf("there is no store %q", name)
}

// measureTxn runs transactions of two keys on one store, in a process of its own.
func measureTxn(a txnArgs) (map[string]figure, error) {
	two, plain, done, err := openTxn(a.Store)
	if err != nil {
		return nil, err
	}
	defer done()
	k, v := makeKeys(a.Keys), value(1, valueLen)
	for i := 0; i+1 < k.n; i += 2 {
		two(k.at(i), k.at(i+1), v)
	}
	serial := func(f func(a, b, value string)) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			i, c0 := 0, cpu()
			for b.Loop() {
				f(k.at(i), k.at(i+1), v)
				if i += 2; i+1 >= k.n {
					i = 0
				}
			}
			reportCPU(b, c0)
		}
	}
	figures := map[string]figure{}
	benchmarks := map[string]func(b *testing.B){
		"two": serial(two),
		"parallel": func(b *testing.B) {
			b.ReportAllocs()
			parallel(b, keys{n: k.n / 2}, func(i int, _ []byte) bool {
				two(k.at(2*i), k.at(2*i+1), v)
				return true
			})
		},
	}
	if plain != nil {
		benchmarks["plain"] = serial(plain)
	}
	for name, f := range benchmarks {
		if figures[name], err = benchmark(a.Benchtime, f); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", name, a.Store, err)
		}
	}
	return figures, nil
}

func transactions(sc scale, w *report) error {
	w.title("Transactions")
	all := []rounds{{}, {}}
	procs := min(2, runtime.NumCPU())
	for range sc.rounds {
		for p := range procs {
			for _, name := range txnStores {
				f, err := inChild[map[string]figure]("txn", p+1, txnArgs{name, sc.hot, sc.benchtime})
				if err != nil {
					return err
				}
				all[p].add(name, f)
			}
		}
	}
	w.para("In process, two of %s keys written at once: nanoseconds of %s, allocations, and million transactions a second (wall time) when each goroutine has keys of its own.", count(sc.hot), cpuName)
	var rows [][]string
	for _, name := range txnStores {
		rows = append(rows, []string{name, fmt.Sprintf("%.0f", median(all[0].cpu(name, "two"))), fmt.Sprint(all[0].allocs(name, "two")),
			fmt.Sprintf("%.2f", 1e3/median(all[0].wall(name, "parallel"))), fmt.Sprintf("%.2f", 1e3/median(all[procs-1].wall(name, "parallel"))),
			fmt.Sprintf("%.2f", ratio(all[0].wall(name, "parallel"), all[procs-1].wall(name, "parallel")))})
	}
	w.table([]string{"", "ns", "allocs", "1 proc", fmt.Sprintf("%d procs", procs), "ratio"}, rows)
	w.para("larder's Update of two keys to two plain Sets: %s (%.0f ns).", bar(ratio(all[0].cpu("larder", "two"), all[0].cpu("larder", "plain")), 3, "%.2f"), median(all[0].cpu("larder", "plain")))

	c, ok, stop, err := startContest(sc, w, "transactions over the network")
	defer stop()
	if !ok {
		return err
	}
	w.para("Over the network, 50 connections: thousands of transactions a second, microseconds of the server's CPU each, and both relative to redis-server. Pipelined: MULTI, 5 SET, EXEC, 16 transactions in a batch, on %s keys. Contended: WATCH, GET, then MULTI, SET, EXEC on one of 100 keys; those that EXEC refused are tried again and count once.", count(sc.netKeys))
	type load struct {
		name string
		n    int
		run  func(addr string, n, keys int) (int, error)
	}
	loads := []load{{"pipelined", 2 * sc.requests, multiLoad}, {"contended", sc.requests / 4, watchLoad}}
	rows = nil
	for _, l := range loads {
		tps, cpus, refused := make([][]float64, 3), make([][]float64, 3), make([][]float64, 3)
		for range sc.rounds {
			for i, s := range c.servers {
				c0, t0 := s.cpu(), time.Now()
				again, err := l.run(s.addr, l.n, sc.netKeys)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.names[i], l.name, err)
				}
				tps[i] = append(tps[i], float64(l.n)/time.Since(t0).Seconds()/1e3)
				cpus[i] = append(cpus[i], float64(s.cpu()-c0)/1e3/float64(l.n))
				refused[i] = append(refused[i], float64(again)/float64(l.n+again)*100)
			}
		}
		for i, name := range c.names {
			row := []string{l.name + ", " + name, fmt.Sprintf("%.1f", median(tps[i])), "", fmt.Sprintf("%.1f", median(cpus[i])), "", fmt.Sprintf("%.1f", median(refused[i]))}
			if i > 0 {
				row[2], row[4] = fmt.Sprintf("%.2f", ratio(tps[i], tps[0])), fmt.Sprintf("%.2f", ratio(cpus[i], cpus[0]))
			}
			rows = append(rows, row)
		}
	}
	w.table([]string{"", "ktps", "x", "CPU us", "x", "refused %"}, rows)
	return nil
}

const connections = 50

// onConnections shares n transactions among connections; f runs one batch and
// says how many of it counted.
func onConnections(addr string, n int, f func(c *txnConn) (counted, again int, err error)) (int, error) {
	var left, again atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, connections)
	for id := range connections {
		go func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				errs <- err
				return
			}
			defer conn.Close()
			c := &txnConn{Conn: conn, r: bufio.NewReaderSize(conn, 16<<10), seed: uint64(id)*2654435761 + 1}
			for left.Load() > 0 {
				counted, more, err := f(c)
				if err != nil {
					errs <- err
					return
				}
				left.Add(-int64(counted))
				again.Add(int64(more))
			}
			errs <- nil
		}()
	}
	var first error
	for range connections {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return int(again.Load()), first
}

type txnConn struct {
	net.Conn
	r    *bufio.Reader
	out  []byte
	seed uint64
}

// key is one of n keys; a generator of its own, so that the client costs little.
func (c *txnConn) key(n int) string {
	c.seed = c.seed*6364136223846793005 + 1442695040888963407
	var b [keyLen]byte
	copy(b[:], "key:000000000000")
	s := strconv.AppendUint(make([]byte, 0, 20), (c.seed>>33)%uint64(n), 10)
	copy(b[keyLen-len(s):], s)
	return string(b[:])
}

// lines reads so many lines and returns the last; an error reply is an error.
func (c *txnConn) lines(n int) (last []byte, err error) {
	for range n {
		if last, err = c.r.ReadSlice('\n'); err != nil {
			return nil, err
		}
		if last[0] == '-' {
			return nil, fmt.Errorf("the server says %s", bytes.TrimSpace(last))
		}
	}
	return last, nil
}

// multiLoad pipelines MULTI, 5 SET, EXEC.
func multiLoad(addr string, n, keys int) (int, error) {
	const batch = 16
	v := value(1, valueLen)
	return onConnections(addr, n, func(c *txnConn) (int, int, error) {
		c.out = c.out[:0]
		for range batch {
			c.out = appendCommand(c.out, "MULTI")
			for range 5 {
				c.out = appendCommand(c.out, "SET", c.key(keys), v)
			}
			c.out = appendCommand(c.out, "EXEC")
		}
		if _, err := c.Write(c.out); err != nil {
			return 0, 0, err
		}
		_, err := c.lines(batch * 12) // OK, 5 QUEUED, the array's head, 5 OK
		return batch, 0, err
	})
}

// watchLoad reads a key and writes it if nobody else has meanwhile.
func watchLoad(addr string, n, _ int) (int, error) {
	v := value(1, valueLen)
	return onConnections(addr, n, func(c *txnConn) (int, int, error) {
		key := c.key(100)
		c.out = appendCommand(appendCommand(c.out[:0], "WATCH", key), "GET", key)
		if _, err := c.Write(c.out); err != nil {
			return 0, 0, err
		}
		head, err := c.lines(2)
		if err != nil {
			return 0, 0, err
		}
		if length, _ := strconv.Atoi(string(bytes.TrimSpace(head[1:]))); length >= 0 {
			if _, err := io.CopyN(io.Discard, c.r, int64(length)+2); err != nil {
				return 0, 0, err
			}
		}
		c.out = appendCommand(appendCommand(appendCommand(c.out[:0], "MULTI"), "SET", key, v), "EXEC")
		if _, err := c.Write(c.out); err != nil {
			return 0, 0, err
		}
		head, err = c.lines(3)
		if err != nil {
			return 0, 0, err
		}
		if head[1] == '-' {
			return 0, 1, nil
		}
		_, err = c.lines(1)
		return 1, 0, err
	})
}
