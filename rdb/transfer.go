package rdb

import (
	"io"

	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/engine"
)

// The data set of a full synchronization, as a primary sends it: a file that is never
// on a disk.

// A transfer is a job that may be written more than once, with the same length: who
// wants to know that in advance has it counted.
type transfer struct {
	job
	version int
}

// WriteTo writes the file.
func (t *transfer) WriteTo(w io.Writer) (int64, error) {
	c := &countingWriter{w: w}
	err := t.encode(c, t.version)
	return c.n, err
}

// Version is that of the file.
func (t *transfer) Version() int { return t.version }

// A countingWriter counts.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func init() {
	bridge.NewTransfer = func(sn *engine.Snapshot, o bridge.TransferArgs) bridge.Transfer {
		t := &transfer{version: DefaultVersion}
		t.sn, t.stream, t.fixed, t.stop = sn, o.Stream, fixedNow(sn.Engine()), o.Stop
		t.noData, t.noFunctions = o.NoData, o.NoFunctions
		if !o.NoData {
			t.version = versionNeeded(sn)
		}
		return t
	}
}
