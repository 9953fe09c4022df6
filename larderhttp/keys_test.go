package larderhttp_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/larderhttp"
)

type blob struct {
	S *string
	B []byte
	N int
}

func (b blob) String() string {
	if b.S != nil {
		return *b.S
	}
	return string(b.B)
}

type info struct {
	Key            string
	Name           blob
	Type, Encoding string
	Memory         int
	Elements       int
	Expires        int64
	Frequency      *int
	Idle           *int64
}

func (k info) key(t testing.TB) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(k.Key)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type keysPage struct {
	Keys   []info
	Cursor string
	Looked int
	Total  int64
}

// fillTypes makes a key of each type, named for it.
func fillTypes(t testing.TB, db *larder.DB) {
	t.Helper()
	do(t, db, "SET", "string", "hello")
	do(t, db, "SET", "number", "42", "PX", "100000")
	do(t, db, "RPUSH", "list", "a", "b", "3", "d")
	do(t, db, "SADD", "set", "x", "y")
	do(t, db, "SADD", "ints", "3", "1", "2")
	do(t, db, "ZADD", "zset", "1", "one", "2.5", "two", "-inf", "least")
	do(t, db, "HSET", "hash", "f", "v", "n", "7")
	do(t, db, "HPEXPIREAT", "hash", "33000000000000", "FIELDS", "1", "n")
	do(t, db, "PFADD", "hll", "a", "b", "c")
	do(t, db, "GEOADD", "geo", "13.361389", "38.115556", "Palermo")
	for i := range 5 {
		do(t, db, "XADD", "stream", fmt.Sprintf("%d-1", i+1), "f", fmt.Sprint(i))
	}
	do(t, db, "XGROUP", "CREATE", "stream", "g", "0")
	do(t, db, "XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "stream", ">")
}

// Every key is listed once, page by page, whatever bytes it has.
func TestKeysPages(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{})
	want := []string{"", "\x00\xff", "<script>", strings.Repeat("long", 1000), "ünï"}
	for i := range 2000 {
		want = append(want, fmt.Sprintf("key:%d", i))
	}
	for _, k := range want {
		do(t, db, "SET", k, "v")
	}
	do(t, db, "SET", "gone", "v", "PX", "1")
	var got []string
	cursor := "0"
	for range 1000 {
		var p keysPage
		get(t, h, "keys.json?count=70&cursor="+cursor, &p)
		if len(p.Keys) > 70+200 {
			t.Fatalf("a page of %d keys", len(p.Keys))
		}
		for _, k := range p.Keys {
			if name := k.key(t); name != "gone" {
				got = append(got, name)
				if !strings.HasPrefix(name, k.Name.String()) || k.Name.N != 0 && k.Name.N != len(name) {
					t.Errorf("%.20q is shown as %q of %d", name, k.Name, k.Name.N)
				}
			}
		}
		if cursor = p.Cursor; cursor == "0" {
			break
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d keys were listed, %d exist", len(got), len(want))
	}
}

func TestKeysFound(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{})
	fillTypes(t, db)
	do(t, db.DB(3), "SET", "elsewhere", "v")
	var p keysPage
	get(t, h, "keys.json?db=3", &p)
	if len(p.Keys) != 1 || p.Keys[0].key(t) != "elsewhere" || p.Total != 1 {
		t.Errorf("db 3 has %+v", p)
	}
	for query, want := range map[string][]string{
		"match=*set": {"set", "zset"}, "type=zset": {"geo", "zset"}, "type=ZSET&match=g*": {"geo"}, "match=none": nil, "match=": nil,
	} {
		var p keysPage
		get(t, h, "keys.json?"+query, &p)
		var got []string
		for _, k := range p.Keys {
			got = append(got, k.key(t))
		}
		slices.Sort(got)
		if query == "match=" {
			want = got
			if len(got) != 10 {
				t.Errorf("%d keys in all", len(got))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	get(t, h, "keys.json", &p)
	for _, k := range p.Keys {
		if enc := do(t, db, "OBJECT", "ENCODING", k.key(t)); enc != k.Encoding {
			t.Errorf("%s: encoding %s, want %s", k.key(t), k.Encoding, enc)
		}
		if n := do(t, db, "MEMORY", "USAGE", k.key(t)); n != int64(k.Memory) {
			t.Errorf("%s: memory %d, want %d", k.key(t), k.Memory, n)
		}
		if at := do(t, db, "PEXPIRETIME", k.key(t)); at != max(-1, k.Expires) && (at != int64(-1) || k.Expires != 0) {
			t.Errorf("%s: expires %d, want %d", k.key(t), k.Expires, at)
		}
		if want := map[string]int{"string": 5, "list": 4, "zset": 3, "stream": 5, "hash": 2, "ints": 3}[k.key(t)]; want != 0 && k.Elements != want {
			t.Errorf("%s: %d elements, want %d", k.key(t), k.Elements, want)
		}
	}
}

// To look at keys and values is no access: clocks, hits and counts stay.
func TestLookIsNoAccess(t *testing.T) {
	var ahead atomic.Int64
	db := open(t, larder.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	h := larderhttp.Handler(db, larderhttp.Options{})
	fillTypes(t, db)
	ahead.Store(int64(time.Hour))
	db.ClockJumped()
	before := db.Stats()
	for _, name := range []string{"string", "list", "set", "zset", "hash", "stream", "hll", "geo"} {
		var v struct{ Idle int64 }
		get(t, h, "value.json?key="+key(name), &v)
		get(t, h, "keys.json", new(keysPage))
		get(t, h, "top.json", new(any))
		if idle, err := db.ObjectIdleTime(name); err != nil || idle < 59*time.Minute || v.Idle < 59*60 {
			t.Errorf("%s was used %v ago, %v, and the page says %d s", name, idle, err, v.Idle)
		}
	}
	after := db.Stats()
	calls := func(s larder.Stats) (n int64) {
		for _, c := range s.Commands {
			if c.Name != "object|idletime" {
				n += c.Calls
			}
		}
		return n
	}
	if after.Hits != before.Hits || after.Misses != before.Misses || calls(after) != calls(before) || after.Snapshots != 0 {
		t.Errorf("looking counted: hits %d to %d, misses %d to %d, calls %d to %d; %d snapshots are open", before.Hits, after.Hits,
			before.Misses, after.Misses, calls(before), calls(after), after.Snapshots)
	}
}

type topPage struct {
	Sampled                int
	Total                  int64
	Biggest, Longest, Used []info
	Use, Policy            string
	Types                  []struct {
		Type         string
		Keys, Memory int
	}
}

func TestTop(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{})
	for i := range 1000 {
		do(t, db, "SET", fmt.Sprintf("k%d", i), "v")
	}
	do(t, db, "SET", "big", strings.Repeat("x", 100_000))
	for i := range 3000 {
		do(t, db, "RPUSH", "many", fmt.Sprint(i))
	}
	for range 20 { // from wherever the round begins
		var p topPage
		get(t, h, "top.json", &p)
		if p.Sampled != 1002 || p.Total != 1002 || len(p.Biggest) != 50 || p.Biggest[0].key(t) != "big" || p.Longest[0].key(t) != "many" ||
			len(p.Longest) != 1 || p.Longest[0].Elements != 3000 || p.Use != "idle" || len(p.Used) != 50 || p.Used[0].Idle == nil {
			t.Fatalf("%d of %d keys, %d biggest, %d longest", p.Sampled, p.Total, len(p.Biggest), len(p.Longest))
		}
		if !slices.IsSortedFunc(p.Biggest, func(a, b info) int { return b.Memory - a.Memory }) {
			t.Fatal("the biggest are not in order")
		}
		keys := 0
		for _, s := range p.Types {
			keys += s.Keys
		}
		if keys != 1002 {
			t.Fatalf("%d keys by type", keys)
		}
	}
	var p topPage
	get(t, h, "top.json?sample=100", &p)
	if p.Sampled < 100 || p.Sampled > 300 {
		t.Errorf("a sample of %d keys", p.Sampled)
	}
}

// Under an LFU policy hot keys are those that are used often.
func TestHotKeys(t *testing.T) {
	db := open(t, larder.Options{Policy: larder.AllKeysLFU, MaxMemory: 100 << 20})
	h := larderhttp.Handler(db, larderhttp.Options{})
	for i := range 100 {
		do(t, db, "SET", fmt.Sprintf("k%d", i), "v")
	}
	for range 5000 {
		do(t, db, "GET", "k77")
	}
	var p topPage
	get(t, h, "top.json", &p)
	if p.Use != "frequency" || p.Policy != "allkeys-lfu" || p.Used[0].key(t) != "k77" || *p.Used[0].Frequency < 10 || p.Used[0].Idle != nil {
		t.Errorf("by %s under %s: %+v", p.Use, p.Policy, p.Used[0])
	}
}

// Numbers from outside are checked at their borders.
func TestParameters(t *testing.T) {
	db := open(t, larder.Options{})
	fillTypes(t, db)
	h := larderhttp.Handler(db, larderhttp.Options{})
	for _, tt := range []struct {
		target string
		want   int
	}{
		{"keys.json?db=15", 200}, {"keys.json?db=16", 400}, {"keys.json?db=-1", 400}, {"keys.json?db=x", 400},
		{"keys.json?count=0", 400}, {"keys.json?count=1", 200}, {"keys.json?count=500", 200}, {"keys.json?count=501", 400},
		{"keys.json?cursor=281474976710655", 200}, {"keys.json?cursor=281474976710656", 400}, {"keys.json?cursor=-1", 400},
		{"keys.json?type=string", 200}, {"keys.json?type=strong", 400}, {"keys.json?match=%ff", 200}, {"keys.json?match=" + strings.Repeat("x", 70_000), 400},
		{"keys.json?match=%zz", 400},
		{"top.json?sample=0", 400}, {"top.json?sample=200000", 200}, {"top.json?sample=200001", 400}, {"top.json?db=16", 400},
		{"stats.json?since=9223372036854775806", 200}, {"stats.json?since=9223372036854775807", 400}, {"stats.json?since=-1", 400},
		{"value.json", 400}, {"value.json?key=", 404}, {"value.json?key=*", 400}, {"value.json?key=YQ==", 400}, {"value.json?db=1&key=" + key("list"), 404},
		{"value.json?key=" + key("string") + "&offset=1099511627776", 200}, {"value.json?key=" + key("string") + "&offset=1099511627777", 400},
		{"value.json?key=" + key("string") + "&offset=-1", 400}, {"value.json?key=" + key("string") + "&length=65536", 200},
		{"value.json?key=" + key("string") + "&length=65537", 400}, {"value.json?key=" + key("string") + "&length=0", 400},
		{"value.json?key=" + key("list") + "&count=200", 200}, {"value.json?key=" + key("list") + "&count=201", 400}, {"value.json?key=" + key("list") + "&cut=65537", 400},
		{"value.json?key=" + key("list") + "&cursor=-1", 400}, {"value.json?key=" + key("list") + "&cursor=x", 400},
		{"value.json?key=" + key("list") + "&cursor=" + fmt.Sprint(math.MaxInt), 200}, {"value.json?key=" + key("list") + "&back&cursor=" + fmt.Sprint(math.MaxInt), 200},
		{"value.json?key=" + key("list") + "&cursor=9223372036854775808", 400},
		{"value.json?key=" + key("zset") + "&back&cursor=" + fmt.Sprint(math.MaxInt), 200}, {"value.json?key=" + key("set") + "&cursor=t1", 200},
		{"value.json?key=" + key("set") + "&cursor=x", 400}, {"value.json?key=" + key("hash") + "&cursor=-5", 400},
		{"value.json?key=" + key("stream") + "&cursor=18446744073709551615-18446744073709551615", 200}, {"value.json?key=" + key("stream") + "&cursor=18446744073709551616-0", 400},
		{"value.json?key=" + key("stream") + "&group=" + key("none"), 404}, {"value.json?key=" + key("stream") + "&group=" + key("g") + "&cursor=x", 400},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request("GET", "/"+tt.target))
		if w.Code != tt.want {
			t.Errorf("GET %.100s: %d %s, want %d", tt.target, w.Code, w.Body, tt.want)
		}
	}
}
