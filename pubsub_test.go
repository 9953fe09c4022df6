package larder_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

// Two that hear of what is published: one channel, and all that fit a pattern.
func ExampleDB_Subscribe() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	news := db.Subscribe(ctx, "news")      // in force from here on
	all := db.PSubscribe(ctx, "*")         // so is this
	n, _ := db.Publish("news", "it rains") // waits for nobody
	db.Publish("sports", "3:2")
	fmt.Println(n, "heard the news")

	for msg, err := range news {
		if err != nil {
			fmt.Println(err) // it did not keep up, or the store was closed
			return
		}
		fmt.Println(msg.Channel, msg.Payload)
		break
	}
	for msg := range all {
		if fmt.Println(msg.Pattern, msg.Channel, msg.Payload); msg.Channel == "sports" {
			break
		}
	}
	// Output:
	// 2 heard the news
	// news it rains
	// * news it rains
	// * sports 3:2
}

// Keyspace events are messages.
func ExampleDB_PSubscribe_keyspaceEvents() {
	db, _ := larder.Open(larder.Options{Config: []string{"notify-keyspace-events", "KA"}})
	defer db.Close()
	events := db.PSubscribe(context.Background(), "__keyspace@0__:user:*")
	db.HSet("user:1", "name", "ann")
	db.Del("user:1")
	db.Set("other", "")
	db.Set("user:2", "bob")
	for msg := range events {
		fmt.Println(strings.TrimPrefix(msg.Channel, "__keyspace@0__:"), msg.Payload)
		if msg.Payload == "set" {
			break
		}
	}
	// Output:
	// user:1 hset
	// user:1 del
	// user:2 set
}

