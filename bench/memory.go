package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/larderdb/larder"
)

type memoryArgs struct {
	Store   string // "larder", "map + RWMutex" or another that openStore knows
	Keys    int
	TTL     bool
	Churn   int           // rounds
	Longest time.Duration // TTL in the churn
}

type memoryFigures struct {
	RSS     float64 // bytes a key
	Churned float64 // the same after the churn
	Settled time.Duration
}

// measureMemory loads keys and says what they take.
func measureMemory(a memoryArgs) (f memoryFigures, err error) {
	k := makeKeys(a.Keys)
	var db *larder.DB
	var s store
	if a.Store == "larder" {
		if db, err = larder.Open(larder.Options{}); err != nil {
			return f, err
		}
		s = larderStore(db)
	} else if s, err = openStore(a.Store, a.Keys); err != nil {
		return f, err
	}
	base := ownRSS()
	put := s.set
	if a.TTL {
		if db == nil {
			return f, fmt.Errorf("%s has no TTL here", a.Store)
		}
		put = func(key, value string) { must(db.SetEX(key, value, time.Hour)) }
	}
	load := func() {
		for i := range k.n {
			j := k.loaded(i)
			if db != nil {
				put(k.at(j), value(j, valueLen))
			} else {
				put(string([]byte(k.at(j))), value(j, valueLen))
			}
		}
	}
	perKey := func() float64 { return (ownRSS() - base) / float64(k.n) }
	load()
	f.RSS = perKey()
	if a.Churn > 0 {
		if db == nil {
			return f, fmt.Errorf("%s is not churned", a.Store)
		}
		churn(db, k, a.Churn, a.Longest)
		load()
		// Memory comes back in the background: give it a moment, and take
		// what stands then.
		start := time.Now()
		f.Churned = perKey()
		for time.Since(start) < 2*a.Longest && f.Churned > f.RSS*1.05 {
			time.Sleep(250 * time.Millisecond)
			f.Churned, f.Settled = perKey(), time.Since(start)
		}
	}
	runtime.KeepAlive(k)
	s.close()
	return f, nil
}

// churn changes all values again and again: sizes from nothing to eight times
// the usual, with an expiry for a quarter that comes within the churn, deletes,
// and other keys that come and go.
func churn(db *larder.DB, k keys, rounds int, longest time.Duration) {
	r := rand.New(rand.NewPCG(3, 4))
	text := value(0, 8*valueLen)
	other := make([]byte, 0, 32)
	for range rounds {
		size := 1 + r.IntN(len(text))
		for range k.n {
			key := k.at(r.IntN(k.n))
			v := text[:r.IntN(size+1)]
			switch r.IntN(8) {
			case 0, 1:
				must(db.SetEX(key, v, time.Duration(1+r.Int64N(int64(longest/time.Millisecond)))*time.Millisecond))
			case 2:
				_, err := db.Del(key)
				must(err)
			case 3:
				other = strconv.AppendInt(append(other[:0], "other:"...), r.Int64N(int64(k.n)), 10)
				must(db.SetEX(string(other), v, time.Duration(1+r.Int64N(int64(longest/time.Millisecond)))*time.Millisecond))
			default:
				must(db.Set(key, v))
			}
		}
	}
	time.Sleep(longest + 100*time.Millisecond) // the last expiries
}

func memory(sc scale, w *report) error {
	if rss("self") == 0 {
		w.title("Memory")
		w.skip("memory: this system has no /proc/self/status to read RSS from")
		return nil
	}
	w.title("Memory")
	w.para("RSS a key in bytes (keys of %d bytes, values of %d), each in a fresh process, without the memory that it had before. The Go map's is right after a collection; between two it grows by what GOGC allows.", keyLen, valueLen)
	_, noRedis := exec.LookPath("redis-server")
	var rows [][]string
	small := max(sc.huge/5, 1)
	for _, n := range []int{small, sc.huge} {
		for _, ttl := range []bool{false, true} {
			name := count(n) + " keys"
			limit := 90.0
			if ttl {
				name, limit = name+", with TTL", 106
			}
			f, err := inChild[memoryFigures]("memory", 2, memoryArgs{Store: "larder", Keys: n, TTL: ttl, Churn: sc.churn, Longest: sc.churnTTL})
			if err != nil {
				return err
			}
			row := []string{name, bar(f.RSS, limit, "%.0f"), fmt.Sprintf("%.0f", f.Churned), bar(f.Churned/f.RSS, 1.3, "%.2f"), "-", "-"}
			if !ttl {
				m, err := inChild[memoryFigures]("memory", 2, memoryArgs{Store: "map + RWMutex", Keys: n})
				if err != nil {
					return err
				}
				row[4] = fmt.Sprintf("%.0f", m.RSS)
			}
			if noRedis == nil {
				b, err := redisMemory(n, ttl)
				if err != nil {
					return err
				}
				row[5] = fmt.Sprintf("%.0f", b)
			}
			rows = append(rows, row)
		}
	}
	w.table([]string{"", "larder", "after churn", "ratio", "map", "redis-server"}, rows)
	w.para("The churn: %d rounds in which as many keys as there are get values from 0 to %d bytes, a quarter with a TTL of up to %v, an eighth is deleted, and keys of other names come and expire; then every key is set anew.", sc.churn, 8*valueLen, sc.churnTTL)
	if noRedis != nil {
		w.skip("memory of redis-server: it is not installed")
	}
	return nil
}

// redisMemory is RSS a key of a redis-server.
func redisMemory(n int, ttl bool) (float64, error) {
	p, err := startServer(redisCommand)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	pid := strconv.Itoa(p.pid())
	base := rss(pid)
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	k := makeKeys(n)
	result := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, c, int64(n)*int64(len("+OK\r\n")))
		result <- err
	}()
	out := bufio.NewWriterSize(c, 64<<10)
	var b []byte
	for i := range n {
		b = appendCommand(b[:0], "SET", k.at(i), value(i, valueLen))
		if ttl {
			b = appendCommand(b[:0], "SET", k.at(i), value(i, valueLen), "EX", "3600")
		}
		if _, err := out.Write(b); err != nil {
			return 0, err
		}
	}
	if err := out.Flush(); err != nil {
		return 0, err
	}
	if err := <-result; err != nil {
		return 0, err
	}
	return (rss(pid) - base) / float64(n), nil
}

// appendCommand appends a command as RESP.
func appendCommand(b []byte, words ...string) []byte {
	b = strconv.AppendInt(append(b, '*'), int64(len(words)), 10)
	b = append(b, "\r\n"...)
	for _, w := range words {
		b = strconv.AppendInt(append(b, '$'), int64(len(w)), 10)
		b = append(append(append(b, "\r\n"...), w...), "\r\n"...)
	}
	return b
}
