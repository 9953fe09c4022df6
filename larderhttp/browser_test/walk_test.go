package browser

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/larderhttp"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// store returns a store with keys of every type, and hostile ones.
func store(t *testing.T) *larder.DB {
	t.Helper()
	db, err := larder.Open(larder.Options{Config: []string{"slowlog-log-slower-than", "0"}})
	check(t, err)
	t.Cleanup(func() { db.Close() })
	do := func(words ...string) {
		t.Helper()
		if _, err := db.Do(words...); err != nil {
			t.Fatal(words, err)
		}
	}
	do("SET", "greeting", "hello, world")
	do("SET", "document", `{"name":"ann","big":12345678901234567890,"tags":["a","b"],"none":{}}`)
	do("SET", "binary", "\x00\x01\xfe\xffbytes")
	do("SET", "long", strings.Repeat("0123456789abcdef", 4096))
	do("SET", "session:1", "ann", "EX", "3600")
	for i := range 150 {
		do("RPUSH", "queue", fmt.Sprintf("job-%d", i))
		do("HSET", "table", fmt.Sprintf("field-%d", i), fmt.Sprintf("value-%d", i))
		do("SADD", "members", fmt.Sprintf("member-%d", i))
		do("ZADD", "ranking", fmt.Sprint(i*10), fmt.Sprintf("player-%d", i))
	}
	for i := range 600 {
		do("HSET", "wide", fmt.Sprintf("field-%d", i), strings.Repeat("x", 100))
		do("SADD", "crowd", fmt.Sprintf("one-%d", i))
	}
	do("SADD", "numbers", "1", "2", "3")
	do("HSET", "user:1", "name", "ann", "code", "1234")
	do("HEXPIRE", "user:1", "600", "FIELDS", "1", "code")
	do("GEOADD", "cities", "2.352222", "48.856613", "Paris", "13.404954", "52.520008", "Berlin")
	do("PFADD", "visitors", "a", "b", "c")
	for i := range 120 {
		do("XADD", "orders", fmt.Sprintf("%d-0", 1_700_000_000_000+i), "sku", fmt.Sprint(i), "buyer", "ann")
	}
	do("XGROUP", "CREATE", "orders", "billing", "0")
	do("XREADGROUP", "GROUP", "billing", "worker-1", "COUNT", "7", "STREAMS", "orders", ">")
	do("SET", hostile, hostile)
	do("HSET", "hash "+hostile, hostile, hostile)
	do("SADD", "set\u202e\x00\xff", hostile)
	do("XADD", "stream "+hostile, "*", hostile, hostile)
	do("XGROUP", "CREATE", "stream "+hostile, hostile, "0")
	do("XREADGROUP", "GROUP", hostile, hostile, "STREAMS", "stream "+hostile, ">")
	return db
}

// busy has operations go on until the test ends.
func busy(t *testing.T, db *larder.DB) {
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			db.SetEX(fmt.Sprintf("tick:%d", i), "x", 300*time.Millisecond)
			db.Get(fmt.Sprintf("tick:%d", i/2*2))
			db.Get("nothing")
			if i%20 == 0 {
				db.Do("LRANGE", "queue", "0", fmt.Sprint(i%150))
				time.Sleep(5 * time.Millisecond)
			}
		}
	}()
}

func at(key string) string { return "#/keys/0/" + base64.RawURLEncoding.EncodeToString([]byte(key)) }

func TestCharts(t *testing.T) {
	db := store(t)
	p := open(t, db, larderhttp.Options{Name: "shop"})
	busy(t, db)
	p.see("header", "shop", "read-only")
	value := func(chart string) string {
		return fmt.Sprintf(`[...document.querySelectorAll(".chart")].find(c => c.querySelector("h2").innerText === %q).querySelector(".legend dd").innerText`, chart)
	}
	for _, chart := range []string{"Operations a second", "Latency of timed calls", "Memory", "Hit rate", "Expired and evicted a second"} {
		p.until("figures of "+chart, "/[1-9]/.test("+value(chart)+")")
	}
	// Lines are drawn, of more than a point.
	p.until("lines", `[...document.querySelectorAll(".chart path.line")].filter(l => l.getTotalLength() > 5).length >= 5`)
	p.is(`void document.querySelector(".plot").focus()`)
	p.is(`document.querySelector(".plot").dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}))`)
	p.see(".chart .readout", "all ")
	p.picture("overview")
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	p.picture("overview-dark")
	p.press(".live", "Pause")
	p.see("header", "paused")
}

