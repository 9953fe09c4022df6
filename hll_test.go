package larder_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/larderdb/larder"
)

// The wire is tested by testdata/hyperloglog.txt. Here are the typed calls, and where
// PFCOUNT may not keep its estimate.

func TestHyperLogLog(t *testing.T) {
	db := open(t, larder.Options{})
	for i := range 5000 {
		db.PFAdd("a", fmt.Sprint("user ", i))
		db.PFAdd("b", fmt.Sprint("user ", i+2500))
	}
	about := func(got int64, err error, want int64) {
		t.Helper()
		if err != nil || got < want*95/100 || got > want*105/100 {
			t.Errorf("PFCount = %d, %v; want about %d", got, err, want)
		}
	}
	n, err := db.PFCount("a")
	about(n, err, 5000)
	n, err = db.PFCount("a", "b", "missing")
	about(n, err, 7500)
	if err := db.PFMerge("both", "a", "b"); err != nil {
		t.Fatal(err)
	}
	m, err := db.PFCount("both")
	if err != nil || m != n {
		t.Errorf("merged %d are counted, %v; together they were %d", m, err, n)
	}
	if changed, err := db.PFAdd("a", "user 1"); changed || err != nil {
		t.Errorf("PFAdd of a known element = %v, %v", changed, err)
	}
	db.Set("s", "no HyperLogLog")
	if _, err := db.PFAdd("s", "x"); err == nil || !strings.HasPrefix(err.Error(), "WRONGTYPE") {
		t.Errorf("PFAdd to a string = %v", err)
	}
	if _, err := db.PFCount(); err == nil {
		t.Error("PFCount of nothing is no error")
	}
}

// TestPFCountKeepsItsEstimate where it may write, in a View and under an Update that
// is undone as well it counts the same.
func TestPFCountKeepsItsEstimate(t *testing.T) {
	for name, elements := range map[string]int{"sparse": 100, "dense": 5000} {
		t.Run(name, func(t *testing.T) {
			db := open(t, larder.Options{})
			for i := range elements {
				db.PFAdd("h", fmt.Sprint(i))
			}
			stale, _ := db.Get("h")
			var inView, inUpdate int64
			if err := db.View(func(tx *larder.Tx) (err error) { inView, err = tx.PFCount("h"); return err }, "h"); err != nil {
				t.Fatal(err)
			}
			if now, _ := db.Get("h"); now != stale {
				t.Error("a View has written")
			}
			db.Update(func(tx *larder.Tx) error {
				inUpdate, _ = tx.PFCount("h")
				tx.PFAdd("h", "another", "and another", "and one more")
				return errors.New("undone")
			}, "h")
			if now, _ := db.Get("h"); now != stale {
				t.Error("what was undone is there")
			}
			snap := db.Snapshot()
			defer snap.Close()
			n, err := db.PFCount("h")
			if err != nil || n != inView || n != inUpdate {
				t.Errorf("PFCount = %d, %v; %d in a View, %d in an Update", n, err, inView, inUpdate)
			}
			if now, _ := db.Get("h"); now == stale {
				t.Error("the estimate was not kept")
			}
			if then, _ := snap.Get("h"); then != stale {
				t.Error("the snapshot has changed")
			}
		})
	}
}
