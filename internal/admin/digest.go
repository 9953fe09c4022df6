package admin

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// A Digest is what DEBUG DIGEST answers: the same for the same data, whatever
// the order in which it came. It is Redis's own, digit for digit:
//
//	all      exclusive or of each database's number and of each key's digest
//	key      its name mixed in, then its value's type and contents; an expiry,
//	         whenever it is, leaves a mark
//	mix      exclusive or with the SHA-1 of the new bytes, then the SHA-1 of that:
//	         the order counts
type Digest [sha1.Size]byte

func (d *Digest) String() string { return hex.EncodeToString(d[:]) }

// add adds bytes without regard to order.
func (d *Digest) add(b []byte) {
	sum := sha1.Sum(b)
	for i := range d {
		d[i] ^= sum[i]
	}
}

// mix adds bytes whose order counts.
func (d *Digest) mix(b []byte) {
	d.add(b)
	*d = sha1.Sum(d[:])
}

func (d *Digest) mixInt(n uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	d.mix(b[:])
}

// A digestType says how the values of a type are mixed in: the code by which
// Redis knows the type, and the contents.
type digestType struct {
	code  uint32
	mix   func(*Digest, engine.Value)
	mixAt func(d *Digest, v engine.Value, now int64) // instead of mix, of a type of which parts expire
}

// digestTypes has an entry for each type that can be digested.
var digestTypes = map[engine.Type]digestType{
	engine.TypeString: {code: 0, mix: func(d *Digest, v engine.Value) {
		d.mix([]byte(v.Str().String()))
	}},
	engine.TypeList: {code: 1, mix: func(d *Digest, v engine.Value) {
		var b []byte
		l, _ := v.List()
		for _, el := range l.Range(0) {
			b = el.Append(b[:0])
			d.mix(b)
		}
	}},
	engine.TypeSet: {code: 2, mix: func(d *Digest, v engine.Value) {
		members, _ := v.Members()
		var b []byte
		for m := range members.All() {
			b = m.Append(b[:0])
			d.add(b)
		}
	}},
	engine.TypeHash: {code: 4, mixAt: func(d *Digest, v engine.Value, now int64) {
		fields, _ := v.Fields(now)
		var b []byte
		for f, e := range fields.Entries() {
			var pair Digest
			b = f.Append(b[:0])
			pair.mix(b)
			b = e.Value.Append(b[:0])
			pair.mix(b)
			if e.ExpireAt != 0 {
				pair.add([]byte("!!hexpire!!"))
			}
			d.add(pair[:])
		}
	}},
	engine.TypeZSet: {code: 3, mix: func(d *Digest, v engine.Value) {
		items, _ := v.ZItems()
		var b []byte
		for it := range items.All() {
			var pair Digest
			b = it.Member.Append(b[:0])
			pair.mix(b)
			b = orderedset.AppendScore(b[:0], it.Score)
			pair.mix(b)
			d.add(pair[:])
		}
	}},
	engine.TypeStream: {code: 6, mix: func(d *Digest, v engine.Value) {
		var b []byte
		for en := range v.Obj.(*engine.Stream).Range(streamlog.ID{}, streamlog.MaxID) {
			d.mix(fmt.Appendf(nil, "%d.%d", en.ID.Ms, en.ID.Seq))
			for name, value := range en.Fields() {
				b = name.Append(b[:0])
				d.mix(b)
				b = value.Append(b[:0])
				d.mix(b)
			}
		}
	}},
}

// value mixes in a value, and that it expires.
func (d *Digest) value(it engine.Item, now int64) error {
	t, ok := digestTypes[it.Value.Type()]
	if !ok {
		return fmt.Errorf("there is no digest for the type %s yet", it.Value.Type())
	}
	d.mixInt(t.code)
	if t.mixAt != nil {
		t.mixAt(d, it.Value, now)
	} else {
		t.mix(d, it.Value)
	}
	if it.ExpireAt != 0 {
		d.add([]byte("!!expire!!"))
	}
	return nil
}

// opDigest is DEBUG DIGEST.
var opDigest = &engine.Op[struct{}, Digest]{
	Spec: engine.Spec{Name: "DEBUG DIGEST", Flags: engine.ReadOnly | engine.OnSnapshot},
	Keys: func(k *engine.KeySet, _ struct{}) { k.All() },
	Run: func(t *engine.Txn, _ struct{}) (all Digest, err error) {
		for db := range t.Engine().Databases() {
			empty := true
			for key, it := range t.All(db) {
				if empty {
					all.mixInt(uint32(db))
					empty = false
				}
				var d Digest
				d.mix([]byte(key))
				if err := d.value(it, t.Now()); err != nil {
					return all, err
				}
				all.add(d[:])
			}
		}
		return all, nil
	},
}

// opDigestValues is DEBUG DIGEST-VALUE: zeros for a key that does not exist. As in
// Redis it sees a key that has expired and was not deleted yet.
var opDigestValues = &engine.Op[[]string, []Digest]{
	Spec: engine.Spec{Name: "DEBUG DIGEST-VALUE", Flags: engine.ReadOnly},
	Keys: (*engine.KeySet).ReadAll,
	Run: func(t *engine.Txn, keys []string) ([]Digest, error) {
		ds := make([]Digest, len(keys))
		for i, key := range keys {
			it, size := t.Raw(key)
			if size == 0 {
				continue
			}
			if err := ds[i].value(it, t.Now()); err != nil {
				return nil, err
			}
		}
		return ds, nil
	},
}

// SameValue reports whether two values, with their times of expiry, are the same to who
// reads them. What the groups of a stream know is not looked at.
func SameValue(a, b engine.Item, now int64) bool {
	if a.ExpireAt != b.ExpireAt || a.Value.Type() != b.Value.Type() {
		return false
	}
	if a.Value.Obj == nil && b.Value.Obj == nil && a.Value.Form == b.Value.Form && a.Value.Flat == b.Value.Flat {
		return true
	}
	var x, y Digest
	return x.value(a, now) == nil && y.value(b, now) == nil && x == y
}
