package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/larderdb/larder"
	"github.com/maypok86/otter/v2"
	"github.com/puzpuzpuz/xsync/v4"
	"github.com/tidwall/buntdb"
)

const (
	keyLen   = 16
	valueLen = 32
)

// keys are many keys in one string, so that they are nothing to the collector
// and a benchmark that goes through them in turn finds the next one in the
// processor's cache: what is left is the store's own time. Their order is
// random to the order in which a store was loaded.
type keys struct {
	n   int
	all string
}

func makeKeys(n int) keys {
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	var b strings.Builder
	b.Grow(n * keyLen)
	for _, i := range order {
		b.WriteString(numbered("key:", int(i), keyLen))
	}
	return keys{n, b.String()}
}

func (k keys) at(i int) string { return k.all[i*keyLen : i*keyLen+keyLen] }

// loaded is the index of the i-th key to load.
func (k keys) loaded(i int) int {
	const prime = 7_368_787
	return int(uint64(i) * prime % uint64(k.n))
}

// value is a value of the given length that is nobody else's.
func value(i, length int) string { return numbered("value-", i, length) }

// numbered is prefix and i, with zeros between that make it length long.
func numbered(prefix string, i, length int) string {
	b := make([]byte, length)
	for at := range b {
		b[at] = '0'
	}
	copy(b, prefix)
	for at := length - 1; i > 0 && at >= len(prefix); at-- {
		b[at] = byte('0' + i%10)
		i /= 10
	}
	return string(b)
}

// A store is a contender. get and set are what a caller of it would write;
// append is larder's alone.
type store struct {
	get    func(key string) (string, bool)
	set    func(key, value string)
	append func(dst []byte, key string) ([]byte, bool)
	close  func()
}

// load fills s with all keys. A store that keeps the strings that it is given
// gets strings of its own, as it would in a program.
func (s store) load(k keys) {
	for i := range k.n {
		j := k.loaded(i)
		if s.append != nil {
			s.set(k.at(j), value(j, valueLen))
		} else {
			s.set(strings.Clone(k.at(j)), value(j, valueLen))
		}
	}
}

var errMissing = errors.New("a key is missing that was loaded")

// contenders, in the order of the tables. The first two are what the bars speak of.
var contenders = []string{"larder", "map + RWMutex", "sync.Map", "xsync", "otter", "otter, unbounded", "buntdb", "miniredis"}

// openStore opens a contender for n keys.
func openStore(name string, n int) (store, error) {
	switch name {
	case "larder":
		db, err := larder.Open(larder.Options{})
		if err != nil {
			return store{}, err
		}
		return larderStore(db), nil
	case "map + RWMutex":
		var mu sync.RWMutex
		m := make(map[string]string)
		return store{
			get: func(key string) (string, bool) {
				mu.RLock()
				v, ok := m[key]
				mu.RUnlock()
				return v, ok
			},
			set: func(key, value string) {
				mu.Lock()
				m[key] = value
				mu.Unlock()
			},
			close: func() { clear(m) },
		}, nil
	case "sync.Map":
		var m sync.Map
		return store{
			get: func(key string) (string, bool) {
				v, ok := m.Load(key)
				if !ok {
					return "", false
				}
				return v.(string), true
			},
			set:   func(key, value string) { m.Store(key, value) },
			close: m.Clear,
		}, nil
	case "xsync":
		m := xsync.NewMap[string, string]()
		return store{
			get:   m.Load,
			set:   m.Store,
			close: m.Clear,
		}, nil
	case "otter", "otter, unbounded":
		o := &otter.Options[string, string]{}
		if name == "otter" { // as a cache: with a bound, here one that evicts nothing
			o.MaximumSize = 2 * n
		}
		c, err := otter.New(o)
		if err != nil {
			return store{}, err
		}
		return store{
			get:   c.GetIfPresent,
			set:   func(key, value string) { c.Set(key, value) },
			close: c.InvalidateAll,
		}, nil
	case "buntdb":
		db, err := buntdb.Open(":memory:")
		if err != nil {
			return store{}, err
		}
		return store{
			get: func(key string) (v string, ok bool) {
				err := db.View(func(tx *buntdb.Tx) (err error) {
					v, err = tx.Get(key)
					return err
				})
				return v, err == nil
			},
			set: func(key, value string) {
				must(db.Update(func(tx *buntdb.Tx) error {
					_, _, err := tx.Set(key, value, nil)
					return err
				}))
			},
			close: func() { _ = db.Close() },
		}, nil
	case "miniredis":
		m := miniredis.NewMiniRedis() // not started: it listens nowhere
		return store{
			get: func(key string) (string, bool) {
				v, err := m.Get(key)
				return v, err == nil
			},
			set:   func(key, value string) { must(m.Set(key, value)) },
			close: func() {},
		}, nil
	}
	return store{}, fmt.Errorf("there is no store %q", name)
}

func larderStore(db *larder.DB) store {
	return store{
		get: func(key string) (string, bool) {
			v, err := db.Get(key)
			return v, err == nil
		},
		append: func(dst []byte, key string) ([]byte, bool) {
			dst, err := db.GetAppend(dst, key)
			return dst, err == nil
		},
		set:   func(key, value string) { must(db.Set(key, value)) },
		close: func() { _ = db.Close() },
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func must1[R any](r R, err error) R {
	must(err)
	return r
}
