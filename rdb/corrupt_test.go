package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/larderdb/larder/internal/engine"
)

// readAll decodes a file in every way. What is read must be good: written again it
// gives the same values.
func readAll(t testing.TB, file []byte, o DecoderOptions) {
	_, errEvents := renderEvents(file, o)
	o.Elements = false
	for _, err := range NewDecoder(bytes.NewReader(file), o).Events() {
		if (err != nil) != (errEvents != nil) && err != nil {
			t.Fatalf("by events: %v, by elements: %v", err, errEvents)
		}
	}
	var out bytes.Buffer
	e, err := NewEncoder(&out, EncoderOptions{Version: 12})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	d := NewDecoder(bytes.NewReader(file), o)
	err = d.values(defaults, func(ev *Event, v engine.Value) error {
		if ev.Kind == KindDB {
			return e.Write(ev)
		}
		if ev.Kind != KindEnd || v.Form == engine.NoForm {
			return nil
		}
		k := ev.Key
		want = append(want, line(ev, k.Type, valueParts(v)))
		return e.value(string(k.Name), v, keyHead{k.ExpireAt, k.Idle, k.Freq})
	})
	if errEvents != nil && err == nil {
		t.Fatalf("there are values of what is corrupt: %v", errEvents)
	}
	if e.Close() != nil {
		t.Fatal(e.s.err)
	}
	got, err := renderValues(out.Bytes(), defaults)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v", err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d values, written were %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("read %.300s\nwritten %.300s", got[i], want[i])
		}
	}
}

// Every file, cut off everywhere and with bits of every byte changed, gives an error
// or values that are good.
func TestDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range files {
		file := f.file
		places := 200
		if testing.Short() {
			places = 40
		}
		step := max(1, len(file)/places)
		for i := 0; i < len(file); i += step {
			var e *Error
			if _, err := renderEvents(file[:i], DecoderOptions{}); !errors.As(err, &e) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s: cut at %d: %v", f.name, i, err)
			} else if e.Offset > int64(i) {
				t.Fatalf("%s: cut at %d: the error is at %d", f.name, i, e.Offset)
			}
			bad := bytes.Clone(file)
			bad[i] ^= byte(1 + r.IntN(255))
			readAll(t, bad, DecoderOptions{SkipChecksum: true})
			if f.file[8] >= '5' || f.file[7] > '0' {
				if _, err := renderEvents(bad, DecoderOptions{}); err == nil && i < len(file)-8 {
					t.Errorf("%s: byte %d changed, and nobody noticed", f.name, i)
				}
			}
		}
	}
}

// A file that comes in pieces is the same file, and nothing that was handed out is
// overwritten by what comes next.
func TestSlowReader(t *testing.T) {
	for _, f := range files {
		want, _ := renderEvents(f.file, DecoderOptions{})
		got, err := renderReader(iotest.OneByteReader(bytes.NewReader(f.file)), DecoderOptions{})
		compareLines(t, f.name, mustRender(t, got, err), want)
		got, err = renderReaderValues(iotest.OneByteReader(bytes.NewReader(f.file)), defaults)
		compareLines(t, f.name, mustRender(t, got, err), mustRenderValues(t, f.file))
	}
	broken := errors.New("the disk is gone")
	r := io.MultiReader(bytes.NewReader(files[0].file[:40]), iotest.ErrReader(broken))
	if err := NewDecoder(r, DecoderOptions{}).Decode(func(*Event) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("of a broken reader: %v", err)
	}
	stop := errors.New("enough")
	if err := NewDecoder(bytes.NewReader(files[0].file), DecoderOptions{}).Decode(func(*Event) error { return stop }); err != stop {
		t.Errorf("of a callback that stops: %v", err)
	}
}

