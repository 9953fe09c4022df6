package listpack

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// same checks a listpack against what it should hold, by every way to read it.
func same(t testing.TB, lp []byte, want []string) {
	t.Helper()
	if n, ok := Validate(lp); !ok || n != len(want) {
		t.Fatalf("Validate = %d, %t, want %d: %x", n, ok, len(want), lp)
	}
	if got := Len(lp); got != len(want) {
		t.Fatalf("Len = %d, want %d", got, len(want))
	}
	var got []string
	var offsets []int
	for p, v := range All(lp) {
		got, offsets = append(got, v.String()), append(offsets, p)
		if v.Len() != len(v.String()) || !v.Equal(v.String()) || v.Equal(v.String()+"x") || string(v.Append(nil)) != v.String() {
			t.Fatalf("Value %q: Len %d, Append %q", v.String(), v.Len(), v.Append(nil))
		}
		if _, ok := ParseInt(v.String()); ok != v.IsInt() {
			t.Fatalf("%q: IsInt = %t", v.String(), v.IsInt())
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("All = %.100q, want %.100q", got, want)
	}
	i := len(offsets)
	for p := Last(lp); p != 0; p = Prev(lp, p) {
		if i--; i < 0 || p != offsets[i] {
			t.Fatalf("Prev = %d at %d, want %v", p, i, offsets)
		}
	}
	p := First(lp)
	for i := range offsets {
		if p != offsets[i] {
			t.Fatalf("Next = %d, want %d", p, offsets[i])
		}
		if i < 40 || len(offsets)-i < 40 {
			if a, b := Seek(lp, i), Seek(lp, i-len(offsets)); a != p || b != p {
				t.Fatalf("Seek(%d) = %d and from the end %d, want %d", i, a, b, p)
			}
			if q := Find(lp, First(lp), want[i], 1); q != offsets[slices.Index(want, want[i])] {
				t.Fatalf("Find(%.40q) = %d", want[i], q)
			}
		}
		p = Next(lp, p)
	}
	if i != 0 || p != 0 || Seek(lp, len(want)) != 0 || Seek(lp, -len(want)-1) != 0 {
		t.Fatal("an end is not an end")
	}
}

// borders are strings at the borders of the encodings.
func borders() []string {
	s := []string{"", "a", "-", "-0", "00", "01", "+1", " 1", "1 ", "1.0", "-9223372036854775809", "9223372036854775808",
		"18446744073709551616", "99999999999999999999", "-99999999999999999999"}
	for _, n := range []int64{0, 1 << 7, 1 << 12, 1 << 15, 1 << 23, 1 << 31, math.MaxInt64, math.MinInt64} {
		for d := int64(-1); d <= 1; d++ {
			s = append(s, strconv.FormatInt(n+d, 10), strconv.FormatInt(-n+d, 10))
		}
	}
	// 63 and 4095 are ends of encodings; with 1, 2 or 5 bytes before them, 127 and
	// 16383 are widths of backlens.
	for _, n := range []int{63, 125, 126, 127, 4095, 16376, 16377, 16378, 16379, 16380} {
		s = append(s, strings.Repeat("x", n), strings.Repeat("y", n+1))
	}
	return s
}

func TestBorders(t *testing.T) {
	var lp []byte
	var want []string
	for _, s := range borders() {
		same(t, Append(New(0), s), []string{s})
		if lp == nil {
			lp = New(0)
		}
		lp, want = Append(lp, s), append(want, s)
	}
	same(t, lp, want)
	for _, n := range []int{1<<21 - 7, 1<<21 - 6, 1<<21 - 5} {
		s := strings.Repeat("z", n)
		same(t, Append(Append(New(0), s), "1"), []string{s, "1"})
	}
}

func TestUnknownLength(t *testing.T) {
	lp, want := New(0), []string(nil)
	for i := range 65540 {
		lp, want = AppendInt(lp, int64(i%100)), append(want, strconv.Itoa(i%100))
		if i >= 65532 && i < 65537 {
			same(t, lp, want)
		}
	}
	lp = Delete(lp, Seek(lp, 100), 10)
	want = slices.Delete(want, 100, 110)
	if headerLen(lp) != unknown {
		t.Errorf("headerLen = %d, want that it stays unknown", headerLen(lp))
	}
	same(t, lp, want)
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		size, n int
		want    bool
	}{{0, 0, true}, {MaxSize, 0, true}, {MaxSize, 1, false}, {MaxSize - 1, 1, true}, {0, MaxSize, true}, {0, MaxSize + 1, false}, {7, math.MaxInt, false}, {MaxSize + 1, 0, false}} {
		if got := Fits(c.size, c.n); got != c.want {
			t.Errorf("Fits(%d, %d) = %t", c.size, c.n, got)
		}
	}
}

