package listpack

import (
	"bytes"
	"strings"
	"testing"
)

// TestElement builds listpacks by hand, which are those that InsertElement and Append
// build.
func TestElement(t *testing.T) {
	want, got := New(0), make([]byte, HeaderSize)
	for i, s := range []string{"", "0", "127", "128", "-1", "-4097", "40000", "-9223372036854775808", "01", "x",
		strings.Repeat("a", 63), strings.Repeat("b", 64), strings.Repeat("c", 4095), strings.Repeat("d", 4096), strings.Repeat("e", 20000)} {
		e := Encode(s)
		from := len(got)
		got = append(got, bytes.Repeat([]byte{0xAA}, e.Size())...)
		e.Put(got[from:])
		lp := append(bytes.Clone(got), 0)
		Seal(lp, i+1)
		if want = InsertElement(want, End(want), &e); !bytes.Equal(lp, want) {
			t.Fatalf("with %.40q %x, want %x", s, lp, want)
		}
	}
	appended := New(0)
	for _, v := range All(want) {
		appended = Append(appended, v.String())
	}
	if !bytes.Equal(appended, want) {
		t.Errorf("Append builds %x, InsertElement %x", appended, want)
	}
	for n, want := range map[int]uint16{0: 0, 65534: 65534, 65535: 65535, 1 << 20: 65535} {
		lp := New(0)
		if Seal(lp, n); headerLen(lp) != int(want) {
			t.Errorf("Seal with %d elements notes %d, want %d", n, headerLen(lp), want)
		}
	}
	if v := StringValue([]byte("12")); v.IsInt() || v.String() != "12" {
		t.Errorf("StringValue = %q", v.String())
	}
}
