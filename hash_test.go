package larder_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

func TestHashes(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"hash-max-listpack-entries", "8"}})
	for _, size := range []int{2, 20} { // small and big
		db.Del("h")
		want := map[string]string{"n": "5"}
		pairs := []string{"n", "5"}
		for i := range size {
			f, v := fmt.Sprint("field", i), fmt.Sprint("value", i)
			want[f], pairs = v, append(pairs, f, v)
		}
		if n, err := db.HSet("h", pairs...); n != int64(size+1) || err != nil {
			t.Fatalf("HSet = %d, %v", n, err)
		}
		if n, err := db.HSet("h", "n", "6", "new", "x"); n != 1 || err != nil {
			t.Errorf("HSet of an old and a new field = %d, %v", n, err)
		}
		want["n"], want["new"] = "6", "x"
		if v, err := db.HGet("h", "n"); v != "6" || err != nil {
			t.Errorf("HGet = %q, %v", v, err)
		}
		if _, err := db.HGet("h", "nope"); err != larder.ErrNil {
			t.Errorf("HGet of a missing field = %v", err)
		}
		if _, err := db.HGet("nope", "n"); err != larder.ErrNil {
			t.Errorf("HGet of a missing key = %v", err)
		}
		if v, err := db.HGetAppend([]byte("a "), "h", "field1"); string(v) != "a value1" || err != nil {
			t.Errorf("HGetAppend = %q, %v", v, err)
		}
		if v, err := db.HGetAppend([]byte("a "), "h", "n"); string(v) != "a 6" || err != nil {
			t.Errorf("HGetAppend of an integer = %q, %v", v, err)
		}
		if v, err := db.HGetAppend([]byte("a "), "h", "nope"); string(v) != "a " || err != larder.ErrNil {
			t.Errorf("HGetAppend of a missing field = %q, %v", v, err)
		}
		got, err := db.HMGet("h", "n", "nope", "field0")
		if w := []larder.Maybe{{"6", true}, {}, {"value0", true}}; !slices.Equal(got, w) || err != nil {
			t.Errorf("HMGet = %v, %v", got, err)
		}
		if m, err := db.HGetAll("h"); !maps.Equal(m, want) || err != nil {
			t.Errorf("HGetAll = %v, %v, want %v", m, err, want)
		}
		all := map[string]string{}
		for f, v := range db.HAll("h") {
			all[f] = v
			db.HSet("h", "while", "x") // the loop may write
		}
		if !maps.Equal(all, want) {
			t.Errorf("HAll = %v, want %v", all, want)
		}
		db.HDel("h", "while")
		db.View(func(tx *larder.Tx) error {
			if m := maps.Collect(tx.HAll("h")); !maps.Equal(m, want) {
				t.Errorf("HAll in a View = %v, want %v", m, want)
			}
			return nil
		}, "h")
		keys, err := db.HKeys("h")
		vals, err2 := db.HVals("h")
		if len(keys) != len(want) || len(vals) != len(want) || err != nil || err2 != nil {
			t.Fatalf("HKeys, HVals = %q, %q, %v, %v", keys, vals, err, err2)
		}
		for i := range keys {
			if want[keys[i]] != vals[i] {
				t.Errorf("HVals[%d] = %q, want %q of %q", i, vals[i], want[keys[i]], keys[i])
			}
		}
		scanned := maps.Collect(db.HScan("h", larder.HScanArgs{Count: 3}))
		if !maps.Equal(scanned, want) {
			t.Errorf("HScan = %v, want %v", scanned, want)
		}
		for f := range db.HScan("h", larder.HScanArgs{Match: "field*"}) {
			if !strings.HasPrefix(f, "field") {
				t.Errorf("HScan of field* yields %q", f)
			}
		}
		if n, err := db.HLen("h"); n != int64(len(want)) || err != nil {
			t.Errorf("HLen = %d, %v", n, err)
		}
		if n, err := db.HStrLen("h", "field1"); n != 6 || err != nil {
			t.Errorf("HStrLen = %d, %v", n, err)
		}
		if ok, err := db.HExists("h", "field1"); !ok || err != nil {
			t.Errorf("HExists = %v, %v", ok, err)
		}
		if ok, err := db.HSetNX("h", "n", "7"); ok || err != nil {
			t.Errorf("HSetNX of an old field = %v, %v", ok, err)
		}
		if n, err := db.HIncrBy("h", "n", -10); n != -4 || err != nil {
			t.Errorf("HIncrBy = %d, %v", n, err)
		}
		if _, err := db.HIncrBy("h", "n", math.MinInt64); err != larder.ErrOverflow {
			t.Errorf("HIncrBy past the least integer = %v", err)
		}
		if f, err := db.HIncrByFloat("h", "n", 0.5); f != -3.5 || err != nil {
			t.Errorf("HIncrByFloat = %v, %v", f, err)
		}
		if _, err := db.HIncrBy("h", "n", 1); err == nil {
			t.Error("HIncrBy of a fraction succeeds")
		}
		if n, err := db.HDel("h", "n", "nope", "new"); n != 2 || err != nil {
			t.Errorf("HDel = %d, %v", n, err)
		}
		for name, err := range map[string]error{
			"HSet": last(db.HSet("h")), "HSet of three": last(db.HSet("h", "a", "b", "c")), "HMGet": last(db.HMGet("h")), "HDel": last(db.HDel("h")),
		} {
			if err == nil || !strings.Contains(err.Error(), "wrong number of arguments") {
				t.Errorf("%s = %v", name, err)
			}
		}
	}
	for f := range db.HAll("nope") {
		t.Errorf("HAll of a missing key yields %q", f)
	}
	db.Set("s", "x")
	for f := range db.HScan("s", larder.HScanArgs{}) {
		t.Errorf("HScan of a string yields %q", f)
	}
	for f := range db.HAll("s") {
		t.Errorf("HAll of a string yields %q", f)
	}
	if _, err := db.HGetAll("s"); err != larder.ErrWrongType {
		t.Errorf("HGetAll of a string = %v", err)
	}
	if m, err := db.HGetAll("nope"); m == nil || len(m) != 0 || err != nil {
		t.Errorf("HGetAll of a missing key = %v, %v", m, err)
	}
}

