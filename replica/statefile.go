package replica

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// A toldState is what a StateFile keeps: up to where OnChange was told of the stream.
// It is one object of JSON.
type toldState struct {
	ReplID string `json:"replication_id"`
	Offset int64  `json:"offset"` // of the first byte whose changes were not told yet
	Filter string `json:"filter"` // the part of the data that was followed
}

// maxState is the longest StateFile that is read, in bytes.
const maxState = 64 << 10

// readState returns what a StateFile keeps; the zero value where there is no file.
func readState(path string) (s toldState, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return s, err
	}
	if len(b) > maxState {
		return s, fmt.Errorf("%s is no StateFile: it is too long", path)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return toldState{}, fmt.Errorf("%s is no StateFile: %w", path, err)
	}
	if !isReplID(s.ReplID) || s.Offset < 0 {
		return toldState{}, fmt.Errorf("%s is no StateFile: it has no place in a stream", path)
	}
	return s, nil
}

// writeState makes s what the file keeps: a new file takes the place of the old one
// once it is durable, so that one of the two is there at any time.
func writeState(path string, s toldState) (err error) {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	return syncDir(filepath.Dir(path))
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
