package hashtable

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/chunk"
)

// item is what the model knows of an entry.
type item struct {
	val      string // payload, or the object's contents
	isObject bool
	form     Form
	expireAt int64
	clock    uint32
}

// thing is the object that the tests put into entries. It is changed in place when
// the table allows that, so that a snapshot which sees the change fails.
type thing struct{ val string }

// world drives the tables of one database, in shards, beside a plain map, as the
// engine does: transactions with undo, snapshots that overlap, time that passes.
type world struct {
	t      testing.TB
	choose func(n int) int // below n
	src    *chunk.Source
	seed   maphash.Seed
	skip   uint8
	tables []*Table
	model  map[string]item
	open   []*opened
	closed []*opened // being thawed
	now    int64
	keys   int
	serial int
	undo   []undone
	due    int // entries that Due reported
}

type opened struct {
	frozen []*Frozen
	want   map[string]item
}

// undone is how one write of a transaction is taken back.
type undone struct {
	tb       *Table
	hash     uint64
	key      string
	old, now Handle
	was      item
	had      bool
}

func newWorld(t testing.TB, skip uint8, keys int, choose func(n int) int) *world {
	w := &world{t: t, choose: choose, src: new(chunk.Source), seed: maphash.MakeSeed(), skip: skip, keys: keys,
		model: map[string]item{}, now: 1_700_000_000_123}
	w.tables = make([]*Table, 1<<skip)
	for i := range w.tables {
		w.tables[i] = New(w.src, w.seed, skip)
	}
	return w
}

func (w *world) hash(k string) (uint64, *Table) {
	h := maphash.String(w.seed, k)
	return h, w.tables[h>>(63-w.skip)>>1]
}

// key makes short keys, and one in a hundred that is longer than a slot.
func key(i int) string {
	if i%100 == 7 {
		return fmt.Sprintf("k%0*d", 1900+i%300, i)
	}
	return fmt.Sprintf("k%d", i)
}

func (w *world) key() string { return key(w.choose(w.keys)) }

func (w *world) value() string {
	w.serial++
	n := w.choose(60)
	switch w.choose(20) {
	case 0:
		n = w.choose(16) * 250
	case 1:
		n = w.choose(8) * 50
	}
	return fmt.Sprintf("%d-%s", w.serial, strings.Repeat("x", n))
}

func (w *world) expireAt() int64 {
	switch w.choose(6) {
	case 0:
		return w.now + int64(w.choose(256))*10
	case 1:
		return w.now + int64(w.choose(256))*1000
	case 2:
		return w.now + int64(w.choose(256))*1000_000
	}
	return 0
}

// replace publishes n in the place of k's entry; 0 deletes.
func (w *world) replace(k string, n Handle, is item) {
	hash, tb := w.hash(k)
	h := tb.Find(hash, k)
	was, had := w.model[k]
	if (h != 0) != had {
		w.t.Fatalf("Find(%.20q) = %x, want %v", k, h, had)
	}
	tb.Publish(hash, h, n)
	w.undo = append(w.undo, undone{tb, hash, strings.Clone(k), h, n, was, had})
	if n == 0 {
		delete(w.model, k)
	} else {
		w.model[strings.Clone(k)] = is
	}
}

// end ends a transaction, well or not.
func (w *world) end(ok bool) {
	if !ok {
		for _, u := range slices.Backward(w.undo) {
			u.tb.Publish(u.hash, u.now, u.old)
			if u.had {
				w.model[u.key] = u.was
			} else {
				delete(w.model, u.key)
			}
		}
	}
	for _, u := range w.undo {
		h := u.old
		if !ok {
			h = u.now
		}
		if h != 0 {
			u.tb.Retire(h)
		}
	}
	w.undo = w.undo[:0]
	for _, tb := range w.tables {
		tb.Compact()
	}
}

