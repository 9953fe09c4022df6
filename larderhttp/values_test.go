package larderhttp_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/larderhttp"
)

type valuePage struct {
	info
	Next   string
	String *struct {
		Offset int
		Data   []byte
		HLL    *struct {
			Count    uint64
			Encoding string
			Corrupt  bool
		}
	}
	List []struct {
		Index int
		Value blob
	}
	Set  []blob
	ZSet []struct {
		Rank   int
		Member blob
		Score  string
		Place  *struct{ Lon, Lat float64 }
	}
	Hash []struct {
		Field, Value blob
		Expires      int64
	}
	Stream *struct {
		LastID, FirstID string
		Added           int64
		Entries         []struct {
			ID     string
			Fields [][2]blob
			More   int
		}
		Groups []struct {
			Key       string
			Name      blob
			Lag, Read int64
			Pending   int
			Consumers []struct {
				Name         blob
				Pending      int
				Seen, Active int64
			}
		}
	}
	Pending []struct {
		ID                    string
		Consumer              blob
		Delivered, Deliveries int64
	}
}

func TestValues(t *testing.T) {
	db := open(t, larder.Options{})
	fillTypes(t, db)
	h := larderhttp.Handler(db, larderhttp.Options{})
	value := func(name, more string) (v valuePage) {
		t.Helper()
		get(t, h, "value.json?key="+key(name)+more, &v)
		return v
	}
	if v := value("string", ""); v.Type != "string" || string(v.String.Data) != "hello" || v.String.HLL != nil {
		t.Errorf("string: %+v", v)
	}
	if v := value("number", "&offset=1"); string(v.String.Data) != "2" || v.Encoding != "int" || v.Expires == 0 {
		t.Errorf("number: %+v", v)
	}
	if v := value("string", "&offset=100"); v.String.Offset != 5 || len(v.String.Data) != 0 {
		t.Errorf("behind the string: %+v", v.String)
	}
	if v := value("hll", ""); v.String.HLL == nil || v.String.HLL.Count != 3 || v.String.HLL.Encoding != "sparse" || v.String.HLL.Corrupt {
		t.Errorf("hll: %+v", v.String)
	}
	if v := value("list", ""); fmt.Sprint(v.List) != "[{0 a} {1 b} {2 3} {3 d}]" || v.Next != "" {
		t.Errorf("list: %v", v.List)
	}
	if v := value("list", "&back&count=3"); fmt.Sprint(v.List) != "[{3 d} {2 3} {1 b}]" || v.Next != "3" {
		t.Errorf("list from its end: %v, next %q", v.List, v.Next)
	}
	if v := value("list", "&back&count=3&cursor=3"); fmt.Sprint(v.List) != "[{0 a}]" || v.Next != "" {
		t.Errorf("the rest of it: %v, next %q", v.List, v.Next)
	}
	if v := value("ints", "&count=2&cursor=1"); fmt.Sprint(v.Set) != "[2 3]" || v.Next != "" {
		t.Errorf("ints: %v", v.Set)
	}
	v := value("zset", "")
	if len(v.ZSet) != 3 || v.ZSet[0].Score != "-Inf" || v.ZSet[2].Member.String() != "two" || v.ZSet[2].Score != "2.5" || v.ZSet[2].Place != nil || v.ZSet[2].Rank != 2 {
		t.Errorf("zset: %+v", v.ZSet)
	}
	v = value("geo", "")
	if p := v.ZSet[0].Place; p == nil || fmt.Sprintf("%.4f %.4f", p.Lon, p.Lat) != "13.3614 38.1156" {
		t.Errorf("geo: %+v", p)
	}
	v = value("hash", "")
	slices.SortFunc(v.Hash, func(a, b struct {
		Field, Value blob
		Expires      int64
	}) int {
		return strings.Compare(a.Field.String(), b.Field.String())
	})
	if fmt.Sprint(v.Hash) != "[{f v 0} {n 7 33000000000000}]" {
		t.Errorf("hash: %v", v.Hash)
	}
	v = value("stream", "&count=2")
	if s := v.Stream; v.Next != "3-1" || len(s.Entries) != 2 || s.Entries[0].ID != "5-1" || fmt.Sprint(s.Entries[0].Fields) != "[[f 4]]" || s.Added != 5 ||
		len(s.Groups) != 1 || s.Groups[0].Lag != 3 || s.Groups[0].Pending != 2 || s.Groups[0].Consumers[0].Name.String() != "c" || s.Groups[0].Consumers[0].Active == 0 {
		t.Errorf("stream: %+v, next %s", s, v.Next)
	}
	v = value("stream", "&cursor=3-1")
	if s := v.Stream; v.Next != "" || len(s.Entries) != 3 || len(s.Groups) != 0 {
		t.Errorf("the rest of it: %+v, next %s", s, v.Next)
	}
	v = value("stream", "&count=1&group="+key("g"))
	if len(v.Pending) != 1 || v.Pending[0].ID != "1-1" || v.Pending[0].Consumer.String() != "c" || v.Pending[0].Deliveries != 1 || v.Next != "2-1" {
		t.Errorf("pending: %+v, next %s", v.Pending, v.Next)
	}
	if v = value("stream", "&cursor=2-1&group="+key("g")); len(v.Pending) != 1 || v.Next != "" {
		t.Errorf("the rest of it: %+v, next %s", v.Pending, v.Next)
	}
}

