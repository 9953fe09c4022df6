package larderhttp

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/glob"
)

// What keys there are. All that is read here is read from a snapshot of the engine, and
// not by typed calls: those would count as accesses and as calls, copy elements of any
// size whole, and hold locks while they do.

const (
	maxLook     = 20_000 // keys that one request looks at
	maxLookTime = 50 * time.Millisecond
	maxKeys     = 500 // in one answer
	maxKeyName  = 256 // bytes of a key that are shown; the whole stands beside it

	defaultSample = 20_000
	maxSample     = 200_000
	maxSampleTime = 250 * time.Millisecond
	maxTop        = 50

	// maxRetained is how many bytes of what is overwritten meanwhile a request may keep
	// from being given back. It is met only where a request hangs and writes are many.
	maxRetained = 64 << 20
)

func (h *handler) engine() *engine.Engine { return bridge.Session(h.db.Commands).Engine() }

func (h *handler) databases() int { return h.engine().Databases() }

// snapshot calls f with a snapshot, which is closed when f returns.
func (h *handler) snapshot(f func(*engine.Snapshot) error) error {
	sn, err := h.engine().Snapshot(maxRetained)
	if err != nil {
		return err
	}
	defer sn.Close()
	return f(sn)
}

// A keyInfo is what is known of a key besides its value.
type keyInfo struct {
	Key      string `json:"key"` // base64url
	Name     text   `json:"name"`
	Type     string `json:"type"`
	Encoding string `json:"encoding"`
	Memory   int    `json:"memory"`   // bytes
	Elements int    `json:"elements"` // of a string, bytes
	Expires  int64  `json:"expires"`  // Unix milliseconds; 0: never

	// How much it is used: one of the two, as the policy has it.
	Frequency *int   `json:"frequency,omitempty"` // a logarithmic counter to 255
	Idle      *int64 `json:"idle,omitempty"`      // seconds since the last access
}

// infoOf returns what is known of a key, and borrows nothing.
func infoOf(e *engine.Engine, now int64, key string, it engine.Item, size int) keyInfo {
	k := keyInfo{
		Key: keyText(key), Name: textOf(key, maxKeyName), Type: it.Value.Type().String(),
		Encoding: it.Value.Form.Encoding(), Memory: size, Elements: elements(it.Value, now), Expires: it.ExpireAt,
	}
	if byFrequency(e) {
		n := int(e.Frequency(it.Clock))
		k.Frequency = &n
	} else {
		n := max(0, e.Idle(it.Clock))
		k.Idle = &n
	}
	return k
}

func byFrequency(e *engine.Engine) bool {
	p := e.Policy()
	return p == engine.AllKeysLFU || p == engine.VolatileLFU
}

// elements is the number of elements of a value, or of bytes of a string.
func elements(v engine.Value, now int64) int {
	switch v.Type() {
	case engine.TypeString:
		return v.Str().Len()
	case engine.TypeList:
		l, _ := v.List()
		return l.Len()
	case engine.TypeSet:
		m, _ := v.Members()
		return m.Len()
	case engine.TypeZSet:
		z, _ := v.ZItems()
		return z.Len()
	case engine.TypeHash:
		f, _ := v.Fields(now)
		return f.Len()
	case engine.TypeStream:
		return v.Obj.(*engine.Stream).Len()
	}
	return 0
}

type keysAnswer struct {
	Keys   []keyInfo `json:"keys"`
	Cursor string    `json:"cursor"` // for the next request; "0": that was all
	Looked int       `json:"looked"` // keys looked at for this answer
	Total  int64     `json:"total"`  // keys of the database
}

// keys answers keys.json?db=&match=&type=&cursor=&count=: a step of SCAN, which looks at
// as many keys as it takes to find count of them, within bounds.
func (h *handler) keys(r *http.Request) (any, error) {
	p := paramsOf(r)
	db, match, typeName := h.database(p), p.text("match"), p.text("type")
	count := int(p.number("count", 1, maxKeys, 100))
	cursor := uint64(p.number("cursor", 0, 1<<48-1, 0))
	typ, known := engine.TypeNamed(typeName)
	if typeName != "" && !known {
		p.fail("there is no such type")
	}
	if p.err != nil {
		return nil, p.err
	}
	e := h.engine()
	a := keysAnswer{Keys: []keyInfo{}}
	a.Total, _ = e.Size(db)
	end := time.Now().Add(maxLookTime)
	err := h.snapshot(func(sn *engine.Snapshot) (err error) {
		for {
			cursor, err = sn.Step(db, cursor, func(key string, it engine.Item, size int) {
				a.Looked++
				if (match == "" || match == "*" || glob.Match(match, key)) && (typeName == "" || it.Value.Type() == typ) {
					a.Keys = append(a.Keys, infoOf(e, sn.Now(), key, it, size))
				}
			})
			if err != nil || cursor == 0 || len(a.Keys) >= count || a.Looked >= maxLook || time.Now().After(end) {
				return err
			}
		}
	})
	a.Cursor = strconv.FormatUint(cursor, 10)
	return a, err
}