func last[T any](_ T, err error) error { return err }

func TestHashRandom(t *testing.T) {
	db := open(t, larder.Options{})
	for _, size := range []int{5, 2000} {
		db.Del("h")
		for i := range size {
			db.HSet("h", fmt.Sprint("f", i), fmt.Sprint("v", i))
		}
		fs, err := db.HRandField("h", 3)
		slices.Sort(fs)
		if len(slices.Compact(fs)) != 3 || err != nil {
			t.Errorf("HRandField = %q, %v", fs, err)
		}
		if fs, _ := db.HRandField("h", math.MaxInt64); len(fs) != size {
			t.Errorf("HRandField of all gives %d of %d", len(fs), size)
		}
		if fs, _ := db.HRandField("h", -7); len(fs) != 7 {
			t.Errorf("HRandField(-7) = %q", fs)
		}
		ps, err := db.HRandFieldWithValues("h", -4)
		if len(ps) != 4 || err != nil {
			t.Errorf("HRandFieldWithValues = %v, %v", ps, err)
		}
		for _, p := range ps {
			if "v"+p.Field[1:] != p.Value {
				t.Errorf("HRandFieldWithValues gives %v", p)
			}
		}
		// What nobody could hold is refused before anything is made of it.
		for _, n := range []int64{math.MinInt64, math.MinInt64 + 1, -1 << 40} {
			if _, err := db.HRandField("h", n); err == nil {
				t.Errorf("HRandField(%d) succeeds", n)
			}
		}
	}
	if fs, err := db.HRandField("nope", -5); len(fs) != 0 || err != nil {
		t.Errorf("HRandField of a missing key = %q, %v", fs, err)
	}
	c := newConn(db)
	defer c.Close()
	db.Del("h")
	db.HSet("h", "f", "v")
	if r := c.Do("HRANDFIELD", "h", "-9223372036854775807"); !strings.HasPrefix(r.Str, "ERR value is out of range") {
		t.Errorf("HRANDFIELD of an endless count = %v", r)
	}
	if r := c.Do("HRANDFIELD", "h", "-100000"); len(r.Elems) != 100000 {
		t.Errorf("HRANDFIELD gives %d", len(r.Elems))
	}
}