// What follows the file is left to its reader.
func TestBehindTheEnd(t *testing.T) {
	d := NewDecoder(bytes.NewReader(append(bytes.Clone(files[0].file), "behind"...)), DecoderOptions{})
	if err := d.Decode(func(*Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if d.Offset() != int64(len(files[0].file)) || string(d.Buffered()) != "behind" {
		t.Errorf("offset %d, want %d; buffered %q", d.Offset(), len(files[0].file), d.Buffered())
	}
}

const enormous = 1 << 60

// announced are beginnings of values that announce more than there is.
var announced = map[string][]byte{
	"string":      appendParts(nil, byte(0), "k", count(enormous)),
	"key":         appendParts(nil, byte(0), count(enormous)),
	"lzf":         appendParts(nil, byte(0), "k", byte(0xC3), count(4), count(enormous), []byte("abcd")),
	"lzf input":   appendParts(nil, byte(0), "k", byte(0xC3), count(enormous), count(10)),
	"lzf 4 GB":    appendParts(nil, byte(0), "k", byte(0xC3), count(1<<32-1), count(1<<36)),
	"list":        appendParts(nil, byte(1), "k", count(enormous)),
	"set":         appendParts(nil, byte(2), "k", count(enormous), "a"),
	"zset":        appendParts(nil, byte(5), "k", count(enormous)),
	"hash":        appendParts(nil, byte(4), "k", count(enormous), "a", "b"),
	"nodes":       appendParts(nil, byte(18), "k", count(enormous)),
	"stream":      appendParts(nil, byte(19), "k", count(enormous)),
	"groups":      appendParts(nil, byte(19), "k", count(0), count(0), count(0), count(0), count(0), count(0), count(0), count(0), count(0), count(enormous)),
	"fields":      appendParts(nil, byte(24), "k", int64(1), count(enormous)),
	"hash of ms":  appendParts(nil, byte(22), "k", count(1), count(enormous), "f", "v"),
	"aux":         appendParts(nil, byte(0xFA), count(enormous)),
	"size":        appendParts(nil, byte(0xFB), count(1<<63), count(0)),
	"database":    appendParts(nil, byte(0xFE), count(enormous)),
	"module aux":  appendParts(nil, byte(0xF7), count(1<<40), count(2), count(1), count(5), count(enormous)),
	"list packed": appendParts(nil, byte(10), "k", count(enormous)),
}

// No memory is taken on the word of a file.
func TestAnnounced(t *testing.T) {
	for name, body := range announced {
		file := append(newFile(12).b, body...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := renderEvents(file, DecoderOptions{})
		_, err2 := renderValues(file, defaults)
		runtime.ReadMemStats(&after)
		if err == nil || err2 == nil {
			t.Errorf("%s: no error", name)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes taken for a file of %d", name, n, len(file))
		}
	}
}

// corruptions are values that are well-formed to the last byte and wrong.
var corruptions = []struct {
	why, name string
	body      []byte
}{
	{"a listpack", "hash", appendParts(nil, byte(16), "k", listpackOf("a", "b")+"x")},
	{"a part of a field", "odd hash", appendParts(nil, byte(16), "k", listpackOf("a", "b", "c"))},
	{"twice", "hash", appendParts(nil, byte(16), "k", listpackOf("a", "b", "a", "c"))},
	{"twice", "hash of numbers", appendParts(nil, byte(16), "k", listpackOf("5", "b", "x", "y", "5", "c"))},
	{"twice", "plain hash", appendParts(nil, byte(4), "k", count(2), "a", "b", "a", "c")},
	{"twice", "big hash", appendParts(nil, byte(4), "k", count(2), "a", long, "a", "c")},
	{"twice", "plain set", appendParts(nil, byte(2), "k", count(3), "a", "b", "a")},
	{"twice", "plain set of integers", appendParts(nil, byte(2), "k", count(3), "1", "2", []byte{0xC0, 1})},
	{"twice", "set", appendParts(nil, byte(20), "k", listpackOf("a", "b", "a"))},
	{"twice", "plain sorted set", appendParts(nil, byte(5), "k", count(2), "a", 1.0, "a", 2.0)},
	{"twice", "sorted set", appendParts(nil, byte(17), "k", listpackOf("a", "1", "a", "2"))},
	{"out of order", "sorted set", appendParts(nil, byte(17), "k", listpackOf("a", "2", "b", "1"))},
	{"out of order", "sorted set of one score", appendParts(nil, byte(17), "k", listpackOf("b", "1", "a", "1"))},
	{"not a number", "sorted set", appendParts(nil, byte(17), "k", listpackOf("a", "nan"))},
	{"not a number", "sorted set of text", appendParts(nil, byte(12), "k", ziplistOf("a", "text"))},
	{"not a number", "plain sorted set", appendParts(nil, byte(3), "k", count(1), "a", byte(253))},
	{"not a number", "plain sorted set of text", appendParts(nil, byte(3), "k", count(1), "a", text("1x"))},
	{"an intset", "intset", appendParts(nil, byte(11), "k", intsetOf(3, 2))},
	{"an intset", "intset with one twice", appendParts(nil, byte(11), "k", intsetOf(2, 2))},
	{"a ziplist", "ziplist", appendParts(nil, byte(10), "k", ziplistOf("a")+"x")},
	{"a zipmap", "zipmap", appendParts(nil, byte(9), "k", "\x01\x01a\xff")},
	{"kind of node", "list", appendParts(nil, byte(18), "k", count(1), count(3), listpackOf("a"))},
	{"times", "hash", appendParts(nil, byte(25), "k", int64(1), listpackOf("a", "b", "0", "c", "d", "5"))},
	{"times", "hash, falling", appendParts(nil, byte(25), "k", int64(1), listpackOf("a", "b", "9", "c", "d", "5"))},
	{"time of expiry", "hash", appendParts(nil, byte(25), "k", int64(1), listpackOf("a", "b", "c"))},
	{"past all bounds", "hash", appendParts(nil, byte(24), "k", int64(1<<47), count(1), count(1<<48-2), "a", "b")},
	{"past all bounds", "hash and its base", appendParts(nil, byte(24), "k", int64(-1), count(1), count(2), "a", "b")},
	{"unknown encoding", "string", appendParts(nil, byte(0), "k", byte(0xC4))},
	{"compressed", "string", appendParts(nil, byte(0), "k", byte(0xC3), count(1), count(5), byte(9))},
	{"no length", "string", appendParts(nil, byte(0), "k", byte(0x82))},
	{"encoding in the place", "list", appendParts(nil, byte(1), "k", byte(0xC0), byte(1))},
	{"type 8", "type", appendParts(nil, byte(8), "k", "v")},
	{"type 26", "type", appendParts(nil, byte(26), "k", "v")},
	{"module", "old module", appendParts(nil, byte(6), "k", count(1))},
	{"instruction", "of Valkey", appendParts(nil, byte(243), "job", count(0))},
	{"functions", "of a candidate", appendParts(nil, byte(246), "x")},
	{"data of a module", "aux", appendParts(nil, byte(247), count(1), count(1))},
	{"database number", "number", appendParts(nil, byte(254), count(1<<31))},
	{"ID of a node", "stream", appendParts(nil, byte(19), "k", count(1), "short", "x")},
	{"negative", "read", appendParts(nil, byte(19), "k", count(0), count(0), count(0), count(0), count(0), count(0), count(0), count(0), count(0),
		count(1), "g", count(0), count(0), []byte{0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE})},
	{"stream", "length", streamWith(3, 205, "alice", "bob", 100)},
	{"stream", "last ID", streamWith(4, 201, "alice", "bob", 100)},
	{"stream", "consumer twice", streamWith(4, 205, "alice", "alice", 100)},
	{"stream", "entry of two consumers", streamWith(4, 205, "alice", "bob", 102)},
	{"stream", "entry that is not pending", streamWith(4, 205, "alice", "bob", 103)},
	{"stream", "entry of no consumer", appendParts(streamWith(4, 205, "alice", "bob", 100)[:lenToConsumers], count(1), "alice", int64(1),
		count(1), [2]uint64{102, 5})},
	{"stream", "nodes out of order", nodesOf(200, 100)},
	{"stream", "node twice", nodesOf(100, 100)},
	{"stream", "nodes that overlap", nodesOf(100, 101)},
}

// streamWith is a stream with a group, of which some figure is wrong.
func streamWith(length, last uint64, first, second string, own uint64) []byte {
	b := nodesOf(100, 200)
	b = b[:len(b)-len(noGroups)]
	b = appendParts(b, count(length), count(last), count(0), count(100), count(0), count(0), count(0), count(4), count(1))
	b = appendParts(b, "g", count(100), count(0), count(0), count(2), [2]uint64{100, 0}, int64(1), count(1), [2]uint64{102, 5}, int64(1), count(1))
	return appendParts(b, count(2), first, int64(1), count(1), [2]uint64{102, 5}, second, int64(1), count(1), [2]uint64{own, map[uint64]uint64{102: 5}[own]})
}

// lenToConsumers is where the consumers of a streamWith begin.
var lenToConsumers = len(streamWith(4, 205, "alice", "bob", 100)) - len(appendParts(nil, count(2), "alice", int64(1), count(1), [2]uint64{},
	"bob", int64(1), count(1), [2]uint64{}))

var noGroups = appendParts(nil, count(4), count(205), count(0), count(100), count(0), count(0), count(0), count(4), count(0))

func nodesOf(a, b uint64) []byte {
	id, lp := streamNode(a)
	id2, lp2 := streamNode(b)
	return append(appendParts(nil, byte(19), "k", count(2), id, lp, id2, lp2), noGroups...)
}

// What is corrupt is named, with the key and the place.
func TestCorrupt(t *testing.T) {
	for _, c := range corruptions {
		f := newFile(12).add(byte(0xFE), count(3), byte(0), "before", "v", c.body)
		from := int64(len(f.b) - len(c.body))
		f.add(byte(0), "after", "v")
		_, err := renderValues(f.end(), defaults)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", c.name, err, c.why)
			continue
		}
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) || e.Offset < from || e.Offset > from+int64(len(c.body)) {
			t.Errorf("%s: %v, at %d; the key is from %d to %d", c.name, err, e.Offset, from, from+int64(len(c.body)))
		}
		if c.body[0] < 240 && (!e.InKey || e.Key != "k" || e.DB != 3) {
			t.Errorf("%s: %v does not name the key", c.name, err)
		}
	}
	if _, err := renderEvents([]byte("RADIS0010"), DecoderOptions{}); !errors.Is(err, ErrFormat) {
		t.Errorf("no magic: %v", err)
	}
	for _, head := range []string{"REDIS0000", "REDIS0013", "REDIS0080", "REDIS00x1", "VALKEY011", "VALKEY081"} {
		if _, err := renderEvents([]byte(head), DecoderOptions{}); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", head, err)
		}
	}
}

