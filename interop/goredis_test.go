package interop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

// everyWay runs a test over each way and with both versions of the protocol.
func everyWay(t *testing.T, f func(t *testing.T, s *server, c *redis.Client)) {
	for _, way := range ways {
		for _, protocol := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s/RESP%d", way, protocol), func(t *testing.T) {
				s, dial := reach(t, way, larder.Options{})
				f(t, s, client(t, dial, redis.Options{Protocol: protocol}))
			})
		}
	}
}

// want fails unless a command answered this.
func want[T comparable](t *testing.T, what string, cmd interface{ Result() (T, error) }, w T) {
	t.Helper()
	if got, err := cmd.Result(); err != nil || got != w {
		t.Errorf("%s = %v, %v, want %v", what, got, err, w)
	}
}

func wantSlice[T comparable](t *testing.T, what string, cmd interface{ Result() ([]T, error) }, w ...T) {
	t.Helper()
	if got, err := cmd.Result(); err != nil || !slices.Equal(got, w) {
		t.Errorf("%s = %v, %v, want %v", what, got, err, w)
	}
}

func wantErr(t *testing.T, what string, err error, text string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), text) {
		t.Errorf("%s: error %v, want %q", what, err, text)
	}
}

func TestGoRedisStrings(t *testing.T) {
	everyWay(t, func(t *testing.T, s *server, c *redis.Client) {
		want(t, "PING", c.Ping(ctx), "PONG")
		want(t, "ECHO", c.Echo(ctx, "\x00\r\n"), "\x00\r\n")
		want(t, "SET", c.Set(ctx, "k", "v", 0), "OK")
		want(t, "GET", c.Get(ctx, "k"), "v")
		if _, err := c.Get(ctx, "missing").Result(); !errors.Is(err, redis.Nil) {
			t.Errorf("GET missing: %v, want redis.Nil", err)
		}
		want(t, "SETNX on a key that exists", c.SetNX(ctx, "k", "w", 0), false)
		want(t, "SETXX", c.SetXX(ctx, "k", "w", time.Minute), true)
		want(t, "SET GET", c.SetArgs(ctx, "k", "x", redis.SetArgs{Get: true, KeepTTL: true}), "w")
		if d := c.TTL(ctx, "k").Val(); d <= 0 || d > time.Minute {
			t.Errorf("TTL after KEEPTTL = %v", d)
		}
		want(t, "GETSET", c.Do(ctx, "GETSET", "k", "y"), any("x"))
		want(t, "GETEX", c.GetEx(ctx, "k", time.Hour), "y")
		want(t, "GETDEL", c.GetDel(ctx, "k"), "y")
		want(t, "INCRBY", c.IncrBy(ctx, "n", math.MaxInt64), int64(math.MaxInt64))
		wantErr(t, "INCR over the border", c.Incr(ctx, "n").Err(), "ERR increment or decrement would overflow")
		want(t, "DECR", c.Decr(ctx, "n"), int64(math.MaxInt64-1))
		want(t, "INCRBYFLOAT", c.IncrByFloat(ctx, "f", 10.5), 10.5)
		want(t, "INCRBYFLOAT", c.IncrByFloat(ctx, "f", -0.25), 10.25)
		want(t, "APPEND", c.Append(ctx, "a", "hello"), int64(5))
		want(t, "SETRANGE", c.SetRange(ctx, "a", 7, "!"), int64(8))
		want(t, "GETRANGE", c.GetRange(ctx, "a", 0, -1), "hello\x00\x00!")
		want(t, "STRLEN", c.StrLen(ctx, "a"), int64(8))
		want(t, "MSET", c.MSet(ctx, "m1", "1", "m2", "2"), "OK")
		want(t, "MSETNX", c.MSetNX(ctx, "m2", "1", "m3", "2"), false)
		wantSlice(t, "MGET", c.MGet(ctx, "m1", "missing", "m2"), any("1"), nil, any("2"))
		lcs, err := c.LCS(ctx, &redis.LCSQuery{Key1: "m1", Key2: "m2", Idx: true, WithMatchLen: true}).Result()
		if err != nil || lcs.Len != 0 {
			t.Errorf("LCS = %+v, %v", lcs, err)
		}
		want(t, "MSET", c.MSet(ctx, "l1", "ohmytext", "l2", "mynewtext"), "OK")
		lcs, err = c.LCS(ctx, &redis.LCSQuery{Key1: "l1", Key2: "l2", Idx: true, WithMatchLen: true}).Result()
		if err != nil || lcs.Len != 6 || len(lcs.Matches) != 2 || lcs.Matches[0] != (redis.LCSMatchedPosition{Key1: redis.LCSPosition{Start: 4, End: 7}, Key2: redis.LCSPosition{Start: 5, End: 8}, MatchLen: 4}) {
			t.Errorf("LCS IDX = %+v, %v", lcs, err)
		}
		big := strings.Repeat("x", 3<<20)
		want(t, "SET of 3 MB", c.Set(ctx, "big", big, 0), "OK")
		want(t, "GET of 3 MB", c.Get(ctx, "big"), big)
		wantErr(t, "an unknown command", c.Do(ctx, "NOSUCH", "a").Err(), "ERR unknown command 'NOSUCH', with args beginning with: 'a'")
		wantErr(t, "too few words", c.Do(ctx, "GET").Err(), "ERR wrong number of arguments for 'get' command")
		if v, err := s.db.Get("m1"); v != "1" || err != nil {
			t.Errorf("the typed Get = %q, %v, want 1", v, err)
		}
	})
}

