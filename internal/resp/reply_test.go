package resp

import (
	"math"
	"strings"
	"testing"
)

func TestReply(t *testing.T) {
	for _, c := range []struct {
		name         string
		write        func(w *Reply)
		resp2, resp3 string
	}{
		{"ok", func(w *Reply) { w.OK() }, "+OK\r\n", "+OK\r\n"},
		{"simple", func(w *Reply) { w.Simple("a\r\n$3") }, "+a  $3\r\n", "+a  $3\r\n"},
		{"error", func(w *Reply) { w.Err("ERR no '\r\n:1'") }, "-ERR no '  :1'\r\n", "-ERR no '  :1'\r\n"},
		{"int", func(w *Reply) { w.Int(0); w.Int(-1); w.Int(10); w.Int(math.MinInt64) }, ":0\r\n:-1\r\n:10\r\n:-9223372036854775808\r\n", ":0\r\n:-1\r\n:10\r\n:-9223372036854775808\r\n"},
		{"uint", func(w *Reply) { w.Uint(math.MaxUint64) }, ":18446744073709551615\r\n", ":18446744073709551615\r\n"},
		{"bulk", func(w *Reply) { w.Bulk("a\r\nb"); w.BulkBytes(nil); w.BulkInt(-42) }, "$4\r\na\r\nb\r\n$0\r\n\r\n$3\r\n-42\r\n", "$4\r\na\r\nb\r\n$0\r\n\r\n$3\r\n-42\r\n"},
		{"pieces", func(w *Reply) { w.BulkHead(12); w.RawString("hello "); w.Raw([]byte("larder")); w.BulkEnd() }, "$12\r\nhello larder\r\n", "$12\r\nhello larder\r\n"},
		{"array", func(w *Reply) { w.Array(2); w.Null(); w.NullArray() }, "*2\r\n$-1\r\n*-1\r\n", "*2\r\n_\r\n_\r\n"},
		{"map", func(w *Reply) { w.Map(5); w.Map(0) }, "*10\r\n*0\r\n", "%5\r\n%0\r\n"},
		{"set", func(w *Reply) { w.Set(3) }, "*3\r\n", "~3\r\n"},
		{"push", func(w *Reply) { w.Push(3) }, "*3\r\n", ">3\r\n"},
		{"bool", func(w *Reply) { w.Bool(true); w.Bool(false) }, ":1\r\n:0\r\n", "#t\r\n#f\r\n"},
		{"double", func(w *Reply) { w.Double(0.1); w.Double(3) }, "$19\r\n0.10000000000000001\r\n$1\r\n3\r\n", ",0.10000000000000001\r\n,3\r\n"},
		{"big number", func(w *Reply) { w.BigNumber("123") }, "$3\r\n123\r\n", "(123\r\n"},
		{"verbatim", func(w *Reply) { w.Verbatim("txt", "a\nb") }, "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n"},
		{"attribute", func(w *Reply) {
			if w.Attribute(1) {
				w.Bulk("ttl")
				w.Int(3)
			}
			w.OK()
		}, "+OK\r\n", "|1\r\n$3\r\nttl\r\n:3\r\n+OK\r\n"},
		{"marks", func(w *Reply) {
			w.OK()
			outer := w.Mark()
			for range 12 {
				inner := w.Mark()
				w.Int(7)
				w.SetAt(inner, 1)
			}
			w.ArrayAt(outer, 12)
			empty := w.Mark()
			w.MapAt(empty, 0)
			cut := w.Mark()
			w.Int(1)
			w.Cut(cut)
		}, "+OK\r\n*12\r\n" + strings.Repeat("*1\r\n:7\r\n", 12) + "*0\r\n", "+OK\r\n*12\r\n" + strings.Repeat("~1\r\n:7\r\n", 12) + "%0\r\n"},
	} {
		for proto, want := range map[int]string{2: c.resp2, 3: c.resp3} {
			w := Reply{Proto: proto}
			c.write(&w)
			if string(w.Buf) != want {
				t.Errorf("%s in RESP%d = %q, want %q", c.name, proto, w.Buf, want)
			}
		}
	}
}

// The texts are those that redis-server 7.0.15 answers to ZSCORE.
func TestDouble(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {1.5, "1.5"}, {0.1, "0.10000000000000001"},
		{1e16, "10000000000000000"}, {1e17, "1e+17"}, {1 << 53, "9007199254740992"}, {-(1<<53 - 1), "-9007199254740991"},
		{123456789012345678, "1.2345678901234568e+17"}, {1e-5, "1.0000000000000001e-05"}, {0.0001, "0.0001"},
		{1e300, "1.0000000000000001e+300"}, {17179869184.5, "17179869184.5"}, {5e-324, "4.9406564584124654e-324"},
		{math.MaxFloat64, "1.7976931348623157e+308"}, {123456.789, "123456.789"}, {1.0 / 3, "0.33333333333333331"},
		{math.Inf(1), "inf"}, {math.Inf(-1), "-inf"}, {math.NaN(), "nan"}, {100000, "100000"}, {-2.5e-7, "-2.4999999999999999e-07"},
	} {
		if got := AppendDouble(nil, c.f); string(got) != c.want {
			t.Errorf("AppendDouble(%v) = %s, want %s", c.f, got, c.want)
		}
	}
}

func TestReplyAllocates(t *testing.T) {
	w := Reply{Buf: make([]byte, 0, 4096), Proto: 3}
	b := []byte("value")
	if n := testing.AllocsPerRun(100, func() {
		w.Buf = w.Buf[:0]
		at := w.Mark()
		w.OK()
		w.Err("ERR no")
		w.BulkBytes(b)
		w.BulkInt(12345678)
		w.Double(0.1)
		w.Int(1 << 40)
		w.ArrayAt(at, 6)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
