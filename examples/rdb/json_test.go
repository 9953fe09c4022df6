package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/rdb"
)

// text is a string of the JSON, whichever way it is told.
func text(t *testing.T, v any) string {
	t.Helper()
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		if s, ok := v["base64"].(string); ok && len(v) == 1 {
			b, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	t.Fatalf("%v is no string", v)
	return ""
}

func score(v any) float64 {
	switch v {
	case "inf":
		return math.Inf(1)
	case "-inf":
		return math.Inf(-1)
	}
	return v.(float64)
}

// fromJSON tells a line as fromEvents tells a key.
func fromJSON(t *testing.T, line string) string {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(line), &o); err != nil {
		t.Fatalf("%.200s: %v", line, err)
	}
	s := fmt.Sprintf("%v %q %v %v:", o["db"], text(t, o["key"]), o["type"], o["expireAt"])
	add := func(format string, a ...any) { s += " " + fmt.Sprintf(format, a...) }
	list := func(v any) []any { return v.([]any) }
	switch o["type"] {
	case "string":
		add("%q", text(t, o["value"]))
	case "list", "set":
		for _, v := range list(o["value"]) {
			add("%q", text(t, v))
		}
	case "zset":
		for _, v := range list(o["value"]) {
			add("%q=%v", text(t, list(v)[0]), score(list(v)[1]))
		}
	case "hash":
		for _, v := range list(o["value"]) {
			add("%q=%q", text(t, list(v)[0]), text(t, list(v)[1]))
		}
	case "stream":
		v := o["value"].(map[string]any)
		for _, e := range list(v["entries"]) {
			add("%v", list(e)[0])
			for _, f := range list(list(e)[1]) {
				add("%q", text(t, f))
			}
		}
		add("len=%v last=%v first=%v deleted=%v added=%v", v["length"], v["lastId"], v["firstId"], v["maxDeletedId"], v["entriesAdded"])
		for _, g := range list(v["groups"]) {
			g := g.(map[string]any)
			add("group %q %v", text(t, g["name"]), g["lastId"])
			for _, p := range list(g["pending"]) {
				add("pending %v %.0f %v", list(p)[0], list(p)[1], list(p)[2])
			}
			for _, c := range list(g["consumers"]) {
				c := c.(map[string]any)
				add("consumer %q %.0f own %v", text(t, c["name"]), c["seen"], c["pending"])
			}
		}
	}
	return s
}

// fromEvents tells the keys of a file, as its events do.
func fromEvents(t *testing.T, file string) (all []string) {
	t.Helper()
	var s string
	var own []string
	add := func(format string, a ...any) { s += " " + fmt.Sprintf(format, a...) }
	id := func(id rdb.ID) string { return fmt.Sprintf("%d-%d", id.Ms, id.Seq) }
	consumer := false
	endConsumer := func() {
		if consumer {
			add("own %v", own)
		}
		consumer, own = false, nil
	}
	err := (&tool{}).walk(file, rdb.DecoderOptions{Elements: true}, func(ev *rdb.Event) error {
		switch ev.Kind {
		case rdb.KindKey:
			at := "<nil>"
			if ev.Key.ExpireAt != 0 {
				at = fmt.Sprint(float64(ev.Key.ExpireAt))
			}
			s = fmt.Sprintf("%d %q %s %s:", ev.DB, ev.Key.Name, ev.Key.Type, at)
		case rdb.KindString, rdb.KindElement:
			add("%q", ev.Value)
		case rdb.KindMember:
			add("%q=%v", ev.Value, ev.Score)
		case rdb.KindField:
			add("%q=%q", ev.Field, ev.Value)
		case rdb.KindEntry:
			add("%s", id(ev.ID))
			for _, f := range ev.Fields {
				add("%q", f)
			}
		case rdb.KindStream:
			m := ev.Stream
			add("len=%d last=%s first=%s deleted=%s added=%d", m.Len, id(m.LastID), id(m.FirstID), id(m.MaxDeletedID), m.EntriesAdded)
		case rdb.KindGroup:
			endConsumer()
			add("group %q %s", ev.Name, id(ev.ID))
		case rdb.KindPending:
			add("pending %s %d %d", id(ev.ID), ev.Time, ev.Count)
		case rdb.KindConsumer:
			endConsumer()
			add("consumer %q %d", ev.Name, ev.Seen)
			consumer = true
		case rdb.KindOwn:
			own = append(own, id(ev.ID))
		case rdb.KindEnd:
			endConsumer()
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What the JSON says is what the file says, byte by byte.
func TestJSON(t *testing.T) {
	odd := "\x00\x01\x1f\x7f\"\\\n\r\t</script>&\u2028\xff\xfe"
	var every []byte
	for c := range 256 {
		every = append(every, byte(c))
	}
	hostile := write(t, stringKey(odd, string(every)), stringKey("valid", string(every[:128])+"é\u2028\U0001F600"), stringKey("", ""),
		expiring(stringKey("expires", "\xc3"), 1_900_000_000_123),
		events{key("z", rdb.SortedSet, 5, 4), {Kind: rdb.KindMember, Value: every, Score: math.Inf(-1)}, {Kind: rdb.KindMember, Value: []byte("a"), Score: math.Copysign(0, -1)},
			{Kind: rdb.KindMember, Value: []byte("b"), Score: 5e-324}, {Kind: rdb.KindMember, Value: []byte("c"), Score: math.Inf(1)}, {Kind: rdb.KindEnd}},
		events{key("h", rdb.Hash, 4, 1), {Kind: rdb.KindField, Field: []byte(odd), Value: every}, {Kind: rdb.KindEnd}},
		inDB(7), stringKey("far", "v"))
	for _, file := range []string{golden, hostile} {
		var got []string
		for line := range strings.Lines(run(t, statusOK, "json", file).out) {
			if strings.HasPrefix(line, `{"db"`) {
				got = append(got, fromJSON(t, line))
			} else if !json.Valid([]byte(line)) {
				t.Errorf("%q is not JSON", line)
			}
		}
		want := fromEvents(t, file)
		if !slices.Equal(got, want) {
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i] != want[i] {
					t.Fatalf("key %d is\n%.500s\nwant\n%.500s", i, got[i:min(i+1, len(got))], want[i:min(i+1, len(want))])
				}
			}
		}
	}
}

// Beside the keys the JSON has what describes the file.
func TestJSONHeader(t *testing.T) {
	file := write(t, events{{Kind: rdb.KindFunction, Value: []byte("#!lua name=x\n")}}, events{{Kind: rdb.KindAux, Name: []byte("a\"b"), Value: []byte("\xff")}})
	want := `{"header":{"version":10,"valkey":false}}
{"aux":{"name":"ctime","value":"1700000000"}}
{"function":"#!lua name=x\n"}
{"aux":{"name":"a\"b","value":{"base64":"/w=="}}}
`
	if got := run(t, statusOK, "json", file).out; got != want {
		t.Errorf("it prints\n%s\nwant\n%s", got, want)
	}
}