func (w *world) set(k string, inPlace bool) {
	hash, tb := w.hash(k)
	h := tb.Find(hash, k)
	is := item{val: w.value(), form: Form(w.choose(32)), expireAt: w.expireAt(), clock: uint32(w.choose(256))}
	if inPlace && h != 0 && tb.Overwrite(h, is.val, is.form, is.expireAt) {
		is.clock = w.model[k].clock
		w.model[k] = is
		return
	}
	w.replace(k, tb.New(k, is.val, is.form, is.expireAt, is.clock), is)
}

func (w *world) setObject(k string, inPlace bool) {
	hash, tb := w.hash(k)
	h := tb.Find(hash, k)
	is := item{val: w.value(), isObject: true, form: Form(w.choose(32)), clock: uint32(w.choose(256))}
	if inPlace && h != 0 && tb.Young(h) {
		if o, ok := tb.Object(h).(*thing); ok {
			o.val = is.val
			if w.choose(2) == 0 {
				o = &thing{is.val}
			}
			if !tb.SetObject(h, o, len(o.val), is.form) {
				w.t.Fatalf("SetObject of a young object did nothing")
			}
			is.expireAt, is.clock = w.model[k].expireAt, w.model[k].clock
			w.model[k] = is
			return
		}
	}
	is.expireAt = w.expireAt()
	w.replace(k, tb.NewObject(k, &thing{is.val}, len(is.val), is.form, is.expireAt, is.clock), is)
}

func (w *world) expire(k string, inPlace bool) {
	hash, tb := w.hash(k)
	h := tb.Find(hash, k)
	if h == 0 {
		return
	}
	is := w.model[k]
	is.expireAt = w.expireAt()
	switch {
	case inPlace && tb.SetExpireAt(h, is.expireAt):
		w.model[k] = is
	case is.isObject:
		w.replace(k, tb.NewObject(k, &thing{is.val}, len(is.val), is.form, is.expireAt, is.clock), is)
	default:
		w.replace(k, tb.New(k, tb.Bytes(h), is.form, is.expireAt, is.clock), is)
	}
}

// write does one write of a transaction. Only a transaction that will not be
// undone may write in place.
func (w *world) write(grow int, inPlace bool) {
	k := w.key()
	if w.choose(100) >= grow {
		w.replace(k, 0, item{})
		return
	}
	switch w.choose(8) {
	case 0:
		w.setObject(k, inPlace)
	case 1:
		w.expire(k, inPlace)
	default:
		w.set(k, inPlace)
	}
}

func (w *world) transaction(grow int) {
	if w.choose(10) != 0 {
		w.write(grow, true)
		w.end(true)
		return
	}
	ok := w.choose(2) == 0
	for range 1 + w.choose(20) {
		w.write(grow, false)
	}
	w.end(ok)
}

func (w *world) freeze() {
	o := &opened{want: maps.Clone(w.model)}
	for _, tb := range w.tables {
		o.frozen = append(o.frozen, tb.Freeze())
	}
	w.open = append(w.open, o)
}

// thaw begins to close a snapshot; thawStep goes on with one.
func (w *world) thaw() {
	i := w.choose(len(w.open))
	w.check(w.open[i].views(), w.open[i].want)
	w.closed = append(w.closed, w.open[i])
	w.open = slices.Delete(w.open, i, i+1)
}

func (w *world) thawStep(n int) {
	if len(w.closed) == 0 {
		return
	}
	i := w.choose(len(w.closed))
	o := w.closed[i]
	more := false
	for i, tb := range w.tables {
		more = tb.Thaw(o.frozen[i], n) || more
	}
	if !more {
		for _, f := range o.frozen {
			if f.Retained() != 0 {
				w.t.Fatalf("a thawed snapshot retains %d bytes", f.Retained())
			}
		}
		w.closed = slices.Delete(w.closed, i, i+1)
	}
}

