package interop

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/redis/rueidis"
)

func TestRueidis(t *testing.T) {
	for _, way := range ways {
		for _, resp2 := range []bool{false, true} {
			t.Run(way+map[bool]string{false: "/RESP3", true: "/RESP2"}[resp2], func(t *testing.T) {
				s, dial := reach(t, way, larder.Options{Config: []string{"requirepass", "secret"}})
				c, err := rueidis.NewClient(rueidis.ClientOption{
					InitAddress: []string{"127.0.0.1:6379"}, Password: "secret", SelectDB: 1, ClientName: "rueidis",
					DisableCache:      resp2, // it caches what it is pushed invalidations of
					ForceSingleClient: true, AlwaysRESP2: resp2,
					DialCtxFn: func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
						return dial(ctx, "", "")
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				do := func(cmd rueidis.Completed) rueidis.RedisResult { return c.Do(ctx, cmd) }
				if err := do(c.B().Set().Key("k").Value("v").Ex(time.Minute).Build()).Error(); err != nil {
					t.Error(err)
				}
				if v, err := do(c.B().Get().Key("k").Build()).ToString(); v != "v" || err != nil {
					t.Errorf("GET = %q, %v", v, err)
				}
				if v, err := s.db.DB(1).Get("k"); v != "v" || err != nil {
					t.Errorf("database 1 has %q, %v", v, err)
				}
				if err := do(c.B().Get().Key("missing").Build()).Error(); !rueidis.IsRedisNil(err) {
					t.Errorf("GET missing: %v, want nil", err)
				}
				if v, err := do(c.B().Incrbyfloat().Key("f").Increment(2.5).Build()).AsFloat64(); v != 2.5 || err != nil {
					t.Errorf("INCRBYFLOAT = %v, %v", v, err)
				}
				if m, err := do(c.B().ConfigGet().Parameter("maxmemory-policy").Build()).AsStrMap(); err != nil || m["maxmemory-policy"] != "noeviction" {
					t.Errorf("CONFIG GET = %v, %v", m, err)
				}
				// It sends what many goroutines ask as one pipeline.
				var wg sync.WaitGroup
				for g := range 200 {
					wg.Go(func() {
						for range 50 {
							key := "g" + strconv.Itoa(g)
							if err := do(c.B().Incr().Key(key).Build()).Error(); err != nil {
								t.Error(err)
								return
							}
						}
						if n, err := do(c.B().Get().Key("g" + strconv.Itoa(g)).Build()).AsInt64(); n != 50 || err != nil {
							t.Errorf("counter %d = %d, %v", g, n, err)
						}
					})
				}
				wg.Wait()
				var cmds rueidis.Commands
				for i := range 10_000 {
					cmds = append(cmds, c.B().Set().Key(strconv.Itoa(i)).Value("x").Build())
				}
				for i, r := range c.DoMulti(ctx, cmds...) {
					if err := r.Error(); err != nil {
						t.Fatalf("command %d of a pipeline: %v", i, err)
					}
				}
				err = c.Dedicated(func(d rueidis.DedicatedClient) error {
					rs := d.DoMulti(ctx, d.B().Watch().Key("k").Build(), d.B().Multi().Build(), d.B().Set().Key("k").Value("w").Build(), d.B().Exec().Build())
					return rs[3].Error()
				})
				if err != nil {
					t.Errorf("EXEC: %v", err)
				}
				entry, err := do(c.B().Scan().Cursor(0).Count(100).Build()).AsScanEntry()
				if err != nil || len(entry.Elements) == 0 {
					t.Errorf("SCAN = %+v, %v", entry, err)
				}
			})
		}
	}
}
