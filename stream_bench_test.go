package larder_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/larderdb/larder"
)

var benchFields = []string{"sku", "4711-blue", "count", "2", "customer", "anna@example.org"}

func benchStream(tb testing.TB, entries int) *larder.DB {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	for i := range entries {
		if _, err := db.XAdd(larder.XAddArgs{Stream: "s", ID: larder.StreamID{Ms: 1000 + uint64(i)/3, Seq: uint64(i)%3 + 1}, Fields: benchFields}); err != nil {
			tb.Fatal(err)
		}
	}
	return db
}

func BenchmarkXAdd(b *testing.B) {
	for _, n := range []int{0, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 1_000_000 && testing.Short() {
				b.Skip("SKIPPED: ten million entries take a minute; not with -short")
			}
			db := benchStream(b, n)
			if n > 0 {
				in, _ := db.XInfoStream("s")
				b.ReportMetric(float64(larder.Used(db))/float64(in.Length), "bytes/entry")
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := db.XAdd(larder.XAddArgs{Stream: "s", Fields: benchFields}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkXAddMaxLen(b *testing.B) {
	db := benchStream(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.XAdd(larder.XAddArgs{Stream: "s", Fields: benchFields, MaxLen: 100_000, Approx: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkXRange100(b *testing.B) {
	db := benchStream(b, 1_000_000)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		msgs, err := db.XRange(larder.XRangeArgs{Stream: "s", Start: larder.StreamID{Ms: 1000 + i*7919%300_000}, Count: 100})
		if err != nil || len(msgs) != 100 {
			b.Fatal(len(msgs), err)
		}
	}
}

func BenchmarkXReadTail(b *testing.B) {
	db := benchStream(b, 1_000_000)
	in, _ := db.XInfoStream("s")
	a := larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "s", After: larder.StreamID{Ms: in.LastID.Ms - 1}}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.XRead(context.Background(), a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkXReadGroupXAck(b *testing.B) {
	for _, consumers := range []int{1, 10} {
		b.Run(fmt.Sprint(consumers), func(b *testing.B) {
			db := benchStream(b, 1000)
			if err := db.XGroupCreate(larder.XGroupArgs{Stream: "s", Group: "g", New: true}); err != nil {
				b.Fatal(err)
			}
			names := make([]string, consumers)
			for i := range names {
				names[i] = fmt.Sprint("consumer", i)
			}
			streams := []string{"s"}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				// One entry is added, given, and acknowledged; the stream stays short.
				if _, err := db.XAdd(larder.XAddArgs{Stream: "s", Fields: benchFields, MaxLen: 1000, Approx: true}); err != nil {
					b.Fatal(err)
				}
				xs, err := db.XReadGroup(context.Background(), larder.XReadGroupArgs{Group: "g", Consumer: names[i%consumers], Streams: streams, Count: 1})
				if err != nil {
					b.Fatal(err)
				}
				if n, err := db.XAck("s", "g", xs[0].Messages[0].ID); n != 1 {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// The time from an XADD to the return of who waits for it, and back.
func BenchmarkXReadWakeUp(b *testing.B) {
	db := benchStream(b, 1)
	go func() {
		for range db.Consume(context.Background(), larder.ConsumeArgs{Stream: "ping", New: true}) {
			db.XAdd(larder.XAddArgs{Stream: "pong", Fields: benchFields[:2], MaxLen: 10})
		}
	}()
	waitBlocked(b, db, 1)
	back := larder.StreamID{}
	for b.Loop() {
		if _, err := db.XAdd(larder.XAddArgs{Stream: "ping", Fields: benchFields[:2], MaxLen: 10}); err != nil {
			b.Fatal(err)
		}
		xs, err := db.XRead(context.Background(), larder.XReadArgs{Streams: []larder.XReadStream{{Stream: "pong", After: back}}, Block: -1})
		if err != nil {
			b.Fatal(err)
		}
		back = xs[0].Messages[len(xs[0].Messages)-1].ID
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2, "ns/way")
}

func TestXAddAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: allocations are not those of a release under -race")
	}
	db := benchStream(t, 1000)
	a := larder.XAddArgs{Stream: "s", Fields: benchFields}
	if n := testing.AllocsPerRun(10000, func() { db.XAdd(a) }); n > 0 {
		t.Errorf("an XADD allocates %v times", n) // a new node every hundred entries rounds to none
	}
}
