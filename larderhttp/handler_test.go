package larderhttp_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/larderhttp"
)

func open(t testing.TB, o larder.Options) *larder.DB {
	t.Helper()
	db, err := larder.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func do(t testing.TB, db *larder.DB, words ...string) any {
	t.Helper()
	v, err := db.Do(words...)
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return v
}

// request is what a browser on this machine sends.
func request(method, path string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:54321", "localhost:6060"
	return r
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// get asks for JSON and decodes it into v.
func get(t testing.TB, h http.Handler, path string, v any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request("GET", "/"+path))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Fatalf("GET %s: %d, %s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, w.Body)
	}
}

func key(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// The page works wherever it is mounted, and redirects where its slash is missing.
func TestMount(t *testing.T) {
	h := larderhttp.Handler(open(t, larder.Options{}), larderhttp.Options{})
	mux := http.NewServeMux()
	mux.Handle("/plain/larder/", h)
	mux.Handle("/exact/larder", h)
	mux.Handle("/strip/larder/", http.StripPrefix("/strip/larder/", h))
	mux.Handle("/half/larder/", http.StripPrefix("/half/larder", h))
	mux.Handle("/gone/larder", http.StripPrefix("/gone/larder", h))
	for _, tt := range []struct {
		path, typ, has string
		status         int
	}{
		{"/plain/larder/", "text/html; charset=utf-8", "main.js", 200},
		{"/strip/larder/", "text/html; charset=utf-8", "main.js", 200},
		{"/half/larder/", "text/html; charset=utf-8", "main.js", 200},
		{"/plain/larder/style.css", "text/css; charset=utf-8", "--accent", 200},
		{"/strip/larder/main.js", "text/javascript; charset=utf-8", "import", 200},
		{"/half/larder/icon.svg", "image/svg+xml", "<svg", 200},
		{"/strip/larder/stats.json", "application/json; charset=utf-8", `"samples"`, 200},
		{"/plain/larder/metrics", "text/plain; version=0.0.4; charset=utf-8", "# TYPE", 200},
		{"/plain/larder/nothing.json", "application/json; charset=utf-8", "no such page", 404},
		{"/plain/larder/doc.go", "application/json; charset=utf-8", "no such page", 404},
		{"/exact/larder", "", "", 302},
		{"/gone/larder", "", "", 302},
	} {
		res := serve(mux, request("GET", tt.path))
		body := readAll(t, res)
		if res.StatusCode != tt.status || res.Header.Get("Content-Type") != tt.typ || !strings.Contains(body, tt.has) {
			t.Errorf("GET %s: %d %q %.80s", tt.path, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
		if tt.status == 302 && res.Header.Get("Location") != "larder/" {
			t.Errorf("GET %s leads to %q", tt.path, res.Header.Get("Location"))
		}
		for name, part := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if !strings.Contains(res.Header.Get(name), part) {
				t.Errorf("GET %s: %s is %q", tt.path, name, res.Header.Get(name))
			}
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if res := serve(mux, request(method, "/plain/larder/stats.json")); res.StatusCode != 405 {
			t.Errorf("%s: %d", method, res.StatusCode)
		}
	}
	if res := serve(mux, request("HEAD", "/plain/larder/stats.json")); res.StatusCode != 200 || readAll(t, res) != "" {
		t.Errorf("HEAD: %d with a body", res.StatusCode)
	}
}

func readAll(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The files refer to each other by relative names only, each of which there is, and
// have no inline script or style, which the policy would not run.
func TestSelfContained(t *testing.T) {
	files, err := os.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	refers := regexp.MustCompile(`(?:src|href)="([^"#]+)"|from "([^"]+)"`)
	for _, name := range names {
		data, err := os.ReadFile("page/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range refers.FindAllStringSubmatch(string(data), -1) {
			to := strings.TrimPrefix(m[1]+m[2], "./")
			if !slices.Contains(names, to) && to != "stats.json" && to != "metrics" {
				t.Errorf("%s refers to %s", name, to)
			}
		}
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", " style=", " onclick=", "@import", " url("} {
			if strings.Contains(string(data), bad) {
				t.Errorf("%s has %s", name, bad)
			}
		}
	}
}

// A store that was closed is told of, and nothing panics.
func TestClosed(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{AllowWrites: true})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"stats.json", "keys.json", "value.json?key=", "top.json", "slow.json", "clients.json", "metrics"} {
		res := serve(h, request("GET", "/"+path))
		if res.StatusCode != 503 || !strings.Contains(readAll(t, res), "closed") {
			t.Errorf("GET %s: %d", path, res.StatusCode)
		}
	}
}

// Pages look at a store that is being written to, all at once.
func TestBesideWriters(t *testing.T) {
	db := open(t, larder.Options{})
	h := larderhttp.Handler(db, larderhttp.Options{})
	rounds := 60
	if testing.Short() { // under -race Stats takes long: its counters come in thousands of parts there
		rounds = 4
	}
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				n := i % 300
				db.HSet(fmt.Sprintf("h:%d", n%7), fmt.Sprint(i%2000), strings.Repeat("x", i%100))
				db.RPush(fmt.Sprintf("l:%d", n%7), "v")
				db.ZAdd("z", larder.Z{Member: fmt.Sprint(n), Score: float64(i)})
				db.SAdd("s", fmt.Sprint(i%2000))
				db.Set(fmt.Sprintf("k:%d:%d", w, n), "v")
				db.XAdd(larder.XAddArgs{Stream: "x", Fields: []string{"f", "v"}})
				db.Del(fmt.Sprintf("k:%d:%d", w, (n+50)%300))
				if n == 0 {
					db.Del("h:0", "l:0", "s", "x")
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for range rounds {
				for _, path := range []string{"stats.json", "keys.json?count=50", "top.json", "clients.json", "metrics"} {
					if res := serve(h, request("GET", "/"+path)); res.StatusCode != 200 {
						t.Errorf("GET %s: %d", path, res.StatusCode)
					}
				}
				for _, k := range []string{"h:0", "l:0", "z", "s", "x", "k:0:1"} {
					if res := serve(h, request("GET", "/value.json?key="+key(k))); res.StatusCode != 200 && res.StatusCode != 404 {
						t.Errorf("value of %s: %d", k, res.StatusCode)
					}
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
}

// Whatever is asked, there is an answer, of a bounded size.
func FuzzRequest(f *testing.F) {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		f.Fatal(err)
	}
	fillTypes(f, db)
	h := larderhttp.Handler(db, larderhttp.Options{AllowWrites: true})
	for _, seed := range []string{
		"keys.json?db=0&match=a*&type=list&cursor=1&count=3", "value.json?key=bGlzdA&cursor=2&back=1", "value.json?key=c3RyZWFt&group=Zw&cursor=1-1",
		"value.json?key=c3RyaW5n&offset=9223372036854775807&length=1", "value.json?key=aGFzaA&cursor=t18446744073709551615", "top.json?sample=1",
		"stats.json?since=-1", "metrics", "%zz", "value.json?key=enNldA&cursor=-1&cut=0", "index.html", "keys.json?db=16",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		path, query, _ := strings.Cut(target, "?")
		r := request("GET", "/")
		r.URL = &url.URL{Path: "/" + path, RawQuery: query}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code < 200 || w.Body.Len() > 2<<20 {
			t.Errorf("%q: %d, %d bytes: %.200s", target, w.Code, w.Body.Len(), w.Body)
		}
	})
}

func ExampleHandler() {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		panic(err)
	}
	defer db.Close()
	mux := http.NewServeMux()
	mux.Handle("/debug/larder/", larderhttp.Handler(db, larderhttp.Options{Name: "shop"}))
	srv := httptest.NewServer(mux) // a program has http.ListenAndServe("localhost:6060", mux)
	defer srv.Close()

	db.Set("greeting", "hello")
	res, err := http.Get(srv.URL + "/debug/larder/keys.json")
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	var found struct {
		Keys []struct{ Type, Encoding string }
	}
	if err := json.NewDecoder(res.Body).Decode(&found); err != nil {
		panic(err)
	}
	fmt.Println(found.Keys)
	// Output: [{string embstr}]
}
