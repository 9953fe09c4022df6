package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"

	"github.com/larderdb/larder/internal/glob"
	"github.com/larderdb/larder/rdb"
)

// A selection says which keys are wanted: those of which everything that was asked for
// holds.
type selection struct {
	keep, drop []string // patterns as KEYS has them
	dbs        []int
	types      []rdb.Type
}

// flags declares the options of a selection.
func (s *selection) flags(fs *flag.FlagSet) {
	list := func(to *[]string) func(string) error {
		return func(v string) error {
			*to = append(*to, v)
			return nil
		}
	}
	fs.Func("keep", "only keys that match this `pattern`, as KEYS has it; again: or this one", list(&s.keep))
	fs.Func("drop", "no keys that match this `pattern`; again: nor this one", list(&s.drop))
	fs.Func("db", "only keys of this database; again: or of this one (`number`)", func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return errors.New("no number of a database")
		}
		s.dbs = append(s.dbs, n)
		return nil
	})
	fs.Func("type", "only keys of this `type`: string, list, set, zset, hash, stream or module; again: or of this one", func(v string) error {
		for t := rdb.String; t <= rdb.Module; t++ {
			if t.String() == v {
				s.types = append(s.types, t)
				return nil
			}
		}
		return fmt.Errorf("there is no type %q", v)
	})
}

// wants reports whether the key of an event is selected.
func (s *selection) wants(ev *rdb.Event) bool {
	name := string(ev.Key.Name)
	match := func(pattern string) bool { return glob.Match(pattern, name) }
	return some(s.keep, match) && (len(s.drop) == 0 || !some(s.drop, match)) &&
		some(s.dbs, func(db int) bool { return db == ev.DB }) &&
		some(s.types, func(t rdb.Type) bool { return t == ev.Key.Type })
}

// some reports whether one of them is right; if there are none, all are.
func some[T any](all []T, right func(T) bool) bool {
	for _, v := range all {
		if right(v) {
			return true
		}
	}
	return len(all) == 0
}

// only passes on the events of the keys that are wanted, and those outside of keys.
func (s *selection) only(f func(*rdb.Event) error) func(*rdb.Event) error {
	wanted := true
	return func(ev *rdb.Event) error {
		if ev.Kind == rdb.KindKey {
			wanted = s.wants(ev)
		}
		if ev.Key != nil && !wanted {
			return nil
		}
		return f(ev)
	}
}