// pass lets time pass and looks that all that expired is reported.
func (w *world) pass(ms int64) {
	w.now += ms
	for _, tb := range w.tables {
		for calls := 0; ; calls++ {
			if n := tb.NextDue(); n == 0 || n > w.now {
				break
			}
			if calls > 100+tb.Len()+tb.wheel.n {
				w.t.Fatalf("Due has been called %d times and NextDue still says now", calls)
			}
			left := 10
			tb.Due(w.now, left, func(h Handle) {
				if left--; left < 0 {
					w.t.Fatal("Due reports more than it was allowed")
				}
				k := strings.Clone(tb.Key(h))
				if is, ok := w.model[k]; !ok || is.expireAt == 0 || is.expireAt > w.now {
					w.t.Fatalf("Due(%d) reports %.20q with expiry %d", w.now, k, is.expireAt)
				}
				w.replace(k, 0, item{})
				w.end(true)
				w.due++
			})
		}
	}
	for k, is := range w.model {
		if is.expireAt != 0 && is.expireAt <= w.now-999 {
			w.t.Fatalf("%.20q expired at %d was not reported at %d", k, is.expireAt, w.now)
		}
	}
}

func (w *world) views() (v []*View) {
	for _, tb := range w.tables {
		v = append(v, &tb.View)
	}
	return v
}

func (o *opened) views() (v []*View) {
	for _, f := range o.frozen {
		v = append(v, &f.View)
	}
	return v
}

func itemOf(v *View, h Handle) item {
	is := item{strings.Clone(v.Bytes(h)), false, v.Form(h), v.ExpireAt(h), v.Clock(h)}
	if o, ok := v.Object(h).(*thing); ok {
		is.val, is.isObject = o.val, true
	}
	return is
}

// check compares views with a model, by walking and by looking up.
func (w *world) check(views []*View, want map[string]item) {
	w.t.Helper()
	n, length, expiring := 0, 0, 0
	for _, v := range views {
		length += v.Len()
		expiring += v.Expiring()
		for h := range v.All() {
			n++
			if is, ok := want[v.Key(h)]; !ok || is != itemOf(v, h) {
				w.t.Fatalf("All: %.20q = %.80v, want %.80v %v", v.Key(h), itemOf(v, h), is, ok)
			}
		}
	}
	if n != len(want) || length != n {
		w.t.Fatalf("All yields %d entries, Len() = %d, want %d", n, length, len(want))
	}
	for k, is := range want {
		hash := maphash.String(w.seed, k)
		v := views[hash>>(63-w.skip)>>1]
		if h := v.Find(hash, k); h == 0 || itemOf(v, h) != is {
			w.t.Fatalf("Find(%.20q) = %x, want %.80v", k, h, is)
		}
		if is.expireAt != 0 {
			expiring--
		}
	}
	if expiring != 0 {
		w.t.Fatalf("Expiring() is %d too high", expiring)
	}
	for range 20 {
		k := fmt.Sprint("missing", w.choose(256))
		hash := maphash.String(w.seed, k)
		if h := views[hash>>(63-w.skip)>>1].Find(hash, k); h != 0 {
			w.t.Fatalf("Find(%q) = %x", k, h)
		}
	}
}

func (w *world) checkAll() {
	w.t.Helper()
	w.check(w.views(), w.model)
	for _, o := range w.open {
		w.check(o.views(), o.want)
	}
	for _, tb := range w.tables {
		tb.verify(w.t)
	}
}

// finish closes and deletes everything and looks that nothing is left.
func (w *world) finish() {
	w.t.Helper()
	w.checkAll()
	for len(w.open) > 0 {
		w.thaw()
	}
	for len(w.closed) > 0 {
		w.thawStep(1000)
	}
	w.checkAll()
	for k := range w.model {
		w.replace(k, 0, item{})
		w.end(true)
	}
	for _, tb := range w.tables {
		tb.verify(w.t)
		used := 0
		for _, c := range tb.meta {
			used += int(c.used)
		}
		if tb.Len() != 0 || tb.live != 0 || tb.Retained() != 0 || used != 0 || tb.objectCount != 0 {
			w.t.Fatalf("an empty table has %d entries, %d bytes, %d granules, %d objects, retains %d",
				tb.Len(), tb.live, used, tb.objectCount, tb.Retained())
		}
		tb.Drop()
	}
	w.src.Close()
}
