package ziplist

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// read gives the elements of a ziplist.
func read(zl string) (elems []string, ok bool) {
	lp, ok := AppendListpack(listpack.AppendNew(nil), []byte(zl))
	for _, v := range listpack.All(lp) {
		elems = append(elems, v.String())
	}
	return elems, ok
}

// raw makes a ziplist of entries without their prevlen, which are so written with
// one byte, or with five.
func raw(wide bool, entries ...string) string {
	b := make([]byte, header)
	last, prev := header, 0
	for _, e := range entries {
		last = len(b)
		if wide || prev >= longPrev {
			b = binary.LittleEndian.AppendUint32(append(b, longPrev), uint32(prev))
		} else {
			b = append(b, byte(prev))
		}
		b = append(b, e...)
		prev = len(b) - last
	}
	b = append(b, end)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint32(b[4:], uint32(last))
	binary.LittleEndian.PutUint16(b[8:], uint16(len(entries)))
	return string(b)
}

var entries = []struct{ raw, want string }{
	{"\x00", ""},
	{"\x03abc", "abc"},
	{"\x3f" + strings.Repeat("x", 63), strings.Repeat("x", 63)},
	{"\x40\x40" + strings.Repeat("y", 64), strings.Repeat("y", 64)},
	{"\x41\x2c" + strings.Repeat("z", 300), strings.Repeat("z", 300)},
	{"\x40\x02ab", "ab"}, // longer than need be
	{"\x80\x00\x00\x00\x02cd", "cd"},
	{"\x80\x00\x00\x40\x00" + strings.Repeat("w", 16384), strings.Repeat("w", 16384)},
	{"\x0212", "12"}, // an integer as text
	{"\xf1", "0"},
	{"\xfd", "12"},
	{"\xfe\x80", "-128"},
	{"\xfe\x7f", "127"},
	{"\xc0\x00\x80", "-32768"},
	{"\xf0\xff\xff\x7f", "8388607"},
	{"\xf0\x00\x00\x80", "-8388608"},
	{"\xd0\x00\x00\x00\x80", "-2147483648"},
	{"\xe0\x00\x00\x00\x00\x00\x00\x00\x80", "-9223372036854775808"},
	{"\xe0\xff\xff\xff\xff\xff\xff\xff\x7f", "9223372036854775807"},
}

func TestEntries(t *testing.T) {
	var all, want []string
	for _, e := range entries {
		for _, wide := range []bool{false, true} {
			if got, ok := read(raw(wide, e.raw)); !ok || !slices.Equal(got, []string{e.want}) {
				t.Errorf("%.40q: %.40q, %t, want %.40q", e.raw, got, ok, e.want)
			}
		}
		all, want = append(all, e.raw), append(want, e.want)
	}
	for _, wide := range []bool{false, true} {
		if got, ok := read(raw(wide, all...)); !ok || !slices.Equal(got, want) {
			t.Errorf("all: %.500q, %t", got, ok)
		}
	}
	if got, ok := read(raw(false)); !ok || len(got) != 0 {
		t.Errorf("empty: %q, %t", got, ok)
	}
}

func TestMany(t *testing.T) {
	entries := slices.Repeat([]string{"\x01a"}, 70000)
	zl := []byte(raw(false, entries...))
	binary.LittleEndian.PutUint16(zl[8:], unknown)
	if got, ok := read(string(zl)); !ok || len(got) != len(entries) {
		t.Errorf("%d elements, %t, want %d", len(got), ok, len(entries))
	}
}

func TestBad(t *testing.T) {
	good := raw(false, "\x03abc", "\xf2", "\x40\x02ab", "\xc0\x00\x80")
	if _, ok := read(good); !ok {
		t.Fatal("a good one is refused")
	}
	for i := range good {
		if _, ok := read(good[:i]); ok {
			t.Errorf("%d bytes of it are good", i)
		}
	}
	set := func(at int, b byte) string { return good[:at] + string([]byte{b}) + good[at+1:] }
	for name, zl := range map[string]string{
		"nothing":               "",
		"a longer one":          good + "\xff",
		"total length":          set(0, 1),
		"tail":                  set(4, good[4]+1),
		"count":                 set(8, 3),
		"no end":                set(len(good)-1, 0xFE),
		"prevlen of the first":  set(10, 1),
		"prevlen of the second": set(15, 4),
		"encoding 0xF0":         raw(false, "\xf0\x00"),
		"encoding 0xFF":         raw(false, "\xff"),
		"encoding 0xC1":         raw(false, "\xc1\x00\x00"),
		"integer cut off":       raw(false, "\xe0\x00\x00"),
		"string cut off":        raw(false, "\x05ab"),
		"length cut off":        raw(false, "\x40"),
		"length of 4 GB":        raw(false, "\x80\xff\xff\xff\xffab"),
		"prevlen cut off":       "\x0d\x00\x00\x00\x0a\x00\x00\x00\x01\x00\xfe\x00\xff",
	} {
		if got, ok := read(zl); ok {
			t.Errorf("%s: %.100q", name, got)
		}
	}
}

// FuzzAppendListpack checks that what is taken is a good listpack, and what a model
// reads in the same bytes.
func FuzzAppendListpack(f *testing.F) {
	for _, e := range entries {
		f.Add([]byte(raw(false, e.raw, "\x01a", e.raw)))
		f.Add([]byte(raw(true, e.raw)))
	}
	f.Fuzz(func(t *testing.T, zl []byte) {
		lp, ok := AppendListpack(listpack.AppendNew(nil), zl)
		n, valid := listpack.Validate(lp)
		if !valid {
			t.Fatalf("of %x: %x is no listpack", zl, lp)
		}
		if !ok {
			return
		}
		// Backwards, by the lengths of those before, are as many entries.
		back, p := 0, int(binary.LittleEndian.Uint32(zl[4:]))
		for p > header || p == header && len(zl) > header+1 {
			back++
			prev := int(zl[p])
			if prev == longPrev {
				prev = int(binary.LittleEndian.Uint32(zl[p+1:]))
			}
			if prev == 0 {
				break
			}
			p -= prev
		}
		if back != n || n > 0 && p != header {
			t.Fatalf("%x: %d elements, backwards %d down to %d", zl, n, back, p)
		}
	})
}