func openPlain(t testing.TB, config ...string) *larder.DB {
	t.Helper()
	db, err := larder.Open(larder.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// next returns what a loop yields next, while there is something.
func next(t *testing.T, pull func() (larder.Message, error, bool)) larder.Message {
	t.Helper()
	m, err, ok := pull()
	if err != nil || !ok {
		t.Fatalf("the loop yields %v, %v", err, ok)
	}
	return m
}

func wantReceivers(t *testing.T, db *larder.DB, channel string, want int) {
	t.Helper()
	if n, err := db.Publish(channel, "x"); n != want || err != nil {
		t.Errorf("Publish(%q) = %d, %v, want %d", channel, n, err, want)
	}
}

func TestSubscribeKinds(t *testing.T) {
	db := open(t, larder.Options{})
	pull, stop := iter.Pull2(db.SubscribeArgs(t.Context(), larder.SubscribeArgs{
		Channels: []string{"a", "a", ""}, Patterns: []string{"a*", "?"}, ShardChannels: []string{"a"},
	}))
	defer stop()
	if n, err := db.Publish("a", "1"); n != 3 || err != nil {
		t.Errorf("Publish = %d, %v, want 3", n, err)
	}
	if n, err := db.SPublish("a", "2"); n != 1 || err != nil {
		t.Errorf("SPublish = %d, %v, want 1", n, err)
	}
	wantReceivers(t, db, "", 1)
	wantReceivers(t, db, "bb", 0)
	var got []string
	for range 5 {
		got = append(got, fmt.Sprintf("%+v", next(t, pull)))
	}
	slices.Sort(got[1:3]) // patterns come in no order
	want := []string{
		"{Channel:a Pattern: Payload:1 Shard:false}",
		"{Channel:a Pattern:? Payload:1 Shard:false}", "{Channel:a Pattern:a* Payload:1 Shard:false}",
		"{Channel:a Pattern: Payload:2 Shard:true}", "{Channel: Pattern: Payload:x Shard:false}",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	stop()
	wantReceivers(t, db, "a", 0)
}

func TestSubscribeToNothing(t *testing.T) {
	db := openPlain(t)
	for _, err := range db.Subscribe(t.Context()) {
		if err != larder.ErrSyntax {
			t.Errorf("error %v", err)
		}
		return
	}
	t.Error("the loop yields nothing")
}

// However a loop ends, nobody is left who is published to, and no goroutine.
func TestSubscribeEnds(t *testing.T) {
	t.Run("cancel", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db := open(t, larder.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			var got []string
			ended := false
			msgs := db.Subscribe(ctx, "c")
			go func() {
				for m, err := range msgs {
					got = append(got, fmt.Sprint(m.Payload, err))
				}
				ended = true
			}()
			db.Publish("c", "1")
			synctest.Wait()
			db.Publish("c", "2")
			synctest.Wait()
			cancel()
			synctest.Wait()
			if !ended || !slices.Equal(got, []string{"1<nil>", "2<nil>"}) {
				t.Errorf("ended %v, got %q", ended, got)
			}
			wantReceivers(t, db, "c", 0)
		})
	})
	t.Run("deadline before the loop", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db := open(t, larder.Options{})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			msgs := db.Subscribe(ctx, "c")
			wantReceivers(t, db, "c", 1)
			time.Sleep(time.Minute)
			synctest.Wait()
			wantReceivers(t, db, "c", 0)
			for range msgs {
				t.Error("the loop yields something")
			}
		})
	})
	t.Run("close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db := openPlain(t)
			msgs := db.Subscribe(t.Context(), "c")
			db.Publish("c", "1")
			var got []string
			ended := false
			go func() {
				for m, err := range msgs {
					got = append(got, fmt.Sprint(m.Payload, err))
				}
				ended = true
			}()
			synctest.Wait()
			db.Close()
			synctest.Wait()
			if !ended || len(got) != 2 || got[0] != "1<nil>" || got[1] != fmt.Sprint(larder.ErrClosed) {
				t.Errorf("ended %v, got %q", ended, got)
			}
			if _, err := db.Publish("c", "2"); err != larder.ErrClosed {
				t.Errorf("Publish after Close = %v", err)
			}
		})
	})
	t.Run("break", func(t *testing.T) {
		db := openPlain(t)
		msgs := db.Subscribe(t.Context(), "c")
		wantReceivers(t, db, "c", 1)
		for range msgs {
			break
		}
		wantReceivers(t, db, "c", 0)
		for _, err := range msgs {
			if err == nil {
				t.Error("the loop went on")
			}
			break
		}
	})
	t.Run("dropped", func(t *testing.T) {
		db := openPlain(t)
		db.Subscribe(context.Background(), "c")
		for n, deadline := -1, time.Now().Add(20*time.Second); n != 0; n, _ = db.Publish("c", "") {
			if runtime.GC(); time.Now().After(deadline) {
				t.Fatal("a subscription that nobody has is still there")
			}
		}
	})
}

// One that does not keep up is told so, behind all that it was sent before; nobody
// waits for it, and it takes no more memory than it may.
func TestSubscribeOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openPlain(t)
		const each = int64(1 + 64 + 3)
		msgs := db.SubscribeArgs(t.Context(), larder.SubscribeArgs{Channels: []string{"c"}, MaxBytes: 3 * each})
		for i := range 10 {
			db.Publish("c", fmt.Sprint(100+i))
		}
		synctest.Wait()
		wantReceivers(t, db, "c", 0)
		var got []string
		for m, err := range msgs {
			got = append(got, fmt.Sprint(m.Payload, err))
			if err != nil && !errors.Is(err, larder.ErrFellBehind) {
				t.Error(err)
			}
		}
		if want := []string{"100<nil>", "101<nil>", "102<nil>", fmt.Sprint(larder.ErrFellBehind)}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("configured", func(t *testing.T) {
		db := openPlain(t, "client-output-buffer-limit", "pubsub 1kb 0 0")
		msgs := db.Subscribe(t.Context(), "c")
		db.Publish("c", strings.Repeat("x", 1024))
		for _, err := range msgs {
			if err != larder.ErrFellBehind {
				t.Errorf("error %v", err)
			}
			break
		}
	})
}

