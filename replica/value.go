package replica

import (
	"slices"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// A Value is what a key held before or after a change, of any type. It is pinned, not
// copied: a big collection shares its memory with the store's, and a method reads what
// it is asked for. It never changes, may be kept, and may be read by any goroutine. The
// zero Value is that of a key that is not there.
type Value struct {
	v        engine.Value
	expireAt int64
	now      int64 // by which fields that expire are judged
}

func valueOf(k engine.Kept, now int64) Value { return Value{k.Value, k.ExpireAt, now} }

// Exists reports whether there is a value.
func (v Value) Exists() bool { return v.v.Form != engine.NoForm }

// Type is the type as TYPE answers it, "none" where there is no value.
func (v Value) Type() string { return v.v.Type().String() }

// ExpireAt is when the key expires; the zero time is never.
func (v Value) ExpireAt() time.Time {
	if v.expireAt == 0 {
		return time.Time{}
	}
	return time.UnixMilli(v.expireAt)
}

// String is the value of a string; it is empty for other types.
func (v Value) String() string {
	if v.v.Type() != engine.TypeString {
		return ""
	}
	return v.v.Str().Keep().Flat
}

// Len is the length of a string in bytes, or the number of elements, members, fields or
// entries.
func (v Value) Len() int {
	switch v.v.Type() {
	case engine.TypeString:
		return v.v.Str().Len()
	case engine.TypeList:
		l, _ := v.v.List()
		return int(l.Len())
	case engine.TypeSet:
		m, _ := v.v.Members()
		return m.Len()
	case engine.TypeZSet:
		items, _ := v.v.ZItems()
		return items.Len()
	case engine.TypeHash:
		return len(v.Hash())
	case engine.TypeStream:
		return int(v.v.Obj.(*engine.Stream).Len())
	}
	return 0
}

// List is the elements of a list, nil for other types.
func (v Value) List() (all []string) {
	l, _ := v.v.List()
	if v.v.Type() != engine.TypeList {
		return nil
	}
	for _, el := range l.Range(0) {
		all = append(all, string(el.Append(nil)))
	}
	return all
}

// Set is the members of a set, sorted, nil for other types.
func (v Value) Set() (all []string) {
	m, ok := v.v.Members()
	if !ok {
		return nil
	}
	for el := range m.All() {
		all = append(all, string(el.Append(nil)))
	}
	slices.Sort(all)
	return all
}

// ZSet is the members of a sorted set in order, nil for other types.
func (v Value) ZSet() (all []larder.Z) {
	items, ok := v.v.ZItems()
	if !ok {
		return nil
	}
	for it := range items.All() {
		all = append(all, larder.Z{Member: string(it.Member.Append(nil)), Score: it.Score})
	}
	return all
}

// Hash is the fields of a hash with their values, nil for other types.
func (v Value) Hash() map[string]string {
	fields, ok := v.v.Fields(v.now)
	if !ok {
		return nil
	}
	all := map[string]string{}
	for f, e := range fields.All() {
		all[f.Keep()] = e.Keep()
	}
	return all
}

// Stream is the entries of a stream, nil for other types.
func (v Value) Stream() (all []larder.XMessage) {
	s, ok := v.v.Obj.(*engine.Stream)
	if !ok {
		return nil
	}
	for en := range s.Range(streamlog.ID{}, streamlog.MaxID) {
		m := larder.XMessage{ID: larder.StreamID(en.ID)}
		for name, value := range en.Fields() {
			m.Fields = append(m.Fields, string(name.Append(nil)), string(value.Append(nil)))
		}
		all = append(all, m)
	}
	return all
}