type topAnswer struct {
	Sampled int   `json:"sampled"` // keys
	Total   int64 `json:"total"`

	Biggest []keyInfo `json:"biggest"` // by memory
	Longest []keyInfo `json:"longest"` // by elements; strings by bytes are left out
	Used    []keyInfo `json:"used"`    // by use: most first

	// Use tells what Used goes by: "frequency", where the policy is an LFU one, which
	// counts, or "idle", where all that is known is when a key was used last.
	Use    string      `json:"use"`
	Policy string      `json:"policy"`
	Types  []typeShare `json:"types"` // of the sample
}

type typeShare struct {
	Type   string `json:"type"`
	Keys   int    `json:"keys"`
	Memory int    `json:"memory"`
}

// top answers top.json?db=&sample=: what stands out in a sample of the keys. As keys lie
// by their hash, a run of them from anywhere is a fair sample; one of at least as many
// keys as there are is all of them.
func (h *handler) top(r *http.Request) (any, error) {
	p := paramsOf(r)
	db := h.database(p)
	sample := int(p.number("sample", 1, maxSample, defaultSample))
	if p.err != nil {
		return nil, p.err
	}
	e := h.engine()
	a := topAnswer{Use: "idle", Policy: e.Policy().String()}
	use := func(it engine.Item) int64 { return -e.Idle(it.Clock) }
	if byFrequency(e) {
		a.Use, use = "frequency", func(it engine.Item) int64 { return int64(e.Frequency(it.Clock)) }
	}
	a.Total, _ = e.Size(db)
	var biggest, longest, used ranking
	types := map[engine.Type]*typeShare{}
	end := time.Now().Add(maxSampleTime)
	err := h.snapshot(func(sn *engine.Snapshot) (err error) {
		look := func(key string, it engine.Item, size int) {
			a.Sampled++
			typ := it.Value.Type()
			if types[typ] == nil {
				types[typ] = &typeShare{Type: typ.String()}
			}
			types[typ].Keys++
			types[typ].Memory += size
			info := func() keyInfo { return infoOf(e, sn.Now(), key, it, size) }
			biggest.offer(int64(size), info)
			used.offer(use(it), info)
			if typ != engine.TypeString {
				longest.offer(int64(elements(it.Value, sn.Now())), info)
			}
		}
		// Steps end where shards do, so a round that begins with one meets no key twice.
		const shard = 1 << 48 / engine.NumShards
		start := rand.Uint64N(engine.NumShards) * shard
		for cursor, round := start, 0; ; {
			if cursor, err = sn.Step(db, cursor, look); err != nil {
				return err
			}
			if cursor == 0 {
				round++
			}
			if round == 1 && cursor >= start || a.Sampled >= sample || time.Now().After(end) {
				return nil
			}
		}
	})
	a.Biggest, a.Longest, a.Used = biggest.keys(), longest.keys(), used.keys()
	a.Types = []typeShare{}
	for _, t := range types {
		a.Types = append(a.Types, *t)
	}
	slices.SortFunc(a.Types, func(x, y typeShare) int {
		return cmp.Or(cmp.Compare(y.Memory, x.Memory), cmp.Compare(x.Type, y.Type))
	})
	return a, err
}

// A ranking is the maxTop keys that score highest.
type ranking []ranked

type ranked struct {
	score int64
	key   keyInfo
}

// offer adds a key if it is among the highest; info is called only then.
func (rk *ranking) offer(score int64, info func() keyInfo) {
	if len(*rk) == maxTop && score <= (*rk)[maxTop-1].score {
		return
	}
	at, _ := slices.BinarySearchFunc(*rk, score, func(x ranked, score int64) int { return cmp.Compare(score, x.score) })
	for at < len(*rk) && (*rk)[at].score == score { // behind its equals, which came first
		at++
	}
	*rk = slices.Insert(*rk, at, ranked{score, info()})
	*rk = (*rk)[:min(len(*rk), maxTop)]
}

func (rk ranking) keys() []keyInfo {
	out := make([]keyInfo, len(rk))
	for i, x := range rk {
		out[i] = x.key
	}
	return out
}
