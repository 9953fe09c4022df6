package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"math"
	"strings"

	"github.com/larderdb/larder/rdb"
)

var diffCommand = command{
	name: "diff", args: "A B", files: 2, does: "Tells which keys are only in one of two files, and which differ",
	setup: func(fs *flag.FlagSet) func(*tool, []string) (int, error) {
		var d differ
		d.selection.flags(fs)
		fs.BoolVar(&d.quiet, "quiet", false, "print nothing but how many there are")
		return d.run
	},
}

// A differ compares two files key by key. It reads A and keeps a digest of each key, 48
// bytes and what a map needs besides, whatever the values; reads B and compares; and, if
// keys of A were not met, reads A again for their names. Encodings, the order of members
// and fields, and how often keys were used do not count, nor does when consumers of a
// stream were last seen. Of a module's value only the module's name is compared.
type differ struct {
	selection
	quiet bool

	digester
	there                 map[hash]digest // of A; met is set when B has it
	onlyA, onlyB, changed int64
}

// A digest is what is kept of a key.
type digest struct {
	value    hash
	expireAt int64
	typ      rdb.Type
	met      bool
}

func (d *differ) run(t *tool, files []string) (int, error) {
	a, b := files[0], files[1]
	if a == standard {
		return statusTrouble, errors.New("diff reads its first file twice: only the second may be standard input")
	}
	d.there = map[hash]digest{}
	d.digester = newDigester()
	o := rdb.DecoderOptions{Elements: true}
	err := t.walk(a, o, d.only(func(ev *rdb.Event) error {
		if !d.event(ev) {
			return nil
		}
		if _, ok := d.there[d.key]; ok {
			return errTwice(ev)
		}
		d.there[d.key] = d.digest(ev)
		return nil
	}))
	if err == nil {
		err = t.walk(b, o, d.only(d.compare(t)))
	}
	if err == nil && d.missing() {
		err = t.walk(a, rdb.DecoderOptions{}, d.only(d.name(t)))
	}
	if err != nil {
		return statusTrouble, err
	}
	fmt.Fprintf(t.stdout, "%d only in A, %d only in B, %d different, %d the same\n",
		d.onlyA, d.onlyB, d.changed, int64(len(d.there))-d.onlyA-d.changed)
	if d.onlyA+d.onlyB+d.changed > 0 {
		return statusFound, nil
	}
	return statusOK, nil
}

// compare takes the events of B.
func (d *differ) compare(t *tool) func(*rdb.Event) error {
	return func(ev *rdb.Event) error {
		if !d.event(ev) {
			return nil
		}
		now := d.digest(ev)
		was, ok := d.there[d.key]
		switch {
		case !ok:
			d.onlyB++
			d.say(t, "+", ev, now.typ.String())
		case was.met:
			return errTwice(ev)
		default:
			was.met = true
			d.there[d.key] = was
			if what := was.difference(now); what != "" {
				d.changed++
				d.say(t, "~", ev, what)
			}
		}
		return nil
	}
}

// errTwice is about a key that a file has twice, which no server writes.
func errTwice(ev *rdb.Event) error {
	return fmt.Errorf("key %s of database %d is there twice", shown(ev.Key.Name), ev.DB)
}

// difference says what has changed between two digests of a key.
func (g digest) difference(now digest) string {
	var what []string
	if g.typ != now.typ {
		what = append(what, fmt.Sprintf("type %s, then %s", g.typ, now.typ))
	} else if g.value != now.value {
		what = append(what, "value of the "+g.typ.String())
	}
	if g.expireAt != now.expireAt {
		what = append(what, fmt.Sprintf("expires %s, then %s", timeText(g.expireAt), timeText(now.expireAt)))
	}
	return strings.Join(what, "; ")
}

// missing reports whether B has not all keys of A.
func (d *differ) missing() bool {
	for _, g := range d.there {
		if !g.met {
			return true
		}
	}
	return false
}

// name tells the keys of A that B does not have.
func (d *differ) name(t *tool) func(*rdb.Event) error {
	return func(ev *rdb.Event) error {
		if ev.Kind != rdb.KindKey {
			return nil
		}
		g, ok := d.there[d.digester.hash(byte(0), ev.DB, ev.Key.Name)]
		if !ok {
			return errors.New("the first file has changed since it was read")
		}
		if !g.met {
			d.onlyA++
			d.say(t, "-", ev, g.typ.String())
		}
		return nil
	}
}