func TestGoRedisKeys(t *testing.T) {
	everyWay(t, func(t *testing.T, _ *server, c *redis.Client) {
		want(t, "MSET", c.MSet(ctx, "a", "1", "b", "2", "c", "3"), "OK")
		want(t, "EXISTS", c.Exists(ctx, "a", "a", "x"), int64(2))
		want(t, "TYPE", c.Type(ctx, "a"), "string")
		want(t, "TYPE of nothing", c.Type(ctx, "x"), "none")
		want(t, "RENAME", c.Rename(ctx, "a", "d"), "OK")
		wantErr(t, "RENAME of nothing", c.Rename(ctx, "a", "d").Err(), "ERR no such key")
		want(t, "RENAMENX", c.RenameNX(ctx, "b", "c"), false)
		want(t, "COPY", c.Copy(ctx, "b", "b", 1, false), int64(1))
		want(t, "MOVE", c.Move(ctx, "c", 1), true)
		want(t, "DBSIZE", c.DBSize(ctx), int64(2))
		want(t, "TOUCH", c.Touch(ctx, "b", "d", "x"), int64(2))
		want(t, "OBJECT ENCODING", c.ObjectEncoding(ctx, "b"), "int")
		want(t, "OBJECT REFCOUNT", c.ObjectRefCount(ctx, "b"), int64(math.MaxInt32))
		if k := c.RandomKey(ctx).Val(); k != "b" && k != "d" {
			t.Errorf("RANDOMKEY = %q", k)
		}
		want(t, "PERSIST", c.Persist(ctx, "b"), false)
		want(t, "UNLINK", c.Unlink(ctx, "b", "x"), int64(1))
		want(t, "DEL", c.Del(ctx, "d"), int64(1))
		if n, err := c.MemoryUsage(ctx, "missing").Result(); !errors.Is(err, redis.Nil) {
			t.Errorf("MEMORY USAGE of nothing = %d, %v", n, err)
		}
		want(t, "FLUSHDB", c.FlushDB(ctx), "OK")
		want(t, "SWAPDB", c.Do(ctx, "SWAPDB", 0, 1), any("OK"))
		keys := c.Keys(ctx, "*").Val()
		slices.Sort(keys)
		if !slices.Equal(keys, []string{"b", "c"}) {
			t.Errorf("KEYS after SWAPDB = %v", keys)
		}
		want(t, "FLUSHALL ASYNC", c.FlushAllAsync(ctx), "OK")
		if at := c.Time(ctx).Val(); time.Since(at).Abs() > time.Minute {
			t.Errorf("TIME = %v", at)
		}
	})
}

