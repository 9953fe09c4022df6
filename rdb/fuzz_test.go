package rdb

import (
	"testing"
)

func FuzzFile(f *testing.F) {
	for _, old := range files {
		if len(old.file) < 4000 {
			f.Add(old.file)
		}
	}
	for _, body := range announced {
		f.Add(append(newFile(12).b, body...))
	}
	for _, c := range corruptions {
		f.Add(newFile(12).add(c.body).end())
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		readAll(t, file, DecoderOptions{SkipChecksum: true})
	})
}

// FuzzPayload takes a payload without its footer. One that is good gives a payload
// again, and that the same value.
func FuzzPayload(f *testing.F) {
	for _, c := range corruptions {
		if c.body[0] < 200 {
			f.Add(cutKey(c.body), uint16(12))
		}
	}
	f.Add(appendParts(nil, byte(22), count(2), "f", "v", int64(-1), "g", "w", int64(5)), uint16(80))
	f.Add(appendParts(nil, byte(18), count(2), count(2), listpackOf("a", "1"), count(1), long), uint16(10))
	f.Add(appendParts(nil, byte(25), int64(5), listpackOf("a", "1", "5", "b", "2", "0")), uint16(12))
	f.Add(append([]byte{19}, streamOf(19)[8:]...), uint16(10))
	f.Fuzz(func(t *testing.T, body []byte, version uint16) {
		if len(body) > 1<<16 {
			return
		}
		v, err := decodeDump(withFooter(body, version), defaults)
		if err != nil {
			return
		}
		want := valueParts(v)
		again, err := decodeDump(appendDump(nil, v, len(body)%2 == 0), defaults)
		if err != nil {
			t.Fatalf("the payload of a value: %v", err)
		}
		got := valueParts(again)
		ev := &Event{Key: &Key{}}
		if line(ev, Type(v.Type()), got) != line(ev, Type(v.Type()), want) {
			t.Fatalf("got %.500q\nwant %.500q", got, want)
		}
	})
}
