package quicklist

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/larderdb/larder/internal/lzf"
	"github.com/larderdb/larder/internal/redistest"
)

// dump reads what DUMP returned of a list, type 18: nodes, each a kind and a string.
type dump struct{ s string }

func (d *dump) num() int {
	b := d.s[0]
	switch {
	case b < 0x40:
		d.s = d.s[1:]
		return int(b)
	case b < 0x80:
		n := int(b&0x3F)<<8 | int(d.s[1])
		d.s = d.s[2:]
		return n
	}
	n := int(binary.BigEndian.Uint32([]byte(d.s[1:5])))
	d.s = d.s[5:]
	return n
}

func (d *dump) raw(n int) string {
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

// str reads a string: plain, packed by LZF, or as an integer.
func (d *dump) str() string {
	switch b := d.s[0]; {
	case b == 0xC3:
		d.s = d.s[1:]
		n := d.num()
		out := make([]byte, d.num())
		if !lzf.Decode(out, []byte(d.raw(n))) {
			panic("a packed string is none")
		}
		return string(out)
	case b >= 0xC0:
		d.s = d.s[1:]
		n, v := 1<<(b&0x3F), int64(0)
		for i, c := range []byte(d.raw(n)) {
			v |= int64(c) << (8 * i)
		}
		shift := 64 - 8*n
		return strconv.FormatInt(v<<shift>>shift, 10)
	}
	return d.raw(d.num())
}

// TestServerNodes makes random changes to a list of a redis-server as well, and
// compares the nodes, byte for byte. Which of them are packed is not compared: Redis
// forgets to pack some.
func TestServerNodes(t *testing.T) {
	s := redistest.Start(t)
	c := s.NewClient(t, 2)
	do := func(words ...any) redistest.Value {
		ws := make([]string, len(words))
		for i, w := range words {
			ws[i] = fmt.Sprint(w)
		}
		v := c.Do(ws...)
		if v.Kind == redistest.Error {
			t.Fatalf("%.100q: %s", ws, v)
		}
		return v
	}
	do("CONFIG", "SET", "rdbcompression", "no")
	for i, set := range settings {
		t.Run(fmt.Sprintf("%+v", set), func(t *testing.T) {
			do("CONFIG", "SET", "list-max-listpack-size", max(min(set.fill, 1<<30), -1<<30), "list-compress-depth", min(set.depth, 1<<30))
			if set.large == 0 {
				do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "1b")
				set.large = 1
			} else {
				do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", fmt.Sprint(set.large, "b"))
			}
			r := rand.New(rand.NewPCG(uint64(i), 11))
			for range 2 {
				do("DEL", "l")
				h := history{t: t, r: r, do: do, w: newWorld(t, set.fill, set.depth, set.large)}
				for range 300 {
					h.step()
				}
			}
		})
	}
}

type history struct {
	t  *testing.T
	r  *rand.Rand
	do func(...any) redistest.Value
	w  *world
}

func (h *history) step() {
	r, w := h.r, h.w
	s, n := stringOf(r.IntN(1<<16), r.IntN(1000)), len(w.want)
	var what string
	switch op := r.IntN(24); {
	case op < 4 || n == 0 || n < 200 && op < 8:
		what = "LPUSH"
		if op&1 != 0 {
			what = "RPUSH"
		}
		h.do(what, "l", s)
		w.push(op&1 == 0, s)
	case op < 13:
		i := slices.Index(w.want, w.want[r.IntN(n)])
		what = fmt.Sprint("LINSERT at ", i, " of ", n)
		where := "BEFORE"
		if op&1 != 0 {
			where = "AFTER"
		}
		h.do("LINSERT", "l", where, w.want[i], s)
		w.insert(i, op&1 != 0, s)
	case op < 17:
		i := r.IntN(n)
		what = fmt.Sprint("LSET at ", i, " of ", n)
		h.do("LSET", "l", i, s)
		w.set(i, s)
	case op < 19:
		what = fmt.Sprint("pop ", op)
		h.do([]any{"LPOP", "RPOP"}[op-17], "l")
		w.pop(op == 17)
	case op < 20:
		from, k := r.IntN(3), r.IntN(3)
		if from+k >= n {
			return
		}
		what = fmt.Sprint("LTRIM ", from, " ", k, " of ", n)
		h.do("LTRIM", "l", from, n-k-1)
		w.delete(n-k, k)
		w.delete(0, from)
	case op < 22:
		x, most := w.want[r.IntN(n)], 1+r.IntN(3)
		what = fmt.Sprint("LREM ", most, " of ", x)
		if op == 20 {
			h.do("LREM", "l", most, x)
		} else {
			h.do("LREM", "l", -most, x)
		}
		w.remove(x, most, op == 21)
	case op < 23 && r.IntN(5) == 0:
		k := r.IntN(n)
		what = fmt.Sprint("LPOP ", k)
		h.do("LPOP", "l", k)
		w.delete(0, k)
	default:
		return
	}
	h.compare(what)
}

func (h *history) compare(what string) {
	h.t.Helper()
	v := h.do("DUMP", "l")
	if v.Kind == redistest.Null {
		if h.w.l.Len() != 0 {
			h.t.Fatalf("%s: the server's list is gone, ours has %d elements", what, h.w.l.Len())
		}
		return
	}
	d := dump{v.Str}
	if typ := d.raw(1); typ != "\x12" {
		h.t.Fatalf("type %x", typ)
	}
	nodes := d.num()
	var server, ours []string
	for range nodes {
		kind := d.num()
		b := d.str()
		server = append(server, fmt.Sprintf("%d %x", kind, b))
	}
	for n := range h.w.l.Nodes() {
		kind := 2
		if n.Plain() {
			kind = 1
		}
		ours = append(ours, fmt.Sprintf("%d %x", kind, n.Append(nil)))
	}
	for i := range max(len(server), len(ours)) {
		if i >= len(server) || i >= len(ours) || server[i] != ours[i] {
			a, b := "none", "none"
			if i < len(server) {
				a = server[i]
			}
			if i < len(ours) {
				b = ours[i]
			}
			h.t.Fatalf("%s: node %d of %d (ours: %d)\nserver %.300s\n  ours %.300s", what, i, len(server), len(ours), a, b)
		}
	}
}
