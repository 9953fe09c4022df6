package larderhttp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/larderhttp"
)

type node struct {
	T string
	V json.RawMessage
	N int
}

type commandPage struct {
	Reply node
	Cut   bool
	Took  float64
	Error string
}

func token(t testing.TB, h http.Handler) string {
	var p statsPage
	get(t, h, "stats.json", &p)
	return p.Token
}

func post(h http.Handler, body string, change func(*http.Request)) (int, commandPage) {
	r := httptest.NewRequest("POST", "/command.json", strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:5", "localhost:6060"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "http://localhost:6060")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	change(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var p commandPage
	json.Unmarshal(w.Body.Bytes(), &p) // a body that is none fails by what it lacks
	return w.Code, p
}

// Nobody writes who is not the page, and none where writes are not allowed.
func TestWhoMayWrite(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{AllowWrites: true})
	right := token(t, h)
	const set = `{"words":[{"s":"SET"},{"s":"k"},{"s":"v"}]}`
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"no token", func(r *http.Request) {}, 403},
		{"a wrong token", func(r *http.Request) { r.Header.Set("X-Larder-Token", right[1:]+"A") }, 403},
		{"GET", func(r *http.Request) { r.Method = "GET"; r.Header.Set("X-Larder-Token", right) }, 405},
		{"another origin", func(r *http.Request) {
			r.Header.Set("X-Larder-Token", right)
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "http://localhost:7070")
		}, 403},
		{"another site", func(r *http.Request) {
			r.Header.Set("X-Larder-Token", right)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}, 403},
		{"a form", func(r *http.Request) {
			r.Header.Set("X-Larder-Token", right)
			r.Header.Set("Content-Type", "text/plain")
		}, 415},
		{"another host", func(r *http.Request) { r.Header.Set("X-Larder-Token", right); r.RemoteAddr = "192.0.2.1:5" }, 403},
		{"a name that was made to lead here", func(r *http.Request) {
			r.Header.Set("X-Larder-Token", right)
			r.Host = "rebound.example"
			r.Header.Set("Origin", "http://rebound.example")
		}, 403},
	} {
		if code, _ := post(h, set, tt.change); code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, code, tt.want)
		}
	}
	reader := larderhttp.Handler(db, larderhttp.Options{})
	if code, p := post(reader, set, func(r *http.Request) { r.Header.Set("X-Larder-Token", token(t, reader)) }); code != 403 || !strings.Contains(p.Error, "read-only") {
		t.Errorf("on a page that is read-only: %d %s", code, p.Error)
	}
	if code, _ := post(reader, set, func(r *http.Request) { r.Header.Set("X-Larder-Token", right) }); code != 403 {
		t.Errorf("with another page's token: %d", code)
	}
	if n, _ := db.Exists("k"); n != 0 {
		t.Fatal("something was written")
	}
	code, p := post(h, set, func(r *http.Request) { r.Header.Set("X-Larder-Token", right) })
	if v, _ := db.Get("k"); code != 200 || p.Reply.T != "string" || v != "v" {
		t.Errorf("the page itself: %d %+v, k = %q", code, p, v)
	}
}

func TestCommand(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{AllowWrites: true})
	right := token(t, h)
	with := func(r *http.Request) { r.Header.Set("X-Larder-Token", right) }
	run := func(db int, words ...string) commandPage {
		t.Helper()
		var q struct {
			DB    int              `json:"db"`
			Words []map[string]any `json:"words"`
		}
		q.DB = db
		for _, w := range words {
			q.Words = append(q.Words, map[string]any{"b": []byte(w)})
		}
		body, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		code, p := post(h, string(body), with)
		if code != 200 {
			t.Fatalf("%q: %d %s", words, code, p.Error)
		}
		return p
	}
	for _, tt := range []struct {
		words []string
		want  string
	}{
		{[]string{"SET", "a\x00\xff", "v\xfe"}, `string {"s":"OK"}`},
		{[]string{"GET", "a\x00\xff"}, `string {"b":"dv4="}`},
		{[]string{"GET", "nothing"}, `null `},
		{[]string{"INCR", "n"}, `integer "1"`},
		{[]string{"RPUSH", "l", "a", "b"}, `integer "2"`},
		{[]string{"LRANGE", "l", "0", "-1"}, `list [{"t":"string","v":{"s":"a"}},{"t":"string","v":{"s":"b"}}]`},
		{[]string{"INCR", "l"}, `error "WRONGTYPE Operation against a key holding the wrong kind of value"`},
		{[]string{"ZADD", "z", "1.5", "m"}, `integer "1"`},
		{[]string{"ZSCORE", "z", "m"}, `double "1.5"`},
		{[]string{"CONFIG", "GET", "maxmemory"}, `map [[{"t":"string","v":{"s":"maxmemory"}},{"t":"string","v":{"s":"0"}}]]`},
		{[]string{"MGET", "nothing"}, `list [{"t":"null"}]`},
		{[]string{"SUBSCRIBE", "c"}, `error "ERR there is no connection"`},
		// These would wait for ever.
		{[]string{"BLPOP", "nothing", "0"}, `null `},
		{[]string{"xread", "BLOCK", "0", "STREAMS", "nothing", "$"}, `null `},
		{[]string{"BLMOVE", "l", "m", "LEFT", "RIGHT", "0"}, `string {"s":"a"}`},
	} {
		p := run(0, tt.words...)
		if got := p.Reply.T + " " + string(p.Reply.V); got != tt.want || p.Cut {
			t.Errorf("%q: %s, want %s", tt.words, got, tt.want)
		}
	}
	if v, _ := db.LIndex("m", 0); v != "a" {
		t.Errorf("BLMOVE moved %q", v)
	}
	run(7, "SET", "k", "seven")
	if v, _ := db.DB(7).Get("k"); v != "seven" {
		t.Errorf("in database 7: %q", v)
	}

	// Answers are bounded, and say so.
	long := strings.Repeat("x", 100_000)
	for i := range 3000 {
		run(0, "RPUSH", "long", fmt.Sprint(i))
		if i < 50 {
			run(0, "RPUSH", "wide", long)
		}
	}
	for _, name := range []string{"long", "wide"} {
		if p := run(0, "LRANGE", name, "0", "-1"); !p.Cut || len(p.Reply.V) > 600<<10 || p.Reply.N < 50 {
			t.Errorf("%s: cut %v, %d bytes of %d elements", name, p.Cut, len(p.Reply.V), p.Reply.N)
		}
	}

	for _, body := range []string{"", "x", `{}`, `{"words":[]}`, `{"db":16,"words":[{"s":"PING"}]}`, `{"db":-1,"words":[{"s":"PING"}]}`,
		`{"words":[` + strings.Repeat(`{"s":"x"},`, 1000) + `{"s":"x"}]}`, `{"words":[{"s":"` + strings.Repeat("x", 5<<20) + `"}]}`} {
		if code, p := post(h, body, with); code != 400 || p.Error == "" {
			t.Errorf("%.40s: %d %s", body, code, p.Error)
		}
	}
}
