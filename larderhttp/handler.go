package larderhttp

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/larderdb/larder"
)

// Options configures a [Handler]. The zero value is a page that changes nothing, for
// browsers on the same machine.
type Options struct {
	// Name is what the page calls the store; "" is larder. It tells the pages of
	// several stores apart.
	Name string

	// AllowWrites lets the page run commands, and so edit, rename, expire and delete
	// keys. Who may open the page may then do with the store what the program may.
	AllowWrites bool

	// AllowRemote answers to other hosts, and to any Host header: Authorize should then
	// ask who it is. Without TLS everybody on the way reads along.
	AllowRemote bool

	// Authorize, if not nil, is asked for each request that is not refused anyway;
	// false refuses it with 403. It is called by many goroutines, with no lock held.
	Authorize func(*http.Request) bool

	// MetricPrefix is what the names in /metrics begin with; "" is larder. With redis,
	// most are as those of redis_exporter.
	MetricPrefix string
}

//go:embed page
var page embed.FS

// Handler returns a handler that shows db, with all its logical databases. See the
// package's documentation for where it can be mounted and who may use it. It holds on to
// db, and goes on answering after db was closed, with errors where there is nothing to
// show any more.
func Handler(db *larder.DB, o Options) http.Handler {
	if o.Name == "" {
		o.Name = "larder"
	}
	if o.MetricPrefix == "" {
		o.MetricPrefix = "larder"
	}
	h := &handler{db: db, o: o, token: rand.Text(), assets: map[string]asset{}}
	h.series.db = db
	files, err := page.ReadDir("page")
	if err != nil {
		panic(err) // it is part of the program
	}
	for _, f := range files {
		data, err := page.ReadFile("page/" + f.Name())
		if err != nil {
			panic(err)
		}
		h.assets[f.Name()] = asset{data, contentTypes[path.Ext(f.Name())]}
	}
	h.answers = map[string]answer{
		"stats.json":   h.stats,
		"keys.json":    h.keys,
		"value.json":   h.value,
		"top.json":     h.top,
		"slow.json":    h.slow,
		"clients.json": h.clients,
	}
	return h
}

type handler struct {
	db      *larder.DB
	o       Options
	token   string // that who writes must know, as only the page can
	assets  map[string]asset
	answers map[string]answer
	series  series
}

// An answer is what is sent as JSON; an error as one with its text. It must not borrow
// from the store: it is written when that is long unlocked, at the pace of the reader.
type answer func(*http.Request) (any, error)

type asset struct {
	data []byte
	typ  string
}

// contentTypes are fixed, as those of package mime depend on the machine.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// policy lets the page load and ask for what this handler serves, and nothing else. Made
// up markup cannot become script either: there is no inline script, and where browsers
// know of trusted types no text becomes markup at all.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cache-Control", "no-store")

	if err := h.admit(r); err != nil {
		fail(w, r, err)
		return
	}
	name := lastElement(r)
	if name == "command.json" {
		h.command(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		fail(w, r, refusal{http.StatusMethodNotAllowed, "only GET is answered here"})
		return
	}
	if answer, ok := h.answers[name]; ok {
		v, err := answer(r)
		if err != nil {
			fail(w, r, err)
			return
		}
		reply(w, r, http.StatusOK, v)
		return
	}
	if name == "" {
		name = "index.html"
	}
	switch a, ok := h.assets[name]; {
	case ok:
		head.Set("Content-Type", a.typ)
		// The name of the file is left out, so that the type is not looked up by it.
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.data))
	case name == "metrics":
		h.metrics(w, r)
	case !strings.Contains(name, "."): // the prefix itself
		head.Set("Location", (&url.URL{Path: name + "/"}).String())
		w.WriteHeader(http.StatusFound)
	default:
		fail(w, r, refusal{http.StatusNotFound, "there is no such page"})
	}
}

// lastElement is what the path ends in behind its last slash.
func lastElement(r *http.Request) string {
	p := r.URL.Path
	if p == "" { // http.StripPrefix took all of it
		if u, err := url.ParseRequestURI(r.RequestURI); err == nil {
			p = u.Path
		}
	}
	return p[strings.LastIndexByte(p, '/')+1:]
}

// A refusal is an error of the request, with its status.
type refusal struct {
	status int
	text   string
}

func (e refusal) Error() string { return e.text }

func badRequest(text string) error { return refusal{http.StatusBadRequest, text} }

// fail answers an error. What is wrong with the store, such as that it is closed, is no
// fault of the request.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusServiceUnavailable
	if e, ok := errors.AsType[refusal](err); ok {
		status = e.status
	} else if errors.Is(err, larder.ErrNil) {
		status, err = http.StatusNotFound, errors.New("there is no such key")
	}
	reply(w, r, status, map[string]string{"error": err.Error()})
}

func reply(w http.ResponseWriter, r *http.Request, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(data, '\n')) // who is gone need not be told
	}
}
