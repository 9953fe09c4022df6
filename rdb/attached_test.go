package rdb

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/larderdb/larder"
)

// attachedDB returns a store with a Saver in a directory of the test's.
func attachedDB(t *testing.T, config ...string) (*larder.DB, *Saver) {
	t.Helper()
	db := newDB(t, append([]string{"save", "", "enable-debug-command", "yes"}, config...)...)
	s, err := Attach(db, Options{Path: filepath.Join(t.TempDir(), "dump.rdb")})
	if err != nil {
		t.Fatal(err)
	}
	return db, s
}

// Two stores of a process are not kept in one file, by whatever name.
func TestPathTaken(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skipf("SKIPPED: this system makes no links: %v", err)
	}
	path := filepath.Join(dir, "dump.rdb")
	one := newDB(t, "save", "")
	if _, err := Attach(one, Options{Path: path}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, filepath.Join(dir, ".", "dump.rdb"), filepath.Join(link, "dump.rdb")} {
		if _, err := Attach(newDB(t, "save", ""), Options{Path: name}); !errors.Is(err, ErrPathTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Attach(newDB(t, "save", ""), Options{Path: filepath.Join(dir, "other.rdb")}); err != nil {
		t.Errorf("another name: %v", err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(newDB(t, "save", ""), Options{Path: path}); err != nil {
		t.Errorf("after Close: %v", err)
	}
}