// Reading and writing a field of a hash, small or big, allocates no more than its
// result.
func TestHashAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: allocations are not those of a release under -race")
	}
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	for i := range 1000 {
		db.HSet("big", fmt.Sprint("f", i), "a value of some length")
	}
	db.HSet("small", "f1", "a value of some length", "n", "1")
	db.HSet("dated", "f1", "a value of some length", "n", "1")
	db.HExpire("dated", time.Hour, "n")
	buf := make([]byte, 0, 1<<20)
	c := newConn(db)
	words := func(s string) (ws [][]byte) {
		for w := range strings.FieldsSeq(s) {
			ws = append(ws, []byte(w))
		}
		return ws
	}
	for _, key := range []string{"small", "big", "dated"} {
		get, set, all, incr := words("HGET "+key+" f1"), words("HSET "+key+" f1 a_value_of_some_length"), words("HGETALL "+key), words("HINCRBY "+key+" n 1")
		for _, tt := range []struct {
			name string
			want float64
			f    func()
		}{
			{"HGet", 1, func() { db.HGet(key, "f1") }},
			{"HGetAppend", 0, func() { db.HGetAppend(buf, key, "f1") }},
			{"HSet", 0, func() { db.HSet(key, "f1", "a value of same length") }},
			{"HGET in words", 0, func() { c.conn.Exec(buf, get) }},
			{"HSET in words", 0, func() { c.conn.Exec(buf, set) }},
			{"HINCRBY in words", 0, func() { c.conn.Exec(buf, incr) }},
			{"HGETALL in words", 0, func() { c.conn.Exec(buf, all) }},
		} {
			if n := allocs(tt.f); n != tt.want {
				t.Errorf("%s: %s allocates %v times, want %v", key, tt.name, n, tt.want)
			}
		}
	}
}

// A snapshot sees what a hash was, whatever its form and however it is changed.
func TestHashSnapshot(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"hash-max-listpack-entries", "8"}})
	for _, size := range []int{4, 8, 500} {
		db.Del("h")
		for i := range size {
			db.HSet("h", fmt.Sprint(i), "then")
		}
		snap := db.Snapshot()
		then, _ := db.HGetAll("h")
		for i := range size + 10 {
			db.HSet("h", fmt.Sprint(i), "now")
			db.HDel("h", fmt.Sprint(i/2))
		}
		if m, err := snap.HGetAll("h"); !maps.Equal(m, then) || err != nil {
			t.Errorf("the snapshot of %d has %v, %v", size, m, err)
		}
		if v, err := snap.HGet("h", "1"); v != "then" || err != nil {
			t.Errorf("the snapshot's HGet = %q, %v", v, err)
		}
		if _, err := snap.HGet("h", "nope"); err != larder.ErrNil {
			t.Errorf("the snapshot's HGet of a missing field = %v", err)
		}
		snap.Close()
		if _, err := snap.HGetAll("h"); err != larder.ErrClosed {
			t.Errorf("HGetAll of a closed snapshot = %v", err)
		}
	}
}

