package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/larderdb/larder/rdb"
)

// lineWith is the words of the line that ends with a word.
func lineWith(t *testing.T, out, last string) []string {
	t.Helper()
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 0 && strings.HasSuffix(strings.TrimSpace(line), " "+last) {
			return f
		}
	}
	t.Fatalf("no line ends with %q:\n%s", last, out)
	return nil
}

func TestInspect(t *testing.T) {
	var all []events
	for i := range 30 {
		all = append(all, stringKey(fmt.Sprintf("user:%d:name", i), strings.Repeat("x", 100)))
		all = append(all, stringKey(fmt.Sprintf("user:%d:mail", i), "y"))
	}
	all = append(all, stringKey("session:0123456789abcdef-01:data", strings.Repeat("z", 5000)), elements("list", rdb.List, 1, "a", "b", "c"),
		expiring(stringKey("over", "v"), 1_600_000_000_000), expiring(stringKey("hour", "v"), 1_700_000_000_000+3_000_000), expiring(stringKey("far", "v"), later))
	r := run(t, statusOK, "inspect", "--top", "7", write(t, all...))
	for _, tt := range []struct{ last, first string }{
		{"string", "64"}, {"list", "1"}, {`"user:"`, "60"}, {`"user:#:"`, ""}, {`"session:#:"`, "1"}, {"never", "62"}, {"already over", "1"}, {"within an hour", "1"}, {"later", "1"},
		{`"session:0123456789abcdef-01:data"`, "1"},
	} {
		if tt.first == "" { // all keys of user: are of it: one of them is enough
			continue
		}
		if tt.last == `"user:"` {
			tt.last = `"user:#:"`
		}
		if got := lineWith(t, r.out, tt.last); got[0] != tt.first {
			t.Errorf("%s: %q, want %s first", tt.last, got, tt.first)
		}
	}
	if strings.Contains(r.out, `"user:"`+"\n") {
		t.Errorf("a prefix whose keys are all of a longer one is told too:\n%s", r.out)
	}
	if !strings.HasPrefix(r.out, "Redis's format, version 10\n65 keys, about ") {
		t.Errorf("it begins with %.100q", r.out)
	}
	if r := run(t, statusOK, "inspect", "--top", "0", "--depth", "0", golden); !strings.Contains(r.out, "123 keys") {
		t.Errorf("it prints %+v", r)
	}
}

// However many prefixes there are, so many are kept and no more.
func TestPrefixesAreBounded(t *testing.T) {
	p := prefixes{separator: ":", depth: 3}
	for i := range maxPrefixes + 100 {
		p.add(fmt.Appendf(nil, "x%dy:a", i), totals{keys: 1, memory: 1})
	}
	if p.n != maxPrefixes || !p.full || p.root.keys != maxPrefixes+100 || len(p.root.children) != maxPrefixes {
		t.Errorf("%d prefixes, %d keys, full %t", p.n, p.root.keys, p.full)
	}
	p.add([]byte(strings.Repeat("k", 1000)+":a"), totals{})
	for name := range p.root.children {
		if len(name) > maxPart+1 {
			t.Errorf("a part of %d bytes is kept", len(name))
		}
	}
}

// A page has the figures in it, asks for nothing from outside, and no name of a key can
// end the element that it is in.
func TestPage(t *testing.T) {
	hostile := []string{"</script><script>alert(1)</script>:x", "<!--:x", "]]>&amp;\u2028:x", "\x00\xff\xfe:x", pageMark + ":x"}
	var all []events
	for i, k := range hostile {
		all = append(all, stringKey(k, strings.Repeat("v", 100*(i+1))))
	}
	out := filepath.Join(t.TempDir(), "out.html")
	run(t, statusOK, "inspect", "--html", out, write(t, all...))
	page := string(read(t, out))
	_, rest, ok := strings.Cut(page, `<script type="application/json" id="data">`)
	data, _, ok2 := strings.Cut(rest, "</script>")
	if !ok || !ok2 || strings.Count(page, "<script") != strings.Count(pageHTML, "<script") || strings.ContainsAny(data, "<>&\u2028") {
		t.Fatalf("the page has\n%s", data)
	}
	var d pageData
	if err := json.Unmarshal([]byte(data), &d); err != nil {
		t.Fatal(err)
	}
	if d.Keys != 5 || len(d.Top) != 5 || len(d.Tree.Children) != 5 || d.Tree.Memory != d.Memory || d.Memory == 0 || len(d.TTLs) != len(ttlBounds)+2 {
		t.Errorf("the figures are %+v", d)
	}
	for i, want := range []string{pageMark + ":x", `\x00\xff\xfe:x`, `]]>&amp;\u2028:x`, "<!--:x", hostile[0]} {
		if d.Top[i].Name != want {
			t.Errorf("key %d is called %q, want %q", i, d.Top[i].Name, want)
		}
	}
	for _, outside := range []string{"http:", "https:", "src=", "@import", "url("} {
		if strings.Contains(pageHTML, outside) {
			t.Errorf("the page asks for %q", outside)
		}
	}
}
