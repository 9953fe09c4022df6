package engine

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/resp"
)

// A few commands, enough to drive every path of the engine: strings that are
// flat, lists that are objects, and two that wait.

type toyList struct{ items []string }

func (l *toyList) Form() Form  { return ListQuicklist }
func (l *toyList) Empty() bool { return len(l.items) == 0 }
func (l *toyList) Size() int   { return 100 + 20*len(l.items) }
func (l *toyList) Clone() Object {
	l.items = slices.Clip(l.items) // an append would write behind them
	return &toyList{l.items}
}

func newToyList() *toyList { return &toyList{} }

func (l *toyList) push(items ...string) {
	for _, it := range items {
		l.items = append([]string{strings.Clone(it)}, l.items...)
	}
}

func (l *toyList) pop() (it string) {
	it, l.items = l.items[0], l.items[1:]
	return it
}

var toys = Table{}

func toy[C Command](c C) C { return Add(toys, c) }

type toySetArgs struct {
	key, value string
	px         int64
	nx         bool
}

var (
	toyGet = toy(&Op[string, Str]{
		Spec:  Spec{Name: "GET", Arity: 2, Flags: ReadOnly | Fast},
		Parse: (*Args).Key, Keys: (*KeySet).Read, Run: (*Txn).String, Keep: Str.Keep,
		Reply: func(w *Reply, s Str) { w.Bulk(s.String()) },
	})
	toySet = toy(&Op[toySetArgs, Str]{
		Spec: Spec{Name: "SET", Arity: -3, Flags: Write | DenyOOM, Complexity: "O(1)"},
		Parse: func(p *Args) toySetArgs {
			a := toySetArgs{key: p.Key(), value: p.String()}
			for p.More() {
				switch {
				case p.Flag("PX"):
					a.px = p.Int()
				case p.Flag("NX"):
					a.nx = true
				default:
					p.Syntax()
				}
			}
			return a
		},
		Keys: func(k *KeySet, a toySetArgs) { k.Write(a.key) },
		Run: func(t *Txn, a toySetArgs) (Str, error) {
			if a.nx && t.Exists(a.key) {
				return Str{}, ErrNil
			}
			t.OwnResult()
			if a.px != 0 {
				at := t.Now() + a.px
				t.Set(a.key, a.value, StringRaw, at)
				t.Effect('$', "set", a.key, "SET", a.key, a.value, "PX", t.Int(a.px))
			} else {
				t.Set(a.key, a.value, StringRaw, 0)
				t.Effect('$', "set", a.key, "SET", a.key, a.value)
			}
			return Str{}, nil
		},
		Keep:  Str.Keep,
		Reply: func(w *Reply, _ Str) { w.OK() },
	})
	_ = toy(&Op[toySetArgs, Str]{
		Spec:  Spec{Name: "GETSET", Arity: 3, Flags: Write | DenyOOM},
		Parse: func(p *Args) toySetArgs { return toySetArgs{key: p.Key(), value: p.String()} },
		Keys:  func(k *KeySet, a toySetArgs) { k.Write(a.key) },
		Run: func(t *Txn, a toySetArgs) (Str, error) {
			was, err := t.String(a.key)
			if err != nil && err != ErrNil {
				return was, err
			}
			t.Set(a.key, a.value, StringRaw, 0)
			t.Effect('$', "set", a.key, "SET", a.key, a.value)
			return was, nil
		},
		Keep:  Str.Keep,
		Reply: func(w *Reply, s Str) { w.Bulk(s.String()) },
	})
	toyIncr = toy(&Op[toySetArgs, int64]{
		Spec:  Spec{Name: "INCRBY", Arity: 3, Flags: Write | DenyOOM},
		Parse: func(p *Args) toySetArgs { return toySetArgs{key: p.Key(), px: p.Int()} },
		Keys:  func(k *KeySet, a toySetArgs) { k.Write(a.key) },
		Run: func(t *Txn, a toySetArgs) (int64, error) {
			v, err := t.String(a.key)
			if err != nil && err != ErrNil {
				return 0, err
			}
			n, ok := ParseInt(v.String())
			if !ok && err == nil {
				return 0, ErrNotInt
			}
			n += a.px
			t.Set(a.key, strconv.FormatInt(n, 10), StringInt, KeepTTL)
			t.Effect('$', "incrby", a.key, "INCRBY", a.key, t.Int(a.px))
			return n, nil
		},
		Reply: (*Reply).Int,
	})
	toyDel = toy(&Op[[]string, int64]{
		Spec:  Spec{Name: "DEL", Arity: -2, Flags: Write},
		Parse: (*Args).Rest, Keys: (*KeySet).WriteAll,
		Run: func(t *Txn, keys []string) (n int64, err error) {
			for _, key := range keys {
				if t.Delete(key) {
					t.Effect('g', "del", key, "DEL", key)
					n++
				}
			}
			return n, nil
		},
		Reply: (*Reply).Int,
	})
	toyPExpire = toy(&Op[toySetArgs, int64]{
		Spec:  Spec{Name: "PEXPIRE", Arity: 3, Flags: Write},
		Parse: func(p *Args) toySetArgs { return toySetArgs{key: p.Key(), px: p.Int()} },
		Keys:  func(k *KeySet, a toySetArgs) { k.Write(a.key) },
		Run: func(t *Txn, a toySetArgs) (int64, error) {
			if !t.Exists(a.key) {
				return 0, nil
			}
			t.Expire(a.key, t.Now()+a.px)
			t.Effect('g', "expire", a.key, "PEXPIRE", a.key, t.Int(a.px))
			return 1, nil
		},
		Reply: (*Reply).Int,
	})
	toyRename = toy(&Op[[]string, int64]{
		Spec:  Spec{Name: "RENAME", Arity: 3, Flags: Write},
		Parse: (*Args).Rest, Keys: (*KeySet).WriteAll,
		Run: func(t *Txn, keys []string) (int64, error) {
			v, ok := t.Value(keys[0])
			if !ok {
				return 0, ErrNoKey
			}
			at, _ := t.ExpireAt(keys[0])
			t.SetValue(t.DB(), keys[1], v, at)
			t.Delete(keys[0])
			t.Touch('g', "rename_from", keys[0])
			t.Effect('g', "rename_to", keys[1], "RENAME", keys[0], keys[1])
			return 1, nil
		},
		Reply: (*Reply).Int,
	})
	toyPush = toy(&Op[[]string, int64]{
		Spec:  Spec{Name: "LPUSH", Arity: -3, Flags: Write | DenyOOM},
		Parse: (*Args).Rest,
		Keys:  func(k *KeySet, a []string) { k.Write(a[0]) },
		Run: func(t *Txn, a []string) (int64, error) {
			l, err := Edit(t, a[0], newToyList)
			if err != nil {
				return 0, err
			}
			l.push(a[1:]...)
			t.Effect('l', "lpush", a[0], append([]string{"LPUSH"}, a...)...)
			return int64(len(l.items)), nil
		},
		Reply: (*Reply).Int,
	})
	toyPop = toy(&Op[string, string]{
		Spec:  Spec{Name: "LPOP", Arity: 2, Flags: Write},
		Parse: (*Args).Key, Keys: (*KeySet).Take, Run: toyLPop, Keep: strings.Clone, Reply: (*Reply).Bulk,
	})
	toyRange = toy(&Op[string, []string]{
		Spec:  Spec{Name: "LALL", Arity: 2, Flags: ReadOnly},
		Parse: (*Args).Key, Keys: (*KeySet).Read,
		Run: func(t *Txn, key string) ([]string, error) {
			v, ok := t.Value(key)
			if !ok {
				return nil, nil
			}
			l, ok := v.Obj.(*toyList)
			if !ok {
				return nil, ErrWrongType
			}
			return l.items, nil
		},
		Keep: slices.Clone[[]string],
		Reply: func(w *Reply, items []string) {
			w.Array(len(items))
			for _, it := range items {
				w.Bulk(it)
			}
		},
	})
	toyBLPop = toy(&Blocking[toyBlock, [2]string]{Op: Op[toyBlock, [2]string]{
		Spec:  Spec{Name: "BLPOP", Arity: -3, Flags: Write | MayBlock},
		Parse: func(p *Args) toyBlock { return toyBlock{p.RestBut(1), p.Timeout()} },
		Keys: func(k *KeySet, a toyBlock) {
			for _, key := range a.keys {
				k.Take(key)
			}
		},
		Run: func(t *Txn, a toyBlock) ([2]string, error) {
			for _, key := range a.keys {
				if it, err := toyLPop(t, key); err != ErrNil {
					return [2]string{key, it}, err
				}
			}
			return [2]string{}, t.Block(a.d, a.keys...)
		},
		Keep: func(r [2]string) [2]string { return [2]string{strings.Clone(r[0]), strings.Clone(r[1])} },
		Reply: func(w *Reply, r [2]string) {
			w.Array(2)
			w.Bulk(r[0])
			w.Bulk(r[1])
		},
	}})
	toyBMove = toy(&Blocking[toyBlock, string]{Op: Op[toyBlock, string]{
		Spec:  Spec{Name: "BMOVE", Arity: 4, Flags: Write | MayBlock},
		Parse: func(p *Args) toyBlock { return toyBlock{p.RestBut(1), p.Timeout()} },
		Keys:  func(k *KeySet, a toyBlock) { k.Take(a.keys[0]); k.Write(a.keys[1]) },
		Run: func(t *Txn, a toyBlock) (string, error) {
			if !t.Exists(a.keys[0]) {
				return "", t.Block(a.d, a.keys[0])
			}
			src, err := Edit[*toyList](t, a.keys[0], nil)
			if err != nil {
				return "", err
			}
			dst, err := Edit(t, a.keys[1], newToyList)
			if err != nil {
				return "", err
			}
			it := src.pop()
			dst.push(it)
			t.Touch('l', "lpop", a.keys[0])
			t.Effect('l', "lpush", a.keys[1], "BMOVE", a.keys[0], a.keys[1], "1")
			return it, nil
		},
		Keep:  strings.Clone,
		Reply: (*Reply).Bulk,
	}})
	_ = toy(&Op[string, int64]{
		Spec:  Spec{Name: "PANIC", Arity: 2, Flags: Write},
		Parse: (*Args).Key, Keys: (*KeySet).Write,
		Run: func(t *Txn, key string) (int64, error) {
			t.Set(key, "from a command that panics", StringRaw, 0)
			t.OwnResult()
			if v, ok := t.Value(key); ok && v.Obj != nil {
				Edit[*toyList](t, key, nil)
			}
			panic("toy")
		},
		Reply: (*Reply).Int,
	})
	toyFlush = toy(&Op[int, int64]{
		Spec:  Spec{Name: "FLUSHDB", Arity: 1, Flags: Write},
		Parse: func(*Args) int { return 0 },
		Keys:  func(k *KeySet, _ int) { k.AllForWriting() },
		Run: func(t *Txn, _ int) (int64, error) {
			n := t.Flush(t.DB())
			t.Replicate("FLUSHDB")
			return n, nil
		},
		Reply: (*Reply).Int,
	})
	toySwap = toy(&Op[[]string, int64]{
		Spec:  Spec{Name: "SWAPDB", Arity: 3, Flags: Write},
		Parse: (*Args).Rest,
		Keys:  func(k *KeySet, _ []string) { k.AllForWriting() },
		Run: func(t *Txn, a []string) (int64, error) {
			x, _ := strconv.Atoi(a[0])
			y, _ := strconv.Atoi(a[1])
			t.SwapDB(x, y)
			t.Replicate("SWAPDB", a[0], a[1])
			return 1, nil
		},
		Reply: (*Reply).Int,
	})
	_ = toy(&Ctl{
		Spec: Spec{Name: "SELECT", Arity: 2},
		Run: func(s *Session, a *Args, w *Reply) error {
			s.DB = int(a.Int())
			w.OK()
			return a.Done()
		},
		Plan: func(_ *Session, a *Args, k *KeySet) { k.Select(int(a.Int())) },
	})
	_ = toy(&Ctl{Spec: Spec{Name: "MULTI", Arity: 1}, Now: true, Run: func(s *Session, _ *Args, w *Reply) error {
		s.Begin()
		w.OK()
		return nil
	}})
	_ = toy(&Ctl{Spec: Spec{Name: "EXEC", Arity: 1}, Now: true, Run: func(s *Session, _ *Args, w *Reply) error {
		return s.ExecQueue(w)
	}})
	_ = toy(&Ctl{Spec: Spec{Name: "WATCH", Arity: -2}, Now: true, Run: func(s *Session, a *Args, w *Reply) error {
		w.OK()
		return s.Watch(a.Rest())
	}})
)