func TestViews(t *testing.T) {
	p := open(t, store(t), larderhttp.Options{})
	p.visit("#/keys/0")
	p.see("#view-keys", "greeting", "session:1", "keys shown")
	p.is(`void (document.querySelector("#match").value = "queue")`)
	p.press("form", "Find")
	p.see(".list", "1 key shown")
	p.is(`void (document.querySelector("#match").value = "")`)
	p.is(`void (document.querySelector("#type").value = "stream")`)
	p.press("form", "Find")
	p.see(".list", "2 keys shown", "orders")
	p.is(`void (document.querySelector("#type").value = "")`)
	p.press("form", "Find")
	p.see(".list", "user:1")
	for _, tt := range []struct {
		key  string
		want []string
	}{
		{"greeting", []string{"string", "hello, world", "embstr", "never"}},
		{"document", []string{`"big": 12345678901234567890`, `"none": {}`, "JSON"}},
		{"binary", []string{"00000000  00 01 fe ff 62 79 74 65", "····bytes"}},
		{"long", []string{"Bytes 0 to 16,384 of 65,536"}},
		{"session:1", []string{"ann", "in 59 m"}},
		{"queue", []string{"job-0", "job-99", "quicklist", "150"}},
		{"table", []string{"field-0", "value-0", "listpack"}},
		{"wide", []string{"hashtable", "600"}},
		{"user:1", []string{"name", "code", "1234", "9 m"}},
		{"members", []string{"member-", "hashtable"}},
		{"numbers", []string{"intset", "3"}},
		{"crowd", []string{"one-"}},
		{"ranking", []string{"player-0", "player-99", "990"}},
		{"cities", []string{"Paris", "2.35222, 48.85661", "Berlin"}},
		{"visitors", []string{"HyperLogLog, sparse: about 3 distinct elements"}},
		{"orders", []string{"1700000000119-0", "billing", "worker-1", "7 pending", "lag 113", "sku"}},
		{"set\u202e\x00\xff", []string{`set\xe2\x80\xae\x00\xff`, hostile}},
	} {
		p.visit(at(tt.key))
		p.see("#detail", tt.want...)
		p.picture("key-" + strings.Trim(fmt.Sprintf("%.12q", tt.key), `"`))
	}

	// Further pages, the other way round, and pending entries.
	p.visit(at("queue"))
	p.see("#detail", "job-99")
	p.press("#detail", "More")
	p.see("#detail", "job-149")
	p.press("#detail", "First first")
	p.see("#detail tbody tr:first-child", "job-149")
	p.visit(at("wide"))
	p.see("#detail", "600")
	for range 8 {
		p.is(`[...document.querySelectorAll("#detail button")].find(b => b.innerText === "More")?.click()`)
		p.until("rows", `document.querySelectorAll("#detail tbody tr").length > 0`)
	}
	p.until("all fields", `(() => { [...document.querySelectorAll("#detail button")].find(b => b.innerText === "More")?.click();
		return new Set([...document.querySelectorAll("#detail tbody tr td:first-child")].map(x => x.innerText)).size === 600 })()`)
	p.visit(at("orders"))
	p.press("#detail", "7 pending")
	p.see("#pending", "1700000000006-0", "worker-1")
	p.press("#detail", "More")
	p.see("#detail", "1700000000000-0")
	p.picture("stream")
	p.visit(at("long"))
	p.press("#detail", "Later")
	p.see("#detail", "Bytes 16,384 to 32,768")
	p.press("#detail", "Hex")
	p.see("#detail", "00004000  30 31 32 33")
	p.expect("404 (Not Found)") // which is what the browser says of it
	p.visit(at("no such key"))
	p.see("#detail", "there is no such key")
}

// What keys and values say is text, wherever it is shown.
func TestHostile(t *testing.T) {
	db := store(t)
	p := open(t, db, larderhttp.Options{Name: hostile})
	p.see("#name", hostile)
	for _, key := range []string{hostile, "hash " + hostile, "stream " + hostile} {
		p.visit(at(key))
		p.see("#detail .keyname", key)
		p.see("#detail", hostile)
	}
	p.press("#detail", "1 pending")
	p.see("#pending", hostile)
	p.visit("#/keys/0")
	p.see(".list", hostile)
	p.visit("#/top")
	p.see("#view-top", hostile)
	p.visit("#/slow")
	p.see("#view-slow", "XREADGROUP")
	p.until("a hostile word", `document.querySelector("#view-slow").innerText.includes("<script>window.hacked=1")`)
	if v := p.is(`String(window.hacked) + document.querySelectorAll("main script, main img").length`); v != "undefined0" {
		t.Errorf("a key became markup or script: %v", v)
	}
}