// run reads what to do from a fuzzer's bytes, and does it to a listpack and a
// slice.
func run(t testing.TB, script []byte) {
	lp, want := New(0), []string(nil)
	words := borders()
	next := func() int {
		if len(script) == 0 {
			return 0
		}
		b := script[0]
		script = script[1:]
		return int(b)
	}
	for steps := 0; len(script) > 0 && steps < 2000; steps++ {
		op, s := next(), words[next()%len(words)]
		if op&0x80 != 0 {
			s = strconv.Itoa(next()<<8 | next())
		}
		i := next() % (len(want) + 1)
		p := End(lp)
		if i < len(want) {
			p = Seek(lp, i)
		}
		switch op & 0x7F % 8 {
		case 0, 1:
			lp, want = Append(lp, s), append(want, s)
		case 2:
			lp, want = Prepend(lp, s), slices.Insert(want, 0, s)
		case 3:
			lp, want = Insert(lp, p, s), slices.Insert(want, i, s)
		case 4:
			if i < len(want) {
				lp, want = Insert(lp, After(lp, p), s), slices.Insert(want, i+1, s)
			}
		case 5, 6:
			if i < len(want) {
				lp = Replace(lp, p, s)
				want[i] = s
			}
		case 7:
			n := next() % 4
			lp, want = Delete(lp, p, n), slices.Delete(want, i, min(i+n, len(want)))
		}
	}
	same(t, lp, want)
	// However it came about, the bytes are those of appending in order.
	fresh := New(0)
	for _, s := range want {
		fresh = Append(fresh, s)
	}
	if !bytes.Equal(lp, fresh) {
		t.Fatalf("%x, want %x", lp, fresh)
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Fuzz(func(t *testing.T, script []byte) { run(t, script) })
}

func TestModel(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		script := make([]byte, r.IntN(2000))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		run(t, script)
	}
}

// junk reads everything in bytes that Validate accepts.
func junk(t testing.TB, lp []byte) {
	n, ok := Validate(lp)
	if !ok {
		return
	}
	m := 0
	for p := Last(lp); p != 0; p = Prev(lp, p) {
		m++
	}
	got := 0
	for _, v := range All(lp) {
		got++
		_ = v.String()
	}
	if got != n || m != n || Len(lp) != n {
		t.Fatalf("Validate = %d, All yields %d, backwards %d, Len %d: %x", n, got, m, Len(lp), lp)
	}
	cp := Append(Replace(Append(bytes.Clone(lp), "a"), header, "bcd"), "9")
	if m, ok := Validate(cp); !ok || m != n+2 && (n > 0 || m != 2) {
		t.Fatalf("after changes Validate = %d, %t, had %d", m, ok, n)
	}
}

func FuzzValidate(f *testing.F) {
	lp := New(0)
	for _, s := range borders() {
		if len(s) < 200 {
			lp = Append(lp, s)
		}
	}
	f.Add(lp)
	f.Add([]byte("\x08\x00\x00\x00\xff\xff\xf0\xff"))
	f.Fuzz(func(t *testing.T, lp []byte) { junk(t, lp) })
}

