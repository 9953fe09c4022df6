package conf

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A ParseError says why a configuration was not accepted.
type ParseError struct {
	File      string // where the line stands; "" for the command line
	Line      int    // from 1; 0 where the whole file is meant
	Text      string // the line
	Directive string // in lower case
	Reason    string // in Redis's words, where Redis has the same
}

func (e *ParseError) Error() string {
	where := e.File
	if where == "" {
		where = "command line"
	}
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, e.Line)
	}
	if e.Directive != "" {
		where += ": " + e.Directive
	}
	return where + ": " + e.Reason
}

// Block returns the error as a redis-server prints it before it exits. Tools
// look for the lines in it.
func (e *ParseError) Block() string {
	head := "\n*** FATAL CONFIG FILE ERROR (larder, as Redis 7.0.15) ***\n"
	if e.Line > 0 {
		head += fmt.Sprintf("Reading the configuration file, at line %d\n>>> '%s'\n", e.Line, e.Text)
	}
	return head + e.Reason + "\n"
}

// A place is where a directive was given, and in which spelling.
type place struct {
	file, text, directive string
	line                  int
}

func (p place) fails(why string) *ParseError {
	return &ParseError{File: p.file, Line: p.line, Text: p.text, Directive: p.directive, Reason: why}
}

// maxIncludes is how deep includes may nest. Redis has no bound and dies of a
// file that includes itself.
const maxIncludes = 32

// LoadFile reads a configuration file and remembers it for Rewrite. Errors are
// of type *ParseError; after one the Config holds a part of the file and is not
// to be used.
func (c *Config) LoadFile(path string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.loadMain(path); err != nil {
		return err
	}
	return c.promisesKept()
}

// Load reads a configuration from r; name is what errors call it.
func (c *Config) Load(r io.Reader, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := io.ReadAll(r)
	if err != nil {
		return &ParseError{File: name, Reason: osReason(err)}
	}
	if err := c.loadText(string(b), name, 1, 0); err != nil {
		return err
	}
	return c.promisesKept()
}

// LoadArgs reads the words of a command line, without the program's name: a
// file, "-" with nothing on standard input, and directives.
func (c *Config) LoadArgs(args []string) error {
	cl, err := ParseArgs(args)
	if err != nil {
		return err
	}
	return c.LoadCommandLine(cl, strings.NewReader(""))
}

// LoadCommandLine reads everything a command line names: the file, standard
// input if it asks for it, and its own directives, in that order, so that the
// last word is the command line's. What is refused is looked for at the end,
// since the command line may take back what the file says.
//
// Lines are counted as Redis counts them: the command line's go on where the
// file ends, after an empty one.
func (c *Config) LoadCommandLine(cl CommandLine, stdin io.Reader) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := 1
	if cl.File != "" {
		text, err := c.loadMain(cl.File)
		if err != nil {
			return err
		}
		line += strings.Count(text, "\n")
	}
	if cl.Stdin {
		b, err := io.ReadAll(stdin)
		if err != nil {
			return &ParseError{File: "standard input", Reason: osReason(err)}
		}
		if err := c.loadText(string(b), "standard input", line, 0); err != nil {
			return err
		}
		line += strings.Count(string(b), "\n")
	}
	if err := c.loadText(strings.Join(cl.Directives, "\n"), "", line+1, 0); err != nil {
		return err
	}
	return c.promisesKept()
}

// loadMain reads the file that Rewrite is to write, and returns what is in it:
// it may be a pipe, which can be read only once.
func (c *Config) loadMain(path string) (text string, err error) {
	path = c.fromDir(path)
	b, err := os.ReadFile(path)
	if err != nil {
		return "", cannotOpen(path, err)
	}
	c.file = path
	return string(b), c.loadText(string(b), path, 1, 0)
}

// fromDir resolves a path against dir, where Redis would be by then.
func (c *Config) fromDir(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.String("dir"), path)
}

func cannotOpen(path string, err error) *ParseError {
	return &ParseError{File: path, Reason: "Fatal error, can't open config file '" + path + "': " + osReason(err)}
}