// A queue that was long gives its memory back and keeps its order.
func TestSubscribeOrder(t *testing.T) {
	db := openPlain(t)
	pull, stop := iter.Pull2(db.Subscribe(t.Context(), "c"))
	defer stop()
	sent, taken := 0, 0
	for _, n := range []int{5000, -1500, 3000, -6000, 10, -510} {
		for ; n > 0; n-- {
			db.Publish("c", fmt.Sprint(sent))
			sent++
		}
		for ; n < 0; n++ {
			if m := next(t, pull); m.Payload != fmt.Sprint(taken) {
				t.Fatalf("message %q, want %d", m.Payload, taken)
			}
			taken++
		}
	}
	if sent != taken {
		t.Fatalf("%d sent, %d taken", sent, taken)
	}
}

// What is published in a transaction is sent at its end, or never.
func TestPublishInTransactions(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"notify-keyspace-events", "EA"}})
	pull, stop := iter.Pull2(db.PSubscribe(t.Context(), "?", "__keyevent@0__:*"))
	defer stop()
	failed := errors.New("no")
	if err := db.Update(func(tx *larder.Tx) error {
		if n, err := tx.Publish("c", "undone"); n != 1 || err != nil {
			t.Errorf("Publish = %d, %v", n, err)
		}
		return failed
	}); err != failed {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *larder.Tx) error {
		tx.Set("a", "1")
		tx.Publish("c", "between")
		if n, err := db.Publish("d", "aside"); n != 1 || err != nil {
			t.Errorf("db.Publish within Update = %d, %v", n, err)
		}
		return tx.Set("b", "1")
	}, "a", "b"); err != nil {
		t.Fatal(err)
	}
	if err := db.View(func(tx *larder.Tx) error {
		_, err := tx.Publish("c", "view")
		return err
	}, "a"); err != nil {
		t.Fatal(err)
	}
	m := db.Multi()
	m.Incr("n")
	n := m.Publish("c", "multi")
	m.Incr("n")
	if err := m.Exec(); err != nil || n.Val() != 1 {
		t.Fatal(n.Val(), err)
	}
	for _, want := range []string{
		"d aside", "__keyevent@0__:set a", "c between", "__keyevent@0__:set b", "c view",
		"__keyevent@0__:incrby n", "c multi", "__keyevent@0__:incrby n",
	} {
		if m := next(t, pull); m.Channel+" "+m.Payload != want {
			t.Errorf("got %s %s, want %s", m.Channel, m.Payload, want)
		}
	}
}

// Subscribers come and go, transactions publish and fail, the store is closed: all
// at once.
func TestSubscribeRaces(t *testing.T) {
	db := openPlain(t)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithCancel(context.Background())
				for m, err := range db.SubscribeArgs(ctx, larder.SubscribeArgs{
					Channels: []string{"c"}, Patterns: []string{"*"}, MaxBytes: int64(200 + 50*g),
				}) {
					if err != nil || m.Payload == fmt.Sprint(i%7) {
						break
					}
					if i%3 == 0 {
						cancel()
					}
				}
				cancel()
			}
		})
	}
	subscribed := make(chan struct{})
	go func() {
		defer close(subscribed)
		all.Wait()
	}()
	var publishers sync.WaitGroup
	for range 3 {
		publishers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-subscribed:
					return
				default:
				}
				db.Publish("c", fmt.Sprint(i%7))
				_ = db.Update(func(tx *larder.Tx) error {
					tx.Publish("d", "x")
					return io.EOF
				}, "k")
				runtime.Gosched()
			}
		})
	}
	publishers.Wait()
	db.Close()
	for _, err := range db.Subscribe(context.Background(), "c") {
		if err != larder.ErrClosed {
			t.Errorf("error %v", err)
		}
	}
	if n, _ := db.Publish("c", ""); n != 0 {
		t.Errorf("%d receivers are left", n)
	}
}