// All elements come, page by page, once, however a collection is kept.
func TestValuePages(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{})
	for _, n := range []int{100, 3000} { // in a listpack or the like, and in a table
		for i := range n {
			s := fmt.Sprintf("%d\xff", i)
			do(t, db, "RPUSH", fmt.Sprint("list", n), s)
			do(t, db, "SADD", fmt.Sprint("set", n), s)
			do(t, db, "SADD", fmt.Sprint("ints", n), fmt.Sprint(i))
			do(t, db, "HSET", fmt.Sprint("hash", n), s, "v")
			do(t, db, "ZADD", fmt.Sprint("zset", n), fmt.Sprint(i), s)
			do(t, db, "XADD", fmt.Sprint("stream", n), fmt.Sprintf("0-%d", i+1), s, "v")
		}
		for _, name := range []string{"list", "set", "ints", "hash", "zset", "stream"} {
			for _, count := range []int{7, 200} {
				seen, cursor, pages := map[string]int{}, "", 0
				for {
					var v valuePage
					get(t, h, fmt.Sprintf("value.json?key=%s&count=%d&cursor=%s", key(fmt.Sprint(name, n)), count, cursor), &v)
					for _, e := range v.List {
						seen[e.Value.String()]++
					}
					for _, e := range v.Set {
						seen[e.String()]++
					}
					for _, e := range v.Hash {
						seen[e.Field.String()]++
					}
					for _, e := range v.ZSet {
						seen[e.Member.String()]++
					}
					if v.Stream != nil {
						for _, e := range v.Stream.Entries {
							seen[e.Fields[0][0].String()]++
						}
					}
					if pages++; v.Next == "" || pages > 2*n {
						break
					}
					cursor = v.Next
				}
				for s, times := range seen {
					if times != 1 {
						t.Fatalf("%s%d, %d a page: %q came %d times", name, n, count, s, times)
					}
				}
				if len(seen) != n {
					t.Errorf("%s%d, %d a page: %d elements came", name, n, count, len(seen))
				}
			}
		}
	}
}

// An answer is bounded, however large the elements are, and a cut text stays text.
func TestBounds(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{})
	huge := strings.Repeat("ü", 1<<20)
	do(t, db, "SET", "string", huge)
	for i := range 150 {
		do(t, db, "RPUSH", "list", huge[:300_000])
		do(t, db, "HSET", "hash", fmt.Sprint(i)+huge[:100_000], huge[:100_000])
		do(t, db, "SADD", "set", fmt.Sprint(i)+huge[:100_000])
		do(t, db, "ZADD", "zset", "1", fmt.Sprint(i)+huge[:100_000])
	}
	fields := []string{"XADD", "stream", "*"}
	for range 1000 {
		fields = append(fields, huge[:10_000], huge[:10_000])
	}
	do(t, db, fields...)
	for _, name := range []string{"string", "list", "hash", "set", "zset", "stream"} {
		for _, more := range []string{"", "&cut=65536&count=200&length=65536"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request("GET", "/value.json?key="+key(name)+more))
			if w.Code != 200 || w.Body.Len() > 800<<10 {
				t.Errorf("value of %s%s: %d, %d bytes", name, more, w.Code, w.Body.Len())
			}
		}
	}
	var v valuePage
	get(t, h, "value.json?key="+key("list")+"&count=1&cut=1001", &v)
	if e := v.List[0].Value; e.S == nil || len(*e.S) != 1000 || e.N != 300_000 {
		t.Errorf("an element that is cut: %d bytes of %d, as text: %v", len(e.String()), e.N, e.S != nil)
	}
	get(t, h, "value.json?key="+key("list")+"&cut=65536", &v)
	if v.Next == "" || len(v.List) > 20 {
		t.Errorf("a page of %d huge elements, next %q", len(v.List), v.Next)
	}
}

// A string that only looks like a HyperLogLog is shown all the same.
func TestCorruptHLL(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{})
	do(t, db, "SET", "k", "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\xff\xff\xff")
	var v valuePage
	get(t, h, "value.json?key="+key("k"), &v)
	if v.String.HLL == nil || !v.String.HLL.Corrupt || len(v.String.Data) != 19 {
		t.Errorf("%+v", v.String)
	}
}
