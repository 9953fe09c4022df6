package larder

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"iter"
	"time"
)

// A Codec turns values of T into bytes and back.
type Codec[T any] interface {
	Encode(v T) ([]byte, error)
	Decode(b []byte) (T, error)
}

// JSON is a Codec by encoding/json.
type JSON[T any] struct{}

// Encode returns v as JSON.
func (JSON[T]) Encode(v T) ([]byte, error) { return json.Marshal(v) }

// Decode reads JSON.
func (JSON[T]) Decode(b []byte) (v T, err error) { return v, json.Unmarshal(b, &v) }

// Gob is a Codec by encoding/gob. Each value carries its type's description:
// JSON is often smaller.
type Gob[T any] struct{}

// Encode returns v as a gob stream.
func (Gob[T]) Encode(v T) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

// Decode reads a gob stream.
func (Gob[T]) Decode(b []byte) (v T, err error) {
	return v, gob.NewDecoder(bytes.NewReader(b)).Decode(&v)
}

// A TypedDB is a database of values of T, kept as strings.
type TypedDB[T any] struct {
	db    *DB
	codec Codec[T]
}

// Typed returns db as a database of values of T.
func Typed[T any](db *DB, codec Codec[T]) TypedDB[T] { return TypedDB[T]{db, codec} }

// Get returns the value at key, or ErrNil.
func (d TypedDB[T]) Get(key string) (v T, err error) { return d.get(d.db.Commands, key) }

func (d TypedDB[T]) get(c Commands, key string) (v T, err error) {
	b, err := c.GetBytes(key)
	if err != nil {
		return v, err
	}
	return d.codec.Decode(b)
}

// Set sets key to v for ttl; 0 means for ever.
func (d TypedDB[T]) Set(key string, v T, ttl time.Duration) error {
	b, err := d.codec.Encode(v)
	if err != nil {
		return err
	}
	return d.db.SetArgs(SetArgs{Key: key, Value: bytesAsString(b), TTL: ttl})
}

// Update changes the value at key in one transaction: fn gets the value, or the
// zero T and false where there is none, and returns the new one. An error from
// fn changes nothing and is returned. The key's time of expiry stays.
func (d TypedDB[T]) Update(key string, fn func(v T, ok bool) (T, error)) error {
	return d.db.Update(func(tx *Tx) error {
		v, err := d.get(tx.Commands, key)
		if err != nil && err != ErrNil {
			return err
		}
		if v, err = fn(v, err == nil); err != nil {
			return err
		}
		b, err := d.codec.Encode(v)
		if err != nil {
			return err
		}
		return tx.SetArgs(SetArgs{Key: key, Value: bytesAsString(b), KeepTTL: true})
	}, key)
}

// All yields the keys that match a glob pattern with their values, as they were
// at one instant. What cannot be decoded is yielded with its error and the zero
// T.
func (d TypedDB[T]) All(pattern string) iter.Seq2[string, TypedValue[T]] {
	return func(yield func(string, TypedValue[T]) bool) {
		snap := d.db.Snapshot()
		defer snap.Close()
		for e := range snap.All() {
			if e.Type != "string" || !matches(pattern, e.Key) {
				continue
			}
			v, err := d.codec.Decode([]byte(e.Value))
			if !yield(e.Key, TypedValue[T]{v, err}) {
				return
			}
		}
	}
}

// A TypedValue is a value of TypedDB.All, or the error of decoding it.
type TypedValue[T any] struct {
	Value T
	Err   error
}
