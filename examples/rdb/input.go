package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/larderdb/larder/internal/process"
	"github.com/larderdb/larder/rdb"
)

// standard is the name of standard input, and of standard output.
const standard = "-"

// A counting reader counts what was read, for the progress bar.
type counting struct {
	io.Reader
	n atomic.Int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// walk calls f with the events of a file, and shows how far it is on standard error if
// that is a terminal. Errors name the file.
func (t *tool) walk(name string, o rdb.DecoderOptions, f func(*rdb.Event) error) error {
	in, total, shown := t.stdin, int64(0), "standard input"
	if name != standard {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			total = info.Size()
		}
		in, shown = file, name
	}
	c := &counting{Reader: in}
	if file, ok := t.stderr.(*os.File); ok {
		bar := process.StartProgress(file, filepath.Base(shown), func() (int64, int64) { return c.n.Load(), total })
		defer bar.Stop()
	}
	err := rdb.NewDecoder(c, o).Decode(f)
	var bad *rdb.Error
	if errors.As(err, &bad) {
		return fmt.Errorf("%s: %w", shown, err)
	}
	return err
}

// create has a file written by f. It is written beside and renamed, so that a failure
// leaves what was there, and a file can take the place of the one it is made of.
func (t *tool) create(name string, f func(w io.Writer) error) (err error) {
	if name == standard {
		return f(t.stdout)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temp.Close() // it may be closed already
			_ = os.Remove(temp.Name())
		}
	}()
	if err := temp.Chmod(0o644); err != nil {
		return err
	}
	if err := f(temp); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), name)
}