func toyLPop(t *Txn, key string) (string, error) {
	l, err := Edit[*toyList](t, key, nil)
	if err != nil {
		return "", err
	}
	it := l.pop()
	t.Effect('l', "lpop", key, "LPOP", key)
	return it, nil
}

type toyBlock struct {
	keys []string
	d    time.Duration
}

// A toyDB drives an engine: typed calls on s, words by conn.
type toyDB struct {
	*Engine
	s *Session
	t testing.TB
}

// openToy returns an engine with a mirror: a second engine, fed by the journal of
// the first alone, which must hold the same when the test ends.
func openToy(t testing.TB, c Config) *toyDB {
	c.Table = toys
	if c.Backlog == 0 {
		c.Backlog = 64 << 20
	}
	e := New(c)
	db := &toyDB{e, e.NewSession(), t}
	c.Backlog = 0
	other := New(c)
	snap, tail, err := e.Follow()
	if err != nil {
		t.Fatal(err)
	}
	snap.Close()
	done := make(chan error, 1)
	go func() { done <- replay(other, tail) }()
	t.Cleanup(func() {
		tail.Close()
		if err := <-done; err != nil {
			t.Error("mirror:", err)
		}
		if a, b := dump(t, e), dump(t, other); a != b {
			t.Errorf("mirror differs:\n%s---\n%s", a, b)
		}
		for _, e := range []*Engine{e, other} {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return db
}

// replay runs a journal.
func replay(e *Engine, r io.Reader) error {
	s := e.NewWordSession()
	s.Primary = true
	in := resp.NewReader(r)
	w := Reply{Proto: 2}
	for {
		v, err := in.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var words [][]byte
		for _, el := range v.Elems {
			words = append(words, []byte(el.Str))
		}
		w.Buf = w.Buf[:0]
		s.Exec(words, &w)
		if bytes.HasPrefix(w.Buf, []byte("-")) {
			return Error("replaying " + string(bytes.Join(words, []byte(" "))) + ": " + string(w.Buf))
		}
	}
}

// dump writes all keys of an engine, in order.
func dump(t testing.TB, e *Engine) string {
	snap, err := e.Snapshot(0)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	return dumpOf(snap)
}

func dumpOf(snap *Snapshot) string {
	var lines []string
	for db := range snap.e.Databases() {
		for key, it := range snap.All(db) {
			lines = append(lines, strconv.Itoa(db)+" "+key+" "+show(it.Value)+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func show(v Value) string {
	if l, ok := v.Obj.(*toyList); ok {
		return "[" + strings.Join(l.items, " ") + "]"
	}
	return v.Str().String()
}

func (db *toyDB) conn() *toyConn {
	s := db.NewWordSession()
	s.Ctx = db.ctx()
	return &toyConn{s}
}

func (db *toyDB) ctx() context.Context {
	if t, ok := db.t.(*testing.T); ok {
		return t.Context()
	}
	return context.Background()
}

type toyConn struct{ s *Session }

// do runs a line of words and returns the reply with blanks for line ends.
func (c *toyConn) do(line string) string {
	var words [][]byte
	for _, w := range strings.Fields(line) {
		words = append(words, []byte(w))
	}
	w := Reply{Proto: 2}
	c.s.Exec(words, &w)
	return strings.TrimSpace(strings.ReplaceAll(string(w.Buf), "\r\n", " "))
}

// on returns a shorthand for typed calls on a session: the database's, or a
// transaction's.
func on(s *Session) calls { return calls{s} }

type calls struct{ s *Session }

func (c calls) get(key string) (string, error) {
	v, err := toyGet.Do(c.s, key)
	return v.Flat, err
}

func (c calls) set(key, value string) error {
	_, err := toySet.Do(c.s, toySetArgs{key: key, value: value})
	return err
}

func (c calls) setPX(key, value string, d time.Duration) error {
	_, err := toySet.Do(c.s, toySetArgs{key: key, value: value, px: d.Milliseconds()})
	return err
}

func (c calls) incr(key string, by int64) (int64, error) {
	return toyIncr.Do(c.s, toySetArgs{key: key, px: by})
}
func (c calls) del(keys ...string) (int64, error)     { return toyDel.Do(c.s, keys) }
func (c calls) push(words ...string) (int64, error)   { return toyPush.Do(c.s, words) }
func (c calls) pop(key string) (string, error)        { return toyPop.Do(c.s, key) }
func (c calls) all(key string) ([]string, error)      { return toyRange.Do(c.s, key) }
func (c calls) rename(from, to string) (int64, error) { return toyRename.Do(c.s, []string{from, to}) }

func (c calls) blpop(ctx context.Context, d time.Duration, keys ...string) (string, error) {
	r, err := toyBLPop.Do(ctx, c.s, toyBlock{keys, d})
	return r[1], err
}

func (c calls) bmove(ctx context.Context, from, to string) (string, error) {
	return toyBMove.Do(ctx, c.s, toyBlock{[]string{from, to}, 0})
}
