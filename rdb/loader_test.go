package rdb

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/admin"
)

// While a file comes slowly, connections hear LOADING, and INFO says how far it is.
func TestLoadingSlowly(t *testing.T) {
	src := newDB(t)
	for i := range 2000 {
		src.Set(fmt.Sprint("k", i), random(100))
	}
	file := saved(t, src)
	db, s := attachedDB(t)
	db.Set("old", "v")
	w := dial(t, db)
	r, pipe := io.Pipe()
	told := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- s.loadFrom(r, int64(len(file)), admin.ReloadArgs{}, func() { close(told) }) }()
	<-told
	if _, err := pipe.Write(file[:len(file)/2]); err != nil {
		t.Fatal(err)
	}
	// The pipe has no buffer: what was written was read, and is counted in a moment.
	for deadline := time.Now().Add(time.Minute); w.info("loading_loaded_bytes") != fmt.Sprint(len(file)/2) || w.info("loading_rdb_used_mem") == "0"; {
		if time.Now().After(deadline) {
			t.Fatalf("INFO says that %s bytes were loaded, and %s were used", w.info("loading_loaded_bytes"), w.info("loading_rdb_used_mem"))
		}
		runtime.Gosched()
	}
	const loading = "LOADING Redis is loading the dataset in memory"
	for _, words := range [][]string{{"GET", "old"}, {"PING"}, {"SET", "a", "b"}, {"DBSIZE"}, {"SAVE"}} {
		if got := w.do(words...); got != loading {
			t.Errorf("%q = %q", words, got)
		}
	}
	for name, want := range map[string]string{"loading": "1", "async_loading": "0", "loading_total_bytes": fmt.Sprint(len(file)), "loading_loaded_perc": fmt.Sprintf("%.2f", 100*float64(len(file)/2)/float64(len(file)))} {
		if got := w.info(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, err := pipe.Write(file[len(file)/2:]); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	w.want("0", "EXISTS", "old")
	w.want("2000", "DBSIZE")
	if got := w.info("loading"); got != "0" {
		t.Errorf("loading is %q", got)
	}
}

// key-load-delay may be negative, as rdb-key-save-delay: a microsecond now and then.
func TestNegativeDelay(t *testing.T) {
	src := newDB(t, "rdb-key-save-delay", "-3")
	for i := range 500 {
		src.Set(fmt.Sprint("k", i), "v")
	}
	db := newDB(t, "key-load-delay", "-3")
	if err := Load(bytes.NewReader(saved(t, src)), db); err != nil {
		t.Fatal(err)
	}
	if got, want := digest(t, db), digest(t, src); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	for micros, want := range map[int64]time.Duration{0: 0, 7: 7 * time.Microsecond, -1: time.Microsecond} {
		if got := delayOf(micros); got != want {
			t.Errorf("delayOf(%d) = %v, want %v", micros, got, want)
		}
	}
	waits := 0
	for range 10000 {
		if delayOf(-10) != 0 {
			waits++
		}
	}
	if waits < 700 || waits > 1300 {
		t.Errorf("of 10000 times it waits %d at -10", waits)
	}
}
