package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/conf"
)

// The command line and the files that it names.

// configure reads the command line and the files that it names. It returns nil
// if all was said already, and ends the process if something is wrong.
func configure() (c *conf.Config, stdin []byte) {
	cl, err := conf.ParseArgs(os.Args[1:])
	switch {
	case err != nil:
		fail(err)
	case cl.Version:
		fmt.Printf("larder server v=%s (Redis %s) %s\n", version, admin.Version, runtime.Version())
		return nil, nil
	case cl.Help:
		fmt.Print(conf.Usage(filepath.Base(os.Args[0])))
		return nil, nil
	}
	if cl.Stdin {
		if stdin, err = io.ReadAll(os.Stdin); err != nil {
			fail(err)
		}
	}
	c = conf.New()
	if err := load(c, cl, stdin); err != nil {
		fail(err)
	}
	return c, stdin
}

func fail(err error) {
	if e, ok := err.(*conf.ParseError); ok {
		fmt.Fprint(os.Stderr, e.Block())
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}

// load reads all that a command line names.
func load(c *conf.Config, cl conf.CommandLine, stdin []byte) error {
	c.Commands, c.CheckUser = bridge.HasCommand, bridge.CheckUser
	return c.LoadCommandLine(cl, bytes.NewReader(stdin))
}

// given is the value of a directive, or "" where nothing was said of it.
func given(c *conf.Config, name string) string {
	if !c.Given(name) {
		return ""
	}
	return c.String(name)
}
