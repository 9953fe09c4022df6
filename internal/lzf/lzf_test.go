package lzf

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func inputs() map[string][]byte {
	noise := make([]byte, 5000)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	r := rand.New(rand.NewPCG(1, 2))
	var mixed []byte
	for len(mixed) < 100_000 { // matches near and far, short and long
		if n := len(mixed); n > 0 && r.IntN(2) == 0 {
			from := r.IntN(n)
			mixed = append(mixed, mixed[from:min(n, from+r.IntN(600))]...)
		} else {
			mixed = append(mixed, noise[r.IntN(4000):][:r.IntN(100)]...)
		}
	}
	return map[string][]byte{
		"empty": nil, "one": {7}, "two": {7, 7}, "three": {7, 7, 7}, "four": {7, 7, 7, 7},
		"run":    bytes.Repeat([]byte{0}, 10_000),
		"words":  []byte(strings.Repeat("a man, a plan, a canal: ", 50)),
		"noise":  noise,
		"far":    append(append([]byte("abcdefgh"), noise...), "abcdefgh"...),
		"edge":   append(append([]byte("abcdefgh"), bytes.Repeat(noise[:64], 127)...), "12345678abcdefgh"...),
		"beyond": append(append([]byte("abcdefgh"), bytes.Repeat(noise[:64], 128)...), "12345678abcdefgh"...),
		"mixed":  mixed,
	}
}

func roundTrip(t testing.TB, src []byte) []byte {
	t.Helper()
	worst := len(src) + (len(src)+maxLiteral-1)/maxLiteral
	packed, ok := Append([]byte("before"), src, worst)
	if !ok || string(packed[:6]) != "before" {
		t.Fatalf("Append of %d bytes within %d failed", len(src), worst)
	}
	packed = packed[6:]
	got := make([]byte, len(src))
	if !Decode(got, packed) || !bytes.Equal(got, src) {
		t.Fatalf("%d bytes, compressed to %d, are others when decompressed", len(src), len(packed))
	}
	if len(src) > 0 && Decode(got[:len(src)-1], packed) {
		t.Fatalf("Decode of %d bytes into one less succeeds", len(src))
	}
	if Decode(make([]byte, len(src)+1), packed) {
		t.Fatalf("Decode of %d bytes into one more succeeds", len(src))
	}
	if out, ok := Append([]byte("x"), src, len(packed)); !ok || !bytes.Equal(out[1:], packed) {
		t.Fatalf("Append of %d bytes within the %d they take fails", len(src), len(packed))
	}
	if out, ok := Append([]byte("x"), src, len(packed)-1); ok && len(packed) > 0 || len(out) != 1 && !ok {
		t.Fatalf("Append of %d bytes within one less than the %d they take = %d, %v", len(src), len(packed), len(out), ok)
	}
	return packed
}

func TestRoundTrip(t *testing.T) {
	most := map[string]int{"run": 130, "words": 60, "mixed": 50_000, "edge": 400}
	for name, src := range inputs() {
		packed := roundTrip(t, src)
		if n, ok := most[name]; ok && len(packed) > n {
			t.Errorf("%s: %d bytes become %d, want at most %d", name, len(src), len(packed), n)
		}
	}
}

// Bytes that others wrote, by hand from the format.
func TestDecode(t *testing.T) {
	for _, tt := range []struct{ packed, want string }{
		{"", ""},
		{"\x00a", "a"},
		{"\x02abc", "abc"},
		{"\x00a\x20\x00", "aaaa"},
		{"\x02abc\x20\x02", "abcabc"},
		{"\x01ab\xe0\x00\x01", "ab" + "ababababa"},
		{"\x00z\xe0\xff\x00", strings.Repeat("z", 265)},
		{"\x1f" + strings.Repeat("q", 32), strings.Repeat("q", 32)},
	} {
		got := make([]byte, len(tt.want))
		if !Decode(got, []byte(tt.packed)) || string(got) != tt.want {
			t.Errorf("Decode(%q) = %q, want %q", tt.packed, got, tt.want)
		}
		for i := range tt.packed { // each of them is cut off somewhere
			if Decode(make([]byte, len(tt.want)), []byte(tt.packed[:i])) {
				t.Errorf("Decode(%q) succeeds", tt.packed[:i])
			}
		}
	}
	for _, bad := range []string{"\x20\x00", "\x00a\x20\x01", "\x00a\xe0", "\x00a\xe0\x00", "\x00a\x20", "\x05a"} {
		for n := range 20 {
			if Decode(make([]byte, n), []byte(bad)) {
				t.Errorf("Decode(%q) into %d bytes succeeds", bad, n)
			}
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, src := range inputs() {
		f.Add(src[:min(len(src), 2000)])
	}
	f.Fuzz(func(t *testing.T, src []byte) { roundTrip(t, src) })
}

// Any bytes: Decode says yes or no, and touches nothing else.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x02abc\x20\x02"), uint16(6))
	f.Add([]byte("\x00z\xe0\xff\x00"), uint16(265))
	f.Fuzz(func(t *testing.T, packed []byte, n uint16) {
		dst := make([]byte, int(n)+8)
		for i := range dst {
			dst[i] = 0xA5
		}
		Decode(dst[:n:n], packed)
		for _, b := range dst[n:] {
			if b != 0xA5 {
				t.Fatal("written behind the end")
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	src := inputs()["mixed"][:8192]
	dst := make([]byte, 0, 9000)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		Append(dst, src, len(src))
	}
}

func BenchmarkDecode(b *testing.B) {
	src := inputs()["mixed"][:8192]
	packed, _ := Append(nil, src, len(src))
	dst := make([]byte, len(src))
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		Decode(dst, packed)
	}
}