func TestGoRedisExpiry(t *testing.T) {
	everyWay(t, func(t *testing.T, _ *server, c *redis.Client) {
		want(t, "SET", c.Set(ctx, "k", "v", 1500*time.Millisecond), "OK")
		if d := c.PTTL(ctx, "k").Val(); d <= 1400*time.Millisecond || d > 1500*time.Millisecond {
			t.Errorf("PTTL = %v, want about 1.5 s", d)
		}
		want(t, "EXPIRE GT, sooner", c.ExpireGT(ctx, "k", time.Second), false)
		want(t, "EXPIRE XX", c.ExpireXX(ctx, "k", time.Hour), true)
		want(t, "EXPIRE NX", c.ExpireNX(ctx, "k", time.Hour), false)
		at := time.Now().Add(24 * time.Hour).Truncate(time.Second)
		want(t, "EXPIREAT", c.ExpireAt(ctx, "k", at), true)
		want(t, "EXPIRETIME", c.ExpireTime(ctx, "k"), time.Duration(at.Unix())*time.Second)
		want(t, "PERSIST", c.Persist(ctx, "k"), true)
		want(t, "TTL without one", c.TTL(ctx, "k"), -1)
		want(t, "TTL of nothing", c.TTL(ctx, "x"), -2)
		want(t, "PEXPIRE in the past", c.PExpireAt(ctx, "k", time.UnixMilli(1)), true)
		want(t, "EXISTS", c.Exists(ctx, "k"), int64(0))
		wantErr(t, "SET EX 0", c.Do(ctx, "SET", "k", "v", "EX", 0).Err(), "ERR invalid expire time in 'set' command")
	})
}

// Pipelines deeper than any buffer between the two.
func TestGoRedisPipeline(t *testing.T) {
	everyWay(t, func(t *testing.T, _ *server, c *redis.Client) {
		const n = 10_000
		v := strings.Repeat("v", 100)
		cmds, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range n {
				p.Set(ctx, strconv.Itoa(i), v+strconv.Itoa(i), 0)
			}
			p.Do(ctx, "INCR", "0") // an error among the others
			for i := range n {
				p.Get(ctx, strconv.Itoa(i))
			}
			return nil
		})
		wantErr(t, "the pipeline", err, "ERR value is not an integer or out of range")
		for i, cmd := range cmds[n+1:] {
			if got := cmd.(*redis.StringCmd).Val(); got != v+strconv.Itoa(i) {
				t.Fatalf("reply %d = %q", i, got)
			}
		}
	})
}

func TestGoRedisTransactions(t *testing.T) {
	everyWay(t, func(t *testing.T, _ *server, c *redis.Client) {
		var n *redis.IntCmd
		cmds, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "s", "x", 0)
			n = p.Incr(ctx, "n")
			p.Incr(ctx, "s")
			p.Incr(ctx, "n")
			return nil
		})
		wantErr(t, "an error inside EXEC", err, "ERR value is not an integer or out of range")
		want(t, "INCR inside", n, int64(1))
		want(t, "INCR after the error", cmds[3].(*redis.IntCmd), int64(2))

		err = c.Watch(ctx, func(tx *redis.Tx) error {
			if err := c.Set(ctx, "s", "other", 0).Err(); err != nil {
				return err
			}
			_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				p.Set(ctx, "s", "mine", 0)
				return nil
			})
			return err
		}, "s")
		if !errors.Is(err, redis.TxFailedErr) {
			t.Errorf("EXEC after another's write: %v, want TxFailedErr", err)
		}
		want(t, "GET", c.Get(ctx, "s"), "other")

		_, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "s", "never", 0)
			p.Do(ctx, "NOSUCH")
			return nil
		})
		if err == nil {
			t.Error("a transaction with an unknown command succeeded")
		}
		want(t, "GET", c.Get(ctx, "s"), "other")

		// Many clients add to a counter with WATCH, and none of it is lost.
		const clients, each = 8, 10
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for done := 0; done < each; {
					err := c.Watch(ctx, func(tx *redis.Tx) error {
						n, err := tx.Get(ctx, "counter").Int()
						if err != nil && !errors.Is(err, redis.Nil) {
							return err
						}
						_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
							p.Set(ctx, "counter", n+1, 0)
							return nil
						})
						return err
					}, "counter")
					if err == nil {
						done++
					} else if !errors.Is(err, redis.TxFailedErr) {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		want(t, "the counter", c.Get(ctx, "counter"), strconv.Itoa(clients*each))
	})
}

