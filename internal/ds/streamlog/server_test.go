package streamlog

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// dump reads the parts of a stream that DUMP returned (type 19: nodes, counters,
// groups), and is bad at the first that is not there.
type dump struct {
	s   string
	bad bool
}

func (d *dump) raw(n uint64) string {
	if n > uint64(len(d.s)) {
		d.bad = true
		return strings.Repeat("\x00", 16)
	}
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

func (d *dump) num() uint64 {
	switch b := d.raw(1)[0]; {
	case b < 0x40:
		return uint64(b)
	case b < 0x80:
		return uint64(b&0x3F)<<8 | uint64(d.raw(1)[0])
	case b == 0x80:
		return uint64(binary.BigEndian.Uint32([]byte(d.raw(4))))
	case b == 0x81:
		return binary.BigEndian.Uint64([]byte(d.raw(8)))
	}
	d.bad = true
	return 0
}

// str reads a string, which may lie as an integer.
func (d *dump) str() string {
	if d.s != "" && d.s[0] >= 0xC0 {
		n, v := uint64(1)<<(d.raw(1)[0]&0x3F), int64(0)
		for i, b := range []byte(d.raw(min(n, 4))) {
			v |= int64(b) << (8 * i)
		}
		shift := 64 - 8*n
		return strconv.FormatInt(v<<shift>>shift, 10)
	}
	return d.raw(d.num())
}

func (d *dump) id() ID { return ID{d.num(), d.num()} }

func (d *dump) rawID() ID {
	b := []byte(d.raw(16))
	return ID{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (d *dump) time() int64 { return int64(binary.LittleEndian.Uint64([]byte(d.raw(8)))) }

func (d *dump) each(do func() error) error {
	for n := d.num(); n > 0 && !d.bad; n-- {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// build makes a stream of a DUMP.
func (d *dump) build() (*Log, error) {
	if t := d.raw(1); t != "\x13" {
		return nil, fmt.Errorf("type %x", t)
	}
	b := NewBuilder()
	if err := d.each(func() error {
		key := d.str()
		if len(key) != 16 {
			return ErrCorrupt
		}
		id := ID{binary.BigEndian.Uint64([]byte(key)), binary.BigEndian.Uint64([]byte(key[8:]))}
		lp := d.str()
		if err := b.Node(id, []byte(lp)); err != nil {
			return fmt.Errorf("%w: %v after %v: %x", err, id, b.prev, lp)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	m := Meta{Len: int64(d.num()), LastID: d.id()}
	first := d.id()
	m.MaxDeletedID, m.EntriesAdded = d.id(), int64(d.num())
	if err := b.Meta(m); err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	if b.l.FirstID() != first {
		return nil, fmt.Errorf("first %v, found %v", first, b.l.FirstID())
	}
	if err := d.each(func() error {
		if err := b.Group(d.str(), d.id(), int64(d.num())); err != nil {
			return err
		}
		if err := d.each(func() error { return b.Pending(d.rawID(), d.time(), int64(d.num())) }); err != nil {
			return err
		}
		return d.each(func() error {
			if err := b.Consumer(d.str(), d.time(), -1); err != nil {
				return err
			}
			return d.each(func() error { return b.Own(d.rawID()) })
		})
	}); err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	if d.bad || len(d.s) != 10 {
		return nil, fmt.Errorf("bad %t, %d bytes left", d.bad, len(d.s))
	}
	return b.Log()
}

// describe is all that there is in a stream, but for times where they are the
// clock's.
func describe(l *Log, times bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "len %d last %v first %v maxdel %v added %d\n", l.Len(), l.LastID(), l.FirstID(), l.MaxDeletedID(), l.EntriesAdded())
	for id, lp := range l.Nodes() {
		fmt.Fprintf(&b, "node %v %s\n", id, hex.EncodeToString(lp))
	}
	for g := range l.Groups() {
		fmt.Fprintf(&b, "group %q last %v read %d pending %d\n", g.Name(), g.LastID(), g.EntriesRead(), g.NumPending())
		for p := range g.Pending(ID{}, MaxID) {
			fmt.Fprintf(&b, "\t%v %s %d", p.ID, p.Consumer, p.Count)
			if times {
				fmt.Fprintf(&b, " at %d", p.Time)
			}
			b.WriteByte('\n')
		}
		for c := range g.Consumers() {
			fmt.Fprintf(&b, "\tconsumer %q pending %d:", c.Name(), c.NumPending())
			if times {
				fmt.Fprintf(&b, " seen %d active %d", c.SeenTime(), c.ActiveTime())
			}
			for p := range g.PendingOf(c, ID{}, MaxID) {
				fmt.Fprintf(&b, " %v", p.ID)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// firstDifference is the first line in which two descriptions differ.
func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("got\n%s\nwant\n%s", as[i], bs[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(as), len(bs))
}

// history does the same to a stream and to the server's.
type history struct {
	t   *testing.T
	c   redistest.Client
	r   *rand.Rand
	l   *Log
	lim Limits
	log []string
}

func (h *history) do(words ...string) redistest.Value {
	h.log = append(h.log, fmt.Sprintf("%.400q", words))
	v := h.c.Do(words...)
	if v.Kind == redistest.Closed || v.Kind == redistest.Timeout {
		h.fatalf("the server is gone: %+v", v)
	}
	return v
}

func (h *history) fatalf(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("%s\nafter\n%s", fmt.Sprintf(format, args...), strings.Join(h.log[max(0, len(h.log)-60):], "\n"))
}

func (h *history) int(what string, got int64, words ...string) {
	h.t.Helper()
	if v := h.do(words...); v.Kind != redistest.Integer || v.Int != got {
		h.fatalf("%s = %d, want %+v", what, got, v)
	}
}

// ids picks an ID near those that there are.
func (h *history) id() ID {
	last := h.l.LastID()
	switch h.r.IntN(8) {
	case 0:
		return h.l.FirstID()
	case 1:
		return last
	case 2:
		return ID{last.Ms + 1, 0}
	case 3:
		return ID{uint64(h.r.IntN(3)), uint64(h.r.IntN(3))}
	}
	n := 0
	for e := range h.l.Range(ID{uint64(h.r.Int64N(int64(last.Ms%1e15) + 1)), 0}, MaxID) {
		if n++; n > h.r.IntN(4) {
			return e.ID
		}
	}
	return last
}

func (h *history) word() string {
	switch h.r.IntN(9) {
	case 0:
		return strconv.Itoa(h.r.IntN(300) - 150)
	case 1:
		return strconv.FormatInt(int64(h.r.Uint64())>>h.r.IntN(60), 10)
	case 2:
		return strings.Repeat("v", h.r.IntN(200))
	case 3:
		if h.lim == (Limits{}) {
			return strings.Repeat("w", h.r.IntN(20000))
		}
	}
	return "word" + strconv.Itoa(h.r.IntN(20))
}

var (
	groupNames    = []string{"g", "h", "gg", "42"}
	consumerNames = []string{"alice", "bob", "carol", "-7", ""}
)

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func (h *history) add() {
	id := h.l.LastID()
	switch h.r.IntN(10) {
	case 0:
		id.Ms += uint64(h.r.IntN(100000))
		id.Seq = uint64(h.r.IntN(3)) // may be in the past
	case 1:
		id = h.id()
	case 2:
		id, _ = h.l.NextSeq(id.Ms + uint64(h.r.IntN(2)))
	default:
		id, _ = h.l.NextID(id.Ms + uint64(h.r.IntN(2)))
	}
	fields := []string{"name", h.word(), "value", h.word(), "3", h.word()}
	switch h.r.IntN(12) {
	case 0:
		fields = []string{h.word(), h.word()}
	case 1:
		fields[4] = "03"
	case 2:
		fields = fields[:4]
	}
	err := h.l.Append(id, fields, h.lim)
	v := h.do(append([]string{"XADD", "s", id.String()}, fields...)...)
	if (v.Kind == redistest.Error) != (err != nil) {
		h.fatalf("Append(%v) = %v, want %+v", id, err, v)
	}
}

func (h *history) step() {
	r, l := h.r, h.l
	name, who := pick(r, groupNames), pick(r, consumerNames)
	e, exists := l.EditGroup(name)
	if exists {
		// The server has a consumer made by whatever names it.
		switch v := h.do("XGROUP", "CREATECONSUMER", "s", name, who); {
		case v.Kind == redistest.Error:
			h.fatalf("%+v", v)
		case e.CreateConsumer(who, 0) != (v.Int == 1):
			h.fatalf("CreateConsumer: %+v", v)
		}
	}
	op := r.IntN(40)
	if op >= 22 && !exists {
		op = 16
	}
	switch op {
	default:
		h.add()
	case 10, 11, 12:
		id := h.id()
		n := int64(0)
		if l.Delete(id) {
			n = 1
		}
		h.int("Delete", n, "XDEL", "s", id.String())
	case 13:
		tr, args := h.trim()
		h.int(fmt.Sprintf("Trim(%+v)", tr), int64(l.Trim(tr)), append([]string{"XTRIM", "s"}, args...)...)
	case 14:
		id, added, deleted := h.id(), int64(-1), ID{}
		if l.tail.n != nil {
			// Redis 7.0.15 lets an ID go back behind a tombstone, and then ends by an
			// assertion in XREVRANGE.
			c := l.tail.cursor()
			if c.toEnd(); c.backward() && id.Less(c.cur) {
				return
			}
		}
		args := []string{"XSETID", "s", id.String()}
		if r.IntN(2) == 0 {
			added, deleted = int64(l.Len()+r.IntN(100)), h.id()
			args = append(args, "ENTRIESADDED", fmt.Sprint(added), "MAXDELETEDID", deleted.String())
		}
		if v := h.do(args...); v.Kind != redistest.Error {
			l.SetID(id, added, deleted)
		}
	case 15:
		// A first entry must fit into the room that a node is made with, MaxBytes or
		// 4096. Redis 7.0.15 shrinks a node that is full; where the next node outgrows
		// its room and so comes to lie where the full one lay, it thinks that it need
		// not put it into the index, which then names freed memory.
		h.lim = pick(r, []Limits{{0, 0}, {2000, 0}, {2000, 5}, {4096, 0}, {4096, 1}, {4096, 3}, {0, 10}, {4096, 100}})
		h.do("CONFIG", "SET", "stream-node-max-bytes", fmt.Sprint(h.lim.MaxBytes), "stream-node-max-entries", fmt.Sprint(h.lim.MaxEntries))
	case 16, 17:
		id, read := h.id(), int64(Unknown)
		args := []string{"XGROUP", "CREATE", "s", name, id.String()}
		if r.IntN(2) == 0 {
			id = l.LastID()
			args[4] = "$"
		}
		if r.IntN(2) == 0 {
			read = int64(r.IntN(30)) - 1
			args = append(args, "ENTRIESREAD", fmt.Sprint(read))
		}
		if v := h.do(args...); (v.Kind != redistest.Error) != l.CreateGroup(name, id, read) {
			h.fatalf("CreateGroup: %+v", v)
		}
	case 18:
		if r.IntN(4) == 0 {
			n := int64(0)
			if l.DestroyGroup(name) {
				n = 1
			}
			h.int("DestroyGroup", n, "XGROUP", "DESTROY", "s", name)
		}
	case 22:
		id, read := h.id(), int64(Unknown)
		args := []string{"XGROUP", "SETID", "s", name, id.String()}
		if r.IntN(2) == 0 {
			read = int64(r.IntN(30)) - 1
			args = append(args, "ENTRIESREAD", fmt.Sprint(read))
		}
		if v := h.do(args...); v.Kind == redistest.Error {
			h.fatalf("%+v", v)
		}
		e.SetID(id, read)
	case 23:
		if r.IntN(3) == 0 {
			n, _ := e.DeleteConsumer(who)
			h.int("DeleteConsumer", int64(n), "XGROUP", "DELCONSUMER", "s", name, who)
		}
	case 24, 25:
		id := h.id()
		if e.NumPending() > 0 && r.IntN(2) == 0 {
			id = e.FirstPending()
		}
		n := int64(0)
		if e.Ack(id) {
			n = 1
		}
		h.int("Ack", n, "XACK", "s", name, id.String())
	case 26, 27, 28:
		var c Claim
		c.Consumer, c.Count, c.Now, c.Time = who, -1, 1e15, 1000
		id := h.id()
		if e.NumPending() > 0 && r.IntN(2) == 0 {
			id = e.LastPending()
		}
		args := []string{"XCLAIM", "s", name, who, "0", id.String(), "TIME", "1000"}
		if r.IntN(3) == 0 {
			c.MinIdle = 1e14 // none but what was claimed before, at 1000
			args[4] = "1000000000000"
		}
		if r.IntN(2) == 0 {
			c.Count = int64(r.IntN(9))
			args = append(args, "RETRYCOUNT", fmt.Sprint(c.Count))
		}
		if c.JustID = r.IntN(2) == 0; c.JustID {
			args = append(args, "JUSTID")
		}
		if c.Force = r.IntN(2) == 0; c.Force {
			args = append(args, "FORCE")
		}
		if p, ok := e.Lookup(id); ok && c.MinIdle > 0 && p.Time != 1000 {
			c.Now = p.Time
		}
		what, _ := e.Claim(id, c)
		v := h.do(args...)
		if v.Kind == redistest.Error || len(v.Elems) == 1 != (what == Taken) {
			h.fatalf("Claim = %v, want %+v", what, v)
		}
	case 29:
		from, count := h.id(), 1+r.IntN(5)
		taken, gone, next := e.AutoClaim(from, count, Claim{Consumer: who, Count: -1, Now: 1e15, Time: 2000, JustID: true})
		v := h.do("XAUTOCLAIM", "s", name, who, "0", from.String(), "COUNT", fmt.Sprint(count), "JUSTID")
		text := func(ps []Pending) (s string) {
			for _, p := range ps {
				s += p.ID.String() + " "
			}
			return s
		}
		replied := func(v redistest.Value) (s string) {
			for _, e := range v.Elems {
				s += e.Str + " "
			}
			return s
		}
		if len(v.Elems) != 3 || v.Elems[0].Str != next.String() || replied(v.Elems[1]) != text(taken) || replied(v.Elems[2]) != text(gone) {
			h.fatalf("AutoClaim = %v, %v, %v, want %+v", taken, gone, next, v)
		}
	case 30, 31, 32, 33, 34, 35:
		count, noAck := 1+r.IntN(6), r.IntN(4) == 0
		args := []string{"XREADGROUP", "GROUP", name, who, "COUNT", fmt.Sprint(count)}
		if noAck {
			args = append(args, "NOACK")
		}
		first, last, n := e.ReadNew(who, count, 3000, noAck)
		v := h.do(append(args, "STREAMS", "s", ">")...)
		var want []string
		if len(v.Elems) == 1 {
			for _, entry := range v.Elems[0].Elems[1].Elems {
				want = append(want, entry.Elems[0].Str)
			}
		}
		if len(want) != n || n > 0 && (want[0] != first.String() || want[n-1] != last.String()) {
			h.fatalf("ReadNew = %v, %v, %d, want %v", first, last, n, want)
		}
	case 36:
		// The history counts deliveries of what is still there.
		h.do("XREADGROUP", "GROUP", name, who, "COUNT", "3", "STREAMS", "s", "0")
		var ids []ID
		for p := range e.PendingOf(e.Consumer(who), ID{0, 1}, MaxID) {
			if ids = append(ids, p.ID); len(ids) == 3 {
				break
			}
		}
		for _, id := range ids {
			if l.Has(id) {
				e.Redeliver(id, 4000)
			}
		}
	case 37, 38, 39:
		from, to, count := h.id(), h.id(), 1+r.IntN(8)
		if r.IntN(2) == 0 {
			from, to = ID{}, MaxID
		}
		forward, got := r.IntN(2) == 0, ""
		words := []string{"XREVRANGE", "s", to.String(), from.String(), "COUNT", fmt.Sprint(count)}
		seq := l.Reverse(to, from)
		if forward {
			words[0], words[2], words[3] = "XRANGE", words[3], words[2]
			seq = l.Range(from, to)
		}
		for e := range seq {
			got += fmt.Sprintf("%v %q\n", e.ID, e.AppendFields(nil))
			if count--; count == 0 {
				break
			}
		}
		want := ""
		v := h.do(words...)
		if v.Kind != redistest.Array {
			h.fatalf("%+v", v)
		}
		for _, e := range v.Elems {
			var fields []string
			for _, f := range e.Elems[1].Elems {
				fields = append(fields, f.Str)
			}
			want += fmt.Sprintf("%s %q\n", e.Elems[0].Str, fields)
		}
		if got != want {
			h.fatalf("range:\n%s\nwant\n%s", got, want)
		}
	}
}

func (h *history) trim() (tr Trim, args []string) {
	r := h.r
	tr.ByID, tr.Approx = r.IntN(2) == 0, r.IntN(2) == 0
	tr.MinID, tr.MaxLen = h.id(), int64(max(0, h.l.Len()-r.IntN(30)))
	if r.IntN(10) == 0 {
		tr.MaxLen = int64(r.IntN(3))
	}
	kind, bound := "MAXLEN", fmt.Sprint(tr.MaxLen)
	if tr.ByID {
		kind, bound = "MINID", tr.MinID.String()
	}
	if !tr.Approx {
		return tr, []string{kind, "=", bound}
	}
	tr.Limit = int64(r.IntN(20))
	return tr, []string{kind, "~", bound, "LIMIT", fmt.Sprint(tr.Limit)}
}

// compare holds the stream against the server's.
func (h *history) compare() *Log {
	v := h.c.Do("DUMP", "s")
	if v.Kind != redistest.Bulk {
		return nil
	}
	want, err := (&dump{s: v.Str}).build()
	if err != nil {
		h.fatalf("DUMP: %v", err)
	}
	if got, want := describe(h.l, false), describe(want, false); got != want {
		h.fatalf("%s", firstDifference(got, want))
	}
	for _, v := range h.c.Do("XINFO", "GROUPS", "s").Elems {
		g := h.l.Group(v.Elems[1].Str)
		lag, ok := h.l.Lag(g)
		if x := v.Elems[11]; (x.Kind == redistest.Integer) != ok || ok && x.Int != lag {
			h.fatalf("Lag(%s) = %d, %t, want %+v; %s", g.Name(), lag, ok, x, describe(h.l, false))
		}
	}
	check(h.t, h.l)
	return want
}

// TestServer does random histories to a stream and to Redis's, and compares all
// that Redis saves of it, the nodes byte for byte.
func TestServer(t *testing.T) {
	seeds, steps := 40, 300
	if testing.Short() {
		seeds = 6
	}
	if s := os.Getenv("STREAMLOG_SEEDS"); s != "" {
		seeds, _ = strconv.Atoi(s)
	}
	srv := redistest.Start(t)
	c := srv.NewClient(t, 2)
	c.Do("CONFIG", "SET", "rdbcompression", "no")
	for seed := range seeds {
		h := &history{t: t, c: c, r: rand.New(rand.NewPCG(uint64(seed), 7)), l: New(), lim: Limits{4096, 100}}
		h.do("DEL", "s")
		h.do("CONFIG", "SET", "stream-node-max-bytes", "4096", "stream-node-max-entries", "100")
		h.do("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
		h.l.CreateGroup("g", ID{}, Unknown)
		for i := range steps {
			h.step()
			if i%4 == 0 || i > steps-5 {
				h.compare()
			}
			if i%50 == 49 {
				h.l = h.l.Clone() // goes on as well as the original
			}
		}
	}
}
