package rdb

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"

	"github.com/larderdb/larder/internal/engine"
)

// renderRaw is renderValues by way of values that are left undecoded at first. n is
// how many were.
func renderRaw(r io.Reader, o DecoderOptions) (lines []string, n int, err error) {
	d := NewDecoder(r, o)
	d.raw, d.lazyNodes = true, true
	b := builder{l: defaults}
	vd := newValueDecoder(defaults)
	for ev, err := range d.Events() {
		if err != nil {
			return lines, n, err
		}
		if ev.Key == nil {
			continue
		}
		var v engine.Value
		if ev.Kind == kindRaw {
			n++
			v, err = vd.decode(ev.Key.Encoding, ev.Valkey, bytes.Clone(ev.Value))
		} else {
			err = b.event(ev)
			v = b.v
		}
		if err != nil && !errors.Is(err, errEmptyKey) {
			return lines, n, err
		}
		if (ev.Kind == kindRaw || ev.Kind == KindEnd) && v.Form != engine.NoForm {
			lines = append(lines, line(ev, ev.Key.Type, valueParts(v)))
		}
	}
	return lines, n, nil
}

// Values that are decoded later are the same values; those of very many elements come
// as events all the same.
func TestRaw(t *testing.T) {
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{"golden": golden, "big": newFile(10).add(byte(0xFE), count(0),
		byte(2), "set", count(4097), numberStrings(4097), byte(2), "small", count(4096), numberStrings(4096),
		byte(0), "long", huge+huge+huge+huge+huge, byte(0), "packed", lzfString(huge)).end()}
	for _, f := range files {
		all[f.name] = f.file
	}
	for name, file := range all {
		want := mustRenderValues(t, file)
		for _, r := range []io.Reader{bytes.NewReader(file), iotest.OneByteReader(bytes.NewReader(file))} {
			got, n, err := renderRaw(r, DecoderOptions{})
			compareLines(t, name, mustRender(t, got, err), want)
			if wantRaw := len(want); name == "big" && n != wantRaw-1 || name != "big" && n < wantRaw {
				t.Errorf("%s: %d of %d values came raw", name, n, wantRaw)
			}
		}
	}
	f := newFile(9).add(byte(0xFE), count(0), byte(7), "m", module(helloID()), byte(0), "k", "v").end()
	for _, policy := range []ModulePolicy{ReportModules, SkipModules} {
		got, _, err := renderRaw(bytes.NewReader(f), DecoderOptions{Modules: policy})
		compareLines(t, "module", mustRender(t, got, err), []string{`"k" string: "v"`})
	}
	if _, _, err := renderRaw(bytes.NewReader(f), DecoderOptions{Modules: RefuseModules}); !errors.Is(err, ErrModule) {
		t.Errorf("module: %v", err)
	}
	for _, c := range corruptions {
		if _, _, err := renderRaw(bytes.NewReader(newFile(12).add(c.body).end()), DecoderOptions{}); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}

func numberStrings(n int) (b []byte) {
	for _, s := range numbers(n) {
		b = appendParts(b, s)
	}
	return b
}