func TestGoRedisScan(t *testing.T) {
	everyWay(t, func(t *testing.T, s *server, c *redis.Client) {
		const n = 3000
		for i := range n {
			if err := s.db.Set("key:"+strconv.Itoa(i), "x"); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		it := c.Scan(ctx, 0, "key:*", 0).Iterator()
		for it.Next(ctx) {
			if seen[it.Val()] {
				t.Errorf("%q twice, though nothing was written", it.Val())
			}
			seen[it.Val()] = true
		}
		if err := it.Err(); err != nil || len(seen) != n {
			t.Errorf("SCAN shows %d keys, %v, want %d", len(seen), err, n)
		}
		got := 0
		it = c.ScanType(ctx, 0, "key:1?", 1000, "string").Iterator()
		for it.Next(ctx) {
			got++
		}
		if got != 10 {
			t.Errorf("SCAN MATCH key:1? TYPE string shows %d keys, want 10", got)
		}
		if it := c.ScanType(ctx, 0, "", 1000, "list").Iterator(); it.Next(ctx) {
			t.Errorf("SCAN TYPE list shows %q", it.Val())
		}
	})
}

func TestGoRedisConnection(t *testing.T) {
	for _, way := range ways {
		for _, protocol := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s/RESP%d", way, protocol), func(t *testing.T) {
				s, dial := reach(t, way, larder.Options{Config: []string{"requirepass", "secret"}})
				_ = s
				none := client(t, dial, redis.Options{Protocol: protocol, MaxRetries: -1})
				wantErr(t, "GET without AUTH", none.Get(ctx, "k").Err(), "NOAUTH Authentication required.")
				wrong := client(t, dial, redis.Options{Protocol: protocol, Password: "wrong", MaxRetries: -1})
				wantErr(t, "PING with a wrong password", wrong.Ping(ctx).Err(), "WRONGPASS")
				user := client(t, dial, redis.Options{Protocol: protocol, Username: "default", Password: "secret"})
				want(t, "PING as default", user.Ping(ctx), "PONG")
				c := client(t, dial, redis.Options{Protocol: protocol, Password: "secret", DB: 3, ClientName: "interop"})
				want(t, "SET", c.Set(ctx, "k", "three", 0), "OK")
				want(t, "CLIENT GETNAME", c.ClientGetName(ctx), "interop")
				if v, err := s.db.DB(3).Get("k"); v != "three" || err != nil {
					t.Errorf("database 3 has %q, %v", v, err)
				}
				info, err := c.ClientInfo(ctx).Result()
				if err != nil || info.Name != "interop" || info.DB != 3 || info.Resp != protocol {
					t.Errorf("CLIENT INFO = %+v, %v", info, err)
				}
				if list, err := c.ClientList(ctx).Result(); err != nil || !strings.Contains(list, "name=interop") {
					t.Errorf("CLIENT LIST = %q, %v", list, err)
				}
				far := client(t, dial, redis.Options{Protocol: protocol, Password: "secret", DB: 16, MaxRetries: -1})
				wantErr(t, "SELECT 16", far.Ping(ctx).Err(), "ERR DB index is out of range")
				if text, err := c.Info(ctx, "server").Result(); err != nil || !strings.Contains(text, "redis_version:") {
					t.Errorf("INFO = %q, %v", text, err)
				}
				if m, err := c.ConfigGet(ctx, "maxmemory*").Result(); err != nil || m["maxmemory"] != "0" {
					t.Errorf("CONFIG GET = %v, %v", m, err)
				}
				if cs, err := c.Command(ctx).Result(); err != nil || cs["get"] == nil || cs["get"].Arity != 2 || !cs["get"].ReadOnly {
					t.Errorf("COMMAND = %v, %v", cs["get"], err)
				}
			})
		}
	}
}

// A connection that a client kills is replaced without the caller noticing.
func TestGoRedisReconnects(t *testing.T) {
	everyWay(t, func(t *testing.T, _ *server, c *redis.Client) {
		want(t, "SET", c.Set(ctx, "k", "v", 0), "OK")
		id := c.ClientID(ctx).Val()
		if err := c.Do(ctx, "CLIENT", "KILL", "ID", id, "SKIPME", "no").Err(); err != nil {
			t.Errorf("CLIENT KILL of itself: %v", err)
		}
		want(t, "GET after a kill", c.Get(ctx, "k"), "v")
		if now := c.ClientID(ctx).Val(); now == id {
			t.Errorf("the connection %d lives on", id)
		}
	})
}

