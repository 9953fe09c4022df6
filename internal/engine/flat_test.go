package engine

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/larderdb/larder/internal/ds/listpack"
)

// A toy list in a listpack: values are added at the end, and removed.

type toyFlatArgs struct {
	key    string
	values []string
	fail   bool // after the edit
}

var errToyFlat = errors.New("failed after the edit")

var (
	toyFlatAdd = toyFlat("FLATADD", func(b []byte, v string) []byte {
		if len(b) == 0 {
			b = append(b, listpack.New(0)...)
		}
		return listpack.Append(b, v)
	})
	toyFlatDel = toyFlat("FLATDEL", func(b []byte, v string) []byte {
		if p := listpack.Find(b, listpack.First(b), v, 1); p != 0 {
			b = listpack.Delete(b, p, 1)
		}
		return b
	})
)

func toyFlat(name string, edit func(b []byte, v string) []byte) *Op[toyFlatArgs, int64] {
	return toy(&Op[toyFlatArgs, int64]{
		Spec:  Spec{Name: name, Arity: -3, Flags: Write | DenyOOM},
		Parse: func(p *Args) toyFlatArgs { return toyFlatArgs{key: p.Key(), values: p.Rest()} },
		Keys:  func(k *KeySet, a toyFlatArgs) { k.Write(a.key) },
		Run: func(t *Txn, a toyFlatArgs) (int64, error) {
			old, _ := t.Value(a.key)
			was := strings.Clone(old.Flat)
			for _, v := range a.values {
				b := t.EditFlat(a.key, ListListpack)
				*b = edit(*b, v)
			}
			if old.Flat != was {
				panic("the edit is seen before its effect")
			}
			if a.fail {
				return 0, errToyFlat
			}
			t.Effect('l', strings.ToLower(name), a.key, append([]string{name, a.key}, a.values...)...)
			return 0, nil
		},
		Reply: (*Reply).Int,
	})
}

var toyFlatAll = toy(&Op[string, []string]{
	Spec:  Spec{Name: "FLATALL", Arity: 2, Flags: ReadOnly},
	Parse: (*Args).Key, Keys: (*KeySet).Read,
	Run: func(t *Txn, key string) (all []string, err error) {
		if v, ok := t.Value(key); ok {
			for _, x := range listpack.All([]byte(v.Flat)) {
				all = append(all, string(x.Append(nil)))
			}
		}
		return all, nil
	},
	Reply: func(w *Reply, all []string) { w.Array(len(all)) },
})

// TestEditFlat makes random changes to flat lists of all sizes, in and out of
// transactions that fail, with and without a snapshot, and compares each with a
// slice. The mirror compares at the end.
func TestEditFlat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openToy(t, Config{})
		r := rand.New(rand.NewPCG(1, 2))
		model := map[string][]string{}
		var snap *Snapshot
		var frozen string
		check := func(key string) {
			t.Helper()
			got, _ := toyFlatAll.Do(db.s, key)
			if !slices.Equal(got, model[key]) {
				t.Fatalf("%s has %d values, want %d", key, len(got), len(model[key]))
			}
		}
		step := func(s *Session, m map[string][]string) {
			key := "k" + strconv.Itoa(r.IntN(4))
			if r.IntN(40) == 0 && len(m[key]) > 0 { // it is emptied, hence deleted
				if _, err := toyFlatDel.Do(s, toyFlatArgs{key: key, values: m[key]}); err != nil {
					t.Fatal(err)
				}
				delete(m, key)
				return
			}
			v := strconv.Itoa(r.IntN(1000)) + strings.Repeat("x", r.IntN(60)*r.IntN(2))
			if _, err := toyFlatAdd.Do(s, toyFlatArgs{key: key, values: []string{v, v + "+"}}); err != nil {
				t.Fatal(err)
			}
			m[key] = append(slices.Clip(m[key]), v, v+"+")
		}
		for range 3000 {
			switch r.IntN(20) {
			case 0:
				kept := map[string][]string{}
				for k, v := range model {
					kept[k] = slices.Clone(v)
				}
				db.s.Atomic(true, nil, func(s *Session) error {
					for range 3 {
						step(s, kept)
					}
					return errToyFlat
				})
			case 1:
				db.s.Atomic(true, nil, func(s *Session) error {
					step(s, model)
					step(s, model)
					return nil
				})
			case 2:
				if _, err := toyFlatAdd.Do(db.s, toyFlatArgs{"k0", []string{"lost"}, true}); err != errToyFlat {
					t.Fatal(err)
				}
			case 3:
				if snap != nil {
					if got := dumpOf(snap); got != frozen {
						t.Fatalf("the snapshot changed:\n%s---\n%s", got, frozen)
					}
					snap.Close()
				}
				snap, _ = db.Snapshot(0)
				frozen = dumpOf(snap)
			default:
				step(db.s, model)
			}
			for i := range 4 {
				check("k" + strconv.Itoa(i))
			}
		}
		snap.Close()
		if n, _ := db.Size(0); n != int64(len(model)) {
			t.Errorf("%d keys are left, want %d", n, len(model))
		}
	})
}