// module is a value of a module, as Redis writes it with each part's kind.
func module(id uint64) []byte {
	return appendParts(nil, count(id), count(1), count(5), count(2), count(1<<63), count(3), int32(0), count(4), 1.5, count(5), "text", count(0))
}

// The ID of "hellotype" of version 0, as its module computes it.
func helloID() (id uint64) {
	for _, c := range []byte("hellotype") {
		id = id<<6 | uint64(strings.IndexByte(moduleNames, c))
	}
	return id << 10
}

func TestModules(t *testing.T) {
	f := newFile(9).add(byte(247), count(helloID()), count(2), count(1), count(5), "data", count(0),
		byte(0xFE), count(0), byte(7), "m", module(helloID()), byte(0), "k", "v").end()
	for _, c := range []struct {
		policy ModulePolicy
		want   []string
	}{
		{ReportModules, []string{"version 9 valkey false", "module aux hellotype", "db 0", `"m" module: hellotype`, `"k" string: "v"`}},
		{SkipModules, []string{"version 9 valkey false", "db 0", `"k" string: "v"`}},
	} {
		got, err := renderEvents(f, DecoderOptions{Modules: c.policy})
		compareLines(t, "modules", mustRender(t, got, err), c.want)
	}
	if _, err := renderEvents(f, DecoderOptions{Modules: RefuseModules}); !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), "hellotype") {
		t.Errorf("refused: %v", err)
	}
	file := copyWithout(t, f, 10, func(err error) {
		if !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), "hellotype") && !strings.Contains(err.Error(), `"m"`) {
			t.Errorf("written: %v", err)
		}
	})
	got, err := renderValues(file, defaults)
	compareLines(t, "written", mustRender(t, got, err), []string{`"k" string: "v"`})
}

