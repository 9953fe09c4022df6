// Command rdb looks into RDB files, in which Redis, Valkey and larder keep their data,
// and makes new ones of them. It stands on package rdb, and reads every version that
// this one reads.
//
//	rdb inspect dump.rdb                what takes the memory, by type and prefix
//	rdb json dump.rdb                   all of it, an object a line
//	rdb diff a.rdb b.rdb                what differs
//	rdb filter --keep 'user:*' --out c.rdb dump.rdb
//	rdb to-resp dump.rdb | redis-cli --pipe
//	rdb repair broken.rdb whole.rdb     all keys before the damage
//
// A file called - is standard input. It ends with 0, with 1 if diff has found a
// difference or repair has lost something, and with 2 if it could not do its work.
//
// A subcommand is one file, named for it; main.go says which there are, input.go how
// files are read and written, selection.go which keys are wanted.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// The exit statuses.
const (
	statusOK      = 0
	statusFound   = 1 // a difference, or damage
	statusTrouble = 2
)

// A command is a subcommand. setup declares its flags and returns what runs it, which
// gets the arguments that are no flags.
type command struct {
	name, args, does string
	files            int // that it takes
	setup            func(fs *flag.FlagSet) func(t *tool, files []string) (status int, err error)
}

var commands = []command{inspectCommand, jsonCommand, diffCommand, filterCommand, toRESPCommand, repairCommand}

// A tool is where a subcommand reads and writes.
type tool struct {
	stdin  io.Reader
	stdout *bufio.Writer
	stderr io.Writer
	now    func() time.Time
}

func main() {
	t := &tool{stdin: os.Stdin, stdout: bufio.NewWriterSize(os.Stdout, 64<<10), stderr: os.Stderr, now: time.Now}
	os.Exit(t.run(os.Args[1:]))
}

func (t *tool) run(args []string) (status int) {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" || args[0] == "help" {
		t.usage(t.stdout)
		return t.end(statusOK, nil)
	}
	for _, c := range commands {
		if c.name == args[0] {
			return t.end(t.runCommand(c, args[1:]))
		}
	}
	fmt.Fprintf(t.stderr, "rdb: there is no subcommand %q\n\n", args[0])
	t.usage(t.stderr)
	return statusTrouble
}

// end flushes what was printed, and says what went wrong.
func (t *tool) end(status int, err error) int {
	if flushed := t.stdout.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		fmt.Fprintf(t.stderr, "rdb: %v\n", err)
		return statusTrouble
	}
	return status
}

func (t *tool) usage(w io.Writer) {
	fmt.Fprintf(w, "rdb looks into RDB files and makes new ones of them.\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  rdb %-8s %-28s %s\n", c.name, c.args, c.does)
	}
	fmt.Fprintf(w, "\nA file called - is standard input. rdb SUBCOMMAND --help tells the options.\n"+
		"The exit status is 0, 1 if diff has found a difference or repair has lost something, 2 for trouble.\n")
}

func (t *tool) runCommand(c command, args []string) (int, error) {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is told once, by end
	run := c.setup(fs)
	files, err := parse(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(t.stdout, "usage: rdb %s [options] %s\n\n%s.\n\n", c.name, c.args, c.does)
		fs.SetOutput(t.stdout)
		fs.PrintDefaults()
		return statusOK, nil
	case err != nil:
		return statusTrouble, fmt.Errorf("%s: %w", c.name, err)
	case len(files) != c.files:
		return statusTrouble, fmt.Errorf("%s takes %d arguments that are no options, %s; it got %d", c.name, c.files, c.args, len(files))
	}
	return run(t, files)
}

// parse takes flags wherever they stand: package flag ends at the first argument that
// is none.
func parse(fs *flag.FlagSet, args []string) (files []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		rest := fs.Args()
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(files, rest...), nil
		}
		if len(rest) == 0 {
			return files, nil
		}
		files, args = append(files, rest[0]), rest[1:]
	}
}