func TestValidate(t *testing.T) {
	good := New(0)
	for _, s := range []string{"a", "12345678901", "5", "-4000", strings.Repeat("b", 70), "70000", "8000000", "40000"} {
		good = Append(good, s)
	}
	// Every change of one byte, and every shorter piece, is found out or harmless.
	for i := range good {
		if _, ok := Validate(good[:i]); ok {
			t.Errorf("accepted the first %d bytes", i)
		}
		for b := range 256 {
			bad := bytes.Clone(good)
			bad[i] = byte(b)
			junk(t, bad)
		}
	}
	for _, h := range []string{
		"", "07000000", "070000000000", "07000000000000", "060000000000ff", "070000000100ff",
		"0a000000010001f0ffffff"[:20] + "ff", "0c0000000100f0ffffffffff", "0c0000000100f0ffffff7fff",
		"0800000001008aff", "09000000010001020f"[:16] + "ff", "0a0000000100010001ff",
	} {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := Validate(b); ok {
			t.Errorf("Validate(%s) = %d, true", h, n)
		}
	}
	// An element of 255 bytes has the backlen 01 FF: the end is not part of it.
	cut := append([]byte{0x07, 0x01, 0, 0, 1, 0, 0xE0, 253}, make([]byte, 253)...)
	if n, ok := Validate(append(cut, 1, end)); ok {
		t.Errorf("Validate = %d, true of an element that takes the end", n)
	}
	// What Redis reads and would not write.
	long := []byte("\x13\x00\x00\x00\xff\xff\xf4\x05\x00\x00\x00\x00\x00\x00\x00\x09\xf1\x07\x00\x03\xff")
	long[0] = byte(len(long))
	if n, ok := Validate(long); !ok || n != 2 || Get(long, First(long)).String() != "5" || Len(long) != 2 {
		t.Errorf("long encodings: %d, %t", n, ok)
	}
}

func TestParseInt(t *testing.T) {
	for _, s := range borders() {
		n, err := strconv.ParseInt(s, 10, 64)
		want := err == nil && strconv.FormatInt(n, 10) == s
		if got, ok := ParseInt(s); ok != want || ok && got != n {
			t.Errorf("ParseInt(%q) = %d, %t", s, got, ok)
		}
	}
}

func TestAllocations(t *testing.T) {
	lp := New(4096)
	if n := testing.AllocsPerRun(100, func() {
		lp = Append(lp[:len(lp):cap(lp)], "field")
		lp = AppendInt(lp, 12345)
		p := Seek(lp, -2)
		lp = Replace(lp, p, "fields")
		for _, v := range All(lp) {
			_ = v.Equal("12345")
		}
		lp = Delete(lp, First(lp), 2)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestServer compares the bytes with those that Redis saves.
func TestServer(t *testing.T) {
	c := redistest.Start(t).NewClient(t, 2)
	do := func(words ...string) string {
		v := c.Do(words...)
		if v.Kind == redistest.Error {
			t.Fatalf("%.60q: %s", words, v.Str)
		}
		return v.Str
	}
	do("CONFIG", "SET", "rdbcompression", "no", "hash-max-listpack-value", "1000000", "hash-max-listpack-entries", "10000", "list-max-listpack-size", "-5")
	lp, list := New(0), New(0)
	for i, s := range borders() {
		do("HSET", "h", fmt.Sprint(i), s)
		lp = Append(Append(lp, fmt.Sprint(i)), s)
		if len(s) < 100 {
			do("LPUSH", "l", s)
			list = Prepend(list, s)
		}
	}
	do("HDEL", "h", "3")
	lp = Delete(lp, Find(lp, First(lp), "3", 2), 2)
	do("HSET", "h", "4", strings.Repeat("r", 300))
	lp = Replace(lp, Next(lp, Find(lp, First(lp), "4", 2)), strings.Repeat("r", 300))
	for key, want := range map[string][]byte{"h": lp, "l": list} {
		if dump := do("DUMP", key); !strings.Contains(dump, string(want)) {
			t.Errorf("DUMP %s does not contain our listpack\n%x\n%x", key, dump, want)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	lp := New(4096)
	b.ReportAllocs()
	for b.Loop() {
		if len(lp) > 4000 {
			lp = Delete(lp, header, 1<<20)
		}
		lp = Append(lp, "a value of 19 bytes")
	}
}

func BenchmarkWalk(b *testing.B) {
	lp := New(4096)
	for i := range 100 {
		lp = AppendInt(Append(lp, "a value of 19 bytes"), int64(i*1000))
	}
	b.ReportAllocs()
	for b.Loop() {
		for p := header; lp[p] != end; {
			_, p = Read(lp, p)
		}
	}
}
