package rdb

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
)

// How a file comes to its place: it is written beside, made durable, and renamed; so
// that there is always a whole one, the old or the new.

// A disk is what a Saver needs of the file system. Tests have others, that fail.
type disk struct {
	create func(path string) (diskFile, error)
	rename func(from, to string) error
	sync   func(dir string) error
}

type diskFile interface {
	io.WriteSeeker
	Truncate(size int64) error
	Sync() error
	Close() error
}

var realDisk = disk{
	create: func(path string) (diskFile, error) {
		return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	},
	rename: os.Rename,
	sync:   syncDir,
}

// syncDir makes the names in a directory durable, where the system can.
func syncDir(dir string) error {
	switch runtime.GOOS {
	case "windows", "plan9", "js", "wasip1":
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

var lastTemp atomic.Int64

// write has a file at path written by f. If anything fails the file that was there is
// as it was, and nothing of the new one is left.
func (d disk) write(path string, f func(diskFile) error) (err error) {
	dir := filepath.Dir(path)
	temp := filepath.Join(dir, fmt.Sprintf("temp-%d-%d.rdb", os.Getpid(), lastTemp.Add(1)))
	file, err := d.create(temp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close() // it may be closed already
			_ = os.Remove(temp)
		}
	}()
	if err = f(file); err != nil {
		return err
	}
	if err = file.Sync(); err != nil {
		return err
	}
	if err = file.Close(); err != nil {
		return err
	}
	if err = d.rename(temp, path); err != nil {
		return err
	}
	return d.sync(dir)
}

// syncEvery is after how many bytes a file is made durable while it is written, so
// that not all of it is left to the end.
const syncEvery = 4 << 20

// A syncing is a writer to a file that makes it durable by and by.
type syncing struct {
	diskFile
	left int
}

func (s *syncing) Write(b []byte) (int, error) {
	n, err := s.diskFile.Write(b)
	if s.left -= n; err == nil && s.left <= 0 {
		s.left = syncEvery
		err = s.Sync()
	}
	return n, err
}
