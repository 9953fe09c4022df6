package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/process"
)

// prepare makes the process what the configuration says: its log, its directory,
// its limits.
func prepare(log *process.Log, c *conf.Config) error {
	log.Printf(process.Warning, "larder %s is starting", version)
	if err := os.Chdir(c.String("dir")); err != nil {
		return fmt.Errorf("can't chdir to '%s': %w", c.String("dir"), err)
	}
	logFile := func() error {
		path := c.String("logfile")
		if path != "" && !filepath.IsAbs(path) {
			path = filepath.Join(c.String("dir"), path)
		}
		return log.SetFile(path)
	}
	level := func(string) error {
		l, err := process.ParseLevel(c.String("loglevel"))
		if err == nil {
			log.SetLevel(l)
		}
		return err
	}
	if err := logFile(); err != nil {
		return err
	}
	if err := level(""); err != nil {
		return err
	}
	c.OnChange("loglevel", nil, level)
	c.OnChange("dir", nil, os.Chdir)
	log.Banner("larder "+version, int(c.Int("port")))
	for _, n := range c.Notices() {
		log.Printf(process.Notice, "%s", n)
	}
	runtime.GOMAXPROCS(int(c.Int("io-threads")))
	return limitClients(log, c)
}

// gcPercent is how much the Go heap may grow between two garbage collections. Large
// collections and streams lie in it, nearly all bytes without pointers, so that a
// collection costs little; Go's 100 would let the process take twice what they need.
const gcPercent = 25

// collectOften sets that, unless GOGC is set. The ballast, to be kept for as long as the
// process serves, makes the heap look larger than it is, so that a server of little data
// does not collect its garbage megabyte by megabyte. It is never touched, and so takes no
// memory.
func collectOften() (ballast []byte) {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	debug.SetGCPercent(gcPercent)
	return make([]byte, 32<<20)
}

// limitClients lowers maxclients to what the system allows, and has CONFIG SET raise
// what it allows, or be refused.
func limitClients(log *process.Log, c *conf.Config) error {
	allowed, err := process.RaiseOpenFiles(log, c.Int("maxclients"))
	if err != nil {
		return err
	}
	c.OnChange("maxclients", func(v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return err
		}
		return process.CheckClients(n)
	}, nil)
	if allowed < c.Int("maxclients") {
		return c.Preset("maxclients", fmt.Sprint(allowed))
	}
	return nil
}
