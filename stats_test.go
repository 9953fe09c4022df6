package larder_test

import (
	"fmt"
	"log"
	"testing"
	"time"

	"github.com/larderdb/larder"
)

func TestStats(t *testing.T) {
	db := open(t, larder.Options{MaxMemory: 1 << 30, Policy: larder.VolatileLFU})
	c := newConn(db)
	defer c.Close()
	var empty larder.Stats
	if r := empty.HitRate(); r != 0 {
		t.Errorf("HitRate without lookups = %v", r)
	}
	c.Do("SET", "k", "v")
	db.Get("k")
	db.Get("k")
	db.Get("k")
	db.Get("nope")
	c.Do("LPUSH", "k", "x")
	c.Do("LPUSH")
	c.Do("SUBSCRIBE", "a", "b")
	db.DB(3).SetArgs(larder.SetArgs{Key: "t", Value: "v", TTL: time.Hour})
	s := db.Stats()
	if s.Hits != 3 || s.Misses != 1 || s.HitRate() != 0.75 {
		t.Errorf("Hits, Misses, HitRate = %d, %d, %v", s.Hits, s.Misses, s.HitRate())
	}
	if s.Processed != 3 || s.ErrorReplies != 2 || s.Errors["WRONGTYPE"] != 1 || s.Errors["ERR"] != 1 {
		t.Errorf("Processed, errors = %d, %d, %v", s.Processed, s.ErrorReplies, s.Errors)
	}
	if cl := s.Clients; cl.Connected != 1 || cl.Received != 1 || cl.Channels != 2 || cl.Max != 10000 {
		t.Errorf("Clients = %+v", cl)
	}
	if m := s.Memory; m.Max != 1<<30 || m.Policy != larder.VolatileLFU || m.Keyspace <= 0 || m.Used <= m.Keyspace || m.Peak < m.Used || m.RSS < m.Used {
		t.Errorf("Memory = %+v", m)
	}
	if p := s.Persistence; p.Changes != 2 || p.LastTook != -1 || p.Saving || p.Loading || time.Since(p.LastSave) > time.Minute {
		t.Errorf("Persistence = %+v", p)
	}
	if r := s.Replication; len(r.ID) != 40 || r.Primary != "" || len(r.Replicas) != 0 {
		t.Errorf("Replication = %+v", r)
	}
	if k := s.Keyspace; len(k) != 2 || k[0] != (larder.DatabaseStats{DB: 0, Keys: 1}) || k[1].DB != 3 || k[1].Expiring != 1 ||
		k[1].MeanTTL < 59*time.Minute || k[1].MeanTTL > time.Hour {
		t.Errorf("Keyspace = %+v", k)
	}
	found := 0
	for _, cmd := range s.Commands {
		switch cmd.Name {
		case "get":
			if found++; cmd.Calls != 4 || cmd.Longest != 0 { // by Go: not timed
				t.Errorf("get = %+v", cmd)
			}
		case "lpush":
			if found++; cmd.Calls != 1 || cmd.Rejected != 1 || cmd.Failed != 1 || cmd.P50 <= 0 || cmd.P50 > cmd.P99 || cmd.P999 > cmd.Longest {
				t.Errorf("lpush = %+v", cmd)
			}
		}
	}
	if found != 2 {
		t.Errorf("Commands = %+v", s.Commands)
	}
	if _, err := db.Do("CONFIG", "RESETSTAT"); err != nil {
		t.Fatal(err)
	}
	if s := db.Stats(); s.Hits != 0 || s.ErrorReplies != 0 || s.Processed != 1 || len(s.Errors) != 0 {
		t.Errorf("after CONFIG RESETSTAT: %+v", s)
	}
}

// How a program watches its store.
func ExampleDB_Stats() {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.Set("sku:42", "3")
	db.Get("sku:42")
	db.Get("sku:43")
	s := db.Stats()
	fmt.Printf("%d keys, %.0f%% of the lookups hit\n", s.Keyspace[0].Keys, 100*s.HitRate())
	// Output: 1 keys, 50% of the lookups hit
}