// What Update does to hashes is undone as a whole, and a command that fails has
// changed nothing.
func TestHashRollback(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"hash-max-listpack-entries", "8"}})
	boom := errors.New("boom")
	for _, size := range []int{3, 8, 100} {
		db.Del("h")
		for i := range size {
			db.HSet("h", fmt.Sprint("f", i), "v")
		}
		db.HExpire("h", time.Hour, "f1")
		before, _ := db.HGetAll("h")
		ttl, _ := db.HTTL("h", "f0", "f1")
		err := db.Update(func(tx *larder.Tx) error {
			tx.HSet("h", "f0", "x", "f1", "x", "new", "x")
			tx.HIncrBy("h", "n", 5)
			tx.HExpire("h", time.Minute, "f0", "f2")
			tx.HDel("h", "f2")
			if _, err := tx.HIncrBy("h", "f0", 1); err == nil {
				t.Error("HIncrBy of text succeeds")
			}
			if v, _ := tx.HGet("h", "n"); v != "5" {
				t.Errorf("in the transaction n = %q", v)
			}
			for i := range 20 {
				tx.HSet("h", fmt.Sprint("more", i), "x")
			}
			return boom
		})
		after, _ := db.HGetAll("h")
		ttl2, _ := db.HTTL("h", "f0", "f1")
		if err != boom || !maps.Equal(before, after) || ttl[0] != ttl2[0] || ttl2[1] > ttl[1] || ttl2[1] < 59*time.Minute {
			t.Errorf("after a failed Update of %d: %v, %v, want %v; %v, want %v", size, err, after, before, ttl2, ttl)
		}
	}
}

func TestHashMulti(t *testing.T) {
	db := open(t, larder.Options{})
	m := db.Multi()
	added := m.HSet("h", "a", "1", "b", "2")
	sum := m.HIncrBy("h", "a", 4)
	bad := m.HIncrBy("h", "b", math.MaxInt64)
	all := m.HGetAll("h")
	ttl := m.HExpire("h", time.Hour, "a", "nope")
	got := m.HGetEx(larder.HGetExArgs{Key: "h", Fields: []string{"a"}, Persist: true})
	gone := m.HGetDel("h", "a", "b")
	if err := m.Exec(); err != nil {
		t.Fatal(err)
	}
	if added.Val() != 2 || sum.Val() != 5 || bad.Err() != larder.ErrOverflow || !maps.Equal(all.Val(), map[string]string{"a": "5", "b": "2"}) {
		t.Errorf("Exec: %v %v %v %v", added.Val(), sum.Val(), bad.Err(), all.Val())
	}
	if !slices.Equal(ttl.Val(), []larder.HResult{larder.HDone, larder.HNoField}) || got.Val()[0].Value != "5" || gone.Val()[1].Value != "2" {
		t.Errorf("Exec: %v %v %v", ttl.Val(), got.Val(), gone.Val())
	}
	if n, _ := db.Exists("h"); n != 0 {
		t.Error("a hash without fields is there")
	}
}

// A hash as a map has it: fields with values and times.
type plainHash map[string]plainField

type plainField struct {
	value string
	at    time.Time
}

func (h plainHash) live() map[string]string {
	m := map[string]string{}
	for f, e := range h {
		if e.at.IsZero() || e.at.After(time.Now()) {
			m[f] = e.value
		} else {
			delete(h, f)
		}
	}
	return m
}

// Histories of a few hashes against maps, with expiry of fields, time that goes by,
// renames, copies, snapshots and failed transactions. The mirror has other limits, so
// that there hashes are small which are big here.
func TestHashesAgainstMaps(t *testing.T) {
	for _, limit := range []string{"0", "6", "512"} {
		t.Run(limit, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { hashHistory(t, limit) })
		})
	}
}

