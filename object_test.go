package larder_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

func TestObjectEncoding(t *testing.T) {
	db := open(t, larder.Options{})
	for value, want := range map[string]string{
		"": "embstr", "12": "int", "-9223372036854775808": "int", "9223372036854775808": "embstr", "012": "embstr",
		strings.Repeat("x", 44): "embstr", strings.Repeat("x", 45): "raw",
	} {
		if err := db.Set("k", value); err != nil {
			t.Fatal(err)
		}
		if got, err := db.ObjectEncoding("k"); got != want || err != nil {
			t.Errorf("ObjectEncoding of %q = %q, %v, want %q", value, got, err, want)
		}
	}
	if _, err := db.ObjectEncoding("nope"); err != larder.ErrNil {
		t.Errorf("ObjectEncoding of no key: %v", err)
	}
	if _, err := db.ObjectRefCount("nope"); err != larder.ErrNil {
		t.Errorf("ObjectRefCount of no key: %v", err)
	}
}

func TestObjectRefCount(t *testing.T) {
	for _, test := range []struct {
		o     larder.Options
		value string
		want  int64
	}{
		{larder.Options{}, "0", 2147483647}, {larder.Options{}, "9999", 2147483647}, {larder.Options{}, "10000", 1},
		{larder.Options{}, "-1", 1}, {larder.Options{}, "x", 1},
		{larder.Options{MaxMemory: 1 << 30}, "12", 2147483647},
		{larder.Options{Policy: larder.AllKeysLRU}, "12", 2147483647},
		{larder.Options{MaxMemory: 1 << 30, Policy: larder.AllKeysLRU}, "12", 1},
		{larder.Options{MaxMemory: 1 << 30, Policy: larder.VolatileLFU}, "12", 1},
		{larder.Options{MaxMemory: 1 << 30, Policy: larder.VolatileTTL}, "12", 2147483647},
	} {
		db := open(t, test.o)
		if err := db.Set("k", test.value); err != nil {
			t.Fatal(err)
		}
		if got, err := db.ObjectRefCount("k"); got != test.want || err != nil {
			t.Errorf("ObjectRefCount of %s with %+v = %d, %v, want %d", test.value, test.o, got, err, test.want)
		}
	}
}

func TestObjectIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := larder.Open(larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Set("k", "v"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90 * time.Second)
		for range 2 { // to ask is no access
			if got, err := db.ObjectIdleTime("k"); got < 89*time.Second || got > 91*time.Second || err != nil {
				t.Errorf("ObjectIdleTime = %v, %v", got, err)
			}
		}
		if _, err := db.Get("k"); err != nil {
			t.Fatal(err)
		}
		if got, err := db.ObjectIdleTime("k"); got > time.Second || err != nil {
			t.Errorf("ObjectIdleTime after GET = %v, %v", got, err)
		}
		if _, err := db.ObjectFreq("k"); err == nil || !strings.HasPrefix(err.Error(), "ERR An LFU maxmemory policy is not selected") {
			t.Errorf("ObjectFreq without LFU: %v", err)
		}
		if _, err := db.ObjectFreq("nope"); err != larder.ErrNil {
			t.Errorf("ObjectFreq of no key: %v", err)
		}
	})
}

func TestObjectFreq(t *testing.T) {
	db := open(t, larder.Options{Policy: larder.AllKeysLFU})
	if err := db.Set("k", "v"); err != nil {
		t.Fatal(err)
	}
	if got, err := db.ObjectFreq("k"); got != 5 || err != nil {
		t.Errorf("ObjectFreq of a new key = %d, %v", got, err)
	}
	for range 1000 {
		if _, err := db.Get("k"); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := db.ObjectFreq("k"); got < 6 || got > 255 || err != nil {
		t.Errorf("ObjectFreq after 1000 reads = %d, %v", got, err)
	}
	if _, err := db.ObjectIdleTime("k"); err == nil || !strings.HasPrefix(err.Error(), "ERR An LFU maxmemory policy is selected") {
		t.Errorf("ObjectIdleTime under LFU: %v", err)
	}
}
