package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/larderdb/larder/rdb"
)

var filterCommand = command{
	name: "filter", args: "IN", files: 1, does: "Copies the keys that are wanted to another file",
	setup: func(fs *flag.FlagSet) func(*tool, []string) (int, error) {
		var f filter
		f.selection.flags(fs)
		fs.StringVar(&f.out, "out", "", "the `file` to write; - is standard output")
		fs.IntVar(&f.version, "version", 0, "the `version` of the format to write, 10 to 12; 10 is what Redis 7.0 reads, 12 holds fields that expire (default: that of IN if it is one of these, else 10)")
		fs.BoolVar(&f.plain, "plain", false, "compress nothing")
		fs.BoolVar(&f.skipModules, "skip-modules", false, "leave out the data of modules, which cannot be copied")
		return f.run
	},
}

// A filter copies a part of a file.
type filter struct {
	selection
	out         string
	version     int
	plain       bool
	skipModules bool
}

func (f *filter) run(t *tool, files []string) (int, error) {
	if f.out == "" {
		return statusTrouble, errors.New("filter: --out says where to write")
	}
	var n int64
	err := t.create(f.out, func(w io.Writer) error {
		c := copier{w: w, version: f.version, plain: f.plain}
		o := rdb.DecoderOptions{}
		if f.skipModules {
			o.Modules = rdb.SkipModules
		}
		if err := t.walk(files[0], o, f.only(c.write)); err != nil {
			return err
		}
		n = c.keys
		return c.close()
	})
	if err == nil && f.out != standard {
		fmt.Fprintf(t.stdout, "%d keys kept\n", n)
	}
	return statusOK, err
}

// A copier writes a file of some of the events of another. What that said of how many
// keys its databases have is left out, since it is wrong now, and so is a database
// without a key.
type copier struct {
	w       io.Writer
	version int // 0: as in
	plain   bool
	enc     *rdb.Encoder
	db      int // that is selected; -1: none
	keys    int64
}

func (c *copier) write(ev *rdb.Event) error {
	switch ev.Kind {
	case rdb.KindHeader:
		return c.begin(ev)
	case rdb.KindDB, rdb.KindSize:
		return nil
	case rdb.KindKey:
		if ev.DB != c.db {
			c.db = ev.DB
			if err := c.enc.Write(&rdb.Event{Kind: rdb.KindDB, DB: ev.DB}); err != nil {
				return err
			}
		}
		c.keys++
	}
	err := c.enc.Write(ev)
	switch {
	case errors.Is(err, rdb.ErrVersion):
		return fmt.Errorf("%w (--version 12 can)", err)
	case errors.Is(err, rdb.ErrModule):
		return fmt.Errorf("%w (--skip-modules leaves it out)", err)
	}
	return err
}

func (c *copier) begin(header *rdb.Event) (err error) {
	if c.version == 0 && header.Version > rdb.DefaultVersion && header.Version <= rdb.MaxVersion {
		c.version = header.Version
	}
	c.db = -1
	c.enc, err = rdb.NewEncoder(c.w, rdb.EncoderOptions{Version: c.version, Plain: c.plain})
	return err
}

func (c *copier) close() error { return c.enc.Close() }
