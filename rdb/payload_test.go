package rdb

import (
	"bufio"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/redistest"
)

// Values of every type and encoding go from a redis-server here, and back, as
// payloads; and to a follower by the journal alone.
func TestPayloadsExchange(t *testing.T) {
	a, b := ask(t, redistest.Start(t)), ask(t, redistest.Start(t))
	dataset(a)
	db := newDB(t)
	Extend(db)
	_, tail, err := bridge.Server(db).Engine().Follow()
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(a)
	for _, key := range keys {
		if err := Restore(db.Commands, RestoreArgs{Key: key, Payload: a.do("DUMP", key).Str}); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		payload, err := Dump(db.Commands, key)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		b.do("RESTORE", key, "0", payload)
	}
	want := a.do("DEBUG", "DIGEST").Str
	if got := digest(t, db); got != want {
		t.Errorf("digest here %s, there %s", got, want)
	}
	if got := b.do("DEBUG", "DIGEST").Str; got != want {
		t.Errorf("digest of what comes back %s, want %s", got, want)
	}

	follower := newDB(t)
	Extend(follower)
	w := dial(t, follower)
	tail.Close()
	in := bufio.NewReader(tail)
	for n := 0; ; n++ {
		v, err := redistest.ReadValue(in)
		if err != nil {
			if n != len(keys)+1 { // and SELECT
				t.Errorf("%d effects for %d keys: %v", n, len(keys), err)
			}
			break
		}
		var words []string
		for _, e := range v.Elems {
			words = append(words, e.Str)
		}
		w.want("OK", words...)
	}
	if got := digest(t, follower); got != want {
		t.Errorf("digest of the follower %s, want %s", got, want)
	}
}

func TestRestore(t *testing.T) {
	db := newDB(t)
	p := mustDump(t, db, "value")
	if _, err := Dump(db.Commands, "nokey"); err != larder.ErrNil {
		t.Errorf("Dump of a missing key = %v", err)
	}
	db.Set("k", "old")
	long := strings.Repeat("x", 100000)
	for _, tt := range []struct {
		a    RestoreArgs
		want error
	}{
		{RestoreArgs{Payload: p}, ErrBusyKey},
		{RestoreArgs{Payload: p, TTL: -1, Replace: true}, errTTL},
		{RestoreArgs{Payload: p[:len(p)-1], Replace: true}, ErrPayload},
		{RestoreArgs{Payload: "", Replace: true}, ErrPayload},
		{RestoreArgs{Payload: p, HasIdleTime: true, HasFreq: true, Replace: true}, larder.ErrSyntax},
		{RestoreArgs{Payload: p, HasIdleTime: true, IdleTime: -1, Replace: true}, errIdle},
		{RestoreArgs{Payload: p, HasFreq: true, Freq: 256, Replace: true}, errFreq},
		{RestoreArgs{Payload: p, HasFreq: true, Freq: -1, Replace: true}, errFreq},
	} {
		tt.a.Key = "k"
		if err := Restore(db.Commands, tt.a); !errors.Is(err, tt.want) {
			t.Errorf("Restore(%+v) = %v, want %v", tt.a, err, tt.want)
		}
		if v, _ := db.Get("k"); v != "old" {
			t.Fatalf("Restore(%+v) has changed the key to %q", tt.a, v)
		}
	}
	if err := Restore(db.Commands, RestoreArgs{Key: "k", Payload: mustDump(t, db, long), Replace: true, TTL: 50000}); err != nil {
		t.Fatal(err)
	}
	if v, _ := db.Get("k"); v != long {
		t.Errorf("%d bytes came back", len(v))
	}
	if ttl, _ := db.TTL("k"); ttl <= 49*time.Second || ttl > 50*time.Second {
		t.Errorf("TTL = %v", ttl)
	}

	// Inside a transaction that fails nothing is left.
	fails := errors.New("fails")
	if err := db.Update(func(tx *larder.Tx) error {
		if err := Restore(tx.Commands, RestoreArgs{Key: "k", Payload: p, Replace: true}); err != nil {
			return err
		}
		if v, err := tx.Get("k"); v != "value" || err != nil {
			t.Errorf("Get = %q, %v", v, err)
		}
		return fails
	}, "k"); err != fails {
		t.Errorf("Update = %v", err)
	}
	if v, _ := db.Get("k"); v != long {
		t.Error("the transaction was not undone")
	}
}

// A payload of a footer and nothing else is refused as Redis refuses it.
func TestEmptyPayload(t *testing.T) {
	db := newDB(t)
	Extend(db)
	c := dial(t, db)
	var a redistest.Client
	server := redistest.Start(t)
	a = server.NewClient(t, 2)
	for _, p := range []string{"", "short", string(withFooter(nil, 10)), string(withFooter([]byte{0}, 10)), string(withFooter([]byte{0xFF}, 10))} {
		want := a.Do("RESTORE", "k", "0", p).Str
		if got := c.do("RESTORE", "k", "0", p); got != want {
			t.Errorf("RESTORE of %q = %q, want %q", p, got, want)
		}
	}
}
