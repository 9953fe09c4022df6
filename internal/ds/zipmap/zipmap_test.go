package zipmap

import (
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
)

func read(zm string) (elems []string, ok bool) {
	lp, ok := AppendListpack(listpack.AppendNew(nil), []byte(zm))
	for _, v := range listpack.All(lp) {
		elems = append(elems, v.String())
	}
	return elems, ok
}

var (
	text = strings.Repeat("x", 300)
	good = []struct {
		zm   string
		want []string
	}{
		{"\x00\xff", nil},
		{"\x01\x01a\x01\x00b\xff", []string{"a", "b"}},
		{"\x02\x03foo\x03\x02bar??\x05hello\x05\x00world\xff", []string{"foo", "bar", "hello", "world"}},
		{"\x01\x00\x00\x01?\xff", []string{"", ""}},
		{"\x01\x0212\x0312\xff\xff", nil}, // cut off: refused below
		{"\xfe\x01a\x01\x00b\xff", []string{"a", "b"}},
		{"\x01\xfe\x2c\x01\x00\x00" + text + "\xfe\x01\x00\x00\x00\x00y\xff", []string{text, "y"}},
		{"\x01\x027\xff\x01\x00\xff\xff", []string{"7\xff", "\xff"}},
	}
)

func TestGood(t *testing.T) {
	for _, g := range good {
		got, ok := read(g.zm)
		if want := len(g.want) > 0 || len(g.zm) == 2; ok != want || ok && !slices.Equal(got, g.want) {
			t.Errorf("%.50q: %.50q, %t, want %.50q", g.zm, got, ok, g.want)
		}
	}
}

func TestBad(t *testing.T) {
	zm := good[2].zm
	for i := range zm {
		if _, ok := read(zm[:i]); ok {
			t.Errorf("%d bytes of it are good", i)
		}
	}
	for name, zm := range map[string]string{
		"nothing":          "",
		"no end":           "\x01\x01a\x01\x00b",
		"count":            "\x02\x01a\x01\x00b\xff",
		"more":             "\x01\x01a\x01\x00b\xff\xff",
		"free cut off":     "\x01\x01a\x01\x05b\xff",
		"no value":         "\x01\x01a\xff",
		"no free":          "\x01\x01a\x01\xff",
		"length of 4 GB":   "\x01\xfe\xff\xff\xff\xffa\xff",
		"length cut off":   "\x01\xfe\x01\x00\xff",
		"an end in it":     "\x02\x01a\x01\x00b\xff\x01a\x01\x00b\xff",
		"value of 4 GB":    "\x01\x01a\xfe\xff\xff\xff\xff\x00b\xff",
		"end for a length": "\x01\x01a\xff\x00b\xff",
	} {
		if got, ok := read(zm); ok {
			t.Errorf("%s: %.50q", name, got)
		}
	}
}

// FuzzAppendListpack checks that what is taken is a good listpack of pairs, as many
// as the zipmap says.
func FuzzAppendListpack(f *testing.F) {
	for _, g := range good {
		f.Add([]byte(g.zm))
	}
	f.Fuzz(func(t *testing.T, zm []byte) {
		lp, ok := AppendListpack(listpack.AppendNew(nil), zm)
		n, valid := listpack.Validate(lp)
		switch {
		case !valid:
			t.Fatalf("of %x: %x is no listpack", zm, lp)
		case ok && (n%2 != 0 || zm[0] < unknown && n != 2*int(zm[0])):
			t.Fatalf("%x: %d elements", zm, n)
		}
	})
}