func hashHistory(t *testing.T, limit string) {
	db := open(t, larder.Options{Config: []string{"hash-max-listpack-entries", limit}})
	r := rand.New(rand.NewPCG(7, uint64(len(limit))))
	want := map[string]plainHash{}
	type then struct {
		snap *larder.Snapshot
		want map[string]map[string]string
	}
	var open []then
	steps := 30000
	if raceEnabled {
		steps = 4000
	}
	for i := range steps {
		key, field := fmt.Sprint("h", r.IntN(4)), fmt.Sprint("f", r.IntN(14))
		h := want[key]
		if h == nil {
			h = plainHash{}
		}
		live := h.live()
		_, had := live[field]
		fail := func(what string, got, want any) {
			t.Helper()
			t.Fatalf("%d: %s %s = %v, want %v", i, key, what, got, want)
		}
		switch r.IntN(18) {
		case 0, 1, 2:
			v := strings.Repeat("v", r.IntN(80)) + fmt.Sprint(i)
			if n, err := db.HSet(key, field, v, "f1", "x"); err != nil {
				fail("HSet", n, err)
			}
			h[field] = plainField{value: v}
			h["f1"] = plainField{value: "x"}
		case 3:
			n, err := db.HIncrBy(key, "n", 3)
			old := int64(0)
			fmt.Sscan(live["n"], &old)
			if n != old+3 || err != nil {
				fail("HIncrBy", n, old+3)
			}
			h["n"] = plainField{fmt.Sprint(n), h["n"].at}
		case 4:
			n, err := db.HDel(key, field, "f2", field)
			w := int64(0)
			for _, f := range []string{field, "f2"} {
				if _, ok := live[f]; ok && (f != field || w == 0) {
					w++
				}
				delete(h, f)
			}
			if field == "f2" && had {
				w = 1
			}
			if n != w || err != nil {
				fail("HDel", n, w)
			}
		case 5, 6, 7:
			ttl := time.Duration(r.IntN(4000)) * time.Millisecond
			rs, err := db.HExpire(key, ttl, field)
			w := larder.HNoField
			switch {
			case had && ttl == 0:
				w = larder.HDeleted
				delete(h, field)
			case had:
				w = larder.HDone
				h[field] = plainField{live[field], time.Now().Add(ttl)}
			}
			if err != nil || rs[0] != w {
				fail("HExpire", rs, w)
			}
		case 8:
			cond := larder.ExpireIf(1 + r.IntN(4))
			at := time.Now().Add(time.Duration(1+r.IntN(3000)) * time.Millisecond)
			was := h[field].at
			ok := had && map[larder.ExpireIf]bool{
				larder.ExpireNX: was.IsZero(), larder.ExpireXX: !was.IsZero(),
				larder.ExpireGT: !was.IsZero() && at.After(was), larder.ExpireLT: was.IsZero() || at.Before(was),
			}[cond]
			rs, err := db.HExpireAtIf(key, at, cond, field)
			if err != nil || (rs[0] == larder.HDone) != ok || had == (rs[0] == larder.HNoField) {
				fail("HExpireAtIf", rs, ok)
			}
			if ok {
				h[field] = plainField{live[field], at.Truncate(time.Millisecond)}
			}
		case 9:
			rs, err := db.HPersist(key, field)
			if e, ok := h[field]; ok {
				h[field] = plainField{value: e.value}
			}
			if err != nil || had == (rs[0] == larder.HNoField) {
				fail("HPersist", rs, had)
			}
		case 10:
			vs, err := db.HGetDel(key, field)
			delete(h, field)
			if err != nil || vs[0].Ok != had || vs[0].Value != live[field] {
				fail("HGetDel", vs, live[field])
			}
		case 11:
			a := larder.HGetExArgs{Key: key, Fields: []string{field}}
			e := h[field]
			switch r.IntN(3) {
			case 0:
				a.TTL = time.Duration(1+r.IntN(3000)) * time.Millisecond
				e.at = time.Now().Add(a.TTL)
			case 1:
				a.Persist, e.at = true, time.Time{}
			}
			vs, err := db.HGetEx(a)
			if err != nil || vs[0].Ok != had || vs[0].Value != live[field] {
				fail("HGetEx", vs, live[field])
			}
			if had {
				h[field] = e
			}
		case 12:
			a := larder.HSetExArgs{Key: key, Fields: []string{field, fmt.Sprint("s", i)}}
			e := plainField{value: fmt.Sprint("s", i)}
			switch r.IntN(3) {
			case 0:
				a.TTL = time.Duration(1+r.IntN(3000)) * time.Millisecond
				e.at = time.Now().Add(a.TTL)
			case 1:
				a.KeepTTL, e.at = true, h[field].at
			}
			allowed := true
			switch r.IntN(4) {
			case 0:
				a.FNX, allowed = true, !had
			case 1:
				a.FXX, allowed = true, had
			}
			ok, err := db.HSetEx(a)
			if ok != allowed || err != nil {
				fail("HSetEx", ok, allowed)
			}
			if allowed {
				h[field] = e
			}
		case 13:
			to := fmt.Sprint("h", r.IntN(4))
			err := db.Rename(key, to)
			if (err == nil) != (len(live) > 0) {
				fail("Rename", err, live)
			}
			if err == nil && to != key {
				want[to], h = h, plainHash{}
			}
		case 14:
			to := fmt.Sprint("h", r.IntN(4))
			if ok, err := db.Copy(larder.CopyArgs{Source: key, Destination: to, Replace: true}); to != key && (err != nil || ok != (len(live) > 0)) {
				fail("Copy", ok, live)
			} else if ok {
				want[to] = maps.Clone(h)
			}
		case 15:
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		case 16:
			switch {
			case len(open) < 2:
				w := map[string]map[string]string{}
				for k, o := range want {
					w[k] = o.live()
				}
				open = append(open, then{db.Snapshot(), w})
			default:
				for k, o := range open[0].want {
					if m, err := open[0].snap.HGetAll(k); !maps.Equal(m, o) || err != nil {
						fail("of the snapshot", m, o)
					}
				}
				open[0].snap.Close()
				open = open[1:]
			}
		case 17:
			db.Update(func(tx *larder.Tx) error {
				tx.HSet(key, "gone", "x", field, "gone")
				tx.HExpire(key, time.Second, field, "f3")
				tx.HDel(key, "f4", "f5")
				tx.Rename(key, "h0")
				return errors.New("boom")
			})
		}
		want[key] = h
		if m, err := db.HGetAll(key); !maps.Equal(m, h.live()) || err != nil {
			fail("HGetAll", m, h.live())
		}
		if n, err := db.HLen(key); n != int64(len(h.live())) || err != nil {
			fail("HLen", n, len(h.live()))
		}
		if n, _ := db.Exists(key); n != 1 == (len(h.live()) > 0) {
			fail("Exists", n, len(h.live()))
		}
		if v, err := db.HGet(key, field); v != h.live()[field] {
			fail("HGet", v, err)
		}
		times, err := db.HExpireTime(key, field)
		if e, ok := h[field]; err != nil || times[0].Ok != ok || !times[0].At.Equal(e.at.Truncate(time.Millisecond)) {
			fail("HExpireTime", times, e.at)
		}
	}
	for _, o := range open {
		o.snap.Close()
	}
	var keys, scanned []string
	for k, h := range want {
		if len(h.live()) > 0 {
			keys = append(keys, k)
		}
	}
	for k := range db.Keys("*") {
		scanned = append(scanned, k)
	}
	slices.Sort(keys)
	slices.Sort(scanned)
	if !reflect.DeepEqual(keys, scanned) {
		t.Errorf("Keys = %q, want %q", scanned, keys)
	}
}

// A scan of a hash that grows out of its listpack, and on, meets what was there from
// the beginning.
func TestHashScanGrowing(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"hash-max-listpack-entries", "16"}})
	for i := range 16 {
		db.HSet("h", fmt.Sprint("stay", i), "v")
	}
	seen := map[string]int{}
	n := 0
	for f := range db.HScan("h", larder.HScanArgs{Count: 4}) {
		seen[f]++
		for range 50 {
			db.HSet("h", fmt.Sprint("come", n), "v")
			n++
		}
		if n > 2000 {
			db.HDel("h", fmt.Sprint("come", n/2))
		}
	}
	db.HSet("h", "one", "more")
	for i := range 16 {
		if seen[fmt.Sprint("stay", i)] == 0 {
			t.Errorf("stay%d was not seen", i)
		}
	}
}
