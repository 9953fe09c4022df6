package interop

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/larderdb/larder"
)

func TestRedigo(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			_, dial := reach(t, way, larder.Options{Config: []string{"requirepass", "secret"}})
			pool := &redis.Pool{MaxIdle: 3, Dial: func() (redis.Conn, error) {
				nc, err := dial(ctx, "", "")
				if err != nil {
					return nil, err
				}
				c := redis.NewConn(nc, 10*time.Second, 10*time.Second)
				_, err = c.Do("AUTH", "secret")
				return c, err
			}}
			defer pool.Close()
			c := pool.Get()
			defer c.Close()
			if _, err := c.Do("SELECT", 2); err != nil {
				t.Fatal(err)
			}
			if v, err := redis.String(c.Do("SET", "k", "v", "PX", 60000)); v != "OK" || err != nil {
				t.Errorf("SET = %q, %v", v, err)
			}
			if v, err := redis.String(c.Do("GET", "k")); v != "v" || err != nil {
				t.Errorf("GET = %q, %v", v, err)
			}
			if _, err := redis.String(c.Do("GET", "missing")); !errors.Is(err, redis.ErrNil) {
				t.Errorf("GET missing: %v, want ErrNil", err)
			}
			var re redis.Error
			if _, err := c.Do("INCR", "k"); !errors.As(err, &re) || re != "ERR value is not an integer or out of range" {
				t.Errorf("INCR of a word: %v", err)
			}

			// Everything is sent before anything is read.
			const n = 2000
			for i := range n {
				must(t, c.Send("SET", i, i))
				must(t, c.Send("GET", i))
			}
			must(t, c.Flush())
			for i := range n {
				if v, err := redis.String(c.Receive()); v != "OK" || err != nil {
					t.Fatalf("SET %d = %q, %v", i, v, err)
				}
				if v, err := redis.Int(c.Receive()); v != i || err != nil {
					t.Fatalf("GET %d = %d, %v", i, v, err)
				}
			}

			must(t, c.Send("WATCH", "k"))
			must(t, c.Send("MULTI"))
			must(t, c.Send("SET", "k", "1"))
			must(t, c.Send("INCRBY", "k", 41))
			vs, err := redis.Values(c.Do("EXEC"))
			if err != nil || len(vs) != 2 || vs[1] != int64(42) {
				t.Errorf("EXEC = %v, %v", vs, err)
			}

			seen, cursor := 0, "0"
			for {
				vs, err := redis.Values(c.Do("SCAN", cursor, "COUNT", 100))
				if err != nil {
					t.Fatal(err)
				}
				keys, _ := redis.Strings(vs[1], nil)
				seen += len(keys)
				cursor, _ = redis.String(vs[0], nil)
				if _, err := strconv.ParseUint(cursor, 10, 64); err != nil {
					t.Fatal(err)
				}
				if cursor == "0" {
					break
				}
			}
			if seen != n+1 {
				t.Errorf("SCAN shows %d keys, want %d", seen, n+1)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
