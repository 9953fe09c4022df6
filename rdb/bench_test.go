package rdb

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/engine"
)

// mix is a file of strings, and of hashes in listpacks and field by field.
func mix(tb testing.TB, strings, small, plain int) []byte {
	var out bytes.Buffer
	e, err := NewEncoder(&out, EncoderOptions{Plain: true})
	if err != nil {
		tb.Fatal(err)
	}
	none := keyHead{idle: -1, freq: -1}
	for i := range strings {
		_ = e.value(fmt.Sprintf("string:%08d", i), engine.Value{Form: engine.StringEmbstr, Flat: fmt.Sprintf("value %026d", i)}, none)
	}
	for i := range small {
		lp := listpack.New(0)
		for j := range 10 {
			lp = listpack.Append(listpack.Append(lp, fmt.Sprint("field", j)), fmt.Sprint("value ", i*j))
		}
		_ = e.value(fmt.Sprintf("small:%08d", i), engine.Value{Form: engine.HashListpack, Flat: string(lp)}, none)
	}
	for i := range plain {
		_ = e.Write(&Event{Kind: KindKey, Key: &Key{Name: fmt.Appendf(nil, "plain:%d", i), Encoding: typeHash, Type: Hash, Count: 1000, Idle: -1, Freq: -1}})
		for j := range 1000 {
			_ = e.Write(&Event{Kind: KindField, Field: fmt.Appendf(nil, "field:%d", j), Value: []byte("a value of some length")})
		}
		_ = e.Write(&Event{Kind: KindEnd})
	}
	if err := e.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// Decoding costs a handful of allocations a file, not one a key or element.
func TestDecodeAllocates(t *testing.T) {
	file := mix(t, 1000, 1000, 10)
	for _, o := range []DecoderOptions{{}, {Elements: true}} {
		if n := testing.AllocsPerRun(5, func() {
			for _, err := range NewDecoder(bytes.NewReader(file), o).Events() {
				if err != nil {
					t.Fatal(err)
				}
			}
		}); n > 40 {
			t.Errorf("%+v: %v allocations for 2010 keys", o, n)
		}
	}
	if n := testing.AllocsPerRun(5, func() {
		if err := NewDecoder(bytes.NewReader(file), DecoderOptions{}).values(limits{hashFields: 512, hashBytes: 64}, func(ev *Event, v engine.Value) error {
			if ev.Kind == KindEnd && ev.Key.Count >= 0 {
				return io.EOF // what follows is big
			}
			return nil
		}); err != io.EOF {
			t.Fatal(err)
		}
	}); n > 200 {
		t.Errorf("values: %v allocations for 2000 small keys", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name                  string
		strings, small, plain int
	}{{"strings", 100000, 0, 0}, {"listpacks", 0, 50000, 0}, {"fields", 0, 0, 100}} {
		file := mix(b, c.strings, c.small, c.plain)
		for name, o := range map[string]DecoderOptions{"": {}, "/elements": {Elements: true}, "/nosum": {SkipChecksum: true}} {
			b.Run(c.name+name, func(b *testing.B) {
				b.SetBytes(int64(len(file)))
				b.ReportAllocs()
				for b.Loop() {
					for _, err := range NewDecoder(bytes.NewReader(file), o).Events() {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
		b.Run(c.name+"/raw", func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				d := NewDecoder(bytes.NewReader(file), DecoderOptions{})
				d.raw = true
				for _, err := range d.Events() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(c.name+"/values", func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				if err := NewDecoder(bytes.NewReader(file), DecoderOptions{}).values(defaults, func(*Event, engine.Value) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, o := range map[string]EncoderOptions{"plain": {Plain: true}, "lzf": {}} {
		file := mix(b, 50000, 20000, 20)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				e, _ := NewEncoder(io.Discard, o)
				for ev := range NewDecoder(bytes.NewReader(file), DecoderOptions{SkipChecksum: true}).Events() {
					if err := e.Write(ev); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