func (d *differ) say(t *tool, sign string, ev *rdb.Event, what string) {
	if !d.quiet {
		fmt.Fprintf(t.stdout, "%s %d %s: %s\n", sign, ev.DB, shown(ev.Key.Name), what)
	}
}

// A digester makes a hash of a value of its events. Parts of what has no order are
// hashed by themselves and summed; those of a sequence are hashed with their place in
// it.
type digester struct {
	seeds [2]maphash.Seed
	key   hash
	sum   hash
	place int
	group []byte // the name of the group, or of the group and its consumer
	buf   []byte
}

func newDigester() digester {
	return digester{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// hash is that of a kind of thing, its place, and its parts, each with its length: no
// two lists of parts run together to the same bytes.
func (d *digester) hash(kind byte, place int, parts ...[]byte) (h hash) {
	d.buf = binary.AppendUvarint(append(d.buf[:0], kind), uint64(place))
	for _, p := range parts {
		d.buf = append(binary.AppendUvarint(d.buf, uint64(len(p))), p...)
	}
	for i, seed := range d.seeds {
		h[i] = maphash.Bytes(seed, d.buf)
	}
	if cap(d.buf) > 1<<20 {
		d.buf = nil
	}
	return h
}

func (d *digester) add(kind byte, place int, parts ...[]byte) {
	h := d.hash(kind, place, parts...)
	d.sum[0] += h[0]
	d.sum[1] += h[1]
}

// event takes an event, and reports whether the key has ended.
func (d *digester) event(ev *rdb.Event) (end bool) {
	var room [40]byte
	number := func(n ...int64) []byte {
		b := room[:0]
		for _, v := range n {
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
		return b
	}
	id := func() []byte { return number(int64(ev.ID.Ms), int64(ev.ID.Seq)) }
	kind := byte(ev.Kind)
	switch ev.Kind {
	case rdb.KindKey:
		d.key = d.hash(0, ev.DB, ev.Key.Name)
		d.sum, d.place, d.group = hash{}, 0, d.group[:0]
	case rdb.KindString:
		d.add(kind, 0, ev.Value)
	case rdb.KindElement:
		if ev.Key.Type == rdb.List {
			d.place++
		}
		d.add(kind, d.place, ev.Value)
	case rdb.KindMember:
		d.add(kind, 0, ev.Value, number(int64(math.Float64bits(ev.Score+0)))) // -0 is 0
	case rdb.KindField:
		d.add(kind, 0, ev.Field, ev.Value, number(ev.ExpireAt))
	case rdb.KindEntry:
		d.add(kind, 0, append([][]byte{id()}, ev.Fields...)...)
	case rdb.KindStream:
		m := ev.Stream
		d.add(kind, 0, number(int64(m.LastID.Ms), int64(m.LastID.Seq),
			int64(m.MaxDeletedID.Ms), int64(m.MaxDeletedID.Seq), m.EntriesAdded))
	case rdb.KindGroup:
		d.group = append(d.group[:0], ev.Name...)
		d.add(kind, 0, ev.Name, number(int64(ev.ID.Ms), int64(ev.ID.Seq), ev.Read))
	case rdb.KindPending:
		d.add(kind, 0, d.group, number(int64(ev.ID.Ms), int64(ev.ID.Seq), ev.Time, ev.Count))
	case rdb.KindConsumers:
		d.group = binary.AppendUvarint(d.group, uint64(len(d.group))) // where the consumer's name begins
		d.place = len(d.group)
	case rdb.KindConsumer:
		d.group = append(d.group[:d.place], ev.Name...)
		d.add(kind, 0, d.group)
	case rdb.KindOwn:
		d.add(kind, 0, d.group, id())
	case rdb.KindModule:
		d.add(kind, 0, ev.Name)
	case rdb.KindEnd:
		return true
	}
	return false
}

// digest is what is kept of the key that has ended.
func (d *digester) digest(ev *rdb.Event) digest {
	return digest{value: d.sum, expireAt: ev.Key.ExpireAt, typ: ev.Key.Type}
}