// loadText reads lines, the first of which is called number line.
func (c *Config) loadText(text, file string, line, depth int) error {
	for _, raw := range strings.Split(text, "\n") {
		p := place{file: file, line: line, text: strings.Trim(raw, " \t\r\n")}
		line++
		if p.text == "" || p.text[0] == '#' {
			continue
		}
		words, ok := cut(p.text)
		if !ok {
			return p.fails("Unbalanced quotes in configuration line")
		}
		if len(words) == 0 {
			continue
		}
		p.directive = strings.ToLower(words[0])
		if err := c.loadLine(p, words[1:], depth); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) loadLine(p place, words []string, depth int) error {
	d := byName[p.directive]
	if d == nil {
		return c.loadOnlyInFiles(p, words, depth)
	}
	if d.flags&multi == 0 && len(words) != 1 {
		return p.fails("wrong number of arguments")
	}
	if d.flags&multi != 0 && len(words) == 1 && words[0] != "" {
		words = d.split(words[0]) // a list may come as one quoted word
	}
	if _, whole := d.kind.(primary); whole && len(words) == 0 {
		return p.fails("wrong number of arguments")
	}
	_, more := c.given[d]
	v, err := d.kind.read(d, words, c.value(d), more)
	if err != nil {
		return p.fails(err.Error())
	}
	c.given[d] = p
	c.store(d, v)
	return nil
}

// loadOnlyInFiles reads the directives that CONFIG GET does not know.
func (c *Config) loadOnlyInFiles(p place, words []string, depth int) error {
	switch n := len(words); {
	case p.directive == "include" && n == 1:
		return c.include(p, words[0], depth)
	case p.directive == "rename-command" && n == 2:
		return c.rename(p, words[0], words[1])
	case p.directive == "user" && n >= 1:
		return c.user(p, words)
	case p.directive == "loadmodule" && n >= 1:
		return p.fails("larder loads no modules: they are shared libraries of Redis")
	case p.directive == "sentinel":
		// A bare one is what --sentinel becomes, and says nothing to a server.
		if n == 0 {
			return nil
		}
		return p.fails("sentinel directive while not in sentinel mode")
	case n == 1 && (p.directive == "list-max-ziplist-entries" || p.directive == "list-max-ziplist-value" || p.directive == "lua-replicate-commands"):
		return nil // meant something once, and old files have them
	case strings.Contains(p.directive, "."):
		if n == 0 {
			return p.fails("Module config specified without value")
		}
		return p.fails("larder loads no modules, and this is the configuration of one")
	}
	return p.fails("Bad directive or wrong number of arguments")
}

// include reads one file or, with a pattern, all that fit it, in the order of
// their names; none is no error then.
func (c *Config) include(p place, path string, depth int) error {
	if depth == maxIncludes {
		return p.fails("includes nest too deeply: a file that includes itself?")
	}
	paths := []string{c.fromDir(path)}
	if strings.ContainsAny(path, "*?[") {
		found, err := filepath.Glob(paths[0])
		if err != nil {
			return p.fails("cannot understand this pattern of files")
		}
		paths = found
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return cannotOpen(path, err)
		}
		if err := c.loadText(string(b), path, 1, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// rename notes a rename-command line. What earlier ones did to the commands is
// taken into account, as far as Commands tells which there are.
func (c *Config) rename(p place, from, to string) error {
	exists := func(name string) bool {
		for i := len(c.renames) - 1; i >= 0; i-- {
			r := c.renames[i]
			if strings.EqualFold(r.To, name) {
				return true
			}
			if strings.EqualFold(r.From, name) {
				return false
			}
		}
		return c.Commands != nil && c.Commands(name)
	}
	if c.Commands != nil {
		if !exists(from) {
			return p.fails("No such command in rename-command")
		}
		if to != "" && exists(to) {
			return p.fails("Target command name already exists")
		}
	}
	c.renames = append(c.renames, Rename{from, to})
	return nil
}

// user notes a user line.
func (c *Config) user(p place, words []string) error {
	for _, u := range c.users {
		if u[0] == words[0] {
			return p.fails("Error in user declaration '" + words[0] + "': Duplicate user found. A user can only be defined once in config files")
		}
	}
	if c.CheckUser != nil {
		if err := c.CheckUser(words); err != nil {
			return p.fails(err.Error())
		}
	}
	c.users = append(c.users, words)
	return nil
}

// promisesKept fails where the configuration, as it is in the end, asks for
// what larder does not do.
func (c *Config) promisesKept() error {
	for i := range table {
		d := &table[i]
		if p, ok := c.given[d]; ok {
			if why := d.refused(c.value(d)); why != "" {
				return p.fails(why)
			}
		}
	}
	return nil
}
