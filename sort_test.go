package larder_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder"
)

// The wire is tested by testdata/sort.txt. Here are the typed calls, and sorting beside
// others who write.

func TestSortTyped(t *testing.T) {
	db := open(t, larder.Options{})
	db.RPush("l", "3", "1", "2")
	db.SAdd("s", "b", "a")
	db.Set("w_1", "30")
	db.Set("w_2", "20")
	db.HSet("h_3", "f", "v")
	check := func(name string, got, want any, err error) {
		t.Helper()
		if g, w := fmt.Sprint(got), fmt.Sprint(want); err != nil || g != w {
			t.Errorf("%s = %s, %v, want %s", name, g, err, w)
		}
	}
	ss, err := db.Sort(larder.SortArgs{Key: "l"})
	check("Sort", ss, "[1 2 3]", err)
	ss, err = db.Sort(larder.SortArgs{Key: "l", Desc: true, Offset: 1, Count: 1})
	check("Sort", ss, "[2]", err)
	ss, err = db.Sort(larder.SortArgs{Key: "s", Alpha: true})
	check("Sort", ss, "[a b]", err)
	ss, err = db.Sort(larder.SortArgs{Key: "l", By: "w_*"})
	check("Sort", ss, "[3 2 1]", err)
	ss, err = db.Sort(larder.SortArgs{Key: "l", By: "nosort", Desc: true, Get: []string{"#", "w_*"}})
	check("Sort", fmt.Sprintf("%q", ss), `["2" "20" "1" "30" "3" ""]`, err)
	ms, err := db.SortGet(larder.SortArgs{Key: "l", Get: []string{"h_*->f"}})
	check("SortGet", ms, []larder.Maybe{{}, {}, {Value: "v", Ok: true}}, err)
	n, err := db.SortStore("d", larder.SortArgs{Key: "l", Get: []string{"h_*->f", "#"}})
	check("SortStore", n, 6, err)
	ss, err = db.LRange("d", 0, -1)
	check("LRange", fmt.Sprintf("%q", ss), `["" "1" "" "2" "v" "3"]`, err)
	n, err = db.SortStore("d", larder.SortArgs{Key: "nope"})
	check("SortStore", n, 0, err)
	n, err = db.Exists("d")
	check("Exists", n, 0, err)
	if err := db.View(func(tx *larder.Tx) error {
		ss, err := tx.Sort(larder.SortArgs{Key: "l", By: "w_*"})
		check("Tx.Sort", ss, "[3 2 1]", err)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *larder.Tx) error {
		_, err := tx.Sort(larder.SortArgs{Key: "l", By: "w_*"})
		return err
	}, "l"); err == nil {
		t.Error("an Update of one key reads others by a pattern")
	}
}

func TestSortTypedErrors(t *testing.T) {
	db := open(t, larder.Options{})
	db.Set("str", "v")
	db.RPush("l", "x")
	for name, tt := range map[string]struct {
		a    larder.SortArgs
		want error
	}{
		"wrong type": {larder.SortArgs{Key: "str"}, larder.ErrWrongType},
		"no number":  {larder.SortArgs{Key: "l"}, larder.Error("ERR One or more scores can't be converted into double")},
		"offset":     {larder.SortArgs{Key: "l", Offset: -1}, larder.ErrSyntax},
		"count":      {larder.SortArgs{Key: "l", Count: -1}, larder.ErrSyntax},
	} {
		if _, err := db.Sort(tt.a); !errors.Is(err, tt.want) {
			t.Errorf("%s: Sort: %v, want %v", name, err, tt.want)
		}
		if _, err := db.SortGet(tt.a); !errors.Is(err, tt.want) {
			t.Errorf("%s: SortGet: %v, want %v", name, err, tt.want)
		}
		if _, err := db.SortStore("d", tt.a); !errors.Is(err, tt.want) {
			t.Errorf("%s: SortStore: %v, want %v", name, err, tt.want)
		}
	}
}

// TestSortModel sorts lists, sets and sorted sets of all sizes, and compares with what
// sorting a slice gives.
func TestSortModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(41, 42))
	db := open(t, larder.Options{})
	for _, n := range []int{1, 7, 60, 600, 3000} {
		var want []int
		db.Del("l", "s", "z")
		for i := range n {
			x := rnd.IntN(1_000_000) - 500_000
			if ok, _ := db.SIsMember("s", strconv.Itoa(x)); ok {
				continue
			}
			want = append(want, x)
			db.RPush("l", strconv.Itoa(x))
			db.SAdd("s", strconv.Itoa(x))
			db.ZAdd("z", larder.Z{Member: strconv.Itoa(x), Score: float64(i)})
		}
		slices.Sort(want)
		for _, key := range []string{"l", "s", "z"} {
			for _, desc := range []bool{false, true} {
				offset, count := rnd.IntN(n), 1+rnd.IntN(n)
				got, err := db.Sort(larder.SortArgs{Key: key, Desc: desc, Offset: int64(offset), Count: int64(count)})
				all := slices.Clone(want)
				if desc {
					slices.Reverse(all)
				}
				part := all[min(offset, len(all)):min(offset+count, len(all))]
				if err != nil || strings.Join(got, " ") != strings.Trim(fmt.Sprint(part), "[]") {
					t.Fatalf("%s of %d, %d after %d: %.200v, %v, want %.200v", key, n, count, offset, got, err, part)
				}
				db.SortStore("d", larder.SortArgs{Key: key, Desc: desc, Alpha: true})
				stored, _ := db.LRange("d", 0, -1)
				slices.SortFunc(all, func(a, b int) int { return strings.Compare(strconv.Itoa(a), strconv.Itoa(b)) })
				if desc {
					slices.Reverse(all)
				}
				if strings.Join(stored, " ") != strings.Trim(fmt.Sprint(all), "[]") {
					t.Fatalf("%s of %d, stored: %.200v, want %.200v", key, n, stored, all)
				}
			}
		}
	}
}

// TestSortBesideWriters sorts by patterns, so with all shards, while keys that it reads
// come and go.
func TestSortBesideWriters(t *testing.T) {
	db := open(t, larder.Options{})
	for i := range 50 {
		db.SAdd("s", strconv.Itoa(i))
	}
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := range 500 {
				key := fmt.Sprint("w_", (i*7+w)%50)
				if i%3 == 0 {
					db.Del(key)
				} else {
					db.Set(key, strconv.Itoa(i))
				}
			}
		})
	}
	wg.Go(func() {
		for range 100 {
			ss, err := db.Sort(larder.SortArgs{Key: "s", By: "w_*", Get: []string{"#", "w_*"}})
			if err != nil || len(ss) != 100 {
				t.Errorf("%d values, %v", len(ss), err)
			}
			if n, err := db.SortStore("d", larder.SortArgs{Key: "s", By: "w_*", Alpha: true}); n != 50 || err != nil {
				t.Errorf("SortStore = %d, %v", n, err)
			}
		}
	})
	wg.Wait()
}

func ExampleDB_Sort() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.SAdd("friends", "ada", "bob", "cid")
	for name, age := range map[string]string{"ada": "36", "bob": "24", "cid": "51"} {
		db.HSet("user:"+name, "age", age)
	}
	oldest, _ := db.Sort(larder.SortArgs{Key: "friends", By: "user:*->age", Desc: true, Count: 2, Get: []string{"#", "user:*->age"}})
	fmt.Println(oldest)
	// Output: [cid 51 ada 36]
}
