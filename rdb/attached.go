package rdb

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Two stores that save to one path would overwrite each other's file, and tell nobody:
// within a process that is found when the second is attached.

// savers are those of this process that are attached.
var savers saverSet

type saverSet struct {
	mu  sync.Mutex // guards following; Saver.Path is called under it
	all map[*Saver]struct{}
}

// add adds a Saver, unless there is one with its path now.
func (t *saverSet) add(s *Saver) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	path := s.Path()
	for other := range t.all {
		if samePath(other.Path(), path) {
			return fmt.Errorf("rdb: %s: %w", path, ErrPathTaken)
		}
	}
	if t.all == nil {
		t.all = map[*Saver]struct{}{}
	}
	t.all[s] = struct{}{}
	return nil
}

func (t *saverSet) remove(s *Saver) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, s)
}

// samePath reports whether two paths are of one file: the files need not exist, and a
// directory may have several names.
func samePath(a, b string) bool {
	if filepath.Base(a) != filepath.Base(b) {
		return false
	}
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, err := os.Stat(filepath.Dir(a))
	if err != nil {
		return false
	}
	y, err := os.Stat(filepath.Dir(b))
	return err == nil && os.SameFile(x, y)
}
