package larder_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

// While connections are held up nothing goes by itself: neither is a key evicted, nor one
// deleted because its time is over. Afterwards both are made up for.
func TestNothingGoesDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{MaxMemory: 1 << 20, Policy: larder.AllKeysLRU})
		do := func(words ...string) {
			t.Helper()
			if _, err := db.Do(words...); err != nil {
				t.Fatal(err)
			}
		}
		stats := func(field string) bool {
			t.Helper()
			info, err := db.Do("INFO", "stats")
			if err != nil {
				t.Fatal(err)
			}
			return !strings.Contains(info.(string), field+":0\r\n")
		}
		do("SET", "short", "v", "PX", "10")
		do("CLIENT", "PAUSE", "60000", "WRITE")
		for i := range 2000 { // 2 MB
			do("SET", fmt.Sprint("key:", i), strings.Repeat("v", 1000))
		}
		time.Sleep(2 * time.Second)
		if stats("evicted_keys") || stats("expired_keys") {
			t.Error("keys went during the pause")
		}
		do("CLIENT", "UNPAUSE")
		time.Sleep(2 * time.Second)
		do("SET", "one", "more")
		if !stats("evicted_keys") || !stats("expired_keys") {
			t.Error("no keys went after the pause")
		}
	})
}
