package larderhttp_test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/larderhttp"
)

func TestGuard(t *testing.T) {
	db := open(t, larder.Options{})
	only := func(user string) func(*http.Request) bool {
		return func(r *http.Request) bool { name, _, _ := r.BasicAuth(); return name == user }
	}
	for _, tt := range []struct {
		name   string
		o      larderhttp.Options
		change func(*http.Request)
		want   int
	}{
		{"as it should be", larderhttp.Options{}, func(*http.Request) {}, 200},
		{"IPv6", larderhttp.Options{}, func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:5", "[::1]:80" }, 200},
		{"IPv6 without a port", larderhttp.Options{}, func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:5", "[::1]" }, 200},
		{"IPv4 in IPv6", larderhttp.Options{}, func(r *http.Request) { r.RemoteAddr = "[::ffff:127.0.0.1]:5" }, 200},
		{"any of 127.0.0.0/8", larderhttp.Options{}, func(r *http.Request) { r.RemoteAddr, r.Host = "127.9.9.9:5", "127.1.2.3" }, 200},
		{"a name below localhost", larderhttp.Options{}, func(r *http.Request) { r.Host = "App.LocalHost.:80" }, 200},
		{"another host", larderhttp.Options{}, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:5" }, 403},
		{"another host by IPv6", larderhttp.Options{}, func(r *http.Request) { r.RemoteAddr = "[2001:db8::1]:5" }, 403},
		{"no address", larderhttp.Options{}, func(r *http.Request) { r.RemoteAddr = "" }, 403},
		{"a name that was made to lead here", larderhttp.Options{}, func(r *http.Request) { r.Host = "rebound.example:80" }, 403},
		{"a name that looks local", larderhttp.Options{}, func(r *http.Request) { r.Host = "localhost.example" }, 403},
		{"an address that looks local", larderhttp.Options{}, func(r *http.Request) { r.Host = "127.0.0.1.example" }, 403},
		{"no Host", larderhttp.Options{}, func(r *http.Request) { r.Host = "" }, 403},
		{"the address of a network", larderhttp.Options{}, func(r *http.Request) { r.Host = "192.168.1.2:80" }, 403},
		{"behind a proxy", larderhttp.Options{}, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") }, 403},
		{"behind a proxy, by the standard", larderhttp.Options{}, func(r *http.Request) { r.Header.Set("Forwarded", "for=192.0.2.1") }, 403},
		{"another host, allowed", larderhttp.Options{AllowRemote: true},
			func(r *http.Request) { r.RemoteAddr, r.Host = "192.0.2.1:5", "shop.example" }, 200},
		{"a proxy, allowed", larderhttp.Options{AllowRemote: true}, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") }, 200},
		{"not authorized", larderhttp.Options{Authorize: only("ann")}, func(*http.Request) {}, 403},
		{"not authorized from afar", larderhttp.Options{AllowRemote: true, Authorize: only("ann")}, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:5" }, 403},
		{"authorized", larderhttp.Options{Authorize: only("ann")}, func(r *http.Request) { r.SetBasicAuth("ann", "x") }, 200},
		{"authorized, but from afar", larderhttp.Options{Authorize: only("ann")}, func(r *http.Request) { r.SetBasicAuth("ann", "x"); r.RemoteAddr = "192.0.2.1:5" }, 403},
		{"for the page itself", larderhttp.Options{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, 200},
		{"typed in", larderhttp.Options{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") }, 200},
		{"for another site", larderhttp.Options{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"for another port", larderhttp.Options{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		{"a link from another site", larderhttp.Options{}, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header.Set("Sec-Fetch-Dest", "document")
		}, 200},
		{"a frame of another site", larderhttp.Options{}, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header.Set("Sec-Fetch-Dest", "iframe")
		}, 403},
	} {
		h := larderhttp.Handler(db, tt.o)
		for _, path := range []string{"/", "/stats.json", "/metrics", "/main.js"} {
			r := request("GET", path)
			tt.change(r)
			if res := serve(h, r); res.StatusCode != tt.want {
				t.Errorf("%s: GET %s: %d, want %d", tt.name, path, res.StatusCode, tt.want)
			}
		}
	}
}

// A Unix socket has no addresses, but permissions.
func TestUnixSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: paths of sockets are another matter there")
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: larderhttp.Handler(open(t, larder.Options{}), larderhttp.Options{})}
	go srv.Serve(l)
	defer srv.Close()
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
	res, err := client.Get("http://store/stats.json")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("by a Unix socket: %d", res.StatusCode)
	}
}
