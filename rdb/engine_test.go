package rdb

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/redistest"
)

// A loading is a key as a file has it.
type loading struct {
	key      string
	value    engine.Value
	expireAt int64
}

// opLoad makes a value that was read the value of a key.
var opLoad = engine.Add(engine.Table{}, &engine.Op[loading, struct{}]{
	Spec: engine.Spec{Name: "LOAD", Arity: -1, Flags: engine.Write},
	Keys: func(k *engine.KeySet, l loading) { k.Write(l.key) },
	Run: func(t *engine.Txn, l loading) (struct{}, error) {
		if l.value.Obj != nil {
			t.SetObject(l.key, l.value.Obj, l.expireAt)
		} else {
			t.Set(l.key, l.value.Flat, l.value.Form, l.expireAt)
		}
		t.Effect('g', "load", l.key, "LOAD")
		return struct{}{}, nil
	},
})

func newEngine(t *testing.T) *engine.Engine {
	e := engine.New(engine.Config{})
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestLimitsOf(t *testing.T) {
	if got := limitsOf(newEngine(t)); got != defaults {
		t.Errorf("limits %+v, want those of a redis-server: %+v", got, defaults)
	}
}

// What redis-server saved is loaded into an engine, and saved again from a snapshot
// of that, while what was decoded is long overwritten.
func TestServerEngine(t *testing.T) {
	a := ask(t, redistest.Start(t))
	dataset(a)
	a.do("PEXPIREAT", "set:long", "4102444800000")
	a.do("SAVE")
	file, err := os.ReadFile(filepath.Join(a.do("CONFIG", "GET", "dir").Elems[1].Str, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t)
	s := e.NewSession()
	d := NewDecoder(bytes.NewReader(file), DecoderOptions{})
	if err := d.values(limitsOf(e), func(ev *Event, v engine.Value) error {
		if ev.Kind != KindEnd {
			return nil
		}
		_, err := opLoad.Do(s, loading{string(ev.Key.Name), v, ev.Key.ExpireAt})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	sn, err := e.Snapshot(0)
	if err != nil {
		t.Fatal(err)
	}
	defer sn.Close()
	var out bytes.Buffer
	enc, _ := NewEncoder(&out, EncoderOptions{})
	_ = enc.Aux("redis-ver", "7.0.15")
	_ = enc.AuxInt("redis-bits", 64)
	_ = enc.SelectDB(0, int64(sn.Len(0)), 1)
	for key, it := range sn.All(0) {
		if err := enc.value(key, it.Value, keyHead{it.ExpireAt, -1, -1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	b := ask(t, startOn(t, out.Bytes()))
	if got, want := b.do("DEBUG", "DIGEST").Str, a.do("DEBUG", "DIGEST").Str; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	for _, key := range keysOf(a) {
		if got, want := b.do("OBJECT", "ENCODING", key).Str, a.do("OBJECT", "ENCODING", key).Str; got != want {
			t.Errorf("%s: encoding %s, want %s", key, got, want)
		}
		if strings.HasPrefix(key, "stream") {
			words := []string{"XINFO", "STREAM", key, "FULL", "COUNT", "0"}
			if got, want := b.do(words...).String(), a.do(words...).String(); got != want {
				t.Errorf("%s: %s\nwant %s", key, got, want)
			}
		}
	}
}