func TestGoRedisPool(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			s, dial := reach(t, way, larder.Options{})
			c := client(t, dial, redis.Options{PoolSize: 100, PoolTimeout: time.Minute, ReadTimeout: time.Minute})
			const goroutines, each = 400, 50
			var wg sync.WaitGroup
			var failed atomic.Int64
			for g := range goroutines {
				wg.Go(func() {
					key := "g" + strconv.Itoa(g)
					for i := range each {
						if err := c.Set(ctx, key, i, 0).Err(); err != nil {
							t.Error(err)
							failed.Add(1)
							return
						}
						if v, err := c.Get(ctx, key).Int(); err != nil || v != i {
							t.Errorf("GET %s = %d, %v, want %d", key, v, err, i)
							return
						}
						if err := c.Incr(ctx, "sum").Err(); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			want(t, "the sum", c.Get(ctx, "sum"), strconv.Itoa(goroutines*each))
			if n := s.srv.Stats().Connected; n > 100 {
				t.Errorf("%d connections, want no more than the pool's 100", n)
			}
		})
	}
}

// A client that gives up does not harm the server, nor its own next call.
func TestGoRedisTimeouts(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			_, dial := reach(t, way, larder.Options{Config: []string{"enable-debug-command", "yes"}})
			c := client(t, dial, redis.Options{ReadTimeout: 50 * time.Millisecond, MaxRetries: -1, ContextTimeoutEnabled: true})
			other := client(t, dial, redis.Options{})
			want(t, "SET", c.Set(ctx, "k", "v", 0), "OK")
			start := time.Now()
			err := c.Do(ctx, "DEBUG", "SLEEP", "0.5").Err()
			var ne net.Error
			if !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("DEBUG SLEEP beyond the read timeout: %v, want a timeout", err)
			}
			if d := time.Since(start); d > 400*time.Millisecond {
				t.Errorf("the timeout took %v", d)
			}
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			if err := c.Do(short, "DEBUG", "SLEEP", "0.5").Err(); err == nil {
				t.Error("a call outlived its context")
			}
			want(t, "GET afterwards", other.Get(ctx, "k"), "v")
		})
	}
}

// In a bubble the client, the server and the store share one clock, which
// moves only when all of them wait.
func TestGoRedisSynctest(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		t.Run(fmt.Sprintf("RESP%d", protocol), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, dial := reach(t, "memory", larder.Options{Config: []string{"enable-debug-command", "yes"}})
				c := client(t, dial, redis.Options{Protocol: protocol, ReadTimeout: time.Minute})
				want(t, "SET", c.Set(ctx, "k", "v", time.Hour), "OK")
				time.Sleep(time.Hour - time.Millisecond)
				want(t, "GET", c.Get(ctx, "k"), "v")
				want(t, "PTTL", c.PTTL(ctx, "k"), time.Millisecond)
				time.Sleep(time.Millisecond)
				if err := c.Get(ctx, "k").Err(); !errors.Is(err, redis.Nil) {
					t.Errorf("GET at the deadline: %v, want redis.Nil", err)
				}
				// Nobody touches this one: it goes by itself.
				want(t, "SET", c.Set(ctx, "k", "v", time.Second), "OK")
				time.Sleep(3 * time.Second)
				if n, _ := s.db.DBSize(); n != 0 {
					t.Errorf("DBSIZE = %d two seconds after the deadline", n)
				}
				start := time.Now()
				if err := c.Do(ctx, "DEBUG", "SLEEP", "30").Err(); err != nil {
					t.Error(err)
				}
				if d := time.Since(start); d < 30*time.Second || d > 31*time.Second {
					t.Errorf("DEBUG SLEEP 30 took %v", d)
				}
				cmds, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
					for i := range 10_000 {
						p.Set(ctx, strconv.Itoa(i), i, 0)
					}
					return nil
				})
				if err != nil || len(cmds) != 10_000 {
					t.Error(len(cmds), err)
				}
			})
		})
	}
}

// A client in a bubble times out in bubble time.
func TestGoRedisSynctestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dial := reach(t, "memory", larder.Options{Config: []string{"enable-debug-command", "yes"}})
		c := client(t, dial, redis.Options{ReadTimeout: 5 * time.Second, MaxRetries: -1})
		want(t, "PING", c.Ping(ctx), "PONG")
		start := time.Now()
		err := c.Do(ctx, "DEBUG", "SLEEP", "60").Err()
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("DEBUG SLEEP beyond the read timeout: %v, want a timeout", err)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("the timeout of 5 s came after %v", d)
		}
	})
}
