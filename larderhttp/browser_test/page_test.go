package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/larderhttp"
)

const hostile = `<script>window.hacked=1</script><img src=x onerror="window.hacked=1">`

// A tab is a page in a browser, and what went wrong in it.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string

	mu       sync.Mutex // guards following
	asked    []string   // addresses
	problems []string
	expected string // a part of a problem that is none; "": there is none such
}

// chromium returns where the browser is.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: there is no Chromium on PATH")
	return ""
}

// open shows the page of a store. What goes wrong in it fails the test at its end.
func open(t *testing.T, db *larder.DB, o larderhttp.Options) *tab {
	t.Helper()
	path := chromium(t)
	srv := httptest.NewServer(larderhttp.Handler(db, o))
	t.Cleanup(srv.Close)
	// Without its sandbox Chromium runs as root too, as in a container. The page is ours.
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.WindowSize(1400, 1000),
		chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	// The first call starts the browser, which lives as long as its context: so that has
	// no time limit, and go test's own ends a browser that hangs.
	p := &tab{t: t, ctx: ctx, url: srv.URL + "/debug/larder/"}
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.check)
	call(p, network.Enable, network.EnableParams{})
	call(p, log.Enable, cdp.Empty{})
	call(p, runtime.Enable, cdp.Empty{})
	do(p, chromedp.Navigate(p.url))
	p.until("the figures", `document.querySelectorAll(".tile").length > 0`)
	return p
}

func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.asked = append(p.asked, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, fmt.Sprint(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			p.problems = append(p.problems, fmt.Sprint(e.Args))
		}
	case *log.EventEntryAdded: // a policy that is broken, a file that is missing
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.problems = append(p.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// expect says of what problem the browser will tell rightly.
func (p *tab) expect(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = part
}

func (p *tab) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.problems {
		if p.expected != "" && strings.Contains(s, p.expected) {
			continue
		}
		p.t.Errorf("in the browser: %s", s)
	}
	want, _ := url.Parse(p.url)
	if len(p.asked) == 0 {
		p.t.Error("no request was seen")
	}
	for _, s := range p.asked {
		if u, err := url.Parse(s); err != nil || u.Host != want.Host || !strings.HasPrefix(u.Path, want.Path) {
			p.t.Errorf("the page asked for %s", s)
		}
	}
}

// do runs an action.
func do[T any](p *tab, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// call calls the browser's protocol.
func call[P, R any](p *tab, c cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, c, params); err != nil {
		p.t.Fatal(err)
	}
}

// is evaluates an expression of JavaScript.
func (p *tab) is(js string) any {
	p.t.Helper()
	return do(p, chromedp.Evaluate[any](js))
}

// until waits for an expression to be true.
func (p *tab) until(what, js string) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if p.is("Boolean("+js+")") == true {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.picture("failed")
	p.t.Fatalf("%s did not come: %s\n%v", what, js, p.is(`document.querySelector("main").innerText`))
}

// see waits for texts in an element.
func (p *tab) see(selector string, texts ...string) {
	p.t.Helper()
	for _, s := range texts {
		q, _ := json.Marshal(s)
		sel, _ := json.Marshal(selector)
		p.until(s+" in "+selector, fmt.Sprintf("(document.querySelector(%s)?.innerText || '').includes(%s)", sel, q))
	}
}

// press clicks the button of that text within an element.
func (p *tab) press(within, text string) {
	p.t.Helper()
	w, _ := json.Marshal(within)
	q, _ := json.Marshal(text)
	find := fmt.Sprintf("[...document.querySelectorAll(%s + ' button')].find(b => b.innerText === %s && !b.disabled)", w, q)
	p.until("button "+text, find)
	p.is(find + ".click()")
}

// visit goes to a view by its address.
func (p *tab) visit(hash string) {
	p.t.Helper()
	q, _ := json.Marshal(hash)
	p.is(fmt.Sprintf("void (location.hash = %s)", q))
}

// picture keeps what can be seen, where SCREENSHOTS names a directory for it.
func (p *tab) picture(name string) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	png := do(p, chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
