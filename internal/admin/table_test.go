package admin

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

func TestSyntax(t *testing.T) {
	for _, test := range []struct{ syntax, want string }{
		{"key:key", "key(key #0)"},
		{"key:key value:string", "key(key #0) value(string)"},
		{"[GET@6.2.0]", "get(pure-token GET optional @6.2.0)"},
		{"EX seconds:integer@2.6.12", "seconds(integer EX @2.6.12)"},
		{"key:key...", "key(key #0 multiple)"},
		{"[WEIGHTS weight:integer...]", "weight(integer WEIGHTS optional multiple)"},
		{"[GET pattern:pattern#1]...", "pattern(pattern GET #1 optional multiple multiple_token)"},
		{"condition<NX|XX@7.0.0>@2.6.12", "condition(oneof @2.6.12 nx(pure-token NX) xx(pure-token XX @7.0.0))"},
		{"data<key:key value:string>...", "data(block multiple key(key #0) value(string))"},
		{"one<only:string>", "one(block only(string))"},
		{"ip:port:string@!2.8.12", "ip:port(string !2.8.12)"},
		{"[LIMIT offset_count<offset:integer count:integer>]", "offset_count(block LIMIT optional offset(integer) count(integer))"},
		{"sorting=ALPHA a:string", "sorting(pure-token ALPHA) a(string)"},
		{"strategy<equal==|approximately=~|auto_id=*>", "strategy(oneof equal(pure-token =) approximately(pure-token ~) auto_id(pure-token *))"},
		{"a:key b:key c:key#0", "a(key #0) b(key #1) c(key #0)"},
		{"filter<a:string|new<[ID id:integer]|[TYPE t<A|B>]>...>",
			"filter(oneof a(string) new(oneof multiple id(integer ID optional) t(oneof TYPE optional a(pure-token A) b(pure-token B))))"},
		{"a:nothing", "error"}, {"a", "error"}, {"[a:string", "error"}, {"a<b:string", "error"}, {"a:string ", "error"},
		{"a:string]", "error"}, {"a:string|b:string", "error"}, {"", ""}, {"a:string@", "error"},
	} {
		spec := &engine.Spec{Name: "X", Syntax: test.syntax, Keys: make([]engine.KeySpec, 2)}
		args, err := parseSyntax(spec)
		got := drawn(args)
		if err != nil {
			got = "error"
		}
		if got != test.want {
			t.Errorf("%s\n got %s (%v)\nwant %s", test.syntax, got, err, test.want)
		}
	}
}

func drawn(args []argument) string {
	var out []string
	for _, a := range args {
		parts := []string{a.typ}
		if a.token != "" {
			parts = append(parts, a.token)
		}
		if a.spec >= 0 {
			parts = append(parts, fmt.Sprint("#", a.spec))
		}
		for flag, on := range map[string]bool{"optional": a.optional} {
			if on {
				parts = append(parts, flag)
			}
		}
		if a.multiple {
			parts = append(parts, "multiple")
		}
		if a.multipleToken {
			parts = append(parts, "multiple_token")
		}
		if a.since != "" {
			parts = append(parts, "@"+a.since)
		}
		if a.deprecated != "" {
			parts = append(parts, "!"+a.deprecated)
		}
		if a.args != nil {
			parts = append(parts, drawn(a.args))
		}
		out = append(out, a.name+"("+strings.Join(parts, " ")+")")
	}
	return strings.Join(out, " ")
}

// TestSyntaxes reads the arguments of every command of this package; those of
// package larder are read by its TestCommandTable.
func TestSyntaxes(t *testing.T) {
	for _, c := range Table {
		if _, err := parseSyntax(c.Info()); err != nil {
			t.Error(err)
		}
	}
}

func TestFindKeys(t *testing.T) {
	ro := func(k engine.KeySpec) engine.KeySpec { k.Flags = "RO"; return k }
	index := ro(engine.KeySpec{Index: 1})
	numkeys := ro(engine.KeySpec{Index: 1, NumKeys: true, FirstKey: 1})
	store := ro(engine.KeySpec{Index: 2, NumKeys: true, FirstKey: 1})
	streams := ro(engine.KeySpec{Index: 1, Keyword: "STREAMS", Last: -1, Limit: 2})
	tail := ro(engine.KeySpec{Index: -2, Keyword: "KEYS", Last: -1})
	pairs := ro(engine.KeySpec{Index: 1, Last: -1, Step: 2})
	for _, test := range []struct {
		specs       []engine.KeySpec
		words, want string
	}{
		{[]engine.KeySpec{index}, "get a", "a"},
		{[]engine.KeySpec{index}, "get", "none"},
		{[]engine.KeySpec{pairs}, "mset a 1 b 2", "a b"},
		{[]engine.KeySpec{pairs}, "mset a 1 b", "a b"},
		{[]engine.KeySpec{ro(engine.KeySpec{Index: 1, Last: -2})}, "blpop a b 0", "a b"},
		{[]engine.KeySpec{ro(engine.KeySpec{Index: 1, Last: 1})}, "lcs a b", "a b"},
		{[]engine.KeySpec{ro(engine.KeySpec{Index: 1, Last: 1})}, "lcs a", "none"},
		{[]engine.KeySpec{numkeys}, "zunion 2 a b WITHSCORES", "a b"},
		{[]engine.KeySpec{numkeys}, "zunion 3 a b", "none"},
		{[]engine.KeySpec{numkeys}, "zunion 0", ""},
		{[]engine.KeySpec{numkeys}, "zunion -1 a", "none"},
		{[]engine.KeySpec{numkeys}, "zunion 9223372036854775807 a", "none"},
		{[]engine.KeySpec{numkeys}, "zunion x a", "none"},
		{[]engine.KeySpec{index, store}, "zunionstore d 2 a b WEIGHTS 1 2", "d a b"},
		{[]engine.KeySpec{streams}, "xread COUNT 2 streams a b 0 0", "a b"},
		{[]engine.KeySpec{streams}, "xread streams a b 0", "a"},
		{[]engine.KeySpec{streams}, "xread COUNT 2", ""},
		{[]engine.KeySpec{streams}, "xread COUNT STREAMS", ""},
		{[]engine.KeySpec{tail}, "migrate h 1 '' 0 0 KEYS a b", "a b"},
		{[]engine.KeySpec{{Flags: "RO"}}, "sort a BY x", "none"},
		{[]engine.KeySpec{ro(engine.KeySpec{Index: 1}), {Flags: "NOT_KEY", Index: 2}}, "x a b", "a"},
	} {
		var words [][]byte
		for w := range strings.FieldsSeq(test.words) {
			words = append(words, []byte(w))
		}
		keys, ok := findKeys(&engine.Spec{Keys: test.specs}, words)
		var got []string
		for _, k := range keys {
			got = append(got, string(k.key))
		}
		if !ok {
			got = []string{"none"}
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s = %s, want %s", test.words, s, test.want)
		}
	}
}

