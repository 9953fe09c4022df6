package rdb

import (
	"bytes"
	"strings"
	"testing"
)

// Small collections with long elements, which have a form of their own here, are saved
// and come back.
func TestLongElements(t *testing.T) {
	long := strings.Repeat("long", 50)
	src := newDB(t)
	src.HSet("h", "n", "12", "f", long)
	src.HSet("h2", long, "1")
	if _, err := src.Do("ZADD", "z", "1.5", long, "-2", "short", "7", "123"); err != nil {
		t.Fatal(err)
	}
	db := newDB(t)
	if err := Load(bytes.NewReader(saved(t, src)), db); err != nil {
		t.Fatal(err)
	}
	if got, want := digest(t, db), digest(t, src); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	for _, key := range []string{"h", "h2", "z"} {
		got, _ := db.ObjectEncoding(key)
		if want, err := src.ObjectEncoding(key); got != want || err != nil {
			t.Errorf("OBJECT ENCODING %s = %s, want %s, %v", key, got, want, err)
		}
	}
}
