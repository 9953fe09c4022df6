package interop

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// go-redis subscribes, adds to its subscriptions, leaves some, and hears every message
// in order.
func TestGoRedisPubSub(t *testing.T) {
	everyWay(t, func(t *testing.T, s *server, c *redis.Client) {
		sub := c.Subscribe(ctx, "news")
		defer sub.Close()
		if _, err := sub.Receive(ctx); err != nil { // the answer to SUBSCRIBE
			t.Fatal(err)
		}
		if err := sub.PSubscribe(ctx, "n*"); err != nil {
			t.Fatal(err)
		}
		if _, err := sub.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		shards := c.SSubscribe(ctx, "shard")
		defer shards.Close()
		if _, err := shards.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		want(t, "PUBLISH", c.Publish(ctx, "news", "0"), 2)
		want(t, "SPUBLISH", c.SPublish(ctx, "shard", "s"), 1)
		want(t, "PUBSUB NUMPAT", c.PubSubNumPat(ctx), 1)
		wantSlice(t, "PUBSUB CHANNELS", c.PubSubChannels(ctx, "*"), "news")
		if m, err := shards.ReceiveMessage(ctx); err != nil || m.Channel != "shard" || m.Payload != "s" {
			t.Errorf("shard message %v, %v", m, err)
		}
		if err := sub.Ping(ctx, "alive"); err != nil {
			t.Error(err)
		}
		for i := 1; i < 500; i++ {
			if _, err := s.db.Publish("news", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 500 {
			for _, pattern := range []string{"", "n*"} {
				m, err := sub.ReceiveMessage(ctx)
				if err != nil || m.Channel != "news" || m.Pattern != pattern || m.Payload != fmt.Sprint(i) {
					t.Fatalf("message %d is %v, %v", i, m, err)
				}
			}
		}
		if err := sub.Unsubscribe(ctx, "news"); err != nil {
			t.Fatal(err)
		}
		for { // the answer to PING may come as late
			v, err := sub.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := v.(*redis.Subscription); ok && s.Kind == "unsubscribe" {
				break
			}
		}
		want(t, "PUBLISH to the pattern", c.Publish(ctx, "news", "last"), 1)
	})
}

// rueidis caches what it reads, and forgets it when somebody changes it.
func TestRueidisCaching(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			s, dial := reach(t, way, larder.Options{})
			c, err := rueidis.NewClient(rueidis.ClientOption{
				InitAddress: []string{"127.0.0.1:6379"}, ForceSingleClient: true,
				DialCtxFn: func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
					return dial(ctx, "", "")
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			read := func() rueidis.RedisResult { return c.DoCache(ctx, c.B().Get().Key("k").Cache(), time.Minute) }
			for round := range 20 {
				value := fmt.Sprint(round)
				if err := s.db.Set("k", value); err != nil {
					t.Fatal(err)
				}
				for deadline := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
					if v, err := read().ToString(); err == nil && v == value {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("round %d: an old value is cached for ever", round)
					}
				}
				if r := read(); !r.IsCacheHit() {
					t.Fatalf("round %d: a second read is not answered by the cache", round)
				}
			}
		})
	}
}