// withFooter makes a payload of a type and a value.
func withFooter(b []byte, version uint16) []byte {
	b = binary.LittleEndian.AppendUint16(bytes.Clone(b), version)
	return binary.LittleEndian.AppendUint64(b, checksum(0, b))
}

// cutKey takes the name out of a key in a file, which makes the beginning of a
// payload of it.
func cutKey(b []byte) []byte { return append([]byte{b[0]}, b[3:]...) }

func TestBadPayloads(t *testing.T) {
	good := withFooter(appendParts(nil, byte(0), "value"), 10)
	if v, err := decodeDump(good, defaults); err != nil || v.Flat != "value" {
		t.Fatalf("%v, %v", v, err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 4
		if _, err := decodeDump(bad, defaults); err == nil {
			t.Errorf("byte %d is another and nobody noticed", i)
		}
		if _, err := decodeDump(good[:i], defaults); err == nil {
			t.Errorf("%d bytes of a payload are one", i)
		}
	}
	for name, p := range map[string][]byte{
		"more":           withFooter(appendParts(nil, byte(0), "value", byte(0)), 10),
		"version 13":     withFooter(appendParts(nil, byte(0), "value"), 13),
		"version 0":      withFooter(appendParts(nil, byte(0), "value"), 0),
		"no type":        withFooter(nil, 10),
		"empty list":     withFooter(appendParts(nil, byte(1), count(0)), 10),
		"empty set":      withFooter(appendParts(nil, byte(2), count(0)), 10),
		"empty zset":     withFooter(appendParts(nil, byte(5), count(0)), 10),
		"empty hash":     withFooter(appendParts(nil, byte(4), count(0)), 10),
		"empty listpack": withFooter(appendParts(nil, byte(16), listpackOf()), 10),
		"empty intset":   withFooter(appendParts(nil, byte(11), intsetOf()), 10),
		"empty nodes":    withFooter(appendParts(nil, byte(18), count(1), count(2), listpackOf()), 10),
		"module":         withFooter(append([]byte{7}, module(helloID())...), 10),
		"instruction":    withFooter(appendParts(nil, byte(0xFA), "a", "b"), 10),
	} {
		if _, err := decodeDump(p, defaults); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, c := range corruptions {
		if c.body[0] >= 200 {
			continue
		}
		if _, err := decodeDump(withFooter(cutKey(c.body), 12), defaults); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", c.name, err, c.why)
		}
	}
}
