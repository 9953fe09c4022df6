package redcon_server

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

func serve(t testing.TB, config ...string) (*larder.DB, *Server) {
	t.Helper()
	db, err := larder.Open(larder.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	srv := New(db, Options{Addr: "127.0.0.1:0"})
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, srv
}

func connTo(t testing.TB, srv *Server) *redistest.Conn {
	t.Helper()
	nc, err := srv.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return redistest.NewConn(nc)
}

// A subscriber that never reads costs what it may, and is closed; those who publish do
// not wait for it, and the others hear everything.
func TestSubscriberThatNeverReads(t *testing.T) {
	db, srv := serve(t, "client-output-buffer-limit", "pubsub 1mb 0 0")
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	deaf, err := net.Dial("tcp", srv.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if _, err := deaf.Write([]byte("SUBSCRIBE c\r\n")); err != nil {
		t.Fatal(err)
	}
	good := connTo(t, srv)
	defer good.Close()
	good.Do("SUBSCRIBE", "c")
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		if n, _ := db.Publish("c", "first"); n == 2 {
			break
		}
		good.Receive(time.Second)
		if time.Now().After(deadline) {
			t.Fatal("there are not two subscribers")
		}
	}
	good.Receive(time.Second)
	const most = 64 << 20 // of what a socket takes by itself
	message := strings.Repeat("x", 64<<10)
	sent := 0
	for n := 2; n == 2; sent += len(message) {
		if n, err = db.Publish("c", message); err != nil {
			t.Fatal(err)
		}
		if v := good.Receive(20 * time.Second); len(v.Elems) != 3 || v.Elems[2].Str != message {
			t.Fatalf("the other one hears %.60s", v)
		}
		if sent > most {
			t.Fatal("a subscriber that does not read is still there")
		}
	}
	if sent < 1<<20 {
		t.Errorf("closed after %d bytes, less than it may", sent)
	}
}

// Messages are in the order in which they were published, also those for which the
// subscriber's socket has no room, and whole, whoever else is sent some at the time.
func TestMessagesKeepTheirOrder(t *testing.T) {
	db, srv := serve(t)
	var all sync.WaitGroup
	for g := range 8 {
		channel := fmt.Sprint("c", g)
		c := connTo(t, srv)
		defer c.Close()
		c.Do("SUBSCRIBE", channel)
		payload := func(i int) string { return fmt.Sprint(i) + strings.Repeat(string(rune('a'+g)), i%700) }
		const n = 4000
		all.Go(func() {
			for i := range n {
				db.Publish(channel, payload(i))
			}
		})
		all.Go(func() {
			for i := range n {
				if v := c.Receive(20 * time.Second); len(v.Elems) != 3 || v.Elems[1].Str != channel || v.Elems[2].Str != payload(i) {
					t.Errorf("message %d to %s is %s", i, channel, v)
					return
				}
			}
		})
	}
	all.Wait()
}

// Everything that feeds connections and everything that ends them, at once. In the end
// nobody is left.
func TestFeedsAtOnce(t *testing.T) {
	db, srv := serve(t, "notify-keyspace-events", "KEA", "tracking-table-max-keys", "20")
	stop := make(chan struct{})
	var all sync.WaitGroup
	for g := range 6 {
		r := rand.New(rand.NewPCG(uint64(g), 5))
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c := connTo(t, srv)
				if r.IntN(2) == 0 {
					c.Send("HELLO", "3")
				}
				for range r.IntN(60) {
					c.Send(strings.Fields(feedLines[r.IntN(len(feedLines))])...)
				}
				c.Send("CLIENT", "ID")
				if r.IntN(3) != 0 {
					for c.Receive(5*time.Millisecond).Kind != redistest.Timeout && r.IntN(40) != 0 {
					}
				}
				c.Close()
			}
		})
	}
	all.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			db.Set(fmt.Sprint("k", i%30), "v")
			db.Publish("c", "m")
			_ = db.Update(func(tx *larder.Tx) error {
				tx.Publish("c", "m")
				tx.Set("k1", "v")
				return tx.Set("k2", "v")
			}, "k1", "k2")
		}
	})
	<-time.After(700 * time.Millisecond)
	close(stop)
	all.Wait()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(2 * time.Millisecond) {
		c := connTo(t, srv) // one that is going may kill it yet
		info := c.Do("INFO").Str
		c.Close()
		if strings.Contains(info, "\nconnected_clients:1\r") && strings.Contains(info, "\ntracking_clients:0\r") &&
			strings.Contains(info, "\npubsub_channels:0\r") && strings.Contains(info, "\npubsub_patterns:0\r") &&
			strings.Contains(info, "\ntracking_total_prefixes:0\r") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("somebody is left:\n%s", info)
		}
	}
}

var feedLines = []string{
	"SUBSCRIBE c d", "PSUBSCRIBE __key* c*", "SSUBSCRIBE s", "UNSUBSCRIBE", "PUNSUBSCRIBE c*", "SUNSUBSCRIBE s", "PUBLISH c x",
	"SPUBLISH s x", "CLIENT TRACKING ON", "CLIENT TRACKING ON BCAST PREFIX k", "CLIENT TRACKING OFF",
	"CLIENT TRACKING ON OPTIN NOLOOP", "CLIENT CACHING YES", "GET k1", "MGET k1 k2 k3 k4 k5 k6 k7 k8", "SET k1 x", "DEL k2",
	"MULTI", "EXEC", "MULTI", "EXEC", "RESET", "HELLO 3", "CLIENT KILL TYPE pubsub", "CLIENT KILL TYPE pubsub SKIPME no",
	"CLIENT LIST", "CLIENT REPLY OFF", "CLIENT REPLY ON", "FLUSHALL", "BLPOP nolist 0.002", "CLIENT TRACKING ON REDIRECT 3",
	"CONFIG SET notify-keyspace-events KEA", "CONFIG SET notify-keyspace-events KEAm", "INFO clients", "PUBSUB CHANNELS", "CLIENT TRACKINGINFO",
	"CLIENT KILL TYPE normal",
}