func TestLegacyRange(t *testing.T) {
	for _, test := range []struct {
		specs []engine.KeySpec
		want  string
	}{
		{nil, "0 0 0 false"},
		{engine.One("RO"), "1 1 1 false"},
		{engine.AllFrom("RO", -1, 2), "1 -1 2 false"},
		{[]engine.KeySpec{{Index: 1}, {Index: 2}}, "1 2 1 false"},                                       // RENAME
		{[]engine.KeySpec{{Index: 1}, {Index: 2, Last: -1}}, "1 -1 1 false"},                            // SUNIONSTORE
		{[]engine.KeySpec{{Index: 1}, {Index: 3}}, "1 1 1 true"},                                        // a gap
		{[]engine.KeySpec{{Index: 1, NumKeys: true, FirstKey: 1}}, "0 0 0 true"},                        // ZUNION
		{[]engine.KeySpec{{Index: 1}, {Index: 2, NumKeys: true, FirstKey: 1}}, "1 1 1 true"},            // ZUNIONSTORE
		{[]engine.KeySpec{{Index: 1, Keyword: "STREAMS", Last: -1, Limit: 2}}, "0 0 0 true"},            // XREAD
		{[]engine.KeySpec{{Index: 1}, {}, {}}, "1 1 1 true"},                                            // SORT
		{[]engine.KeySpec{{Index: 3}, {Flags: "INCOMPLETE", Index: -2, Keyword: "KEYS"}}, "3 3 1 true"}, // MIGRATE
		{[]engine.KeySpec{{Flags: "RW INCOMPLETE", Index: 1}}, "1 1 1 true"},
	} {
		first, last, step, movable := legacyRange(&engine.Spec{Keys: test.specs})
		if got := fmt.Sprint(first, last, step, movable); got != test.want {
			t.Errorf("%+v = %s, want %s", test.specs, got, test.want)
		}
	}
}

func TestHistogram(t *testing.T) {
	last := -1
	for d := time.Duration(0); d < 3*time.Second; d = d + d/50 + 1 {
		b := bucket(d)
		if b < last || b >= len(histogram{}) {
			t.Fatalf("bucket(%d) = %d after %d", d, b, last)
		}
		last = b
		if d = max(d, 1); d <= time.Second && (upper(b) < d || upper(b) > d+d/32) {
			t.Errorf("upper(bucket(%d)) = %d", d, upper(b))
		}
	}
	if bucket(-1) != bucket(1) {
		t.Error("a negative duration has a bucket of its own")
	}
	var l latencies
	l.init()
	spec := Table["ping"].Info()
	if l.percentiles(spec, []float64{50}) != nil {
		t.Error("percentiles of nothing")
	}
	for i, n := range rand.Perm(1000) {
		l.note(i%engine.Lanes, spec, 1, time.Duration(n+1)*time.Microsecond)
	}
	got := l.percentiles(spec, []float64{0, 50, 99, 99.9, 100})
	for i, want := range []time.Duration{1, 500, 990, 999, 1000} {
		if want *= time.Microsecond; got[i] < want || got[i] > want+want/30 {
			t.Errorf("percentiles = %v", got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { l.note(0, spec, 1, time.Millisecond) }); n != 0 {
		t.Errorf("noting a duration allocates %v times", n)
	}
	l.reset()
	if l.percentiles(spec, []float64{50}) != nil {
		t.Error("percentiles after a reset")
	}
}

func TestNumber(t *testing.T) {
	for s, want := range map[string]float64{"1.5": 1.5, ".5": .5, "abc": 0, "2x": 2, "-1": 0, "": 0, "1e99": 1<<31 - 1, "0x10": 16} {
		if got := number(s); got != want {
			t.Errorf("number(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestHuman(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 1024: "1.00K", 1536: "1.50K", 1 << 20: "1.00M", 5 << 30: "5.00G", 1 << 62: "4096.00P"} {
		if got := human(n); got != want {
			t.Errorf("human(%d) = %s, want %s", n, got, want)
		}
	}
}

// TestGroups looks whether every group of the table implies what it should.
func TestGroups(t *testing.T) {
	none := []string{"server", "cluster", "pubsub"} // the last has its category by a flag
	for name, c := range Table {
		if g := c.Info().Group; aclOfGroup[g] == "" && !slices.Contains(none, g) {
			t.Errorf("%s: unknown group %q", name, g)
		}
	}
}