func TestOtherViews(t *testing.T) {
	db := store(t)
	p := open(t, db, larderhttp.Options{})
	p.visit("#/top")
	p.see("#view-top", "All ", "Biggest", "long", "Longest", "wide", "Last used", "noeviction")
	p.picture("top")
	busy(t, db)
	p.visit("#/commands")
	p.see("#view-commands", "set", "xadd", "lrange")
	p.picture("commands")
	p.visit("#/slow")
	p.see("#view-slow", "Calls that took 0 or longer")
	p.picture("slow")
	p.visit("#/clients")
	p.see("#view-clients", "Nobody is connected")
	p.visit("#/server")
	p.see("#view-server", "Replication", "primary", "db0")
	p.picture("state")
	if v := p.is(`[...document.querySelectorAll("nav a")].map(a => a.innerText).join()`); v != "Overview,Keys,Big and hot,Commands,Slow log,Clients,State" {
		t.Errorf("a page that is read-only has the views %v", v)
	}
	// Every control has a name, and pictures say what they show.
	nameless := `[...document.querySelectorAll("button, a, select, input, [role=img]")].filter(e =>
		!(e.innerText || "").trim() && !e.getAttribute("aria-label") && !(e.labels && e.labels.length)).length`
	for _, view := range []string{"overview", "keys/0", "top"} {
		p.visit("#/" + view)
		p.until("view "+view, fmt.Sprintf("document.querySelector('#view-%s')", strings.TrimSuffix(view, "/0")))
		if v := p.is(nameless); v != 0.0 {
			t.Errorf("in %s, %v controls have no name", view, v)
		}
	}
}

// On a narrow screen nothing is wider than it.
func TestNarrow(t *testing.T) {
	p := open(t, store(t), larderhttp.Options{Name: "a store with quite a long name", AllowWrites: true})
	do(p, chromedp.EmulateViewport(390, 844))
	for _, hash := range []string{"#/overview", "#/keys/0", at("orders"), at(hostile), "#/top", "#/commands", "#/server", "#/shell"} {
		p.visit(hash)
		p.until("the view", `document.querySelector(".view")?.innerText.length > 20`)
		p.until("no overflow in "+hash, `document.documentElement.scrollWidth <= innerWidth`)
		p.picture("narrow-" + strings.Trim(strings.ReplaceAll(fmt.Sprintf("%.14s", hash), "/", "-"), "#-"))
	}
}

func TestWrites(t *testing.T) {
	db := store(t)
	p := open(t, db, larderhttp.Options{AllowWrites: true})
	fill := func(i int, value string) {
		p.until("the dialog", `document.querySelector("dialog[open]")`)
		p.is(fmt.Sprintf(`void (document.querySelector("#field%d").value = %q)`, i, value))
	}
	closed := func() {
		t.Helper()
		p.until("the dialog's end", `!document.querySelector("dialog[open]")`)
	}
	p.see("header", "writes allowed")

	p.visit(at("greeting"))
	p.press("#detail", "Edit")
	fill(0, "good <b>day</b>")
	p.picture("dialog")
	p.press("dialog", "Save")
	closed()
	p.see("#detail", "good <b>day</b>")
	if v, _ := db.Get("greeting"); v != "good <b>day</b>" {
		t.Errorf("greeting = %q", v)
	}
	p.press("#detail", "Expiry")
	fill(0, "100")
	p.press("dialog", "Set")
	closed()
	p.see("#detail", "in 1 m")
	if ttl, _ := db.TTL("greeting"); ttl <= 0 || ttl > 100*time.Second {
		t.Errorf("greeting expires in %v", ttl)
	}
	p.press("#detail", "Rename")
	fill(0, "numbers") // which is taken
	p.press("dialog", "Rename")
	p.see("dialog", "there is a key of that name")
	fill(0, "salute")
	p.press("dialog", "Rename")
	closed()
	p.see("#detail .keyname", "salute")
	p.press("#detail", "Delete")
	p.press("dialog", "Delete")
	closed()
	if n, _ := db.Exists("salute", "greeting"); n != 0 {
		t.Error("the key was not deleted")
	}

	p.visit(at("user:1"))
	p.see("#detail", "1234")
	p.press("#detail tbody", "Edit")
	fill(0, "bob")
	p.press("dialog", "Save")
	closed()
	p.until("the change", `document.querySelector("#detail").innerText.includes("bob")`)
	p.press("#detail", "Set a field")
	fill(0, "city")
	fill(1, "Ulm")
	p.press("dialog", "Set")
	closed()
	p.see("#detail", "Ulm")
	if v, _ := db.HGet("user:1", "city"); v != "Ulm" {
		t.Errorf("city = %q", v)
	}

	p.visit("#/shell")
	p.see("#view-shell", "Words are split")
	enter := func(line string) {
		p.is(fmt.Sprintf(`void (document.querySelector("#line").value = %q)`, line))
		p.press("#view-shell", "Run")
	}
	enter(`SET "a b" "\xff\x00 tail"`)
	p.see(".shell", `"OK"`)
	if v, _ := db.Get("a b"); v != "\xff\x00 tail" {
		t.Errorf("a b = %q", v)
	}
	enter("BLPOP nothing 0") // which would wait for ever
	p.see(".shell", "(nil)")
	enter("LRANGE queue 0 1")
	p.see(".shell", `1) "job-0"`)
	enter("NOSUCH")
	p.see(".shell", "(error) ERR unknown command")
	enter("GET '" + hostile + "'")
	p.see(".shell", "GET '"+hostile)
	p.picture("shell")
	if v := p.is(`String(window.hacked)`); v != "undefined" {
		t.Errorf("a reply became script: %v", v)
	}
}
