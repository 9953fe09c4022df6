package hashtable

import (
	"fmt"
	"hash/maphash"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/ds/chunk"
)

const benchSkip = 6

// sharded is 64 tables, as a keyspace has them, without the locks.
type sharded struct {
	src  chunk.Source
	seed maphash.Seed
	tb   [1 << benchSkip]*Table
}

func newSharded() *sharded {
	s := &sharded{seed: maphash.MakeSeed()}
	for i := range s.tb {
		s.tb[i] = New(&s.src, s.seed, benchSkip)
	}
	return s
}

func (s *sharded) find(k string) (tb *Table, hash uint64, h Handle) {
	hash = maphash.String(s.seed, k)
	tb = s.tb[hash>>(64-benchSkip)]
	return tb, hash, tb.Find(hash, k)
}

func (s *sharded) set(k, v string, expireAt int64) {
	tb, hash, h := s.find(k)
	if h == 0 || !tb.Overwrite(h, v, 0, expireAt) {
		tb.Publish(hash, h, tb.New(k, v, 0, expireAt, 0))
		if h != 0 {
			tb.Retire(h)
		}
	}
	tb.Compact()
}

func benchKey(buf []byte, i int) []byte {
	buf = append(buf[:0], "key:000000000000"...)
	for p := len(buf) - 1; i > 0; i /= 10 {
		buf[p] = byte('0' + i%10)
		p--
	}
	return buf
}

// scattered walks over all numbers below n out of order.
func scattered(i, n int) int { return int(uint64(i) * 2654435761 % uint64(n)) }

func loaded(n int) (*sharded, []byte, string) {
	s, buf, val := newSharded(), make([]byte, 0, 16), strings.Repeat("v", 32)
	for i := range n {
		buf = benchKey(buf, i)
		s.set(borrow(buf), val, 0)
	}
	return s, buf, val
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, buf, val := loaded(n)
			defer s.src.Close()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				buf = benchKey(buf, scattered(i, n))
				if tb, _, h := s.find(borrow(buf)); h == 0 || len(tb.Bytes(h)) != len(val) {
					b.Fatal("missing")
				}
			}
		})
	}
}

func BenchmarkOverwrite(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		for _, ttl := range []int64{0, 60_000} {
			b.Run(fmt.Sprintf("%d/ttl=%d", n, ttl), func(b *testing.B) {
				s, buf, val := loaded(n)
				defer s.src.Close()
				b.ReportAllocs()
				now := int64(start)
				for i := 0; b.Loop(); i++ {
					buf = benchKey(buf, scattered(i, n))
					at := int64(0)
					if ttl != 0 {
						now++
						at = now + ttl
					}
					s.set(borrow(buf), val, at)
				}
			})
		}
	}
}

// A write that may be undone makes a new entry and retires the old one.
func BenchmarkReplace(b *testing.B) {
	const n = 1_000_000
	s, buf, val := loaded(n)
	defer s.src.Close()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		buf = benchKey(buf, scattered(i, n))
		k := borrow(buf)
		tb, hash, h := s.find(k)
		tb.Publish(hash, h, tb.New(k, val, 0, 0, 0))
		tb.Retire(h)
		tb.Compact()
	}
}

func BenchmarkFreezeThaw(b *testing.B) {
	s, _, _ := loaded(1_000_000)
	defer s.src.Close()
	b.ReportAllocs()
	for b.Loop() {
		for _, tb := range s.tb {
			tb.close(tb.Freeze())
		}
	}
}

// BenchmarkLoad inserts five million keys and reports the longest insert, in time
// that the thread ran, since the machine may be busy.
func BenchmarkLoad(b *testing.B) {
	const n = 5_000_000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	val := strings.Repeat("v", 32)
	for b.Loop() {
		s, buf := newSharded(), make([]byte, 0, 16)
		var worst int64
		var times [1 << 14]int // how many took i x 64 ns
		last := threadTime()
		for i := range n {
			buf = benchKey(buf, i)
			s.set(borrow(buf), val, 0)
			now := threadTime()
			worst = max(worst, now-last)
			times[min((now-last)/64, int64(len(times)-1))]++
			last = now
		}
		longer := n / 1000
		i := len(times)
		for longer >= 0 {
			i--
			longer -= times[i]
		}
		b.ReportMetric(float64(worst)/1000, "worst-us")
		b.ReportMetric(float64(i)*64/1000, "p99.9-us")
		s.src.Close()
	}
}

// resident is the process's resident set in bytes, 0 where the system does not say.
func resident() int {
	runtime.GC()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.Fields(string(b))[1])
	return n * os.Getpagesize()
}

// BenchmarkFootprint reports resident bytes a key, for keys of 16 bytes with values
// of 32, and the cost of a collection beside them.
func BenchmarkFootprint(b *testing.B) {
	for _, n := range []int{1_000_000, 5_000_000} {
		for _, ttl := range []int64{0, 86_400_000} {
			b.Run(fmt.Sprintf("%d/ttl=%d", n, ttl), func(b *testing.B) {
				for b.Loop() {
					before := resident()
					s, buf, val := newSharded(), make([]byte, 0, 16), strings.Repeat("v", 32)
					at := int64(0)
					for i := range n {
						if ttl != 0 {
							at = start + int64(scattered(i, int(ttl)))
						}
						buf = benchKey(buf, i)
						s.set(borrow(buf), val, at)
						if i == 1000 && ttl != 0 {
							for _, tb := range s.tb {
								tb.Due(start, 20, func(Handle) {})
							}
						}
					}
					after, counted := resident(), 0
					for _, tb := range s.tb {
						counted += tb.Memory()
					}
					from := time.Now()
					runtime.GC()
					b.ReportMetric(float64(time.Since(from).Microseconds())/1000, "gc-ms")
					b.ReportMetric(float64(after-before)/float64(n), "B/key")
					b.ReportMetric(float64(counted)/float64(n), "counted-B/key")
					runtime.KeepAlive(s)
					s.src.Close()
				}
			})
		}
	}
}
